/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a timer's interrupt came late: timelines are made up tick by tick, written as the records
 * that they would leave, and the walk has to say of each cause how many ticks it took.
 */
#include <unit.h>

#include <arch/guest.h>
#include <lib/string.h>
#include <vmm/trace.h>

#define SELF    trace_tag_of(3, 1)
#define IDLE    7
#define MISSES  10000 /* of every kind */
#define STEPS   24
#define COUNTER 0x00fffffffffff000 /* its low 56 bits wrap within a test */

static u64 seed = 1;

static u32 any(u32 below)
{
	seed = seed * 6364136223846793005 + 1442695040888963407;
	return (u32)(seed >> 33) % below;
}

static struct trace_record records[8 * STEPS];
static u32 count;
static struct late_part wanted[32];
static u32 nwanted;

static void record(u32 kind, u64 at, u32 tag, u32 a, u32 b)
{
	records[count++] = (struct trace_record){
		(u64)kind << 56 | (at & BITS(55, 0)),
		(u64)tag << 48 | (u64)a << 32 | b,
	};
}

static void want(u8 cause, u32 id, u64 ticks)
{
	u32 i = 0;

	while (i < nwanted && (wanted[i].cause != cause || wanted[i].id != id))
		i++;
	if (i == nwanted)
		wanted[nwanted++] = (struct late_part){ .cause = cause, .id = id };
	wanted[i].ticks += ticks;
}

/* How many of the ticks from `begin` to `end` are in the question's time. */
static u64 within(const struct late_question *q, u64 begin, u64 end)
{
	const u64 from = MAX(begin, q->due), to = MIN(end, q->now);

	return to > from ? to - from : 0;
}

/*
 * What happens on a CPU in turn: the guest runs, exits, is interrupted; it is held and others run;
 * the CPU idles. `now` is where the last step ends.
 */
static struct late_question make(void)
{
	struct late_question q = { .self = SELF, .idle = IDLE, .records = records };
	u64 at = COUNTER + any(1000);
	u32 running = SELF;
	bool held = false;
	struct {
		u64 begin, end;
		u8 cause;
		u32 id;
	} steps[STEPS];
	const u32 n = 2 + any(STEPS - 2);

	count = nwanted = 0;
	for (u32 i = 0; i < n; i++) {
		const u64 ticks = 1 + any(1000), end = at + ticks;
		u8 cause = LATE_GUEST;
		u32 id = 0;

		switch (any(7)) {
		case 0: /* the thread that runs is interrupted */
			cause = LATE_IRQ;
			id = (u16)(32 + any(3));
			record(TRACE_IRQ, end, running, id, (u32)ticks);
			break;
		case 1: /* the guest exits; only if it runs */
			if (running != SELF)
				break;
			cause = LATE_EXIT;
			id = EXIT_MMIO;
			record(TRACE_EXIT + EXIT_MMIO, end, SELF, 1,
			       (u32)ticks | (any(2) ? TRACE_EXIT_MASKED : 0));
			break;
		case 2: /* its budget ends, or its window */
			if (running != SELF)
				break;
			held = true;
			record(TRACE_HELD, at, SELF, 1 + any(2), 0);
			record(TRACE_SWITCH, at, 20, SELF, 0);
			running = 20;
			break;
		case 3: /* another thread preempts, or idles */
			if (running == SELF) {
				running = any(2) ? IDLE : 30;
				record(TRACE_SWITCH, at, running, SELF, 0);
			}
			break;
		case 4: /* another thread runs on, now with interrupts masked */
			if (running == SELF || running == IDLE || held)
				break;
			cause = LATE_MASKED;
			id = 0x1000 + 4 * any(3);
			record(TRACE_MASKED, end, (u32)ticks >> 16, (u32)ticks & 0xffff, id);
			break;
		default: /* it comes back */
			if (running == SELF)
				break;
			if (held)
				record(TRACE_RELEASED, at, SELF, 0, 0);
			held = false;
			record(TRACE_SWITCH, at, SELF, running, 0);
			running = SELF;
		}
		if (cause == LATE_GUEST && running != SELF)
			cause = held ? LATE_BUDGET : running == IDLE ? LATE_IDLE : LATE_THREAD;
		if (cause == LATE_THREAD)
			id = (u16)running;
		/* The last HELD says which kind of hold it is. */
		for (u32 r = count; cause == LATE_BUDGET && r-- > 0;) {
			if (records[r].when >> 56 != TRACE_HELD)
				continue;
			if ((records[r].what >> 32 & 0xffff) == TRACE_HELD_WINDOW)
				cause = LATE_WINDOW;
			break;
		}
		steps[i].begin = at;
		steps[i].end = end;
		steps[i].cause = cause;
		steps[i].id = id;
		at = end;
	}
	q.due = COUNTER + any((u32)(at - COUNTER));
	q.due = MAX(q.due, steps[0].begin);
	q.now = at - any((u32)MIN(at - q.due, 50));
	q.count = count;
	q.known_from = any(8) ? 0 : q.due + any((u32)(q.now - q.due) + 1);
	for (u32 i = 0; i < n; i++) {
		const u64 known = within(&q, MAX(steps[i].begin, q.known_from), steps[i].end);

		want(LATE_UNKNOWN, 0, within(&q, steps[i].begin, steps[i].end) - known);
		want(steps[i].cause, steps[i].id, known);
	}
	return q;
}

static u64 ticks_of(const struct late_part *parts, u32 n, u8 cause, u32 id)
{
	u64 ticks = 0;

	for (u32 i = 0; i < n; i++)
		if (parts[i].cause == cause && parts[i].id == id)
			ticks += parts[i].ticks;
	return ticks;
}

