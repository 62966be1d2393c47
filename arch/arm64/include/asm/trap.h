/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traps of a lower exception level: the handlers by class, and the one accessor to a guest's
 * registers.
 */
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
	f->x[rt] = value; /* x[31] is never read */
}

/*
 * The PSTATE after an instruction is done, wherever it was carried out: a single step is due, and
 * no branch target is expected.
 */
#define PSTATE_EL    BITS(3, 2)
#define PSTATE_I     BIT(7)
#define PSTATE_SS    BIT(21)
#define PSTATE_BTYPE BITS(11, 10)

/* Step over the trapped instruction, A64 code. */
static inline void frame_step(struct trap_frame *f)
{
	u64 elr = f->elr, spsr = f->spsr;

	f->elr = elr + 4;
	spsr &= ~PSTATE_SS;
	__asm__(""
		: "+r"(spsr)); /* two masks that are immediates instead of one that has to be
				   * built */
	f->spsr = spsr & ~PSTATE_BTYPE;
}

/* The same for AArch32 code. The instruction has 16 bits if it is T32 and ESR.IL says so. */
static inline void frame_step_a32(struct trap_frame *f, u64 esr)
{
	f->elr = (u32)(f->elr + 2 + 2 * FIELD(esr, 25, 25));
	f->spsr = aarch32_next_spsr(f->spsr);
}

/*
 * debug.c: debug exceptions, while a debugger has the VM. abort.c: stage-2 aborts. sysreg.c: MSR,
 * MRS. inject.c: exceptions for the guest, as the hardware would have taken them to EL1.
 */
void trap_data_abort(struct vcpu *v, struct trap_frame *f, u64 esr);
void trap_data_abort_a32(struct vcpu *v, struct trap_frame *f, u64 esr);
void trap_insn_abort(struct vcpu *v, struct trap_frame *f, u64 esr);
void trap_sysreg(struct vcpu *v, struct trap_frame *f, u64 esr);
void trap_debug(struct vcpu *v, struct trap_frame *f, u64 esr);

#define VECTORS_SIZE 0x800
/* The offset in EL1's vectors of a synchronous exception that is taken from this PSTATE. */
u64 vector_offset(u64 pstate);
/* Undefined Instruction at the current PC. */
void inject_undef(struct trap_frame *f);
/* Inject the guest's own breakpoint instruction, BRK or BKPT, with this syndrome. */
void inject_brk(struct trap_frame *f, u64 esr);
/* Inject the trap to EL1 of the MSR or MRS with this syndrome. */
void inject_sysreg_trap(struct trap_frame *f, u64 esr);
/* Inject a synchronous external abort at the current PC for an access to far. */
enum abort_access { ABORT_READ, ABORT_WRITE, ABORT_FETCH };
void inject_external_abort(struct trap_frame *f, u64 far, enum abort_access access);
/*
 * Inject the data abort with this syndrome unchanged. Stage 2 had a part in it (an unaligned access
 * to its device memory), but its tables are right.
 */
void inject_same_abort(struct trap_frame *f, u64 esr, u64 far);
/*
 * The same for a table walk: at this level of the guest's stage 1, for the access whose abort had
 * this syndrome.
 */
void inject_walk_abort(struct trap_frame *f, u64 esr, u64 far, s32 level);

/*
 * walk.c: the level, -1 to 3, of the first table of the guest's walk for va that is not in its RAM.
 * If the tables have changed since, it may be another level. The vCPU is loaded.
 */
s32 walk_leaves_ram(const struct vcpu *v, u64 va);

/*
 * emulate.c: a load or store without a valid syndrome at the current PC, with its fault at far and
 * ipa. It is carried out and stepped over, or answered with an external abort and no register
 * changed. The vCPU is loaded, interrupts masked.
 */
void emulate_access(struct vcpu *v, struct trap_frame *f, u64 far, u64 ipa,
		    enum abort_access access);
/*
 * The IPA of a store to va by the guest code at f, from the guest's stage 1. False if va does not
 * translate.
 */
bool __must_check translate_store(const struct trap_frame *f, u64 va, ipa_t *ipa);
/* The IPA of an instruction of the guest's. False if its address does not translate (any more). */
bool __must_check translate_code(u64 pc, ipa_t *ipa);

/*
 * emulate.c: true if an exception of our own level came from an address translation for a guest.
 * That translation then fails, and f continues behind it.
 */
bool __must_check at_failed(struct trap_frame *f, u64 esr);

/*
 * gic_lower.c: arch_guest_take_irq() where exits are not measured: without a record of it
 * (kernel/trace.h).
 */
void gic_take_for_guest(struct vcpu *v);

/*
 * guest_state.c: the registers of v are in memory now, and stay in this CPU. False: they were not
 * there. Interrupts masked.
 */
bool vcpu_save(struct vcpu *v);

/* fp.c: the current thread used the FP/SIMD unit. */
void fp_trap(void);

/* report.c: write registers and a backtrace to the log. */
void report_frame(const struct trap_frame *f, u64 esr, u64 far);

#endif
