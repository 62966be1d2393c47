/* SPDX-License-Identifier: Apache-2.0 */
/* `zvm net`: networks and their ports, and captures of their frames. */
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/dev.h>
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

static void print_capture(const struct net *net)
{
	const struct port_stream *s = &net_capture_of(net)->stream;

	if (port_stream_is_open(s))
		shell_printf("captured to port %d (%s): %lu frames, %lu dropped\n", s->port,
			     console_port_name(s->port), s->records, s->dropped);
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
		if (only)
			print_capture(net);
	}
	if (!any && only)
		shell_printf("zvm net: there is no network '%s'\n", only);
	else if (!any)
		shell_printf(
			"no networks; a VM has a port by `zvm,virtio-net` in its description\n");
}

/* ---- captures ---- */

/* NULL: there is none of that name, and a line says so. */
static const struct net *network_named(const struct args *a, const char *name)
{
	const struct net *net = NULL;

	while ((net = net_next(net)) && !str_eq(net_name(net), name))
		;
	if (!net)
		shell_printf("%s: there is no network '%s'\n", a->path, name);
	return net;
}

static void end_dump(const struct net *net)
{
	const struct port_stream *s = &net_capture_of(net)->stream;

	if (!port_stream_is_open(s)) {
		shell_printf("network '%s' is not captured\n", net_name(net));
		return;
	}
	net_capture_end(net_name(net));
	shell_printf("network '%s': %lu frames captured, %lu dropped\n", net_name(net), s->records,
		     s->dropped);
}

static void start_dump(const struct args *a, const struct net *net, s32 want, u32 snap)
{
	const u64 wall = host_wall_clock ? host_wall_clock() : 0;
	const int port = net_capture_start(net_name(net), want, snap, wall);

	if (port >= 0)
		shell_printf("network '%s' is captured to port %d (%s)\n", net_name(net), port,
			     console_port_name(port));
	else if (port == -EEXIST)
		shell_printf("%s: network '%s' is captured already, to port %d\n", a->path,
			     net_name(net), net_capture_of(net)->stream.port);
	else if (port == -EBUSY)
		shell_printf("%s: port %d is in use\n", a->path, want);
	else if (port == -ENOENT)
		shell_printf("%s: %s (`host info` shows the ports)\n", a->path,
			     want < 0 ? "no port is free" : "there is no such port");
	else
		shell_printf("%s: there is no memory for a capture\n", a->path);
}

/* zvm net dump NETWORK [PORT | off] */
static void dump(const struct args *a)
{
	const char *port = a->nmore > 1 ? a->more[1] : NULL;
	const struct net *net = network_named(a, a->more[0]);
	u64 snap = NET_FRAME_MAX, want = 0;

	if (!net || !option_number(a, "-s", "bytes of a frame", NET_HEAD, NET_FRAME_MAX, &snap))
		return;
	if (port && str_eq(port, "off"))
		end_dump(net);
	else if (port && (parse_u64(port, &want) != 0 || want >= CONSOLE_MAX_PORTS))
		shell_printf("%s: '%s': expected the number of a port, or off\n", a->path, port);
	else
		start_dump(a, net, port ? (s32)want : -1, (u32)snap);
}

void cmd_zvm_net(const struct args *a)
{
	const bool dumps = a->nmore && str_eq(a->operand, "dump");

	if (a->nmore && !dumps) {
		shell_printf("%s: too many arguments: '%s'\n", a->path, a->more[0]);
		return;
	}
	shell_vmm_lock();
	if (dumps)
		dump(a);
	else
		print_nets(a->operand);
	shell_vmm_unlock();
}
