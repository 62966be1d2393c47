/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver of the machine's virtio disks: what it asks the device for, a device that errs, one
 * that returns what it never had, and one that falls silent. The driver's sources are part of this
 * file.
 */
#include "unit_memory.h"

#include <arch/mmu.h>
#include <arch/timer.h>
#include <kernel/timeout.h>
#include <string.h>

#define DRIVERS_MMIO_H /* takes the place of drivers/mmio.h */
static u32 mmio_read32(const volatile void *base, u32 offset);
static void mmio_write32(volatile void *base, u32 offset, u32 value);

/* A look at the clock takes some time. */
static u64 looked_at_clock(void)
{
	return host_counter += HOST_COUNTER_HZ / 10000;
}
#define arch_counter looked_at_clock

/* The driver's timeout, which the test lets pass. */
static void look_later(struct timeout *t, u64 deadline);
#define timeout_set look_later

#include "../../drivers/virtio_mmio.c"
#include "../../drivers/virtio_disk.c"

#define CAPACITY 0x100000013UL

static struct {
	u64 features; /* that it offers */
	u32 status, block, seg_max, size_max, queue_max;
	bool silent; /* it does not answer by itself */
	bool stays;  /* a reset is never over */
	u8 answer;   /* status of a request */
	u32 acks, kicks;
	u64 taken; /* features that the driver takes */
	u16 seen;  /* of what it was given */
} card;

static struct disk *disk;
static struct vblk *d;
static u64 look_at; /* of the timeout; 0: it is not set */
static struct disk_io *over[64];
static bool failed[64];
static u32 ended;
static char said[100];

/* ---- in place of the house ---- */

void klog(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	(void)level;
	va_start(ap, fmt);
	(void)vsnprintf(said, sizeof(said), fmt, ap);
	va_end(ap);
}

static void look_later(struct timeout *t, u64 deadline)
{
	assert_ptr_equal(t, &d->look);
	look_at = deadline;
}

void disk_register(struct disk *found)
{
	disk = found;
	d = (struct vblk *)found;
	(void)strcpy(found->name, "vda");
}

void disk_done(struct disk_io *io, bool bad)
{
	assert_int_equal(d->lock.locked, 0);
	over[ended] = io;
	failed[ended++] = bad;
}

/* ---- the device ---- */

static u32 config(u32 offset)
{
	switch (offset) {
	case CFG_CAPACITY:
		return (u32)CAPACITY;
	case CFG_CAPACITY + 4:
		return (u32)(CAPACITY >> 32);
	case CFG_SIZE_MAX:
		return card.size_max;
	case CFG_SEG_MAX:
		return card.seg_max;
	case CFG_BLK_SIZE:
		return card.block;
	case CFG_MAX_DISCARD:
		return 1000;
	case CFG_MAX_ZEROES:
		return 2000;
	default:
		return 0;
	}
}

static u32 feature_word;

static u32 mmio_read32(const volatile void *base, u32 offset)
{
	(void)base;
	switch (offset) {
	case DEVICE_FEATURES:
		return (u32)(card.features >> 32 * feature_word);
	case QUEUE_NUM_MAX:
		return card.queue_max;
	case STATUS:
		return card.status;
	case INTERRUPT_STATUS:
		return 1;
	default:
		return offset >= CONFIG ? config(offset - CONFIG) : 0;
	}
}

/* Where the driver says that the queue's parts are. */
static struct {
	u64 at[3]; /* physical */
	u32 size;
} queue;
static struct virtq_desc *desc;
static struct virtq_avail *avail;
static struct virtq_used *used;

static void take_queue(void)
{
	desc = phys_to_virt(PADDR(queue.at[0]));
	avail = phys_to_virt(PADDR(queue.at[1]));
	used = phys_to_virt(PADDR(queue.at[2]));
	card.seen = 0;
}

static void give_back(u32 id, u32 len)
{
	used->ring[used->idx % queue.size].id = id;
	used->ring[used->idx % queue.size].len = len;
	used->idx++;
}

