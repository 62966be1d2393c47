/* SPDX-License-Identifier: Apache-2.0 */
/* The switch of vsock: the device of each context ID, and those that wait for one another. */
#include <arch/cpu.h>
#include <arch/timer.h>
#include <kernel/timeout.h>
#include <lib/errno.h>
#include <vmm/net.h>

#define BUCKETS     64
#define TURN_MS     10   /* from when there are buffers on */
#define TURN_MAX_MS 1000 /* in all */

_Static_assert(sizeof(struct vsock_head) == 44, "5.10.6");

static struct {
	struct spinlock lock; /* no other lock is taken under it */
	struct vsock_port *buckets[BUCKETS];
} vsock = { .lock = SPINLOCK_INIT(LOCK_NET) };

static struct vsock_port **bucket_of(u64 cid)
{
	return &vsock.buckets[cid % BUCKETS];
}

/* Lock held. */
static struct vsock_port *find(u64 cid)
{
	struct vsock_port *p = *bucket_of(cid);

	while (p && p->cid != cid)
		p = p->next;
	return p;
}

static void unpin(struct vsock_port *port)
{
	__atomic_fetch_sub(&port->pins, 1, __ATOMIC_RELEASE);
}

int vsock_join(struct vsock_port *port, const char **owner)
{
	unsigned long irq = spin_lock_irqsave(&vsock.lock);
	const struct vsock_port *taken = find(port->cid);

	if (taken) {
		*owner = taken->owner;
		port->cid = 0;
	} else {
		port->next = *bucket_of(port->cid);
		*bucket_of(port->cid) = port;
	}
	spin_unlock_irqrestore(&vsock.lock, irq);
	return taken ? -EEXIST : 0;
}

void vsock_leave(struct vsock_port *port)
{
	unsigned long irq = spin_lock_irqsave(&vsock.lock);
	struct vsock_port **at = bucket_of(port->cid);

	while (*at != port)
		at = &(*at)->next;
	*at = port->next;
	spin_unlock_irqrestore(&vsock.lock, irq);
	while (__atomic_load_n(&port->pins, __ATOMIC_ACQUIRE))
		arch_relax(); /* its holders have interrupts masked */
	vsock_wake_waiting(port);
	port->cid = 0;
}

/* True if it is the turn of a sender that was not served for longer. Lock held. */
static __noinline bool has_to_wait(const struct vsock_port *to, const struct vsock_port *from)
{
	return unlikely(to->turn) && to->turn != from->cid && from->served >= to->turn_served &&
	       arch_counter() < to->turn_end;
}

/*
 * The device with that ID, pinned; `from` waits for it from now on. NULL: *why. Interrupts masked.
 */
static struct vsock_port *begin(struct vsock_port *from, u64 cid, s32 *why)
{
	struct vsock_port *to;

	spin_lock(&vsock.lock);
	to = find(cid);
	from->waits = to ? cid : 0;
	*why = to ? VSOCK_LATER : VSOCK_GONE;
	if (to && has_to_wait(to, from))
		to = NULL;
	if (to) {
		__atomic_fetch_add(&to->pins, 1, __ATOMIC_ACQUIRE);
		to->turn = to->turn == from->cid ? 0 : to->turn;
	}
	spin_unlock(&vsock.lock);
	return to;
}

/* There was no buffer. `to` is pinned. Interrupts masked. */
static void stand_in_line(struct vsock_port *to, const struct vsock_port *from)
{
	spin_lock(&vsock.lock);
	if (!has_to_wait(to, from)) {
		to->turn = from->cid;
		to->turn_served = from->served;
		to->turn_end = arch_counter() + ms_to_ticks(TURN_MAX_MS);
	}
	spin_unlock(&vsock.lock);
}

/*
 * The sender waits before it tries. So if the receiver has no buffer then, and brings some before
 * the sender knows that, the sender is woken all the same.
 */
s32 vsock_send(struct vsock_port *from, const struct vsock_head *h, const u8 *data, u32 len)
{
	unsigned long irq = arch_irq_save();
	struct vsock_port *to;
	s32 done;

	to = begin(from, h->dst_cid, &done);
	if (to) {
		done = to->receive(to, h, data, len);
		if (done == VSOCK_LATER)
			stand_in_line(to, from);
		else
			__atomic_store_n(&from->waits, 0, __ATOMIC_RELAXED);
		if (done >= 0)
			from->served = arch_counter();
		unpin(to);
	}
	arch_irq_restore(irq);
	return done;
}

/* ---- walks through all ports: a section for each ---- */

/* Number n of a bucket, pinned. NULL: there are less. Interrupts masked. */
static struct vsock_port *numbered(u32 bucket, u32 n)
{
	struct vsock_port *p;

	spin_lock(&vsock.lock);
	p = vsock.buckets[bucket];
	while (p && n--)
		p = p->next;
	if (p)
		__atomic_fetch_add(&p->pins, 1, __ATOMIC_ACQUIRE);
	spin_unlock(&vsock.lock);
	return p;
}

static void for_all(void (*fn)(struct vsock_port *p, u64 cid), u64 cid)
{
	for (u32 bucket = 0, n = 0; bucket < BUCKETS;) {
		unsigned long irq = arch_irq_save();
		struct vsock_port *p = numbered(bucket, n++);

		if (p) {
			fn(p, cid);
			unpin(p);
		} else {
			bucket++;
			n = 0;
		}
		arch_irq_restore(irq);
	}
}

static void wake(struct vsock_port *p, u64 cid)
{
	bool waits;

	spin_lock(&vsock.lock);
	waits = p->waits == cid;
	if (waits)
		p->waits = 0;
	spin_unlock(&vsock.lock);
	if (waits)
		p->wake(p);
}

static void tell(struct vsock_port *p, u64 cid)
{
	if (p->cid != cid)
		p->gone(p, cid);
}

void vsock_wake_waiting(struct vsock_port *port)
{
	__atomic_store_n(&port->turn_end, arch_counter() + ms_to_ticks(TURN_MS), __ATOMIC_RELAXED);
	for_all(wake, port->cid);
}

void vsock_announce(const struct vsock_port *port)
{
	for_all(tell, port->cid);
}
