/* SPDX-License-Identifier: Apache-2.0 */
#include <arch/cpu.h>
#include <kernel/thread.h>
#include "vgic_internal.h"

void vgic_let_in(void)
{
	sched_open();
	arch_irq_disable();
}

void vgic_await_fold(const struct vcpu *v, u32 folds)
{
	struct vcpu *self = vcpu_current();

	while (__atomic_load_n(&v->vgic.loaded, __ATOMIC_ACQUIRE) &&
	       __atomic_load_n(&v->vgic.folds, __ATOMIC_ACQUIRE) == folds) {
		sched_open();
		arch_relax();
		arch_irq_disable();
		if (__atomic_load_n(&self->vgic.dirty, __ATOMIC_RELAXED))
			vgic_flush(self);
	}
}