/* The parts of the request that the driver offered as number n. */
static const struct virtq_desc *chain(u32 n)
{
	const struct virtq_desc *p = &desc[avail->ring[n % queue.size]];

	assert_true(n < avail->idx);
	return p->flags & DESC_F_INDIRECT ? phys_to_virt(PADDR(p->addr)) : p;
}

static const struct blk_header *header(u32 n)
{
	return phys_to_virt(PADDR(chain(n)->addr));
}

/* Answer the next request. */
static void answer(u8 status)
{
	const struct virtq_desc *p = chain(card.seen);
	u32 written = 0;

	for (;; p++) {
		if (p->flags & DESC_F_WRITE)
			written += p->len;
		if (p->flags & DESC_F_WRITE && p->len == DISK_SERIAL)
			memcpy(phys_to_virt(PADDR(p->addr)), "SERIAL-OF-20-LETTERS", DISK_SERIAL);
		if (!(p->flags & DESC_F_NEXT))
			break;
	}
	assert_int_equal(p->len, 1);
	assert_int_equal(p->flags, DESC_F_WRITE);
	*(u8 *)phys_to_virt(PADDR(p->addr)) = status;
	give_back(avail->ring[card.seen++ % queue.size], written);
}

static void notified(void)
{
	card.kicks++;
	while (!card.silent && card.seen != avail->idx)
		answer(card.answer);
}

static void mmio_write32(volatile void *base, u32 offset, u32 value)
{
	(void)base;
	switch (offset) {
	case STATUS:
		if (value || !card.stays)
			card.status = value;
		break;
	case DEVICE_FEATURES_SEL:
		feature_word = value;
		break;
	case DRIVER_FEATURES:
		card.taken |= (u64)value << 32 * feature_word;
		break;
	case INTERRUPT_ACK:
		card.acks++;
		break;
	case QUEUE_NOTIFY:
		notified();
		break;
	case QUEUE_NUM:
		queue.size = value;
		break;
	case QUEUE_DESC_LOW:
		queue.at[0] = value;
		break;
	case QUEUE_DRIVER_LOW:
		queue.at[1] = value;
		break;
	case QUEUE_DEVICE_LOW:
		queue.at[2] = value;
		break;
	case QUEUE_READY:
		take_queue();
		break;
	default:
		break;
	}
}

#define FEATURES                                                                          \
	(VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | F_SEG_MAX | F_BLK_SIZE | F_FLUSH | \
	 F_DISCARD | F_WRITE_ZEROES)

static int start(void)
{
	struct virtio_dev dev = { .device_id = VIRTIO_ID_BLOCK, .version = 2 };
	void *arg = NULL;
	int r;

	disk = NULL;
	r = virtio_disk_driver.start(&dev, &arg);
	assert_ptr_equal(arg, disk);
	assert_int_equal(r == 0, disk != NULL);
	return r;
}

static int setup(void **state)
{
	*state = NULL;
	memset(&card, 0, sizeof(card));
	card.features = FEATURES;
	card.block = 4096;
	card.seg_max = 100;
	card.queue_max = 256;
	look_at = ended = 0;
	said[0] = '\0';
	return 0;
}

/* A disk that does not answer by itself. */
static int silent(void **state)
{
	setup(state);
	assert_int_equal(start(), 0);
	card.silent = true;
	return 0;
}

static u8 *data;
static struct disk_io ios[40];

static struct disk_io *io(u32 n, enum disk_op op, u64 sector, u32 sectors)
{
	if (n == 0)
		data = pages_alloc(4);
	ios[n] = (struct disk_io){ .op = op, .sector = sector, .sectors = sectors, .data = data };
	return &ios[n];
}

static void interrupt(void)
{
	virtio_disk_driver.interrupt(0, d);
}

static void is_part(const struct virtq_desc *p, const void *at, u32 len, u16 flags)
{
	assert_int_equal(p->addr, virt_to_phys(at).pa);
	assert_int_equal(p->len, len);
	assert_int_equal(p->flags, flags);
}

