/* SPDX-License-Identifier: Apache-2.0 */
/* The emulated PL011: registers, FIFO, interrupts, and flow control towards the console. */
#include <unit_memory.h>

#include <lib/errno.h>
#include <string.h>
#include <vmm/core.h>

#define DR    0x00
#define RSR   0x04
#define FR    0x18
#define ILPR  0x20
#define IBRD  0x24
#define FBRD  0x28
#define LCR_H 0x2c
#define CR    0x30
#define IFLS  0x34
#define IMSC  0x38
#define RIS   0x3c
#define MIS   0x40
#define ICR   0x44
#define DMACR 0x48

#define RX BIT(4)
#define TX BIT(5)
#define RT BIT(6)
#define BE BIT(9)
#define OE BIT(10)

static struct vm vm;
static u64 uart_state[64];
static struct vdev uart = { .class = &vpl011_class, .vm = &vm, .state = uart_state };

/* The console and the interrupt controller are what the test says. */
static u16 typed[300];
static u8 sent[300];
static u32 typed_at, typed_count, sent_count;
static bool line;
static u32 line_changes;

void console_output(struct console *c, u8 byte)
{
	assert_ptr_equal(c, &vm.console);
	sent[sent_count++ % sizeof(sent)] = byte;
}

int console_take_input(struct console *c)
{
	assert_ptr_equal(c, &vm.console);
	return typed_at == typed_count ? -1 : typed[typed_at++];
}

void vgic_set_spi(struct vm *v, u32 intid, bool level)
{
	assert_ptr_equal(v, &vm);
	assert_int_equal(intid, 33);
	assert_int_not_equal(level, line);
	line = level;
	line_changes++;
}

static u64 load_size(u64 offset, u8 size, enum mmio_result want)
{
	const struct mmio_region *r = mmio_find(&vm.bus, GUEST_UART_BASE);
	struct mmio_access a = { .ipa = IPA(GUEST_UART_BASE + offset), .size = size };

	assert_non_null(r);
	assert_int_equal(r->handler(r, NULL, offset, &a), want);
	return a.value;
}

static u64 load(u64 offset)
{
	return load_size(offset, 4, MMIO_OK);
}

static void store_size(u64 offset, u8 size, u64 value, enum mmio_result want)
{
	const struct mmio_region *r = mmio_find(&vm.bus, GUEST_UART_BASE);
	struct mmio_access a = {
		.ipa = IPA(GUEST_UART_BASE + offset),
		.size = size,
		.write = true,
		.value = value,
	};

	assert_non_null(r);
	assert_int_equal(r->handler(r, NULL, offset, &a), want);
}

static void store(u64 offset, u64 value)
{
	store_size(offset, 4, value, MMIO_OK);
}

static void type(u32 count)
{
	for (u32 i = 0; i < count; i++)
		typed[typed_count++] = (u8)('a' + i % 26);
	vm.console.input_ready(vm.console.input_arg);
}

static void type_break(void)
{
	typed[typed_count++] = CONSOLE_BREAK;
	vm.console.input_ready(vm.console.input_arg);
}

static int setup(void **state)
{
	*state = NULL;
	unit_memory();
	memset(&vm, 0, sizeof(vm));
	typed_at = typed_count = sent_count = line_changes = 0;
	line = false;
	memset(uart_state, 0, sizeof(uart_state));
	assert_true(vpl011_class.size <= sizeof(uart_state));
	assert_int_equal(vpl011_class.host_init(), 0);
	assert_int_equal(vpl011_class.create(&uart), 0);
	return 0;
}

