/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console device (VIRTIO 1.2, 5.3): a terminal beside the UART's and, with MULTIPORT, further
 * ports with names. Each is a console of its own, on the next free port of the machine; but for
 * the one through which the guest controls VMs.
 */
#include "virtio_con.h"

#include <kernel/log.h>
#include <kernel/page.h>
#include <kernel/trace.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <vmm/core.h>
#include <vmm/port.h>

#define TYPED 32U /* bytes of input in a unit: each is taken by itself */

#define PORT_PAGES ((u32)((sizeof(struct con_port) + PAGE_SIZE - 1) / PAGE_SIZE))

static struct virtio_con *to_con(struct virtio *t)
{
	return (struct virtio_con *)t;
}

/* 5.3.2: the queues of port n; those of the control messages are behind the first port's. */
static u32 receives(u32 n)
{
	return n ? 2 * n + 2 : 0;
}

static u32 transmits(u32 n)
{
	return receives(n) + 1;
}

/* What comes to a port, into a guest's buffer of up to len bytes. */
static u32 take_input(struct con_port *p, u8 *to, u32 len)
{
	u32 n = 0;
	int input;

	if (p->control)
		return control_get(p->control, to, len);
	for (len = MIN(len, TYPED); n < len && (input = console_take_input(&p->console)) >= 0;)
		to[n++] = (u8)input; /* a break is a 0 */
	return n;
}

/* Input goes into the guest's next buffer, which waits while there is none. */
static bool receive(struct virtio_con *c, u32 port)
{
	const u32 queue = receives(port);
	const struct virtio_request *r = &c->t.s.queues[queue].request;
	u32 n, len = CON_CHUNK;
	u8 *to;

	/* Linux drops what comes to a port that no program has open. */
	if (port && !c->ports[port]->open)
		return false;
	if (!virtio_take(&c->t, queue))
		return false;
	if (r->written)
		return virtio_finish(&c->t, queue);
	to = virtio_piece(&c->t, queue, true, &len, NULL);
	if (!to && virtio_can_go_on(&c->t))
		virtio_break(&c->t, queue, VIRTIO_FAULT_REQUEST, 0);
	n = to ? take_input(c->ports[port], to, len) : 0;
	if (!n)
		return false;
	virtio_advance(&c->t, queue, n);
	(void)virtio_finish(&c->t, queue);
	return true;
}

/* Take what a guest's buffer holds. Returns how many bytes; 0: it has to wait. */
static u32 take_output(struct con_port *p, const void *from, u32 len)
{
	if (p->control)
		return control_put(p->control, from, len);
	memcpy(p->bytes, from, len);
	p->held = len;
	return len;
}

static bool transmit(struct virtio_con *c, u32 port)
{
	struct con_port *p = c->ports[port];
	const u32 queue = transmits(port);
	const struct virtio_request *r = &c->t.s.queues[queue].request;
	u32 len = CON_CHUNK;
	const void *from;

	if (p->held || p->sends)
		return !p->sends;
	if (!virtio_take(&c->t, queue))
		return false;
	from = virtio_piece(&c->t, queue, false, &len, NULL);
	if (!from)
		return virtio_can_go_on(&c->t) && virtio_finish(&c->t, queue);
	len = take_output(p, from, len);
	if (!len)
		return false;
	virtio_advance(&c->t, queue, len);
	if (!r->len && !r->follows)
		(void)virtio_finish(&c->t, queue);
	return true;
}

/* One buffer, as a unit is short. Both ways take turns. */
static bool move(struct virtio_con *c, u32 port)
{
	struct con_port *p = c->ports[port];

	p->received = !p->received;
	if (p->received)
		return receive(c, port) || transmit(c, port);
	return transmit(c, port) || receive(c, port);
}

/* The ports take turns. */
static bool unit(struct virtio *t)
{
	struct virtio_con *c = to_con(t);

	if (c->count > 1 && con_control(c))
		return true;
	for (u32 i = 0; i < c->count && !t->missing; i++) {
		c->turn = c->turn + 1 < c->count ? c->turn + 1 : 0;
		if (move(c, c->turn))
			return true;
	}
	return false;
}

static void send_held(struct virtio_con *c, struct con_port *p)
{
	unsigned long irq = spin_lock_irqsave(&c->t.lock);
	const u32 n = p->sends ? 0 : p->held;
	u8 bytes[CON_CHUNK];

	memcpy(bytes, p->bytes, n);
	p->sends |= n;
	spin_unlock_irqrestore(&c->t.lock, irq);
	if (!n)
		return;
	console_put(&p->console, bytes, n);
	irq = spin_lock_irqsave(&c->t.lock);
	p->held = 0;
	p->sends = false;
	spin_unlock_irqrestore(&c->t.lock, irq);
}

static void between(struct virtio *t, struct vcpu *v)
{
	struct virtio_con *c = to_con(t);

	(void)v;
	for (u32 n = 0; n < c->count; n++)
		if (__atomic_load_n(&c->ports[n]->held, __ATOMIC_RELAXED))
			send_held(c, c->ports[n]);
}

