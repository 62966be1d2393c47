/* SPDX-License-Identifier: Apache-2.0 */
/* What the guests `channel` and a program for Linux agree upon: the section that both write. */
#ifndef CHANNEL_H
#define CHANNEL_H

#include "kit/types.h"

#define CHANNEL_MESSAGE 4096u /* bytes of a message of the benchmark */

struct shared {
	uint64_t sent; /* physical counter before the doorbell */
	uint32_t question, answer;
	uint32_t arrivals; /* of peer 1 */
	uint64_t message[CHANNEL_MESSAGE / sizeof(uint64_t)];
};

#endif
