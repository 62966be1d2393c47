/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that serves gdb, and the sessions: a VM at a port each. */
#include <arch/timer.h>
#include <kernel/page.h>
#include <kernel/thread.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <vmm/debug.h>
#include <vmm/life.h>
#include "gdb_internal.h"

/*
 * Before ordinary VMs (20), behind real-time ones and the shell. The lifecycle lock is held here,
 * and the shell waits for it: so the thread is guarded, as the shell is.
 */
#define SERVER_PRIORITY 18

#define GDB_PAGES ((u32)((sizeof(struct gdb) + PAGE_SIZE - 1) / PAGE_SIZE))
#define WAIT_MS   10

static struct thread server;
static bool started;
static struct list sessions = LIST_INIT(sessions); /* lifecycle lock */
static struct wait_queue news_wq = WAIT_QUEUE_INIT(news_wq, LOCK_WAIT);
static bool news; /* (atomic) */

void gdb_news(void)
{
	__atomic_store_n(&news, true, __ATOMIC_RELEASE);
	wait_wake_all(&news_wq);
}

/* ---- bytes ---- */

static void send(struct gdb *g)
{
	const struct gdb_answer *a = &g->answer;
	struct port_piece pieces[] = { { "$", 1 }, { a->data, a->len }, { NULL, 3 } };
	char end[4];
	u8 sum = 0;

	for (u32 i = 0; i < a->len; i++)
		sum = (u8)(sum + a->data[i]);
	(void)snprintf(end, sizeof(end), "#%02x", sum);
	pieces[2].at = end;
	port_stream_put(&g->stream, pieces, ARRAY_SIZE(pieces));
}

static void acknowledge(struct gdb *g, const char *sign)
{
	const struct port_piece piece = { sign, 1 };

	if (!g->no_ack)
		port_stream_put(&g->stream, &piece, 1);
}

static void take(struct gdb *g, u8 byte)
{
	const enum gdb_event event = gdb_line_take(&g->line, byte);

	if (event == GDB_PACKET_CAME || event == GDB_PACKET_WRONG)
		acknowledge(g, event == GDB_PACKET_CAME ? "+" : "-");
	if (event == GDB_INTERRUPT)
		g->interrupt = g->runs;
	if ((event == GDB_PACKET_CAME && gdb_packet(g)) || event == GDB_AGAIN)
		send(g);
}

/* False: it waits for room in the port. */
static bool serve(struct gdb *g)
{
	u8 bytes[32]; /* at most three questions with long answers */
	u32 n;

	if (port_stream_room(&g->stream) < PORT_STREAM_BYTES / 2)
		return false;
	n = port_stream_read(&g->stream, bytes, sizeof(bytes));
	for (u32 i = 0; i < n; i++)
		take(g, bytes[i]);
	if (n)
		gdb_news();
	if (gdb_look(g))
		send(g);
	return true;
}

static bool serve_all(void)
{
	bool all = true;

	vmm_lock();
	for (struct list *n = sessions.next; n != &sessions; n = n->next)
		all &= serve(list_entry(n, struct gdb, node));
	vmm_unlock();
	return all;
}

static void server_main(void *arg __unused)
{
	for (;;) {
		wait_until(&news_wq, __atomic_exchange_n(&news, false, __ATOMIC_ACQ_REL));
		while (!serve_all())
			thread_sleep_ms(WAIT_MS);
	}
}

/* ---- sessions ---- */

static struct gdb *session_of(const struct vm *vm)
{
	for (struct list *n = sessions.next; n != &sessions; n = n->next) {
		struct gdb *g = list_entry(n, struct gdb, node);

		if (g->vm == vm)
			return g;
	}
	return NULL;
}

static void end_session(struct gdb *g)
{
	port_stream_close(&g->stream);
	list_del(&g->node);
	pages_free(g, GDB_PAGES);
}

static void vm_goes(struct vm *vm)
{
	struct gdb *g = session_of(vm);
	struct vcpu *v;

	if (!g)
		return;
	for_each_vcpu(v, vm)
		v->debug.by = NULL; /* it does not run again */
	end_session(g);
}

static const struct vm_watch watch = { gdb_news, vm_goes };

static int start(void)
{
	int err;

	if (started)
		return 0;
	err = thread_create(&server, "gdb", server_main, NULL, SERVER_PRIORITY, BIT(0));
	if (err)
		return err;
	started = true;
	vm_set_watch(&watch);
	thread_set_params(&server, &sched_guarded);
	thread_start(&server);
	return 0;
}

int gdb_open(struct vm *vm, s32 want, struct vm_error *err)
{
	struct gdb *g = session_of(vm);
	int port;

	if (g)
		return g->stream.port;
	if (want < 0)
		want = console_port_named("org.zvm.gdb");
	if (want < 0) /* VMs' consoles take the lowest ones */
		for (want = CONSOLE_MAX_PORTS - 1; want && !console_port_name(want); want--)
			;
	g = start() ? NULL : pages_alloc(GDB_PAGES);
	if (!g)
		return vm_fail(err, -ENOMEM, "there is no memory for gdb");
	port_stream_init(&g->stream);
	port_stream_listen(&g->stream, g->typed, sizeof(g->typed), gdb_news);
	port = port_stream_open(&g->stream, want, "", 0);
	if (port < 0) {
		pages_free(g, GDB_PAGES);
		return vm_fail(err, port, "there is no such port, or it is in use: `host info`");
	}
	g->vm = vm;
	list_add_tail(&sessions, &g->node);
	return port;
}

int gdb_close(struct vm *vm, struct vm_error *err)
{
	struct gdb *g = session_of(vm);

	if (!g)
		return vm_fail(err, -ENOENT, "vm %u '%s' is without gdb", vm->id, vm->name);
	if (!gdb_detach(g))
		return vm_fail(err, -EBUSY, "vm %u '%s' starts or ends just now: try again", vm->id,
			       vm->name);
	end_session(g);
	return 0;
}
