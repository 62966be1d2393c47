/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel log: a ring of lines with time stamps. Lines are echoed to the UART until the shell
 * runs. `host log` shows the ring.
 */
#ifndef KERNEL_LOG_H
#define KERNEL_LOG_H

#include <lib/printf.h>
#include <lib/types.h>

enum log_level { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/*
 * Log one line (no newline in fmt). Names from outside may hold bytes that are not text: each
 * becomes '?' (lib/utf8.h). Any context, never blocks.
 */
void klog(enum log_level level, const char *fmt, ...) __printf(2, 3);

#define log_err(...)   klog(LOG_ERR, __VA_ARGS__)
#define log_warn(...)  klog(LOG_WARN, __VA_ARGS__)
#define log_info(...)  klog(LOG_INFO, __VA_ARGS__)
#define log_debug(...) klog(LOG_DEBUG, __VA_ARGS__)

/*
 * Write a character straight to the first UART, polled. Lines end in CR LF there. Used until
 * log_write is set, and in a panic. Set by the UART driver, and early by boot. NULL: output is
 * dropped.
 */
extern void (*log_putc)(char c);
/*
 * Queues a line with its '\n' for the UART, or drops it, without waiting. Set by the UART driver.
 * NULL: not yet set.
 */
extern void (*log_write)(const char *line, size_t len);
/* Lines at this level and more urgent ones are echoed: LOG_INFO at boot. */
extern enum log_level log_echo_level;

/*
 * Give the terminal to the operator. From now on, of the lines at LOG_ERR, the first LOG_ECHO_LINES
 * are echoed and then one in LOG_ECHO_MS. A line that says so replaces the first one that is left
 * out. Reason: guests can provoke lines, and a UART takes 10 ms for one.
 */
#define LOG_ECHO_LINES 8
#define LOG_ECHO_MS    1000
void log_quiet(void);

/*
 * The counter value that time stamps count from. 0 at first: the machine's reset. A guest's counter
 * may begin at any value.
 */
extern u64 log_epoch;

/* Write the log so far, oldest first, to a sink. Thread context. */
void log_dump(struct print_sink *out);

/*
 * Report a broken invariant of the hypervisor: print the message, registers and backtrace, and stop
 * all CPUs. Any context. No input from outside, and no lower exception level, can cause it.
 */
__noreturn void panic(const char *fmt, ...) __printf(1, 2);

#define kassert(cond)                                                                    \
	do {                                                                             \
		if (unlikely(!(cond)))                                                   \
			panic("assertion failed: %s, %s:%d", #cond, __FILE__, __LINE__); \
	} while (0)

#endif
