/* SPDX-License-Identifier: Apache-2.0 */
/* Flows of control on stacks of their own, known to the address sanitizer. */
#ifndef ASM_FIBER_H
#define ASM_FIBER_H

#include <stddef.h>
#include <ucontext.h>

struct host_fiber {
	ucontext_t context;
	const void *stack_bottom;
	size_t stack_size;
	void *fake_stack; /* the sanitizer's */
	void (*first)(void);
};

/* Stacks of the fake machine: the sanitizer's frames are large. */
#define HOST_STACK_SIZE (256 * 1024)

/* Prepare f to call fn() on the HOST_STACK_SIZE bytes below stack_top. fn must not return. */
void host_fiber_init(struct host_fiber *f, void *stack_top, void (*fn)(void));

/*
 * Leave the running fiber, whose state goes to *from, for *to. Returns when something switches to
 * *from.
 */
void host_fiber_switch(struct host_fiber *from, struct host_fiber *to);

#endif
