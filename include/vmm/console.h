/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM's console. Output of the emulated UART goes into a ring (the log), from which backends read
 * at their own pace. Input from a backend goes into a small ring that the UART drains. A reader
 * that does not read blocks no one else. Output that a port can take is not lost, however busy and
 * urgent the guest is: when the ring is half full, the thread that fills it also empties it.
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
	bool input_full;   /* some input did not fit: room for input calls notify too */
	bool has_break;    /* BREAK is on its way, in front of the byte at break_at */
	u64 break_at;
	void (*notify)(void *arg); /* see console_listen() */
	void *notify_arg;
	/*
	 * Called after input was added, or far_open or far_done have changed. No lock is held, but
	 * for that of the port from which it comes.
	 */
	void (*input_ready)(void *arg);
	void *input_arg;
	s32 port;      /* the machine's port, or -1 */
	u64 sent;      /* output before this position was moved to the port (atomic) */
	bool far_open; /* a program has the port open, if the port can tell (atomic) */
	bool far_done; /* none has, and what it has typed is in `input` (atomic) */
	void (*output_sent)(void *arg); /* as input_ready(): `sent` has changed. May be NULL */
	u16 tag; /* its VM in traces, as vCPU 0's thread (kernel/trace.h); 0: none */
	u8 log_buf[CONSOLE_LOG_SIZE];
	u8 input_buf[CONSOLE_INPUT_SIZE];
};

void console_init(struct console *c);

/*
 * The carrier of bytes between consoles and the machine's ports. port/ sets it as soon as a console
 * has a port. Boot.
 */
struct console_carrier {
	/* The console of that port has output, or room for input. Any context. */
	void (*ready)(u32 port);
	/*
	 * Called after every CONSOLE_PUSH_BYTES of output. Moves as much to the port, if the port
	 * can take it and half the ring waits: in that case the service does not get the CPU. Any
	 * context. Holds the port's lock for the copy.
	 */
	void (*push)(u32 port);
};
void console_set_carrier(const struct console_carrier *c);

/* Take a byte of output from the guest. Any context, masked or not. Never blocks. */
void console_output(struct console *c, u8 byte);
/* Take bytes of output: 1 to CONSOLE_LOG_SIZE of them. As console_output(). */
void console_put(struct console *c, const void *data, u32 len);
/* Send bytes to the guest. Returns how many fitted. Any context. */
u32 console_send(struct console *c, const void *data, u32 len);
/*
 * Send BREAK to the guest, behind the bytes sent before. False: the guest has not taken the last
 * one yet. Any context.
 */
bool __must_check console_send_break(struct console *c);
/* For the UART: take the next input, a byte or CONSOLE_BREAK. -1 if there is none. Any context. */
#define CONSOLE_BREAK 0x100
int console_take_input(struct console *c);

/* For the port, under its lock: what it has taken; far_open and far_done. Any context. */
void console_set_sent(struct console *c, u64 pos);
void console_set_far(struct console *c, bool open, bool done);
/* The position up to which the port has taken the output. Any context. */
static inline u64 console_sent(const struct console *c)
{
	return __atomic_load_n(&c->sent, __ATOMIC_RELAXED);
}
static inline bool console_far_open(const struct console *c)
{
	return __atomic_load_n(&c->far_open, __ATOMIC_RELAXED);
}
static inline bool console_far_done(const struct console *c)
{
	return __atomic_load_n(&c->far_done, __ATOMIC_RELAXED);
}

/* Copy output from position *pos on (see ring_read_at). Any context. */
u32 console_read_at(struct console *c, u64 *pos, void *out, u32 len);
/* The current end position of the log. */
u64 console_head(struct console *c);
/* Position of the oldest byte kept. */
u64 console_tail(struct console *c);

/*
 * For a reader: set fn, which is called (any context, no lock of the console held) in these cases:
 * by the first byte of output after console_arm(); when there is room for input after a
 * console_send() that fell short; by console_wake(). NULL: stop. One listener at a time.
 */
void console_listen(struct console *c, void (*fn)(void *arg), void *arg);
/* True if there is output past pos. Else the next byte will call the listener, once. */
bool __must_check console_arm(struct console *c, u64 pos);
/* Call the listener: something about the VM changed (it stopped, it runs again). Any context. */
void console_wake(struct console *c);
/*
 * Bytes of input that console_send() would take now. If 0, room is reported later as above, and to
 * the port.
 */
u32 console_input_room(struct console *c);

#endif
