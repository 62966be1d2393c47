/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage-2 aborts: a load or store becomes a struct mmio_access, and its answer goes back to the
 * guest (ESR_ELx ISS for Data Aborts, Arm ARM D17.2.37).
 */
#include <arch/guest.h>
#include <asm/fault.h>
#include <asm/trap.h>
#include <vmm/core.h>

#define ISS_ISV      BIT(24)
#define ISS_SAS(iss) FIELD(iss, 23, 22)
#define ISS_SAS_MASK BITS(23, 22)
#define ISS_SAS_32   BIT(23)
#define ISS_SSE      BIT(21)
#define ISS_SRT(iss) ((u32)FIELD(iss, 20, 16))
#define ISS_SF       BIT(15)
#define ISS_FNV      BIT(10)
#define ISS_CM       BIT(8)

/*
 * The faulting IPA, if HPFAR_EL2 is valid: the page from HPFAR_EL2, the offset from FAR_EL2.
 * HPFAR_EL2's bits 3 to 0 are RES0. Its NS bit is shifted out.
 */
static u64 fault_ipa(u64 far)
{
	return read_sysreg(hpfar_el2) << 8 | (far & 0xfff);
}

/* Load data as the instruction's Rt sees it. */
static u64 extend(u64 value, u32 size, u64 iss)
{
	u32 unused = 64 - 8 * size;

	if (!unused)
		return value;
	value = value << unused;
	if (!(iss & ISS_SSE))
		return value >> unused;
	value = (u64)((s64)value >> unused);
	return iss & ISS_SF ? value : (u32)value;
}

/*
 * Answer an abort that is not a fault of stage 2's tables: an unaligned, exclusive or atomic access
 * to memory that the tables make device memory, or conflicting TLB entries.
 */
static void other_fault(struct trap_frame *f, u64 esr, u64 far)
{
	if (FIELD(esr, 5, 0) != FSC_TLB_CONFLICT) {
		inject_same_abort(f, esr, far);
		return;
	}
	__asm__ volatile("tlbi vmalls12e1" ::: "memory");
	dsb(nsh);
	isb();
}

/*
 * Find the IPA when HPFAR_EL2 does not give it. False: there is none, and the guest already has its
 * answer.
 */
static __noinline bool find_ipa(struct vcpu *v, struct trap_frame *f, u64 esr, u64 far, ipa_t *ipa)
{
	/* This is the guest's own table walk: no device register answers it. */
	if (esr & ISS_S1PTW) {
		if (is_translation(esr) && vmm_populate(v, IPA(fault_ipa(far))))
			return false;
		inject_walk_abort(f, esr, far, walk_leaves_ram(v, far));
		return false;
	}
	if (!is_permission(esr)) {
		other_fault(f, esr, far);
		return false;
	}
	if (translate_store(f, far, ipa))
		return true;
	inject_external_abort(f, far, ABORT_WRITE);
	return false;
}

/* Step over the instruction, of either execution state. */
static void step(struct trap_frame *f, u64 esr)
{
	if (f->spsr & SPSR_NRW)
		frame_step_a32(f, esr);
	else
		frame_step(f);
}

/*
 * Put data into the byte order of the accessing code (AArch32 code at EL0: SETEND). Devices are
 * little-endian.
 */
static u64 in_order(const struct trap_frame *f, u64 value, u32 size)
{
	if ((f->spsr & (SPSR_NRW | SPSR_E)) != (SPSR_NRW | SPSR_E))
		return value;
	return __builtin_bswap64(value) >> (64 - 8 * size);
}

