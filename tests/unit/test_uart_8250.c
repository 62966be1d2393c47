/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 8250's driver over a model: widths and distances of registers, FIFO, and what is odd about
 * DW_apb_uart.
 */
#include "unit.h"

#include <drivers/mmio.h>
#include <string.h>

#include "../../drivers/uart.h"

enum { RBR, IER, IIR, LCR, MCR, LSR, USR = 0x1f };

static struct {
	u32 shift, width;
	bool dw;          /* LCR is not taken while busy */
	u32 busy;         /* bytes of the line that come before it is idle, each read away */
	bool busy_detect; /* interrupts until USR is read */
	bool timeout;     /* says that bytes wait below the trigger level until RBR is read */
	u8 lcr, ier, mcr, fcr;
	const char *received;
	char sent[64];
	u32 count, queued; /* sent at all; in the FIFO */
} chip;

static u32 registered(u32 offset, u32 bytes)
{
	assert_int_equal(bytes, chip.width);
	assert_int_equal(offset % (1u << chip.shift), 0);
	return offset >> chip.shift;
}

u32 model_read(u32 offset, u32 bytes)
{
	switch (registered(offset, bytes)) {
	case RBR:
		chip.timeout = false;
		chip.busy -= chip.busy > 0;
		return chip.received && *chip.received ? (u8)*chip.received++ : 0;
	case IIR:
		return 0xc0 | (chip.busy_detect ? 7 : chip.timeout ? 12 : 1);
	case LCR:
		return chip.lcr;
	case MCR:
		return chip.mcr;
	case LSR:
		return (chip.received && *chip.received ? 1 : 0) | (chip.queued ? 0 : 0x60);
	case USR:
		assert_true(chip.dw);
		chip.busy_detect = false;
		return 0;
	default:
		fail();
		return 0;
	}
}

void model_write(u32 offset, u32 bytes, u32 value)
{
	switch (registered(offset, bytes)) {
	case RBR:
		assert_false(chip.lcr & 0x80);
		assert_true(chip.queued < 16);
		chip.sent[chip.count++] = (char)value;
		chip.queued++;
		break;
	case IER:
		assert_false(chip.lcr & 0x80);
		chip.ier = (u8)value;
		break;
	case IIR:
		chip.fcr = (u8)value;
		break;
	case LCR:
		if (chip.dw && chip.busy)
			chip.busy_detect = true;
		else
			chip.lcr = (u8)value;
		break;
	case MCR:
		chip.mcr = (u8)value;
		break;
	default:
		fail();
	}
}

static struct uart_chip uart(const struct uart_ops *ops, u32 shift, u32 width)
{
	memset(&chip, 0, sizeof(chip));
	chip.shift = shift;
	chip.width = width;
	chip.dw = ops == &dw_apb_ops;
	chip.lcr = 3;
	return (struct uart_chip){ .ops = ops, .shift = (u8)shift, .width = (u8)width, .fifo = 16 };
}

static void test_registers(void **state)
{
	static const u32 layouts[][2] = { { 0, 1 }, { 1, 2 }, { 2, 1 }, { 2, 4 }, { 3, 4 } };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(layouts); i++) {
		struct uart_chip u = uart(&ns16550_ops, layouts[i][0], layouts[i][1]);

		u.ops->setup(&u);
		assert_int_equal(chip.fcr, 1); /* FIFOs on, and what is in them stays */
		assert_int_equal(chip.mcr & 0xb, 0xb);
		assert_int_equal(chip.ier, 0);
		u.ops->irq_enable(&u, true, false);
		assert_int_equal(chip.ier, 1);
		u.ops->irq_enable(&u, true, true);
		assert_int_equal(chip.ier, 3);
		chip.received = "ab";
		assert_int_equal(u.ops->rx(&u), 'a');
		assert_int_equal(u.ops->rx(&u), 'b');
		assert_int_equal(u.ops->rx(&u), -1);
		assert_int_equal(u.ops->tx_room(&u), 16);
		assert_true(u.ops->tx_idle(&u));
		u.ops->tx(&u, 'x');
		assert_int_equal(chip.sent[0], 'x');
		/* It says nothing of room before the FIFO is empty. */
		assert_int_equal(u.ops->tx_room(&u), 0);
		assert_false(u.ops->tx_idle(&u));
	}
}

/* A loader left the divisor in the place of the data, or a break on the line. */
static void test_line_is_put_right(void **state)
{
	(void)state;
	for (u32 lcr = 0; lcr < 256; lcr++) {
		struct uart_chip u = uart(&ns16550_ops, 2, 4);

		chip.lcr = (u8)lcr;
		u.ops->setup(&u);
		if ((lcr & 0xc3) == 3)
			assert_int_equal(chip.lcr, lcr); /* parity is the line's business */
		else
			assert_int_equal(chip.lcr, 3);
	}
}

static void test_busy_dw_apb(void **state)
{
	struct uart_chip u = uart(&dw_apb_ops, 2, 4);

	(void)state;
	chip.lcr = 0x83;
	chip.busy = 5;
	u.ops->setup(&u);
	assert_int_equal(chip.lcr, 3);
	assert_true(chip.busy_detect);
	u.ops->irq_clear(&u);
	assert_false(chip.busy_detect);
}

static void test_timeout_of_dw_apb(void **state)
{
	struct uart_chip u = uart(&dw_apb_ops, 2, 4);

	(void)state;
	chip.timeout = true;
	u.ops->irq_clear(&u);
	assert_false(chip.timeout);
	/* With bytes it is none of its business. */
	chip.timeout = true;
	chip.received = "k";
	u.ops->irq_clear(&u);
	assert_int_equal(u.ops->rx(&u), 'k');
}

/* The line stays busy for ever: the start goes on. */
static void test_never_idle(void **state)
{
	struct uart_chip u = uart(&dw_apb_ops, 2, 4);

	(void)state;
	chip.lcr = 0;
	chip.busy = UINT32_MAX;
	u.ops->setup(&u);
	assert_int_equal(chip.lcr, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_registers),   cmocka_unit_test(test_line_is_put_right),
		cmocka_unit_test(test_busy_dw_apb), cmocka_unit_test(test_timeout_of_dw_apb),
		cmocka_unit_test(test_never_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
