/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends traces to a port: a head, then chunks (docs/trace.md). A thread copies records into the
 * port's ring while there is room, and waits while there is none. CPUs that write events never
 * wait: records that were overwritten before they could be copied are counted.
 */
#include <arch/timer.h>
#include <kernel/irq.h>
#include <kernel/page.h>
#include <kernel/sync.h>
#include <kernel/thread.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/core.h>
#include "trace_internal.h"

/*
 * More urgent than VMs by default (20), as the console service, which sends what it copies. Only
 * while it holds the lifecycle lock it is guarded.
 */
#define DUMP_PRIORITY 18
#define DUMP_WAIT_MS  5 /* for room in the port's ring, or for new records */

#define DUMP_VERSION 1

struct dump_head {
	char magic[8];
	u32 version;
	u32 bytes; /* of this head */
	u64 hz;
	u64 now, wall; /* the counter when Unix time was `wall` seconds; wall 0: not known */
	u32 cpus;
	u32 groups;
	s32 only; /* the id of the VM that it is about; -1: all */
	u32 reserved;
};
_Static_assert(sizeof(struct dump_head) == 56, "docs/trace.md");

enum chunk_type {
	CHUNK_THREADS = 1,
	CHUNK_RECORDS,
	CHUNK_END,
	CHUNK_IRQS,
	CHUNK_GUEST_RECORDS,
	CHUNK_GUEST_THREADS,
};

struct chunk_head {
	u32 type;
	u32 bytes; /* behind this head */
};

/* The name of a thread or of an interrupt of the machine. */
struct name_entry {
	u16 number; /* its tag or its INTID */
	u16 reserved;
	char name[32];
};
_Static_assert(sizeof(((struct thread *)0)->name) == 32, "docs/trace.md");

struct records_head {
	u32 cpu, reserved;
	u64 first; /* the number of the first record: those that are missing before it are lost */
};

struct end_chunk {
	u64 now;
	u64 sent, lost;
};

#define CHUNK_RECORDS_MAX 64

static struct thread sender;
static struct sem asked;
static struct port_stream stream;
static struct {
	s32 port;       /* -1: nothing is sent (atomic) */
	bool off;       /* end now (atomic) */
	u64 sent, lost; /* atomic */
	u64 pos[MAX_CPUS];
	struct trace_record records[CHUNK_RECORDS_MAX];
} dump = { .port = -1 };

s32 trace_dump_port(void)
{
	return __atomic_load_n(&dump.port, __ATOMIC_ACQUIRE);
}

void trace_dump_look(struct trace_look *look)
{
	look->port = trace_dump_port();
	look->sent = __atomic_load_n(&dump.sent, __ATOMIC_RELAXED);
	look->lost = __atomic_load_n(&dump.lost, __ATOMIC_RELAXED);
}

static bool is_off(void)
{
	return __atomic_load_n(&dump.off, __ATOMIC_RELAXED);
}

/* Wait until the port's ring has room for so many bytes. False: the dump is to end. */
static bool wait_for_room(u32 bytes)
{
	while (!is_off()) {
		if (port_stream_room(&stream) >= bytes)
			return true;
		thread_sleep_ms(DUMP_WAIT_MS);
	}
	return false;
}

/* A chunk: its head, and up to two pieces. */
static void put(enum chunk_type type, const void *a, u32 alen, const void *b, u32 blen)
{
	const struct chunk_head head = { type, alen + blen };
	const struct port_piece pieces[] = { { &head, sizeof(head) }, { a, alen }, { b, blen } };

	if (wait_for_room((u32)sizeof(head) + alen + blen))
		port_stream_put(&stream, pieces, blen ? 3 : 2);
}

/* ---- names ---- */

struct names {
	struct name_entry *entries;
	u32 count, room;
};

static void add_name(const struct thread *t, void *arg)
{
	struct names *names = arg;

	if (names->count < names->room) {
		struct name_entry *e = &names->entries[names->count];

		e->number = t->tag;
		memcpy(e->name, t->name, sizeof(e->name));
	}
	names->count++;
}

#define NAMES_A_CHUNK 32
#define NAMES_SPARE   8 /* threads that are made between the two walks */

/* The names of all threads, vCPUs among them. Without memory for them the tags have to do. */
static void send_threads(void)
{
	struct names names = { .entries = NULL };
	u32 pages;

	thread_for_each(add_name, &names);
	pages = (u32)(ALIGN_UP((names.count + NAMES_SPARE) * sizeof(*names.entries), PAGE_SIZE) /
		      PAGE_SIZE);
	names = (struct names){ .entries = pages_alloc(pages),
				.room = (u32)(pages * PAGE_SIZE / sizeof(*names.entries)) };
	if (!names.entries)
		return;
	thread_for_each(add_name, &names);
	names.count = MIN(names.count, names.room);
	for (u32 i = 0; i < names.count; i += NAMES_A_CHUNK)
		put(CHUNK_THREADS, &names.entries[i],
		    (u32)(MIN(names.count - i, NAMES_A_CHUNK) * sizeof(*names.entries)), NULL, 0);
	pages_free(names.entries, pages);
}

static void send_irqs(void)
{
	struct irq_info info;

	for (u32 from = 0; irq_next_info(from, &info); from = info.intid + 1) {
		struct name_entry e = { .number = (u16)info.intid };

		(void)str_copy(e.name, info.name, sizeof(e.name));
		put(CHUNK_IRQS, &e, sizeof(e), NULL, 0);
	}
}

