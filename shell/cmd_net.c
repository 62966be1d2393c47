/* SPDX-License-Identifier: Apache-2.0 */
/* `zvm net`: networks and their ports, and captures of their frames. */
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/dev.h>
#include <vmm/net.h>
#include "shell.h"
#include "table.h"

static void count_station(u64 mac __unused, void *count)
{
	++*(u32 *)count;
}

/* clang-format off */
static const struct column port_columns[] = {
	{ "network", "NETWORK", "", -12 },
	{ "vm", "VM", " ", -12 },
	{ "port", "PORT", " ", -8 },
	{ "mac", "MAC", " ", -17 },
	{ "learnt", "LEARNT", " ", 6 },
	PORT_COUNT_COLUMNS
};
/* clang-format on */
static const struct table ports = { "ports", TABLE_COLUMNS(port_columns) };

static void put_counts(const struct net_counts *c)
{
	table_number(c->frames);
	table_number(c->bytes);
	table_number(c->dropped);
}

void end_port_row(const struct net_port *p)
{
	put_counts(&p->in);
	put_counts(&p->out);
	table_row_end();
}

static void print_port(const struct net *net, const struct net_port *p)
{
	char mac[NET_MAC_TEXT];
	u32 learnt = 0;

	net_each_station(p, count_station, &learnt);
	table_string(net_name(net));
	table_string(p->owner);
	table_string(p->name);
	table_string(net_mac_text(p->own.mac, mac));
	table_number(learnt);
	end_port_row(p);
}

/* The addresses behind ports. */
static const struct column station_columns[] = {
	{ "vm", "", "behind ", 0 },
	{ "port", "", " ", 0 },
	{ "macs", "", ":", 0 },
	{ "displaced", NULL, NULL, 0 },
};
static const struct table stations = { "stations", TABLE_COLUMNS(station_columns), .bare = true };

static void print_station(u64 mac, void *first)
{
	char text[NET_MAC_TEXT];

	table_add("%s%s", json_is_on() && *(bool *)first ? "" : " ", net_mac_text(mac, text));
	*(bool *)first = false;
}

static void print_learnt(const struct net_port *p)
{
	u32 learnt = 0;
	bool first = true;

	net_each_station(p, count_station, &learnt);
	if (!learnt && !p->displaced)
		return;
	table_string(p->owner);
	table_string(p->name);
	table_open();
	net_each_station(p, print_station, &first);
	if (p->displaced && !json_is_on())
		table_add("; %lu had to give way: %u are kept", p->displaced, p->room);
	table_close();
	table_number(p->displaced);
	table_row_end();
}

static void end_capture_line(void)
{
	shell_printf(" dropped\n");
}

static const struct column capture_columns[] = {
	{ "port", "", "captured to port ", 0 },
	{ "name", "", " (", 0 },
	{ "frames", "", "): ", 0 },
	{ "dropped", "", " frames, ", 0 },
};
static const struct table captures = { "captures", TABLE_COLUMNS(capture_columns), .bare = true,
				       .end_line = end_capture_line };

static void print_capture(const struct net *net)
{
	const struct port_stream *s = &net_capture_of(net)->stream;

	if (!port_stream_is_open(s))
		return;
	table_number((u64)s->port);
	table_string(console_port_name(s->port));
	table_number(s->records);
	table_number(s->dropped);
	table_row_end();
}

static void print_ports(const struct net *net)
{
	for (const struct net_port *p = NULL; (p = net_port_next(net, p));)
		print_port(net, p);
}

static void print_nets(void)
{
	const struct net *net = net_next(NULL);

	if (!net)
		shell_printf(
			"no networks; a VM has a port by `zvm,virtio-net` in its description\n");
	if (!net && !json_is_on())
		return;
	table_begin(&ports);
	for (; net; net = net_next(net))
		print_ports(net);
	table_end();
}

static void print_net(const struct net *net)
{
	table_begin(&ports);
	print_ports(net);
	table_end();
	table_begin(&stations);
	for (const struct net_port *p = NULL; (p = net_port_next(net, p));)
		print_learnt(p);
	table_end();
	table_begin(&captures);
	print_capture(net);
	table_end();
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
	const struct net *net;
	const bool dumps = a->nmore && str_eq(a->operand, "dump");

	shell_vmm_lock();
	if (a->nmore && !dumps)
		shell_printf("%s: too many arguments: '%s'\n", a->path, a->more[0]);
	else if (dumps)
		dump(a);
	else if (!a->operand)
		print_nets();
	else if ((net = network_named(a, a->operand)))
		print_net(net);
	shell_vmm_unlock();
}
