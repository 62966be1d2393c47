/* SPDX-License-Identifier: Apache-2.0 */
/* What the ports and the streams to them know of each other. */
#ifndef CONSOLE_PORT_H
#define CONSOLE_PORT_H

#include <vmm/port.h>

/* ---- port_stream.c; the port's lock is held ---- */

/* Copy up to len bytes that come next. Returns how many there were. */
u32 port_stream_peek(struct port_stream *s, void *out, u32 len);
/* Typed bytes come. */
void port_stream_typed(struct port_stream *s, const void *data, u32 len);
/* The next len bytes are sent. */
void port_stream_pass(struct port_stream *s, u32 len);

/* ---- console_port.c; the lifecycle lock is held ---- */

/* As port_stream_open(), of the port alone. */
int port_attach_stream(struct port_stream *s, s32 want);
/* On return the service does not use s. */
void port_detach_stream(const struct port_stream *s);

#endif
