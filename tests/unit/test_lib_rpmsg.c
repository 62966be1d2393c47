/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RPMsg: a host and a remote over one memory, with the channel's states and interrupts around them.
 * A side runs only when an interrupt is pending for it, so a lost one shows as a message that does
 * not come.
 */
#include <unit.h>

#include <lib/rpmsg.h>
#include <string.h>

#define SIZE   0x20000u
#define ENTRY  0x14u
#define STATUS (ENTRY + 0x18)
#define HOST   0
#define REMOTE 1
#define ROUNDS 20000

struct side {
	struct rpmsg link;
	struct rpmsg_endpoint echo, client, spare;
	uint32_t state; /* of its register */
	bool runs, pending;
	uint32_t answered, number; /* of its client */
	unsigned int bound;
};

static struct side sides[2];
static uint32_t table[2]; /* the state table */
static uint64_t memory[SIZE / 8];
static uint32_t base;            /* its address in the rings */
static unsigned int until_crash; /* calls of either side to the outside */
static int crash_of;
static void (*during_receive)(void);

static uint8_t *bytes(void)
{
	return (uint8_t *)memory;
}

static void publish(int n)
{
	const uint32_t shown = sides[n].runs ? sides[n].state : 0;

	if (table[n] == shown)
		return;
	table[n] = shown;
	sides[!n].pending = true;
}

static int number_of(void *arg)
{
	return (int)((struct side *)arg - sides);
}

/* Its VM ends here: what it does to the memory afterwards is not part of a test. */
static void maybe_crash(int n)
{
	if (until_crash && !--until_crash)
		crash_of = n;
}

static void notify(void *arg)
{
	sides[!number_of(arg)].pending = true;
	maybe_crash(number_of(arg));
}

static void set_state(void *arg, uint32_t state)
{
	struct side *s = arg;

	s->state = state;
	publish(number_of(arg));
	maybe_crash(number_of(arg));
}

static const struct rpmsg_ops ops = { notify, set_state };

static void echo(struct rpmsg_endpoint *e, uint32_t src, const void *data, uint32_t length)
{
	struct side *s = e->arg;

	if (during_receive)
		during_receive();
	(void)rpmsg_send_to(&s->link, e, src, data, length);
}

static void answer(struct rpmsg_endpoint *e, uint32_t src, const void *data, uint32_t length)
{
	struct side *s = e->arg;

	assert_int_equal(src, e->peer);
	assert_int_equal(length, sizeof(s->answered));
	memcpy(&s->answered, data, sizeof(s->answered));
}

static void on_bound(struct rpmsg_endpoint *e, bool bound)
{
	struct side *s = e->arg;

	s->bound += bound;
}

static void start(int n)
{
	struct side *s = &sides[n];

	memset(s, 0, sizeof(*s));
	s->runs = s->pending = true;
	assert_true(rpmsg_start(&s->link, n == HOST ? RPMSG_HOST : RPMSG_REMOTE, &ops, s, memory,
				sizeof(memory), base, &table[!n]));
	s->echo = (struct rpmsg_endpoint){
		.name = "echo", .service = true, .receive = echo, .arg = s
	};
	s->client = (struct rpmsg_endpoint){
		.name = "echo", .receive = answer, .bound = on_bound, .arg = s
	};
	rpmsg_add(&s->link, &s->echo);
	rpmsg_add(&s->link, &s->client);
}

static void stop(int n)
{
	sides[n].runs = false;
	publish(n);
}

static void poll_side(int n)
{
	unsigned int calls = 0;

	sides[n].pending = false;
	while (rpmsg_poll(&sides[n].link))
		assert_true(++calls < 1000);
}

/* Until nothing is pending. */
static void settle(void)
{
	for (unsigned int i = 0; i < 1000; i++) {
		const int n = sides[HOST].pending && sides[HOST].runs ? HOST : REMOTE;

		if (!sides[n].pending || !sides[n].runs)
			return;
		poll_side(n);
	}
	fail_msg("it does not come to rest");
}

static void begin(void)
{
	memset(memory, 0, sizeof(memory));
	memset(table, 0, sizeof(table));
	memset(sides, 0, sizeof(sides));
	until_crash = 0;
	crash_of = -1;
	during_receive = NULL;
	base = 0;
}

static void both(void)
{
	begin();
	start(HOST);
	start(REMOTE);
	settle();
}

