/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stub: gdb_line.c finds packets in bytes, gdb_packets.c carries them out, gdb_registers.c and
 * gdb_memory.c have what they concern, gdb_run.c stops the VM and lets it run, gdb_server.c is the
 * thread that does all of that, under the lifecycle lock.
 *
 * GDB stops all of a VM: the VM is paused then, as by the operator. What gdb sends is checked, like
 * what a guest sends: it takes no more memory than struct gdb, and reaches nothing but the VM.
 */
#ifndef GDB_INTERNAL_H
#define GDB_INTERNAL_H

#include <lib/list.h>
#include <vmm/core.h>
#include <vmm/port.h>

#define GDB_PACKET 4096 /* bytes of a packet's contents, in either direction */
#define GDB_TYPED  8192 /* more than a packet, which is all that gdb sends at once */

/* ---- gdb_line.c: pure ---- */

struct gdb_line {
	enum { LINE_IDLE, LINE_DATA, LINE_ESCAPED, LINE_SUM, LINE_SUM_END } state;
	u8 sum, told; /* of the contents so far, and what the packet says */
	bool too_long;
	u32 len;
	u8 data[GDB_PACKET];
};

enum gdb_event {
	GDB_NONE,
	GDB_PACKET_CAME, /* its contents, without escapes, are data[0..len) until the next call */
	GDB_PACKET_WRONG,
	GDB_INTERRUPT, /* Ctrl-C */
	GDB_AGAIN,     /* the last answer did not arrive */
};

/* Take the next byte. */
enum gdb_event gdb_line_take(struct gdb_line *l, u8 byte);

/* An answer under construction: there is room for the longest that is given. */
struct gdb_answer {
	u32 len;
	u8 data[GDB_PACKET];
};
void answer_text(struct gdb_answer *a, const char *fmt, ...) __printf(2, 3);
void answer_bytes(struct gdb_answer *a, const void *data, u32 len);
/* As hexadecimal digits, in the order of memory. */
void answer_hex(struct gdb_answer *a, const void *data, u32 len);

/* The part of a packet that is not read yet. Each function below moves on if it succeeds. */
struct gdb_text {
	const u8 *at, *end;
};
bool text_word(struct gdb_text *t, const char *word);
bool text_number(struct gdb_text *t, u64 *n);            /* hexadecimal */
bool text_bytes(struct gdb_text *t, void *out, u32 len); /* two digits each */
static inline bool text_ends(const struct gdb_text *t)
{
	return t->at == t->end;
}

/* ---- a session: a VM at a port ---- */

struct gdb_break {
	u64 va;
	u32 insn; /* what was there */
};

struct gdb {
	struct list node;
	struct vm *vm;
	struct port_stream stream;
	bool no_ack;
	bool attached;  /* the VM's debug exceptions come here */
	bool runs;      /* gdb waits for the VM to stop */
	bool asks;      /* ... for the first time: it asks where the VM is */
	bool interrupt; /* ... and sent Ctrl-C */
	bool ours;      /* gdb paused the VM, or let it run: it runs when gdb leaves */
	bool code_changed;
	u32 thread;                  /* the vCPU that packets are about */
	u32 masks[VM_MAX_VCPUS];     /* PSTATE.I and F before a step with BIT(31) set; else 0 */
	struct guest_regs regs;      /* for one packet */
	u64 at[2][GUEST_DEBUG_REGS]; /* where the CPU's breakpoints and watchpoints are */
	struct guest_debug points;
	struct gdb_break breaks[DEBUG_BREAKS];
	u64 break_at[DEBUG_BREAKS]; /* IPAs of those in use: debugged.breaks */
	struct debugged vcpus[VM_MAX_VCPUS];
	struct gdb_line line;
	struct gdb_answer answer; /* the last one, if gdb wants it again */
	u8 typed[GDB_TYPED];
};

/* ---- gdb_registers.c ---- */

/* Fill g->regs with those of the vCPU, or write them back. The VM is held. */
void gdb_read_registers(struct gdb *g, struct vcpu *v);
void gdb_write_registers(struct gdb *g, struct vcpu *v);
/* Register n in g->regs and its bytes, or NULL. */
#define GDB_REG_ALL 68 /* those of a `g` packet; behind them those that can only be read */
void *gdb_register(struct guest_regs *r, u64 n, u32 *len);
/* A part of the target's description. */
void gdb_target(struct gdb_answer *a, u64 from, u64 len);

/* ---- gdb_memory.c: by virtual address, with the tables that g->regs name; the VM is held ---- */

/*
 * Read or write. Returns how many bytes could be copied, from the first on. Memory that has not
 * come reads as zeroes, and is not written.
 */
u32 gdb_copy(struct gdb *g, u64 va, void *data, u32 len, bool write);
/*
 * Insert or remove a break- or watchpoint; type as in a Z packet. False: no more of them, or not
 * possible there.
 */
bool gdb_change(struct gdb *g, u64 type, u64 va, u64 len, bool insert);
void gdb_remove_all(struct gdb *g);
/* The watchpoint that an access to `at` has hit. */
u64 gdb_watched(const struct gdb *g, u64 at);

/* ---- gdb_run.c: the lifecycle lock is held ---- */

/* What a vCPU is to do; the default is to stay where it is. */
enum gdb_action { GDB_STAYS, GDB_RUNS, GDB_STEPS };

/* Take the VM, from an earlier gdb too: an answer follows when it stands still. */
void gdb_attach(struct gdb *g);
/* False: it cannot run; g->vm stands still as before. */
bool gdb_run(struct gdb *g, const u8 actions[VM_MAX_VCPUS]);
/* If gdb waits, and the VM has stopped or is to: g->answer says so. */
bool gdb_look(struct gdb *g);
/* Give the VM back. False: it starts or ends just now. */
bool gdb_detach(struct gdb *g);

/* ---- gdb_server.c: there is something to look at. Any context. ---- */
void gdb_news(void);

/* ---- gdb_packets.c ---- */

/* Carry out the packet in g->line. False: there is no answer, or not yet. */
bool gdb_packet(struct gdb *g);

#endif
