/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounds of real-time VMs (vmm/timing.h): known cases by hand, and supplies and response times
 * beside a simulation that tries every phase.
 */
#include <unit.h>

#include <lib/errno.h>
#include <string.h>
#include <vmm/timing.h>

#define US 1000UL

static struct vm_desc descs[4];
static struct desc_task tasks[4][DESC_TASKS_MAX];
static struct timing_vm vms[4];
static struct schedule schedule;
static struct timing_set set;
static struct timing_result r;
static char why[300];

static int setup(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d" };

	(void)state;
	memset(descs, 0, sizeof(descs));
	memset(&schedule, 0, sizeof(schedule));
	for (u32 i = 0; i < ARRAY_SIZE(vms); i++) {
		descs[i].cpus = 1;
		descs[i].tasks = tasks[i];
		descs[i].priority = 5;
		vms[i] = (struct timing_vm){ names[i], &descs[i], BIT(1), true };
	}
	/* Round terms: a section of 10 us, 5 us for the others, 1 us on a dedicated CPU. */
	set = (struct timing_set){
		.vms = vms, .count = 1, .section = 10 * US, .others = 5 * US, .dedicated = 1 * US
	};
	return 0;
}

static void budget(u32 i, u32 priority, u64 budget_us, u64 period_us)
{
	descs[i].priority = priority;
	descs[i].budget_us = budget_us;
	descs[i].period_us = period_us;
}

static void task(u32 i, u32 wcet_us, u32 deadline_us, u32 period_us)
{
	struct vm_desc *d = &descs[i];

	tasks[i][d->task_count] =
		(struct desc_task){ d->task_count, period_us, wcet_us, deadline_us };
	d->task_count++;
}

static void window(u32 i, u64 offset_us, u64 length_us)
{
	struct schedule_cpu *c = &schedule.cpus[1];

	set.schedule = &schedule;
	c->frame_us = 1000;
	c->windows[c->count] =
		(struct schedule_window){ .offset_us = offset_us, .length_us = length_us };
	(void)strcpy(c->windows[c->count++].vm, vms[i].name);
}

static void holds(u32 i)
{
	assert_int_equal(timing_of(&set, i, &r, why, sizeof(why)), 0);
}

static void refused(u32 i, const char *text)
{
	assert_int_equal(timing_of(&set, i, &r, why, sizeof(why)), -ENOSPC);
	assert_string_equal(why, text);
}

/* ---- lateness ---- */

static void the_constants_give_the_documented_bound(void **state)
{
	struct timing_set at;

	(void)state;
	at = timing_at(1000); /* an instruction a nanosecond */
	assert_int_equal(2 * at.section + at.others, 9185);
	assert_int_equal(at.dedicated, TIMING_DEDICATED);
}

static void alone(void **state)
{
	(void)state;
	holds(0);
	assert_int_equal(r.supply, TIMING_PRIORITY);
	assert_int_equal(r.cpu, 1);
	assert_int_equal(r.timeouts, 1);
	assert_int_equal(r.wake, (2 + 1) * 10 * US + 5 * US);
	assert_int_equal(r.late, r.wake);
	/* On CPU 0 each VM that runs has a timeout, whatever its class. */
	vms[0].cpus = BIT(0);
	vms[1].cpus = BIT(3);
	vms[1].real_time = false;
	set.count = 2;
	holds(0);
	assert_int_equal(r.timeouts, 3);
	descs[0].dedicated = true;
	vms[0].cpus = BIT(2);
	holds(0);
	assert_int_equal(r.supply, TIMING_OWN_CPU);
	assert_int_equal(r.late, 1 * US);
}

