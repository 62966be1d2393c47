/* SPDX-License-Identifier: Apache-2.0 */
/* Time windows of a bundle's schedule, and their changes by a set. */
#include "placed.h"

#include <kernel/percpu.h>
#include <lib/errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>
#include <vmm/desc.h>
#include <vmm/life.h>
#include <vmm/place.h>

#define CPUS 4

/*
 * ---- a bundle that holds a schedule: CPU 1 has 'a' from 0 to 2000 us and 'b' from 5000 to 6000 us
 * of each 10000 us; CPU 2 has 'c' ----
 */

static u8 archive[4096] __aligned(8);

static void window(void *fdt, int cpu, const char *name, u32 offset, u32 length)
{
	int node = fdt_add_subnode(fdt, cpu, name);

	assert_true(node >= 0);
	assert_int_equal(fdt_setprop(fdt, node, "vm", name, (int)strlen(name) + 1), 0);
	assert_int_equal(fdt_setprop_u32(fdt, node, "offset-us", offset), 0);
	assert_int_equal(fdt_setprop_u32(fdt, node, "length-us", length), 0);
}

/* `lost`: 'a' has a window on CPU 6 too, which is not online. */
static void read_bundle(bool lost)
{
	static u8 fdt[2048] __aligned(8);
	int n, cpu, other;

	assert_int_equal(fdt_create_empty_tree(fdt, sizeof(fdt)), 0);
	assert_int_equal(fdt_setprop_string(fdt, 0, "compatible", "zvm,schedule"), 0);
	cpu = fdt_add_subnode(fdt, 0, "cpu@1");
	assert_int_equal(fdt_setprop_u32(fdt, cpu, "reg", 1), 0);
	assert_int_equal(fdt_setprop_u32(fdt, cpu, "frame-us", 10000), 0);
	window(fdt, cpu, "a", 0, 2000);
	window(fdt, cpu, "b", 5000, 1000);
	other = fdt_add_subnode(fdt, 0, "cpu@2");
	assert_int_equal(fdt_setprop_u32(fdt, other, "reg", 2), 0);
	assert_int_equal(fdt_setprop_u32(fdt, other, "frame-us", 20000), 0);
	window(fdt, other, "c", 0, 1000);
	if (lost) {
		other = fdt_add_subnode(fdt, 0, "cpu@6");
		assert_int_equal(fdt_setprop_u32(fdt, other, "reg", 6), 0);
		assert_int_equal(fdt_setprop_u32(fdt, other, "frame-us", 20000), 0);
		window(fdt, other, "a", 0, 1000);
	}
	n = snprintf((char *)archive, sizeof(archive),
		     "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x" SCHEDULE_FILE, 1,
		     0100644, 0, 0, 1, 0, (u32)sizeof(fdt), 0, 0, 0, 0, (u32)sizeof(SCHEDULE_FILE),
		     0);
	n = (int)ALIGN_UP((u32)n + 1, 4);
	memcpy(archive + n, fdt, sizeof(fdt));
	the_bundle.base = archive;
	the_bundle.size = (u32)n + sizeof(fdt);
	schedule_init();
}

/* ---- the VMs ---- */

static u32 vms;

static struct vm *add(const char *name, u64 affinity)
{
	struct vm *vm = placed_vm(vms, name, 1);

	vm->desc.affinity = affinity;
	assert_int_equal(place(vm), 0);
	vm->state = VM_RUNNING;
	vms++;
	vm_sched_enforce(vm);
	return vm;
}

static int setup(void **state)
{
	(void)state;
	vms = 0;
	read_bundle(false);
	return 0;
}

static int setup_lost(void **state)
{
	(void)state;
	vms = 0;
	read_bundle(true);
	return 0;
}

/* "1:0+2000 1:5000+1000" */
static struct schedule_windows windows(const char *text)
{
	struct schedule_windows w = { .count = 0 };
	int n;

