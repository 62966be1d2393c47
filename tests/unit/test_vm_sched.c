/* SPDX-License-Identifier: Apache-2.0 */
/* Where vCPUs are put: spread, kept where they are, and on dedicated CPUs. */
#include "placed.h"

#include <arch/timer.h>
#include <asm/host.h>
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
	struct sched_plan p;
	struct vm_desc want;

	(void)state;
	assert_int_equal(place(a), 0);
	assert_string_equal(where(a), "3 2");
	want = a->desc;
	want.affinity = 0x6;
	assert_int_equal(vm_sched_plan(&p, a, &want, schedule_now(), &placed_err), 0);
	assert_string_equal(where(a), "3 2"); /* only planned */
	a->desc = want;
	vm_sched_apply(&p);
	assert_string_equal(where(a), "1 2");
	assert_int_equal(a->vcpus[0]->thread.affinity, 0x2);
	assert_int_equal(a->vcpus[1]->thread.affinity, 0x4);
}

static struct vm *real_time(u32 id, const char *name, u32 cpus, u64 affinity)
{
	struct vm *vm = placed_vm(id, name, cpus);

	vm->desc.priority = 8;
	vm->desc.affinity = affinity;
	return vm;
}

static void what_is_real_time(void **state)
{
	struct vm_desc d = { .priority = 16 };

	(void)state;
	assert_false(desc_is_real_time(&d));
	d.priority = 15;
	assert_true(desc_is_real_time(&d));
	d = (struct vm_desc){ .priority = 20, .fifo = true };
	assert_true(desc_is_real_time(&d));
	d = (struct vm_desc){ .priority = 20, .budget_us = 100, .period_us = 1000 };
	assert_true(desc_is_real_time(&d));
	d = (struct vm_desc){ .priority = 20, .dedicated = true };
	assert_true(desc_is_real_time(&d));
}

/* On CPUs without vCPUs, else on those without real-time VMs, else nowhere. */
static void where_memory_is_cleaned(void **state)
{
	struct vm *rt = real_time(0, "rt", 1, 0x2), *any = placed_vm(1, "any", 2),
		  *more = placed_vm(2, "more", 1);
	struct vm_desc want;

	(void)state;
	assert_int_equal(place(rt), 0);
	assert_int_equal(placed_cleaner, 0xd);
	assert_int_equal(place(any), 0);
	assert_string_equal(where(any), "3 2");
	assert_int_equal(placed_cleaner, 0x1);
	assert_int_equal(place(more), 0);
	assert_string_equal(where(more), "0");
	assert_int_equal(placed_cleaner, 0xd);
	want = more->desc;
	want.fifo = true;
	assert_int_equal(vm_set(more, &want, NULL, &placed_err), 0);
	assert_int_equal(placed_cleaner, 0xc);
	want = any->desc;
	want.priority = 3;
	assert_int_equal(vm_set(any, &want, NULL, &placed_err), 0);
	assert_int_equal(placed_cleaner, 0);
	unplace(any);
	assert_int_equal(placed_cleaner, 0xc);
}

/* A CPU with a real-time VM is the last choice. If the operator names CPUs, those are used. */
static void keeps_off_real_time_vms(void **state)
{
	struct vm *rt = real_time(0, "rt", 1, 0x2), *any = placed_vm(1, "any", 4),
		  *named = placed_vm(2, "named", 4), *bound = placed_vm(3, "bound", 1);

	(void)state;
	assert_int_equal(place(rt), 0);
	assert_int_equal(place(any), 0);
	assert_string_equal(where(any), "3 2 0 3");
	named->desc.affinity = 0xf;
	assert_int_equal(place(named), 0);
	assert_string_equal(where(named), "2 0 3 1");
	bound->desc.affinity = 0x2;
	assert_int_equal(place(bound), 0);
	assert_string_equal(where(bound), "1");
	assert_string_equal(where(rt), "1");
}

