/* SPDX-License-Identifier: Apache-2.0 */
/* PSCI 1.1 (DEN0022) and the SMCCC general calls (DEN0028) for guests. Codes of these documents are written here and nowhere else. */
#include <lib/checked.h>
#include <uapi/smccc.h>
#include <vmm/smccc.h>
#include <vmm/vm.h>

/* A call: x[0] is its number and becomes its result, unless it does not come back. */
typedef void (*call_fn)(struct vcpu *v, u64 *x);

/* Argument n, from 1. An SMC32 call's are the low halves. */
static u64 arg(const u64 *x, u32 n)
{
	return x[0] & SMCCC_64 ? x[n] : (u32)x[n];
}

/* All 64 bits are written: SMC32 callers see the low half of a sign-extended code. */
static void answer(u64 *x, s64 code)
{
	x[0] = (u64)code;
}

static struct vcpu *by_affinity(struct vm *vm, u64 mpidr)
{
	for (u32 i = 0; i < vm->nvcpus; i++)
		if (vm->vcpus[i]->mpidr == mpidr)
			return vm->vcpus[i];
	return NULL;
}

static void psci_version(struct vcpu *v, u64 *x)
{
	(void)v;
	answer(x, PSCI_VERSION_1_1);
}

/* Any state is a stand-by here: registers are kept, and wake-up is as from WFI. */
static void cpu_suspend(struct vcpu *v, u64 *x)
{
	if (arg(x, 1) & ~0x0301ffffUL) { /* reserved bits of power_state, original format */
		answer(x, PSCI_INVALID_PARAMETERS);
		return;
	}
	vmm_wfi(v);
	answer(x, PSCI_SUCCESS);
}

static void cpu_off(struct vcpu *v, u64 *x)
{
	unsigned long flags = spin_lock(&v->vm->state_wq.lock);

	(void)x;
	v->power = VCPU_OFF;
	spin_unlock(&v->vm->state_wq.lock, flags);
	thread_post_work(&v->thread, VCPU_WORK_STATE);
}

/* Serialised by the VM's state lock: of several callers at once exactly one is told SUCCESS. */
static s64 start(struct vm *vm, struct vcpu *target, u64 entry, u64 context)
{
	unsigned long flags = spin_lock(&vm->state_wq.lock);
	s64 r;

	switch (target->power) {
	case VCPU_ON:
		r = PSCI_ALREADY_ON;
		break;
	case VCPU_ON_PENDING:
		r = PSCI_ON_PENDING;
		break;
	default:
		target->power = VCPU_ON_PENDING;
		target->reset_pending = true;
		target->boot_entry = entry;
		target->boot_arg = context;
		wait_wake_all_locked(&vm->state_wq);
		r = PSCI_SUCCESS;
		break;
	}
	spin_unlock(&vm->state_wq.lock, flags);
	return r;
}

static void cpu_on(struct vcpu *v, u64 *x)
{
	struct vm *vm = v->vm;
	struct vcpu *target = by_affinity(vm, arg(x, 1));
	u64 entry = arg(x, 2);

	if (!target)
		answer(x, PSCI_INVALID_PARAMETERS);
	else if (!range_within(entry, 4, GUEST_RAM_BASE, vm->ram.size) || entry % 4)
		answer(x, PSCI_INVALID_ADDRESS);
	else
		answer(x, start(vm, target, entry, arg(x, 3)));
}

static void affinity_info(struct vcpu *v, u64 *x)
{
	static const s64 info[] = {
		[VCPU_ON] = PSCI_AFFINITY_ON,
		[VCPU_OFF] = PSCI_AFFINITY_OFF,
		[VCPU_ON_PENDING] = PSCI_AFFINITY_ON_PENDING,
	};
	const struct vcpu *target = by_affinity(v->vm, arg(x, 1));

	/* Levels above 0 need not be supported from PSCI 1.0 on. */
	if (!target || arg(x, 2) != 0)
		answer(x, PSCI_INVALID_PARAMETERS);
	else
		answer(x, info[target->power]);
}

static void migrate_info_type(struct vcpu *v, u64 *x)
{
	(void)v;
	answer(x, PSCI_MIGRATE_NOT_REQUIRED);
}

