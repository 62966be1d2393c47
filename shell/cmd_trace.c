/* SPDX-License-Identifier: Apache-2.0 */
/* `zvm trace`: recording of events, and their way to a port. */
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/core.h>
#include <vmm/dev.h>
#include <vmm/trace.h>
#include "shell.h"
#include "table.h"

const char *const trace_verbs[TRACE_VERBS] = { "start", "stop", "dump" };

/* "exit,irq" */
static void groups_text(u32 groups, char *text, size_t size)
{
	size_t n = 0;
	u32 i;

	text[0] = '\0';
	for (i = 0; i < TRACE_GROUP_COUNT; i++)
		if (groups & BIT(i))
			n += (size_t)snprintf(text + n, size - n, "%s%s", n ? "," : "",
					      trace_group_names[i]);
}

#define ALL_GROUPS ((u32)BITS(TRACE_GROUP_COUNT - 1, 0))

/* The group whose name text begins with, up to a comma or the end: its bit, or 0. */
static u32 group_named(const char *text, size_t len)
{
	for (u32 i = 0; i < TRACE_GROUP_COUNT; i++)
		if (strlen(trace_group_names[i]) == len &&
		    memcmp(trace_group_names[i], text, len) == 0)
			return (u32)BIT(i);
	return 0;
}

/* -e. False, with a line that says why: not a list of groups. */
static bool parse_groups(const struct args *a, u32 *groups)
{
	const char *text = option_value(a, "-e");
	char all[80];

	*groups = text ? 0 : ALL_GROUPS;
	while (text && *text) {
		size_t len = 0;
		u32 group;

		while (text[len] && text[len] != ',')
			len++;
		group = group_named(text, len);
		if (!group)
			break;
		*groups |= group;
		text += len + (text[len] == ',');
	}
	if (*groups && (!text || !*text))
		return true;
	groups_text(ALL_GROUPS, all, sizeof(all));
	shell_error("%s: -e %s: expected a list of these: %s\n", a->path, option_value(a, "-e"),
		    all);
	return false;
}

static void start(const struct args *a)
{
	struct args named = *a;
	const struct vm *only = NULL;
	char text[80];
	u32 groups;
	int err;

	named.operand = NULL;
	if (option_value(a, "-n") && !(only = vm_argument(&named)))
		return;
	if (!parse_groups(a, &groups))
		return;
	err = trace_start(groups, only);
	groups_text(groups, text, sizeof(text));
	if (!err)
		shell_printf("recording %s of %s: the last %u events of each CPU are kept\n", text,
			     only ? only->name : "all VMs", TRACE_RING_RECORDS - 1);
	else if (err == -ENOMEM)
		shell_error("%s: no memory: a trace takes %lu KiB for each of %u CPUs\n", a->path,
			    TRACE_RING_BYTES / KIB(1), cpu_count);
	else if (trace_look().recording)
		shell_error("%s: already recording; `zvm trace stop` ends that\n", a->path);
	else
		shell_error("%s: the last one is being sent; `zvm trace dump off` ends that\n",
			    a->path);
}

static void stop(const struct args *a)
{
	const struct trace_look look = trace_look();
	const u64 kib = cpu_count * TRACE_RING_BYTES / KIB(1);
	const int err = trace_stop();

	if (!err && look.recording)
		shell_printf("%lu events recorded; `zvm trace dump` sends them, "
			     "another `zvm trace stop` frees their %lu KiB\n",
			     trace_look().written, kib);
	else if (!err)
		shell_printf("%lu KiB freed\n", kib);
	else if (err == -EBUSY)
		shell_error("%s: the trace is being sent; `zvm trace dump off` ends that\n",
			    a->path);
	else
		shell_error("%s: there is no trace; `zvm trace start` begins one\n", a->path);
}

static void dump_to(const struct args *a, s32 want)
{
	const u64 wall = host_wall_clock ? host_wall_clock() : 0;
	const int port = trace_dump(want, wall);

	if (port >= 0)
		shell_printf("the trace is sent to port %d (%s)\n", port, console_port_name(port));
	else if (port == -EPERM)
		shell_error("%s: there is no trace; `zvm trace start` begins one\n", a->path);
	else if (port == -EEXIST)
		shell_error("%s: the trace is being sent, to port %d\n", a->path,
			    trace_look().port);
	else if (port == -EBUSY)
		shell_error("%s: port %d is in use\n", a->path, want);
	else if (port == -ENOENT)
		shell_error("%s: %s (`host info` shows the ports)\n", a->path,
			    want < 0 ? "no port is free" : "there is no such port");
	else
		shell_error("%s: there is no memory for a dump\n", a->path);
}

/* zvm trace dump [PORT | off] */
static void dump(const struct args *a)
{
	const char *port = a->nmore ? a->more[0] : NULL;
	u64 want = 0;

	if (port && str_eq(port, "off"))
		shell_printf(trace_dump_end() ? "the dump ends\n" : "no trace is being sent\n");
	else if (port && (parse_u64(port, &want) != 0 || want >= CONSOLE_MAX_PORTS))
		shell_error("%s: '%s': expected the number of a port, or off\n", a->path, port);
	else
		dump_to(a, port ? (s32)want : -1);
}

/* ---- the state ---- */

static const struct column trace_columns[] = {
	{ "state", "STATE", "", -9 }, { "events", "EVENTS", " ", -24 },
	{ "vm", "VM", " ", -12 },     { "written", "WRITTEN", " ", 12 },
	{ "port", "PORT", " ", 4 },   { "sent", "SENT", " ", 12 },
	{ "lost", "LOST", " ", 12 },
};
static const struct table traces = { "traces", TABLE_COLUMNS(trace_columns) };

static void show(void)
{
	const struct trace_look look = trace_look();
	const struct vm *only = look.only < 0 ? NULL : vm_by_id((u32)look.only);
	char text[80];

	if (!look.rings)
		shell_printf("there is no trace; `zvm trace start` begins one\n");
	if (!look.rings && !json_is_on())
		return;
	table_begin(&traces);
	if (look.rings) {
		groups_text(look.groups, text, sizeof(text));
		table_string(look.recording ? "recording" : "stopped");
		table_string(text);
		table_string(only ? only->name : look.only < 0 ? "all" : "(gone)");
		table_number(look.written);
		if (look.port < 0)
			table_string("-");
		else
			table_number((u64)look.port);
		table_number(look.sent);
		table_number(look.lost);
		table_row_end();
	}
	table_end();
}

void cmd_zvm_trace(const struct args *a)
{
	const bool dumps = a->operand && str_eq(a->operand, "dump");

	shell_vmm_lock();
	if (a->nmore && !dumps)
		shell_error("%s: too many arguments: '%s'\n", a->path, a->more[0]);
	else if (!a->operand)
		show();
	else if (dumps)
		dump(a);
	else if (str_eq(a->operand, "start"))
		start(a);
	else if (str_eq(a->operand, "stop"))
		stop(a);
	else
		shell_error("%s: '%s': expected start, stop or dump\n", a->path, a->operand);
	shell_vmm_unlock();
}
