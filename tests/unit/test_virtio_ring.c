/* SPDX-License-Identifier: Apache-2.0 */
/* The transport and the split ring, seen through the entropy device: right rings and wrong ones. */
#include "virtio_fixture.h"

#include <string.h>

static int setup(void **unused)
{
	(void)unused;
	virtio_new(&virtio_rng_class, &(struct desc_virtio){ .kind = VIRTIO_RNG, .name = "rng0" });
	return 0;
}

static void test_registers(void **unused)
{
	static const u32 constant[][2] = {
		{ 0x000, 0x74726976 }, { 0x004, 2 },          { 0x008, 4 },
		{ 0x00c, 0x204d565a }, { 0x0b0, 0xffffffff }, { 0x0b4, 0xffffffff },
		{ 0x0fc, 0 },          { 0x018, 0 },          { 0x200 - 4, 0 },
	};

	(void)unused;
	for (u32 i = 0; i < ARRAY_SIZE(constant); i++) {
		put(constant[i][0], 0x5a5a5a5a);
		assert_int_equal(get(constant[i][0]), constant[i][1]);
	}
	assert_int_equal(get(DEVICE_FEATURES), BIT(28) | BIT(29));
	put(DEVICE_FEATURES_SEL, 1);
	assert_int_equal(get(DEVICE_FEATURES), 1);
	put(DEVICE_FEATURES_SEL, 2);
	assert_int_equal(get(DEVICE_FEATURES), 0);
	assert_int_equal(get(QUEUE_NUM_MAX), 256);
	put(QUEUE_SEL, 1);
	assert_int_equal(get(QUEUE_NUM_MAX), 0);
	put(QUEUE_NUM, 8); /* of no queue */
	put(QUEUE_DESC, 8);
	put(QUEUE_READY, 1);
	assert_int_equal(get(QUEUE_READY), 0);
	assert_int_equal(get(INTERRUPT_STATUS), 0);
	assert_string_equal(virtio_info(), "no driver");
}

/* Registers are words, but no width or place of an access does harm. */
static void test_widths(void **unused)
{
	(void)unused;
	assert_int_equal(virtio_load(0, 1), 'v');
	assert_int_equal(virtio_load(2, 2), 0x7472);
	for (u32 offset = 0; offset < 0x200; offset += 8) {
		for (u32 size = 1; size <= 8; size *= 2) {
			virtio_store(offset, size, 0x0102040810204080);
			(void)virtio_load(offset, size);
		}
	}
	put(STATUS, 0);
	assert_int_equal(get(STATUS), 0);
}

static void test_features(void **unused)
{
	(void)unused;
	put(STATUS, 3);
	put(DRIVER_FEATURES, 1); /* not offered, and no VERSION_1 */
	put(STATUS, 3 | 8);
	assert_int_equal(get(STATUS), 3);
	assert_string_equal(virtio_info(), "the driver's features 0x1 are not accepted");
	put(DRIVER_FEATURES_SEL, 1);
	put(DRIVER_FEATURES, 1);
	put(STATUS, 3 | 8);
	assert_int_equal(get(STATUS), 3);
	put(DRIVER_FEATURES_SEL, 0);
	put(DRIVER_FEATURES, 0);
	put(STATUS, 3 | 8);
	assert_int_equal(get(STATUS), 3 | 8);
	put(DRIVER_FEATURES, 1U << 28); /* too late */
	put(STATUS, DRIVER_OK);
	put(DRIVER_FEATURES_SEL, 7);
	put(DRIVER_FEATURES, 1);
	assert_int_equal(get(STATUS), DRIVER_OK);
}

/* 3.1.1 has FEATURES_OK first. Without it DRIVER_OK settles the features. */
static void test_no_features_ok(void **unused)
{
	(void)unused;
	put(STATUS, 3);
	put(STATUS, 3 | 4);
	assert_int_equal(get(STATUS), 3 | 4); /* no VERSION_1 */
	assert_string_equal(virtio_info(), "the driver's features 0x0 are not accepted");
	put(STATUS, 0);
	put(STATUS, 3);
	put(DRIVER_FEATURES_SEL, 1);
	put(DRIVER_FEATURES, 1);
	put(STATUS, 3 | 4);
	assert_int_equal(get(STATUS), DRIVER_OK);
	put(DRIVER_FEATURES_SEL, 0);
	put(DRIVER_FEATURES, 1U << 28); /* too late */
	put(STATUS, DRIVER_OK);
	assert_int_equal(get(STATUS), DRIVER_OK);
}

