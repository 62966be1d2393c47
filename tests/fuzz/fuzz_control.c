/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests that write anything to their control ports, in any pieces, and whose programs and VMs come
 * and go, also while a request is served. Whatever they do: a command runs with options that a
 * guest may give, an answer is lines with a blank and then one line with the tag of its request,
 * programs get no answer that others asked for, and all memory comes back. The sources of port and
 * server are part of this file; the commands themselves are pretended.
 */
#include "fuzz.h"

#include <asm/host.h>
#include <kernel/page.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <vmm/life.h>
#include <vmm/net.h>

#include "../../vmm/control/control_port.c"
#define remote_start start_remote /* the name of its declaration in two headers */
#include "../../shell/remote.c"

u32 host_cpu;
u64 host_counter;
bool host_irqs_open[HOST_CPUS];
void (*host_deliver)(void);
const struct sched_params sched_guarded;

static struct fuzz_input input;
static u32 locks, pages;
static jmp_buf parked; /* where the server's thread waits for ever */
static u32 waits;      /* not for ever, since it was last woken */
static bool over;      /* loads end */

/* ---- in place of the house ---- */

void host_relax(void)
{
	fuzz_assert(!"a lock is not free");
}

void *pages_alloc(u32 count)
{
	if (fuzz_once_in(&input, 32))
		return NULL;
	pages += count;
	return calloc(count, PAGE_SIZE);
}

void pages_free(void *p, u32 count)
{
	pages -= count;
	free(p);
}

void vmm_lock(void)
{
	fuzz_assert(locks++ == 0);
}

void vmm_unlock(void)
{
	fuzz_assert(locks-- == 1);
}

u64 ticks_to_us(u64 ticks)
{
	return ticks;
}

u64 deadline_ms(u64 ms)
{
	return host_counter + ms;
}

struct thread *thread_current(void)
{
	return &remote_thread;
}

int thread_create(struct thread *t, const char *name, void (*fn)(void *), void *arg, u8 prio,
		  u64 affinity)
{
	(void)t, (void)name, (void)fn, (void)arg, (void)prio, (void)affinity;
	return 0;
}

void thread_set_params(struct thread *t, const struct sched_params *params)
{
	(void)t, (void)params;
}

void thread_start(struct thread *t)
{
	(void)t;
}

int wait_block_locked(struct wait_queue *wq, unsigned long flags, u64 deadline)
{
	spin_unlock_irqrestore(&wq->lock, flags);
	if (deadline == DEADLINE_NEVER || waits++ > 4)
		longjmp(parked, 1);
	host_counter = deadline;
	return -ETIMEDOUT;
}

void wait_wake_all_locked(struct wait_queue *wq)
{
	(void)wq;
}

/* The operator's terminal sees nothing of it. */
void uart_write(const void *data, size_t len)
{
	(void)data, (void)len;
	fuzz_assert(!"this is for a guest");
}

u32 uart_waiting(u8 byte)
{
	(void)byte;
	return 0;
}

int uart_poll(void)
{
	return -1;
}

/* The machine has no port of the operator's program. */
void remote_port_open(void)
{
}

bool remote_port_pass(void)
{
	return true;
}

/* ---- the guests ---- */

#define GUESTS 2

static struct vm_type types[GUESTS];

/* A guest's side: what it writes, and what of the current line of an answer has come. */
static struct guest {
	struct control_port *port;
	bool open;
	char out[2048]; /* not taken yet */
	size_t left;
	char line[CONTROL_ANSWER + 1];
	size_t len;
	u32 lines; /* that it has written since it opened the port */
} guests[GUESTS];

static void woken(void *arg)
{
	fuzz_assert(locks == 1 && ((struct guest *)arg)->port);
}

/* What a line of an answer must be. */
static void check_answer(struct guest *g)
{
	const char *rest = g->line;

	for (const char *c = g->line; *c && g->line[0] != ' '; c++)
		fuzz_assert(*c >= ' ' && *c < 0x7f);
	if (*rest == ' ')
		return;
	fuzz_assert(g->lines);
	g->lines--;
	if (str_starts(rest, "send")) { /* bytes, and then there is an answer */
		g->lines++;
		return;
	}
	fuzz_assert(str_starts(rest, "ok") || str_starts(rest, "error"));
	rest += *rest == 'o' ? 2 : 5;
	if (str_starts(rest, " @"))
		rest += strcspn(rest + 1, " :") + 1;
	fuzz_assert(*rest == (g->line[0] == 'o' ? '\0' : ':'));
}

