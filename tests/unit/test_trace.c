/* SPDX-License-Identifier: Apache-2.0 */
/* Rings of events: what is written, what a reader gets and what it misses, and their memory. */
#include "unit_boot.h"

#include <arch/cpu.h>
#include <asm/host.h>
#include <arch/timer.h>
#include <kernel/irq.h>
#include <kernel/page.h>
#include <kernel/percpu.h>
#include <lib/errno.h>
#include <lib/list.h>
#include <string.h>
#include <vmm/console.h>
#include <vmm/core.h>
#include <vmm/trace.h>

#define ALL   ((u32)BITS(TRACE_GROUP_COUNT - 1, 0))
#define WHOLE (TRACE_RING_RECORDS - 1) /* records that a full ring still has */
#define TAG   trace_tag_of(3, 1)
#define SGI   7

static struct trace_record out[100];

static int started(void **state)
{
	*state = NULL;
	assert_int_equal(trace_start(ALL, NULL), 0);
	return 0;
}

/* The test as one section: nothing else is recorded on this CPU. */
static struct trace_ring *section(unsigned long *flags)
{
	*flags = arch_irq_save();
	this_cpu()->trace.head = 0;
	return &this_cpu()->trace;
}

static void end(unsigned long flags)
{
	arch_irq_restore(flags);
	if (trace_look().recording)
		assert_int_equal(trace_stop(), 0);
	assert_int_equal(trace_stop(), 0);
}

static void write(u64 n)
{
	trace_event(TRACE_EXIT + EXIT_MMIO, n, TAG, 0x9000, (u32)n);
}

static void layout(void **state)
{
	unsigned long flags;
	struct trace_ring *r = section(&flags);
	u64 pos = 0;

	(void)state;
	trace_event(TRACE_INJECT, BIT(63) | 0x1234, TAG, 0x1001b, 0x56789abc);
	assert_int_equal(trace_ring_read(r, &pos, out, 9), 1);
	assert_int_equal(out[0].when, 0x2000000000001234);
	assert_int_equal(out[0].what, 0x8061001b56789abc);
	assert_int_equal(trace_ticks(10, 15, 100), 5);
	assert_int_equal(trace_ticks(10, 110, 100), 100);
	assert_int_equal(trace_ticks(10, 1UL << 40, 100), 100);
	end(flags);
}

/* A ring that was overwritten has the newest records but one, whose slot is the next to go. */
static void wraps(void **state)
{
	unsigned long flags;
	struct trace_ring *r = section(&flags);
	u64 pos = 0;
	u32 n;

	(void)state;
	for (u64 i = 0; i < TRACE_RING_RECORDS - 1; i++)
		write(i);
	assert_int_equal(trace_ring_read(r, &pos, out, 1), 1);
	assert_int_equal(pos, 0);
	for (u64 i = TRACE_RING_RECORDS - 1; i < 3 * TRACE_RING_RECORDS + 10; i++)
		write(i);
	n = trace_ring_read(r, &pos, out, 100);
	assert_int_equal(n, 100);
	assert_int_equal(pos, 3 * TRACE_RING_RECORDS + 10 - WHOLE);
	for (u32 i = 0; i < n; i++)
		assert_int_equal((u32)out[i].what, pos + i);
	pos = r->head;
	assert_int_equal(trace_ring_read(r, &pos, out, 100), 0);
	assert_int_equal(pos, r->head);
	end(flags);
}

/* A reader beside a writer that is at times much faster: each record is right, or counted. */
static void reader_beside_a_writer(void **state)
{
	unsigned long flags;
	struct trace_ring *r = section(&flags);
	u64 next = 0, written = 0, read = 0, lost = 0;

	(void)state;
	for (u32 round = 0; round < 3000; round++) {
		const u32 burst = round % 97 ? round % 13 : TRACE_RING_RECORDS - 50 + round % 200;
		u64 pos = next;
		u32 n;

		for (u32 i = 0; i < burst; i++)
			write(written++);
		n = trace_ring_read(r, &pos, out, 1 + round % 100);
		lost += pos - next;
		read += n;
		for (u32 i = 0; i < n; i++)
			assert_int_equal((u32)out[i].what, (u32)(pos + i));
		next = pos + n;
	}
	assert_true(lost > TRACE_RING_RECORDS && read > 10000);
	assert_int_equal(read + lost + (written - next), written);
	end(flags);
}

/* By group and by VM: what is about the machine is recorded for every VM. */
static void filters(void **state)
{
	static const struct vm vm = { .id = 3 };
	unsigned long flags;
	struct trace_ring *r;

	(void)state;
	assert_false(trace_wants(ALL));
	assert_int_equal(trace_start(TRACE_IRQS | TRACE_EXITS, &vm), 0);
	assert_int_equal(trace_start(ALL, NULL), -EBUSY);
	assert_true(trace_wants(TRACE_IRQS) && !trace_wants(TRACE_SWITCHES));
	assert_true(percpus[1].masked.exits);
	assert_int_equal(trace_look().only, 3);
	r = section(&flags);
	trace_event(TRACE_INJECT, 1, trace_tag_of(3, 0), 1, 1);
	trace_event(TRACE_INJECT, 2, trace_tag_of(3, 31), 2, 2);
	assert_int_equal(r->head, 2);
	trace_event(TRACE_INJECT, 3, trace_tag_of(2, 1), 3, 3);
	trace_event(TRACE_INJECT, 3, trace_tag_of(35, 0), 3, 3);
	trace_event(TRACE_INJECT, 3, 3, 3, 3);
	assert_int_equal(r->head, 2);
	trace_event(TRACE_IRQ, 4, trace_tag_of(2, 1), 4, 4);
	trace_event(TRACE_SWITCH, 5, 0, 5, 5);
	assert_int_equal(r->head, 4);
	end(flags);
	assert_false(percpus[1].masked.exits);
}