static bool filled(u64 ipa, u32 len, u8 value)
{
	const u8 *p = guest(ipa);

	for (u32 i = 0; i < len; i++)
		if (p[i] != value)
			return false;
	return true;
}

static void test_answers(void **unused)
{
	u32 len;

	(void)unused;
	virtio_start(0, 1);
	assert_false(virtio_line);
	set_desc(3, DATA_AT, 16, WRITE, 0);
	offer(0, 3);
	notify(0);
	assert_int_equal(used_idx(0), 1);
	assert_int_equal(used_last(0, &len), 3);
	assert_int_equal(len, 16);
	assert_true(filled(DATA_AT, 16, 1));
	assert_int_equal(*(u8 *)guest(DATA_AT + 16), 0);
	assert_true(virtio_line);
	assert_int_equal(get(INTERRUPT_STATUS), 1);
	put(INTERRUPT_ACK, 1);
	assert_false(virtio_line);
	assert_string_equal(virtio_info(), "16 bytes given");
	/* A second notify with nothing new. */
	notify(0);
	assert_int_equal(used_idx(0), 1);
	assert_false(virtio_line);
}

/* Several requests at once, each of several buffers; the index wraps round the ring. */
static void test_chains(void **unused)
{
	u32 len;

	(void)unused;
	virtio_start(0, 1);
	for (u32 turn = 0; turn < 10; turn++) {
		set_desc(0, DATA_AT, 1, WRITE | NEXT, 7);
		set_desc(7, DATA_AT + 0x100, 2, WRITE | NEXT, 2);
		set_desc(2, RAM + MIB(2) - 8, 16, WRITE, 9); /* across two blocks */
		set_desc(4, DATA_AT + 0x200, 100, WRITE, 0);
		offer(0, 0);
		offer(0, 4);
		notify(0);
		assert_int_equal(used_idx(0), 2 * (turn + 1));
		assert_int_equal(used_last(0, &len), 4);
		assert_int_equal(len, 100);
		assert_true(*(u8 *)guest(RAM + MIB(2) + 7));
	}
}

static void test_indirect(void **unused)
{
	struct ring_desc *table;
	u32 len;

	(void)unused;
	virtio_start(VIRTIO_F_INDIRECT_DESC, 1);
	table = guest(DATA_AT);
	table[0] = (struct ring_desc){ DATA_AT + 0x1000, 5, WRITE | NEXT, 2 };
	table[2] = (struct ring_desc){ DATA_AT + 0x2000, 6, WRITE, 0 };
	set_desc(1, DATA_AT, 48, INDIRECT, 0);
	offer(0, 1);
	notify(0);
	assert_int_equal(used_last(0, &len), 1);
	assert_int_equal(len, 11);
	assert_int_equal(get(STATUS), DRIVER_OK);
}

/* One section meets four buffers at most; others follow. */
static void test_many_buffers(void **unused)
{
	u32 len;

	(void)unused;
	virtio_start(0, 1);
	for (u16 i = 0; i < 6; i++)
		set_desc(i, DATA_AT + i * 64UL, 3, WRITE | (i < 5 ? NEXT : 0), i + 1);
	offer(0, 0);
	notify(0);
	assert_int_equal(used_idx(0), 1);
	assert_int_equal(used_last(0, &len), 0);
	assert_int_equal(len, 6 * 3);
}