static void others_go_first(void **state)
{
	(void)state;
	set.count = 3;
	descs[2].priority = 6;
	refused(0, "'a': no bound on cpu1: 'b' has priority 5, and no budget-us limits it");
	budget(1, 5, 100, 1000);
	holds(0);
	assert_int_equal(r.wait, 100 * US);
	assert_int_equal(r.timeouts, 4); /* guard; b's timer and budget; c's timer */
	/* A less urgent one waits for both, and 'a' must have a budget for that. */
	refused(2, "'c': no bound on cpu1: 'a' has priority 5, and no budget-us limits it");
	budget(0, 5, 400, 500);
	holds(2);
	assert_int_equal(r.wait, 900 * US); /* 100, and twice 400 */
	budget(0, 5, 450, 500);
	refused(2, "'c': no bound: nothing is left of cpu1");
	/* On another CPU, or ordinary, they do not count. */
	vms[0].cpus = BIT(2);
	vms[1].real_time = false;
	holds(2);
	assert_int_equal(r.wait, 0);
}

static void its_own_vcpus_share_a_cpu(void **state)
{
	(void)state;
	descs[0].cpus = 2;
	refused(0, "'a': no bound on cpu1: 'a' has priority 5, and no budget-us limits it");
	vms[0].cpus = BIT(1) | BIT(2);
	holds(0);
}

static void a_budget(void **state)
{
	(void)state;
	budget(0, 5, 300, 1000);
	holds(0);
	assert_int_equal(r.supply, TIMING_BUDGET);
	assert_int_equal(r.wait, 2 * 700 * US);
	/* It must be there in each period. */
	set.count = 2;
	budget(1, 4, 701, 900);
	refused(0, "'a': its 300 us are not there in each period of 1000 us, beside the budgets of "
		   "more urgent VMs on cpu1");
	budget(1, 4, 600, 1000);
	holds(0);
}

static void windows(void **state)
{
	(void)state;
	set.count = 2;
	window(0, 100, 200);
	window(1, 500, 100);
	window(0, 600, 100);
	holds(0);
	assert_int_equal(r.supply, TIMING_WINDOWS);
	assert_int_equal(r.wait, 400 * US); /* 700 to 1100 */
	holds(1);
	assert_int_equal(r.wait, 900 * US);
	/* A third one has the gaps: 0-100, 300-500, 700-1000. */
	set.count = 3;
	holds(2);
	assert_int_equal(r.supply, TIMING_PRIORITY);
	assert_int_equal(r.wait, 200 * US);
	window(2, 0, 100);
	window(2, 300, 200);
	window(2, 700, 300);
	set.count = 4;
	refused(3, "'d': no bound: nothing is left of cpu1");
	/* vCPUs of one VM are not kept apart by its windows. */
	descs[0].cpus = 2;
	refused(0, "'a': no bound on cpu1: 2 of its vCPUs share its windows");
	vms[0].cpus |= BIT(2);
	schedule.cpus[2] = schedule.cpus[1];
	holds(0);
	schedule.cpus[2].count = 0;
}

/* The worst of its CPUs counts. */
static void the_worst_cpu(void **state)
{
	(void)state;
	vms[0].cpus = BIT(1) | BIT(2);
	set.count = 2;
	vms[1].cpus = BIT(2);
	budget(1, 3, 50, 200);
	holds(0);
	assert_int_equal(r.cpu, 2);
	assert_int_equal(r.wait, 50 * US);
}

/* ---- tasks ---- */

static void tasks_by_hand(void **state)
{
	(void)state;
	task(0, 100, 200, 500);
	task(0, 200, 800, 1000);
	holds(0);
	assert_int_equal(r.response[0], r.wake + 100 * US);
	assert_int_equal(r.response[1], r.wake + 300 * US);
	tasks[0][1].wcet_us = 401; /* past the next turn of the first */
	holds(0);
	assert_int_equal(r.response[1], r.wake + 601 * US);
	tasks[0][1].deadline_us = 610;
	refused(0,
		"'a': task1 ends later than 610 us on cpu1: 35.0 us to its vector, then its 401 us "
		"and all that goes before");
	/* A deadline that is met to the microsecond. */
	tasks[0][1].deadline_us = 636;
	holds(0);
	assert_int_equal(r.response[1], 636 * US);
}

/*
 * A CPU in steps of 1 us that serves a set of tasks from all phases of the supply. The longest time
 * from a release of all of them to the end of the last one must not be above the bound, and for
 * windows, which have only so many phases, it is the bound.
 */
