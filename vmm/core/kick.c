/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the vCPU that runs here, and kicks a vCPU that has something to do. */
#include <kernel/percpu.h>
#include <vmm/core.h>

struct vcpu *vcpu_current(void)
{
	return this_cpu()->current->lower;
}

void vcpu_kick(struct vcpu *v, u32 work)
{
	/*
	 * The kicker sets the work bit, then checks in_wfi. The vCPU sets in_wfi, then checks its
	 * work (wfi_block()). Each has a fence between its write and its read, so no kick is lost.
	 */
	thread_set_work(&v->thread, work);
	if (unlikely(__atomic_load_n(&v->in_wfi, __ATOMIC_RELAXED))) {
		thread_unpark(&v->thread);
		sched_preempt_point();
	} else {
		thread_interrupt(&v->thread);
	}
}

void vcpu_end_wfi(struct vcpu *v)
{
	if (!v->in_wfi)
		return;
	v->wfi_over = true;
	thread_unpark_here(&v->thread);
}

void vcpu_pass_stop(struct vm *vm, u32 first)
{
	while (first < vm->nvcpus && __atomic_load_n(&vm->vcpus[first]->parked, __ATOMIC_RELAXED))
		first += VCPU_PIECE;
	if (first < vm->nvcpus)
		vcpu_kick(vm->vcpus[first], VCPU_WORK_STATE);
}

void vcpu_wake_parked_locked(struct vcpu *v)
{
	struct wait_queue *wq = &v->vm->state_wq;

	if (v->thread.waiting_on != wq)
		return;
	__atomic_store_n(&v->parked, false, __ATOMIC_RELAXED);
	wait_wake_thread_locked(wq, &v->thread);
}

void vcpu_wake_parked(struct vm *vm)
{
	struct vcpu *v;

	for_each_vcpu(v, vm) {
		unsigned long flags = spin_lock_irqsave(&vm->state_wq.lock);

		vcpu_wake_parked_locked(v);
		spin_unlock_irqrestore(&vm->state_wq.lock, flags);
	}
	sched_preempt_point();
}

/*
 * Only vCPU 0 is woken: each further thread that is woken at once makes a section with interrupts
 * masked longer.
 */
void vcpu_wake_tend_locked(struct vm *vm)
{
	wait_wake_thread_locked(&vm->state_wq, &vm->vcpus[0]->thread);
}
