/* SPDX-License-Identifier: Apache-2.0 */
/* A VM's disk on a disk of the machine: several requests at once, which end in any order. */
#include "virtio_fixture.h"

#include <lib/errno.h>
#include <string.h>
#include <vmm/disk.h>

#define HEADER(n) (DATA_AT + 0x100 * (n))
#define STATE(n)  (DATA_AT + 0x100 * (n) + 0x80)
#define BUFFER(n) (DATA_AT + 0x10000 + BYTES * (n))
enum { IN, OUT, FLUSH = 4 };

#define SECTORS 4096UL /* of the machine's disk */
#define BYTES   8192U  /* of a request */
#define FLUSHES (1 << 9)
#define MANY    6 /* requests at once, more than a range has transfers */

static u8 contents[SECTORS * 512];
static struct disk_io *in_flight[DISK_TRANSFERS]; /* in the order of their start */
static u32 count;

/* ---- the machine's disk ---- */

static int submit(struct disk *d, struct disk_io *io)
{
	assert_in_range(count, 0, DISK_TRANSFERS - 1);
	assert_true(io->sector + io->sectors <= d->sectors);
	for (u32 i = 0; i < count; i++)
		assert_ptr_not_equal(in_flight[i]->data, io->data);
	in_flight[count++] = io;
	return 0;
}

/* The n-th of the transfers in flight ends. */
static void answer(u32 n)
{
	struct disk_io *io = in_flight[n];
	u8 *at = &contents[io->sector * 512];

	assert_in_range(n, 0, count - 1);
	memmove(&in_flight[n], &in_flight[n + 1], (--count - n) * sizeof(in_flight[0]));
	if (io->op == DISK_READ)
		memcpy(io->data, at, io->sectors * 512);
	else if (io->op == DISK_WRITE)
		memcpy(at, io->data, io->sectors * 512);
	disk_done(io, false);
}

static struct disk machine = {
	.submit = submit, .sectors = SECTORS, .block = 512, .flush = true, .serial = "s"
};

/* ---- the VM ---- */

static struct desc_virtio node = { .kind = VIRTIO_BLK, .name = "disk0", .disk = "vda" };

static int setup(void **unused)
{
	static bool known;

	(void)unused;
	if (!known)
		disk_register(&machine);
	known = true;
	while (count)
		answer(0);
	for (u32 i = 0; i < sizeof(contents); i++)
		contents[i] = (u8)(i / BYTES);
	node.requests = (struct rate_limit){ .size = 0 };
	virtio_new(&virtio_blk_class, &node);
	virtio_start(VIRTIO_F_INDIRECT_DESC | FLUSHES, 1);
	return 0;
}

/* Request n, of BYTES at n times BYTES. Its table is an indirect one. */
static void ask(u32 n, u32 type)
{
	struct ring_desc *table = guest(HEADER(n) + 0x20);
	const u32 size = type == FLUSH ? 0 : BYTES;
	u64 *header = guest(HEADER(n));

	header[0] = type;
	header[1] = n * BYTES / 512;
	*(u8 *)guest(STATE(n)) = 0xee;
	table[0] = (struct ring_desc){ HEADER(n), 16, NEXT, size ? 1 : 2 };
	table[1] = (struct ring_desc){ BUFFER(n), size, NEXT | (type ? 0 : WRITE), 2 };
	table[2] = (struct ring_desc){ STATE(n), 1, WRITE, 0 };
	set_desc(n, HEADER(n) + 0x20, 48, INDIRECT, 0);
	offer(0, (u16)n);
}

static void answered(u32 n)
{
	answer(n);
	virtio_work();
}

static u32 last(void)
{
	u32 len;

	return used_last(0, &len);
}

static void is_read(u32 n)
{
	const u8 *at = guest(BUFFER(n));

	assert_int_equal(*(u8 *)guest(STATE(n)), 0);
	assert_int_equal(at[0], n);
	assert_int_equal(at[BYTES - 1], n);
}

/* ---- tests ---- */

/* As many as there are transfers are in flight; they are answered when they end, in that order. */
static void test_reads(void **unused)
{
	(void)unused;
	for (u32 n = 0; n < MANY; n++)
		ask(n, IN);
	notify(0);
	assert_int_equal(count, DISK_TRANSFERS);
	for (u32 n = 0; n < count; n++)
		assert_int_equal(in_flight[n]->sector, n * BYTES / 512);
	answered(2); /* request 2 */
	assert_int_equal(used_idx(0), 1);
	assert_int_equal(last(), 2);
	is_read(2);
	assert_int_equal(*(u8 *)guest(STATE(0)), 0xee);
	assert_int_equal(count, DISK_TRANSFERS); /* with request 4 */
	assert_int_equal(in_flight[3]->sector, 4 * BYTES / 512);
	answered(3);
	assert_int_equal(last(), 4);
	answered(0);
	assert_int_equal(last(), 0);
	/* Two end before the guest's CPU comes to it. */
	answer(1);
	answered(1);
	assert_int_equal(used_idx(0), 5);
	answered(0);
	assert_int_equal(used_idx(0), MANY);
	assert_int_equal(count, 0);
	for (u32 n = 0; n < MANY; n++)
		is_read(n);
	assert_string_equal(virtio_info(),
			    "2048 KiB of vda from sector 0 on, 6 requests, 0 failed");
}

