/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ASM_THREAD_H
#define ASM_THREAD_H

#include <asm/fiber.h>

struct arch_thread {
	struct host_fiber fiber;
	void (*entry)(void *arg);
	void *arg;
};

#endif
