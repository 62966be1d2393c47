/* SPDX-License-Identifier: Apache-2.0 */
#include <arch/cpu.h>
#include <kernel/irq.h>
#include <kernel/masked.h>
#include <kernel/percpu.h>
#include <kernel/timeout.h>
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

static u64 traced_ticks; /* longer sections are written to the trace; 0: none (atomic) */

/* Sections that are short beside the longest are skipped: recording costs time. */
static void set_limit(struct masked *m)
{
	const u64 traced = __atomic_load_n(&traced_ticks, __ATOMIC_RELAXED);

	m->limit = m->worst[0].ticks / 2;
	if (traced)
		m->limit = MIN(m->limit, traced);
}

static void keep(struct masked *m, u64 ticks, u64 to)
{
	u32 row = row_of(m, to);

	if (ticks <= m->worst[row].ticks)
		return;
	for (; row > 0 && m->worst[row - 1].ticks < ticks; row--)
		m->worst[row] = m->worst[row - 1];
	m->worst[row] = (struct masked_section){ ticks, m->from, to };
	set_limit(m);
}

void masked_record(u64 ticks, u64 to)
{
	struct masked *m = &this_cpu()->masked;

	if (!m->since)
		return; /* the section began before it could be measured */
	if (trace_wants(TRACE_MASKS) && ticks > READ_ONCE(traced_ticks))
		trace_masked(ticks, m->since + ticks, to);
	keep(m, ticks, to);
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

static void limit_here(void *arg __unused)
{
	set_limit(&this_cpu()->masked);
}

void masked_trace(u32 us)
{
	__atomic_store_n(&traced_ticks, us_to_ticks(us), __ATOMIC_RELAXED);
	ipi_call_all(limit_here, NULL);
}
