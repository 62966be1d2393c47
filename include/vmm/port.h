/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's console ports: drivers offer them, VMs' consoles take them. */
#ifndef VMM_PORT_H
#define VMM_PORT_H

#include <lib/types.h>

struct console;

/*
 * Ports: a backend driver (virtio-serial, spare UARTs) offers up to `count` numbered ports. The port service thread moves bytes both ways and is the only caller of
 * read and write; neither blocks.
 */
#define CONSOLE_MAX_PORTS 32

struct console_port_ops {
	u32 count;
	/* Queue up to len bytes on a port; returns how many were taken (less than len: the driver says console_port_ready() when it can take more). */
	u32 (*write)(u32 port, const void *data, u32 len);
	/* Take up to len bytes that were typed at a port. */
	u32 (*read)(u32 port, void *data, u32 len);
	/* Name for the user, e.g. "hvc0"; NULL: there is no port of that number (now). */
	const char *(*name)(u32 port);
};

/*
 * Called by a driver when ports exist: the number of its first one, behind those of the drivers before it, as console_port_ready() and the
 * operator have it; ops has them from 0. -ENOSPC if there is no number left; those beyond CONSOLE_MAX_PORTS get none. Boot.
 */
int console_ports_register(const struct console_port_ops *ops);
/* Called by the driver: bytes were typed at the port, or it can take more output. Any context. */
void console_port_ready(u32 port);
/* Give c port `want`, or the lowest free one if want is -1: the port, or -ENOENT (no such port, none free) / -EBUSY (another VM has it). Lifecycle lock held. */
int console_port_attach(struct console *c, s32 want);
/* Before c goes away; what it still holds goes to the port first, as far as that takes it. Lifecycle lock held. */
void console_port_detach(struct console *c);
/* NULL if there is no such port. */
const char *console_port_name(s32 port);
/* Start the service thread. */
int __must_check console_service_start(void);

#endif
