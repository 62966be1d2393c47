/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histogram of durations: four buckets to each power of two, so that a value is known within 25 %
 * over the whole range and one more costs a handful of instructions. Not atomic: one writer; a reader
 * beside it sees counts that may lack the newest value.
 */
#ifndef LIB_HISTOGRAM_H
#define LIB_HISTOGRAM_H

#include <lib/types.h>

/* 0 to 3, then four to each power of two; the last bucket holds all from 7 * 2^29 up. */
#define HISTOGRAM_BUCKETS 124

/* All zeros is an empty histogram. */
struct histogram {
	u64 count, sum;
	u64 min, max;                   /* exact; of the values since the last reset */
	u32 buckets[HISTOGRAM_BUCKETS]; /* each stays at UINT32_MAX once it is there */
};

void histogram_reset(struct histogram *h);

void histogram_add(struct histogram *h, u64 value);

/* The bucket that a value falls into, and the least value of a bucket. */
u32 histogram_bucket(u64 value);
u64 histogram_least(u32 bucket);

/*
 * A value that at least ppm of 1000000 values do not exceed, exact to its bucket's width and never
 * above the maximum: 500000 is the median, 1000000 the maximum. 0 if the histogram is empty.
 */
u64 histogram_quantile(const struct histogram *h, u32 ppm);

/* The mean, rounded down; 0 if the histogram is empty. */
u64 histogram_mean(const struct histogram *h);

#endif
