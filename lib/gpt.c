/* SPDX-License-Identifier: Apache-2.0 */
#include <lib/crc32.h>
#include <lib/gpt.h>
#include <lib/string.h>

/* UEFI 2.10, table 5-5: the header */
#define H_SIGNATURE  0
#define H_SIZE       12
#define H_CRC        16
#define H_LBA        24
#define H_FIRST      40
#define H_LAST       48
#define H_ENTRIES    72
#define H_COUNT      80
#define H_ENTRY_SIZE 84
#define H_TABLE_CRC  88
#define H_LENGTH     92

/* Table 5-6: an entry */
#define E_TYPE   0
#define E_FIRST  32
#define E_LAST   40
#define E_NAME   56
#define E_LENGTH 128
#define E_UNITS  36

/* Little-endian numbers at any place. */
static u64 number(const void *from, u32 at, u32 bytes)
{
	const u8 *p = (const u8 *)from + at;
	u64 value = 0;

	while (bytes--)
		value = value << 8 | p[bytes];
	return value;
}

static u32 get32(const void *from, u32 at)
{
	return (u32)number(from, at, 4);
}

static u64 get64(const void *from, u32 at)
{
	return number(from, at, 8);
}

/* The header's own checksum is computed as if it were 0. */
static u32 header_crc(const u8 *block, u32 size)
{
	static const u8 zeroes[4];
	u32 crc = crc32_more(~0U, block, H_CRC);

	crc = crc32_more(crc, zeroes, 4);
	return ~crc32_more(crc, block + H_CRC + 4, size - H_CRC - 4);
}

const char *gpt_header(struct gpt *g, const void *block, u32 size, u64 lba, u64 blocks)
{
	const u32 length = get32(block, H_SIZE);
	u64 table_blocks;

	if (memcmp((const u8 *)block + H_SIGNATURE, "EFI PART", 8) != 0)
		return "no GUID partition table";
	if (length < H_LENGTH || length > size || header_crc(block, length) != get32(block, H_CRC))
		return "the header's checksum is wrong";
	*g = (struct gpt){
		.first = get64(block, H_FIRST),
		.last = get64(block, H_LAST),
		.entries = get64(block, H_ENTRIES),
		.count = get32(block, H_COUNT),
		.entry_size = get32(block, H_ENTRY_SIZE),
		.crc = get32(block, H_TABLE_CRC),
	};
	if (get64(block, H_LBA) != lba || g->first > g->last || g->last >= blocks)
		return "the header is another disk's";
	if (g->entry_size < E_LENGTH || g->entry_size % E_LENGTH || !g->count ||
	    g->count > GPT_ENTRIES_MAX / g->entry_size)
		return "the table is too large, or none";
	table_blocks = (gpt_table_size(g) + size - 1) / size;
	if (g->entries < 2 || g->entries >= blocks || table_blocks > blocks - g->entries)
		return "the table is not on the disk";
	return NULL;
}

bool gpt_table_ok(const struct gpt *g, const void *table)
{
	return ~crc32_more(~0U, table, gpt_table_size(g)) == g->crc;
}

/* UTF-16 to UTF-8, in at most 3 bytes a unit. Halves of a pair become '?'. */
static void read_label(char *label, const u8 *from)
{
	for (u32 i = 0; i < E_UNITS; i++) {
		const u32 c = (u32)number(from, 2 * i, 2);

		if (!c)
			break;
		if (c < 0x80) {
			*label++ = (char)c;
		} else if (c < 0x800) {
			*label++ = (char)(0xc0 | c >> 6);
			*label++ = (char)(0x80 | (c & 0x3f));
		} else if (c >= 0xd800 && c < 0xe000) {
			*label++ = '?';
		} else {
			*label++ = (char)(0xe0 | c >> 12);
			*label++ = (char)(0x80 | (c >> 6 & 0x3f));
			*label++ = (char)(0x80 | (c & 0x3f));
		}
	}
	*label = '\0';
}

bool gpt_part(const struct gpt *g, const void *table, u32 n, struct gpt_part *p)
{
	const u8 *entry = table;

	if (n < 1 || n > g->count)
		return false;
	entry += (n - 1) * g->entry_size;
	if (!get64(entry, E_TYPE) && !get64(entry, E_TYPE + 8))
		return false;
	p->first = get64(entry, E_FIRST);
	p->last = get64(entry, E_LAST);
	read_label(p->label, entry + E_NAME);
	return p->first >= g->first && p->first <= p->last && p->last <= g->last;
}
