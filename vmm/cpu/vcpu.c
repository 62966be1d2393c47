/* SPDX-License-Identifier: Apache-2.0 */
/* A vCPU's thread: its scheduler hooks, its waits, and its work before its guest continues. */
#include <arch/timer.h>
#include <kernel/log.h>
#include <kernel/percpu.h>
#include <lib/string.h>
#include <lib/text.h>
#include <vmm/call.h>
#include <vmm/cpu.h>
#include <vmm/life.h>

static vcpu_tend_fn tend;
static vcpu_devices_fn devices;

static void vcpu_switch_in(struct thread *t);
static void vcpu_switch_out(struct thread *t);
static void vcpu_migrate(struct thread *t);
static void vcpu_work(struct thread *t);

const struct thread_hooks vcpu_hooks = {
	.switch_in = vcpu_switch_in,
	.switch_out = vcpu_switch_out,
	.migrate = vcpu_migrate,
	.work = vcpu_work,
};

static struct vcpu *to_vcpu(struct thread *t)
{
	return container_of(t, struct vcpu, thread);
}

/* Load the EL1 state first: the timers' and the interface's registers belong to the loaded vCPU. */
static void vcpu_switch_in(struct thread *t)
{
	struct vcpu *v = to_vcpu(t);

	if (READ_ONCE(v->stolen_told))
		pvtime_update(v);
	arch_vcpu_load(v);
	vtimer_load(v);
	if (unlikely(v->pmu.present))
		arch_guest_pmu_load(&v->pmu.regs);
	vgic_load(v);
	if (v->timer.woken)
		vtimer_count_woken(v);
}

static void vcpu_switch_out(struct thread *t)
{
	struct vcpu *v = to_vcpu(t);

	vgic_put(v);
	vtimer_put(v);
	if (unlikely(v->pmu.present))
		arch_guest_pmu_save(&v->pmu.regs);
}

static void vcpu_migrate(struct thread *t)
{
	struct vcpu *v = to_vcpu(t);

	vtimer_migrate(v);
	arch_vcpu_flush(v);
}

void vcpu_set_tend(vcpu_tend_fn fn)
{
	tend = fn;
}

void vcpu_set_devices(vcpu_devices_fn fn)
{
	devices = fn;
}

void vcpu_leave_guest(struct vcpu *v)
{
	vcpu_switch_out(&v->thread);
	vcpu_migrate(&v->thread);
	v->thread.hooks = NULL;
	v->thread.lower = NULL;
}

void vcpu_join_guest(struct vcpu *v)
{
	v->thread.hooks = &vcpu_hooks;
	v->thread.lower = v;
	vcpu_switch_in(&v->thread);
}

