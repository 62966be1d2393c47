/* SPDX-License-Identifier: Apache-2.0 */
/* The console device: bytes both ways, one a buffer or many, and what a guest may do wrong. */
#include "virtio_fixture.h"

#include <kernel/log.h>
#include <lib/errno.h>
#include <string.h>
#include <vmm/port.h>

#define RX     0
#define TX     1
#define BUFFER (DATA_AT + 0x1000)

static struct console *console;
static u64 pos;

int console_port_attach(struct console *c, s32 want)
{
	assert_int_equal(want, -1);
	console = c;
	return 3;
}

void console_port_detach(struct console *c)
{
	assert_ptr_equal(c, console);
	console = NULL;
}

const char *console_port_name(s32 port)
{
	return port == 3 ? "hvc3" : NULL;
}

void klog(enum log_level level, const char *fmt, ...)
{
	(void)level, (void)fmt;
}

static int setup(void **unused)
{
	(void)unused;
	virtio_new(&virtio_con_class,
		   &(struct desc_virtio){ .kind = VIRTIO_CONSOLE, .name = "con1" });
	virtio_con_class.connect(&virtio_dev);
	pos = 0;
	virtio_start(0, 2);
	return 0;
}

static void desc(u32 queue, u32 n, u64 addr, u32 len, u16 flags, u16 next)
{
	((struct ring_desc *)guest(DESC_AT + queue * QUEUE_STRIDE))[n] =
		(struct ring_desc){ addr, len, flags, next };
}

static void is_output(const char *want)
{
	char text[1024];
	const u32 n = console_read_at(console, &pos, text, sizeof(text) - 1);

	text[n] = '\0';
	assert_string_equal(text, want);
}

static void test_output(void **unused)
{
	u32 len;

	(void)unused;
	strcpy(guest(BUFFER), "hello, world");
	desc(TX, 0, BUFFER, 5, NEXT, 1);
	desc(TX, 1, BUFFER + 5, 7, 0, 0);
	offer(TX, 0);
	notify(TX);
	is_output("hello, world");
	assert_int_equal(used_idx(TX), 1);
	(void)used_last(TX, &len);
	assert_int_equal(len, 0);
	assert_true(virtio_line);
	assert_string_equal(virtio_info(), "12 bytes written, no port");
	/* A byte a buffer, a notify a byte. */
	for (u32 i = 0; i < 12; i++) {
		desc(TX, i % RING_SIZE, BUFFER + i, 1, 0, 0);
		offer(TX, (u16)(i % RING_SIZE));
		notify(TX);
	}
	is_output("hello, world");
	assert_int_equal(used_idx(TX), 13);
}

static void test_long_output(void **unused)
{
	char want[1001];

	(void)unused;
	for (u32 i = 0; i < 1000; i++)
		want[i] = (char)('a' + i % 26);
	want[1000] = '\0';
	memcpy(guest(BUFFER), want, 1000);
	desc(TX, 0, BUFFER, 1000, 0, 0);
	offer(TX, 0);
	notify(TX);
	is_output(want);
	assert_int_equal(used_idx(TX), 1);
}

static void test_input(void **unused)
{
	u32 len;

	(void)unused;
	desc(RX, 0, BUFFER, 64, WRITE, 0);
	offer(RX, 0);
	notify(RX);
	assert_int_equal(used_idx(RX), 0);
	assert_int_equal(console_send(console, "abc", 3), 3);
	assert_int_equal(virtio_kicks, 1);
	virtio_work();
	assert_int_equal(used_idx(RX), 1);
	(void)used_last(RX, &len);
	assert_int_equal(len, 3);
	assert_memory_equal(guest(BUFFER), "abc", 3);
	/* Buffers of one byte; what has no buffer yet waits. */
	assert_int_equal(console_send(console, "xyz", 3), 3);
	virtio_work();
	for (u32 i = 0; i < 3; i++) {
		desc(RX, 1, BUFFER, 1, WRITE, 0);
		offer(RX, 1);
		notify(RX);
		assert_int_equal(used_idx(RX), 2 + i);
		assert_int_equal(*(char *)guest(BUFFER), 'x' + (int)i);
	}
	assert_true(console_send_break(console));
	offer(RX, 1);
	virtio_work();
	notify(RX);
	assert_int_equal(*(char *)guest(BUFFER), 0);
}

/* Without a driver input stays, and no vCPU is kicked for it. */
static void test_input_without_driver(void **unused)
{
	(void)unused;
	virtio_con_class.reset(&virtio_dev);
	assert_int_equal(console_send(console, "abc", 3), 3);
	assert_int_equal(virtio_kicks, 0);
	virtio_start(0, 2);
	desc(RX, 0, BUFFER, 64, WRITE, 0);
	offer(RX, 0);
	notify(RX);
	assert_memory_equal(guest(BUFFER), "abc", 3);
	assert_int_equal(used_idx(RX), 1);
}

static void test_wrong_way(void **unused)
{
	(void)unused;
	desc(TX, 0, BUFFER, 8, WRITE, 0); /* nothing to send */
	offer(TX, 0);
	notify(TX);
	is_output("");
	assert_int_equal(used_idx(TX), 1);
	desc(RX, 0, BUFFER, 8, 0, 0);
	offer(RX, 0);
	notify(RX);
	assert_int_equal(get(STATUS), DRIVER_OK | NEEDS_RESET);
	assert_true(strstr(virtio_info(), "needs a reset: queue 0: a request has no room for its"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_output, setup),
		cmocka_unit_test_setup(test_long_output, setup),
		cmocka_unit_test_setup(test_input, setup),
		cmocka_unit_test_setup(test_input_without_driver, setup),
		cmocka_unit_test_setup(test_wrong_way, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
