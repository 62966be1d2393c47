/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program for Linux: 1000 rounds with peer 1 of a channel (the guest `channel`, channel=pong), by
 * doorbells and interrupts, and how long they took.
 */
#include "linux_ivshmem.h"

#include "kit/cpu.h"

#include "channel.h"

#define ROUNDS 1000u

static struct ivshmem d;
static uint32_t took[ROUNDS]; /* ticks, in ascending order */

static void say(const char *text)
{
	uint64_t length = 0;

	while (text[length])
		length++;
	linux_write(text, length);
}

static void say_number(uint64_t number)
{
	char text[21], *at = text + sizeof(text) - 1;

	*at = '\0';
	do
		*--at = (char)('0' + number % 10);
	while (number /= 10);
	say(at);
}

static uint64_t ticks(void)
{
	isb();
	return read_sysreg(cntvct_el0);
}

/* Nanoseconds of the round that takes longer than so many thousandths of all. */
static void say_time(const char *name, unsigned int permille)
{
	const uint64_t n = took[permille * (ROUNDS - 1) / 1000];

	say(name);
	say_number(n * 1000000000 / read_sysreg(cntfrq_el0));
}

static void keep(unsigned int count, uint32_t time)
{
	for (; count > 0 && took[count - 1] > time; count--)
		took[count] = took[count - 1];
	took[count] = time;
}

/* Until the answer is there, or it is time to wait for the interrupt. */
static bool look(const volatile struct shared *shared, uint32_t question, uint64_t start)
{
	const uint64_t limit = read_sysreg(cntfrq_el0) * IVSHMEM_LOOK_US / 1000000;

	while (shared->answer != question) {
		if (ticks() - start > limit)
			return false;
		cpu_relax();
	}
	return true;
}

static void play(volatile struct shared *shared)
{
	for (uint32_t n = 0; n < ROUNDS; n++) {
		const uint32_t question = shared->question + 1;
		const uint64_t start = ticks();

		shared->question = question;
		dsb();
		ivshmem_ring(&d, 1);
		while (!look(shared, question, start))
			if (!ivshmem_wait())
				return;
		keep(n, (uint32_t)(ticks() - start));
	}
	say("channel: 1000 rounds, ns:");
	say_time(" p50 ", 500);
	say_time(", p99 ", 990);
	say_time(", max ", 1000);
	say("\n");
}

void _start(void);

void _start(void)
{
	if (!ivshmem_find(0, &d) || d.id) {
		say("channel: uio0 is not peer 0 of a channel\n");
		linux_exit(1);
	}
	ivshmem_enable(&d, true);
	ivshmem_set_state(&d, 1);
	while (!ivshmem_states(&d)[1])
		if (!ivshmem_wait())
			linux_exit(1);
	play(ivshmem_shared(&d));
	ivshmem_set_state(&d, 0);
	linux_exit(0);
}
