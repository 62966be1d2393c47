/* SPDX-License-Identifier: Apache-2.0 */
/* What the vectors call: a table by exception class for guests, and EL2's own exceptions. */
#include <arch/guest.h>
#include <arch/mmu.h>
#include <asm/boot.h>
#include <asm/layout.h>
#include <asm/trap.h>
#include <kernel/log.h>
#include <kernel/percpu.h>
#include <vmm/vcpu.h>

_Static_assert(sizeof(struct trap_frame) == FRAME_SIZE, "frame size");
_Static_assert(offsetof(struct trap_frame, elr) == FRAME_ELR, "frame.elr");
_Static_assert(offsetof(struct trap_frame, spsr) == FRAME_SPSR, "frame.spsr");
_Static_assert(FRAME_SPSR == FRAME_ELR + 8, "stored as a pair");
_Static_assert(offsetof(struct percpu, current) == PERCPU_CURRENT, "percpu.current");
_Static_assert(offsetof(struct percpu, resched) == PERCPU_RESCHED, "percpu.resched");
_Static_assert(PERCPU_RESCHED == PERCPU_CURRENT + 8, "loaded as a pair");
_Static_assert(offsetof(struct percpu, masked) == PERCPU_MASKED, "percpu.masked");
_Static_assert(offsetof(struct masked, since) == MASKED_SINCE, "masked.since");
_Static_assert(offsetof(struct masked, from) == MASKED_FROM, "masked.from");
_Static_assert(offsetof(struct masked, limit) == MASKED_LIMIT, "masked.limit");
_Static_assert(offsetof(struct percpu, arch.emergency_sp) == PERCPU_EMERGENCY,
	       "percpu.arch.emergency_sp");
_Static_assert(offsetof(struct thread, arch.sp) == THREAD_SP, "thread.arch.sp");
_Static_assert(offsetof(struct thread, arch.fp) == THREAD_FP, "thread.arch.fp");
_Static_assert(offsetof(struct thread, work) == THREAD_WORK, "thread.work");
_Static_assert(offsetof(struct vcpu, thread) == 0, "a vCPU's thread is the vCPU");
_Static_assert(STACK_BYTES == STACK_SIZE && STACK_BYTES == 1 << STACK_SHIFT, "stack size");

void trap_guest_sync(struct vcpu *v, struct trap_frame *f, u64 esr);
void trap_guest_irq(struct vcpu *v);
void trap_guest_serror(struct trap_frame *f);
void trap_el2_sync(struct trap_frame *f);
void trap_el2_irq(struct trap_frame *f);
__noreturn void trap_el2_serror(struct trap_frame *f);
__noreturn void trap_stack_overflow(u64 sp, u64 fp);

extern char vectors[], vectors_measured[];

void trap_init_cpu(void)
{
	write_sysreg(vbar_el2, (u64)vectors);
	isb();
}

void arch_measure_exits(bool on)
{
	write_sysreg(vbar_el2, (u64)(on ? vectors_measured : vectors));
	isb();
}

static void trap_wfx(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	v->exits[EXIT_WFX]++;
	frame_step(f, esr);
	if (esr & BIT(0))
		vmm_wfe(v);
	else
		vmm_wfi(v);
}

static void smccc(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	if (unlikely(FIELD(esr, 15, 0) != 0)) /* DEN0028: the immediate is 0 */
		f->x[0] = ~0ULL;
	else
		vmm_smccc(v, f->x);
}

static void trap_hvc(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	v->exits[EXIT_HVC]++;
	smccc(v, f, esr); /* the preferred return address is behind the HVC already */
}

static void trap_smc(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	v->exits[EXIT_SMC]++;
	frame_step(f, esr);
	smccc(v, f, esr);
}

static void trap_fp(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	(void)f;
	(void)esr;
	v->exits[EXIT_FP]++;
	fp_trap();
}

/* Features that the guest is not shown: UNDEFINED, as on a CPU without them. */
static __noinline void trap_undef(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	(void)esr;
	v->exits[EXIT_FAULT]++;
	inject_undef(f);
}

typedef void (*trap_fn)(struct vcpu *v, struct trap_frame *f, u64 esr);

static const trap_fn classes[64] = {
	[EC_WFX] = trap_wfx,
	[EC_FP] = trap_fp,
	[EC_HVC64] = trap_hvc,
	[EC_SMC64] = trap_smc,
	[EC_SYSREG] = trap_sysreg,
	[EC_IABT_LOWER] = trap_insn_abort,
	[EC_DABT_LOWER] = trap_data_abort,
};

/* Every handler counts its exit. */
void trap_guest_sync(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	trap_fn fn = classes[ESR_EC(esr)];

	if (likely(fn))
		fn(v, f, esr);
	else
		trap_undef(v, f, esr);
}

void trap_guest_irq(struct vcpu *v)
{
	v->exits[EXIT_IRQ]++;
	arch_guest_take_irq(v);
}

/* An asynchronous error while a guest ran: nobody can say whose access it was, so the guest that ran is stopped. */
void trap_guest_serror(struct trap_frame *f)
{
	struct vcpu *v = container_of(this_cpu()->current, struct vcpu, thread);
	struct guest_fault fault = {
		.what = "SError",
		.esr = read_sysreg(esr_el2),
		.far = read_sysreg(far_el2),
		.pc = f->elr,
	};

	v->exits[EXIT_FAULT]++;
	vmm_fault(v, &fault);
}

/* ---- EL2's own ---- */

void trap_el2_sync(struct trap_frame *f)
{
	u64 esr = read_sysreg(esr_el2);

	if (ESR_EC(esr) == EC_FP) {
		fp_trap();
		return;
	}
	report_frame(f, esr, read_sysreg(far_el2));
	panic("unexpected exception at EL2, pc %016lx", f->elr);
}

void trap_el2_irq(struct trap_frame *f)
{
	(void)f;
	gic_handle();
	if (sched_pending())
		schedule();
}

void trap_el2_serror(struct trap_frame *f)
{
	report_frame(f, read_sysreg(esr_el2), read_sysreg(far_el2));
	panic("SError at EL2");
}

void trap_stack_overflow(u64 sp, u64 fp)
{
	log_err("stack overflow: sp %016lx, pc %016lx, far %016lx, thread '%s'", sp,
		read_sysreg(elr_el2), read_sysreg(far_el2),
		this_cpu()->current ? this_cpu()->current->name : "?");
	arch_backtrace(fp);
	panic("stack overflow");
}
