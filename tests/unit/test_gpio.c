/* SPDX-License-Identifier: Apache-2.0 */
/* The emulated PL061: lines and their interrupts; the power key. */
#include <unit.h>

#include <asm/host.h>
#include <string.h>
#include <vmm/core.h>

#define DATA(lines) ((lines) << 2)
#define DIR         0x400
#define IS          0x404
#define IBE         0x408
#define IEV         0x40c
#define IE          0x410
#define RIS         0x414
#define MIS         0x418
#define IC          0x41c
#define AFSEL       0x420

#define KEY 8 /* line 3 */

static struct vm vm;
static u64 state[64];
static struct vdev gpio = { .class = &vpl061_class, .vm = &vm, .state = state };
static struct timeout *timeout;
static bool line, armed;
static u64 deadline;

void timeout_init(struct timeout *t, void (*fn)(struct timeout *t))
{
	t->fn = fn;
	timeout = t;
}

void timeout_set(struct timeout *t, u64 when)
{
	assert_ptr_equal(t, timeout);
	armed = true;
	deadline = when;
}

bool timeout_cancel(struct timeout *t)
{
	const bool was = armed;

	assert_ptr_equal(t, timeout);
	armed = false;
	return was;
}

u64 us_to_ticks(u64 us)
{
	return us * HOST_COUNTER_HZ / 1000000;
}

void vgic_set_spi(struct vm *v, u32 intid, bool level)
{
	assert_ptr_equal(v, &vm);
	assert_int_equal(intid, 39);
	assert_int_not_equal(line, level);
	line = level;
}

static u64 access(u64 offset, u8 size, bool write, u64 value)
{
	const struct mmio_region *r = mmio_find(&vm.bus, 0x9030000);
	struct mmio_access a = {
		.ipa = IPA(0x9030000 + offset), .size = size, .write = write, .value = value
	};

	assert_non_null(r);
	assert_int_equal(r->handler(r, NULL, offset, &a), MMIO_OK);
	return a.value;
}

/* Linux' driver accesses bytes. */
static u64 load(u64 offset)
{
	const u64 value = access(offset, 1, false, 0);

	assert_int_equal(access(offset, 4, false, 0), value);
	return value;
}

static void store(u64 offset, u64 value)
{
	(void)access(offset, 1, true, value);
}

static bool press(void)
{
	return vpl061_class.press_power_key(&gpio);
}

static void release(void)
{
	assert_true(armed);
	assert_int_equal(deadline - host_counter, us_to_ticks(100000));
	armed = false;
	timeout->fn(timeout);
}

static void is_info(const char *want)
{
	char text[80] = "";

	vpl061_class.info(&gpio, text, sizeof(text));
	assert_string_equal(text, want);
}

static int setup(void **unused)
{
	unit_machine_setup(unused);
	mmio_free(&vm.bus);
	memset(&vm, 0, sizeof(vm));
	memset(state, 0, sizeof(state));
	line = armed = false;
	assert_true(vpl061_class.size <= sizeof(state));
	assert_int_equal(vpl061_class.create(&gpio), 0);
	return 0;
}

static void test_registers(void **unused)
{
	static const u8 ids[] = { 0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };
	static const u64 writable[] = { DIR, IS, IBE, IEV, IE, AFSEL };

	(void)unused;
	for (u32 i = 0; i < 8; i++)
		assert_int_equal(load(0xfe0 + 4 * i), ids[i]);
	for (u32 i = 0; i < ARRAY_SIZE(writable); i++) {
		assert_int_equal(load(writable[i]), 0);
		(void)access(writable[i], 4, true, ~0U);
		assert_int_equal(access(writable[i], 4, false, 0), 0xff);
		(void)access(writable[i], 4, true, 0);
	}
	store(RIS, 0xff);
	store(MIS, 0xff);
	assert_int_equal(load(MIS), 0);
	assert_int_equal(load(IC), 0);
}

/* The address selects lines; only outputs take what is written, inputs are low. */
static void test_data(void **unused)
{
	(void)unused;
	store(DATA(0xff), 0xff);
	assert_int_equal(load(DATA(0xff)), 0);
	store(DIR, 0xf0);
	store(DATA(0x3c), 0xff);
	assert_int_equal(load(DATA(0xff)), 0x30);
	assert_int_equal(load(DATA(0x10)), 0x10);
	store(DATA(0x10), 0);
	assert_int_equal(load(DATA(0xff)), 0x20);
	store(DIR, 0);
	assert_int_equal(load(DATA(0xff)), 0);
}

static void test_key_not_heard(void **unused)
{
	(void)unused;
	assert_false(press());
	is_info("");
	store(IE, 0xff & ~KEY);
	assert_false(press());
	store(IE, KEY);
	store(DIR, KEY); /* an output is no key */
	assert_false(press());
	assert_false(armed);
}

/* As Linux' gpio-keys does it: both edges, acknowledged each. */
static void test_both_edges(void **unused)
{
	(void)unused;
	store(IBE, KEY);
	store(IE, KEY);
	is_info("the power key works");
	assert_true(press());
	is_info("the power key works, and is pressed");
	assert_true(line);
	assert_int_equal(load(RIS), KEY);
	assert_int_equal(load(MIS), KEY);
	assert_int_equal(load(DATA(KEY)), KEY);
	store(IC, KEY);
	assert_false(line);
	release();
	assert_true(line);
	assert_int_equal(load(DATA(KEY)), 0);
	store(IE, 0);
	assert_false(line);
	assert_int_equal(load(RIS), KEY);
	assert_int_equal(load(MIS), 0);
}

static void test_one_edge(void **unused)
{
	(void)unused;
	store(IE, KEY);
	store(IEV, KEY);
	assert_true(press());
	assert_true(line);
	store(IC, 0xff);
	release();
	assert_false(line);
	store(IEV, 0);
	assert_true(press());
	assert_false(line);
	release();
	assert_true(line);
}

static void test_level(void **unused)
{
	(void)unused;
	store(IS, KEY);
	store(IEV, KEY);
	store(IE, KEY);
	assert_false(line);
	assert_true(press());
	assert_true(line);
	store(IC, KEY); /* the level is still there */
	assert_true(line);
	release();
	assert_false(line);
	store(IEV, 0);
	assert_true(line);
}

static void test_reset(void **unused)
{
	(void)unused;
	store(IBE, KEY);
	store(IE, KEY);
	assert_true(press());
	vpl061_class.reset(&gpio);
	assert_false(line);
	assert_false(armed);
	assert_int_equal(load(DATA(0xff)), 0);
	assert_int_equal(load(IE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_registers, setup),
		cmocka_unit_test_setup(test_data, setup),
		cmocka_unit_test_setup(test_key_not_heard, setup),
		cmocka_unit_test_setup(test_both_edges, setup),
		cmocka_unit_test_setup(test_one_edge, setup),
		cmocka_unit_test_setup(test_level, setup),
		cmocka_unit_test_setup(test_reset, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
