/* SPDX-License-Identifier: Apache-2.0 */
/* The drivers of PL011, Cadence's and NXP's UARTs over models of their registers. */
#include "unit.h"

#include <drivers/mmio.h>
#include <lib/ring.h>
#include <string.h>

#include "../../drivers/uart.h"

/* Registers that keep what is written; reading the data takes the next word from `received`. */
static struct {
	u32 reg[0x100];
	u32 data_out, data_in; /* offsets of the data registers */
	u32 flags;             /* offset of the register that says if there is data */
	u32 empty, full;       /* its bits, none: the data says it itself */
	const u32 *received;
	u32 left;
	u8 sent[32];
	u32 count, room; /* sent; how many more it takes */
	u32 writes;      /* of other registers */
	u32 busy;        /* looks at the flags until all is sent */
	u32 busy_bit, idle_bit;
} chip;

u32 model_read(u32 offset, u32 bytes)
{
	u32 value = chip.reg[offset / 4];

	assert_int_equal(bytes, 4);
	if (offset == chip.data_in) {
		if (!chip.left)
			return 0;
		chip.left--;
		return *chip.received++;
	}
	if (offset != chip.flags)
		return value;
	value |= (chip.left ? 0 : chip.empty) | (chip.room ? 0 : chip.full);
	value |= chip.busy ? chip.busy_bit : chip.idle_bit;
	chip.busy -= chip.busy > 0;
	return value;
}

void model_write(u32 offset, u32 bytes, u32 value)
{
	assert_int_equal(bytes, 4);
	if (offset == chip.data_out) {
		assert_true(chip.room > 0);
		chip.room--;
		chip.sent[chip.count++] = (u8)value;
		return;
	}
	chip.writes++;
	chip.reg[offset / 4] = value;
}

static void receives(const u32 *words, u32 count)
{
	chip.received = words;
	chip.left = count;
}

/* Bytes go out one after the other, as long as there is room. */
static void sends(const struct uart_chip *u)
{
	u8 buf[16];
	struct ring r;

	ring_init(&r, buf, sizeof(buf));
	(void)ring_write(&r,
			 "\xff"
			 "abcdef",
			 7);
	chip.room = 3;
	assert_int_equal(uart_transmit(u, &r), 3);
	assert_int_equal(uart_transmit(u, &r), 0);
	chip.room = 9;
	assert_int_equal(uart_transmit(u, &r), 4);
	assert_memory_equal(chip.sent,
			    "\xff"
			    "abcdef",
			    7);
	assert_int_equal(chip.count, 7);
}

/* What was received, up to the end of the ring. */
static void takes(const struct uart_chip *u, const char *bytes)
{
	const u32 len = (u32)strlen(bytes);
	u8 buf[4];
	struct ring r;

	ring_init(&r, buf, sizeof(buf));
	assert_int_equal(uart_receive(u, &r), len);
	assert_int_equal(ring_used(&r), len);
	for (u32 i = 0; i < len; i++)
		assert_int_equal(ring_take(&r), (u8)bytes[i]);
}

/* ---- PL011 ---- */

enum { DR = 0, FR = 0x18, LCR_H = 0x2c, CONTROL = 0x30, IFLS = 0x34, IMSC = 0x38, ICR = 0x44 };

static struct uart_chip pl011(void)
{
	memset(&chip, 0, sizeof(chip));
	chip.data_in = chip.data_out = DR;
	chip.flags = FR;
	chip.empty = 1 << 4;
	chip.full = 1 << 5;
	chip.busy_bit = 1 << 3;
	return (struct uart_chip){ .ops = &pl011_ops };
}

