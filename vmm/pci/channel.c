/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channels between VMs: memory that they share, and events. Each peer has a lock of its own, and
 * nothing takes two of them. It is held for a few hundred instructions with interrupts masked, so
 * no budget or window keeps its holder off the CPU.
 */
#include <arch/mmu.h>
#include <arch/timer.h>
#include <kernel/trace.h>
#include <lib/list.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <vmm/core.h>
#include <vmm/gic.h>
#include "pci_internal.h"

static struct list channels = LIST_INIT(channels); /* under the lifecycle lock */

/* ---- events, under the peer's lock ---- */

static void deliver(struct channel_peer *p)
{
	if (!p->owed || !p->enabled || p->off)
		return;
	p->owed = false;
	p->interrupts++;
	p->last = arch_counter();
	if (p->one_shot)
		p->enabled = false;
	if (trace_wants(TRACE_CHANNELS))
		trace_event(TRACE_CHANNEL_IRQ, p->last, trace_tag_of(p->vm->id, 0), p->intid, 0);
	vgic_pend_spi(p->vm, p->intid);
}

void channel_ring(struct channel *c, u32 to)
{
	struct channel_peer *p = &c->peers[to];
	unsigned long irq = spin_lock_irqsave(&p->lock);

	if (p->takes) {
		p->rung++;
		p->latched = p->owed = true;
		if (trace_wants(TRACE_CHANNELS))
			trace_event(TRACE_DOORBELL, arch_counter(), trace_tag_of(p->vm->id, 0), to,
				    0);
		deliver(p);
	}
	spin_unlock_irqrestore(&p->lock, irq);
}

void channel_tell_others(struct channel *c, u32 id)
{
	for (u32 i = 0; i < c->desc.peer_count; i++)
		if (i != id)
			channel_ring(c, i);
}

void channel_enable(struct channel *c, u32 id, bool enabled)
{
	struct channel_peer *p = &c->peers[id];
	unsigned long irq = spin_lock_irqsave(&p->lock);

	p->enabled = enabled;
	deliver(p);
	spin_unlock_irqrestore(&p->lock, irq);
}

void channel_command(struct channel *c, u32 id, bool off, bool one_shot)
{
	struct channel_peer *p = &c->peers[id];
	unsigned long irq = spin_lock_irqsave(&p->lock);

	if (off && !p->off)
		p->latched = p->owed = false;
	p->off = off;
	p->one_shot = one_shot;
	deliver(p);
	spin_unlock_irqrestore(&p->lock, irq);
}

/* ---- states, under the peer's lock ---- */

/* A guest that maps the table uncached finds it in memory. */
static bool publish(struct channel *c, u32 id)
{
	const struct channel_peer *p = &c->peers[id];
	const u32 shown = p->runs ? p->state : 0;
	u32 *entry = (u32 *)c->memory + id;

	if (*entry == shown)
		return false;
	__atomic_store_n(entry, shown, __ATOMIC_RELEASE);
	arch_dcache_clean_inval(entry, sizeof(*entry));
	return true;
}

bool channel_set_state(struct channel *c, u32 id, u32 state)
{
	struct channel_peer *p = &c->peers[id];
	unsigned long irq = spin_lock_irqsave(&p->lock);
	bool changed;

	p->state = state;
	changed = publish(c, id);
	spin_unlock_irqrestore(&p->lock, irq);
	return changed;
}

/* The last one of several that look sees the last state: it is read under the lock. */
bool channel_look_at_vm(struct channel *c, u32 id)
{
	struct channel_peer *p = &c->peers[id];
	unsigned long irq = spin_lock_irqsave(&p->lock);
	const enum vm_state state = READ_ONCE(p->vm->state);
	bool changed;

	p->runs = state == VM_RUNNING;
	p->takes = p->runs || state == VM_PAUSED;
	changed = publish(c, id);
	spin_unlock_irqrestore(&p->lock, irq);
	return changed;
}