/* Each side's client gets an answer of the other one's service. */
static void works(void)
{
	for (int n = 0; n < 2; n++) {
		struct side *s = &sides[n];

		assert_true(s->link.up);
		s->number += 1000;
		assert_int_equal(rpmsg_send(&s->link, &s->client, &s->number, 4), RPMSG_SENT);
		settle();
		assert_int_equal(s->answered, s->number);
	}
}

static uint32_t word(uint32_t at)
{
	uint32_t value;

	memcpy(&value, bytes() + at, sizeof(value));
	return value;
}

static void the_table_is_what_openamp_reads(void **state)
{
	(void)state;
	both();
	assert_int_equal(word(0), 1);               /* version */
	assert_int_equal(word(4), 1);               /* entries */
	assert_int_equal(word(16), ENTRY);          /* offset */
	assert_int_equal(word(ENTRY), 3);           /* RSC_VDEV */
	assert_int_equal(word(ENTRY + 4), 7);       /* VIRTIO_ID_RPMSG */
	assert_int_equal(word(ENTRY + 12), 1);      /* VIRTIO_RPMSG_F_NS */
	assert_int_equal(word(ENTRY + 24), 0x0207); /* DRIVER_OK, two rings */
	assert_int_equal(word(ENTRY + 28), 0x1000); /* ring 0 */
	assert_int_equal(word(ENTRY + 32), 4096);
	assert_int_equal(word(ENTRY + 36), 64);
	assert_int_equal(word(ENTRY + 48), 0x3000); /* ring 1 */
	assert_int_equal(word(0x1000), 0x5000);     /* the first buffer to receive */
	assert_int_equal(word(0x1008), 512);
	assert_int_equal(bytes()[0x1000 + 12], 2); /* for the device to write */
	assert_int_equal(word(0x3000), 0x5000 + 64 * 512);
	works();
}

static void the_memory_may_have_an_address(void **state)
{
	(void)state;
	begin();
	base = 0xfff00000;
	start(HOST);
	start(REMOTE);
	settle();
	assert_int_equal(word(ENTRY + 28), 0xfff01000);
	assert_int_equal(word(0x1000), 0xfff05000);
	works();
}

static void messages_go_both_ways(void **state)
{
	(void)state;
	both();
	for (int i = 0; i < 1000; i++)
		works();
	for (int n = 0; n < 2; n++) {
		const struct rpmsg_counts *c = &sides[n].link.counts;

		assert_int_equal(c->links, 1);
		assert_int_equal(c->malformed + c->unaddressed + c->refused + c->broken, 0);
		assert_int_equal(sides[n].bound, 1);
		assert_string_equal(sides[n].link.services[0].name, "echo");
	}
}

/* Whichever starts first. */
static void order_of_the_start_does_not_matter(void **state)
{
	(void)state;
	for (int first = 0; first < 2; first++) {
		begin();
		start(first);
		settle();
		assert_false(sides[first].link.up);
		start(!first);
		settle();
		works();
	}
}

/* The sender gets RPMSG_FULL, and an interrupt once there is room. */
static void a_full_ring_is_told(void **state)
{
	(void)state;
	for (int n = 0; n < 2; n++) {
		struct side *s;
		unsigned int sent = 0;

		both();
		s = &sides[n];
		while (rpmsg_send(&s->link, &s->client, &sent, 4) == RPMSG_SENT)
			sent++;
		assert_int_equal(rpmsg_send(&s->link, &s->client, &sent, 4), RPMSG_FULL);
		assert_in_range(sent, 32, 64);
		s->pending = false;
		poll_side(!n);
		assert_true(s->pending);
		settle();
		assert_int_equal(s->answered, sent - 1);
		works();
	}
}

/* The host sends on, and reads no answers meanwhile: the remote waits, and answers all. */
static void a_slow_host_loses_no_answer(void **state)
{
	struct side *s = &sides[HOST], *remote = &sides[REMOTE];
	unsigned int sent = 0;

	(void)state;
	both();
	for (int i = 0; i < 5; i++) {
		while (rpmsg_send(&s->link, &s->client, &sent, 4) == RPMSG_SENT)
			sent++;
		poll_side(REMOTE);
	}
	assert_int_equal(sent, 2 * RPMSG_RING_SIZE);
	assert_int_equal(remote->echo.received, RPMSG_RING_SIZE);
	remote->pending = false;
	s->pending = true;
	settle();
	assert_int_equal(s->client.received, sent);
	assert_int_equal(s->answered, sent - 1);
	works();
}

