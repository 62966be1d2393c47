/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stolen time (DEN0057): a guest reads in its memory how long a vCPU was ready but did not run. The
 * scheduler counts that for every thread. Once a vCPU has asked for its place, its count is written
 * when it goes on a CPU, before its guest can read it. The guest cannot write there: the page is
 * read-only.
 */
#include <arch/mmu.h>
#include <arch/timer.h>
#include <kernel/page.h>
#include <lib/errno.h>
#include <uapi/smccc.h>
#include <vmm/call.h>
#include <vmm/core.h>
#include <vmm/cpu.h>
#include <vmm/dev.h>

#define NS_PER_S 1000000000UL

_Static_assert(sizeof(struct pvtime_entry) == 64, "DEN0057, 3.2.3");
_Static_assert(offsetof(struct pvtime_entry, stolen_ns) == 8, "DEN0057, 3.2.3");
_Static_assert(VM_MAX_VCPUS * sizeof(struct pvtime_entry) <= PAGE_SIZE, "one page");

/*
 * Nanoseconds of a tick, as a fraction of 2^32, which saves a division at every switch. After an
 * hour it is off by a microsecond.
 */
static u64 ns_per_tick;

static int create(struct vdev *d)
{
	struct vm *vm = d->vm;

	ns_per_tick = (NS_PER_S << 32) / arch_counter_hz();
	vm->pvtime = page_alloc();
	if (!vm->pvtime)
		return -ENOMEM;
	/* A guest may also read the page with its caches off. */
	arch_clean_for_guest(vm->pvtime, PAGE_SIZE);
	return stage2_map(&vm->s2, IPA(GUEST_PVTIME_BASE), virt_to_phys(vm->pvtime), PAGE_SIZE,
			  STAGE2_ROM);
}

static void destroy(struct vdev *d)
{
	struct vm *vm = d->vm;

	if (vm->pvtime)
		page_free(vm->pvtime);
	vm->pvtime = NULL;
}

static u64 ticks_to_ns(u64 ticks)
{
	return (u64)((unsigned __int128)ticks * ns_per_tick >> 32);
}

/* One store: the guest may read it from another vCPU. */
static void write_down(struct vcpu *v)
{
	u64 ticks = v->thread.ready_ticks - v->ready_at_start;

	__atomic_store_n(&v->vm->pvtime[v->index].stolen_ns, ticks_to_ns(ticks), __ATOMIC_RELAXED);
}

/* Reset stolen time to 0. Each vCPU counts from its first pvtime_enter() on. */
static void reset(struct vdev *d)
{
	struct vm *vm = d->vm;
	struct vcpu *v;

	for_each_vcpu(v, vm) {
		__atomic_store_n(&v->stolen_told, false, __ATOMIC_RELAXED);
		v->stolen_restarts = true;
		__atomic_store_n(&vm->pvtime[v->index].stolen_ns, 0, __ATOMIC_RELAXED);
	}
}

void pvtime_enter(struct vcpu *v)
{
	if (!v->stolen_restarts)
		return;
	v->ready_at_start = v->thread.ready_ticks;
	v->stolen_restarts = false;
}

void pvtime_update(struct vcpu *v)
{
	write_down(v);
}

/* Read-only memory of the guest, which is not on the bus. */
const struct vdev_class pvtime_class = {
	.name = "stolen time",
	.create = create,
	.reset = reset,
	.destroy = destroy,
};

static s64 features(u32 function)
{
	return function == PV_TIME_FEATURES || function == PV_TIME_ST ? SMCCC_SUCCESS
								      : SMCCC_NOT_SUPPORTED;
}

bool pvtime_call(struct vcpu *v, u64 *x)
{
	switch ((u32)x[0]) {
	case PV_TIME_FEATURES:
		x[0] = (u64)features((u32)x[1]);
		return true;
	case PV_TIME_ST:
		__atomic_store_n(&v->stolen_told, true, __ATOMIC_RELAXED);
		write_down(v);
		x[0] = GUEST_PVTIME_BASE + v->index * sizeof(struct pvtime_entry);
		return true;
	default:
		return false;
	}
}
