/* SPDX-License-Identifier: Apache-2.0 */
/* The check of a devicetree, and the walk through a tree that passed. */
#include <lib/devicetree.h>
#include <lib/string.h>
#include "dt_layout.h"

/* ---- checking ---- */

static const char *check_header(const void *blob, u64 size)
{
	if (size < DT_HEADER_BYTES || dt_field(blob, DT_H_MAGIC) != DT_MAGIC)
		return "does not begin as one";
	if (dt_field(blob, DT_H_VERSION) < DT_VERSION ||
	    dt_field(blob, DT_H_LAST_COMPATIBLE) > DT_VERSION)
		return "has a version other than 17";
	if (dt_field(blob, DT_H_TOTALSIZE) >= INT32_MAX) /* libfdt's offsets are ints */
		return "has 2 GiB or more";
	return NULL;
}

/*
 * Check that the block [offset, offset + length) is aligned, lies behind the header and in the
 * tree, and is within `size`.
 */
static const char *check_block(const void *blob, u64 size, u32 offset, u32 length, u32 align)
{
	u64 end = (u64)offset + length;

	if (offset < DT_HEADER_BYTES || offset % align || end > dt_field(blob, DT_H_TOTALSIZE))
		return "has a block outside of it";
	return end > size ? "is cut off" : NULL;
}

/* The last entry is all zeros. The offset behind it goes to *end. */
static const char *check_reservations(const void *blob, u64 size, u32 *end)
{
	u32 at = dt_field(blob, DT_H_OFF_RESERVED),
	    limit = (u32)MIN(size, dt_field(blob, DT_H_TOTALSIZE));
	const char *why = check_block(blob, size, at, DT_RESERVATION_BYTES, 8);

	while (!why && limit - at >= DT_RESERVATION_BYTES) {
		const u8 *entry = (const u8 *)blob + at;

		at += DT_RESERVATION_BYTES;
		*end = at;
		if (!dt_dword(entry) && !dt_dword(entry + 8))
			return NULL;
	}
	return why ? why : "has memory reservations without an end";
}

/*
 * If the last string ends, every string ends inside the block. Each must end within 255 characters.
 */
static const char *check_strings(const char *strings, u32 size)
{
	u32 length = 0;

	for (u32 i = 0; i < size; i++) {
		length = strings[i] ? length + 1 : 0;
		if (length > DT_NAME_MAX)
			return "has a name of more than 255 characters";
	}
	return length ? "has a name without an end" : NULL;
}

/* State of the walk through the structure block. */
struct walk {
	const u8 *at, *end; /* end: of the block, in whole words */
	const u8 *sound;    /* everything before it is well-formed */
	const char *strings;
	u32 strings_size;
	u32 depth, nodes;
	bool props; /* a property may stand here: behind a node's name or another property */
};

static const char *check_begin(struct walk *w)
{
	u64 room = (u64)(w->end - w->at), name = strnlen((const char *)w->at, room);

	if (name == room)
		return "has a node's name without an end";
	if (!w->depth && w->nodes)
		return "has two roots";
	if (!w->depth && name)
		return "has a root with a name";
	if (w->depth == DT_DEPTH_MAX)
		return "is deeper than 64 nodes";
	w->at += ALIGN_UP(name + 1, DT_TAG_BYTES);
	w->depth++;
	w->nodes++;
	w->props = true;
	return NULL;
}

static const char *check_end(struct walk *w)
{
	if (!w->depth)
		return "ends more nodes than it has";
	w->depth--;
	w->props = false;
	return NULL;
}

static const char *check_prop(struct walk *w)
{
	u64 room = (u64)(w->end - w->at), length;

	if (!w->props)
		return "has a property behind its node's children";
	if (room < DT_PROP_BYTES - DT_TAG_BYTES)
		return "has no end";
	length = ALIGN_UP((u64)dt_word(w->at), DT_TAG_BYTES);
	if (length > room - (DT_PROP_BYTES - DT_TAG_BYTES))
		return "has a property longer than the tree";
	if (dt_word(w->at + DT_TAG_BYTES) >= w->strings_size)
		return "has a property's name outside of it";
	w->at += DT_PROP_BYTES - DT_TAG_BYTES + length;
	return NULL;
}

/* Check all tags up to the end, one step each. */
static const char *check_structure(struct walk *w)
{
	const char *why = NULL;

	while (!why && (u64)(w->end - w->at) >= DT_TAG_BYTES) {
		u32 tag = dt_word(w->at);

		w->at += DT_TAG_BYTES;
		if (tag == DT_BEGIN_NODE)
			why = check_begin(w);
		else if (tag == DT_PROP)
			why = check_prop(w);
		else if (tag == DT_END_NODE)
			why = check_end(w);
		else if (tag == DT_END)
			return w->nodes && !w->depth ? NULL : "ends inside a node";
		else if (tag != DT_NOP || !w->nodes) /* readers expect the root at 0 */
			why = "has an unknown tag";
		if (!why)
			w->sound = w->at;
	}
	return why ? why : "has no end";
}

