/* SPDX-License-Identifier: Apache-2.0 */
#include "netcard.h"

#include "kit/cpu.h"
#include "kit/mmio.h"

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

#define ID_NET    1u
#define WRITE     2u
#define DRIVER_OK 0xfu

struct card cards[CARDS];

static void put(struct card *c, unsigned int reg, uint32_t value)
{
	mmio_write32(c->base + reg, value);
}

static uint32_t low(const volatile void *p)
{
	return (uint32_t)(uintptr_t)p;
}

static void start_queue(struct card *c, unsigned int number, unsigned int size)
{
	struct card_queue *q = &c->queue[number];

	q->avail.flags = q->avail.idx = 0;
	q->used.idx = q->seen = 0;
	put(c, QUEUE_SEL, number);
	put(c, QUEUE_NUM, size);
	put(c, DESC_LOW, low(q->desc));
	put(c, DRIVER_LOW, low(&q->avail));
	put(c, DEVICE_LOW, low(&q->used));
	put(c, QUEUE_READY, 1);
}

void card_start(struct card *c, uint32_t features, unsigned int rx, unsigned int tx)
{
	put(c, STATUS, 0);
	put(c, STATUS, 3);
	put(c, FEATURE_SEL, 0);
	put(c, FEATURES, features);
	put(c, FEATURE_SEL, 1);
	put(c, FEATURES, 1); /* VERSION_1 */
	put(c, STATUS, 3 | 8);
	c->tx_size = tx;
	start_queue(c, CARD_RX, rx);
	start_queue(c, CARD_TX, tx);
	put(c, STATUS, DRIVER_OK);
}

unsigned int card_find(void)
{
	unsigned int count = 0;

	for (unsigned int slot = SLOTS; slot-- > 0 && count < CARDS;) {
		struct card *c = &cards[count];

		c->base = VIRTIO_BASE + slot * SLOT_SIZE;
		c->intid = 48 + slot;
		if (mmio_read32(c->base + DEVICE_ID) != ID_NET) {
			c->base = 0;
			continue;
		}
		for (unsigned int i = 0; i < 6; i++)
			c->mac[i] = mmio_read8(c->base + CONFIG + i);
		card_start(c, 0, CARD_SIZE, CARD_SIZE);
		count++;
	}
	return count;
}

/* Offer descriptor `slot`. */
static void offer(struct card_queue *q, unsigned int slot, unsigned int size)
{
	const uint16_t idx = q->avail.idx;

	q->avail.ring[idx % size] = (uint16_t)slot;
	dsb();
	*(volatile uint16_t *)&q->avail.idx = (uint16_t)(idx + 1);
	dsb();
}

void card_fill(struct card *c, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		c->queue[CARD_RX].desc[i] =
			(struct card_desc){ (uintptr_t)c->rx[i], CARD_BYTES, WRITE, 0 };
		offer(&c->queue[CARD_RX], i, CARD_SIZE);
	}
	card_notify(c, CARD_RX);
}

uint8_t *card_receive(struct card *c, unsigned int *len, unsigned int *slot)
{
	struct card_queue *q = &c->queue[CARD_RX];

	if (q->seen == *(volatile uint16_t *)&q->used.idx)
		return NULL;
	dsb();
	*slot = q->used.ring[q->seen % CARD_SIZE].id % CARD_SIZE;
	*len = q->used.ring[q->seen % CARD_SIZE].len - CARD_HEADER;
	q->seen++;
	return c->rx[*slot] + CARD_HEADER;
}

void card_return(struct card *c, unsigned int slot)
{
	offer(&c->queue[CARD_RX], slot, CARD_SIZE);
	card_notify(c, CARD_RX);
}

uint8_t *card_buffer(struct card *c)
{
	return c->tx[c->queue[CARD_TX].avail.idx % c->tx_size] + CARD_HEADER;
}

bool card_send(struct card *c, unsigned int len)
{
	struct card_queue *q = &c->queue[CARD_TX];
	const unsigned int slot = q->avail.idx % c->tx_size;

	q->desc[slot] = (struct card_desc){ (uintptr_t)c->tx[slot], CARD_HEADER + len, 0, 0 };
	offer(q, slot, c->tx_size);
	card_notify(c, CARD_TX);
	return card_sent(c);
}

bool card_sent(const struct card *c)
{
	const struct card_queue *q = &c->queue[CARD_TX];

	return *(const volatile uint16_t *)&q->used.idx == q->avail.idx;
}

void card_notify(struct card *c, unsigned int queue)
{
	put(c, NOTIFY, queue);
}

void card_ack(struct card *c)
{
	put(c, ISR_ACK, mmio_read32(c->base + ISR));
}
