/* SPDX-License-Identifier: Apache-2.0 */
/* Memory with the addresses of the start command in it. */
#ifndef BUNDLE_FIXTURE_H
#define BUNDLE_FIXTURE_H

#include "archive_fixture.h"

#include <vmm/load.h>

#define RAM_BASE 0x40000000ULL
#define RAM_SIZE GIB(3)
#define ZEPHYR   0xc8000000ULL
#define LINUX    0xe0000000ULL
#define INITRD   0xe4000000ULL
#define DTB      0xf2a00000ULL

extern u8 *ram;
extern const struct phys_range all_ram;

/* Nothing in memory, no type. */
int bundle_setup(void **state);
/* The machine's RAM is these ranges, all of it (bundle_setup()) or some. */
void machine_ram(const struct phys_range *ranges, u32 count);
/* Bytes of it that have been taken: whole pages. */
u64 taken(void);
/* Where the physical address is. */
u8 *mem(u64 pa);

#endif