static void reads(struct guest *g)
{
	char bytes[600];
	const u32 n = control_get(g->port, bytes, 1 + fuzz_below(&input, sizeof(bytes)));

	fuzz_assert(!n || g->open);
	fuzz_assert(control_memory() >= CONTROL_ANSWER);
	for (u32 i = 0; i < n; i++) {
		fuzz_assert(g->len < sizeof(g->line) - 1);
		g->line[g->len++] = bytes[i];
		if (bytes[i] != '\n')
			continue;
		g->line[g->len - 1] = '\0';
		check_answer(g);
		g->len = 0;
	}
}

static void add(struct guest *g, const char *text)
{
	const size_t n = MIN(strlen(text), sizeof(g->out) - g->left);

	memcpy(g->out + g->left, text, n);
	g->left += n;
}

static void writes(struct guest *g)
{
	static const char *const words[] = {
		"run ",
		"info ",
		"new ",
		"stop -f ",
		"set ",
		"delete ",
		"pause ",
		"resume ",
		"reset ",
		"list ",
		"stat ",
		"@7 ",
		"--json ",
		"linux ",
		"-n 1 ",
		"\n",
		"-r ",
		"-m 64",
		"prio=3 ",
		"\"a b\" ",
		"'",
		"budget=1 ",
		"top ",
		"-h ",
		"windows=none ",
		"create ",
		"--bootargs x ",
		"a a a a a a a a a a a a a a a a a a ",
		"@01234567890123456 ",
		"load linux 99\n",
		"load x 99\n",
		"load ",
		"\x1b[2J",
	};
	char byte[2] = "";

	if (fuzz_once_in(&input, 4))
		byte[0] = (char)fuzz_byte(&input);
	add(g, *byte ? byte : fuzz_word(&input, words));
	add(g, fuzz_once_in(&input, 3) ? "\n" : "");
}

/* The port takes some of what is written. */
static void moves(struct guest *g)
{
	const size_t most = 1 + fuzz_below(&input, 300);
	const u32 n = (u32)MIN(g->left, most);
	const u32 taken = n ? control_put(g->port, g->out, n) : 0;

	fuzz_assert(taken <= n);
	for (u32 i = 0; i < taken; i++)
		g->lines += g->out[i] == '\n';
	g->left -= taken;
	memmove(g->out, g->out + taken, g->left);
}

static void opens(struct guest *g, bool open)
{
	control_set_open(g->port, open);
	g->open = open;
	g->len = 0;
	g->lines = 0;
}

static void comes(struct guest *g)
{
	g->port = control_create(&types[g - guests].desc, woken, g);
	g->left = 0;
	if (g->port)
		opens(g, true);
}

static void goes(struct guest *g)
{
	const u32 held = locks;

	locks = 1;
	control_destroy(g->port);
	locks = held;
	g->port = NULL;
}

static void act(void)
{
	struct guest *g = &guests[fuzz_below(&input, GUESTS)];

	host_counter += fuzz_below(&input, 100000);
	if (!g->port) {
		comes(g);
		return;
	}
	switch (fuzz_below(&input, 16)) {
	case 0:
		if (fuzz_once_in(&input, 4) && !locks)
			goes(g);
		break;
	case 1:
		if (fuzz_once_in(&input, 4))
			opens(g, !g->open);
		break;
	case 2:
	case 3:
	case 4:
		reads(g);
		break;
	case 5:
	case 6:
	case 7:
		moves(g);
		break;
	default:
		writes(g);
	}
}

/* ---- images ---- */

static u32 images;
static struct type_image *kept; /* the type's */

struct type_image *type_image_new(const struct vm_type *type, u64 size, struct desc_error *err)
{
	struct type_image *image = fuzz_once_in(&input, 4) ? NULL : calloc(1, sizeof(*image));

	(void)snprintf(err->text, sizeof(err->text), "there is no room");
	if (!image)
		return NULL;
	fuzz_assert(type == &types[0]);
	image->type = type;
	image->size = 1 + size % 1000;
	image->data = malloc(image->size);
	images++;
	return image;
}

void type_image_free(struct type_image *image)
{
	free(image->data);
	free(image);
	images--;
}

int type_image_set(struct type_image *image, struct desc_error *err)
{
	fuzz_assert(locks == 1);
	(void)snprintf(err->text, sizeof(err->text), "kernel: \x1b[2J");
	if (fuzz_once_in(&input, 2))
		return -EINVAL;
	if (kept)
		type_image_free(kept);
	kept = image;
	return 0;
}

const struct vm_type *type_find(const char *name)
{
	return str_eq(name, "linux") ? &types[0] : NULL;
}

bool may_control(const char *label)
{
	(void)label;
	return shell_io()->rights == &types[0].desc;
}

void print_types(void)
{
	shell_printf("there are: none\n");
}

