/* SPDX-License-Identifier: Apache-2.0 */
/* Stage-2 aborts: a load or store becomes a struct mmio_access and comes back (ESR_ELx ISS for Data Aborts, Arm ARM D17.2.37). */
#include <arch/guest.h>
#include <asm/trap.h>

#define ISS_ISV      BIT(24)
#define ISS_SAS(iss) FIELD(iss, 23, 22)
#define ISS_SSE      BIT(21)
#define ISS_SRT(iss) ((u32)FIELD(iss, 20, 16))
#define ISS_SF       BIT(15)
#define ISS_FNV      BIT(10)
#define ISS_CM       BIT(8)
#define ISS_S1PTW    BIT(7)
#define ISS_WNR      BIT(6)

/* The faulting IPA: the page from HPFAR_EL2, the offset from FAR_EL2. */
static u64 fault_ipa(u64 far)
{
	return FIELD(read_sysreg(hpfar_el2), 43, 4) << 12 | (far & 0xfff);
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

void trap_data_abort(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	u64 iss = ESR_ISS(esr);
	u64 far = read_sysreg(far_el2);
	struct mmio_access a = {
		.ipa = IPA(fault_ipa(far)),
		.size = (u8)(1 << ISS_SAS(iss)),
		.write = (iss & ISS_WNR) != 0,
	};

	/* No syndrome: pairs, SIMD, write-back, atomics; or the guest's own table walk. Nothing that a device register answers. */
	if (!(iss & ISS_ISV) || (iss & ISS_S1PTW)) {
		if (iss & ISS_CM) /* cache maintenance by address has no effect on a device */
			frame_step(f, esr);
		else if (iss & ISS_S1PTW)
			inject_external_abort(f, far, a.write ? ABORT_WRITE : ABORT_READ);
		else
			emulate_access(v, f, far, a.ipa.ipa, a.write ? ABORT_WRITE : ABORT_READ);
		return;
	}
	if (a.write)
		a.value = frame_read(f, ISS_SRT(iss)) & (~0ULL >> (64 - 8 * a.size));
	if (vmm_mmio(v, &a) != MMIO_OK) {
		inject_external_abort(f, far, a.write ? ABORT_WRITE : ABORT_READ);
		return;
	}
	if (!a.write)
		frame_write(f, ISS_SRT(iss), extend(a.value, a.size, iss));
	frame_step(f, esr);
}

void trap_insn_abort(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	(void)v;
	(void)esr;
	inject_external_abort(f, read_sysreg(far_el2), ABORT_FETCH);
}
