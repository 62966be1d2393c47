/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Driver of virtio network cards. A frame for outside is copied into a buffer of the card on its
 * sender's thread. Frames from outside are sent by a thread of the card, on CPU 0, with the
 * priority and the share of an ordinary VM: a flood from outside takes no more than that. The card
 * does not interrupt again until that thread has emptied the queue.
 */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <drivers/nic_virtio.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <kernel/spinlock.h>
#include <kernel/thread.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <vmm/net.h>

#define F_MAC        BIT(5)
#define F_ANY_LAYOUT BIT(27) /* a header need not be a buffer of its own */

#define QUEUE_RX 0
#define QUEUE_TX 1
#define BUFFERS  32
#define BYTES    2048 /* of a buffer */
#define PAGES    ((u32)(2 * BUFFERS * BYTES / PAGE_SIZE))
#define STATIONS 1024 /* addresses that are learnt outside */
#define PRIORITY 20   /* of a VM by default */

#define HEADER_LEGACY 10 /* bytes before a frame */
#define HEADER        12

struct nic {
	struct virtio_dev dev;
	struct spinlock lock;
	struct virtq rx, tx;
	u8 (*buffers)[BYTES]; /* those for receiving, then those for sending */
	u32 header;
	struct net_port port;
	struct thread thread;
	char name[8];
};

_Static_assert(sizeof(struct nic) <= PAGE_SIZE, "kzalloc()");

static u32 count;

static u8 *rx_buffer(const struct nic *n, u16 slot)
{
	return n->buffers[slot];
}

static u8 *tx_buffer(const struct nic *n, u16 slot)
{
	return n->buffers[BUFFERS + slot];
}

/* ---- from the machine to outside: struct net_port ---- */

/* A buffer that the card has not. False: it has all. */
static bool free_slot(struct nic *n, u16 *slot)
{
	u32 len;

	for (u32 i = 0; i < n->tx.size && virtq_pop(&n->tx, slot, &len); i++)
		;
	for (*slot = 0; *slot < n->tx.size; ++*slot)
		if (!(n->tx.in_flight >> *slot & 1))
			return true;
	return false;
}

static void receive(struct net_port *port, const struct net_frame *f, u32 from)
{
	struct nic *n = container_of(port, struct nic, port);
	u16 slot;

	(void)from;
	spin_lock(&n->lock);
	if (!f->has_sum && free_slot(n, &slot)) {
		u8 *to = tx_buffer(n, slot);

		memset(to, 0, n->header);
		net_frame_copy(f, to + n->header);
		virtq_submit(&n->tx, slot, virt_to_phys(to), n->header + f->len, false);
		virtq_kick(&n->tx);
		port->in.frames++;
		port->in.bytes += f->len;
	} else {
		port->in.dropped++;
	}
	spin_unlock(&n->lock);
}

static bool sums(struct net_port *port)
{
	(void)port;
	return false;
}

/* ---- from outside ---- */

static void offer(struct nic *n, u16 slot)
{
	virtq_submit(&n->rx, slot, virt_to_phys(rx_buffer(n, slot)), BYTES, true);
}

/* The card says how long the frame is; it may say anything. */
static void forward(struct nic *n, const u8 *buffer, u32 len)
{
	struct net_frame f = { .count = 0 };

	if (len < n->header + NET_HEAD || len > n->header + NET_FRAME_MAX) {
		n->port.out.dropped++;
		return;
	}
	memcpy(f.head, buffer + n->header, NET_HEAD);
	(void)net_frame_add(&f, f.head, NET_HEAD);
	if (len > n->header + NET_HEAD)
		(void)net_frame_add(&f, buffer + n->header + NET_HEAD, len - n->header - NET_HEAD);
	n->port.out.frames++;
	n->port.out.bytes += f.len;
	net_send(&n->port, &f);
}

