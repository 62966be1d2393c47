#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The network, ssh, the channel and the page.
until ip link show eth0 >/dev/null 2>&1; do
    sleep 1
done
ip link set lo up
until udhcpc -n -q -i eth0; do
    sleep 1
done
mkdir -p /etc/dropbear
dropbear -R -B
channel-up
httpd -h /www
