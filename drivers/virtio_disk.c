/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Driver of virtio disks (Virtio 1.2, section 5.2). Several transfers are in flight at once; what
 * finds no room waits in a queue. A device that does not answer for LIMIT_MS has failed: it is
 * reset, so that it leaves memory alone, and everything ends in errors. Any answer is one: several
 * VMs share the device, and a transfer may stand behind those of another one.
 */
#include <arch/mmu.h>
#include <arch/timer.h>
#include <drivers/virtio_disk.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <kernel/spinlock.h>
#include <kernel/timeout.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/disk.h>

#define SLOTS    8      /* transfers in flight */
#define PARTS    3      /* descriptors of each */
#define QUEUE    32     /* descriptors: a power of two */
#define LIMIT_MS 30000  /* without any answer */
#define LOST_MS  300000 /* for one transfer, whatever else is answered */
#define ANSWERS  4      /* that one section takes: each may wake a VM */
#define LOOK_MS  5000   /* between two looks whether one is late */

/* 5.2.3: features */
#define F_SIZE_MAX     BIT(1)
#define F_SEG_MAX      BIT(2)
#define F_RO           BIT(5)
#define F_BLK_SIZE     BIT(6)
#define F_FLUSH        BIT(9)
#define F_DISCARD      BIT(13)
#define F_WRITE_ZEROES BIT(14)

/* 5.2.4: configuration */
#define CFG_CAPACITY    0
#define CFG_SIZE_MAX    8
#define CFG_SEG_MAX     12
#define CFG_BLK_SIZE    20
#define CFG_MAX_DISCARD 36
#define CFG_MAX_ZEROES  48

/* 5.2.6: types of requests */
enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };
#define S_OK       0
#define FLAG_UNMAP 1U

struct blk_header {
	u32 type, reserved;
	u64 sector;
};

struct blk_range {
	u64 sector;
	u32 count, flags;
};

/* What a device reads and writes beside the data: one page. */
struct blk_page {
	struct blk_header header[SLOTS];
	struct blk_range range[SLOTS];
	u8 status[SLOTS];
	u8 serial[DISK_SERIAL];
};
_Static_assert(sizeof(struct blk_page) <= PAGE_SIZE, "a page");

struct vblk {
	struct disk disk; /* first */
	struct virtio_dev dev;
	struct spinlock lock; /* guards what follows */
	struct virtq queue;
	struct blk_page *page;
	struct disk_io *slots[SLOTS];
	u32 expected[SLOTS];              /* bytes that the device has to write */
	u64 deadline[SLOTS], lost[SLOTS]; /* is_late() */
	u64 deadline_all;                 /* moved by each answer */
	struct list waiting;              /* for a slot */
	struct timeout look;
	bool looking; /* the timeout is set */
	bool failed;
};
_Static_assert(sizeof(struct vblk) <= PAGE_SIZE, "kzalloc()");

/* ---- a request; lock held ---- */

static u32 type_of(enum disk_op op)
{
	static const u8 types[] = {
		[DISK_READ] = T_IN,
		[DISK_WRITE] = T_OUT,
		[DISK_FLUSH] = T_FLUSH,
		[DISK_DISCARD] = T_DISCARD,
		[DISK_ZEROES] = T_WRITE_ZEROES,
		[DISK_ZEROES_UNMAP] = T_WRITE_ZEROES,
	};

	return types[op];
}

/* Describe the data of a request. The number of parts, 0 or 1. */
static u32 data_part(struct vblk *d, u32 slot, const struct disk_io *io, struct virtq_part *part)
{
	const u32 bytes = io->sectors * (u32)DISK_SECTOR;

	switch (io->op) {
	case DISK_READ:
	case DISK_WRITE:
		*part = (struct virtq_part){ virt_to_phys(io->data), bytes, io->op == DISK_READ };
		return 1;
	case DISK_FLUSH:
		return 0;
	default:
		d->page->range[slot] =
			(struct blk_range){ io->sector, io->sectors,
					    io->op == DISK_ZEROES_UNMAP ? FLAG_UNMAP : 0 };
		*part = (struct virtq_part){ virt_to_phys(&d->page->range[slot]),
					     sizeof(struct blk_range), false };
		return 1;
	}
}