static void limits_of_a_message(void **state)
{
	static const char longest[RPMSG_PAYLOAD_MAX + 1];
	struct side *s = &sides[HOST];

	(void)state;
	both();
	assert_int_equal(rpmsg_send(&s->link, &s->client, longest, sizeof(longest)),
			 RPMSG_TOO_LONG);
	assert_int_equal(rpmsg_send(&s->link, &s->spare, longest, 1),
			 RPMSG_SENT); /* to address 0 */
	assert_int_equal(rpmsg_send_to(&s->link, &s->echo, 77, longest, RPMSG_PAYLOAD_MAX),
			 RPMSG_SENT);
	settle();
	assert_int_equal(sides[REMOTE].link.counts.unaddressed, 2);
	works();
}

/* A client that comes later, and a service that comes later. */
static void endpoints_come_and_go(void **state)
{
	struct side *h = &sides[HOST], *r = &sides[REMOTE];

	(void)state;
	both();
	h->spare = (struct rpmsg_endpoint){ .name = "late", .receive = answer, .arg = h };
	rpmsg_add(&h->link, &h->spare);
	assert_int_equal(rpmsg_send(&h->link, &h->spare, "1234", 4), RPMSG_UNBOUND);
	r->spare = (struct rpmsg_endpoint){
		.name = "late", .service = true, .receive = echo, .arg = r
	};
	rpmsg_add(&r->link, &r->spare);
	settle();
	h->number = 7;
	assert_int_equal(rpmsg_send(&h->link, &h->spare, &h->number, 4), RPMSG_SENT);
	settle();
	assert_int_equal(h->answered, 7);
	rpmsg_remove(&h->link, &h->spare);
	assert_int_equal(rpmsg_send(&r->link, &r->spare, "1234", 4), RPMSG_SENT);
	settle();
	assert_int_equal(h->link.counts.unaddressed, 1);
	works();
}

static void a_restart_of_either_side(void **state)
{
	(void)state;
	both();
	for (unsigned int i = 0; i < 100; i++) {
		const int n = (int)(i & 1);
		struct side *other = &sides[!n];
		const unsigned int bound = other->bound;

		works();
		stop(n);
		if (i & 2) /* else the other one sees no 0 */
			settle();
		start(n);
		settle();
		works();
		assert_int_equal(other->bound, bound + 1);
	}
}

/* A VM that ends within any call to the outside, with messages in flight. */
static void a_crash_at_each_step(void **state)
{
	(void)state;
	for (unsigned int step = 1; step < 60; step++) {
		for (int victim = 0; victim < 2; victim++) {
			both();
			until_crash = step;
			for (unsigned int i = 0; i < 100 && crash_of < 0; i++) {
				struct side *s = &sides[i & 1];

				(void)rpmsg_send(&s->link, &s->client, &s->number, 4);
				if (i % 3 == 0)
					poll_side((int)(i / 3 & 1));
			}
			until_crash = 0;
			assert_true(crash_of >= 0);
			stop(victim);
			start(victim);
			settle();
			works();
		}
	}
}

/* ---- pauses ---- */

static int paused;

/* While `paused` stands still in the middle of a message, the other side goes on. */
static void pause_here(void)
{
	const int other = !paused;

	during_receive = NULL;
	sides[paused].runs = false;
	publish(paused);
	for (int i = 0; i < 5; i++)
		poll_side(other);
	sides[paused].runs = true;
	publish(paused);
	sides[paused].pending = true;
}

static void a_pause_within_a_message(void **state)
{
	(void)state;
	for (paused = 0; paused < 2; paused++) {
		struct side *other = &sides[!paused];

		both();
		for (int i = 0; i < 50; i++) {
			works();
			during_receive = pause_here;
			other->number++;
			(void)rpmsg_send(&other->link, &other->client, &other->number, 4);
			settle();
			assert_null(during_receive);
			works();
		}
	}
}

static void restart_other(void)
{
	during_receive = NULL;
	sides[paused].runs = false;
	publish(paused);
	start(!paused);
	poll_side(!paused);
	sides[paused].runs = true;
	publish(paused);
	sides[paused].pending = true;
}

/* One stands still in the middle of a message while the other is restarted. */
static void a_pause_over_a_restart(void **state)
{
	(void)state;
	for (paused = 0; paused < 2; paused++) {
		both();
		for (int i = 0; i < 50; i++) {
			struct side *other = &sides[!paused];

			works();
			during_receive = restart_other;
			(void)rpmsg_send(&other->link, &other->client, &other->number, 4);
			settle();
			works();
		}
	}
}

