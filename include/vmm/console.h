/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM's console: output of the emulated UART goes into a ring (the log), from which backends read at their own pace; input from a backend
 * goes into a small ring that the UART drains. Nobody who does not read blocks anybody; what a port can take is not lost, however busy the guest
 * and however urgent: from half a ring on, whoever fills the ring empties it.
 */
#ifndef VMM_CONSOLE_H
#define VMM_CONSOLE_H

#include <kernel/spinlock.h>
#include <lib/ring.h>

#define CONSOLE_LOG_SIZE   KIB(16)
#define CONSOLE_INPUT_SIZE 256
#define CONSOLE_PUSH_BYTES 256

struct console {
	struct spinlock lock;
	struct ring log;   /* everything the guest wrote, oldest dropped */
	struct ring input; /* not yet taken by the UART */
	bool armed;        /* the next byte of output calls notify */
	bool input_full;   /* somebody's input did not fit: room does so too */
	bool has_break;    /* BREAK is on its way, before the byte at break_at */
	u64 break_at;
	void (*notify)(void *arg); /* see console_listen() */
	void *notify_arg;
	void (*input_ready)(
		void *arg); /* called (no lock held) after input was added: the UART fills its FIFO */
	void *input_arg;
	s32 port; /* the machine's port, or -1 */
	u8 log_buf[CONSOLE_LOG_SIZE];
	u8 input_buf[CONSOLE_INPUT_SIZE];
};

void console_init(struct console *c);

/* What carries bytes between consoles and the machine's ports, once one of them has a port: port/ sets it. Boot. */
struct console_carrier {
	/* The console of that port has output, or room for input. Any context. */
	void (*ready)(u32 port);
	/*
	 * After every CONSOLE_PUSH_BYTES of output: moves as much to the port, if it can take it and half the ring waits,
	 * because the service does not get the CPU. Any context; holds the port's lock for the copy.
	 */
	void (*push)(u32 port);
};
void console_set_carrier(const struct console_carrier *c);

/* A byte from the guest. Any context, masked or not; never blocks. */
void console_output(struct console *c, u8 byte);
/* Bytes for the guest; returns how many fitted. Any context. */
u32 console_send(struct console *c, const void *data, u32 len);
/* BREAK for the guest, behind the bytes that were sent before. False: it has not taken the last one yet. Any context. */
bool __must_check console_send_break(struct console *c);
/* For the UART: take what comes next of the input, a byte or CONSOLE_BREAK; -1 if there is none. Any context. */
#define CONSOLE_BREAK 0x100
int console_take_input(struct console *c);

/* Copy output from position *pos on (see ring_read_at). Any context. */
u32 console_read_at(struct console *c, u64 *pos, void *out, u32 len);
/* Position of the end of the log now. */
u64 console_head(struct console *c);
/* Position of the oldest byte kept. */
u64 console_tail(struct console *c);

/*
 * For a reader: fn(arg) is called (any context, no lock of the console held) by the first byte of output after console_arm(), by room for input after a
 * console_send() that fell short, and by console_wake(). NULL: stop. One listener at a time.
 */
void console_listen(struct console *c, void (*fn)(void *arg), void *arg);
/* True if there is output past pos; else the next byte will notify, once. */
bool __must_check console_arm(struct console *c, u64 pos);
/* Notify: something about the VM changed (it stopped, it runs anew). Any context. */
void console_wake(struct console *c);
/* Bytes of input that console_send() would take now; if none, room is announced later as above, and to the port. */
u32 console_input_room(struct console *c);

#endif
