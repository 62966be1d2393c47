/* SPDX-License-Identifier: Apache-2.0 */
/* A vCPU at one moment, for `zvm info`: it may be executing, or its VM is about to be stopped. */
#include <arch/cpu.h>
#include <kernel/irq.h>
#include <lib/string.h>
#include <vmm/core.h>
#include <vmm/cpu.h>

static u64 ipa_of(const struct vm_ram *ram, const struct guest_regs *r, u64 va)
{
	const struct stage1 s = { r->sys[GUEST_SCTLR],
				  r->sys[GUEST_TCR],
				  { r->sys[GUEST_TTBR0], r->sys[GUEST_TTBR1] } };
	struct stage1_walk w;

	return stage1_walk(ram, &s, va, &w) == STAGE1_OK ? w.ipa : VCPU_NO_IPA;
}

/* A timer of v, which is here or off the CPU, is on. */
static bool has_timer(const struct vcpu *v)
{
	if (vcpu_current() == v)
		return arch_guest_timer_armed();
	return (v->timer.regs[0].ctl & 3) == 1 || (v->timer.regs[1].ctl & 3) == 1;
}

static void copy_exits(const struct vcpu *v, struct vcpu_facts *f)
{
	const u64 oldest = (u64)(v->next_exit - v->last_exits);

	for (u64 i = 0; i < GUEST_EXITS; i++)
		f->exits[i] = v->last_exits[(oldest + i) % GUEST_EXITS];
}

/* On the CPU where v ran last, interrupts masked. */
static void look_here(struct vcpu *v, struct vcpu_facts *f)
{
	const struct vm_ram *ram = &v->vm->ram;
	struct guest_regs r;
	const void *insn;

	arch_vcpu_peek(v, &r);
	*f = (struct vcpu_facts){
		.started_at = v->vm->started_at,
		.vcpu = v->index,
		.waits = v->waits,
		.timers = has_timer(v),
		.pc = r.core[GUEST_PC],
		.pstate = r.core[GUEST_PSTATE],
		.sp = r.core[GUEST_SP],
		.link = r.core[30],
		.sctlr = r.sys[GUEST_SCTLR],
		.vbar = r.sys[GUEST_VBAR],
		.last = { r.sys[GUEST_ESR], r.sys[GUEST_FAR], r.sys[GUEST_ELR] },
		.given = r.given,
	};
	f->last_ipa = ipa_of(ram, &r, f->last.far);
	f->given_ipa = ipa_of(ram, &r, f->given.far);
	insn = vm_ram_ptr(ram, ipa_of(ram, &r, f->given.esr ? f->given.elr : f->last.elr) & ~3UL);
	if (insn)
		f->insn = __atomic_load_n((const u32 *)insn, __ATOMIC_RELAXED);
	copy_exits(v, f);
}

struct look {
	struct vcpu *v;
	struct vcpu_facts *f;
};

static void look_there(void *arg)
{
	const struct look *l = arg;

	look_here(l->v, l->f);
}

void vcpu_look(struct vcpu *v, struct vcpu_facts *f)
{
	struct look l = { v, f };

	ipi_call(v->cpu, look_there, &l);
}

void vcpu_note_crash(struct vcpu *v, bool lost)
{
	struct vm *vm = v->vm;
	struct vcpu_facts f;
	unsigned long flags = arch_irq_save();

	look_here(v, &f);
	f.lost = lost;
	spin_lock(&vm->state_wq.lock);
	if (vm->crashed.started_at != vm->started_at)
		vm->crashed = f;
	spin_unlock(&vm->state_wq.lock);
	arch_irq_restore(flags);
}
