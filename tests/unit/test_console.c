/* SPDX-License-Identifier: Apache-2.0 */
/* Consoles: rings, waking, and the service that moves bytes to and from ports. */
#include "unit_boot.h"

#include <kernel/thread.h>
#include <lib/errno.h>
#include <string.h>
#include <vmm/console.h>
#include <vmm/port.h>

static struct console consoles[3];
static u32 notified, inputs;

static void notify(void *arg)
{
	(*(u32 *)arg)++;
}

static int setup(void **state)
{
	*state = NULL;
	notified = inputs = 0;
	for (size_t i = 0; i < ARRAY_SIZE(consoles); i++)
		console_init(&consoles[i]);
	return 0;
}

static void write_text(struct console *c, const char *text)
{
	for (; *text; text++)
		console_output(c, (u8)*text);
}

/* ---- rings ---- */

static void test_output(void **state)
{
	struct console *c = &consoles[0];
	char buf[CONSOLE_LOG_SIZE];
	u64 pos = 0;

	(void)state;
	write_text(c, "hello");
	assert_int_equal(console_head(c), 5);
	assert_int_equal(console_read_at(c, &pos, buf, 3), 3);
	assert_memory_equal(buf, "hel", 3);
	assert_int_equal(console_read_at(c, &pos, buf, sizeof(buf)), 2);
	assert_int_equal(console_read_at(c, &pos, buf, sizeof(buf)), 0);
	/* A reader that was overtaken goes on with the oldest byte kept. */
	for (u32 i = 0; i < CONSOLE_LOG_SIZE + 10; i++)
		console_output(c, (u8)(i % 251));
	assert_int_equal(console_tail(c), 15);
	assert_int_equal(console_read_at(c, &pos, buf, 1), 1);
	assert_int_equal((u8)buf[0], 10);
	assert_int_equal(pos, 16);
}

static void test_arm(void **state)
{
	struct console *c = &consoles[0];

	(void)state;
	console_listen(c, notify, &notified);
	write_text(c, "x");
	assert_int_equal(notified, 0); /* not armed */
	assert_true(console_arm(c, 0));
	assert_false(console_arm(c, 1));
	write_text(c, "yz");
	assert_int_equal(notified, 1); /* once */
	console_wake(c);
	assert_int_equal(notified, 2);
	assert_false(console_arm(c, 3));
	console_listen(c, NULL, NULL);
	write_text(c, "a");
	assert_int_equal(notified, 2);
	assert_true(console_arm(c, 0));
}

static void test_input(void **state)
{
	struct console *c = &consoles[0];
	char text[CONSOLE_INPUT_SIZE + 10];

	(void)state;
	memset(text, 'k', sizeof(text));
	c->input_ready = notify;
	c->input_arg = &inputs;
	console_listen(c, notify, &notified);
	assert_int_equal(console_take_input(c), -1);
	assert_int_equal(console_send(c, text, sizeof(text)), CONSOLE_INPUT_SIZE);
	assert_int_equal(inputs, 1);
	assert_int_equal(console_send(c, text, 1), 0);
	assert_int_equal(inputs, 1);
	assert_int_equal(console_input_room(c), 0);
	/* Room is announced once half of it is there. */
	for (u32 i = 0; i < CONSOLE_INPUT_SIZE / 2; i++) {
		assert_int_equal(notified, 0);
		assert_int_equal(console_take_input(c), 'k');
	}
	assert_int_equal(notified, 1);
	assert_int_equal(console_input_room(c), CONSOLE_INPUT_SIZE / 2);
	while (console_take_input(c) >= 0)
		;
	assert_int_equal(notified, 1);
}

static void test_break(void **state)
{
	struct console *c = &consoles[0];

	(void)state;
	c->input_ready = notify;
	c->input_arg = &inputs;
	assert_int_equal(console_send(c, "ab", 2), 2);
	assert_true(console_send_break(c));
	assert_int_equal(inputs, 2);
	assert_int_equal(console_send(c, "h", 1), 1);
	/* One is on its way until it is taken. */
	assert_false(console_send_break(c));
	assert_int_equal(inputs, 3);
	assert_int_equal(console_take_input(c), 'a');
	assert_int_equal(console_take_input(c), 'b');
	assert_int_equal(console_take_input(c), CONSOLE_BREAK);
	assert_true(console_send_break(c));
	assert_int_equal(console_take_input(c), 'h');
	assert_int_equal(console_take_input(c), CONSOLE_BREAK);
	assert_int_equal(console_take_input(c), -1);
}

