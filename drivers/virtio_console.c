/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Driver of virtio consoles (Virtio 1.2, section 5.3), with several ports (MULTIPORT) or one. An
 * interrupt only takes control messages and reports which ports have work. The console service's
 * thread moves the bytes.
 */
#include <arch/mmu.h>
#include <drivers/virtio_console.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <kernel/spinlock.h>
#include <kernel/thread.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <vmm/port.h>

#define F_MULTIPORT      BIT(1)
#define CFG_MAX_NR_PORTS 4

/* Queue numbers: a pair for port 0, the control pair, then a pair for each further port. */
#define QUEUE_CONTROL      2
#define QUEUE_OF_PORT(n)   ((n) == 0 ? 0u : 2u + 2u * (n))
#define MAX_DEVICES        8
#define DEVICE_MAX_PORTS   32 /* used of one device: a word has a bit for each; QEMU's have 31 */
#define PORT_BUFFERS       4
#define RX_BYTES           256
#define TX_BYTES           512
#define CONTROL_RX_BUFFERS 32
#define CONTROL_RX_BYTES   64
#define CONTROL_TX_BUFFERS 32

enum control_event {
	DEVICE_READY = 0, /* from the driver: whether it works */
	DEVICE_ADD = 1,   /* from the device: there is a port */
	DEVICE_REMOVE = 2,
	PORT_READY = 3, /* from the driver: it knows the port */
	CONSOLE_PORT = 4,
	RESIZE = 5,
	PORT_OPEN = 6, /* from both: whether the other end is open */
	PORT_NAME = 7,
};

struct control {
	u32 id;
	u16 event;
	u16 value;
};
_Static_assert(sizeof(struct control) == 8, "section 5.3.6.2");

/* The memory of a port's buffers: one page. */
struct port_buffers {
	u8 rx[PORT_BUFFERS][RX_BYTES];
	u8 tx[PORT_BUFFERS][TX_BYTES];
	char name[16];  /* ours, hvcN */
	char given[16]; /* the device's, up to 15 bytes of it */
};
_Static_assert(sizeof(struct port_buffers) <= PAGE_SIZE, "a page per port");

struct port {
	struct vcon *device; /* NULL: no queues */
	u32 number;          /* the device's number of it */
	bool present;
	bool open; /* the other end, by a program; of a device with one port always */
	struct virtq rx, tx;
	struct port_buffers *buffers;
	u32 tx_busy;  /* buffers in flight, one bit each */
	bool holding; /* a received buffer is being read: */
	u16 held;     /* its slot, */
	u32 held_pos, held_len;
	bool named; /* by the device (atomic: the name comes later, and stays) */
};

struct control_buffers {
	u8 rx[CONTROL_RX_BUFFERS][CONTROL_RX_BYTES];
	struct control tx[CONTROL_TX_BUFFERS];
};
_Static_assert(sizeof(struct control_buffers) <= PAGE_SIZE, "a page for control messages");

/* A device. */
struct vcon {
	struct virtio_dev dev;
	struct spinlock lock; /* guards the device and its ports */
	bool multiport;
	u32 first, nr_ports; /* of ports[] */
	struct virtq crx, ctx;
	struct control_buffers *control;
	u32 ctx_busy;
	bool say_device_ready;   /* messages to send when there is room: */
	u32 say_ready, say_open; /* of ports, by the device's numbers */
	u32 changed;             /* `open` of these has; they are to be reported */
};

static struct vcon devices[MAX_DEVICES];
static u32 device_count;
static struct port ports[CONSOLE_MAX_PORTS];
static u32 port_count;

/* ---- control messages; all with the device's lock held ---- */

/* False if there is no room now. */
static bool control_send(struct vcon *d, u32 id, enum control_event event, u16 value)
{
	u16 slot;
	u32 len;

	while (virtq_pop(&d->ctx, &slot, &len))
		d->ctx_busy &= ~(1u << slot);
	for (slot = 0; slot < d->ctx.size; slot++) {
		if (d->ctx_busy & (1u << slot))
			continue;
		d->control->tx[slot] = (struct control){ id, (u16)event, value };
		d->ctx_busy |= 1u << slot;
		virtq_submit(&d->ctx, slot, virt_to_phys(&d->control->tx[slot]),
			     sizeof(struct control), false);
		virtq_kick(&d->ctx);
		return true;
	}
	return false;
}

