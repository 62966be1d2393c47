/* SPDX-License-Identifier: Apache-2.0 */
/* From arch's first C code to the kernel's. */
#ifndef KERNEL_INIT_H
#define KERNEL_INIT_H

#include <kernel/page.h>

/*
 * Boot CPU, final tables, linear map of `ram`; `image` is where we lie ourselves, `fdt` where the machine's devicetree does, which need not be RAM.
 * Implemented by init/main.c.
 */
__noreturn void kernel_main(const struct phys_range *ram, u32 nram, struct phys_range image,
			    struct phys_range fdt);

#endif