/* ---- ports ---- */

/* A backend of three ports, of which number 1 does not exist. */
static struct {
	char written[32768];
	u32 len, room, calls;
	const char *typed;
	bool closed;
} backend[3];

static u32 backend_write(u32 port, const void *data, u32 len)
{
	u32 n = MIN(len, backend[port].room);

	memcpy(backend[port].written + backend[port].len, data, n);
	backend[port].len += n;
	backend[port].room -= n;
	backend[port].calls++;
	return n;
}

static u32 backend_read(u32 port, void *data, u32 len)
{
	u32 n = backend[port].typed ? (u32)MIN(len, strlen(backend[port].typed)) : 0;

	if (n) {
		memcpy(data, backend[port].typed, n);
		backend[port].typed += n;
	}
	return n;
}

/* Of a driver with many ports. */
static u32 write_to_first(u32 port, const void *data, u32 len)
{
	(void)port;
	return backend_write(0, data, len);
}

static u32 read_nothing(u32 port, void *data, u32 len)
{
	(void)port, (void)data, (void)len;
	return 0;
}

static const char *backend_name(u32 port)
{
	return port == 1 ? NULL : "a port";
}

static bool backend_is_open(u32 port)
{
	return !backend[port].closed;
}

static const struct console_port_ops backend_ops = {
	.count = ARRAY_SIZE(backend),
	.write = backend_write,
	.read = backend_read,
	.name = backend_name,
	.is_open = backend_is_open,
};

static int setup_ports(void **state)
{
	setup(state);
	memset(backend, 0, sizeof(backend));
	for (size_t i = 0; i < ARRAY_SIZE(backend); i++)
		backend[i].room = UINT32_MAX;
	return 0;
}

static int start_service(void **state)
{
	(void)state;
	unit_boot(1);
	if (!console_port_name(0) && console_ports_register(&backend_ops) != 0)
		return -1;
	return console_service_start();
}

/* Let the service run until it sleeps: it is more urgent than this thread. */
static void settle(void)
{
	thread_sleep_ms(10);
}

static void check_written(u32 port, const char *text)
{
	settle();
	assert_int_equal(backend[port].len, strlen(text));
	assert_memory_equal(backend[port].written, text, strlen(text));
}

/* A second driver's ports come behind the first one's; each driver has its own numbers. */
static void test_two_drivers(void **state)
{
	static struct console_port_ops more = {
		.count = 2, .write = backend_write, .read = backend_read, .name = backend_name
	};
	static const struct console_port_ops many = { .count = CONSOLE_MAX_PORTS,
						      .write = write_to_first,
						      .read = read_nothing,
						      .name = backend_name };
	const s32 first = ARRAY_SIZE(backend);

	(void)state;
	assert_int_equal(console_ports_register(&more), first);
	assert_string_equal(console_port_name(first), console_port_name(0));
	assert_int_equal(console_port_attach(&consoles[0], first), first);
	console_output(&consoles[0], 'x');
	check_written(0, "x");
	console_port_detach(&consoles[0]);
	assert_int_equal(console_ports_register(&many), first + 2);
	assert_int_equal(console_ports_register(&many), -ENOSPC);
	/* The last port is served as the others are. */
	assert_int_equal(console_port_attach(&consoles[0], CONSOLE_MAX_PORTS - 1),
			 CONSOLE_MAX_PORTS - 1);
	console_output(&consoles[0], 'y');
	check_written(0, "xxy"); /* what the console holds comes first */
	console_port_detach(&consoles[0]);
}

