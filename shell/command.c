/* SPDX-License-Identifier: Apache-2.0 */
/* Finds a command in the table (commands.c), and prints the help from it. */
#include <lib/string.h>
#include "shell.h"
#include "table.h"

static bool is_called(const struct command *c, const char *name)
{
	return str_eq(c->name, name) || (c->alias && str_eq(c->alias, name));
}

const struct command *find_sub(const struct command *parent, const char *name)
{
	for (u32 i = 0; i < parent->nsub; i++) {
		if (is_called(&parent->sub[i], name))
			return &parent->sub[i];
	}
	return NULL;
}

const struct command *find_root(const char *name)
{
	for (u32 i = 0; i < root_count; i++) {
		if (is_called(root_commands[i], name))
			return root_commands[i];
	}
	return NULL;
}

/* ---- help ---- */

static void print_usage(const char *path, const struct command *c)
{
	shell_printf("usage: %s", path);
	for (u32 i = 0; i < c->noptions; i++)
		shell_printf(" [%s%s%s]", c->options[i].name, option_blank(&c->options[i]),
			     c->options[i].value ? c->options[i].value : "");
	if (c->operand_name)
		shell_printf(" [%s]", c->operand_name);
	shell_printf("\n");
}

static void print_row(const char *path, const struct command *c)
{
	char name[48];

	snprintf(name, sizeof(name), "%s%s%s%s%s", path, *path ? " " : "", c->name,
		 c->alias ? "|" : "", c->alias ? c->alias : "");
	shell_printf("  %-20s %s\n", name, c->summary);
}

void command_help(const char *path, const struct command *c)
{
	if (c->nsub) {
		for (u32 i = 0; i < c->nsub; i++)
			print_row(path, &c->sub[i]);
		shell_printf("`%s COMMAND -h` says more about a command.\n", path);
		return;
	}
	print_usage(path, c);
	shell_printf("  %s\n", c->summary);
	for (u32 i = 0; i < c->noptions; i++) {
		char left[24];

		snprintf(left, sizeof(left), "%s%s%s", c->options[i].name,
			 option_blank(&c->options[i]),
			 c->options[i].value ? c->options[i].value : "");
		shell_printf("  %-16s %s\n", left, c->options[i].help);
	}
	if (c->alias)
		shell_printf("`%s` is the same.\n", c->alias);
}

static void print_sub_names(const struct command *parent)
{
	for (u32 i = 0; i < parent->nsub; i++)
		shell_printf("%s%s", i ? ", " : "", parent->sub[i].name);
	shell_printf("\n");
}

static void no_command(const char *name)
{
	shell_error("no command '%s'; there are: ", name);
	for (u32 i = 0; i < root_count; i++)
		shell_printf("%s%s", i ? ", " : "", root_commands[i]->name);
	shell_printf("\n");
}

static void no_sub(const struct command *parent, const char *name)
{
	shell_error("%s: no command '%s'; there are: ", parent->name, name);
	print_sub_names(parent);
}

void cmd_help(const struct args *a)
{
	const struct command *c, *sub = NULL;
	char path[32];

	if (a->nwords == 0) {
		for (u32 i = 0; i < root_count; i++) {
			print_row("", root_commands[i]);
			for (u32 j = 0; j < root_commands[i]->nsub; j++)
				print_row(root_commands[i]->name, &root_commands[i]->sub[j]);
		}
		shell_printf("`help COMMAND` or `COMMAND -h` says more; Tab completes%s.\n",
			     shell_names);
		return;
	}
	c = find_root(a->words[0]);
	if (!c) {
		no_command(a->words[0]);
		return;
	}
	if (a->nwords > 1) {
		sub = find_sub(c, a->words[1]);
		if (!sub) {
			no_sub(c, a->words[1]);
			return;
		}
	}
	snprintf(path, sizeof(path), "%s%s%s", c->name, sub ? " " : "", sub ? sub->name : "");
	command_help(path, sub ? sub : c);
}

const struct command help_command = {
	.name = "help",
	.alias = "?",
	.summary = "the commands and how to use them",
	.operand = ARG_COMMAND,
	.operand_name = "COMMAND",
	.raw = true,
	.run = cmd_help,
};

/* ---- running ---- */

/*
 * Copy the word at *from to `to`, without its quotes. *from is moved behind it. Returns the quote
 * that is still open at the end, or 0.
 */
static char take_word(const char **from, char *to)
{
	const char *p = *from;
	char quote = 0;

	for (; *p && (quote || *p != ' '); p++) {
		if (*p == quote)
			quote = 0;
		else if (!quote && (*p == '"' || *p == '\''))
			quote = *p;
		else
			*to++ = *p;
	}
	*from = *p ? p + 1 : p; /* a word is never longer than its source */
	*to = '\0';
	return quote;
}

u32 split_words(char *line, const char **words, u32 max, char *open)
{
	const char *from = line;
	u32 count = 0;

	*open = 0;
	for (;;) {
		char *to;

		while (*from == ' ')
			from++;
		if (!*from)
			return count;
		to = line + (from - line);
		if (count < max)
			words[count] = to;
		count++;
		*open = take_word(&from, to);
	}
}

static bool is_question(const char *word)
{
	return str_eq(word, "-h") || str_eq(word, "--help") || str_eq(word, "?");
}

/* Behind `watch` and `more` the question is that command's, unless it comes first. */
static bool wants_help(const struct args *a)
{
	const u32 count = a->command->prefix ? MIN(a->nwords, 1U) : a->nwords;

	for (u32 i = 0; i < count; i++)
		if (is_question(a->words[i]))
			return true;
	return false;
}

static void run_parsed(const struct args *a)
{
	if (option_value(a, "--json"))
		json_begin();
	a->command->run(a);
	json_end();
}

void command_words(const struct command *c, const char *const *words, u32 nwords,
		   bool (*allowed)(const struct args *a))
{
	const struct command *parent = c->nsub ? c : NULL;
	struct args a = { .command = c, .words = words, .nwords = nwords };

	str_copy(a.path, c->name, sizeof(a.path));
	if (parent && nwords && words[0][0] != '-' && !is_question(words[0])) {
		a.command = find_sub(parent, words[0]);
		if (!a.command) {
			no_sub(parent, words[0]);
			return;
		}
		snprintf(a.path, sizeof(a.path), "%s %s", parent->name, a.command->name);
		a.words++;
		a.nwords--;
	}
	if (a.command->nsub || (wants_help(&a) && (!a.command->raw || a.command->prefix)))
		command_help(a.path, a.command);
	else if (a.command->raw)
		a.command->run(&a);
	else if (options_parse(&a) && (!allowed || allowed(&a)))
		run_parsed(&a);
}

void command_run_words(const char *const *words, u32 nwords)
{
	const struct command *c = find_root(words[0]);

	if (!c)
		no_command(words[0]);
	else if (c->prefix)
		shell_error("%s: not behind another `watch` or `more`\n", c->name);
	else
		command_words(c, words + 1, nwords - 1, NULL);
}

static void run_line(char *line)
{
	const char *words[MAX_WORDS];
	char open;
	u32 count = split_words(line, words, MAX_WORDS, &open);
	const struct command *c;

	if (count == 0)
		return;
	c = find_root(words[0]);
	if (open)
		shell_error("the quote %c is not closed\n", open);
	else if (!c)
		no_command(words[0]);
	else if (count > MAX_WORDS)
		shell_error("%s: more than %u words\n", words[0], MAX_WORDS);
	else
		command_words(c, words + 1, count - 1, NULL);
}

void command_run(char *line)
{
	shell_begin();
	run_line(line);
	shell_end();
}
