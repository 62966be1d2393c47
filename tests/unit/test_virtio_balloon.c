/* SPDX-License-Identifier: Apache-2.0 */
/* The balloon's device: page numbers in any layout, waiting for memory, statistics, resets. */
#include "virtio_fixture.h"

#include <asm/host.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <string.h>

enum { INFLATE, DEFLATE, STATS };

#define NUMBERS (DATA_AT + 0x1000)
#define BLOCK0  (RAM >> 12)

/* ---- in place of vmm/core/ ---- */

static struct {
	u32 inflated, deflated, forgotten, left, blocks;
	u64 last, full_at; /* the page that makes its block full */
	u32 short_of;      /* so many deflations find no memory */
	u64 target;
	int refuses;
} did;

int vm_ram_balloon_init(struct vm_ram *ram)
{
	static u64 table[2][VM_BLOCK_PAGES / 64];

	ram->pages = table;
	return 0;
}

u64 vm_ram_balloon_bytes(const struct vm_ram *ram)
{
	return ram->pages ? PAGE_SIZE : 0;
}

int vm_ram_set_target(struct vm_ram *ram, u64 bytes)
{
	assert_ptr_equal(ram, &virtio_vm.ram);
	did.target = bytes;
	return did.refuses;
}

bool vm_ram_inflate(struct vm_ram *ram, u64 ipa, bool *full)
{
	assert_true(host_irqs_open[0]);
	*full = ipa == did.full_at;
	if (ipa < RAM || ipa >= RAM + RAM_SIZE)
		return false;
	ram->ballooned++;
	did.inflated++;
	did.last = ipa;
	return true;
}

int vm_ram_deflate(struct vm_ram *ram, u64 ipa)
{
	assert_true(host_irqs_open[0]);
	if (ipa < RAM || ipa >= RAM + RAM_SIZE)
		return -EFAULT;
	if (did.short_of) {
		did.short_of--;
		return -ENOMEM;
	}
	ram->ballooned--;
	did.deflated++;
	return 0;
}

void vm_ram_forget(struct vm_ram *ram)
{
	assert_true(host_irqs_open[0]);
	ram->ballooned = 0;
	did.forgotten++;
}

bool vm_ram_leave(struct vm_ram *ram, u64 ipa, struct ram_leaving *l)
{
	(void)ram;
	l->ipa = ipa;
	return true;
}

void vm_ram_left(struct vm_ram *ram, const struct ram_leaving *l, u32 count)
{
	(void)ram;
	assert_int_equal(l[count - 1].ipa, did.full_at);
	did.left++;
	did.blocks += count;
}

void page_stats(struct page_stats *s)
{
	*s = (struct page_stats){ .blocks_free = 3 };
}

int vm_fail(struct vm_error *err, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return code;
}

/* ---- the driver ---- */

static int setup(void **unused)
{
	(void)unused;
	memset(&did, 0, sizeof(did));
	virtio_new(&virtio_balloon_class,
		   &(struct desc_virtio){ .kind = VIRTIO_BALLOON, .name = "balloon0" });
	virtio_vm.ram.size = RAM_SIZE;
	virtio_start(0, 2);
	return 0;
}

static void desc(u32 queue, u32 n, u64 addr, u32 len, u16 flags, u16 next)
{
	((struct ring_desc *)guest(DESC_AT + queue * QUEUE_STRIDE))[n] =
		(struct ring_desc){ addr, len, flags, next };
}

static void numbers(u32 count, u32 first)
{
	for (u32 i = 0; i < count; i++)
		*(u32 *)guest(NUMBERS + 4 * i) = first + i;
}

static void send(u32 queue, u32 bytes)
{
	desc(queue, 0, NUMBERS, bytes, 0, 0);
	offer(queue, 0);
	notify(queue);
}

static u32 actual(void)
{
	return get(CONFIG + 4);
}

static void test_give_and_take(void **unused)
{
	(void)unused;
	numbers(256, BLOCK0);
	did.full_at = RAM + 200 * PAGE_SIZE;
	send(INFLATE, 1024);
	assert_int_equal(used_idx(INFLATE), 1);
	assert_int_equal(did.inflated, 256);
	assert_int_equal(did.last, RAM + 255 * PAGE_SIZE);
	assert_int_equal(did.left, 1);
	assert_int_equal(actual(), 256);
	assert_true(virtio_line);
	send(DEFLATE, 400);
	assert_int_equal(used_idx(DEFLATE), 1);
	assert_int_equal(did.deflated, 100);
	assert_int_equal(actual(), 156);
}

/* Numbers that lie in two buffers, bytes behind the last, no bytes, numbers of no RAM. */
static void test_odd(void **unused)
{
	(void)unused;
	numbers(3, BLOCK0);
	desc(INFLATE, 0, NUMBERS, 3, NEXT, 1);
	desc(INFLATE, 1, NUMBERS + 3, 2, NEXT, 2);
	desc(INFLATE, 2, NUMBERS + 5, 6, 0, 0);
	offer(INFLATE, 0);
	notify(INFLATE);
	assert_int_equal(did.inflated, 2);
	assert_int_equal(used_idx(INFLATE), 1);
	send(INFLATE, 3);
	assert_int_equal(did.inflated, 2);
	assert_int_equal(used_idx(INFLATE), 2);
	desc(INFLATE, 0, NUMBERS, 12, WRITE, 0);
	offer(INFLATE, 0);
	notify(INFLATE);
	assert_int_equal(did.inflated, 2);
	assert_int_equal(used_idx(INFLATE), 3);
	numbers(3, BLOCK0 - 2);
	send(INFLATE, 12);
	send(DEFLATE, 12);
	numbers(1, ~0U);
	send(INFLATE, 4);
	assert_int_equal(did.inflated, 3);
	assert_int_equal(did.deflated, 1);
	assert_non_null(strstr(virtio_info(), "5 wrong numbers"));
	assert_int_equal(get(STATUS), DRIVER_OK);
}

