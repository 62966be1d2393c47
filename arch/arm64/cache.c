/* SPDX-License-Identifier: Apache-2.0 */
/* Cache maintenance by address (Arm ARM D7.5). */
#include <arch/mmu.h>
#include <asm/sysreg.h>

/* Smallest data / instruction cache line of the machine, bytes (CTR_EL0). */
static u64 dcache_line(void)
{
	return 4ULL << FIELD(read_sysreg(ctr_el0), 19, 16);
}

static u64 icache_line(void)
{
	return 4ULL << FIELD(read_sysreg(ctr_el0), 3, 0);
}

void arch_dcache_clean_inval(const void *va, u64 size)
{
	u64 line = dcache_line();
	u64 end = (u64)va + size;

	for (u64 a = ALIGN_DOWN((u64)va, line); a < end; a += line)
		__asm__ volatile("dc civac, %0" ::"r"(a) : "memory");
	dsb(sy);
}

void arch_icache_sync(const void *va, u64 size)
{
	u64 line = dcache_line(), iline = icache_line();
	u64 end = (u64)va + size;

	for (u64 a = ALIGN_DOWN((u64)va, line); a < end; a += line)
		__asm__ volatile("dc cvau, %0" ::"r"(a) : "memory");
	dsb(ish);
	for (u64 a = ALIGN_DOWN((u64)va, iline); a < end; a += iline)
		__asm__ volatile("ic ivau, %0" ::"r"(a) : "memory");
	dsb(ish);
	isb();
}

void arch_zero_pages(void *va, u64 size)
{
	u64 dczid = read_sysreg(dczid_el0);
	u64 step = 4ULL << FIELD(dczid, 3, 0);
	u64 end = (u64)va + size;

	if (dczid & BIT(4)) { /* DC ZVA prohibited */
		for (u64 *p = va; (u64)p < end; p++)
			*p = 0;
		return;
	}
	for (u64 a = (u64)va; a < end; a += step)
		__asm__ volatile("dc zva, %0" ::"r"(a) : "memory");
}
