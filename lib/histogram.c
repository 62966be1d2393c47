/* SPDX-License-Identifier: Apache-2.0 */
#include <lib/histogram.h>

void histogram_reset(struct histogram *h)
{
	*h = (struct histogram){ .count = 0 };
}

u32 histogram_bucket(u64 value)
{
	u32 log2;

	if (value < 4)
		return (u32)value;
	log2 = 63 - (u32)__builtin_clzll(value);
	/* The two bits behind the highest one choose among a power's four. */
	return MIN((log2 - 1) * 4 + (u32)((value >> (log2 - 2)) & 3), HISTOGRAM_BUCKETS - 1);
}

u64 histogram_least(u32 bucket)
{
	return bucket < 4 ? bucket : (4ULL + bucket % 4) << (bucket / 4 - 1);
}

void histogram_add(struct histogram *h, u64 value)
{
	u32 *bucket = &h->buckets[histogram_bucket(value)];

	if (*bucket != UINT32_MAX)
		++*bucket;
	if (h->count == 0 || value < h->min)
		h->min = value;
	if (value > h->max)
		h->max = value;
	h->sum += value;
	h->count++;
}

u64 histogram_quantile(const struct histogram *h, u32 ppm)
{
	u64 total = 0, seen = 0, wanted;
	u32 i;

	for (i = 0; i < HISTOGRAM_BUCKETS; i++)
		total += h->buckets[i];
	wanted = (total * ppm + 999999) / 1000000;
	for (i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
		seen += h->buckets[i];
		if (seen && seen >= wanted)
			return MAX(h->min, MIN(h->max, histogram_least(i + 1) - 1));
	}
	return h->max;
}

u64 histogram_mean(const struct histogram *h)
{
	return h->count ? h->sum / h->count : 0;
}
