/* SPDX-License-Identifier: Apache-2.0 */
/* The emulated PL031: it counts seconds, and raises its alarm. */
#include <unit.h>

#include <asm/host.h>
#include <lib/errno.h>
#include <string.h>
#include <vmm/core.h>

#define DR   0x00
#define MR   0x04
#define LR   0x08
#define CR   0x0c
#define IMSC 0x10
#define RIS  0x14
#define MIS  0x18
#define ICR  0x1c

static struct vm vm;
static u64 rtc_state[64];
static struct vdev rtc = { .class = &vrtc_class, .vm = &vm, .state = rtc_state };
static struct timeout *alarm;
static bool line;

/* The kernel's timeouts, as far as the clock uses them. */
static bool armed;
static u64 deadline;

void timeout_init(struct timeout *t, void (*fn)(struct timeout *t))
{
	t->fn = fn;
	alarm = t;
}

void timeout_set(struct timeout *t, u64 when)
{
	assert_ptr_equal(t, alarm);
	armed = true;
	deadline = when;
}

bool timeout_cancel(struct timeout *t)
{
	const bool was = armed;

	assert_ptr_equal(t, alarm);
	armed = false;
	return was;
}

void vgic_set_spi(struct vm *v, u32 intid, bool level)
{
	assert_ptr_equal(v, &vm);
	assert_int_equal(intid, 34);
	line = level;
}

/* Let time pass; the alarm goes off in between if it is due. */
static void pass(u64 ticks)
{
	const u64 end = host_counter + ticks;

	if (armed && deadline <= end) {
		host_counter = MAX(host_counter, deadline);
		armed = false;
		alarm->fn(alarm);
	}
	host_counter = end;
}

static u64 load(u64 offset)
{
	const struct mmio_region *r = mmio_find(&vm.bus, GUEST_RTC_BASE);
	struct mmio_access a = { .ipa = IPA(GUEST_RTC_BASE + offset), .size = 4 };

	assert_non_null(r);
	assert_int_equal(r->handler(r, NULL, offset, &a), MMIO_OK);
	return a.value;
}

static void store(u64 offset, u64 value)
{
	const struct mmio_region *r = mmio_find(&vm.bus, GUEST_RTC_BASE);
	struct mmio_access a = {
		.ipa = IPA(GUEST_RTC_BASE + offset),
		.size = 4,
		.write = true,
		.value = value,
	};

	assert_non_null(r);
	assert_int_equal(r->handler(r, NULL, offset, &a), MMIO_OK);
}

static u64 wall_clock(void)
{
	return 1700000000;
}

static int create(void)
{
	memset(rtc_state, 0, sizeof(rtc_state));
	assert_true(vrtc_class.size <= sizeof(rtc_state));
	return vrtc_class.create(&rtc);
}

static int setup(void **state)
{
	unit_machine_setup(state);
	host_counter = 12345;
	mmio_free(&vm.bus);
	memset(&vm, 0, sizeof(vm));
	line = armed = false;
	host_wall_clock = NULL;
	assert_int_equal(create(), 0);
	return 0;
}

static void test_counts(void **state)
{
	static const u8 ids[] = { 0x31, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

	(void)state;
	assert_int_equal(load(DR), 0);
	pass(HOST_COUNTER_HZ - 1);
	assert_int_equal(load(DR), 0);
	pass(1);
	assert_int_equal(load(DR), 1);
	assert_int_equal(load(CR), 1);
	store(CR, 0);
	assert_int_equal(load(CR), 1);
	for (u32 i = 0; i < 8; i++)
		assert_int_equal(load(0xfe0 + 4 * i), ids[i]);
	assert_int_equal(load(0x20), 0);
}

static void test_wall_clock_and_load(void **state)
{
	(void)state;
	mmio_free(&vm.bus);
	memset(&vm, 0, sizeof(vm));
	host_wall_clock = wall_clock;
	assert_int_equal(create(), 0);
	assert_int_equal(load(DR), 1700000000);
	pass(3 * HOST_COUNTER_HZ);
	assert_int_equal(load(DR), 1700000003);
	store(LR, 0xfffffffe);
	assert_int_equal(load(DR), 0xfffffffe);
	assert_int_equal(load(LR), 0xfffffffe);
	pass(3 * HOST_COUNTER_HZ);
	assert_int_equal(load(DR), 1); /* wraps */
	store(DR, 77);
	assert_int_equal(load(DR), 1);
}

static void test_alarm(void **state)
{
	(void)state;
	store(MR, 5);
	store(IMSC, 1);
	pass(5 * HOST_COUNTER_HZ - 1);
	assert_false(line);
	assert_int_equal(load(RIS), 0);
	pass(1);
	assert_true(line);
	assert_int_equal(load(RIS), 1);
	assert_int_equal(load(MIS), 1);
	assert_int_equal(load(MR), 5);
	store(IMSC, 0);
	assert_false(line);
	assert_int_equal(load(MIS), 0);
	store(IMSC, 1);
	assert_true(line);
	store(ICR, 1);
	assert_false(line);
	assert_int_equal(load(RIS), 0);
}

static void test_alarm_wraps_and_moves(void **state)
{
	(void)state;
	store(IMSC, 1);
	store(LR, 0xfffffffe);
	store(MR, 1);
	pass(HOST_COUNTER_HZ);
	assert_false(line);
	store(MR, 2);
	pass(3 * HOST_COUNTER_HZ - 1);
	assert_false(line);
	pass(1);
	assert_true(line);
	/* A match value in the past is 136 years off. */
	store(ICR, 1);
	store(MR, 1);
	pass(1000 * HOST_COUNTER_HZ);
	assert_false(line);
	/* Setting the clock moves the alarm. */
	store(MR, 100);
	store(LR, 99);
	pass(HOST_COUNTER_HZ);
	assert_true(line);
}

static void test_match_now(void **state)
{
	(void)state;
	store(IMSC, 1);
	store(MR, 0);
	pass(0);
	assert_true(line);
}

static void test_reset(void **state)
{
	(void)state;
	store(LR, 1000);
	store(MR, 1001);
	store(IMSC, 1);
	pass(HOST_COUNTER_HZ);
	store(MR, 1005);
	vrtc_class.reset(&rtc);
	assert_false(line);
	assert_false(armed);
	assert_int_equal(load(DR), 1001);
	assert_int_equal(load(IMSC), 0);
	assert_int_equal(load(RIS), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_counts, setup),
		cmocka_unit_test_setup(test_wall_clock_and_load, setup),
		cmocka_unit_test_setup(test_alarm, setup),
		cmocka_unit_test_setup(test_alarm_wraps_and_moves, setup),
		cmocka_unit_test_setup(test_match_now, setup),
		cmocka_unit_test_setup(test_reset, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
