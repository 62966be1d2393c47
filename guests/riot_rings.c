/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio devices of every kind (VIRTIO 1.2, 2.7 and 4.2), set up and used nearly as they should. */
#include "kit/args.h"
#include "kit/cpu.h"
#include "kit/mmio.h"
#include "riot.h"

#define SLOTS       32u
#define SLOT_SIZE   0x200u
#define DEVICE_ID   0x008u
#define FEATURES_OF 0x010u
#define FEATURES    0x020u
#define FEATURE_SEL 0x024u
#define QUEUE_SEL   0x030u
#define QUEUE_MAX   0x034u
#define QUEUE_NUM   0x038u
#define QUEUE_READY 0x044u
#define NOTIFY      0x050u
#define ISR_ACK     0x064u
#define STATUS      0x070u
#define DESC_LOW    0x080u
#define DRIVER_LOW  0x090u
#define DEVICE_LOW  0x0a0u

#define NEXT     1u
#define WRITE    2u
#define INDIRECT 4u

#define DEVICES 8u
#define QUEUES  8u
#define SIZE    16u
#define PART    0x400u /* of the arena: a queue's */
#define BUFFERS (DEVICES * QUEUES * PART)

_Static_assert(BUFFERS * 2 <= RIOT_ARENA, "the other half is for buffers");

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct queue {
	struct desc desc[SIZE];
	uint16_t avail_flags, avail_idx, avail_ring[SIZE + 1], pad[1];
	uint16_t used_flags, used_idx;
	struct {
		uint32_t id, len;
	} used_ring[SIZE];
	uint16_t event;
};
_Static_assert(sizeof(struct queue) <= PART, "a queue's part of the arena");

static uintptr_t devices[DEVICES];
static unsigned int device_count;

void riot_rings_find(void)
{
	for (unsigned int n = 0; n < SLOTS && device_count < DEVICES; n++) {
		const uintptr_t base = VIRTIO_BASE + n * SLOT_SIZE;

		if (mmio_read32(base + DEVICE_ID))
			devices[device_count++] = base;
	}
}

static struct queue *queue_of(unsigned int device, unsigned int queue)
{
	return (struct queue *)(void *)(riot_arena + (device * QUEUES + queue) * PART);
}

/* An address that a ring may have: its own part, or anything. */
static uint64_t place(const volatile void *right)
{
	return riot_below(64) ? (uintptr_t)right : riot_value();
}

static void set_address(uintptr_t base, unsigned int reg, uint64_t address)
{
	mmio_write32(base + reg, (uint32_t)address);
	mmio_write32(base + reg + 4, (uint32_t)(address >> 32));
}

static void start_queue(unsigned int device, unsigned int number)
{
	const uintptr_t base = devices[device];
	struct queue *q = queue_of(device, number);

	mmio_write32(base + QUEUE_SEL, number);
	if (!mmio_read32(base + QUEUE_MAX))
		return;
	q->avail_flags = (uint16_t)riot_below(2);
	q->avail_idx = 0;
	q->used_idx = 0;
	mmio_write32(base + QUEUE_NUM, riot_below(32) ? SIZE : (uint32_t)riot_value());
	set_address(base, DESC_LOW, place(q->desc));
	set_address(base, DRIVER_LOW, place(&q->avail_flags));
	set_address(base, DEVICE_LOW, place(&q->used_flags));
	mmio_write32(base + QUEUE_READY, 1);
}

void riot_ring_start(void)
{
	const unsigned int device = device_count ? riot_below(device_count) : 0;
	const uintptr_t base = devices[device];
	uint32_t offered;

	if (!device_count)
		return;
	mmio_write32(base + STATUS, 0);
	mmio_write32(base + STATUS, 3);
	mmio_write32(base + FEATURE_SEL, 0);
	offered = mmio_read32(base + FEATURES_OF);
	mmio_write32(base + FEATURES, riot_below(16) ? offered & (uint32_t)riot_random() : ~0u);
	mmio_write32(base + FEATURE_SEL, 1);
	mmio_write32(base + FEATURES, riot_below(16) != 0);
	mmio_write32(base + STATUS, 0xb);
	for (unsigned int n = 0; n < QUEUES; n++)
		start_queue(device, n);
	mmio_write32(base + STATUS, 0xf);
}

/* What a program may write to the port with which it controls other VMs. */
static const char *const requests[] = {
	"info\n",
	"list --json\n",
	"reset riot-kid\n",
	"stat riot-kid\n",
	"stop -f riot-kid\n",
	"run riot-kid\n",
	"new riot-kid\n",
	"delete -f riot-kid\n",
	"\n\n\n",
	"load riot-kid x 7\n",
};

/* Small numbers, as requests begin with: types, sectors, IDs, ports, lengths; or a text. */
static void fill(uint8_t *buffer)
{
	uint32_t *words = (uint32_t *)(void *)buffer;
	const char *text = RIOT_ONE_OF(requests);

	for (unsigned int n = 0; n < 16; n++)
		words[n] = riot_below(4) ? riot_below(24) : (uint32_t)riot_value();
	if (riot_below(8) == 0)
		for (unsigned int n = 0; text[n]; n++)
			buffer[n] = (uint8_t)text[n];
}

static void set_desc(struct desc *d, unsigned int next)
{
	uint8_t *buffer = riot_arena + BUFFERS + 64 * riot_below(BUFFERS / 64 - 64);

	fill(buffer);
	d->addr = place(buffer);
	d->len = riot_below(16) ? riot_below(2048) : (uint32_t)riot_value();
	if (riot_below(2))
		d->len = d->len / 512 * 512 + 16;
	d->flags = (uint16_t)(NEXT | (riot_below(2) ? WRITE : 0));
	if (riot_below(64) == 0)
		d->flags = (uint16_t)riot_random() & (NEXT | WRITE | INDIRECT);
	d->next = (uint16_t)(riot_below(64) ? next : (unsigned int)riot_random());
}

void riot_ring_offer(void)
{
	const unsigned int device = device_count ? riot_below(device_count) : 0;
	const unsigned int number = riot_below(riot_below(4) ? 3 : QUEUES);
	struct queue *q = queue_of(device, number);
	const unsigned int length = 1 + riot_below(4), head = riot_below(SIZE - 4);

	if (!device_count)
		return;
	for (unsigned int n = 0; n < length; n++)
		set_desc(&q->desc[head + n], head + n + 1);
	q->desc[head + length - 1].flags &= (uint16_t)~NEXT;
	q->avail_ring[q->avail_idx % SIZE] = (uint16_t)(riot_below(64) ? head : riot_random());
	dsb();
	q->avail_idx = (uint16_t)(q->avail_idx + (riot_below(64) ? 1 : riot_random()));
	dsb();
	mmio_write32(devices[device] + NOTIFY, number);
	mmio_write32(devices[device] + ISR_ACK, 3);
}

void riot_ring_store(void)
{
	const uintptr_t base = device_count ? RIOT_ONE_OF(devices) : 0;

	if (base)
		mmio_write32(base + 4 * riot_below(SLOT_SIZE / 4), (uint32_t)riot_value());
}
