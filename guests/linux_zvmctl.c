/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zvmctl: controls other VMs from a Linux guest whose description has `control`. A static program
 * without a C library.
 *
 *   zvmctl COMMAND...      `zvmctl run rtos`, `zvmctl info --json`; the commands are the shell's
 *   zvmctl load TYPE FILE  a new kernel for VMs of that type, from their next new, run or reset on
 *
 * The answer goes to standard output, an error to standard error. 0: done; 1: refused; 2: there is
 * no control port, or the request is too long.
 */
#define SYS_OPENAT     56
#define SYS_CLOSE      57
#define SYS_GETDENTS64 61
#define SYS_LSEEK      62
#define SYS_READ       63
#define SYS_WRITE      64
#define SYS_EXIT       93
#define SYS_NANOSLEEP  101
#define SYS_GETPID     172

#define AT_FDCWD (-100)
#define O_RDWR   2
#define EBUSY    16
#define SEEK_SET 0
#define SEEK_END 2

#define PORTS "/sys/class/virtio-ports/"
#define PORT  "org.zvm.control\n"
#define LINE  256 /* bytes of a request, with its newline */

static long call(long number, long a, long b, long c, long d)
{
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x8 __asm__("x8") = number;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x1), "r"(x2), "r"(x3), "r"(x8) : "memory");
	return x0;
}

static unsigned long length(const char *text)
{
	unsigned long n = 0;

	while (text[n])
		n++;
	return n;
}

/* True if text begins with those bytes. */
static int begins(const char *text, const char *with)
{
	while (*with && *text == *with)
		text++, with++;
	return !*with;
}

static void say(long to, const char *text, unsigned long len)
{
	for (long n; len; text += n, len -= (unsigned long)n)
		if ((n = call(SYS_WRITE, to, (long)text, (long)len, 0)) <= 0)
			break;
}

static void stop(long code, const char *why)
{
	say(2, "zvmctl: ", 8);
	say(2, why, length(why));
	say(2, "\n", 1);
	call(SYS_EXIT, code, 0, 0, 0);
}

/* Texts, one after the other, in a buffer that is cut at its end. */
struct text {
	char at[LINE + 64];
	unsigned long len;
};

static void add(struct text *t, const char *more)
{
	while (*more && t->len < sizeof(t->at) - 1)
		t->at[t->len++] = *more++;
	t->at[t->len] = 0;
}

/* ---- the port: the one of that name, among those that the kernel lists ---- */

static int has_name(const char *port)
{
	static struct text path;
	static char name[64];
	long fd, n;

	path.len = 0;
	add(&path, PORTS);
	add(&path, port);
	add(&path, "/name");
	fd = call(SYS_OPENAT, AT_FDCWD, (long)path.at, 0, 0);
	n = fd < 0 ? 0 : call(SYS_READ, fd, (long)name, sizeof(name) - 1, 0);
	call(SYS_CLOSE, fd, 0, 0, 0);
	name[n > 0 ? n : 0] = 0;
	return begins(name, PORT);
}

static int find(struct text *path)
{
	static char entries[4096];
	const long fd = call(SYS_OPENAT, AT_FDCWD, (long)PORTS, 0, 0);
	long n;

	while (fd >= 0 && (n = call(SYS_GETDENTS64, fd, (long)entries, sizeof(entries), 0)) > 0) {
		/* struct linux_dirent64: the length at 16, the name at 19 */
		for (long at = 0; at < n; at += *(unsigned short *)(entries + at + 16)) {
			const char *name = entries + at + 19;

			if (*name == '.' || !has_name(name))
				continue;
			add(path, "/dev/");
			add(path, name);
			return 1;
		}
	}
	return 0;
}

static void wait_a_little(void)
{
	static const long time[2] = { 0, 20000000 };

	call(SYS_NANOSLEEP, (long)time, 0, 0, 0);
}

/* One program at a time has it open: others wait. */
static long open_port(void)
{
	static struct text path;
	long fd;

	if (!find(&path))
		stop(2,
		     "no control port: the VM's description has no `control`, or virtio_console is not loaded");
	while ((fd = call(SYS_OPENAT, AT_FDCWD, (long)path.at, O_RDWR, 0)) == -EBUSY)
		wait_a_little();
	if (fd < 0)
		stop(2, "cannot open the control port");
	return fd;
}

