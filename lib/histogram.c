/* SPDX-License-Identifier: Apache-2.0 */
#include <lib/histogram.h>

/*
 * A value above this is never usual: a counter difference that was negative must not be taken for
 * one.
 */
#define USUAL_MAX 0x7fffffffULL

u64 histogram_least(u32 bucket)
{
	u32 log2 = bucket / 4;

	if (log2 == 0)
		return bucket != 0;
	/* (4 + n) quarters of the power, rounded up. */
	return ((4ULL + bucket % 4) * (1ULL << (log2 - 1)) + 3) / 4;
}

static void bump(u32 *bucket, u32 by)
{
	if (__builtin_add_overflow(*bucket, by, bucket))
		*bucket = UINT32_MAX;
}

static void note_max(struct histogram *h, u64 value)
{
	if (value <= h->max)
		return;
	h->max = value;
	h->usual = (u32)MIN(value, USUAL_MAX);
}

void histogram_add(struct histogram *h, u64 value)
{
	bump(histogram_bucket(h, (u32)MIN(value, UINT32_MAX)), 1);
	note_max(h, value);
}

void histogram_merge(struct histogram *h, const struct histogram *more)
{
	for (u32 i = 0; i < HISTOGRAM_BUCKETS; i++)
		bump(&h->buckets[i], more->buckets[i]);
	note_max(h, more->max);
}

u64 histogram_count(const struct histogram *h)
{
	u64 count = 0;

	for (u32 i = 0; i < HISTOGRAM_BUCKETS; i++)
		count += h->buckets[i];
	return count;
}

u64 histogram_quantile(const struct histogram *h, u32 ppm)
{
	u64 wanted = (histogram_count(h) * ppm + 999999) / 1000000, seen = 0;
	u32 i;

	for (i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
		seen += h->buckets[i];
		if (seen && seen >= wanted)
			return MIN(h->max, histogram_least(i + 1) - 1);
	}
	return h->max;
}

void series_add(struct series *s, u64 value)
{
	histogram_add(&s->h, value);
	if (s->count == 0 || value < s->min)
		s->min = value;
	s->sum += value;
	s->count++;
}

u64 series_mean(const struct series *s)
{
	return s->count ? s->sum / s->count : 0;
}
