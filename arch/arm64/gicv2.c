/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's GICv2 (IHI 0048): distributor, CPU interface, and the virtual interface control (GICH). A guest's own CPU
 * interface is the GICV frame, mapped in its stage 2. Interrupts stay in the group that we find them in: of two security
 * states we see group 1 only, of one we use group 0; GICC_CTLR is the same for both.
 */
#include <arch/guest.h>
#include <arch/irqchip.h>
#include <arch/mmu.h>
#include <asm/gicv2.h>
#include <asm/gicv2_lr.h>
#include <drivers/host.h>
#include <kernel/irq.h>
#include <kernel/percpu.h>
#include <lib/errno.h>

#define GICD_CTLR       0x000
#define GICD_TYPER      0x004
#define GICD_ISENABLER  0x100
#define GICD_ICENABLER  0x180
#define GICD_ICACTIVER  0x380
#define GICD_IPRIORITYR 0x400
#define GICD_ITARGETSR  0x800
#define GICD_SGIR       0xf00

#define GICC_CTLR    0x0000
#define GICC_PMR     0x0004
#define GICC_BPR     0x0008
#define GICC_IAR     0x000c
#define GICC_EOIR    0x0010
#define GICC_DIR     0x1000
#define GICC_ENABLE  BIT(0)
#define GICC_EOIMODE BIT(9) /* priority drop and deactivation apart */

#define GICH_HCR   0x000
#define GICH_VTR   0x004
#define GICH_VMCR  0x008
#define GICH_ELRSR 0x030
#define GICH_APR   0x0f0
#define GICH_LR    0x100

#define GICV_DIR 0x1000
#define VMCR_VEM BIT(9) /* EOImode of the virtual interface */

#define PRIORITY_HOST 0xa0a0a0a0u

/* Entries of the node's reg. */
enum { FRAME_DIST, FRAME_CPU, FRAME_HYP, FRAME_VCPU, FRAMES };

#define GICV_SIZE 0x2000ULL /* GICV_DIR is in the second page */

bool gic_is_v2;

static volatile u8 *gicd, *gicc, *gich, *gicv;
static paddr_t gicv_pa;
static u8 cpu_mask[MAX_CPUS]; /* a CPU's interface, in ITARGETSR and SGIR */

/*
 * LR_HW is ours to do: such a list register asks for maintenance when the guest ends its interrupt, and whoever reads it
 * then finds the physical interrupt (kept here, a PPI) deactivated, as LR_HW promises.
 */
static bool soft_hw;
static u8 soft_pintid[MAX_CPUS][VGIC_MAX_LRS];
#define SOFT_PINTID 0x1f
#define SOFT_DONE   0x80 /* deactivated: once only, as it may fire again meanwhile */

static u32 rd32(const volatile u8 *base, u32 offset)
{
	return *(const volatile u32 *)(base + offset);
}

static void wr32(volatile u8 *base, u32 offset, u32 value)
{
	*(volatile u32 *)(base + offset) = value;
}

/* ---- physical interrupts ---- */

int gicv2_node(void)
{
	static const char *const names[] = { "arm,cortex-a15-gic", "arm,gic-400",
					     "arm,cortex-a7-gic" };
	struct phys_range frame;

	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		int node = host_fdt_find(names[i], -1);

		if (node >= 0 && host_fdt_reg(node, FRAME_VCPU, &frame) == 0)
			return node;
	}
	return -1;
}

static int map_frames(void)
{
	struct phys_range frame[FRAMES];
	int node = gicv2_node();

	for (u32 i = 0; i < FRAMES; i++)
		if (node < 0 || host_fdt_reg(node, i, &frame[i]))
			return -ENODEV;
	if (frame[FRAME_VCPU].base.pa % PAGE_SIZE)
		return -ENODEV; /* it cannot be given to a guest */
	gicv_pa = frame[FRAME_VCPU].base;
	gicd = arch_map_device(frame[FRAME_DIST].base, frame[FRAME_DIST].size);
	gicc = arch_map_device(frame[FRAME_CPU].base, frame[FRAME_CPU].size);
	gich = arch_map_device(frame[FRAME_HYP].base, frame[FRAME_HYP].size);
	gicv = arch_map_device(gicv_pa, GICV_SIZE); /* for the trial below */
	return gicd && gicc && gich && gicv ? 0 : -ENOMEM;
}

int gicv2_init(u32 maintenance_intid)
{
	int r = map_frames();
	u32 irqs;

	if (r)
		return r;
	irqs = MIN(32 * ((u32)FIELD(rd32(gicd, GICD_TYPER), 4, 0) + 1), 1020u);
	gic_adopt_dist(gicd, irqs, maintenance_intid);
	gic_is_v2 = true;
	wr32(gicd, GICD_CTLR, 0);
	for (u32 n = 32; n < irqs; n += 32) {
		wr32(gicd, GICD_ICENABLER + n / 8, ~0u);
		wr32(gicd, GICD_ICACTIVER + n / 8, ~0u);
	}
	for (u32 n = 32; n < irqs; n += 4)
		wr32(gicd, GICD_IPRIORITYR + n, PRIORITY_HOST);
	wr32(gicd, GICD_CTLR, 1);
	return 0;
}

