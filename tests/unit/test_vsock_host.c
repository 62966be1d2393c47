/* SPDX-License-Identifier: Apache-2.0 */
/* Host ports of the socket device: connections both ways, credit, ends, and what a guest may do. */
#include "virtio_fixture.h"

#include <arch/timer.h>
#include <asm/host.h>
#include <kernel/log.h>
#include <lib/errno.h>
#include <string.h>
#include <vmm/console.h>
#include <vmm/net.h>
#include <vmm/port.h>

#include "../../vmm/virtio/virtio_vsock.h"

#define RX     VSOCK_RX
#define TX     VSOCK_TX
#define HEAD   ((u32)sizeof(struct vsock_head))
#define BUFFER (DATA_AT + 0x1000)
#define ROOM   (DATA_AT + 0x8000) /* eight buffers */
#define SIZE   256U
#define OWN    9
#define PORT   22 /* the host port, and the guest's of that number */
#define GUEST  5000

static struct console *console; /* of the host port */
static s32 free_port;
static u16 offered, seen; /* buffers for receiving */

int console_port_attach(struct console *c, s32 want)
{
	assert_int_equal(want, -1);
	console = c;
	c->port = free_port;
	return free_port;
}

void console_port_detach(struct console *c)
{
	assert_ptr_equal(c, console);
}

const char *console_port_name(s32 port)
{
	return port == 3 ? "hvc3" : NULL;
}

static char said[200];

void klog(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	(void)level;
	va_start(ap, fmt);
	(void)vsnprintf(said, sizeof(said), fmt, ap);
	va_end(ap);
}

static void ready(u32 port)
{
	assert_int_equal(port, 3);
}

static const struct console_carrier carrier = { ready, ready };

static void make(s32 port)
{
	const struct desc_virtio node = { .kind = VIRTIO_VSOCK,
					  .name = "vsock0",
					  .cid = OWN,
					  .host_port_count = 1,
					  .host_ports = { PORT } };

	free_port = port;
	offered = seen = 0;
	console_set_carrier(&carrier);
	virtio_new(&virtio_vsock_class, &node);
	virtio_vsock_class.connect(&virtio_dev);
	virtio_start(0, 3);
}

static int setup(void **unused)
{
	(void)unused;
	make(3);
	console_set_far(console, true, false);
	return 0;
}

/* ---- the driver ---- */

static void desc(u32 queue, u32 n, u64 addr, u32 len, u16 flags)
{
	((struct ring_desc *)guest(DESC_AT + queue * QUEUE_STRIDE))[n] =
		(struct ring_desc){ addr, len, flags, 0 };
}

/* Buffers for so many packets. */
static void room(u32 count)
{
	for (; count; count--, offered++) {
		desc(RX, offered % RING_SIZE, ROOM + offered % RING_SIZE * SIZE, SIZE, WRITE);
		offer(RX, offered % RING_SIZE);
	}
	notify(RX);
}

static void say(u16 op, u32 from, u32 to, u32 len)
{
	struct vsock_head *h = guest(BUFFER);

	*h = (struct vsock_head){ .src_cid = OWN,
				  .dst_cid = VSOCK_CID_HOST,
				  .src_port = from,
				  .dst_port = to,
				  .len = len,
				  .type = 1,
				  .op = op,
				  .flags = op == VSOCK_OP_SHUTDOWN ? 3 : 0,
				  .buf_alloc = 1000 };
	memset(guest(BUFFER + HEAD), 'a' + (int)len % 26, len);
	desc(TX, 0, BUFFER, HEAD + len, 0);
	offer(TX, 0);
	notify(TX);
}

/* The next packet that has come; it must be of that operation, between these ports. */
static const struct vsock_head *heard(u16 op, u32 from, u32 to)
{
	const struct vsock_head *h = guest(ROOM + seen % RING_SIZE * SIZE);

	assert_int_not_equal(seen, used_idx(RX));
	seen++;
	assert_int_equal(h->op, op);
	assert_int_equal(h->src_cid, VSOCK_CID_HOST);
	assert_int_equal(h->dst_cid, OWN);
	if (from)
		assert_int_equal(h->src_port, from);
	assert_int_equal(h->dst_port, to);
	return h;
}

static void nothing_heard(void)
{
	assert_int_equal(seen, used_idx(RX));
}

static void type(const char *text)
{
	assert_int_equal(console_send(console, text, (u32)strlen(text)), strlen(text));
	virtio_work();
}

static void far(bool open, bool done)
{
	console_set_far(console, open, done);
	virtio_work();
}

static void host_time_passes(void)
{
	host_counter += HOST_COUNTER_HZ * 2;
	virtio_timeout->fn(virtio_timeout);
	virtio_work();
}

