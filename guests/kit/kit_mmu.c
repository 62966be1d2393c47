/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/mmu.h"
#include "kit/cpu.h"

#define ALIAS_BASE    UINT64_C(0xc0000000) /* row 3 of the level-1 table; below 4 GiB */
#define ALIAS_SIZE    UINT64_C(0x200000)
#define DESC_BLOCK    BIT(0)
#define DESC_ATTR(n)  ((uint64_t)(n) << 2)
#define DESC_AP_EL0   BIT(6)
#define DESC_SH_INNER (UINT64_C(3) << 8)
#define DESC_AF       BIT(10)
#define DESC_GP       BIT(50)

extern uint64_t page_table_alias[512];

static uintptr_t show(unsigned int window, uint64_t pa, uint64_t attributes)
{
	uint64_t block = pa & ~(ALIAS_SIZE - 1);

	/* Break before make (Arm ARM D8.14): no two mappings of one address at a time. */
	page_table_alias[window] = 0;
	asm volatile("dsb ish; tlbi vmalle1is; dsb ish; isb" : : : "memory");
	page_table_alias[window] = block | DESC_BLOCK | DESC_AF | DESC_SH_INNER | attributes;
	dsb();
	isb();
	return ALIAS_BASE + window * ALIAS_SIZE + (pa - block);
}

uintptr_t mmu_alias(uint64_t pa, enum mmu_attr attr)
{
	return show(0, pa, DESC_ATTR(attr));
}

uintptr_t mmu_alias_guarded(uint64_t pa)
{
	return show(0, pa, DESC_ATTR(MMU_NORMAL) | DESC_GP);
}

uintptr_t mmu_user_alias(unsigned int window, uint64_t pa, enum mmu_attr attr)
{
	return show(1 + window, pa, DESC_ATTR(attr) | DESC_AP_EL0);
}
