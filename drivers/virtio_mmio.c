/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio transport over MMIO, and split virtqueues. */
#include <arch/mmu.h>
#include <drivers/mmio.h>
#include <drivers/virtio.h>
#include <kernel/page.h>
#include <lib/errno.h>

/* Virtio 1.2, section 4.2.2. Registers marked 1 exist only in the legacy transport (4.2.4). */
#define MAGIC_VALUE         0x000
#define VERSION             0x004
#define DEVICE_ID           0x008
#define DEVICE_FEATURES     0x010
#define DEVICE_FEATURES_SEL 0x014
#define DRIVER_FEATURES     0x020
#define DRIVER_FEATURES_SEL 0x024
#define GUEST_PAGE_SIZE     0x028 /* 1 */
#define QUEUE_SEL           0x030
#define QUEUE_NUM_MAX       0x034
#define QUEUE_NUM           0x038
#define QUEUE_ALIGN         0x03c /* 1 */
#define QUEUE_PFN           0x040 /* 1 */
#define QUEUE_READY         0x044
#define QUEUE_NOTIFY        0x050
#define INTERRUPT_STATUS    0x060
#define INTERRUPT_ACK       0x064
#define STATUS              0x070
#define QUEUE_DESC_LOW      0x080
#define QUEUE_DESC_HIGH     0x084
#define QUEUE_DRIVER_LOW    0x090
#define QUEUE_DRIVER_HIGH   0x094
#define QUEUE_DEVICE_LOW    0x0a0
#define QUEUE_DEVICE_HIGH   0x0a4
#define CONFIG              0x100

#define MAGIC 0x74726976 /* "virt" */

#define STATUS_ACKNOWLEDGE BIT(0)
#define STATUS_DRIVER      BIT(1)
#define STATUS_DRIVER_OK   BIT(2)
#define STATUS_FEATURES_OK BIT(3)
#define STATUS_FAILED      BIT(7)

#define DESC_F_NEXT     1 /* the buffer continues in descriptor `next` */
#define DESC_F_WRITE    2 /* the device writes the buffer */
#define DESC_F_INDIRECT 4 /* the buffer is a table of descriptors */

#define AVAIL_F_NO_INTERRUPT 1

/* A queue takes two pages: descriptors and the available ring, then the used ring. */
#define QUEUE_PAGES 2
#define MAX_QUEUE   64 /* bits of in_flight */
_Static_assert(MAX_QUEUE * sizeof(struct virtq_desc) + sizeof(struct virtq_avail) +
			       MAX_QUEUE * sizeof(u16) <=
		       PAGE_SIZE,
	       "descriptors and available ring fit in a page");
_Static_assert(sizeof(struct virtq_desc) == 16, "section 2.7.5");
_Static_assert(sizeof(struct virtq_used_elem) == 8, "section 2.7.8");

bool virtio_mmio_open(struct virtio_dev *d, volatile void *regs)
{
	if (mmio_read32(regs, MAGIC_VALUE) != MAGIC)
		return false;
	d->regs = regs;
	d->version = mmio_read32(regs, VERSION);
	d->device_id = mmio_read32(regs, DEVICE_ID);
	d->features = 0;
	return (d->version == 1 || d->version == 2) && d->device_id != 0;
}

static void add_status(struct virtio_dev *d, u32 bits)
{
	mmio_write32(d->regs, STATUS, mmio_read32(d->regs, STATUS) | bits);
}

void virtio_fail(struct virtio_dev *d)
{
	add_status(d, STATUS_FAILED);
}

#define RESET_READS 1000

bool virtio_stop(struct virtio_dev *d)
{
	u32 reads = 0;

	mmio_write32(d->regs, STATUS, 0);
	while (mmio_read32(d->regs, STATUS) != 0)
		if (++reads == RESET_READS)
			return false;
	return true;
}

static u64 offered_features(struct virtio_dev *d)
{
	u64 low;

	mmio_write32(d->regs, DEVICE_FEATURES_SEL, 0);
	low = mmio_read32(d->regs, DEVICE_FEATURES);
	mmio_write32(d->regs, DEVICE_FEATURES_SEL, 1);
	return low | (u64)mmio_read32(d->regs, DEVICE_FEATURES) << 32;
}

int virtio_start(struct virtio_dev *d, u64 wanted)
{
	u64 offered;

	/* Section 3.1.1. */
	mmio_write32(d->regs, STATUS, 0);
	if (mmio_read32(d->regs, STATUS) != 0)
		return -EIO;
	add_status(d, STATUS_ACKNOWLEDGE);
	add_status(d, STATUS_DRIVER);
	offered = offered_features(d);
	if (d->version == 2)
		wanted |= VIRTIO_F_VERSION_1;
	d->features = offered & wanted;
	mmio_write32(d->regs, DRIVER_FEATURES_SEL, 0);
	mmio_write32(d->regs, DRIVER_FEATURES, (u32)d->features);
	mmio_write32(d->regs, DRIVER_FEATURES_SEL, 1);
	mmio_write32(d->regs, DRIVER_FEATURES, (u32)(d->features >> 32));
	if (d->version == 1) {
		mmio_write32(d->regs, GUEST_PAGE_SIZE, (u32)PAGE_SIZE);
		return 0;
	}
	add_status(d, STATUS_FEATURES_OK);
	if (!(d->features & VIRTIO_F_VERSION_1) ||
	    !(mmio_read32(d->regs, STATUS) & STATUS_FEATURES_OK)) {
		virtio_fail(d);
		return -EIO;
	}
	return 0;
}

static void write_address(struct virtio_dev *d, u32 low, const volatile void *va)
{
	u64 pa = virt_to_phys((const void *)(uintptr_t)va).pa;

	mmio_write32(d->regs, low, (u32)pa);
	mmio_write32(d->regs, low + 4, (u32)(pa >> 32));
}

