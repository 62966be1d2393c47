/* SPDX-License-Identifier: Apache-2.0 */
/* PSCI 1.1 (DEN0022) and the SMCCC general calls (DEN0028) for guests. Codes of these documents are written here and nowhere else. */
#include <lib/checked.h>
#include <uapi/smccc.h>
#include <vmm/vm.h>

/* What a call leaves in x0; *returns is cleared by calls that do not come back. */
typedef s64 (*call_fn)(struct vcpu *v, const u64 *arg, bool *returns);

static struct vcpu *by_affinity(struct vm *vm, u64 mpidr)
{
	for (u32 i = 0; i < vm->nvcpus; i++)
		if (vm->vcpus[i]->mpidr == mpidr)
			return vm->vcpus[i];
	return NULL;
}

static s64 psci_version(struct vcpu *v, const u64 *arg, bool *returns)
{
	(void)v;
	(void)arg;
	(void)returns;
	return PSCI_VERSION_1_1;
}

/* Any state is a stand-by here: registers are kept, and wake-up is as from WFI. */
static s64 cpu_suspend(struct vcpu *v, const u64 *arg, bool *returns)
{
	(void)returns;
	if (arg[0] & ~0x0301ffffUL) /* reserved bits of power_state, original format */
		return PSCI_INVALID_PARAMETERS;
	vmm_wfi(v);
	return PSCI_SUCCESS;
}

static s64 cpu_off(struct vcpu *v, const u64 *arg, bool *returns)
{
	unsigned long flags = spin_lock(&v->vm->state_wq.lock);

	(void)arg;
	v->power = VCPU_OFF;
	spin_unlock(&v->vm->state_wq.lock, flags);
	thread_post_work(&v->thread, VCPU_WORK_STATE);
	*returns = false;
	return 0;
}

/* Serialised by the VM's state lock: of several callers at once exactly one is told SUCCESS. */
static s64 cpu_on(struct vcpu *v, const u64 *arg, bool *returns)
{
	struct vm *vm = v->vm;
	struct vcpu *target = by_affinity(vm, arg[0]);
	unsigned long flags;
	s64 r;

	(void)returns;
	if (!target)
		return PSCI_INVALID_PARAMETERS;
	if (!range_within(arg[1], 4, GUEST_RAM_BASE, vm->ram.size) || arg[1] % 4)
		return PSCI_INVALID_ADDRESS;
	flags = spin_lock(&vm->state_wq.lock);
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
		target->boot_entry = arg[1];
		target->boot_arg = arg[2];
		wait_wake_all_locked(&vm->state_wq);
		r = PSCI_SUCCESS;
		break;
	}
	spin_unlock(&vm->state_wq.lock, flags);
	return r;
}

static s64 affinity_info(struct vcpu *v, const u64 *arg, bool *returns)
{
	static const s64 info[] = {
		[VCPU_ON] = PSCI_AFFINITY_ON,
		[VCPU_OFF] = PSCI_AFFINITY_OFF,
		[VCPU_ON_PENDING] = PSCI_AFFINITY_ON_PENDING,
	};
	struct vcpu *target = by_affinity(v->vm, arg[0]);

	(void)returns;
	if (!target || arg[1] != 0) /* levels above 0 need not be supported from PSCI 1.0 on */
		return PSCI_INVALID_PARAMETERS;
	return info[target->power];
}

static s64 migrate_info_type(struct vcpu *v, const u64 *arg, bool *returns)
{
	(void)v;
	(void)arg;
	(void)returns;
	return PSCI_MIGRATE_NOT_REQUIRED;
}

static s64 system_off(struct vcpu *v, const u64 *arg, bool *returns)
{
	(void)arg;
	*returns = false;
	vm_request(v->vm, VM_REQ_OFF, NULL);
	return 0;
}

static s64 system_reset(struct vcpu *v, const u64 *arg, bool *returns)
{
	(void)arg;
	*returns = false;
	vm_request(v->vm, VM_REQ_RESET, NULL);
	return 0;
}

static s64 system_reset2(struct vcpu *v, const u64 *arg, bool *returns)
{
	u32 type = (u32)arg[0];

	if (type != 0 && !(type & BIT(31))) /* SYSTEM_WARM_RESET, or a vendor's: all are one here */
		return PSCI_INVALID_PARAMETERS;
	return system_reset(v, arg, returns);
}

