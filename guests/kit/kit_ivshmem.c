/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/ivshmem.h"
#include "kit/cpu.h"
#include "kit/mmu.h"

#define ECAM         UINT64_C(0x4010000000)
#define SLOTS        32u
#define FUNCTION     0x4106110au /* device, vendor */
#define CAPABILITIES 0x34u
#define VENDOR_CAP   0x09u

static uintptr_t config(unsigned int slot, unsigned int reg)
{
	return mmu_alias(ECAM + slot * UINT64_C(0x8000) + reg, MMU_DEVICE);
}

uint32_t pci_read(unsigned int slot, unsigned int reg)
{
	return mmio_read32(config(slot, reg));
}

void pci_write(unsigned int slot, unsigned int reg, uint32_t value)
{
	mmio_write32(config(slot, reg), value);
}

static unsigned int find_capability(unsigned int slot)
{
	unsigned int at = pci_read(slot, CAPABILITIES) & 0xfc;

	while (at && (pci_read(slot, at) & 0xff) != VENDOR_CAP)
		at = pci_read(slot, at) >> 8 & 0xfc;
	return at;
}

static uint64_t read_pair(unsigned int slot, unsigned int reg)
{
	return pci_read(slot, reg) | (uint64_t)pci_read(slot, reg + 4) << 32;
}

bool ivshmem_find(unsigned int n, struct ivshmem *d)
{
	unsigned int slot;

	for (slot = 0; slot < SLOTS; slot++)
		if (pci_read(slot, 0) == FUNCTION && !n--)
			break;
	if (slot == SLOTS)
		return false;
	pci_write(slot, PCI_COMMAND, PCI_COMMAND_MEMORY);
	d->slot = slot;
	d->intid = PCI_INTA(slot);
	d->capability = find_capability(slot);
	d->registers = pci_read(slot, PCI_BAR(0)) & ~0xfu;
	d->memory = read_pair(slot, PCI_BAR(2)) & ~UINT64_C(0xf);
	d->state_size = pci_read(slot, d->capability + 4);
	d->shared_size = read_pair(slot, d->capability + 8);
	d->output_size = read_pair(slot, d->capability + 16);
	d->id = mmio_read32(d->registers + IVSHMEM_ID);
	d->peers = mmio_read32(d->registers + IVSHMEM_PEERS);
	return true;
}
