/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys at the prompt: the screen shows the editor's content, Tab adds only words of the table of
 * commands, and an entered line leads to a command with checked arguments, or to a line with the
 * reason why not.
 */
#include "fuzz.h"

#include <kernel/page.h>
#include <kernel/percpu.h>
#include <lib/errno.h>
#include <stdio.h>
#include <string.h>
#include <vmm/core.h>
#include <vmm/desc.h>
#include <vmm/life.h>
#include <vmm/load.h>
#include <vmm/net.h>
#include <vmm/place.h>
#include <vmm/trace.h>

#include "../../shell/shell.h"
#include "../../shell/table.h"

u32 host_cpu;
u64 host_counter;

static struct fuzz_input input;

/* ---- a terminal of one endless line at a time; CR LF begins a new one ---- */

static struct {
	char row[1024], escape[8];
	size_t column, escape_len;
} screen;

static void escape_byte(char c)
{
	screen.escape[screen.escape_len++] = c;
	screen.escape[screen.escape_len] = '\0';
	fuzz_assert(screen.escape_len < sizeof(screen.escape) - 1);
	if (c == '\x1b' || c == '[' || (c >= '0' && c <= '9'))
		return;
	screen.escape_len = 0;
	if (strcmp(screen.escape, "\x1b[K") == 0)
		memset(screen.row + screen.column, 0, sizeof(screen.row) - screen.column);
	else if (strcmp(screen.escape, "\x1b[H") == 0)
		screen.column = 0;
	else
		fuzz_assert(strcmp(screen.escape, "\x1b[2J") == 0);
}

static void screen_put(struct print_sink *sink, const char *s, size_t len)
{
	(void)sink;
	for (; len > 0; s++, len--) {
		if (screen.escape_len || *s == '\x1b') {
			escape_byte(*s);
		} else if (*s == '\b') {
			fuzz_assert(screen.column-- > 0);
		} else if (*s == '\r') {
			screen.column = 0;
		} else if (*s == '\n') {
			memset(screen.row, 0, sizeof(screen.row));
		} else if (*s != '\a') {
			fuzz_assert(*s >= ' ' && *s < 0x7f);
			screen.row[screen.column++] = *s;
			fuzz_assert(screen.column < sizeof(screen.row));
		}
	}
}

static struct print_sink sink = { screen_put };
static struct line_editor editor;

static void check_screen(void)
{
	char expected[512];

	(void)snprintf(expected, sizeof(expected), "%s%s", shell_prompt, editor.text);
	fuzz_assert(strlen(editor.text) == editor.len && editor.cursor <= editor.len);
	fuzz_assert(strcmp(screen.row, expected) == 0);
	fuzz_assert(screen.column == strlen(shell_prompt) + editor.cursor);
}

/* ---- a command's output ---- */

static bool said, done;

void shell_printf(const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	fuzz_assert(vsnprintf(text, sizeof(text), fmt, ap) < (int)sizeof(text));
	va_end(ap);
	if (json_is_on())
		json_beside.put(&json_beside, text, strlen(text));
	said = true;
}

void shell_error(const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	fuzz_assert(vsnprintf(text, sizeof(text), fmt, ap) < (int)sizeof(text));
	va_end(ap);
	shell_printf("%s", text);
}

bool desc_controls(const struct vm_desc *d, const char *label)
{
	(void)d, (void)label;
	fuzz_assert(!"the operator may do everything");
	return false;
}

void vm_load_patiently(struct vm *vm)
{
	(void)vm;
	fuzz_assert(!"the operator waits");
}

void shell_begin(void)
{
	said = done = false;
}

void shell_end(void)
{
}

void shell_hold(void)
{
}

void shell_release(void)
{
}

bool shell_interrupted(void)
{
	return fuzz_once_in(&input, 4);
}

/* Text in parts: JSON is ASCII, and its quotes and brackets match. */
static struct {
	bool string, escape;
	u32 depth;
} json;