static void test_writes(void **unused)
{
	(void)unused;
	for (u32 n = 0; n < MANY; n++) {
		memset(guest(BUFFER(n)), (int)(0x80 + n), BYTES);
		ask(n, n == 3 ? IN : OUT);
	}
	notify(0);
	assert_int_equal(count, DISK_TRANSFERS);
	while (count)
		answered(count - 1);
	assert_int_equal(used_idx(0), MANY);
	for (u32 n = 0; n < MANY; n++) {
		assert_int_equal(contents[n * BYTES], n == 3 ? 3 : 0x80 + n);
		assert_int_equal(contents[(n + 1) * BYTES - 1], n == 3 ? 3 : 0x80 + n);
	}
	is_read(3);
}

/* A flush does not wait for others, and covers what was answered before it was offered. */
static void test_flush(void **unused)
{
	(void)unused;
	ask(0, OUT);
	ask(1, FLUSH);
	notify(0);
	assert_int_equal(count, 2);
	assert_int_equal(in_flight[1]->op, DISK_FLUSH);
	answered(1);
	assert_int_equal(last(), 1);
	answered(0);
	assert_int_equal(last(), 0);
	/* Without the feature a write is answered after a flush that came behind it. */
	virtio_start(VIRTIO_F_INDIRECT_DESC, 1);
	ask(0, OUT);
	ask(1, OUT);
	notify(0);
	answered(0);
	assert_int_equal(used_idx(0), 0);
	assert_int_equal(count, 2);
	assert_int_equal(in_flight[1]->op, DISK_FLUSH);
	answered(1);
	assert_int_equal(used_idx(0), 1);
	assert_int_equal(last(), 0);
	answered(0);
	answered(0);
	assert_int_equal(last(), 1);
}

/* After a reset the next request waits for all transfers of the ones before. */
static void test_reset(void **unused)
{
	(void)unused;
	for (u32 n = 0; n < 3; n++) {
		memset(guest(BUFFER(n)), 0x44, BYTES);
		ask(n, n == 1 ? IN : OUT);
	}
	notify(0);
	assert_int_equal(count, 3);
	virtio_blk_class.reset(&virtio_dev);
	virtio_start(VIRTIO_F_INDIRECT_DESC | FLUSHES, 1);
	ask(0, IN);
	ask(1, IN);
	notify(0);
	assert_int_equal(count, 3);
	answered(1);
	answered(1);
	assert_int_equal(count, 1);
	assert_int_equal(used_idx(0), 0);
	answered(0);
	assert_int_equal(count, 2);
	assert_int_equal(in_flight[0]->op, DISK_READ);
	answered(1);
	answered(0);
	assert_int_equal(used_idx(0), 2);
	assert_int_equal(*(u8 *)guest(BUFFER(0)), 0x44);
	is_read(1);
}

/* The range stays until the last transfer is over. */
static void test_delete(void **unused)
{
	struct disk_range *r;
	char why[160];

	(void)unused;
	for (u32 n = 0; n < 3; n++)
		ask(n, OUT);
	notify(0);
	virtio_blk_class.reset(&virtio_dev);
	virtio_blk_class.destroy(&virtio_dev);
	virtio_dev.class = NULL;
	for (; count; answer(count - 1)) {
		assert_int_equal(disk_open("vda", true, "'b'", &r, why, sizeof(why)), -EBUSY);
		assert_non_null(strstr(why, "whose last write is not over"));
	}
	assert_int_equal(disk_open("vda", true, "'b'", &r, why, sizeof(why)), 0);
	assert_int_equal(r->count, 1);
	disk_close(r);
}

/* With a limit there is one request at a time, in the order of the driver. */
static void test_limited(void **unused)
{
	(void)unused;
	node.requests = (struct rate_limit){ .size = 100, .ms = 1000 };
	virtio_new(&virtio_blk_class, &node);
	virtio_start(VIRTIO_F_INDIRECT_DESC | FLUSHES, 1);
	for (u32 n = 0; n < MANY; n++)
		ask(n, IN);
	notify(0);
	for (u32 n = 0; n < MANY; n++) {
		assert_int_equal(count, 1);
		answered(0);
		assert_int_equal(last(), n);
		is_read(n);
	}
}

/* A request without its answer breaks the device with others in flight; a reset repairs it. */
static void test_broken(void **unused)
{
	(void)unused;
	ask(0, IN);
	ask(1, IN);
	((struct ring_desc *)guest(HEADER(1) + 0x20))[0].flags = 0;
	ask(2, IN);
	notify(0);
	assert_int_equal(get(STATUS), DRIVER_OK | NEEDS_RESET);
	assert_int_equal(count, 1);
	answered(0);
	assert_int_equal(used_idx(0), 0);
	virtio_start(VIRTIO_F_INDIRECT_DESC | FLUSHES, 1);
	ask(2, IN);
	notify(0);
	answered(0);
	is_read(2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_reads, setup),
		cmocka_unit_test_setup(test_writes, setup),
		cmocka_unit_test_setup(test_flush, setup),
		cmocka_unit_test_setup(test_reset, setup),
		cmocka_unit_test_setup(test_limited, setup),
		cmocka_unit_test_setup(test_broken, setup),
		cmocka_unit_test_setup(test_delete, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
