/* SPDX-License-Identifier: Apache-2.0 */
/* Writes tables as text or as JSON (table.h). */
#include "table.h"

#include <lib/json.h>
#include <lib/string.h>
#include <lib/text.h>
#include "shell.h"

static struct table_state *state(void)
{
	return &shell_io()->table;
}

/* ---- JSON ---- */

/* Where it goes. JSON is ASCII, so the filter for text leaves it alone. */
static struct print_sink *output(void)
{
	return &shell_io()->text.sink;
}

bool json_is_on(void)
{
	struct table_state *out = state();

	return out->on;
}

void json_begin(void)
{
	struct table_state *out = state();

	memset(out, 0, sizeof(*out));
	out->on = true;
}

static void put_beside(struct print_sink *sink __unused, const char *s, size_t len)
{
	struct table_state *out = state();
	const size_t n = MIN(len, sizeof(out->beside) - 1 - out->beside_len);

	memcpy(out->beside + out->beside_len, s, n);
	out->beside_len += n;
	if (n < len)
		text_cut(out->beside, sizeof(out->beside));
}

struct print_sink json_beside = { .put = put_beside };

static void put_member(const char *name)
{
	struct table_state *out = state();

	(void)sink_printf(output(), "%s\"%s\": ", out->any ? ",\n" : "{", name);
	out->any = true;
}

static void begin_string(void)
{
	struct table_state *out = state();

	(void)sink_printf(output(), "\"");
	json_text_init(&out->text, output());
}

static void end_string(void)
{
	struct table_state *out = state();

	json_text_end(&out->text);
	(void)sink_printf(output(), "\"");
}

void json_end(void)
{
	struct table_state *out = state();

	if (!out->on)
		return;
	if (out->beside[0] || !out->any) {
		put_member("text");
		begin_string();
		out->text.sink.put(&out->text.sink, out->beside, strlen(out->beside));
		end_string();
	}
	(void)sink_printf(output(), "}\n");
	out->on = false;
}

/* The key of the next cell. */
static void put_key(void)
{
	struct table_state *out = state();
	const char *before = out->column ? ", " : out->rows ? ",\n {" : "\n {";

	(void)sink_printf(output(), "%s\"%s\": ", before, out->table->columns[out->column].key);
	out->rows = true;
}

/* ---- text ---- */

/* A line goes to the terminal's filter as a whole. */
static void flush(void)
{
	struct table_state *out = state();

	output()->put(output(), out->line, out->line_len);
	out->line_len = 0;
}

static void append(const char *s, size_t len)
{
	struct table_state *out = state();

	for (size_t n; len; s += n, len -= n) {
		if (out->line_len == sizeof(out->line))
			flush();
		n = MIN(len, sizeof(out->line) - out->line_len);
		memcpy(out->line + out->line_len, s, n);
		out->line_len += n;
	}
}

static void put_words(const struct column *c, const char *words, size_t len)
{
	static const char blanks[] = "                                ";
	const size_t width = (size_t)(c->width < 0 ? -c->width : c->width);
	const size_t rest = len < width ? MIN(width - len, sizeof(blanks) - 1) : 0;

	append(c->gap, strlen(c->gap));
	if (c->width > 0)
		append(blanks, rest);
	append(words, len);
	if (c->width < 0)
		append(blanks, rest);
}

static void end_line(const struct table *t)
{
	if (!t->end_line)
		append("\n", 1);
	flush();
	if (t->end_line)
		t->end_line();
}

static void put_heading(const struct table *t)
{
	for (u32 i = 0; i < t->count; i++)
		if (t->columns[i].head)
			put_words(&t->columns[i], t->columns[i].head, strlen(t->columns[i].head));
	end_line(t);
}

/* ---- either ---- */

void table_begin(const struct table *t)
{
	struct table_state *out = state();

	out->table = t;
	out->rows = false;
	out->column = 0;
	if (out->on) {
		put_member(t->name);
		(void)sink_printf(output(), "[");
	} else if (!t->bare) {
		put_heading(t);
	}
}

