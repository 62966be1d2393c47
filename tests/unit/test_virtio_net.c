/* SPDX-License-Identifier: Apache-2.0 */
/* The network device: frames in buffers of any layout, its queue, and what is malformed. */
#include "virtio_fixture.h"

#include <asm/host.h>
#include <arch/timer.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <lib/errno.h>
#include <stdlib.h>
#include <string.h>
#include <vmm/net.h>

#include "../../vmm/virtio/virtio_net.h"

#define RX     0
#define TX     1
#define BUFFER (DATA_AT + 0x1000)
#define HEADER 12

#define F_CSUM       BIT(0)
#define F_GUEST_CSUM BIT(1)
#define F_MRG_RXBUF  BIT(15)
#define EVENT_IDX    BIT(29)

static struct net_port *port; /* of the device */
static u32 sent;
static struct net_frame last;
static u8 frame[NET_FRAME_MAX + 10], bytes[NET_FRAME_MAX];
static int join_result;

/* ---- in place of the house ---- */

int net_join(struct net_port *p, const char *network, u64 mac, u32 room)
{
	assert_string_equal(network, "lan");
	assert_int_equal(mac, 0x020000000009);
	assert_in_range(room, 16, 1024);
	port = p;
	port->net = (struct net *)8;
	return join_result;
}

void net_leave(struct net_port *p)
{
	assert_ptr_equal(p, port);
	p->net = NULL;
}

void net_send(struct net_port *p, struct net_frame *f)
{
	assert_ptr_equal(p, port);
	sent++;
	last = *f;
	net_frame_copy(f, bytes);
	if (virtio_between)
		virtio_between();
}

void klog(enum log_level level, const char *fmt, ...)
{
	(void)level, (void)fmt;
}

/* ---- helpers ---- */

static void desc(u32 queue, u32 n, u64 addr, u32 len, u16 flags, u16 next)
{
	((struct ring_desc *)guest(DESC_AT + queue * QUEUE_STRIDE))[n] =
		(struct ring_desc){ addr, len, flags, next };
}

static int setup(void **unused)
{
	(void)unused;
	sent = 0;
	virtio_new(&virtio_net_class, &(struct desc_virtio){ .kind = VIRTIO_NET,
							     .name = "net0",
							     .network = "lan",
							     .mac = 0x020000000009 });
	virtio_start(0, 2);
	for (u32 i = 0; i < sizeof(frame); i++)
		frame[i] = (u8)(i * 7);
	return 0;
}

/* A frame of len bytes from port `from`; its first byte behind the header is `tag`. */
static void arrive(u32 len, u32 from, u8 tag)
{
	struct net_frame f = { .count = 0 };
	unsigned long irq = arch_irq_save();

	frame[NET_HEAD] = tag;
	assert_true(net_frame_add(&f, frame, 20));
	assert_true(net_frame_add(&f, frame + 20, len - 20));
	port->receive(port, &f, from);
	arch_irq_restore(irq);
	virtio_work();
}

/* ---- sending ---- */

static void test_send(void **unused)
{
	u8 *buffer = guest(BUFFER);

	(void)unused;
	assert_int_equal(virtio_load(CONFIG, 1), 2);
	assert_int_equal(virtio_load(CONFIG + 5, 1), 9);
	assert_int_equal(virtio_load(CONFIG + 6, 2), 1);
	memset(buffer, 0, HEADER);
	memcpy(buffer + HEADER, frame, 1514);
	/* one buffer; header apart; cut anywhere */
	desc(TX, 0, BUFFER, HEADER + 1514, 0, 0);
	offer(TX, 0);
	notify(TX);
	assert_int_equal(sent, 1);
	assert_int_equal(last.len, 1514);
	assert_memory_equal(bytes, frame, 1514);
	desc(TX, 0, BUFFER, HEADER, NEXT, 1);
	desc(TX, 1, BUFFER + HEADER, 60, 0, 0);
	offer(TX, 0);
	notify(TX);
	assert_int_equal(sent, 2);
	assert_int_equal(last.len, 60);
	for (u32 i = 0; i < 7; i++)
		desc(TX, i, BUFFER + i, 1, NEXT, (u16)(i + 1));
	desc(TX, 7, BUFFER + 7, HEADER - 7 + 100, 0, 0);
	offer(TX, 0);
	notify(TX);
	assert_int_equal(sent, 3);
	assert_int_equal(last.len, 100);
	assert_memory_equal(bytes, frame, 100);
	assert_int_equal(used_idx(TX), 3);
	assert_true(virtio_line);
	assert_string_equal(virtio_info(),
			    "network lan, in 0 frames, 0 dropped, out 3 frames, 0 dropped");
}

