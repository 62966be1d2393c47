/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The EL1 timers of vCPUs: forwarded while in hardware, replaced by a timeout while the vCPU waits.
 */
#include <arch/irqchip.h>
#include <arch/timer.h>
#include <kernel/irq.h>
#include <lib/string.h>
#include <vmm/core.h>
#include <vmm/cpu.h>

#define CTL_ENABLE BIT(0)
#define CTL_IMASK  BIT(1)

static const u32 vintids[] = {
	[ARCH_TIMER_VIRT] = VTIMER_PPI_VIRT,
	[ARCH_TIMER_PHYS] = VTIMER_PPI_PHYS,
};
static u32 pintids[2]; /* of the machine's timers */

/*
 * A VM's counter that leads may stand still for 2^22 s in all, 48 days, before the machine's
 * counter has caught up with it.
 */
#define ROOM_BITS 22

/*
 * The start of a counter that leads is a multiple of `room` too. So its low 32 bits start at 0, as
 * software that reads only those expects, and the start is the same each time.
 */
void vtimer_start_clock(struct vm *vm)
{
	u64 now = arch_counter();
	u64 room = BIT(64 - (u32)__builtin_clzll(arch_counter_hz()) + ROOM_BITS);

	vm->cntvoff = arch_guest_counter_leads() ? now - ALIGN_UP(now + room, room) : now;
}

void vtimer_stood_still(struct vm *vm, u64 ticks)
{
	u64 offset = vm->cntvoff + ticks;

	vm->cntvoff = arch_guest_counter_leads() && (s64)offset > 0 ? 0 : offset;
}

/*
 * The machine's counter when the timer's own counter is at cval. The sum does not wrap within our
 * time. If it is not a value of the machine's counter: where the guest's counter is ahead, the time
 * is over; where it is behind, the time never comes.
 */
static __noinline u64 machine_time_far(u64 cval, u64 offset)
{
	u64 at;
	bool carry = __builtin_add_overflow(cval, offset, &at);

	if (carry == offset >> 63)
		return at;
	return carry ? DEADLINE_NEVER : 0;
}

/*
 * If two numbers are below 2^63 and one is the sum of the other and the offset, nothing was
 * carried.
 */
static u64 machine_time(u64 cval, u64 offset)
{
	u64 at = cval + offset;

	return likely((s64)(cval | at) >= 0) ? at : machine_time_far(cval, offset);
}

/* System counter value at which the saved timer asserts its interrupt. */
static u64 expiry(const struct vcpu *v, enum arch_timer_id id)
{
	const struct arch_timer_regs *r = &v->timer.regs[id];

	if ((r->ctl & (CTL_ENABLE | CTL_IMASK)) != CTL_ENABLE)
		return DEADLINE_NEVER;
	return id == ARCH_TIMER_VIRT ? machine_time(r->cval, v->vm->cntvoff) : r->cval;
}

static inline void count_woken(struct vtimer *t, enum arch_timer_id id, u64 now)
{
	u64 late = now - t->due[id];

	if ((t->woken & BIT(id)) &&
	    unlikely(late > INT32_MAX || !histogram_tally(&t->late, (u32)late)))
		vtimer_count_late(t, (s64)late);
}

void vtimer_count_woken(struct vcpu *v)
{
	u64 now = arch_counter();

	count_woken(&v->timer, ARCH_TIMER_VIRT, now);
	count_woken(&v->timer, ARCH_TIMER_PHYS, now);
	v->timer.woken = 0;
}

/*
 * A physical timer interrupt of the vCPU that is loaded on this CPU. It stays active until the
 * guest's EOI.
 */
static void timer_irq(u32 intid, void *arg)
{
	enum arch_timer_id id = *(const enum arch_timer_id *)arg;
	struct vcpu *v = vcpu_current();

	if (likely(v && v->vgic.loaded)) {
		vgic_forward_ppi(v, vintids[id], intid);
		vtimer_delivered(&v->timer, vintids[id]);
		return;
	}
	/*
	 * No vCPU is loaded: vgic_put disables the timers, so the interrupt was already under way
	 * then.
	 */
	arch_guest_timer_stop(id);
	arch_irq_set_active(intid, false);
}

/* The interrupt is not the virtual timer's, or it is later than any before. */
static __noinline bool refire_counted(struct vcpu *v, u64 n)
{
	vtimer_delivered(&v->timer, (u32)v->vgic.written[n]);
	return vgic_refire(&v->vgic, n);
}