static void check_json(struct print_sink *s, const char *text, size_t len)
{
	(void)s;
	said = true;
	for (size_t i = 0; json_is_on() && i < len; i++) {
		const char c = text[i];

		fuzz_assert((c >= ' ' && c < 0x7f) || (c == '\n' && !json.string));
		if (json.escape) {
			fuzz_assert(strchr("\"\\u", c));
			json.escape = false;
		} else if (c == '\\') {
			fuzz_assert(json.string);
			json.escape = true;
		} else if (c == '"') {
			json.string = !json.string;
		} else if (!json.string && strchr("{[", c)) {
			json.depth++;
		} else if (!json.string && strchr("}]", c)) {
			fuzz_assert(json.depth--);
		}
	}
}

static struct shell_io io = { .text.sink.put = check_json };

struct shell_io *shell_io(void)
{
	return &io;
}

size_t vsink_printf(struct print_sink *to, const char *fmt, va_list ap)
{
	char text[2048];
	const int len = vsnprintf(text, sizeof(text), fmt, ap);

	fuzz_assert(len >= 0 && len < (int)sizeof(text));
	to->put(to, text, (size_t)len);
	return (size_t)len;
}

size_t sink_printf(struct print_sink *to, const char *fmt, ...)
{
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	len = vsink_printf(to, fmt, ap);
	va_end(ap);
	return len;
}

static void end_row(void)
{
	shell_printf("\r\n");
}

/* Bytes of any kind, as a guest writes them. */
static const char *guest_text(void)
{
	static const char *const parts[] = { "\"",       "\\",    "\x1b[", "\xe4\xb8\xad",
					     "\xf0\x9f", "word ", "\n" };
	static char text[64];

	text[0] = '\0';
	for (u32 n = fuzz_below(&input, 6); n > 0; n--)
		strcat(text, fuzz_word(&input, parts));
	return text;
}

static void some_table(const struct args *a)
{
	static const struct column columns[] = {
		{ "a", "A", "", -6 },   { "b", "B", " ", 5 },  { "c", "C", " ", 5 },
		{ "d", "D", "", 0 },    { "e", "E", "  ", 0 }, { "f", NULL, NULL, 0 },
		{ "g", NULL, NULL, 0 },
	};
	static const struct table table = { "some", TABLE_COLUMNS(columns), .end_line = end_row };
	static const struct table bare = { "bare", TABLE_COLUMNS(columns), .bare = true };
	const u64 list[] = { 1, 2 };

	(void)a;
	json.depth = 0;
	table_begin(fuzz_byte(&input) & 1 ? &table : &bare);
	for (u32 rows = fuzz_below(&input, 3); rows > 0; rows--) {
		table_string(guest_text());
		table_number(fuzz_u64(&input));
		if (fuzz_byte(&input) & 1)
			table_none("-");
		else
			table_decimal(fuzz_u64(&input), 3);
		table_list(list, 2, 3);
		table_open();
		table_add("%s, ", guest_text());
		table_close();
		table_flag(rows & 1);
		if (fuzz_byte(&input) & 1)
			table_text("%s", guest_text());
		table_row_end();
	}
	table_end();
	shell_printf("%s", guest_text());
	table_begin(&shell_facts);
	fact("name", "%s", guest_text());
	table_end();
	fuzz_assert(!json_is_on() || (json.depth == 1 && !json.string));
}

/* ---- pretended VMs ---- */

static struct vm_type types[3];
struct vm_type *vm_types[MAX_TYPES] = { &types[0], &types[1], &types[2] };
u32 vm_type_count;
struct bundle the_bundle = { .problem = "there is none" };

static struct vm machines[2];

static void limits_changed(struct vdev *d)
{
	const struct rate_limit *l = &d->virtio->kib;

	fuzz_assert(!l->size || (l->size <= RATE_SIZE_MAX && l->ms && l->ms <= RATE_MS_MAX));
	fuzz_assert(l->burst <= RATE_SIZE_MAX);
}

static const struct vdev_class disk_class = { .name = "disk", .limits_changed = limits_changed };
static u32 locks;

const struct vm_type *type_find(const char *name)
{
	for (u32 i = 0; i < vm_type_count; i++)
		if (strcmp(vm_types[i]->desc.label, name) == 0)
			return vm_types[i];
	return NULL;
}

struct vm *vm_by_id(u32 id)
{
	fuzz_assert(locks == 1);
	return id < ARRAY_SIZE(machines) ? &machines[id] : NULL;
}

