/* SPDX-License-Identifier: Apache-2.0 */
#include <arch/cpu.h>
#include <kernel/irq.h>
#include <kernel/masked.h>
#include <kernel/percpu.h>
#include <lib/string.h>

/* The row for the same place, else the last row. */
static u32 row_of(const struct masked *m, u64 to)
{
	u32 row = 0;

	while (row < MASKED_WORST - 1 && m->worst[row].ticks &&
	       (m->worst[row].from != m->from || m->worst[row].to != to))
		row++;
	return row;
}

void masked_record(u64 ticks, u64 to)
{
	struct masked *m = &this_cpu()->masked;
	u32 row = row_of(m, to);

	/* 0: the section began before it could be measured. */
	if (!m->since || ticks <= m->worst[row].ticks)
		return;
	for (; row > 0 && m->worst[row - 1].ticks < ticks; row--)
		m->worst[row] = m->worst[row - 1];
	m->worst[row] = (struct masked_section){ ticks, m->from, to };
	/* Sections that are short beside the longest are skipped: recording costs time. */
	m->limit = m->worst[0].ticks / 2;
}

void masked_get(u32 cpu, struct masked_section worst[MASKED_WORST])
{
	memcpy(worst, percpus[cpu].masked.worst, sizeof(percpus[cpu].masked.worst));
}

static void reset_here(void *arg __unused)
{
	struct masked *m = &this_cpu()->masked;

	memset(m->worst, 0, sizeof(m->worst));
	m->limit = 0;
	m->since = 0; /* the current section does not count either */
}

void masked_reset(void)
{
	ipi_call_all(reset_here, NULL);
}

static u32 exit_reasons; /* a bit each (atomic) */

static void exits_here(void *arg __unused)
{
	const bool on = __atomic_load_n(&exit_reasons, __ATOMIC_RELAXED);

	this_cpu()->masked.exits = on;
	arch_measure_exits(on);
}

void masked_exits(enum masked_reason why, bool on)
{
	if (on)
		__atomic_fetch_or(&exit_reasons, 1U << why, __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(&exit_reasons, ~(1U << why), __ATOMIC_RELAXED);
	ipi_call_all(exits_here, NULL);
}
