/* SPDX-License-Identifier: Apache-2.0 */
#include <lib/jitter.h>

/* Repetition count test (4.4.1): 1 + 30 / (1/8). */
#define RUN_LIMIT 241
/*
 * Adaptive proportion test (4.4.2), samples of many values: 1 + critbinom(512, 2^(-1/8), 1 -
 * 2^-30).
 */
#define WINDOW      512
#define EQUAL_LIMIT 502

void jitter_init(struct jitter *j)
{
	*j = (struct jitter){ .failed = false };
}

static void repetition_count(struct jitter *j, u64 sample)
{
	j->run = sample == j->last ? j->run + 1 : 1;
	if (j->run >= RUN_LIMIT)
		j->failed = true;
}

static void adaptive_proportion(struct jitter *j, u64 sample)
{
	if (j->seen == 0) {
		j->first = sample;
		j->equal = 0;
	}
	j->equal += sample == j->first;
	if (j->equal >= EQUAL_LIMIT)
		j->failed = true;
	j->seen = (j->seen + 1) % WINDOW;
}

bool jitter_feed(struct jitter *j, u64 sample)
{
	u64 change = sample - j->last;
	bool fresh = change && change != j->last_change;

	repetition_count(j, sample);
	adaptive_proportion(j, sample);
	j->last_change = change;
	j->last = sample;
	return fresh && !j->failed;
}
