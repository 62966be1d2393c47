/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices of the guest machine that have a devicetree node: the table, and which of them a VM
 * has.
 */
#include <vmm/desc.h>

/* clang-format off */
const struct desc_device desc_devices[DEVICES] = {
	[DEVICE_UART] = {
		"pl011@9000000", GUEST_UART_BASE, 0x1000, GUEST_UART_IRQ,
		"arm,pl011\0arm,primecell\0", "uartclk\0apb_pclk\0", false, 0,
	},
	[DEVICE_RTC] = {
		"pl031@9010000", GUEST_RTC_BASE, 0x1000, GUEST_RTC_IRQ,
		"arm,pl031\0arm,primecell\0", "apb_pclk\0", false, 0,
	},
	[DEVICE_GPIO] = {
		"pl061@9030000", GUEST_GPIO_BASE, 0x1000, GUEST_GPIO_IRQ,
		"arm,pl061\0arm,primecell\0", "apb_pclk\0", true, 0,
	},
	[DEVICE_WATCHDOG] = {
		"watchdog@9050000", GUEST_WATCHDOG_BASE, 0x1000, GUEST_WATCHDOG_IRQ,
		"arm,sp805\0arm,primecell\0", "wdog_clk\0apb_pclk\0", false,
		offsetof(struct vm_desc, watchdog),
	},
};
/* clang-format on */

bool desc_has_device(const struct vm_desc *d, const struct desc_device *device)
{
	return !device->wanted || *((const bool *)d + device->wanted);
}
