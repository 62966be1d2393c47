/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver of the machine's network cards, on both transports: frames in and out, a card that is
 * slow, and one that returns what it never had. The driver's sources are part of this file.
 */
#include "unit.h"

#include <arch/mmu.h>
#include <asm/host.h>
#include <kernel/page.h>
#include <setjmp.h>
#include <string.h>

#define DRIVERS_MMIO_H /* takes the place of drivers/mmio.h */
static u32 mmio_read32(const volatile void *base, u32 offset);
static void mmio_write32(volatile void *base, u32 offset, u32 value);

#include "../../drivers/virtio_mmio.c"
#include "../../drivers/nic_virtio.c"

#define MAC 0x525400000001ULL

static struct {
	u32 version, status, queue, notified;
	bool no_mac;
	u16 seen; /* of what it was given to send */
} card;

static struct nic *nic;
static bool refused;   /* the network has that address */
static bool no_thread; /* there is no memory for one */
static u32 left;
static char network[DESC_NAME_MAX];
static u64 mac;
static u32 unparked;
static jmp_buf parked;
static u32 sent;
static u8 last[NET_FRAME_MAX]; /* the last frame from outside */
static u32 last_len;

/* ---- in place of the house ---- */

const struct sched_params sched_plain;

void klog(enum log_level level, const char *fmt, ...)
{
	(void)level, (void)fmt;
}

int thread_create(struct thread *t, const char *name, void (*fn)(void *), void *arg, u8 prio,
		  u64 affinity)
{
	(void)t, (void)name, (void)prio;
	assert_ptr_equal(fn, nic_main);
	assert_int_equal(affinity, 1);
	nic = arg;
	return no_thread ? -ENOMEM : 0;
}

void thread_set_params(struct thread *t, const struct sched_params *p)
{
	(void)t;
	assert_int_equal(p->weight, WEIGHT_NORMAL);
}

void thread_start(struct thread *t)
{
	assert_ptr_equal(t, &nic->thread);
}

void thread_unpark(struct thread *t)
{
	assert_ptr_equal(t, &nic->thread);
	unparked++;
}

void thread_park(void)
{
	assert_false(host_irqs_open[0]); /* so an interrupt is not missed */
	longjmp(parked, 1);
}

int net_join(struct net_port *port, const char *name, u64 address, u32 room)
{
	assert_int_equal(room, STATIONS);
	(void)str_copy(network, name, sizeof(network));
	mac = address;
	port->net = refused ? NULL : (struct net *)(void *)port;
	return refused ? -EEXIST : 0;
}

void net_leave(struct net_port *port)
{
	assert_non_null(port->net);
	left++;
}

const char *net_name(const struct net *net)
{
	(void)net;
	return network;
}

void net_send(struct net_port *from, struct net_frame *f)
{
	assert_ptr_equal(from, &nic->port);
	assert_true(host_irqs_open[0]);
	assert_int_equal(nic->lock.locked, 0);
	assert_memory_equal(f->head, f->pieces[0].at, NET_HEAD);
	net_frame_copy(f, last);
	last_len = f->len;
	sent++;
}

/* ---- the card ---- */

static u32 mmio_read32(const volatile void *base, u32 offset)
{
	(void)base;
	switch (offset) {
	case DEVICE_FEATURES:
		return card.no_mac ? 1 : 1 | F_MAC;
	case QUEUE_NUM_MAX:
		return 256;
	case STATUS:
		return card.status;
	case CONFIG:
		return 0x00005452; /* the address, in the order of memory */
	case CONFIG + 4:
		return 0xffff0100;
	default:
		return 0;
	}
}

static void mmio_write32(volatile void *base, u32 offset, u32 value)
{
	(void)base;
	if (offset == STATUS)
		card.status = value;
	else if (offset == QUEUE_NOTIFY)
		card.notified |= 1U << value;
}

static struct virtq_used *used_of(struct virtq *q)
{
	return (struct virtq_used *)(uintptr_t)q->used;
}

static void give_back(struct virtq *q, u32 id, u32 len)
{
	struct virtq_used *used = used_of(q);

	used->ring[used->idx % q->size].id = id;
	used->ring[used->idx % q->size].len = len;
	used->idx++;
}

