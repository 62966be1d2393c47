/* SPDX-License-Identifier: Apache-2.0 */
#include "placed.h"

#include <lib/string.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <vmm/place.h>

struct vm_error placed_err;
static struct vm *slots[MAX_VMS];
static struct vm machine[MAX_VMS];
static struct vcpu vcpus[MAX_VMS][VM_MAX_VCPUS];

/* ---- in place of vm.c and lifecycle.c ---- */

struct vm *vm_by_id(u32 id)
{
	return id < MAX_VMS ? slots[id] : NULL;
}

struct vm *vm_next(u32 id)
{
	while (id < MAX_VMS && !slots[id])
		id++;
	return vm_by_id(id);
}

struct vm *vm_find(const char *name)
{
	for (u32 i = 0; i < MAX_VMS; i++)
		if (slots[i] && str_eq(slots[i]->name, name))
			return slots[i];
	return NULL;
}

int vm_fail(struct vm_error *e, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return code;
}

void vmm_lock(void)
{
}

void vmm_unlock(void)
{
}

u64 placed_cleaner;

void page_cleaner_cpus(u64 mask)
{
	placed_cleaner = mask;
}

/* ---- the VMs ---- */

static void never(void *arg)
{
	(void)arg;
}

struct vm *placed_vm(u32 id, const char *name, u32 cpus)
{
	struct vm *vm = &machine[id];

	memset(vm, 0, sizeof(*vm));
	vm->id = id;
	(void)snprintf(vm->name, sizeof(vm->name), "%s", name);
	vm->desc.cpus = cpus;
	vm->desc.priority = 20;
	return vm;
}

int place(struct vm *vm)
{
	struct sched_plan p;
	int r = vm_sched_plan(&p, vm, &vm->desc, schedule_now(), &placed_err);

	if (r)
		return r;
	for (u32 i = 0; i < vm->desc.cpus; i++) {
		struct vcpu *v = &vcpus[vm->id][i];

		memset(v, 0, sizeof(*v));
		v->vm = vm;
		v->index = i;
		spin_lock_init(&v->sched_lock, LOCK_SCHED);
		v->cpu = vm_sched_planned(vm, i);
		assert_int_equal(thread_create(&v->thread, "vcpu", never, NULL, 20, BIT(v->cpu)),
				 0);
		vm->vcpus[i] = v;
		vm->nvcpus = i + 1;
	}
	slots[vm->id] = vm;
	vm_sched_apply(&p);
	vm_mover_look();
	return 0;
}

void unplace(struct vm *vm)
{
	for (u32 i = 0; i < vm->nvcpus; i++)
		thread_join(&vm->vcpus[i]->thread);
	vm->nvcpus = 0;
	slots[vm->id] = NULL;
	vm_sched_gone(vm);
	vm_mover_look();
}

int placed_teardown(void **state)
{
	for (u32 id = 0; id < MAX_VMS; id++)
		if (slots[id])
			unplace(slots[id]);
	return unit_end(state);
}
