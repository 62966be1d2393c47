/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/args.h"
#include "kit/mmio.h"
#include "kit/smp.h"

#define FDT_BYTES 0x10000u
#define FDT_MAGIC 0xedfe0dd0u /* of a big-endian word */

const char *text_after(const char *text, const char *word)
{
	while (*word && *text == *word) {
		text++;
		word++;
	}
	return *word ? NULL : text;
}

const char *boot_arg(const char *name)
{
	const char *fdt = (const char *)(uintptr_t)cpu_arrival[0].x0;
	const char *after = NULL;

	/* For an ELF image virt leaves it there, and says nothing. */
	if (!fdt && mmio_read32(RAM_BASE) == FDT_MAGIC)
		fdt = (const char *)(uintptr_t)RAM_BASE;

	for (unsigned int at = 0; fdt && at < FDT_BYTES && !after; at++)
		after = text_after(fdt + at, name);
	return after;
}