/* Its own bit, which a CPU reads as the target of private interrupts; a GIC with one CPU reads as 0. */
static u8 own_mask(void)
{
	u32 targets = 0;

	for (u32 n = 0; n < 32; n += 4)
		targets |= rd32(gicd, GICD_ITARGETSR + n);
	targets |= targets >> 16;
	targets |= targets >> 8;
	return targets & 0xff ? (u8)targets : 1;
}

/* A CPU that could have a GICv3: neither we nor guests use its system registers. False if it insists on them. */
static bool registers_off(void)
{
	if (FIELD(read_sysreg(id_aa64pfr0_el1), 27, 24) == 0)
		return true;
	write_sysreg_(ICC_SRE_EL2, 0);
	isb();
	return !(read_sysreg_(ICC_SRE_EL2) & 1);
}

/* The next interrupt, if it is this one; it comes within a few reads. */
static bool take(u32 intid)
{
	for (u32 i = 0; i < 100; i++)
		if ((rd32(gicc, GICC_IAR) & 0x3ff) == intid)
			return true;
	return false;
}

/*
 * Does a level that is still high interrupt again after its interrupt was ended through a list register with HW? It has to
 * (IHI 0048, 5.2.1); QEMU's GICv2 forgets to look. Tried with the virtual timer, by the virtual interface's registers,
 * which EL2 can use like a guest. Anything unexpected counts as no.
 */
static bool hw_fires_again(u32 ppi)
{
	bool again = false;

	wr32(gicd, GICD_ISENABLER, 1u << ppi);
	write_sysreg(cntv_cval_el0, 0);
	write_sysreg(cntv_ctl_el0, 1);
	isb();
	if (take(ppi)) {
		wr32(gicc, GICC_EOIR, ppi);
		wr32(gich, GICH_VMCR, (u32)VMCR_VEM);
		wr32(gich, GICH_HCR, (u32)ICH_HCR_EN);
		wr32(gich, GICH_LR,
		     gicv2_lr_pack(LR_STATE_ACTIVE | LR_HW | ppi | (u64)ppi << LR_PINTID_SHIFT));
		wr32(gicv, GICV_DIR, ppi);
		again = take(ppi);
		if (again)
			wr32(gicc, GICC_EOIR, ppi);
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
	int node = host_fdt_find("arm,armv8-timer", -1);
	u32 ppi, flags;

	soft_hw = host_fdt_irq(node, 2, &ppi, &flags) || ppi >= 32 || !hw_fires_again(ppi);
}

int gicv2_init_cpu(void)
{
	struct percpu *cpu = this_cpu();

	if (!registers_off())
		return -ENODEV;
	cpu_mask[cpu->id] = own_mask();
	/* Where gicv3.c finds the frame of private interrupts, 64 KiB on: the distributor, banked for each CPU. */
	cpu->arch.gicr = gicd - KIB(64);
	wr32(gicd, GICD_ICENABLER, 0xffff0000);
	wr32(gicd, GICD_ICACTIVER, ~0u);
	for (u32 n = 0; n < 32; n += 4)
		wr32(gicd, GICD_IPRIORITYR + n, PRIORITY_HOST);
	wr32(gicd, GICD_ISENABLER, 0xffff); /* SGIs */
	wr32(gicc, GICC_PMR, 0xff);
	wr32(gicc, GICC_BPR, 0);
	wr32(gicc, GICC_CTLR, (u32)(GICC_ENABLE | GICC_EOIMODE));
	if (cpu->id == 0)
		try_hw();
	for (u32 i = 0; i < arch_vgic_lr_count(); i++)
		gicv2_lr_write(i, 0);
	gicv2_set_hcr(0);
	return 0;
}

void gicv2_handle(void)
{
	u32 iar = rd32(gicc, GICC_IAR);
	u32 intid = iar & 0x3ff;

	if (intid >= 1020)
		return;
	struct percpu *cpu = this_cpu();

	cpu->irq_depth++;
	u32 flags = irq_dispatch(intid);

	cpu->irq_depth--;
	dsb(sy); /* what the handler wrote to the device came there: a level is low */
	wr32(gicc, GICC_EOIR, iar);
	if (!(flags & IRQ_GUEST))
		wr32(gicc, GICC_DIR, iar);
}

void gicv2_route(u32 intid, u32 cpu)
{
	gicd[GICD_ITARGETSR + intid] = cpu_mask[cpu];
}

void gicv2_sgi_send(u32 sgi, u32 cpu)
{
	dsb(ishst); /* what the other CPU is to see comes before the interrupt */
	wr32(gicd, GICD_SGIR, (u32)cpu_mask[cpu] << 16 | sgi);
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
		wr32(gich, GICH_LR + 4 * n, 0); /* it has had its maintenance */
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

/* VGIC_MAX_LRS are in the first of the two registers. */
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

/* One register of active priorities for both groups: priorities have five bits. */
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
