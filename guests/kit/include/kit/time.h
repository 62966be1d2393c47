/* SPDX-License-Identifier: Apache-2.0 */
/* Counter and generic timers. Ticks are those of CNTFRQ_EL0 (62.5 MHz on virt). */
#ifndef KIT_TIME_H
#define KIT_TIME_H

#include "kit/cpu.h"
#include "kit/types.h"

enum timer_kind {
	TIMER_VIRT, /* CNTV, PPI 11 */
	TIMER_PHYS, /* CNTP, PPI 14 */
	TIMER_KINDS
};

#define TIMER_ENABLE  BIT(0)
#define TIMER_IMASK   BIT(1)
#define TIMER_ISTATUS BIT(2)

/* The virtual counter, not speculated ahead of what comes before. */
static inline uint64_t now(void)
{
	isb();
	return read_sysreg(cntvct_el0);
}

uint64_t ticks_per_second(void);
uint64_t us_to_ticks(uint64_t us);
uint64_t ticks_to_us(uint64_t ticks);

/* Spins for that long. */
void delay_us(uint64_t us);

unsigned int timer_intid(enum timer_kind kind);
uint64_t timer_counter(enum timer_kind kind);
void timer_set_ctl(enum timer_kind kind, uint64_t ctl);
uint64_t timer_get_ctl(enum timer_kind kind);
void timer_set_cval(enum timer_kind kind, uint64_t cval);
uint64_t timer_get_cval(enum timer_kind kind);
void timer_set_tval(enum timer_kind kind, uint32_t tval);
uint32_t timer_get_tval(enum timer_kind kind);

/* Enabled and unmasked, expiring us microseconds from now. */
void timer_start_us(enum timer_kind kind, uint64_t us);
void timer_stop(enum timer_kind kind);

/* Evaluates condition until it holds; false when us microseconds have passed before. */
#define wait_for(condition, us)                                      \
	({                                                           \
		uint64_t deadline_ = now() + us_to_ticks(us);        \
		bool holds_;                                         \
		while (!(holds_ = (condition)) && now() < deadline_) \
			cpu_relax();                                 \
		holds_;                                              \
	})

#endif