/* More pieces than a frame has: they are moved together. */
static void test_many_pieces(void **unused)
{
	struct ring_desc *table = guest(BUFFER + 0x2000);
	u8 *buffer = guest(BUFFER);

	(void)unused;
	virtio_start(BIT(28), 2); /* indirect */
	memset(buffer, 0, HEADER);
	memcpy(buffer + HEADER, frame, 200);
	for (u32 i = 0; i < HEADER + 200; i++)
		table[i] = (struct ring_desc){ BUFFER + i, 1, NEXT, (u16)(i + 1) };
	table[HEADER + 199].flags = 0;
	desc(TX, 0, BUFFER + 0x2000, (HEADER + 200) * 16, INDIRECT, 0);
	offer(TX, 0);
	notify(TX);
	assert_int_equal(sent, 1);
	assert_int_equal(last.len, 200);
	assert_memory_equal(bytes, frame, 200);
}

static bool let_go(void)
{
	struct virtio *t = virtio_dev.state;

	return t->model->let_go(t);
}

static u32 refused;

static void refuse_to_let_go(void)
{
	const struct virtio_net *n = virtio_dev.state;

	refused += n->sending && let_go();
}

/* Another vCPU gives memory back while the frame is being gathered. */
static void move_frame(void)
{
	virtio_between = refuse_to_let_go;
	assert_int_equal(sent, 0);
	assert_false(let_go());
	memset(guest(BUFFER), 0xee, 2000);
	for (u32 i = 0; i < 6; i++)
		desc(TX, i, BUFFER + 0x1000 + 30 * i, 30, i < 5 ? NEXT : 0, (u16)(i + 1));
}

/* Addresses that were found are not used any more; a frame that is being sent is waited for. */
static void test_let_go(void **unused)
{
	(void)unused;
	for (u32 at = 0; at < 0x2000; at += 0x1000) {
		memset(guest(BUFFER + at), 0, HEADER);
		memcpy((u8 *)guest(BUFFER + at) + HEADER, frame, 180 - HEADER);
	}
	for (u32 i = 0; i < 6; i++)
		desc(TX, i, BUFFER + 30 * i, 30, i < 5 ? NEXT : 0, (u16)(i + 1));
	virtio_between = move_frame;
	offer(TX, 0);
	notify(TX);
	virtio_between = NULL;
	assert_int_equal(sent, 1);
	assert_int_equal(used_idx(TX), 1);
	assert_int_equal(last.len, 180 - HEADER);
	assert_memory_equal(bytes, frame, 180 - HEADER);
	assert_int_equal(refused, 1);
	assert_false(let_go());
	assert_int_equal(sent, 1);
}

static void malformed(u32 len, u8 flags, u8 gso, u16 start, u16 offset)
{
	u8 *buffer = guest(BUFFER);
	const u64 dropped = port->out.dropped;
	const u16 used = used_idx(TX);

	memset(buffer, 0, HEADER);
	buffer[0] = flags;
	buffer[1] = gso;
	memcpy(buffer + 6, &start, 2);
	memcpy(buffer + 8, &offset, 2);
	desc(TX, 0, BUFFER, len, 0, 0);
	offer(TX, 0);
	notify(TX);
	assert_int_equal(sent, 0);
	assert_int_equal(port->out.dropped, dropped + 1);
	assert_int_equal(used_idx(TX), (u16)(used + 1));
}

