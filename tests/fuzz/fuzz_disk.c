/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk of the machine with any contents: partition tables that lie, transfers that fail. Every
 * range that is opened lies on the disk, two that overlap are both for reading, and nothing is read
 * but what was asked for.
 */
#include "fuzz.h"

#include <asm/host.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <lib/errno.h>
#include <string.h>
#include <vmm/disk.h>

#define SECTORS 256U
#define HELD    8

static struct fuzz_input input;
static u8 contents[SECTORS * 512];
static u8 elsewhere[2][512]; /* memory of a user of its own */
static struct {
	u8 *at;
	u32 bytes;
} parts[2];
static struct disk_io *late; /* in flight */
static u32 pages;

/* ---- in place of the house ---- */

u32 host_cpu;
bool host_irqs_open[HOST_CPUS];
void (*host_deliver)(void);

void host_relax(void)
{
	fuzz_assert(!"a lock is not free");
}

void klog(enum log_level level, const char *fmt, ...)
{
	(void)level, (void)fmt;
}

void *pages_alloc(u32 count)
{
	if (fuzz_once_in(&input, 64))
		return NULL;
	pages += count;
	return calloc(count, PAGE_SIZE);
}

void pages_free(void *p, u32 count)
{
	pages -= count;
	free(p);
}

void *page_alloc(void)
{
	return pages_alloc(1);
}

void page_free(void *page)
{
	pages_free(page, 1);
}

static void finish(void)
{
	struct disk_io *io = late;

	late = NULL;
	if (!io)
		return;
	if (io->op == DISK_READ && !io->parts)
		memcpy(io->data, &contents[io->sector * 512], io->sectors * 512);
	for (u32 i = 0; i < io->parts; i++)
		memset(parts[i].at, 0x3c, parts[i].bytes);
	disk_done(io, fuzz_once_in(&input, 32));
}

void thread_sleep_ms(u64 ms)
{
	(void)ms;
	if (!fuzz_once_in(&input, 4))
		finish();
}

static int submit(struct disk *d, struct disk_io *io)
{
	fuzz_assert(io->sectors && io->sectors * 512UL <= DISK_BUFFER);
	fuzz_assert(io->sector <= d->sectors && io->sectors <= d->sectors - io->sector);
	fuzz_assert((io->sector | io->sectors) * 512 % d->block == 0);
	if (late || fuzz_once_in(&input, 64))
		return -EIO;
	late = io;
	return 0;
}

static void describe(struct disk_io *io, u32 n, void *at, u32 bytes)
{
	fuzz_assert(io != late && io->op == DISK_READ && n < ARRAY_SIZE(parts));
	parts[n].at = at;
	parts[n].bytes = bytes;
}

/* ---- the disk ---- */

static struct disk disk = {
	.submit = submit, .describe = describe, .sectors = SECTORS, .block = 512, .serial = "s"
};

