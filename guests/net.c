/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net: a guest on a network. What it does is said by `net=` in its bootargs:
 *
 *   echo   answers ARP and ICMP echo requests for `ip=`; its sending queue has one descriptor
 *   count  counts frames by the last byte of their source's address, `us=` for each frame
 *   send   sends `count=` short frames to all, one each `us=`; 0: without a pause
 *   bench  times frames to the other port of its network (make bench)
 *   storm  frames of every kind from its first card to its others, without end (tools/interference)
 */
#include "netcard.h"

#include "kit/args.h"
#include "kit/cpu.h"
#include "kit/gic.h"
#include "kit/print.h"
#include "kit/smp.h"
#include "kit/time.h"

#define HEAD     14u /* of an Ethernet frame */
#define ARP      0x0806u
#define IPV4     0x0800u
#define FULL     1514u
#define COUNT_US 1000000u
#define F_CSUM   1u
#define F_SUMS   2u
#define F_MERGE  0x8000u

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *text = boot_arg(name);
	uint64_t value = 0;

	if (!text)
		return otherwise;
	for (; *text >= '0' && *text <= '9'; text++)
		value = value * 10 + (uint64_t)(*text - '0');
	return value;
}

static void copy(uint8_t *to, const uint8_t *from, unsigned int len)
{
	for (unsigned int i = 0; i < len; i++)
		to[i] = from[i];
}

