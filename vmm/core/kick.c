/* SPDX-License-Identifier: Apache-2.0 */
/* Which vCPU runs here, and how one is told that there is something for it to do. */
#include <kernel/percpu.h>
#include <vmm/core.h>

struct vcpu *vcpu_current(void)
{
	return this_cpu()->current->lower;
}

void vcpu_kick(struct vcpu *v, u32 work)
{
	/* First the work, with a fence, then the wake-up: wfi_block() says that it is in WFI, with a fence, and then looks at the work. */
	thread_set_work(&v->thread, work);
	if (unlikely(__atomic_load_n(&v->in_wfi, __ATOMIC_RELAXED))) {
		thread_unpark(&v->thread);
		sched_preempt_point();
	} else {
		thread_interrupt(&v->thread);
	}
}

/* Only vCPU 0: each thread that is woken in one go makes a section with interrupts masked longer. */
void vcpu_wake_tend_locked(struct vm *vm)
{
	wait_wake_thread_locked(&vm->state_wq, &vm->vcpus[0]->thread);
}