/* What the driver gave to it to send next: the bytes, and their number. NULL: nothing. */
static const u8 *next_sent(u32 *len, u32 *id)
{
	struct virtq *q = &nic->tx;

	if (card.seen == q->avail->idx)
		return NULL;
	*id = q->avail->ring[card.seen++ % q->size];
	assert_int_equal(q->desc[*id].flags, 0);
	*len = q->desc[*id].len;
	return phys_to_virt(PADDR(q->desc[*id].addr));
}

/* A frame of so many bytes from outside: in the buffer that the driver offered first. */
static void arrive(u32 id, u8 fill, u32 len)
{
	u8 *to = phys_to_virt(PADDR(nic->rx.desc[id].addr));

	assert_int_equal(nic->rx.desc[id].len, BYTES);
	assert_int_equal(nic->rx.desc[id].flags, 2);
	memset(to, 0xee, nic->header);
	memset(to + nic->header, fill, len);
	give_back(&nic->rx, id, nic->header + len);
}

static void run_thread(void)
{
	if (!setjmp(parked))
		nic_main(nic);
	host_irqs_open[0] = true;
}

static int start_card(u32 version)
{
	const struct phys_range ram = { PADDR(HOST_RAM_BASE), HOST_RAM_SIZE };
	struct virtio_dev dev = { .device_id = VIRTIO_ID_NET, .version = version };
	void *arg = NULL;
	int r;

	host_reset();
	assert_int_equal(host_page_init(&ram, 1, NULL, 0), 0);
	host_irqs_open[0] = true;
	nic = NULL;
	card.notified = card.status = card.seen = 0;
	card.version = version;
	sent = unparked = last_len = 0;
	r = nic_virtio_driver.start(&dev, &arg);
	if (!r)
		assert_ptr_equal(arg, nic);
	return r;
}

static int setup(void **state)
{
	*state = NULL;
	count = 0;
	card.no_mac = refused = no_thread = false;
	left = 0;
	return start_card(2);
}

static void send_frame(const char *data, u32 len)
{
	struct net_frame f = { .count = 0 };

	assert_true(net_frame_add(&f, "0123456789abcd", NET_HEAD));
	assert_true(net_frame_add(&f, data, len));
	host_irqs_open[0] = false;
	nic->port.receive(&nic->port, &f, 0);
	host_irqs_open[0] = true;
}

/* ---- tests ---- */

static void test_start(void **state)
{
	(void)state;
	assert_int_equal(mac, MAC);
	assert_string_equal(network, "uplink");
	assert_string_equal(nic->name, "nic0");
	assert_int_equal(nic->header, 12);
	assert_int_equal(card.status, 0xf); /* DRIVER_OK */
	assert_int_equal(card.notified, 1 << QUEUE_RX);
	assert_int_equal(nic->rx.avail->idx, BUFFERS);
	assert_int_equal(nic->tx.avail->flags, 1); /* nothing waits for a buffer that is sent */
	assert_false(nic->port.sums(&nic->port));
	/* A second card, of the first transport, that has no address of its own. */
	card.no_mac = true;
	assert_int_equal(start_card(1), 0);
	assert_string_equal(network, "uplink1");
	assert_int_equal(mac, net_mac_of_name("host", "nic1"));
	assert_int_equal(nic->header, 10);
	/* A card that cannot join is given up, and is no uplink. */
	refused = true;
	assert_int_equal(start_card(2), -EEXIST);
	assert_int_equal(card.status & 0x80, 0x80);
	assert_int_equal(left, 0);
	/* Without a thread it leaves the network: no frame goes to it. */
	refused = false;
	no_thread = true;
	assert_int_equal(start_card(2), -ENOMEM);
	assert_int_equal(left, 1);
	assert_int_equal(count, 2);
}

