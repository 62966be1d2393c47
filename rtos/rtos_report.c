/* SPDX-License-Identifier: Apache-2.0 */
/* Prints histograms. */
#include <arch/timer.h>
#include "rtos.h"

#define BAR 40 /* characters */

u64 report_ns(u64 ticks)
{
	u64 hz = arch_counter_hz();

	return ticks / hz * 1000000000 + ticks % hz * 1000000000 / hz;
}

void report_heading(const char *what)
{
	shell_printf("%-8s %8s %8s %8s %8s %8s %8s %8s  NS\n", what, "COUNT", "MIN", "MEAN", "P50",
		     "P99", "P99.9", "MAX");
}

void report_row(const char *what, const struct series *s)
{
	const struct histogram *h = &s->h;

	shell_printf("%-8s %8lu %8lu %8lu %8lu %8lu %8lu %8lu\n", what, s->count, report_ns(s->min),
		     report_ns(series_mean(s)), report_ns(histogram_quantile(h, 500000)),
		     report_ns(histogram_quantile(h, 990000)),
		     report_ns(histogram_quantile(h, 999000)), report_ns(h->max));
}

void report_buckets(const struct histogram *h)
{
	static const char bar[BAR + 1] = "########################################";
	u32 most = 1;

	for (u32 i = 0; i < HISTOGRAM_BUCKETS; i++)
		most = MAX(most, h->buckets[i]);
	for (u32 i = 0; i < HISTOGRAM_BUCKETS; i++)
		if (h->buckets[i])
			shell_printf("%10lu ns %9u %.*s\n", report_ns(histogram_least(i)),
				     h->buckets[i], (int)((u64)h->buckets[i] * BAR / most), bar);
}
