/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arch contract, host address space: all RAM is mapped linearly. Devices and stacks are mapped
 * on demand.
 */
#ifndef ARCH_MMU_H
#define ARCH_MMU_H

#include <lib/types.h>

/*
 * The address of RAM in the linear map, and back. Valid for RAM that the devicetree reports. Any
 * context.
 */
void *phys_to_virt(paddr_t pa);
paddr_t virt_to_phys(const void *va);

/* The end of the RAM that phys_to_virt() can reach. Any context. */
u64 arch_ram_limit(void);

/*
 * Map device registers (nGnRE). NULL if out of space. Boot or thread context. Mappings stay for
 * ever.
 */
void *arch_map_device(paddr_t pa, u64 size);

/*
 * Allocate a kernel stack of STACK_SIZE bytes with an unmapped guard page below it. Returns its
 * top, or NULL. arch_stack_free() gives the pages back. Thread context.
 */
#define STACK_SIZE KIB(16)
void *arch_stack_alloc(void);
void arch_stack_free(void *stack_top);

/*
 * Clean and invalidate to the point of coherency: for memory that others access without caches
 * (STAGE2_UNCACHED). Any context; long for large ranges.
 */
void arch_dcache_clean_inval(const void *va, u64 size);

/*
 * The same for write-back memory that a guest may access with its caches off (STAGE2_RAM, _ROM and
 * _DATA). Nothing is done where stage 2 makes all of these accesses cacheable (FEAT_S2FWB, Arm ARM
 * D8.6.6; instructions too, because CTR_EL0.IDC is then 1).
 */
void arch_clean_for_guest(const void *va, u64 size);

/*
 * The image's code and constants: its first *size bytes, which nothing writes. Any context.
 */
const void *arch_image_constant(size_t *size);

/* Zero whole pages in the fastest way (size is a multiple of 4 KiB). Preemptible. */
void arch_zero_pages(void *va, u64 size);

/* The same, followed by arch_clean_for_guest(). */
void arch_zero_to_memory(void *va, u64 size);

#endif