static void hand_over(struct virtio_dev *d, struct virtq *q)
{
	mmio_write32(d->regs, QUEUE_NUM, q->size);
	if (d->version == 1) {
		mmio_write32(d->regs, QUEUE_ALIGN, (u32)PAGE_SIZE);
		mmio_write32(d->regs, QUEUE_PFN, (u32)(virt_to_phys(q->desc).pa / PAGE_SIZE));
		return;
	}
	write_address(d, QUEUE_DESC_LOW, q->desc);
	write_address(d, QUEUE_DRIVER_LOW, q->avail);
	write_address(d, QUEUE_DEVICE_LOW, q->used);
	mmio_write32(d->regs, QUEUE_READY, 1);
}

int virtio_queue_init(struct virtio_dev *d, struct virtq *q, u16 index, u16 max_size)
{
	u32 limit;
	u8 *mem;

	mmio_write32(d->regs, QUEUE_SEL, index);
	limit = mmio_read32(d->regs, QUEUE_NUM_MAX);
	if (limit == 0)
		return -ENOENT;
	if (mmio_read32(d->regs, d->version == 1 ? QUEUE_PFN : QUEUE_READY) != 0)
		return -EIO;
	mem = pages_alloc(QUEUE_PAGES);
	if (!mem)
		return -ENOMEM;
	limit = MIN(MIN(limit, max_size), MAX_QUEUE);
	q->dev = d;
	q->index = index;
	for (q->size = 1; q->size * 2u <= limit;)
		q->size = (u16)(q->size * 2);
	q->last_used = 0;
	q->in_flight = 0;
	/* The legacy layout: the later transport takes any layout. */
	q->desc = (struct virtq_desc *)(void *)mem;
	q->avail = (struct virtq_avail *)(void *)(mem + q->size * sizeof(struct virtq_desc));
	q->used = (volatile struct virtq_used *)(void *)(mem + PAGE_SIZE);
	hand_over(d, q);
	return 0;
}

void virtio_driver_ok(struct virtio_dev *d)
{
	add_status(d, STATUS_DRIVER_OK);
}

u32 virtio_ack_interrupt(struct virtio_dev *d)
{
	u32 reasons = mmio_read32(d->regs, INTERRUPT_STATUS);

	if (reasons)
		mmio_write32(d->regs, INTERRUPT_ACK, reasons);
	/*
	 * Acknowledge first, then look at the used rings. In the other order a later interrupt
	 * would be lost.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return reasons;
}

u32 virtio_config_read32(const struct virtio_dev *d, u32 offset)
{
	return mmio_read32(d->regs, CONFIG + offset);
}

/* Offer the chain that begins with descriptor `slot`. */
static void make_available(struct virtq *q, u16 slot)
{
	u16 idx = q->avail->idx;

	q->avail->ring[idx & (q->size - 1)] = slot;
	q->in_flight |= BIT(slot);
	/*
	 * Section 2.7.13.2: the device must see the descriptors and the ring entry before the
	 * index.
	 */
	__atomic_store_n(&q->avail->idx, (u16)(idx + 1), __ATOMIC_RELEASE);
}

void virtq_describe(struct virtq_desc *table, u32 n, const struct virtq_part *part, bool last)
{
	table[n] = (struct virtq_desc){
		.addr = part->pa.pa,
		.len = part->len,
		.flags = (u16)((last ? 0 : DESC_F_NEXT) | (part->device_writes ? DESC_F_WRITE : 0)),
		.next = (u16)(last ? 0 : n + 1),
	};
}

void virtq_submit_chain(struct virtq *q, u16 slot, const struct virtq_part *parts, u32 count)
{
	for (u32 i = 0; i < count; i++)
		virtq_describe(q->desc, slot + i, &parts[i], i + 1 == count);
	make_available(q, slot);
}

void virtq_submit_table(struct virtq *q, u16 slot, const struct virtq_desc *table, u32 count)
{
	q->desc[slot] = (struct virtq_desc){
		.addr = virt_to_phys(table).pa,
		.len = count * (u32)sizeof(*table),
		.flags = DESC_F_INDIRECT,
	};
	make_available(q, slot);
}

void virtq_submit(struct virtq *q, u16 slot, paddr_t pa, u32 len, bool device_writes)
{
	const struct virtq_part part = { pa, len, device_writes };

	virtq_submit_chain(q, slot, &part, 1);
}

void virtq_quiet(struct virtq *q, bool quiet)
{
	__atomic_store_n(&q->avail->flags, quiet ? AVAIL_F_NO_INTERRUPT : 0, __ATOMIC_RELAXED);
	/* Section 2.7.7.1: the device must see that before the caller looks at the used ring. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void virtq_kick(struct virtq *q)
{
	/* Section 2.7.13.3: the device must see the index before the notification. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	mmio_write32(q->dev->regs, QUEUE_NOTIFY, q->index);
}

bool virtq_ready(const struct virtq *q)
{
	/* Pairs with the device: it writes the entry before the index. */
	return __atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE) !=
	       __atomic_load_n(&q->last_used, __ATOMIC_RELAXED);
}

bool virtq_pop(struct virtq *q, u16 *slot, u32 *len)
{
	u16 entry = q->last_used & (u16)(q->size - 1);
	u32 id;

	if (!virtq_ready(q))
		return false;
	id = q->used->ring[entry].id;
	*len = q->used->ring[entry].len;
	__atomic_store_n(&q->last_used, (u16)(q->last_used + 1), __ATOMIC_RELAXED);
	if (id >= q->size || !(q->in_flight & BIT(id)))
		return false;
	q->in_flight &= ~BIT(id);
	*slot = (u16)id;
	return true;
}