static void goes_beside_real_time_vms_if_it_must(void **state)
{
	struct vm *rt = real_time(0, "rt", 4, 0), *any = placed_vm(1, "any", 2);

	(void)state;
	assert_int_equal(place(rt), 0);
	assert_int_equal(place(any), 0);
	assert_string_equal(where(any), "3 2");
}

/*
 * VMs that may run anywhere leave the CPU that a real-time VM comes to; VMs bound there by name
 * stay.
 */
static void gives_way_to_a_real_time_vm(void **state)
{
	struct vm *any = placed_vm(0, "any", 2), *named = placed_vm(1, "named", 1),
		  *rt = real_time(2, "rt", 1, 0x8);
	struct vm_desc want;

	(void)state;
	assert_int_equal(place(any), 0);
	named->desc.affinity = 0xc;
	assert_int_equal(place(named), 0);
	assert_string_equal(where(any), "3 2");
	assert_string_equal(where(named), "3");
	assert_int_equal(place(rt), 0);
	assert_string_equal(where(any), "1 2");
	assert_int_equal(any->vcpus[0]->thread.affinity, 0x2);
	assert_string_equal(where(named), "3");
	/* So they do if it becomes one where it is. */
	want = named->desc;
	want.affinity = 0x4;
	assert_int_equal(vm_set(named, &want, NULL, &placed_err), 0);
	assert_string_equal(where(any), "1 2");
	want.priority = 3;
	assert_int_equal(vm_set(named, &want, NULL, &placed_err), 0);
	assert_string_equal(where(any), "1 0");
	assert_string_equal(where(rt), "3");
}

/* It stays where it is, others leave; each vCPU needs one. */
static void its_cpu_becomes_its_own(void **state)
{
	struct vm *rt = real_time(0, "rt", 1, 0x2), *named = placed_vm(1, "named", 1),
		  *two = real_time(2, "two", 2, 0x4);
	struct vm_desc want;

	(void)state;
	assert_int_equal(place(rt), 0);
	named->desc.affinity = 0x2;
	assert_int_equal(place(named), 0);
	named->desc.affinity = 0xa;
	assert_string_equal(where(named), "1");
	want = rt->desc;
	want.affinity = 0; /* CPUs 2 and 3 are empty, and yet it stays */
	want.dedicated = true;
	assert_int_equal(vm_set(rt, &want, NULL, &placed_err), 0);
	assert_string_equal(where(rt), "1");
	assert_string_equal(where(named), "3");
	assert_int_equal(place(two), 0);
	assert_string_equal(where(two), "2 2");
	want = two->desc;
	want.dedicated = true;
	assert_int_equal(vm_set(two, &want, NULL, &placed_err), -EBUSY);
	assert_string_equal(
		placed_err.text,
		"'two' has 2 vCPUs that each need a dedicated CPU, but may run on only 1 besides cpu0, "
		"which has the shell (`zvm new -c` makes fewer)");
}

/*
 * As many as there can be: spread evenly; all that are on a CPU leave it for one that wants it, or
 * none.
 */
static void many(void **state)
{
	struct vm *last = real_time(MAX_VMS - 1, "last", 1, 0x4);
	u32 on[CPUS] = { 0 };

	(void)state;
	last->desc.dedicated = true;
	for (u32 id = 0; id < MAX_VMS - 1; id++)
		assert_int_equal(place(placed_vm(id, "ordinary", 1)), 0);
	assert_int_equal(vm_by_id(1)->vcpus[0]->cpu, 2);
	vm_by_id(1)->desc.affinity = 0x4; /* it may not go */
	assert_int_equal(place(last), -EBUSY);
	vm_by_id(1)->desc.affinity = 0;
	assert_int_equal(place(last), 0);
	assert_string_equal(where(last), "2");
	for (u32 id = 0; id < MAX_VMS; id++)
		on[vm_by_id(id)->vcpus[0]->cpu]++;
	assert_int_equal(on[0], 42);
	assert_int_equal(on[1], 42);
	assert_int_equal(on[2], 1);
	assert_int_equal(on[3], 43);
}

