/* SPDX-License-Identifier: Apache-2.0 */
/* /task<n> of a VM description: a periodic task of the guest, for its timing. */
#include "desc_props.h"

#include <lib/errno.h>
#include <lib/string.h>
#include <lib/text.h>
#include <libfdt.h>

#define T(member) .field = offsetof(struct desc_task, member), .min = 1, .max = DESC_PERIOD_MAX

static const struct prop_row rows[] = {
	{ "period-us", desc_u32, T(period_us), .required = true },
	{ "wcet-us", desc_u32, T(wcet_us), .required = true },
	{ "deadline-us", desc_u32, T(deadline_us) },
};
static const struct prop_table table = { rows, ARRAY_SIZE(rows) };

static int check(struct reader *r, const struct desc_task *t)
{
	r->prop = "deadline-us";
	if (t->deadline_us > t->period_us)
		return refuse(r, "is more than the period");
	r->prop = "wcet-us";
	if (t->wcet_us > t->deadline_us)
		return refuse(r, "is more than the deadline");
	r->prop = NULL;
	return 0;
}

/* Of the description that is being read, or was read last. */
static struct desc_task parsed[DESC_TASKS_MAX];

static void insert(struct vm_desc *d, const struct desc_task *t)
{
	u32 at = d->task_count++;

	for (; at && parsed[at - 1].deadline_us > t->deadline_us; at--)
		parsed[at] = parsed[at - 1];
	parsed[at] = *t;
	d->tasks = parsed;
}

int desc_read_task(struct reader *r, const void *fdt, int node)
{
	const char *name = fdt_get_name(fdt, node, NULL);
	struct desc_task t = { .number = 0 };
	u64 number;
	u64 seen;

	if (parse_u64(name + strlen("task"), &number) || number > UINT32_MAX)
		return refuse(r, "unknown node: a task has a number, task0");
	if (r->d->task_count == DESC_TASKS_MAX)
		return refuse(r, "a VM has at most %u tasks", DESC_TASKS_MAX);
	t.number = (u32)number;
	r->into = &t;
	if (desc_read_node(r, fdt, node, &table, &seen))
		return -EINVAL;
	if (!t.deadline_us)
		t.deadline_us = t.period_us;
	if (check(r, &t))
		return -EINVAL;
	insert(r->d, &t);
	return fdt_first_subnode(fdt, node) >= 0 ? refuse(r, "has a node in it") : 0;
}
