/* SPDX-License-Identifier: Apache-2.0 */
/* The service that moves bytes between consoles or streams and the ports of backend drivers. */
#include <kernel/spinlock.h>
#include <kernel/thread.h>
#include <lib/bitmap.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/console.h>
#include "console_port.h"

/*
 * More urgent than VMs by default (20): a VM's output reaches the terminal even while a VM spins on
 * the only CPU. Real-time VMs are more urgent, and so is the shell (16). The service is not
 * guarded: a guest's output never takes time from a real-time VM.
 */
#define SERVICE_PRIORITY 18

/* How long output waits before it is sent: further bytes join it, instead of a wake-up for each. */
#define GATHER_MS 2

/*
 * A stream that had a whole chunk has more: nothing is gathered then, but for a few rounds only. A
 * trace may write more than its port can take for ever, and VMs behind this thread need the CPU.
 */
static bool hurry; /* (atomic) */
#define HURRIED_ROUNDS 4

/* The most bytes that are moved for a port in its turn. */
#define TURN_BYTES         4096
#define CHUNK_BYTES        CONSOLE_PUSH_BYTES
#define STREAM_CHUNK_BYTES 512 /* a buffer of a virtio console's */
#define INPUT_BYTES        8   /* in a section: through two rings and the FIFO of a guest's UART */

static struct {
	struct spinlock lock;               /* taken before the console's and the driver's locks */
	struct console *console;            /* its user, or */
	struct port_stream *stream;         /* that; both NULL: the port is free */
	const struct console_port_ops *ops; /* its driver's; NULL: the port does not exist */
	u32 number;                         /* the driver's number of it */
} ports[CONSOLE_MAX_PORTS] = {
	[0 ... CONSOLE_MAX_PORTS - 1] = { .lock = SPINLOCK_INIT(LOCK_PORT) },
};

static u32 port_count;
/*
 * Ports with something to do, one bit each (atomic). The service sleeps on service_wq while there
 * is none.
 */
static u64 ready_ports[BITMAP_WORDS(CONSOLE_MAX_PORTS)];
static struct wait_queue service_wq = WAIT_QUEUE_INIT(service_wq, LOCK_WAIT);
static struct thread service;

void console_port_ready(u32 port)
{
	u64 *word = &ready_ports[port % CONSOLE_MAX_PORTS / 64], bit = BIT(port % 64);

	/*
	 * Sequentially consistent. This CPU puts its byte into the ring before it checks the bit.
	 * The service clears the bit before it checks the ring. So one of the two sees the other.
	 */
	if (__atomic_load_n(word, __ATOMIC_SEQ_CST) & bit)
		return;
	if (__atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST) == 0)
		wait_wake_all(&service_wq);
}

/*
 * A chunk is moved in one section, in either direction. So a console is not detached in the middle,
 * and a preempted thread delays no other thread.
 */
static u32 move_input_chunk(u32 port)
{
	unsigned long flags = spin_lock_irqsave(&ports[port].lock);
	struct console *c = ports[port].console;
	struct port_stream *s = ports[port].stream;
	const struct console_port_ops *ops = ports[port].ops;
	const u32 number = ports[port].number;
	/* Asked first: what comes after a close is not overlooked. */
	const bool open = !ops->is_open || ops->is_open(number);
	u8 buf[INPUT_BYTES];
	/* Bytes typed at a port without a listener are dropped. */
	u32 room = c ? console_input_room(c) : INPUT_BYTES;
	u32 n = room ? ops->read(number, buf, MIN(room, INPUT_BYTES)) : 0;

	if (c)
		console_set_far(c, open, !open && room && !n);
	if (c && n)
		(void)console_send(c, buf, n);
	else if (s && n)
		port_stream_typed(s, buf, n);
	spin_unlock_irqrestore(&ports[port].lock, flags);
	sched_preempt_point(); /* the guest may have been waiting for the input */
	return n;
}

static u32 write_to(u32 port, const void *data, u32 len)
{
	return ports[port].ops->write(ports[port].number, data, len);
}

/* Move a chunk if more than `behind` bytes wait. Returns how many bytes were moved. */
static u32 move_output_chunk(u32 port, u32 behind)
{
	unsigned long flags = spin_lock_irqsave(&ports[port].lock);
	struct console *c = ports[port].console;
	u8 buf[STREAM_CHUNK_BYTES];
	u32 moved = 0;

	if (c && console_head(c) - console_sent(c) > behind) {
		u64 pos = console_sent(c);
		u32 n = console_read_at(c, &pos, buf, CHUNK_BYTES);

		moved = write_to(port, buf, n);
		console_set_sent(c, pos - (n - moved));
	} else if (ports[port].stream) {
		u32 n = port_stream_peek(ports[port].stream, buf, STREAM_CHUNK_BYTES);

		moved = n ? write_to(port, buf, n) : 0;
		if (n == STREAM_CHUNK_BYTES)
			__atomic_store_n(&hurry, true, __ATOMIC_RELAXED);
		port_stream_pass(ports[port].stream, moved);
	}
	spin_unlock_irqrestore(&ports[port].lock, flags);
	return moved;
}