struct vm *vm_next(u32 id)
{
	return vm_by_id(id);
}

struct vm *vm_find(const char *name)
{
	for (u32 id = 0; id < ARRAY_SIZE(machines); id++)
		if (strcmp(machines[id].name, name) == 0 ||
		    (name[0] == (char)('0' + id) && !name[1]))
			return vm_by_id(id);
	return NULL;
}

void vmm_lock(void)
{
	fuzz_assert(locks++ == 0);
}

void vmm_unlock(void)
{
	fuzz_assert(locks-- == 1);
}

u32 cpu_count = 4;

int late_limit_set(struct vm *vm, u32 us)
{
	(void)vm;
	fuzz_assert(us <= LATE_LIMIT_MAX);
	return us % 2 ? -ENOMEM : 0;
}

u32 late_limit(const struct vm *vm)
{
	(void)vm;
	return 0;
}

u64 cpus_online_mask(void)
{
	return 0xf;
}

void page_stats(struct page_stats *s)
{
	*s = (struct page_stats){ .blocks_free = 1000 };
}

u64 deadline_ms(u64 ms)
{
	return ms;
}

/* Answers 0, or an error with a text. */
static int answer(struct vm_error *err)
{
	done = true;
	fuzz_assert(locks == 1);
	(void)snprintf(err->text, sizeof(err->text), "it does not go");
	if (fuzz_once_in(&input, 8) && input.left)
		return -EAGAIN; /* a disk is slow */
	return fuzz_once_in(&input, 4) ? -EINVAL : 0;
}

int vm_create(const struct vm_type *type, const struct vm_options *opt, struct vm **out,
	      struct vm_error *err)
{
	fuzz_assert(type->valid);
	fuzz_assert(opt->cpus <= VM_MAX_VCPUS && IS_ALIGNED(opt->memory, BLOCK_SIZE));
	fuzz_assert(opt->priority >= -1 && opt->priority <= PRIO_LOWEST);
	fuzz_assert(!(opt->affinity & ~cpus_online_mask()));
	fuzz_assert(!opt->name || (strlen(opt->name) < DESC_NAME_MAX && opt->name[0] != '-'));
	*out = &machines[0];
	return answer(err);
}

int vm_set(struct vm *vm, const struct vm_desc *want, const struct schedule_windows *windows,
	   struct vm_error *err)
{
	(void)vm;
	fuzz_assert(want->priority <= PRIO_LOWEST && want->weight >= 1);
	fuzz_assert(!(want->affinity & ~cpus_online_mask()) && want->restart <= RESTART_ALWAYS);
	fuzz_assert(want->budget_us <= DESC_PERIOD_MAX && want->period_us <= DESC_PERIOD_MAX);
	for (u32 i = 0; windows && i < windows->count; i++)
		fuzz_assert(i < SCHEDULE_WINDOWS && windows->at[i].cpu < MAX_CPUS &&
			    windows->at[i].length_us >= WINDOW_US_MIN);
	return answer(err);
}

int vm_await(u32 id, u64 deadline, struct vm_error *err)
{
	(void)id;
	(void)deadline;
	fuzz_assert(locks == 0);
	(void)snprintf(err->text, sizeof(err->text), "it does not load");
	machines[0].load_result = fuzz_once_in(&input, 4) ? -EINVAL : 0;
	return fuzz_once_in(&input, 4) ? -ETIMEDOUT : machines[0].load_result;
}

#define ANSWERS(name)                                 \
	int name(struct vm *vm, struct vm_error *err) \
	{                                             \
		(void)vm;                             \
		return answer(err);                   \
	}
ANSWERS(vm_run)
ANSWERS(vm_pause)
ANSWERS(vm_resume)
ANSWERS(vm_reset)

int vm_stop(struct vm *vm, bool force, struct vm_error *err)
{
	(void)force;
	return vm_run(vm, err);
}

bool virtio_uses_memory(struct vm *vm)
{
	(void)vm;
	fuzz_assert(locks == 1);
	return false;
}

void thread_sleep_ms(u64 ms)
{
	(void)ms;
}

