/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-rt: sleeps until its timer fires, every millisecond. For each time it lists when the timer
 * was due, when the vector's first instruction ran, and when it went to sleep again, in ticks of
 * the physical counter, which it shares with bench-busy on the same CPU.
 */
#include "kit/cpu.h"
#include "kit/gic.h"
#include "kit/mmio.h"
#include "kit/print.h"
#include "kit/smp.h"
#include "kit/stamp.h"
#include "kit/time.h"

#define RUNS      2048u
#define PERIOD_US 1000u
#define BURST     32u /* lines; the reader of the console needs the CPU too */

static struct {
	uint64_t due;
	uint64_t vector;
	uint64_t sleep;
} turns[RUNS];

static volatile uint64_t taken; /* the last stamp of the vector */

void stamp_irq(uint64_t intid, uint64_t stamp)
{
	(void)intid;
	write_sysreg(cntv_ctl_el0, 0);
	isb();
	taken = stamp;
}

/* The difference between the physical and the virtual count. */
static uint64_t count_offset(void)
{
	uint64_t physical;
	uint64_t virtual;

	isb();
	asm volatile("mrs %0, cntpct_el0\n\tmrs %1, cntvct_el0" : "=r"(physical), "=r"(virtual));
	return physical - (virtual - 1);
}

static void sleep_until(uint64_t due)
{
	taken = 0;
	timer_set_cval(TIMER_VIRT, due);
	timer_set_ctl(TIMER_VIRT, TIMER_ENABLE);
	while (!taken)
		wfi();
}

void guest_main(void)
{
	uint64_t offset = count_offset();
	uint64_t due = now() + us_to_ticks(PERIOD_US);

	if (gic_version == 2) {
		print("bench: its vectors want a GICv3\n");
		return;
	}
	stamp_vectors_on();
	gic_enable(CNTV_INTID);
	irq_unmask();
	for (unsigned int run = 0; run < RUNS; run++) {
		taken = 0;
		timer_set_cval(TIMER_VIRT, due);
		timer_set_ctl(TIMER_VIRT, TIMER_ENABLE);
		if (run)
			turns[run - 1].sleep = read_sysreg(cntpct_el0);
		while (!taken)
			wfi();
		turns[run].due = due + offset;
		turns[run].vector = taken + offset;
		due += us_to_ticks(PERIOD_US);
	}
	for (unsigned int run = 0; run < RUNS - 1; run++) {
		print("turn %lx %lx %lx\n", turns[run].due, turns[run].vector, turns[run].sleep);
		if (run % BURST == 0)
			sleep_until(now() + us_to_ticks(PERIOD_US));
	}
	print("bench: done\n");
}
