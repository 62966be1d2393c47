/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AArch32 code at EL0 whose instructions a hypervisor carries out, and the state behind them: IT
 * blocks (Arm ARM F1.2, "ITSTATE"), conditions, and the other fields of SPSR. Code is assembled
 * here, by the encodings of F3 (T32) and F4 (A32).
 */
#include "check.h"
#include "kit/cpu.h"
#include "kit/el0.h"
#include "kit/exc.h"
#include "kit/gic.h"
#include "kit/mmio.h"
#include "kit/mmu.h"
#include "kit/print.h"
#include "kit/time.h"

#define EC_SVC32    0x11u
#define EC_STEP_LOW 0x32u
#define SCTLR_NTWI  BIT(16)
#define MDSCR_SS    BIT(0)
#define WORDS       (GICD_BASE + GIC_IPRIORITYR + 64) /* four, of sixteen interrupts' priorities */
#define SLOTS       4u
#define AGAIN(n)    (0x5a000000u + (n)) /* in a register that is not loaded */

/* SPSR_EL1, taken from AArch32 state */
#define SPSR_NZCV(f) ((uint64_t)(f) << 28)
#define SPSR_Q       BIT(27)
#define SPSR_SS      BIT(21)
#define SPSR_GE      (UINT64_C(0xf) << 16)
#define SPSR_E       BIT(9)
#define SPSR_IT(it)  ((uint64_t)((it) >> 2) << 10 | (uint64_t)((it)&3) << 25)

/* T32 */
#define T_IT(cond, mask)   (uint16_t)(0xbf00 | (cond) << 4 | (mask))
#define T_LDR(rt, rn, i)   (uint16_t)(0x6800 | (i) << 6 | (rn) << 3 | (rt)) /* offset i words */
#define T_STR(rt, rn, i)   (uint16_t)(0x6000 | (i) << 6 | (rn) << 3 | (rt))
#define T_MOV(rd, imm)     (uint16_t)(0x2000 | (rd) << 8 | (imm)) /* sets no flags in an IT block */
#define T_WFI              (uint16_t)0xbf30
#define T_SVC              (uint16_t)0xdf00
#define T_LDR_W(rt, rn, i) (uint16_t)(0xf8d0 | (rn)), (uint16_t)((rt) << 12 | 4 * (i))
#define T_LDRSB_W(rt, rn)  (uint16_t)(0xf990 | (rn)), (uint16_t)((rt) << 12)
/* MRC p14, 0, rt, c0, c1, 0: DBGDSCRint */
#define T_MRC_DEBUG(rt) (uint16_t)0xee10, (uint16_t)((rt) << 12 | 0x0e11)
/* A32 */
#define A_LDR(cond, rt, rn) ((uint32_t)(cond) << 28 | 0x05900000u | (rn) << 16 | (rt) << 12)
#define A_SVC               0xef000000u

static uint16_t code[32] __attribute__((aligned(64)));
static uintptr_t code_at;    /* its address at EL0 */
static uintptr_t device_at;  /* WORDS */
static uintptr_t nothing_at; /* UNMAPPED_BASE */
static uint32_t registers[8];

static void fetch_again(void)
{
	for (uintptr_t line = (uintptr_t)code; line < (uintptr_t)(code + ARRAY_SIZE(code));
	     line += 16)
		sys_op("dc cvau, %0", line);
	plain_op("dsb ish");
	for (uintptr_t line = code_at; line < code_at + sizeof(code); line += 16)
		sys_op("ic ivau, %0", line);
	plain_op("dsb ish; isb");
}

static unsigned int length;

static void emit(uint16_t half)
{
	code[length++] = half;
}

static struct el0_exit run(uint64_t spsr)
{
	fetch_again();
	return el0_run_a32(code_at, registers, spsr);
}

