/* SPDX-License-Identifier: Apache-2.0 */
/* A VM's disk that is a disk of the machine: names, users, transfers and their end. */
#include "virtio_fixture.h"

#include <lib/errno.h>
#include <stdlib.h>
#include <string.h>
#include <vmm/disk.h>

#define HEADER DATA_AT
#define STATE  (DATA_AT + 0x100) /* the status byte */
#define BUFFER (DATA_AT + 0x1000)
enum { IN, OUT, FLUSH = 4, DISCARD = 11, ZEROES = 13 };

#define SECTORS 8192UL /* of the machine's disk */
#define FLUSHES (1 << 9)

static u8 contents[SECTORS * 512];
static struct disk_io *in_flight, *next_in_flight; /* the second is read ahead */
static u32 transfers, flushes, discards, biggest;
static bool broken, gone, mute; /* mute: no answer */

/* ---- the machine's disk ---- */

static int submit(struct disk *d, struct disk_io *io)
{
	assert_null(next_in_flight);
	assert_true(io->sector + io->sectors <= d->sectors);
	if (gone)
		return -EIO;
	*(in_flight ? &next_in_flight : &in_flight) = io;
	transfers++;
	return 0;
}

static void answer(void)
{
	struct disk_io *io = in_flight;
	u8 *at;

	assert_non_null(io);
	at = &contents[io->sector * 512];
	in_flight = next_in_flight;
	next_in_flight = NULL;
	biggest = MAX(biggest, io->sectors);
	if (broken) {
		disk_done(io, true);
		return;
	}
	if (io->op == DISK_READ)
		memcpy(io->data, at, io->sectors * 512);
	else if (io->op == DISK_WRITE)
		memcpy(at, io->data, io->sectors * 512);
	else if (io->op == DISK_FLUSH)
		flushes++;
	else
		memset(at, 0, io->sectors * 512);
	discards += io->op == DISK_DISCARD;
	disk_done(io, false);
}

static struct disk machine = {
	.submit = submit,
	.sectors = SECTORS,
	.block = 512,
	.flush = true,
	.max_discard = 100,
	.max_zeroes = 100,
	.serial = "of-the-machine",
};

static void asleep(void)
{
	if (in_flight && !mute)
		answer();
}

/* ---- a partition table ---- */

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

static void word(u8 *at, u64 value, u32 bytes)
{
	memcpy(at, &value, bytes);
}

static void write_header(u64 lba, u64 table)
{
	u8 *h = &contents[lba * 512];

	memset(h, 0, 512);
	memcpy(h, "EFI PART", 8);
	word(h + 8, 0x10000, 4);
	word(h + 12, 92, 4);
	word(h + 24, lba, 8);
	word(h + 32, SECTORS - lba, 8);
	word(h + 40, 40, 8);
	word(h + 48, SECTORS - 40, 8);
	word(h + 72, table, 8);
	word(h + 80, 8, 4);
	word(h + 84, 128, 4);
	word(h + 88, crc(&contents[table * 512], 8 * 128), 4);
	word(h + 16, crc(h, 92), 4);
}

static void write_part(u32 number, u64 first, u64 last, const char *label)
{
	for (u32 copy = 0; copy < 2; copy++) {
		u8 *e = &contents[(copy ? SECTORS - 3 : 2) * 512 + (number - 1) * 128];

		memset(e, 0, 128);
		word(e, 1, 8);
		word(e + 32, first, 8);
		word(e + 40, last, 8);
		for (u32 i = 0; label[i]; i++)
			e[56 + 2 * i] = (u8)label[i];
	}
}

static void write_table(void)
{
	memset(contents, 0, sizeof(contents));
	write_part(1, 40, 139, "boot");
	write_part(2, 200, 2247, "root");
	write_part(3, 100, 150, "twin"); /* over partition 1 */
	write_part(4, 3000, 3001, "twin");
	write_part(5, 10, 20, "outside");
	write_header(1, 2);
	write_header(SECTORS - 1, SECTORS - 3);
}

/* ---- the VM ---- */

static struct desc_virtio node = { .kind = VIRTIO_BLK, .name = "disk0", .disk = "label:root" };

static void start(u64 features)
{
	virtio_start(features, 1);
}

static void new_vm(u64 features)
{
	virtio_asleep = asleep;
	virtio_new(&virtio_blk_class, &node);
	start(features);
}

static int setup(void **unused)
{
	static bool known;

	(void)unused;
	if (!known)
		disk_register(&machine);
	known = true;
	write_table();
	transfers = flushes = discards = biggest = 0;
	broken = gone = mute = machine.readonly = machine.handed_over = false;
	while (in_flight)
		answer();
	strcpy(node.disk, "label:root");
	node.readonly = false;
	new_vm(FLUSHES);
	transfers = 0;
	return 0;
}

