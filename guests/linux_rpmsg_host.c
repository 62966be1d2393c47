/* SPDX-License-Identifier: Apache-2.0 */
/* The process that stays: the host on the channel, which serves the commands. One thread. */
#include "linux_ivshmem.h"
#include "linux_rpmsg.h"

#include "kit/cpu.h"

#define CLIENTS               8u
#define POLLIN                1
#define TICK_MS               100  /* how often waiting commands are looked at */
#define TURNS                 16u  /* polls of the link before others have their turn */
#define LOOKS                 256u /* answers that are looked for, the same */
#define FILES                 (2 + CLIENTS + TERMINALS)
#define MSG_DONTWAIT_NOSIGNAL 0x4040u

struct client {
	int file; /* 0: a free row */
	bool pinging, asking;
	struct request request;
	uint64_t since;
	struct ping ping;
	struct ask ask;
};

struct poll_file {
	int file;
	short events, returned;
};

struct rpmsg host_link;
static struct ivshmem d;
static struct client clients[CLIENTS];

uint64_t host_ticks(void)
{
	isb();
	return read_sysreg(cntvct_el0);
}

uint64_t host_ms(uint64_t milliseconds)
{
	return milliseconds * read_sysreg(cntfrq_el0) / 1000;
}

/* ---- the link ---- */

static void notify(void *arg)
{
	(void)arg;
	dsb();
	ivshmem_ring(&d, !d.id);
}

static void set_state(void *arg, uint32_t state)
{
	(void)arg;
	dsb();
	ivshmem_set_state(&d, state);
}

const char *host_start(void)
{
	static const struct rpmsg_ops ops = { notify, set_state };
	unsigned int n = 0;

	while (ivshmem_find(n++, &d)) {
		if (ivshmem_protocol() != RPMSG_PROTOCOL)
			continue;
		if (d.id || d.peers != 2)
			return "this VM is not the first of two peers of the channel";
		if (!rpmsg_start(&host_link, RPMSG_HOST, &ops, NULL, ivshmem_shared(&d),
				 d.shared_size, 0, &ivshmem_states(&d)[1]))
			return "the channel's size must be at least 86016 bytes";
		ivshmem_enable(&d, true);
		return NULL;
	}
	return "no channel of protocol 0x4001 below /dev/uio*: run channel-up first";
}

/* True: it has more to do. */
static bool poll_link(void)
{
	unsigned int turns = 0;

	while (rpmsg_poll(&host_link))
		if (++turns == TURNS)
			return true;
	return false;
}

static bool asking(void)
{
	for (uint32_t i = 0; i < CLIENTS; i++)
		if (clients[i].file && (clients[i].pinging || clients[i].asking))
			return true;
	return false;
}

/* Look for an answer, which may bring the next question. False: none came. *more: poll again. */
static bool look(bool *more)
{
	const uint64_t start = host_ticks(), before = host_link.counts.received;

	while (host_ticks() - start < host_ms(IVSHMEM_LOOK_US) / 1000) {
		cpu_relax();
		*more = poll_link();
		if (host_link.counts.received != before)
			return true;
	}
	return false;
}

/* ---- answers ---- */

static void answer(const struct client *c, enum reply kind, const struct text *t)
{
	static char packet[1 + sizeof(t->data)];
	uint32_t i;

	packet[0] = (char)kind;
	for (i = 0; t && i < t->length; i++)
		packet[1 + i] = t->data[i];
	/* A command that has gone, or that reads nothing, keeps nothing waiting. */
	(void)linux_call(SYS_SENDTO, (uint64_t)c->file, (uintptr_t)packet, 1 + i,
			 MSG_DONTWAIT_NOSIGNAL, 0);
}

static void end(struct client *c)
{
	if (c->pinging)
		ping_end(&c->ping);
	if (c->asking)
		ask_end(&c->ask);
	(void)linux_call(SYS_CLOSE, (uint64_t)c->file, 0, 0, 0, 0);
	c->file = 0;
}

static void finish(struct client *c, bool good, const struct text *t)
{
	answer(c, good ? REPLY_TEXT : REPLY_ERROR, t);
	answer(c, REPLY_END, NULL);
	end(c);
}

static void add_count(struct text *t, uint64_t count, const char *what)
{
	text_number(t, count, 0);
	text_add(t, what);
}

static void list(struct text *t)
{
	const struct rpmsg_counts *n = &host_link.counts;

	text_add(t, host_link.up ? "the link is up, it came up " : "the link is down, it came up ");
	add_count(t, n->links, " times\n");
	text_column(t, "SERVICE", RPMSG_NAME_SIZE);
	text_add(t, "    ADDRESS  TERMINAL\n");
	for (uint32_t i = 0; i < RPMSG_SERVICES; i++) {
		const struct rpmsg_service *s = &host_link.services[i];
		const char *path = terminal_find(s->name);

		if (!s->name[0])
			continue;
		text_column(t, s->name, RPMSG_NAME_SIZE);
		text_number(t, s->addr, 11);
		text_add(t, "  ");
		text_add(t, path ? path : "-");
		text_add(t, "\n");
	}
	add_count(t, n->sent, " sent, ");
	add_count(t, n->received, " received, ");
	add_count(t, n->unreturned, " unreturned, ");
	add_count(t, terminal_dropped(), " bytes unread; wrong: ");
	add_count(t, n->malformed, " malformed, ");
	add_count(t, n->unaddressed, " unaddressed, ");
	add_count(t, n->refused, " refused, ");
	add_count(t, n->broken, " broken\n");
}