static void connect_guest(void)
{
	console_set_sent(console, console_head(console));
	room(1);
	say(VSOCK_OP_REQUEST, GUEST, PORT, 0);
	assert_int_equal(heard(VSOCK_OP_RESPONSE, PORT, GUEST)->buf_alloc, CONSOLE_LOG_SIZE);
}

/* ---- the guest connects ---- */

static void test_guest_connects(void **unused)
{
	const struct vsock_head *h;
	u8 bytes[700];

	(void)unused;
	connect_guest();
	say(VSOCK_OP_RW, GUEST, PORT, 700);
	assert_int_equal(console_head(console), 700);
	assert_int_equal(console_read_at(console, &(u64){ 0 }, bytes, 700), 700);
	assert_memory_equal(bytes, guest(BUFFER + HEAD), 700);
	room(2);
	nothing_heard();
	type("to the guest");
	h = heard(VSOCK_OP_RW, PORT, GUEST);
	assert_int_equal(h->len, 12);
	assert_memory_equal(h + 1, "to the guest", 12);
	/* One at a time. */
	say(VSOCK_OP_REQUEST, GUEST + 1, PORT, 0);
	(void)heard(VSOCK_OP_RST, PORT, GUEST + 1);
	assert_non_null(strstr(virtio_info(), "; host port 22: hvc3, connected"));
	room(1);
	say(VSOCK_OP_SHUTDOWN, GUEST, PORT, 0);
	(void)heard(VSOCK_OP_RST, PORT, GUEST);
	assert_null(strstr(virtio_info(), "connected"));
	assert_non_null(strstr(virtio_info(), " 0 connections"));
	connect_guest();
	/* The program closes: what it wrote comes first. */
	assert_int_equal(console_send(console, "end", 3), 3);
	far(false, true);
	room(2);
	assert_int_equal(heard(VSOCK_OP_RW, PORT, GUEST)->len, 3);
	(void)heard(VSOCK_OP_RST, PORT, GUEST);
	/* No program is there. */
	room(2);
	say(VSOCK_OP_REQUEST, GUEST, PORT, 0);
	(void)heard(VSOCK_OP_RST, PORT, GUEST);
	/* One is, but not at a port that the description does not name. */
	far(true, false);
	say(VSOCK_OP_REQUEST, GUEST, PORT + 1, 0);
	(void)heard(VSOCK_OP_RST, PORT + 1, GUEST);
	assert_int_equal(get(STATUS), DRIVER_OK);
}

static void test_credit(void **unused)
{
	const struct vsock_head *h;

	(void)unused;
	connect_guest();
	for (u32 sent = 0; sent < CONSOLE_LOG_SIZE; sent += 2048)
		say(VSOCK_OP_RW, GUEST, PORT, 2048);
	assert_int_equal(console_tail(console), 0); /* nothing was lost */
	/* It is told what the port has taken, if that is worth a packet or it asks. */
	room(3);
	console_set_sent(console, 1000);
	virtio_work();
	nothing_heard();
	say(VSOCK_OP_CREDIT_REQUEST, GUEST, PORT, 0);
	h = heard(VSOCK_OP_CREDIT_UPDATE, PORT, GUEST);
	assert_int_equal(h->fwd_cnt, 1000);
	assert_int_equal(h->buf_alloc, CONSOLE_LOG_SIZE);
	console_set_sent(console, 1000 + CONSOLE_LOG_SIZE / 4);
	virtio_work();
	assert_int_equal(heard(VSOCK_OP_CREDIT_UPDATE, PORT, GUEST)->fwd_cnt,
			 1000 + CONSOLE_LOG_SIZE / 4);
	/* Bytes of the last connection take room of the next one's. */
	say(VSOCK_OP_RST, GUEST, PORT, 0);
	say(VSOCK_OP_REQUEST, GUEST + 1, PORT, 0);
	h = heard(VSOCK_OP_RESPONSE, PORT, GUEST + 1);
	assert_int_equal(h->fwd_cnt, 0);
	assert_int_equal(h->buf_alloc, 1000 + CONSOLE_LOG_SIZE / 4);
	say(VSOCK_OP_RW, GUEST + 1, PORT, 1000);
	/* More than it may: that is its end. */
	room(1);
	say(VSOCK_OP_RW, GUEST + 1, PORT, CONSOLE_LOG_SIZE / 4 + 1);
	(void)heard(VSOCK_OP_RST, PORT, GUEST + 1);
	assert_true(console_tail(console) <= console_sent(console));
}

