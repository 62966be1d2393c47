/* SPDX-License-Identifier: Apache-2.0 */
/* Commands on the life of VMs. */
#include <kernel/page.h>
#include <kernel/percpu.h>
#include <kernel/thread.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <vmm/control.h>
#include <vmm/life.h>
#include <vmm/virtio.h>
#include "shell.h"

void shell_vmm_lock(void)
{
	vmm_lock();
	shell_hold();
}

void shell_vmm_unlock(void)
{
	vmm_unlock();
	shell_release();
}

/* ---- naming a VM ---- */

bool may_control(const char *label)
{
	const struct vm_desc *rights = shell_io()->rights;

	return !rights || desc_controls(rights, label);
}

static void print_vms(void)
{
	const struct vm *vm;
	bool any = false;

	for_each_vm(vm) {
		if (!may_control(vm->desc.label))
			continue;
		shell_printf("%s%u %s", any ? ", " : "", vm->id, vm->name);
		any = true;
	}
	shell_printf("%s\n", any ? "" : "none");
}

struct vm *vm_argument(const struct args *a)
{
	const char *name = option_value(a, "-n");
	struct vm *vm;

	if (name && a->operand) {
		shell_error("%s: one VM at a time: '%s' or '%s'\n", a->path, name, a->operand);
		return NULL;
	}
	if (!name)
		name = a->operand;
	if (!name) {
		shell_error("%s: which VM (-n VM)? there are: ", a->path);
		print_vms();
		return NULL;
	}
	vm = vm_find(name);
	if (vm && may_control(vm->desc.label))
		return vm;
	shell_error("zvm: no VM '%s'; there are: ", name);
	print_vms();
	return NULL;
}

/* ---- new ---- */

void print_types(void)
{
	const char *before = "this bundle has: ";

	if (vm_type_count == 0)
		shell_printf("%s%s", the_bundle.problem,
			     the_bundle.base ? "" : ", and nothing is preloaded");
	for (u32 i = 0; i < vm_type_count; i++) {
		if (!may_control(vm_types[i]->desc.label))
			continue;
		shell_printf("%s%s", before, vm_types[i]->desc.label);
		before = ", ";
	}
	shell_printf("\n");
}

static const struct vm_type *type_argument(const struct args *a)
{
	const char *name = option_value(a, "-t");
	const struct vm_type *type;

	if (name && a->operand) {
		shell_error("%s: one type at a time: '%s' or '%s'\n", a->path, name, a->operand);
		return NULL;
	}
	if (!name)
		name = a->operand;
	if (!name) {
		shell_error("%s: which type (-t TYPE)? ", a->path);
		print_types();
		return NULL;
	}
	type = type_find(name);
	if (!type || !may_control(name)) {
		shell_error("zvm: no type '%s'; ", name);
		print_types();
		return NULL;
	}
	if (!type->valid) {
		shell_error("zvm: type '%s' cannot be created: %s\n", name, type->error.text);
		return NULL;
	}
	return type;
}

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '.';
}

/* A name must not look like an id or an option. */
static bool check_name(const struct args *a, const char *name)
{
	const char *wrong = NULL;
	u64 number;

	if (strlen(name) >= DESC_NAME_MAX)
		wrong = "is too long";
	else if (!*name || *name == '-' || parse_u64(name, &number) == 0)
		wrong = "is empty or looks like an id or an option";
	for (const char *p = name; *p && !wrong; p++) {
		if (!is_name_char(*p))
			wrong = "has a character that is not allowed";
	}
	if (wrong)
		shell_error("%s: --name '%s' %s; a name has at most %u of a-z A-Z 0-9 - _ .\n",
			    a->path, name, wrong, DESC_NAME_MAX - 1);
	return !wrong;
}

static bool memory_option(const struct args *a, u64 *bytes)
{
	struct page_stats stats;
	u64 mib = 0, unit = BLOCK_SIZE / MIB(1);

	page_stats(&stats);
	if (!option_value(a, "-m"))
		return true;
	if (!option_number(a, "-m", "the memory in MiB, within what is free,", unit,
			   stats.blocks_free * unit, &mib))
		return false;
	if (mib % unit) {
		shell_error("%s: -m %lu: the memory must be a multiple of %lu MiB\n", a->path, mib,
			    unit);
		return false;
	}
	*bytes = MIB(mib);
	return true;
}