static void system_off(struct vcpu *v, u64 *x)
{
	(void)x;
	vm_request(v->vm, VM_REQ_OFF, NULL);
}

static void system_reset(struct vcpu *v, u64 *x)
{
	(void)x;
	vm_request(v->vm, VM_REQ_RESET, NULL);
}

static void system_reset2(struct vcpu *v, u64 *x)
{
	u32 type = (u32)arg(x, 1);

	if (type != 0 && !(type & BIT(31))) /* SYSTEM_WARM_RESET, or a vendor's: all are one here */
		answer(x, PSCI_INVALID_PARAMETERS);
	else
		system_reset(v, x);
}

static void psci_features(struct vcpu *v, u64 *x);

/* By the function's number: PSCI's range, and for the 64-bit form of those that have one. */
#define PSCI_CALLS 0x20
#define NUMBER(id) ((id) & (PSCI_CALLS - 1))

/* clang-format off */
static const call_fn psci_calls[2][PSCI_CALLS] = {
	{
		[NUMBER(PSCI_VERSION)]           = psci_version,
		[NUMBER(PSCI_CPU_SUSPEND)]       = cpu_suspend,
		[NUMBER(PSCI_CPU_OFF)]           = cpu_off,
		[NUMBER(PSCI_CPU_ON)]            = cpu_on,
		[NUMBER(PSCI_AFFINITY_INFO)]     = affinity_info,
		[NUMBER(PSCI_MIGRATE_INFO_TYPE)] = migrate_info_type,
		[NUMBER(PSCI_SYSTEM_OFF)]        = system_off,
		[NUMBER(PSCI_SYSTEM_RESET)]      = system_reset,
		[NUMBER(PSCI_FEATURES)]          = psci_features,
		[NUMBER(PSCI_SYSTEM_RESET2)]     = system_reset2,
	},
	{
		[NUMBER(PSCI_CPU_SUSPEND)]       = cpu_suspend,
		[NUMBER(PSCI_CPU_ON)]            = cpu_on,
		[NUMBER(PSCI_AFFINITY_INFO)]     = affinity_info,
		[NUMBER(PSCI_SYSTEM_RESET2)]     = system_reset2,
	},
};
/* clang-format on */

/* NULL: not a call of PSCI's that we have. */
static call_fn psci_call(u32 id)
{
	u32 number = (id & ~SMCCC_64) - PSCI_VERSION;

	return number < PSCI_CALLS ? psci_calls[FIELD(id, 30, 30)][number] : NULL;
}

static void psci_features(struct vcpu *v, u64 *x)
{
	u32 id = (u32)arg(x, 1);

	(void)v;
	/* SMCCC_VERSION is asked for here too; it is the only call outside PSCI's range that may be. */
	answer(x, id == SMCCC_VERSION || psci_call(id) ? PSCI_SUCCESS : PSCI_NOT_SUPPORTED);
}

static s64 arch_feature(u32 id)
{
	if (id == SMCCC_VERSION || id == SMCCC_ARCH_FEATURES || id == PV_TIME_FEATURES)
		return SMCCC_SUCCESS;
	return workaround_features(id);
}

static void answer_uid(u64 *x)
{
	x[0] = ZVM_UID_0;
	x[1] = ZVM_UID_1;
	x[2] = ZVM_UID_2;
	x[3] = ZVM_UID_3;
}

static __noinline void other_call(struct vcpu *v, u64 *x)
{
	switch ((u32)x[0]) {
	case SMCCC_VERSION:
		answer(x, SMCCC_VERSION_1_3);
		break;
	case SMCCC_ARCH_FEATURES:
		answer(x, arch_feature((u32)x[1]));
		break;
	case ZVM_UID:
		answer_uid(x);
		break;
	case ZVM_REVISION:
		answer(x, 1);
		break;
	default:
		if (!workaround_call(x) && !trng_call(x) && !pvtime_call(v, x))
			answer(x, SMCCC_NOT_SUPPORTED);
		break;
	}
}

void vmm_smccc(struct vcpu *v, u64 *x)
{
	call_fn fn = psci_call((u32)x[0]);

	if (likely(fn))
		fn(v, x);
	else
		other_call(v, x);
}
