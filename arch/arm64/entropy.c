/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU's random number generator (FEAT_RNG). */
#include <arch/cpu.h>
#include <asm/sysreg.h>

/* The generator refuses while it has no entropy (Arm ARM K14.1): ask again, this often. */
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
	/* RNDRRS is reseeded before each word. Z is set if there was none. */
	for (u32 i = 0; i < ATTEMPTS && !valid; i++)
		__asm__ volatile("mrs %0, s3_3_c2_c4_1\n\tcset %w1, ne"
				 : "=r"(*word), "=r"(valid)
				 :
				 : "cc");
	return valid;
}