int vm_delete(struct vm *vm, bool force, struct vm_error *err)
{
	(void)force;
	return vm_run(vm, err);
}

/* ---- the other commands: they were called as they may be ---- */

static void check_args(const struct args *a)
{
	done = true;
	fuzz_assert(a->nwords <= MAX_WORDS && a->path[0] && a->nmore <= a->command->more);
	fuzz_assert(!a->operand || a->command->operand_name);
	for (u32 i = 0; i < a->nwords; i++)
		fuzz_assert(a->words[i][0] && !strchr(a->words[i], ' '));
	for (u32 i = 0; i < a->command->noptions; i++)
		fuzz_assert(!a->option[i] || a->command->options[i].value || !a->option[i][0]);
}

const struct net *net_next(const struct net *net)
{
	return net ? NULL : (const struct net *)vm_types;
}

const char *net_name(const struct net *net)
{
	(void)net;
	return "lan0";
}

#define CHECKED(name)                   \
	void name(const struct args *a) \
	{                               \
		check_args(a);          \
	}
CHECKED(cmd_zvm_info)
CHECKED(cmd_zvm_stat)
CHECKED(cmd_zvm_top)
CHECKED(cmd_zvm_channel)
CHECKED(cmd_zvm_net)
CHECKED(cmd_zvm_list)
CHECKED(cmd_zvm_console)
CHECKED(cmd_zvm_log)
CHECKED(cmd_zvm_trace)
CHECKED(cmd_zvm_dump)
CHECKED(cmd_zvm_why)
CHECKED(cmd_zvm_gdb)

/* `watch` and `more` run another command. */
void cmd_more(const struct args *a)
{
	if (a->nwords)
		command_run_words(a->words, a->nwords);
	else
		check_args(a);
}

void cmd_watch(const struct args *a)
{
	cmd_more(a);
}

const char *const trace_verbs[TRACE_VERBS] = { "start", "stop", "dump" };

static const struct option host_options[] = { { "-f", NULL, ARG_NONE, "more" }, JSON_OPTION };
const struct option json_options[JSON_OPTIONS] = { JSON_OPTION };
static const struct command host_commands[] = {
	{ "info", NULL, "about", .run = check_args },
	{ "irq", "i", "interrupts", .options = host_options, .noptions = 2, .run = check_args },
	{ "some", NULL, "a table", .options = json_options, .noptions = 1, .run = some_table },
};
const struct command host_command = {
	.name = "host", .summary = "it", .sub = host_commands, .nsub = 3
};

/* ---- keys ---- */

/* Something that is likely at the prompt: beginnings of lines, what goes on from there, keys. */
static const char *const beginnings[] = {
	"zvm set linux ",
	"zvm new linux ",
	"zvm new -t rtos ",
	"zvm run ",
	"zvm stop -f linux ",
	"zvm set -n 1 ",
	"zvm pause ",
	"zvm resume ",
	"zvm reset",
	"zvm delete ",
	"zvm update rtos ",
	"zvm create ",
	"zvm stop linux ",
	"zvm new linux --name ",
	"zvm info ",
	"zvm ",
	"host irq ",
	"host some ",
	"host some --json ",
	"host ",
	"zvm net ",
	"help zvm ",
	"watch host some ",
	"watch -n 5 zvm ",
	"more ",
	"help ",
	"",
};
static const char *const words[] = {
	"linux ",
	"rtos ",
	"broken ",
	"0 ",
	"2 ",
	"99999999999999999999 ",
	"-n ",
	"-t ",
	"-f ",
	"-h ",
	"--name ",
	"-c ",
	"-m ",
	"-p ",
	"-a ",
	"prio=10 ",
	"prio=",
	"affinity=0x3 ",
	"affinity=",
	"affinity=any ",
	"budget=300 ",
	"budget=0 ",
	"period=1000 ",
	"weight=50 ",
	"policy=fifo ",
	"policy=",
	"dedicated=on ",
	"restart=always ",
	"restart=x ",
	"windows=none ",
	"rate=disk0:kib:10+20/1000 ",
	"rate=disk0:requests:none ",
	"rate=disk0:",
	"windows=1:0+2000,1:5000+500 ",
	"windows=1:0+",
	",1:0+99 ",
	"windows=",
	"x ",
	"0x3 ",
	"-",
	"=",
	"4096 ",
	"--help ",
	"--json ",
	"dump lan0 ",
};
static const char *const keys[] = {
	"\t",        "\t\t",         "l\t",      "\r",       "\r\n",   "\n",
	"\x03",      "\x1b[A",       "\x1b[B",   "\x1b[C",   "\x1b[D", "\x1b[3~",
	"\x1b[1;5D", "\x1bOH",       "\x1b\x62", "\x1b\x66", "\x01",   "\x04",
	"\x05",      "\x0b",         "\x0c",     "\x15",     "\x17",   "\x19",
	"\x7f",      "\x1b]0;t\x07", "\x1b[M",   "\xc2\x9b", "\x1b",
};