/* Check the header and the two blocks that a walk needs, and put the walk before the root. */
static const char *check_blocks(const void *blob, u64 size, struct walk *w)
{
	const char *why = check_header(blob, size);
	u32 structs, structs_size, strings;

	if (why)
		return why;
	structs = dt_field(blob, DT_H_OFF_STRUCT);
	structs_size = dt_field(blob, DT_H_SIZE_STRUCT);
	strings = dt_field(blob, DT_H_OFF_STRINGS);
	*w = (struct walk){ .at = (const u8 *)blob + structs,
			    .strings = (const char *)blob + strings,
			    .strings_size = dt_field(blob, DT_H_SIZE_STRINGS) };
	w->sound = w->at;
	w->end = w->at + ALIGN_DOWN(structs_size, DT_TAG_BYTES);
	why = check_block(blob, size, structs, structs_size, DT_TAG_BYTES);
	return why ? why : check_block(blob, size, strings, w->strings_size, 1);
}

const char *dt_check(const void *blob, u64 size, struct dt_facts *facts)
{
	u32 reserved_end = 0;
	struct walk w;
	const char *why = check_blocks(blob, size, &w);

	if (!why)
		why = check_reservations(blob, size, &reserved_end);
	if (!why)
		why = check_strings(w.strings, w.strings_size);
	if (!why)
		why = check_structure(&w);
	if (!why && facts)
		*facts = (struct dt_facts){
			.nodes = w.nodes,
			.length = MAX(dt_length(blob), reserved_end),
		};
	return why;
}

u32 dt_sound(const void *blob, u64 size)
{
	struct walk w;

	/* All names end if the last one does. */
	if (check_blocks(blob, size, &w) || !w.strings_size || w.strings[w.strings_size - 1])
		return 0;
	(void)check_structure(&w);
	return (u32)(w.sound - dt_open(blob).structs);
}

/* ---- walking ---- */

u32 dt_length(const void *blob)
{
	const u32 structs = dt_field(blob, DT_H_OFF_STRUCT) + dt_field(blob, DT_H_SIZE_STRUCT);
	const u32 strings = dt_field(blob, DT_H_OFF_STRINGS) + dt_field(blob, DT_H_SIZE_STRINGS);

	return MAX(structs, strings);
}

struct dt dt_open(const void *blob)
{
	return (struct dt){ (const u8 *)blob + dt_field(blob, DT_H_OFF_STRUCT),
			    (const char *)blob + dt_field(blob, DT_H_OFF_STRINGS) };
}

enum dt_tag dt_tag(const struct dt *t, u32 at, u32 *next)
{
	enum dt_tag tag = (enum dt_tag)dt_word(t->structs + at);

	at += DT_TAG_BYTES;
	if (tag == DT_BEGIN_NODE)
		at += (u32)strlen((const char *)t->structs + at) + 1;
	else if (tag == DT_PROP)
		at += DT_PROP_BYTES - DT_TAG_BYTES + dt_word(t->structs + at);
	*next = (u32)ALIGN_UP(at, DT_TAG_BYTES);
	return tag;
}

bool dt_next_prop(const struct dt *t, u32 *at, struct dt_prop *prop)
{
	const u8 *p = t->structs + *at;

	while (dt_word(p) == DT_NOP)
		p += DT_TAG_BYTES;
	if (dt_word(p) != DT_PROP)
		return false;
	prop->len = dt_word(p + DT_TAG_BYTES);
	prop->name = t->strings + dt_word(p + 2 * DT_TAG_BYTES);
	prop->value = p + DT_PROP_BYTES;
	*at = (u32)(p - t->structs) + DT_PROP_BYTES + (u32)ALIGN_UP(prop->len, DT_TAG_BYTES);
	return true;
}

const char *dt_node_name(const struct dt *t, u32 at)
{
	return (const char *)t->structs + at + DT_TAG_BYTES;
}

struct dt_prop dt_prop(const struct dt *t, u32 at)
{
	const u8 *p = t->structs + at;

	return (struct dt_prop){ .name = t->strings + dt_word(p + 2 * DT_TAG_BYTES),
				 .value = p + DT_PROP_BYTES,
				 .len = dt_word(p + DT_TAG_BYTES) };
}

bool dt_reservation(const void *blob, u32 i, u64 *base, u64 *size)
{
	const u8 *entry = (const u8 *)blob + dt_field(blob, DT_H_OFF_RESERVED) +
			  (u64)i * DT_RESERVATION_BYTES;

	*base = dt_dword(entry);
	*size = dt_dword(entry + 8);
	return *base || *size;
}

const char *dt_string(const struct dt_prop *prop, const char *before)
{
	const char *value = prop->value;

	if (!prop->len || value[prop->len - 1])
		return NULL; /* no strings */
	if (!before)
		return value;
	before += strlen(before) + 1;
	return before < value + prop->len ? before : NULL;
}

bool dt_lists(const struct dt_prop *prop, const char *string)
{
	const char *s = dt_string(prop, NULL);

	while (s && !(*s == *string && str_eq(s, string)))
		s = dt_string(prop, s);
	return s;
}