/* Give one direction of a port its turn. If more is left, the port is ready again. */
static void move(u32 port, u32 (*move_chunk)(u32 port))
{
	for (u32 moved = 0; moved < TURN_BYTES;) {
		u32 n = move_chunk(port);

		if (n == 0)
			return;
		moved += n;
	}
	console_port_ready(port);
}

static u32 move_all_output(u32 port)
{
	return move_output_chunk(port, 0);
}

static void push(u32 port)
{
	(void)move_output_chunk(port, CONSOLE_LOG_SIZE / 2);
}

static bool any_ready(void)
{
	for (u32 n = 0; n < ARRAY_SIZE(ready_ports); n++)
		if (__atomic_load_n(&ready_ports[n], __ATOMIC_SEQ_CST))
			return true;
	return false;
}

static void serve(u32 port)
{
	if (!ports[port].ops)
		return;
	move(port, move_input_chunk);
	move(port, move_all_output);
}

static void service_main(void *arg __unused)
{
	u32 hurried = 0;

	for (;;) {
		wait_until(&service_wq, any_ready());
		if (!__atomic_exchange_n(&hurry, false, __ATOMIC_RELAXED) ||
		    hurried++ == HURRIED_ROUNDS) {
			thread_sleep_ms(GATHER_MS);
			hurried = 0;
		}
		for (u32 n = 0; n < ARRAY_SIZE(ready_ports); n++) {
			u64 ready = __atomic_exchange_n(&ready_ports[n], 0, __ATOMIC_SEQ_CST);
			u32 port;

			for_each_set_bit(port, ready)
				serve(64 * n + port);
		}
	}
}

int console_service_start(void)
{
	int err = thread_create(&service, "console", service_main, NULL, SERVICE_PRIORITY, BIT(0));

	if (!err)
		thread_start(&service);
	return err;
}

static const struct console_carrier carrier = { console_port_ready, push };

int console_ports_register(const struct console_port_ops *ops)
{
	u32 first = port_count;

	console_set_carrier(&carrier);
	for (u32 n = 0; n < ops->count && port_count < CONSOLE_MAX_PORTS; n++, port_count++) {
		ports[port_count].number = n;
		ports[port_count].ops = ops;
		/* Earlier calls of the driver's were lost. */
		console_port_ready(port_count);
	}
	return first < port_count ? (int)first : -ENOSPC;
}

const char *console_port_name(s32 port)
{
	if (port < 0 || (u32)port >= port_count)
		return NULL;
	return ports[port].ops->name(ports[port].number);
}

s32 console_port_named(const char *name)
{
	for (s32 port = 0; (u32)port < port_count; port++) {
		const char *own = console_port_name(port);

		if (own && str_eq(own, name))
			return port;
	}
	return -1;
}

static int choose_port(s32 want)
{
	s32 last = want >= 0 ? want : CONSOLE_MAX_PORTS - 1;

	for (s32 port = MAX(want, 0); port <= last; port++) {
		if (!console_port_name(port))
			continue;
		if (!ports[port].console && !ports[port].stream)
			return port;
		if (want >= 0)
			return -EBUSY;
	}
	return -ENOENT;
}

static void set_user(u32 port, struct console *c, struct port_stream *s)
{
	unsigned long flags = spin_lock_irqsave(&ports[port].lock);

	ports[port].console = c;
	ports[port].stream = s;
	if (c)
		console_set_sent(c, console_tail(c));
	spin_unlock_irqrestore(&ports[port].lock, flags);
}

static int attach(s32 want, struct console *c, struct port_stream *s)
{
	int port = want < -1 ? -ENOENT : choose_port(want);

	if (port < 0)
		return port;
	set_user((u32)port, c, s);
	return port;
}

/* The last output goes first, as far as the port takes it. Input that waited is dropped. */
static void detach(u32 port)
{
	while (move_output_chunk(port, 0))
		;
	set_user(port, NULL, NULL);
	console_port_ready(port);
}

int console_port_attach(struct console *c, s32 want)
{
	int port = attach(want, c, NULL);

	if (port >= 0) {
		c->port = port;
		console_port_ready((u32)port);
	}
	return port;
}

void console_port_detach(struct console *c)
{
	if (c->port >= 0)
		detach((u32)c->port);
	c->port = -1;
}

int port_attach_stream(struct port_stream *s, s32 want)
{
	return attach(want, NULL, s);
}

void port_detach_stream(const struct port_stream *s)
{
	detach((u32)s->port);
}