/* ---- moved later ---- */

/*
 * A second in which these CPUs were idle, and the first vCPU of VM `waits` had half of what it
 * wanted. True: it looks again.
 */
static bool second(u64 idle, const struct vm *waits)
{
	const u64 hz = arch_counter_hz();

	host_counter += hz;
	for (u32 cpu = 0; cpu < CPUS; cpu++) {
		percpus[cpu].idle_since = 0;
		percpus[cpu].idle_ticks += idle & BIT(cpu) ? hz * 95 / 100 : hz / 2;
	}
	if (waits)
		waits->vcpus[0]->thread.ready_ticks += hz / 2;
	return vm_mover_step(false);
}

/* On CPU 1, and then free to go where its description says. */
static struct vm *begun_on_cpu1(struct vm *vm)
{
	const u64 affinity = vm->desc.affinity;

	vm->desc.affinity = 0x2;
	assert_int_equal(place(vm), 0);
	vm->desc.affinity = affinity;
	return vm;
}

static void moves_to_a_cpu_that_stays_idle(void **state)
{
	struct vm *a = begun_on_cpu1(placed_vm(0, "a", 1)),
		  *b = begun_on_cpu1(placed_vm(1, "b", 1));

	(void)state;
	assert_true(vm_mover_step(true));
	assert_true(second(0x4, a));
	assert_true(second(0x4, a));
	assert_true(second(0x0, a)); /* busy in between */
	assert_true(second(0xc, a));
	assert_true(second(0xc, a));
	assert_string_equal(where(a), "1");
	second(0x4, a);
	assert_string_equal(where(a), "2");
	assert_int_equal(a->vcpus[0]->thread.affinity, 0x4);
	assert_string_equal(where(b), "1");
	/* Each has a CPU: nothing is left to do, whatever they wait. */
	assert_false(second(0x9, b));
	assert_false(second(0x9, b));
	assert_false(second(0x9, b));
	assert_string_equal(where(b), "1");
}

static void stays_if_nothing_waits_for_long(void **state)
{
	struct vm *a = begun_on_cpu1(placed_vm(0, "a", 1));

	(void)state;
	assert_false(vm_mover_step(true)); /* alone */
	begun_on_cpu1(placed_vm(1, "b", 1));
	assert_true(vm_mover_step(true));
	for (u32 n = 0; n < 10; n++)
		assert_true(second(0xc, n % MOVER_SECONDS == 2 ? NULL : a));
	assert_string_equal(where(a), "1");
	a->desc.affinity = 0x2; /* it may not be elsewhere, the other one may */
	for (u32 n = 0; n < 10; n++)
		assert_true(second(0xc, a));
	assert_string_equal(where(a), "1");
}

/*
 * Real-time VMs, and those that have windows, are never moved; nor does anything come to a CPU that
 * has one.
 */
static void real_time_never_moves(void **state)
{
	struct vm *rt = begun_on_cpu1(real_time(0, "rt", 1, 0)), *fifo = placed_vm(1, "fifo", 1),
		  *periodic = placed_vm(2, "periodic", 1), *other = real_time(3, "other", 1, 0x4),
		  *a = placed_vm(4, "a", 1);

	(void)state;
	fifo->desc.fifo = true;
	periodic->desc.budget_us = 100;
	periodic->desc.period_us = 1000;
	begun_on_cpu1(fifo);
	begun_on_cpu1(periodic);
	assert_int_equal(place(other), 0);
	assert_false(vm_mover_step(true));
	for (u32 n = 0; n < 10; n++) {
		assert_false(second(0xd, rt));
		assert_false(second(0xd, fifo));
		assert_false(second(0xd, periodic));
	}
	begun_on_cpu1(a);
	/* It is beside them, which is reason enough, once a CPU without one is idle. */
	assert_true(vm_mover_step(true));
	for (u32 n = 0; n < 10; n++)
		assert_true(second(0x4, NULL));
	assert_string_equal(where(a), "1");
	for (u32 n = 0; n < MOVER_SECONDS; n++)
		second(0xc, NULL);
	assert_string_equal(where(a), "3");
	assert_string_equal(where(rt), "1");
	assert_string_equal(where(fifo), "1");
	assert_string_equal(where(periodic), "1");
	assert_string_equal(where(other), "2");
}

