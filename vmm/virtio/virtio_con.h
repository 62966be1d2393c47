/* SPDX-License-Identifier: Apache-2.0 */
/* The console device: virtio_con.c moves bytes, virtio_con_control.c has the control messages. */
#ifndef VIRTIO_CON_H
#define VIRTIO_CON_H

#include <vmm/console.h>
#include <vmm/control.h>
#include <vmm/virtio.h>

#define VIRTIO_CONSOLE_F_MULTIPORT BIT(1) /* 5.3.3 */

#define CON_PORTS      (1 + DESC_PORTS)
#define CON_CONTROL_RX 2   /* 5.3.2: messages for the driver */
#define CON_CONTROL_TX 3   /* its own */
#define CON_CHUNK      512 /* bytes of output in a unit */

/* 5.3.6.1: events */
enum con_event {
	CON_DEVICE_READY,
	CON_DEVICE_ADD,
	CON_DEVICE_REMOVE,
	CON_PORT_READY,
	CON_CONSOLE_PORT,
	CON_RESIZE,
	CON_PORT_OPEN,
	CON_PORT_NAME,
	CON_EVENTS
};

struct con_message {
	u32 port;
	u16 event, value;
	char name[DESC_NAME_MAX]; /* of CON_PORT_NAME */
};
#define CON_MESSAGE_HEAD 8 /* 5.3.6.1: bytes before the name */
_Static_assert(offsetof(struct con_message, name) == CON_MESSAGE_HEAD, "5.3.6.1");

struct virtio_con;

struct con_port {
	struct virtio_con *con;
	/*
	 * Output that a unit took from the guest. A port's lock comes before the device's, so
	 * between() sends it. `sends`: a vCPU is at that, and does the next unit then.
	 */
	u32 held;
	bool sends;
	u8 bytes[CON_CHUNK];
	bool received;                /* last, or it was its turn */
	bool open;                    /* by a program of the guest; not asked of the terminal */
	u32 untold;                   /* events that the driver is to be told, one bit each */
	struct control_port *control; /* it is that; NULL: a console's */
	struct console console;
};

struct virtio_con {
	struct virtio t; /* first */
	struct {
		u16 cols, rows;
		u32 max_nr_ports, emerg_wr;
	} config; /* 5.3.4 */
	const struct desc_virtio *node;
	u32 count;
	struct con_port *ports[CON_PORTS];
	u32 turn;                 /* the port that is next */
	struct con_message in;    /* from the driver; `got` bytes of it are there */
	struct con_message out;   /* to the driver, of out_len bytes; 0: none */
	u32 got, out_len, out_at; /* out_at: bytes that the driver has */
};

/* ---- virtio_con_control.c; the device's lock is held ---- */

/* Some of the messages both ways. False: there is nothing to do. */
bool con_control(struct virtio_con *c);
/* The driver was reset. */
void con_control_forget(struct virtio_con *c);

#endif
