/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel log: a ring of lines with time stamps, echoed to the UART until the shell runs, shown
 * by `host log`.
 */
#ifndef KERNEL_LOG_H
#define KERNEL_LOG_H

#include <lib/printf.h>
#include <lib/types.h>

enum log_level { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/*
 * One line (no newline in fmt). What is no text in it, of names that others gave, becomes '?' (lib/utf8.h). Any context, never blocks.
 */
void klog(enum log_level level, const char *fmt, ...) __printf(2, 3);

#define log_err(...)   klog(LOG_ERR, __VA_ARGS__)
#define log_warn(...)  klog(LOG_WARN, __VA_ARGS__)
#define log_info(...)  klog(LOG_INFO, __VA_ARGS__)
#define log_debug(...) klog(LOG_DEBUG, __VA_ARGS__)

/*
 * Lines end in CR LF there. Characters straight to the first UART, polled; set by the UART driver
 * (and early by boot). NULL: nowhere. Until there is log_write, and in a panic.
 */
extern void (*log_putc)(char c);
/* A line with its '\n', queued for the UART or dropped, without waiting. Set by the UART driver; NULL: none yet. */
extern void (*log_write)(const char *line, size_t len);
/* Lines at this level and more urgent ones are echoed there: LOG_INFO at boot. */
extern enum log_level log_echo_level;

/*
 * From now on the terminal is an operator's: of lines at LOG_ERR the first LOG_ECHO_LINES are echoed, and after them one in LOG_ECHO_MS. The
 * first that is left out is replaced by a line that says so. Guests can provoke lines, and a UART takes 10 ms for one.
 */
#define LOG_ECHO_LINES 8
#define LOG_ECHO_MS    1000
void log_quiet(void);

/* Counter value that lines' time stamps count from. 0 at first, which is when the machine was reset; a guest's counter may begin anywhere. */
extern u64 log_epoch;

/* Write the log so far, oldest first, to a sink. Thread context. */
void log_dump(struct print_sink *out);

/*
 * Our own invariant broke: print the message, registers and backtrace, stop all CPUs. Any context.
 * Nothing that comes from outside (input, a lower exception level) can cause it.
 */
__noreturn void panic(const char *fmt, ...) __printf(1, 2);

#define kassert(cond)                                                                    \
	do {                                                                             \
		if (unlikely(!(cond)))                                                   \
			panic("assertion failed: %s, %s:%d", #cond, __FILE__, __LINE__); \
	} while (0)

#endif