static void forget(struct virtio *t)
{
	con_control_forget(to_con(t));
}

#define MODEL(ports)                                                                \
	{                                                                           \
		.id = 3, .queues = (ports) > 1 ? 2 * (ports) + 2 : 2, .unit = unit, \
		.between = between, .reset = forget                                 \
	}
static const struct virtio_model models[CON_PORTS] = { MODEL(1), MODEL(2), MODEL(3), MODEL(4) };
_Static_assert(CON_PORTS == 4, "a model each");
_Static_assert(VIRTIO_QUEUES >= 2 * CON_PORTS + 2, "5.3.2");

/* Kicked under the lock: after virtio_reset() no vCPU is touched, as they go away then. */
static void input_ready(void *arg)
{
	struct virtio_con *c = ((struct con_port *)arg)->con;
	unsigned long irq = spin_lock_irqsave(&c->t.lock);

	if (virtio_is_live(&c->t))
		virtio_wake(&c->t);
	spin_unlock_irqrestore(&c->t.lock, irq);
}

static const char *name_of(const struct vdev *d, u32 port)
{
	return port ? d->virtio->ports[port - 1] : d->virtio->name;
}

static bool is_control(const struct vdev *d, u32 port)
{
	return d->virtio->has_control && port == d->virtio->port_count;
}

static struct con_port *new_port(struct vdev *d, u32 number)
{
	struct con_port *p = pages_alloc(PORT_PAGES);

	if (!p)
		return NULL;
	if (is_control(d, number)) {
		p->control = control_create(&d->vm->type->desc, input_ready, p);
		if (!p->control) {
			pages_free(p, PORT_PAGES);
			return NULL;
		}
	}
	p->con = d->state;
	console_init(&p->console);
	p->console.input_arg = p;
	p->console.input_ready = input_ready;
	return p;
}

static int create(struct vdev *d)
{
	struct virtio_con *c = d->state;
	const u32 count = 1 + d->virtio->port_count;

	for (; c->count < count; c->count++) {
		c->ports[c->count] = new_port(d, c->count);
		if (!c->ports[c->count])
			return -ENOMEM;
	}
	c->node = d->virtio;
	c->config.max_nr_ports = count > 1 ? count : 0;
	return virtio_create(d, &models[count - 1], count > 1 ? VIRTIO_CONSOLE_F_MULTIPORT : 0,
			     &c->config, sizeof(c->config));
}

/* A console that the description has for the control port alone has a terminal that none sees. */
static bool has_terminal(const struct vdev *d, u32 port)
{
	return port ? !is_control(d, port) : !d->virtio->no_terminal;
}

static void connect(struct vdev *d)
{
	const struct virtio_con *c = d->state;

	for (u32 n = 0; n < c->count; n++) {
		c->ports[n]->console.tag = trace_tag_of(d->vm->id, 0);
		if (has_terminal(d, n) && console_port_attach(&c->ports[n]->console, -1) < 0)
			log_warn("vm %u '%s': no console port is free for %s", d->vm->id,
				 d->vm->name, name_of(d, n));
	}
}

static void destroy(struct vdev *d)
{
	struct virtio_con *c = d->state;

	for (u32 n = 0; n < c->count; n++) {
		console_port_detach(&c->ports[n]->console);
		if (c->ports[n]->control)
			control_destroy(c->ports[n]->control);
		pages_free(c->ports[n], PORT_PAGES);
	}
}

/* Where a port leads to. */
static void describe(const struct con_port *p, char *text, size_t size)
{
	const s32 number = p->console.port;
	const char *port = console_port_name(number);

	if (p->control)
		(void)snprintf(text, size, "%lu requests, %lu errors", p->control->requests,
			       p->control->errors);
	else if (port)
		(void)snprintf(text, size, "port %d (%s)", number, port);
	else
		(void)snprintf(text, size, "no port");
}

/* The terminal's bytes, and which port each one has. */
static void info(struct vdev *d, char *text, size_t size)
{
	struct virtio_con *c = d->state;
	size_t n = virtio_begin_info(&c->t, text, size);

	(void)snprintf(text + n, size - n, "%lu bytes written",
		       console_head(&c->ports[0]->console));
	for (u32 i = 0; i < c->count; i++) {
		n = strlen(text);
		(void)snprintf(text + n, size - n, "%s%s%s", i ? "; " : ", ",
			       i ? name_of(d, i) : "", i ? ": " : "");
		n = strlen(text);
		describe(c->ports[i], text + n, size - n);
	}
}

static u64 memory(const struct vdev *d)
{
	const struct virtio_con *c = d->state;
	u64 bytes = c->count * PORT_PAGES * PAGE_SIZE;

	for (u32 n = 0; n < c->count; n++)
		bytes += c->ports[n]->control ? control_memory() : 0;
	return bytes;
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