/* ---- tests ---- */

static void what_it_says_of_itself(void **state)
{
	(void)state;
	assert_int_equal(start(), 0);
	assert_int_equal(disk->sectors, CAPACITY & ~7UL); /* whole blocks */
	assert_int_equal(disk->block, 4096);
	assert_int_equal(disk->most_parts, 100);
	assert_int_equal(disk->max_discard, 1000);
	assert_int_equal(disk->max_zeroes, 2000);
	assert_true(disk->flush);
	assert_false(disk->readonly);
	assert_string_equal(disk->serial, "SERIAL-OF-20-LETTERS");
	assert_int_equal(card.status, 0xf);
	assert_int_equal(queue.size, QUEUE);
	/* Nothing but what is understood is taken. */
	setup(state);
	card.features |= F_RO | BIT(27);
	card.features &= ~(F_BLK_SIZE | F_FLUSH | F_DISCARD | F_WRITE_ZEROES);
	card.answer = 1;
	assert_int_equal(start(), 0);
	assert_true(disk->readonly);
	assert_false(disk->flush);
	assert_int_equal(disk->block, 512);
	assert_int_equal(disk->sectors, CAPACITY);
	assert_int_equal(disk->max_discard | disk->max_zeroes, 0);
	assert_string_equal(disk->serial, ""); /* it has none: an error */
	assert_int_equal(d->dev.features,
			 VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | F_SEG_MAX | F_RO);
}

