/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of the shell. All functions run in the shell's thread; those of commands,
 * output.c, options.c and table.c also in that of remote.c, each thread with its own output.
 */
#ifndef SHELL_PRIVATE_H
#define SHELL_PRIVATE_H

#include <lib/printf.h>
#include <lib/types.h>
#include <lib/visible.h>
#include "line.h"
#include "table.h"

/* ---- output.c ---- */

struct vm_desc;
struct control_load;

/*
 * Where a command's output goes: to the terminal, or into the answer to a guest (remote.c).
 * Everything is shown as text, whatever its source (lib/visible.h). At the terminal '\n' is CR LF,
 * and after Ctrl-C the rest of the command's output is dropped.
 */
struct shell_io {
	struct visible text;
	struct table_state table;
	bool failed; /* the command was wrong, or could not be carried out: shell_error() */
	/* For a guest; at the terminal NULL. */
	struct print_sink *errors;    /* once it has failed: what it says */
	const struct vm_desc *rights; /* what it may do: the description of the guest's type */
	struct control_load *load;    /* where it leaves a load, which is not waited for */
};
/* That of the running thread. */
struct shell_io *shell_io(void);
/* Give a thread its own. Once. */
struct thread;
void shell_set_remote(const struct thread *t, struct shell_io *io);

void shell_printf(const char *fmt, ...) __printf(1, 2);
/* The same, and the command has failed. What shell_printf() says after it belongs to that. */
void shell_error(const char *fmt, ...) __printf(1, 2);
/* The terminal, without the filter of lib/visible.h. */
extern struct print_sink shell_lines;
/* Send bytes unchanged: our own control sequences, and the output of an attached console. */
void shell_write(const void *data, size_t len);
extern struct print_sink shell_terminal;

/* Call these before and after a command. */
void shell_begin(void);
void shell_end(void);
/* Let the command read the keys itself from now on, Ctrl-C included. */
void shell_take_keys(void);
/*
 * True if Ctrl-C was pressed, for a command that waits. The key is consumed: later output of the
 * command is shown.
 */
bool shell_interrupted(void);
/* True if it was pressed since the command began. */
bool shell_was_interrupted(void);
/* The same as if Ctrl-C was pressed, for a command that has taken that key. */
void shell_interrupt(void);
/* Send what waits for the end of a character. */
void shell_flush(void);
#define KEY_INTERRUPT 0x03 /* Ctrl-C */

/*
 * Keep the output from shell_hold() on, and send it all at shell_release(). A terminal is slow, and
 * no thread should wait that long for a lock that the command holds.
 */
void shell_hold(void);
void shell_release(void);

/* The size in bytes as "512 KiB", "2 MiB", ..., exact, in the caller's buffer. */
const char *size_text(u64 bytes, char *buf, size_t size);

/* ---- screen.c ---- */

/*
 * How many of the next bytes for the terminal go to its screen now: all of them, unless `watch` or
 * `more` runs a command. 0: neither these nor later ones. may_wait: the operator may be asked.
 */
size_t screen_take(const char *s, size_t len, bool may_wait);
/* From now on all of them: the command has the terminal for itself. */
void screen_pass(void);

/* ---- command.c, options.c ---- */

enum arg_kind { ARG_NONE, ARG_TEXT, ARG_VM, ARG_TYPE, ARG_NET, ARG_TRACE, ARG_COMMAND };

struct option {
	const char *name;   /* a `=` at its end: the value follows without a blank */
	const char *value;  /* the value's name in the help; NULL: it takes none */
	enum arg_kind kind; /* kind of the value */
	const char *help;
};

#define MAX_OPTIONS 16
#define MAX_WORDS   24
#define MAX_MORE    2

struct command;

