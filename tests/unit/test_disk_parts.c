/* SPDX-License-Identifier: Apache-2.0 */
/* A VM's disk on a disk of the machine that moves the guest's own memory. */
#include "virtio_fixture.h"

#include <lib/errno.h>
#include <string.h>
#include <vmm/disk.h>

#define HEADER  DATA_AT
#define STATE   (DATA_AT + 0x100)
#define TABLE   (DATA_AT + 0x200)
#define BUFFER  (DATA_AT + 0x10000)
#define SECTORS 8192UL
#define FLUSHES (1 << 9)
enum { IN, OUT };

static u8 contents[SECTORS * 512];
static struct disk_io *in_flight;
static u32 transfers, sleeps;
static bool broken;
static u32 answer_at; /* the disk answers in this sleep of a thread */

/* ---- the machine's disk ---- */

/* Its own table of parts. */
struct table {
	struct {
		u8 *at;
		u32 bytes;
	} parts[32];
};

static void describe(struct disk_io *io, u32 n, void *at, u32 bytes)
{
	struct table *t = io->table;

	assert_in_range(n, 0, ARRAY_SIZE(t->parts) - 1);
	t->parts[n].at = at;
	t->parts[n].bytes = bytes;
}

static int submit(struct disk *d, struct disk_io *io)
{
	assert_null(in_flight);
	assert_in_range(io->sector + io->sectors, 0, d->sectors);
	in_flight = io;
	transfers++;
	return 0;
}

static void move(struct disk_io *io, u8 *at, u8 *disk, u32 bytes)
{
	if (io->op == DISK_READ)
		memcpy(at, disk, bytes);
	else
		memcpy(disk, at, bytes);
}

static void answer(void)
{
	struct disk_io *io = in_flight;
	const struct table *t = io->table;
	u8 *disk = &contents[io->sector * 512];

	in_flight = NULL;
	if (!io->parts && !broken)
		move(io, io->data, disk, io->sectors * 512);
	for (u32 i = 0; i < io->parts && !broken; disk += t->parts[i++].bytes)
		move(io, t->parts[i].at, disk, t->parts[i].bytes);
	disk_done(io, broken);
}

static struct disk machine = { .submit = submit,
			       .describe = describe,
			       .most_parts = 16,
			       .sectors = SECTORS,
			       .block = 512,
			       .flush = true,
			       .serial = "s" };

/* ---- the VM ---- */

static struct desc_virtio node = { .kind = VIRTIO_BLK, .name = "disk0", .disk = "vda" };

static void asleep(void)
{
	if (++sleeps >= answer_at && in_flight)
		answer();
}

static void start(void)
{
	virtio_start(VIRTIO_F_INDIRECT_DESC | FLUSHES, 1);
}

static int setup(void **unused)
{
	static bool known;

	(void)unused;
	if (!known)
		disk_register(&machine);
	known = true;
	broken = machine.lost = false;
	machine.most_parts = 16;
	virtio_asleep = asleep;
	for (u32 i = 0; i < sizeof(contents); i++)
		contents[i] = (u8)(i / 512 * 7 + i);
	virtio_new(&virtio_blk_class, &node);
	start();
	transfers = sleeps = 0;
	answer_at = 0;
	return 0;
}

static u32 ends; /* descriptors of the request */

/* A request whose data is added by piece(). */
static void header(u32 type, u64 sector)
{
	struct ring_desc *table = guest(TABLE);
	u64 *at = guest(HEADER);

	at[0] = type;
	at[1] = sector;
	table[0] = (struct ring_desc){ HEADER, 16, NEXT, 1 };
	ends = 1;
}

static void piece(u64 ipa, u32 len)
{
	struct ring_desc *table = guest(TABLE);
	const u16 flags = *(u64 *)guest(HEADER) == IN ? NEXT | WRITE : NEXT;

	table[ends] = (struct ring_desc){ ipa, len, flags, (u16)(ends + 1) };
	ends++;
}