/* ---- a request and its answer ---- */

static void add_number(struct text *t, long number)
{
	char digits[24], *at = digits + 23;

	*at = 0;
	do
		*--at = (char)('0' + number % 10);
	while (number /= 10);
	add(t, at);
}

/* "@PID": answers to programs that are gone have another one. */
static void make_tag(struct text *t)
{
	add(t, "@");
	add_number(t, call(SYS_GETPID, 0, 0, 0, 0));
}

/* A word with blanks in it is quoted, as it was. */
static void add_word(struct text *t, const char *word)
{
	int blank = !*word, quote = 0;

	for (const char *c = word; *c; c++) {
		blank |= *c == ' ';
		quote |= *c == '"';
	}
	add(t, blank ? quote ? " '" : " \"" : " ");
	add(t, word);
	add(t, blank ? quote ? "'" : "\"" : "");
}

static char line[65536];

/* The next line of the port, without its newline. */
static const char *get_line(long fd)
{
	static char bytes[4096];
	static long at, have;
	unsigned long len = 0;

	for (;;) {
		if (at == have) {
			at = 0;
			have = call(SYS_READ, fd, (long)bytes, sizeof(bytes), 0);
			if (have <= 0)
				stop(2, "the control port is gone");
		}
		if (bytes[at++] == '\n')
			break;
		if (len < sizeof(line) - 1)
			line[len++] = bytes[at - 1];
	}
	line[len] = 0;
	return line;
}

/* What follows the tag in the last line of an answer. NULL: it is another's. */
static const char *own(const char *rest, const char *tag)
{
	return *rest == ' ' && begins(rest + 1, tag) ? rest + 1 + length(tag) : 0;
}

/* The image, which the answer "send" asks for. */
static void send_file(long fd, long file)
{
	static char bytes[16384];
	long n;

	while ((n = call(SYS_READ, file, (long)bytes, sizeof(bytes), 0)) > 0)
		say(fd, bytes, (unsigned long)n);
}

static long answer(long fd, long file, const char *tag)
{
	for (;;) {
		const char *text = get_line(fd), *rest = 0;

		if (*text == ' ') {
			say(1, text + 1, length(text + 1));
			say(1, "\n", 1);
		} else if (begins(text, "ok") && (rest = own(text + 2, tag)) && !*rest) {
			return 0;
		} else if (begins(text, "send") && (rest = own(text + 4, tag)) && !*rest) {
			send_file(fd, file);
		} else if (begins(text, "error") && (rest = own(text + 5, tag)) && *rest == ':') {
			say(2, rest + 2, length(rest + 2));
			say(2, "\n", 1);
			return 1;
		}
	}
}

static int is_load(long argc, char **argv)
{
	return argc == 4 && begins(argv[1], "load") && !argv[1][4];
}

static long open_file(const char *path)
{
	const long file = call(SYS_OPENAT, AT_FDCWD, (long)path, 0, 0);

	if (file < 0)
		stop(2, "cannot open the image");
	return file;
}

/* "load TYPE BYTES" */
static void add_load(struct text *t, const char *type, long file)
{
	const long size = call(SYS_LSEEK, file, 0, SEEK_END, 0);

	if (size < 0)
		stop(2, "the image is not a file");
	call(SYS_LSEEK, file, 0, SEEK_SET, 0);
	add_word(t, "load");
	add_word(t, type);
	add(t, " ");
	add_number(t, size);
}

void start(long *stack);

void start(long *stack)
{
	char **argv = (char **)(stack + 1);
	static struct text request, tag;
	long fd, file = -1;

	if (*stack < 2)
		stop(2, "usage: zvmctl COMMAND...; for example: zvmctl info");
	make_tag(&tag);
	add(&request, tag.at);
	if (is_load(*stack, argv)) {
		file = open_file(argv[3]);
		add_load(&request, argv[2], file);
	} else {
		for (long i = 1; i < *stack; i++)
			add_word(&request, argv[i]);
	}
	add(&request, "\n");
	if (request.len > LINE)
		stop(2, "a request has at most 255 bytes");
	fd = open_port();
	say(fd, request.at, request.len);
	call(SYS_EXIT, answer(fd, file, tag.at), 0, 0, 0);
}

/* Linux gives the stack pointer the arguments. */
__asm__(".globl _start\n_start: mov x0, sp\n\tbl start\n");
