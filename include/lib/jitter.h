/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health tests of a noise source whose samples are the times that a piece of work took (NIST SP
 * 800-90B, 4.4). They find a source that is stuck, not one that can be computed: a simulator that
 * derives time from instructions passes. Assumed: 1/8 bit of min-entropy a sample; false alarms:
 * 2^-30.
 */
#ifndef LIB_JITTER_H
#define LIB_JITTER_H

#include <lib/types.h>

/* Samples to a bit of entropy. */
#define JITTER_PER_BIT 8

struct jitter {
	u64 last, last_change; /* the previous sample, and its difference from the one before */
	u32 run;               /* equal samples in a row */
	u64 first;             /* the first sample of the adaptive proportion test's window */
	u32 seen, equal;       /* samples of the window so far, and how many equal the first */
	bool failed;           /* a test failed: the source is never trusted again */
};

void jitter_init(struct jitter *j);

/*
 * Take in a sample. True if it counts as entropy: the source is healthy, and neither the sample nor
 * its change repeats. They repeat where time passes only in step with the work.
 */
bool jitter_feed(struct jitter *j, u64 sample);

#endif
