/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of a command: the same rows as text, or with --json as JSON. In JSON the command's output
 * is one object: a list for each table, an object for each row, and as "text" whatever the command
 * says beside its tables, such as what was wrong with it.
 */
#ifndef SHELL_TABLE_H
#define SHELL_TABLE_H

#include <lib/json.h>
#include <lib/printf.h>
#include <lib/types.h>

struct column {
	const char *key;  /* its name in JSON */
	const char *head; /* its heading in the text; NULL: it is in JSON only */
	const char *gap;  /* before it in the text */
	s32 width; /* in the text; < 0: its words begin at the left; 0: as long as they are */
};

struct table {
	const char *name; /* in JSON */
	const struct column *columns;
	u32 count;
	bool bare;              /* the text has no heading */
	void (*end_line)(void); /* in the text, instead of a newline; NULL */
};
#define TABLE_COLUMNS(c) .columns = (c), .count = ARRAY_SIZE(c)

/* One table at a time. */
void table_begin(const struct table *t);
void table_end(void);

/*
 * The cells of a row, in the order of the columns. The rest of a row may be missing. A number or
 * something else is a string where JSON has no name for it.
 */
void table_number(u64 value);
/* value / 10^digits */
void table_decimal(u64 value, u32 digits);
void table_string(const char *words);
void table_text(const char *fmt, ...) __printf(1, 2);
void table_flag(bool value); /* in JSON only */
/* It has none here: null, and in the text these words. */
void table_none(const char *words);
/* Words of the text, and how JSON writes it. */
void table_cell(const char *words, const char *json);
/* Numbers, at least one, each behind a blank in the text. */
void table_list(const u64 *values, u32 count, s32 width);
/* Text of several parts, in a column of width 0. */
void table_open(void);
void table_add(const char *fmt, ...) __printf(1, 2);
void table_close(void);
void table_row_end(void);

/*
 * A table of lines, each with a name and words, indented in the text; shell_facts has to be the
 * open table.
 */
extern const struct table shell_facts;
void fact(const char *name, const char *fmt, ...) __printf(2, 3);
/* The same in parts, by table_add() between these. */
void fact_open(const char *name);
void fact_close(void);

/* ---- for command.c and output.c ---- */

#define BESIDE_BYTES 2048

/* The tables of a command that is under way. */
struct table_state {
	bool on;   /* the output is JSON */
	bool any;  /* the object has a member */
	bool rows; /* the table has one */
	const struct table *table;
	u32 column;
	struct json_text text; /* it, or the one that is written */
	char line[192];        /* of the text, which is not sent yet */
	size_t line_len;
	char beside[BESIDE_BYTES];
	size_t beside_len;
};

/* Before and after a command. */
void json_begin(void);
void json_end(void);
/* True if the output is JSON. */
bool json_is_on(void);
/* Where text beside the tables goes, in JSON. */
extern struct print_sink json_beside;

#define JSON_OPTION                                               \
	{                                                         \
		"--json", NULL, ARG_NONE, "as JSON, for a script" \
	}

#endif
