/* SPDX-License-Identifier: Apache-2.0 */
/* panic() of tests that boot no kernel, or whose stubs do not go with the kernel's. */
#include "unit_panic.h"

#include <arch/cpu.h>
#include <kernel/log.h>
#include <stdio.h>

char unit_panic_message[200];

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(unit_panic_message, sizeof(unit_panic_message), fmt, ap);
	va_end(ap);
	fprintf(stderr, "panic: %s\n", unit_panic_message);
	arch_halt();
}
