/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emulates a guest's load or store to a device that has no valid syndrome (ESR_EL2.ISS.ISV is 0).
 * The instruction is fetched from the guest's memory, decoded and carried out one access after the
 * other. Everything that can be refused without asking a device is refused before the first access.
 * Registers change after the last access.
 */
#include <arch/mmu.h>
#include <asm/decode.h>
#include <asm/loop.h>
#include <asm/trap.h>
#include <kernel/percpu.h>
#include <vmm/core.h>

#define PSTATE_MODE 0xf
#define PSTATE_EL1H 0x5

#define SCTLR_E0E BIT(24) /* data of EL0 is big-endian */
#define SCTLR_EE  BIT(25) /* of EL1 */

#define PAR_F BIT(0)

/* at.S */
u64 at_s1e0r(u64 va);
u64 at_s1e0w(u64 va);
u64 at_s1e1r(u64 va);
u64 at_s1e1w(u64 va);
extern char at_begin[], at_end[], at_fault[];

bool at_failed(struct trap_frame *f, u64 esr)
{
	if (ESR_EC(esr) != EC_DABT_SAME || f->elr < (u64)at_begin || f->elr >= (u64)at_end)
		return false;
	f->elr = (u64)at_fault;
	return true;
}

/* A Q register is two accesses. */
#define MAX_BEATS 4

/* The instruction and its effects. Filled in from top to bottom before anything is done. */
struct emulation {
	struct vcpu *v;
	struct trap_frame *f;
	struct decoded d;
	u64 base; /* Rn, or the PC */
	u64 va;   /* of the first access */
	u32 nbeats;
	struct mmio_access beats[MAX_BEATS];
};

static bool from_el0(const struct trap_frame *f)
{
	return (f->spsr & PSTATE_MODE) == 0;
}

static bool par_to_ipa(u64 par, u64 va, u64 *ipa)
{
	*ipa = (par & BITS(47, 12)) | (va & 0xfff);
	return !(par & PAR_F);
}

static bool translate_data(const struct emulation *e, u64 va, u64 *ipa)
{
	if (from_el0(e->f))
		return par_to_ipa(e->d.load ? at_s1e0r(va) : at_s1e0w(va), va, ipa);
	return par_to_ipa(e->d.load ? at_s1e1r(va) : at_s1e1w(va), va, ipa);
}

bool translate_store(const struct trap_frame *f, u64 va, ipa_t *ipa)
{
	return par_to_ipa(from_el0(f) ? at_s1e0w(va) : at_s1e1w(va), va, &ipa->ipa);
}

/* EL1 may read code that either level executes (Arm ARM D8.4.1). */
bool translate_code(u64 pc, ipa_t *ipa)
{
	return par_to_ipa(at_s1e1r(pc), pc, &ipa->ipa);
}

/*
 * Each word is read once: another vCPU may be writing there. The guest's caches may be off, so the
 * line is first cleaned and invalidated: an older copy must not answer.
 */
static const u32 *find_line(const struct vcpu *v, u64 line)
{
	ipa_t ipa;
	const u32 *words;

	if (!translate_code(line, &ipa))
		return NULL;
	words = vm_ram_ptr(&v->vm->ram, ipa.ipa);
	if (words)
		arch_clean_for_guest(words, CODE_LINE);
	return words;
}

bool guest_fetch(struct guest_code *c, u64 pc, u32 *insn)
{
	u64 line = ALIGN_DOWN(pc, CODE_LINE);

	if (pc % 4)
		return false;
	if (!c->words || c->line != line) {
		c->words = find_line(c->v, line);
		c->line = line;
	}
	if (!c->words)
		return false;
	*insn = __atomic_load_n(&c->words[(pc - line) / 4], __ATOMIC_RELAXED);
	return true;
}

/* Only A64 code and little-endian data are handled. */
static bool plain_state(const struct trap_frame *f)
{
	if (f->spsr & SPSR_NRW)
		return false;
	return !(read_sysreg(sctlr_el1) & (from_el0(f) ? SCTLR_E0E : SCTLR_EE));
}

static bool own_sp(const struct trap_frame *f)
{
	return (f->spsr & PSTATE_MODE) == PSTATE_EL1H;
}

static u64 read_base(const struct emulation *e)
{
	if (e->d.literal)
		return e->f->elr;
	if (e->d.rn < 31)
		return e->f->x[e->d.rn];
	return own_sp(e->f) ? read_sysreg(sp_el1) : read_sysreg(sp_el0);
}

static void write_base(const struct emulation *e, u64 value)
{
	if (e->d.rn < 31)
		e->f->x[e->d.rn] = value;
	else if (own_sp(e->f))
		write_sysreg(sp_el1, value);
	else
		write_sysreg(sp_el0, value);
}