static void header(u32 type, u64 sector)
{
	u32 *h = guest(HEADER);

	h[0] = type;
	h[1] = 0;
	memcpy(&h[2], &sector, 8);
}

/* Make a request and notify. */
static void ask(u32 type, u64 sector, u32 size, u16 flags)
{
	header(type, sector);
	*(u8 *)guest(STATE) = 0xee;
	set_desc(0, HEADER, 16, NEXT, size ? 1 : 2);
	set_desc(1, BUFFER, size, flags | NEXT, 2);
	set_desc(2, STATE, 1, WRITE, 0);
	offer(0, 0);
	notify(0);
}

/* The disk answers what is in flight until nothing is. The status. */
static u8 settle(void)
{
	while (in_flight) {
		answer();
		virtio_work();
	}
	assert_int_equal(get(STATUS), DRIVER_OK);
	return *(u8 *)guest(STATE);
}

static u8 request(u32 type, u64 sector, u32 size, u16 flags)
{
	ask(type, sector, size, flags);
	return settle();
}

static u8 clear(u32 type, u64 sector, u32 count, u32 flags)
{
	((u64 *)guest(BUFFER))[0] = sector;
	((u32 *)guest(BUFFER))[2] = count;
	((u32 *)guest(BUFFER))[3] = flags;
	return request(type, 0, 16, 0);
}

/* ---- transfers ---- */

static void test_transfers(void **unused)
{
	u32 len;

	(void)unused;
	assert_int_equal(virtio_load(CONFIG, 8), 2048);
	for (u32 i = 0; i < MIB(1); i++)
		contents[200 * 512 + i] = (u8)(i / 512 * 7 + i);
	assert_int_equal(request(IN, 3, 20000 / 512 * 512, WRITE), 0);
	assert_memory_equal(guest(BUFFER), &contents[203 * 512], 20000 / 512 * 512);
	assert_int_equal(transfers, 1);
	assert_int_equal(used_last(0, &len), 0);
	assert_int_equal(len, 20000 / 512 * 512 + 1);
	/* More than the buffer of the range. */
	assert_int_equal(request(IN, 0, MIB(1), WRITE), 0);
	assert_memory_equal(guest(BUFFER), &contents[200 * 512], MIB(1));
	assert_int_equal(biggest, 256);
	assert_int_equal(transfers, 9);
	memset(guest(BUFFER), 0x77, MIB(1));
	assert_int_equal(request(OUT, 8, KIB(300), 0), 0);
	assert_int_equal(transfers, 12);
	assert_int_equal(contents[208 * 512 - 1], (u8)(7 * 7 + 8 * 512 - 1));
	assert_memory_equal(&contents[208 * 512], guest(BUFFER), KIB(300));
	assert_int_not_equal(contents[808 * 512], 0x77);
	assert_int_equal(flushes, 0);
	assert_int_equal(request(FLUSH, 0, 0, 0), 0);
	assert_int_equal(flushes, 1);
	assert_string_equal(virtio_info(),
			    "1024 KiB of vda from sector 200 on, 4 requests, 0 failed");
}

/* The later part comes first. */
static void swap_in_flight(void)
{
	struct disk_io *first = in_flight;

	assert_non_null(next_in_flight);
	in_flight = next_in_flight;
	next_in_flight = first;
}

/* A long read: the next part is under way while the current one is, and while it is copied. */
static void test_read_ahead(void **unused)
{
	(void)unused;
	for (u32 i = 0; i < MIB(1); i++)
		contents[200 * 512 + i] = (u8)(i / 512 * 3 + i);
	ask(IN, 0, KIB(384), WRITE);
	assert_int_equal(transfers, 2);
	swap_in_flight();
	answer();
	virtio_work();
	assert_int_equal(transfers, 2);
	assert_int_equal(((u8 *)guest(BUFFER))[5], 0);
	answer();
	virtio_work();
	assert_int_equal(transfers, 3);
	assert_memory_equal(guest(BUFFER), &contents[200 * 512], KIB(256));
	assert_int_equal(settle(), 0);
	assert_memory_equal(guest(BUFFER), &contents[200 * 512], KIB(384));
	/* Its end is beyond the disk's, or the second part fails: nothing goes on behind it. */
	assert_int_equal(request(IN, 2048 - 256, KIB(256), WRITE), 1);
	ask(IN, 0, KIB(384), WRITE);
	answer();
	broken = true;
	virtio_work();
	assert_int_equal(settle(), 1);
	broken = false;
	/* A reset with both under way: the next request waits for both. */
	ask(IN, 0, KIB(384), WRITE);
	assert_non_null(next_in_flight);
	put(STATUS, 0);
	start(FLUSHES);
	transfers = 0;
	ask(IN, 100, 512, WRITE);
	assert_int_equal(transfers, 0);
	answer();
	virtio_work();
	assert_int_equal(transfers, 0);
	answer();
	virtio_work();
	assert_int_equal(transfers, 1);
	assert_int_equal(settle(), 0);
	assert_memory_equal(guest(BUFFER), &contents[300 * 512], 512);
}

