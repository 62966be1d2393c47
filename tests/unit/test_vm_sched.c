/* SPDX-License-Identifier: Apache-2.0 */
/* Where vCPUs are put: spread, kept where they are, and a CPU of one's own. */
#include "placed.h"

#include <kernel/percpu.h>
#include <lib/errno.h>
#include <stdio.h>
#include <string.h>
#include <vmm/life.h>
#include <vmm/place.h>

#define CPUS 4

/* "3 2 1 0": the CPUs of its vCPUs. */
static const char *where(const struct vm *vm)
{
	static char text[64];
	int n = 0;

	for (u32 i = 0; i < vm->nvcpus; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, i ? " %u" : "%u",
			      vm->vcpus[i]->cpu);
	return text;
}

static void spreads(void **state)
{
	struct vm *a = placed_vm(0, "a", 4), *b = placed_vm(1, "b", 1), *c = placed_vm(2, "c", 2);

	(void)state;
	assert_int_equal(place(a), 0);
	assert_string_equal(where(a), "3 2 1 0");
	assert_int_equal(place(b), 0);
	assert_string_equal(where(b), "3");
	c->desc.affinity = 0x8;
	assert_int_equal(place(c), 0);
	assert_string_equal(where(c), "3 3");
}

static void refuses_a_mask_without_cpus(void **state)
{
	struct vm *a = placed_vm(0, "a", 1);

	(void)state;
	a->desc.affinity = 0x30;
	assert_int_equal(place(a), -EINVAL);
	assert_string_equal(placed_err.text, "CPU mask 0x30 names no CPU that is online (0xf)");
}

static void stays_where_it_may(void **state)
{
	struct vm *a = placed_vm(0, "a", 2);
	struct vm_desc want;

	(void)state;
	assert_int_equal(place(a), 0);
	assert_string_equal(where(a), "3 2");
	want = a->desc;
	want.affinity = 0x6;
	assert_int_equal(vm_sched_plan(a, &want, &placed_err), 0);
	assert_string_equal(where(a), "3 2"); /* only planned */
	a->desc = want;
	vm_sched_apply();
	assert_string_equal(where(a), "1 2");
	assert_int_equal(a->vcpus[0]->thread.affinity, 0x2);
	assert_int_equal(a->vcpus[1]->thread.affinity, 0x4);
}

/* Who may go elsewhere gives way, and comes back only by being told to. */
static void a_cpu_of_its_own(void **state)
{
	struct vm *wide = placed_vm(0, "wide", 4), *rt = placed_vm(1, "rt", 2);

	(void)state;
	assert_int_equal(place(wide), 0);
	rt->desc.dedicated = true;
	assert_int_equal(place(rt), 0);
	assert_string_equal(where(rt), "3 1");
	assert_string_equal(where(wide), "2 2 0 0");
	for (u32 cpu = 0; cpu < CPUS; cpu++)
		assert_int_equal(host_waits_untrapped[cpu], cpu == 1 || cpu == 3);
	unplace(rt);
	for (u32 cpu = 0; cpu < CPUS; cpu++)
		assert_false(host_waits_untrapped[cpu]);
	assert_string_equal(where(wide), "2 2 0 0");
}

static void nobody_comes_to_an_own_cpu(void **state)
{
	struct vm *rt = placed_vm(0, "rt", 3), *a = placed_vm(1, "a", 2), *b = placed_vm(2, "b", 1);

	(void)state;
	rt->desc.dedicated = true;
	assert_int_equal(place(rt), 0);
	assert_string_equal(where(rt), "3 2 1");
	assert_int_equal(place(a), 0);
	assert_string_equal(where(a), "0 0");
	b->desc.affinity = 0x6;
	assert_int_equal(place(b), -EBUSY);
	assert_string_equal(placed_err.text,
			    "'b' finds no CPU: cpu1 has 'rt', cpu2 has 'rt', of its own");
}

static void no_cpu_of_its_own_is_left(void **state)
{
	struct vm *bound = placed_vm(0, "bound", 1), *rt = placed_vm(1, "rt", 1);

	(void)state;
	bound->desc.affinity = 0x2;
	assert_int_equal(place(bound), 0);
	rt->desc.dedicated = true;
	rt->desc.affinity = 0x3;
	assert_int_equal(place(rt), -EBUSY);
	assert_string_equal(placed_err.text,
			    "'rt' wants 1 CPU of its own: cpu0 has the shell, cpu1 has 'bound'");
	assert_string_equal(where(bound), "1");
	rt->desc.affinity = 0;
	rt->desc.cpus = 3;
	assert_int_equal(place(rt), -EBUSY);
	rt->desc.cpus = 2;
	assert_int_equal(place(rt), 0);
	assert_string_equal(where(rt), "3 2");
}

