/* SPDX-License-Identifier: Apache-2.0 */
/* The hypervisor's shell: its commands, and the kinds of things that have names. */
#include <vmm/life.h>
#include <vmm/load.h>
#include <vmm/net.h>
#include "shell.h"
#include "table.h"

const char shell_prompt[] = "zvm_host:~# ";
const char shell_banner[] = "ZVM " ZVM_VERSION ", real-time hypervisor; type `help`";
const char shell_names[] = "; VMs go by id or by name";

#define VM_OPTION "-n", "VM", ARG_VM, "the VM, by id or by name"

static const struct option vm_options[] = { { VM_OPTION } };

static const struct option info_options[] = { { VM_OPTION }, JSON_OPTION };

static const struct option new_options[] = {
	{ "-t", "TYPE", ARG_TYPE, "its type, one that `zvm list` shows" },
	{ "--name", "NAME", ARG_TEXT, "its name; default: the type's, made unique" },
	{ "-c", "CPUS", ARG_TEXT, "number of vCPUs" },
	{ "-m", "MIB", ARG_TEXT, "memory in MiB" },
	{ "-p", "PRIO", ARG_TEXT, "priority, 0 is the highest" },
	{ "-a", "CPUMASK", ARG_TEXT, "CPUs that it may run on, one bit each: 0xc is 2 and 3" },
	{ "--bootargs", "ARGS", ARG_TEXT,
	  "boot arguments after the description's; several in quotes: \"quiet panic=1\"" },
};

static const struct option set_options[] = {
	{ VM_OPTION },
	{ "prio=", "PRIO", ARG_TEXT, "priority, 0 is the highest; below 16 is real-time" },
	{ "affinity=", "MASK", ARG_TEXT, "CPUs that it may run on, one bit each; or `any`" },
	{ "budget=", "US", ARG_TEXT, "CPU time of each vCPU per period; 0: no limit" },
	{ "period=", "US", ARG_TEXT, "the budget's period: at its end the budget is refilled" },
	{ "weight=", "N", ARG_TEXT,
	  "share among VMs of equal priority, not real-time; default 100" },
	{ "policy=", "POLICY", ARG_TEXT, "round-robin, or fifo: equals wait until it sleeps" },
	{ "dedicated=", "ON", ARG_TEXT, "on: each vCPU has a CPU of its own; off" },
	{ "windows=", "LIST", ARG_TEXT, "CPU:OFFSET+LENGTH,... in us: its time windows; none" },
	{ "restart=", "WHEN", ARG_TEXT, "never, on-failure, always" },
	{ "late-limit=", "US", ARG_TEXT,
	  "explain timers that come later than this (50us; 0: none): `zvm why`" },
	{ "mem=", "MIB", ARG_TEXT, "memory that it is left with; it needs a balloon" },
	{ "rate=", "LIMIT", ARG_TEXT,
	  "disk0:kib:1024/1000, 1 MiB a second; disk0:requests:50+100/1000; net0:out-kib:none" },
};

static const struct option stop_options[] = {
	{ VM_OPTION },
	{ "-f", NULL, ARG_NONE, "stop it at once" },
};

static const struct option delete_options[] = {
	{ VM_OPTION },
	{ "-f", NULL, ARG_NONE, "even if it is running" },
};

static const struct option stat_options[] = {
	{ VM_OPTION },
	{ "-r", NULL, ARG_NONE, "count from 0 again, but for ports of networks" },
	JSON_OPTION,
};

static const struct option console_options[] = {
	{ VM_OPTION },
	{ "--break", NULL, ARG_NONE, "send it BREAK, and do not attach; while attached: Ctrl-] b" },
};

static const struct option net_options[] = {
	{ "-s", "BYTES", ARG_TEXT, "with dump: how much is kept of a frame; default 1518" },
	JSON_OPTION,
};

static const struct option trace_options[] = {
	{ VM_OPTION },
	{ "-e", "EVENTS", ARG_TEXT, "which, as exit,irq,inject,sched,virtio; default all" },
	JSON_OPTION,
};

static const struct option gdb_options[] = {
	{ VM_OPTION },
	{ "-p", "PORT", ARG_TEXT, "a console port; default: org.zvm.gdb, else the highest one" },
	{ "--off", NULL, ARG_NONE, "end it: the VM continues without its breakpoints" },
};

static const struct option log_options[] = {
	{ VM_OPTION },
	{ "-f", NULL, ARG_NONE, "follow it as it grows; Ctrl-C leaves" },
};

#define OPTIONS(o) .options = (o), .noptions = ARRAY_SIZE(o)
#define VM_OPERAND .operand = ARG_VM, .operand_name = "VM"
#define ON_VM      OPTIONS(vm_options), VM_OPERAND

