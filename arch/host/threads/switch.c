/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks that CPUs change. The sanitizer is not told: see asm/host.h. (It would keep a fiber's
 * order of accesses on all CPUs that the fiber ever ran on.)
 */
#include <asm/fiber.h>

void host_fiber_init(struct host_fiber *f, void *stack_top, void (*fn)(void))
{
	getcontext(&f->context);
	f->context.uc_stack.ss_sp = (char *)stack_top - HOST_STACK_SIZE;
	f->context.uc_stack.ss_size = HOST_STACK_SIZE;
	f->context.uc_link = NULL;
	makecontext(&f->context, fn, 0);
}

void host_fiber_switch(struct host_fiber *from, struct host_fiber *to)
{
	swapcontext(&from->context, &to->context);
}