/* False: there is none. */
static bool forward_one(struct nic *n)
{
	unsigned long irq = spin_lock_irqsave(&n->lock);
	u16 slot;
	u32 len;
	const bool any = virtq_pop(&n->rx, &slot, &len);

	spin_unlock_irqrestore(&n->lock, irq);
	if (!any)
		return false;
	forward(n, rx_buffer(n, slot), len);
	irq = spin_lock_irqsave(&n->lock);
	offer(n, slot);
	virtq_kick(&n->rx);
	spin_unlock_irqrestore(&n->lock, irq);
	return true;
}

static void nic_main(void *arg)
{
	struct nic *n = arg;

	for (;;) {
		while (forward_one(n))
			;
		virtq_quiet(&n->rx, false);
		if (virtq_ready(&n->rx)) /* it came before that */
			continue;
		arch_irq_disable();
		thread_park();
		arch_irq_enable();
	}
}

static void interrupt(u32 intid, void *arg)
{
	struct nic *n = arg;

	(void)intid;
	(void)virtio_ack_interrupt(&n->dev);
	virtq_quiet(&n->rx, true);
	thread_unpark(&n->thread);
}

/* ---- start ---- */

static u64 read_mac(const struct nic *n)
{
	u8 mac[8];
	const u32 words[2] = { virtio_config_read32(&n->dev, 0), virtio_config_read32(&n->dev, 4) };

	if (!(n->dev.features & F_MAC))
		return net_mac_of_name("host", n->name);
	memcpy(mac, words, sizeof(mac));
	return net_mac(mac);
}

static int start_queues(struct nic *n)
{
	int err = virtio_start(&n->dev, F_MAC | F_ANY_LAYOUT);

	n->header = n->dev.features & VIRTIO_F_VERSION_1 ? HEADER : HEADER_LEGACY;
	if (!err)
		err = virtio_queue_init(&n->dev, &n->rx, QUEUE_RX, BUFFERS);
	if (!err)
		err = virtio_queue_init(&n->dev, &n->tx, QUEUE_TX, BUFFERS);
	return err;
}

static int join(struct nic *n)
{
	char network[DESC_NAME_MAX];

	(void)snprintf(n->name, sizeof(n->name), "nic%u", count);
	if (count)
		(void)snprintf(network, sizeof(network), "uplink%u", count);
	else
		(void)str_copy(network, "uplink", sizeof(network));
	n->port.owner = "-";
	n->port.name = n->name;
	n->port.receive = receive;
	n->port.sums = sums;
	return net_join(&n->port, network, read_mac(n), STATIONS);
}

static int start_thread(struct nic *n)
{
	struct sched_params params = sched_plain;
	int err = thread_create(&n->thread, n->name, nic_main, n, PRIORITY, BIT(0));

	if (err)
		return err;
	params.weight = WEIGHT_NORMAL;
	thread_set_params(&n->thread, &params);
	thread_start(&n->thread);
	return 0;
}

static int start(const struct virtio_dev *dev, void **arg)
{
	struct nic *n = kzalloc(sizeof(*n));
	int err = n ? 0 : -ENOMEM;

	if (err)
		return err;
	spin_lock_init(&n->lock, LOCK_VIRTIO);
	n->dev = *dev;
	n->buffers = pages_alloc(PAGES);
	if (!n->buffers)
		err = -ENOMEM;
	if (!err)
		err = start_queues(n);
	if (!err)
		err = join(n);
	if (!err)
		err = start_thread(n);
	if (err) { /* boot: the memory that it took is not given back */
		if (n->port.net)
			net_leave(&n->port);
		virtio_fail(&n->dev);
		return err;
	}
	for (u16 slot = 0; slot < n->rx.size; slot++)
		offer(n, slot);
	virtq_quiet(&n->tx, true);
	virtio_driver_ok(&n->dev);
	virtq_kick(&n->rx);
	log_info("%s: the uplink of network '%s'", n->name, net_name(n->port.net));
	count++;
	*arg = n;
	return 0;
}

const struct virtio_driver nic_virtio_driver = {
	.device_id = VIRTIO_ID_NET,
	.name = "virtio-net",
	.start = start,
	.interrupt = interrupt,
};
