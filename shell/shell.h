/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the shell share. All in the shell's thread. */
#ifndef SHELL_PRIVATE_H
#define SHELL_PRIVATE_H

#include <lib/printf.h>
#include <lib/types.h>
#include <lib/visible.h>
#include "line.h"

/* ---- output.c ---- */

/*
 * The terminal for what a command says: as text, whoever wrote a part of it (lib/visible.h), '\n' as CR LF. Ctrl-C ends it: what the command says after that
 * goes nowhere.
 */
extern struct visible shell_text;
void shell_printf(const char *fmt, ...) __printf(1, 2);
/* The same without a look at what text it is. */
extern struct print_sink shell_lines;
/* Bytes as they are: control sequences of our own, and a console that is attached. */
void shell_write(const void *data, size_t len);
extern struct print_sink shell_terminal;

/* Around a command. */
void shell_begin(void);
void shell_end(void);
/* The command reads the keys itself from now on, Ctrl-C too. */
void shell_take_keys(void);
/* Ctrl-C was pressed, for a command that waits. It is taken: what the command says of it is shown. */
bool shell_interrupted(void);
#define KEY_INTERRUPT 0x03 /* Ctrl-C */

/* What is said is kept, and goes out at once at the end: a terminal takes its time, in which nobody is to wait for a lock that the command holds. */
void shell_hold(void);
void shell_release(void);

/* "512 KiB", "2 MiB", ... of a size in bytes, exact; in a buffer of the caller. */
const char *size_text(u64 bytes, char *buf, size_t size);

/* ---- command.c, options.c ---- */

enum arg_kind { ARG_NONE, ARG_TEXT, ARG_VM, ARG_TYPE, ARG_COMMAND };

struct option {
	const char *name;   /* with a `=` at its end: its value follows without a blank */
	const char *value;  /* what it wants, as the help names it; NULL: nothing */
	enum arg_kind kind; /* of that */
	const char *help;
};

#define MAX_OPTIONS 10
#define MAX_WORDS   24

struct command;

/* A command line, taken apart. */
struct args {
	const struct command *command;
	char path[32]; /* the command's full name, "zvm new" */
	const char *option
		[MAX_OPTIONS];    /* value of command->options[i], "" without one; NULL: absent */
	const char *operand;      /* the word that belongs to no option, or NULL */
	const char *const *words; /* all that follow the command */
	u32 nwords;
};

struct command {
	const char *name;
	const char *alias; /* or NULL */
	const char *summary;
	const struct option *options;
	u32 noptions;
	enum arg_kind operand;
	const char *operand_name; /* for the help; NULL: none is taken */
	void (*run)(const struct args *a);
	const struct command *sub; /* instead of run: the commands below it */
	u32 nsub;
	bool raw; /* takes its words as they are */
};

extern const struct command zvm_command, host_command, help_command;

/*
 * What each of the programs that have this shell brings along (the hypervisor: commands.c): prompt, greeting, what the help says of names (after
 * "Tab completes"), the commands, and the words that a kind of argument may be.
 */
extern const char shell_prompt[], shell_banner[], shell_names[];
extern const struct command *const root_commands[];
extern const u32 root_count;
struct word {
	const char *text;
	u32 len;
};
void complete_named(struct completions *c, const struct word *w, enum arg_kind kind);

/* Carry a line out. It is cut into words in place. */
void command_run(char *line);
/*
 * Cut line into at most max words at blanks that are not between quotes ("..." or '...', which are taken off); the number there are (which may be more
 * than max). *open: the quote that is open at the end, or 0.
 */
u32 split_words(char *line, const char **words, u32 max, char *open);
const struct command *find_sub(const struct command *parent, const char *name);
const struct command *find_root(const char *name);
/* Usage, summary and options; or the table of what is below it. */
void command_help(const char *path, const struct command *c);

/* Sort a->words into options and operand; false, and a line says why, if they do not fit. */
bool options_parse(struct args *a);
/* What stands between an option and its value. */
const char *option_blank(const struct option *o);
/* It is a setting: its name ends in `=`. */
bool option_is_setting(const struct option *o);
/* The value of an option by name: NULL if it was not given. */
const char *option_value(const struct args *a, const char *name);
/*
 * The number after an option, within [min, max]; *value stays if the option was not given. False, and a line says so, if it is none:
 * "zvm new: -c 99: <what> are <min> to <max>".
 */
bool option_number(const struct args *a, const char *name, const char *what, u64 min, u64 max,
		   u64 *value);

/* The words that may follow at the cursor, for the line editor. */
void shell_complete(const char *line, u32 cursor, struct completions *c);
/* Add a candidate for a word, if it begins like it. */
void complete_with(struct completions *c, const struct word *w, const char *candidate);

/* ---- cmd_vm.c ---- */

struct vm;
/* vmm_lock, with what is said under it kept until the end. */
void shell_vmm_lock(void);
void shell_vmm_unlock(void);
/* The VM that -n or the operand names; NULL, and a line says why, if there is none. vmm_lock held. */
struct vm *vm_argument(const struct args *a);
/* "linux, zephyr, rtos" */
void print_types(void);

/* ---- cmd_kernel.c ---- */

void cmd_cpus(const struct args *a);
void cmd_irq(const struct args
		     *a); /* with irq_options, where there are guests all of them, else the first */
#define IRQ_OPTIONS 2
extern const struct option irq_options[IRQ_OPTIONS];
void cmd_threads(const struct args *a);
void cmd_log(const struct args *a);
void cmd_reboot(const struct args *a);

struct thread;
/* Time on CPU so far, what it runs right now included. */
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
void cmd_zvm_list(const struct args *a);
void cmd_zvm_console(const struct args *a);
void cmd_zvm_log(const struct args *a);
void cmd_help(const struct args *a);

/* ---- shell.c ---- */

/* The greeting, and the first prompt. */
void shell_open(void);
/* A key that was typed at the prompt: it may end a line, which is carried out. */
void shell_key(u8 key);
/* Something that the shell may be waiting for has happened: a key, output of a VM. Any context. */
void shell_notify(void *arg);
/* Wait until then (since the last return), or until the deadline. */
void shell_wait(u64 deadline);
/*
 * fn is asked for the first key of the next line, if it is no control sequence: true if it has done something about it. A command calls this while it
 * runs.
 */
void shell_on_first_key(bool (*fn)(u8 key));

#endif