static void send(void)
{
	struct ring_desc *table = guest(TABLE);

	*(u8 *)guest(STATE) = 0xee;
	table[ends] = (struct ring_desc){ STATE, 1, WRITE, 0 };
	set_desc(0, TABLE, (ends + 1) * 16, INDIRECT, 0);
	offer(0, 0);
	notify(0);
}

static u8 settle(void)
{
	while (in_flight) {
		answer();
		virtio_work();
	}
	assert_int_equal(get(STATUS), DRIVER_OK);
	return *(u8 *)guest(STATE);
}

static bool let_go(void)
{
	struct virtio *t = virtio_dev.state;

	return t->model->let_go(t);
}

/* ---- tests ---- */

/* One transfer, into the guest's memory. Adjacent buffers are one part. */
static void test_read(void **unused)
{
	u32 len;

	(void)unused;
	header(IN, 3);
	piece(BUFFER, 4096);
	piece(BUFFER + 4096, 8192);
	piece(BUFFER + 0x8000, 512);
	send();
	assert_int_equal(transfers, 1);
	assert_int_equal(in_flight->parts, 2);
	assert_int_equal(in_flight->sectors, 25);
	assert_int_equal(*(u8 *)guest(STATE), 0xee);
	assert_int_equal(settle(), 0);
	assert_int_equal(used_last(0, &len), 0);
	assert_int_equal(len, 12288 + 512 + 1);
	assert_memory_equal(guest(BUFFER), &contents[3 * 512], 12288);
	assert_memory_equal(guest(BUFFER + 0x8000), &contents[27 * 512], 512);
	assert_int_equal(*(u8 *)guest(BUFFER + 0x8000 + 512), 0);
}

static void test_write(void **unused)
{
	u32 len;

	(void)unused;
	memset(guest(BUFFER), 0x55, 1024);
	memset(guest(BUFFER + 0x4000), 0x66, 512);
	header(OUT, 100);
	piece(BUFFER + 0x4000, 512);
	piece(BUFFER, 1024);
	send();
	assert_int_equal(settle(), 0);
	assert_int_equal(transfers, 1);
	(void)used_last(0, &len);
	assert_int_equal(len, 1);
	assert_int_equal(contents[100 * 512], 0x66);
	assert_int_equal(contents[101 * 512], 0x55);
	assert_int_equal(contents[103 * 512 - 1], 0x55);
	assert_int_equal(contents[103 * 512], (u8)(103 * 7));
}

/* A buffer over the end of a block of 2 MiB: they are apart in the machine's memory. */
static void test_blocks(void **unused)
{
	(void)unused;
	header(IN, 0);
	piece(RAM + MIB(2) - 1024, 4096);
	send();
	assert_int_equal(in_flight->parts, 2);
	assert_int_equal(settle(), 0);
	assert_memory_equal(guest(RAM + MIB(2) - 1024), contents, 1024);
	assert_memory_equal(guest(RAM + MIB(2)), &contents[1024], 3072);
}

/* More parts than a transfer may have, and more than one unit describes: the rest follows. */
static void test_many(void **unused)
{
	(void)unused;
	header(IN, 0);
	for (u32 i = 0; i < 20; i++)
		piece(BUFFER + i * 2048, 512);
	send();
	assert_int_equal(in_flight->parts, 16);
	assert_int_equal(settle(), 0);
	assert_int_equal(transfers, 2);
	for (u32 i = 0; i < 20; i++)
		assert_memory_equal(guest(BUFFER + i * 2048), &contents[i * 512], 512);
}