static void test_waits_for_memory(void **unused)
{
	(void)unused;
	numbers(10, BLOCK0);
	send(INFLATE, 40);
	did.short_of = 2;
	send(DEFLATE, 40);
	assert_int_equal(used_idx(DEFLATE), 0);
	assert_true(virtio_timer_armed);
	assert_non_null(strstr(virtio_info(), "waits for memory"));
	virtio_timeout->fn(virtio_timeout);
	virtio_work();
	assert_int_equal(used_idx(DEFLATE), 0);
	virtio_timeout->fn(virtio_timeout);
	virtio_work();
	assert_int_equal(used_idx(DEFLATE), 1);
	assert_int_equal(did.deflated, 10);
	/* A reset ends the wait. */
	did.short_of = 1;
	send(DEFLATE, 40);
	put(STATUS, 0);
	assert_null(strstr(virtio_info(), "waits"));
	virtio_start(0, 2);
	send(INFLATE, 40);
	assert_int_equal(used_idx(INFLATE), 1);
}

static void reset_now(void)
{
	virtio_between = NULL;
	put(STATUS, 0);
}

static void test_reset(void **unused)
{
	const u32 forgotten = did.forgotten;

	(void)unused;
	numbers(256, BLOCK0);
	send(INFLATE, 1024);
	put(STATUS, 0);
	virtio_start(0, 2);
	assert_int_equal(did.forgotten, forgotten + 1);
	assert_int_equal(actual(), 0);
	virtio_between = reset_now; /* another vCPU, in the middle */
	numbers(256, BLOCK0);
	send(INFLATE, 1024);
	assert_int_equal(used_idx(INFLATE), 0);
	virtio_start(0, 2);
	assert_int_equal(did.forgotten, forgotten + 3);
	assert_int_equal(actual(), 0);
}

static void test_wanted(void **unused)
{
	const u32 generation = get(0x0fc);
	struct vm_error err;

	(void)unused;
	put(INTERRUPT_ACK, 3);
	assert_int_equal(virtio_dev.class->set_memory(&virtio_dev, MIB(2), &err), 0);
	assert_int_equal(did.target, MIB(2));
	assert_int_equal(get(CONFIG), 512);
	assert_int_equal(virtio_load(CONFIG + 1, 1), 2);
	assert_int_equal(get(INTERRUPT_STATUS), 2);
	assert_int_not_equal(get(0x0fc), generation);
	did.refuses = -ENOMEM;
	virtio_vm.ram.allowed = 1;
	virtio_vm.desc.label[0] = virtio_vm.name[0] = 'x';
	assert_int_equal(virtio_dev.class->set_memory(&virtio_dev, MIB(4), &err), -ENOMEM);
	assert_string_equal(err.text, "no memory: 'x' has 2 MiB, and 6 MiB are free");
	assert_int_equal(get(CONFIG), 512);
	/* It is the operator's, not the guest's. */
	put(CONFIG, 7);
	put(STATUS, 0);
	assert_int_equal(get(CONFIG), 512);
}

static void stat(u32 n, u16 tag, u64 value)
{
	memcpy(guest(NUMBERS + 10 * n), &tag, 2);
	memcpy(guest(NUMBERS + 10 * n + 2), &value, 8);
}

static void test_statistics(void **unused)
{
	(void)unused;
	virtio_start(BIT(1), 3);
	assert_null(strstr(virtio_info(), "available"));
	stat(0, 6, MIB(100));
	stat(1, 0xffff, 1);
	stat(2, 5, MIB(200));
	desc(STATS, 0, NUMBERS, 30, 0, 0);
	host_counter = 100;
	offer(STATS, 0);
	notify(STATS);
	assert_int_equal(used_idx(STATS), 0); /* it is kept */
	assert_non_null(strstr(virtio_info(), "guest, 0 s ago: 100 of 200 MiB available"));
	virtio_work();
	assert_int_equal(used_idx(STATS), 1);
	stat(0, 6, MIB(90));
	desc(STATS, 0, NUMBERS, 9, 0, 0); /* too short for a figure */
	offer(STATS, 0);
	notify(STATS);
	assert_non_null(strstr(virtio_info(), "100 of 200"));
	virtio_work();
	desc(STATS, 0, NUMBERS, 4000, 0, 0);
	offer(STATS, 0);
	notify(STATS);
	assert_non_null(strstr(virtio_info(), "90 of 200"));
	/* The other queues work meanwhile. */
	send(INFLATE, 40);
	assert_int_equal(used_idx(INFLATE), 1);
}

/* The driver's ring is in memory that was given back, and the machine has none. */
static void test_lost_ring(void **unused)
{
	(void)unused;
	virtio_absent = 1;
	virtio_lost = true;
	send(INFLATE, 40);
	assert_int_equal(get(STATUS), DRIVER_OK | NEEDS_RESET);
	assert_non_null(strstr(virtio_info(), "that the guest gave back"));
	virtio_lost = false;
	virtio_start(0, 2);
	send(INFLATE, 40);
	assert_int_equal(used_idx(INFLATE), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, unit_end)
	const struct CMUnitTest tests[] = {
		TEST(test_give_and_take), TEST(test_odd),    TEST(test_waits_for_memory),
		TEST(test_reset),         TEST(test_wanted), TEST(test_statistics),
		TEST(test_lost_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
