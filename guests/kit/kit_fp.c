/* SPDX-License-Identifier: Apache-2.0 */
/* The model of fp.S in general registers. */
#include "kit/fp.h"

uint64_t fp_expected_sum(uint64_t seed, unsigned int steps)
{
	uint64_t v[32][2];
	uint64_t sum = 0;

	for (unsigned int n = 0; n < 32; n++) {
		v[n][0] = seed + n * FP_STRIDE;
		v[n][1] = ~v[n][0];
	}
	while (steps--) {
		for (unsigned int n = 0; n < 32; n++) {
			v[n][0] += v[(n + 1) % 32][0];
			v[n][1] += v[(n + 1) % 32][1];
		}
	}
	for (unsigned int n = 0; n < 32; n++)
		sum ^= v[n][0] ^ v[n][1];
	return sum;
}
