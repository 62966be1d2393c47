/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Note for the operator about a guest's devicetree: the guest cannot start with it, or its console
 * will stay silent.
 */
#include <lib/string.h>
#include <lib/text.h>
#include <libfdt.h>
#include <vmm/load.h>

/* Linux' name of a PL011, up to its number. */
#define OUR_CONSOLE "ttyAMA"
/* How much is shown of a name from outside. */
#define NAME_SHOWN 100

/*
 * The interrupt controller; the tree's PL011, which is enabled only if the VM has it; and the node
 * that stdout-path names.
 */
struct found {
	bool gic, uart;
	bool stdout_works;
};

static bool is_off(const void *fdt, int node)
{
	const char *status = fdt_getprop(fdt, node, "status", NULL);

	return status && !str_eq(status, "okay") && !str_eq(status, "ok");
}

/* Find all in one walk. A node below a disabled one is disabled too. */
static struct found find_devices(const void *fdt, int stdout_node)
{
	struct found found = { .uart = false };
	int depth = 0, off = INT_MAX;

	for (int node = 0; node >= 0 && depth >= 0; node = fdt_next_node(fdt, node, &depth)) {
		if (depth <= off)
			off = is_off(fdt, node) ? depth : INT_MAX;
		if (off != INT_MAX)
			continue;
		found.gic |= !fdt_node_check_compatible(fdt, node, "arm,gic-v3") ||
			     !fdt_node_check_compatible(fdt, node, "arm,cortex-a15-gic");
		if (fdt_node_check_compatible(fdt, node, "arm,pl011"))
			continue;
		found.uart = true;
		found.stdout_works |= node == stdout_node;
	}
	return found;
}

/*
 * The first console= of a command line that is not the VM's UART; its length goes to *len. NULL:
 * there is none, or there is also one for the VM's UART.
 */
static const char *foreign_console(const char *args, int *len, bool *any)
{
	const char *first = NULL;

	*any = false;
	for (const char *p = args; p && *p; p = strchr(p, ' ')) {
		p += *p == ' ';
		if (!str_starts(p, "console="))
			continue;
		p += strlen("console=");
		*any = true;
		if (str_starts(p, OUR_CONSOLE))
			return NULL;
		if (first)
			continue;
		first = p;
		for (*len = 0; p[*len] && p[*len] != ',' && p[*len] != ' '; (*len)++)
			;
	}
	return first;
}

static void note_foreign(const char *name, int len, char *note, size_t size)
{
	text_print(note, size,
		   "bootargs: console=%.*s%s is not a device of this VM: its UART is " OUR_CONSOLE
		   "0",
		   MIN(len, NAME_SHOWN), name, len > NAME_SHOWN ? "..." : "");
}

bool guest_bootargs_note(const char *args, char *note, size_t size)
{
	int len = 0;
	bool any;
	const char *foreign = foreign_console(args, &len, &any);

	if (foreign)
		note_foreign(foreign, len, note, size);
	return foreign;
}

bool guest_fdt_note(const void *fdt, char *note, size_t size)
{
	const int chosen = fdt_path_offset(fdt, "/chosen");
	const char *args = fdt_getprop(fdt, chosen, "bootargs", NULL);
	const char *path = fdt_getprop(fdt, chosen, "stdout-path", NULL);
	const char *end = path ? strchr(path, ':') : NULL;
	const int path_len = path ? (int)(end ? (size_t)(end - path) : strlen(path)) : 0;
	const struct found found =
		find_devices(fdt, path ? fdt_path_offset_namelen(fdt, path, path_len) : -1);
	int len = 0;
	bool any;
	const char *foreign = foreign_console(args, &len, &any);

	if (!found.gic)
		text_print(
			note, size,
			"devicetree: has no interrupt controller; Linux does not start without one");
	else if (foreign)
		note_foreign(foreign, len, note, size);
	else if (any && !found.uart)
		text_print(note, size,
			   "devicetree: has no enabled PL011 at 0x9000000, so there is no console");
	else if (!any && path && !found.stdout_works)
		text_print(
			note, size,
			"devicetree: its stdout-path, %.*s%s, is not a device of this VM: its UART is the PL011 at 0x9000000",
			MIN(path_len, NAME_SHOWN), path, path_len > NAME_SHOWN ? "..." : "");
	else
		return false;
	return true;
}