/*
 * Send the messages that are due, as far as there is room. The rest follows at the interrupt that
 * makes room.
 */
static void control_flush(struct vcon *d)
{
	if (d->say_device_ready && control_send(d, 0, DEVICE_READY, 1))
		d->say_device_ready = false;
	for (u32 n = 0; n < d->nr_ports; n++) {
		u32 bit = 1u << n;

		if ((d->say_ready & bit) && control_send(d, n, PORT_READY, 1))
			d->say_ready &= ~bit;
		/* A port is opened only after it was declared ready. */
		if ((d->say_open & bit) && !(d->say_ready & bit) &&
		    control_send(d, n, PORT_OPEN, 1))
			d->say_open &= ~bit;
	}
}

static void rx_refill(struct port *p, u16 slot)
{
	virtq_submit(&p->rx, slot, virt_to_phys(p->buffers->rx[slot]), RX_BYTES, true);
}

static void port_appears(struct port *p)
{
	if (p->present)
		return;
	p->present = true;
	if (p->device->multiport) {
		p->device->say_ready |= 1u << p->number;
		p->device->say_open |= 1u << p->number;
	}
}

static void set_open(struct port *p, bool open)
{
	p->device->changed |= (u32)(p->open != open) << p->number;
	__atomic_store_n(&p->open, open, __ATOMIC_RELAXED);
}

/* The name follows the message, without a NUL (section 5.3.6.2). */
static void set_name(struct port *p, const u8 *name, u32 len)
{
	if (p->named || !len)
		return;
	memcpy(p->buffers->given, name, MIN(len, (u32)sizeof(p->buffers->given) - 1));
	__atomic_store_n(&p->named, true, __ATOMIC_RELEASE);
}

/* `more` bytes follow it in its buffer. */
static void control_message(struct vcon *d, const struct control *m, const u8 *behind, u32 more)
{
	struct port *p;

	if (m->id >= d->nr_ports)
		return;
	p = &ports[d->first + m->id];
	switch (m->event) {
	case DEVICE_ADD:
		port_appears(p);
		break;
	case DEVICE_REMOVE:
		p->present = false;
		set_open(p, false);
		break;
	case PORT_OPEN:
		set_open(p, m->value);
		break;
	case PORT_NAME:
		set_name(p, behind, more);
		break;
	default:
		/* CONSOLE_PORT and RESIZE need no answer. */
		break;
	}
}

static void control_interrupt(struct vcon *d)
{
	u32 taken = 0;
	u16 slot;
	u32 len;

	/*
	 * At most one round through the queue: if the device returns the same buffers meanwhile, it
	 * interrupts again.
	 */
	for (; taken < d->crx.size && virtq_pop(&d->crx, &slot, &len); taken++) {
		struct control m;

		memcpy(&m, d->control->rx[slot], sizeof(m));
		if (len >= sizeof(m))
			control_message(d, &m, d->control->rx[slot] + sizeof(m),
					MIN(len, CONTROL_RX_BYTES) - (u32)sizeof(m));
		virtq_submit(&d->crx, slot, virt_to_phys(d->control->rx[slot]), CONTROL_RX_BYTES,
			     true);
	}
	if (taken)
		virtq_kick(&d->crx);
	control_flush(d);
}

void virtio_console_interrupt(u32 device)
{
	struct vcon *d = &devices[device];
	unsigned long flags = spin_lock_irqsave(&d->lock);
	u32 ready = 0;

	(void)virtio_ack_interrupt(&d->dev);
	if (d->multiport)
		control_interrupt(d);
	ready |= d->changed;
	d->changed = 0;
	for (u32 n = 0; n < d->nr_ports; n++) {
		struct port *p = &ports[d->first + n];

		if (virtq_ready(&p->rx) || virtq_ready(&p->tx))
			ready |= 1u << n;
	}
	spin_unlock_irqrestore(&d->lock, flags);
	for (u32 n = 0; n < d->nr_ports; n++) {
		if (ready & (1u << n))
			console_port_ready(d->first + n);
	}
}

