/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sockets: two socket devices of one VM (VIRTIO 1.2, 5.10) that send packets to each other. First a
 * packet in pieces arrives as it was sent. With `storm` in the bootargs packets of every kind
 * follow without end, into buffers of any size, or none (tools/interference).
 */
#include "kit/args.h"
#include "kit/cpu.h"
#include "kit/mmio.h"
#include "kit/print.h"
#include "kit/smp.h"
#include "kit/time.h"

#define SLOTS       32u
#define SLOT_SIZE   0x200u
#define DEVICE_ID   0x008u
#define FEATURES    0x020u /* the driver's */
#define FEATURE_SEL 0x024u
#define QUEUE_SEL   0x030u
#define QUEUE_NUM   0x038u
#define QUEUE_READY 0x044u
#define NOTIFY      0x050u
#define ISR         0x060u
#define ISR_ACK     0x064u
#define STATUS      0x070u
#define DESC_LOW    0x080u
#define DRIVER_LOW  0x090u
#define DEVICE_LOW  0x0a0u
#define CONFIG      0x100u

#define ID_SOCKETS  19u
#define DRIVER_OK   0xfu
#define NEEDS_RESET 0x40u
#define NEXT        1u
#define WRITE       2u

#define RX   0u
#define TX   1u
#define SIZE 16u   /* of a queue */
#define ROOM 4096u /* of a buffer */

#define HOST   2u /* its ID */
#define STREAM 1u
#define OP_RW  5u

struct head {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port, len;
	uint16_t type, op;
	uint32_t flags, buf_alloc, fwd_cnt;
} __attribute__((packed));

struct queue {
	struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
	} desc[SIZE] __attribute__((aligned(16)));
	struct {
		uint16_t flags, idx, ring[SIZE + 1];
	} avail __attribute__((aligned(64)));
	struct {
		uint16_t flags, idx;
		struct {
			uint32_t id, len;
		} ring[SIZE];
		uint16_t event;
	} used __attribute__((aligned(64)));
};

static struct sockets {
	uintptr_t base;
	uint32_t cid;
	struct queue queue[2];
	struct {
		struct head head;
		uint8_t data[2 * ROOM];
	} packet __attribute__((aligned(16)));
	uint8_t rx[SIZE][ROOM];
} devices[2];

