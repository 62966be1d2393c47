/* SPDX-License-Identifier: Apache-2.0 */
/* `zvm dump`: a VM's core, to a port. */
#include <lib/string.h>
#include <vmm/core.h>
#include <vmm/debug.h>
#include <vmm/port.h>
#include "shell.h"

static void show(void)
{
	const struct core_dump_look look = core_dump_look();

	if (!look.name[0])
		shell_printf("there was no core dump; `zvm dump VM [PORT]` sends one\n");
	else if (look.port >= 0)
		shell_printf("'%s': %lu of %lu MiB are sent to port %d\n", look.name,
			     look.sent / MIB(1), look.bytes / MIB(1), look.port);
	else
		shell_printf("'%s': %s, %lu of %lu MiB\n", look.name,
			     look.sent == look.bytes ? "complete" : "cut off", look.sent / MIB(1),
			     look.bytes / MIB(1));
}

static void dump(const struct args *a)
{
	const char *word = a->nmore ? a->more[0] : NULL;
	struct vm *vm = vm_argument(a);
	struct vm_error err;
	u64 want = 0;
	int port;

	if (!vm)
		return;
	if (word && (parse_u64(word, &want) != 0 || want >= CONSOLE_MAX_PORTS)) {
		shell_error("%s: '%s': expected the number of a port\n", a->path, word);
		return;
	}
	port = core_dump(vm, word ? (s32)want : -1, &err);
	if (port < 0)
		shell_error("%s: %s\n", a->path, err.text);
	else
		shell_printf("a core of vm %u '%s', %lu MiB, is sent to port %d (%s)%s\n", vm->id,
			     vm->name, core_dump_look().bytes / MIB(1), port,
			     console_port_name(port),
			     core_dump_look().pauses ? "; it is paused meanwhile" : "");
}

void cmd_zvm_dump(const struct args *a)
{
	shell_vmm_lock();
	if (a->operand && str_eq(a->operand, "off"))
		shell_printf(core_dump_end() ? "the core dump ends\n"
					     : "no core dump is being sent\n");
	else if (!a->operand && !option_value(a, "-n"))
		show();
	else
		dump(a);
	shell_vmm_unlock();
}