#define GUEST_NAMES 24 /* at once */

static void send_guest_threads(void)
{
	static struct guest_trace_thread names[GUEST_NAMES];
	struct {
		u32 vm, reserved;
	} head = { 0 };

	for (u32 n, from; head.vm < MAX_VMS; head.vm++)
		for (from = 0; (n = trace_guest_names(head.vm, from, names, GUEST_NAMES));
		     from += n)
			put(CHUNK_GUEST_THREADS, &head, sizeof(head), names,
			    (u32)(n * sizeof(*names)));
}

/* ---- records ---- */

static u64 oldest(u32 cpu)
{
	u64 pos = trace_ring_begin(cpu);

	(void)trace_ring_read(&percpus[cpu].trace, &pos, NULL, 0);
	return pos;
}

/* False: there was none. */
static bool send_some(u32 cpu)
{
	const u64 end = trace_ring_end(cpu);
	u64 pos = dump.pos[cpu];
	u32 n = trace_ring_read(&percpus[cpu].trace, &pos, dump.records, CHUNK_RECORDS_MAX);
	const struct records_head head = { .cpu = cpu, .first = pos };

	n = (u32)MIN(n, end - MIN(pos, end));

	__atomic_fetch_add(&dump.lost, pos - dump.pos[cpu], __ATOMIC_RELAXED);
	dump.pos[cpu] = pos + n;
	if (!n)
		return false;
	put(CHUNK_RECORDS, &head, sizeof(head), dump.records, (u32)(n * sizeof(*dump.records)));
	__atomic_fetch_add(&dump.sent, n, __ATOMIC_RELAXED);
	return true;
}

/* Some of each guest. False: there were none. */
static bool send_guests(void)
{
	static struct guest_records from;
	bool any = false;

	for (u32 vm = 0; vm < MAX_VMS; vm++) {
		u64 lost = 0;
		u32 n = 0;

		if (wait_for_room(sizeof(from) + 64))
			n = trace_guest_read(vm, &from, &lost);
		__atomic_fetch_add(&dump.lost, lost, __ATOMIC_RELAXED);
		if (!n)
			continue;
		put(CHUNK_GUEST_RECORDS, &from, offsetof(struct guest_records, records),
		    from.records, (u32)(n * sizeof(*from.records)));
		__atomic_fetch_add(&dump.sent, n, __ATOMIC_RELAXED);
		any = true;
	}
	return any;
}

/* Until it is off, or all records of a trace that has ended are sent. */
static void send_records(void)
{
	bool more = true;
	u32 cpu;

	while (more && !is_off()) {
		const bool recording = trace_is_recording();
		bool any = false;

		for_each_cpu(cpu) {
			/* The room first: what a slow reader waits for is not copied too early. */
			if (wait_for_room(sizeof(dump.records) + 64))
				any |= send_some(cpu);
		}
		any |= send_guests();
		if (!any && recording)
			thread_sleep_ms(DUMP_WAIT_MS);
		more = any || recording;
	}
}

static void send_end(void)
{
	const struct end_chunk end = { arch_counter(), dump.sent, dump.lost };

	put(CHUNK_END, &end, sizeof(end), NULL, 0);
	(void)wait_for_room(PORT_STREAM_BYTES); /* all of it has gone to the port */
}

static void sender_main(void *arg __unused)
{
	for (;;) {
		if (sem_take(&asked, DEADLINE_NEVER) != 0)
			continue;
		send_irqs();
		send_threads();
		send_guest_threads();
		send_records();
		send_threads(); /* those of VMs that were created meanwhile */
		send_guest_threads();
		send_end();
		/* The shell may wait for the lock that this thread holds. */
		thread_set_params(&sender, &sched_guarded);
		vmm_lock();
		port_stream_close(&stream);
		__atomic_store_n(&dump.port, -1, __ATOMIC_RELEASE);
		vmm_unlock();
		thread_set_params(&sender, &sched_plain);
	}
}

int trace_init(void)
{
	int err = thread_create(&sender, "trace", sender_main, NULL, DUMP_PRIORITY, BIT(0));

	if (err)
		return err;
	port_stream_init(&stream);
	sem_init(&asked, 0, 1);
	thread_start(&sender);
	return 0;
}

/* ---- for the operator ---- */

int trace_dump(s32 want, u64 wall)
{
	const struct trace_look look = trace_look();
	const struct dump_head head = {
		.magic = "ZVMTRACE",
		.version = DUMP_VERSION,
		.bytes = sizeof(head),
		.hz = arch_counter_hz(),
		.now = arch_counter(),
		.wall = wall,
		.cpus = cpu_count,
		.groups = look.groups,
		.only = look.only,
	};
	u32 cpu;
	int port;

	if (look.port >= 0)
		return -EEXIST;
	if (!look.rings)
		return -EPERM;
	port = port_stream_open(&stream, want, &head, sizeof(head));
	if (port < 0)
		return port;
	for_each_cpu(cpu)
		dump.pos[cpu] = oldest(cpu);
	trace_guests_rewind();
	dump.sent = dump.lost = 0;
	__atomic_store_n(&dump.off, false, __ATOMIC_RELAXED);
	__atomic_store_n(&dump.port, port, __ATOMIC_RELEASE);
	sem_give(&asked);
	return port;
}

bool trace_dump_end(void)
{
	__atomic_store_n(&dump.off, true, __ATOMIC_RELAXED);
	return trace_dump_port() >= 0;
}
