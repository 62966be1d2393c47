/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VM descriptions, and a bundle with the files that they name. An accepted one keeps the promises
 * of vmm/desc.h; a refused one has a reason.
 */
#include "grammar.h"

#include <lib/cpio.h>
#include <string.h>
#include <vmm/desc.h>
#include <vmm/load.h>
#include <vmm/timing.h>

static void check_text(const char *text, size_t size)
{
	fuzz_assert(memchr(text, '\0', size) != NULL);
}

static void check_refusal(const struct desc_error *err)
{
	fuzz_assert(err->text[0] != '\0');
	fuzz_check_line(err->text, sizeof(err->text));
}

static void check_accepted(const struct vm_desc *d)
{
	const char *prop;
	char why[160];

	fuzz_check_line(d->label, sizeof(d->label));
	fuzz_assert(d->label[0] != '\0');
	fuzz_assert(d->cpus >= 1 && d->cpus <= DESC_CPUS_MAX);
	fuzz_assert(d->ram.count >= 1 && d->ram.count <= RAM_BANKS_MAX);
	fuzz_assert(!ram_map_check(&d->ram, why, sizeof(why)));
	fuzz_assert(d->kernel.path[0] != '\0' || d->kernel.size || d->firmware.path[0] != '\0');
	fuzz_assert(!desc_sched_problem(d, &prop));
	check_text(d->kernel.path, sizeof(d->kernel.path));
	check_text(d->initrd.path, sizeof(d->initrd.path));
	check_text(d->devicetree.path, sizeof(d->devicetree.path));
	check_text(d->firmware.path, sizeof(d->firmware.path));
	check_text(d->variables, sizeof(d->variables));
	fuzz_check_line(d->bootargs, sizeof(d->bootargs));
}

/* Two VMs of it, on its CPUs, and windows: the search for their bounds ends. */
static void check_timing(struct fuzz_input *in, const struct vm_desc *d)
{
	static struct schedule s;
	struct schedule_cpu *c = &s.cpus[1];
	const struct timing_vm vms[2] = {
		{ d->label, d, d->affinity ? d->affinity : 6, desc_is_real_time(d) },
		{ "other", d, 2, desc_is_real_time(d) },
	};
	struct timing_set set = timing_at(fuzz_below(in, 20000));
	struct timing_result r;
	char why[200] = "";

	*c = (struct schedule_cpu){ .frame_us = 1000 + fuzz_below(in, 5000) };
	for (u64 at = fuzz_below(in, 200); c->count < 3 && at + 250 <= c->frame_us;
	     at += 250 + fuzz_below(in, 300)) {
		struct schedule_window *w = &c->windows[c->count++];

		*w = (struct schedule_window){ .offset_us = at,
					       .length_us = 50 + fuzz_below(in, 201) };
		memcpy(w->vm, fuzz_once_in(in, 2) ? "other" : d->label, 6);
	}
	set.vms = vms;
	set.count = 2;
	set.schedule = fuzz_once_in(in, 2) ? &s : NULL;
	if (!vms[0].real_time)
		return;
	for (u32 i = 0; i < 2; i++) {
		if (timing_of(&set, i, &r, why, sizeof(why))) {
			fuzz_check_line(why, sizeof(why));
			continue;
		}
		fuzz_assert(r.late == r.wake + r.wait);
		for (u32 t = 0; t < d->task_count; t++)
			fuzz_assert(r.response[t] <= d->tasks[t].deadline_us * 1000UL);
	}
}

/* With no bundle, and with one that has some of its files. */
static void check_against_bundle(struct fuzz_input *in, struct vm_desc *d)
{
	static struct archive a;
	struct desc_error err = { "" };
	struct bundle b;

	bundle_open(&b, NULL, 0);
	if (desc_check(d, &b, "fuzz", &err) != 0)
		check_refusal(&err);
	a.size = 0;
	grow_images(in, &a);
	bundle_open(&b, a.bytes, a.size);
	if (desc_check(d, &b, "fuzz", &err) != 0)
		check_refusal(&err);
	else if (d->kernel.path[0])
		fuzz_assert(!bundle_find(&b, d->kernel.path, &(struct cpio_entry){ .size = 0 }));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_input in = { .at = data, .left = size };
	struct desc_error err = { "" };
	struct vm_desc d;
	size_t fdt_size;
	void *fdt;

	if (fuzz_once_in(&in, 16))
		fdt = fuzz_copy(&in, in.left, &fdt_size);
	else
		fdt = grow_description(&in, &fdt_size);
	if (!fdt)
		return 0;
	if (desc_parse(fdt, fdt_size, "fuzz", &d, &err) == 0) {
		check_accepted(&d);
		check_timing(&in, &d);
		check_against_bundle(&in, &d);
	} else {
		check_refusal(&err);
	}
	free(fdt);
	return 0;
}
