/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program `rpmsg` for Linux. The first command leaves a process behind, which is the host on
 * the channel. Commands are packets to it, and it answers in packets.
 */
#ifndef LINUX_RPMSG_H
#define LINUX_RPMSG_H

#include <lib/rpmsg.h>

#include "linux_sys.h"

enum command { COMMAND_LIST, COMMAND_OPEN, COMMAND_PING, COMMAND_ASK, COMMANDS };

struct request {
	uint32_t command;
	uint32_t count;  /* of pings */
	uint32_t length; /* of the question */
	char name[RPMSG_NAME_SIZE];
	char question[RPMSG_PAYLOAD_MAX];
};

#define PING_NAME "rpmsg-ping"
#define PINGS_MAX 1000000u

/* First byte of an answer's packet; text follows. REPLY_END: that was all of it. */
enum reply { REPLY_TEXT, REPLY_ERROR, REPLY_END };

/* ---- linux_rpmsg_text.c ---- */

struct text {
	uint32_t length;
	char data[4096]; /* what does not fit is cut off */
};

void text_add(struct text *t, const char *string);
/* Right-aligned to `width`. */
void text_number(struct text *t, uint64_t number, uint32_t width);
/* Left-aligned. */
void text_column(struct text *t, const char *string, uint32_t width);
bool text_same(const char *a, const char *b);

/* ---- linux_rpmsg_host.c: the process that stays ---- */

/* The link; a monotonic time, in ticks of the counter; a number of milliseconds in ticks. */
extern struct rpmsg host_link;
uint64_t host_ticks(void);
uint64_t host_ms(uint64_t milliseconds);
#define HOST_WAIT_MS 5000 /* for a peer that starts */

/* Find the channel for RPMsg and start the link. NULL, or what is wrong. */
const char *host_start(void);
/* Serve what connects to this socket, for ever. */
void host_serve(int listener) __attribute__((noreturn));

/* ---- linux_rpmsg_tty.c: endpoints that are terminals ---- */

#define TERMINALS 8u

/* Path of the terminal of a service, which is made if need be. NULL: no more of them. */
const char *terminal_open(const char *name);
/* The same, without making one. */
const char *terminal_find(const char *name);
/* File to wait for, of terminal n; -1: there is nothing to read for now. */
int terminal_file(uint32_t n);
/* Send what was typed, as far as there is room. */
void terminal_read(uint32_t n);
uint64_t terminal_dropped(void);

/* ---- linux_rpmsg_ping.c ---- */

struct ping {
	struct rpmsg_endpoint endpoint; /* first */
	uint32_t count, asked, answered, resent;
	bool waits; /* for an answer to question `asked` */
	bool again; /* there was no room for it */
	bool once;  /* it was sent before no restart of the peer */
	bool was_bound;
	uint64_t since; /* when it was sent, or the service was lost */
	uint32_t times;
	uint32_t *took; /* ticks of each answer to a question that was sent once */
};

/* False: no memory. */
bool ping_start(struct ping *p, uint32_t count);
/* Go on. True: it is over. */
bool ping_step(struct ping *p);
/* Its result. False: it failed, and the text says why. */
bool ping_report(struct ping *p, struct text *t);
void ping_end(struct ping *p);

/* ---- linux_rpmsg_ask.c: a question to any service, and its answer ---- */

struct ask {
	struct rpmsg_endpoint endpoint; /* first */
	const struct request *request;
	bool sent, answered;
	uint64_t since; /* when it was sent, or began to wait for the service */
	uint32_t length;
	char answer[RPMSG_PAYLOAD_MAX];
};

void ask_start(struct ask *a, const struct request *q);
/* Go on. True: it is over. */
bool ask_step(struct ask *a);
/* The answer, with a line's end. False: there is none, and the text says why. */
bool ask_report(const struct ask *a, struct text *t);
void ask_end(struct ask *a);

#endif
