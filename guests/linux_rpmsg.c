/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rpmsg: the services that the peer of a channel announces.
 *
 *   rpmsg list           their names and addresses
 *   rpmsg open NAME      a terminal that is one of them: its path
 *   rpmsg ping [-n N]    N (1000) questions to "rpmsg-ping", and how long the answers took
 *   rpmsg ask NAME [TEXT]  send TEXT to that service, print the message that comes back
 */
#include "linux_rpmsg.h"

#define AF_UNIX        1
#define SOCK_SEQPACKET 5
#define SOCK_CLOEXEC   02000000
#define SIGCHLD        17
#define DEFAULT_PINGS  1000u

static const struct {
	uint16_t family;
	char name[10]; /* begins with a zero: in no folder */
} address = { AF_UNIX, "\0zvm-rpmsg" };

static void complain(const char *text)
{
	struct text t = { .length = 0 };

	text_add(&t, "rpmsg: ");
	text_add(&t, text);
	text_add(&t, "\n");
	(void)linux_call(SYS_WRITE, 2, (uintptr_t)t.data, t.length, 0, 0);
}

static void fail(const char *text) __attribute__((noreturn));

static void fail(const char *text)
{
	complain(text);
	linux_exit(1);
}

static int new_socket(void)
{
	return (int)linux_call(SYS_SOCKET, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, 0, 0);
}

static bool by_address(uint64_t call, int file)
{
	return linux_call(call, (uint64_t)file, (uintptr_t)&address, sizeof(address), 0, 0) == 0;
}

/* The process that stays: without a terminal, and in no session of one. */
static void stay(int listener)
{
	const int null = linux_open("/dev/null", O_RDWR);

	(void)linux_call(SYS_SETSID, 0, 0, 0, 0, 0);
	for (uint64_t file = 0; file < 3; file++)
		(void)linux_call(SYS_DUP3, (uint64_t)null, file, 0, 0, 0);
	host_serve(listener);
}

static void start_host(void)
{
	const int listener = new_socket();
	const char *wrong;

	if (!by_address(SYS_BIND, listener)) /* another command has just started it */
		return;
	wrong = host_start();
	if (wrong)
		fail(wrong);
	if (linux_call(SYS_LISTEN, (uint64_t)listener, 8, 0, 0, 0))
		fail("listen failed");
	if (linux_call(SYS_CLONE, SIGCHLD, 0, 0, 0, 0) == 0)
		stay(listener);
	(void)linux_call(SYS_CLOSE, (uint64_t)listener, 0, 0, 0, 0);
}

static int connect_host(void)
{
	const int file = new_socket();

	if (file < 0)
		fail("no sockets");
	if (!by_address(SYS_CONNECT, file)) {
		start_host();
		if (!by_address(SYS_CONNECT, file))
			fail("it did not start: try again");
	}
	return file;
}

/* Print the answer; the exit status. */
static int print_answer(int file)
{
	static char packet[1 + sizeof(((struct text *)0)->data)];
	int status = 0;
	int64_t length;

	for (;;) {
		length = linux_call(SYS_READ, (uint64_t)file, (uintptr_t)packet, sizeof(packet), 0,
				    0);
		if (length <= 0)
			fail("the process that serves has ended");
		if (packet[0] == REPLY_END)
			return status;
		status |= packet[0] == REPLY_ERROR;
		(void)linux_call(SYS_WRITE, packet[0] == REPLY_ERROR ? 2 : 1, (uintptr_t)packet + 1,
				 (uint64_t)length - 1, 0, 0);
	}
}

/* 0: it is no number from 1 to PINGS_MAX. */
static uint32_t parse(const char *text)
{
	uint64_t n = 0;

	for (; *text >= '0' && *text <= '9' && n <= PINGS_MAX; text++)
		n = n * 10 + (uint64_t)(*text - '0');
	return *text || n > PINGS_MAX ? 0 : (uint32_t)n;
}

static bool parse_ping(struct request *q, uint64_t argc, char **argv)
{
	q->command = COMMAND_PING;
	q->count = DEFAULT_PINGS;
	if (argc == 2)
		return true;
	if (argc != 4 || !text_same(argv[2], "-n"))
		return false;
	q->count = parse(argv[3]);
	if (!q->count)
		fail("ping -n: the number of pings must be 1 to 1000000");
	return true;
}

static bool parse_name(struct request *q, const char *name)
{
	uint32_t i;

	for (i = 0; name[i]; i++) {
		if (i == RPMSG_NAME_SIZE - 1)
			fail("a name has up to 31 characters");
		q->name[i] = name[i];
	}
	return i > 0;
}

static bool parse_open(struct request *q, uint64_t argc, char **argv)
{
	q->command = COMMAND_OPEN;
	return argc == 3 && parse_name(q, argv[2]);
}

static bool parse_ask(struct request *q, uint64_t argc, char **argv)
{
	q->command = COMMAND_ASK;
	if (argc < 3 || argc > 4)
		return false;
	for (const char *text = argc == 4 ? argv[3] : ""; text[q->length]; q->length++) {
		if (q->length == RPMSG_PAYLOAD_MAX)
			fail("ask: a question has up to 496 bytes");
		q->question[q->length] = text[q->length];
	}
	return parse_name(q, argv[2]);
}

static bool parse_request(struct request *q, uint64_t argc, char **argv)
{
	if (argc < 2)
		return false;
	if (text_same(argv[1], "ping"))
		return parse_ping(q, argc, argv);
	if (text_same(argv[1], "open"))
		return parse_open(q, argc, argv);
	if (text_same(argv[1], "ask"))
		return parse_ask(q, argc, argv);
	q->command = COMMAND_LIST;
	return argc == 2 && text_same(argv[1], "list");
}

void start(uint64_t *stack);

/* Linux gives the stack pointer the arguments. */
void start(uint64_t *stack)
{
	struct request q = { .count = 0 };
	int file;

	if (!parse_request(&q, stack[0], (char **)(stack + 1)))
		fail("usage: rpmsg list | open NAME | ping [-n N] | ask NAME [TEXT]");
	file = connect_host();
	if (linux_call(SYS_WRITE, (uint64_t)file, (uintptr_t)&q, sizeof(q), 0, 0) != sizeof(q))
		fail("the process that serves has ended");
	linux_exit(print_answer(file));
}

asm(".globl _start\n_start: mov x0, sp\n\tbl start\n");
