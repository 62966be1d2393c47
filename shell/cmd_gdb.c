/* SPDX-License-Identifier: Apache-2.0 */
/* `zvm gdb`: a debugger for a VM. */
#include <vmm/core.h>
#include <vmm/debug.h>
#include <vmm/port.h>
#include "shell.h"

static void open_port(const struct args *a, struct vm *vm)
{
	u64 want = ~0ULL;
	struct vm_error err;
	int port;

	if (!option_number(a, "-p", "a port", 0, CONSOLE_MAX_PORTS - 1, &want))
		return;
	port = gdb_open(vm, (s32)want, &err);
	if (port < 0) {
		shell_error("%s: %s\n", a->path, err.text);
		return;
	}
	shell_printf("vm %u '%s': `target remote` in gdb, to port %d (%s)\n", vm->id, vm->name,
		     port, console_port_name(port));
}

static void close_port(const struct args *a, struct vm *vm)
{
	struct vm_error err;

	if (gdb_close(vm, &err))
		shell_error("%s: %s\n", a->path, err.text);
	else
		shell_printf("vm %u '%s' is without gdb\n", vm->id, vm->name);
}

void cmd_zvm_gdb(const struct args *a)
{
	struct vm *vm;

	shell_vmm_lock();
	vm = vm_argument(a);
	if (vm && option_value(a, "--off"))
		close_port(a, vm);
	else if (vm)
		open_port(a, vm);
	shell_vmm_unlock();
}