/* Zephyr's driver wants all bytes that it asks for. */
static void test_large_request(void **unused)
{
	u32 len;

	(void)unused;
	virtio_start(0, 1);
	set_desc(0, DATA_AT, 2000, WRITE, 0);
	set_desc(1, DATA_AT + 0x1000, 64, WRITE, 0);
	offer(0, 0);
	offer(0, 1);
	notify(0);
	assert_int_equal(used_idx(0), 2);
	assert_int_equal(used_last(0, &len), 1);
	assert_int_equal(len, 64);
	assert_int_not_equal(*(u8 *)guest(DATA_AT + 1999), 0);
	assert_int_equal(*(u8 *)guest(DATA_AT + 2000), 0);
	assert_string_equal(virtio_info(), "2064 bytes given");
}

/* A table is aligned to 8 only: a descriptor may lie in two blocks, of which one has not come. */
static void test_descriptor_in_two_blocks(void **unused)
{
	const struct ring_desc d[] = {
		{ DATA_AT + 0x1000, 2, WRITE | NEXT, 1 },
		{ DATA_AT + 0x2000, 3, WRITE, 0 },
	};
	u32 len;

	(void)unused;
	for (u32 absent = 0; absent < 8; absent++) {
		virtio_start(VIRTIO_F_INDIRECT_DESC, 1);
		memcpy(guest(RAM + MIB(2) - 24), d, 24);
		memcpy(guest(RAM + MIB(2)), (const u8 *)d + 24, 8);
		set_desc(0, RAM + MIB(2) - 24, 32, INDIRECT, 0);
		offer(0, 0);
		virtio_absent = absent;
		notify(0);
		assert_int_equal(used_idx(0), 1);
		assert_int_equal(used_last(0, &len), 0);
		assert_int_equal(len, 5);
	}
}

/* 2.7.10: the event indices suppress interrupts and notifies. */
static void test_events(void **unused)
{
	u16 *avail = guest(AVAIL_AT), *used = guest(USED_AT);
	u16 *used_event = &avail[2 + RING_SIZE], *avail_event = &used[2 + 4 * RING_SIZE];

	(void)unused;
	virtio_start(VIRTIO_F_EVENT_IDX, 1);
	set_desc(0, DATA_AT, 8, WRITE, 0);
	*used_event = 1; /* interrupt at the second */
	offer(0, 0);
	notify(0);
	assert_false(virtio_line);
	assert_int_equal(*avail_event, 1);
	offer(0, 0);
	notify(0);
	assert_true(virtio_line);
	assert_int_equal(*avail_event, 2);
}

static void test_no_interrupt_wanted(void **unused)
{
	(void)unused;
	virtio_start(0, 1);
	*(u16 *)guest(AVAIL_AT) = 1;
	set_desc(0, DATA_AT, 8, WRITE, 0);
	offer(0, 0);
	notify(0);
	assert_int_equal(used_idx(0), 1);
	assert_false(virtio_line);
}

static void broken(const char *why)
{
	const u16 used = used_idx(0);

	notify(0);
	assert_int_equal(get(STATUS), DRIVER_OK | NEEDS_RESET);
	assert_true(virtio_line);
	assert_int_equal(get(INTERRUPT_STATUS) & 2, 2);
	put(INTERRUPT_ACK, 3);
	assert_false(virtio_line);
	assert_string_equal(virtio_info(), why);
	offer(0, 0); /* nothing is done any more */
	notify(0);
	assert_int_equal(used_idx(0), used);
	assert_string_equal(virtio_info(), why);
	virtio_start(VIRTIO_F_INDIRECT_DESC, 1);
}

