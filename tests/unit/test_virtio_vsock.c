/* SPDX-License-Identifier: Apache-2.0 */
/* The socket device and its switch: packets in parts, no buffers, what is refused. */
#include "virtio_fixture.h"

#include <asm/host.h>
#include <arch/timer.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <lib/errno.h>
#include <string.h>
#include <vmm/net.h>

#include "../../vmm/virtio/virtio_vsock.h"

#define RX     VSOCK_RX
#define TX     VSOCK_TX
#define HEAD   ((u32)sizeof(struct vsock_head))
#define BUFFER (DATA_AT + 0x1000) /* what the driver sends */
#define ROOM   (DATA_AT + 0x8000) /* where it receives */
#define OWN    9
#define PEER   4

enum { REQUEST = 1, RESPONSE, RST, SHUTDOWN, RW };

/* The other end. */
static struct vsock_port peer;
static struct {
	struct vsock_head last;
	u8 bytes[8192];
	u32 packets, len, wakes, resets;
	s32 answer; /* how many bytes it takes at once; or VSOCK_LATER, VSOCK_GONE */
} at_peer;

static char said[200];

void klog(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	(void)level;
	va_start(ap, fmt);
	(void)vsnprintf(said, sizeof(said), fmt, ap);
	va_end(ap);
}

/* There are no host ports: test_vsock_host. */
int console_port_attach(struct console *c, s32 want)
{
	(void)c;
	return want;
}

void console_port_detach(struct console *c)
{
	(void)c;
}

const char *console_port_name(s32 port)
{
	(void)port;
	return NULL;
}

static s32 peer_receives(struct vsock_port *port, const struct vsock_head *h, const u8 *data,
			 u32 len)
{
	assert_ptr_equal(port, &peer);
	assert_int_equal(port->pins, 1);
	assert_false(host_irqs_open[0]);
	if (at_peer.answer < 0)
		return at_peer.answer;
	len = MIN(len, (u32)at_peer.answer);
	at_peer.last = *h;
	at_peer.packets++;
	if (len)
		memcpy(at_peer.bytes + at_peer.len, data, len);
	at_peer.len += len;
	return (s32)len;
}

static void peer_is_woken(struct vsock_port *port)
{
	assert_ptr_equal(port, &peer);
	at_peer.wakes++;
}

static void peer_is_told(struct vsock_port *port, u64 cid)
{
	assert_ptr_equal(port, &peer);
	at_peer.resets += cid == OWN;
}

static int setup(void **unused)
{
	const char *owner;
	u8 *buffer;

	(void)unused;
	memset(&at_peer, 0, sizeof(at_peer));
	at_peer.answer = 4096;
	peer = (struct vsock_port){ .cid = PEER,
				    .owner = "peer",
				    .receive = peer_receives,
				    .wake = peer_is_woken,
				    .gone = peer_is_told };
	virtio_new(&virtio_vsock_class,
		   &(struct desc_virtio){ .kind = VIRTIO_VSOCK, .name = "vsock0", .cid = OWN });
	assert_int_equal(vsock_join(&peer, &owner), 0);
	virtio_start(0, 3);
	buffer = guest(BUFFER + HEAD);
	for (u32 i = 0; i < 8192; i++)
		buffer[i] = (u8)(i * 11 + i / 256);
	return 0;
}

static int teardown(void **state)
{
	if (peer.cid)
		vsock_leave(&peer);
	return unit_end(state);
}

/* ---- the driver ---- */

static void desc(u32 queue, u32 n, u64 addr, u32 len, u16 flags, u16 next)
{
	((struct ring_desc *)guest(DESC_AT + queue * QUEUE_STRIDE))[n] =
		(struct ring_desc){ addr, len, flags, next };
}

/* Descriptor 0: a packet in one buffer. */
static struct vsock_head *packet(u16 op, u64 to, u32 len)
{
	struct vsock_head *h = guest(BUFFER);

	*h = (struct vsock_head){ .src_cid = OWN,
				  .dst_cid = to,
				  .src_port = 1111,
				  .dst_port = 2222,
				  .len = len,
				  .type = 1,
				  .op = op,
				  .buf_alloc = 1000,
				  .fwd_cnt = 5 };
	desc(TX, 0, BUFFER, HEAD + len, 0, 0);
	return h;
}

static void send(void)
{
	offer(TX, 0);
	notify(TX);
}

