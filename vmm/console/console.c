/* SPDX-License-Identifier: Apache-2.0 */
/* Consoles of the VMs: rings between the emulated UART and the console's readers and writers. */
#include <arch/timer.h>
#include <kernel/trace.h>
#include <lib/string.h>
#include <vmm/console.h>

static const struct console_carrier *carrier;

void console_set_carrier(const struct console_carrier *c)
{
	carrier = c;
}

void console_init(struct console *c)
{
	memset(c, 0, offsetof(struct console, log_buf));
	spin_lock_init(&c->lock, LOCK_CONSOLE);
	ring_init(&c->log, c->log_buf, CONSOLE_LOG_SIZE);
	ring_init(&c->input, c->input_buf, CONSOLE_INPUT_SIZE);
	c->port = -1;
}

/* ---- output ---- */

void console_wake(struct console *c)
{
	unsigned long flags = spin_lock_irqsave(&c->lock);
	void (*notify)(void *arg) = c->notify;
	void *arg = c->notify_arg;

	spin_unlock_irqrestore(&c->lock, flags);
	if (notify)
		notify(arg);
}

/* Tell readers and the port about new output, after the unlock. */
static inline void tell(struct console *c, bool armed, bool push)
{
	if (armed)
		console_wake(c);
	if (c->port < 0)
		return;
	carrier->ready((u32)c->port);
	if (unlikely(push))
		carrier->push((u32)c->port);
}

/* ---- lines of output in a trace, under the lock ---- */

#define LINE_BYTES  96 /* more are left out */
#define PIECE_BYTES 6  /* of a record */

static u8 byte_at(const struct console *c, u64 pos)
{
	return c->log.buf[pos & (CONSOLE_LOG_SIZE - 1)];
}

/* The line that ends before `end`, without its newline: the last LINE_BYTES of it. */
static void trace_line(const struct console *c, u64 end)
{
	const u64 now = arch_counter(), oldest = MAX(c->log.tail, end - MIN(end, LINE_BYTES));
	u64 from = end;

	while (from > oldest && byte_at(c, from - 1) != '\n')
		from--;
	do {
		u64 piece = 0;

		for (u32 i = 0; i < PIECE_BYTES && from < end; i++, from++)
			piece |= (u64)byte_at(c, from) << 8 * i;
		trace_event(from < end ? TRACE_TEXT : TRACE_TEXT_END, now, c->tag,
			    (u32)(piece >> 32), (u32)piece);
	} while (from < end);
}

/* Of what was written from `from` on. */
static __noinline void trace_lines(const struct console *c, u64 from)
{
	for (u64 pos = MAX(from, c->log.tail); pos < c->log.head; pos++)
		if (byte_at(c, pos) == '\n')
			trace_line(c, pos);
}

void console_output(struct console *c, u8 byte)
{
	unsigned long flags = spin_lock_irqsave(&c->lock);
	bool armed = c->armed, push;

	ring_put_over(&c->log, byte);
	if (trace_wants(TRACE_CONSOLES))
		trace_lines(c, c->log.head - 1);
	push = c->log.head % CONSOLE_PUSH_BYTES == 0;
	c->armed = false;
	spin_unlock_irqrestore(&c->lock, flags);
	tell(c, armed, push);
}

#define TRACED 16U /* bytes that one section takes: each may end a line */

static void put_some(struct console *c, const void *data, u32 len)
{
	unsigned long flags = spin_lock_irqsave(&c->lock);
	const u64 before = c->log.head;
	bool armed = c->armed, push;

	ring_make_room(&c->log, len);
	(void)ring_write(&c->log, data, len);
	if (trace_wants(TRACE_CONSOLES))
		trace_lines(c, before);
	push = before / CONSOLE_PUSH_BYTES != c->log.head / CONSOLE_PUSH_BYTES;
	c->armed = false;
	spin_unlock_irqrestore(&c->lock, flags);
	tell(c, armed, push);
}

void console_put(struct console *c, const void *data, u32 len)
{
	const u8 *at = data;
	u32 n;

	for (; len; at += n, len -= n) {
		n = unlikely(trace_wants(TRACE_CONSOLES)) ? MIN(len, TRACED) : len;
		put_some(c, at, n);
	}
}