static uint64_t random(void)
{
	static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* ---- the driver ---- */

static void put(struct sockets *s, unsigned int reg, uint32_t value)
{
	mmio_write32(s->base + reg, value);
}

static void start_queue(struct sockets *s, unsigned int number)
{
	struct queue *q = &s->queue[number];

	q->avail.flags = q->avail.idx = 0;
	q->used.idx = 0;
	put(s, QUEUE_SEL, number);
	put(s, QUEUE_NUM, SIZE);
	put(s, DESC_LOW, (uint32_t)(uintptr_t)q->desc);
	put(s, DRIVER_LOW, (uint32_t)(uintptr_t)&q->avail);
	put(s, DEVICE_LOW, (uint32_t)(uintptr_t)&q->used);
	put(s, QUEUE_READY, 1);
}

static void start(struct sockets *s)
{
	put(s, STATUS, 0);
	put(s, STATUS, 3);
	put(s, FEATURE_SEL, 0);
	put(s, FEATURES, 0);
	put(s, FEATURE_SEL, 1);
	put(s, FEATURES, 1); /* VERSION_1 */
	put(s, STATUS, 3 | 8);
	start_queue(s, RX);
	start_queue(s, TX);
	put(s, STATUS, DRIVER_OK);
}

static unsigned int find(void)
{
	unsigned int count = 0;

	for (unsigned int slot = SLOTS; slot-- > 0 && count < ARRAY_SIZE(devices);) {
		struct sockets *s = &devices[count];

		s->base = VIRTIO_BASE + slot * SLOT_SIZE;
		if (mmio_read32(s->base + DEVICE_ID) != ID_SOCKETS)
			continue;
		s->cid = mmio_read32(s->base + CONFIG);
		start(s);
		count++;
	}
	return count;
}

/* Entries that the device has not answered. */
static unsigned int open_entries(const struct queue *q)
{
	return (uint16_t)(q->avail.idx - *(const volatile uint16_t *)&q->used.idx);
}

static void offer(struct queue *q, unsigned int head)
{
	const uint16_t idx = q->avail.idx;

	q->avail.ring[idx % SIZE] = (uint16_t)head;
	dsb();
	*(volatile uint16_t *)&q->avail.idx = (uint16_t)(idx + 1);
	dsb();
}

/* A buffer of so many bytes, in one descriptor. */
static void give_room(struct sockets *s, uint32_t bytes)
{
	struct queue *q = &s->queue[RX];
	const unsigned int n = q->avail.idx % SIZE;

	if (open_entries(q) == SIZE)
		return;
	q->desc[n].addr = (uintptr_t)s->rx[n];
	q->desc[n].len = bytes;
	q->desc[n].flags = WRITE;
	offer(q, n);
}

/* The packet, cut after `first` bytes and then after each `step` bytes. */
static void send(struct sockets *s, uint32_t bytes, uint32_t first, uint32_t step)
{
	struct queue *q = &s->queue[TX];
	uint64_t at = (uintptr_t)&s->packet;
	unsigned int n = 0;

	for (uint32_t len = first; n < SIZE; n++, at += len, bytes -= len, len = step) {
		if (len >= bytes || n == SIZE - 1)
			len = bytes;
		q->desc[n].addr = at;
		q->desc[n].len = len;
		q->desc[n].flags = len < bytes ? NEXT : 0;
		q->desc[n].next = (uint16_t)(n + 1);
		if (len == bytes)
			break;
	}
	offer(q, 0);
	put(s, NOTIFY, TX);
}

static struct head head_of(const struct sockets *from, const struct sockets *to, uint32_t len)
{
	return (struct head){ .src_cid = from->cid,
			      .dst_cid = to->cid,
			      .src_port = 1,
			      .dst_port = 2,
			      .len = len,
			      .type = STREAM,
			      .op = OP_RW };
}

/* ---- what it does ---- */

#define BYTES 1000u

/* The stream so far, in buffers as the device cut it. False: less has come, or something else. */
static bool has_stream(struct sockets *s)
{
	const struct queue *q = &s->queue[RX];
	unsigned int at = 0;

	for (unsigned int i = 0; i < *(const volatile uint16_t *)&q->used.idx; i++) {
		const uint8_t *got = s->rx[q->used.ring[i % SIZE].id % SIZE];
		const uint32_t len = q->used.ring[i % SIZE].len;

		for (uint32_t n = sizeof(struct head); n < len; n++, at++)
			if (got[n] != (uint8_t)(at * 7))
				return false;
	}
	return at == BYTES;
}

static bool arrives(struct sockets *from, struct sockets *to)
{
	from->packet.head = head_of(from, to, BYTES);
	for (unsigned int i = 0; i < BYTES; i++)
		from->packet.data[i] = (uint8_t)(i * 7);
	for (unsigned int i = 0; i < SIZE; i++)
		give_room(to, ROOM);
	put(to, NOTIFY, RX);
	send(from, sizeof(struct head) + BYTES, 30, 200);
	return wait_for(has_stream(to), 1000000);
}

static void storm_room(struct sockets *s)
{
	static const uint32_t sizes[] = { sizeof(struct head), sizeof(struct head) + 1, 100, 2092,
					  ROOM };

	for (uint64_t n = random() % SIZE; n > 0; n--)
		give_room(s, sizes[random() % ARRAY_SIZE(sizes)]);
	put(s, NOTIFY, RX);
}

static void storm_packet(struct sockets *from, struct sockets *to)
{
	static const uint32_t lengths[] = { 0, 1, 100, 2048, 2049, 2 * ROOM, 0xffffffff };
	static const uint64_t strangers[] = { 0, 2, 77, 0xffffffff };
	const uint32_t len = lengths[random() % ARRAY_SIZE(lengths)];
	struct head *h = &from->packet.head;

	*h = head_of(from, to, len);
	h->src_port = (uint32_t)random() % 256;
	if (random() % 8 == 0)
		h->dst_cid = strangers[random() % ARRAY_SIZE(strangers)];
	if (random() % 16 == 0)
		h->src_cid = random();
	if (random() % 4 == 0)
		h->op = (uint16_t)(random() % 10);
	if (random() % 16 == 0)
		h->type = (uint16_t)random();
	send(from, (uint32_t)sizeof(*h) + (len > 2 * ROOM ? 100 : len),
	     random() % 2 ? (uint32_t)sizeof(*h) : 1 + (uint32_t)random() % 60,
	     random() % 4 ? 1 + (uint32_t)random() % ROOM : 1);
}

/* A connection to the machine's port 2: packets of any kind, often more than its credit. */
static void storm_host(struct sockets *from, const struct sockets *to)
{
	static const uint16_t ops[] = { 1, 5, 5, 5, 5, 5, 6, 7, 2, 3, 4 };
	struct head *h = &from->packet.head;

	*h = head_of(from, to, (uint32_t)random() % ROOM);
	h->dst_cid = HOST;
	h->op = ops[random() % ARRAY_SIZE(ops)];
	h->flags = (uint32_t)random();
	h->buf_alloc = (uint32_t)random();
	send(from, (uint32_t)sizeof(*h) + h->len, (uint32_t)sizeof(*h), ROOM);
}

static void storm(void)
{
	for (;;) {
		struct sockets *from = &devices[random() % 2], *to = &devices[from == devices];

		if (random() % 4 || !open_entries(&to->queue[RX]))
			storm_room(to);
		if (random() % 4)
			storm_packet(from, to);
		else
			storm_host(from, to);
		put(to, ISR_ACK, mmio_read32(to->base + ISR));
		for (unsigned int i = 0; i < 2; i++)
			if (random() % 64 == 0 || open_entries(&devices[i].queue[TX]) ||
			    mmio_read32(devices[i].base + STATUS) & NEEDS_RESET)
				start(&devices[i]);
	}
}

void guest_main(void)
{
	const unsigned int found = find();

	if (found < 2) {
		print("sockets: FAIL: %u devices\n", found);
		return;
	}
	print("sockets: %s\n",
	      arrives(&devices[0], &devices[1]) && arrives(&devices[1], &devices[0]) ? "PASS"
										     : "FAIL");
	if (boot_arg("storm"))
		storm();
}