/* A buffer for receiving, in two parts, so long as a whole. */
static void room(u32 len)
{
	desc(RX, 0, ROOM, HEAD, NEXT | WRITE, 1);
	desc(RX, 1, ROOM + HEAD, len - HEAD, WRITE, 0);
	offer(RX, 0);
}

static s32 arrive(const struct vsock_head *h, const void *data, u32 len)
{
	return vsock_send(&peer, h, data, len);
}

static const struct vsock_head to_own = {
	.src_cid = PEER, .dst_cid = OWN, .src_port = 7, .dst_port = 8, .type = 1, .op = RW
};

/* The driver was told that its peer is gone. */
static void check_reset(u64 from)
{
	const struct vsock_head *h = guest(ROOM);
	u32 len;

	assert_int_equal(used_last(RX, &len), 0);
	assert_int_equal(len, HEAD);
	assert_int_equal(h->op, RST);
	assert_int_equal(h->src_cid, from);
	assert_int_equal(h->dst_cid, OWN);
	assert_int_equal(h->src_port, 2222);
	assert_int_equal(h->dst_port, 1111);
	assert_int_equal(h->len, 0);
}

/* ---- sending ---- */

static void test_send(void **unused)
{
	u32 len;

	(void)unused;
	assert_int_equal(virtio_load(CONFIG, 8), OWN);
	packet(REQUEST, PEER, 0);
	send();
	assert_int_equal(at_peer.packets, 1);
	assert_int_equal(at_peer.last.op, REQUEST);
	assert_int_equal(at_peer.last.src_port, 1111);
	assert_int_equal(at_peer.last.buf_alloc, 1000);
	assert_int_equal(used_idx(TX), 1);
	/* In parts as the receiver takes them; header and data are cut anywhere. */
	at_peer.answer = 1000;
	packet(RW, PEER, 5000);
	desc(TX, 0, BUFFER, 10, NEXT, 1);
	desc(TX, 1, BUFFER + 10, HEAD, NEXT, 2);
	desc(TX, 2, BUFFER + 10 + HEAD, 4990, 0, 0);
	send();
	assert_int_equal(used_idx(TX), 2);
	assert_int_equal(used_last(TX, &len), 0);
	assert_int_equal(at_peer.len, 5000);
	assert_memory_equal(at_peer.bytes, guest(BUFFER + HEAD), 5000);
	assert_int_equal(at_peer.last.len, 0); /* the receiver fills it in */
	assert_string_equal(virtio_info(),
			    "cid 9, 2 packets sent, 0 received, 0 dropped, 1 connections");
}

static u32 moves;

/* Another vCPU gives memory back before the part is sent. */
static void move_data(void)
{
	struct virtio *t = virtio_dev.state;

	assert_false(t->model->let_go(t));
	moves++;
	if (moves == 2) /* the header was read, and the part was found */
		virtio_between = NULL;
}

static void test_let_go(void **unused)
{
	(void)unused;
	moves = 0;
	virtio_between = move_data;
	packet(RW, PEER, 100);
	send();
	assert_int_equal(moves, 2);
	assert_int_equal(at_peer.packets, 1);
	assert_int_equal(at_peer.len, 100);
	assert_memory_equal(at_peer.bytes, guest(BUFFER + HEAD), 100);
	assert_int_equal(used_idx(TX), 1);
}

static void test_refused(void **unused)
{
	(void)unused;
	/* Another one's ID; a header that ends too early. */
	packet(RW, PEER, 10)->src_cid = PEER;
	send();
	packet(RW, PEER, 10);
	desc(TX, 0, BUFFER, HEAD - 1, 0, 0);
	send();
	/* One that is cut off by a buffer to write into, with more behind it. */
	desc(TX, 0, BUFFER, HEAD - 1, NEXT, 1);
	desc(TX, 1, BUFFER + HEAD, 10, NEXT | WRITE, 2);
	desc(TX, 2, BUFFER + 2 * HEAD, 10, 0, 0);
	send();
	assert_int_equal(used_idx(TX), 3);
	assert_int_equal(used_idx(RX), 0);
	/* No such ID; types and operations that there are not; less bytes than it says. */
	room(100);
	packet(RW, 77, 10);
	send();
	check_reset(77);
	room(100);
	packet(REQUEST, PEER, 0)->type = 2;
	send();
	assert_int_equal(((struct vsock_head *)guest(ROOM))->type, 2);
	check_reset(PEER);
	room(100);
	packet(8, PEER, 0);
	send();
	check_reset(PEER);
	assert_int_equal(at_peer.packets, 0);
	room(100);
	packet(RW, PEER, 10)->len = 20;
	send();
	check_reset(PEER);
	assert_int_equal(at_peer.len, 10);
	assert_int_equal(used_idx(RX), 4);
	/* A reset is not answered. Without a buffer, neither is anything else. */
	packet(RST, 77, 0);
	room(100);
	send();
	assert_int_equal(used_idx(RX), 4);
	room(100);
	at_peer.answer = VSOCK_GONE;
	packet(RW, PEER, 10);
	send();
	packet(RW, PEER, 10);
	send();
	packet(RW, PEER, 10);
	send();
	assert_int_equal(used_idx(RX), 6);
	assert_int_equal(used_idx(TX), 11);
	assert_int_equal(get(STATUS), DRIVER_OK);
}

