/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers that the vectors call for a guest: a table by exception class. */
#include <arch/guest.h>
#include <arch/timer.h>
#include <asm/trap.h>
#include <kernel/percpu.h>
#include <kernel/trace.h>
#include <vmm/core.h>

_Static_assert(offsetof(struct vcpu, thread) == 0, "a vCPU's thread is the vCPU");
_Static_assert(sizeof(((struct vcpu *)0)->last_exits) == 256, "vcpu_note_exit() wraps at bit 8");

void trap_lower_sync(struct vcpu *v, struct trap_frame *f, u64 esr);
void trap_lower_sync_a32(struct vcpu *v, struct trap_frame *f, u64 esr);
void trap_lower_irq(struct vcpu *v);
void trap_lower_serror(struct trap_frame *f);
void trap_measured_sync(struct vcpu *v, struct trap_frame *f, u64 esr);
void trap_measured_irq(struct vcpu *v);
void trap_measured_end(struct vcpu *v, const struct trap_frame *f);

static void wait(struct vcpu *v, u64 esr)
{
	if (esr & BIT(0))
		vmm_wfe(v);
	else
		vmm_wfi(v);
}

static void trap_wfx(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	vcpu_note_exit(v, esr, f->elr);
	frame_step(f);
	wait(v, esr);
}

static void smccc(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	vcpu_note_exit(v, esr, f->elr);
	if (unlikely(FIELD(esr, 15, 0) != 0)) /* DEN0028: the immediate is 0 */
		f->x[0] = ~0ULL;
	else
		vmm_smccc(v, f->x);
}

static void trap_hvc(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	smccc(v, f, esr); /* the preferred return address is already behind the HVC */
}

static void trap_smc(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	frame_step(f);
	smccc(v, f, esr);
}

static void trap_fp(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	(void)v, (void)f, (void)esr;
	fp_trap();
}

/* Features that the guest is not shown are UNDEFINED, as on a CPU without them. */
static void trap_undef(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	vcpu_note_exit(v, esr, f->elr);
	inject_undef(f);
}

/* An exception class: its handler, and the kind of exit that it counts as. */
struct trap_row {
	void (*handler)(struct vcpu *v, struct trap_frame *f, u64 esr);
	u64 counter; /* of exits of that kind: its offset in struct vcpu */
};

/* clang-format off */
#define ROW(handler, kind) { handler, offsetof(struct vcpu, exits) + (kind) * sizeof(u64) }
#define UNKNOWN            ROW(trap_undef, EXIT_FAULT)
#define DEBUG              ROW(trap_debug, EXIT_FAULT)
/* clang-format on */

/* Every class has a row: a row is not checked before its handler is called. */
static const struct trap_row classes[64] = {
	[0x00] = UNKNOWN,
	[EC_WFX] = ROW(trap_wfx, EXIT_WFX),
	[0x02 ... 0x06] = UNKNOWN,
	[EC_FP] = ROW(trap_fp, EXIT_FP),
	[0x08 ... 0x15] = UNKNOWN,
	[EC_HVC64] = ROW(trap_hvc, EXIT_HVC),
	[EC_SMC64] = ROW(trap_smc, EXIT_SMC),
	[EC_SYSREG] = ROW(trap_sysreg, EXIT_SYSREG),
	[0x19 ... 0x1f] = UNKNOWN,
	[EC_IABT_LOWER] = ROW(trap_insn_abort, EXIT_MMIO),
	[0x21 ... 0x23] = UNKNOWN,
	[EC_DABT_LOWER] = ROW(trap_data_abort, EXIT_MMIO),
	[0x25 ... 0x2f] = UNKNOWN,
	[EC_BREAK_LOWER] = DEBUG,
	[0x31] = UNKNOWN,
	[EC_STEP_LOWER] = DEBUG,
	[0x33] = UNKNOWN,
	[EC_WATCH_LOWER] = DEBUG,
	[0x35 ... 0x3b] = UNKNOWN,
	[EC_BRK] = DEBUG,
	[0x3d ... 0x3f] = UNKNOWN,
};

