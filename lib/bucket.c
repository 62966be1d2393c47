/* SPDX-License-Identifier: Apache-2.0 */
#include <lib/bucket.h>

void bucket_set(struct bucket *b, const struct rate_limit *limit, u64 unit, u64 now)
{
	*b = (struct bucket){
		.size = limit->size * unit,
		.us = limit->ms * 1000UL,
		.left = (s64)((limit->size + (u64)limit->burst) * unit),
		.at = now,
	};
}

/* a * b / c. One of b and c is a time below 2^26, the other one below 2^38. */
static u64 scale(u64 a, u64 b, u64 c)
{
	return a / c * b + a % c * b / c;
}

/* Add what has come since. The burst does not come again. */
static void refill(struct bucket *b, u64 now)
{
	const u64 elapsed = now - b->at;
	u64 more;

	if (b->left >= (s64)b->size) {
		b->at = now;
		return;
	}
	more = elapsed >= b->us ? b->size : scale(b->size, elapsed, b->us);
	if (!more)
		return; /* the time is kept */
	b->at = now;
	b->left = MIN(b->left + (s64)more, (s64)b->size);
}

u64 bucket_wait(struct bucket *b, u64 now)
{
	if (!b->size)
		return 0;
	refill(b, now);
	if (b->left > 0)
		return 0;
	/* A debt larger than the bucket is looked at again when a bucket of it is paid. */
	return scale(MIN((u64)-b->left + 1, b->size), b->us, b->size) + 1;
}

void bucket_take(struct bucket *b, u64 tokens)
{
	if (b->size)
		b->left -= (s64)tokens;
}
