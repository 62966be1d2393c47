/* SPDX-License-Identifier: Apache-2.0 */
#include "buses.h"
#include "kit/mmio.h"
#include "kit/print.h"
#include "kit/psci.h"

#define PCI_ECAM    UINT64_C(0x4010000000)
#define PCI_BUSES   256u
#define PCI_DEVICES 32u
#define HOST_BRIDGE 0x00081b36u /* device 8 of vendor 1b36 */

#define SLOTS     32u
#define SLOT_SIZE 0x200u
#define MAGIC     0x74726976u
#define DEVICE_ID 8u

static bool answers(uintptr_t config, unsigned int width)
{
	switch (width) {
	case 1:
		return mmio_read8(config) != UINT8_MAX || mmio_read8(config + 1) != UINT8_MAX;
	case 2:
		return mmio_read16(config) != UINT16_MAX;
	default:
		return mmio_read32(config) != UINT32_MAX;
	}
}

unsigned int buses_pci_functions(unsigned int width, enum mmu_attr attr)
{
	unsigned int found = 0;

	for (unsigned int bus = 0; bus < PCI_BUSES; bus++) {
		uintptr_t configs = mmu_alias(PCI_ECAM + ((uint64_t)bus << 20), attr);

		for (unsigned int dev = 0; dev < PCI_DEVICES; dev++) {
			uintptr_t config = configs + (dev << 15);

			if (answers(config, width) && mmio_read32(config) != HOST_BRIDGE)
				found++;
		}
	}
	return found;
}

struct buses_virtio buses_virtio(void)
{
	struct buses_virtio seen = { 0 };

	for (unsigned int n = 0; n < SLOTS; n++) {
		uintptr_t slot = VIRTIO_BASE + n * SLOT_SIZE;

		if (mmio_read32(slot) != MAGIC)
			continue;
		seen.transports++;
		seen.devices += mmio_read32(slot + DEVICE_ID) != 0;
	}
	return seen;
}

void buses_end(const char *name, bool pass)
{
	print("%s: %s\n", name, pass ? "PASS" : "FAIL");
	psci_system_off();
}
