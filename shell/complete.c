/* SPDX-License-Identifier: Apache-2.0 */
/* Completion: the words that the table of commands allows at the cursor. */
#include <lib/string.h>
#include "shell.h"

void complete_with(struct completions *c, const struct word *w, const char *candidate)
{
	completion_add(c, w->text, w->len, candidate);
}

static void add_commands(struct completions *c, const struct word *w, const struct command *parent)
{
	for (u32 i = 0; parent && i < parent->nsub; i++)
		complete_with(c, w, parent->sub[i].name);
	for (u32 i = 0; !parent && i < root_count; i++)
		complete_with(c, w, root_commands[i]->name);
}

static void add_kind(struct completions *c, const struct word *w, enum arg_kind kind)
{
	switch (kind) {
	case ARG_VM:
	case ARG_TYPE:
	case ARG_NET:
	case ARG_TRACE:
		complete_named(c, w, kind);
		break;
	case ARG_COMMAND:
		add_commands(c, w, NULL);
		break;
	case ARG_NONE:
	case ARG_TEXT:
		break;
	}
}

/*
 * True if the word before the current one is an option that needs a value: the current word is that
 * value.
 */
static bool add_value(struct completions *c, const struct word *w, const struct command *command,
		      const char *before)
{
	for (u32 i = 0; before && i < command->noptions; i++) {
		const struct option *o = &command->options[i];

		if (o->value && str_eq(o->name, before)) {
			add_kind(c, w, o->kind);
			return true;
		}
	}
	return false;
}

/* Add the command's settings (key=), or its other options. */
static void add_settings(struct completions *c, const struct word *w, const struct command *command,
			 bool settings)
{
	for (u32 i = 0; i < command->noptions; i++)
		if (option_is_setting(&command->options[i]) == settings)
			complete_with(c, w, command->options[i].name);
}

static void add_arguments(struct completions *c, const struct word *w,
			  const struct command *command, const char *before)
{
	if (add_value(c, w, command, before))
		return;
	if (w->len == 0 || w->text[0] != '-') {
		add_kind(c, w, command->operand);
		add_settings(c, w, command, true);
		return;
	}
	add_settings(c, w, command, false);
	if (!command->raw)
		complete_with(c, w, "-h");
}

/* How many words stand before the command that is meant: `watch -n 5 zvm info`. */
static u32 words_before(const char *const *words, u32 count)
{
	const struct command *c = count ? find_root(words[0]) : NULL;

	if (!c || !c->prefix)
		return 0;
	return count > 1 && words[1][0] == '-' ? 3 : 1;
}

void shell_complete(const char *line, u32 cursor, struct completions *c)
{
	static char text[LINE_SIZE];
	const char *all[MAX_WORDS], **words = all;
	const struct command *command = NULL;
	struct word w;
	u32 count, before, next = 0;
	char open;

	c->start = cursor;
	while (c->start > 0 && line[c->start - 1] != ' ')
		c->start--;
	w = (struct word){ line + c->start, cursor - c->start };
	/* The words before the current one select the command. */
	memcpy(text, line, c->start);
	text[c->start] = '\0';
	count = split_words(text, words, MAX_WORDS, &open);
	before = count <= MAX_WORDS ? words_before(words, count) : 0;
	if (count > MAX_WORDS || open || before > count)
		return;
	words += before;
	count -= before;
	if (count > 0 && str_eq(words[0], "help")) {
		command = count > 1 ? find_root(words[1]) : NULL;
		if (count == 1 || (count == 2 && command && command->nsub))
			add_commands(c, &w, command);
		return;
	}
	if (count > next)
		command = find_root(words[next++]);
	if (count > next && command && command->nsub)
		command = find_sub(command, words[next++]);
	if (count == 0 || (command && command->nsub))
		add_commands(c, &w, command);
	else if (command)
		add_arguments(c, &w, command, count > next ? words[count - 1] : NULL);
}
