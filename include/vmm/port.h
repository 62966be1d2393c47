/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's console ports: drivers offer them, VMs' consoles and streams take them. */
#ifndef VMM_PORT_H
#define VMM_PORT_H

#include <kernel/spinlock.h>
#include <lib/ring.h>

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
	/*
	 * False: no program has its other end open. If that changes, the driver calls
	 * console_port_ready(). NULL: it cannot tell.
	 */
	bool (*is_open)(u32 port);
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
 * port, or none is free); -EBUSY (another VM or a stream has it). Lifecycle lock held.
 */
int console_port_attach(struct console *c, s32 want);
/*
 * Detach c from its port, before c goes away. Output that c still holds is sent to the port first,
 * as far as the port takes it. Lifecycle lock held.
 */
void console_port_detach(struct console *c);
/* The port's name. NULL if there is no such port. */
const char *console_port_name(s32 port);
/* The lowest port of that name, or -1. */
s32 console_port_named(const char *name);

/*
 * A stream of records to a port, for what is not a console. A record goes in as a whole or is
 * dropped. So a reader that is too slow loses records, and no writer ever waits for it. What is
 * typed at the port is ignored, unless the stream has a place for it.
 */
#define PORT_STREAM_BYTES  KIB(64)
#define PORT_STREAM_PIECES 10

struct port_piece {
	const void *at;
	u32 len;
};

struct port_stream {
	struct spinlock lock;
	struct ring ring;     /* buf: NULL while it is closed */
	bool open;            /* records are taken (atomic) */
	u64 records, dropped; /* taken, and those for which there was no room */
	s32 port;
	struct ring typed;  /* buf: NULL: what is typed is ignored */
	void (*came)(void); /* something was typed; any context, interrupts masked */
};

void port_stream_init(struct port_stream *s);
/*
 * Give the stream port `want`, or the lowest free one if want is -1, and send a head of up to 256
 * bytes. Returns the port; -ENOENT (no such port, or none is free); -EBUSY (a VM or a stream has
 * it); -ENOMEM. It is closed. Lifecycle lock held.
 */
int __must_check port_stream_open(struct port_stream *s, s32 want, const void *head, u32 len);
/*
 * Free its port. Records that it still holds are sent first, as far as the port takes them.
 * Lifecycle lock held.
 */
void port_stream_close(struct port_stream *s);
static inline bool port_stream_is_open(const struct port_stream *s)
{
	return __atomic_load_n(&s->open, __ATOMIC_RELAXED);
}
/* How many bytes of records it has room for. Any context. */
u32 port_stream_room(struct port_stream *s);
/*
 * Append a record of at most PORT_STREAM_PIECES pieces, or count it as dropped; nothing if the
 * stream is closed. One section, as long as the copy. Any context.
 */
void port_stream_put(struct port_stream *s, const struct port_piece *pieces, u32 count);

/*
 * Keep what is typed in a ring over `buf`, whose size is a power of two, and call `came` then.
 * Between port_stream_init() and port_stream_open().
 */
void port_stream_listen(struct port_stream *s, void *buf, u32 size, void (*came)(void));
/* Take up to len bytes that were typed. What the ring had no room for is lost. Any context. */
u32 port_stream_read(struct port_stream *s, void *out, u32 len);

/* Start the service thread. */
int __must_check console_service_start(void);

#endif