/* A transfer's table: its header, its parts, its status. */
#define TABLE_PARTS ((u32)(PAGE_SIZE / sizeof(struct virtq_desc)) - 2)

static void describe(struct disk_io *io, u32 n, void *at, u32 bytes)
{
	const struct virtq_part part = { virt_to_phys(at), bytes, io->op == DISK_READ };

	virtq_describe(io->table, n + 1, &part, false);
}

/* Complete the table and offer it. */
static void offer_table(struct vblk *d, u32 slot, const struct disk_io *io,
			const struct virtq_part *header, const struct virtq_part *status)
{
	virtq_describe(io->table, 0, header, false);
	virtq_describe(io->table, io->parts + 1, status, true);
	virtq_submit_table(&d->queue, (u16)(slot * PARTS), io->table, io->parts + 2);
}

/* Put a request into a free slot and offer it to the device. */
static void offer(struct vblk *d, u32 slot, struct disk_io *io)
{
	const bool ranged = io->op == DISK_READ || io->op == DISK_WRITE;
	const struct virtq_part status = { virt_to_phys(&d->page->status[slot]), 1, true };
	struct virtq_part parts[PARTS];
	u32 count = 1;

	d->page->header[slot] = (struct blk_header){ type_of(io->op), 0, ranged ? io->sector : 0 };
	d->page->status[slot] = (u8)~S_OK;
	parts[0] = (struct virtq_part){ virt_to_phys(&d->page->header[slot]),
					sizeof(struct blk_header), false };
	d->slots[slot] = io;
	d->expected[slot] = 1 + (io->op == DISK_READ ? io->sectors * (u32)DISK_SECTOR : 0);
	d->lost[slot] = deadline_ms(LOST_MS);
	/* A FLUSH takes as long as all that was written before it. */
	d->deadline[slot] = io->op == DISK_FLUSH ? d->lost[slot] : deadline_ms(LIMIT_MS);
	if (ranged && io->parts) {
		offer_table(d, slot, io, &parts[0], &status);
		return;
	}
	count += data_part(d, slot, io, &parts[1]);
	parts[count++] = status;
	virtq_submit_chain(&d->queue, (u16)(slot * PARTS), parts, count);
}

/* Offer what waits, as far as there are slots. */
static void offer_waiting(struct vblk *d)
{
	bool any = false;

	for (u32 slot = 0; slot < d->queue.size / PARTS && slot < SLOTS; slot++) {
		if (list_empty(&d->waiting))
			break;
		if (d->slots[slot])
			continue;
		offer(d, slot, container_of(list_pop(&d->waiting), struct disk_io, node));
		any = true;
	}
	if (any)
		virtq_kick(&d->queue);
	if (any && !d->looking) {
		d->looking = true;
		timeout_set(&d->look, deadline_ms(LOOK_MS));
	}
}

static int submit(struct disk *disk, struct disk_io *io)
{
	struct vblk *d = (struct vblk *)disk;
	unsigned long irq = spin_lock_irqsave(&d->lock);
	const bool failed = d->failed;

	if (!failed) {
		list_add_tail(&d->waiting, &io->node);
		offer_waiting(d);
	}
	spin_unlock_irqrestore(&d->lock, irq);
	return failed ? -EIO : 0;
}

/* ---- answers ---- */

/* Take what came back, as much as may be. Fills over[] and bad[]; how many. Lock held. */
static u32 take_answers(struct vblk *d, struct disk_io *over[ANSWERS], bool bad[ANSWERS])
{
	u32 count = 0, len;
	u16 head;

	/* One round through the queue at most: a device may return the same for ever. */
	for (u32 i = 0; i < d->queue.size && count < ANSWERS && virtq_ready(&d->queue); i++) {
		u32 slot;

		if (!virtq_pop(&d->queue, &head, &len))
			continue;
		slot = head / PARTS; /* only heads are in flight */
		over[count] = d->slots[slot];
		bad[count++] = d->page->status[slot] != S_OK || len < d->expected[slot];
		d->slots[slot] = NULL;
		d->deadline_all = deadline_ms(LIMIT_MS);
	}
	return count;
}

