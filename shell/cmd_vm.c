/* SPDX-License-Identifier: Apache-2.0 */
/* Commands on the life of VMs. */
#include <kernel/page.h>
#include <kernel/percpu.h>
#include <kernel/thread.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <vmm/life.h>
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

static void print_vms(void)
{
	const struct vm *vm;
	bool any = false;

	for_each_vm(vm) {
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
		shell_printf("%s: one VM at a time: '%s' or '%s'\n", a->path, name, a->operand);
		return NULL;
	}
	if (!name)
		name = a->operand;
	if (!name) {
		shell_printf("%s: which VM (-n VM)? there are: ", a->path);
		print_vms();
		return NULL;
	}
	vm = vm_find(name);
	if (!vm) {
		shell_printf("zvm: no VM '%s'; there are: ", name);
		print_vms();
	}
	return vm;
}

/* ---- new ---- */

void print_types(void)
{
	if (vm_type_count == 0)
		shell_printf("%s%s\n", the_bundle.problem,
			     the_bundle.base ? "" : ", and nothing is preloaded");
	else
		shell_printf("this bundle has: ");
	for (u32 i = 0; i < vm_type_count; i++)
		shell_printf("%s%s%s", i ? ", " : "", vm_types[i]->desc.label,
			     i + 1 == vm_type_count ? "\n" : "");
}

static const struct vm_type *type_argument(const struct args *a)
{
	const char *name = option_value(a, "-t");
	const struct vm_type *type;

	if (name && a->operand) {
		shell_printf("%s: one type at a time: '%s' or '%s'\n", a->path, name, a->operand);
		return NULL;
	}
	if (!name)
		name = a->operand;
	if (!name) {
		shell_printf("%s: which type (-t TYPE)? ", a->path);
		print_types();
		return NULL;
	}
	type = type_find(name);
	if (!type) {
		shell_printf("zvm: no type '%s'; ", name);
		print_types();
		return NULL;
	}
	if (!type->valid) {
		shell_printf("zvm: type '%s' cannot be created: %s\n", name, type->error.text);
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
		shell_printf("%s: --name '%s' %s; a name has at most %u of a-z A-Z 0-9 - _ .\n",
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
		shell_printf("%s: -m %lu: the memory must be a multiple of %lu MiB\n", a->path, mib,
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
		shell_printf("%s: -a %s: expected a mask within this machine's CPUs, 0x%lx\n",
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

/* Wait until VM `id` is loaded. False if it is not; a line says why. */
static bool await(u32 id, struct vm_error *err)
{
	int r;

	while ((r = vm_await(id, deadline_ms(INTERRUPT_MS), err)) == -ETIMEDOUT) {
		if (!shell_interrupted())
			continue;
		shell_printf("vm %u continues to load; `zvm info %u` shows its state\n", id, id);
		return false;
	}
	if (r)
		shell_printf("zvm: %s\n", err->text);
	return r == 0;
}

/* Delete a VM that could not be loaded. */
static void delete_unloaded(u32 id)
{
	struct vm_error err;
	struct vm *vm;

	shell_vmm_lock();
	vm = vm_by_id(id);
	if (vm && vm->load_result && vm_delete(vm, true, &err) != 0)
		shell_printf("zvm: %s\n", err.text);
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

static void new_vm(const struct vm_type *type, const struct vm_options *opt)
{
	struct vm_error err;
	struct vm *vm;
	u32 id = 0;
	int r;

	shell_vmm_lock();
	r = vm_create(type, opt, &vm, &err);
	if (!r)
		id = vm->id;
	shell_vmm_unlock();
	if (r)
		shell_printf("zvm: %s\n", err.text);
	else if (await(id, &err))
		say_created(id);
	else
		delete_unloaded(id);
}

void cmd_zvm_new(const struct args *a)
{
	struct vm_options opt = { .priority = -1 };
	const struct vm_type *type = type_argument(a);

	if (type && new_options(a, &opt))
		new_vm(type, &opt);
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

/*
 * Do one thing to the named VM. If that includes loading it, wait for that. Then answer "vm 0
 * 'linux' <done>".
 */
static void lifecycle(const struct args *a, int (*act)(struct vm *vm, struct vm_error *err),
		      const char *done)
{
	char name[DESC_NAME_MAX];
	struct vm_error err;
	struct vm *vm;
	u32 id = 0;
	int r = 0;

	shell_vmm_lock();
	vm = vm_argument(a);
	if (vm) {
		id = vm->id;
		(void)str_copy(name, vm->name, sizeof(name));
		r = act(vm, &err);
		if (act == stop_gently && vm->state == VM_RUNNING)
			done = "asked to power off";
	}
	shell_vmm_unlock();
	if (r)
		shell_printf("zvm: %s\n", err.text);
	else if (vm && await(id, &err))
		shell_printf("vm %u '%s' %s\n", id, name, done);
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

void cmd_zvm_delete(const struct args *a)
{
	char name[DESC_NAME_MAX];
	struct vm_error err;
	struct vm *vm;
	u32 id;

	shell_vmm_lock();
	vm = vm_argument(a);
	if (vm) {
		id = vm->id;
		str_copy(name, vm->name, sizeof(name));
		if (vm_delete(vm, option_value(a, "-f") != NULL, &err) != 0)
			shell_printf("zvm: %s\n", err.text);
		else
			shell_printf("vm %u '%s' deleted\n", id, name);
	}
	shell_vmm_unlock();
}
