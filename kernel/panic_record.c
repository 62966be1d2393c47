/* SPDX-License-Identifier: Apache-2.0 */
#include <arch/mmu.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <lib/crc32.h>

#define MAGIC 0x63696e61706d767aULL /* "zvmpanic" */

void panic_record_seal(struct panic_record *r, u32 bytes)
{
	r->magic = MAGIC;
	r->inverse = ~MAGIC;
	r->bytes = bytes;
	r->check = ~crc32_more(~0U, r->text, bytes);
	arch_dcache_clean_inval(r, sizeof(*r));
}

static bool is_valid(const struct panic_record *r)
{
	return r->magic == MAGIC && r->inverse == ~MAGIC && r->bytes <= sizeof(r->text) &&
	       r->check == ~crc32_more(~0U, r->text, r->bytes);
}

void panic_record_tell(struct panic_record *r)
{
	u32 from = 0;

	if (!is_valid(r))
		return;
	log_warn("the machine panicked before this start; the end of its log:");
	for (u32 i = 0; i < r->bytes; i++) {
		if (r->text[i] != '\n')
			continue;
		log_warn("| %.*s", (int)(i - from), &r->text[from]);
		from = i + 1;
	}
	r->magic = 0;
	arch_dcache_clean_inval(r, sizeof(*r));
}
