/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serves guests that control VMs (<vmm/control.h>), and a program of the operator's: the shell's
 * own commands, as far as they may give them, with their output as the answer.
 */
#include <arch/timer.h>
#include <kernel/thread.h>
#include <kernel/timeout.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <shell/shell.h>
#include <vmm/control.h>
#include <vmm/core.h>
#include "shell.h"

/*
 * Before ordinary VMs (20), behind the shell (16). The lifecycle lock is held here, and the shell
 * waits for it: so the thread is guarded, as the shell is.
 */
#define REMOTE_PRIORITY 18

/* How often VMs that are being loaded are looked at, and whether there is room for an answer. */
#define LOOK_MS 20

#define OPTIONS_MAX 6

/*
 * What a guest may do, and how: these options of a command. The operator's program has them all.
 */
static const struct verb {
	const char *name;
	enum { EACH, GUEST, OPERATOR } whose;
	const char *options[OPTIONS_MAX + 1];
} verbs[] = {
	{ "new", EACH, { "-t", "--bootargs" } },
	{ "run", EACH, { "-n" } },
	{ "pause", EACH, { "-n" } },
	{ "resume", EACH, { "-n" } },
	{ "reset", EACH, { "-n" } },
	{ "stop", EACH, { "-n", "-f" } },
	{ "delete", EACH, { "-n", "-f" } },
	{ "info", EACH, { "-n", "--json" } },
	{ "stat", EACH, { "-n", "--json" } },
	{ "set", EACH, { "-n", "prio=", "affinity=", "budget=", "weight=", "restart=" } },
	{ "list", EACH, { "--json" } },
	{ "load", GUEST, { NULL } }, /* no command of the shell: load_image() */
	{ "why", OPERATOR, { NULL } },
};

static struct thread remote_thread;
/* Ports whose answer waits for a VM to be loaded. */
static struct list loading = LIST_INIT(loading);

/* ---- output: a blank before each line, so that the last line of an answer is known ---- */

static struct control_port *port;
static bool midline;
static char error[sizeof(struct vm_error)];
static size_t error_len;

static void put_data(struct print_sink *sink __unused, const char *s, size_t len)
{
	while (len) {
		const char *newline = memchr(s, '\n', len);
		const size_t n = newline ? (size_t)(newline + 1 - s) : len;

		if (!midline)
			control_write(port, " ", 1);
		control_write(port, s, n);
		midline = !newline;
		s += n;
		len -= n;
	}
}

/* An error is one line, whatever it was for the operator. */
static void put_error(struct print_sink *sink __unused, const char *s, size_t len)
{
	for (; len > 0; s++, len--)
		if (error_len < sizeof(error) - 1 && (*s != '\n' || len > 1))
			error[error_len++] = *s == '\n' ? ' ' : *s;
	error[error_len] = '\0';
}

static struct print_sink data_sink = { .put = put_data }, error_sink = { .put = put_error };
static struct shell_io io = { .errors = &error_sink };

static void begin(struct control_port *p)
{
	port = p;
	midline = false;
	error[0] = '\0';
	error_len = 0;
	io.failed = false;
	io.rights = p->rights;
	io.load = &p->load;
	visible_init(&io.text, &data_sink, false);
}

static void end(void)
{
	visible_end(&io.text);
	if (midline)
		put_data(NULL, "\n", 1);
	control_answer(port, io.failed ? error : NULL);
}

/* ---- requests ---- */

/* The next verb of those that `port` has, from verbs[*i] on. NULL: there is none. */
static const struct verb *next_verb(u32 *i)
{
	while (*i < ARRAY_SIZE(verbs)) {
		const struct verb *v = &verbs[(*i)++];

		if (v->whose == EACH || (v->whose == GUEST) == (port->rights != NULL))
			return v;
	}
	return NULL;
}

static const struct verb *find_verb(const char *name)
{
	const struct command *c = find_sub(&zvm_command, name);
	const char *before = "";
	const struct verb *v;
	u32 i = 0;

	while ((v = next_verb(&i)))
		if (str_eq(v->name, c ? c->name : name))
			return v;
	shell_error("%s has no command '%s'; there are: ", port->rights ? "a guest" : "this port",
		    name);
	for (i = 0; (v = next_verb(&i)); before = ", ")
		shell_printf("%s%s", before, v->name);
	return NULL;
}