static void test_reset_values(void **state)
{
	static const u8 ids[] = { 0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

	(void)state;
	assert_int_equal(load(FR), 0x90);
	assert_int_equal(load(CR), 0x300);
	assert_int_equal(load(IFLS), 0x12);
	assert_int_equal(load(IMSC), 0);
	assert_int_equal(load(RIS), 0);
	assert_int_equal(load(DR), 0);
	for (u32 i = 0; i < 8; i++)
		assert_int_equal(load(0xfe0 + 4 * i), ids[i]);
	store(0xfe0, 0xff);
	assert_int_equal(load(0xfe0), 0x11);
	assert_int_equal(mmio_find(&vm.bus, GUEST_UART_BASE)->size, 0x1000);
}

static void test_masks(void **state)
{
	static const struct {
		u32 offset;
		u32 mask;
	} regs[] = { { ILPR, 0xff }, { IBRD, 0xffff }, { FBRD, 0x3f },  { LCR_H, 0xff },
		     { CR, 0xff87 }, { IFLS, 0x3f },   { IMSC, 0x7ff }, { DMACR, 7 },
		     { FR, 0x90 },   { MIS, 0x20 },    { 0x100, 0 },    { ICR, 0 } };

	for (u32 i = 0; i < ARRAY_SIZE(regs); i++) {
		setup(state);
		store(IMSC, regs[i].offset == MIS ? TX : 0);
		store(regs[i].offset, 0xffffffff);
		assert_int_equal(load(regs[i].offset), regs[i].mask);
	}
}

static void test_widths(void **state)
{
	(void)state;
	store_size(DR, 1, 'x', MMIO_OK);
	store_size(DR, 2, 'y', MMIO_OK);
	store_size(DR, 4, 0xffffff00 | 'z', MMIO_OK);
	assert_int_equal(sent_count, 3);
	assert_memory_equal(sent, "xyz", 3);
	assert_int_equal(load_size(FR, 1, MMIO_OK), 0x90);
	assert_int_equal(load_size(FR, 2, MMIO_OK), 0x90);
	assert_int_equal(load_size(CR, 1, MMIO_OK), 0x00);
	assert_int_equal(load_size(CR, 2, MMIO_OK), 0x300);
	store_size(IMSC, 2, 0x50, MMIO_OK);
	assert_int_equal(load(IMSC), 0x50);
	store_size(DR, 8, 'w', MMIO_FAULT);
	(void)load_size(FR, 8, MMIO_FAULT);
	(void)load_size(FR + 1, 2, MMIO_FAULT);
	assert_int_equal(sent_count, 3);
}

/* Zephyr's shell: unmasking TX while nothing was sent interrupts at once. */
static void test_transmit_interrupt(void **state)
{
	(void)state;
	store(CR, 0x301);
	store(IMSC, TX);
	assert_int_equal(load(RIS), TX);
	assert_true(line);
	store(ICR, TX);
	assert_false(line);
	assert_int_equal(load(RIS), 0);
	store(DR, 'a');
	assert_true(line);
	assert_int_equal(load(MIS), TX);
	store(DR, 'b'); /* stays */
	store(IMSC, 0);
	assert_false(line);
	assert_int_equal(load(RIS), TX);
	assert_int_equal(load(MIS), 0);
	assert_int_equal(line_changes, 4);
	assert_int_equal(load(FR) & 0xa0, 0x80); /* empty, never full */
}

static void test_receive_without_fifo(void **state)
{
	(void)state;
	store(IMSC, RX | RT);
	type(3);
	assert_true(line);
	assert_int_equal(load(FR), 0x80 | 0x40); /* one byte is full */
	assert_int_equal(load(RIS), RX);
	assert_int_equal(typed_at, 1);
	assert_int_equal(load(DR), 'a');
	assert_int_equal(load(DR), 'b'); /* refilled */
	assert_true(line);
	assert_int_equal(load(DR), 'c');
	assert_false(line);
	assert_int_equal(load(FR), 0x90);
	assert_int_equal(load(DR), 0);
	assert_int_equal(load(RSR), 0);
}

static void test_receive_levels(void **state)
{
	static const u8 levels[] = { 2, 4, 8, 12, 14 };

	for (u32 i = 0; i < ARRAY_SIZE(levels); i++) {
		setup(state);
		store(LCR_H, 0x10);
		store(IFLS, i << 3);
		store(IMSC, RX | RT);
		for (u32 n = 1; n <= 16; n++) {
			type(1);
			assert_int_equal(load(RIS), n < levels[i] ? RT : RX);
			assert_int_equal(load(FR), n < 16 ? 0x80 : 0xc0);
			assert_true(line);
		}
		for (u32 n = 16; n-- > 0;) {
			assert_int_equal(load(DR), 'a');
			assert_int_equal(load(RIS), n >= levels[i] ? RX : n ? RT : 0);
		}
		assert_false(line);
	}
}

/* A driver that unmasks RX alone gets it for every byte, as on QEMU. */
static void test_receive_interrupt_alone(void **state)
{
	(void)state;
	store(LCR_H, 0x10);
	store(IMSC, RX);
	type(1);
	assert_true(line);
	assert_int_equal(load(MIS), RX);
	assert_int_equal(load(DR), 'a');
	assert_false(line);
}

/* Data that came before the interrupt was unmasked is announced when it is. */
static void test_unmask_late(void **state)
{
	(void)state;
	store(LCR_H, 0x10);
	type(2);
	assert_false(line);
	store(ICR, 0x7ff);
	assert_int_equal(load(RIS), 0);
	store(IMSC, RX | RT);
	assert_true(line);
	store(ICR, 0x7ff);
	assert_false(line);
	assert_int_equal(load(DR), 'a'); /* one is left */
	assert_true(line);
	assert_int_equal(load(DR), 'b');
	assert_false(line);
}

static void test_flow_control(void **state)
{
	(void)state;
	store(LCR_H, 0x10);
	type(200);
	assert_int_equal(typed_at, 16);
	for (u32 i = 0; i < 200; i++) {
		assert_int_equal(load(FR) & 0x10, 0);
		assert_int_equal(load(DR), 'a' + i % 26);
	}
	assert_int_equal(load(FR), 0x90);
	assert_int_equal(load(RSR), 0);
}

/* The FIFO is switched off while it holds bytes: none is lost. */
static void test_fifo_off_with_data(void **state)
{
	(void)state;
	store(LCR_H, 0x10);
	type(5);
	store(LCR_H, 0);
	assert_int_equal(load(FR), 0xc0);
	for (u32 i = 0; i < 5; i++)
		assert_int_equal(load(DR), 'a' + i);
	assert_int_equal(load(FR), 0x90);
}

static void test_loopback(void **state)
{
	(void)state;
	store(LCR_H, 0x10);
	store(CR, 0x381);
	store(DR, 'q');
	assert_int_equal(sent_count, 0);
	assert_int_equal(load(FR), 0x80);
	assert_int_equal(load(DR), 'q');
	type(1); /* waits until loopback ends */
	assert_int_equal(load(FR), 0x90);
	for (u32 i = 0; i < 18; i++)
		store(DR, i);
	assert_int_equal(load(RIS) & OE, OE);
	assert_int_equal(load(RSR), 8);
	assert_int_equal(load(DR), 0x800); /* the overrun is told once */
	assert_int_equal(load(DR), 1);
	store(RSR, 0);
	assert_int_equal(load(RSR), 0);
	store(ICR, OE);
	assert_int_equal(load(RIS) & OE, 0);
	for (u32 i = 2; i < 16; i++)
		assert_int_equal(load(DR), i);
	store(CR, 0x301);
	assert_int_equal(load(DR), 'a');
}

static void test_loopback_modem(void **state)
{
	(void)state;
	store(CR, 0x3d81); /* LBE, DTR, RTS, OUT1, OUT2 */
	assert_int_equal(load(FR) & 0x107, 0x107);
	assert_int_equal(load(RIS), 0xf);
	store(ICR, 0xf);
	store(CR, 0x3581); /* RTS off */
	assert_int_equal(load(FR) & 0x107, 0x106);
	assert_int_equal(load(RIS), 2);
	store(CR, 0x301);
	assert_int_equal(load(FR) & 0x107, 0);
}

static void test_reset(void **state)
{
	(void)state;
	store(LCR_H, 0x70);
	store(IMSC, RX | RT | TX);
	type(20);
	assert_true(line);
	vpl011_class.reset(&uart);
	assert_false(line);
	assert_int_equal(load(IMSC), 0);
	assert_int_equal(load(LCR_H), 0);
	assert_int_equal(load(CR), 0x300);
	/* What the last system had taken is gone; the rest is there for the next one. */
	assert_int_equal(load(DR), 'a' + 16);
}

/*
 * DDI 0183 3.3.1, 3.3.2: a break is a 0 with its flag, at its place between the bytes. UARTRSR has
 * the flags of the last byte read.
 */
static void test_break(void **state)
{
	(void)state;
	store(LCR_H, 0x70);
	type(1);
	assert_int_equal(load(RIS) & BE, 0);
	type_break();
	type(2);
	assert_int_equal(load(RIS) & BE, BE);
	assert_false(line);
	store(IMSC, BE);
	assert_true(line);
	store(ICR, BE);
	assert_false(line);
	assert_int_equal(load(RIS) & BE, 0);
	assert_int_equal(load(DR), 'a');
	assert_int_equal(load(RSR), 0);
	assert_int_equal(load(DR), 0x400);
	assert_int_equal(load(RSR), 4);
	store(RSR, 0);
	assert_int_equal(load(RSR), 0);
	assert_int_equal(load(DR), 'a');
	assert_int_equal(load(RSR), 0);
	/* A driver that waits for what is received hears of it as of a byte. */
	store(IMSC, RX | RT);
	assert_int_equal(load(DR), 'b');
	assert_false(line);
	type_break();
	assert_true(line);
	assert_int_equal(load(MIS), RT);
	/* Without FIFO there is room for one. */
	assert_int_equal(load(DR), 0x400);
	store(LCR_H, 0);
	type(1);
	type_break();
	assert_int_equal(load(RIS) & BE, 0x200);
	assert_int_equal(load(DR), 'a');
	assert_int_equal(load(DR), 0x400);
	/* In loopback the line is cut off. */
	store(ICR, BE);
	store(CR, 0x380);
	type_break();
	assert_int_equal(load(RIS) & BE, 0);
	store(CR, 0x300);
	assert_int_equal(load(RIS) & BE, BE);
	vpl011_class.reset(&uart);
	assert_int_equal(load(RIS), 0);
	assert_int_equal(load(RSR), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_reset_values, setup),
		cmocka_unit_test_setup(test_masks, setup),
		cmocka_unit_test_setup(test_widths, setup),
		cmocka_unit_test_setup(test_transmit_interrupt, setup),
		cmocka_unit_test_setup(test_receive_without_fifo, setup),
		cmocka_unit_test_setup(test_receive_levels, setup),
		cmocka_unit_test_setup(test_receive_interrupt_alone, setup),
		cmocka_unit_test_setup(test_unmask_late, setup),
		cmocka_unit_test_setup(test_flow_control, setup),
		cmocka_unit_test_setup(test_fifo_off_with_data, setup),
		cmocka_unit_test_setup(test_loopback, setup),
		cmocka_unit_test_setup(test_loopback_modem, setup),
		cmocka_unit_test_setup(test_reset, setup),
		cmocka_unit_test_setup(test_break, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