static void vcon_irq(u32 intid __unused, void *arg)
{
	virtio_console_interrupt((u32)((const struct vcon *)arg - devices));
}

/* ---- the ports' operations; on the console service's thread ---- */

static u32 port_write_locked(struct port *p, const u8 *data, u32 len)
{
	u32 done = 0, used;
	u16 slot;

	while (virtq_pop(&p->tx, &slot, &used))
		p->tx_busy &= ~(1u << slot);
	for (slot = 0; slot < p->tx.size && done < len; slot++) {
		u32 n = MIN(len - done, TX_BYTES);

		if (p->tx_busy & (1u << slot))
			continue;
		memcpy(p->buffers->tx[slot], data + done, n);
		p->tx_busy |= 1u << slot;
		virtq_submit(&p->tx, slot, virt_to_phys(p->buffers->tx[slot]), n, false);
		done += n;
	}
	if (done)
		virtq_kick(&p->tx);
	return done;
}

static u32 port_write(u32 port, const void *data, u32 len)
{
	struct port *p = port < port_count ? &ports[port] : NULL;
	unsigned long flags;
	u32 done = 0;

	if (!p)
		return 0;
	flags = spin_lock_irqsave(&p->device->lock);
	if (p->present)
		done = port_write_locked(p, data, len);
	spin_unlock_irqrestore(&p->device->lock, flags);
	return done;
}

static bool hold_next(struct port *p)
{
	if (p->holding)
		return true;
	if (!virtq_pop(&p->rx, &p->held, &p->held_len))
		return false;
	p->held_len = MIN(p->held_len, RX_BYTES);
	p->held_pos = 0;
	p->holding = true;
	return true;
}

static u32 port_read_locked(struct port *p, u8 *data, u32 len)
{
	u32 done = 0;

	/* At most one round here too: a device may return empty buffers for ever. */
	for (u32 taken = 0; done < len && taken < p->rx.size && hold_next(p); taken++) {
		u32 n = MIN(len - done, p->held_len - p->held_pos);

		memcpy(data + done, &p->buffers->rx[p->held][p->held_pos], n);
		done += n;
		p->held_pos += n;
		if (p->held_pos == p->held_len) {
			p->holding = false;
			rx_refill(p, p->held);
			virtq_kick(&p->rx);
		}
	}
	return done;
}

static u32 port_read(u32 port, void *data, u32 len)
{
	struct port *p = port < port_count ? &ports[port] : NULL;
	unsigned long flags;
	u32 done;

	if (!p)
		return 0;
	flags = spin_lock_irqsave(&p->device->lock);
	done = port_read_locked(p, data, len);
	spin_unlock_irqrestore(&p->device->lock, flags);
	return done;
}

static const char *port_name(u32 port)
{
	const struct port *p = port < port_count && ports[port].present ? &ports[port] : NULL;

	if (p && __atomic_load_n(&p->named, __ATOMIC_ACQUIRE))
		return p->buffers->given;
	return p ? p->buffers->name : NULL;
}

static bool port_is_open(u32 port)
{
	return port < port_count && __atomic_load_n(&ports[port].open, __ATOMIC_RELAXED);
}

const struct console_port_ops *virtio_console_ops(void)
{
	static struct console_port_ops ops = {
		.write = port_write,
		.read = port_read,
		.name = port_name,
		.is_open = port_is_open,
	};

	ops.count = port_count;
	return &ops;
}

/* ---- start ---- */

static int port_init(struct vcon *d, u32 number)
{
	struct port *p = &ports[d->first + number];
	u16 queue = (u16)QUEUE_OF_PORT(number);
	int err;

	p->device = d;
	p->number = number;
	p->buffers = page_alloc();
	if (!p->buffers)
		return -ENOMEM;
	snprintf(p->buffers->name, sizeof(p->buffers->name), "hvc%u", d->first + number);
	err = virtio_queue_init(&d->dev, &p->rx, queue, PORT_BUFFERS);
	if (err == 0)
		err = virtio_queue_init(&d->dev, &p->tx, (u16)(queue + 1), PORT_BUFFERS);
	if (err != 0)
		return err;
	for (u16 slot = 0; slot < p->rx.size; slot++)
		rx_refill(p, slot);
	return 0;
}