static u32 crc(const u8 *p, u32 size)
{
	u32 c = ~0U;

	for (u32 i = 0; i < size; i++) {
		c ^= p[i];
		for (u32 k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
	}
	return ~c;
}

static void put(u8 *at, u64 value, u32 bytes)
{
	memcpy(at, &value, bytes);
}

static u64 place(void)
{
	static const u64 odd[] = { 0, 1, 2, ~0ULL, SECTORS - 1, SECTORS, 1ULL << 63, 5 };

	return fuzz_once_in(&input, 8) ? fuzz_word(&input, odd) : fuzz_below(&input, SECTORS);
}

static void some_table(u32 block, u64 lba, u64 table)
{
	static const u32 sizes[] = { 128, 128, 128, 256, 0, 129, ~0U, 1 << 16 };
	static const u32 counts[] = { 8, 8, 16, 1, 0, ~0U, 512, 1 << 25 };
	u8 *h = &contents[lba * block], *t = &contents[table * block];
	const u32 count = fuzz_once_in(&input, 8) ? fuzz_word(&input, counts) : 8;
	const u32 size = fuzz_once_in(&input, 8) ? fuzz_word(&input, sizes) : 128;

	for (u32 i = 0; i < 8; i++) {
		put(t + 128 * i, fuzz_below(&input, 4), 8);
		put(t + 128 * i + 32, place(), 8);
		put(t + 128 * i + 40, place(), 8);
		for (u32 k = 0; k < 36; k++)
			put(t + 128 * i + 56 + 2 * k,
			    k == 1                    ? 0
			    : fuzz_once_in(&input, 8) ? fuzz_u64(&input)
						      : 'a',
			    2);
	}
	memcpy(h, "EFI PART", 8);
	put(h + 12, fuzz_once_in(&input, 16) ? fuzz_u64(&input) : 92, 4);
	put(h + 24, fuzz_once_in(&input, 16) ? place() : lba, 8);
	put(h + 40, fuzz_once_in(&input, 16) ? place() : 5, 8);
	put(h + 48, fuzz_once_in(&input, 16) ? place() : SECTORS * 512 / block - 5, 8);
	put(h + 72, fuzz_once_in(&input, 16) ? place() : table, 8);
	put(h + 80, count, 4);
	put(h + 84, size, 4);
	put(h + 88, fuzz_once_in(&input, 16) ? 0 : crc(t, 8 * 128), 4);
	put(h + 16, 0, 4);
	put(h + 16, fuzz_once_in(&input, 16) ? 0 : crc(h, 92), 4);
}

/* ---- its users ---- */

static struct disk_range *held[HELD];

static void open_one(u32 slot)
{
	static const char *const names[] = { "label:a", "label:",        "vda",      "vda1",
					     "vda2",    "vda3",          "vda99",    "serial:s",
					     "vdb",     "vda4294967297", "serial:x", "",
					     "vd",      "vdax",          "label:aa" };
	char why[80];
	int r;

	why[0] = '\0';
	if (fuzz_once_in(&input, 32))
		disk_hand_over(fuzz_word(&input, names));
	r = disk_open(fuzz_word(&input, names), fuzz_byte(&input) & 1, "x", &held[slot], why,
		      sizeof(why));
	fuzz_assert(!r || why[0]);
	fuzz_assert(memchr(why, '\0', sizeof(why)));
	if (r)
		held[slot] = NULL;
}

static void check_held(void)
{
	for (u32 i = 0; i < HELD; i++) {
		const struct disk_range *a = held[i], *b;

		if (!a)
			continue;
		fuzz_assert(a->sectors && a->first < SECTORS && a->sectors <= SECTORS - a->first);
		for (u32 k = 0; k < i; k++) {
			b = held[k];
			if (b && (a->writable || b->writable))
				fuzz_assert(a->first + a->sectors <= b->first ||
					    b->first + b->sectors <= a->first);
		}
	}
}

static void show(void *arg, u32 number, const struct gpt_part *p)
{
	(void)arg;
	fuzz_assert(number && p->first <= p->last && p->last < SECTORS);
	fuzz_assert(memchr(p->label, '\0', sizeof(p->label)));
	(void)disk_user(&disk, p->first, p->last - p->first + 1, 0);
}

static void done(void *arg)
{
	fuzz_assert(arg == &disk);
}

/* The first sectors, into memory that is described in two parts. */
static void read_in_parts(struct disk_transfer *t)
{
	const u32 bytes = disk.block / ARRAY_SIZE(parts);

	if (late) /* its parts are in use */
		return;
	for (u32 i = 0; i < ARRAY_SIZE(parts); i++)
		disk_describe(t, DISK_READ, i, elsewhere[i], bytes);
	(void)disk_start_parts(t, 0, disk.block / 512, ARRAY_SIZE(parts));
}

static void act(void)
{
	const u32 slot = fuzz_below(&input, HELD);
	struct disk_range *r = held[slot];

	switch (fuzz_below(&input, 6)) {
	case 0:
		if (r)
			disk_close(r);
		held[slot] = NULL;
		break;
	case 1:
		if (r && disk_state(&r->transfers[0]) == DISK_OVER)
			(void)disk_take(&r->transfers[0]);
		if (r)
			disk_set_done(r, done, &disk);
		break;
	case 2:
		if (r && disk_state(&r->transfers[0]) == DISK_IDLE)
			(void)disk_start(&r->transfers[0], DISK_READ, 0, disk.block / 512);
		else if (r) /* no memory, or it has them all */
			(void)disk_widen(r);
		break;
	case 3:
		(void)disk_partitions(&disk, show, NULL);
		break;
	case 4:
		if (r && disk_state(&r->transfers[0]) == DISK_IDLE)
			read_in_parts(&r->transfers[0]);
		break;
	default:
		if (!r)
			open_one(slot);
		break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct disk_range *r;
	char why[80];

	if (!disk_get(0))
		disk_register(&disk);
	input = (struct fuzz_input){ .at = data, .left = size };
	memset(contents, 0, sizeof(contents));
	disk.block = fuzz_once_in(&input, 4) ? 1024 : 512;
	disk.readonly = fuzz_once_in(&input, 8);
	disk.handed_over = fuzz_once_in(&input, 8);
	some_table(disk.block, 1, 2);
	some_table(disk.block, SECTORS * 512 / disk.block - 1, SECTORS * 512 / disk.block - 4);
	for (u32 steps = 0; steps < 100 && input.left; steps++) {
		act();
		check_held();
	}
	for (u32 i = 0; i < HELD; i++) {
		if (held[i])
			disk_close(held[i]);
		held[i] = NULL;
	}
	finish();
	/* What was closed while it was in flight goes now. */
	input.left = 0;
	for (u32 i = 0; pages && i < 1000; i++)
		if (!disk_open("vda", false, "x", &r, why, sizeof(why)))
			disk_close(r);
	fuzz_assert(!pages);
	return 0;
}
