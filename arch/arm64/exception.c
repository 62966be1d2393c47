/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers of exceptions from our own level, and the checks of offsets that assembly uses. */
#include <arch/mmu.h>
#include <asm/boot.h>
#include <asm/layout.h>
#include <asm/trap.h>
#include <kernel/log.h>
#include <kernel/percpu.h>

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
_Static_assert(offsetof(struct percpu, arch.guard) == PERCPU_GUARD, "percpu.arch.guard");
_Static_assert(offsetof(struct percpu, arch.measured) == PERCPU_MEASURED, "percpu.arch.measured");
_Static_assert(offsetof(struct thread, arch.sp) == THREAD_SP, "thread.arch.sp");
_Static_assert(offsetof(struct thread, arch.fp) == THREAD_FP, "thread.arch.fp");
_Static_assert(offsetof(struct thread, work) == THREAD_WORK, "thread.work");
_Static_assert(STACK_BYTES == STACK_SIZE && STACK_BYTES == 1 << STACK_SHIFT, "stack size");

void trap_own_sync(struct trap_frame *f);
void trap_own_irq(struct trap_frame *f);
void trap_own_serror(struct trap_frame *f);
__noreturn void trap_stack_overflow(u64 sp, u64 fp);

extern char vectors[], vectors_checked[];

void trap_init_cpu(void)
{
	const struct arch_percpu *cpu = &this_cpu()->arch;

	write_sysreg_(VBAR_ELx, (u64)(cpu->guard || cpu->measured ? vectors_checked : vectors));
	isb();
}

void arch_measure_exits(bool on)
{
	this_cpu()->arch.measured = on;
	trap_init_cpu();
}

void trap_own_sync(struct trap_frame *f)
{
	u64 esr = read_sysreg_(ESR_ELx);

	if (ESR_EC(esr) == EC_FP) {
		fp_trap();
		return;
	}
	if (at_failed(f, esr))
		return;
	report_frame(f, esr, read_sysreg_(FAR_ELx));
	panic("unexpected exception at " EL_NAME ", pc %016lx", f->elr);
}

void trap_own_irq(struct trap_frame *f)
{
	(void)f;
	gic_handle();
	if (sched_pending())
		schedule();
}

void trap_own_serror(struct trap_frame *f)
{
	struct arch_percpu *cpu = &this_cpu()->arch;

	if (cpu->serror_awaited) { /* it belongs to a guest, see vcpu.c */
		cpu->serror_awaited = false;
		cpu->serror_esr = read_sysreg_(ESR_ELx);
		return;
	}
	report_frame(f, read_sysreg_(ESR_ELx), read_sysreg_(FAR_ELx));
	panic("SError at " EL_NAME);
}

void trap_stack_overflow(u64 sp, u64 fp)
{
	log_err("stack overflow: sp %016lx, pc %016lx, far %016lx, thread '%s'", sp,
		read_sysreg_(ELR_ELx), read_sysreg_(FAR_ELx),
		this_cpu()->current ? this_cpu()->current->name : "?");
	arch_backtrace(fp);
	panic("stack overflow");
}
