/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health tests of a noise source whose samples are the times that a piece of work took (NIST
 * SP 800-90B, 4.4). They find a source that is stuck, not one that can be computed: a simulator that
 * derives time from instructions passes. Assumed: 1/8 bit of min-entropy a sample; false alarms:
 * 2^-30.
 */
#ifndef LIB_JITTER_H
#define LIB_JITTER_H

#include <lib/types.h>

/* Samples to a bit of entropy. */
#define JITTER_PER_BIT 8

struct jitter {
	u64 last, last_change; /* the sample before, and how it differed from the one before it */
	u32 run;               /* equal samples in a row */
	u64 first;             /* of the adaptive proportion test's window */
	u32 seen, equal;       /* samples of the window so far, and those that equal the first */
	bool failed;           /* a test failed, for ever: the source is none */
};

void jitter_init(struct jitter *j);

/*
 * Take a sample in. True if it counts as entropy: the source is healthy, and neither the sample nor
 * its change repeats, as they do where time only passes in step with the work.
 */
bool jitter_feed(struct jitter *j, u64 sample);

#endif
