/* SPDX-License-Identifier: Apache-2.0 */
#include <kernel/early.h>
#include <kernel/ram.h>
#include <lib/checked.h>

/*
 * A list in ascending order. The next search begins where the last range was added or cut, if
 * possible: the devicetree has most ranges in order.
 */
struct ranges {
	struct ram_range *first, *hint;
};

/* All ranges that were taken, with their use. In no order. */
struct taken {
	u64 start, end;
	enum ram_use use;
	struct taken *next;
};

static struct ranges all, mapped, unused;
static struct taken *taken_first;

static const char *const words[RAM_USES] = {
	[RAM_IMAGE] = "the hypervisor is there",
	[RAM_TREE] = "the devicetree is there",
	[RAM_BUNDLE] = "the bundle is there",
	[RAM_RESERVED] = "the devicetree reserves it",
	[RAM_NO_MAP] = "the devicetree reserves it (no-map)",
	[RAM_PRELOADED] = "a preloaded image is there",
};

/* The end of a range. A range that would pass the end of the address space ends there. */
static u64 end_of(const struct phys_range *r)
{
	u64 end;

	return checked_add(r->base.pa, r->size, &end) ? end : ALIGN_DOWN(UINT64_MAX, PAGE_SIZE);
}

static struct ram_range *make(u64 start, u64 end, struct ram_range *next)
{
	struct ram_range *r = early_alloc(sizeof(*r), sizeof(u64));

	if (r)
		*r = (struct ram_range){ start, end, next };
	return r;
}

/* The place in the list where the ranges begin that end at `at` or behind it. */
static struct ram_range **find(struct ranges *list, u64 at)
{
	struct ram_range **link = &list->first;

	if (list->hint && list->hint->end < at)
		link = &list->hint->next;
	else
		list->hint = NULL;
	for (; *link && (*link)->end < at; link = &(*link)->next)
		list->hint = *link;
	return link;
}

/* Add a range. It merges with the ranges that it touches. */
static bool add(struct ranges *list, u64 start, u64 end)
{
	struct ram_range **link = find(list, start), *r = *link, *rest = r;

	for (; rest && rest->start <= end; rest = rest->next) {
		start = MIN(start, rest->start);
		end = MAX(end, rest->end);
	}
	if (r == rest) {
		*link = make(start, end, rest);
		return *link;
	}
	*r = (struct ram_range){ start, end, rest };
	return true;
}

static bool cut(struct ranges *list, u64 start, u64 end)
{
	struct ram_range **link = find(list, start), *r;

	while ((r = *link) && r->start < end) {
		if (r->start < start && r->end > end) {
			r->next = make(end, r->end, r->next);
			r->end = start;
			return r->next;
		}
		if (r->start >= start && r->end <= end) {
			*link = r->next; /* r is not the hint, which ends before `start` */
			continue;
		}
		if (r->start < start)
			r->end = MIN(r->end, start);
		else
			r->start = end;
		link = &r->next;
	}
	return true;
}

void ram_reset(void)
{
	all = mapped = unused = (struct ranges){ NULL, NULL };
	taken_first = NULL;
}

bool ram_add(struct phys_range r)
{
	return !r.size || add(&all, r.base.pa, end_of(&r));
}

/* Page 0 is left out: address 0 means "none". */
bool ram_settle(u64 limit)
{
	const struct ram_range *r = all.first;

	all = (struct ranges){ NULL, NULL };
	for (; r; r = r->next) {
		u64 start = MAX(ALIGN_UP(r->start, PAGE_SIZE), PAGE_SIZE);
		u64 end = ALIGN_DOWN(MIN(r->end, limit), PAGE_SIZE);

		if (start < end && (!add(&all, start, end) || !add(&mapped, start, end) ||
				    !add(&unused, start, end)))
			return false;
	}
	return true;
}

bool ram_take(struct phys_range r, enum ram_use use)
{
	u64 start = ALIGN_DOWN(r.base.pa, PAGE_SIZE);
	u64 end = ALIGN_UP(MIN(end_of(&r), BIT(63)), PAGE_SIZE);
	struct taken *t;

	if (!r.size)
		return true;
	t = early_alloc(sizeof(*t), sizeof(u64));
	if (!t)
		return false;
	*t = (struct taken){ r.base.pa, end_of(&r), use, taken_first };
	taken_first = t;
	if ((use == RAM_NO_MAP || use == RAM_IMAGE) && !cut(&mapped, start, end))
		return false;
	return cut(&unused, start, end);
}

static bool in_list(const struct ranges *list, u64 start, u64 size)
{
	for (const struct ram_range *r = list->first; r; r = r->next)
		if (range_within(start, size, r->start, r->end - r->start))
			return true;
	return false;
}

const char *ram_problem(struct phys_range r, u32 but)
{
	u64 end;

	if (!r.size)
		return "it is empty";
	if (!checked_add(r.base.pa, r.size, &end))
		return "it passes the end of the address space";
	for (const struct taken *t = taken_first; t; t = t->next)
		if (!(but & BIT(t->use)) && r.base.pa < t->end && t->start < end)
			return words[t->use];
	return in_list(&mapped, r.base.pa, r.size) ? NULL : "not all of it is RAM";
}

bool ram_holds(struct phys_range r, enum ram_use use)
{
	for (const struct taken *t = taken_first; t; t = t->next)
		if (t->use == use && range_within(r.base.pa, r.size, t->start, t->end - t->start))
			return true;
	return false;
}

u64 ram_free_from(u64 pa, u64 max)
{
	for (const struct ram_range *r = unused.first; r; r = r->next)
		if (pa >= r->start && pa < r->end)
			return MIN(max, r->end - pa);
	return 0;
}

const struct ram_range *ram_all(void)
{
	return all.first;
}

const struct ram_range *ram_mapped(void)
{
	return mapped.first;
}

const struct ram_range *ram_free(void)
{
	return unused.first;
}