static bool same(const uint8_t *a, const uint8_t *b, unsigned int len)
{
	for (unsigned int i = 0; i < len; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

static unsigned int half(const uint8_t *p)
{
	return (unsigned int)(p[0] << 8 | p[1]);
}

static void put_half(uint8_t *p, unsigned int value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

/* ---- echo ---- */

static uint8_t ip[4];

static void read_ip(void)
{
	const char *text = boot_arg("ip=");

	for (unsigned int i = 0; text && i < 4; i++) {
		for (; *text >= '0' && *text <= '9'; text++)
			ip[i] = (uint8_t)(ip[i] * 10 + (*text - '0'));
		text += *text == '.';
	}
}

/* An answer in place of a request, or 0. */
static unsigned int answer_arp(struct card *c, uint8_t *f, unsigned int len)
{
	if (len < HEAD + 28 || half(f + HEAD + 6) != 1 || !same(f + HEAD + 24, ip, 4))
		return 0;
	put_half(f + HEAD + 6, 2);
	copy(f + HEAD + 18, f + HEAD + 8, 10); /* the target is the sender of the request */
	copy(f + HEAD + 8, c->mac, 6);
	copy(f + HEAD + 14, ip, 4);
	return HEAD + 28;
}

static unsigned int answer_ping(uint8_t *f, unsigned int len)
{
	uint8_t *icmp = f + HEAD + 20;
	unsigned int sum;

	if (len < HEAD + 28 || f[HEAD] != 0x45 || f[HEAD + 9] != 1 || !same(f + HEAD + 16, ip, 4) ||
	    icmp[0] != 8)
		return 0;
	copy(f + HEAD + 16, f + HEAD + 12, 4);
	copy(f + HEAD + 12, ip, 4);
	icmp[0] = 0;
	sum = half(icmp + 2) + 0x800; /* the type changed by as much (RFC 1624) */
	put_half(icmp + 2, sum + (sum >> 16));
	return len;
}

static void answer(struct card *c, uint8_t *f, unsigned int len)
{
	unsigned int type = len < HEAD ? 0 : half(f + 12);

	len = type == ARP ? answer_arp(c, f, len) : type == IPV4 ? answer_ping(f, len) : 0;
	if (!len)
		return;
	copy(f, f + 6, 6);
	copy(f + 6, c->mac, 6);
	copy(card_buffer(c), f, len);
	if (!card_send(c, len))
		print("net: FAIL: a frame was not taken\n");
}

/* Interrupts stay masked: one that is pending ends a WFI. */
static void echo(struct card *c)
{
	unsigned int len, slot;
	uint8_t *f;

	read_ip();
	gic_init();
	gic_cpu_init();
	gic_enable(c->intid);
	card_start(c, 0, CARD_SIZE, 1);
	card_fill(c, 32);
	print("net: ready\n");
	for (;;) {
		card_ack(c);
		while ((f = card_receive(c, &len, &slot))) {
			answer(c, f, len);
			card_return(c, slot);
		}
		wfi();
	}
}

/* ---- count, send ---- */

static void count(struct card *c)
{
	const uint64_t pause = number("us=", 0);
	uint64_t from[4] = { 0 }, shown = now();
	unsigned int len, slot;

	card_fill(c, 16);
	print("net: ready\n");
	for (;;) {
		const uint8_t *f = card_receive(c, &len, &slot);

		if (f) {
			from[f[11] % 4]++;
			delay_us(pause);
			card_return(c, slot);
		}
		if (now() - shown > us_to_ticks(COUNT_US)) {
			print("net: counted %lu %lu %lu %lu\n", from[0], from[1], from[2], from[3]);
			shown = now();
		}
	}
}

/* Interrupts are masked: the timer ends the WFI. */
static void sleep_us(uint64_t us)
{
	if (!us)
		return;
	timer_start_us(TIMER_VIRT, us);
	while (!(timer_get_ctl(TIMER_VIRT) & TIMER_ISTATUS))
		wfi();
	timer_stop(TIMER_VIRT);
}

static void send(struct card *c)
{
	const uint64_t pause = number("us=", 0), frames = number("count=", 1000000000);

	gic_init();
	gic_cpu_init();
	gic_enable(CNTV_INTID);
	for (uint64_t i = 0; i < frames; i++) {
		uint8_t *f = card_buffer(c);

		for (unsigned int n = 0; n < 6; n++)
			f[n] = 0xff;
		copy(f + 6, c->mac, 6);
		(void)card_send(c, 60);
		while (!card_sent(c))
			cpu_relax();
		sleep_us(pause);
	}
	print("net: sent\n");
	for (;;)
		wfi();
}

/* ---- bench ---- */

#define RUNS 60u /* as many as there are buffers */

static void report(const char *name, const uint64_t *ticks, unsigned int runs)
{
	uint64_t sum = 0, min = ticks[1], max = 0;

	for (unsigned int i = 1; i < runs; i++) {
		sum += ticks[i];
		min = ticks[i] < min ? ticks[i] : min;
		max = ticks[i] > max ? ticks[i] : max;
	}
	print("bench: %-26s: avg %4lu, max %4lu, min %4lu, runs %u, first %lu\n", name,
	      (sum + (runs - 1) / 2) / (runs - 1), max, min, runs, ticks[0]);
}

/* To its second card, which is another port to the switch: no other guest runs meanwhile. */
static void time_frames(const char *name, unsigned int len, bool buffers)
{
	uint64_t ticks[RUNS];

	card_start(&cards[0], 0, CARD_SIZE, CARD_SIZE);
	card_start(&cards[1], 0, CARD_SIZE, CARD_SIZE);
	if (buffers)
		card_fill(&cards[1], CARD_SIZE);
	for (unsigned int i = 0; i < RUNS; i++) {
		uint8_t *f = card_buffer(&cards[0]);
		uint64_t before;

		copy(f, cards[1].mac, 6);
		copy(f + 6, cards[0].mac, 6);
		before = now();
		if (!card_send(&cards[0], len))
			print("net: FAIL: a frame was not taken\n");
		ticks[i] = now() - before;
	}
	report(name, ticks, RUNS);
}

static void bench(void)
{
	uint64_t ticks[RUNS];

	gic_init();
	gic_cpu_init();
	gic_enable(cards[1].intid);
	for (unsigned int i = 0; i < RUNS; i++) {
		const uint64_t before = now();

		card_notify(&cards[0], CARD_TX);
		ticks[i] = now() - before;
	}
	report("net notify, nothing to do", ticks, RUNS);
	time_frames("net frame of 1514 bytes", FULL, true);
	time_frames("net frame of 60 bytes", 60, true);
	time_frames("net frame without room", FULL, false);
	print("bench: done\n");
	for (;;)
		wfi();
}

/* ---- storm ---- */

static uint64_t random(void)
{
	static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* A frame of any length, to one, to all, or from anywhere; its checksum may be left to be made. */
static void storm_frame(struct card *c, unsigned int others)
{
	uint8_t *f = card_buffer(c);

	for (unsigned int i = 0; i < CARD_HEADER; i++)
		f[-(int)CARD_HEADER + (int)i] = 0;
	copy(f, cards[1 + random() % others].mac, 6);
	if (random() % 4 == 0)
		f[0] = 0xff;
	copy(f + 6, c->mac, 6);
	if (random() % 8 == 0)
		put_half(f + 10, (unsigned int)random() & 0xffff);
	if (random() % 4 == 0) {
		f[-(int)CARD_HEADER] = 1;
		f[-(int)CARD_HEADER + 6] = HEAD;
	}
	(void)card_send(c, random() % 2 ? FULL : 14 + (unsigned int)random() % 1600);
}

/* A frame in pieces of a byte. */
static void storm_pieces(struct card *c)
{
	struct card_queue *q = &c->queue[CARD_TX];

	for (unsigned int i = 0; i < CARD_SIZE; i++)
		q->desc[i] = (struct card_desc){ (uintptr_t)&c->tx[0][i], 1, i < CARD_SIZE - 1,
						 (uint16_t)(i + 1) };
	q->avail.ring[q->avail.idx % CARD_SIZE] = 0;
	dsb();
	*(volatile uint16_t *)&q->avail.idx = (uint16_t)(q->avail.idx + 1);
	dsb();
	card_notify(c, CARD_TX);
}

/* Buffers: whole ones, and ones of a few bytes, one a descriptor. */
static void storm_buffers(struct card *c)
{
	static const uint32_t features[] = { 0, F_SUMS, F_MERGE, F_MERGE | F_SUMS };
	struct card_queue *q = &c->queue[CARD_RX];

	card_start(c, features[random() % ARRAY_SIZE(features)], CARD_SIZE, CARD_SIZE);
	card_fill(c, (unsigned int)random() % CARD_SIZE);
	if (random() % 2)
		for (unsigned int i = 0; i < CARD_SIZE; i++) {
			q->desc[i].len = random() % 2 ? CARD_BYTES : 100;
			q->desc[i].flags = (uint16_t)(2 | (random() % 2));
			q->desc[i].next = (uint16_t)(i + 1);
		}
}

static void storm(unsigned int count)
{
	if (count < 2) {
		print("net: FAIL: a storm wants more cards\n");
		return;
	}
	for (unsigned int i = 0;; i++) {
		if (i % 64 == 0)
			card_start(&cards[0], F_CSUM, CARD_SIZE, CARD_SIZE);
		if (i % 16 == 0)
			storm_buffers(&cards[1 + random() % (count - 1)]);
		if (random() % 8)
			storm_frame(&cards[0], count - 1);
		else
			storm_pieces(&cards[0]);
	}
}

void guest_main(void)
{
	const char *what = boot_arg("net=");
	const unsigned int found = card_find();

	if (!found || !what) {
		print("net: FAIL: %u cards, net=%s\n", found, what ? what : "");
		return;
	}
	if (text_after(what, "echo"))
		echo(&cards[0]);
	else if (text_after(what, "count"))
		count(&cards[0]);
	else if (text_after(what, "send"))
		send(&cards[0]);
	else if (text_after(what, "bench"))
		bench();
	else if (text_after(what, "storm"))
		storm(found);
}
