/* SPDX-License-Identifier: Apache-2.0 */
/* The arch contract, thread part: contexts and switching. */
#ifndef ARCH_THREAD_H
#define ARCH_THREAD_H

#include <asm/thread.h> /* struct arch_thread: saved stack pointer, FP/SIMD area */
#include <lib/types.h>

struct thread;

/*
 * Prepare t so that the first switch to it calls entry(arg) on its stack, interrupts unmasked. If
 * entry returns, thread_exit() is called. stack_top is 16-byte aligned. The top of the stack is
 * reserved for the frame of a lower exception level (see arch/guest.h).
 */
void arch_thread_init(struct thread *t, void *stack_top, void (*entry)(void *arg), void *arg);

/*
 * Save prev's callee-saved state, switch to next's stack, and return in next's context. Interrupts
 * masked. Only the scheduler calls it.
 */
void arch_switch(struct thread *prev, struct thread *next);

/*
 * FP/SIMD is switched lazily. The scheduler calls this on every switch (interrupts masked): it
 * traps the unit's next use unless `next` owns the unit.
 */
void arch_fp_switch(struct thread *next);

/*
 * Tell whether an equal of the running thread waits for this CPU. If one does, a lower exception
 * level that waits for an event (WFE) gives way; else it waits in place. Interrupts masked. Only
 * the scheduler calls it.
 */
void arch_give_way(bool on);

/*
 * Write t's FP/SIMD state back to memory if this CPU holds it, so that t may run elsewhere.
 * Interrupts masked.
 */
void arch_fp_flush(struct thread *t);

/* t is going away or starts again: discard any live state of it on this CPU. Interrupts masked. */
void arch_fp_drop(struct thread *t);

#endif