/* The receiver has no buffer: the packet waits, without a vCPU that turns round. */
static void test_waiting(void **unused)
{
	(void)unused;
	at_peer.answer = VSOCK_LATER;
	packet(RW, PEER, 100);
	send();
	assert_int_equal(used_idx(TX), 0);
	assert_int_equal(virtio_vcpu.thread.work, 0);
	assert_true(virtio_timer_armed);
	assert_non_null(strstr(virtio_info(), ", waits for a receiver"));
	vsock_wake_waiting(&peer);
	assert_int_equal(virtio_kicks, 1);
	virtio_work();
	assert_int_equal(used_idx(TX), 0);
	at_peer.answer = 60;
	vsock_wake_waiting(&peer);
	virtio_work();
	assert_int_equal(used_idx(TX), 1);
	assert_int_equal(at_peer.len, 100);
	vsock_wake_waiting(&peer); /* nothing waits any more */
	assert_int_equal(virtio_kicks, 2);
	/* Too long: it is given up, and the driver is told. */
	room(100);
	at_peer.answer = VSOCK_LATER;
	packet(RW, PEER, 100);
	send();
	virtio_timeout->fn(virtio_timeout);
	virtio_work();
	assert_int_equal(used_idx(TX), 1);
	assert_true(virtio_timer_armed);
	at_peer.answer = VSOCK_GONE;
	virtio_timeout->fn(virtio_timeout);
	virtio_work();
	assert_int_equal(used_idx(TX), 2);
	check_reset(PEER);
	at_peer.answer = VSOCK_LATER;
	/* The receiver goes while a packet waits for it. */
	room(100);
	packet(RW, PEER, 100);
	send();
	assert_int_equal(used_idx(TX), 2);
	vsock_leave(&peer);
	virtio_work();
	assert_int_equal(used_idx(TX), 3);
	check_reset(PEER);
}

static void reset_device(void)
{
	virtio_between = NULL;
	put(STATUS, 0);
}

/* The driver resets the device while a packet is on its way, or waits. */
static void test_reset(void **unused)
{
	(void)unused;
	packet(RW, PEER, 4000);
	offer(TX, 0);
	virtio_between = reset_device;
	notify(TX);
	virtio_start(0, 3);
	packet(REQUEST, PEER, 0);
	send();
	assert_int_equal(used_idx(TX), 1);
	assert_int_equal(at_peer.last.op, REQUEST);
	at_peer.answer = VSOCK_LATER;
	packet(RW, PEER, 100);
	send();
	virtio_vsock_class.reset(&virtio_dev);
	assert_false(virtio_timer_armed);
	vsock_wake_waiting(&peer); /* no vCPU is kicked any more */
	assert_int_equal(virtio_kicks, 0);
	at_peer.answer = 100;
	virtio_start(0, 3);
	packet(RW, PEER, 50);
	send();
	assert_int_equal(used_idx(TX), 1);
}

/* ---- receiving ---- */

