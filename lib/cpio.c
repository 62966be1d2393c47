/* SPDX-License-Identifier: Apache-2.0 */
/* cpio(5), "New ASCII Format": a header of hexadecimal text, the name, the data; name and data each padded to 4 bytes. */
#include <lib/checked.h>
#include <lib/cpio.h>
#include <lib/errno.h>
#include <lib/string.h>

#define HEADER_SIZE  110
#define TRAILER_NAME "TRAILER!!!"
#define S_IFMT       0170000
#define S_IFREG      0100000

/* The fields after the magic that we look at: eight digits each, by number. */
enum field { FIELD_MODE = 1, FIELD_FILESIZE = 6, FIELD_NAMESIZE = 11 };

void cpio_open(struct cpio *c, const void *base, u64 size)
{
	c->base = base;
	c->size = size;
	c->offset = 0;
}

static bool magic_ok(const u8 *header)
{
	return memcmp(header, "070701", 6) == 0 || memcmp(header, "070702", 6) == 0;
}

static bool read_field(const u8 *header, enum field field, u32 *value)
{
	char text[2 + 8 + 1] = "0x";
	u64 v;

	memcpy(text + 2, header + 6 + 8 * (size_t)field, 8);
	if (parse_u64(text, &v) || strlen(text) != 10)
		return false;
	*value = (u32)v;
	return true;
}

int cpio_next(struct cpio *c, struct cpio_entry *e)
{
	const u8 *header = c->base + c->offset;
	u64 left = c->size - c->offset;
	u64 data_at, end;
	u32 filesize, namesize;
	const char *name;

	if (left == 0)
		return 0;
	if (left < HEADER_SIZE || !magic_ok(header) || !read_field(header, FIELD_MODE, &e->mode) ||
	    !read_field(header, FIELD_FILESIZE, &filesize) ||
	    !read_field(header, FIELD_NAMESIZE, &namesize))
		return -EINVAL;

	/* All of these are sums of three 32-bit numbers: they cannot wrap. */
	data_at = ALIGN_UP(HEADER_SIZE + (u64)namesize, 4);
	end = data_at + filesize;
	name = (const char *)header + HEADER_SIZE;
	if (namesize == 0 || data_at > left || end > left || name[namesize - 1] != '\0')
		return -EINVAL;

	if (str_eq(name, TRAILER_NAME)) {
		c->offset = c->size;
		return 0;
	}
	e->name = str_starts(name, "./") ? name + 2 : name;
	e->data = header + data_at;
	e->size = filesize;
	/* The last file's padding may be cut off. */
	c->offset += MIN(ALIGN_UP(end, 4), left);
	return 1;
}

int cpio_find(const void *base, u64 size, const char *name, struct cpio_entry *e)
{
	struct cpio c;
	int more;

	cpio_open(&c, base, size);
	while ((more = cpio_next(&c, e)) > 0)
		if ((e->mode & S_IFMT) == S_IFREG && str_eq(e->name, name))
			return 0;
	return more < 0 ? more : -ENOENT;
}
