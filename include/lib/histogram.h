/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histogram of durations, with four buckets to each power of two: a value is known within 25 % over
 * the whole range, and adding one costs a handful of instructions. Not atomic: there is one writer.
 * A concurrent reader may miss the newest value in some of the counts.
 */
#ifndef LIB_HISTOGRAM_H
#define LIB_HISTOGRAM_H

#include <lib/types.h>

/*
 * One bucket for 0, then four to each power of two. The first two powers have less than four
 * values, so buckets 1 to 3, 5 to 7, 9 and 11 stay empty. The last bucket holds all values from 7 *
 * 2^29 up.
 */
#define HISTOGRAM_BUCKETS 132

/* All zeros is an empty histogram. */
struct histogram {
	u64 max;                        /* exact */
	u32 usual;                      /* a value up to this one is no new maximum */
	u32 buckets[HISTOGRAM_BUCKETS]; /* each saturates at UINT32_MAX */
};

void histogram_add(struct histogram *h, u64 value);

/* A value's bucket, counted from the first one of the last power of two. */
static inline s64 histogram_place(u32 value)
{
	int zeros = value ? __builtin_clz(value) : 32;

	/* The two bits behind the highest one choose among a power's four. */
	return (s64)(value << (zeros & 31) >> 29 & 3) - 4 * (s64)zeros;
}

/* The bucket that a value falls into. */
static inline u32 *histogram_bucket(struct histogram *h, u32 value)
{
	return &h->buckets[HISTOGRAM_BUCKETS - 4] + histogram_place(value);
}

/*
 * The least value of a bucket. For a bucket that stays empty: the least value of the next one that
 * does not.
 */
u64 histogram_least(u32 bucket);

/*
 * histogram_add() for hot paths. False, and nothing is done, if the value is a new maximum or very
 * large: call histogram_add() then.
 */
static inline bool __must_check histogram_tally(struct histogram *h, u32 value)
{
	u32 *bucket = histogram_bucket(h, value);

	if (unlikely(value > h->usual))
		return false;
	*bucket += *bucket != UINT32_MAX;
	return true;
}

/* Add all counts of `more`. */
void histogram_merge(struct histogram *h, const struct histogram *more);

/* The number of values. */
u64 histogram_count(const struct histogram *h);

/*
 * The least value that at least ppm of 1000000 values do not exceed, exact to its bucket's width
 * and never above the maximum: 500000 is the median, 1000000 the maximum. 0 if the histogram is
 * empty.
 */
u64 histogram_quantile(const struct histogram *h, u32 ppm);

/* A histogram, with the figures that it does not know exactly. All zeros is an empty one. */
struct series {
	struct histogram h;
	u64 count, sum, min;
};

void series_add(struct series *s, u64 value);
/* The mean, rounded down; 0 if there is no value. */
u64 series_mean(const struct series *s);

#endif