void virtio_disk_interrupt(void *arg)
{
	struct vblk *d = arg;
	struct disk_io *over[ANSWERS];
	bool bad[ANSWERS];
	unsigned long irq = spin_lock_irqsave(&d->lock);
	u32 count = 0;

	if (!d->failed) {
		(void)virtio_ack_interrupt(&d->dev);
		count = take_answers(d, over, bad);
		offer_waiting(d);
		if (count == ANSWERS) { /* there may be more: look() takes them */
			d->looking = true;
			timeout_set(&d->look, arch_counter());
		}
	}
	spin_unlock_irqrestore(&d->lock, irq);
	for (u32 i = 0; i < count; i++)
		disk_done(over[i], bad[i]);
}

static void vblk_irq(u32 intid __unused, void *arg)
{
	virtio_disk_interrupt(arg);
}

/* ---- a device that does not answer ---- */

static bool is_late(const struct vblk *d)
{
	const u64 now = arch_counter();

	for (u32 slot = 0; slot < SLOTS; slot++)
		if (d->slots[slot] &&
		    (now > d->lost[slot] || (now > d->deadline[slot] && now > d->deadline_all)))
			return true;
	return false;
}

static bool is_busy(const struct vblk *d)
{
	for (u32 slot = 0; slot < SLOTS; slot++)
		if (d->slots[slot])
			return true;
	return !list_empty(&d->waiting);
}

/* Some transfers that end now, in errors. Lock held. */
static u32 take_back(struct vblk *d, struct disk_io *over[ANSWERS], bool bad[ANSWERS])
{
	u32 count = 0;

	for (u32 slot = 0; slot < SLOTS && count < ANSWERS; slot++) {
		if (d->slots[slot])
			over[count++] = d->slots[slot];
		d->slots[slot] = NULL;
	}
	while (count < ANSWERS && !list_empty(&d->waiting))
		over[count++] = container_of(list_pop(&d->waiting), struct disk_io, node);
	for (u32 i = 0; i < count; i++)
		bad[i] = true;
	return count;
}

/*
 * Every LOOK_MS while a transfer is in flight, and at once while there is more to end. What came
 * back is taken first: the machine may have stood still.
 */
static void look(struct timeout *timeout)
{
	struct vblk *d = container_of(timeout, struct vblk, look);
	unsigned long irq = spin_lock_irqsave(&d->lock);
	struct disk_io *over[ANSWERS];
	bool bad[ANSWERS], fails = false;
	u32 count = 0;

	if (!d->failed) {
		count = take_answers(d, over, bad);
		offer_waiting(d);
	}
	if (!d->failed && !count && is_late(d)) {
		fails = d->failed = true;
		d->disk.lost = !virtio_stop(&d->dev);
	}
	if (d->failed && !count)
		count = take_back(d, over, bad);
	d->looking = is_busy(d);
	if (d->looking)
		timeout_set(timeout,
			    d->failed || count == ANSWERS ? arch_counter() : deadline_ms(LOOK_MS));
	spin_unlock_irqrestore(&d->lock, irq);
	for (u32 i = 0; i < count; i++)
		disk_done(over[i], bad[i]);
	if (fails)
		log_err("disk %s does not answer: it has failed", d->disk.name);
}

/* ---- start ---- */

#define POLLS_MS 1000

/* Ask for the serial number, by polling: it may be empty. -ETIMEDOUT: there is no answer. */
static int get_serial(struct vblk *d)
{
	const struct virtq_part parts[PARTS] = {
		{ virt_to_phys(&d->page->header[0]), sizeof(struct blk_header), false },
		{ virt_to_phys(d->page->serial), DISK_SERIAL, true },
		{ virt_to_phys(&d->page->status[0]), 1, true },
	};
	const u64 end = deadline_ms(POLLS_MS);
	u16 head;
	u32 len;

	d->page->header[0] = (struct blk_header){ T_GET_ID, 0, 0 };
	d->page->status[0] = (u8)~S_OK;
	virtq_submit_chain(&d->queue, 0, parts, PARTS);
	virtq_kick(&d->queue);
	while (!virtq_ready(&d->queue))
		if (arch_counter() > end)
			return -ETIMEDOUT;
	if (!virtq_pop(&d->queue, &head, &len))
		return -EIO;
	if (d->page->status[0] == S_OK)
		memcpy(d->disk.serial, d->page->serial, DISK_SERIAL);
	return 0;
}

