/* SPDX-License-Identifier: Apache-2.0 */
/* What the vectors call for a guest: a table by exception class. */
#include <arch/guest.h>
#include <asm/trap.h>
#include <kernel/percpu.h>
#include <vmm/vcpu.h>

_Static_assert(offsetof(struct vcpu, thread) == 0, "a vCPU's thread is the vCPU");

void trap_lower_sync(struct vcpu *v, struct trap_frame *f, u64 esr);
void trap_lower_irq(struct vcpu *v);
void trap_lower_serror(struct trap_frame *f);

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
void trap_lower_sync(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	trap_fn fn = classes[ESR_EC(esr)];

	if (likely(fn))
		fn(v, f, esr);
	else
		trap_undef(v, f, esr);
}

void trap_lower_irq(struct vcpu *v)
{
	v->exits[EXIT_IRQ]++;
	arch_guest_take_irq(v);
}

/* An asynchronous error while a guest ran: nobody can say whose access it was, so the guest that ran is stopped. */
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
