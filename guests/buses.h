/* SPDX-License-Identifier: Apache-2.0 */
/* What systems for `virt` look through at their start, by address: its PCI bus and its virtio-mmio transports. */
#ifndef GUESTS_BUSES_H
#define GUESTS_BUSES_H

#include "kit/mmu.h"

/*
 * PCI functions 0 on all buses, by reads of `width` bytes of their vendor (a byte or half a word) or vendor and device (a
 * word), through a mapping with that attribute. Not QEMU's own host bridge, which the bare machine has at 00:00.0.
 */
unsigned int buses_pci_functions(unsigned int width, enum mmu_attr attr);

/* virtio-mmio transports that have the magic, and of these such with a device. */
struct buses_virtio {
	unsigned int transports, devices;
};
struct buses_virtio buses_virtio(void);

/* The last line of a guest, by which it is known; then power off. */
void buses_end(const char *name, bool pass) __attribute__((noreturn));

#endif
