/* SPDX-License-Identifier: Apache-2.0 */
/* The RPMsg device and its link: messages both ways, services that come and end, wrong rings. */
#include "virtio_fixture.h"

#include <asm/host.h>
#include <kernel/log.h>
#include <lib/errno.h>
#include <string.h>
#include <vmm/net.h>

enum { RX, TX };

#define BUFFER (DATA_AT + 0x1000) /* what the driver sends */
#define ROOM   (DATA_AT + 0x8000) /* where it receives */

struct message {
	u32 src, dst, reserved;
	u16 len, flags;
	u8 data[40];
};
#define HEAD 16U
#define NEWS 56U

/* The other end. */
static struct rpmsg_port peer;
static struct {
	struct message last;
	u32 messages, len, told, told_services;
	s32 answer; /* 0: it takes all; or RPMSG_LATER, RPMSG_GONE */
	struct rpmsg_announced services[RPMSG_SERVICE_MAX], then;
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

static s32 peer_receives(struct rpmsg_port *port, const u8 *message, u32 len)
{
	assert_ptr_equal(port, &peer);
	assert_int_equal(port->pins, 1);
	assert_false(host_irqs_open[0]);
	if (at_peer.answer)
		return at_peer.answer;
	memcpy(&at_peer.last, message, MIN(len, (u32)sizeof(at_peer.last)));
	at_peer.len = len;
	at_peer.messages++;
	return (s32)len;
}

static bool peer_service(struct rpmsg_port *port, u32 n, struct rpmsg_announced *s)
{
	assert_ptr_equal(port, &peer);
	*s = at_peer.services[n];
	if (at_peer.then.serial) { /* it comes just behind this look */
		at_peer.services[n] = at_peer.then;
		at_peer.then.serial = 0;
		rpmsg_tell_peer(&peer, true);
	}
	return s->serial;
}

static void peer_is_told(struct rpmsg_port *port, bool services)
{
	assert_ptr_equal(port, &peer);
	at_peer.told++;
	at_peer.told_services += services;
}

static int setup(void **unused)
{
	const char *owners[2];

	(void)unused;
	memset(&at_peer, 0, sizeof(at_peer));
	peer = (struct rpmsg_port){ .link = "link",
				    .owner = "peer",
				    .receive = peer_receives,
				    .service = peer_service,
				    .changed = peer_is_told };
	virtio_new(&virtio_rpmsg_class,
		   &(struct desc_virtio){ .kind = VIRTIO_RPMSG, .name = "rpmsg0", .link = "link" });
	assert_int_equal(rpmsg_join(&peer, owners), 0);
	virtio_start(1, 2);
	return 0;
}

static int teardown(void **state)
{
	if (peer.link)
		rpmsg_leave(&peer);
	return unit_end(state);
}

/* ---- the driver ---- */

static void desc(u32 queue, u32 n, u64 addr, u32 len, u16 flags, u16 next)
{
	((struct ring_desc *)guest(DESC_AT + queue * QUEUE_STRIDE))[n] =
		(struct ring_desc){ addr, len, flags, next };
}

/* Send a message in one buffer, which has `size` bytes. */
static void send(u32 dst, const void *data, u16 len, u32 size)
{
	struct message *m = guest(BUFFER);

	*m = (struct message){ .src = 1025, .dst = dst, .len = len };
	memcpy(m->data, data, len <= sizeof(m->data) ? len : 0);
	desc(TX, 0, BUFFER, size, 0, 0);
	offer(TX, 0);
	notify(TX);
}

/* Announce a service, or its end. */
static void announce(const char *name, u32 addr, u32 flags)
{
	u8 news[40] = { 0 };

	memcpy(news, name, strlen(name));
	memcpy(news + 32, &addr, 4);
	memcpy(news + 36, &flags, 4);
	send(53, news, sizeof(news), NEWS);
}

static void room(u32 len)
{
	memset(guest(ROOM), 0, 512);
	desc(RX, 0, ROOM, len, WRITE, 0);
	offer(RX, 0);
	notify(RX);
}

/* The driver was told of a service, or of its end. */
static void expect_news(const char *name, u32 addr, u32 flags)
{
	const struct message *m = guest(ROOM);
	u32 words[2], len;

	(void)used_last(RX, &len);
	assert_int_equal(len, NEWS);
	assert_int_equal(m->dst, 53);
	assert_int_equal(m->len, 40);
	assert_string_equal((const char *)m->data, name);
	memcpy(words, m->data + 32, sizeof(words));
	assert_int_equal(words[0], addr);
	assert_int_equal(words[1], flags);
}

/* ---- tests ---- */

static void a_message_goes_out(void **state)
{
	(void)state;
	send(1024, "hello", 5, HEAD + 5);
	assert_int_equal(at_peer.messages, 1);
	assert_int_equal(at_peer.len, HEAD + 5);
	assert_int_equal(at_peer.last.src, 1025);
	assert_memory_equal(at_peer.last.data, "hello", 5);
	assert_int_equal(used_idx(TX), 1);
	/* A buffer of full size: what the header says counts. In two parts. */
	desc(TX, 0, BUFFER, 3, NEXT, 1);
	desc(TX, 1, BUFFER + 3, 509, 0, 0);
	offer(TX, 0);
	notify(TX);
	assert_int_equal(at_peer.messages, 2);
	assert_int_equal(at_peer.len, HEAD + 5);
	assert_non_null(
		strstr(virtio_info(), "link 'link' with peer, 2 messages sent, 0 received"));
}

static void it_waits_for_the_other_one(void **state)
{
	(void)state;
	at_peer.answer = RPMSG_LATER;
	send(1024, "hello", 5, HEAD + 5);
	assert_int_equal(used_idx(TX), 0);
	assert_non_null(strstr(virtio_info(), "waits for the other one"));
	at_peer.answer = 0;
	rpmsg_tell_peer(&peer, false);
	virtio_work();
	assert_int_equal(at_peer.messages, 1);
	assert_int_equal(used_idx(TX), 1);
}

static void without_the_other_one(void **state)
{
	(void)state;
	at_peer.answer = RPMSG_GONE;
	send(1024, "hello", 5, HEAD + 5);
	rpmsg_leave(&peer);
	send(1024, "hello", 5, HEAD + 5);
	assert_int_equal(used_idx(TX), 2);
	assert_non_null(strstr(virtio_info(), "link 'link', alone, 0 messages sent, 0 received, "
					      "2 dropped"));
}

static void a_message_comes_in(void **state)
{
	const struct message m = { .src = 7, .dst = 1025, .len = 4, .data = "abc" };
	u32 len;

	(void)state;
	at_peer.told = at_peer.told_services = 0;
	assert_int_equal(rpmsg_pass(&peer, (const u8 *)&m, HEAD + 4), RPMSG_LATER);
	room(512);
	assert_int_equal(at_peer.told, 1); /* to try again */
	assert_int_equal(at_peer.told_services, 0);
	assert_int_equal(rpmsg_pass(&peer, (const u8 *)&m, HEAD + 4), HEAD + 4);
	(void)used_last(RX, &len);
	assert_int_equal(len, HEAD + 4);
	assert_memory_equal(guest(ROOM), &m, HEAD + 4);
	put(STATUS, 0);
	assert_int_equal(rpmsg_pass(&peer, (const u8 *)&m, HEAD + 4), RPMSG_GONE);
}

/* What the driver announces is kept for the other one, until it ends. */
static void its_own_services(void **state)
{
	struct rpmsg_announced s;
	char name[8] = "n00";

	(void)state;
	at_peer.told_services = 0;
	announce("first", 1024, 0);
	announce("second", 1025, 0);
	announce("first", 1024, 0);
	assert_int_equal(at_peer.messages, 0);
	assert_int_equal(at_peer.told_services, 3);
	assert_true(rpmsg_peer_service(&peer, 0, &s));
	assert_string_equal(s.name, "first");
	assert_int_equal(s.addr, 1024);
	assert_true(rpmsg_peer_service(&peer, 1, &s));
	assert_false(rpmsg_peer_service(&peer, 2, &s));
	announce("first", 1024, 1);
	assert_false(rpmsg_peer_service(&peer, 0, &s));
	announce("none", 9, 1);
	for (u32 i = 0; i < RPMSG_SERVICE_MAX; i++) {
		name[1] = (char)('0' + i / 10);
		name[2] = (char)('0' + i % 10);
		announce(name, i, 0);
	}
	assert_non_null(strstr(virtio_info(), "1 services refused"));
	virtio_start(1, 2);
	assert_false(rpmsg_peer_service(&peer, 1, &s));
}

/* A driver that comes late hears of them; one that ends and returns is told both. */
static void services_of_the_other_one(void **state)
{
	(void)state;
	at_peer.services[3] = (struct rpmsg_announced){ .name = "there", .addr = 77, .serial = 1 };
	rpmsg_tell_peer(&peer, true);
	virtio_work();
	room(512);
	expect_news("there", 77, 0);
	at_peer.services[3].serial = 2; /* as it was reset and announced it again */
	rpmsg_tell_peer(&peer, true);
	virtio_work();
	room(512);
	expect_news("there", 77, 1);
	room(512);
	expect_news("there", 77, 0);
	room(512);
	assert_int_equal(used_idx(RX), 3);
	virtio_start(1, 2); /* a new driver */
	room(512);
	expect_news("there", 77, 0);
	rpmsg_leave(&peer);
	virtio_work();
	room(512);
	expect_news("there", 77, 1);
	virtio_start(0, 2); /* a driver without a name service */
	room(512);
	assert_int_equal(used_idx(RX), 0);
}

static void a_service_that_comes_while_it_is_looked_for(void **state)
{
	(void)state;
	room(512);
	assert_int_equal(used_idx(RX), 0);
	at_peer.then = (struct rpmsg_announced){ .name = "just", .addr = 77, .serial = 1 };
	rpmsg_tell_peer(&peer, true);
	virtio_work();
	expect_news("just", 77, 0);
}

static void wrong_messages(void **state)
{
	const struct message m = { .src = 7, .dst = 1025, .len = 4 };

	(void)state;
	send(1024, "hello", 5, HEAD + 4); /* less bytes than it says */
	send(1024, "hello", 5, 15);
	send(1024, "hello", 0xffff, 512);
	assert_int_equal(used_idx(TX), 3);
	assert_int_equal(at_peer.messages, 0);
	desc(TX, 0, BUFFER, 512, WRITE, 0); /* nothing to read */
	offer(TX, 0);
	notify(TX);
	assert_int_equal(used_idx(TX), 4);
	assert_non_null(strstr(virtio_info(), "4 dropped"));
	room(HEAD); /* too small */
	assert_int_equal(rpmsg_pass(&peer, (const u8 *)&m, HEAD + 4), RPMSG_GONE);
	assert_true(get(STATUS) & NEEDS_RESET);
	virtio_start(1, 2);
	send(1024, "hello", 5, HEAD + 5);
	assert_int_equal(at_peer.messages, 1);
}

/* Memory that is not there yet is brought, and nothing is sent or received twice. */
static void memory_that_is_absent(void **state)
{
	const struct message m = { .src = 7, .dst = 1025, .len = 4 };

	(void)state;
	for (u32 call = 1; call < 12; call++) {
		at_peer.messages = 0;
		virtio_start(1, 2);
		virtio_absent = call;
		send(1024, "hello", 5, HEAD + 5);
		virtio_work();
		virtio_absent = 0;
		virtio_work();
		assert_int_equal(at_peer.messages, 1);
		room(512);
		virtio_absent = call;
		if (rpmsg_pass(&peer, (const u8 *)&m, HEAD + 4) == RPMSG_LATER) {
			virtio_absent = 0;
			virtio_work();
			assert_int_equal(rpmsg_pass(&peer, (const u8 *)&m, HEAD + 4), HEAD + 4);
		}
		virtio_absent = 0;
		virtio_work();
		assert_int_equal(used_idx(RX), 1);
	}
}

static void reset_now(void)
{
	virtio_between = NULL;
	put(STATUS, 0);
}

static void reset_while_it_is_sent(void **state)
{
	(void)state;
	at_peer.answer = RPMSG_LATER;
	send(1024, "hello", 5, HEAD + 5);
	virtio_between = reset_now;
	rpmsg_tell_peer(&peer, false);
	virtio_work();
	at_peer.answer = 0;
	virtio_start(1, 2);
	assert_int_equal(at_peer.messages, 0);
	send(1024, "again", 5, HEAD + 5);
	assert_int_equal(at_peer.messages, 1);
	assert_memory_equal(at_peer.last.data, "again", 5);
}

static void a_link_has_two_ends(void **state)
{
	struct rpmsg_port third = { .link = "link", .owner = "third" };
	struct rpmsg_port other = { .link = "other", .owner = "third" };
	const char *owners[2];

	(void)state;
	assert_int_equal(rpmsg_join(&third, owners), -EBUSY);
	assert_null(third.link);
	assert_string_equal(owners[0], "peer");
	assert_int_equal(rpmsg_join(&other, owners), 0);
	assert_int_equal(rpmsg_pass(&other, (const u8 *)"", 1), RPMSG_GONE);
	rpmsg_leave(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_message_goes_out, setup, teardown),
		cmocka_unit_test_setup_teardown(it_waits_for_the_other_one, setup, teardown),
		cmocka_unit_test_setup_teardown(without_the_other_one, setup, teardown),
		cmocka_unit_test_setup_teardown(a_message_comes_in, setup, teardown),
		cmocka_unit_test_setup_teardown(its_own_services, setup, teardown),
		cmocka_unit_test_setup_teardown(services_of_the_other_one, setup, teardown),
		cmocka_unit_test_setup_teardown(a_service_that_comes_while_it_is_looked_for, setup,
						teardown),
		cmocka_unit_test_setup_teardown(wrong_messages, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_that_is_absent, setup, teardown),
		cmocka_unit_test_setup_teardown(reset_while_it_is_sent, setup, teardown),
		cmocka_unit_test_setup_teardown(a_link_has_two_ends, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
