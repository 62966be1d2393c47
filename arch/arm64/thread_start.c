/* SPDX-License-Identifier: Apache-2.0 */
/* A thread's first context: arch_switch() restores it. */
#include <arch/thread.h>
#include <asm/layout.h>
#include <kernel/thread.h>
#include <lib/string.h>

void thread_trampoline(void);

/* The layout that switch.S stores. */
struct switch_frame {
	u64 fp, lr;
	u64 x19, x20, x21, x22, x23, x24, x25, x26, x27, x28;
};
_Static_assert(sizeof(struct switch_frame) == 96, "switch.S");

void arch_thread_init(struct thread *t, void *stack_top, void (*entry)(void *arg), void *arg)
{
	/* The room above belongs to the frame of a lower exception level. */
	struct switch_frame *s =
		(struct switch_frame *)(void *)((char *)stack_top - FRAME_SIZE) - 1;

	memset(s, 0, sizeof(*s));
	s->lr = (u64)thread_trampoline;
	s->x19 = (u64)entry;
	s->x20 = (u64)arg;
	t->arch.sp = (u64)s;
}
