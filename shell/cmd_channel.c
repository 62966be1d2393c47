/* SPDX-License-Identifier: Apache-2.0 */
/* `zvm channel`: channels, their peers, and how long ago each was interrupted. */
#include <arch/timer.h>
#include <vmm/core.h>
#include <vmm/pci.h>
#include "shell.h"
#include "table.h"

static const struct column columns[] = {
	{ "channel", "CHANNEL", "", -12 },
	{ "peer", "PEER", " ", 4 },
	{ "vm", "VM", " ", -12 },
	{ "vm_state", "VM-STATE", " ", -8 },
	{ "state", "STATE", " ", -10 },
	{ "events", "EVENTS", " ", 10 },
	{ "interrupts", "INTERRUPTS", " ", 10 },
	{ "waits", "WAITS", " ", -5 },
	{ "last_ms_ago", "THE LAST ONE", " ", 0 },
};
static const struct table peers = { "peers", TABLE_COLUMNS(columns) };

/* How long ago the last interrupt was. */
static void print_age(u64 at)
{
	const u64 ms = (arch_counter() - at) / (arch_counter_hz() / 1000);
	char words[32], json[24];

	if (!at) {
		table_none("never");
		return;
	}
	(void)snprintf(words, sizeof(words), "%lu.%03lu s ago", ms / 1000, ms % 1000);
	(void)snprintf(json, sizeof(json), "%lu", ms);
	table_cell(words, json);
}

static void print_peer(struct channel *c, u32 id)
{
	const struct channel_look look = channel_look(c, id);

	table_string(channel_desc(c)->name);
	table_number(id);
	table_string(channel_desc(c)->peers[id]);
	if (look.vm)
		table_string(vm_state_name(look.vm->state));
	else
		table_none("-");
	table_text("0x%08x", look.shown);
	table_number(look.rung);
	table_number(look.interrupts);
	table_cell(look.waits ? "yes" : "no", look.waits ? "true" : "false");
	print_age(look.last);
	table_row_end();
}

static void print_channels(void)
{
	struct channel *c = channel_next(NULL);

	if (!c)
		shell_printf(
			"no channels; VMs share one that all of their descriptions have in /channels\n");
	if (!c && !json_is_on())
		return;
	table_begin(&peers);
	for (; c; c = channel_next(c))
		for (u32 id = 0; id < channel_desc(c)->peer_count; id++)
			print_peer(c, id);
	table_end();
}

void cmd_zvm_channel(const struct args *a __unused)
{
	shell_vmm_lock();
	print_channels();
	shell_vmm_unlock();
}
