/* SPDX-License-Identifier: Apache-2.0 */
/* The table of VMs, and its lock. */
#include <lib/errno.h>
#include <lib/text.h>
#include <lib/string.h>
#include <lib/utf8.h>
#include <vmm/core.h>

static struct vm *vms[MAX_VMS];
static struct mutex lifecycle;

static const char *const state_names[] = {
	[VM_CREATED] = "created", [VM_RUNNING] = "running", [VM_PAUSED] = "paused",
	[VM_STOPPED] = "stopped", [VM_CRASHED] = "crashed", [VM_LOADING] = "loading",
};

void vms_init(void)
{
	mutex_init(&lifecycle, LOCK_LIFECYCLE);
}

void vmm_lock(void)
{
	mutex_lock(&lifecycle);
}

void vmm_unlock(void)
{
	mutex_unlock(&lifecycle);
}

/* ---- the table ---- */

struct vm *vm_by_id(u32 id)
{
	return id < MAX_VMS ? vms[id] : NULL;
}

struct vm *vm_next(u32 id)
{
	for (; id < MAX_VMS; id++)
		if (vms[id])
			return vms[id];
	return NULL;
}

struct vm *vm_by_name(const char *name)
{
	struct vm *vm;

	for_each_vm(vm)
		if (str_eq(vm->name, name))
			break;
	return vm;
}

struct vm *vm_find(const char *id_or_name)
{
	u64 id;

	if (parse_u64(id_or_name, &id) == 0)
		return id < MAX_VMS ? vms[id] : NULL;
	return vm_by_name(id_or_name);
}

u32 vm_free_id(void)
{
	u32 id = 0;

	while (id < MAX_VMS && vms[id])
		id++;
	return id;
}

void vm_enter(struct vm *vm)
{
	vms[vm->id] = vm;
}

bool vm_leave(const struct vm *vm)
{
	if (vms[vm->id] != vm)
		return false;
	vms[vm->id] = NULL;
	return true;
}

/* ---- for the operator ---- */

const char *vm_state_name(enum vm_state s)
{
	return state_names[s];
}

int vm_fail(struct vm_error *err, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	text_vprint(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return code;
}