static void test_wild_rings(void **unused)
{
	(void)unused;
	virtio_start(VIRTIO_F_INDIRECT_DESC, 1);
	((u16 *)guest(AVAIL_AT))[1] = 9;
	broken("needs a reset: queue 0: the available index is 9 ahead, more than the queue's size");
	offer(0, RING_SIZE);
	broken("needs a reset: queue 0: there is no descriptor 8");
	put(QUEUE_READY, 0);
	put(QUEUE_NUM, 2);
	put(QUEUE_READY, 1);
	set_desc(0, DATA_AT, 1, WRITE | NEXT, 0);
	offer(0, 0);
	broken("needs a reset: queue 0: a chain has more than 2 descriptors");
	set_desc(0, DATA_AT, 1, WRITE | NEXT, 200);
	offer(0, 0);
	broken("needs a reset: queue 0: there is no descriptor 200");
	set_desc(0, RAM - 1, 2, WRITE, 0);
	offer(0, 0);
	broken("needs a reset: queue 0: a buffer or table at 0x3fffffff is not in RAM");
	set_desc(0, RAM + 16, 0xffffffff, WRITE, 0);
	offer(0, 0);
	broken("needs a reset: queue 0: a buffer or table at 0x40000010 is not in RAM");
	set_desc(0, ~0ULL, 2, WRITE, 0);
	offer(0, 0);
	broken("needs a reset: queue 0: a buffer or table at 0xffffffffffffffff is not in RAM");
	set_desc(0, DATA_AT, 0, WRITE, 0);
	offer(0, 0);
	broken("needs a reset: queue 0: a buffer at 0x40010000 has length 0");
	set_desc(0, DATA_AT, 8, 0, 0); /* for this device */
	offer(0, 0);
	broken("needs a reset: queue 0: a request has no room for its answer");
}

static void test_wild_order(void **unused)
{
	(void)unused;
	virtio_start(0, 1);
	set_desc(0, DATA_AT, 8, WRITE | NEXT, 1);
	set_desc(1, DATA_AT + 64, 8, 0, 0);
	offer(0, 0);
	broken("needs a reset: queue 0: a readable buffer at 0x40010040 follows a writable one");
}

static void test_wild_tables(void **unused)
{
	struct ring_desc *table;

	(void)unused;
	virtio_start(VIRTIO_F_INDIRECT_DESC, 1);
	table = guest(DATA_AT);
	set_desc(0, DATA_AT, 17, INDIRECT, 0);
	offer(0, 0);
	broken("needs a reset: queue 0: an indirect table of 17 bytes is not allowed there");
	set_desc(0, DATA_AT, 16 * 257, INDIRECT, 0);
	offer(0, 0);
	broken("needs a reset: queue 0: an indirect table of 4112 bytes is not allowed there");
	set_desc(0, DATA_AT, 16, INDIRECT | NEXT, 1);
	offer(0, 0);
	broken("needs a reset: queue 0: an indirect table of 16 bytes is not allowed there");
	set_desc(0, RAM + RAM_SIZE - 16, 32, INDIRECT, 0);
	offer(0, 0);
	broken("needs a reset: queue 0: a buffer or table at 0x403ffff0 is not in RAM");
	set_desc(0, DATA_AT, 32, INDIRECT, 0);
	table[0] = (struct ring_desc){ DATA_AT, 32, INDIRECT, 0 };
	offer(0, 0);
	broken("needs a reset: queue 0: an indirect table of 32 bytes is not allowed there");
	table[0] = (struct ring_desc){ DATA_AT, 4, WRITE | NEXT, 2 };
	set_desc(0, DATA_AT, 32, INDIRECT, 0);
	offer(0, 0);
	broken("needs a reset: queue 0: there is no descriptor 2");
	table[0] = (struct ring_desc){ DATA_AT + 0x1000, 4, WRITE | NEXT, 0 };
	set_desc(0, DATA_AT, 32, INDIRECT, 0);
	offer(0, 0);
	broken("needs a reset: queue 0: a chain has more than 2 descriptors");
	virtio_start(0, 1);
	set_desc(0, DATA_AT, 16, INDIRECT, 0);
	offer(0, 0);
	broken("needs a reset: queue 0: an indirect table of 16 bytes is not allowed there");
}

/* A queue that cannot be. There is no DRIVER_OK yet, so there is no interrupt. */
static void bad_queue(u32 num, u64 desc, u64 driver, u64 device, const char *why)
{
	put(STATUS, 0);
	put(QUEUE_NUM, num);
	put(QUEUE_DESC, (u32)desc);
	put(QUEUE_DESC + 4, (u32)(desc >> 32));
	put(QUEUE_DRIVER, (u32)driver);
	put(QUEUE_DEVICE, (u32)device);
	put(QUEUE_READY, 1);
	assert_int_equal(get(QUEUE_READY), 0);
	assert_int_equal(get(STATUS), NEEDS_RESET);
	assert_false(virtio_line);
	assert_string_equal(virtio_info(), why);
}