/* Transfers of several parts: as many as the device and a page take, none if they must be small. */
static void how_many_parts(void **state)
{
	static const struct {
		u64 without, with;
		u32 seg_max, size_max, parts;
	} rows[] = {
		{ 0, 0, 1, 0, 1 },
		{ 0, 0, 1000, 0, TABLE_PARTS },
		{ 0, F_SIZE_MAX, 7, DISK_PARTS_BYTES, 7 },
		{ 0, F_SIZE_MAX, 7, DISK_PARTS_BYTES - 1, 0 },
		{ F_SEG_MAX, 0, 7, 0, 0 },
		{ VIRTIO_F_INDIRECT_DESC, 0, 7, 0, 0 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		setup(state);
		card.features = (FEATURES & ~rows[i].without) | rows[i].with;
		card.seg_max = rows[i].seg_max;
		card.size_max = rows[i].size_max;
		assert_int_equal(start(), 0);
		assert_int_equal(disk->most_parts, rows[i].parts);
	}
	assert_int_equal(TABLE_PARTS, 254);
}

static void refused(void **state)
{
	u64 began;
	static const u32 blocks[] = { 256, 513, 768, 8192, 0 };

	for (u32 i = 0; i < ARRAY_SIZE(blocks); i++) {
		setup(state);
		card.block = blocks[i];
		assert_int_equal(start(), -EINVAL);
		assert_int_equal(card.status, 0x80);
	}
	setup(state);
	card.queue_max = 2; /* no request fits */
	assert_int_equal(start(), -EINVAL);
	setup(state);
	card.queue_max = 0;
	assert_int_equal(start(), -ENOENT);
	setup(state);
	card.features &= ~VIRTIO_F_VERSION_1;
	assert_int_equal(start(), -EIO);
	setup(state);
	card.silent = true;
	began = host_counter;
	assert_int_equal(start(), -ETIMEDOUT);
	assert_in_range(host_counter - began, HOST_COUNTER_HZ, HOST_COUNTER_HZ * 11 / 10);
	assert_int_equal(card.status, 0x80);
	setup(state);
	card.status = 4;
	card.stays = true; /* it cannot be reset: nothing more is written to it */
	assert_int_equal(start(), -EIO);
	assert_int_equal(card.status, 4);
}

static void requests(void **state)
{
	static const struct blk_range zeroes = { 80, 16, 1 }, plain = { 96, 8, 0 };
	const struct virtq_desc *p;
	const u32 before = card.kicks;

	(void)state;
	assert_int_equal(disk->submit(disk, io(0, DISK_READ, 0x123456789, 8)), 0);
	p = chain(1);
	assert_int_equal(header(1)->type, 0);
	assert_int_equal(header(1)->sector, 0x123456789);
	is_part(&p[0], header(1), 16, DESC_F_NEXT);
	is_part(&p[1], data, 4096, DESC_F_NEXT | DESC_F_WRITE);
	is_part(&p[2], &d->page->status[0], 1, DESC_F_WRITE);
	assert_int_equal(d->page->status[0], 0xff);
	assert_int_equal(disk->submit(disk, io(1, DISK_WRITE, 16, 16)), 0);
	p = chain(2);
	assert_int_equal(header(2)->type, 1);
	assert_int_equal(header(2)->sector, 16);
	is_part(&p[1], data, 8192, DESC_F_NEXT);
	assert_int_equal(disk->submit(disk, io(2, DISK_FLUSH, 16, 0)), 0);
	p = chain(3);
	assert_int_equal(header(3)->type, 4);
	assert_int_equal(header(3)->sector, 0);
	is_part(&p[1], &d->page->status[2], 1, DESC_F_WRITE);
	assert_int_equal(disk->submit(disk, io(3, DISK_DISCARD, 96, 8)), 0);
	assert_int_equal(header(4)->type, 11);
	assert_int_equal(header(4)->sector, 0);
	assert_int_equal(chain(4)[1].len, 16);
	assert_int_equal(chain(4)[1].flags, DESC_F_NEXT);
	assert_memory_equal(phys_to_virt(PADDR(chain(4)[1].addr)), &plain, sizeof(plain));
	assert_int_equal(disk->submit(disk, io(4, DISK_ZEROES, 96, 8)), 0);
	assert_int_equal(header(5)->type, 13);
	assert_memory_equal(phys_to_virt(PADDR(chain(5)[1].addr)), &plain, sizeof(plain));
	assert_int_equal(disk->submit(disk, io(5, DISK_ZEROES_UNMAP, 80, 16)), 0);
	assert_int_equal(header(6)->type, 13);
	assert_memory_equal(phys_to_virt(PADDR(chain(6)[1].addr)), &zeroes, sizeof(zeroes));
	assert_int_equal(card.kicks, before + 6);
	for (u32 i = 0; i < 6; i++)
		answer(i == 3 ? 1 : 0);
	interrupt();
	assert_int_equal(card.acks, 1);
	assert_int_equal(ended, 4); /* each may wake a VM: the others are for another section */
	assert_true(look_at <= host_counter);
	look(&d->look);
	assert_int_equal(ended, 6);
	for (u32 i = 0; i < 6; i++) {
		assert_ptr_equal(over[i], &ios[i]);
		assert_int_equal(failed[i], i == 3);
	}
}

/* A transfer of parts goes by a table of its own. */
static void parts(void **state)
{
	struct disk_io *w = io(0, DISK_READ, 40, 24);
	const struct virtq_desc *p;
	u8 *table = page_alloc();

	(void)state;
	w->table = table;
	w->parts = 2;
	disk->describe(w, 0, data, 8192);
	disk->describe(w, 1, data + 12288, 4096);
	assert_int_equal(disk->submit(disk, w), 0);
	assert_int_equal(desc[avail->ring[1]].len, 64);
	assert_int_equal(desc[avail->ring[1]].addr, virt_to_phys(table).pa);
	p = chain(1);
	assert_int_equal(header(1)->sector, 40);
	is_part(&p[0], header(1), 16, DESC_F_NEXT);
	is_part(&p[1], data, 8192, DESC_F_NEXT | DESC_F_WRITE);
	is_part(&p[2], data + 12288, 4096, DESC_F_NEXT | DESC_F_WRITE);
	is_part(&p[3], &d->page->status[0], 1, DESC_F_WRITE);
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(p[i].next, i + 1);
	answer(0);
	interrupt();
	assert_int_equal(ended, 1);
	assert_false(failed[0]);
	w->op = DISK_WRITE;
	disk->describe(w, 0, data, 8192);
	assert_int_equal(((struct virtq_desc *)(void *)table)[1].flags, DESC_F_NEXT);
}

/* Eight are in flight, others wait in their order. */
static void many(void **state)
{
	(void)state;
	for (u32 i = 0; i < 20; i++)
		assert_int_equal(disk->submit(disk, io(i, DISK_WRITE, 8UL * i, 8)), 0);
	assert_int_equal(avail->idx, 1 + 8);
	for (u32 i = 0; i < 3; i++)
		answer(0);
	interrupt();
	assert_int_equal(ended, 3);
	assert_int_equal(avail->idx, 1 + 11);
	assert_int_equal(header(9)->sector, 64);
	assert_int_equal(header(11)->sector, 80);
	card.silent = false;
	for (u32 i = 0; i < 8; i++)
		answer(0);
	for (u32 i = 0; i < 5; i++)
		interrupt(); /* the card answers the next ones at once */
	assert_int_equal(ended, 20);
	for (u32 i = 0; i < 20; i++) {
		assert_ptr_equal(over[i], &ios[i]);
		assert_false(failed[i]);
	}
}

/* A read is good only if all of it was written. */
static void too_short_an_answer(void **state)
{
	(void)state;
	assert_int_equal(disk->submit(disk, io(0, DISK_READ, 0, 8)), 0);
	assert_int_equal(disk->submit(disk, io(1, DISK_READ, 8, 8)), 0);
	assert_int_equal(disk->submit(disk, io(2, DISK_WRITE, 8, 8)), 0);
	memset(d->page->status, 0, sizeof(d->page->status));
	give_back(0, 4096);
	give_back(3, 4097);
	give_back(6, 0);
	interrupt();
	assert_int_equal(ended, 3);
	assert_true(failed[0]);
	assert_false(failed[1]);
	assert_true(failed[2]);
}

static void what_it_never_had(void **state)
{
	(void)state;
	assert_int_equal(disk->submit(disk, io(0, DISK_WRITE, 0, 8)), 0);
	give_back(3, 1);
	give_back(1, 1);
	give_back(~0U, 1);
	give_back(QUEUE, 1);
	interrupt();
	assert_int_equal(ended, 0);
	/* One round is looked at. A request in it ends, in an error: no status was written. */
	used->idx += 1000;
	interrupt();
	assert_int_equal(ended, 1);
	assert_true(failed[0]);
	interrupt();
	assert_int_equal(ended, 1);
}

/* It is looked at every 5 s. After 30 s without an answer it has failed, and all ends in errors. */
static void falls_silent(void **state)
{
	const u64 began = host_counter;
	u32 looks = 0;

	(void)state;
	for (u32 i = 0; i < 20; i++)
		assert_int_equal(disk->submit(disk, io(i, DISK_WRITE, 8UL * i, 8)), 0);
	assert_in_range(look_at - began, 5 * HOST_COUNTER_HZ, 5 * HOST_COUNTER_HZ * 101 / 100);
	while (!ended && looks++ < 10) {
		host_counter = look_at;
		look(&d->look);
	}
	assert_in_range(looks, 6, 7);
	assert_string_equal(said, "disk vda does not answer: it has failed");
	assert_int_equal(ended, 4);
	assert_false(disk->lost);
	assert_int_equal(card.status, 0);
	while (ended < 20 && looks++ < 20) {
		assert_true(look_at <= host_counter);
		look(&d->look);
	}
	assert_int_equal(ended, 20);
	for (u32 i = 0; i < 20; i++) {
		assert_ptr_equal(over[i], &ios[i]);
		assert_true(failed[i]);
	}
	look_at = 0;
	look(&d->look);
	assert_int_equal(look_at, 0);
	assert_int_equal(disk->submit(disk, io(20, DISK_READ, 0, 8)), -EIO);
	interrupt();
	assert_int_equal(ended, 20);
}

static void cannot_be_stopped(void **state)
{
	(void)state;
	assert_int_equal(disk->submit(disk, io(0, DISK_WRITE, 0, 8)), 0);
	card.stays = true;
	host_counter += 29 * HOST_COUNTER_HZ;
	look(&d->look);
	assert_int_equal(ended, 0);
	host_counter += 2 * HOST_COUNTER_HZ;
	look(&d->look);
	assert_int_equal(ended, 1);
	assert_true(disk->lost);
}

/* An answer whose interrupt was lost is found by a look; then the time begins from the start. */
static void a_lost_interrupt(void **state)
{
	(void)state;
	assert_int_equal(disk->submit(disk, io(0, DISK_WRITE, 0, 8)), 0);
	answer(0);
	host_counter += 31 * HOST_COUNTER_HZ;
	look_at = 0;
	look(&d->look);
	assert_int_equal(ended, 1);
	assert_false(failed[0]);
	assert_int_equal(look_at, 0); /* nothing is in flight */
	assert_int_equal(disk->submit(disk, io(1, DISK_WRITE, 0, 8)), 0);
	assert_true(look_at > host_counter);
	look(&d->look);
	assert_int_equal(ended, 1);
	assert_string_equal(said, "");
}

/* So many seconds pass, with the driver's looks. */
static void pass(u32 seconds)
{
	for (; seconds; seconds--) {
		host_counter += HOST_COUNTER_HZ;
		if (!look_at || look_at > host_counter)
			continue;
		look_at = 0;
		look(&d->look);
	}
}

static void end_slot(u32 slot)
{
	d->page->status[slot] = 0;
	give_back(slot * PARTS, ~0U);
	interrupt();
}

/* What stands behind the long work of another VM has not failed. */
static void progress(void **state)
{
	(void)state;
	assert_int_equal(disk->submit(disk, io(0, DISK_READ, 0, 8)), 0);
	assert_int_equal(disk->submit(disk, io(1, DISK_ZEROES, 8, 8)), 0);
	for (u32 i = 0; i < 5; i++) {
		pass(25);
		assert_int_equal(ended, i);
		end_slot(1);
		assert_int_equal(disk->submit(disk, io(1, DISK_ZEROES, 8, 8)), 0);
	}
	end_slot(0);
	assert_int_equal(ended, 6);
	for (u32 i = 0; i < 6; i++)
		assert_false(failed[i]);
	pass(36); /* without any answer */
	assert_int_equal(ended, 7);
	assert_true(failed[6]);
}

/* A flush may take some minutes. A transfer that takes more is lost, whatever else is answered. */
static void long_ones(void **state)
{
	(void)state;
	assert_int_equal(disk->submit(disk, io(0, DISK_FLUSH, 0, 0)), 0);
	pass(240);
	assert_int_equal(ended, 0);
	end_slot(0);
	assert_int_equal(disk->submit(disk, io(0, DISK_READ, 0, 8)), 0);
	for (u32 i = 0; i < 14; i++) {
		assert_int_equal(disk->submit(disk, io(1, DISK_READ, 0, 8)), 0);
		pass(20);
		end_slot(1);
	}
	assert_int_equal(ended, 15);
	for (u32 i = 0; i < 15; i++)
		assert_false(failed[i]);
	assert_int_equal(disk->submit(disk, io(1, DISK_READ, 0, 8)), 0);
	pass(29);
	assert_int_equal(ended, 17);
	assert_true(failed[15] && failed[16]);
}

#define TEST(fn, set) cmocka_unit_test_setup_teardown(fn, set, unit_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_it_says_of_itself, setup),
		TEST(how_many_parts, setup),
		TEST(refused, setup),
		TEST(requests, silent),
		TEST(parts, silent),
		TEST(many, silent),
		TEST(too_short_an_answer, silent),
		TEST(what_it_never_had, silent),
		TEST(falls_silent, silent),
		TEST(cannot_be_stopped, silent),
		TEST(a_lost_interrupt, silent),
		TEST(progress, silent),
		TEST(long_ones, silent),
	};

	unit_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