static void test_malformed(void **unused)
{
	(void)unused;
	malformed(HEADER + 1519, 0, 0, 0, 0);
	malformed(100000, 0, 0, 0, 0);
	malformed(HEADER + 13, 0, 0, 0, 0);
	malformed(3, 0, 0, 0, 0);
	malformed(HEADER + 100, 0, 1, 0, 0);  /* segmentation was not agreed on */
	malformed(HEADER + 100, 1, 0, 34, 6); /* nor checksums */
	virtio_start(F_CSUM, 2);
	malformed(HEADER + 100, 1, 0, 13, 0);
	malformed(HEADER + 100, 1, 0, 34, 65);
	malformed(HEADER + 100, 1, 0, 65535, 65535);
	assert_int_equal(get(STATUS), DRIVER_OK);
	/* A chain that the device should write has nothing to send. */
	desc(TX, 0, BUFFER, 100, WRITE, 0);
	offer(TX, 0);
	notify(TX);
	assert_int_equal(sent, 0);
}

static void test_checksum(void **unused)
{
	u8 *buffer = guest(BUFFER);

	(void)unused;
	virtio_start(F_CSUM, 2);
	memset(buffer, 0, HEADER);
	buffer[0] = 1;
	buffer[6] = 34;
	buffer[8] = 6;
	desc(TX, 0, BUFFER, HEADER + 100, 0, 0);
	offer(TX, 0);
	notify(TX);
	assert_int_equal(sent, 1);
	assert_true(last.has_sum);
	assert_int_equal(last.sum_start, 34);
	assert_int_equal(last.sum_offset, 6);
}

static void reset_it(void)
{
	virtio_between = NULL;
	virtio_start(0, 2);
}

/* A reset while a frame is on its way: the new driver's rings begin empty, and work. */
static void test_reset_while_sending(void **unused)
{
	(void)unused;
	desc(TX, 0, BUFFER, HEADER + 100, 0, 0);
	offer(TX, 0);
	put(QUEUE_NOTIFY, TX);
	virtio_between = reset_it;
	virtio_work();
	assert_int_equal(used_idx(TX), 0);
	desc(TX, 0, BUFFER, HEADER + 100, 0, 0);
	sent = 0;
	offer(TX, 0);
	notify(TX);
	assert_int_equal(sent, 1);
	assert_int_equal(used_idx(TX), 1);
}

static u32 sleeps;

static void sender_ends(void)
{
	if (++sleeps == 3)
		((struct virtio_net *)virtio_dev.state)->sending = false;
}

/* The frame is being read by this vCPU. */
static void another_resets(void)
{
	virtio_between = NULL;
	put(STATUS, 0);
	virtio_work_once();
	assert_int_equal(sleeps, 3);
}

static void send_and_reset(void)
{
	virtio_between = another_resets;
}

/* A vCPU that resets the device waits until none reads the guest's memory any more. */
static void test_reset_waits(void **unused)
{
	(void)unused;
	sleeps = 0;
	virtio_asleep = sender_ends;
	desc(TX, 0, BUFFER, HEADER + 100, 0, 0);
	offer(TX, 0);
	put(QUEUE_NOTIFY, TX);
	virtio_between = send_and_reset;
	virtio_work();
	assert_int_equal(sent, 1);
	assert_int_equal(sleeps, 3);
	virtio_start(0, 2);
	desc(TX, 0, BUFFER, HEADER + 100, 0, 0);
	offer(TX, 0);
	notify(TX);
	assert_int_equal(sent, 2);
}

/* ---- receiving ---- */

static void is_received(u32 len, u8 tag, u16 buffers)
{
	const u8 *buffer = guest(BUFFER);
	u16 num;

	memcpy(&num, buffer + 10, 2);
	assert_int_equal(num, buffers);
	frame[NET_HEAD] = tag;
	assert_memory_equal(buffer + HEADER, frame, len);
}