u32 console_read_at(struct console *c, u64 *pos, void *out, u32 len)
{
	unsigned long flags = spin_lock_irqsave(&c->lock);
	u32 n = ring_read_at(&c->log, pos, out, len);

	spin_unlock_irqrestore(&c->lock, flags);
	return n;
}

u64 console_head(struct console *c)
{
	unsigned long flags = spin_lock_irqsave(&c->lock);
	u64 head = c->log.head;

	spin_unlock_irqrestore(&c->lock, flags);
	return head;
}

u64 console_tail(struct console *c)
{
	unsigned long flags = spin_lock_irqsave(&c->lock);
	u64 tail = c->log.tail;

	spin_unlock_irqrestore(&c->lock, flags);
	return tail;
}

void console_set_sent(struct console *c, u64 pos)
{
	__atomic_store_n(&c->sent, pos, __ATOMIC_RELAXED);
	if (c->output_sent)
		c->output_sent(c->input_arg);
}

bool console_arm(struct console *c, u64 pos)
{
	unsigned long flags = spin_lock_irqsave(&c->lock);
	bool more = c->log.head > pos;

	/*
	 * Under the lock that output takes: a byte is either seen here, or its writer finds the
	 * console armed.
	 */
	if (!more)
		c->armed = true;
	spin_unlock_irqrestore(&c->lock, flags);
	return more;
}

void console_listen(struct console *c, void (*fn)(void *arg), void *arg)
{
	unsigned long flags = spin_lock_irqsave(&c->lock);

	c->notify = fn;
	c->notify_arg = arg;
	spin_unlock_irqrestore(&c->lock, flags);
}

/* ---- input ---- */

u32 console_send(struct console *c, const void *data, u32 len)
{
	const u8 *bytes = data;
	unsigned long flags = spin_lock_irqsave(&c->lock);
	u32 n = 0;

	while (n < len && ring_put(&c->input, bytes[n]))
		n++;
	if (n < len)
		c->input_full = true;
	spin_unlock_irqrestore(&c->lock, flags);
	if (n && c->input_ready)
		c->input_ready(c->input_arg);
	return n;
}

u32 console_input_room(struct console *c)
{
	unsigned long flags = spin_lock_irqsave(&c->lock);
	u32 room = ring_free(&c->input);

	if (room == 0)
		c->input_full = true;
	spin_unlock_irqrestore(&c->lock, flags);
	return room;
}

bool console_send_break(struct console *c)
{
	unsigned long flags = spin_lock_irqsave(&c->lock);
	bool sent = !c->has_break;

	if (sent)
		c->break_at = c->input.head;
	c->has_break = true;
	spin_unlock_irqrestore(&c->lock, flags);
	if (sent && c->input_ready)
		c->input_ready(c->input_arg);
	return sent;
}

void console_set_far(struct console *c, bool open, bool done)
{
	if (console_far_open(c) == open && console_far_done(c) == done)
		return;
	__atomic_store_n(&c->far_open, open, __ATOMIC_RELAXED);
	__atomic_store_n(&c->far_done, done, __ATOMIC_RELAXED);
	if (c->input_ready)
		c->input_ready(c->input_arg);
}

static int take_locked(struct console *c)
{
	u8 byte;

	if (c->has_break && c->input.tail == c->break_at) {
		c->has_break = false;
		return CONSOLE_BREAK;
	}
	return ring_get(&c->input, &byte) ? byte : -1;
}

int console_take_input(struct console *c)
{
	unsigned long flags = spin_lock_irqsave(&c->lock);
	int taken = take_locked(c);
	/* Not at the first free byte: a wake of the sender is worth half a ring. */
	bool announce = c->input_full && ring_used(&c->input) <= CONSOLE_INPUT_SIZE / 2;

	if (announce)
		c->input_full = false;
	spin_unlock_irqrestore(&c->lock, flags);
	if (announce) {
		console_wake(c);
		if (c->port >= 0)
			carrier->ready((u32)c->port);
	}
	return taken;
}
