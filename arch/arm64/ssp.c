/* SPDX-License-Identifier: Apache-2.0 */
/* Debian's libfdt.a is built with the stack protector and expects these two names at run time. */
#include <kernel/log.h>
#include <lib/types.h>

extern u64 __stack_chk_guard;
__noreturn void __stack_chk_fail(void);

u64 __stack_chk_guard = 0x5ac3f00d00ff0a0dUL;

void __stack_chk_fail(void)
{
	panic("stack smashed in library code");
}