static void test_attach(void **state)
{
	(void)state;
	assert_int_equal(console_port_attach(&consoles[0], 3), -ENOENT);
	assert_int_equal(console_port_attach(&consoles[0], 1), -ENOENT);
	assert_int_equal(console_port_attach(&consoles[0], -2), -ENOENT);
	assert_int_equal(console_port_attach(&consoles[0], -1), 0);
	assert_int_equal(console_port_attach(&consoles[1], 0), -EBUSY);
	assert_int_equal(console_port_attach(&consoles[1], -1), 2);
	assert_int_equal(console_port_attach(&consoles[2], -1), -ENOENT);
	assert_int_equal(consoles[2].port, -1);
	console_port_detach(&consoles[2]);
	console_port_detach(&consoles[0]);
	assert_int_equal(console_port_attach(&consoles[2], -1), 0);
	assert_string_equal(console_port_name(2), "a port");
	assert_null(console_port_name(1));
	assert_null(console_port_name(-1));
	assert_null(console_port_name(99));
	assert_int_equal(console_port_named("a port"), 0);
	assert_int_equal(console_port_named("org.zvm.gdb"), -1);
	console_port_detach(&consoles[1]);
	console_port_detach(&consoles[2]);
}

static void test_port_output(void **state)
{
	(void)state;
	/* What was written before is shown as well. */
	write_text(&consoles[0], "boot ");
	assert_int_equal(console_port_attach(&consoles[0], 0), 0);
	assert_int_equal(console_port_attach(&consoles[1], 2), 2);
	check_written(0, "boot ");
	write_text(&consoles[0], "login: ");
	write_text(&consoles[1], "=> ");
	check_written(0, "boot login: ");
	check_written(2, "=> ");
	console_port_detach(&consoles[0]);
	write_text(&consoles[0], "unheard");
	check_written(0, "boot login: ");
	console_port_detach(&consoles[1]);
}

