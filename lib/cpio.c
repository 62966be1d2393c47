/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An entry is a header of hexadecimal text, the name, the data. Name and data are each padded to 4
 * bytes.
 */
#include <lib/checked.h>
#include <lib/cpio.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <lib/word.h>

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

/*
 * True if all fields are hexadecimal digits. Eight are looked at together, a byte each: 0 to 9 are
 * 0x30 to 0x39, A to F 0x41 to 0x46, a to f 0x61 to 0x66.
 */
static bool fields_hold(const u8 *header)
{
	const word_t *fields = (const word_t *)(header + 6);
	u64 wrong = 0;

	for (u32 i = 0; i < FIELDS; i++) {
		const u64 text = fields[i], letters = text >> 6 & EACH_BYTE(1);
		const u64 values = (text & EACH_BYTE(0xf)) + 9 * letters;

		/* Written again they are the text; exactly the letters are 10 to 15. */
		wrong |= (values + EACH_BYTE('0') + 7 * letters) ^ (text & ~(letters << 5));
		wrong |= ((values + EACH_BYTE(6)) >> 4 & EACH_BYTE(1)) ^ letters;
		wrong |= values & EACH_BYTE(0x10);
	}
	return !wrong;
}

static u32 field(const u8 *header, enum field number)
{
	const u8 *text = header + 6 + 8 * (size_t)number;
	u32 value = 0;

	for (u32 i = 0; i < 8; i++)
		value = value << 4 | ((text[i] & 0xfU) + (text[i] & 0x40 ? 9 : 0));
	return value;
}

/* Read the entry at an offset. 1; -EINVAL. Its end goes to *end. */
static int read_entry(const u8 *base, u64 size, u64 offset, struct cpio_entry *e, u64 *end)
{
	const u8 *header = base + offset;
	const u64 left = size - offset;
	const char *name = (const char *)header + HEADER_SIZE;
	u64 name_size, data_at;

	if (left < HEADER_SIZE ||
	    (memcmp(header, "070701", 6) != 0 && memcmp(header, "070702", 6) != 0) ||
	    !fields_hold(header))
		return -EINVAL;
	*e = (struct cpio_entry){ .size = field(header, FIELD_FILESIZE),
				  .mode = field(header, FIELD_MODE) };
	/* Each of these is a sum of three 32-bit numbers, so it cannot wrap. */
	name_size = field(header, FIELD_NAMESIZE);
	data_at = ALIGN_UP(HEADER_SIZE + name_size, 4);
	*end = data_at + e->size;
	if (!name_size || data_at > left || *end > left || name[name_size - 1] != '\0')
		return -EINVAL;
	/* The padding behind the last file may be missing. */
	*end = offset + MIN(ALIGN_UP(*end, 4), left);
	while (*name == '/' || (name[0] == '.' && name[1] == '/'))
		name++;
	e->name = name;
	e->data = header + data_at;
	return 1;
}

void cpio_open(struct cpio *c, const void *base, u64 size)
{
	*c = (struct cpio){ .base = base, .size = size };
}

/* Move from the end of an archive to the beginning of the next one, if there is one. */
static void skip_zeros(struct cpio *c)
{
	static const u8 zeros[64];

	while (c->size - c->offset >= sizeof(zeros) &&
	       !memcmp(c->base + c->offset, zeros, sizeof(zeros)))
		c->offset += sizeof(zeros);
	while (c->offset < c->size && !c->base[c->offset])
		c->offset++;
	c->archive = c->offset;
}

int cpio_next(struct cpio *c, struct cpio_entry *e)
{
	u64 end;

	while (c->offset < c->size) {
		const int ret = read_entry(c->base, c->size, c->offset, e, &end);

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

/*
 * cpio_real_path(), and the last entry of that name with its place. 1: there is one. 0: there is
 * none. -ERANGE.
 */
static int resolve(const void *base, u64 size, const char *path, char *real, struct cpio *where,
		   struct cpio_entry *e)
{
	struct path p = { .text = real };
	bool found = false;
	size_t end = 0;
	u32 links = 0;

	if (!append(&p, path, CPIO_PATH_MAX))
		return -ERANGE;
	do {
		char rest;

		end += real[end] == '/';
		while (real[end] && real[end] != '/')
			end++;
		rest = real[end];
		real[end] = '\0';
		found = look_up(base, size, real, where, e);
		real[end] = rest;
		if (!found || !is(e, CPIO_LINK))
			continue;
		if (++links > LINKS_MAX || !splice(real, end, e))
			return -ERANGE;
		end = 0; /* the target may contain links too */
		found = false;
	} while (real[end]);
	return found;
}

int cpio_real_path(const void *base, u64 size, const char *path, char *real)
{
	struct cpio_entry e;
	struct cpio where;

	return MIN(resolve(base, size, path, real, &where, &e), 0);
}

/* True if two headers are of links to one file. */
static bool same_file(const u8 *a, const u8 *b)
{
	return field(a, FIELD_INODE) == field(b, FIELD_INODE) &&
	       field(a, FIELD_MAJOR) == field(b, FIELD_MAJOR) &&
	       field(a, FIELD_MINOR) == field(b, FIELD_MINOR);
}

/*
 * Find the data of a file with hard links: of the links in the file's archive, the last one that
 * has data counts. Its header is returned; the file's own, if no link has data.
 */
static const u8 *find_data(const struct cpio *where, struct cpio_entry *e)
{
	const u8 *own = where->base + where->at, *header = own;
	struct cpio c = *where;
	struct cpio_entry next;

	for (c.offset = c.archive; cpio_next(&c, &next) > 0 && c.archive == where->archive;) {
		if (!next.size || !is(&next, CPIO_REGULAR) || !same_file(own, c.base + c.at))
			continue;
		e->data = next.data;
		e->size = next.size;
		header = c.base + c.at;
	}
	return header;
}

/* True if the sum of a file's bytes matches its header, or if its archive has no sums. */
static bool sum_holds(const u8 *header, const struct cpio_entry *e)
{
	const u8 *data = e->data;
	u32 sum = 0;

	if (header[5] != '2')
		return true;
	for (u64 i = 0; i < e->size; i++)
		sum += data[i];
	return sum == field(header, FIELD_CHECK);
}

int cpio_find(const void *base, u64 size, const char *path, struct cpio_entry *e)
{
	char real[CPIO_PATH_MAX];
	const u8 *header;
	struct cpio where;
	int ret = resolve(base, size, path, real, &where, e);

	if (ret < 0)
		return ret;
	if (!ret || !is(e, CPIO_REGULAR))
		return -ENOENT;
	header = where.base + where.at;
	if (!e->size && field(header, FIELD_LINKS) > 1)
		header = find_data(&where, e);
	return sum_holds(header, e) ? 0 : -EIO;
}
