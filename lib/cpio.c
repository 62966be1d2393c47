/* SPDX-License-Identifier: Apache-2.0 */
/* A header of hexadecimal text, the name, the data; name and data each padded to 4 bytes. */
#include <lib/checked.h>
#include <lib/cpio.h>
#include <lib/errno.h>
#include <lib/string.h>

#define HEADER_SIZE  110
#define TRAILER_NAME "TRAILER!!!"
#define LINKS_MAX    16

/* The fields after the magic that we look at: eight digits each, by number. */
enum field {
	FIELD_INODE = 0,
	FIELD_MODE = 1,
	FIELD_LINKS = 4,
	FIELD_FILESIZE = 6,
	FIELD_MAJOR = 7,
	FIELD_MINOR = 8,
	FIELD_NAMESIZE = 11,
	FIELD_CHECK = 12,
	FIELDS = 13,
};

/* ---- entries ---- */

static bool read_fields(const u8 *header, u32 *fields)
{
	for (u32 i = 0; i < FIELDS; i++) {
		char text[2 + 8 + 1] = "0x";
		u64 v;

		memcpy(text + 2, header + 6 + 8 * (size_t)i, 8);
		if (strlen(text) != 10 || parse_u64(text, &v))
			return false;
		fields[i] = (u32)v;
	}
	return true;
}

/* The entry at an offset, whose end goes to *end: 1; -EINVAL. Its fields are those of the header. */
static int read_entry(const u8 *base, u64 size, u64 offset, u32 *fields, struct cpio_entry *e,
		      u64 *end)
{
	const u8 *header = base + offset;
	const u64 left = size - offset;
	const char *name = (const char *)header + HEADER_SIZE;
	u64 data_at;

	if (left < HEADER_SIZE ||
	    (memcmp(header, "070701", 6) != 0 && memcmp(header, "070702", 6) != 0) ||
	    !read_fields(header, fields))
		return -EINVAL;
	/* All of these are sums of three 32-bit numbers: they cannot wrap. */
	data_at = ALIGN_UP(HEADER_SIZE + (u64)fields[FIELD_NAMESIZE], 4);
	*end = data_at + fields[FIELD_FILESIZE];
	if (!fields[FIELD_NAMESIZE] || data_at > left || *end > left ||
	    name[fields[FIELD_NAMESIZE] - 1] != '\0')
		return -EINVAL;
	/* The last file's padding may be cut off. */
	*end = offset + MIN(ALIGN_UP(*end, 4), left);
	while (*name == '/' || (name[0] == '.' && name[1] == '/'))
		name++;
	*e = (struct cpio_entry){ name, header + data_at, fields[FIELD_FILESIZE],
				  fields[FIELD_MODE] };
	return 1;
}

void cpio_open(struct cpio *c, const void *base, u64 size)
{
	*c = (struct cpio){ .base = base, .size = size };
}

/* Behind an archive: where the next one begins, if there is one. */
static void skip_zeros(struct cpio *c)
{
	while (c->offset < c->size && !c->base[c->offset])
		c->offset++;
	c->archive = c->offset;
}

int cpio_next(struct cpio *c, struct cpio_entry *e)
{
	u32 fields[FIELDS];
	u64 end;

	while (c->offset < c->size) {
		const int ret = read_entry(c->base, c->size, c->offset, fields, e, &end);

		if (ret < 0)
			return ret;
		c->at = c->offset;
		c->offset = end;
		if (!str_eq(e->name, TRAILER_NAME))
			return 1;
		skip_zeros(c);
	}
	return 0;
}

/* ---- paths ---- */

/* The component at *p, its length in *len, without "." and empty ones; *p is then behind it. NULL: there is no more. */
static const char *component(const char **p, size_t *len)
{
	const char *start;

	do {
		while (**p == '/')
			(*p)++;
		start = *p;
		while (**p && **p != '/')
			(*p)++;
		*len = (size_t)(*p - start);
	} while (*len == 1 && *start == '.');
	return *len ? start : NULL;
}

bool cpio_same_path(const char *a, const char *b)
{
	const char *x, *y;
	size_t xlen, ylen;

	do {
		x = component(&a, &xlen);
		y = component(&b, &ylen);
		if (!x || !y)
			return !x && !y;
	} while (xlen == ylen && !memcmp(x, y, xlen));
	return false;
}

/* A path without ".", ".." and empty components, and its length. */
struct path {
	char *text;
	size_t len;
};

static bool append_component(struct path *p, const char *name, size_t len)
{
	if (len == 0 || (len == 1 && *name == '.'))
		return true;
	if (len == 2 && !memcmp(name, "..", 2)) {
		while (p->len && p->text[--p->len] != '/')
			;
		return true;
	}
	if (p->len + 1 + len >= CPIO_PATH_MAX)
		return false;
	if (p->len)
		p->text[p->len++] = '/';
	memcpy(p->text + p->len, name, len);
	p->len += len;
	return true;
}