/* A command line, parsed. */
struct args {
	const struct command *command;
	char path[32]; /* the command's full name, "zvm new" */
	const char *option
		[MAX_OPTIONS]; /* of command->options[i]: "" if it has no value; NULL: absent */
	const char *operand;   /* the word that belongs to no option, or NULL */
	const char *more[MAX_MORE]; /* those behind it */
	u32 nmore;
	const char *const *words; /* all words behind the command */
	u32 nwords;
};

struct command {
	const char *name;
	const char *alias; /* or NULL */
	const char *summary;
	const struct option *options;
	u32 noptions;
	enum arg_kind operand;
	const char *operand_name; /* for the help; NULL: it takes none */
	u32 more;                 /* words that it takes behind the operand, up to MAX_MORE */
	void (*run)(const struct args *a);
	const struct command *sub; /* instead of run: its subcommands */
	u32 nsub;
	bool raw;    /* run gets its words unparsed */
	bool prefix; /* they are another command */
};

extern const struct command zvm_command, host_command, help_command, watch_command, more_command;

/*
 * Each program with this shell provides these (the hypervisor: commands.c): prompt, greeting, the
 * help's words on names (behind "Tab completes"), the commands, and the words that a kind of
 * argument may be.
 */
extern const char shell_prompt[], shell_banner[], shell_names[];
extern const struct command *const root_commands[];
extern const u32 root_count;
struct word {
	const char *text;
	u32 len;
};
void complete_named(struct completions *c, const struct word *w, enum arg_kind kind);

/* Run a line. It is cut into words in place. */
void command_run(char *line);
/* Run the command of `watch` or `more`. There is at least one word. */
void command_run_words(const char *const *words, u32 nwords);
/*
 * Run the command that words after `c` name, if `allowed` (may be NULL) accepts it: else that says
 * why not.
 */
void command_words(const struct command *c, const char *const *words, u32 nwords,
		   bool (*allowed)(const struct args *a));
/*
 * Cut line into at most max words at blanks outside quotes. Quotes ("..." or '...') are removed.
 * Returns the number of words in the line, which may exceed max. *open: the quote still open at the
 * end, or 0.
 */
u32 split_words(char *line, const char **words, u32 max, char *open);
const struct command *find_sub(const struct command *parent, const char *name);
const struct command *find_root(const char *name);
/* Print usage, summary and options; or, for a command with subcommands, the table of those. */
void command_help(const char *path, const struct command *c);

/* Sort a->words into options and operand. False if they do not fit; a line says why. */
bool options_parse(struct args *a);
/* The separator between an option and its value. */
const char *option_blank(const struct option *o);
/* True if it is a setting: its name ends in `=`. */
bool option_is_setting(const struct option *o);
/* The value of an option by name. NULL if it was not given. */
const char *option_value(const struct args *a, const char *name);
/*
 * The number given with an option, within [min, max]. *value stays if the option was not given.
 * False if it is wrong, and a line says so: "zvm new: -c 99: <what> must be <min> to <max>".
 */
bool option_number(const struct args *a, const char *name, const char *what, u64 min, u64 max,
		   u64 *value);

/* The words that may follow at the cursor, for the line editor. */
void shell_complete(const char *line, u32 cursor, struct completions *c);
/* Add a candidate if it begins with the word. */
void complete_with(struct completions *c, const struct word *w, const char *candidate);

/* ---- cmd_vm.c ---- */

struct vm;
/* Take vmm_lock, and hold the output until the unlock. */
void shell_vmm_lock(void);
void shell_vmm_unlock(void);
/* The VM named by -n or by the operand. NULL if there is none; a line says why. vmm_lock held. */
struct vm *vm_argument(const struct args *a);
/* "linux, zephyr, rtos" */
void print_types(void);
/* False for a guest that may not control VMs of the type with that label: it sees none of them. */
bool may_control(const char *label);

/*
 * Wait until a VM is loaded, and say so, or why it could not be. -ETIMEDOUT: it is still loading.
 */
int __must_check load_end(const struct control_load *l, u64 deadline);

