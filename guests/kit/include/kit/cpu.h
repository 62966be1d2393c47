/* SPDX-License-Identifier: Apache-2.0 */
/* System registers, barriers, hints and interrupt masks of the calling CPU. */
#ifndef KIT_CPU_H
#define KIT_CPU_H

#include "kit/types.h"

/* By name (midr_el1) or by encoding (S3_0_C0_C0_0). */
#define read_sysreg(name)                                           \
	({                                                          \
		uint64_t value_read_;                               \
		asm volatile("mrs %0, " #name : "=r"(value_read_)); \
		value_read_;                                        \
	})

#define write_sysreg(name, value)                                                     \
	do {                                                                          \
		uint64_t value_written_ = (value);                                    \
		asm volatile("msr " #name ", %0" : : "r"(value_written_) : "memory"); \
	} while (0)

/* One instruction without operands, or with one register: sys_op("dc cisw, %0", way). */
#define sys_op(insn, operand) asm volatile(insn : : "r"((uint64_t)(operand)) : "memory")
#define plain_op(insn)        asm volatile(insn : : : "memory")

static inline void isb(void)
{
	asm volatile("isb" : : : "memory");
}

/* Everything before is complete for all observers, devices included. */
static inline void dsb(void)
{
	asm volatile("dsb sy" : : : "memory");
}

static inline void wfi(void)
{
	asm volatile("dsb sy; wfi" : : : "memory");
}

/* With an event set before, so that it does not sleep for ever. */
static inline void wfe(void)
{
	asm volatile("sevl; wfe" : : : "memory");
}

/* For every spin: under -icount a loop without YIELD starves the other CPUs. */
static inline void cpu_relax(void)
{
	asm volatile("yield" : : : "memory");
}

static inline void irq_unmask(void)
{
	asm volatile("msr daifclr, #2" : : : "memory");
}

static inline void irq_mask(void)
{
	asm volatile("msr daifset, #2" : : : "memory");
}

/* An interrupt is pending for this CPU and only PSTATE.I keeps it away (ISR_EL1.I). */
static inline bool irq_waiting(void)
{
	isb();
	return (read_sysreg(isr_el1) & BIT(7)) != 0;
}

/* Number of this CPU, as crt0.S put it in TPIDR_EL1. */
static inline unsigned int cpu_id(void)
{
	return (unsigned int)read_sysreg(tpidr_el1);
}

/* Jumps to where with the vectors there too: nothing can run on this CPU any more. */
void crash_now(uintptr_t where) __attribute__((noreturn));

#endif
