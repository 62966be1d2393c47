/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RPMsg between two sides whose memory and states a wild peer changes at any time: table, rings,
 * buffers, everything. Nothing outside of the memory is touched, every call ends, what is delivered
 * has a length that fits, and a restart of either side makes all of it work again.
 */
#include "fuzz.h"

#include <lib/rpmsg.h>
#include <string.h>

#define SIZE      (RPMSG_MEMORY_MIN + 0x100)
#define POLLS_MAX 100000

static struct fuzz_input input;
static u8 *memory;
static u32 table[2], base;

struct side {
	struct rpmsg link;
	struct rpmsg_endpoint echo, client, more;
	bool has_more;
	u32 state;
	bool pending;
	u32 answer;
};
static struct side sides[2];

static int number_of(void *arg)
{
	return (int)((struct side *)arg - sides);
}

static void notify(void *arg)
{
	sides[!number_of(arg)].pending = true;
}

static void set_state(void *arg, u32 state)
{
	const int n = number_of(arg);

	table[n] = sides[n].state = state;
	sides[!n].pending = true;
}

static const struct rpmsg_ops ops = { notify, set_state };

static void echo(struct rpmsg_endpoint *e, u32 src, const void *data, u32 length)
{
	struct side *s = e->arg;
	u8 copy[RPMSG_PAYLOAD_MAX];

	fuzz_assert(length <= sizeof(copy));
	memcpy(copy, data, length);
	(void)rpmsg_send_to(&s->link, e, src, copy, length);
}

static void answer(struct rpmsg_endpoint *e, u32 src, const void *data, u32 length)
{
	struct side *s = e->arg;

	(void)src;
	fuzz_assert(length <= RPMSG_PAYLOAD_MAX);
	if (length == sizeof(s->answer))
		memcpy(&s->answer, data, sizeof(s->answer));
}

static void bound(struct rpmsg_endpoint *e, bool is)
{
	struct side *s = e->arg;

	if (is)
		(void)rpmsg_send(&s->link, e, "hello", 5);
}

static void start(int n)
{
	struct side *s = &sides[n];

	memset(s, 0, sizeof(*s));
	s->pending = sides[!n].pending = true;
	table[n] = 0;
	fuzz_assert(rpmsg_start(&s->link, n ? RPMSG_REMOTE : RPMSG_HOST, &ops, s, memory, SIZE,
				base, &table[!n]));
	s->echo = (struct rpmsg_endpoint){
		.name = "echo", .service = true, .receive = echo, .arg = s
	};
	s->client = (struct rpmsg_endpoint){
		.name = "echo", .receive = answer, .bound = bound, .arg = s
	};
	rpmsg_add(&s->link, &s->echo);
	rpmsg_add(&s->link, &s->client);
}

/* A peer may make every call want another one; other work comes in between. */
static void poll_side(int n)
{
	u32 calls = 0;

	sides[n].pending = false;
	while (rpmsg_poll(&sides[n].link))
		if (++calls == 8) {
			sides[n].pending = true;
			return;
		}
}

static void settle(void)
{
	u32 polls = 0;

	while (sides[0].pending || sides[1].pending) {
		poll_side(sides[0].pending ? 0 : 1);
		fuzz_assert(++polls < POLLS_MAX);
	}
}

/* Mostly where a table, an index or a header is. */
static void scribble(void)
{
	static const u32 places[] = { 0,      0x14,   0x20,   0x28,   0x1000, 0x1400, 0x2000,
				      0x3000, 0x3400, 0x4000, 0x5000, 0xd000, 0xff0 };
	static const u32 values[] = { 0,          1,      2,    0x10,      0xffff,
				      0xffffffff, 0x1000, SIZE, SIZE - 16, 0x80000000,
				      0x10001,    0x40,   496,  497,       512 };
	const u32 at = fuzz_once_in(&input, 8) ? (u32)fuzz_u64(&input) % (SIZE - 4)
					       : fuzz_word(&input, places) + fuzz_byte(&input) % 64;
	const u32 value = fuzz_once_in(&input, 4) ? (u32)fuzz_u64(&input)
						  : fuzz_word(&input, values);

	memcpy(memory + at, &value, fuzz_once_in(&input, 2) ? 4 : 1 + fuzz_below(&input, 2));
}

static void some_state(int n)
{
	static const u32 states[] = { 0, 1, 2, 3, 15, 16, 17, 18, 0xffffffff, 0xfffffffe };

	table[n] = fuzz_once_in(&input, 3) ? sides[n].state : fuzz_word(&input, states);
	if (fuzz_once_in(&input, 3))
		table[n] = sides[!n].state + fuzz_below(&input, 3) - 1;
	sides[!n].pending = true;
}

static void some_endpoint(struct side *s)
{
	if (s->has_more)
		rpmsg_remove(&s->link, &s->more);
	else
		s->more = (struct rpmsg_endpoint){
			.name = fuzz_once_in(&input, 2) ? "echo" : "more",
			.service = fuzz_once_in(&input, 2),
			.receive = echo,
			.arg = s,
		};
	if (!s->has_more)
		rpmsg_add(&s->link, &s->more);
	s->has_more = !s->has_more;
}

static void some_message(struct side *s)
{
	static u8 data[RPMSG_PAYLOAD_MAX + 8];
	static const u32 lengths[] = { 0, 1, 4, 40, 495, 496, 497 };
	static const u32 addresses[] = { 0, 53, 1024, 1025, 0xffffffff };

	for (u32 i = 0; i < 40; i++)
		data[i] = fuzz_once_in(&input, 4) ? fuzz_byte(&input) : 'a';
	data[fuzz_below(&input, 40)] = 0;
	if (fuzz_once_in(&input, 2))
		memset(&data[4], 0, 36); /* a short name, no flag */
	(void)rpmsg_send_to(&s->link, &s->echo, fuzz_word(&input, addresses), data,
			    fuzz_word(&input, lengths));
}

static void something(void)
{
	const int n = fuzz_byte(&input) & 1;

	switch (fuzz_below(&input, 12)) {
	case 0 ... 3:
		scribble();
		break;
	case 4:
		some_state(n);
		break;
	case 5:
		start(n);
		break;
	case 6:
		some_endpoint(&sides[n]);
		break;
	case 7:
		some_message(&sides[n]);
		break;
	case 8:
		(void)rpmsg_send(&sides[n].link, &sides[n].client, &n, 4);
		break;
	default:
		poll_side(n);
		break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	u32 question = 0x1234;
	int n;

	input = (struct fuzz_input){ .at = data, .left = size };
	base = fuzz_once_in(&input, 2) ? 0 : 0xffffe000;
	memory = calloc(1, SIZE);
	fuzz_assert(memory);
	memset(sides, 0, sizeof(sides));
	memset(table, 0, sizeof(table));
	start(0);
	start(1);
	if (fuzz_once_in(&input, 2))
		settle();
	while (input.left)
		something();
	n = fuzz_byte(&input) & 1;
	table[!n] = sides[!n].state;
	poll_side(!n);
	start(n);
	settle();
	fuzz_assert(sides[0].link.up && sides[1].link.up);
	fuzz_assert(rpmsg_send(&sides[n].link, &sides[n].client, &question, 4) == RPMSG_SENT);
	settle();
	fuzz_assert(sides[n].answer == question);
	free(memory);
	return 0;
}