	while (sscanf(text, "%u:%lu+%lu%n", &w.at[w.count].cpu, &w.at[w.count].offset_us,
		      &w.at[w.count].length_us, &n) == 3) {
		w.count++;
		text += n;
	}
	return w;
}

static int set(struct vm *vm, const char *text)
{
	struct schedule_windows w = windows(text);
	struct vm_desc want = vm->desc;

	return vm_set(vm, &want, &w, &placed_err);
}

/*
 * The VMs that may run on CPU 1, and until when: "a2000 -5000 b6000 -10000"; - is time outside all
 * windows.
 */
static const char *slots(void)
{
	static char text[128];
	const struct sched_frame *f = percpus[1].frame;
	int n = 0;

	text[0] = '\0';
	for (u32 i = 0; f && i < f->count; i++) {
		const char *name = "-";

		for (u32 id = 0; id < vms; id++)
			if (f->slots[i].window &&
			    schedule_window_of(schedule_now(), vm_by_id(id)->name, 1) ==
				    f->slots[i].window)
				name = vm_by_id(id)->name;
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%s%s%lu", n ? " " : "", name,
			      ticks_to_us(f->slots[i].end));
	}
	return text;
}

static void as_the_bundle_says(void **state)
{
	const struct vm *a = add("a", 0), *b = add("b", 0);

	(void)state;
	assert_string_equal(slots(), "a2000 -5000 b6000 -10000");
	assert_int_equal(a->vcpus[0]->cpu, 1);
	assert_int_equal(a->vcpus[0]->thread.asked.window,
			 schedule_window_of(schedule_now(), "a", 1));
	assert_int_not_equal(schedule_window_of(schedule_now(), "a", 1),
			     schedule_window_of(schedule_now(), "b", 1));
	assert_int_equal(b->vcpus[0]->cpu, 1);
}

/* A changed schedule does not wait for a CPU that is not online. */
static void a_cpu_that_is_not_online(void **state)
{
	struct vm *a = add("a", 0);

	(void)state;
	assert_int_equal(set(a, "1:0+1000"), 0);
	assert_string_equal(slots(), "a1000 -5000 -6000 -10000");
	assert_int_equal(set(a, ""), 0);
	assert_int_equal(schedule_window_of(schedule_now(), "a", 6), 0);
}

/* A VM's windows are changed, are given up, and come back; the others' number stays what it is. */
static void changed(void **state)
{
	struct vm *a = add("a", 0), *b = add("b", 0);
	u8 number = b->vcpus[0]->thread.asked.window;

	(void)state;
	assert_int_equal(set(a, "1:9000+1000 1:0+500"), 0);
	assert_string_equal(slots(), "a500 -5000 b6000 -9000 a10000");
	assert_int_equal(set(a, ""), 0);
	assert_string_equal(slots(), "-5000 b6000 -10000");
	assert_int_not_equal(a->vcpus[0]->cpu, 1);
	assert_int_equal(a->vcpus[0]->thread.asked.window, WINDOW_ALWAYS);
	assert_int_equal(set(a, "1:6000+4000"), 0);
	assert_string_equal(slots(), "-5000 b6000 a10000");
	assert_int_equal(a->vcpus[0]->cpu, 1);
	assert_int_equal(a->vcpus[0]->thread.asked.window,
			 schedule_window_of(schedule_now(), "a", 1));
	assert_int_equal(b->vcpus[0]->thread.asked.window, number);
	assert_int_equal(schedule_window_of(schedule_now(), "b", 1), number);
}

/* A CPU without windows is like the others, until a VM has windows there again. */
static void the_last_one_leaves(void **state)
{
	struct vm *a = add("a", 0), *b = add("b", 0), *rest = add("rest", 0x2);

	(void)state;
	assert_int_equal(rest->vcpus[0]->thread.asked.window, 0);
	assert_int_equal(set(a, ""), 0);
	assert_int_equal(set(b, ""), 0);
	assert_null(percpus[1].frame);
	assert_int_equal(rest->vcpus[0]->thread.asked.window, WINDOW_ALWAYS);
	assert_int_equal(set(b, "1:100+9000"), 0);
	assert_string_equal(slots(), "-100 b9100 -10000");
	assert_int_equal(rest->vcpus[0]->thread.asked.window, 0);
}

