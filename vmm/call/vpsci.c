/* SPDX-License-Identifier: Apache-2.0 */
/* All calls of guests by HVC and SMC (DEN0028), and those of PSCI 1.1 (DEN0022). */
#include <arch/cpu.h>
#include <arch/timer.h>
#include <lib/checked.h>
#include <uapi/smccc.h>
#include <vmm/call.h>
#include <vmm/core.h>
#include <vmm/cpu.h>
#include <vmm/trace.h>

/* A call. x[0] is its number and becomes its result, unless the call does not return. */
typedef void (*call_fn)(struct vcpu *v, u64 *x);

/* Argument n, counted from 1. An SMC32 call passes the low halves. */
static u64 arg(const u64 *x, u32 n)
{
	return x[0] & SMCCC_64 ? x[n] : (u32)x[n];
}

/* Write all 64 bits: an SMC32 caller sees the low half of a sign-extended code. */
static void answer(u64 *x, s64 code)
{
	x[0] = (u64)code;
}

static struct vcpu *by_affinity(struct vm *vm, u64 mpidr)
{
	const u32 index = desc_cpu_index(mpidr);

	return index < vm->nvcpus ? vm->vcpus[index] : NULL;
}

static void psci_version(struct vcpu *v, u64 *x)
{
	(void)v;
	answer(x, PSCI_VERSION_1_1);
}

static bool is_entry(const struct vm *vm, u64 entry)
{
	return entry % 4 == 0 && ram_map_holds(&vm->ram.map, entry, 4);
}

/* Stand-by: registers are kept, and the wake-up is as from WFI. */
static void stand_by(struct vcpu *v, bool down)
{
	u64 begin = arch_counter();

	vmm_wfi(v);
	v->suspends[down]++;
	v->suspended_ticks[down] += arch_counter() - begin;
}

/*
 * Power-down: a wake-up enters at `entry` with reset registers. Timers and interrupts keep their
 * state.
 */
static void power_down(struct vcpu *v, u64 *x, u64 entry, u64 context)
{
	if (!is_entry(v->vm, entry)) {
		answer(x, PSCI_INVALID_ADDRESS);
		return;
	}
	stand_by(v, true);
	vdebug_reset(v);
	vpmu_reset(v);
	arch_vcpu_reset(v, v->mpidr, entry, context);
}

/*
 * True for a valid power_state in the original format. The vCPUs are the only power domains:
 * PowerLevel must be 0.
 */
static bool is_power_state(u64 state)
{
	return !(state & ~(PSCI_POWER_DOWN | PSCI_STATE_ID));
}

static void cpu_suspend(struct vcpu *v, u64 *x)
{
	u64 state = arg(x, 1);

	if (!is_power_state(state)) {
		answer(x, PSCI_INVALID_PARAMETERS);
	} else if (state & PSCI_POWER_DOWN) {
		power_down(v, x, arg(x, 2), arg(x, 3));
	} else {
		stand_by(v, false);
		answer(x, PSCI_SUCCESS);
	}
}

/* The implementation may choose the state: stand-by, which loses nothing. */
static void cpu_default_suspend(struct vcpu *v, u64 *x)
{
	stand_by(v, false);
	answer(x, PSCI_SUCCESS);
}

/* Also CPU_FREEZE: interrupts may stay routed to a vCPU that is off. They do not wake it. */
static void cpu_off(struct vcpu *v, u64 *x)
{
	unsigned long flags = spin_lock_irqsave(&v->vm->state_wq.lock);

	(void)x;
	v->power = VCPU_OFF;
	spin_unlock_irqrestore(&v->vm->state_wq.lock, flags);
	thread_post_work(&v->thread, VCPU_WORK_STATE);
}

/* The VM's state lock serialises this: of several callers at once, exactly one gets SUCCESS. */
static s64 start(struct vm *vm, struct vcpu *target, u64 entry, u64 context)
{
	unsigned long flags = spin_lock_irqsave(&vm->state_wq.lock);
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
		vcpu_wake_parked_locked(target);
		r = PSCI_SUCCESS;
		break;
	}
	spin_unlock_irqrestore(&vm->state_wq.lock, flags);
	return r;
}

