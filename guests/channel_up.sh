#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Gives a VM's channels to Linux' uio_pci_generic: /dev/uio0 and so on.
insmod /lib/modules/uio.ko
insmod /lib/modules/uio_pci_generic.ko
echo 110a 4106 > /sys/bus/pci/drivers/uio_pci_generic/new_id