static void what_does_not_fit(void **state)
{
	struct vm *a = add("a", 0), *b = add("b", 0), *rest = add("rest", 0x2);
	struct vm_desc want = a->desc;
	struct schedule_windows w = windows("1:0+1000");

	(void)state;
	assert_int_equal(set(a, "1:4000+1001"), -EINVAL);
	assert_string_equal(placed_err.text,
			    "'a': 4000 to 5001 us overlaps 'b' of 'b', 5000 to 6000 us; "
			    "free on cpu1: 0+5000, 6000+4000 us");
	assert_int_equal(set(b, "1:9000+1001"), -EINVAL);
	assert_string_equal(placed_err.text,
			    "'b': 9000 + 1001 us pass the end of the frame, 10000 us; "
			    "free on cpu1: 2000+8000 us");
	assert_int_equal(set(a, "1:0+100 1:50+100"), -EINVAL);
	assert_string_equal(placed_err.text,
			    "'a': 50 to 150 us overlaps 'window' of 'a', 0 to 100 us; "
			    "free on cpu1: 100+4900, 6000+4000 us");
	assert_int_equal(set(a, "3:0+100"), -EINVAL);
	assert_string_equal(
		placed_err.text,
		"'a': cpu3 has no frame; the bundle's schedule has frames for CPUs 0x6");
	assert_int_equal(set(a, "1:0+5000 1:6000+4000"), -EBUSY);
	assert_string_equal(placed_err.text,
			    "'rest' is on cpu1: windows would take all of its 10000 us");
	want.budget_us = 10;
	want.period_us = 100;
	assert_int_equal(vm_set(a, &want, &w, &placed_err), -EINVAL);
	assert_string_equal(placed_err.text, "'a' has windows: they exclude a budget");
	/* And nothing has changed. */
	assert_string_equal(slots(), "a2000 -5000 b6000 -10000");
	assert_int_equal(a->desc.budget_us, 0);
	assert_int_equal(rest->vcpus[0]->cpu, 1);
}

static void not_where_a_cpu_is_somebodys_own(void **state)
{
	struct vm *a = add("a", 0), *b = add("b", 0), *own;
	struct vm_desc want;

	(void)state;
	assert_int_equal(set(a, ""), 0);
	assert_int_equal(set(b, ""), 0);
	own = add("own", 0x2);
	want = own->desc;
	want.dedicated = true;
	assert_int_equal(vm_set(own, &want, NULL, &placed_err), 0);
	assert_int_equal(own->vcpus[0]->cpu, 1);
	assert_int_equal(set(a, "1:0+100"), -EBUSY);
	assert_string_equal(placed_err.text,
			    "'a' finds no CPU that is not dedicated: cpu1 has 'own'");
	assert_int_equal(set(a, "1:0+100 2:5000+1000"), -EBUSY);
	assert_string_equal(placed_err.text, "cpu1 is dedicated to 'own'");
	assert_null(percpus[1].frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(as_the_bundle_says, setup, placed_teardown),
		cmocka_unit_test_setup_teardown(a_cpu_that_is_not_online, setup_lost,
						placed_teardown),
		cmocka_unit_test_setup_teardown(changed, setup, placed_teardown),
		cmocka_unit_test_setup_teardown(the_last_one_leaves, setup, placed_teardown),
		cmocka_unit_test_setup_teardown(what_does_not_fit, setup, placed_teardown),
		cmocka_unit_test_setup_teardown(not_where_a_cpu_is_somebodys_own, setup,
						placed_teardown),
	};

	unit_boot(CPUS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
