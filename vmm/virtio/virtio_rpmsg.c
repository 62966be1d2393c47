/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The RPMsg device (ID 7, as Linux' virtio_rpmsg_bus drives it): what one driver sends, the driver
 * at the other end of the link receives. Both are hosts, in RPMsg's words. A message waits in its
 * sender's queue until the receiver has a buffer. Announcements of services are kept here: a driver
 * that comes later hears of them, and hears that they have ended when the other one is reset.
 */
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <vmm/core.h>
#include <vmm/net.h>
#include <vmm/virtio.h>

enum { RX, TX };

#define F_NS       BIT(0) /* VIRTIO_RPMSG_F_NS */
#define NS_ADDR    53
#define NS_DESTROY 1U

struct header {
	u32 src, dst, reserved;
	u16 len, flags;
};

struct announcement {
	struct header h;
	char name[32];
	u32 addr, flags;
};

/* Where a message is that the driver sends. SENDING: a vCPU is at it, without the lock. */
enum step { GATHER, READY, SENDING, DONE };

struct virtio_rpmsg {
	struct virtio t; /* first */
	struct rpmsg_port port;
	/* sending */
	enum step step;
	bool sending; /* ... whatever became of the request meanwhile */
	bool blocked; /* the receiver has no buffer */
	bool woken;   /* it may have one by now */
	u32 got;      /* bytes of message */
	u8 message[RPMSG_MESSAGE_MAX] __aligned(8);
	/* receiving */
	bool starved; /* a message found no buffer */
	bool wakes;   /* the peer is to try again */
	/* services: of this driver, and of the other one as far as this driver knows them */
	struct rpmsg_announced own[RPMSG_SERVICE_MAX], told[RPMSG_SERVICE_MAX];
	bool changes;  /* the peer is to look at `own` */
	bool compares; /* `told` with the peer's, from `at` on */
	u32 at;
	u32 turn;       /* counts its beginnings: what was read before one is old */
	bool announces; /* this to its driver: */
	struct announcement news;
	u64 sent, received, dropped, refused;
};

_Static_assert(sizeof(struct virtio_rpmsg) <= PAGE_SIZE, "vdev_class.size");
_Static_assert(sizeof(struct header) == 16 && sizeof(struct announcement) == 56, "RPMsg");

static struct virtio_rpmsg *to_rpmsg(struct virtio *t)
{
	return (struct virtio_rpmsg *)t;
}

/* ---- receiving, under the lock ---- */

/* True if a buffer is there for the next message. */
static bool has_buffer(struct virtio *t)
{
	const struct virtio_request *r = &t->s.queues[RX].request;

	if (r->taken && r->written && !virtio_finish(t, RX))
		return false;
	return virtio_take(t, RX);
}

/* As rpmsg_port.receive(). */
static s32 put(struct virtio_rpmsg *v, const void *message, u32 len)
{
	struct virtio *t = &v->t;
	u16 avail;

	if (!virtio_is_live(t))
		return RPMSG_GONE;
	if (!has_buffer(t))
		return virtio_is_live(t) ? RPMSG_LATER : RPMSG_GONE;
	avail = (u16)(t->s.queues[RX].avail - 1);
	if (virtio_write(t, RX, message, len) < len && virtio_can_go_on(t))
		virtio_break(t, RX, VIRTIO_FAULT_REQUEST, 0); /* it is too small */
	if (!virtio_is_live(t))
		return RPMSG_GONE;
	if (!virtio_can_go_on(t)) {
		virtio_untake(t, RX, avail);
		return RPMSG_LATER;
	}
	(void)virtio_finish(t, RX); /* if that is not possible now, a unit does it */
	return (s32)len;
}

static s32 receive(struct rpmsg_port *port, const u8 *message, u32 len)
{
	struct virtio_rpmsg *v = container_of(port, struct virtio_rpmsg, port);
	s32 done;

	spin_lock(&v->t.lock);
	done = put(v, message, len);
	v->received += done > 0;
	v->starved |= done == RPMSG_LATER;
	if (v->t.missing) /* its own vCPU lets the memory come, and goes on */
		virtio_wake(&v->t);
	spin_unlock(&v->t.lock);
	return done;
}

/* Give the driver news of the other one's services, and what finds a buffer again. */
static bool receive_unit(struct virtio_rpmsg *v)
{
	const struct virtio_request *r = &v->t.s.queues[RX].request;

	if (v->announces) {
		v->announces = put(v, &v->news, sizeof(v->news)) == RPMSG_LATER;
		return !v->announces;
	}
	if (!v->starved)
		return r->taken && r->written && virtio_finish(&v->t, RX);
	if (!has_buffer(&v->t))
		return false;
	v->starved = false;
	v->wakes = true;
	return true;
}

/* ---- services ---- */

static bool same(const struct rpmsg_announced *a, const struct rpmsg_announced *b)
{
	return a->addr == b->addr && !memcmp(a->name, b->name, sizeof(a->name));
}

static u64 serials; /* given so far, to the services of all devices (atomic) */

/* The driver has announced a service, or its end. Lock held. */
static void note(struct virtio_rpmsg *v)
{
	const struct announcement *a = (const struct announcement *)(const void *)v->message;
	struct rpmsg_announced s = { .addr = a->addr }, *room = NULL;

	memcpy(s.name, a->name, sizeof(s.name));
	for (u32 i = 0; i < RPMSG_SERVICE_MAX; i++) {
		if (!v->own[i].serial) {
			room = room ? room : &v->own[i];
		} else if (same(&v->own[i], &s)) {
			if (a->flags & NS_DESTROY)
				v->own[i].serial = 0;
			v->changes = true;
			return;
		}
	}
	if (a->flags & NS_DESTROY)
		return;
	if (!room) {
		v->refused++;
		return;
	}
	s.serial = __atomic_add_fetch(&serials, 1, __ATOMIC_RELAXED);
	*room = s;
	v->changes = true;
}

static bool service(struct rpmsg_port *port, u32 n, struct rpmsg_announced *s)
{
	struct virtio_rpmsg *v = container_of(port, struct virtio_rpmsg, port);

	spin_lock(&v->t.lock);
	*s = v->own[n];
	spin_unlock(&v->t.lock);
	return s->serial;
}

static void tell_driver(struct virtio_rpmsg *v, const struct rpmsg_announced *s, u32 flags)
{
	v->announces = true;
	v->news = (struct announcement){
		.h = { .src = NS_ADDR,
		       .dst = NS_ADDR,
		       .len = sizeof(v->news) - sizeof(struct header) },
		.addr = s->addr,
		.flags = flags,
	};
	memcpy(v->news.name, s->name, sizeof(s->name));
}

/* Number v->at of the peer's services is `now`. An end is told before what takes its place. */
static void compare(struct virtio_rpmsg *v, const struct rpmsg_announced *now)
{
	struct rpmsg_announced *told = &v->told[v->at];

	if (told->serial && told->serial != now->serial) {
		tell_driver(v, told, NS_DESTROY);
		told->serial = 0;
		return;
	}
	if (now->serial && !told->serial && v->t.s.driver_features & F_NS) {
		tell_driver(v, now, 0);
		*told = *now;
	}
	v->at++;
	v->compares = v->at < RPMSG_SERVICE_MAX;
}

/* ---- sending, under the lock ---- */

/* The message is there as a whole, or never will be. */
static void begin_message(struct virtio_rpmsg *v)
{
	const struct header *h = (const struct header *)(const void *)v->message;

	if (v->got < sizeof(*h) || h->len > v->got - sizeof(*h)) {
		v->dropped++;
		v->step = DONE;
		return;
	}
	v->got = (u32)sizeof(*h) + h->len;
	v->step = READY;
	if (h->dst != NS_ADDR || v->got != sizeof(struct announcement))
		return;
	note(v);
	v->step = DONE;
}

/* Some of the message. False: nothing more now. */
static bool gather(struct virtio_rpmsg *v)
{
	const u32 n = virtio_read(&v->t, TX, v->message + v->got, RPMSG_MESSAGE_MAX - v->got);

	v->got += n;
	if (!virtio_can_go_on(&v->t))
		return false;
	if (!n || v->got == RPMSG_MESSAGE_MAX || !v->t.s.queues[TX].request.follows)
		begin_message(v);
	return true;
}

static bool transmit(struct virtio_rpmsg *v)
{
	if (v->sending || v->blocked)
		return false;
	if (v->step == DONE) {
		if (!virtio_finish(&v->t, TX))
			return false;
		v->step = GATHER;
		v->got = 0;
	}
	if (!virtio_take(&v->t, TX))
		return false;
	return v->step == READY || gather(v); /* READY: between() is next */
}

static bool unit(struct virtio *t)
{
	struct virtio_rpmsg *v = to_rpmsg(t);
	const bool live = virtio_is_live(t), received = live && receive_unit(v);
	const bool sent = live && transmit(v);

	return sent || received || v->wakes || v->changes || (live && v->compares && !v->announces);
}

static void forget(struct virtio *t)
{
	struct virtio_rpmsg *v = to_rpmsg(t);

	v->step = GATHER;
	v->got = v->at = 0;
	v->blocked = v->starved = v->announces = false;
	memset(v->own, 0, sizeof(v->own));
	memset(v->told, 0, sizeof(v->told));
	v->compares = v->changes = true;
	v->turn++;
}

/* ---- without the lock ---- */

static void conclude(struct virtio_rpmsg *v, s32 done)
{
	v->sending = false;
	if (v->step != SENDING) /* the device was reset */
		return;
	v->step = done == RPMSG_LATER ? READY : DONE;
	v->blocked = done == RPMSG_LATER && !v->woken;
	v->sent += done > 0;
	v->dropped += done == RPMSG_GONE;
}

static void send(struct virtio_rpmsg *v, u32 len)
{
	const s32 done = rpmsg_pass(&v->port, v->message, len);
	unsigned long irq = spin_lock_irqsave(&v->t.lock);

	conclude(v, done);
	spin_unlock_irqrestore(&v->t.lock, irq);
}

static void compare_one(struct virtio_rpmsg *v, u32 n, u32 turn)
{
	struct rpmsg_announced now = { .serial = 0 };
	unsigned long irq;

	(void)rpmsg_peer_service(&v->port, n, &now);
	irq = spin_lock_irqsave(&v->t.lock);
	if (v->turn == turn && v->compares && !v->announces && v->at == n && virtio_is_live(&v->t))
		compare(v, &now);
	spin_unlock_irqrestore(&v->t.lock, irq);
}

static void between(struct virtio *t, struct vcpu *vcpu)
{
	struct virtio_rpmsg *v = to_rpmsg(t);
	unsigned long irq = spin_lock_irqsave(&t->lock);
	const bool sends = v->step == READY && !v->sending && !v->blocked && virtio_is_live(t);
	const bool changes = v->changes, tells = v->wakes || changes;
	const bool compares = v->compares && !v->announces;
	const u32 n = v->at, turn = v->turn, len = v->got;

	(void)vcpu;
	v->wakes = v->changes = false;
	if (sends) {
		v->step = SENDING;
		v->sending = true;
		v->woken = false;
	}
	spin_unlock_irqrestore(&t->lock, irq);
	if (tells)
		rpmsg_tell_peer(&v->port, changes);
	if (sends)
		send(v, len);
	if (compares)
		compare_one(v, n, turn);
}

static void changed(struct rpmsg_port *port, bool services)
{
	struct virtio_rpmsg *v = container_of(port, struct virtio_rpmsg, port);
	unsigned long irq = spin_lock_irqsave(&v->t.lock);

	v->woken = true;
	v->blocked = false;
	if (services) {
		v->compares = true;
		v->at = 0;
		v->turn++;
	}
	if (virtio_is_live(&v->t))
		virtio_wake(&v->t);
	spin_unlock_irqrestore(&v->t.lock, irq);
}

/* ---- the device ---- */

static const struct virtio_model model = {
	.id = 7,
	.queues = 2,
	.unit = unit,
	.between = between,
	.reset = forget,
};

static int create(struct vdev *d)
{
	struct virtio_rpmsg *v = d->state;
	const char *owners[2];
	int r;

	forget(&v->t);
	r = virtio_create(d, &model, F_NS, NULL, 0);
	if (r)
		return r;
	v->port.link = d->virtio->link;
	v->port.owner = d->vm->name;
	v->port.receive = receive;
	v->port.service = service;
	v->port.changed = changed;
	r = rpmsg_join(&v->port, owners);
	if (r)
		log_err("vm '%s': %s: link '%s' has its two VMs, '%s' and '%s'", d->vm->name,
			d->virtio->name, d->virtio->link, owners[0], owners[1]);
	return r;
}

static void reset(struct vdev *d)
{
	struct virtio_rpmsg *v = d->state;

	virtio_reset(d);
	v->changes = false; /* no vCPU runs */
	if (v->port.link)
		rpmsg_tell_peer(&v->port, true);
}

static void destroy(struct vdev *d)
{
	struct virtio_rpmsg *v = d->state;

	if (v->port.link)
		rpmsg_leave(&v->port);
}

static void info(struct vdev *d, char *text, size_t size)
{
	struct virtio_rpmsg *v = d->state;
	const size_t at = virtio_begin_info(&v->t, text, size);

	(void)snprintf(text + at, size - at,
		       "link '%s'%s%s, %lu messages sent, %lu received, %lu dropped, %lu "
		       "services refused%s",
		       d->virtio->link, v->port.peer ? " with " : ", alone",
		       v->port.peer ? v->port.peer->owner : "", v->sent, v->received, v->dropped,
		       v->refused, v->blocked ? ", waits for the other one" : "");
}

const struct vdev_class virtio_rpmsg_class = {
	.name = "virtio-rpmsg",
	.virtio = VIRTIO_RPMSG,
	.size = sizeof(struct virtio_rpmsg),
	.host_init = virtio_host_init,
	.create = create,
	.reset = reset,
	.destroy = destroy,
	.info = info,
};
