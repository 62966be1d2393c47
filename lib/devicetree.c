/* SPDX-License-Identifier: Apache-2.0 */
/* Devicetree Specification v0.4, chapter 5. Numbers are big-endian; all are read as they may lie, at any alignment. */
#include <lib/devicetree.h>
#include <lib/string.h>

/* The header, 5.2. */
#define HEADER_BYTES      40
#define H_MAGIC           0
#define H_TOTALSIZE       4
#define H_OFF_STRUCT      8
#define H_OFF_STRINGS     12
#define H_OFF_RESERVED    16
#define H_VERSION         20
#define H_LAST_COMPATIBLE 24
#define H_SIZE_STRINGS    32
#define H_SIZE_STRUCT     36

#define MAGIC   0xd00dfeed
#define VERSION 17 /* the first that gives the structure block's size */

#define TAG_BYTES         4U
#define PROP_BYTES        12U /* tag, length, name */
#define RESERVATION_BYTES 16U

typedef u32 __attribute__((may_alias, aligned(1))) word_t;
typedef u64 __attribute__((may_alias, aligned(1))) dword_t;

static inline u32 word(const void *p)
{
	return __builtin_bswap32(*(const word_t *)p);
}

static inline u64 dword(const void *p)
{
	return __builtin_bswap64(*(const dword_t *)p);
}

static inline u32 field(const void *blob, u32 at)
{
	return word((const u8 *)blob + at);
}

/* ---- checking ---- */

static const char *check_header(const void *blob, u64 size)
{
	if (size < HEADER_BYTES || field(blob, H_MAGIC) != MAGIC)
		return "does not begin as one";
	if (field(blob, H_VERSION) < VERSION || field(blob, H_LAST_COMPATIBLE) > VERSION)
		return "has a version other than 17";
	if (field(blob, H_TOTALSIZE) >= INT32_MAX) /* libfdt has ints */
		return "has 2 GiB or more";
	return NULL;
}

/* The block [offset, offset + length) lies behind the header and in the tree, aligned, and we have it. */
static const char *check_block(const void *blob, u64 size, u32 offset, u32 length, u32 align)
{
	u64 end = (u64)offset + length;

	if (offset < HEADER_BYTES || offset % align || end > field(blob, H_TOTALSIZE))
		return "has a block outside of it";
	return end > size ? "is cut off" : NULL;
}

/* The last entry is all zeros: in *end the offset behind it. */
static const char *check_reservations(const void *blob, u64 size, u32 *end)
{
	u32 at = field(blob, H_OFF_RESERVED), limit = (u32)MIN(size, field(blob, H_TOTALSIZE));
	const char *why = check_block(blob, size, at, RESERVATION_BYTES, 8);

	while (!why && limit - at >= RESERVATION_BYTES) {
		const u8 *entry = (const u8 *)blob + at;

		at += RESERVATION_BYTES;
		*end = at;
		if (!dword(entry) && !dword(entry + 8))
			return NULL;
	}
	return why ? why : "has memory reservations without an end";
}

/* Then whatever begins in the block ends in it, soon. */
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

/* The structure block while it is looked at. */
struct walk {
	const u8 *at, *end; /* end: the block's, in whole words */
	u32 strings_size;
	u32 depth, nodes;
	bool props; /* a property may stand here: behind the name of a node or another property */
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
	w->at += ALIGN_UP(name + 1, TAG_BYTES);
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
	if (room < PROP_BYTES - TAG_BYTES)
		return "has no end";
	length = ALIGN_UP((u64)word(w->at), TAG_BYTES);
	if (length > room - (PROP_BYTES - TAG_BYTES))
		return "has a property longer than the tree";
	if (word(w->at + TAG_BYTES) >= w->strings_size)
		return "has a property's name outside of it";
	w->at += PROP_BYTES - TAG_BYTES + length;
	return NULL;
}

/* All tags up to the end; a step a tag. */
static const char *check_structure(struct walk *w)
{
	const char *why = NULL;

	while (!why && (u64)(w->end - w->at) >= TAG_BYTES) {
		u32 tag = word(w->at);

		w->at += TAG_BYTES;
		if (tag == DT_BEGIN_NODE)
			why = check_begin(w);
		else if (tag == DT_PROP)
			why = check_prop(w);
		else if (tag == DT_END_NODE)
			why = check_end(w);
		else if (tag == DT_END)
			return w->nodes && !w->depth ? NULL : "ends inside a node";
		else if (tag != DT_NOP || !w->nodes) /* the root is at 0, whoever looks for it */
			why = "has an unknown tag";
	}
	return why ? why : "has no end";
}

const char *dt_check(const void *blob, u64 size, struct dt_facts *facts)
{
	const char *why = check_header(blob, size);
	u32 structs, structs_size, strings, strings_size, reserved_end = 0;
	struct walk w = { .depth = 0 };

	if (why)
		return why;
	structs = field(blob, H_OFF_STRUCT);
	structs_size = field(blob, H_SIZE_STRUCT);
	strings = field(blob, H_OFF_STRINGS);
	strings_size = field(blob, H_SIZE_STRINGS);
	why = check_block(blob, size, structs, structs_size, TAG_BYTES);
	if (!why)
		why = check_block(blob, size, strings, strings_size, 1);
	if (!why)
		why = check_reservations(blob, size, &reserved_end);
	if (!why)
		why = check_strings((const char *)blob + strings, strings_size);
	if (why)
		return why;
	w.at = (const u8 *)blob + structs;
	w.end = w.at + ALIGN_DOWN(structs_size, TAG_BYTES);
	w.strings_size = strings_size;
	why = check_structure(&w);
	if (facts)
		*facts = (struct dt_facts){
			.nodes = w.nodes,
			.length = MAX(MAX(structs + structs_size, strings + strings_size),
				      reserved_end),
		};
	return why;
}

/* ---- walking ---- */

struct dt dt_open(const void *blob)
{
	return (struct dt){ (const u8 *)blob + field(blob, H_OFF_STRUCT),
			    (const char *)blob + field(blob, H_OFF_STRINGS) };
}

enum dt_tag dt_tag(const struct dt *t, u32 at, u32 *next)
{
	enum dt_tag tag = (enum dt_tag)word(t->structs + at);

	at += TAG_BYTES;
	if (tag == DT_BEGIN_NODE)
		at += (u32)strlen((const char *)t->structs + at) + 1;
	else if (tag == DT_PROP)
		at += PROP_BYTES - TAG_BYTES + word(t->structs + at);
	*next = (u32)ALIGN_UP(at, TAG_BYTES);
	return tag;
}

const char *dt_node_name(const struct dt *t, u32 at)
{
	return (const char *)t->structs + at + TAG_BYTES;
}

struct dt_prop dt_prop(const struct dt *t, u32 at)
{
	const u8 *p = t->structs + at;

	return (struct dt_prop){ .name = t->strings + word(p + 2 * TAG_BYTES),
				 .value = p + PROP_BYTES,
				 .len = word(p + TAG_BYTES) };
}

bool dt_reservation(const void *blob, u32 i, u64 *base, u64 *size)
{
	const u8 *entry =
		(const u8 *)blob + field(blob, H_OFF_RESERVED) + (u64)i * RESERVATION_BYTES;

	*base = dword(entry);
	*size = dword(entry + 8);
	return *base || *size;
}