static uint32_t random_below(uint32_t n)
{
	static uint64_t seed = 0x9e3779b97f4a7c15;

	seed = seed * 6364136223846793005 + 1442695040888963407;
	return (uint32_t)(seed >> 33) % n;
}

static void anything_in_any_order(void **state)
{
	(void)state;
	both();
	for (unsigned int i = 0; i < ROUNDS; i++) {
		const int n = (int)random_below(2);
		struct side *s = &sides[n];

		switch (random_below(8)) {
		case 0:
			stop(n);
			start(n);
			break;
		case 1: /* paused, or resumed */
			s->runs = !s->runs;
			publish(n);
			s->pending = true;
			break;
		case 2:
			if (s->runs)
				poll_side(n);
			break;
		default:
			if (s->runs)
				(void)rpmsg_send(&s->link, &s->client, &s->number, 4);
			break;
		}
		if (random_below(20))
			continue;
		for (int m = 0; m < 2; m++) {
			sides[m].runs = true;
			publish(m);
			sides[m].pending = true;
		}
		settle();
		works();
	}
}

/* ---- peers that know nothing of epochs, and wrong ones ---- */

static void a_plain_remote(void **state)
{
	struct side *h = &sides[HOST];

	(void)state;
	begin();
	start(HOST);
	settle();
	assert_int_equal(word(STATUS) & 4, 4); /* it waits for no more than this */
	assert_false(h->link.up);
	sides[REMOTE].runs = true;
	sides[REMOTE].state = RPMSG_STATE_PLAIN;
	publish(REMOTE);
	poll_side(HOST);
	assert_true(h->link.up);
	stop(REMOTE);
	poll_side(HOST);
	assert_false(h->link.up);
	assert_int_equal(word(STATUS) & 4, 4); /* made again for the next one */
}

static void a_plain_host(void **state)
{
	struct side *r = &sides[REMOTE];

	(void)state;
	both(); /* for a table that is right */
	stop(HOST);
	settle();
	assert_int_equal(word(STATUS) & 4, 0); /* an old one shall not be taken for a new one */
	sides[HOST].runs = true;
	sides[HOST].state = RPMSG_STATE_PLAIN;
	publish(HOST);
	poll_side(REMOTE);
	assert_false(r->link.up);
	bytes()[STATUS] = 4;
	memset(bytes() + 0x1000, 0, 0x4000);
	poll_side(REMOTE);
	assert_true(r->link.up);
	bytes()[STATUS] = 0;
	poll_side(REMOTE);
	assert_false(r->link.up);
}

