/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console device (VIRTIO 1.2, 5.3): one port, without MULTIPORT. It is a console of its own
 * beside the UART's, on the next free port of the machine.
 */
#include <kernel/log.h>
#include <kernel/page.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <vmm/core.h>
#include <vmm/port.h>
#include <vmm/virtio.h>

#define RECEIVE  0
#define TRANSMIT 1
#define CHUNK    512U /* bytes of a unit */
#define TYPED    32U  /* bytes of input in a unit: each is taken by itself */

#define CONSOLE_PAGES ((u32)((sizeof(struct console) + PAGE_SIZE - 1) / PAGE_SIZE))

struct virtio_con {
	struct virtio t; /* first */
	struct console *console;
	/*
	 * Output that a unit took from the guest. A port's lock comes before the device's, so
	 * between() sends it. `sends`: a vCPU is at that, and does the next unit then.
	 */
	u32 held;
	bool sends;
	u8 bytes[CHUNK];
};

static const u8 config[12]; /* 5.3.4: no size, no ports, no emergency write */

static struct virtio_con *to_con(struct virtio *t)
{
	return (struct virtio_con *)t;
}

/* Input goes into the guest's next buffer, which waits while there is none. */
static bool receive(struct virtio_con *c)
{
	const struct virtio_request *r = &c->t.s.queues[RECEIVE].request;
	u32 n = 0, len = TYPED;
	int input;
	u8 *to;

	if (!virtio_take(&c->t, RECEIVE))
		return false;
	if (r->written)
		return virtio_finish(&c->t, RECEIVE);
	to = virtio_piece(&c->t, RECEIVE, true, &len, NULL);
	if (!to && virtio_can_go_on(&c->t))
		virtio_break(&c->t, RECEIVE, VIRTIO_FAULT_REQUEST, 0);
	while (to && n < len && (input = console_take_input(c->console)) >= 0)
		to[n++] = (u8)input; /* a break is a 0 */
	if (!n)
		return false;
	virtio_advance(&c->t, RECEIVE, n);
	(void)virtio_finish(&c->t, RECEIVE);
	return true;
}

static bool transmit(struct virtio_con *c)
{
	const struct virtio_request *r = &c->t.s.queues[TRANSMIT].request;
	u32 len = CHUNK;
	const void *from;

	if (c->held || c->sends)
		return !c->sends;
	if (!virtio_take(&c->t, TRANSMIT))
		return false;
	from = virtio_piece(&c->t, TRANSMIT, false, &len, NULL);
	if (!from)
		return virtio_can_go_on(&c->t) && virtio_finish(&c->t, TRANSMIT);
	memcpy(c->bytes, from, len);
	c->held = len;
	virtio_advance(&c->t, TRANSMIT, len);
	if (!r->len && !r->follows)
		(void)virtio_finish(&c->t, TRANSMIT);
	return true;
}

static bool unit(struct virtio *t)
{
	const bool received = receive(to_con(t));

	return transmit(to_con(t)) || received;
}

static void between(struct virtio *t, struct vcpu *v)
{
	struct virtio_con *c = to_con(t);
	unsigned long irq = spin_lock_irqsave(&t->lock);
	const u32 n = c->sends ? 0 : c->held;
	u8 bytes[CHUNK];

	(void)v;
	memcpy(bytes, c->bytes, n);
	c->sends |= n;
	spin_unlock_irqrestore(&t->lock, irq);
	if (!n)
		return;
	console_put(c->console, bytes, n);
	irq = spin_lock_irqsave(&t->lock);
	c->held = 0;
	c->sends = false;
	spin_unlock_irqrestore(&t->lock, irq);
}

static const struct virtio_model model = {
	.id = 3,
	.queues = 2,
	.unit = unit,
	.between = between,
};

/* Kicked under the lock: after virtio_reset() no vCPU is touched, as they go away then. */
static void input_ready(void *arg)
{
	struct virtio_con *c = arg;
	unsigned long irq = spin_lock_irqsave(&c->t.lock);

	if (virtio_is_live(&c->t))
		virtio_wake(&c->t);
	spin_unlock_irqrestore(&c->t.lock, irq);
}

static int create(struct vdev *d)
{
	struct virtio_con *c = d->state;

	c->console = pages_alloc(CONSOLE_PAGES);
	if (!c->console)
		return -ENOMEM;
	console_init(c->console);
	c->console->input_arg = c;
	c->console->input_ready = input_ready;
	return virtio_create(d, &model, 0, config, sizeof(config));
}

static void connect(struct vdev *d)
{
	const struct virtio_con *c = d->state;

	if (console_port_attach(c->console, -1) < 0)
		log_warn("vm %u '%s': no console port is free for %s", d->vm->id, d->vm->name,
			 d->virtio->name);
}

static void destroy(struct vdev *d)
{
	struct virtio_con *c = d->state;

	if (!c->console)
		return;
	console_port_detach(c->console);
	pages_free(c->console, CONSOLE_PAGES);
}

static void info(struct vdev *d, char *text, size_t size)
{
	struct virtio_con *c = d->state;
	const char *port = console_port_name(c->console->port);
	const size_t n = virtio_begin_info(&c->t, text, size);

	if (port)
		(void)snprintf(text + n, size - n, "%lu bytes written, port %d (%s)",
			       console_head(c->console), c->console->port, port);
	else
		(void)snprintf(text + n, size - n, "%lu bytes written, no port",
			       console_head(c->console));
}

static u64 memory(const struct vdev *d)
{
	(void)d;
	return CONSOLE_PAGES * PAGE_SIZE;
}

const struct vdev_class virtio_con_class = {
	.name = "virtio-console",
	.virtio = VIRTIO_CONSOLE,
	.size = sizeof(struct virtio_con),
	.host_init = virtio_host_init,
	.create = create,
	.connect = connect,
	.reset = virtio_reset,
	.destroy = destroy,
	.info = info,
	.memory = memory,
};
