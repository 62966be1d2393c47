/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An entry is a header of hexadecimal text, the name, the data. Name and data are each padded to 4
 * bytes.
 */
#include <lib/checked.h>
#include <lib/cpio.h>
#include <lib/errno.h>
#include <lib/string.h>

#define HEADER_SIZE  110
#define TRAILER_NAME "TRAILER!!!"
#define LINKS_MAX    16

/* Numbers of the fields after the magic that are used, eight digits each. */
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

/* Read the entry at an offset. 1; -EINVAL. Its end goes to *end, its header to fields. */
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
	/* Each of these is a sum of three 32-bit numbers, so it cannot wrap. */
	data_at = ALIGN_UP(HEADER_SIZE + (u64)fields[FIELD_NAMESIZE], 4);
	*end = data_at + fields[FIELD_FILESIZE];
	if (!fields[FIELD_NAMESIZE] || data_at > left || *end > left ||
	    name[fields[FIELD_NAMESIZE] - 1] != '\0')
		return -EINVAL;
	/* The padding behind the last file may be missing. */
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

/* Move from the end of an archive to the beginning of the next one, if there is one. */
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

/*
 * The component at *p, without "." and empty ones; its length goes to *len. *p is moved behind it.
 * NULL: there are no more.
 */
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

/* Append up to `size` characters to a path. False: it would become too long. */
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

/* The last entry with that name, and its place. False: there is none. */
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
 * Replace a link, the last component of path[0..end), by its target. The rest of the path behind
 * `end` follows the target.
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
		end = 0; /* the target may contain links too */
	} while (real[end]);
	return 0;
}

static bool same_file(const u32 *a, const u32 *b)
{
	return a[FIELD_INODE] == b[FIELD_INODE] && a[FIELD_MAJOR] == b[FIELD_MAJOR] &&
	       a[FIELD_MINOR] == b[FIELD_MINOR];
}

/*
 * Find the data of a file with hard links: of the links in the file's archive, the last one that
 * has data counts.
 */
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

/* True if the sum of a file's bytes matches its header, or if its archive has no sums. */
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