static __noinline void access_looked_up(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	u64 iss = ESR_ISS(esr);
	u64 far = read_sysreg(far_el2);
	struct mmio_access a = {
		.ipa = IPA(fault_ipa(far)),
		.size = (u8)(1 << ISS_SAS(iss)),
		.write = (iss & ISS_WNR) != 0,
	};
	enum mmio_result result;

	vcpu_note_exit(v, esr, f->elr);
	if (unlikely(!load_has_ipa(esr & ~ISS_WNR)) && !find_ipa(v, f, esr, far, &a.ipa))
		return;
	/* There is no syndrome for pairs, SIMD, write-back and atomics. */
	if (!(iss & ISS_ISV)) {
		if (is_translation(esr) && vmm_populate(v, a.ipa))
			return;
		if (iss & ISS_CM) /* cache maintenance by address has no effect on a device */
			step(f, esr);
		else
			emulate_access(v, f, far, a.ipa.ipa, a.write ? ABORT_WRITE : ABORT_READ);
		return;
	}
	if (a.write)
		a.value = in_order(f, frame_read(f, ISS_SRT(iss)) & (~0ULL >> (64 - 8 * a.size)),
				   a.size);
	result = vmm_mmio(v, &a);
	if (result == MMIO_UNMAPPED && is_translation(esr) && vmm_populate(v, a.ipa))
		return;
	if (result != MMIO_OK) {
		inject_external_abort(f, far, a.write ? ABORT_WRITE : ABORT_READ);
		return;
	}
	if (!a.write)
		frame_write(f, ISS_SRT(iss), extend(in_order(f, a.value, a.size), a.size, iss));
	step(f, esr);
}

static __noinline void load_extended(struct trap_frame *f, u64 esr, u64 value)
{
	frame_write(f, ISS_SRT(esr), extend(value, 1U << ISS_SAS(esr), esr));
}

/*
 * The fast path of a load: it reads a whole register of a device's table, usually of 4 or 8 bytes.
 * Few values are kept over the call: everything else that is needed is still in the system
 * registers.
 */
static __noinline void load(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	ipa_t ipa = IPA(fault_ipa(read_sysreg(far_el2)));
	struct mmio_reply reply = { 0, false };

	if (likely(load_has_ipa(esr)))
		reply = vmm_mmio_read(ipa, v, (u32)ISS_SAS(esr));
	if (unlikely(!reply.done)) {
		access_looked_up(vcpu_current(), f, esr);
		return;
	}
	if (likely((esr & (ISS_SAS_MASK | ISS_SSE)) == ISS_SAS_32))
		frame_write(f, ISS_SRT(esr), (u32)reply.value);
	else if (likely((esr & ISS_SAS_MASK) == ISS_SAS_MASK)) /* 64 bits */
		frame_write(f, ISS_SRT(esr), reply.value);
	else
		load_extended(f, esr, reply.value);
	frame_step(f);
}

static __noinline void store(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	u32 order = (u32)ISS_SAS(esr);
	ipa_t ipa = IPA(fault_ipa(read_sysreg(far_el2)));
	u64 value = frame_read(f, ISS_SRT(esr)) & (~0ULL >> (64 - (8 << order)));

	if (likely(store_has_ipa(esr)) && likely(vmm_mmio_write(ipa, v, order, value)))
		frame_step(f);
	else
		access_looked_up(vcpu_current(), f, esr);
}

void trap_data_abort(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	if (unlikely(!(esr & ISS_ISV)))
		access_looked_up(v, f, esr);
	else if (esr & ISS_WNR)
		store(v, f, esr);
	else
		load(v, f, esr);
}

void trap_data_abort_a32(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	access_looked_up(v, f, esr);
}

void trap_insn_abort(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	u64 far = read_sysreg(far_el2);

	vcpu_note_exit(v, esr, f->elr);
	if (is_translation(esr) && vmm_populate(v, IPA(fault_ipa(far))))
		return;
	if (esr & ISS_S1PTW)
		inject_walk_abort(f, esr, far, walk_leaves_ram(v, far));
	else if (FIELD(esr, 5, 0) == FSC_TLB_CONFLICT)
		other_fault(f, esr, far);
	else
		inject_external_abort(f, far, ABORT_FETCH);
}