/* What the guest may be sent. */
static void test_own_credit(void **unused)
{
	(void)unused;
	connect_guest();
	say(VSOCK_OP_CREDIT_UPDATE, GUEST, PORT, 0);
	room(RING_SIZE);
	((struct vsock_head *)guest(BUFFER))->buf_alloc = 10;
	offer(TX, 0);
	notify(TX);
	type("twelve bytes");
	assert_int_equal(heard(VSOCK_OP_RW, PORT, GUEST)->len, 10);
	nothing_heard();
	((struct vsock_head *)guest(BUFFER))->fwd_cnt = 1;
	offer(TX, 0);
	notify(TX);
	assert_int_equal(heard(VSOCK_OP_RW, PORT, GUEST)->len, 1);
	/* Less than before: nothing. */
	((struct vsock_head *)guest(BUFFER))->fwd_cnt = 0;
	offer(TX, 0);
	notify(TX);
	nothing_heard();
}

/* ---- ZVM connects ---- */

static void test_host_connects(void **unused)
{
	const struct vsock_head *h;
	u32 own;

	(void)unused;
	type("hello"); /* waits for buffers */
	room(1);
	own = heard(VSOCK_OP_REQUEST, 0, PORT)->src_port;
	type(", guest");
	room(2);
	nothing_heard();
	say(VSOCK_OP_RW, PORT, own, 5); /* not yet */
	(void)heard(VSOCK_OP_RST, own, PORT);
	type("once more");
	host_time_passes();
	own = heard(VSOCK_OP_REQUEST, 0, PORT)->src_port;
	room(2);
	say(VSOCK_OP_RESPONSE, PORT, own, 0);
	h = heard(VSOCK_OP_RW, own, PORT);
	assert_int_equal(h->len, 9);
	assert_memory_equal(h + 1, "once more", 9);
	say(VSOCK_OP_RW, PORT, own, 5);
	assert_int_equal(console_head(console), 5);
	/* The driver is reset: the connection is gone, and its bytes. */
	assert_int_equal(console_send(console, "rest", 4), 4);
	virtio_start(0, 3);
	offered = seen = 0;
	room(1);
	nothing_heard();
	type("next");
	(void)heard(VSOCK_OP_REQUEST, 0, PORT);
}

static void test_refused(void **unused)
{
	const struct vsock_head *h;
	u32 own;

	(void)unused;
	room(1);
	type("a");
	own = heard(VSOCK_OP_REQUEST, 0, PORT)->src_port;
	say(VSOCK_OP_RST, PORT, own, 0);
	room(1);
	type("b");
	nothing_heard();
	host_time_passes();
	own = heard(VSOCK_OP_REQUEST, 0, PORT)->src_port;
	/* It connects itself, and gets what was typed. */
	room(2);
	say(VSOCK_OP_REQUEST, GUEST, PORT, 0);
	(void)heard(VSOCK_OP_RESPONSE, PORT, GUEST);
	h = heard(VSOCK_OP_RW, PORT, GUEST);
	assert_int_equal(h->len, 2);
	assert_memory_equal(h + 1, "ab", 2);
	room(1);
	say(VSOCK_OP_RESPONSE, PORT, own, 0); /* too late */
	(void)heard(VSOCK_OP_RST, own, PORT);
	say(VSOCK_OP_RST, GUEST, PORT, 0);
	/* The program gives up: what it typed is gone. */
	room(1);
	type("c");
	own = heard(VSOCK_OP_REQUEST, 0, PORT)->src_port;
	say(VSOCK_OP_RST, PORT, own, 0);
	far(false, true);
	host_time_passes();
	room(1);
	nothing_heard();
	far(true, false);
	type("d");
	own = heard(VSOCK_OP_REQUEST, 0, PORT)->src_port;
	room(1);
	say(VSOCK_OP_RESPONSE, PORT, own, 0);
	h = heard(VSOCK_OP_RW, own, PORT);
	assert_int_equal(h->len, 1);
	assert_memory_equal(h + 1, "d", 1);
}

static void test_no_port(void **unused)
{
	(void)unused;
	make(-ENOENT);
	assert_string_equal(said, "vm 0 '': no console port is free for host port 22 of vsock0");
	console->port = -1;
	room(1);
	say(VSOCK_OP_REQUEST, GUEST, PORT, 0);
	(void)heard(VSOCK_OP_RST, PORT, GUEST);
	assert_non_null(strstr(virtio_info(), "; host port 22: no port"));
	assert_int_equal(virtio_vsock_class.memory(&virtio_dev), KIB(20));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_guest_connects, setup, unit_end),
		cmocka_unit_test_setup_teardown(test_credit, setup, unit_end),
		cmocka_unit_test_setup_teardown(test_own_credit, setup, unit_end),
		cmocka_unit_test_setup_teardown(test_host_connects, setup, unit_end),
		cmocka_unit_test_setup_teardown(test_refused, setup, unit_end),
		cmocka_unit_test_setup_teardown(test_no_port, setup, unit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
