/* SPDX-License-Identifier: Apache-2.0 */
/* The console device: bytes both ways, one a buffer or many, and what a guest may do wrong. */
#include "virtio_fixture.h"

#include <kernel/log.h>
#include <lib/errno.h>
#include <string.h>
#include <vmm/control.h>
#include <vmm/port.h>

#define RX     0
#define TX     1
#define BUFFER (DATA_AT + 0x1000)

static struct console *consoles[4]; /* as they were attached */
static u32 count;
static struct console *console; /* the terminal's */
static u64 pos;

int console_port_attach(struct console *c, s32 want)
{
	assert_int_equal(want, -1);
	consoles[count++] = c;
	console = consoles[0];
	return 3;
}

void console_port_detach(struct console *c)
{
	for (u32 i = 0; i < 4; i++)
		count -= c == consoles[i];
}

const char *console_port_name(s32 port)
{
	return port == 3 ? "hvc3" : NULL;
}

/* ---- a control port, which takes four bytes at a time ---- */

static struct control_port control = { .requests = 5, .errors = 2 };
static struct {
	void (*wake)(void *arg);
	void *arg;
	bool made, open;
	char line[64];
	const char *answer;
} controls;

struct control_port *control_create(const struct vm_desc *rights, void (*wake)(void *arg),
				    void *arg)
{
	assert_ptr_equal(rights, &virtio_vm.type->desc);
	controls.wake = wake;
	controls.arg = arg;
	controls.made = true;
	return &control;
}

void control_destroy(struct control_port *p)
{
	assert_ptr_equal(p, &control);
	controls.made = false;
}

u64 control_memory(void)
{
	return KIB(40);
}

void control_set_open(struct control_port *p, bool open)
{
	(void)p;
	controls.open = open;
}

u32 control_put(struct control_port *p, const void *from, u32 len)
{
	const u32 n = *controls.answer ? 0 : MIN(len, 4);

	(void)p;
	strncat(controls.line, from, n);
	return n;
}