/* r0: the device; r1: an empty address; r4 to r7: values that must stay if nothing is loaded. */
static void begin(void)
{
	length = 0;
	registers[0] = (uint32_t)device_at;
	registers[1] = (uint32_t)nothing_at;
	for (unsigned int n = 2; n < ARRAY_SIZE(registers); n++)
		registers[n] = AGAIN(n);
}

static bool holds(unsigned int cond, unsigned int flags)
{
	bool n = flags & 8, z = flags & 4, c = flags & 2, v = flags & 1;
	const bool base[] = { z, c, n, v, c && !z, n == v, n == v && !z, true };

	return base[cond >> 1] != (cond & 1);
}

static unsigned int advance(unsigned int it)
{
	return it & 7 ? (it & 0xe0) | ((it << 1) & 0x1f) : 0;
}

/* ---- an IT block of four trapped instructions ---- */

enum kind { LOAD, LOAD_WIDE, STORE, ABORT };

static void emit_slot(enum kind kind, unsigned int slot, unsigned int bad)
{
	const uint16_t wide[] = { T_LDR_W(4 + slot, 0, slot) };

	if (kind == ABORT && slot == bad) {
		emit(T_LDR(4 + slot, 1, 0));
	} else if (kind == STORE) {
		emit(T_STR(4 + slot, 0, slot));
	} else if (kind == LOAD_WIDE) {
		emit(wide[0]);
		emit(wide[1]);
	} else {
		emit(T_LDR(4 + slot, 0, slot));
	}
}

static unsigned int wrong;

static void expect(uint64_t got, uint64_t want, unsigned int it, unsigned int flags,
		   const char *what)
{
	if (got == want)
		return;
	if (!wrong++)
		print("# it %x, flags %x, %s: expected %lx got %lx\n", it, flags, what, want, got);
}

/*
 * Check which slots were carried out, and the state at the end of the block or at the slot that
 * aborts.
 */
static void check_block(enum kind kind, unsigned int it, unsigned int flags, unsigned int bad)
{
	uint64_t spsr = SPSR_T32 | SPSR_NZCV(flags);
	unsigned int state = it, end = 1;
	bool aborts = false;
	struct el0_exit e;

	begin();
	emit(T_IT(it >> 4, it & 0xf));
	for (unsigned int slot = 0; slot < SLOTS; slot++)
		emit_slot(kind, slot, bad);
	emit(T_SVC);
	for (unsigned int slot = 0; slot < SLOTS; slot++)
		mmio_write32(WORDS + 4 * slot,
			     kind == STORE ? 0 : 0x08101820u + 0x08080808u * slot);
	for (unsigned int slot = 0; slot < SLOTS; slot++)
		registers[4 + slot] = kind == STORE ? 0x08101820u + 0x08080808u * slot
						    : AGAIN(slot);
	e = run(spsr);
	for (unsigned int slot = 0; slot < SLOTS && !aborts; slot++) {
		bool done = !(state & 0xf) || holds(state >> 4, flags);
		uint32_t want = 0x08101820u + 0x08080808u * slot;

		aborts = kind == ABORT && slot == bad && done;
		if (aborts)
			break;
		if (kind == STORE)
			expect(mmio_read32(WORDS + 4 * slot), done ? want : 0, it, flags, "stored");
		else
			expect(e.r[4 + slot], done ? want : AGAIN(slot), it, flags, "loaded");
		state = advance(state);
		end += kind == LOAD_WIDE ? 2 : 1;
	}
	expect(e.a32, true, it, flags, "vector");
	expect(ESR_EC(e.esr), aborts ? EC_DABT_LOW : EC_SVC32, it, flags, "class");
	expect(e.pc, code_at + 2 * (end + (aborts ? 0 : 1)), it, flags, "pc");
	expect(e.spsr, spsr | SPSR_IT(aborts ? state : 0), it, flags, "spsr");
}

