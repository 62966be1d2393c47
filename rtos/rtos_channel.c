/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel to other VMs, if the machine has one. As peer 0 the command `channel` measures rounds
 * with peer 1; as another peer the RTOS answers peer 0 from its interrupt handler. The other side
 * may be Linux or bare metal (guests/channel.h).
 */
#include <arch/timer.h>
#include <kernel/sync.h>
#include <lib/errno.h>
#include <lib/string.h>
#include "rtos.h"
#include "rtos_ivshmem.h"

#define ROUNDS 1000

/* guests/channel.h */
struct shared {
	u64 sent;
	u32 question, answer;
	u32 arrivals;
};

static struct ivshmem d;
static bool found;
static volatile struct shared *shared;
static u64 answered;
static struct sem event;
static struct series times;

static void answer(void)
{
	const u32 question = shared->question;

	if (shared->answer == question) /* a state has changed */
		return;
	shared->answer = question;
	answered++;
	ivshmem_ring(&d, 0);
}

static void on_event(u32 intid __unused, void *arg __unused)
{
	if (d.id)
		answer();
	else
		sem_give(&event);
}

int channel_start(void)
{
	int err;

	found = ivshmem_find(false, &d);
	if (!found)
		return 0;
	shared = ivshmem_shared(&d);
	sem_init(&event, 0, 1);
	err = irq_request(d.intid, "channel", on_event, NULL, IRQ_EDGE);
	if (err)
		return err;
	ivshmem_enable(&d, true);
	ivshmem_set_state(&d, d.id ? ++shared->arrivals : 1);
	return 0;
}

/* False: no answer within a second. */
static bool round(void)
{
	const u64 start = arch_counter(), deadline = start + ms_to_ticks(1000);
	const u32 question = shared->question + 1;

	shared->question = question;
	ivshmem_ring(&d, 1);
	while (shared->answer != question)
		if (sem_take(&event, deadline))
			return false;
	series_add(&times, arch_counter() - start);
	return true;
}

static void measure(void)
{
	memset(&times, 0, sizeof(times));
	for (u32 i = 0; i < ROUNDS && !shell_interrupted(); i++) {
		if (round())
			continue;
		shell_printf("peer 1 does not answer\n");
		return;
	}
	report_heading("CHANNEL");
	report_row("round", &times);
}

void cmd_channel(const struct args *a)
{
	if (!found) {
		shell_printf("%s: this machine has none\n", a->path);
		return;
	}
	shell_printf("peer %u of %u, %lu KiB are shared, states:", d.id, d.peers,
		     d.shared_size / KIB(1));
	for (u32 i = 0; i < d.peers; i++)
		shell_printf(" %u", ivshmem_states(&d)[i]);
	shell_printf("; %lu rounds were answered\n", answered);
	if (!d.id && ivshmem_states(&d)[1])
		measure();
}
