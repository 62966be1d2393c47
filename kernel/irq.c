/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupt registration and dispatch. action_of[] maps an INTID to its action; 0 means that nobody
 * wants it. An action is filled in before its number is published, and reused only after irq_free()
 * has made sure that no CPU is in it.
 */
#include "internal.h"

#include <arch/irqchip.h>
#include <kernel/irq.h>
#include <kernel/log.h>
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
	u64 count[MAX_CPUS];
};

static struct irq_action actions[MAX_ACTIONS]; /* [0] stays unused */
static u8 action_of[MAX_INTIDS];
static struct spinlock irq_lock = SPINLOCK_INIT;

static u32 find_action(u32 intid)
{
	return intid < MAX_INTIDS ? __atomic_load_n(&action_of[intid], __ATOMIC_ACQUIRE) : 0;
}

u32 irq_dispatch(u32 intid)
{
	struct percpu *pc = this_cpu();
	u32 n = find_action(intid), flags;

	pc->irqs++;
	if (!n) {
		if (intid < MAX_INTIDS)
			arch_irq_mask(intid);
		return 0;
	}
	actions[n].count[pc->id]++;
	flags = actions[n].flags;
	actions[n].fn(intid, actions[n].arg);
	return flags;
}

/* Unmask the private interrupt of action *arg on the calling CPU. */
static void unmask_here(void *arg)
{
	const struct irq_action *a = arg;

	if (a->intid >= FIRST_PPI) /* SGIs are edges by nature */
		arch_irq_set_edge(a->intid, a->flags & IRQ_EDGE);
	arch_irq_unmask(a->intid, this_cpu()->id);
}

static void mask_here(void *arg)
{
	const struct irq_action *a = arg;

	arch_irq_mask(a->intid);
}

/*
 * fn(a) on every CPU that is online, or may be about to ask irq_init_cpu() for it; on the boot CPU
 * before the scheduler stands.
 */
static void on_all_cpus(void (*fn)(void *arg), struct irq_action *a)
{
	u64 online = cpus_online_mask();

	if (!online)
		fn(a);
	for (u32 cpu = 0; cpu < MAX_CPUS; cpu++) {
		if (online & BIT(cpu))
			ipi_call(cpu, fn, a);
	}
}

/* A free action; 0 if there is none. */
static u32 unused_action(void)
{
	for (u32 n = 1; n < MAX_ACTIONS; n++) {
		if (!actions[n].name)
			return n;
	}
	return 0;
}

static int register_locked(const struct irq_action *action)
{
	u32 n;

	if (action_of[action->intid])
		return -EBUSY;
	n = unused_action();
	if (!n)
		return -ENOSPC;
	actions[n] = *action;
	__atomic_store_n(&action_of[action->intid], (u8)n, __ATOMIC_RELEASE);
	return (int)n;
}

int irq_request(u32 intid, const char *name, irq_handler_t fn, void *arg, u32 flags)
{
	struct irq_action action = {
		.name = name ? name : "?", .fn = fn, .arg = arg, .intid = intid, .flags = flags
	};
	unsigned long irq_flags;
	int n;

	if (!fn || intid >= MIN(arch_irq_count(), MAX_INTIDS))
		return -EINVAL;
	irq_flags = spin_lock(&irq_lock);
	n = register_locked(&action);
	spin_unlock(&irq_lock, irq_flags);
	if (n < 0)
		return n;
	if (intid < FIRST_SPI) {
		on_all_cpus(unmask_here, &actions[n]);
	} else {
		arch_irq_set_edge(intid, flags & IRQ_EDGE);
		arch_irq_unmask(intid, SPI_CPU);
	}
	return 0;
}

static void nothing(void *arg __unused)
{
}

void irq_free(u32 intid)
{
	u32 n = find_action(intid);
	unsigned long flags;

	if (!n)
		return;
	__atomic_store_n(&action_of[intid], 0, __ATOMIC_RELEASE);
	/*
	 * A CPU that answers this call is in no handler of an interrupt that came before: they do
	 * not nest.
	 */
	if (intid < FIRST_SPI) {
		on_all_cpus(mask_here, &actions[n]);
	} else {
		arch_irq_mask(intid);
		on_all_cpus(nothing, &actions[n]);
	}
	flags = spin_lock(&irq_lock);
	memset(&actions[n], 0, sizeof(actions[n]));
	spin_unlock(&irq_lock, flags);
}

void irq_init_cpu(void)
{
	for (u32 intid = 0; intid < FIRST_SPI; intid++) {
		u32 n = find_action(intid);

		if (n)
			unmask_here(&actions[n]);
	}
}

bool irq_next_info(u32 from, struct irq_info *info)
{
	u32 intid = from, n = 0;

	while (intid < MAX_INTIDS && !(n = find_action(intid)))
		intid++;
	if (!n)
		return false;
	info->intid = intid;
	info->name = actions[n].name;
	for (u32 cpu = 0; cpu < MAX_CPUS; cpu++)
		info->count[cpu] = __atomic_load_n(&actions[n].count[cpu], __ATOMIC_RELAXED);
	return true;
}