static void pl011_is_set_up(void **state)
{
	const struct uart_chip u = pl011();

	(void)state;
	chip.busy = 3; /* what the firmware writes is not cut off */
	chip.reg[CONTROL / 4] = 0x4000;
	chip.reg[IMSC / 4] = 0x7ff;
	u.ops->setup(&u);
	assert_int_equal(chip.busy, 0);
	assert_int_equal(chip.reg[LCR_H / 4], 0x70);
	assert_int_equal(chip.reg[CONTROL / 4], 0x4301);
	assert_int_equal(chip.reg[IMSC / 4], 0);
	assert_int_equal(chip.reg[IFLS / 4], 2 << 3);
	/* If it is right already, keys that wait are kept. */
	chip.reg[LCR_H / 4] = 0x71;
	chip.reg[CONTROL / 4] = 0x8301;
	chip.writes = 0;
	u.ops->setup(&u);
	assert_int_equal(chip.writes, 2);
	assert_int_equal(chip.reg[LCR_H / 4], 0x71);
	assert_int_equal(chip.reg[CONTROL / 4], 0x8301);
}

static void pl011_moves_bytes(void **state)
{
	static const u32 words[] = { 'a', 0x400, 0x4ff, 0x3e2, 'c' };
	const struct uart_chip u = pl011();

	(void)state;
	sends(&u);
	receives(words, ARRAY_SIZE(words));
	takes(&u, "a\xe2"
		  "c"); /* without BREAKs, and whatever errors say */
	takes(&u, "");
	assert_true(u.ops->tx_idle(&u));
	chip.busy = 1;
	assert_false(u.ops->tx_idle(&u));
}

static void pl011_interrupts(void **state)
{
	const struct uart_chip u = pl011();

	(void)state;
	u.ops->irq_enable(&u, true, false);
	assert_int_equal(chip.reg[IMSC / 4], 0x50);
	assert_int_equal(chip.reg[ICR / 4], 0x7ff & ~0x50);
	u.ops->irq_enable(&u, true, true);
	assert_int_equal(chip.reg[IMSC / 4], 0x70);
	assert_int_equal(chip.reg[ICR / 4], 0x7ff & ~0x70);
	u.ops->irq_enable(&u, false, true);
	assert_int_equal(chip.reg[IMSC / 4], 0x20);
	u.ops->irq_enable(&u, false, false);
	assert_int_equal(chip.reg[IMSC / 4], 0);
}

/* ---- Cadence ---- */

enum { CR = 0, IER = 8, IDR = 0xc, ISR = 0x14, RXWM = 0x20, SR = 0x2c, FIFO = 0x30 };

static struct uart_chip cadence(void)
{
	memset(&chip, 0, sizeof(chip));
	chip.data_in = chip.data_out = FIFO;
	chip.flags = SR;
	chip.empty = 1 << 1;
	chip.full = 1 << 4;
	chip.busy_bit = 1 << 11 | 1 << 3;
	chip.idle_bit = 1 << 3;
	return (struct uart_chip){ .ops = &cadence_ops };
}

static void cadence_is_set_up(void **state)
{
	const struct uart_chip u = cadence();

	(void)state;
	u.ops->setup(&u);
	assert_int_equal(chip.reg[CR / 4], 0x14);
	assert_int_equal(chip.reg[RXWM / 4], 1);
	assert_int_equal(chip.reg[IDR / 4], 0x3fff);
	chip.reg[CR / 4] = 0x114;
	u.ops->setup(&u);
	assert_int_equal(chip.reg[CR / 4], 0x114);
	chip.reg[CR / 4] = 0x134; /* its transmitter is off */
	u.ops->setup(&u);
	assert_int_equal(chip.reg[CR / 4], 0x14);
}

static void cadence_moves_bytes(void **state)
{
	static const u32 words[] = { 'a', 0x3e2 };
	const struct uart_chip u = cadence();

	(void)state;
	sends(&u);
	receives(words, ARRAY_SIZE(words));
	takes(&u, "a\xe2");
	takes(&u, "");
	assert_true(u.ops->tx_idle(&u));
	chip.busy = 1;
	assert_false(u.ops->tx_idle(&u));
	chip.idle_bit = 0; /* bytes wait in the FIFO */
	assert_false(u.ops->tx_idle(&u));
}