/* Of two that wait, the one that waits longer moves; then the count restarts. */
static void one_at_a_time(void **state)
{
	struct vm *a = begun_on_cpu1(placed_vm(0, "a", 1)),
		  *b = begun_on_cpu1(placed_vm(1, "b", 1)),
		  *c = begun_on_cpu1(placed_vm(2, "c", 1));

	(void)state;
	assert_true(vm_mover_step(true));
	for (u32 n = 0; n < MOVER_SECONDS; n++) {
		a->vcpus[0]->thread.ready_ticks += arch_counter_hz() / 3;
		c->vcpus[0]->thread.ready_ticks += arch_counter_hz() / 3;
		second(0xc, b);
	}
	assert_string_equal(where(a), "1");
	assert_string_equal(where(b), "3");
	assert_string_equal(where(c), "1");
	for (u32 n = 0; n < MOVER_SECONDS - 1; n++)
		second(0x4, c);
	assert_string_equal(where(c), "1");
	second(0x4, c);
	assert_string_equal(where(c), "2");
	assert_string_equal(where(a), "1");
}

/* Others give way. */
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
			    "'b' finds no CPU that is not dedicated: cpu1 has 'rt', cpu2 has 'rt'");
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
			    "'rt' needs 1 dedicated CPU: cpu0 has the shell, cpu1 has 'bound'");
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
	struct sched_plan p;
	struct vm_desc want;

	(void)state;
	a->desc.affinity = 0xc;
	b->desc.affinity = 0xc;
	assert_int_equal(place(a), 0);
	assert_int_equal(place(b), 0);
	want = a->desc;
	want.dedicated = true;
	want.affinity = 0x4;
	assert_int_equal(vm_sched_plan(&p, a, &want, schedule_now(), &placed_err), 0);
	a->desc = want;
	vm_sched_apply(&p);
	assert_string_equal(where(a), "2");
	assert_string_equal(where(b), "3");
	assert_true(host_waits_untrapped[2]);
	want.dedicated = false;
	assert_int_equal(vm_sched_plan(&p, a, &want, schedule_now(), &placed_err), 0);
	a->desc = want;
	vm_sched_apply(&p);
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
	struct sched_plan p;
	struct vm_desc want;

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
	want = c->desc;
	want.affinity = 0x1;
	want.budget_us = 901;
	assert_int_equal(vm_sched_plan(&p, c, &want, schedule_now(), &placed_err), -EBUSY);
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

static struct vm *with_task(u32 id, const char *name, u32 wcet, u32 deadline)
{
	struct vm *vm = placed_vm(id, name, 1);
	static struct desc_task task;

	task = (struct desc_task){ 0, 1000, wcet, deadline };
	vm->desc.priority = 5;
	vm->desc.affinity = 0x2;
	vm->desc.task_count = 1;
	vm->desc.tasks = &task;
	return vm;
}

