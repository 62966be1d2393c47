/* SPDX-License-Identifier: Apache-2.0 */
#include <asm/fiber.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <stdbool.h>

/* The fiber that the current switch leaves, and the fiber that it enters for the first time. */
static struct host_fiber *leaving;
static void (*entering)(void);

/*
 * First code on a new stack. The sanitizer reports the bounds of the stack that was left; for the
 * first stack there is no other way to know them.
 */
static void arrived(void *fake_stack)
{
	__sanitizer_finish_switch_fiber(fake_stack, &leaving->stack_bottom, &leaving->stack_size);
}

static void first_entry(void)
{
	arrived(NULL);
	entering();
}

void host_fiber_init(struct host_fiber *f, void *stack_top, void (*fn)(void))
{
	char *bottom = (char *)stack_top - HOST_STACK_SIZE;

	/* An earlier owner of the stack may have ended in the middle of its frames. */
	__asan_unpoison_memory_region(bottom, HOST_STACK_SIZE);
	getcontext(&f->context);
	f->context.uc_stack.ss_sp = bottom;
	f->context.uc_stack.ss_size = HOST_STACK_SIZE;
	f->context.uc_link = NULL;
	f->stack_bottom = bottom;
	f->stack_size = HOST_STACK_SIZE;
	f->fake_stack = NULL;
	f->first = fn;
	makecontext(&f->context, first_entry, 0);
}

void host_fiber_switch(struct host_fiber *from, struct host_fiber *to)
{
	volatile bool back = false;

	__sanitizer_start_switch_fiber(&from->fake_stack, to->stack_bottom, to->stack_size);
	/* Not swapcontext: the sanitizer replaces that by one that warns. */
	getcontext(&from->context);
	if (back) {
		arrived(from->fake_stack);
		return;
	}
	back = true;
	leaving = from;
	entering = to->first;
	setcontext(&to->context);
}
