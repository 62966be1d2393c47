/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's console ports: drivers offer them, VMs' consoles take them. */
#ifndef VMM_PORT_H
#define VMM_PORT_H

#include <lib/types.h>

struct console;

/*
 * Ports: a backend driver (virtio-serial, spare UARTs) offers up to `count` numbered ports. The
 * port service's thread moves bytes both ways and is the only caller of read and write. Neither
 * blocks.
 */
#define CONSOLE_MAX_PORTS 128

struct console_port_ops {
	u32 count;
	/*
	 * Queue up to len bytes on a port. Returns how many were taken. If fewer than len, the
	 * driver calls console_port_ready() when it can take more.
	 */
	u32 (*write)(u32 port, const void *data, u32 len);
	/* Take up to len bytes that were typed at a port. */
	u32 (*read)(u32 port, void *data, u32 len);
	/* The user's name for it, e.g. "hvc0". NULL: there is no port of that number (now). */
	const char *(*name)(u32 port);
};

/*
 * Called by a driver when its ports exist. Returns the number of its first one, behind those of the
 * drivers before it; console_port_ready() and the operator use these numbers, while ops counts from
 * 0. -ENOSPC if no number is left; ports beyond CONSOLE_MAX_PORTS get none. Boot.
 */
int console_ports_register(const struct console_port_ops *ops);
/* Called by the driver: bytes were typed at the port, or it can take more output. Any context. */
void console_port_ready(u32 port);
/*
 * Give c port `want`, or the lowest free one if want is -1. Returns the port; -ENOENT (no such
 * port, or none is free); -EBUSY (another VM has it). Lifecycle lock held.
 */
int console_port_attach(struct console *c, s32 want);
/*
 * Detach c from its port, before c goes away. Output that c still holds is sent to the port first,
 * as far as the port takes it. Lifecycle lock held.
 */
void console_port_detach(struct console *c);
/* The port's name. NULL if there is no such port. */
const char *console_port_name(s32 port);
/* Start the service thread. */
int __must_check console_service_start(void);

#endif