/* ---- remote_port.c; the thread of remote.c, and before it starts ---- */

/* Serve the machine's port that is named org.zvm.control, if there is one. */
void remote_port_open(void);
/*
 * Pass on what has come for the control port, and its answers, as far as possible. False: its
 * reader is slow, and there is no room for more of an answer. control_rouse() is called when more
 * has come.
 */
bool __must_check remote_port_pass(void);

/* ---- cmd_explain.c ---- */

/* Facts about why vm failed last, or why it says nothing; none if neither is so. vmm_lock held. */
void print_explanation(struct vm *vm);

/* ---- cmd_net.c ---- */

struct net_port;
/* The last columns of a port's row, and their cells: what it received and sent. */
/* clang-format off */
#define PORT_COUNT_COLUMNS                             \
	{ "in_frames", "IN-FRAMES", " ", 9 },          \
	{ "in_bytes", "IN-BYTES", " ", 12 },           \
	{ "in_dropped", "IN-DROPS", " ", 8 },          \
	{ "out_frames", "OUT-FRAMES", " ", 10 },       \
	{ "out_bytes", "OUT-BYTES", " ", 12 },         \
	{ "out_dropped", "OUT-DROPS", " ", 9 }
/* clang-format on */
void end_port_row(const struct net_port *p);

/* ---- cmd_kernel.c ---- */

void cmd_cpus(const struct args *a);
void cmd_irq(const struct args
		     *a); /* with irq_options: all of them if there are guests, else the first */
#define IRQ_OPTIONS 3
extern const struct option irq_options[IRQ_OPTIONS];
/* Those of a command that has only --json. */
#define JSON_OPTIONS 1
extern const struct option json_options[JSON_OPTIONS];
void cmd_locks(const struct args *a);
void cmd_threads(const struct args *a);
void cmd_log(const struct args *a);
void cmd_reboot(const struct args *a);

struct thread;
/* Time on CPU so far, including the current run. */
u64 thread_ticks(const struct thread *t);

/* ---- commands ---- */

void cmd_zvm_new(const struct args *a);
void cmd_zvm_run(const struct args *a);
void cmd_zvm_pause(const struct args *a);
void cmd_zvm_resume(const struct args *a);
void cmd_zvm_reset(const struct args *a);
void cmd_zvm_stop(const struct args *a);
void cmd_zvm_delete(const struct args *a);
void cmd_zvm_set(const struct args *a);
void cmd_zvm_info(const struct args *a);
void cmd_zvm_stat(const struct args *a);
void cmd_zvm_top(const struct args *a);
void cmd_zvm_net(const struct args *a);
void cmd_zvm_trace(const struct args *a);
void cmd_zvm_dump(const struct args *a);
void cmd_zvm_why(const struct args *a);
void cmd_zvm_gdb(const struct args *a);
#define TRACE_VERBS 3
extern const char *const trace_verbs[TRACE_VERBS];
void cmd_zvm_channel(const struct args *a);
void cmd_zvm_list(const struct args *a);
void cmd_zvm_console(const struct args *a);
void cmd_zvm_log(const struct args *a);
void cmd_help(const struct args *a);
void cmd_watch(const struct args *a);
void cmd_more(const struct args *a);

/* ---- shell.c ---- */

/* Print the greeting and the first prompt. */
void shell_open(void);
/* Take a key typed at the prompt. If it ends a line, the line is run. */
void shell_key(u8 key);
/*
 * Tell the shell that something it may wait for has happened: a key, output of a VM. Any context.
 */
void shell_notify(void *arg);
/* Wait until shell_notify() was called since the last return, or until the deadline. */
void shell_wait(u64 deadline);
/*
 * Let fn see the first key of the next line, unless that key is a control sequence. fn returns true
 * if it has handled the key. A command calls this while it runs.
 */
void shell_on_first_key(bool (*fn)(u8 key));

#endif