static u64 seen, longest; /* records of a section */

static void look(void)
{
	const u64 head = this_cpu()->trace.head;

	if (!host_irqs_open[0])
		return;
	longest = MAX(longest, head - seen);
	seen = head;
}

/* A guest writes as many lines at once as it can: a section records a few of them. */
static void lines(void **state)
{
	void (*deliver)(void) = host_deliver;
	static struct console console;
	u8 text[512];
	u64 start;

	(void)state;
	memset(text, '\n', sizeof(text));
	memset(text + 100, 'x', 90);
	console_init(&console);
	start = seen = this_cpu()->trace.head;
	longest = 0;
	host_deliver = look;
	console_put(&console, text, sizeof(text));
	host_deliver = deliver;
	assert_int_equal(this_cpu()->trace.head - start, 512 - 90 - 1 + 15);
	assert_in_range(longest, 1, 32);
	assert_int_equal(trace_stop(), 0);
	assert_int_equal(trace_stop(), 0);
}

static u32 handled;

static void handler(u32 intid, void *arg)
{
	(void)intid, (void)arg;
	handled++;
}

/* An interrupt is recorded where it is taken, with its time; nothing is when it is off. */
static void interrupts(void **state)
{
	unsigned long flags;
	struct trace_ring *r;
	u64 pos = 0;

	(void)state;
	assert_int_equal(irq_request(SGI, "test", handler, NULL, 0), 0);
	assert_int_equal(trace_start(TRACE_IRQS, NULL), 0);
	r = section(&flags);
	(void)irq_dispatch(SGI);
	assert_int_equal(trace_ring_read(r, &pos, out, 9), 1);
	assert_int_equal(out[0].when >> 56, TRACE_IRQ);
	assert_int_equal(out[0].what >> 32 & 0xffff, SGI);
	assert_int_equal(out[0].what >> 48, this_cpu()->current->tag);
	arch_irq_restore(flags);
	assert_int_equal(trace_stop(), 0);
	flags = arch_irq_save();
	(void)irq_dispatch(SGI);
	assert_int_equal(r->head, 1);
	assert_int_equal(handled, 2);
	end(flags);
}

static void other(void *arg)
{
	*(u32 *)arg = thread_current()->tag;
}

static void switches(void **state)
{
	static struct thread t;
	const u32 own = thread_current()->tag;
	u32 tag = 0, there = 0, back = 0;
	u64 pos = 0;
	u32 n;

	(void)state;
	assert_int_equal(trace_start(TRACE_SWITCHES, NULL), 0);
	assert_int_equal(thread_create(&t, "other", other, &tag, 3, BIT(0)), 0);
	thread_start(&t);
	thread_join(&t);
	assert_true(tag && own && tag != own && !(tag & TRACE_TAG_VCPU));
	assert_int_equal(trace_stop(), 0);
	n = trace_ring_read(&percpus[0].trace, &pos, out, 100);
	for (u32 i = 0; i < n; i++) {
		assert_int_equal(out[i].when >> 56, TRACE_SWITCH);
		there += out[i].what >> 48 == tag && (out[i].what >> 8 & 0xff) == 3;
		back += (out[i].what >> 32 & 0xffff) == tag;
	}
	assert_int_equal(there, 1);
	assert_int_equal(back, 1);
	end(arch_irq_save());
}

/* Rings that do not fit are not taken in part. */
static void memory(void **state)
{
	struct list taken = LIST_INIT(taken), *page;
	struct page_stats before, after;
	void *one;

	(void)state;
	page_stats(&before);
	assert_int_equal(trace_stop(), -ENOENT);
	assert_int_equal(trace_start(ALL, NULL), 0);
	page_stats(&after);
	assert_int_equal(before.free - after.free, 2 * TRACE_RING_BYTES);
	assert_int_equal(trace_stop(), 0);
	assert_true(trace_look().rings && !trace_look().recording);
	assert_int_equal(trace_stop(), 0);
	assert_false(trace_look().rings);
	while ((one = pages_alloc((u32)(TRACE_RING_BYTES / PAGE_SIZE))))
		list_add_tail(&taken, one);
	page = list_first(&taken); /* room for one of the two */
	list_del(page);
	pages_free(page, (u32)(TRACE_RING_BYTES / PAGE_SIZE));
	assert_int_equal(trace_start(ALL, NULL), -ENOMEM);
	assert_false(trace_look().rings || trace_wants(ALL));
	while ((page = list_first(&taken))) {
		list_del(page);
		pages_free(page, (u32)(TRACE_RING_BYTES / PAGE_SIZE));
	}
	page_stats(&after);
	assert_int_equal(before.free, after.free);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(layout, started),
		cmocka_unit_test_setup(wraps, started),
		cmocka_unit_test_setup(reader_beside_a_writer, started),
		cmocka_unit_test_setup(lines, started),
		cmocka_unit_test(filters),
		cmocka_unit_test(interrupts),
		cmocka_unit_test(switches),
		cmocka_unit_test(memory),
	};

	unit_boot(2);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