/* How many parts a transfer may have. A device that takes only small ones gets none. */
static u32 most_parts(struct vblk *d)
{
	const u64 features = d->dev.features;

	if (!(features & VIRTIO_F_INDIRECT_DESC) || !(features & F_SEG_MAX))
		return 0;
	if (features & F_SIZE_MAX && virtio_config_read32(&d->dev, CFG_SIZE_MAX) < DISK_PARTS_BYTES)
		return 0;
	return MIN(virtio_config_read32(&d->dev, CFG_SEG_MAX), TABLE_PARTS);
}

/* What the device says of itself. -EINVAL: that cannot be. */
static int get_config(struct vblk *d)
{
	const u64 features = d->dev.features;
	struct disk *disk = &d->disk;

	disk->sectors = virtio_config_read32(&d->dev, CFG_CAPACITY) |
			(u64)virtio_config_read32(&d->dev, CFG_CAPACITY + 4) << 32;
	disk->block = features & F_BLK_SIZE ? virtio_config_read32(&d->dev, CFG_BLK_SIZE)
					    : (u32)DISK_SECTOR;
	disk->readonly = features & F_RO;
	disk->flush = features & F_FLUSH;
	disk->most_parts = most_parts(d);
	if (features & F_DISCARD)
		disk->max_discard = virtio_config_read32(&d->dev, CFG_MAX_DISCARD);
	if (features & F_WRITE_ZEROES)
		disk->max_zeroes = virtio_config_read32(&d->dev, CFG_MAX_ZEROES);
	if (disk->block < DISK_SECTOR || disk->block > PAGE_SIZE ||
	    (disk->block & (disk->block - 1)) || disk->sectors > UINT64_MAX / DISK_SECTOR)
		return -EINVAL;
	disk->sectors = ALIGN_DOWN(disk->sectors, disk->block / DISK_SECTOR);
	return 0;
}

static int device_init(struct vblk *d)
{
	int err =
		virtio_start(&d->dev, F_SIZE_MAX | F_SEG_MAX | F_RO | F_BLK_SIZE | F_FLUSH |
					      F_DISCARD | F_WRITE_ZEROES | VIRTIO_F_INDIRECT_DESC);

	if (err == 0)
		err = get_config(d);
	if (err != 0)
		return err;
	d->page = page_alloc();
	if (!d->page)
		return -ENOMEM;
	err = virtio_queue_init(&d->dev, &d->queue, 0, QUEUE);
	if (err == 0 && d->queue.size < PARTS)
		err = -EINVAL;
	if (err != 0)
		return err;
	virtio_driver_ok(&d->dev);
	return get_serial(d);
}

int virtio_disk_add(const struct virtio_dev *dev, void **arg)
{
	struct vblk *d = kzalloc(sizeof(*d));
	int err;

	if (!d)
		return -ENOMEM;
	spin_lock_init(&d->lock, LOCK_VIRTIO);
	list_init(&d->waiting);
	timeout_init(&d->look, look);
	d->dev = *dev;
	d->disk.submit = submit;
	d->disk.describe = describe;
	err = device_init(d);
	if (err != 0) {
		if (virtio_stop(&d->dev))
			virtio_fail(&d->dev);
		kfree(d, sizeof(*d));
		return err;
	}
	disk_register(&d->disk);
	*arg = d;
	return 0;
}

const struct virtio_driver virtio_disk_driver = {
	.device_id = VIRTIO_ID_BLOCK,
	.name = "virtio-blk",
	.start = virtio_disk_add,
	.interrupt = vblk_irq,
};
