/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers that the vectors call for a guest: a table by exception class. */
#include <arch/guest.h>
#include <arch/timer.h>
#include <asm/trap.h>
#include <kernel/percpu.h>
#include <vmm/core.h>

_Static_assert(offsetof(struct vcpu, thread) == 0, "a vCPU's thread is the vCPU");

void trap_lower_sync(struct vcpu *v, struct trap_frame *f, u64 esr);
void trap_lower_sync_a32(struct vcpu *v, struct trap_frame *f, u64 esr);
void trap_lower_irq(struct vcpu *v);
void trap_lower_serror(struct trap_frame *f);
void trap_measured_sync(struct vcpu *v, struct trap_frame *f, u64 esr);
void trap_measured_irq(struct vcpu *v);
void trap_measured_end(struct vcpu *v);

static void wait(struct vcpu *v, u64 esr)
{
	if (esr & BIT(0))
		vmm_wfe(v);
	else
		vmm_wfi(v);
}

static void trap_wfx(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	v->exits[EXIT_WFX]++;
	frame_step(f);
	wait(v, esr);
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
	smccc(v, f, esr); /* the preferred return address is already behind the HVC */
}

static void trap_smc(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	v->exits[EXIT_SMC]++;
	frame_step(f);
	smccc(v, f, esr);
}

static void trap_fp(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	(void)f;
	(void)esr;
	v->exits[EXIT_FP]++;
	fp_trap();
}

/* Features that the guest is not shown are UNDEFINED, as on a CPU without them. */
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
void trap_lower_sync(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	trap_fn fn = classes[ESR_EC(esr)];

	if (likely(fn))
		fn(v, f, esr);
	else
		trap_undef(v, f, esr);
	lock_check_no_lock("returns to its guest");
}

/* ---- AArch32 code at EL0 (vectors.S) ---- */

/* A CPU may trap an instruction whose condition fails. Such an instruction is done already. */
static bool skipped(struct trap_frame *f, u64 esr)
{
	if (aarch32_condition_holds(f->spsr, esr))
		return false;
	frame_step_a32(f, esr);
	return true;
}

static void trap_wfx_a32(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	v->exits[EXIT_WFX]++;
	if (skipped(f, esr))
		return;
	frame_step_a32(f, esr);
	wait(v, esr);
}

/*
 * Coprocessor registers that trap: those of debug and of performance monitors, which a guest has in
 * A64 code, and implementation defined ones.
 */
static void trap_coprocessor(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	v->exits[EXIT_SYSREG]++;
	if (!skipped(f, esr))
		inject_undef(f);
}

void trap_lower_sync_a32(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	switch (ESR_EC(esr)) {
	case EC_WFX:
		trap_wfx_a32(v, f, esr);
		break;
	case EC_CP15:
	case EC_CP15_PAIR:
	case EC_CP14:
	case EC_CP14_MEMORY:
	case EC_CP14_PAIR:
	case EC_VMRS:
		trap_coprocessor(v, f, esr);
		break;
	case EC_FP:
		trap_fp(v, f, esr);
		break;
	case EC_IABT_LOWER:
		trap_insn_abort(v, f, esr);
		break;
	case EC_DABT_LOWER:
		trap_data_abort_a32(v, f, esr);
		break;
	default:
		trap_undef(v, f, esr);
	}
}

void trap_lower_irq(struct vcpu *v)
{
	v->exits[EXIT_IRQ]++;
	arch_guest_take_irq(v);
	lock_check_no_lock("returns to its guest");
}

/*
 * ---- while exits are measured (arch_measure_exits): their CPU time; the vCPU may lose the CPU in
 * between ----
 */

static void measured_begin(struct vcpu *v, enum exit_kind kind)
{
	v->exit_kind = kind;
	v->exit_began = thread_cpu_ticks(&v->thread, this_cpu()->masked.since);
}

void trap_measured_sync(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	static const u8 kinds[64] = {
		[EC_WFX] = EXIT_WFX,
		[EC_FP] = EXIT_FP,
		[EC_HVC64] = EXIT_HVC,
		[EC_SMC64] = EXIT_SMC,
		[EC_SYSREG] = EXIT_SYSREG,
		[EC_IABT_LOWER] = EXIT_MMIO,
		[EC_DABT_LOWER] = EXIT_MMIO,
		[EC_CP15] = EXIT_SYSREG,
		[EC_CP15_PAIR] = EXIT_SYSREG,
		[EC_CP14] = EXIT_SYSREG,
		[EC_CP14_MEMORY] = EXIT_SYSREG,
		[EC_VMRS] = EXIT_SYSREG,
		[EC_CP14_PAIR] = EXIT_SYSREG,
	};
	u8 kind = kinds[ESR_EC(esr)];

	measured_begin(v, kind ? kind : EXIT_FAULT);
	if (unlikely(f->spsr & SPSR_NRW))
		trap_lower_sync_a32(v, f, esr);
	else
		trap_lower_sync(v, f, esr);
}

void trap_measured_irq(struct vcpu *v)
{
	measured_begin(v, EXIT_IRQ);
	trap_lower_irq(v);
}

void trap_measured_end(struct vcpu *v)
{
	struct exit_time *time = &v->exit_times[v->exit_kind];

	time->count++;
	time->ticks += thread_cpu_ticks(&v->thread, arch_counter()) - v->exit_began;
}

/*
 * An asynchronous error while a guest ran: its cause is not known, so the guest that ran is
 * stopped.
 */
void trap_lower_serror(struct trap_frame *f)
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
