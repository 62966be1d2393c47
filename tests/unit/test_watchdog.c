/* SPDX-License-Identifier: Apache-2.0 */
/* The emulated SP805: it counts down, interrupts, and ends the VM's life. */
#include <unit.h>

#include <asm/host.h>
#include <lib/errno.h>
#include <string.h>
#include <vmm/core.h>

#define LOAD    0x00
#define VALUE   0x04
#define CONTROL 0x08
#define INTCLR  0x0c
#define RIS     0x10
#define MIS     0x14
#define LOCK    0xc00
#define ITCR    0xf00
#define ITOP    0xf04

#define INTEN  1
#define RESEN  2
#define UNLOCK 0x1acce551
#define SECOND 24000000

static struct vm vm;
static u64 state[64];
static struct vdev watchdog = { .class = &vsp805_class, .vm = &vm, .state = state };
static struct timeout *timeout;
static bool line, armed;
static u64 deadline;
static u32 expiries, bites;
static char reason[128];

void timeout_init(struct timeout *t, void (*fn)(struct timeout *t))
{
	t->fn = fn;
	timeout = t;
}

void timeout_set(struct timeout *t, u64 when)
{
	assert_ptr_equal(t, timeout);
	armed = when != DEADLINE_NEVER;
	deadline = when;
}

bool timeout_cancel(struct timeout *t)
{
	const bool was = armed;

	assert_ptr_equal(t, timeout);
	armed = false;
	return was;
}

void vgic_set_spi(struct vm *v, u32 intid, bool level)
{
	assert_ptr_equal(v, &vm);
	assert_int_equal(intid, 128);
	line = level;
}

void vm_request(struct vm *v, enum vm_request req, const char *why)
{
	assert_ptr_equal(v, &vm);
	assert_int_equal(req, VM_REQ_CRASH);
	bites++;
	strncpy(reason, why, sizeof(reason) - 1);
	vm.run_allowed = false;
}

static void pass_ms(u64 ms)
{
	const u64 end = host_counter + ms * HOST_COUNTER_HZ / 1000;

	while (armed && deadline <= end) {
		host_counter = MAX(host_counter, deadline);
		armed = false;
		expiries++;
		timeout->fn(timeout);
	}
	host_counter = end;
}

static u64 access(u64 offset, bool write, u64 value)
{
	const struct mmio_region *r = mmio_find(&vm.bus, 0x9050000);
	struct mmio_access a = {
		.ipa = IPA(0x9050000 + offset), .size = 4, .write = write, .value = value
	};

	assert_non_null(r);
	assert_int_equal(r->handler(r, NULL, offset, &a), MMIO_OK);
	return a.value;
}

static u64 load(u64 offset)
{
	return access(offset, false, 0);
}

static void store(u64 offset, u64 value)
{
	(void)access(offset, true, value);
}

static void start(u32 count, u32 control)
{
	store(LOAD, count);
	store(CONTROL, control);
}

static int setup(void **unused)
{
	unit_machine_setup(unused);
	host_counter = 12345;
	mmio_free(&vm.bus);
	memset(&vm, 0, sizeof(vm));
	memset(state, 0, sizeof(state));
	vm.run_allowed = true;
	line = armed = false;
	expiries = bites = 0;
	assert_true(vsp805_class.size <= sizeof(state));
	assert_int_equal(vsp805_class.create(&watchdog), 0);
	return 0;
}

static void is_info(const char *want)
{
	char text[80];

	vsp805_class.info(&watchdog, text, sizeof(text));
	assert_string_equal(text, want);
}