/* Buffers that are no whole sectors are moved through ours. */
static void test_odd(void **unused)
{
	(void)unused;
	header(IN, 5);
	piece(BUFFER, 512);
	piece(BUFFER + 0x1000, 100);
	piece(BUFFER + 0x2000, 412);
	send();
	assert_int_equal(in_flight->parts, 1);
	assert_int_equal(settle(), 0);
	assert_int_equal(transfers, 2);
	assert_memory_equal(guest(BUFFER), &contents[5 * 512], 512);
	assert_memory_equal(guest(BUFFER + 0x1000), &contents[6 * 512], 100);
	assert_memory_equal(guest(BUFFER + 0x2000), &contents[6 * 512 + 100], 412);
	memset(guest(BUFFER), 0x99, 512);
	header(OUT, 5);
	piece(BUFFER, 12);
	piece(BUFFER + 12, 500);
	send();
	assert_int_equal(in_flight->parts, 0);
	assert_int_equal(settle(), 0);
	assert_int_equal(contents[6 * 512 - 1], 0x99);
	assert_int_equal(contents[6 * 512], (u8)(6 * 7));
}

/* Beyond the disk's end, outside memory, a disk that fails. */
static void test_errors(void **unused)
{
	u32 len;

	(void)unused;
	header(IN, SECTORS - 1);
	piece(BUFFER, 512);
	piece(BUFFER + 0x1000, 512);
	send();
	assert_int_equal(settle(), 1);
	header(OUT, ~0ULL / 512);
	piece(BUFFER, 512);
	send();
	assert_int_equal(settle(), 1);
	assert_int_equal(transfers, 0);
	broken = true;
	header(IN, 0);
	piece(BUFFER, 512);
	send();
	assert_int_equal(settle(), 1);
	(void)used_last(0, &len);
	assert_int_equal(len, 0);
	assert_int_equal(transfers, 1);
	header(IN, 0);
	piece(BUFFER, 512);
	piece(RAM + RAM_SIZE - 512, 1024);
	send();
	assert_int_equal(get(STATUS), DRIVER_OK | NEEDS_RESET);
	assert_int_equal(transfers, 1);
}

/* A balloon waits for the transfers; meanwhile none begins. */
static void test_let_go(void **unused)
{
	(void)unused;
	assert_false(let_go());
	header(IN, 0);
	piece(BUFFER, 512);
	send();
	assert_true(let_go());
	answer();
	virtio_work();
	assert_int_equal(*(u8 *)guest(STATE), 0);
	header(IN, 1);
	piece(BUFFER, 512);
	send();
	assert_null(in_flight);
	assert_false(let_go());
	virtio_wake(virtio_dev.state);
	virtio_work();
	assert_non_null(in_flight);
	assert_int_equal(settle(), 0);
	/* As a balloon does it. */
	header(IN, 2);
	piece(BUFFER, 512);
	send();
	assert_non_null(in_flight);
	virtio_kicks = 0;
	answer_at = 2;
	virtio_let_go(&virtio_vm);
	assert_null(in_flight);
	assert_int_equal(sleeps, 2);
	assert_in_range(virtio_kicks, 1, 9);
	virtio_work();
	assert_int_equal(settle(), 0);
	assert_memory_equal(guest(BUFFER), &contents[2 * 512], 512);
}

/* Between the units that describe a request, once: its second buffer is another one now. */
static void interrupt_describing(void)
{
	((struct ring_desc *)guest(TABLE))[2].addr = BUFFER + 0x10000;
	virtio_between = NULL;
	assert_null(in_flight);
	assert_false(let_go());
}

static void test_described_again(void **unused)
{
	u32 len;

	(void)unused;
	header(IN, 9);
	for (u32 i = 0; i < 7; i++)
		piece(BUFFER + i * 2048, 512);
	virtio_between = interrupt_describing;
	send();
	assert_null(virtio_between);
	assert_int_equal(in_flight->parts, 7);
	assert_int_equal(in_flight->sector, 9);
	assert_int_equal(settle(), 0);
	(void)used_last(0, &len);
	assert_int_equal(len, 7 * 512 + 1);
	assert_memory_equal(guest(BUFFER), &contents[9 * 512], 512);
	assert_int_equal(*(u8 *)guest(BUFFER + 2048), 0);
	assert_memory_equal(guest(BUFFER + 0x10000), &contents[10 * 512], 512);
	for (u32 i = 2; i < 7; i++)
		assert_memory_equal(guest(BUFFER + i * 2048), &contents[(9 + i) * 512], 512);
}