static bool affinity_option(const struct args *a, u64 *mask)
{
	const char *text = option_value(a, "-a");
	u64 online = cpus_online_mask(), value = 0;

	if (!text)
		return true;
	if (parse_u64(text, &value) != 0 || value == 0 || (value & ~online)) {
		shell_error("%s: -a %s: expected a mask within this machine's CPUs, 0x%lx\n",
			    a->path, text, online);
		return false;
	}
	*mask = value;
	return true;
}

static bool new_options(const struct args *a, struct vm_options *opt)
{
	u64 cpus = 0, priority = 0;

	opt->name = option_value(a, "--name");
	if (opt->name && !check_name(a, opt->name))
		return false;
	if (!option_number(a, "-c", "the number of vCPUs", 1, VM_MAX_VCPUS, &cpus) ||
	    !option_number(a, "-p", "the priority", PRIO_HIGHEST, PRIO_LOWEST, &priority))
		return false;
	opt->bootargs = option_value(a, "--bootargs");
	opt->cpus = (u32)cpus;
	opt->priority = option_value(a, "-p") ? (s32)priority : -1;
	return memory_option(a, &opt->memory) && affinity_option(a, &opt->affinity);
}

/* How often a wait for a VM checks for Ctrl-C. */
#define INTERRUPT_MS 50

/* Delete a VM that could not be loaded. */
static void delete_unloaded(u32 id)
{
	struct vm_error err;
	struct vm *vm;

	shell_vmm_lock();
	vm = vm_by_id(id);
	if (vm && vm->load_result && vm_delete(vm, true, &err) != 0)
		shell_error("zvm: %s\n", err.text);
	shell_vmm_unlock();
}

static void say_created(u32 id)
{
	const struct vm *vm;

	shell_vmm_lock();
	vm = vm_by_id(id);
	if (vm)
		shell_printf("vm %u '%s' created: %u vcpu%s, %lu MiB\n", id, vm->name, vm->nvcpus,
			     vm->nvcpus == 1 ? "" : "s", vm->ram.size / MIB(1));
	if (vm && vm->note[0])
		shell_printf("note: %s\n", vm->note);
	if (vm && vm->type->error.text[0])
		shell_printf("note: %s\n", vm->type->error.text);
	shell_vmm_unlock();
}

int load_end(const struct control_load *l, u64 deadline)
{
	struct vm_error err;
	int r = vm_await(l->vm, deadline, &err);

	if (r == -ETIMEDOUT)
		return r;
	if (r)
		shell_error("zvm: %s\n", err.text);
	if (r && !l->done)
		delete_unloaded(l->vm);
	else if (!r && !l->done)
		say_created(l->vm);
	else if (!r)
		shell_printf("vm %u '%s' %s\n", l->vm, l->name, l->done);
	return 0;
}

/* The operator waits until Ctrl-C. For a guest remote.c waits, for several at once. */
static void await(const struct control_load *l)
{
	struct shell_io *io = shell_io();

	if (io->load) {
		*io->load = *l;
		return;
	}
	while (load_end(l, deadline_ms(INTERRUPT_MS)) == -ETIMEDOUT) {
		if (!shell_interrupted())
			continue;
		shell_error("vm %u continues to load; `zvm info %u` shows its state\n", l->vm,
			    l->vm);
		return;
	}
}

/* A guest does not wait at the terminal: its VMs are loaded as their descriptions say. */
static void began_loading(struct vm *vm)
{
	if (shell_io()->load)
		vm_load_patiently(vm);
}

/* A guest has one VM of each type that it controls: it takes no more than descriptions say. */
static bool may_have_another(const struct args *a, const char *label)
{
	const struct vm *vm;

	if (!shell_io()->rights)
		return true;
	for_each_vm(vm) {
		if (!str_eq(vm->desc.label, label))
			continue;
		shell_error(
			"%s: there is vm %u '%s' already, and a guest may have one VM of each type",
			a->path, vm->id, vm->name);
		return false;
	}
	return true;
}

static void new_vm(const struct args *a, const struct vm_type *type, const struct vm_options *opt)
{
	struct control_load l = { .done = NULL };
	struct vm_error err;
	struct vm *vm;
	bool created = false;

	shell_vmm_lock();
	if (may_have_another(a, type->desc.label)) {
		created = !vm_create(type, opt, &vm, &err);
		if (!created)
			shell_error("zvm: %s\n", err.text);
	}
	if (created) {
		l.vm = vm->id;
		(void)str_copy(l.name, vm->name, sizeof(l.name));
		began_loading(vm);
	}
	shell_vmm_unlock();
	if (created)
		await(&l);
}

