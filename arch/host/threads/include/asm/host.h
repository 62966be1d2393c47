/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake machine whose CPUs are host threads, under the thread sanitizer: arch/host, but for the
 * files of arch/host/threads. To the sanitizer a CPU is one thread, and the kernel's threads are
 * only stacks that it changes: so a CPU's accesses are in program order whatever it runs, and a
 * thread that moves to another CPU takes nothing along but what the kernel hands over. That is all
 * that the hardware promises.
 *
 * Time passes by itself and all CPUs run. So there is no host_advance(), and host_reset() is for
 * the program's start. Interrupts are taken where they are unmasked, and in arch_relax().
 */
#ifndef ASM_HOST_THREADS_H
#define ASM_HOST_THREADS_H

#include_next <asm/host.h>

/*
 * The executing CPU, and the counter, which moves on. Calls: between two of them a thread may have
 * moved to another CPU, whose variables of the host thread are others.
 */
u32 host_this_cpu(void);
u64 host_now(void);

#define host_cpu     host_this_cpu()
#define host_counter host_now()

#endif
