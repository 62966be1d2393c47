/* SPDX-License-Identifier: Apache-2.0 */
/* The service that moves bytes between consoles and the ports of a backend driver. */
#include <kernel/spinlock.h>
#include <kernel/thread.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/console.h>
#include <vmm/port.h>

/*
 * More urgent than VMs by default (20): their output reaches the terminal also while one of them
 * spins on the only CPU. Real-time VMs stand above it, and above the shell (16). It is not guarded:
 * what a guest writes never takes time from a real-time VM.
 */
#define SERVICE_PRIORITY 18

/* From the first byte to its way out: others join it meanwhile, instead of a wake-up for each. */
#define GATHER_MS 2

/* Bytes moved for a port before the next port gets its turn. */
#define TURN_BYTES  4096
#define CHUNK_BYTES CONSOLE_PUSH_BYTES
#define INPUT_BYTES 64

static struct {
	struct spinlock lock;               /* taken before the console's and the driver's */
	struct console *console;            /* NULL: the port is free */
	u64 pos;                            /* output moved so far */
	const struct console_port_ops *ops; /* its driver's; NULL: there is no such port */
	u32 number;                         /* the driver's */
} ports[CONSOLE_MAX_PORTS] = {
	[0 ... CONSOLE_MAX_PORTS - 1] = { .lock = SPINLOCK_INIT(LOCK_PORT) },
};

static u32 port_count;
/* Ports to look at, a bit each (atomic); the service sleeps on service_wq while it is 0. */
static u32 ready_ports;
static struct wait_queue service_wq = WAIT_QUEUE_INIT(service_wq, LOCK_WAIT);
static struct thread service;

void console_port_ready(u32 port)
{
	u32 bit = 1u << (port % CONSOLE_MAX_PORTS);

	/*
	 * Sequentially consistent: our byte is in its ring before we look, and the service clears
	 * the bit before it looks into the ring; one of the two sees the other.
	 */
	if (__atomic_load_n(&ready_ports, __ATOMIC_SEQ_CST) & bit)
		return;
	if (__atomic_fetch_or(&ready_ports, bit, __ATOMIC_SEQ_CST) == 0)
		wait_wake_all(&service_wq);
}

/*
 * The way of a chunk is one section in either direction: a console is not detached in the middle of
 * it, and a thread that is preempted keeps nobody waiting.
 */
static u32 move_input_chunk(u32 port)
{
	unsigned long flags = spin_lock(&ports[port].lock);
	struct console *c = ports[port].console;
	u8 buf[INPUT_BYTES];
	/* What is typed at a port without a console is dropped. */
	u32 room = c ? console_input_room(c) : INPUT_BYTES;
	u32 n = room ? ports[port].ops->read(ports[port].number, buf, MIN(room, INPUT_BYTES)) : 0;

	if (c && n)
		(void)console_send(c, buf, n);
	spin_unlock(&ports[port].lock, flags);
	sched_preempt_point(); /* the guest may have been waiting for it */
	return n;
}

/* Moves a chunk if more than `behind` bytes wait; answers how many were moved. */
static u32 move_output_chunk(u32 port, u32 behind)
{
	unsigned long flags = spin_lock(&ports[port].lock);
	struct console *c = ports[port].console;
	u8 buf[CHUNK_BYTES];
	u32 moved = 0;

	if (c && console_head(c) - ports[port].pos > behind) {
		u32 n = console_read_at(c, &ports[port].pos, buf, CHUNK_BYTES);

		moved = ports[port].ops->write(ports[port].number, buf, n);
		ports[port].pos -= n - moved;
	}
	spin_unlock(&ports[port].lock, flags);
	return moved;
}

/* A turn of one direction of a port; with more to do, the port is ready again. */
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

static void service_main(void *arg __unused)
{
	for (;;) {
		u32 ready;

		wait_until(&service_wq, __atomic_load_n(&ready_ports, __ATOMIC_SEQ_CST) != 0);
		thread_sleep_ms(GATHER_MS);
		ready = __atomic_exchange_n(&ready_ports, 0, __ATOMIC_SEQ_CST);
		for (u32 port = 0; port < CONSOLE_MAX_PORTS; port++) {
			if (!ports[port].ops || !(ready & (1u << port)))
				continue;
			move(port, move_input_chunk);
			move(port, move_all_output);
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
		/* What the driver said before was not heard. */
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

static int choose_port(s32 want)
{
	s32 last = want >= 0 ? want : CONSOLE_MAX_PORTS - 1;

	for (s32 port = MAX(want, 0); port <= last; port++) {
		if (!console_port_name(port))
			continue;
		if (!ports[port].console)
			return port;
		if (want >= 0)
			return -EBUSY;
	}
	return -ENOENT;
}

static void set_console(u32 port, struct console *c)
{
	unsigned long flags = spin_lock(&ports[port].lock);

	ports[port].console = c;
	ports[port].pos = c ? console_tail(c) : 0;
	spin_unlock(&ports[port].lock, flags);
}

int console_port_attach(struct console *c, s32 want)
{
	int port;

	if (want < -1)
		return -ENOENT;
	port = choose_port(want);
	if (port >= 0) {
		set_console((u32)port, c);
		c->port = port;
		console_port_ready((u32)port);
	}
	return port;
}

void console_port_detach(struct console *c)
{
	s32 port = c->port;

	if (port < 0)
		return;
	/* The last words, as far as the port takes them. */
	while (move_output_chunk((u32)port, 0))
		;
	set_console((u32)port, NULL);
	c->port = -1;
	/* Input that waited for room goes nowhere now. */
	console_port_ready((u32)port);
}
