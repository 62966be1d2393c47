/* SPDX-License-Identifier: Apache-2.0 */
/* Cache maintenance by address (Arm ARM D7.5). */
#include <arch/mmu.h>
#include <asm/boot.h>
#include <asm/stage2.h>
#include <asm/sysreg.h>
#include <lib/string.h>

/* Smallest data / instruction cache line of the machine, bytes (CTR_EL0). */
static u64 dcache_line(void)
{
	return 4ULL << FIELD(read_sysreg(ctr_el0), 19, 16);
}

#define ONE(op)                                    \
	__asm__ volatile(op ::"r"(a_) : "memory"); \
	a_ += step_
#define FOUR(op) \
	ONE(op); \
	ONE(op); \
	ONE(op); \
	ONE(op)
#define SIXTEEN(op) \
	FOUR(op);   \
	FOUR(op);   \
	FOUR(op);   \
	FOUR(op)

/*
 * Do `op` on each line, or each DC ZVA block, of a range: sixteen in a turn, because the loop
 * costs as much as the operation.
 */
#define EACH(op, start, end, step)                              \
	do {                                                    \
		u64 a_ = (start), end_ = (end), step_ = (step); \
                                                                \
		while (a_ + 16 * step_ <= end_) {               \
			SIXTEEN(op);                            \
		}                                               \
		while (a_ < end_) {                             \
			ONE(op);                                \
		}                                               \
	} while (0)

#define CLEAN_INVAL "dc civac, %0"
#define ZERO        "dc zva, %0"

void arch_dcache_clean_inval(const void *va, u64 size)
{
	u64 line = dcache_line();

	EACH(CLEAN_INVAL, ALIGN_DOWN((u64)va, line), (u64)va + size, line);
	dsb(sy);
}

bool guests_are_cached;

void arch_clean_for_guest(const void *va, u64 size)
{
	if (!guests_are_cached)
		arch_dcache_clean_inval(va, size);
}

/* Bytes that DC ZVA clears; 0 if it is prohibited. */
static u64 zero_step(void)
{
	u64 dczid = read_sysreg(dczid_el0);

	return dczid & BIT(4) ? 0 : 4ULL << FIELD(dczid, 3, 0);
}

void arch_zero_pages(void *va, u64 size)
{
	u64 step = zero_step();

	if (step)
		EACH(ZERO, (u64)va, (u64)va + size, step);
	else
		memset(va, 0, size);
}

void arch_zero_to_memory(void *va, u64 size)
{
	u64 step = zero_step();

	if (guests_are_cached || step != dcache_line()) {
		arch_zero_pages(va, size);
		arch_clean_for_guest(va, size);
		return;
	}
	EACH(ZERO "\n\t" CLEAN_INVAL, (u64)va, (u64)va + size, step);
	dsb(sy);
}
