/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's interrupt controller if it is a GICv2: gicv2.c replaces gicv3.c's use of system
 * registers.
 */
#ifndef ASM_GICV2_H
#define ASM_GICV2_H

#include <lib/types.h>

struct arch_vcpu;

/* Set once, before there are interrupts. */
extern bool gic_is_v2;

/*
 * The node of a GICv2 in the machine's devicetree, or negative. At EL2 only one with the
 * virtualization extension counts.
 */
int gicv2_node(void);

/* Like gic_init() and gic_init_cpu(), for that node. -ENODEV, -ENOMEM. */
int __must_check gicv2_init(void);
int __must_check gicv2_init_cpu(void);
/* Like gic_lower_init() and gic_lower_init_cpu(). */
int __must_check gicv2_lower_init(void);
void gicv2_lower_init_cpu(void);

/* The others do what the functions of similar names in gicv3.c and arch/guest.h do. */
void gicv2_handle(void);
void gicv2_route(u32 intid, u32 cpu);
void gicv2_sgi_send(u32 sgi, u32 cpu);

u32 gicv2_vtr(void);
u64 gicv2_lr_read(u32 n);
void gicv2_lr_write(u32 n, u64 value);
u32 gicv2_empty_lrs(void);
/* GICH_HCR and GICH_VMCR; their fields are those of ICH_HCR_EL2 and ICH_VMCR_EL2. */
u32 gicv2_hcr(void);
void gicv2_set_hcr(u64 value);
u32 gicv2_vmcr(void);
void gicv2_save(struct arch_vcpu *a);
void gicv2_restore(const struct arch_vcpu *a);

#endif
