/* SPDX-License-Identifier: Apache-2.0 */
/* Options of a command line, and the messages for wrong ones. */
#include <lib/string.h>
#include "shell.h"

bool option_is_setting(const struct option *o)
{
	return o->name[strlen(o->name) - 1] == '=';
}

const char *option_blank(const struct option *o)
{
	return o->value && !option_is_setting(o) ? " " : "";
}

static const struct option *find_setting(const struct command *c, const char *word)
{
	for (u32 i = 0; i < c->noptions; i++) {
		if (option_is_setting(&c->options[i]) && str_starts(word, c->options[i].name))
			return &c->options[i];
	}
	return NULL;
}

static const struct option *find_option(const struct command *c, const char *name)
{
	for (u32 i = 0; i < c->noptions; i++) {
		if (str_eq(c->options[i].name, name))
			return &c->options[i];
	}
	return NULL;
}

static void print_options(const struct command *c)
{
	shell_printf("%s", c->noptions ? "; options:" : "; it has no options");
	for (u32 i = 0; i < c->noptions; i++)
		shell_printf("%s %s%s%s", i ? "," : "", c->options[i].name,
			     option_blank(&c->options[i]),
			     c->options[i].value ? c->options[i].value : "");
	shell_printf("\n");
}

static void no_option(const struct args *a, const char *word)
{
	shell_error("%s: no option '%s'", a->path, word);
	print_options(a->command);
}

/* Take key=value. False: there is no such setting, or it is given twice. */
static bool take_setting(struct args *a, const char *word)
{
	const struct option *o = find_setting(a->command, word);
	const char **slot;

	if (!o) {
		no_option(a, word);
		return false;
	}
	slot = &a->option[o - a->command->options];
	if (*slot)
		shell_error("%s: %s is given twice\n", a->path, o->name);
	if (*slot)
		return false;
	*slot = word + strlen(o->name);
	return true;
}

static bool has_settings(const struct command *c)
{
	for (u32 i = 0; i < c->noptions; i++)
		if (option_is_setting(&c->options[i]))
			return true;
	return false;
}

static bool take_operand(struct args *a, const char *word)
{
	if (a->operand && a->nmore < a->command->more) {
		a->more[a->nmore++] = word;
		return true;
	}
	if (!a->command->operand_name || (a->operand && a->command->more)) {
		shell_error("%s: too many arguments: '%s'\n", a->path, word);
		return false;
	}
	if (a->operand) {
		shell_error("%s: one %s at a time: '%s' or '%s'\n", a->path,
			    a->command->operand_name, a->operand, word);
		return false;
	}
	a->operand = word;
	return true;
}

/* Take the option at words[i]. Returns how many words it takes, 0 if it is wrong. */
static u32 take_option(struct args *a, u32 i)
{
	const struct option *o = find_option(a->command, a->words[i]);
	const char **slot;

	if (!o) {
		no_option(a, a->words[i]);
		return 0;
	}
	slot = &a->option[o - a->command->options];
	if (*slot) {
		shell_error("%s: %s is given twice\n", a->path, o->name);
		return 0;
	}
	*slot = "";
	if (!o->value)
		return 1;
	if (i + 1 == a->nwords || find_option(a->command, a->words[i + 1])) {
		shell_error("%s: %s needs %s: %s\n", a->path, o->name, o->value, o->help);
		return 0;
	}
	*slot = a->words[i + 1];
	return 2;
}

bool options_parse(struct args *a)
{
	u32 taken;

	for (u32 i = 0; i < a->nwords; i += taken) {
		taken = 1;
		if (a->words[i][0] == '-' && a->words[i][1])
			taken = take_option(a, i);
		else if (strchr(a->words[i], '=') && has_settings(a->command))
			taken = take_setting(a, a->words[i]);
		else if (!take_operand(a, a->words[i]))
			taken = 0;
		if (taken == 0)
			return false;
	}
	return true;
}

const char *option_value(const struct args *a, const char *name)
{
	const struct option *o = find_option(a->command, name);

	return o ? a->option[o - a->command->options] : NULL;
}

bool option_number(const struct args *a, const char *name, const char *what, u64 min, u64 max,
		   u64 *value)
{
	const char *text = option_value(a, name);
	u64 number;

	if (!text)
		return true;
	if (parse_u64(text, &number) != 0 || number < min || number > max) {
		shell_error("%s: %s%s%s: %s must be %lu to %lu\n", a->path, name,
			    option_blank(find_option(a->command, name)), text, what, min, max);
		return false;
	}
	*value = number;
	return true;
}