static void test_sending(void **state)
{
	u32 len = 0, id = 0;
	const u8 *data;

	(void)state;
	send_frame("data", 4);
	assert_int_equal(card.notified, 3);
	data = next_sent(&len, &id);
	assert_non_null(data);
	assert_int_equal(len, 12 + 18);
	assert_memory_equal(data,
			    "\0\0\0\0\0\0\0\0\0\0\0\0"
			    "0123456789abcddata",
			    30);
	assert_null(next_sent(&len, &id));
	assert_int_equal(nic->port.in.frames, 1);
	assert_int_equal(nic->port.in.bytes, 18);
	/* It has them all: what comes is dropped, until one is back. */
	for (u32 i = 1; i < BUFFERS; i++)
		send_frame("data", 4);
	assert_int_equal(nic->port.in.dropped, 0);
	send_frame("lost", 4);
	assert_int_equal(nic->port.in.dropped, 1);
	give_back(&nic->tx, 7, 0);
	send_frame("more", 4);
	assert_int_equal(nic->port.in.frames, BUFFERS + 1);
	assert_int_equal(nic->tx.avail->ring[BUFFERS % BUFFERS], 7);
	/* What it never had, or gave back already, frees nothing. */
	give_back(&nic->tx, BUFFERS, 0);
	give_back(&nic->tx, ~0U, 0);
	send_frame("lost", 4);
	send_frame("lost", 4);
	assert_int_equal(nic->port.in.dropped, 3);
	give_back(&nic->tx, 7, 0);
	give_back(&nic->tx, 7, 0);
	send_frame("more", 4);
	send_frame("lost", 4);
	assert_int_equal(nic->port.in.dropped, 4);
}

static void test_receiving(void **state)
{
	(void)state;
	run_thread(); /* nothing is there */
	assert_int_equal(nic->rx.avail->flags, 0);
	arrive(0, 0x11, 60);
	interrupt(0, nic);
	assert_int_equal(unparked, 1);
	assert_int_equal(nic->rx.avail->flags,
			 1); /* no further interrupt, until the thread slept */
	run_thread();
	assert_int_equal(nic->rx.avail->flags, 0);
	assert_int_equal(sent, 1);
	assert_int_equal(last_len, 60);
	assert_int_equal(last[0], 0x11);
	assert_int_equal(last[59], 0x11);
	/* The buffer is the card's again. */
	assert_int_equal(nic->rx.avail->idx, BUFFERS + 1);
	assert_int_equal(nic->rx.avail->ring[0], 0);
	arrive(5, 0x22, NET_HEAD);
	arrive(3, 0x33, NET_FRAME_MAX);
	run_thread();
	assert_int_equal(sent, 3);
	assert_int_equal(last_len, NET_FRAME_MAX);
	assert_int_equal(nic->port.out.bytes, 60 + NET_HEAD + NET_FRAME_MAX);
	assert_int_equal(nic->port.out.dropped, 0);
}

/* Lengths that cannot be are no frames; their buffers are used again. */
static void test_lengths(void **state)
{
	static const u32 wrong[] = { 0, 11, 12, 25, 12 + NET_FRAME_MAX + 1, BYTES, BYTES + 1, ~0U };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(wrong); i++)
		give_back(&nic->rx, i, wrong[i]);
	run_thread();
	assert_int_equal(sent, 0);
	assert_int_equal(nic->port.out.dropped, ARRAY_SIZE(wrong));
	assert_int_equal(nic->port.out.frames, 0);
	assert_int_equal(nic->rx.avail->idx, BUFFERS + ARRAY_SIZE(wrong));
	arrive(0, 0x44, 100);
	run_thread();
	assert_int_equal(sent, 1);
}

/* A card that returns buffers that it does not have keeps neither the thread nor others. */
static void test_numbers(void **state)
{
	(void)state;
	give_back(&nic->rx, BUFFERS, 100);
	give_back(&nic->rx, ~0U, 100);
	give_back(&nic->rx, 64, 100);
	run_thread();
	assert_int_equal(sent, 0);
	assert_int_equal(nic->rx.avail->idx, BUFFERS);
	arrive(9, 0x55, 64);
	give_back(&nic->rx, 9, 76); /* once more, before it is offered again */
	run_thread();
	assert_in_range(sent, 1, 2);
	used_of(&nic->rx)->idx += 1000;
	run_thread();
	assert_false(virtq_ready(&nic->rx));
	assert_int_equal(nic->rx.in_flight, BIT(BUFFERS) - 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, unit_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_start),   TEST(test_sending), TEST(test_receiving),
		TEST(test_lengths), TEST(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