/* A VM whose tasks would miss deadlines does not come, nor one that makes others' miss theirs. */
static void deadlines_are_kept(void **state)
{
	struct vm *a = with_task(0, "a", 400, 600), *b = with_budget(1, "b", 300, 1000);
	struct vm_desc want;

	(void)state;
	a->desc.affinity = 0;
	assert_int_equal(place(a), 0);
	a->desc.affinity = 0x2;
	want = a->desc;
	want.priority = 20;
	assert_int_equal(vm_set(a, &want, NULL, &placed_err), -EBUSY);
	assert_string_equal(placed_err.text,
			    "'a' has tasks, but is not real-time: give it a priority of 0 to 15, "
			    "policy fifo, a budget, or dedicated");
	want.priority = 4;
	assert_int_equal(vm_set(a, &want, NULL, &placed_err), 0);
	b->desc.priority = 3;
	assert_int_equal(place(b), -EBUSY);
	assert_non_null(strstr(placed_err.text, "'a': task0 ends later than 600 us on cpu1: "));
	assert_non_null(strstr(placed_err.text, "(the longest section so far: "));
	b->desc.budget_us = 150;
	assert_int_equal(place(b), 0);
	want = b->desc;
	want.budget_us = 250;
	assert_int_equal(vm_set(b, &want, NULL, &placed_err), -EBUSY);
	assert_int_equal(b->desc.budget_us, 150);
}

/* Its first CPU could be cleared, its second not: those that would have left the first stay. */
static void a_refused_plan_moves_no_others(void **state)
{
	struct vm *x = placed_vm(0, "x", 1), *y = placed_vm(1, "y", 1), *d = placed_vm(2, "d", 2);
	struct vm_desc want;

	(void)state;
	x->desc.affinity = 0x2;
	y->desc.affinity = 0x4;
	assert_int_equal(place(x), 0);
	assert_int_equal(place(y), 0);
	want = x->desc;
	want.affinity = 0xf;
	assert_int_equal(vm_set(x, &want, NULL, &placed_err), 0);
	d->desc.affinity = 0x6;
	d->desc.dedicated = true;
	assert_int_equal(place(d), -EBUSY);
	assert_int_equal(vm_sched_planned(x, 0), 1);
	assert_string_equal(where(x), "1");
	/* Another plan that moves others carries out nothing of it. */
	d->desc.affinity = 0x8;
	d->desc.cpus = 1;
	assert_int_equal(place(d), 0);
	assert_string_equal(where(x), "1");
	assert_string_equal(where(y), "2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(spreads, placed_teardown),
		cmocka_unit_test_teardown(refuses_a_mask_without_cpus, placed_teardown),
		cmocka_unit_test_teardown(stays_where_it_may, placed_teardown),
		cmocka_unit_test_teardown(a_refused_plan_moves_no_others, placed_teardown),
		cmocka_unit_test(what_is_real_time),
		cmocka_unit_test_teardown(where_memory_is_cleaned, placed_teardown),
		cmocka_unit_test_teardown(keeps_off_real_time_vms, placed_teardown),
		cmocka_unit_test_teardown(goes_beside_real_time_vms_if_it_must, placed_teardown),
		cmocka_unit_test_teardown(gives_way_to_a_real_time_vm, placed_teardown),
		cmocka_unit_test_teardown(its_cpu_becomes_its_own, placed_teardown),
		cmocka_unit_test_teardown(many, placed_teardown),
		cmocka_unit_test_teardown(moves_to_a_cpu_that_stays_idle, placed_teardown),
		cmocka_unit_test_teardown(stays_if_nothing_waits_for_long, placed_teardown),
		cmocka_unit_test_teardown(real_time_never_moves, placed_teardown),
		cmocka_unit_test_teardown(one_at_a_time, placed_teardown),
		cmocka_unit_test_teardown(a_cpu_of_its_own, placed_teardown),
		cmocka_unit_test_teardown(nobody_comes_to_an_own_cpu, placed_teardown),
		cmocka_unit_test_teardown(no_cpu_of_its_own_is_left, placed_teardown),
		cmocka_unit_test_teardown(own_for_a_while, placed_teardown),
		cmocka_unit_test_teardown(budgets_fill_a_cpu, placed_teardown),
		cmocka_unit_test_teardown(a_set_that_does_not_fit_changes_nothing, placed_teardown),
		cmocka_unit_test_teardown(deadlines_are_kept, placed_teardown),
	};

	unit_boot(CPUS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