static u64 offset_of(const struct emulation *e)
{
	u64 index;

	if (!e->d.indexed)
		return (u64)e->d.offset;
	index = frame_read(e->f, e->d.rm);
	if (e->d.extend == EXTEND_UXTW)
		index = (u32)index;
	else if (e->d.extend == EXTEND_SXTW)
		index = (u64)(s32)(u32)index;
	return index << e->d.shift;
}

/* The page of an address without its tag: FAR_EL2 may lack the tag. */
static u64 page_of(u64 va)
{
	return FIELD(va, 55, 12);
}

/*
 * Split into accesses that a device understands, each with its IPA. The IPA of the faulting page is
 * known; that of another page (of a pair that crosses) is looked up. An instruction that does not
 * touch the faulting page is not the one that trapped: it has been changed since.
 */
static bool plan(struct emulation *e, u64 far, u64 fault_ipa)
{
	u8 size = MIN(e->d.size, (u8)8);
	bool met = false;

	e->nbeats = (u32)(e->d.count * e->d.size / size);
	for (u32 i = 0; i < e->nbeats; i++) {
		u64 va = e->va + i * size, ipa;

		if ((va & 0xfff) + size > 0x1000)
			return false;
		if (page_of(va) == page_of(far)) {
			ipa = ALIGN_DOWN(fault_ipa, 0x1000) | (va & 0xfff);
			met = true;
		} else if (!translate_data(e, va, &ipa)) {
			return false;
		}
		e->beats[i] =
			(struct mmio_access){ .ipa = IPA(ipa), .size = size, .write = !e->d.load };
	}
	return met;
}

/* From here on the FP/SIMD registers are in memory: the thread does not own the unit. */
static u64 *simd_half(const struct emulation *e, u32 beat)
{
	u32 halves = e->d.size == 16 ? 2 : 1;

	return &e->v->thread.arch.fp.v[e->d.rt[beat / halves]][beat % halves];
}

static void take_store_data(struct emulation *e)
{
	for (u32 i = 0; i < e->nbeats; i++) {
		struct mmio_access *a = &e->beats[i];

		a->value = e->d.simd ? *simd_half(e, i) : frame_read(e->f, e->d.rt[i]);
		a->value &= ~0ULL >> (64 - 8 * a->size);
	}
}

static u64 extended(const struct decoded *d, const struct mmio_access *a)
{
	u32 unused = 64 - 8U * a->size;
	u64 value = a->value << unused;

	if (!d->sign)
		return value >> unused;
	value = (u64)((s64)value >> unused);
	return d->wide ? value : (u32)value;
}

static void give_load_data(const struct emulation *e)
{
	for (u32 i = 0; i < e->nbeats; i++) {
		u64 value = extended(&e->d, &e->beats[i]);

		if (!e->d.simd) {
			frame_write(e->f, e->d.rt[i], value);
			continue;
		}
		*simd_half(e, i) = value;
		if (e->d.size < 16) /* the rest of the register becomes 0 */
			simd_half(e, i)[1] = 0;
	}
}

static void finish(const struct emulation *e)
{
	if (e->d.load)
		give_load_data(e);
	if (e->d.writeback)
		write_base(e, e->base + offset_of(e));
	frame_step(e->f);
}

/* False: the access was refused and no register has changed. *far is its address. */
static bool emulate(struct emulation *e, u64 *far, u64 fault_ipa)
{
	if (!plan(e, *far, fault_ipa))
		return false;
	if (e->d.simd)
		arch_fp_flush(&e->v->thread);
	if (!e->d.load)
		take_store_data(e);
	for (u32 i = 0; i < e->nbeats; i++) {
		if (vmm_mmio(e->v, &e->beats[i]) == MMIO_OK)
			continue;
		*far = e->va + i * e->beats[i].size;
		return false;
	}
	finish(e);
	return true;
}

/* Find out which instruction trapped. */
static bool understand(struct emulation *e, enum abort_access access)
{
	struct guest_code code = { .v = e->v };
	u32 insn;

	if (!plain_state(e->f) || !guest_fetch(&code, e->f->elr, &insn) || !decode(insn, &e->d))
		return false;
	if (e->d.load != (access == ABORT_READ))
		return false;
	e->base = read_base(e);
	e->va = e->d.post ? e->base : e->base + offset_of(e);
	return true;
}

void emulate_access(struct vcpu *v, struct trap_frame *f, u64 far, u64 ipa,
		    enum abort_access access)
{
	struct emulation e = { .v = v, .f = f };

	if (!understand(&e, access) || !emulate(&e, &far, ipa))
		inject_external_abort(f, far, access);
}