/* Leave the CPU until kicked. True: an interrupt that ends the WFI has come. */
static bool wfi_block(struct vcpu *v)
{
	v->wfi_over = false;
	__atomic_store_n(&v->in_wfi, true, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* see vcpu_kick() */
	if (!__atomic_load_n(&v->thread.work, __ATOMIC_RELAXED))
		thread_park();
	__atomic_store_n(&v->in_wfi, false, __ATOMIC_RELAXED);
	/*
	 * A kicker that still saw in_wfi did not interrupt this vCPU. It has set the work bit
	 * before, so the caller sees it.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return v->wfi_over;
}

/*
 * Handle changed virtual interrupts here: they need not be ones that end a WFI. A waiting vCPU is
 * healthy, so a look is done too.
 */
static void take_virqs(struct vcpu *v)
{
	(void)__atomic_fetch_and(&v->thread.work, (u32) ~(VCPU_WORK_VIRQ | VCPU_WORK_LOOK),
				 __ATOMIC_ACQ_REL);
	if (unlikely(vgic_to_flush(&v->vgic)))
		vgic_flush(v);
}

/*
 * While no other thread is ready on this CPU, the vCPU waits in place: its timers and list
 * registers stay in hardware, and the interrupt that ends the wait is taken as from a running
 * guest. A kick finds the vCPU current and interrupts it.
 */
void vmm_wfi(struct vcpu *v)
{
	u32 work;

	v->waits = true;
	for (;;) {
		work = __atomic_load_n(&v->thread.work, __ATOMIC_ACQUIRE);
		if (work & (VCPU_WORK_VIRQ | VCPU_WORK_LOOK)) {
			take_virqs(v);
			work = __atomic_load_n(&v->thread.work, __ATOMIC_ACQUIRE);
		}
		/*
		 * Other work is done on the way to the guest, where interrupts are taken: it may
		 * come again and again.
		 */
		if (work || vgic_pending(v))
			break;
		if (sched_idle_here())
			arch_guest_take_irq(v);
		else if (wfi_block(v))
			break;
	}
	v->waits = false;
}

void vmm_wfe(struct vcpu *v)
{
	(void)v;
	thread_yield();
}

void vmm_fault(struct vcpu *v, const struct guest_fault *f)
{
	char why[160];

	text_print(why, sizeof(why), "%s on vcpu %u: ESR %08lx FAR %016lx IPA %010lx PC %016lx",
		   f->what, v->index, f->esr, f->far, f->ipa, f->pc);
	vcpu_note_crash(v, false);
	vm_request(v->vm, VM_REQ_CRASH, why);
}

void vmm_late_serror(struct vcpu *v, u64 esr)
{
	v->serror_esr = esr;
	thread_set_work(&v->thread, VCPU_WORK_ERROR);
}

/*
 * Several vCPUs on one CPU may stop, end or start. They are switched to one after the other, each
 * in the middle of its exit. Without this function all of that would be one section with interrupts
 * masked. The most urgent waiting interrupt is taken here, and a more urgent thread may run. Only
 * one interrupt is taken, so a vCPU makes progress even on an overloaded CPU.
 */
static void let_interrupt_in(struct vcpu *v)
{
	struct masked *m = &this_cpu()->masked;
	u64 now = arch_counter();

	masked_stop(m, now, (u64)let_interrupt_in);
	masked_restart(m, now, (u64)let_interrupt_in);
	arch_guest_take_irq(v);
	if (sched_pending())
		schedule();
}

bool vm_is_parked(const struct vm *vm, const struct vcpu *but)
{
	const struct vcpu *v;

	for_each_vcpu(v, vm)
		if (v != but && !__atomic_load_n(&v->parked, __ATOMIC_ACQUIRE))
			return false;
	return true;
}

/*
 * Wait here while the guest may not run. True: enter at the boot address with reset registers. Ends
 * the thread if the VM is deleted.
 */
static bool park_while_stopped(struct vcpu *v)
{
	struct vm *vm = v->vm;
	unsigned long flags = spin_lock_irqsave(&vm->state_wq.lock);
	bool reset;

	while (vm->exiting || !vm->run_allowed || v->held || v->power == VCPU_OFF) {
		u64 deadline = DEADLINE_NEVER;

		if (vm->exiting) {
			spin_unlock_irqrestore(&vm->state_wq.lock, flags);
			thread_exit();
		}
		if (!v->parked) {
			__atomic_store_n(&v->parked, true, __ATOMIC_RELEASE);
			wait_wake_all(&vm->halt_wq);
			if (!vm->run_allowed)
				vcpu_pass_stop(vm, v->index + VCPU_PIECE);
			if (!vm->run_allowed && vm_is_parked(vm, NULL))
				vcpu_wake_tend_locked(vm);
		}
		if (v->index == 0 && tend(vm, &flags, &deadline))
			continue;
		(void)wait_block_locked(&vm->state_wq, flags, deadline);
		let_interrupt_in(v);
		flags = spin_lock_irqsave(&vm->state_wq.lock);
	}
	/*
	 * A vCPU that woke early, as vCPU 0 does for its duties, was loaded before the VM's clock
	 * was set. With two clocks in a VM time would go back.
	 */
	vtimer_follow_clock(v);
	v->parked = false;
	v->power = VCPU_ON;
	reset = v->reset_pending;
	v->reset_pending = false;
	spin_unlock_irqrestore(&vm->state_wq.lock, flags);
	return reset;
}

static void forget_error(struct vcpu *v)
{
	(void)__atomic_fetch_and(&v->thread.work, (u32)~VCPU_WORK_ERROR,
				 __ATOMIC_RELAXED); /* of an earlier run */
}

static void reset_suspends(struct vcpu *v)
{
	memset(v->suspends, 0, sizeof(v->suspends));
	memset(v->suspended_ticks, 0, sizeof(v->suspended_ticks));
}

void vcpu_reset(struct vcpu *v, enum vcpu_reset when)
{
	static const struct {
		void (*reset)(struct vcpu *v);
		u32 when;
	} rows[] = {
		{ forget_error, VCPU_RESET_ENTRY },
		{ reset_suspends, VCPU_RESET_POWER_ON },
		{ vgic_cpu_init, VCPU_RESET_POWER_ON },
		{ vdebug_reset, VCPU_RESET_ENTRY },
		{ vpmu_reset, VCPU_RESET_ENTRY },
		{ health_reset, VCPU_RESET_ENTRY },
		{ pvtime_enter, VCPU_RESET_ENTRY },
		{ vtimer_reset, VCPU_RESET_POWER_ON | VCPU_RESET_ENTRY },
	};

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].when & when)
			rows[i].reset(v);
}

static void enter_reset_state(struct vcpu *v)
{
	vcpu_reset(v, VCPU_RESET_ENTRY);
	vgic_cpu_online(v, true);
	arch_vcpu_reset(v, v->mpidr, v->boot_entry, v->boot_arg);
}

static __noinline void state_work(struct vcpu *v, u32 work)
{
	if (work & VCPU_WORK_ERROR) {
		const struct guest_fault fault = { .what = "SError",
						   .esr = v->serror_esr,
						   .pc = arch_vcpu_pc(v) };

		vmm_fault(v, &fault);
	}
	if ((work & VCPU_WORK_DEVICE) && v->power == VCPU_OFF) {
		devices(v); /* it may stay off for ever */
		work &= (u32)~VCPU_WORK_DEVICE;
	}
	if (work & VCPU_WORK_STATE) {
		let_interrupt_in(v);
		if (v->power == VCPU_OFF)
			vgic_cpu_online(v, false);
		if (park_while_stopped(v))
			enter_reset_state(v);
	}
	if (work & VCPU_WORK_LOOK) {
		let_interrupt_in(v);
		health_look(v);
	}
	if (work & VCPU_WORK_DEVICE)
		devices(v);
	if (work & VCPU_WORK_VIRQ)
		vgic_flush(v);
}

static void vcpu_work(struct thread *t)
{
	struct vcpu *v = to_vcpu(t);
	u32 work = __atomic_exchange_n(&t->work, 0, __ATOMIC_ACQ_REL);

	if (likely(work == VCPU_WORK_VIRQ))
		vgic_flush(v);
	else
		state_work(v, work);
}

void vcpu_main(void *arg)
{
	struct vcpu *v = arg;

	arch_irq_disable();
	if (!park_while_stopped(v))
		panic("vcpu started without a reset");
	let_interrupt_in(v); /* the switch to here was a section */
	enter_reset_state(v);
	arch_guest_enter(v);
}