static void test_receive(void **unused)
{
	struct vsock_head want = to_own;
	u32 len;

	(void)unused;
	room(HEAD + 100);
	assert_int_equal(arrive(&to_own, "twelve bytes", 12), 12);
	assert_int_equal(used_last(RX, &len), 0);
	assert_int_equal(len, HEAD + 12);
	want.len = 12;
	assert_memory_equal(guest(ROOM), &want, HEAD);
	assert_memory_equal(guest(ROOM + HEAD), "twelve bytes", 12);
	assert_true(virtio_line);
	/* As much as fits; the header in pieces of any size. */
	room(HEAD + 5);
	assert_int_equal(arrive(&to_own, "twelve bytes", 12), 5);
	want.len = 5;
	assert_memory_equal(guest(ROOM), &want, HEAD);
	desc(RX, 0, ROOM, 26, NEXT | WRITE, 1);
	desc(RX, 1, ROOM + 26, 1, NEXT | WRITE, 2);
	desc(RX, 2, ROOM + 27, 500, WRITE, 0);
	offer(RX, 0);
	assert_int_equal(arrive(&to_own, guest(BUFFER), 300), 300);
	want.len = 300;
	assert_memory_equal(guest(ROOM), &want, HEAD);
	assert_memory_equal(guest(ROOM + HEAD), guest(BUFFER), 300);
	/* One without bytes needs no room for any. */
	desc(RX, 0, ROOM, HEAD, WRITE, 0);
	offer(RX, 0);
	assert_int_equal(arrive(&to_own, NULL, 0), 0);
	assert_string_equal(virtio_info(),
			    "cid 9, 0 packets sent, 4 received, 0 dropped, 0 connections");
}

static void test_no_buffer(void **unused)
{
	(void)unused;
	assert_int_equal(arrive(&to_own, "data", 4), VSOCK_LATER);
	notify(RX); /* no buffer came */
	assert_int_equal(at_peer.wakes, 0);
	room(100);
	notify(RX);
	assert_int_equal(at_peer.wakes, 1);
	assert_int_equal(arrive(&to_own, "data", 4), 4);
	room(100);
	notify(RX);
	assert_int_equal(at_peer.wakes, 1); /* nothing waited */
	assert_int_equal(arrive(&to_own, "data", 4), 4);
	assert_int_equal(arrive(&to_own, "data", 4), VSOCK_LATER);
	put(STATUS, 0);
	assert_int_equal(arrive(&to_own, "data", 4), VSOCK_GONE);
}

/* The peer sends a packet for which a buffer comes after so long. True: it waits until then. */
static bool waits(u32 ms)
{
	bool waited = arrive(&to_own, "data", 4) == VSOCK_LATER;

	host_counter += (u64)ms * HOST_COUNTER_HZ / 1000;
	waited = waited && arrive(&to_own, "data", 4) == VSOCK_LATER;
	room(100);
	notify(RX);
	assert_int_equal(arrive(&to_own, "data", 4), 4);
	return waited;
}

/* A driver that brings a buffer now and then does not keep the peer waiting each time. */
static void test_patience(void **unused)
{
	u32 waited = 0;

	(void)unused;
	for (u32 i = 0; i < 20; i++)
		waited += waits(900);
	assert_in_range(waited, 1, 3);
	/* Packets that it takes make up for that: it may be slow. */
	for (u32 i = 0; i < 250; i++)
		(void)waits(0);
	for (u32 i = 0; i < 500; i++)
		assert_true(waits(3));
	/* It takes nothing: a second later nothing waits for it. */
	assert_int_equal(arrive(&to_own, "data", 4), VSOCK_LATER);
	host_counter += HOST_COUNTER_HZ;
	assert_int_equal(arrive(&to_own, "data", 4), VSOCK_GONE);
	/* Nor does a reset bring more of it. */
	virtio_start(0, 3);
	assert_int_equal(arrive(&to_own, "data", 4), VSOCK_GONE);
}

/* The end of a connection never waits: a VM without buffers could provoke one after another. */
static void test_resets_do_not_wait(void **unused)
{
	struct vsock_head h = to_own;

	(void)unused;
	h.op = RST;
	assert_int_equal(arrive(&h, NULL, 0), VSOCK_GONE); /* of no connection */
	h.op = REQUEST;
	room(100);
	assert_int_equal(arrive(&h, NULL, 0), 0);
	assert_non_null(strstr(virtio_info(), "1 connections"));
	h.op = RST;
	assert_int_equal(arrive(&h, NULL, 0), 0);
	assert_int_equal(arrive(&h, "data", 4), 4); /* its sender does not try again */
	assert_int_equal(used_idx(RX), 1);
	room(100);
	notify(RX);
	assert_int_equal(used_idx(RX), 2);
	assert_int_equal(((struct vsock_head *)guest(ROOM))->op, RST);
	assert_int_equal(((struct vsock_head *)guest(ROOM))->src_port, 7);
	assert_int_equal(((struct vsock_head *)guest(ROOM))->dst_port, 8);
	room(100);
	notify(RX);
	assert_int_equal(used_idx(RX), 2);
	assert_non_null(strstr(virtio_info(), "0 connections"));
}

