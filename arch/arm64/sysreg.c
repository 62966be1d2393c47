/* SPDX-License-Identifier: Apache-2.0 */
/* Trapped MSR and MRS are decoded into a struct sysreg_access; and the physical ID registers. */
#include <arch/guest.h>
#include <asm/gicv2.h>
#include <asm/trap.h>
#include <vmm/core.h>
#include <vmm/cpu.h>

/* The ISS of a write, without Rt. */
#define ISS_REG_WRITE (BITS(21, 10) | BITS(4, 0))
#define ISS_WRITE(op0, op1, crn, crm, op2) \
	((u64)(op0) << 20 | (op2) << 17 | (op1) << 14 | (crn) << 10 | (crm) << 1)

/* A read with op0 3, op1 0 and CRn 0, of any CRm, op2 and Rt. */
#define ISS_ID_MASK      (BITS(21, 20) | BITS(16, 10) | BIT(0))
#define ISS_ID_READ      (BITS(21, 20) | BIT(0))
#define ISS_CRM_OP2(iss) ((u32)(FIELD(iss, 4, 1) << 3 | FIELD(iss, 19, 17)))

static __noinline void access(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	u64 iss = ESR_ISS(esr);
	u32 rt = (u32)FIELD(iss, 9, 5);
	struct sysreg_access a = {
		.reg = SYSREG_ENC(FIELD(iss, 21, 20), FIELD(iss, 16, 14), FIELD(iss, 13, 10),
				  FIELD(iss, 4, 1), FIELD(iss, 19, 17)),
		.write = !(iss & BIT(0)),
		.user = !(f->spsr & PSTATE_EL),
	};

	vcpu_note_exit(v, esr, f->elr);
	if (a.write)
		a.value = frame_read(f, rt);
	switch (vmm_sysreg(v, &a)) {
	case SYSREG_OK:
		if (!a.write)
			frame_write(f, rt, a.value);
		frame_step(f);
		break;
	case SYSREG_TRAP:
		inject_sysreg_trap(f, esr);
		break;
	default:
		inject_undef(f);
	}
}

static __noinline void read_id(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	frame_write(f, (u32)FIELD(esr, 9, 5), vmm_id_register(v, ISS_CRM_OP2(esr)));
	frame_step(f);
}

void trap_sysreg(struct vcpu *v, struct trap_frame *f, u64 esr)
{
	/* ICC_SGI1R_EL1 (interrupts between vCPUs) takes the fast path. */
	if (likely((esr & ISS_REG_WRITE) == ISS_WRITE(3, 0, 12, 11, 5) && !gic_is_v2)) {
		frame_step(f);
		vmm_sgi(v, frame_read(f, (u32)FIELD(esr, 9, 5)));
	} else if (likely((esr & ISS_REG_WRITE) == ISS_WRITE(3, 0, 12, 11, 1) && !gic_is_v2)) {
		/* ICC_DIR_EL1: for guests that end an interrupt in two steps, the second one. */
		frame_step(f);
		vgic_dir(v, (u32)FIELD(frame_read(f, (u32)FIELD(esr, 9, 5)), 23, 0));
	} else if (likely((esr & ISS_ID_MASK) == ISS_ID_READ &&
			  ISS_CRM_OP2(esr) - ID_FIRST < ID_REGISTERS - ID_FIRST)) {
		read_id(v, f, esr);
	} else {
		access(v, f, esr);
	}
}

u64 arch_id_register(u32 crm, u32 op2)
{
	/*
	 * The register is part of the instruction. CRm 4 to 7 are the AArch64 ID registers, 1 to 3
	 * the AArch32 ones.
	 */
	/* clang-format off */
	switch (crm << 3 | op2) {
#define ID(c, o)             \
	case (c) << 3 | (o): \
		return read_sysreg(S3_0_C0_C##c##_##o);
#define ID_ROW(c) ID(c, 0) ID(c, 1) ID(c, 2) ID(c, 3) ID(c, 4) ID(c, 5) ID(c, 6) ID(c, 7)
	ID_ROW(1) ID_ROW(2) ID_ROW(3) ID_ROW(4) ID_ROW(5) ID_ROW(6) ID_ROW(7)
#undef ID_ROW
#undef ID
	default:
		return 0;
	}
	/* clang-format on */
}