/* The causes of a miss, a bit each. */
static u32 check(const struct late_question *q)
{
	struct late_part parts[LATE_PARTS];
	const u32 n = late_walk(q, parts);
	u32 causes = 0;
	u64 sum = 0;

	assert_true(n <= LATE_PARTS);
	for (u32 i = 0; i < n; i++) {
		sum += parts[i].ticks;
		causes |= (u32)BIT(parts[i].cause);
		assert_true(parts[i].ticks && parts[i].count);
		assert_true(!i || parts[i - 1].ticks >= parts[i].ticks);
	}
	assert_int_equal(sum, q->now - q->due);
	/* What does not fit is in the last part; such a miss counts for its sum only. */
	for (u32 i = 0; i < nwanted && nwanted < LATE_PARTS; i++)
		assert_int_equal(ticks_of(parts, n, wanted[i].cause, wanted[i].id),
				 wanted[i].ticks);
	return causes;
}

static u64 fewest(const u64 seen[LATE_OTHER])
{
	u64 n = UINT64_MAX;

	for (u32 cause = 0; cause < LATE_OTHER; cause++)
		n = MIN(n, seen[cause]);
	return n;
}

/* 10^4 misses of every kind. */
static void every_tick_has_its_cause(void **state)
{
	u64 seen[LATE_OTHER + 1] = { 0 };

	(void)state;
	for (u32 miss = 0; fewest(seen) < MISSES; miss++) {
		const struct late_question q = make();
		const u32 causes = check(&q);

		for (u32 cause = 0; cause <= LATE_OTHER; cause++)
			seen[cause] += causes >> cause & 1;
		assert_true(miss < 20 * MISSES);
	}
}

/* Two interrupts of one number are two, also next to each other. */
static void interrupts_are_counted(void **state)
{
	struct late_question q = { .due = 100, .now = 200, .self = SELF, .records = records };
	struct late_part parts[LATE_PARTS];

	(void)state;
	count = 0;
	record(TRACE_IRQ, 120, SELF, 33, 30); /* it began before */
	record(TRACE_IRQ, 150, SELF, 33, 30);
	record(TRACE_IRQ, 180, SELF, 33, 10);
	q.count = count;
	assert_int_equal(late_walk(&q, parts), 2);
	assert_int_equal(parts[0].cause, LATE_IRQ);
	assert_int_equal(parts[0].count, 3);
	assert_int_equal(parts[0].ticks, 60);
	assert_int_equal(parts[1].cause, LATE_GUEST);
	assert_int_equal(parts[1].ticks, 40);
}

/* An interrupt within a section, and a section of the guest's own exit, are what they were. */
static void masked_sections(void **state)
{
	struct late_question q = { .due = 100, .now = 300, .self = SELF, .records = records };
	struct late_part parts[LATE_PARTS];

	(void)state;
	count = 0;
	record(TRACE_SWITCH, 90, 30, SELF, 0);
	record(TRACE_MASKED, 220, 0, 140, 0xabcd0); /* from 80 on */
	record(TRACE_IRQ, 240, 30, 26, 20);
	record(TRACE_SWITCH, 250, SELF, 30, 0);
	record(TRACE_EXIT + EXIT_HVC, 300, SELF, 0, 50);
	record(TRACE_MASKED, 300, 0, 80, 0xabcd8);
	q.count = count;
	assert_int_equal(late_walk(&q, parts), 4);
	assert_int_equal(ticks_of(parts, 4, LATE_MASKED, 0xabcd0), 120);
	assert_int_equal(ticks_of(parts, 4, LATE_IRQ, 26), 20);
	assert_int_equal(ticks_of(parts, 4, LATE_EXIT, EXIT_HVC), 50);
	assert_int_equal(ticks_of(parts, 4, LATE_MASKED, 0xabcd8), 10);
}

/* Held since before the records begin: the caller knows why. */
static void held_before(void **state)
{
	struct late_question q = { .due = 100,
				   .now = 200,
				   .self = SELF,
				   .idle = IDLE,
				   .held_before = LATE_WINDOW,
				   .records = records };
	struct late_part parts[LATE_PARTS];

	(void)state;
	count = 0;
	record(TRACE_RELEASED, 170, SELF, 0, 0);
	record(TRACE_SWITCH, 170, SELF, IDLE, 0);
	q.count = count;
	assert_int_equal(late_walk(&q, parts), 2);
	assert_int_equal(parts[0].cause, LATE_WINDOW);
	assert_int_equal(parts[0].ticks, 70);
}

/* More causes than parts: the last part has the rest, and nothing is lost. */
static void many_causes(void **state)
{
	struct late_question q = { .due = 0, .now = 3000, .self = SELF, .records = records };
	struct late_part parts[LATE_PARTS];
	u64 sum = 0;

	(void)state;
	count = 0;
	for (u32 i = 0; i < 30; i++)
		record(TRACE_IRQ, 100 * (i + 1), SELF, 40 + i, 100);
	q.count = count;
	assert_int_equal(late_walk(&q, parts), LATE_PARTS);
	for (u32 i = 0; i < LATE_PARTS; i++)
		sum += parts[i].ticks;
	assert_int_equal(sum, 3000);
	assert_int_equal(parts[0].cause, LATE_OTHER);
	assert_int_equal(parts[0].ticks, 2100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_tick_has_its_cause),
		cmocka_unit_test(interrupts_are_counted),
		cmocka_unit_test(masked_sections),
		cmocka_unit_test(held_before),
		cmocka_unit_test(many_causes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