bool channel_reset(struct channel *c, u32 id)
{
	struct channel_peer *p = &c->peers[id];
	unsigned long irq = spin_lock_irqsave(&p->lock);
	bool changed;

	p->latched = p->owed = p->enabled = false;
	p->state = 0;
	changed = publish(c, id);
	spin_unlock_irqrestore(&p->lock, irq);
	return changed;
}

/* ---- joining and leaving ---- */

static struct channel *find(const char *name)
{
	struct channel *c;

	list_for_each_entry(c, &channels, node)
		if (str_eq(c->desc.name, name))
			return c;
	return NULL;
}

/* "linux, rtos"; for messages. */
static void names_text(const struct desc_channel *d, char *text, size_t size)
{
	size_t n = 0;

	text[0] = '\0';
	for (u32 i = 0; i < d->peer_count && n < size; i++)
		n += (size_t)snprintf(text + n, size - n, "%s%s", i ? ", " : "", d->peers[i]);
}

static struct channel *make(const struct desc_channel *d)
{
	struct channel *c = kzalloc(sizeof(*c));

	if (!c)
		return NULL;
	c->desc = *d;
	c->pages = (u32)(desc_channel_bytes(d) / PAGE_SIZE);
	c->memory = pages_alloc(c->pages);
	if (!c->memory) {
		kfree(c, sizeof(*c));
		return NULL;
	}
	/* Guests may read it uncached: the zeroes must be in memory, without a dirty line. */
	arch_dcache_clean_inval(c->memory, c->pages * PAGE_SIZE);
	for (u32 i = 0; i < DESC_PEERS_MAX; i++)
		spin_lock_init(&c->peers[i].lock, LOCK_DEVICE);
	list_add_tail(&channels, &c->node);
	return c;
}

static u32 peer_of(const struct desc_channel *d, const char *name)
{
	u32 id = 0;

	while (id < d->peer_count && !str_eq(d->peers[id], name))
		id++;
	return id;
}

struct channel *channel_join(const struct desc_channel *d, struct vm *vm, u32 *id, char *why,
			     size_t size)
{
	struct channel *c = find(d->name);
	char names[128];

	*id = peer_of(d, vm->name);
	if (*id == d->peer_count) {
		names_text(d, names, sizeof(names));
		(void)snprintf(why, size, "channel '%s' is for the VMs %s: choose one by --name",
			       d->name, names);
		return NULL;
	}
	if (!c)
		c = make(d);
	if (!c) {
		(void)snprintf(why, size, "no memory for channel '%s', which has %lu KiB", d->name,
			       desc_channel_bytes(d) / KIB(1));
		return NULL;
	}
	c->peers[*id].vm = vm; /* it does not run: nothing looks at it */
	c->users++;
	return c;
}

void channel_leave(struct channel *c, u32 id)
{
	struct channel_peer *p = &c->peers[id];
	unsigned long irq = spin_lock_irqsave(&p->lock);

	p->runs = p->takes = false;
	p->vm = NULL;
	spin_unlock_irqrestore(&p->lock, irq);
	if (--c->users)
		return;
	list_del(&c->node);
	arch_zero_to_memory(c->memory, c->pages * PAGE_SIZE);
	pages_free(c->memory, c->pages);
	kfree(c, sizeof(*c));
}

/* ---- for the operator ---- */

struct channel *channel_next(const struct channel *c)
{
	struct list *next = c ? c->node.next : channels.next;

	return next == &channels ? NULL : list_entry(next, struct channel, node);
}

const struct desc_channel *channel_desc(const struct channel *c)
{
	return &c->desc;
}

struct channel_look channel_look(struct channel *c, u32 id)
{
	struct channel_peer *p = &c->peers[id];
	unsigned long irq = spin_lock_irqsave(&p->lock);
	const struct channel_look look = { .vm = p->vm,
					   .shown = p->runs ? p->state : 0,
					   .rung = p->rung,
					   .interrupts = p->interrupts,
					   .last = p->last,
					   .waits = p->owed };

	spin_unlock_irqrestore(&p->lock, irq);
	return look;
}
