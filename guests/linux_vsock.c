/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vsock: a stream between VMs, for a Linux guest without any tool for it.
 *
 *   vsock PORT        waits for a connection: what comes goes to standard output
 *   vsock CID PORT    connects: standard input goes there
 */
#define SYS_READ     63
#define SYS_WRITE    64
#define SYS_EXIT     93
#define SYS_SOCKET   198
#define SYS_BIND     200
#define SYS_LISTEN   201
#define SYS_ACCEPT   202
#define SYS_CONNECT  203
#define SYS_SHUTDOWN 210

#define AF_VSOCK    40
#define SOCK_STREAM 1
#define ANY_CID     0xffffffffU
#define SHUT_WR     1

struct address {
	unsigned short family, reserved;
	unsigned int port, cid;
	unsigned char zero[4];
};

static long call(long number, long a, long b, long c)
{
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x8 __asm__("x8") = number;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x1), "r"(x2), "r"(x8) : "memory");
	return x0;
}

/* Ends the program if a call failed: its number, which is below 256, says which. */
static long must(long number, long a, long b, long c)
{
	const long r = call(number, a, b, c);

	if (r < 0)
		call(SYS_EXIT, number, 0, 0);
	return r;
}

static unsigned int number(const char *text)
{
	unsigned int n = 0;

	while (*text >= '0' && *text <= '9')
		n = n * 10 + (unsigned int)(*text++ - '0');
	return n;
}

static void copy(long from, long to)
{
	static char buf[65536];
	long n;

	while ((n = must(SYS_READ, from, (long)buf, sizeof(buf))) > 0)
		for (long at = 0; at < n;)
			at += must(SYS_WRITE, to, (long)buf + at, n - at);
}

static void serve(long fd, struct address *a)
{
	a->cid = ANY_CID;
	must(SYS_BIND, fd, (long)a, sizeof(*a));
	must(SYS_LISTEN, fd, 1, 0);
	copy(must(SYS_ACCEPT, fd, 0, 0), 1);
}

/* Until the other end has closed too: it has everything then. */
static void send(long fd, const struct address *a)
{
	must(SYS_CONNECT, fd, (long)a, sizeof(*a));
	copy(0, fd);
	must(SYS_SHUTDOWN, fd, SHUT_WR, 0);
	copy(fd, 1);
}

void start(long *stack);

void start(long *stack)
{
	char **argv = (char **)(stack + 1);
	const long fd = must(SYS_SOCKET, AF_VSOCK, SOCK_STREAM, 0);
	struct address a = { .family = AF_VSOCK };

	a.port = number(argv[*stack - 1]);
	if (*stack < 3) {
		serve(fd, &a);
	} else {
		a.cid = number(argv[1]);
		send(fd, &a);
	}
	call(SYS_EXIT, 0, 0, 0);
}

/* Linux gives the stack pointer the arguments. */
__asm__(".globl _start\n_start: mov x0, sp\n\tbl start\n");