static void cpu_on(struct vcpu *v, u64 *x)
{
	struct vm *vm = v->vm;
	struct vcpu *target = by_affinity(vm, arg(x, 1));
	u64 entry = arg(x, 2);

	if (!target)
		answer(x, PSCI_INVALID_PARAMETERS);
	else if (!is_entry(vm, entry))
		answer(x, PSCI_INVALID_ADDRESS);
	else
		answer(x, start(vm, target, entry, arg(x, 3)));
}

/*
 * The state of the vCPUs that share the affinity fields from `level` on. ON if one of them is on,
 * OFF if all are off. INVALID_PARAMETERS: there are none.
 */
static s64 affinity_state(const struct vm *vm, u64 mpidr, u64 level)
{
	static const s64 states[] = {
		[VCPU_ON] = PSCI_AFFINITY_ON,
		[VCPU_OFF] = PSCI_AFFINITY_OFF,
		[VCPU_ON_PENDING] = PSCI_AFFINITY_ON_PENDING,
	};
	enum vcpu_power most = VCPU_OFF;
	const struct vcpu *v;
	bool any = false;

	if (level > 3)
		return PSCI_INVALID_PARAMETERS;
	for_each_vcpu(v, vm) {
		if ((v->mpidr ^ mpidr) >> (8 * level))
			continue;
		any = true;
		most = MAX(most, v->power);
	}
	return any ? states[most] : PSCI_INVALID_PARAMETERS;
}

static void affinity_info(struct vcpu *v, u64 *x)
{
	answer(x, affinity_state(v->vm, arg(x, 1), arg(x, 2)));
}

static void node_hw_state(struct vcpu *v, u64 *x)
{
	s64 state = affinity_state(v->vm, arg(x, 1), arg(x, 2));

	if (state < 0)
		answer(x, state);
	else
		answer(x, state == PSCI_AFFINITY_OFF ? PSCI_HW_OFF : PSCI_HW_ON);
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

	if (type != 0 && !(type & BIT(31))) /* SYSTEM_WARM_RESET or a vendor's: all the same */
		answer(x, PSCI_INVALID_PARAMETERS);
	else
		system_reset(v, x);
}

/* Called by the only vCPU that is on. */
static void system_suspend(struct vcpu *v, u64 *x)
{
	const struct vcpu *other;

	for_each_vcpu(other, v->vm) {
		if (other != v && other->power != VCPU_OFF) {
			answer(x, PSCI_DENIED);
			return;
		}
	}
	power_down(v, x, arg(x, 1), arg(x, 2));
}

static void set_suspend_mode(struct vcpu *v, u64 *x)
{
	u64 mode = arg(x, 1);

	(void)v;
	if (mode == PSCI_PLATFORM_COORDINATED)
		answer(x, PSCI_SUCCESS);
	else
		answer(x, mode == PSCI_OS_INITIATED ? PSCI_NOT_SUPPORTED : PSCI_INVALID_PARAMETERS);
}

/*
 * Statistics since the VM started, of one vCPU in one of its two states. The state of any other
 * power domain was never used: 0.
 */
static void psci_stat(struct vcpu *v, u64 *x)
{
	const struct vcpu *target = by_affinity(v->vm, arg(x, 1));
	u64 state = arg(x, 2);
	bool down = state & PSCI_POWER_DOWN;

	if (!target || !is_power_state(state))
		x[0] = 0;
	else if (((u32)x[0] & ~SMCCC_64) == PSCI_STAT_COUNT)
		x[0] = target->suspends[down];
	else
		x[0] = ticks_to_us(target->suspended_ticks[down]);
}

/* After each reset a VM has other, cleared memory anyway. The answer is the previous setting. */
static void mem_protect(struct vcpu *v, u64 *x)
{
	bool before = v->vm->mem_protect;

	v->vm->mem_protect = arg(x, 1) != 0;
	answer(x, before);
}

static void mem_protect_check_range(struct vcpu *v, u64 *x)
{
	u64 base = arg(x, 1), size = arg(x, 2);
	bool ours = size && ram_map_holds(&v->vm->ram.map, base, size);

	answer(x, ours ? PSCI_SUCCESS : PSCI_DENIED);
}

