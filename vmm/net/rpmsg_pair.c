/* SPDX-License-Identifier: Apache-2.0 */
/* The links of RPMsg devices: a name, and the two devices at its ends. */
#include <arch/cpu.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/net.h>

static struct rpmsg_port *ports; /* lifecycle lock */
/* Guards `peer` of all ports. No other lock is taken under it. */
static struct spinlock lock = SPINLOCK_INIT(LOCK_NET);

static void pair(struct rpmsg_port *a, struct rpmsg_port *b)
{
	unsigned long irq = spin_lock_irqsave(&lock);

	a->peer = b;
	b->peer = a;
	spin_unlock_irqrestore(&lock, irq);
}

int rpmsg_join(struct rpmsg_port *port, const char **owner)
{
	struct rpmsg_port *other = ports;

	while (other && !str_eq(other->link, port->link))
		other = other->next;
	if (other && other->peer) {
		owner[0] = other->owner;
		owner[1] = other->peer->owner;
		port->link = NULL;
		return -EBUSY;
	}
	port->next = ports;
	ports = port;
	if (!other)
		return 0;
	pair(port, other);
	other->changed(other, true);
	return 0;
}

void rpmsg_leave(struct rpmsg_port *port)
{
	struct rpmsg_port **at = &ports, *other = port->peer;
	unsigned long irq = spin_lock_irqsave(&lock);

	if (other)
		other->peer = NULL;
	port->peer = NULL;
	spin_unlock_irqrestore(&lock, irq);
	while (*at != port)
		at = &(*at)->next;
	*at = port->next;
	while (__atomic_load_n(&port->pins, __ATOMIC_ACQUIRE))
		arch_relax(); /* its holders have interrupts masked */
	port->link = NULL;
	if (other)
		other->changed(other, true);
}

/* The other end, pinned. NULL: there is none. Interrupts masked. */
static struct rpmsg_port *pin(const struct rpmsg_port *port)
{
	struct rpmsg_port *peer;

	spin_lock(&lock);
	peer = port->peer;
	if (peer)
		__atomic_fetch_add(&peer->pins, 1, __ATOMIC_ACQUIRE);
	spin_unlock(&lock);
	return peer;
}

static void unpin(struct rpmsg_port *port)
{
	__atomic_fetch_sub(&port->pins, 1, __ATOMIC_RELEASE);
}

s32 rpmsg_pass(struct rpmsg_port *port, const u8 *message, u32 len)
{
	unsigned long irq = arch_irq_save();
	struct rpmsg_port *peer = pin(port);
	s32 done = RPMSG_GONE;

	if (peer) {
		done = peer->receive(peer, message, len);
		unpin(peer);
	}
	arch_irq_restore(irq);
	return done;
}

bool rpmsg_peer_service(struct rpmsg_port *port, u32 n, struct rpmsg_announced *s)
{
	unsigned long irq = arch_irq_save();
	struct rpmsg_port *peer = pin(port);
	bool exists = false;

	if (peer) {
		exists = peer->service(peer, n, s);
		unpin(peer);
	}
	arch_irq_restore(irq);
	return exists;
}

void rpmsg_tell_peer(struct rpmsg_port *port, bool services)
{
	unsigned long irq = arch_irq_save();
	struct rpmsg_port *peer = pin(port);

	if (peer) {
		peer->changed(peer, services);
		unpin(peer);
	}
	arch_irq_restore(irq);
}
