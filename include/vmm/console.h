/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM's console: output of the emulated UART goes into a ring (the log), from which backends read at their own pace; input from a backend
 * goes into a small ring that the UART drains. Nobody who does not read blocks anybody.
 */
#ifndef VMM_CONSOLE_H
#define VMM_CONSOLE_H

#include <kernel/wait.h>
#include <lib/ring.h>

#define CONSOLE_LOG_SIZE KIB(16)
#define CONSOLE_INPUT_SIZE 256

struct console {
	struct spinlock lock;
	struct ring log;   /* everything the guest wrote, oldest dropped */
	struct ring input; /* not yet taken by the UART */
	struct wait_queue readers; /* woken when log grows; taken after lock is released */
	void (*input_ready)(void *arg); /* called (no lock held) after input was added: the UART fills its FIFO */
	void *input_arg;
	s32 port;	   /* virtio-serial port, or -1 */
	u8 log_buf[CONSOLE_LOG_SIZE];
	u8 input_buf[CONSOLE_INPUT_SIZE];
};

void console_init(struct console *c);

/* A byte from the guest. Any context, masked or not; never blocks. */
void console_output(struct console *c, u8 byte);
/* Bytes for the guest; returns how many fitted. Any context. */
u32 console_send(struct console *c, const void *data, u32 len);
/* For the UART: take one byte of input; false if there is none. */
bool console_take_input(struct console *c, u8 *byte);

/* Copy output from position *pos on (see ring_read_at). Any context. */
u32 console_read_at(struct console *c, u64 *pos, void *out, u32 len);
/* Position of the end of the log now. */
u64 console_head(struct console *c);
/* Position of the oldest byte kept. */
u64 console_tail(struct console *c);
/* Block until the log grew past pos or the deadline: 0, -ETIMEDOUT. Thread context. */
int console_wait(struct console *c, u64 pos, u64 deadline);

/*
 * Ports: a backend driver (virtio-serial) offers `count` numbered ports. The port service thread moves bytes both ways.
 * console_port_attach takes port `want`, or the lowest free one if want is -1: returns it, or -ENOENT / -EBUSY.
 */
struct console_port_ops {
	u32 count;
	/* Queue up to len bytes on a port without blocking; returns how many were taken (0: the port's host side does not read). Thread context. */
	u32 (*write)(u32 port, const void *data, u32 len);
	/* Name for the user, e.g. "hvc0". */
	const char *(*name)(u32 port);
};

/* Called by the driver when ports exist. Boot. */
void console_ports_register(const struct console_port_ops *ops);
/* Called by the driver, interrupt or thread context, with bytes typed at a port: returns how many were taken. */
u32 console_port_input(u32 port, const void *data, u32 len);
/* Called by the driver when a port can take more output. */
void console_port_writable(u32 port);
int console_port_attach(struct console *c, s32 want);
void console_port_detach(struct console *c);
const char *console_port_name(s32 port);
/* Start the service thread. */
int __must_check console_service_start(void);

#endif