static void psci_features(struct vcpu *v, u64 *x);

/* Calls by function number: PSCI's range, and again for the functions with a 64-bit form. */
#define PSCI_CALLS 0x20
#define NUMBER(id) ((id) & (PSCI_CALLS - 1))

/* clang-format off */
static const call_fn psci_calls[2][PSCI_CALLS] = {
	{
		[NUMBER(PSCI_VERSION)]                 = psci_version,
		[NUMBER(PSCI_CPU_SUSPEND)]             = cpu_suspend,
		[NUMBER(PSCI_CPU_OFF)]                 = cpu_off,
		[NUMBER(PSCI_CPU_ON)]                  = cpu_on,
		[NUMBER(PSCI_AFFINITY_INFO)]           = affinity_info,
		[NUMBER(PSCI_MIGRATE_INFO_TYPE)]       = migrate_info_type,
		[NUMBER(PSCI_SYSTEM_OFF)]              = system_off,
		[NUMBER(PSCI_SYSTEM_RESET)]            = system_reset,
		[NUMBER(PSCI_FEATURES)]                = psci_features,
		[NUMBER(PSCI_CPU_FREEZE)]              = cpu_off,
		[NUMBER(PSCI_CPU_DEFAULT_SUSPEND)]     = cpu_default_suspend,
		[NUMBER(PSCI_NODE_HW_STATE)]           = node_hw_state,
		[NUMBER(PSCI_SYSTEM_SUSPEND)]          = system_suspend,
		[NUMBER(PSCI_SET_SUSPEND_MODE)]        = set_suspend_mode,
		[NUMBER(PSCI_STAT_RESIDENCY)]          = psci_stat,
		[NUMBER(PSCI_STAT_COUNT)]              = psci_stat,
		[NUMBER(PSCI_SYSTEM_RESET2)]           = system_reset2,
		[NUMBER(PSCI_MEM_PROTECT)]             = mem_protect,
		[NUMBER(PSCI_MEM_PROTECT_CHECK_RANGE)] = mem_protect_check_range,
	},
	{
		[NUMBER(PSCI_CPU_SUSPEND)]             = cpu_suspend,
		[NUMBER(PSCI_CPU_ON)]                  = cpu_on,
		[NUMBER(PSCI_AFFINITY_INFO)]           = affinity_info,
		[NUMBER(PSCI_CPU_DEFAULT_SUSPEND)]     = cpu_default_suspend,
		[NUMBER(PSCI_NODE_HW_STATE)]           = node_hw_state,
		[NUMBER(PSCI_SYSTEM_SUSPEND)]          = system_suspend,
		[NUMBER(PSCI_STAT_RESIDENCY)]          = psci_stat,
		[NUMBER(PSCI_STAT_COUNT)]              = psci_stat,
		[NUMBER(PSCI_SYSTEM_RESET2)]           = system_reset2,
		[NUMBER(PSCI_MEM_PROTECT_CHECK_RANGE)] = mem_protect_check_range,
	},
};
/* clang-format on */

/* NULL: not a supported call of PSCI. */
static call_fn psci_call(u32 id)
{
	u32 number = (id & ~SMCCC_64) - PSCI_VERSION;

	if (number >= PSCI_CALLS)
		return NULL;
	return psci_calls[FIELD(id, 30, 30)][arch_table_index(number, PSCI_CALLS)];
}

static void psci_features(struct vcpu *v, u64 *x)
{
	u32 id = (u32)arg(x, 1);

	(void)v;
	/* SMCCC_VERSION is the only call outside PSCI's range that may be asked for here. */
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
	if ((x[0] & (SMCCC_FAST | SMCCC_SVE_HINT)) == (SMCCC_FAST | SMCCC_SVE_HINT)) {
		x[0] &= ~(u64)SMCCC_SVE_HINT;
		vmm_smccc(v, x);
		return;
	}
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
	case ZVM_TRACE:
		answer(x, trace_guest_call(v, x[1]));
		break;
	default:
		if (!workaround_call(x) && !trng_call(v, x) && !pvtime_call(v, x))
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
