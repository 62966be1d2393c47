/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arch contract, processor part: interrupt masking, the per-CPU pointer, barriers, power.
 * Implemented by arch/arm64 (inline parts in <asm/cpu.h>) and by arch/host.
 */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include <lib/types.h>

struct percpu;

/*
 * From <asm/cpu.h>, inline:
 *   unsigned long arch_irq_save(void)        mask interrupts; returns the previous mask for
 *   void arch_irq_restore(unsigned long)     restore that mask
 *   void arch_irq_enable(void), arch_irq_disable(void)
 *   bool arch_irqs_masked(void)
 *   struct percpu *arch_percpu(void)         this CPU's; stable only while interrupts are masked or
 *                                            the thread is pinned
 *   void arch_set_percpu(struct percpu *)    once per CPU, at its start
 *   void arch_relax(void)                    in a spin loop
 *   u64 arch_table_index(u64 i, u64 n)       i, an index already checked, for a table of n entries
 *                                            (a power of two) that leads to an indirect call; the
 *                                            result is in range even where the CPU speculates past
 *                                            the check
 *   void arch_idle(void)                     wait for an interrupt; entered and left with
 *                                            interrupts masked
 */
#include <asm/cpu.h>

/* Stop this CPU for ever, interrupts masked. */
__noreturn void arch_halt(void);

/*
 * Turn on or off, on this CPU, the measurement of masked sections (kernel/masked.h) that begin or
 * end with a lower exception level. Off at first. Interrupts masked.
 */
void arch_measure_exits(bool on);

/* Restart or switch off the machine through firmware. Returns only if the firmware refuses. */
void arch_reboot(void);
void arch_poweroff(void);

/*
 * Start a secondary CPU (its hardware id as in the devicetree's reg) on the given stack. The CPU
 * calls kernel_secondary_main(cpu). 0 or negative errno. Boot CPU, thread context.
 */
int __must_check arch_cpu_start(u64 hwid, u32 cpu, void *stack_top);

/* This CPU's hardware id (MPIDR affinity bits). Any context. */
u64 arch_cpu_hwid(void);

/*
 * Call the firmware with one argument, by the calling convention DEN0028. Returns its x0. SMCCC's
 * NOT_SUPPORTED (-1) if there is no firmware, or one older than SMCCC 1.1, to which no calls but
 * PSCI's may be made. Any context.
 */
s64 arch_firmware(u32 function, u64 arg);

/*
 * 64 bits of full entropy from the CPU's generator. False: the CPU has none, or it has no entropy
 * at the moment. Any context.
 */
bool __must_check arch_entropy(u64 *word);

/* One line that names the CPU, e.g. "Cortex-A72 r0p3" or "MIDR 0x...". Any context. */
const char *arch_cpu_name(u32 midr);
u32 arch_cpu_midr(void);

/*
 * The n-th known erratum of this machine's CPUs, with a workaround or without: its short name, and
 * the CPUs that it concerns, one bit each (0: none here). False: there are no more. Any context
 * once all CPUs are up.
 */
bool arch_erratum(u32 n, const char **what, u64 *cpus);

/* Log a backtrace of frame records from fp on (of the caller if fp is 0). Any context. */
void arch_backtrace(u64 fp);

/*
 * A page that keeps its contents over a reset where RAM does, and lies at the same place at the
 * next start if the loader is the same. Nothing else uses it. Any context.
 */
void *arch_panic_page(void);

#endif