void table_end(void)
{
	struct table_state *out = state();

	if (out->on)
		(void)sink_printf(output(), "]");
}

void table_row_end(void)
{
	struct table_state *out = state();

	if (out->on)
		(void)sink_printf(output(), "}");
	else
		end_line(out->table);
	out->column = 0;
}

void table_cell(const char *words, const char *value)
{
	struct table_state *out = state();
	const struct column *c = &out->table->columns[out->column];

	if (out->on) {
		put_key();
		(void)sink_printf(output(), "%s", value);
	} else if (c->head) {
		put_words(c, words, strlen(words));
	}
	out->column++;
}

/* The digits of a number, from where they begin in buf. */
static const char *digits_of(u64 value, char buf[24])
{
	char *at = buf + 23;

	*at = '\0';
	do
		*--at = (char)('0' + value % 10);
	while ((value /= 10));
	return at;
}

void table_number(u64 value)
{
	char buf[24];
	const char *digits = digits_of(value, buf);

	table_cell(digits, digits);
}

void table_decimal(u64 value, u32 digits)
{
	char text[32];
	u64 one = 1;

	for (u32 i = 0; i < digits; i++)
		one *= 10;
	(void)snprintf(text, sizeof(text), "%lu.%0*lu", value / one, (int)digits, value % one);
	table_cell(text, text);
}

void table_none(const char *words)
{
	table_cell(words, "null");
}

void table_flag(bool value)
{
	table_cell("", value ? "true" : "false");
}

void table_list(const u64 *values, u32 count, s32 width)
{
	struct table_state *out = state();
	const struct column cell = { .gap = " ", .width = width };

	if (out->on)
		put_key();
	for (u32 i = 0; i < count; i++) {
		char buf[24];
		const char *digits = digits_of(values[i], buf);

		if (out->on)
			(void)sink_printf(output(), "%s%s", i ? ", " : "[", digits);
		else
			put_words(&cell, digits, strlen(digits));
	}
	if (out->on)
		(void)sink_printf(output(), "]");
	out->column++;
}

void table_open(void)
{
	struct table_state *out = state();

	if (out->on) {
		put_key();
		begin_string();
	} else {
		append(out->table->columns[out->column].gap,
		       strlen(out->table->columns[out->column].gap));
		flush();
	}
}

static void add(const char *fmt, va_list ap)
{
	struct table_state *out = state();

	if (out->on)
		(void)vsink_printf(&out->text.sink, fmt, ap);
	else
		(void)vsink_printf(&shell_io()->text.sink, fmt, ap);
}

void table_add(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(fmt, ap);
	va_end(ap);
}

void table_close(void)
{
	struct table_state *out = state();

	if (out->on)
		end_string();
	out->column++;
}

void table_string(const char *words)
{
	struct table_state *out = state();
	const struct column *c = &out->table->columns[out->column];

	if (out->on) {
		put_key();
		begin_string();
		out->text.sink.put(&out->text.sink, words, strlen(words));
		end_string();
	} else if (c->head) {
		put_words(c, words, strlen(words));
	}
	out->column++;
}

void table_text(const char *fmt, ...)
{
	char words[320];
	va_list ap;

	va_start(ap, fmt);
	if ((size_t)vsnprintf(words, sizeof(words), fmt, ap) >= sizeof(words))
		text_cut(words, sizeof(words));
	va_end(ap);
	table_string(words);
}

/* ---- facts ---- */

static const struct column fact_columns[] = {
	{ "name", "", "  ", -12 },
	{ "text", "", "", 0 },
};
const struct table shell_facts = { "facts", TABLE_COLUMNS(fact_columns), .bare = true };

void fact_open(const char *name)
{
	table_string(name);
	table_open();
}

void fact(const char *name, const char *fmt, ...)
{
	va_list ap;

	fact_open(name);
	va_start(ap, fmt);
	add(fmt, ap);
	va_end(ap);
	fact_close();
}

void fact_close(void)
{
	table_close();
	table_row_end();
}