static void test_limits(void **unused)
{
	(void)unused;
	assert_int_equal(request(IN, 2048, 512, WRITE), 1);
	assert_int_equal(request(IN, 2047, 1024, WRITE), 1);
	assert_int_equal(request(IN, ~0ULL, 512, WRITE), 1);
	assert_int_equal(request(OUT, 2047, 1024, 0), 1);
	assert_int_equal(request(OUT, ~0ULL / 512 + 1, 512, 0), 1);
	assert_int_equal(request(IN, 0, 100, WRITE), 1);
	assert_int_equal(request(OUT, 0, 700, 0), 1);
	assert_int_equal(clear(DISCARD, 2047, 2, 0), 1);
	assert_int_equal(clear(ZEROES, ~0ULL, ~0U, 0), 1);
	assert_int_equal(request(99, 0, 512, WRITE), 2);
	assert_int_equal(transfers, 0);
}

/* A flush is answered only after the disk has answered it; without the feature every write is. */
static void test_flush(void **unused)
{
	(void)unused;
	ask(FLUSH, 0, 0, 0);
	assert_int_equal(*(u8 *)guest(STATE), 0xee);
	assert_int_equal(used_idx(0), 0);
	assert_int_equal(in_flight->op, DISK_FLUSH);
	assert_int_equal(settle(), 0);
	start(0);
	flushes = 0;
	ask(OUT, 0, 512, 0);
	answer();
	virtio_work();
	assert_int_equal(used_idx(0), 0);
	assert_int_equal(in_flight->op, DISK_FLUSH);
	assert_int_equal(settle(), 0);
	assert_int_equal(used_idx(0), 1);
	assert_int_equal(clear(ZEROES, 0, 8, 0), 0);
	assert_int_equal(flushes, 2);
	assert_int_equal(request(IN, 0, 512, WRITE), 0);
	assert_int_equal(flushes, 2);
}

static void test_discard(void **unused)
{
	(void)unused;
	memset(contents, 0x11, sizeof(contents));
	assert_int_equal(clear(DISCARD, 10, 250, 0), 0);
	assert_int_equal(discards, 3);
	assert_int_equal(contents[210 * 512 - 1], 0x11);
	assert_int_equal(contents[210 * 512], 0);
	assert_int_equal(contents[460 * 512 - 1], 0);
	assert_int_equal(contents[460 * 512], 0x11);
	assert_int_equal(clear(ZEROES, 0, 1, 1), 0);
	assert_int_equal(contents[200 * 512], 0);
	assert_int_equal(clear(DISCARD, 0, 1, 1), 2);
}

/* A machine's disk that clears 2 TiB at once is asked for 32 MiB: it may have to write them all. */
static void test_most_cleared(void **unused)
{
	(void)unused;
	machine.max_discard = machine.max_zeroes = ~0U;
	new_vm(FLUSHES);
	machine.max_discard = machine.max_zeroes = 100;
	assert_int_equal(virtio_load(CONFIG + 36, 4), 65536);
	assert_int_equal(virtio_load(CONFIG + 48, 4), 65536);
}

static void test_errors(void **unused)
{
	(void)unused;
	broken = true;
	assert_int_equal(request(IN, 0, 4096, WRITE), 1);
	assert_int_equal(request(OUT, 0, 4096, 0), 1);
	assert_int_equal(request(FLUSH, 0, 0, 0), 1);
	assert_int_equal(clear(DISCARD, 0, 8, 0), 1);
	broken = false;
	assert_int_equal(request(IN, 0, 4096, WRITE), 0);
	gone = true;
	assert_int_equal(request(IN, 0, 4096, WRITE), 1);
	assert_int_equal(request(OUT, 0, 4096, 0), 1);
	assert_int_equal(request(FLUSH, 0, 0, 0), 1);
	assert_true(strstr(virtio_info(), "8 requests, 7 failed"));
}

/* ---- the end of things, with a transfer in flight ---- */

