/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-busy: never gives way, and lists the gaps between two looks at the physical counter in
 * which other VMs had the CPU. bench-rt tells what they did in them.
 */
#include "kit/cpu.h"
#include "kit/gic.h"
#include "kit/print.h"
#include "kit/smp.h"
#include "kit/time.h"

#define GAPS     4096u
#define AWAY     100u  /* ticks: two looks in a row are a few apart */
#define ENOUGH   2000u /* gaps, after which a silence means the end */
#define QUIET_US 50000u

static struct {
	uint64_t from;
	uint64_t to;
} gaps[GAPS];

void guest_main(void)
{
	uint64_t quiet = us_to_ticks(QUIET_US);
	uint64_t last = read_sysreg(cntpct_el0);
	unsigned int count = 0;

	print("bench: busy\n");
	while (count < GAPS) {
		uint64_t here = read_sysreg(cntpct_el0);

		if (here - last > AWAY) {
			gaps[count].from = last;
			gaps[count++].to = here;
		} else if (count > ENOUGH && here - gaps[count - 1].to > quiet) {
			break;
		}
		last = here;
		cpu_relax();
	}
	for (unsigned int n = 0; n < count; n++)
		print("gap %lx %lx\n", gaps[n].from, gaps[n].to);
	print("bench: done\n");
}