static void test_registers(void **unused)
{
	static const u8 ids[] = { 0x05, 0x18, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

	(void)unused;
	assert_int_equal(load(LOAD), 0xffffffff);
	assert_int_equal(load(VALUE), 0xffffffff);
	assert_int_equal(load(CONTROL), 0);
	assert_int_equal(load(RIS), 0);
	assert_int_equal(load(LOCK), 0);
	for (u32 i = 0; i < 8; i++)
		assert_int_equal(load(0xfe0 + 4 * i), ids[i]);
	store(CONTROL, ~0U);
	assert_int_equal(load(CONTROL), 3);
	assert_int_equal(load(INTCLR), 0);
	assert_int_equal(load(0x18), 0);
	store(VALUE, 7);
	assert_int_equal(load(LOAD), 0xffffffff);
}

static void test_counts_and_stops(void **unused)
{
	(void)unused;
	store(LOAD, SECOND);
	pass_ms(700);
	assert_int_equal(load(VALUE), SECOND);
	is_info("off");
	store(CONTROL, INTEN);
	pass_ms(250);
	assert_int_equal(load(VALUE), SECOND / 4 * 3);
	is_info("0.750 s left, then it interrupts");
	store(CONTROL, 0);
	pass_ms(5000);
	assert_int_equal(load(VALUE), SECOND / 4 * 3);
	assert_int_equal(expiries, 0);
	store(CONTROL, INTEN); /* from the load value again */
	assert_int_equal(load(VALUE), SECOND);
	pass_ms(100);
	store(LOAD, 2 * SECOND);
	assert_int_equal(load(VALUE), 2 * SECOND);
}

static void test_interrupts_and_bites(void **unused)
{
	(void)unused;
	start(SECOND, INTEN | RESEN);
	pass_ms(999);
	assert_false(line);
	pass_ms(1);
	assert_true(line);
	assert_int_equal(load(RIS), 1);
	assert_int_equal(load(MIS), 1);
	assert_int_equal(load(VALUE), SECOND);
	pass_ms(999);
	store(INTCLR, 0); /* answered, if late */
	assert_false(line);
	assert_int_equal(load(RIS), 0);
	assert_int_equal(load(VALUE), SECOND);
	pass_ms(1500);
	assert_true(line);
	is_info("0.500 s left, then the VM ends; its interrupt is not answered");
	assert_int_equal(bites, 0);
	pass_ms(500);
	assert_int_equal(bites, 1);
	assert_string_equal(reason, "watchdog: its interrupt was not answered for 1.000 s");
	pass_ms(5000);
	assert_int_equal(bites, 1);
}

/* What has no consequence is not timed: a period of one count costs the machine one timeout. */
static void test_no_reset_wanted(void **unused)
{
	(void)unused;
	start(1, INTEN);
	pass_ms(10000);
	assert_true(line);
	assert_int_equal(bites, 0);
	assert_int_equal(expiries, 1);
	is_info("0.000 s left, then it interrupts; its interrupt is not answered");
	store(LOAD, SECOND);
	pass_ms(2250); /* it comes round, uncounted */
	assert_int_equal(load(VALUE), SECOND / 4 * 3);
	assert_int_equal(expiries, 1);
	store(CONTROL, INTEN | RESEN); /* goes on from there */
	assert_int_equal(load(VALUE), SECOND / 4 * 3);
	pass_ms(750);
	assert_int_equal(bites, 1);
}

static void test_interrupt_disabled(void **unused)
{
	(void)unused;
	start(SECOND, INTEN);
	pass_ms(1000);
	assert_true(line);
	store(CONTROL, 0);
	assert_false(line);
	assert_int_equal(load(RIS), 1);
	assert_int_equal(load(MIS), 0);
	store(INTCLR, 1);
	assert_int_equal(load(RIS), 0);
	start(0, INTEN); /* at once */
	pass_ms(1);
	assert_true(line);
}

static void test_lock(void **unused)
{
	(void)unused;
	start(SECOND, INTEN | RESEN);
	store(LOCK, 1);
	assert_int_equal(load(LOCK), 1);
	store(CONTROL, 0);
	store(LOAD, 5);
	store(ITCR, 1);
	assert_int_equal(load(CONTROL), 3);
	assert_int_equal(load(LOAD), SECOND);
	assert_int_equal(load(ITCR), 0);
	pass_ms(1000);
	store(INTCLR, 0);
	assert_true(line);
	store(LOCK, UNLOCK);
	assert_int_equal(load(LOCK), 0);
	store(INTCLR, 0);
	assert_false(line);
}

static void test_paused(void **unused)
{
	(void)unused;
	start(SECOND, INTEN | RESEN);
	pass_ms(400);
	vm.run_allowed = false;
	pass_ms(10000); /* paused */
	assert_false(line);
	vm.run_allowed = true;
	vsp805_class.stood_still(&watchdog, 10 * HOST_COUNTER_HZ);
	assert_int_equal(load(VALUE), SECOND / 10 * 6);
	pass_ms(599);
	assert_false(line);
	pass_ms(1);
	assert_true(line);
}

/* The guest answers on one CPU while the timeout waits for the lock on another. */
static void test_stale_timeout(void **unused)
{
	(void)unused;
	start(SECOND, INTEN | RESEN);
	pass_ms(1500);
	store(INTCLR, 0);
	timeout->fn(timeout);
	assert_int_equal(load(RIS), 0);
	assert_int_equal(bites, 0);
	assert_true(armed);
}

static void test_reset(void **unused)
{
	(void)unused;
	start(SECOND, INTEN | RESEN);
	pass_ms(1000);
	store(LOCK, 0);
	vsp805_class.reset(&watchdog);
	assert_false(line);
	assert_false(armed);
	assert_int_equal(load(CONTROL), 0);
	assert_int_equal(load(LOCK), 0);
	assert_int_equal(load(VALUE), 0xffffffff);
}

static void test_integration(void **unused)
{
	(void)unused;
	store(ITOP, 2);
	assert_false(line);
	store(ITCR, 1);
	assert_true(line);
	assert_int_equal(load(ITOP), 0); /* write only */
	store(ITOP, 0);
	assert_false(line);
	assert_int_equal(bites, 0);
	store(ITOP, 1);
	assert_int_equal(bites, 1);
	assert_string_equal(reason, "watchdog: the guest set WDOGRES");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_registers, setup),
		cmocka_unit_test_setup(test_counts_and_stops, setup),
		cmocka_unit_test_setup(test_interrupts_and_bites, setup),
		cmocka_unit_test_setup(test_no_reset_wanted, setup),
		cmocka_unit_test_setup(test_interrupt_disabled, setup),
		cmocka_unit_test_setup(test_lock, setup),
		cmocka_unit_test_setup(test_paused, setup),
		cmocka_unit_test_setup(test_stale_timeout, setup),
		cmocka_unit_test_setup(test_reset, setup),
		cmocka_unit_test_setup(test_integration, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
