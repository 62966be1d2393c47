/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel log. A line is formatted on the caller's stack and copied into the ring under a lock.
 * The echo goes to log_write, which does not wait. Before log_write is set, and in a panic,
 * characters are polled out of the UART, under a lock of their own, so that lines do not mix.
 */
#include "internal.h"

#include <arch/timer.h>
#include <kernel/log.h>
#include <kernel/timeout.h>
#include <lib/ring.h>
#include <lib/string.h>
#include <lib/text.h>

#define LOG_SIZE  KIB(32)
#define LINE_SIZE 384 /* fits why a VM was stopped, with eight addresses of 64 bits */

void (*log_putc)(char c);
void (*log_write)(const char *line, size_t len);
enum log_level log_echo_level = LOG_INFO;
u64 log_epoch;

static u8 log_buf[LOG_SIZE] __uncleared;
static struct ring log_ring = { .buf = log_buf, .size = LOG_SIZE };
static struct spinlock ring_lock = SPINLOCK_INIT(LOCK_LOG);
static struct spinlock echo_lock = SPINLOCK_INIT(LOCK_ECHO);
static bool panic_mode;

/* How many lines may be echoed now. Under echo_lock. */
static struct {
	bool on;
	bool told; /* the operator was told that lines are left out */
	u32 left;
	u64 since; /* when the last of them was added */
} limit;

void log_panic_mode(void)
{
	panic_mode = true;
}

static unsigned long lock(struct spinlock *l)
{
	return panic_mode ? arch_irq_save() : spin_lock_irqsave(l);
}

static void unlock(struct spinlock *l, unsigned long flags)
{
	if (panic_mode)
		arch_irq_restore(flags);
	else
		spin_unlock_irqrestore(l, flags);
}

static void keep(const char *line, size_t len)
{
	unsigned long flags = lock(&ring_lock);

	ring_make_room(&log_ring, (u32)len);
	(void)ring_write(&log_ring, line, (u32)len);
	unlock(&ring_lock, flags);
}

static void echo(const char *line, size_t len)
{
	void (*put)(char c) = log_putc;
	unsigned long flags;

	if (log_write && !panic_mode) {
		log_write(line, len);
		return;
	}
	if (!put)
		return;
	flags = lock(&echo_lock);
	for (size_t i = 0; i < len; i++) {
		if (line[i] == '\n')
			put('\r');
		put(line[i]);
	}
	unlock(&echo_lock, flags);
}

void log_quiet(void)
{
	unsigned long flags = lock(&echo_lock);

	log_echo_level = LOG_ERR;
	limit.on = true;
	limit.left = LOG_ECHO_LINES;
	limit.since = arch_counter();
	unlock(&echo_lock, flags);
}

/* True if a line may be echoed. If not, *tell is set for the first line that is left out. */
static bool may_echo(bool *tell)
{
	unsigned long flags;
	u64 more;
	bool may;

	if (!limit.on || panic_mode)
		return true;
	flags = spin_lock_irqsave(&echo_lock);
	more = (arch_counter() - limit.since) / ms_to_ticks(LOG_ECHO_MS);
	limit.left = (u32)MIN(limit.left + more, (u64)LOG_ECHO_LINES);
	limit.since += more * ms_to_ticks(LOG_ECHO_MS);
	if (limit.left == LOG_ECHO_LINES)
		limit.told = false;
	may = limit.left != 0;
	limit.left -= may;
	*tell = !may && !limit.told;
	limit.told |= !may;
	spin_unlock_irqrestore(&echo_lock, flags);
	return may;
}

static void echo_limited(const char *line, size_t len)
{
	static const char told[] = "[more lines are only in the log]\n";
	bool tell;

	if (may_echo(&tell))
		echo(line, len);
	else if (tell)
		echo(told, sizeof(told) - 1);
}

void klog(enum log_level level, const char *fmt, ...)
{
	char line[LINE_SIZE];
	u64 us = ticks_to_us(arch_counter() - log_epoch);
	int len = snprintf(line, sizeof(line), "[%5u.%06u] ", (u32)(us / 1000000),
			   (u32)(us % 1000000));
	size_t used = (size_t)len;
	va_list ap;

	if (!panic_mode)
		lock_check_no_spinlock("logs");
	va_start(ap, fmt);
	text_vprint(line + used, sizeof(line) - used, fmt, ap);
	va_end(ap);
	used = strlen(line);
	line[used++] = '\n'; /* in place of the terminator */
	keep(line, used);
	if (panic_mode || level <= log_echo_level)
		echo_limited(line, used);
}

/* Position of the oldest complete line. */
static u64 first_line_locked(void)
{
	u64 pos = log_ring.tail;
	u8 c = '\n';

	if (pos) { /* lines were dropped, the last one perhaps only in part */
		while (ring_read_at(&log_ring, &pos, &c, 1) && c != '\n')
			;
	}
	return pos;
}

u32 log_tail(char *to, u32 size)
{
	u64 pos = MAX(log_ring.tail, log_ring.head - MIN(log_ring.head, (u64)size));
	u8 c = '\n';

	if (pos) { /* not from the middle of a line */
		while (ring_read_at(&log_ring, &pos, &c, 1) && c != '\n')
			;
	}
	return ring_read_at(&log_ring, &pos, to, size);
}

void log_dump(struct print_sink *out)
{
	u64 end = __atomic_load_n(&log_ring.head, __ATOMIC_RELAXED), pos = 0, lost;
	bool midline = false;

	while (pos < end) { /* lines logged while this writes are not included */
		char chunk[128];
		unsigned long flags = lock(&ring_lock);
		u64 from = pos;
		u32 len;

		if (pos < log_ring.tail)
			pos = first_line_locked();
		lost = pos - from;
		len = ring_read_at(&log_ring, &pos, chunk,
				   (u32)MIN(end - MIN(pos, end), (u64)sizeof(chunk)));
		unlock(&ring_lock, flags);
		if (lost && !from)
			sink_printf(out,
				    "[the %lu bytes before these are gone: %lu KiB are kept]\n",
				    lost, LOG_SIZE / KIB(1));
		else if (lost)
			sink_printf(out, "%s[%lu bytes lost: more was logged meanwhile]\n",
				    midline ? "\n" : "", lost);
		if (!len)
			break;
		out->put(out, chunk, len);
		midline = chunk[len - 1] != '\n';
	}
}
