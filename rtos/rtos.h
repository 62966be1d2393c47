/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the RTOS share. */
#ifndef RTOS_RTOS_H
#define RTOS_RTOS_H

#include <lib/histogram.h>
#include "../shell/shell.h"

/* Priorities: the control loop first, the measuring threads, RPMsg, then the shell (16). */
#define PRIO_CONTROL 1
#define PRIO_LATENCY 8
#define PRIO_RPMSG   12

/* control.c: start the loop, on the last CPU, at 1 kHz. Boot. */
int __must_check control_start(void);
/*
 * How late the loop was, as one object of JSON without a line's end: in all, and in its last
 * periods. Its length; 0: it does not fit. One thread calls it.
 */
size_t control_json(char *buf, size_t size);

/* rtos_channel.c: answer on the channel, if there is one. Boot. */
int __must_check channel_start(void);
void cmd_channel(const struct args *a);

/* rtos_rpmsg.c: the services on a channel for RPMsg, if there is one. Boot. */
int __must_check rpmsg_services_start(void);
void cmd_rpmsg(const struct args *a);

/* rtos_trace.c: let `zvm trace` have our threads' switches, and interrupts. Boot, at its end. */
int __must_check rtos_trace_start(void);

/* The commands `jitter` and `latency`. */
#define JITTER_OPTIONS 3
extern const struct option jitter_options[JITTER_OPTIONS];
void cmd_jitter(const struct args *a);
#define LATENCY_OPTIONS 1
extern const struct option latency_options[LATENCY_OPTIONS];
void cmd_latency(const struct args *a);
/* Name of the latency test with this number, or NULL. */
const char *latency_test_name(u32 n);

/* Ticks of the counter in nanoseconds. */
u64 report_ns(u64 ticks);
/* report.c: prints ticks as a row in nanoseconds below this heading, and a histogram's buckets. */
void report_heading(const char *what);
void report_row(const char *what, const struct series *s);
void report_buckets(const struct histogram *h);

#endif