static void wrong_tables_are_refused(void **state)
{
	static const struct {
		uint32_t at, value;
	} wrong[] = {
		{ 0, 2 },
		{ 4, 0 },
		{ 4, 0x10000000 },
		{ 16, 0xfffffff0 },
		{ 16, 0x15 },
		{ ENTRY, 1 },
		{ ENTRY + 4, 3 },
		{ ENTRY + 24, 0x0307 },
		{ ENTRY + 28, SIZE },
		{ ENTRY + 28, 0xfffff000 },
		{ ENTRY + 28, 0x1004 },
		{ ENTRY + 32, 0 },
		{ ENTRY + 32, 4095 },
		{ ENTRY + 32, 0x80000000 },
		{ ENTRY + 36, 0 },
		{ ENTRY + 36, 63 },
		{ ENTRY + 36, 0x80000000 },
		{ ENTRY + 48, 0x1f000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		begin();
		start(REMOTE);
		settle();
		start(HOST);
		poll_side(HOST);
		poll_side(REMOTE);
		poll_side(HOST);
		memcpy(bytes() + wrong[i].at, &wrong[i].value, 4);
		poll_side(REMOTE);
		assert_false(sides[REMOTE].link.up);
		stop(HOST);
		start(HOST);
		settle();
		works();
	}
}

/* An index, a number or a buffer that cannot be: both sides make a new beginning. */
static void impossible_rings_are_made_again(void **state)
{
	static const struct {
		int victim;
		uint32_t at;
		uint16_t value;
	} wrong[] = {
		{ HOST, 0x2002, 999 },              /* index of the used ring to the host */
		{ HOST, 0x4002, 999 },              /* of that to the remote */
		{ REMOTE, 0x3000 + 1024 + 2, 999 }, /* of what the host sends */
		{ REMOTE, 0x1000 + 1024 + 2, 999 }, /* of what it offers */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const int n = wrong[i].victim;

		both();
		memcpy(bytes() + wrong[i].at, &wrong[i].value, 2);
		(void)rpmsg_send(&sides[n].link, &sides[n].client, &wrong[i].value, 2);
		poll_side(n);
		settle();
		assert_int_equal(sides[n].link.counts.broken, 1);
		works();
	}
}

static void a_buffer_that_was_not_lent(void **state)
{
	uint16_t index;
	const uint32_t element[2] = { 5, 512 };

	(void)state;
	both();
	stop(REMOTE); /* its place is taken by what is written here */
	sides[REMOTE].runs = true;
	memcpy(&index, bytes() + 0x2002, 2);
	for (int i = 0; i < 2; i++) { /* the second one was not offered again yet */
		memcpy(bytes() + 0x2004 + 8 * ((index + i) & 63), element, 8);
	}
	index = (uint16_t)(index + 2);
	memcpy(bytes() + 0x2002, &index, 2);
	publish(REMOTE);
	poll_side(HOST);
	/* The first is a buffer of zeroes. The second one is a buffer that was lent again. */
	assert_int_equal(sides[HOST].link.counts.malformed, 0);
	assert_int_equal(sides[HOST].link.counts.unaddressed, 2);
}

static void announcements_are_checked(void **state)
{
	static const char bad[][40] = { "", "a\033[2J", "with space",
					"0123456789012345678901234567890123456789" };
	struct side *h = &sides[HOST], *r = &sides[REMOTE];
	char name[40] = "service-00";

	(void)state;
	both();
	for (size_t i = 0; i < 4; i++)
		(void)rpmsg_send_to(&r->link, &r->echo, RPMSG_NS_ADDR, bad[i], 40);
	(void)rpmsg_send_to(&r->link, &r->echo, RPMSG_NS_ADDR, name, 39);
	settle();
	assert_int_equal(h->link.counts.refused, 4);
	assert_int_equal(h->link.counts.malformed, 1);
	for (int i = 0; i < 40; i++) { /* one row is taken by "echo" */
		name[8] = (char)('0' + i / 10);
		name[9] = (char)('0' + i % 10);
		(void)rpmsg_send_to(&r->link, &r->echo, RPMSG_NS_ADDR, name, 40);
	}
	settle();
	assert_int_equal(h->link.counts.refused, 4 + 9);
	name[36] = 1; /* the last one ends: it was not known */
	(void)rpmsg_send_to(&r->link, &r->echo, RPMSG_NS_ADDR, name, 40);
	memcpy(name, "echo\0\0\0\0\0\0", 10);
	memcpy(name + 32, &r->echo.addr, 4);
	(void)rpmsg_send_to(&r->link, &r->echo, RPMSG_NS_ADDR, name, 40);
	settle();
	assert_int_equal(h->client.peer, RPMSG_ADDR_ANY);
}

static void too_little_memory(void **state)
{
	(void)state;
	begin();
	assert_false(rpmsg_start(&sides[0].link, RPMSG_HOST, &ops, &sides[0], memory,
				 RPMSG_MEMORY_MIN - 1, 0, &table[1]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_what_openamp_reads),
		cmocka_unit_test(the_memory_may_have_an_address),
		cmocka_unit_test(messages_go_both_ways),
		cmocka_unit_test(order_of_the_start_does_not_matter),
		cmocka_unit_test(a_full_ring_is_told),
		cmocka_unit_test(a_slow_host_loses_no_answer),
		cmocka_unit_test(limits_of_a_message),
		cmocka_unit_test(endpoints_come_and_go),
		cmocka_unit_test(a_restart_of_either_side),
		cmocka_unit_test(a_crash_at_each_step),
		cmocka_unit_test(a_pause_within_a_message),
		cmocka_unit_test(a_pause_over_a_restart),
		cmocka_unit_test(anything_in_any_order),
		cmocka_unit_test(a_plain_remote),
		cmocka_unit_test(a_plain_host),
		cmocka_unit_test(wrong_tables_are_refused),
		cmocka_unit_test(impossible_rings_are_made_again),
		cmocka_unit_test(a_buffer_that_was_not_lent),
		cmocka_unit_test(announcements_are_checked),
		cmocka_unit_test(too_little_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
