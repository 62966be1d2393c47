/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VM descriptions: the walk through a blob, by the tables of desc_props.c. A property or node
 * without a row is an error. The whole blob is checked first, so the walk is safe for any blob.
 */
#include "desc_props.h"

#include <kernel/thread.h>
#include <lib/checked.h>
#include <lib/devicetree.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <libfdt.h>

#define DEFAULT_PRIORITY 20

bool desc_is_real_time(const struct vm_desc *d)
{
	return d->priority < PRIO_REALTIME || d->fifo || d->period_us || d->dedicated;
}

/* Its memory comes and goes, which takes longer than a real-time VM can wait. */
static const char *balloon_problem(const struct vm_desc *d)
{
	u32 balloons = 0;

	for (u32 i = 0; i < d->virtio_count; i++)
		balloons += d->virtio[i].kind == VIRTIO_BALLOON;
	if (balloons > 1)
		return "is given twice";
	if (balloons && desc_is_real_time(d))
		return "is not for real-time VMs: all of their memory is there before they start";
	if (balloons && d->eager)
		return "is not for a VM with memory-policy \"eager\"";
	return NULL;
}

const char *desc_sched_problem(const struct vm_desc *d, const char **prop)
{
	*prop = "budget-us";
	if (d->budget_us && !d->period_us)
		return "needs a period";
	if (d->budget_us && d->budget_us < DESC_BUDGET_MIN)
		return "is less than 10 us";
	if (d->period_us && d->budget_us > d->period_us)
		return "is more than the period";
	if (d->budget_us && d->dedicated)
		return "is for shared CPUs, not for dedicated ones";
	*prop = "period-us";
	if (d->period_us && !d->budget_us)
		return "needs a budget";
	*prop = "policy";
	if (d->fifo && d->dedicated)
		return "is for shared CPUs, not for dedicated ones";
	*prop = "virtio-balloon";
	return balloon_problem(d);
}

const char *desc_tasks_problem(const struct vm_desc *d)
{
	return d->task_count && !desc_is_real_time(d)
		       ? "has tasks, but is not real-time: give it a priority of 0 to 15, policy fifo, "
			 "a budget, or dedicated"
		       : NULL;
}

static bool row_seen(u64 seen, const char *name)
{
	for (u32 i = 0; i < desc_root.count; i++)
		if (*desc_root.rows[i].name == *name && str_eq(desc_root.rows[i].name, name))
			return seen & BIT(i);
	return false;
}

/* An image is either a file, or an address with a size. */
static int check_image(struct reader *r, u64 seen, const char *file, const char *address,
		       const char *size)
{
	u64 end;
	const struct image_ref *ref = str_eq(file, "kernel") ? &r->d->kernel : &r->d->initrd;

	r->prop = address;
	if (row_seen(seen, address) && row_seen(seen, file))
		return refuse(r, "must not be given together with %s", file);
	if (row_seen(seen, address) != row_seen(seen, size))
		return refuse(r, "must be given together with %s", size);
	if (row_seen(seen, address) && !checked_add(ref->pa.pa, ref->size, &end))
		return refuse(r, "together with %s passes the end of memory", size);
	r->prop = NULL;
	return 0;
}

/* With firmware a kernel is optional, and the firmware places it. */
static int check_start(struct reader *r, u64 seen)
{
	const bool kernel = row_seen(seen, "kernel") || row_seen(seen, "kernel-address");
	const bool initrd = row_seen(seen, "initrd") || row_seen(seen, "initrd-address");
	const bool firmware = row_seen(seen, "firmware");

	r->prop = "kernel";
	if (!kernel && !firmware)
		return refuse(r, "is missing");
	r->prop = "initrd";
	if (initrd && !kernel)
		return refuse(r, "needs a kernel");
	r->prop = "load-address";
	if (firmware && row_seen(seen, "load-address"))
		return refuse(r, "is not for a VM with firmware");
	r->prop = "variables";
	if (!firmware && row_seen(seen, "variables"))
		return refuse(r, "is for a VM with firmware");
	r->prop = NULL;
	return 0;
}

static int check_cpus(struct reader *r)
{
	r->prop = "cpus";
	return r->d->gic_version == 2 && r->d->cpus > GICV2_CPUS_MAX
		       ? refuse(r, "with gic-version 2 there are 1 to %u", GICV2_CPUS_MAX)
		       : 0;
}

