/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's UART over a chip of 115200 baud, without an interrupt: how long written bytes
 * wait, and which are not lost.
 */
#include "unit_boot.h"

#include <drivers/host.h>
#include <drivers/uart.h>
#include <kernel/log.h>
#include <kernel/thread.h>
#include <kernel/timeout.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <string.h>

#include "../../drivers/uart.h"

#define BYTE_TICKS (HOST_COUNTER_HZ / 11520)
#define FIFO       16

static struct {
	char sent[16384];
	u32 count;
	u64 idle_at; /* when the last byte has left */
	const char *keys;
} line;

static void setup(const struct uart_chip *u)
{
	(void)u;
}

static u32 tx_room(const struct uart_chip *u)
{
	u64 now = host_counter, left = line.idle_at > now ? line.idle_at - now : 0;

	(void)u;
	return FIFO - (u32)MIN((left + BYTE_TICKS - 1) / BYTE_TICKS, (u64)FIFO);
}

static bool tx_idle(const struct uart_chip *u)
{
	return tx_room(u) == FIFO;
}

static void tx(const struct uart_chip *u, u8 byte)
{
	assert_true(tx_room(u) > 0);
	assert_true(line.count + 1 < sizeof(line.sent));
	line.sent[line.count++] = (char)byte;
	line.sent[line.count] = '\0';
	line.idle_at = MAX(line.idle_at, host_counter) + BYTE_TICKS;
}

static int rx(const struct uart_chip *u)
{
	(void)u;
	return *line.keys ? (u8)*line.keys++ : -1;
}

static void irq_enable(const struct uart_chip *u, bool rx_on, bool tx_on)
{
	(void)u, (void)rx_on, (void)tx_on;
}

static const struct uart_ops slow_ops = {
	.setup = setup,
	.tx_room = tx_room,
	.tx_idle = tx_idle,
	.tx = tx,
	.rx = rx,
	.irq_enable = irq_enable,
};

int uart_chip_at(int node, struct uart_chip *u, struct phys_range *regs)
{
	(void)node, (void)regs;
	*u = (struct uart_chip){ .ops = &slow_ops, .compatible = "slow" };
	return 0;
}

int uart_chip_in_broken(const void *fdt, u64 size, struct uart_chip *u, struct phys_range *regs)
{
	(void)fdt, (void)size, (void)u, (void)regs;
	return -ENODEV;
}

const char *host_fdt_compatible(int node)
{
	(void)node;
	return "slow";
}

bool host_fdt_enabled(int node)
{
	(void)node;
	return true;
}

int host_fdt_stdout(void)
{
	return 1;
}

int host_fdt_next(int node)
{
	(void)node;
	return -1;
}

int host_fdt_irq(int node, u32 index, u32 *intid, u32 *flags)
{
	(void)node, (void)index, (void)intid, (void)flags;
	return -ENOENT;
}

u32 host_fdt_option(const char *name)
{
	(void)name;
	return 0;
}

static int boot(void **state)
{
	static u8 registers[16];
	struct phys_range regs;

	(void)state;
	unit_boot(1);
	line.keys = "";
	assert_int_equal(uart_find(&regs), 0);
	uart_early_init(registers);
	return uart_probe();
}

static int all_sent(void **state)
{
	(void)state;
	line.keys = "";
	thread_sleep_ms(1000);
	line.count = 0;
	return 0;
}

/* Nothing that is asked for later stands behind more than this. */
static void writers_wait(void **state)
{
	char text[4000];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 23);
	uart_write(text, sizeof(text));
	assert_in_range(line.count, sizeof(text) - 256 - FIFO, sizeof(text) - 1);
	thread_sleep_ms(50);
	assert_int_equal(line.count, sizeof(text));
	assert_memory_equal(line.sent, text, sizeof(text));
}

/* Lines of the log, as many as are echoed at once, find room whatever writers do. */
static void log_lines_have_room(void **state)
{
	char text[4000], wanted[16];

	(void)state;
	memset(text, '.', sizeof(text));
	uart_write(text, sizeof(text));
	log_quiet();
	for (u32 i = 0; i < LOG_ECHO_LINES; i++)
		log_err("%0200u", i);
	thread_sleep_ms(500);
	for (u32 i = 0; i < LOG_ECHO_LINES; i++) {
		(void)snprintf(wanted, sizeof(wanted), "0000%u\r\n", i);
		assert_non_null(strstr(line.sent, wanted));
	}
}

static void keys_are_seen(void **state)
{
	(void)state;
	line.keys = "abc\x03"
		    "d\x03";
	assert_int_equal(uart_waiting('z'), 0);
	assert_int_equal(uart_waiting(3), 4);
	assert_int_equal(uart_waiting('a'), 1);
	assert_int_equal(uart_poll(), 'a');
	assert_int_equal(uart_waiting(3), 3);
	for (u32 i = 0; i < 3; i++)
		assert_true(uart_poll() > 0);
	assert_int_equal(uart_waiting(3), 2);
	assert_int_equal(uart_poll(), 'd');
	assert_int_equal(uart_poll(), 3);
	assert_int_equal(uart_poll(), -EAGAIN);
	assert_int_equal(uart_waiting(3), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(writers_wait, all_sent),
		cmocka_unit_test_setup(log_lines_have_room, all_sent),
		cmocka_unit_test_setup(keys_are_seen, all_sent),
	};

	return cmocka_run_group_tests(tests, boot, NULL);
}