/* On and off while it runs. */
static void own_for_a_while(void **state)
{
	struct vm *a = placed_vm(0, "a", 1), *b = placed_vm(1, "b", 1);
	struct vm_desc want;

	(void)state;
	a->desc.affinity = 0xc;
	b->desc.affinity = 0xc;
	assert_int_equal(place(a), 0);
	assert_int_equal(place(b), 0);
	want = a->desc;
	want.dedicated = true;
	want.affinity = 0x4;
	assert_int_equal(vm_sched_plan(a, &want, &placed_err), 0);
	a->desc = want;
	vm_sched_apply();
	assert_string_equal(where(a), "2");
	assert_string_equal(where(b), "3");
	assert_true(host_waits_untrapped[2]);
	want.dedicated = false;
	assert_int_equal(vm_sched_plan(a, &want, &placed_err), 0);
	a->desc = want;
	vm_sched_apply();
	assert_false(host_waits_untrapped[2]);
}

static struct vm *with_budget(u32 id, const char *name, u64 budget, u64 period)
{
	struct vm *vm = placed_vm(id, name, 1);

	vm->desc.budget_us = budget;
	vm->desc.period_us = period;
	vm->desc.affinity = 0x2;
	return vm;
}

static void budgets_fill_a_cpu(void **state)
{
	struct vm *c = with_budget(2, "c", 201, 1000);

	(void)state;
	assert_int_equal(place(with_budget(0, "a", 5000, 10000)), 0);
	assert_int_equal(place(with_budget(1, "b", 300, 1000)), 0);
	assert_int_equal(place(c), -EBUSY);
	assert_string_equal(placed_err.text,
			    "201 us of 1000 us on cpu1: 20.1 % + 'a' 50.0 % + 'b' 30.0 % "
			    "is 100.1 %, more than 100 %");
	/* Where it may go elsewhere it does; on CPU 0 some time is the shell's. */
	c->desc.affinity = 0x3;
	assert_int_equal(place(c), 0);
	assert_string_equal(where(c), "0");
	assert_int_equal(place(with_budget(3, "d", 200, 1000)), 0);
	c->desc.affinity = 0x1;
	c->desc.budget_us = 901;
	assert_int_equal(vm_sched_plan(c, &c->desc, &placed_err), -EBUSY);
	assert_string_equal(placed_err.text,
			    "901 us of 1000 us on cpu0: 90.1 % is 90.1 %, more than 90 %");
}

static void a_set_that_does_not_fit_changes_nothing(void **state)
{
	struct vm *a = with_budget(0, "a", 500, 1000), *b = with_budget(1, "b", 500, 1000);
	struct vm_desc want;

	(void)state;
	assert_int_equal(place(a), 0);
	assert_int_equal(place(b), 0);
	want = a->desc;
	want.budget_us = 501;
	assert_int_equal(vm_set(a, &want, NULL, &placed_err), -EBUSY);
	assert_int_equal(a->desc.budget_us, 500);
	want.budget_us = 2000;
	assert_int_equal(vm_set(a, &want, NULL, &placed_err), -EINVAL);
	assert_string_equal(placed_err.text, "'a': budget-us is more than the period");
	want.budget_us = 400;
	assert_int_equal(vm_set(a, &want, NULL, &placed_err), 0);
	assert_int_equal(a->desc.budget_us, 400);
	want = b->desc;
	want.budget_us = 600;
	assert_int_equal(vm_set(b, &want, NULL, &placed_err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(spreads, placed_teardown),
		cmocka_unit_test_teardown(refuses_a_mask_without_cpus, placed_teardown),
		cmocka_unit_test_teardown(stays_where_it_may, placed_teardown),
		cmocka_unit_test_teardown(a_cpu_of_its_own, placed_teardown),
		cmocka_unit_test_teardown(nobody_comes_to_an_own_cpu, placed_teardown),
		cmocka_unit_test_teardown(no_cpu_of_its_own_is_left, placed_teardown),
		cmocka_unit_test_teardown(own_for_a_while, placed_teardown),
		cmocka_unit_test_teardown(budgets_fill_a_cpu, placed_teardown),
		cmocka_unit_test_teardown(a_set_that_does_not_fit_changes_nothing, placed_teardown),
	};

	unit_boot(CPUS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
