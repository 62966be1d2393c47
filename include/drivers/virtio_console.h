/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio consoles of the host (Virtio 1.2, section 5.3): ports on which VMs' consoles appear. */
#ifndef DRIVERS_VIRTIO_CONSOLE_H
#define DRIVERS_VIRTIO_CONSOLE_H

#include <drivers/virtio.h>
#include <vmm/port.h>

extern const struct virtio_driver virtio_console_driver;

/*
 * Register the ports of every console that was started with the consoles, in the order of the
 * devices. Returns the number of devices. Boot, thread context, after virtio_probe(). Sleeps some
 * milliseconds if a device is slow to name its ports.
 */
u32 virtio_console_register(void);

/* Start the console at an open transport. 0 or negative errno. */
int __must_check virtio_console_add(const struct virtio_dev *dev);
/* A device's interrupt: handle its control messages and tell its ports about their work. */
void virtio_console_interrupt(u32 device);
/* The ports' operations. */
const struct console_port_ops *virtio_console_ops(void);

#endif