static void feed(u8 key)
{
	enum line_result result = line_feed(&editor, key);

	if (result == LINE_EDITING && !line_in_sequence(&editor))
		check_screen();
	if (result == LINE_ENTERED) {
		const bool empty = strspn(editor.text, " ") == editor.len;

		command_run(editor.text);
		fuzz_assert(said || done || empty);
		fuzz_assert(locks == 0);
	}
	if (result != LINE_EDITING)
		line_start(&editor);
}

/* The word before the cursor becomes one that begins with it. */
static void check_completion(void)
{
	static struct completions c;

	memset(&c, 0, sizeof(c));
	shell_complete(editor.text, editor.cursor, &c);
	fuzz_assert(c.count <= COMPLETIONS_MAX && c.start <= editor.cursor);
	for (u32 i = 0; i < c.count; i++) {
		fuzz_assert(memchr(c.text[i], '\0', COMPLETION_SIZE));
		fuzz_assert(!strncmp(c.text[i], editor.text + c.start, editor.cursor - c.start));
	}
}

static void set_up(void)
{
	static const char *const labels[] = { "linux", "rtos", "broken" };

	vm_type_count = fuzz_once_in(&input, 16) ? 0 : ARRAY_SIZE(labels);
	for (u32 i = 0; i < ARRAY_SIZE(labels); i++) {
		strcpy(vm_types[i]->desc.label, labels[i]);
		vm_types[i]->valid = i < 2;
		strcpy(vm_types[i]->error.text, i ? "is wrong" : "");
	}
	for (u32 i = 0; i < ARRAY_SIZE(machines); i++) {
		machines[i].id = i;
		machines[i].type = vm_types[i];
		strcpy(machines[i].name, i ? "linux-2" : "linux");
		machines[i].desc.weight = 100;
		strcpy(machines[i].desc.virtio[0].name, "disk0");
		machines[i].desc.virtio[0].kind = i ? VIRTIO_NET : VIRTIO_BLK;
		machines[i].devices[0].class = &disk_class;
		machines[i].devices[0].virtio = &machines[i].desc.virtio[0];
		machines[i].ndevices = 1;
	}
	memset(&screen, 0, sizeof(screen));
	locks = 0;
	line_init(&editor, &sink, shell_prompt, shell_complete);
	line_start(&editor);
}

static void type(const char *text)
{
	for (; *text; text++)
		feed((u8)*text);
}

/* A likely line, or keys in any order. */
static void press(void)
{
	switch (fuzz_below(&input, 4)) {
	case 0:
		type(fuzz_word(&input, beginnings));
		for (u32 n = fuzz_below(&input, fuzz_once_in(&input, 16) ? 40 : 5); n > 0; n--)
			type(fuzz_word(&input, words));
		check_completion();
		type(fuzz_once_in(&input, 4) ? "" : "\r");
		break;
	case 1:
		type(fuzz_word(&input, words));
		break;
	case 2:
		type(fuzz_word(&input, keys));
		break;
	default:
		feed(fuzz_byte(&input));
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	input = (struct fuzz_input){ .at = data, .left = size };
	set_up();
	while (input.left) {
		press();
		check_completion();
		if (line_in_sequence(&editor) && fuzz_once_in(&input, 8))
			line_forget_sequence(&editor);
		fuzz_assert(!line_is_fresh(&editor) || !editor.len);
	}
	return 0;
}