/* Add up to `size` characters of a path. False: it would be too long. */
static bool append(struct path *p, const char *text, size_t size)
{
	size_t start = 0, at;

	for (at = 0; at < size && text[at]; at++) {
		if (text[at] != '/')
			continue;
		if (!append_component(p, text + start, at - start))
			return false;
		start = at + 1;
	}
	if (!append_component(p, text + start, at - start))
		return false;
	p->text[p->len] = '\0';
	return true;
}

/* ---- files ---- */

/* Of the entries with that name the last, and where it is. False: there is none. */
static bool look_up(const void *base, u64 size, const char *path, struct cpio *where,
		    struct cpio_entry *e)
{
	struct cpio_entry next;
	bool any = false;
	struct cpio c;

	cpio_open(&c, base, size);
	while (cpio_next(&c, &next) > 0) {
		if (!cpio_same_path(next.name, path))
			continue;
		*where = c;
		*e = next;
		any = true;
	}
	return any;
}

static bool is(const struct cpio_entry *e, u32 type)
{
	return (e->mode & CPIO_TYPE) == type;
}

/*
 * Put the target of a link, the last component of path[0..end), in its place; what of the path comes behind `end` follows it.
 */
static bool splice(char *path, size_t end, const struct cpio_entry *link)
{
	char old[CPIO_PATH_MAX];
	struct path p = { .text = path };
	size_t parent = end;

	(void)str_copy(old, path, sizeof(old));
	while (parent && old[--parent] != '/')
		;
	if (link->size && *(const char *)link->data == '/')
		parent = 0;
	return append(&p, old, parent) && append(&p, link->data, link->size) &&
	       append(&p, old + end, sizeof(old));
}

int cpio_real_path(const void *base, u64 size, const char *path, char *real)
{
	struct path p = { .text = real };
	size_t end = 0;
	struct cpio_entry e;
	struct cpio where;
	u32 links = 0;

	if (!append(&p, path, CPIO_PATH_MAX))
		return -ERANGE;
	do {
		char rest;
		bool link;

		end += real[end] == '/';
		while (real[end] && real[end] != '/')
			end++;
		rest = real[end];
		real[end] = '\0';
		link = look_up(base, size, real, &where, &e) && is(&e, CPIO_LINK);
		real[end] = rest;
		if (!link)
			continue;
		if (++links > LINKS_MAX || !splice(real, end, &e))
			return -ERANGE;
		end = 0; /* the target may lead through links itself */
	} while (real[end]);
	return 0;
}

static bool same_file(const u32 *a, const u32 *b)
{
	return a[FIELD_INODE] == b[FIELD_INODE] && a[FIELD_MAJOR] == b[FIELD_MAJOR] &&
	       a[FIELD_MINOR] == b[FIELD_MINOR];
}

/* Among the links to a file, in the archive that it is in, the last one that has its data, if there is one. */
static void find_data(const struct cpio *where, struct cpio_entry *e, u32 *fields)
{
	struct cpio c = *where;
	struct cpio_entry next;
	u32 other[FIELDS];
	u64 end;

	for (c.offset = c.archive; cpio_next(&c, &next) > 0 && c.archive == where->archive;) {
		if (!next.size || !is(&next, CPIO_REGULAR) ||
		    read_entry(c.base, c.size, c.at, other, &next, &end) < 0 ||
		    !same_file(fields, other))
			continue;
		e->data = next.data;
		e->size = next.size;
		memcpy(fields, other, sizeof(other));
	}
}

/* The sum of a file's bytes, in an archive that has it, against its header. */
static bool sum_holds(const struct cpio *where, const struct cpio_entry *e, const u32 *fields)
{
	const u8 *data = e->data;
	u32 sum = 0;

	if (where->base[where->at + 5] != '2')
		return true;
	for (u64 i = 0; i < e->size; i++)
		sum += data[i];
	return sum == fields[FIELD_CHECK];
}

int cpio_find(const void *base, u64 size, const char *path, struct cpio_entry *e)
{
	char real[CPIO_PATH_MAX];
	struct cpio_entry found;
	u32 fields[FIELDS];
	struct cpio where;
	u64 end;
	int ret = cpio_real_path(base, size, path, real);

	if (ret)
		return ret;
	if (!look_up(base, size, real, &where, e) || !is(e, CPIO_REGULAR) ||
	    read_entry(base, size, where.at, fields, &found, &end) < 0)
		return -ENOENT;
	if (!e->size && fields[FIELD_LINKS] > 1)
		find_data(&where, e, fields);
	return sum_holds(&where, e, fields) ? 0 : -EIO;
}