static const struct command zvm_commands[] = {
	{ "new", "create", "create a VM", OPTIONS(new_options), .operand = ARG_TYPE,
	  .operand_name = "TYPE", .run = cmd_zvm_new },
	{ "run", "start", "start a VM, or resume a paused one", ON_VM, .run = cmd_zvm_run },
	{ "pause", NULL, "stop a VM's CPUs and its virtual time", ON_VM, .run = cmd_zvm_pause },
	{ "resume", NULL, "let a paused VM continue", ON_VM, .run = cmd_zvm_resume },
	{ "reset", NULL, "restart a VM from its images", ON_VM, .run = cmd_zvm_reset },
	{ "stop", NULL, "press a VM's power key, or cancel its restart", OPTIONS(stop_options),
	  VM_OPERAND, .run = cmd_zvm_stop },
	{ "delete", NULL, "remove a VM; its memory is free again", OPTIONS(delete_options),
	  VM_OPERAND, .run = cmd_zvm_delete },
	{ "info", NULL, "the VMs; or everything about one", OPTIONS(info_options), VM_OPERAND,
	  .run = cmd_zvm_info },
	{ "stat", NULL, "a VM's exits, how late its timers were, its budget", OPTIONS(stat_options),
	  VM_OPERAND, .run = cmd_zvm_stat },
	{ "top", NULL, "which threads use the CPUs, every second; q leaves",
	  .options = json_options, .noptions = JSON_OPTIONS, .run = cmd_zvm_top },
	{ "net", NULL, "the networks' ports; one network; or its frames, to a console port",
	  OPTIONS(net_options), .operand = ARG_NET,
	  .operand_name = "NETWORK | dump NETWORK [PORT | off]", .more = 2, .run = cmd_zvm_net },
	{ "channel", NULL, "the channels: peers, states, doorbells", .options = json_options,
	  .noptions = JSON_OPTIONS, .run = cmd_zvm_channel },
	{ "trace", NULL, "record events of the CPUs and VMs; send them to a console port",
	  OPTIONS(trace_options), .operand = ARG_TRACE,
	  .operand_name = "start | stop | dump [PORT | off]", .more = 1, .run = cmd_zvm_trace },
	{ "why", NULL, "what late timer interrupts waited for (`zvm set VM late-limit=50us`)",
	  OPTIONS(info_options), VM_OPERAND, .run = cmd_zvm_why },
	{ "dump", NULL, "send a VM's core, for gdb, to a console port", OPTIONS(vm_options),
	  .operand = ARG_VM, .operand_name = "VM [PORT] | off", .more = 1, .run = cmd_zvm_dump },
	{ "gdb", NULL, "serve gdb for a VM, at a console port", OPTIONS(gdb_options), VM_OPERAND,
	  .run = cmd_zvm_gdb },
	{ "set", "update", "change how a VM is scheduled, restarted, limited", OPTIONS(set_options),
	  VM_OPERAND, .run = cmd_zvm_set },
	{ "list", NULL, "the types that can be created", .options = json_options,
	  .noptions = JSON_OPTIONS, .run = cmd_zvm_list },
	{ "console", "look", "attach this terminal to a VM; Ctrl-] leaves",
	  OPTIONS(console_options), VM_OPERAND, .run = cmd_zvm_console },
	{ "log", NULL, "what a VM wrote to its console", OPTIONS(log_options), VM_OPERAND,
	  .run = cmd_zvm_log },
};

const struct command zvm_command = {
	.name = "zvm",
	.summary = "virtual machines",
	.sub = zvm_commands,
	.nsub = ARRAY_SIZE(zvm_commands),
};

static const struct option watch_options[] = {
	{ "-n", "SECONDS", ARG_TEXT, "the period; default 2" },
};

const struct command watch_command = {
	.name = "watch",
	.summary = "a command's output again and again, as far as the screen; Ctrl-C leaves",
	OPTIONS(watch_options),
	.operand = ARG_COMMAND,
	.operand_name = "COMMAND...",
	.raw = true,
	.prefix = true,
	.run = cmd_watch,
};

const struct command more_command = {
	.name = "more",
	.summary = "a command's output, screen by screen",
	.operand = ARG_COMMAND,
	.operand_name = "COMMAND...",
	.raw = true,
	.prefix = true,
	.run = cmd_more,
};

const struct command *const root_commands[] = {
	&zvm_command, &host_command, &watch_command, &more_command, &help_command,
};
const u32 root_count = ARRAY_SIZE(root_commands);

static void add_vms(struct completions *c, const struct word *w)
{
	const struct vm *vm;

	vmm_lock();
	for_each_vm(vm)
		complete_with(c, w, vm->name);
	vmm_unlock();
}

static void add_nets(struct completions *c, const struct word *w)
{
	complete_with(c, w, "dump");
	vmm_lock();
	for (const struct net *net = NULL; (net = net_next(net));)
		complete_with(c, w, net_name(net));
	vmm_unlock();
}

void complete_named(struct completions *c, const struct word *w, enum arg_kind kind)
{
	if (kind == ARG_VM)
		add_vms(c, w);
	if (kind == ARG_NET)
		add_nets(c, w);
	for (u32 i = 0; kind == ARG_TRACE && i < TRACE_VERBS; i++)
		complete_with(c, w, trace_verbs[i]);
	for (u32 i = 0; kind == ARG_TYPE && i < vm_type_count; i++)
		complete_with(c, w, vm_types[i]->desc.label);
}