/* The vCPU that resets the device goes on when the disk has left the memory alone. */
static void test_driver_resets(void **unused)
{
	(void)unused;
	header(IN, 0);
	piece(BUFFER, 512);
	send();
	answer_at = 3;
	put(STATUS, 0);
	assert_non_null(in_flight);
	virtio_work();
	assert_null(in_flight);
	assert_int_equal(sleeps, 3);
	assert_int_equal(used_idx(0), 0);
	start();
	sleeps = 0;
	header(IN, 0);
	piece(BUFFER, 512);
	send();
	put(QUEUE_SEL, 0);
	put(QUEUE_READY, 0);
	virtio_work();
	assert_null(in_flight);
	start();
	header(IN, 8);
	piece(BUFFER, 512);
	send();
	assert_int_equal(settle(), 0);
	assert_memory_equal(guest(BUFFER), &contents[8 * 512], 512);
	assert_int_equal(sleeps, 3);
}

static void reset_in_flight(void)
{
	start();
	header(IN, 0);
	piece(BUFFER, 512);
	send();
	sleeps = 0;
	answer_at = 3;
	put(STATUS, 0);
	assert_non_null(in_flight);
}

/* vCPU 1 resets the device; vCPU 0 looks for work before it, and it may be paused meanwhile. */
static void test_second_vcpu_resets(void **unused)
{
	static struct vcpu first;
	struct virtio *t = virtio_dev.state;

	(void)unused;
	first = (struct vcpu){ .vm = &virtio_vm, .power = VCPU_ON };
	virtio_vm.vcpus[0] = &first;
	virtio_vm.vcpus[1] = &virtio_vcpu;
	virtio_vm.nvcpus = 2;
	reset_in_flight();
	t->asked = false;
	virtio_work();
	assert_null(in_flight);
	reset_in_flight();
	virtio_vcpu.thread.work |= VCPU_WORK_STATE;
	virtio_work_once();
	assert_non_null(in_flight);
	t->asked = false;
	virtio_vcpu.thread.work &= (u32)~VCPU_WORK_STATE; /* resumed */
	virtio_work();
	assert_null(in_flight);
	assert_int_equal(sleeps, 3);
}

/* The VM's memory may go when its devices were reset: no transfer has any of it then. */
static void test_vm_ends(void **unused)
{
	(void)unused;
	header(OUT, 0);
	piece(BUFFER, 512);
	send();
	answer_at = 2;
	virtio_blk_class.reset(&virtio_dev);
	assert_null(in_flight);
	assert_int_equal(sleeps, 2);
	assert_false(virtio_vm.ram.kept);
	/* A disk that failed and does not let go: the memory is never given to others. */
	start();
	header(OUT, 0);
	piece(BUFFER, 512);
	send();
	sleeps = 0;
	machine.lost = broken = true;
	virtio_blk_class.reset(&virtio_dev);
	assert_true(virtio_vm.ram.kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_read, setup),
		cmocka_unit_test_setup(test_write, setup),
		cmocka_unit_test_setup(test_blocks, setup),
		cmocka_unit_test_setup(test_many, setup),
		cmocka_unit_test_setup(test_odd, setup),
		cmocka_unit_test_setup(test_errors, setup),
		cmocka_unit_test_setup(test_let_go, setup),
		cmocka_unit_test_setup(test_described_again, setup),
		cmocka_unit_test_setup(test_driver_resets, setup),
		cmocka_unit_test_setup(test_second_vcpu_resets, setup),
		cmocka_unit_test_setup(test_vm_ends, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