static void test_receive(void **unused)
{
	u32 len;

	(void)unused;
	desc(RX, 0, BUFFER, 1600, WRITE, 0);
	offer(RX, 0);
	arrive(1514, 1, 5);
	is_received(1514, 5, 1);
	assert_int_equal(used_idx(RX), 1);
	assert_int_equal(used_last(RX, &len), 0);
	assert_int_equal(len, HEADER + 1514);
	assert_true(virtio_line);
	/* the header apart, and cut */
	desc(RX, 0, BUFFER, 11, WRITE | NEXT, 1);
	desc(RX, 1, BUFFER + 11, 1, WRITE | NEXT, 2);
	desc(RX, 2, BUFFER + 12, 1518, WRITE, 0);
	offer(RX, 0);
	arrive(60, 1, 6);
	is_received(60, 6, 1);
}

static void test_too_small(void **unused)
{
	(void)unused;
	desc(RX, 0, BUFFER, 100, WRITE, 0);
	offer(RX, 0);
	arrive(89, 1, 1);
	assert_int_equal(used_idx(RX), 0);
	assert_int_equal(port->in.dropped, 1);
	arrive(88, 1, 2); /* the buffer is still there */
	is_received(88, 2, 1);
	assert_int_equal(used_idx(RX), 1);
}

static void test_merged(void **unused)
{
	const u64 rings = AVAIL_AT;
	u16 event;
	u32 len;

	(void)unused;
	virtio_start(F_MRG_RXBUF | EVENT_IDX, 2);
	for (u16 i = 0; i < 3; i++)
		desc(RX, i, BUFFER + 200 * i, 200, WRITE, 0);
	offer(RX, 0);
	offer(RX, 1);
	arrive(500, 1, 7); /* needs three */
	assert_int_equal(used_idx(RX), 0);
	assert_int_equal(port->in.dropped, 1);
	assert_false(virtio_line);
	/* the driver is asked to tell of the third */
	memcpy(&event, guest(USED_AT + 4 + 8 * RING_SIZE), 2);
	assert_int_equal(event, 2);
	/* it wants an interrupt for the second of them */
	((u16 *)guest(rings))[2 + RING_SIZE] = 1;
	offer(RX, 2);
	notify(RX);
	arrive(500, 1, 7);
	assert_int_equal(used_idx(RX), 3);
	assert_true(virtio_line);
	is_received(500, 7, 3);
	assert_int_equal(used_last(RX, &len), 2);
	assert_int_equal(len, 512 - 400);
}

/* A frame for which the driver may never have buffers enough keeps no other one out. */
static void test_too_few_buffers(void **unused)
{
	(void)unused;
	virtio_start(F_MRG_RXBUF, 2);
	arrive(500, 1, 7);
	for (u16 i = 0; i < 2; i++) {
		desc(RX, i, BUFFER + 200 * i, 200, WRITE, 0);
		offer(RX, i);
	}
	notify(RX);
	assert_int_equal(used_idx(RX), 0);
	arrive(60, 2, 8);
	is_received(60, 8, 1);
	assert_int_equal(port->in.dropped, 1);
	/* If it has them in time, nothing is lost. */
	arrive(500, 1, 9);
	assert_int_equal(port->in.dropped, 2);
	offer(RX, 0);
	notify(RX);
	arrive(60, 2, 10);
	arrive(60, 2, 11);
	arrive(500, 1, 12);
	offer(RX, 0);
	notify(RX);
	offer(RX, 1);
	desc(RX, 2, BUFFER + 400, 200, WRITE, 0);
	offer(RX, 2);
	notify(RX);
	assert_int_equal(port->in.frames, 4);
	assert_int_equal(port->in.dropped, 2);
}

static void test_checksum_in(void **unused)
{
	struct net_frame f = { .has_sum = true, .sum_start = 34, .sum_offset = 16 };
	unsigned long irq;

	(void)unused;
	assert_true(net_frame_add(&f, frame, 100));
	desc(RX, 0, BUFFER, 1600, WRITE, 0);
	offer(RX, 0);
	assert_false(port->sums(port));
	irq = arch_irq_save();
	port->receive(port, &f, 0); /* the driver changed its mind meanwhile */
	arch_irq_restore(irq);
	assert_int_equal(port->in.dropped, 1);
	virtio_start(F_GUEST_CSUM, 2);
	desc(RX, 0, BUFFER, 1600, WRITE, 0);
	offer(RX, 0);
	assert_true(port->sums(port));
	irq = arch_irq_save();
	port->receive(port, &f, 0);
	arch_irq_restore(irq);
	assert_memory_equal(guest(BUFFER), "\1\0\0\0\0\0\x22\0\x10\0\1\0", 12);
}