static int control_init(struct vcon *d)
{
	int err;

	d->control = page_alloc();
	if (!d->control)
		return -ENOMEM;
	err = virtio_queue_init(&d->dev, &d->crx, QUEUE_CONTROL, CONTROL_RX_BUFFERS);
	if (err == 0)
		err = virtio_queue_init(&d->dev, &d->ctx, QUEUE_CONTROL + 1, CONTROL_TX_BUFFERS);
	if (err != 0)
		return err;
	for (u16 slot = 0; slot < d->crx.size; slot++)
		virtq_submit(&d->crx, slot, virt_to_phys(d->control->rx[slot]), CONTROL_RX_BYTES,
			     true);
	return 0;
}

static int device_init(struct vcon *d)
{
	u32 room = MIN(CONSOLE_MAX_PORTS - port_count, DEVICE_MAX_PORTS);
	int err = virtio_start(&d->dev, F_MULTIPORT);

	if (err != 0)
		return err;
	d->multiport = d->dev.features & F_MULTIPORT;
	d->first = port_count;
	d->nr_ports = d->multiport ? virtio_config_read32(&d->dev, CFG_MAX_NR_PORTS) : 1;
	if (d->nr_ports > room)
		log_warn("virtio console %u: the first %u of its %u ports are used", device_count,
			 room, d->nr_ports);
	d->nr_ports = MIN(d->nr_ports, room);
	for (u32 n = 0; n < d->nr_ports && err == 0; n++)
		err = port_init(d, n);
	if (err == 0 && d->multiport)
		err = control_init(d);
	return err;
}

/*
 * Set DRIVER_OK. Only then may the device have the buffers and the message that the driver is
 * ready.
 */
static void device_go(struct vcon *d)
{
	unsigned long flags = spin_lock_irqsave(&d->lock);

	virtio_driver_ok(&d->dev);
	for (u32 n = 0; n < d->nr_ports; n++)
		virtq_kick(&ports[d->first + n].rx);
	if (d->multiport) {
		virtq_kick(&d->crx);
		d->say_device_ready = true;
		control_flush(d);
	} else if (d->nr_ports) {
		port_appears(&ports[d->first]);
		ports[d->first].open = true;
	}
	spin_unlock_irqrestore(&d->lock, flags);
}

int virtio_console_add(const struct virtio_dev *dev)
{
	struct vcon *d = &devices[device_count];
	int err;

	if (device_count == MAX_DEVICES || port_count == CONSOLE_MAX_PORTS)
		return -ENOSPC;
	memset(d, 0, sizeof(*d));
	spin_lock_init(&d->lock, LOCK_VIRTIO);
	d->dev = *dev;
	err = device_init(d);
	if (err != 0) {
		virtio_fail(&d->dev);
		return err;
	}
	device_count++;
	port_count += d->nr_ports;
	device_go(d);
	return 0;
}

static int vcon_start(const struct virtio_dev *dev, void **arg)
{
	int err = virtio_console_add(dev);

	if (err == 0)
		*arg = &devices[device_count - 1];
	return err;
}

const struct virtio_driver virtio_console_driver = {
	.device_id = VIRTIO_ID_CONSOLE,
	.name = "virtio-console",
	.start = vcon_start,
	.interrupt = vcon_irq,
};

static bool any_port(u32 device)
{
	for (u32 n = 0; n < devices[device].nr_ports; n++) {
		if (ports[devices[device].first + n].present)
			return true;
	}
	return false;
}

/* Most devices name their ports during the notification. Others get this long. */
#define PATIENCE_MS 20

u32 virtio_console_register(void)
{
	for (u32 i = 0; i < device_count; i++) {
		for (u32 ms = 0; ms < PATIENCE_MS && !any_port(i); ms++) {
			thread_sleep_ms(1);
			virtio_console_interrupt(i);
		}
		log_info("virtio console %u: transport version %u, %s", i, devices[i].dev.version,
			 any_port(i) ? "ready" : "no ports yet");
	}
	if (device_count)
		(void)console_ports_register(virtio_console_ops());
	return device_count;
}
