/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A GICv2's virtual interface control (GICH, IHI 0048 chapter 5). A guest's own CPU interface is
 * the GICV frame, mapped in its stage 2.
 */
#include <arch/guest.h>
#include <arch/mmu.h>
#include <asm/gicv2.h>
#include <asm/gicv2_lr.h>
#include <drivers/host.h>
#include <kernel/percpu.h>
#include <lib/errno.h>
#include "gicv2_regs.h"

#define GICH_HCR   0x000
#define GICH_VTR   0x004
#define GICH_VMCR  0x008
#define GICH_ELRSR 0x030
#define GICH_APR   0x0f0
#define GICH_LR    0x100

#define GICV_DIR 0x1000
#define VMCR_VEM BIT(9) /* EOImode of the virtual interface */

#define GICV_SIZE 0x2000ULL /* GICV_DIR is in the second page */

static volatile u8 *gich, *gicv;
static paddr_t gicv_pa;

/*
 * True: software does the work of LR_HW. Such a list register asks for maintenance when the guest
 * ends its interrupt. A reader of the list register then finds the physical interrupt (kept here, a
 * PPI) deactivated, as LR_HW promises.
 */
static bool soft_hw;
static u8 soft_pintid[MAX_CPUS][VGIC_MAX_LRS];
#define SOFT_PINTID 0x1f
#define SOFT_DONE   0x80 /* deactivated already: only once, because it may fire again meanwhile */

/* Acknowledge the next interrupt if it is this one. It comes within a few reads. */
static bool take(u32 intid)
{
	for (u32 i = 0; i < 100; i++)
		if ((rd32(gicv2_cpu, GICC_IAR) & 0x3ff) == intid)
			return true;
	return false;
}

/*
 * Test whether a level that is still high interrupts again after its interrupt was ended through a
 * list register with HW. It has to (IHI 0048, 5.2.1), but QEMU's GICv2 does not check. The test
 * uses the virtual timer and the virtual interface's registers, which EL2 can use like a guest.
 * Anything unexpected counts as no.
 */
static bool hw_fires_again(u32 ppi)
{
	bool again = false;

	wr32(gicd, GICD_ISENABLER, 1u << ppi);
	write_sysreg(cntv_cval_el0, 0);
	write_sysreg(cntv_ctl_el0, 1);
	isb();
	if (take(ppi)) {
		wr32(gicv2_cpu, GICC_EOIR, ppi);
		wr32(gich, GICH_VMCR, (u32)VMCR_VEM);
		wr32(gich, GICH_HCR, (u32)ICH_HCR_EN);
		wr32(gich, GICH_LR,
		     gicv2_lr_pack(LR_STATE_ACTIVE | LR_HW | ppi | (u64)ppi << LR_PINTID_SHIFT));
		wr32(gicv, GICV_DIR, ppi);
		again = take(ppi);
		if (again)
			wr32(gicv2_cpu, GICC_EOIR, ppi);
	}
	write_sysreg(cntv_ctl_el0, 0);
	isb();
	wr32(gicd, GICD_ICENABLER, 1u << ppi);
	wr32(gicd, GICD_ICACTIVER, 1u << ppi);
	wr32(gich, GICH_VMCR, 0);
	wr32(gich, GICH_APR, 0);
	return again;
}

static void try_hw(void)
{
	u32 ppi;

	soft_hw = host_fdt_timer_irq(HOST_TIMER_VIRT, &ppi) || !hw_fires_again(ppi);
}

int gicv2_lower_init(void)
{
	gich = gicv2_map(FRAME_HYP, NULL);
	gicv = gicv2_map(FRAME_VCPU, &gicv_pa); /* for the test */
	if (gicv_pa.pa % PAGE_SIZE)
		return -ENODEV; /* it cannot be mapped for a guest */
	return gich && gicv ? 0 : -ENOMEM;
}

void gicv2_lower_init_cpu(void)
{
	if (this_cpu()->id == 0)
		try_hw();
	for (u32 i = 0; i <= FIELD(gicv2_vtr(), 5, 0) && i < VGIC_MAX_LRS; i++)
		gicv2_lr_write(i, 0);
	gicv2_set_hcr(ICH_HCR_EN);
}

/* ---- list registers ---- */

u32 gicv2_vtr(void)
{
	return rd32(gich, GICH_VTR);
}

u64 gicv2_lr_read(u32 n)
{
	u64 value = gicv2_lr_unpack(rd32(gich, GICH_LR + 4 * n));
	u8 *pintid = &soft_pintid[this_cpu()->id][n];

	if (!*pintid)
		return value;
	value &= ~(LR_EOI | BITS(LR_PINTID_SHIFT + 9, LR_PINTID_SHIFT));
	value |= LR_HW | (u64)(*pintid & SOFT_PINTID) << LR_PINTID_SHIFT;
	if (!(value & LR_STATE_MASK) && !(*pintid & SOFT_DONE)) {
		wr32(gicd, GICD_ICACTIVER, 1u << *pintid);
		wr32(gich, GICH_LR + 4 * n, 0); /* its maintenance is done */
		*pintid |= SOFT_DONE;
	}
	return value;
}

void gicv2_lr_write(u32 n, u64 value)
{
	u8 *pintid = &soft_pintid[this_cpu()->id][n];

	*pintid = 0;
	if (soft_hw && (value & LR_HW)) {
		*pintid = (u8)FIELD(value, LR_PINTID_SHIFT + 9, LR_PINTID_SHIFT);
		value &= ~(LR_HW | BITS(LR_PINTID_SHIFT + 9, LR_PINTID_SHIFT));
		value |= LR_EOI;
	}
	wr32(gich, GICH_LR + 4 * n, gicv2_lr_pack(value));
}

/* The first of the two registers holds VGIC_MAX_LRS bits. */
u32 gicv2_empty_lrs(void)
{
	return rd32(gich, GICH_ELRSR);
}

u32 gicv2_hcr(void)
{
	return rd32(gich, GICH_HCR);
}

void gicv2_set_hcr(u64 value)
{
	wr32(gich, GICH_HCR, (u32)value);
}

u32 gicv2_vmcr(void)
{
	return rd32(gich, GICH_VMCR);
}

/* One register holds the active priorities of both groups: priorities have five bits. */
void gicv2_save(struct arch_vcpu *a)
{
	a->ich_vmcr = rd32(gich, GICH_VMCR);
	a->ich_ap0r[0] = rd32(gich, GICH_APR);
}

void gicv2_restore(const struct arch_vcpu *a)
{
	wr32(gich, GICH_VMCR, (u32)a->ich_vmcr);
	wr32(gich, GICH_APR, (u32)a->ich_ap0r[0]);
}

u32 arch_vgic_version(void)
{
	return gic_is_v2 ? 2 : 3;
}

void arch_vgic_frame(paddr_t *base, u64 *size)
{
	*base = gicv_pa;
	*size = GICV_SIZE;
}