static bool has_option(const struct verb *v, const char *name)
{
	for (u32 i = 0; v->options[i]; i++)
		if (str_eq(v->options[i], name))
			return true;
	return false;
}

static bool options_allowed(const struct args *a)
{
	const struct verb *v = find_verb(a->command->name);

	for (u32 i = 0; v && port->rights && i < a->command->noptions; i++) {
		if (!a->option[i] || has_option(v, a->command->options[i].name))
			continue;
		shell_error("%s: a guest may not give %s", a->path, a->command->options[i].name);
		return false;
	}
	return v;
}

/* `load TYPE BYTES`: the image comes then, if there is room for it. */
static struct type_image *load_image(const char *const *words, u32 count)
{
	const struct vm_type *type = count == 3 ? type_find(words[1]) : NULL;
	struct type_image *image = NULL;
	struct desc_error err;
	u64 size;

	if (count != 3 || parse_u64(words[2], &size)) {
		shell_error("load: expected TYPE BYTES");
	} else if (!type || !may_control(words[1])) {
		shell_error("zvm: no type '%s'; ", words[1]);
		print_types();
	} else {
		image = type_image_new(type, size, &err);
		if (!image)
			shell_error("load %s: %s", words[1], err.text);
	}
	return image;
}

/* The image has come, all of it or the part before its program ended. */
static void end_image(struct control_port *p)
{
	struct type_image *image = p->image;
	const bool complete = p->got == image->size;
	struct desc_error err;
	int r = -EINTR;

	p->image = NULL;
	shell_vmm_lock();
	if (complete)
		r = type_image_set(image, &err);
	if (!r)
		shell_printf("%lu bytes for '%s', from its next new, run or reset on\n",
			     image->size, image->type->desc.label);
	else
		shell_error("zvm: %s\n", complete ? err.text : "the image is not complete");
	shell_vmm_unlock();
	if (r)
		type_image_free(image);
}

/* The image that the guest is to send now, or NULL. */
static struct type_image *carry_out(char *line)
{
	const char *words[MAX_WORDS];
	char open;
	const u32 count = split_words(line, words, MAX_WORDS, &open);

	if (open)
		shell_error("the quote %c is not closed", open);
	else if (count > MAX_WORDS)
		shell_error("more than %u words", MAX_WORDS);
	else if (!count)
		shell_error("an empty request");
	else if (!find_verb(words[0]))
		return NULL;
	else if (str_eq(words[0], "load"))
		return load_image(words, count);
	else
		command_words(&zvm_command, words, count, options_allowed);
	return NULL;
}

static void serve(struct control_port *p)
{
	struct type_image *image = NULL;

	begin(p);
	p->load.name[0] = '\0';
	if (p->image)
		end_image(p);
	else
		image = carry_out(p->line);
	if (image)
		control_ask_image(p, image);
	else if (io.failed || !p->load.name[0])
		end();
	else
		list_add_tail(&loading, &p->waits);
}

/* Answer those whose VM is loaded. */
static void look(void)
{
	for (struct list *n = loading.next, *next; n != &loading; n = next) {
		struct control_port *p = list_entry(n, struct control_port, waits);

		next = n->next;
		begin(p);
		if (load_end(&p->load, arch_counter()))
			continue;
		list_del(n);
		end();
	}
}

static void remote_main(void *arg __unused)
{
	for (;;) {
		const bool soon = !remote_port_pass() || !list_empty(&loading);
		const u64 until = soon ? deadline_ms(LOOK_MS) : DEADLINE_NEVER;
		struct control_port *p = control_next(until);

		if (p)
			serve(p);
		look();
	}
}

int remote_start(void)
{
	int err =
		thread_create(&remote_thread, "remote", remote_main, NULL, REMOTE_PRIORITY, BIT(0));

	if (err)
		return err;
	shell_set_remote(&remote_thread, &io);
	remote_port_open();
	thread_set_params(&remote_thread, &sched_guarded);
	thread_start(&remote_thread);
	return 0;
}
