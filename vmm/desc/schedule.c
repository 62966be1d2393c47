/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a schedule: each node is a CPU, and each node in it is a window. */
#include <kernel/percpu.h>
#include <lib/devicetree.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <lib/text.h>
#include <libfdt.h>
#include <vmm/desc.h>

_Static_assert(SCHEDULE_CPUS == MAX_CPUS, "a row for every CPU");
_Static_assert(2 * SCHEDULE_WINDOWS + 1 <= FRAME_SLOTS, "windows and what is between them");

/* What is being read, for messages. */
struct where {
	const void *fdt;
	const char *file;
	char node[160];
	struct desc_error *err;
};

#define refuse(w, prop, ...) desc_refuse((w)->err, (w)->file, (w)->node, prop, __VA_ARGS__)

static int read_number(const struct where *w, int node, const char *prop, u64 min, u64 max,
		       u64 *number)
{
	int len;
	const fdt32_t *cell = fdt_getprop(w->fdt, node, prop, &len);

	if (!cell)
		return refuse(w, prop, "is missing");
	if (len != 4)
		return refuse(w, prop, "must be 1 cell, but has %d bytes", len);
	*number = fdt32_ld(cell);
	if (*number < min || *number > max)
		return refuse(w, prop, "%lu is out of range: %lu to %lu", *number, min, max);
	return 0;
}

static int read_name(const struct where *w, int node, const char *prop, char *name)
{
	int len;
	const char *s = fdt_getprop(w->fdt, node, prop, &len);

	if (!s)
		return refuse(w, prop, "is missing");
	if (len < 2 || strnlen(s, (size_t)len) != (size_t)len - 1 || len > DESC_NAME_MAX)
		return refuse(w, prop, "must be one string of 1 to %u characters",
			      DESC_NAME_MAX - 1);
	(void)str_copy(name, s, DESC_NAME_MAX);
	return 0;
}

static int check_names(const struct where *w, int node, const char *const *names, u32 count)
{
	int offset;

	fdt_for_each_property_offset(offset, w->fdt, node) {
		const char *name = NULL;
		bool known = false;

		if (!fdt_getprop_by_offset(w->fdt, offset, &name, NULL) || !name)
			continue;
		for (u32 i = 0; i < count; i++)
			known |= str_eq(name, names[i]);
		if (!known)
			return refuse(w, name, "unknown property");
	}
	return 0;
}

static bool overlap(const struct schedule_window *a, const struct schedule_window *b)
{
	return a->offset_us < b->offset_us + b->length_us &&
	       b->offset_us < a->offset_us + a->length_us;
}

int schedule_add_window(struct schedule_cpu *c, const struct schedule_window *new,
			const char **prop, char *why, size_t size)
{
	u32 at = c->count;

	*prop = NULL;
	if (new->offset_us + new->length_us > c->frame_us) {
		*prop = "length-us";
		text_print(why, size, "%lu + %lu us pass the end of the frame, %lu us",
			   new->offset_us, new->length_us, c->frame_us);
		return -EINVAL;
	}
	if (c->count == SCHEDULE_WINDOWS) {
		text_print(why, size, "a CPU has at most %u windows", SCHEDULE_WINDOWS);
		return -EINVAL;
	}
	for (u32 i = 0; i < c->count; i++) {
		const struct schedule_window *other = &c->windows[i];

		if (!overlap(new, other))
			continue;
		*prop = "offset-us";
		text_print(why, size, "%lu to %lu us overlaps '%s' of '%s', %lu to %lu us",
			   new->offset_us, new->offset_us + new->length_us, other->node, other->vm,
			   other->offset_us, other->offset_us + other->length_us);
		return -EINVAL;
	}
	for (; at > 0 && c->windows[at - 1].offset_us > new->offset_us; at--)
		c->windows[at] = c->windows[at - 1];
	c->windows[at] = *new;
	c->count++;
	return 0;
}

static int read_window(struct where *w, int node, struct schedule_cpu *c)
{
	static const char *const names[] = { "vm", "offset-us", "length-us" };
	struct schedule_window new = { .offset_us = 0 };
	const char *prop;
	char why[200];
	int ret;

	text_print(new.node, sizeof(new.node), "%s", fdt_get_name(w->fdt, node, NULL));
	ret = read_name(w, node, "vm", new.vm);
	if (!ret)
		ret = read_number(w, node, "offset-us", 0, FRAME_US_MAX, &new.offset_us);
	if (!ret)
		ret = read_number(w, node, "length-us", WINDOW_US_MIN, FRAME_US_MAX,
				  &new.length_us);
	if (!ret)
		ret = check_names(w, node, names, ARRAY_SIZE(names));
	if (!ret && fdt_first_subnode(w->fdt, node) >= 0)
		ret = refuse(w, NULL, "has a node in it");
	if (ret)
		return ret;
	ret = schedule_add_window(c, &new, &prop, why, sizeof(why));
	return ret ? refuse(w, prop, "%s", why) : 0;
}

static int read_cpu(struct where *w, int node, struct schedule *s)
{
	static const char *const names[] = { "reg", "frame-us" };
	const char *name = fdt_get_name(w->fdt, node, NULL);
	struct schedule_cpu *c;
	u64 cpu = 0, frame = 0;
	int ret, window;

	text_print(w->node, sizeof(w->node), "/%s", name);
	ret = read_number(w, node, "reg", 0, SCHEDULE_CPUS - 1, &cpu);
	if (!ret)
		ret = read_number(w, node, "frame-us", FRAME_US_MIN, FRAME_US_MAX, &frame);
	if (!ret)
		ret = check_names(w, node, names, ARRAY_SIZE(names));
	if (ret)
		return ret;
	c = &s->cpus[cpu];
	if (c->frame_us)
		return refuse(w, "reg", "CPU %lu has a frame already", cpu);
	c->frame_us = frame;
	fdt_for_each_subnode(window, w->fdt, node) {
		text_print(w->node, sizeof(w->node), "/%s/%s", name,
			   fdt_get_name(w->fdt, window, NULL));
		ret = read_window(w, window, c);
		if (ret)
			return ret;
	}
	text_print(w->node, sizeof(w->node), "/%s", name);
	return c->count ? 0 : refuse(w, NULL, "has no window");
}

bool schedule_is_one(const void *fdt, u64 size)
{
	return !dt_check(fdt, size, NULL) && !fdt_node_check_compatible(fdt, 0, "zvm,schedule");
}

int schedule_parse(const void *fdt, u64 size, const char *file, struct schedule *s,
		   struct desc_error *err)
{
	static const char *const names[] = { "compatible" };
	struct where w = { .fdt = fdt, .file = file, .node = "/", .err = err };
	const char *why = dt_check(fdt, size, NULL);
	int ret, node;

	memset(s, 0, sizeof(*s));
	err->text[0] = '\0';
	if (why)
		return desc_refuse(err, file, NULL, NULL, "not a compiled devicetree: it %s", why);
	if (fdt_node_check_compatible(fdt, 0, "zvm,schedule"))
		return refuse(&w, "compatible", "is not \"zvm,schedule\"");
	ret = check_names(&w, 0, names, ARRAY_SIZE(names));
	if (ret)
		return ret;
	fdt_for_each_subnode(node, fdt, 0) {
		ret = read_cpu(&w, node, s);
		if (ret)
			return ret;
	}
	return 0;
}
