/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupt registration and dispatch. action_of[] maps an INTID to its action; NULL means that the
 * interrupt is not in use. An action is filled in before its number is published, and stays.
 */
#include "internal.h"

#include <arch/irqchip.h>
#include <arch/timer.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/trace.h>
#include <lib/errno.h>
#include <lib/string.h>

#define MAX_INTIDS  1020
#define FIRST_SPI   32
#define FIRST_PPI   16
#define MAX_ACTIONS 128
#define SPI_CPU     0

struct irq_action {
	const char *name; /* NULL: unused */
	irq_handler_t fn;
	void *arg;
	u32 intid;
	u32 flags;
	u64 spis; /* for SPIs, taken on SPI_CPU; each CPU counts its private interrupts itself */
};

static struct irq_action actions[MAX_ACTIONS];
static struct irq_action *action_of[MAX_INTIDS];
static struct spinlock irq_lock = SPINLOCK_INIT(LOCK_IRQ);

static struct irq_action *find_action(u32 intid)
{
	return intid < MAX_INTIDS ? __atomic_load_n(&action_of[intid], __ATOMIC_ACQUIRE) : NULL;
}

static void unwanted(u32 intid)
{
	ADD_ONCE(this_cpu()->unwanted_irqs, 1);
	if (intid < MAX_INTIDS)
		arch_irq_mask(intid);
}

static __inlined u32 dispatch(u32 intid)
{
	struct irq_action *action = find_action(intid);
	u32 flags;

	lock_check_no_spinlock("takes an interrupt");
	if (unlikely(!action)) {
		unwanted(intid);
		return 0;
	}
	if (likely(intid < FIRST_SPI))
		irq_account(this_cpu(), intid);
	else
		ADD_ONCE(action->spis, 1);
	flags = action->flags;
	action->fn(intid, action->arg);
	lock_check_no_spinlock("ends an interrupt");
	return flags;
}

static __noinline u32 dispatch_traced(u32 intid)
{
	const u64 began = arch_counter();
	const u32 flags = dispatch(intid);

	trace_irq(intid, began);
	return flags;
}

u32 irq_dispatch(u32 intid)
{
	return trace_wants(TRACE_IRQS) ? dispatch_traced(intid) : dispatch(intid);
}

/* Unmask the private interrupt of action *arg on the calling CPU. */
static void unmask_here(void *arg)
{
	const struct irq_action *a = arg;

	if (a->intid >= FIRST_PPI) /* SGIs are always edges */
		arch_irq_set_edge(a->intid, a->flags & IRQ_EDGE);
	if (a->flags & IRQ_URGENT)
		arch_irq_set_urgent(a->intid);
	arch_irq_unmask(a->intid, this_cpu()->id);
}

/* A free action, or NULL. */
static struct irq_action *unused_action(void)
{
	for (u32 n = 0; n < MAX_ACTIONS; n++) {
		if (!actions[n].name)
			return &actions[n];
	}
	return NULL;
}

static int register_locked(const struct irq_action *action, struct irq_action **out)
{
	struct irq_action *a = unused_action();

	if (action_of[action->intid])
		return -EBUSY;
	if (!a)
		return -ENOSPC;
	*a = *action;
	*out = a;
	__atomic_store_n(&action_of[action->intid], a, __ATOMIC_RELEASE);
	return 0;
}

__cold int irq_request(u32 intid, const char *name, irq_handler_t fn, void *arg, u32 flags)
{
	struct irq_action action = {
		.name = name ? name : "?", .fn = fn, .arg = arg, .intid = intid, .flags = flags
	};
	struct irq_action *a = NULL;
	unsigned long irq_flags;
	int err;

	if (!fn || intid >= MIN(arch_irq_count(), MAX_INTIDS))
		return -EINVAL;
	irq_flags = spin_lock_irqsave(&irq_lock);
	err = register_locked(&action, &a);
	spin_unlock_irqrestore(&irq_lock, irq_flags);
	if (err)
		return err;
	if (intid < FIRST_SPI) {
		ipi_call_all(unmask_here, a);
	} else {
		arch_irq_set_edge(intid, flags & IRQ_EDGE);
		arch_irq_unmask(intid, SPI_CPU);
	}
	return 0;
}

void irq_init_cpu(void)
{
	for (u32 intid = 0; intid < FIRST_SPI; intid++) {
		struct irq_action *a = find_action(intid);

		if (a)
			unmask_here(a);
	}
}

u64 irq_total(u32 cpu)
{
	u64 total = __atomic_load_n(&percpus[cpu].unwanted_irqs, __ATOMIC_RELAXED);

	for (u32 intid = 0; intid < FIRST_SPI; intid++)
		total += __atomic_load_n(&percpus[cpu].private_irqs[intid], __ATOMIC_RELAXED);
	for (u32 n = 0; cpu == SPI_CPU && n < MAX_ACTIONS; n++)
		total += __atomic_load_n(&actions[n].spis, __ATOMIC_RELAXED);
	return total;
}

bool irq_next_info(u32 from, struct irq_info *info)
{
	const struct irq_action *a = NULL;
	u32 cpu, intid = from;

	while (intid < MAX_INTIDS && !(a = find_action(intid)))
		intid++;
	if (!a)
		return false;
	info->intid = intid;
	info->name = a->name;
	memset(info->count, 0, sizeof(info->count));
	if (intid >= FIRST_SPI) {
		info->count[SPI_CPU] = __atomic_load_n(&a->spis, __ATOMIC_RELAXED);
		return true;
	}
	for_each_cpu(cpu)
		info->count[cpu] =
			__atomic_load_n(&percpus[cpu].private_irqs[intid], __ATOMIC_RELAXED);
	return true;
}