static u64 simulated(const struct vm_desc *d, u32 last, bool (*has_cpu)(u64 us), u64 phases)
{
	u64 worst = 0;

	for (u64 phase = 0; phase < phases; phase++) {
		u64 left[DESC_TASKS_MAX] = { 0 }, t = 0;

		do {
			for (u32 i = 0; i <= last; i++)
				if (i == last ? !t : !(t % d->tasks[i].period_us))
					left[i] += d->tasks[i].wcet_us;
			if (has_cpu(phase + t)) {
				for (u32 i = 0; i <= last; i++) {
					if (!left[i])
						continue;
					left[i]--;
					break;
				}
			}
			t++;
		} while (left[last]);
		worst = MAX(worst, t);
	}
	return worst;
}

static bool in_window(u64 us)
{
	const struct schedule_cpu *c = &schedule.cpus[1];

	us %= c->frame_us;
	for (u32 i = 0; i < c->count; i++)
		if (!strcmp(c->windows[i].vm, "a") && us >= c->windows[i].offset_us &&
		    us < c->windows[i].offset_us + c->windows[i].length_us)
			return true;
	return false;
}

static u64 late_budget_phase; /* where in each period the budget is given */

static bool in_budget(u64 us)
{
	const u64 period = descs[0].period_us, at = us % period;
	const u64 begin = us < period ? 0 : late_budget_phase;

	return at >= begin && at < begin + descs[0].budget_us;
}

static void tasks_in_windows(void **state)
{
	static const u32 sets[][4][3] = {
		{ { 30, 900, 900 }, { 50, 2000, 2500 } },
		{ { 10, 500, 500 }, { 15, 700, 700 }, { 150, 9000, 9000 } },
		{ { 200, 5000, 5000 }, { 200, 5000, 5000 } },
	};

	(void)state;
	set.section = set.others = 0; /* the supply alone */
	window(0, 100, 200);
	window(0, 600, 100);
	for (u32 n = 0; n < ARRAY_SIZE(sets); n++) {
		descs[0].task_count = 0;
		for (u32 i = 0; i < 4 && sets[n][i][0]; i++)
			task(0, sets[n][i][0], sets[n][i][1], sets[n][i][2]);
		holds(0);
		for (u32 i = 0; i < descs[0].task_count; i++)
			assert_int_equal(r.response[i],
					 simulated(&descs[0], i, in_window, 1000) * US);
	}
}

static void tasks_in_a_budget(void **state)
{
	(void)state;
	set.section = set.others = 0;
	budget(0, 5, 30, 100);
	task(0, 20, 400, 400);
	task(0, 45, 2000, 2000);
	holds(0);
	/* The worst of the model: early in one period, late in all others. */
	late_budget_phase = 70;
	for (u32 i = 0; i < 2; i++)
		assert_int_equal(r.response[i], simulated(&descs[0], i, in_budget, 100) * US);
	/* Given at any other place, it is not worse. */
	for (late_budget_phase = 0; late_budget_phase < 70; late_budget_phase += 7)
		for (u32 i = 0; i < 2; i++)
			assert_true(simulated(&descs[0], i, in_budget, 100) * US <= r.response[i]);
}

/* More urgent budgets are tasks above them. */
static void tasks_beside_budgets(void **state)
{
	(void)state;
	set.section = set.others = 0;
	set.count = 2;
	budget(1, 4, 100, 400);
	task(0, 350, 1000, 1000);
	holds(0);
	assert_int_equal(r.response[0], 550 * US); /* 100, 300, 100, 50 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_constants_give_the_documented_bound, setup),
		cmocka_unit_test_setup(alone, setup),
		cmocka_unit_test_setup(others_go_first, setup),
		cmocka_unit_test_setup(its_own_vcpus_share_a_cpu, setup),
		cmocka_unit_test_setup(a_budget, setup),
		cmocka_unit_test_setup(windows, setup),
		cmocka_unit_test_setup(the_worst_cpu, setup),
		cmocka_unit_test_setup(tasks_by_hand, setup),
		cmocka_unit_test_setup(tasks_in_windows, setup),
		cmocka_unit_test_setup(tasks_in_a_budget, setup),
		cmocka_unit_test_setup(tasks_beside_budgets, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
