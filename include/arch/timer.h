/* SPDX-License-Identifier: Apache-2.0 */
/* The arch contract, time: the system counter and one deadline timer per CPU. */
#ifndef ARCH_TIMER_H
#define ARCH_TIMER_H

#include <lib/types.h>

/* <asm/timer.h>: u64 arch_counter(void), the system counter, monotonic, same on all CPUs. */
#include <asm/timer.h>

/* Counter ticks per second. */
u64 arch_counter_hz(void);

/*
 * Let this CPU's timer interrupt call timeouts_expired() at counter value `deadline` (in the past:
 * at once). Replaces the last deadline. Interrupts masked.
 */
void arch_timer_set(u64 deadline);
/* Clear the deadline. */
void arch_timer_stop(void);

#endif