/* A program that has gone is done when all that it typed is there. */
static void test_port_far_end(void **state)
{
	struct console *c = &consoles[0];
	char text[CONSOLE_INPUT_SIZE + 100];

	(void)state;
	memset(text, 'k', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(console_port_attach(c, 0), 0);
	settle();
	assert_true(console_far_open(c));
	assert_false(console_far_done(c));
	c->input_ready = notify;
	c->input_arg = &inputs;
	backend[0].typed = text;
	backend[0].closed = true;
	console_port_ready(0);
	settle();
	assert_false(console_far_open(c));
	assert_false(console_far_done(c));
	while (console_take_input(c) >= 0)
		;
	settle();
	assert_true(console_far_done(c));
	inputs = 0;
	backend[0].closed = false;
	console_port_ready(0);
	settle();
	assert_int_equal(inputs, 1);
	assert_true(console_far_open(c));
	console_port_detach(c);
}

static void test_port_that_nobody_reads(void **state)
{
	u32 calls;

	(void)state;
	backend[0].room = 3;
	assert_int_equal(console_port_attach(&consoles[0], 0), 0);
	write_text(&consoles[0], "abcdefgh");
	check_written(0, "abc");
	/* The service sleeps instead of trying again and again. */
	calls = backend[0].calls;
	settle();
	assert_int_equal(backend[0].calls, calls);
	backend[0].room = 100;
	console_port_ready(0);
	check_written(0, "abcdefgh");
	/* So much meanwhile that the oldest is gone: the guest was not held up. */
	backend[0].room = 0;
	for (u32 i = 0; i < CONSOLE_LOG_SIZE * 3; i++)
		console_output(&consoles[0], (u8)'z');
	backend[0].room = UINT32_MAX;
	console_port_ready(0);
	settle();
	assert_int_equal(backend[0].len, 8 + CONSOLE_LOG_SIZE);
	console_port_detach(&consoles[0]);
}

/*
 * More than the ring holds, while the service gets no CPU: nothing that the port can take is lost.
 */
static void test_port_of_an_urgent_guest(void **state)
{
	(void)state;
	assert_int_equal(console_port_attach(&consoles[0], 0), 0);
	hold_cpu();
	for (u32 i = 0; i < sizeof(backend[0].written) - 100; i++)
		console_output(&consoles[0], (u8)(i % 251));
	give_cpu();
	settle();
	assert_int_equal(backend[0].len, sizeof(backend[0].written) - 100);
	for (u32 i = 0; i < backend[0].len; i++)
		assert_int_equal((u8)backend[0].written[i], i % 251);
	console_port_detach(&consoles[0]);
}

static void test_last_words(void **state)
{
	(void)state;
	assert_int_equal(console_port_attach(&consoles[0], 0), 0);
	hold_cpu();
	write_text(&consoles[0], "Power down");
	give_cpu();
	console_port_detach(&consoles[0]);
	check_written(0, "Power down");
}

static void test_port_input(void **state)
{
	char typed[CONSOLE_INPUT_SIZE * 2 + 1];
	u32 taken = 0;

	(void)state;
	backend[2].typed = "the port is gone";
	console_port_ready(2);
	settle();
	assert_string_equal(backend[2].typed, "");
	assert_int_equal(console_port_attach(&consoles[0], 2), 2);
	memset(typed, 't', sizeof(typed) - 1);
	typed[sizeof(typed) - 1] = '\0';
	backend[2].typed = typed;
	console_port_ready(2);
	settle();
	/* What does not fit stays with the driver until the guest has read. */
	assert_int_equal(strlen(backend[2].typed), CONSOLE_INPUT_SIZE);
	while (taken < CONSOLE_INPUT_SIZE * 2 && console_take_input(&consoles[0]) >= 0) {
		taken++;
		settle();
	}
	assert_int_equal(taken, CONSOLE_INPUT_SIZE * 2);
	assert_string_equal(backend[2].typed, "");
	console_port_detach(&consoles[0]);
}

/* ---- streams ---- */

static void put_record(struct port_stream *s, char c, u32 len)
{
	static char bytes[PORT_STREAM_BYTES];
	const struct port_piece pieces[] = { { &len, sizeof(len) }, { bytes, len } };

	memset(bytes, c, len);
	port_stream_put(s, pieces, 2);
}

/* Records are whole; for those without room no one waits; the port belongs to one at a time. */
static void test_stream(void **state)
{
	struct port_stream s, other;

	(void)state;
	port_stream_init(&s);
	port_stream_init(&other);
	put_record(&s, 'x', 1); /* it is closed */
	assert_int_equal(port_stream_open(&s, 1, "", 0), -ENOENT);
	assert_int_equal(console_port_attach(&consoles[0], 0), 0);
	assert_int_equal(port_stream_open(&s, 0, "", 0), -EBUSY);
	backend[2].room = 3;
	assert_int_equal(port_stream_open(&s, -1, "head", 4), 2);
	assert_int_equal(port_stream_open(&other, 2, "", 0), -EBUSY);
	assert_int_equal(console_port_attach(&consoles[1], 2), -EBUSY);
	check_written(2, "hea");
	put_record(&s, 'a', 100);
	put_record(&s, 'b', PORT_STREAM_BYTES - 200);
	put_record(&s, 'c', 100);
	put_record(&s, 'd', 80);
	assert_int_equal(s.records, 3);
	assert_int_equal(s.dropped, 1);
	backend[2].typed = "ignored";
	backend[2].room = 100;
	console_port_ready(2);
	settle();
	assert_string_equal(backend[2].typed, "");
	assert_int_equal(backend[2].len, 103);
	assert_int_equal(backend[2].written[8], 'a');
	put_record(&s, 'e', 80);
	assert_int_equal(s.records, 4);
	/* What the port takes at the end is sent; the port is free then. */
	backend[2].room = 500;
	port_stream_close(&s);
	assert_int_equal(backend[2].len, 603);
	port_stream_close(&s);
	put_record(&s, 'f', 1);
	assert_int_equal(s.records, 4);
	assert_int_equal(console_port_attach(&consoles[1], 2), 2);
	console_port_detach(&consoles[0]);
	console_port_detach(&consoles[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_output, setup),
		cmocka_unit_test_setup(test_arm, setup),
		cmocka_unit_test_setup(test_input, setup),
		cmocka_unit_test_setup(test_break, setup),
		cmocka_unit_test_setup(test_attach, setup_ports),
		cmocka_unit_test_setup(test_port_output, setup_ports),
		cmocka_unit_test_setup(test_port_that_nobody_reads, setup_ports),
		cmocka_unit_test_setup(test_port_of_an_urgent_guest, setup_ports),
		cmocka_unit_test_setup(test_last_words, setup_ports),
		cmocka_unit_test_setup(test_port_input, setup_ports),
		cmocka_unit_test_setup(test_port_far_end, setup_ports),
		cmocka_unit_test_setup(test_stream, setup_ports),
		cmocka_unit_test_setup(test_two_drivers, setup_ports),
	};

	return cmocka_run_group_tests(tests, start_service, NULL);
}
