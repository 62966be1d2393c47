/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio network cards of the machine (Virtio 1.2, section 5.1): each is a port of a network, the
 * first one of `uplink`, the next of `uplink1`, and so on.
 */
#ifndef DRIVERS_NIC_VIRTIO_H
#define DRIVERS_NIC_VIRTIO_H

#include <drivers/virtio.h>

extern const struct virtio_driver nic_virtio_driver;

#endif