static void test_bad_queues(void **unused)
{
	static const char *const size[] = {
		"needs a reset: queue 0: its size 0 is not a power of 2 up to 256",
		"needs a reset: queue 0: its size 7 is not a power of 2 up to 256",
		"needs a reset: queue 0: its size 512 is not a power of 2 up to 256",
	};

	(void)unused;
	bad_queue(0, DESC_AT, AVAIL_AT, USED_AT, size[0]);
	bad_queue(7, DESC_AT, AVAIL_AT, USED_AT, size[1]);
	bad_queue(512, DESC_AT, AVAIL_AT, USED_AT, size[2]);
	bad_queue(8, DESC_AT + 8, AVAIL_AT, USED_AT,
		  "needs a reset: queue 0: its ring at 0x40000008 is misaligned or not in RAM");
	bad_queue(8, DESC_AT | BIT(40), AVAIL_AT, USED_AT,
		  "needs a reset: queue 0: its ring at 0x10040000000 is misaligned or not in RAM");
	bad_queue(8, DESC_AT, RAM + RAM_SIZE - 20, USED_AT,
		  "needs a reset: queue 0: its ring at 0x403fffec is misaligned or not in RAM");
	bad_queue(8, DESC_AT, AVAIL_AT, RAM + RAM_SIZE - 68,
		  "needs a reset: queue 0: its ring at 0x403fffbc is misaligned or not in RAM");
	put(STATUS, 0);
	assert_string_equal(virtio_info(), "no driver");
}

/* What is ready stays where it is; what is taken back starts again. */
static void test_ready(void **unused)
{
	(void)unused;
	virtio_start(0, 1);
	set_desc(0, DATA_AT, 8, WRITE, 0);
	offer(0, 0);
	notify(0);
	put(QUEUE_NUM, 2);
	put(QUEUE_DESC, 0);
	offer(0, 0);
	notify(0);
	assert_int_equal(used_idx(0), 2);
	put(QUEUE_READY, 0);
	assert_int_equal(get(QUEUE_READY), 0);
	offer(0, 0);
	notify(0);
	assert_int_equal(used_idx(0), 2);
	memset(guest(AVAIL_AT), 0, 64);
	memset(guest(USED_AT), 0, 128);
	put(QUEUE_READY, 1);
	offer(0, 0);
	notify(0);
	assert_int_equal(used_idx(0), 1);
	assert_int_equal(get(STATUS), DRIVER_OK);
}

static void reset_now(void)
{
	put(STATUS, 0);
	virtio_between = NULL;
}

/* Between two units another vCPU resets the device: its memory is not touched any more. */
static void test_reset_in_flight(void **unused)
{
	(void)unused;
	virtio_start(0, 1);
	set_desc(0, DATA_AT, 8, WRITE, 0);
	offer(0, 0);
	virtio_between = reset_now;
	notify(0);
	assert_int_equal(get(STATUS), 0);
	assert_int_equal(used_idx(0), 0);
	assert_true(filled(DATA_AT, 8, 0));
	assert_false(virtio_line);
	virtio_start(0, 1);
	set_desc(0, DATA_AT, 8, WRITE, 0);
	offer(0, 0);
	notify(0);
	assert_int_equal(used_idx(0), 1);
	assert_true(virtio_line);
	virtio_rng_class.reset(&virtio_dev);
	assert_false(virtio_line);
	assert_int_equal(get(STATUS), 0);
}

static void stop_now(void)
{
	virtio_vcpu.thread.work |= VCPU_WORK_STATE;
	virtio_between = NULL;
}

/* The VM is paused: the work waits, and continues with the VM. */
static void test_stop_in_flight(void **unused)
{
	(void)unused;
	virtio_start(0, 1);
	set_desc(0, DATA_AT, 8, WRITE, 0);
	offer(0, 0);
	virtio_between = stop_now;
	put(QUEUE_NOTIFY, 0);
	virtio_work_once();
	assert_int_equal(used_idx(0), 0);
	assert_int_equal(virtio_kicks, 1);
	virtio_vcpu.thread.work &= (u32)~VCPU_WORK_STATE; /* resumed */
	virtio_work();
	assert_int_equal(used_idx(0), 1);
}

