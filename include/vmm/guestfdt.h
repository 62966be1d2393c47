/* SPDX-License-Identifier: Apache-2.0 */
/* The devicetree given to a guest. */
#ifndef VMM_GUESTFDT_H
#define VMM_GUESTFDT_H

#include <lib/types.h>
#include <vmm/desc.h>
#include <vmm/image.h>

#define GUEST_FDT_MAX     KIB(64) /* a generated one */
#define GUEST_FDT_OWN_MAX MIB(1)  /* one that the VM brings along, without free space */
#define GUEST_FDT_ADDED   KIB(32) /* that is enough for what is filled into one */

/* Room that the devicetree has in the VM's RAM: a generated one (own 0), or that of `own` bytes, which are at most GUEST_FDT_OWN_MAX, adapted. */
static inline u64 guest_fdt_max(u64 own)
{
	return own ? ALIGN_UP(own + GUEST_FDT_ADDED, GUEST_FDT_MAX) : GUEST_FDT_MAX;
}

struct guest_fdt_params {
	const struct vm_desc *desc;
	const struct load_plan *plan;
	u64 rng_seed[4];
	bool no_rng_seed; /* leave it out */
	u64 kaslr_seed;
	u32 gic_version; /* 2; else it is a GICv3 */
};

/*
 * Write the generated devicetree (docs/guest-abi.md) into buf (8-byte aligned; the
 * length is then fdt_totalsize(buf)). The values: compatible "linux,dummy-virt"; addresses as in
 * docs/guest-abi.md. 0, -ENOSPC.
 */
int __must_check guest_fdt_generate(const struct guest_fdt_params *p, void *buf, u64 size);

/*
 * The VM's own devicetree `src`, copied into buf with /memory, /cpus, /psci, /chosen and the interrupt controller filled in and the devices that the VM
 * does not have marked disabled. NULL, or a few words on what is wrong with it.
 */
const char *__must_check guest_fdt_adapt(const struct guest_fdt_params *p, const void *src,
					 u64 src_size, void *buf, u64 size);

/*
 * If a guest with that tree (one of the two above wrote it) would not start, having no interrupt controller, or have its console on a device that the VM
 * does not have, as /chosen says: true, and one line about it in note.
 */
bool guest_fdt_note(const void *fdt, char *note, size_t size);

#endif