static void test_reset_in_flight(void **unused)
{
	struct disk_io *old;

	(void)unused;
	memset(guest(BUFFER), 0x22, 4096);
	ask(OUT, 0, 4096, 0);
	old = in_flight;
	assert_non_null(old);
	virtio_blk_class.reset(&virtio_dev);
	start(FLUSHES);
	/* The next request waits, so that it comes behind the write of the one before. */
	memset(guest(BUFFER), 0, 4096);
	ask(IN, 0, 4096, WRITE);
	assert_ptr_equal(in_flight, old);
	assert_int_equal(old->op, DISK_WRITE);
	assert_int_equal(settle(), 0);
	assert_int_equal(*(u8 *)guest(BUFFER), 0x22);
	/* What was read for a forgotten request is not the answer to another one. */
	ask(IN, 8, 4096, WRITE);
	put(STATUS, 0);
	start(FLUSHES);
	answer();
	virtio_work();
	assert_int_equal(request(IN, 0, 512, WRITE), 0);
	assert_int_equal(*(u8 *)guest(BUFFER), 0x22);
	/* No vCPU is woken after the VM's devices were reset. */
	ask(IN, 0, 4096, WRITE);
	virtio_blk_class.reset(&virtio_dev);
	virtio_kicks = 0;
	answer();
	assert_int_equal(virtio_kicks, 0);
}

static int open_range(const char *name, bool writable, struct disk_range **r, char why[160])
{
	why[0] = '\0';
	return disk_open(name, writable, "'other'", r, why, 160);
}

/* The range belongs to the VM that is gone until its write is over. */
static void test_delete_in_flight(void **unused)
{
	struct disk_range *r;
	struct disk_io *io;
	char why[160];

	(void)unused;
	ask(OUT, 0, 4096, 0);
	io = in_flight;
	in_flight = NULL; /* kept: the table is read meanwhile */
	virtio_blk_class.reset(&virtio_dev);
	virtio_blk_class.destroy(&virtio_dev);
	virtio_dev.class = NULL;
	assert_int_equal(open_range("vda2", true, &r, why), -EBUSY);
	assert_true(strstr(why, "whose last write is not over"));
	in_flight = io;
	answer();
	assert_int_equal(open_range("vda2", true, &r, why), 0);
	disk_close(r);
}

/* ---- names and users ---- */

static void refused(const char *name, bool writable, int err, const char *words)
{
	struct disk_range *r;
	char why[160];

	assert_int_equal(open_range(name, writable, &r, why), err);
	if (!strstr(why, words))
		fail_msg("%s: '%s' is not in '%s'", name, words, why);
}

static void allowed(const char *name, bool writable, u64 first, u64 sectors)
{
	struct disk_range *r;
	char why[160];

	assert_int_equal(open_range(name, writable, &r, why), 0);
	assert_int_equal(r->first, first);
	assert_int_equal(r->sectors, sectors);
	disk_close(r);
}

static void test_names(void **unused)
{
	(void)unused;
	allowed("label:boot", true, 40, 100);
	allowed("vda1", true, 40, 100);
	allowed("vda4", true, 3000, 2);
	refused("label:none", true, -ENOENT, "no partition is 'label:none' (`host disks`");
	refused("label:twin", true, -EBUSY, "2 partitions are 'label:twin'");
	refused("serial:none", true, -ENOENT, "no disk is 'serial:none'");
	refused("vda6", true, -ENOENT, "'vda6': there is no such partition");
	refused("vda5", true, -ENOENT, "there is no such partition"); /* outside */
	refused("vda0", true, -ENOENT, "there is no such partition");
	refused("vda4294967298", true, -ENOENT, "no disk is");
	refused("vda2x", true, -ENOENT, "no disk is");
	refused("vdb", true, -ENOENT, "no disk is 'vdb'");
	refused("", true, -ENOENT, "no disk is");
}

/* A VM that may write a whole disk writes its labels: it could call its own partition "root". */
static void test_labels_of_guests(void **unused)
{
	static const char *const names[] = { "vda", "serial:of-the-machine" };

	(void)unused;
	disk_hand_over("");
	disk_hand_over("vda2");
	disk_hand_over("label:boot");
	allowed("vda1", true, 40, 100);
	allowed("label:boot", true, 40, 100);
	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		disk_hand_over(names[i]);
		refused("label:boot", true, -ENOENT, "'label:boot' (not of vda: a VM with all of");
		allowed("vda1", true, 40, 100);
		machine.handed_over = false;
	}
	/* It had it. */
	virtio_blk_class.destroy(&virtio_dev);
	virtio_dev.class = NULL;
	allowed("vda", false, 0, SECTORS);
	allowed("label:boot", true, 40, 100);
	allowed("vda", true, 0, SECTORS);
	refused("label:boot", false, -ENOENT, "not of vda");
}

