/* SPDX-License-Identifier: Apache-2.0 */
/* A vCPU's registers by gdb's numbers, and their description. */
#include <kernel/irq.h>
#include <lib/printf.h>
#include <lib/string.h>
#include "gdb_internal.h"

struct copy {
	struct vcpu *v;
	struct guest_regs *regs;
};

static void read_here(void *arg)
{
	const struct copy *c = arg;

	arch_vcpu_read(c->v, c->regs);
}

static void write_here(void *arg)
{
	const struct copy *c = arg;

	arch_vcpu_write(c->v, c->regs);
}

void gdb_read_registers(struct gdb *g, struct vcpu *v)
{
	struct copy c = { v, &g->regs };

	ipi_call(v->thread.cpu, read_here, &c);
}

void gdb_write_registers(struct gdb *g, struct vcpu *v)
{
	struct copy c = { v, &g->regs };

	ipi_call(v->thread.cpu, write_here, &c);
}

#define FIRST_V   34
#define FPSR      66
#define FPCR      67
#define FIRST_SYS GDB_REG_ALL

void *gdb_register(struct guest_regs *r, u64 n, u32 *len)
{
	*len = 8;
	if (n < GUEST_PSTATE)
		return &r->core[n];
	if (n >= FIRST_V && n < FPSR) {
		*len = 16;
		return r->v[n - FIRST_V];
	}
	if (n >= FIRST_SYS)
		return n < FIRST_SYS + GUEST_SYSREGS ? &r->sys[n - FIRST_SYS] : NULL;
	*len = 4;
	return n == FPSR ? &r->fpsr : n == FPCR ? &r->fpcr : &r->core[GUEST_PSTATE];
}

/* ---- the description ---- */

static const char sys_names[GUEST_SYSREGS][16] = {
	[GUEST_SCTLR] = "SCTLR_EL1",
	[GUEST_TCR] = "TCR_EL1",
	[GUEST_TTBR0] = "TTBR0_EL1",
	[GUEST_TTBR1] = "TTBR1_EL1",
	[GUEST_MAIR] = "MAIR_EL1",
	[GUEST_VBAR] = "VBAR_EL1",
	[GUEST_ESR] = "ESR_EL1",
	[GUEST_FAR] = "FAR_EL1",
	[GUEST_ELR] = "ELR_EL1",
	[GUEST_SPSR] = "SPSR_EL1",
	[GUEST_SP_EL0] = "SP_EL0",
	[GUEST_SP_EL1] = "SP_EL1",
	[GUEST_TPIDR_EL0] = "TPIDR_EL0",
	[GUEST_TPIDR_EL1] = "TPIDR_EL1",
	[GUEST_CONTEXTIDR] = "CONTEXTIDR_EL1",
	[GUEST_MPIDR] = "MPIDR_EL1",
};

/* The part [from, end) of a text that is made each time. */
struct part {
	struct print_sink sink; /* first */
	struct gdb_answer *answer;
	u64 at, from, end;
};

static void put(struct print_sink *sink, const char *s, size_t len)
{
	struct part *p = container_of(sink, struct part, sink);
	const u64 skip = MIN(MAX(p->from, p->at) - p->at, (u64)len);
	const u64 stop = MIN(MAX(p->end, p->at) - p->at, (u64)len);

	if (stop > skip)
		answer_bytes(p->answer, s + skip, (u32)(stop - skip));
	p->at += len;
}

static void reg(struct part *p, const char *name, u32 bits, const char *type)
{
	sink_printf(&p->sink, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"/>", name, bits, type);
}

static void numbered(struct part *p, char letter, u32 count, u32 bits, const char *type)
{
	char name[8];

	for (u32 n = 0; n < count; n++) {
		(void)snprintf(name, sizeof(name), "%c%u", letter, n);
		reg(p, name, bits, type);
	}
}

static void describe(struct part *p)
{
	static const char *const next = "</feature><feature name=\"org.%s\">";

	sink_printf(&p->sink, "<target version=\"1.0\"><architecture>aarch64</architecture>"
			      "<feature name=\"org.gnu.gdb.aarch64.core\">");
	numbered(p, 'x', GUEST_X, 64, "int");
	reg(p, "sp", 64, "data_ptr");
	reg(p, "pc", 64, "code_ptr");
	reg(p, "cpsr", 32, "int");
	sink_printf(&p->sink, next, "gnu.gdb.aarch64.fpu");
	numbered(p, 'v', 32, 128, "uint128");
	reg(p, "fpsr", 32, "int");
	reg(p, "fpcr", 32, "int");
	sink_printf(&p->sink, next, "zvm.system");
	for (u32 n = 0; n < GUEST_SYSREGS; n++)
		reg(p, sys_names[n], 64, "int");
	sink_printf(&p->sink, "</feature></target>");
}

void gdb_target(struct gdb_answer *a, u64 from, u64 len)
{
	struct part p = {
		.sink = { .put = put },
		.answer = a,
		.from = from,
		.end = from + MIN(len, (u64)GDB_PACKET - 1),
	};

	answer_text(a, "l"); /* nothing follows, or (below) more does */
	if (p.end < from)
		p.end = from;
	describe(&p);
	if (p.at > p.end)
		a->data[0] = 'm';
}
