/* SPDX-License-Identifier: Apache-2.0 */
/* How late timer interrupts reach their vCPUs. */
#include <kernel/irq.h>
#include <vmm/core.h>
#include <vmm/cpu.h>

static vtimer_late_fn too_late;

void vtimer_set_late(vtimer_late_fn fn)
{
	too_late = fn;
}

/* What is later than the limit is never usual: so it comes here, and others pay nothing. */
static void clamp_usual(struct vtimer *t)
{
	if (t->limit)
		t->late.usual = MIN(t->late.usual, t->limit);
}

void vtimer_count_late(struct vtimer *t, s64 late)
{
	if (late < 0) /* the guest has moved its deadline in between */
		return;
	if (late > INT32_MAX || !histogram_tally(&t->late, (u32)late))
		histogram_add(&t->late, (u64)late);
	clamp_usual(t);
	if (t->limit && (u64)late > t->limit)
		too_late(container_of(t, struct vcpu, timer), (u64)late);
}

struct new_limit {
	struct vtimer *timer;
	u32 ticks;
};

static void limit_here(void *arg)
{
	const struct new_limit *l = arg;
	struct histogram *h = &l->timer->late;

	l->timer->limit = l->ticks;
	h->usual = (u32)MIN(h->max, INT32_MAX);
	clamp_usual(l->timer);
}

void vtimer_set_limit(struct vcpu *v, u32 ticks)
{
	struct new_limit l = { &v->timer, ticks };

	ipi_call(v->cpu, limit_here, &l);
}

void vtimer_delivered(struct vtimer *t, u32 vintid)
{
	if (vintid == VTIMER_PPI_VIRT)
		vtimer_count_late(t, arch_guest_timer_late(ARCH_TIMER_VIRT));
	else if (vintid == VTIMER_PPI_PHYS)
		vtimer_count_late(t, arch_guest_timer_late(ARCH_TIMER_PHYS));
}