static enum exit_kind kind_of(const struct trap_row *row)
{
	return (enum exit_kind)((row->counter - offsetof(struct vcpu, exits)) / sizeof(u64));
}

/* Every synchronous exit is counted here. */
static void take(const struct trap_row *rows, struct vcpu *v, struct trap_frame *f, u64 esr)
{
	const struct trap_row *row = &rows[ESR_EC(esr)];

	__asm__("" : "+r"(row)); /* one address, and one load of both */
	const struct trap_row r = *row;

	++*(u64 *)((char *)v + r.counter);
	r.handler(v, f, esr);
	lock_check_no_lock("returns to its guest");
}

void trap_lower_sync(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	take(classes, v, f, esr);
}

/* ---- AArch32 code at EL0 (vectors.S) ---- */

/* A CPU may trap an instruction whose condition fails. Such an instruction is done already. */
static bool skipped(struct trap_frame *f, u64 esr)
{
	if (aarch32_condition_holds(f->spsr, esr))
		return false;
	frame_step_a32(f, esr);
	return true;
}

static void trap_wfx_a32(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	if (skipped(f, esr))
		return;
	frame_step_a32(f, esr);
	wait(v, esr);
}

/*
 * Coprocessor registers that trap: those of debug and of performance monitors, which a guest has in
 * A64 code, and implementation defined ones.
 */
static void trap_coprocessor(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	(void)v;
	if (!skipped(f, esr))
		inject_undef(f);
}

static const struct trap_row classes_a32[64] = {
	[0x00] = UNKNOWN,
	[EC_WFX] = ROW(trap_wfx_a32, EXIT_WFX),
	[0x02] = UNKNOWN,
	[EC_CP15] = ROW(trap_coprocessor, EXIT_SYSREG),
	[EC_CP15_PAIR] = ROW(trap_coprocessor, EXIT_SYSREG),
	[EC_CP14] = ROW(trap_coprocessor, EXIT_SYSREG),
	[EC_CP14_MEMORY] = ROW(trap_coprocessor, EXIT_SYSREG),
	[EC_FP] = ROW(trap_fp, EXIT_FP),
	[EC_VMRS] = ROW(trap_coprocessor, EXIT_SYSREG),
	[0x09 ... 0x0b] = UNKNOWN,
	[EC_CP14_PAIR] = ROW(trap_coprocessor, EXIT_SYSREG),
	[0x0d ... 0x1f] = UNKNOWN,
	[EC_IABT_LOWER] = ROW(trap_insn_abort, EXIT_MMIO),
	[0x21 ... 0x23] = UNKNOWN,
	[EC_DABT_LOWER] = ROW(trap_data_abort_a32, EXIT_MMIO),
	[0x25 ... 0x2f] = UNKNOWN,
	[EC_BREAK_LOWER] = DEBUG,
	[0x31] = UNKNOWN,
	[EC_STEP_LOWER] = DEBUG,
	[0x33] = UNKNOWN,
	[EC_WATCH_LOWER] = DEBUG,
	[0x35 ... 0x37] = UNKNOWN,
	[EC_BKPT] = DEBUG,
	[0x39 ... 0x3f] = UNKNOWN,
};

void trap_lower_sync_a32(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	take(classes_a32, v, f, esr);
}

void trap_lower_irq(struct vcpu *v)
{
	v->exits[EXIT_IRQ]++;
	gic_take_for_guest(v);
	lock_check_no_lock("returns to its guest");
}

/*
 * ---- while exits are measured (arch_measure_exits): their CPU time; the vCPU may lose the CPU in
 * between ----
 */

static void measured_begin(struct vcpu *v, enum exit_kind kind)
{
	v->exit_kind = kind;
	v->exit_at = this_cpu()->masked.since;
	v->exit_began = thread_cpu_ticks(&v->thread, v->exit_at);
	v->exit_detail = 0;
}