/* Post a buffer: the tag of the frame that comes. -1: none. */
static int next_tag(void)
{
	const u16 used = used_idx(RX);

	desc(RX, 0, BUFFER, 1600, WRITE, 0);
	offer(RX, 0);
	notify(RX);
	return used_idx(RX) == used ? -1 : ((u8 *)guest(BUFFER))[HEADER + NET_HEAD];
}

/* A sender that floods keeps no other's frames out, and they take turns. */
static void test_fair(void **unused)
{
	u32 of_flood = 0, of_other = 0;

	(void)unused;
	for (u32 i = 0; i < 100; i++)
		arrive(60, 7, 0x80);
	for (u8 i = 0; i < 10; i++)
		arrive(60, 3, i);
	for (u32 i = 0; i < 100; i++)
		arrive(60, 7, 0x80);
	assert_int_equal(port->in.dropped, 200 + 10 - 32);
	for (u32 i = 0; i < 20; i++) {
		const int tag = next_tag();

		if (tag == 0x80)
			of_flood++;
		else
			assert_int_equal(tag, of_other++); /* in their order */
		assert_true(of_other + 1 >= of_flood);
		assert_true(of_flood + 1 >= of_other);
	}
	for (u32 i = 0; i < 12; i++)
		assert_int_equal(next_tag(), 0x80);
	assert_int_equal(next_tag(), -1);
	assert_int_equal(port->in.frames, 32);
	arrive(60, 9, 1); /* into the buffer that waits */
	assert_int_equal(((u8 *)guest(BUFFER))[HEADER + NET_HEAD], 1);
	/* Two that flood have equal shares, in any order. */
	for (u32 i = 0; i < 100; i++)
		arrive(60, 1, 1);
	for (u32 i = 0; i < 100; i++)
		arrive(60, 2, 2);
	of_flood = 0;
	for (u32 i = 0; i < 32; i++)
		of_flood += next_tag() == 2;
	assert_in_range(of_flood, 15, 16);
}

/* The receiver, one that floods and one that does not take turns on a CPU. */
static void test_turns(void **unused)
{
	u32 sent_good = 0, got_good = 0;

	(void)unused;
	for (u32 round = 0; round < 50; round++) {
		for (u32 i = 0; i < 100; i++)
			arrive(60, 7, 0x80);
		for (u32 i = 0; i < 5; i++, sent_good++)
			arrive(60, 3, 1);
		for (u32 i = 0; i < 40; i++)
			got_good += next_tag() == 1;
	}
	assert_int_equal(got_good, sent_good);
}

/* Two frames in a second, either way: the third waits, and goes when time has brought it. */
static void test_limits(void **unused)
{
	struct desc_virtio *node = &virtio_vm.desc.virtio[0];

	(void)unused;
	node->out_frames = (struct rate_limit){ 2, 0, 1000 };
	virtio_net_class.limits_changed(&virtio_dev);
	desc(TX, 0, BUFFER, HEADER + 60, 0, 0);
	for (u32 i = 0; i < 4; i++)
		offer(TX, 0);
	notify(TX);
	assert_int_equal(sent, 2);
	assert_true(virtio_timer_armed);
	host_counter += HOST_COUNTER_HZ / 2 + HOST_COUNTER_HZ / 1000;
	virtio_timer_armed = false;
	virtio_timeout->fn(virtio_timeout);
	virtio_work();
	assert_int_equal(sent, 3);
	assert_int_equal(port->out.dropped, 0);
	/* without a limit the rest goes at once */
	node->out_frames.size = 0;
	virtio_net_class.limits_changed(&virtio_dev);
	virtio_work();
	assert_int_equal(sent, 4);
	/* received: 1 KiB in a second; a frame may begin while any of it is left */
	node->in_kib = (struct rate_limit){ 1, 0, 1000 };
	virtio_net_class.limits_changed(&virtio_dev);
	desc(RX, 0, BUFFER, 1600, WRITE, 0);
	for (u32 i = 0; i < 5; i++)
		offer(RX, 0);
	for (u32 i = 0; i < 4; i++)
		arrive(600, 1, (u8)i);
	assert_int_equal(used_idx(RX), 2);
	assert_true(virtio_timer_armed);
	host_counter += HOST_COUNTER_HZ / 2;
	virtio_timeout->fn(virtio_timeout);
	virtio_work();
	assert_int_equal(used_idx(RX), 3);
	assert_int_equal(port->in.dropped, 0);
}

