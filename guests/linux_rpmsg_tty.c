/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endpoints as pseudo-terminals. A terminal stays for good: what is typed while its service is away
 * waits in Linux, and goes there when the service is back.
 */
#include "linux_rpmsg.h"

#define TCGETS     0x5401u
#define TCSETS     0x5402u
#define TIOCGPTN   0x80045430u
#define TIOCSPTLCK 0x40045431u
#define VTIME      5
#define VMIN       6

struct termios {
	uint32_t input, output, control, local;
	uint8_t line, characters[19];
};

struct terminal {
	struct rpmsg_endpoint endpoint; /* first */
	char name[RPMSG_NAME_SIZE];
	char path[24];
	int file;
	uint32_t length; /* of what was typed and could not be sent yet */
	char typed[RPMSG_PAYLOAD_MAX];
};

static struct terminal terminals[TERMINALS];
static uint32_t count;
static uint64_t dropped;

static int control(int file, uint64_t request, void *value)
{
	return (int)linux_call(SYS_IOCTL, (uint64_t)file, request, (uintptr_t)value, 0, 0);
}

/* Bytes go through unchanged, and are not echoed by Linux. */
static void make_raw(int file)
{
	struct termios t;

	if (control(file, TCGETS, &t))
		return;
	t.input = t.output = t.local = 0;
	t.characters[VMIN] = 1;
	t.characters[VTIME] = 0;
	(void)control(file, TCSETS, &t);
}

/* What a terminal without a reader does not take is dropped, and counted. */
static void show(struct rpmsg_endpoint *e, uint32_t src, const void *data, uint32_t length)
{
	const struct terminal *t = (struct terminal *)e;
	const int64_t written =
		linux_call(SYS_WRITE, (uint64_t)t->file, (uintptr_t)data, length, 0, 0);

	(void)src;
	dropped += length - (uint64_t)(written < 0 ? 0 : written);
}

static bool make_pair(struct terminal *t)
{
	struct text path = { .length = 0 };
	uint32_t number = 0;
	int unlocked = 0, slave;

	t->file = linux_open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (t->file < 0 || control(t->file, TIOCSPTLCK, &unlocked) ||
	    control(t->file, TIOCGPTN, &number))
		return false;
	text_add(&path, "/dev/pts/");
	text_number(&path, number, 0);
	for (uint32_t i = 0; i < path.length; i++)
		t->path[i] = path.data[i];
	/* It stays open: without it reads fail while no other program has it open. */
	slave = linux_open(t->path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	make_raw(slave);
	return slave >= 0;
}

const char *terminal_find(const char *name)
{
	for (uint32_t i = 0; i < count; i++)
		if (text_same(terminals[i].name, name))
			return terminals[i].path;
	return NULL;
}

const char *terminal_open(const char *name)
{
	struct terminal *t = &terminals[count];

	if (terminal_find(name))
		return terminal_find(name);
	if (count == TERMINALS || !make_pair(t))
		return NULL;
	for (uint32_t i = 0; name[i]; i++)
		t->name[i] = name[i];
	t->endpoint = (struct rpmsg_endpoint){ .name = t->name, .receive = show };
	rpmsg_add(&host_link, &t->endpoint);
	count++;
	return t->path;
}

int terminal_file(uint32_t n)
{
	const struct terminal *t = &terminals[n];

	if (n >= count || t->length || t->endpoint.peer == RPMSG_ADDR_ANY)
		return -1;
	return t->file;
}

void terminal_read(uint32_t n)
{
	struct terminal *t = &terminals[n];

	if (terminal_file(n) >= 0) {
		const int64_t got = linux_call(SYS_READ, (uint64_t)t->file, (uintptr_t)t->typed,
					       sizeof(t->typed), 0, 0);

		t->length = got > 0 ? (uint32_t)got : 0;
	}
	if (n < count && t->length &&
	    rpmsg_send(&host_link, &t->endpoint, t->typed, t->length) == RPMSG_SENT)
		t->length = 0;
}

uint64_t terminal_dropped(void)
{
	return dropped;
}