/* All conditions but AL, shapes and flags. */
static void blocks(const char *name, enum kind kind)
{
	wrong = 0;
	for (unsigned int it = 0; it < 0xe0; it++)
		for (unsigned int flags = 0; it & 0xf && flags < 16; flags++)
			check_block(kind, it, flags, (it + flags) % SLOTS);
	(void)check_eq(name, wrong, 0);
}

/*
 * WFI as the last of its block, and behind it, with and without Z; the others move. Before the last
 * one QEMU's trap has the state of the next instruction. A WFI may end early, for an interrupt of
 * EL2, but most wait.
 */
static void waiting(void)
{
	uint64_t sctlr = read_sysreg(sctlr_el1);
	unsigned int waits[2] = { 0 };

	write_sysreg(sctlr_el1, sctlr | SCTLR_NTWI);
	isb();
	gic_enable(CNTV_INTID);
	wrong = 0;
	for (unsigned int n = 0; n < 16 * SLOTS * 2; n++) {
		unsigned int it = n % 16, place = n / 16 % SLOTS, flags = n / 16 / SLOTS ? 4 : 0,
			     state = it;
		struct el0_exit e;

		if (!it || (it << place) & 7)
			continue;
		begin();
		emit(T_IT(0, it));
		for (unsigned int slot = 0; slot < SLOTS; slot++)
			emit(slot == place ? T_WFI : T_MOV(4 + slot, 1 + slot));
		emit(T_SVC);
		timer_start_us(TIMER_VIRT, 2000);
		e = run(SPSR_T32 | SPSR_NZCV(flags));
		for (unsigned int slot = 0; slot < SLOTS; slot++, state = advance(state)) {
			bool done = !(state & 0xf) || holds(state >> 4, flags);

			if (slot != place)
				expect(e.r[4 + slot], done ? 1 + slot : AGAIN(4 + slot), it, flags,
				       "moved");
			else if (done)
				waits[irq_waiting()]++;
		}
		expect(ESR_EC(e.esr), EC_SVC32, it, flags, "class");
		timer_stop(TIMER_VIRT);
	}
	(void)check_eq("a32.it.wfi", wrong, 0);
	(void)check_eq("a32.it.wfi.waits", waits[true] > waits[false], true);
	irq_reset();
	write_sysreg(sctlr_el1, sctlr);
	isb();
}

/* A32: the condition is in the instruction. */
static void conditions(void)
{
	uint32_t *words = (uint32_t *)(void *)code;

	wrong = 0;
	mmio_write32(WORDS, 0x40506070);
	for (unsigned int n = 0; n < 15 * 16; n++) {
		unsigned int cond = n % 15, flags = n / 15;
		struct el0_exit e;

		begin();
		words[0] = A_LDR(cond, 4, 0);
		words[1] = A_SVC;
		e = run(SPSR_A32 | SPSR_NZCV(flags));
		expect(e.r[4], cond == 14 || holds(cond, flags) ? 0x40506070 : AGAIN(4), cond,
		       flags, "loaded");
		expect(e.pc, code_at + 8, cond, flags, "pc");
		expect(e.spsr, SPSR_A32 | SPSR_NZCV(flags), cond, flags, "spsr");
	}
	(void)check_eq("a32.conditions", wrong, 0);
}

/* Fields that no load changes, and the data of big-endian code. */
static void other_fields(void)
{
	uint64_t spsr = SPSR_T32 | SPSR_NZCV(0xa) | SPSR_Q | SPSR_GE;
	const uint16_t loads[] = { T_LDR(4, 0, 0), T_LDRSB_W(6, 0) };
	struct el0_exit e;

	begin();
	for (unsigned int n = 0; n < ARRAY_SIZE(loads); n++)
		emit(loads[n]);
	emit(T_SVC);
	mmio_write32(WORDS, 0x40506880);
	e = run(spsr);
	(void)check_eq("a32.spsr", e.spsr, spsr);
	(void)check_eq("a32.ldr", e.r[4], 0x40506880);
	(void)check_eq("a32.ldrsb", e.r[6], 0xffffff80);
	e = run(spsr | SPSR_E);
	if (!(e.spsr & SPSR_E)) {
		check_skip("a32.big-endian", "this CPU is little-endian only");
		return;
	}
	(void)check_eq("a32.big-endian.spsr", e.spsr, spsr | SPSR_E);
	(void)check_eq("a32.big-endian.ldr", e.r[4], 0x80685040);
	(void)check_eq("a32.big-endian.ldrsb", e.r[6], 0xffffff80);
	begin();
	emit(T_STR(4, 0, 0));
	emit(T_SVC);
	registers[4] = 0x70605040;
	(void)run(spsr | SPSR_E);
	(void)check_eq("a32.big-endian.str", mmio_read32(WORDS), 0x40506070);
}

