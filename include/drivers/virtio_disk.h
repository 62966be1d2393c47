/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio disks of the machine (Virtio 1.2, section 5.2). */
#ifndef DRIVERS_VIRTIO_DISK_H
#define DRIVERS_VIRTIO_DISK_H

#include <drivers/virtio.h>

extern const struct virtio_driver virtio_disk_driver;

/* Its members, for tests. */
int __must_check virtio_disk_add(const struct virtio_dev *dev, void **arg);
void virtio_disk_interrupt(void *arg);

#endif