/* Before DRIVER_OK nothing is taken; what is there at DRIVER_OK is. */
static void test_early_offer(void **unused)
{
	(void)unused;
	virtio_start(0, 1);
	put(STATUS, 0);
	set_desc(0, DATA_AT, 8, WRITE, 0);
	offer(0, 0);
	put(STATUS, 3);
	put(DRIVER_FEATURES_SEL, 1);
	put(DRIVER_FEATURES, 1);
	put(STATUS, 3 | 8);
	put(QUEUE_NUM, RING_SIZE);
	put(QUEUE_DESC, (u32)DESC_AT);
	put(QUEUE_DRIVER, (u32)AVAIL_AT);
	put(QUEUE_DEVICE, (u32)USED_AT);
	put(QUEUE_READY, 1);
	notify(0);
	assert_int_equal(used_idx(0), 0);
	put(STATUS, DRIVER_OK);
	virtio_work();
	assert_int_equal(used_idx(0), 1);
}

/* Whichever access of the device is the first to its block of guest memory. */
static void test_memory_that_has_not_come(void **unused)
{
	u32 len, n = 0;

	(void)unused;
	do {
		virtio_start(BIT(29), 1);
		set_desc(0, DATA_AT, 8, WRITE | NEXT, 1);
		set_desc(1, DATA_AT + 0x1000, 8, WRITE, 0);
		offer(0, 0);
		virtio_brought = 0;
		virtio_absent = ++n;
		notify(0);
		assert_int_equal(used_idx(0), 1);
		assert_int_equal(used_last(0, &len), 0);
		assert_int_equal(len, 16);
		assert_int_equal(get(STATUS), DRIVER_OK);
		assert_int_equal(virtio_brought, !virtio_absent);
	} while (!virtio_absent);
	assert_true(n > 8);
	virtio_absent = 0;
}

/* Without entropy the guest waits. */
static void test_dry(void **unused)
{
	(void)unused;
	virtio_has_entropy = false;
	virtio_start(0, 1);
	set_desc(0, DATA_AT, 8, WRITE, 0);
	offer(0, 0);
	notify(0);
	assert_int_equal(used_idx(0), 0);
	assert_true(virtio_timer_armed);
	assert_string_equal(virtio_info(), "0 bytes given, waits for entropy");
	notify(0);
	assert_int_equal(used_idx(0), 0);
	virtio_has_entropy = true;
	virtio_timeout->fn(virtio_timeout);
	virtio_work();
	assert_int_equal(used_idx(0), 1);
	assert_string_equal(virtio_info(), "8 bytes given");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_registers, setup),
		cmocka_unit_test_setup(test_widths, setup),
		cmocka_unit_test_setup(test_features, setup),
		cmocka_unit_test_setup(test_no_features_ok, setup),
		cmocka_unit_test_setup(test_answers, setup),
		cmocka_unit_test_setup(test_chains, setup),
		cmocka_unit_test_setup(test_indirect, setup),
		cmocka_unit_test_setup(test_many_buffers, setup),
		cmocka_unit_test_setup(test_large_request, setup),
		cmocka_unit_test_setup(test_descriptor_in_two_blocks, setup),
		cmocka_unit_test_setup(test_events, setup),
		cmocka_unit_test_setup(test_no_interrupt_wanted, setup),
		cmocka_unit_test_setup(test_wild_rings, setup),
		cmocka_unit_test_setup(test_wild_order, setup),
		cmocka_unit_test_setup(test_wild_tables, setup),
		cmocka_unit_test_setup(test_bad_queues, setup),
		cmocka_unit_test_setup(test_ready, setup),
		cmocka_unit_test_setup(test_reset_in_flight, setup),
		cmocka_unit_test_setup(test_stop_in_flight, setup),
		cmocka_unit_test_setup(test_early_offer, setup),
		cmocka_unit_test_setup(test_memory_that_has_not_come, setup),
		cmocka_unit_test_setup(test_dry, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