/*
 * A trapped load, stepped over: the step is due behind it. (Not in an IT block: QEMU forgets its
 * state when a step is due at once.)
 */
static void stepping(void)
{
	uint64_t mdscr = read_sysreg(mdscr_el1), spsr = SPSR_T32 | SPSR_NZCV(4);
	struct el0_exit e;

	begin();
	emit(T_LDR(4, 0, 0));
	emit(T_MOV(5, 1));
	emit(T_SVC);
	mmio_write32(WORDS, 0x40506070);
	write_sysreg(oslar_el1, 0);
	write_sysreg(mdscr_el1, mdscr | MDSCR_SS);
	isb();
	e = run(spsr | SPSR_SS);
	write_sysreg(mdscr_el1, mdscr);
	isb();
	(void)check_eq("a32.step", ESR_EC(e.esr), EC_STEP_LOW);
	(void)check_eq("a32.step.pc", e.pc, code_at + 2);
	(void)check_eq("a32.step.loaded", e.r[4], 0x40506070);
	(void)check_eq("a32.step.spsr", e.spsr, spsr);
}

/*
 * A register that a VM's AArch32 code does not have: UNDEFINED if the condition holds, with the
 * state unchanged.
 */
static void undefined(void)
{
	const uint16_t mrc[] = { T_MRC_DEBUG(4) };
	struct el0_exit e;

	if (check_bare()) {
		check_skip("a32.undefined", "the machine itself has it");
		return;
	}
	begin();
	emit(T_IT(0, 0xc)); /* ITE EQ */
	emit(mrc[0]);
	emit(mrc[1]);
	emit(T_MOV(5, 1));
	emit(T_SVC);
	e = run(SPSR_T32 | SPSR_NZCV(4));
	(void)check_eq("a32.undefined", ESR_EC(e.esr), EC_UNKNOWN);
	(void)check_eq("a32.undefined.vector", e.a32, true);
	(void)check_eq("a32.undefined.pc", e.pc, code_at + 2);
	(void)check_eq("a32.undefined.spsr", e.spsr, SPSR_T32 | SPSR_NZCV(4) | SPSR_IT(0x0c));
	e = run(SPSR_T32);
	(void)check_eq("a32.undefined.not-executed", ESR_EC(e.esr), EC_SVC32);
	(void)check_eq("a32.undefined.not-executed.else", e.r[5], 1);
}

void check_a32(void)
{
	if (field(read_sysreg(id_aa64pfr0_el1), 3, 0) != 2) {
		check_skip("a32", "EL0 has no AArch32 state");
		return;
	}
	code_at = mmu_user_alias(0, (uintptr_t)code, MMU_NORMAL);
	device_at = mmu_user_alias(1, GICD_BASE, MMU_DEVICE) + (WORDS - GICD_BASE);
	nothing_at = mmu_user_alias(2, UNMAPPED_BASE, MMU_DEVICE);
	blocks("a32.it.load", LOAD);
	blocks("a32.it.load-wide", LOAD_WIDE);
	blocks("a32.it.store", STORE);
	blocks("a32.it.abort", ABORT);
	conditions();
	other_fields();
	stepping();
	undefined();
	waiting();
}
