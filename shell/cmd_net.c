/* SPDX-License-Identifier: Apache-2.0 */
/* `zvm net`: networks and their ports. */
#include <lib/string.h>
#include <vmm/net.h>
#include "shell.h"

static void count_station(u64 mac __unused, void *count)
{
	++*(u32 *)count;
}

static void print_port(const struct net *net, const struct net_port *p)
{
	char mac[NET_MAC_TEXT];
	u32 learnt = 0;

	net_each_station(p, count_station, &learnt);
	shell_printf("%-12s %-12s %-8s %s %6u %9lu %12lu %8lu %9lu %12lu %8lu\n", net_name(net),
		     p->owner, p->name, net_mac_text(p->own.mac, mac), learnt, p->in.frames,
		     p->in.bytes, p->in.dropped, p->out.frames, p->out.bytes, p->out.dropped);
}

static void print_station(u64 mac, void *arg __unused)
{
	char text[NET_MAC_TEXT];

	shell_printf(" %s", net_mac_text(mac, text));
}

/* The addresses behind a port. */
static void print_learnt(const struct net_port *p)
{
	u32 learnt = 0;

	net_each_station(p, count_station, &learnt);
	if (!learnt && !p->displaced)
		return;
	shell_printf("behind %s %s:", p->owner, p->name);
	net_each_station(p, print_station, NULL);
	if (p->displaced)
		shell_printf("; %lu had to give way: %u are kept", p->displaced, p->room);
	shell_printf("\n");
}

static void print_nets(const char *only)
{
	const struct net_port *p;
	bool any = false;

	for (const struct net *net = NULL; (net = net_next(net));) {
		if (only && !str_eq(net_name(net), only))
			continue;
		if (!any)
			shell_printf(
				"NETWORK      VM           PORT     MAC               LEARNT "
				"IN-FRAMES     IN-BYTES IN-DROPS OUT-FRAMES   OUT-BYTES OUT-DROPS\n");
		any = true;
		for (p = NULL; (p = net_port_next(net, p));)
			print_port(net, p);
		for (p = NULL; only && (p = net_port_next(net, p));)
			print_learnt(p);
	}
	if (!any && only)
		shell_printf("zvm net: there is no network '%s'\n", only);
	else if (!any)
		shell_printf(
			"no networks; a VM has a port by `zvm,virtio-net` in its description\n");
}

void cmd_zvm_net(const struct args *a)
{
	shell_vmm_lock();
	print_nets(a->operand);
	shell_vmm_unlock();
}