void shell_vmm_lock(void)
{
	vmm_lock();
}

void shell_vmm_unlock(void)
{
	vmm_unlock();
}

/* ---- the commands ---- */

bool desc_controls(const struct vm_desc *d, const char *label)
{
	return str_eq(d->label, label);
}

/* It has what a guest may give; it prints, fails, or begins a load, and guests go on meanwhile. */
static void pretend(const struct args *a)
{
	static const char *const said[] = { "a line\n", "words ", "\x1b[2J", "",
					    "a\nb\n",   "ok\n",   "\n" };

	fuzz_assert(shell_io()->rights && find_verb(a->command->name));
	for (u32 i = 0; i < a->command->noptions; i++)
		fuzz_assert(!a->option[i] ||
			    has_option(find_verb(a->command->name), a->command->options[i].name));
	for (u32 n = fuzz_below(&input, 4); n > 0 && input.left; n--)
		act();
	if (fuzz_once_in(&input, 4))
		shell_error("zvm: %s", fuzz_word(&input, said));
	for (u32 n = fuzz_below(&input, fuzz_once_in(&input, 32) ? 30000 : 4); n > 0; n--)
		shell_printf("%s", fuzz_word(&input, said));
	if (fuzz_once_in(&input, 2))
		(void)str_copy(shell_io()->load->name, "vm", DESC_NAME_MAX);
}

int load_end(const struct control_load *l, u64 deadline)
{
	(void)deadline;
	fuzz_assert(l->name[0]);
	if (!over && fuzz_once_in(&input, 3))
		return -ETIMEDOUT;
	if (fuzz_once_in(&input, 3))
		shell_error("zvm: it does not fit\n");
	else
		shell_printf("vm 0 'x' running\n");
	return 0;
}

#define PRETENDED(name)                 \
	void name(const struct args *a) \
	{                               \
		pretend(a);             \
	}
PRETENDED(cmd_zvm_new)
PRETENDED(cmd_zvm_run)
PRETENDED(cmd_zvm_pause)
PRETENDED(cmd_zvm_resume)
PRETENDED(cmd_zvm_reset)
PRETENDED(cmd_zvm_stop)
PRETENDED(cmd_zvm_delete)
PRETENDED(cmd_zvm_set)
PRETENDED(cmd_zvm_info)
PRETENDED(cmd_zvm_stat)
PRETENDED(cmd_zvm_list)

/* No guest has these. */
#define REFUSED(name)                           \
	void name(const struct args *a)         \
	{                                       \
		(void)a;                        \
		fuzz_assert(!"not for guests"); \
	}
REFUSED(cmd_zvm_top)
REFUSED(cmd_zvm_channel)
REFUSED(cmd_zvm_net)
REFUSED(cmd_zvm_console)
REFUSED(cmd_zvm_log)
REFUSED(cmd_zvm_trace)
REFUSED(cmd_zvm_dump)
REFUSED(cmd_zvm_why)
REFUSED(cmd_zvm_gdb)
REFUSED(cmd_watch)
REFUSED(cmd_more)

size_t screen_take(const char *s, size_t len, bool may_wait)
{
	(void)s, (void)may_wait;
	return len;
}

void screen_pass(void)
{
}

const struct option json_options[JSON_OPTIONS] = { JSON_OPTION };
const char *const trace_verbs[TRACE_VERBS] = { "start", "stop", "dump" };
const struct command host_command = { .name = "host" };
struct vm_type *vm_types[MAX_TYPES];
u32 vm_type_count;

struct vm *vm_next(u32 id)
{
	(void)id;
	return NULL;
}

const struct net *net_next(const struct net *net)
{
	(void)net;
	return NULL;
}

const char *net_name(const struct net *net)
{
	(void)net;
	return "";
}

void complete_with(struct completions *c, const struct word *w, const char *candidate)
{
	(void)c, (void)w, (void)candidate;
}

/* ---- */

static void step(void)
{
	waits = 0;
	if (!setjmp(parked))
		remote_main(NULL);
	fuzz_assert(locks == 0);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	input = (struct fuzz_input){ .at = data, .left = size };
	memset(guests, 0, sizeof(guests));
	over = false;
	(void)start_remote();
	while (input.left) {
		act();
		if (fuzz_once_in(&input, 8))
			control_rouse();
		if (fuzz_once_in(&input, 3))
			step();
	}
	for (u32 i = 0; i < GUESTS; i++)
		if (guests[i].port)
			goes(&guests[i]);
	over = true;
	step();
	if (kept)
		type_image_free(kept);
	kept = NULL;
	fuzz_assert(list_empty(&asking) && list_empty(&loading) && pages == 0 && images == 0);
	return 0;
}