/* Behind "vdz" come "vdaa" and so on. They stay, so this is the last test. */
static void test_many_disks(void **unused)
{
	static struct disk others[40];

	(void)unused;
	for (u32 i = 0; i < 40; i++) {
		others[i] = (struct disk){ .submit = submit, .sectors = 100 + i, .block = 512 };
		disk_register(&others[i]);
	}
	assert_null(disk_get(41));
	assert_ptr_equal(disk_get(0), &machine);
	assert_string_equal(disk_get(25)->name, "vdz");
	assert_string_equal(disk_get(26)->name, "vdaa");
	assert_string_equal(disk_get(40)->name, "vdao");
	allowed("vdb", true, 0, 100);
	allowed("vdz", true, 0, 124);
	allowed("vdaa", true, 0, 125);
	allowed("vdao", true, 0, 139);
	allowed("vda1", true, 40, 100); /* not of "vdaa" */
	refused("vdap", true, -ENOENT, "no disk is 'vdap'");
	refused("vdaa7", true, -ENOENT, "'vdaa7': ");
	refused("vdaaa", true, -ENOENT, "no disk is 'vdaaa'");
}

static void test_users(void **unused)
{
	struct disk_range *a, *b, *c;
	char why[160];

	(void)unused;
	virtio_vm.name[0] = '\0';
	refused("vda2", true, -EBUSY, "'vda2' is in use by ''");
	refused("vda2", false, -EBUSY, "only VMs that all have it `readonly` can share it");
	refused("vda", false, -EBUSY, "'vda' is in use by");
	refused("serial:of-the-machine", true, -EBUSY, "is in use by");
	assert_int_equal(open_range("label:boot", false, &a, why), 0);
	assert_int_equal(open_range("vda1", false, &b, why), 0);
	refused("vda1", true, -EBUSY, "in use by 'other'");
	refused("vda3", true, -EBUSY, "in use by 'other'"); /* partitions that overlap */
	assert_int_equal(open_range("vda3", false, &c, why), 0);
	disk_close(a);
	disk_close(b);
	refused("vda1", true, -EBUSY, "in use by 'other'");
	disk_close(c);
	machine.readonly = true;
	refused("vda1", true, -EPERM, "read-only disk: add `readonly`");
	allowed("vda1", false, 40, 100);
}

/* The operator presses Ctrl-C. */
static u32 looks;

static bool called_off(void)
{
	return ++looks >= 3;
}

static void test_broken_tables(void **unused)
{
	(void)unused;
	contents[512 + 40] ^= 1; /* the copy is used */
	allowed("vda1", true, 40, 100);
	contents[(SECTORS - 3) * 512] ^= 1;
	refused("vda1", true, -ENOENT, "'vda1': the header's checksum is wrong");
	write_table();
	contents[2 * 512 + 130] ^= 1;
	allowed("vda1", true, 40, 100);
	broken = true;
	refused("vda1", true, -ENOENT, "read errors");
	broken = false;
	gone = true;
	refused("vda1", true, -ENOENT, "has failed");
	gone = false;
	mute = true;
	refused("vda1", true, -ENOENT, "does not answer");
	mute = false;
	answer();
	allowed("vda1", true, 40, 100);
	mute = true;
	disk_call_off = called_off;
	refused("vda1", true, -ENOENT, "does not answer");
	assert_in_range(looks, 3, 5);
	disk_call_off = NULL;
	mute = false;
	answer();
	memset(contents, 0, sizeof(contents));
	refused("vda1", true, -ENOENT, "no GUID partition table");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_transfers, setup),
		cmocka_unit_test_setup(test_read_ahead, setup),
		cmocka_unit_test_setup(test_limits, setup),
		cmocka_unit_test_setup(test_flush, setup),
		cmocka_unit_test_setup(test_discard, setup),
		cmocka_unit_test_setup(test_most_cleared, setup),
		cmocka_unit_test_setup(test_errors, setup),
		cmocka_unit_test_setup(test_reset_in_flight, setup),
		cmocka_unit_test_setup(test_delete_in_flight, setup),
		cmocka_unit_test_setup(test_names, setup),
		cmocka_unit_test_setup(test_labels_of_guests, setup),
		cmocka_unit_test_setup(test_users, setup),
		cmocka_unit_test_setup(test_broken_tables, setup),
		cmocka_unit_test_setup(test_many_disks, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
