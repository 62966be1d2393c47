/* SPDX-License-Identifier: Apache-2.0 */
#include <arch/mmu.h>
#include <asm/host.h>
#include <kernel/early.h>
#include <kernel/ram.h>

int host_page_init(const struct phys_range *ram, u32 nram, const struct phys_range *reserved,
		   u32 nreserved)
{
	static u64 early[KIB(64) / sizeof(u64)];

	early_init(early, sizeof(early));
	ram_reset();
	for (u32 i = 0; i < nram; i++)
		if (!ram_add(ram[i]))
			host_die("too many ranges of RAM");
	if (!ram_settle(arch_ram_limit()))
		host_die("too many ranges of RAM");
	for (u32 i = 0; i < nreserved; i++)
		if (!ram_take(reserved[i], RAM_RESERVED))
			host_die("too many reserved ranges");
	return page_init();
}