/* The peer floods; another sender found no buffer, and has the next one. */
static void test_turns(void **unused)
{
	struct vsock_port other = peer;
	struct vsock_head h = to_own;
	const char *owner;

	(void)unused;
	other.cid = h.src_cid = 5;
	assert_int_equal(vsock_join(&other, &owner), 0);
	room(100);
	notify(RX);
	host_counter++;
	assert_int_equal(arrive(&to_own, "data", 4), 4);
	host_counter++;
	assert_int_equal(arrive(&to_own, "data", 4), VSOCK_LATER);
	assert_int_equal(vsock_send(&other, &h, (const u8 *)"data", 4), VSOCK_LATER);
	room(100);
	peer.waits = other.waits = 0; /* their wake() is not tried here */
	notify(RX);
	assert_int_equal(arrive(&to_own, "data", 4), VSOCK_LATER);
	assert_int_equal(vsock_send(&other, &h, (const u8 *)"data", 4), 4);
	/* It does not come: the peer has waited long enough. */
	assert_int_equal(vsock_send(&other, &h, (const u8 *)"data", 4), VSOCK_LATER);
	other.served = peer.served - 1;
	other.turn = 0;
	assert_int_equal(vsock_send(&other, &h, (const u8 *)"data", 4), VSOCK_LATER);
	room(100);
	peer.waits = other.waits = 0;
	notify(RX);
	assert_int_equal(arrive(&to_own, "data", 4), VSOCK_LATER);
	host_counter += HOST_COUNTER_HZ / 10;
	assert_int_equal(arrive(&to_own, "data", 4), 4);
	vsock_leave(&other);
}

/* Memory that is not there yet comes on the receiver's own vCPU; the packet follows. */
static void test_missing_memory(void **unused)
{
	(void)unused;
	for (u32 nth = 1; nth < 9; nth++) {
		const u16 used = used_idx(RX);
		s32 r;

		room(100);
		virtio_absent = nth;
		r = arrive(&to_own, "data", 4);
		virtio_absent = 0;
		virtio_work();
		if (r == VSOCK_LATER)
			r = arrive(&to_own, "data", 4);
		virtio_work();
		assert_int_equal(r, 4);
		assert_int_equal((u16)(used_idx(RX) - used), 1);
		assert_memory_equal(guest(ROOM + HEAD), "data", 4);
	}
	assert_true(virtio_brought > 3);
	for (u32 nth = 1; nth < 9; nth++) {
		const u16 used = used_idx(TX);

		packet(RW, PEER, 3000);
		at_peer.len = 0;
		virtio_absent = nth;
		send();
		virtio_absent = 0;
		assert_int_equal((u16)(used_idx(TX) - used), 1);
		assert_int_equal(at_peer.len, 3000);
	}
}

/* Buffers that cannot hold a header, or no byte behind it, are the driver's mistake. */
static void test_malformed(void **unused)
{
	(void)unused;
	desc(RX, 0, ROOM, HEAD - 1, WRITE, 0);
	offer(RX, 0);
	assert_int_equal(arrive(&to_own, "data", 4), VSOCK_GONE);
	assert_int_equal(get(STATUS), DRIVER_OK | NEEDS_RESET);
	virtio_start(0, 3);
	desc(RX, 0, ROOM, HEAD, WRITE, 0);
	offer(RX, 0);
	assert_int_equal(arrive(&to_own, "data", 4), VSOCK_GONE);
	assert_int_equal(get(STATUS), DRIVER_OK | NEEDS_RESET);
	virtio_start(0, 3);
	for (u16 i = 0; i < 8; i++) /* more pieces than one section meets */
		desc(RX, i, ROOM + i, 1, WRITE | (i < 7 ? NEXT : 0), (u16)(i + 1));
	offer(RX, 0);
	assert_int_equal(arrive(&to_own, "data", 4), VSOCK_GONE);
	virtio_start(0, 3);
	packet(RW, PEER, 10);
	desc(TX, 0, 0x1000, 100, 0, 0);
	send();
	assert_int_equal(get(STATUS), DRIVER_OK | NEEDS_RESET);
	assert_int_equal(at_peer.packets, 0);
}

