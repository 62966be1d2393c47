/* SPDX-License-Identifier: Apache-2.0 */
/* What gdb asks for: a row for each packet (GDB manual, appendix E). */
#include <lib/string.h>
#include <vmm/life.h>
#include "gdb_internal.h"

/* True: it is answered, with what is in g->answer; nothing there: it is not known. */
typedef bool (*packet_fn)(struct gdb *g, struct gdb_text *t);

static __noinline bool result(struct gdb *g, bool done)
{
	answer_bytes(&g->answer, done ? "OK" : "E01", done ? 2 : 3);
	return true;
}

static bool ok(struct gdb *g)
{
	return result(g, true);
}

static bool wrong(struct gdb *g)
{
	return result(g, false);
}

/* Two numbers. */
static bool place(struct gdb_text *t, u64 *va, u64 *len)
{
	return text_number(t, va) && text_word(t, ",") && text_number(t, len);
}

/* ---- threads: vCPU n is thread n + 1 ---- */

#define ANY_THREAD VM_MAX_VCPUS

/* "-1" and "0" are any. */
static bool thread_id(const struct gdb *g, struct gdb_text *t, u32 *index)
{
	u64 n;

	*index = ANY_THREAD;
	if (text_word(t, "-1"))
		return true;
	if (!text_number(t, &n) || n > g->vm->nvcpus)
		return false;
	if (n)
		*index = (u32)n - 1;
	return true;
}

static bool choose(struct gdb *g, struct gdb_text *t)
{
	u32 index;

	if (!thread_id(g, t, &index) || !text_ends(t))
		return wrong(g);
	if (index != ANY_THREAD)
		g->thread = index;
	return ok(g);
}

static bool alive(struct gdb *g, struct gdb_text *t)
{
	(void)t;
	return ok(g); /* the list of threads says which there are */
}

static bool first_threads(struct gdb *g, struct gdb_text *t)
{
	const char *before = "m";
	const struct vcpu *v;

	(void)t;
	for_each_vcpu(v, g->vm) {
		if (v->index && v->power == VCPU_OFF)
			continue;
		answer_text(&g->answer, "%s%x", before, v->index + 1);
		before = ",";
	}
	return true;
}

static bool more_threads(struct gdb *g, struct gdb_text *t)
{
	(void)t;
	answer_text(&g->answer, "l");
	return true;
}

/* ---- the session ---- */

static bool supported(struct gdb *g, struct gdb_text *t)
{
	(void)t;
	g->no_ack = false;
	answer_text(&g->answer, "PacketSize=%x;qXfer:features:read+;QStartNoAckMode+", GDB_PACKET);
	return true;
}

static bool no_ack(struct gdb *g, struct gdb_text *t)
{
	(void)t;
	g->no_ack = true;
	return ok(g);
}

static bool is_attached(struct gdb *g, struct gdb_text *t)
{
	(void)t;
	answer_text(&g->answer, "1"); /* so gdb detaches when it ends */
	return true;
}

static bool description(struct gdb *g, struct gdb_text *t)
{
	u64 from, len;

	if (!place(t, &from, &len))
		return wrong(g);
	gdb_target(&g->answer, from, len);
	return true;
}

/* The first question of a gdb; an earlier one may have gone without a word. */
static bool why_stopped(struct gdb *g, struct gdb_text *t)
{
	(void)t;
	gdb_attach(g);
	return false;
}

static bool detach(struct gdb *g, struct gdb_text *t)
{
	(void)t;
	return result(g, gdb_detach(g));
}

/* ---- registers and memory: g->regs are those of g->thread, and the VM is held ---- */

static bool read_registers(struct gdb *g, struct gdb_text *t)
{
	u32 len;

	(void)t;
	for (u32 n = 0; n < GDB_REG_ALL; n++) {
		const void *reg = gdb_register(&g->regs, n, &len);

		answer_hex(&g->answer, reg, len);
	}
	return true;
}

static bool one_register(struct gdb *g, struct gdb_text *t, bool write)
{
	void *reg;
	u64 n;
	u32 len;

	if (!text_number(t, &n))
		return wrong(g);
	reg = gdb_register(&g->regs, n, &len);
	if (!reg || (write && (n >= GDB_REG_ALL || !text_word(t, "=") || !text_bytes(t, reg, len))))
		return wrong(g);
	if (!write)
		answer_hex(&g->answer, reg, len);
	else
		gdb_write_registers(g, g->vm->vcpus[g->thread]);
	return write ? ok(g) : true;
}

static bool read_register(struct gdb *g, struct gdb_text *t)
{
	return one_register(g, t, false);
}

static bool write_register(struct gdb *g, struct gdb_text *t)
{
	return one_register(g, t, true);
}

