/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU's random number generator (FEAT_RNG). */
#include <arch/cpu.h>
#include <asm/sysreg.h>

/* An answer is refused while the generator behind it has nothing (Arm ARM K14.1): ask again. */
#define ATTEMPTS 16

static bool has_rng(void)
{
	return FIELD(read_sysreg(id_aa64isar0_el1), 63, 60) != 0;
}

bool arch_entropy(u64 *word)
{
	u32 valid = 0;

	if (!has_rng())
		return false;
	/* RNDRRS: from a generator reseeded before each word. Z is set where there is none. */
	for (u32 i = 0; i < ATTEMPTS && !valid; i++)
		__asm__ volatile("mrs %0, s3_3_c2_c4_1\n\tcset %w1, ne"
				 : "=r"(*word), "=r"(valid)
				 :
				 : "cc");
	return valid;
}
