/* SPDX-License-Identifier: Apache-2.0 */
/* The blocks are in the specification's order: header, reservations, structure, strings. */
#include <lib/dt_write.h>
#include <lib/errno.h>
#include <lib/string.h>
#include "dt_layout.h"

static u8 *grab(struct dt_writer *w, u64 bytes)
{
	u8 *p = w->blob + w->at;

	if (w->err)
		return NULL;
	if (bytes > w->size - w->at) {
		w->err = -ENOSPC;
		return NULL;
	}
	w->at += (u32)bytes;
	return p;
}

static void put_word(u8 *p, u32 value)
{
	*(dt_word_t *)p = __builtin_bswap32(value);
}

/*
 * Make room for a tag and the bytes behind it, in whole words. The last word is set to 0 here: it
 * holds the padding.
 */
static u8 *grab_tag(struct dt_writer *w, enum dt_tag tag, u64 bytes)
{
	u64 total = ALIGN_UP(DT_TAG_BYTES + bytes, DT_TAG_BYTES);
	u8 *p = grab(w, total);

	if (!p)
		return NULL;
	put_word(p + total - DT_TAG_BYTES, 0);
	put_word(p, tag);
	return p + DT_TAG_BYTES;
}

/* The block ends with an all-zero entry. Once that entry exists, w->at is behind it. */
static void put_reservation(struct dt_writer *w, u64 base, u64 size)
{
	u8 *p = grab(w, DT_RESERVATION_BYTES);

	if (!p)
		return;
	*(dt_dword_t *)p = __builtin_bswap64(base);
	*(dt_dword_t *)(p + 8) = __builtin_bswap64(size);
}

static void end_reservations(struct dt_writer *w)
{
	put_reservation(w, 0, 0);
	w->structs = w->at;
}

void dt_reserve(struct dt_writer *w, u64 base, u64 size)
{
	if (w->err)
		return;
	w->at -= DT_RESERVATION_BYTES;
	put_reservation(w, base, size);
	end_reservations(w);
}

void dt_create(struct dt_writer *w, void *blob, u64 size, const void *from)
{
	u64 base, bytes;

	*w = (struct dt_writer){ .blob = blob, .size = (u32)MIN(size, INT32_MAX) };
	if (from) {
		w->copied = dt_open(from).strings;
		w->copied_size = w->names_size = dt_field(from, DT_H_SIZE_STRINGS);
	}
	(void)grab(w, DT_HEADER_BYTES);
	for (u32 i = 0; from && dt_reservation(from, i, &base, &bytes); i++)
		put_reservation(w, base, bytes);
	end_reservations(w);
}

void dt_begin(struct dt_writer *w, const char *name)
{
	size_t len = strlen(name);
	u8 *p = grab_tag(w, DT_BEGIN_NODE, len + 1);

	if (p)
		memcpy(p, name, len + 1);
}

void dt_end(struct dt_writer *w)
{
	(void)grab_tag(w, DT_END_NODE, 0);
}

static void put(struct dt_writer *w, u32 name, const void *value, size_t len)
{
	u8 *p = grab_tag(w, DT_PROP, DT_PROP_BYTES - DT_TAG_BYTES + len);

	if (!p)
		return;
	put_word(p, (u32)len);
	put_word(p + DT_TAG_BYTES, name);
	if (len)
		memcpy(p + 2 * DT_TAG_BYTES, value, len);
}

/*
 * Own names are literals, so a name is compared by its address. Equal names from different places
 * are stored twice.
 */
static u32 own_name(struct dt_writer *w, const char *name)
{
	u32 i = w->own_count, offset = w->names_size;

	while (i-- > 0)
		if (w->own[i].name == name)
			return w->own[i].offset;
	if (w->own_count == DT_OWN_NAMES) {
		dt_fail(w, -ENOSPC);
		return 0;
	}
	w->own[w->own_count].name = name;
	w->own[w->own_count++].offset = offset;
	w->names_size += (u32)strlen(name) + 1;
	return offset;
}

void dt_put(struct dt_writer *w, const char *name, const void *value, size_t len)
{
	put(w, own_name(w, name), value, len);
}

void dt_put_copy(struct dt_writer *w, const struct dt_prop *prop)
{
	put(w, (u32)(prop->name - w->copied), prop->value, prop->len);
}

void dt_fail(struct dt_writer *w, int err)
{
	if (!w->err)
		w->err = err;
}

static void put_header(const struct dt_writer *w, u32 strings)
{
	static const struct {
		u32 at, value;
	} fixed[] = {
		{ DT_H_MAGIC, DT_MAGIC },
		{ DT_H_OFF_RESERVED, DT_HEADER_BYTES },
		{ DT_H_VERSION, DT_VERSION },
		{ DT_H_LAST_COMPATIBLE, DT_VERSION - 1 },
	};

	memset(w->blob, 0, DT_HEADER_BYTES);
	for (u32 i = 0; i < ARRAY_SIZE(fixed); i++)
		put_word(w->blob + fixed[i].at, fixed[i].value);
	put_word(w->blob + DT_H_TOTALSIZE, w->at);
	put_word(w->blob + DT_H_OFF_STRUCT, w->structs);
	put_word(w->blob + DT_H_SIZE_STRUCT, strings - w->structs);
	put_word(w->blob + DT_H_OFF_STRINGS, strings);
	put_word(w->blob + DT_H_SIZE_STRINGS, w->names_size);
}

int dt_finish(struct dt_writer *w)
{
	u32 strings;
	u8 *p;

	(void)grab_tag(w, DT_END, 0);
	strings = w->at;
	p = grab(w, w->names_size);
	if (!p)
		return w->err;
	if (w->copied_size)
		memcpy(p, w->copied, w->copied_size);
	for (u32 i = 0; i < w->own_count; i++)
		(void)memcpy(p + w->own[i].offset, w->own[i].name, strlen(w->own[i].name) + 1);
	put_header(w, strings);
	return 0;
}
