/* SPDX-License-Identifier: Apache-2.0 */
/* From arch's first C code to the kernel's. */
#ifndef KERNEL_INIT_H
#define KERNEL_INIT_H

#include <lib/types.h>

/*
 * The kernel's first function: on the boot CPU, with the final tables and the linear map of the RAM
 * that kernel/ram.h knows. Implemented by init/main.c.
 */
__noreturn void kernel_main(void);

#endif