/* What passes says which connections there are; their ends are told when one device is reset. */
static void test_connections(void **unused)
{
	struct vsock_head *h = guest(ROOM), in = to_own;
	const struct virtio_vsock *v = virtio_dev.state;

	(void)unused;
	packet(REQUEST, PEER, 0);
	send();
	packet(REQUEST, PEER, 0)->src_port = 2;
	send();
	packet(RW, PEER, 5)->src_port = 3;
	send();
	in.op = REQUEST;
	room(100);
	assert_int_equal(arrive(&in, NULL, 0), 0);
	packet(RESPONSE, PEER, 0);
	((struct vsock_head *)guest(BUFFER))->src_port = in.dst_port;
	((struct vsock_head *)guest(BUFFER))->dst_port = in.src_port;
	send();
	assert_int_equal(v->conn_count, 3);
	packet(RST, PEER, 0)->src_port = 2;
	send();
	assert_int_equal(v->conn_count, 2);
	/* Another device is reset: nothing. The peer's: both, as soon as there are buffers. */
	peer.cid += 100;
	vsock_announce(&peer);
	virtio_work();
	peer.cid -= 100;
	/* The device's own: the peer is told. */
	assert_int_equal(at_peer.resets, 0);
	virtio_vsock_gone(&((struct virtio_vsock *)virtio_dev.state)->port, PEER);
	virtio_vsock_gone(&((struct virtio_vsock *)virtio_dev.state)->port, PEER);
	assert_int_equal(v->dead, 2);
	virtio_work();
	assert_int_equal(used_idx(RX), 1);
	room(100);
	notify(RX);
	assert_int_equal(used_idx(RX), 2);
	assert_int_equal(h->op, RST);
	assert_int_equal(h->src_cid, PEER);
	assert_int_equal(h->dst_cid, OWN);
	assert_int_equal(h->src_port, 2222);
	assert_int_equal(h->dst_port, 1111);
	room(100);
	notify(RX);
	assert_int_equal(h->src_port, in.src_port);
	assert_int_equal(h->dst_port, in.dst_port);
	assert_int_equal(v->conn_count, 0);
	room(100);
	notify(RX);
	assert_int_equal(used_idx(RX), 3);
	/* A driver that goes and comes, and a VM that is reset. */
	packet(REQUEST, PEER, 0);
	send();
	put(STATUS, 0);
	assert_int_equal(at_peer.resets, 0);
	virtio_start(0, 3);
	assert_int_equal(at_peer.resets, 1);
	virtio_start(0, 3); /* there was none */
	assert_int_equal(at_peer.resets, 1);
	virtio_vsock_class.reset(&virtio_dev);
	assert_int_equal(at_peer.resets, 2);
	/* More than are noted. */
	virtio_start(0, 3);
	for (u32 i = 0; i < VSOCK_CONNS + 1; i++) {
		packet(REQUEST, PEER, 0)->src_port = i;
		send();
	}
	assert_int_equal(v->conn_count, VSOCK_CONNS);
	assert_non_null(strstr(virtio_info(), "128 connections (there were more)"));
}

static void test_joining(void **unused)
{
	struct vsock_port other = { .cid = OWN, .owner = "other" };
	struct vdev d = virtio_dev;
	const char *owner = NULL;

	(void)unused;
	assert_int_equal(vsock_join(&other, &owner), -EEXIST);
	assert_string_equal(owner, virtio_vm.name);
	assert_int_equal(other.cid, 0);
	/* By itself a device has the ID of its VM's number. */
	virtio_vm.id = 61;
	virtio_vm.desc.virtio[0].cid = 0;
	virtio_vm.desc.virtio[0].slot = FIRST_SLOT + 1;
	d.state = test_calloc(1, virtio_vsock_class.size);
	assert_int_equal(virtio_vsock_class.create(&d), 0);
	other.cid = 64;
	assert_int_equal(vsock_join(&other, &owner), -EEXIST);
	virtio_vsock_class.destroy(&d);
	other.cid = 64;
	assert_int_equal(vsock_join(&other, &owner), 0);
	vsock_leave(&other);
	test_free(d.state);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_send),           TEST(test_refused),   TEST(test_waiting),
		TEST(test_reset),          TEST(test_receive),   TEST(test_no_buffer),
		TEST(test_patience),       TEST(test_turns),     TEST(test_resets_do_not_wait),
		TEST(test_missing_memory), TEST(test_malformed), TEST(test_joining),
		TEST(test_connections),    TEST(test_let_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