static int check_ram(struct reader *r, u64 seen)
{
	const bool placed = row_seen(seen, "memory-base");
	char why[200];

	r->prop = "memory";
	if (!placed && r->d->ram.count > 1)
		return refuse(r, "has %u banks: memory-base must say where each begins",
			      r->d->ram.count);
	r->prop = placed ? "memory-base" : "memory";
	return ram_map_check(&r->d->ram, why, sizeof(why)) ? refuse(r, "%s", why) : 0;
}

static int read_root(struct reader *r, const void *fdt)
{
	const char *problem;
	u64 seen;
	int ret;

	r->node = "/";
	ret = desc_read_node(r, fdt, 0, &desc_root, &seen);
	if (ret)
		return ret;
	ret = check_image(r, seen, "kernel", "kernel-address", "kernel-size");
	if (!ret)
		ret = check_image(r, seen, "initrd", "initrd-address", "initrd-size");
	if (!ret)
		ret = check_cpus(r);
	if (!ret)
		ret = check_ram(r, seen);
	if (!ret)
		ret = check_start(r, seen);
	problem = ret ? NULL : desc_sched_problem(r->d, &r->prop);
	if (problem)
		ret = refuse(r, "%s", problem);
	r->prop = NULL;
	r->d->has_load_address = row_seen(seen, "load-address");
	r->d->has_devicetree_address = row_seen(seen, "devicetree-address");
	return ret;
}

/* passthrough: nothing of it is supported. */
static int refuse_passthrough(struct reader *r, const void *fdt, int node)
{
	int child = fdt_first_subnode(fdt, node);

	return child >= 0 ? refuse(r, "%s: is not supported by this build",
				   fdt_get_name(fdt, child, NULL))
			  : refuse(r, "is not supported by this build");
}

static int read_child(struct reader *r, const void *fdt, int node)
{
	const char *name = fdt_get_name(fdt, node, NULL);
	char path[1 + DT_NAME_MAX + 1];
	u64 seen;
	int ret = 0;

	(void)snprintf(path, sizeof(path), "/%s", name);
	r->node = path;
	if (str_eq(name, "console")) {
		ret = desc_read_node(r, fdt, node, &desc_console, &seen);
		if (!ret && fdt_first_subnode(fdt, node) >= 0)
			ret = refuse(r, "has a node in it");
	} else if (str_eq(name, "devices")) {
		ret = desc_read_devices(r, fdt, node);
	} else if (str_eq(name, "channels")) {
		ret = desc_read_channels(r, fdt, node);
	} else if (str_starts(name, "task")) {
		ret = desc_read_task(r, fdt, node);
	} else if (str_eq(name, "passthrough")) {
		ret = refuse_passthrough(r, fdt, node);
	} else {
		ret = refuse(r, "unknown node");
	}
	r->node = NULL;
	return ret;
}

void desc_defaults(struct vm_desc *d)
{
	memset(d, 0, sizeof(*d));
	d->cpus = 1;
	d->ram = ram_map_default(0);
	d->priority = DEFAULT_PRIORITY;
	d->weight = WEIGHT_NORMAL;
	d->restart = RESTART_NEVER;
	d->console_port = CONSOLE_PORT_ANY;
}

int desc_parse(const void *fdt, u64 size, const char *file, struct vm_desc *d,
	       struct desc_error *err)
{
	struct reader r = { .file = file, .d = d, .into = d, .err = err };
	const char *why, *problem;
	int ret, node;

	desc_defaults(d);
	err->text[0] = '\0';
	why = dt_check(fdt, size, NULL);
	if (why)
		return refuse(&r, "not a compiled devicetree: it %s", why);
	ret = read_root(&r, fdt);
	if (ret)
		return ret;
	fdt_for_each_subnode(node, fdt, 0) {
		ret = read_child(&r, fdt, node);
		if (ret)
			return ret;
	}
	why = desc_sched_problem(d, &r.prop);
	r.node = "/devices";
	if (why)
		return refuse(&r, "%s", why);
	r.node = r.prop = NULL;
	problem = desc_tasks_problem(d);
	if (problem)
		return refuse(&r, "%s", problem);
	return d->control_count ? desc_add_control(&r) : 0;
}
