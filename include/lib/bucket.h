/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Token buckets: how much of something may pass in a time. Pure. The caller brings the time, in
 * microseconds, and whatever lock guards the bucket.
 */
#ifndef LIB_BUCKET_H
#define LIB_BUCKET_H

#include <lib/types.h>

/* A limit, as descriptions and `zvm set` have it. */
struct rate_limit {
	u32 size;  /* tokens of a full bucket; 0: there is no limit */
	u32 burst; /* more of them, once */
	u32 ms;    /* until an empty bucket is full */
};
#define RATE_MS_MAX   60000U
#define RATE_SIZE_MAX BIT(28) /* also of the burst; with a unit of at most 1024 */

struct bucket {
	u64 size, us; /* the limit; size 0: none */
	s64 left;     /* tokens; what passed last may have made debts */
	u64 at;       /* when `left` was true */
};

/* Begin with a full bucket and the burst. unit: tokens of one of the limit's. */
void bucket_set(struct bucket *b, const struct rate_limit *limit, u64 unit, u64 now);
/*
 * 0: something may pass, and then bucket_take() says how much it was. Else the number of
 * microseconds until it may.
 */
u64 bucket_wait(struct bucket *b, u64 now);
void bucket_take(struct bucket *b, u64 tokens);

#endif
