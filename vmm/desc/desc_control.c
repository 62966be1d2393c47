/* SPDX-License-Identifier: Apache-2.0 */
/* `control` of a VM description: which VMs this one's guest may create, run and delete. */
#include "desc_props.h"

#include <lib/string.h>

bool desc_controls(const struct vm_desc *d, const char *label)
{
	for (u32 i = 0; i < d->control_count; i++)
		if (str_eq(d->control[i], label))
			return true;
	return false;
}

/* Labels of types: a list of strings, which ends with a terminator. */
int desc_read_control(struct reader *r, const struct prop_row *row)
{
	const char *s = r->value, *end = s + r->len, *problem;
	struct vm_desc *d = r->d;

	(void)row;
	if (!r->len || end[-1])
		return refuse(r, "is not a list of strings");
	for (; s < end; s += strlen(s) + 1) {
		problem = desc_name_problem(s);
		if (problem)
			return refuse(r, "'%s'%s", s, problem);
		if (str_eq(s, d->label))
			return refuse(r, "'%s' is this type itself", s);
		if (desc_controls(d, s))
			return refuse(r, "'%s' is there twice", s);
		if (d->control_count == DESC_CONTROL_MAX)
			return refuse(r, "has more than %u names", DESC_CONTROL_MAX);
		if (!str_copy(d->control[d->control_count], s, DESC_NAME_MAX))
			return refuse(r, "'%s' is longer than %u bytes", s, DESC_NAME_MAX - 1);
		d->control_count++;
	}
	return 0;
}

static bool has_port(const struct desc_virtio *v, const char *name)
{
	for (u32 i = 0; i < v->port_count; i++)
		if (str_eq(v->ports[i], name))
			return true;
	return false;
}

/* A console for the port alone: its terminal is of no use. */
static struct desc_virtio *add_console(struct vm_desc *d)
{
	struct desc_virtio *v;

	if (d->virtio_count == DESC_VIRTIO_MAX)
		return NULL;
	v = &d->virtio[d->virtio_count++];
	*v = (struct desc_virtio){ .name = CONTROL_CONSOLE,
				   .kind = VIRTIO_CONSOLE,
				   .slot = VIRTIO_SLOTS,
				   .no_terminal = true };
	return v;
}

int desc_add_control(struct reader *r)
{
	struct vm_desc *d = r->d;
	struct desc_virtio *to = NULL;

	r->node = "/";
	r->prop = "control";
	for (u32 i = 0; i < d->virtio_count; i++) {
		struct desc_virtio *v = &d->virtio[i];

		if (v->kind != VIRTIO_CONSOLE)
			continue;
		if (has_port(v, CONTROL_PORT))
			return refuse(r, "gives the VM the port %s: do not name it in port-names",
				      CONTROL_PORT);
		if (!to && v->port_count < DESC_PORTS)
			to = v;
	}
	if (!to)
		to = add_console(d);
	if (!to)
		return refuse(r, "needs a virtio console, and there are %u devices already",
			      DESC_VIRTIO_MAX);
	(void)str_copy(to->ports[to->port_count++], CONTROL_PORT, DESC_NAME_MAX);
	to->has_control = true;
	return desc_choose_slots(r);
}