/* What a trace says of an exit besides its kind, in 16 bits (docs/trace.md). */
static __inlined u16 detail_of(enum exit_kind kind, u64 esr)
{
	switch (kind) {
	case EXIT_SYSREG: /* op0, op1, CRn, CRm, op2, as in the instruction */
		return (u16)(FIELD(esr, 21, 20) << 14 | FIELD(esr, 16, 14) << 11 |
			     FIELD(esr, 13, 10) << 7 | FIELD(esr, 4, 1) << 3 | FIELD(esr, 19, 17));
	case EXIT_MMIO: /* the page of the IPA */
		return (u16)FIELD(read_sysreg(hpfar_el2), 19, 4);
	default:
		return (u16)ESR_EC(esr);
	}
}

/* The function's number of a call is x0; its upper half is the same for all. */
static __inlined void note_detail(struct vcpu *v, const struct trap_frame *f, u64 esr)
{
	if (v->exit_kind <= EXIT_SMC)
		v->exit_detail = (u16)f->x[0];
	else
		v->exit_detail = detail_of(v->exit_kind, esr);
}

void trap_measured_sync(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	const struct trap_row *rows = f->spsr & SPSR_NRW ? classes_a32 : classes;

	measured_begin(v, kind_of(&rows[ESR_EC(esr)]));
	if (READ_ONCE(trace_groups) & TRACE_EXITS) /* mostly it is why exits are measured */
		note_detail(v, f, esr);
	take(rows, v, f, esr);
}

void trap_measured_irq(struct vcpu *v)
{
	measured_begin(v, EXIT_IRQ);
	v->exits[EXIT_IRQ]++;
	arch_guest_take_irq(v);
	lock_check_no_lock("returns to its guest");
}

/* An exit of 31 bits of ticks or more, or a trace of one VM. */
static __noinline void record_other_exit(struct vcpu *v, const struct trap_frame *f, u64 now)
{
	trace_event(TRACE_EXIT + v->exit_kind, now, v->thread.tag, v->exit_detail,
		    trace_ticks(v->exit_at, now, INT32_MAX) |
			    (f->spsr & PSTATE_I ? TRACE_EXIT_MASKED : 0));
}

static __inlined void record_exit(struct vcpu *v, const struct trap_frame *f, u32 kind, u32 groups,
				  u64 now)
{
	const u64 ticks = now - v->exit_at;

	if (unlikely(groups & TRACE_ONE_VM) || unlikely(ticks >> 31))
		record_other_exit(v, f, now);
	else
		trace_put(&this_cpu()->trace, TRACE_EXIT + kind, now, v->thread.tag, v->exit_detail,
			  (u32)ticks | (u32)f->spsr >> 7 << 31);
}

void trap_measured_end(struct vcpu *v, const struct trap_frame *f)
{
	const u32 kind = v->exit_kind;
	struct exit_time *time = &v->exit_times[kind];
	const u32 groups = READ_ONCE(trace_groups);
	const u64 now = arch_counter();

	time->count++;
	time->ticks += thread_cpu_ticks(&v->thread, now) - v->exit_began;
	if (groups & TRACE_EXITS)
		record_exit(v, f, kind, groups, now);
}
_Static_assert(TRACE_EXIT_MASKED / PSTATE_I == BIT(24), "record_exit()");

/*
 * An asynchronous error while a guest ran: its cause is not known, so the guest that ran is
 * stopped.
 */
void trap_lower_serror(struct trap_frame *f)
{
	struct vcpu *v = container_of(this_cpu()->current, struct vcpu, thread);
	struct guest_fault fault = {
		.what = "SError",
		.esr = read_sysreg(esr_el2),
		.far = read_sysreg(far_el2),
		.pc = f->elr,
	};

	v->exits[EXIT_FAULT]++;
	vmm_fault(v, &fault);
}