static bool is_service(const char *name)
{
	for (uint32_t i = 0; i < RPMSG_SERVICES; i++)
		if (text_same(host_link.services[i].name, name))
			return true;
	return false;
}

static void finish_open(struct client *c, struct text *t)
{
	const char *path;

	if (!is_service(c->request.name)) {
		text_add(t, "rpmsg: the peer announces no ");
		text_add(t, c->request.name);
		text_add(t, "; `rpmsg list` shows what it does\n");
		finish(c, false, t);
		return;
	}
	path = terminal_open(c->request.name);
	text_add(t, path ? path : "rpmsg: no terminal: there are 8 already, or no /dev/ptmx");
	text_add(t, "\n");
	finish(c, path != NULL, t);
}

/* ---- commands ---- */

/* Commands wait for a peer that is about to announce its services. */
static bool is_ready(const struct client *c)
{
	if (host_ticks() - c->since > host_ms(HOST_WAIT_MS))
		return true;
	if (c->request.command == COMMAND_OPEN)
		return is_service(c->request.name);
	return is_service(PING_NAME) || host_link.services[0].name[0];
}

static void step(struct client *c)
{
	static struct text t;

	t.length = 0;
	if (c->pinging) {
		if (ping_step(&c->ping))
			finish(c, ping_report(&c->ping, &t), &t);
	} else if (c->asking) {
		if (ask_step(&c->ask))
			finish(c, ask_report(&c->ask, &t), &t);
	} else if (is_ready(c)) {
		if (c->request.command == COMMAND_OPEN) {
			finish_open(c, &t);
			return;
		}
		list(&t);
		finish(c, true, &t);
	}
}

static void accept_client(int listener)
{
	const int file = (int)linux_call(SYS_ACCEPT4, (uint64_t)listener, 0, 0, O_CLOEXEC, 0);
	struct client full = { .file = file };
	struct text t = { .length = 0 };

	if (file < 0)
		return;
	for (uint32_t i = 0; i < CLIENTS; i++)
		if (!clients[i].file) {
			clients[i] = (struct client){ .file = file };
			clients[i].request.command = ~0u; /* it is to come */
			return;
		}
	text_add(&t, "rpmsg: 8 commands are running already\n");
	finish(&full, false, &t);
}

/* The request, or the end of a command that was interrupted. */
static void read_client(struct client *c)
{
	struct text t = { .length = 0 };
	const int64_t got = linux_call(SYS_READ, (uint64_t)c->file, (uintptr_t)&c->request,
				       sizeof(c->request), 0, 0);

	c->request.name[RPMSG_NAME_SIZE - 1] = '\0';
	c->since = host_ticks();
	if (got != sizeof(c->request) || c->request.command >= COMMANDS || c->pinging ||
	    c->asking || c->request.length > RPMSG_PAYLOAD_MAX) {
		end(c);
		return;
	}
	if (c->request.command == COMMAND_ASK) {
		c->asking = true;
		ask_start(&c->ask, &c->request);
	}
	if (c->request.command != COMMAND_PING)
		return;
	c->pinging = c->request.count && c->request.count <= PINGS_MAX &&
		     ping_start(&c->ping, c->request.count);
	if (c->pinging)
		return;
	text_add(&t, "rpmsg: no memory for so many pings\n");
	finish(c, false, &t);
}

/* ---- the loop ---- */

static bool waiting(void)
{
	for (uint32_t i = 0; i < CLIENTS; i++)
		if (clients[i].file)
			return true;
	return false;
}

static void wait_for_files(struct poll_file *files, uint32_t count, bool at_once)
{
	const int64_t time[2] = { 0, at_once ? 0 : TICK_MS * 1000000 };

	(void)linux_call(SYS_PPOLL, (uintptr_t)files, count,
			 at_once || waiting() ? (uintptr_t)time : 0, 0, 0);
}

/* Channel, listener, commands, terminals: in this order. */
static void fill(struct poll_file *files, int listener)
{
	files[0].file = ivshmem_file();
	files[1].file = listener;
	for (uint32_t i = 0; i < CLIENTS; i++)
		files[2 + i].file = clients[i].file ? clients[i].file : -1;
	for (uint32_t i = 0; i < TERMINALS; i++)
		files[2 + CLIENTS + i].file = terminal_file(i);
	for (uint32_t i = 0; i < FILES; i++) {
		files[i].events = POLLIN;
		files[i].returned = 0;
	}
}

static void serve_files(const struct poll_file *files)
{
	if (files[1].returned)
		accept_client(files[1].file);
	for (uint32_t i = 0; i < CLIENTS; i++)
		if (files[2 + i].returned && clients[i].file == files[2 + i].file)
			read_client(&clients[i]);
	for (uint32_t i = 0; i < TERMINALS; i++)
		terminal_read(i);
	for (uint32_t i = 0; i < CLIENTS; i++)
		if (clients[i].file && clients[i].request.command != ~0u)
			step(&clients[i]);
}

void host_serve(int listener)
{
	struct poll_file files[FILES];
	bool more;

	ivshmem_allow();
	for (;;) {
		more = poll_link();
		for (uint32_t n = 0; asking() && n < LOOKS && look(&more); n++)
			;
		fill(files, listener);
		wait_for_files(files, FILES, more);
		if (files[0].returned) {
			(void)ivshmem_take();
			ivshmem_allow();
		}
		serve_files(files);
	}
}