bool vmm_guest_irq(struct vcpu *v, u32 intid)
{
	u64 n;

	if (!vgic_may_refire(&v->vgic, intid, &n))
		return false;
	if (unlikely(!vtimer_tally(&v->timer, (u32)v->vgic.written[n])))
		return refire_counted(v, n);
	return vgic_refire(&v->vgic, n);
}

static bool virt_asserted(void)
{
	return arch_guest_timer_asserted(ARCH_TIMER_VIRT);
}

static bool phys_asserted(void)
{
	return arch_guest_timer_asserted(ARCH_TIMER_PHYS);
}

int vtimer_host_init(void)
{
	static enum arch_timer_id ids[] = { ARCH_TIMER_VIRT, ARCH_TIMER_PHYS };
	int err;

	for (u32 i = 0; i < ARRAY_SIZE(ids); i++)
		pintids[ids[i]] = arch_guest_timer_intid(ids[i]);
	vgic_set_line(VTIMER_PPI_VIRT, pintids[ARCH_TIMER_VIRT], virt_asserted);
	vgic_set_line(VTIMER_PPI_PHYS, pintids[ARCH_TIMER_PHYS], phys_asserted);
	err = irq_request(pintids[ids[0]], "vtimer", timer_irq, &ids[0],
			  IRQ_STAYS_ACTIVE | IRQ_URGENT);
	if (err)
		return err;
	return irq_request(pintids[ids[1]], "ptimer", timer_irq, &ids[1],
			   IRQ_STAYS_ACTIVE | IRQ_URGENT);
}

/*
 * v waits off the CPU, and the earlier of its timers has expired. If the other one has too, it
 * fires in hardware as soon as v is loaded: that is a section of its own.
 */
static void wake(struct timeout *timeout)
{
	struct vcpu *v = container_of(timeout, struct vcpu, timer.wake);
	struct vtimer *t = &v->timer;
	enum arch_timer_id id = t->due[ARCH_TIMER_PHYS] < t->due[ARCH_TIMER_VIRT] ? ARCH_TIMER_PHYS
										  : ARCH_TIMER_VIRT;

	t->woken |= (u8)BIT(id);
	if (likely(vgic_expire_ppi(v, vintids[id], pintids[id])))
		vcpu_end_wfi(v);
	else
		vcpu_kick(v, VCPU_WORK_VIRQ);
}

void vtimer_reset(struct vcpu *v)
{
	struct vtimer *t = &v->timer;
	unsigned long flags = arch_irq_save();

	if (t->wake.fn)
		(void)timeout_cancel(&t->wake);
	else
		timeout_init(&t->wake, wake);
	t->woken = 0;
	memset(t->regs, 0, sizeof(t->regs));
	if (vcpu_current() == v && v->vgic.loaded)
		arch_guest_timers_restore(t->regs, v->vm->cntvoff);
	arch_irq_restore(flags);
}

void vtimer_load(struct vcpu *v)
{
	struct vtimer *t = &v->timer;

	timeout_cancel_here(&t->wake);
	arch_guest_timers_restore(t->regs, v->vm->cntvoff);
}

void vtimer_follow_clock(struct vcpu *v)
{
	arch_guest_timers_save(v->timer.regs);
	arch_guest_timers_restore(v->timer.regs, v->vm->cntvoff);
}

void vtimer_migrate(struct vcpu *v)
{
	timeout_cancel_here(&v->timer.wake);
}

void vtimer_put(struct vcpu *v)
{
	struct vtimer *t = &v->timer;
	u64 deadline;
	enum arch_timer_id id;

	arch_guest_timers_save(t->regs);
	if (v->thread.state != THREAD_BLOCKED || READ_ONCE(v->parked))
		return;
	/* A timer whose interrupt is already in flight needs no wake-up. */
	for (id = ARCH_TIMER_VIRT; id <= ARCH_TIMER_PHYS; id++)
		t->due[id] = v->vgic.forwarded & 1U << vintids[id] ? DEADLINE_NEVER : expiry(v, id);
	deadline = MIN(t->due[ARCH_TIMER_VIRT], t->due[ARCH_TIMER_PHYS]);
	if (deadline == DEADLINE_NEVER)
		return;
	t->wake.patient = v->thread.base_prio >= PRIO_REALTIME;
	timeout_arm_here(&t->wake, deadline);
}