static s64 psci_features(struct vcpu *v, const u64 *arg, bool *returns);
static s64 arch_features(struct vcpu *v, const u64 *arg, bool *returns);

static s64 smccc_version(struct vcpu *v, const u64 *arg, bool *returns)
{
	(void)v;
	(void)arg;
	(void)returns;
	return SMCCC_VERSION_1_3;
}

static s64 zvm_revision(struct vcpu *v, const u64 *arg, bool *returns)
{
	(void)v;
	(void)arg;
	(void)returns;
	return 1;
}

struct call {
	u32 id;	  /* 32-bit number */
	bool has64; /* the SMC64 form exists too */
	call_fn fn;
};

static const struct call calls[] = {
	{ PSCI_VERSION, false, psci_version },
	{ PSCI_CPU_SUSPEND, true, cpu_suspend },
	{ PSCI_CPU_OFF, false, cpu_off },
	{ PSCI_CPU_ON, true, cpu_on },
	{ PSCI_AFFINITY_INFO, true, affinity_info },
	{ PSCI_MIGRATE_INFO_TYPE, false, migrate_info_type },
	{ PSCI_SYSTEM_OFF, false, system_off },
	{ PSCI_SYSTEM_RESET, false, system_reset },
	{ PSCI_FEATURES, false, psci_features },
	{ PSCI_SYSTEM_RESET2, true, system_reset2 },
	{ SMCCC_VERSION, false, smccc_version },
	{ SMCCC_ARCH_FEATURES, false, arch_features },
	{ ZVM_REVISION, false, zvm_revision },
};

static const struct call *find_call(u32 id)
{
	for (u32 i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i].id == id || (calls[i].has64 && (calls[i].id | SMCCC_64) == id))
			return &calls[i];
	return NULL;
}

static s64 psci_features(struct vcpu *v, const u64 *arg, bool *returns)
{
	u32 id = (u32)arg[0];

	(void)v;
	(void)returns;
	/* SMCCC_VERSION is asked for here too; it is the only call outside PSCI's range that may be. */
	bool psci = (id & ~SMCCC_64) >= PSCI_VERSION && (id & ~SMCCC_64) <= PSCI_VERSION + 0x1f;

	return (psci || id == SMCCC_VERSION) && find_call(id) ? PSCI_SUCCESS : PSCI_NOT_SUPPORTED;
}

static s64 arch_features(struct vcpu *v, const u64 *arg, bool *returns)
{
	u32 id = (u32)arg[0];

	(void)v;
	(void)returns;
	if (id == SMCCC_VERSION || id == SMCCC_ARCH_FEATURES)
		return SMCCC_SUCCESS;
	/* ID_AA64PFR0_EL1.CSV2: branch prediction of one context cannot be steered by another. */
	if ((id == SMCCC_ARCH_WORKAROUND_1 || id == SMCCC_ARCH_WORKAROUND_3) && FIELD(arch_id_register(4, 0), 59, 56))
		return SMCCC_NOT_REQUIRED;
	return SMCCC_NOT_SUPPORTED;
}

static void answer_uid(struct smccc_args *args)
{
	args->x[0] = ZVM_UID_0;
	args->x[1] = ZVM_UID_1;
	args->x[2] = ZVM_UID_2;
	args->x[3] = ZVM_UID_3;
}

bool vmm_smccc(struct vcpu *v, struct smccc_args *args)
{
	u32 id = (u32)args->x[0];
	const struct call *c = find_call(id);
	u64 arg[3] = { args->x[1], args->x[2], args->x[3] };
	bool returns = true;
	s64 r;

	if (id == ZVM_UID) {
		answer_uid(args);
		return true;
	}
	if (!(id & SMCCC_64)) /* SMC32: arguments are the low halves */
		for (u32 i = 0; i < ARRAY_SIZE(arg); i++)
			arg[i] = (u32)arg[i];
	r = c ? c->fn(v, arg, &returns) : SMCCC_NOT_SUPPORTED;
	/* All 64 bits are written: SMC32 callers see the low half of a sign-extended code. */
	args->x[0] = (u64)r;
	return returns;
}
