/* SPDX-License-Identifier: Apache-2.0 */
/* Arm PrimeCell RTC PL031 (DDI 0224): seconds since 1970, free-running. */
#include <arch/mmu.h>
#include <drivers/host.h>
#include <drivers/mmio.h>
#include <drivers/rtc.h>
#include <lib/errno.h>
#include <vmm/dev.h>

#define RTCDR 0x000 /* data: the current count */

static volatile void *rtc_base;

static u64 pl031_now(void)
{
	return mmio_read32(rtc_base, RTCDR);
}

int rtc_probe(void)
{
	int node = host_fdt_find("arm,pl031", -1);
	struct phys_range regs;

	if (node < 0 || host_fdt_reg(node, 0, &regs) != 0)
		return -ENODEV;
	rtc_base = arch_map_device(regs.base, regs.size);
	if (!rtc_base)
		return -ENOMEM;
	host_wall_clock = pl031_now;
	return 0;
}
