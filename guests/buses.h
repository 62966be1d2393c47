/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What systems for `virt` probe at their start, by address: its PCI bus and its virtio-mmio
 * transports.
 */
#ifndef GUESTS_BUSES_H
#define GUESTS_BUSES_H

#include "kit/mmu.h"

/*
 * The number of PCI functions 0 on all buses, found by reads of `width` bytes of their vendor (a
 * byte or half a word) or of vendor and device (a word), through a mapping with that attribute.
 * QEMU's own host bridge, at 00:00.0 of the bare machine, does not count.
 */
unsigned int buses_pci_functions(unsigned int width, enum mmu_attr attr);

/* virtio-mmio transports that have the magic number, and how many of them have a device. */
struct buses_virtio {
	unsigned int transports, devices;
};
struct buses_virtio buses_virtio(void);

/* Print the last line of a guest, which identifies it, and power off. */
void buses_end(const char *name, bool pass) __attribute__((noreturn));

#endif
