/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/mmu.h"
#include "kit/cpu.h"

#define ALIAS_BASE    UINT64_C(0x100000000) /* row 4 of the level-1 table */
#define ALIAS_SIZE    UINT64_C(0x200000)
#define DESC_BLOCK    BIT(0)
#define DESC_ATTR(n)  ((uint64_t)(n) << 2)
#define DESC_SH_INNER (UINT64_C(3) << 8)
#define DESC_AF       BIT(10)

extern uint64_t page_table_alias[512];

uintptr_t mmu_alias(uint64_t pa, enum mmu_attr attr)
{
	uint64_t block = pa & ~(ALIAS_SIZE - 1);

	/* Break before make (Arm ARM D8.14): no two mappings of one address at a time. */
	page_table_alias[0] = 0;
	asm volatile("dsb ish; tlbi vmalle1is; dsb ish; isb" : : : "memory");
	page_table_alias[0] = block | DESC_BLOCK | DESC_AF | DESC_SH_INNER | DESC_ATTR(attr);
	dsb();
	isb();
	return ALIAS_BASE + (pa - block);
}
