/* SPDX-License-Identifier: Apache-2.0 */
/* Traps of a lower exception level: the handlers by class and the one accessor to a guest's registers. */
#ifndef ASM_TRAP_H
#define ASM_TRAP_H

#include <asm/aarch32.h>
#include <asm/guest.h>
#include <asm/sysreg.h>

struct vcpu;

/* Guest register Rt as an operand: 31 is the zero register. */
static inline u64 frame_read(const struct trap_frame *f, u32 rt)
{
	return rt < 31 ? f->x[rt] : 0;
}

static inline void frame_write(struct trap_frame *f, u32 rt, u64 value)
{
	f->x[rt] = value; /* x[31] is read by nobody */
}

/* PSTATE that an instruction leaves behind when it is done, wherever it was carried out: a single step is due, no branch target is wanted. */
#define PSTATE_EL    BITS(3, 2)
#define PSTATE_SS    BIT(21)
#define PSTATE_BTYPE BITS(11, 10)

/* Step over the trapped instruction, A64 code. */
static inline void frame_step(struct trap_frame *f)
{
	u64 elr = f->elr, spsr = f->spsr;

	f->elr = elr + 4;
	spsr &= ~PSTATE_SS;
	__asm__("" : "+r"(spsr)); /* two masks that are immediates, not one that has to be built */
	f->spsr = spsr & ~PSTATE_BTYPE;
}

/* The same of AArch32 code: 16 bits long in T32, if ESR.IL says so. */
static inline void frame_step_a32(struct trap_frame *f, u64 esr)
{
	f->elr = (u32)(f->elr + 2 + 2 * FIELD(esr, 25, 25));
	f->spsr = aarch32_next_spsr(f->spsr);
}

/* abort.c: stage-2 aborts. sysreg.c: MSR, MRS. inject.c: exceptions for the guest, as the hardware would have taken them to EL1. */
void trap_data_abort(struct vcpu *v, struct trap_frame *f, u64 esr);
void trap_data_abort_a32(struct vcpu *v, struct trap_frame *f, u64 esr);
void trap_insn_abort(struct vcpu *v, struct trap_frame *f, u64 esr);
void trap_sysreg(struct vcpu *v, struct trap_frame *f, u64 esr);

#define VECTORS_SIZE 0x800
/* Where in EL1's vectors an exception begins that is taken from this PSTATE, if it is a synchronous one. */
u64 vector_offset(u64 pstate);
/* Undefined Instruction at the current PC. */
void inject_undef(struct trap_frame *f);
/* The trap to EL1 of the MSR or MRS with this syndrome. */
void inject_sysreg_trap(struct trap_frame *f, u64 esr);
/* Synchronous external abort at the current PC on an access to far. */
enum abort_access { ABORT_READ, ABORT_WRITE, ABORT_FETCH };
void inject_external_abort(struct trap_frame *f, u64 far, enum abort_access access);
/* The data abort that came to us with this syndrome, as it is: stage 2 had a part in it (an unaligned access to its device memory), but no table of it is wrong. */
void inject_same_abort(struct trap_frame *f, u64 esr, u64 far);
/* The same on a table walk, at that level of the guest's stage 1, for the access whose abort came to us with this syndrome. */
void inject_walk_abort(struct trap_frame *f, u64 esr, u64 far, s32 level);

/*
 * walk.c: the level of the first table of the guest's walk for va that is not in its RAM; another one if it has been changed since. -1 to 3. The vCPU is
 * loaded.
 */
s32 walk_leaves_ram(const struct vcpu *v, u64 va);

/*
 * emulate.c: a load or store without valid syndrome at the current PC, its fault at far and ipa:
 * carried out and stepped over, or answered with an external abort and no register changed. The
 * vCPU is loaded, interrupts masked.
 */
void emulate_access(struct vcpu *v, struct trap_frame *f, u64 far, u64 ipa,
		    enum abort_access access);
/* The IPA of a store to va by the guest code at f, from its own stage 1; false if that does not translate. */
bool __must_check translate_store(const struct trap_frame *f, u64 va, ipa_t *ipa);

/* emulate.c: an exception of our own level was that of an address translation for a guest, which fails; f goes on with that. */
bool __must_check at_failed(struct trap_frame *f, u64 esr);

/* fp.c: the current thread wants the FP/SIMD unit. */
void fp_trap(void);

/* report.c: registers and a backtrace to the log. */
void report_frame(const struct trap_frame *f, u64 esr, u64 far);

#endif