static bool memory(struct gdb *g, struct gdb_text *t, bool write)
{
	u8 bytes[GDB_PACKET / 2];
	u64 va, len;
	u32 n;

	if (!place(t, &va, &len) || len > sizeof(bytes) ||
	    (write && (!text_word(t, ":") || !text_bytes(t, bytes, (u32)len))))
		return wrong(g);
	n = gdb_copy(g, va, bytes, (u32)len, write);
	if (write || (!n && len))
		return result(g, write && n == len);
	answer_hex(&g->answer, bytes, n);
	return true;
}

static bool read_memory(struct gdb *g, struct gdb_text *t)
{
	return memory(g, t, false);
}

static bool write_memory(struct gdb *g, struct gdb_text *t)
{
	return memory(g, t, true);
}

static bool point(struct gdb *g, struct gdb_text *t, bool insert)
{
	u64 type, va, len;

	if (!text_number(t, &type) || type > 4 || !text_word(t, ",") || !place(t, &va, &len) ||
	    (type < 2 && len != 4))
		return wrong(g);
	return result(g, gdb_change(g, type, va, len, insert));
}

static bool insert(struct gdb *g, struct gdb_text *t)
{
	return point(g, t, true);
}

static bool remove(struct gdb *g, struct gdb_text *t)
{
	return point(g, t, false);
}

/* ---- run ---- */

static bool can_run(struct gdb *g, struct gdb_text *t)
{
	(void)t;
	answer_text(&g->answer, "vCont;c;C;s;S");
	return true;
}

/* c, s; C, S: with a signal, which means nothing to a VM. */
static bool read_action(struct gdb_text *t, enum gdb_action *action)
{
	const u8 letter = text_ends(t) ? 0 : *t->at++;
	u64 signal;

	*action = (letter | 0x20) == 's' ? GDB_STEPS : GDB_RUNS;
	if (letter == 'C' || letter == 'S')
		return text_number(t, &signal);
	return letter == 'c' || letter == 's';
}

/* The first action that names a vCPU is its own; others stay where they are. */
static bool run(struct gdb *g, struct gdb_text *t)
{
	u8 actions[VM_MAX_VCPUS] = { GDB_STAYS };

	while (text_word(t, ";")) {
		enum gdb_action action;
		u32 only = ANY_THREAD;

		if (!read_action(t, &action) || (text_word(t, ":") && !thread_id(g, t, &only)))
			return wrong(g);
		for (u32 i = 0; i < VM_MAX_VCPUS; i++)
			if (actions[i] == GDB_STAYS && (only == ANY_THREAD || only == i))
				actions[i] = (u8)action;
	}
	return text_ends(t) && g->attached && !g->runs && gdb_run(g, actions) ? false : wrong(g);
}

/* ---- the table ---- */

/* A packet begins with `name`; the longer of two names is first. */
struct row {
	const char *name;
	packet_fn fn;
};

/* At any time: */
static const struct row rows[] = {
	{ "?", why_stopped },
	{ "qSupported", supported },
	{ "QStartNoAckMode", no_ack },
	{ "qAttached", is_attached },
	{ "qXfer:features:read:target.xml:", description },
	{ "qfThreadInfo", first_threads },
	{ "qsThreadInfo", more_threads },
	{ "Hg", choose },
	{ "T", alive },
	{ "vCont?", can_run },
	{ "vCont", run },
	{ "vKill;", detach }, /* what ends a VM is the operator's command */
	{ "D", detach },
};

/* While the VM stands still. */
static const struct row held_rows[] = {
	{ "g", read_registers }, { "p", read_register }, { "P", write_register },
	{ "m", read_memory },    { "M", write_memory },  { "Z", insert },
	{ "z", remove },
};

static const struct row *find_row(const struct row *r, u32 count, struct gdb_text *t)
{
	for (; count && !text_word(t, r->name); count--)
		r++;
	return count ? r : NULL;
}

static bool carry_out_held(struct gdb *g, const struct row *r, struct gdb_text *t)
{
	bool answered;

	if (!g->attached || g->runs || !vm_hold(g->vm))
		return wrong(g);
	gdb_read_registers(g, g->vm->vcpus[g->thread]);
	answered = r->fn(g, t);
	vm_let_go(g->vm);
	return answered;
}

bool gdb_packet(struct gdb *g)
{
	struct gdb_text t = { g->line.data, g->line.data + g->line.len };
	const struct row *r = find_row(rows, ARRAY_SIZE(rows), &t);

	g->answer.len = 0;
	if (r)
		return r->fn(g, &t);
	r = find_row(held_rows, ARRAY_SIZE(held_rows), &t);
	return r ? carry_out_held(g, r, &t) : true; /* an empty answer: not known */
}