static void cadence_interrupts(void **state)
{
	const struct uart_chip u = cadence();

	(void)state;
	u.ops->irq_enable(&u, true, false);
	assert_int_equal(chip.reg[IER / 4], 1);
	assert_int_equal(chip.reg[IDR / 4], 0x3ffe);
	u.ops->irq_enable(&u, true, true);
	assert_int_equal(chip.reg[IER / 4], 9);
	assert_int_equal(chip.reg[IDR / 4], 0x3ff6);
	u.ops->irq_enable(&u, false, false);
	assert_int_equal(chip.reg[IER / 4], 0);
	assert_int_equal(chip.reg[IDR / 4], 0x3fff);
	u.ops->irq_clear(&u);
	assert_int_equal(chip.reg[ISR / 4], 0x3fff);
}

/* ---- i.MX ---- */

enum {
	URXD = 0,
	UTXD = 0x40,
	UCR1 = 0x80,
	UCR2 = 0x84,
	UCR3 = 0x88,
	UCR4 = 0x8c,
	UFCR = 0x90,
	USR2 = 0x98,
	UTS = 0xb4
};

static struct uart_chip imx(void)
{
	memset(&chip, 0, sizeof(chip));
	chip.data_in = URXD;
	chip.data_out = UTXD;
	chip.flags = UTS;
	chip.full = 1 << 4;
	return (struct uart_chip){ .ops = &imx_ops };
}

static void imx_is_set_up(void **state)
{
	const struct uart_chip u = imx();

	(void)state;
	chip.reg[UCR2 / 4] = 0x8018;
	chip.reg[UCR4 / 4] = 0xffff;
	chip.reg[UFCR / 4] = 0xffff;
	u.ops->setup(&u);
	assert_int_equal(chip.reg[UCR1 / 4], 1);
	assert_int_equal(chip.reg[UCR2 / 4], 0x4027);
	assert_int_equal(chip.reg[UCR3 / 4], 4);
	assert_int_equal(chip.reg[UCR4 / 4], 0);
	assert_int_equal(chip.reg[UFCR / 4], 0x3c0 | 8 << 10 | 1);
	chip.reg[UCR2 / 4] = 0x8107; /* it is on: parity and flow control stay as they are */
	u.ops->setup(&u);
	assert_int_equal(chip.reg[UCR2 / 4], 0x0107);
}

static void imx_moves_bytes(void **state)
{
	static const u32 words[] = { 0x8061, 0x8800, 0x88ff, 0xc0e2, 0x0063 };
	const struct uart_chip u = imx();

	(void)state;
	sends(&u);
	receives(words, ARRAY_SIZE(words));
	takes(&u, "a\xe2");
	takes(&u, "");
	assert_false(u.ops->tx_idle(&u));
	chip.reg[USR2 / 4] = 1 << 3;
	assert_true(u.ops->tx_idle(&u));
	chip.reg[USR2 / 4] = ~(1U << 3);
	assert_false(u.ops->tx_idle(&u));
}

static void imx_interrupts(void **state)
{
	const struct uart_chip u = imx();

	(void)state;
	u.ops->irq_enable(&u, true, false);
	assert_int_equal(chip.reg[UCR1 / 4], 0x201);
	u.ops->irq_enable(&u, false, true);
	assert_int_equal(chip.reg[UCR1 / 4], 0x2001);
	u.ops->irq_enable(&u, true, true);
	assert_int_equal(chip.reg[UCR1 / 4], 0x2201);
}

/* ---- all ---- */

/* No more than the ring has room for is taken from the chip. */
static void a_full_ring(void **state)
{
	static const u32 words[] = { '1', '2', '3', '4', '5' };
	const struct uart_chip u = cadence();

	(void)state;
	receives(words, ARRAY_SIZE(words));
	takes(&u, "1234");
	takes(&u, "5");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pl011_is_set_up),     cmocka_unit_test(pl011_moves_bytes),
		cmocka_unit_test(pl011_interrupts),    cmocka_unit_test(cadence_is_set_up),
		cmocka_unit_test(cadence_moves_bytes), cmocka_unit_test(cadence_interrupts),
		cmocka_unit_test(imx_is_set_up),       cmocka_unit_test(imx_moves_bytes),
		cmocka_unit_test(imx_interrupts),      cmocka_unit_test(a_full_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