u32 control_get(struct control_port *p, void *to, u32 len)
{
	const u32 n = MIN(len, (u32)strlen(controls.answer));

	(void)p;
	memcpy(to, controls.answer, n);
	controls.answer += n;
	return n;
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

/* ---- further ports: VIRTIO 1.2, 5.3.6 ---- */

#define MULTIPORT 2
#define TOLD      2 /* queues of the control messages */
#define SAID      3
#define QUEUES    6 /* of two ports */
#define BUFFERS   (RAM + 0x100000)
enum { READY, ADD, REMOVE, PORT_READY, CONSOLE_PORT, RESIZE, OPEN, NAME };

static int setup_ports(void **unused)
{
	static const struct desc_virtio node = {
		.kind = VIRTIO_CONSOLE, .name = "con1", .port_count = 1, .ports = { "agent" }
	};

	(void)unused;
	virtio_new(&virtio_con_class, &node);
	virtio_con_class.connect(&virtio_dev);
	assert_int_equal(count, 2);
	pos = 0;
	for (u32 queue = 0; queue < QUEUES; queue++)
		memset(guest(AVAIL_AT + queue * QUEUE_STRIDE), 0, 0x1800);
	virtio_start(MULTIPORT, QUEUES);
	for (u32 n = 0; n < 4; n++) {
		desc(TOLD, n, BUFFERS + 64 * n, 64, WRITE, 0);
		offer(TOLD, (u16)n);
	}
	notify(TOLD);
	return 0;
}

/* The driver says something. */
static void say(u32 port, u16 event, u16 value)
{
	u32 *m = guest(BUFFERS + 0x1000);

	m[0] = port;
	m[1] = event | (u32)value << 16;
	desc(SAID, 0, BUFFERS + 0x1000, 8, 0, 0);
	offer(SAID, 0);
	notify(SAID);
}

/* The n-th message that the driver was told. Its buffer is offered again. */
static void told(u16 n, u32 port, u16 event, const char *name)
{
	const u32 *used = guest(USED_AT + TOLD * QUEUE_STRIDE + 4);
	const u32 *m = guest(BUFFERS + 64UL * (n % 4));

	assert_in_range(n, 0, used_idx(TOLD) - 1);
	assert_int_equal(used[2 * (n % RING_SIZE)], n % 4);
	assert_int_equal(used[2 * (n % RING_SIZE) + 1], 8 + strlen(name));
	assert_int_equal(m[0], port);
	assert_int_equal(m[1], event | 1 << 16);
	assert_memory_equal(&m[2], name, strlen(name));
	offer(TOLD, n % 4);
}

static void test_ports(void **unused)
{
	u32 len;

	(void)unused;
	assert_int_equal(virtio_load(CONFIG + 4, 4), 2);
	put(QUEUE_SEL, QUEUES - 1);
	assert_int_equal(get(QUEUE_NUM_MAX), 256);
	put(QUEUE_SEL, QUEUES);
	assert_int_equal(get(QUEUE_NUM_MAX), 0);
	assert_int_equal(used_idx(TOLD), 0);
	say(~0U, READY, 1);
	assert_int_equal(used_idx(TOLD), 2);
	told(0, 0, ADD, "");
	told(1, 1, ADD, "");
	say(1, PORT_READY, 1);
	say(0, PORT_READY, 1);
	assert_int_equal(used_idx(TOLD), 6);
	told(2, 1, OPEN, "");
	told(3, 1, NAME, "agent");
	told(4, 0, CONSOLE_PORT, "");
	told(5, 0, OPEN, "");
	/* Input waits until a program has the port open; the terminal's does not. */
	for (u32 port = 0; port < 2; port++) {
		desc(4 * port, 0, BUFFERS + 0x2000, 64, WRITE, 0);
		offer(4 * port, 0);
		notify(4 * port);
		assert_int_equal(console_send(consoles[port], "abc", 3), 3);
		virtio_work();
		assert_int_equal(used_idx(4 * port), port == 0);
	}
	say(1, OPEN, 1);
	assert_int_equal(used_idx(4), 1);
	assert_int_equal(used_last(4, &len), 0);
	assert_int_equal(len, 3);
	assert_memory_equal(guest(BUFFERS + 0x2000), "abc", 3);
	say(1, OPEN, 0);
	offer(4, 0);
	notify(4);
	assert_int_equal(console_send(consoles[1], "d", 1), 1);
	virtio_work();
	assert_int_equal(used_idx(4), 1);
	/* Output goes to its own. */
	strcpy(guest(BUFFERS + 0x3000), "hello");
	desc(5, 0, BUFFERS + 0x3000, 5, 0, 0);
	offer(5, 0);
	notify(5);
	is_output("");
	console = consoles[1];
	is_output("hello");
	assert_string_equal(virtio_info(), "0 bytes written, no port; agent: no port");
}

static void test_ports_wrong(void **unused)
{
	(void)unused;
	/* Too short, no such port, no such event. */
	desc(SAID, 0, BUFFERS, 7, 0, 0);
	offer(SAID, 0);
	notify(SAID);
	say(2, PORT_READY, 1);
	say(~0U, OPEN, 1);
	say(0, 0xffff, 1);
	say(0, READY, 0);
	assert_int_equal(used_idx(SAID), 5);
	assert_int_equal(used_idx(TOLD), 0);
	/* What was not told yet is forgotten with the driver. */
	for (u32 i = 0; i < 3; i++)
		say(0, READY, 1); /* two a time: the last two find no buffer */
	assert_int_equal(used_idx(TOLD), 4);
	virtio_start(MULTIPORT, QUEUES);
	desc(TOLD, 0, BUFFERS, 4, WRITE | NEXT, 1);
	desc(TOLD, 1, BUFFERS + 4, 64, WRITE, 0);
	offer(TOLD, 0);
	notify(TOLD);
	assert_int_equal(used_idx(TOLD), 0);
	say(0, READY, 1);
	assert_int_equal(used_idx(TOLD), 1);
	assert_int_equal(((u32 *)guest(BUFFERS))[1], ADD | 1 << 16);
	/* No room for a message. */
	desc(TOLD, 2, BUFFERS, 6, WRITE, 0);
	offer(TOLD, 2);
	notify(TOLD);
	assert_int_equal(get(STATUS), DRIVER_OK | NEEDS_RESET);
}

/* A buffer that holds a message's head gets as much of the name as fits. */
static void test_ports_cut_name(void **unused)
{
	(void)unused;
	say(0, READY, 1);
	told(0, 0, ADD, "");
	told(1, 1, ADD, "");
	desc(TOLD, 2, BUFFERS + 128, 8, WRITE, 0);
	desc(TOLD, 3, BUFFERS + 192, 10, WRITE, 0);
	desc(TOLD, 1, BUFFERS + 64, 8, WRITE, 0);
	say(1, PORT_READY, 1);
	told(2, 1, OPEN, "");
	told(3, 1, NAME, "ag");
	say(1, PORT_READY, 1);
	told(4, 1, OPEN, "");
	told(5, 1, NAME, "");
	assert_int_equal(get(STATUS), DRIVER_OK);
}

/* A control port is none of the machine's: requests go elsewhere, and answers come back. */
static void test_control(void **unused)
{
	static const struct desc_virtio node = { .kind = VIRTIO_CONSOLE,
						 .name = CONTROL_CONSOLE,
						 .port_count = 1,
						 .ports = { CONTROL_PORT },
						 .no_terminal = true,
						 .has_control = true };
	u32 len;

	(void)unused;
	memset(&controls, 0, sizeof(controls));
	controls.answer = "";
	virtio_new(&virtio_con_class, &node);
	count = 0;
	virtio_con_class.connect(&virtio_dev);
	assert_int_equal(count, 0);
	assert_true(controls.made);
	assert_int_equal(virtio_con_class.memory(&virtio_dev), KIB(40) + 2 * KIB(20));
	for (u32 queue = 0; queue < QUEUES; queue++)
		memset(guest(AVAIL_AT + queue * QUEUE_STRIDE), 0, 0x1800);
	virtio_start(MULTIPORT, QUEUES);
	say(1, OPEN, 1);
	assert_true(controls.open);
	strcpy(guest(BUFFERS + 0x3000), "info rtos");
	desc(5, 0, BUFFERS + 0x3000, 9, 0, 0);
	offer(5, 0);
	notify(5);
	assert_string_equal(controls.line, "info rtos");
	assert_int_equal(used_idx(5), 1);
	/* The answer goes into what buffers there are, and the next request waits for its end. */
	for (u32 i = 0; i < 2; i++) {
		desc(4, i, BUFFERS + 0x2000 + 0x100 * i, 8, WRITE, 0);
		offer(4, (u16)i);
	}
	notify(4);
	assert_int_equal(used_idx(4), 0);
	controls.answer = "data in more than two buffers";
	controls.wake(controls.arg);
	virtio_work();
	assert_int_equal(used_idx(4), 2);
	(void)used_last(4, &len);
	assert_int_equal(len, 8);
	assert_memory_equal(guest(BUFFERS + 0x2000), "data in ", 8);
	assert_memory_equal(guest(BUFFERS + 0x2100), "more tha", 8);
	offer(5, 0);
	notify(5);
	assert_int_equal(used_idx(5), 1);
	desc(4, 2, BUFFERS + 0x2000, 64, WRITE, 0);
	offer(4, 2);
	notify(4);
	(void)used_last(4, &len);
	assert_int_equal(len, 13);
	assert_int_equal(used_idx(5), 2);
	assert_string_equal(controls.line, "info rtosinfo rtos");
	assert_string_equal(virtio_info(),
			    "0 bytes written, no port; org.zvm.control: 5 requests, 2 errors");
	/* With the driver goes the program that had it open. */
	virtio_start(MULTIPORT, QUEUES);
	assert_false(controls.open);
	virtio_con_class.destroy(&virtio_dev);
	virtio_dev.class = NULL;
	assert_false(controls.made);
}

/* A driver without MULTIPORT has the terminal. */
static void test_ports_unknown(void **unused)
{
	(void)unused;
	virtio_start(0, 2);
	strcpy(guest(BUFFER), "hello");
	desc(TX, 0, BUFFER, 5, 0, 0);
	offer(TX, 0);
	notify(TX);
	is_output("hello");
	desc(RX, 0, BUFFER, 64, WRITE, 0);
	offer(RX, 0);
	notify(RX);
	assert_int_equal(console_send(console, "abc", 3), 3);
	virtio_work();
	assert_int_equal(used_idx(RX), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_output, setup),
		cmocka_unit_test_setup(test_long_output, setup),
		cmocka_unit_test_setup(test_input, setup),
		cmocka_unit_test_setup(test_input_without_driver, setup),
		cmocka_unit_test_setup(test_wrong_way, setup),
		cmocka_unit_test_setup(test_ports, setup_ports),
		cmocka_unit_test_setup(test_ports_wrong, setup_ports),
		cmocka_unit_test_setup(test_ports_cut_name, setup_ports),
		cmocka_unit_test_setup(test_ports_unknown, setup_ports),
		cmocka_unit_test(test_control),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