static void test_many_senders(void **unused)
{
	(void)unused;
	for (u32 i = 0; i < 40; i++)
		arrive(60, i, (u8)i);
	assert_int_equal(port->in.dropped, 8);
	for (u32 i = 0; i < 32; i++)
		assert_in_range(next_tag(), 0, 31);
	assert_int_equal(next_tag(), -1);
}

/* Memory that is not there yet: the frame waits for the receiver's own vCPU. */
static void test_absent(void **unused)
{
	(void)unused;
	desc(RX, 0, BUFFER, 1600, WRITE, 0);
	offer(RX, 0);
	for (u32 i = 1; i < 8; i++) {
		virtio_absent = i;
		arrive(60, 1, (u8)i);
		assert_int_equal(used_idx(RX), i);
		is_received(60, (u8)i, 1);
		offer(RX, 0);
	}
	assert_true(virtio_brought >= 6);
	/* ... and of what is sent */
	virtio_absent = 0;
	desc(TX, 0, BUFFER, HEADER, NEXT, 1);
	desc(TX, 1, BUFFER + HEADER, 60, 0, 0);
	for (u32 i = 1; i < 8; i++) {
		offer(TX, 0);
		virtio_absent = i;
		notify(TX);
		assert_int_equal(sent, i);
		assert_int_equal(last.len, 60);
	}
}

static void test_no_driver(void **unused)
{
	(void)unused;
	virtio_net_class.reset(&virtio_dev);
	arrive(60, 1, 1);
	assert_int_equal(port->in.dropped, 1);
	assert_string_equal(virtio_info(), "no driver, network lan, in 0 frames, 1 dropped, "
					   "out 0 frames, 0 dropped");
	virtio_start(0, 2);
	desc(RX, 0, BUFFER, 100, 0, 0); /* not for writing */
	offer(RX, 0);
	arrive(60, 1, 1);
	assert_int_equal(get(STATUS), DRIVER_OK | NEEDS_RESET);
	assert_true(strstr(virtio_info(), "needs a reset: queue 0: a request has no room for its"));
	arrive(60, 1, 1);
	assert_int_equal(used_idx(RX), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_send, setup),
		cmocka_unit_test_setup(test_many_pieces, setup),
		cmocka_unit_test_setup(test_let_go, setup),
		cmocka_unit_test_setup(test_malformed, setup),
		cmocka_unit_test_setup(test_checksum, setup),
		cmocka_unit_test_setup(test_reset_while_sending, setup),
		cmocka_unit_test_setup(test_reset_waits, setup),
		cmocka_unit_test_setup(test_receive, setup),
		cmocka_unit_test_setup(test_too_small, setup),
		cmocka_unit_test_setup(test_merged, setup),
		cmocka_unit_test_setup(test_too_few_buffers, setup),
		cmocka_unit_test_setup(test_checksum_in, setup),
		cmocka_unit_test_setup(test_fair, setup),
		cmocka_unit_test_setup(test_turns, setup),
		cmocka_unit_test_setup(test_limits, setup),
		cmocka_unit_test_setup(test_many_senders, setup),
		cmocka_unit_test_setup(test_absent, setup),
		cmocka_unit_test_setup(test_no_driver, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
