/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel on the fake machine, for tests in thread context. */
#ifndef UNIT_BOOT_H
#define UNIT_BOOT_H

#include <unit.h>

#define UNIT_RAM MIB(64)

/*
 * Once per test program: the kernel with UNIT_RAM bytes and `cpus` CPUs; the caller becomes thread
 * `main` on CPU 0, interrupts are unmasked and delivered (host_irqs_on). It stays for the program's
 * life: the kernel cannot be switched off.
 */
void unit_boot(u32 cpus);

/*
 * Be the most urgent thread of this CPU, so that no other one runs there; and have the priority
 * from before again. Does not nest.
 */
void hold_cpu(void);
void give_cpu(void);

#endif