void cmd_zvm_new(const struct args *a)
{
	struct vm_options opt = { .priority = -1 };
	const struct vm_type *type = type_argument(a);

	if (type && new_options(a, &opt))
		new_vm(a, type, &opt);
}

/* ---- the rest of its life ---- */

static int stop_gently(struct vm *vm, struct vm_error *err)
{
	return vm_stop(vm, false, err);
}

static int stop_by_force(struct vm *vm, struct vm_error *err)
{
	return vm_stop(vm, true, err);
}

/* True if that is to be tried again: the VM waits for a disk, but no other command for it. */
static bool again(int r)
{
	if (r != -EAGAIN)
		return false;
	thread_sleep_ms(10);
	return true;
}

/*
 * Do one thing to the named VM. If that includes loading it, wait for that. Then answer "vm 0
 * 'linux' <done>".
 */
static void lifecycle(const struct args *a, int (*act)(struct vm *vm, struct vm_error *err),
		      const char *done)
{
	struct control_load l = { .done = done };
	struct vm_error err;
	struct vm *vm;
	int r;

	do {
		r = 0;
		shell_vmm_lock();
		vm = vm_argument(a);
		if (vm) {
			l.vm = vm->id;
			(void)str_copy(l.name, vm->name, sizeof(l.name));
			r = act(vm, &err);
			if (act == stop_gently && vm->state == VM_RUNNING)
				l.done = "asked to power off";
			if (!r)
				began_loading(vm);
		}
		shell_vmm_unlock();
	} while (again(r));
	if (r)
		shell_error("zvm: %s\n", err.text);
	else if (vm)
		await(&l);
}

void cmd_zvm_run(const struct args *a)
{
	lifecycle(a, vm_run, "running");
}

void cmd_zvm_pause(const struct args *a)
{
	lifecycle(a, vm_pause, "paused");
}

void cmd_zvm_resume(const struct args *a)
{
	lifecycle(a, vm_resume, "running");
}

void cmd_zvm_reset(const struct args *a)
{
	lifecycle(a, vm_reset, "reset");
}

void cmd_zvm_stop(const struct args *a)
{
	lifecycle(a, option_value(a, "-f") ? stop_by_force : stop_gently, "stopped");
}

static bool is_halted(const struct vm *vm)
{
	return vm->state == VM_CREATED || vm->state == VM_STOPPED || vm->state == VM_CRASHED;
}

/*
 * A disk of the machine that does not answer keeps the VM's memory for half a minute. That is
 * waited for without the lock. False: not longer than to Ctrl-C.
 */
static bool await_disks(u32 id)
{
	for (;;) {
		struct vm *vm;
		bool busy;

		shell_vmm_lock();
		vm = vm_by_id(id);
		busy = vm && is_halted(vm) && virtio_uses_memory(vm);
		shell_vmm_unlock();
		if (!busy)
			return true;
		if (!shell_io()->load && shell_interrupted())
			return false;
		thread_sleep_ms(INTERRUPT_MS);
	}
}

static void delete (struct vm *vm, bool force)
{
	const u32 id = vm->id;
	char name[DESC_NAME_MAX];
	struct vm_error err;

	str_copy(name, vm->name, sizeof(name));
	if (vm_delete(vm, force, &err) != 0)
		shell_error("zvm: %s\n", err.text);
	else
		shell_printf("vm %u '%s' deleted\n", id, name);
}

void cmd_zvm_delete(const struct args *a)
{
	const bool force = option_value(a, "-f") != NULL;
	struct vm_error err;
	struct vm *vm;
	u32 id = 0;
	int r;

	do {
		r = 0;
		shell_vmm_lock();
		vm = vm_argument(a);
		if (vm)
			id = vm->id;
		if (vm && force && !is_halted(vm))
			r = vm_stop(vm, true, &err);
		shell_vmm_unlock();
	} while (again(r));
	if (r)
		shell_error("zvm: %s\n", err.text);
	if (r || !vm)
		return;
	if (!await_disks(id)) {
		shell_error("vm %u stays, stopped: its disk has not answered; delete it later\n",
			    id);
		return;
	}
	shell_vmm_lock();
	vm = vm_argument(a);
	if (vm && vm->id == id)
		delete (vm, force);
	shell_vmm_unlock();
}
