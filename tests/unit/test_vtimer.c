/* SPDX-License-Identifier: Apache-2.0 */
/* The EL1 timers of a vCPU: forwarded while loaded, a wake-up while it waits. */
#include <unit.h>
#include <vgic_fixture.h>

#include <kernel/percpu.h>
#include <string.h>

static struct vcpu *const v0 = &fixture_vcpus[0];
static u64 armed_at;
static struct timeout *armed;

/* ---- in place of timeout.c: one timeout ---- */

void timeout_init(struct timeout *t, void (*fn)(struct timeout *t))
{
	list_init(&t->node);
	t->fn = fn;
}

static struct list queue = LIST_INIT(queue);

void timeout_unqueue(struct timeout *t)
{
	list_del(&t->node);
	armed = NULL;
}

void timeout_arm_here(struct timeout *t, u64 deadline)
{
	assert_true(list_empty(&t->node));
	list_add_tail(&queue, &t->node);
	armed = t;
	armed_at = deadline;
}

bool timeout_cancel(struct timeout *t)
{
	bool was = armed == t;

	timeout_cancel_here(t);
	return was;
}

static void expire(void)
{
	struct timeout *t = armed;

	assert_non_null(t);
	host_counter = armed_at;
	timeout_unqueue(t);
	t->fn(t);
}

/* ---- */

static int setup(void **state)
{
	u32 i;

	fixture_setup(state);
	armed = NULL;
	list_init(&queue);
	fixture_vm.cntvoff = 1000;
	assert_int_equal(vtimer_host_init(), 0);
	for (i = 0; i < FIXTURE_VCPUS; i++)
		vtimer_reset(&fixture_vcpus[i]);
	fixture_enable(0, 27, 0);
	fixture_enable(0, 30, 0);
	fixture_kicked();
	return 0;
}

static void load(u32 n)
{
	vtimer_load(&fixture_vcpus[n]);
	fixture_load(n);
	fixture_vcpus[n].thread.state = THREAD_RUNNING;
}

static void put(u8 state)
{
	struct vcpu *v = fixture_current[host_cpu];

	v->thread.state = state;
	fixture_put();
	vtimer_put(v);
	assert_int_equal(host_guest_timers[host_cpu][0].ctl, 0);
	assert_int_equal(host_guest_timers[host_cpu][1].ctl, 0);
}

static void program(enum arch_timer_id id, u64 cval, u32 ctl)
{
	host_guest_timers[host_cpu][id].cval = cval;
	host_guest_timers[host_cpu][id].ctl = ctl;
}

static void physical(u32 intid)
{
	host_irq_set_active(intid, host_cpu, true);
	fixture_irq(intid);
}

static void counts_from_the_offset(void **state)
{
	(void)state;
	host_counter = 5000;
	load(0);
	assert_int_equal(host_timer_offset[0], 1000);
}

static void registers_follow_the_vcpu(void **state)
{
	(void)state;
	load(0);
	program(ARCH_TIMER_VIRT, 111, 1);
	program(ARCH_TIMER_PHYS, 222, 3);
	put(THREAD_READY);
	assert_null(armed); /* preempted: it finds its timer when it is back */
	load(1);
	assert_int_equal(host_guest_timers[0][ARCH_TIMER_VIRT].cval, 0);
	put(THREAD_BLOCKED);
	assert_null(armed);
	host_set_cpu(3);
	load(0);
	assert_int_equal(host_guest_timers[3][ARCH_TIMER_VIRT].cval, 111);
	assert_int_equal(host_guest_timers[3][ARCH_TIMER_VIRT].ctl, 1);
	assert_int_equal(host_guest_timers[3][ARCH_TIMER_PHYS].cval, 222);
	assert_int_equal(host_guest_timers[3][ARCH_TIMER_PHYS].ctl, 3);
}

static void forwarded_while_loaded(void **state)
{
	(void)state;
	load(0);
	physical(27);
	physical(30);
	assert_int_equal(fixture_kicked(), 0);
	assert_int_equal(host_vgic_ack(), 27);
	host_vgic_eoi(27);
	assert_false(host_irq_active(27, 0));
	assert_int_equal(host_vgic_ack(), 30);
	assert_true(host_irq_active(30, 0));
	host_vgic_eoi(30);
	assert_false(host_irq_active(30, 0));
	assert_int_equal(host_vgic_ack(), 1023);
}

static void nobodys_is_stopped(void **state)
{
	(void)state;
	program(ARCH_TIMER_VIRT, 1, 1);
	physical(27);
	assert_false(host_irq_active(27, 0));
	assert_int_equal(host_guest_timers[0][ARCH_TIMER_VIRT].ctl, 0);
}

static void the_earlier_wakes(void **state)
{
	(void)state;
	load(0);
	program(ARCH_TIMER_VIRT, 500, 1);
	program(ARCH_TIMER_PHYS, 1600, 1);
	put(THREAD_BLOCKED);
	assert_int_equal(armed_at, 1500);
	expire();
	assert_int_equal(fixture_ended(), 1);
	assert_true(vgic_pending(v0));
	load(0);
	assert_true(host_irq_active(27, 0)); /* it need not fire again */
	assert_false(host_irq_active(30, 0));
	assert_int_equal(host_vgic_ack(), 27);
	program(ARCH_TIMER_VIRT, 500, 0);
	host_vgic_eoi(27);
	assert_int_equal(host_vgic_ack(), 1023);
	put(THREAD_BLOCKED);
	assert_int_equal(armed_at, 1600);
	load(0); /* by something else */
	assert_null(armed);
}

/*
 * Woken, and on its way to another CPU: its timer is checked when it runs there, and fires on no
 * other CPU.
 */
static void the_wake_up_does_not_stay_behind(void **state)
{
	(void)state;
	load(0);
	program(ARCH_TIMER_VIRT, 500, 1);
	put(THREAD_BLOCKED);
	assert_ptr_equal(armed, &v0->timer.wake);
	vtimer_migrate(v0);
	assert_null(armed);
	host_set_cpu(1);
	load(0);
	assert_int_equal(host_guest_timers[1][ARCH_TIMER_VIRT].cval, 500);
	assert_int_equal(host_guest_timers[1][ARCH_TIMER_VIRT].ctl, 1);
}

/*
 * If its list register is still the timer's, the expiry says what it does to a WFI: the vCPU need
 * not look again.
 */
static void an_expiry_ends_the_wfi(void **state)
{
	(void)state;
	load(0);
	program(ARCH_TIMER_VIRT, 500, 1);
	physical(27);
	assert_int_equal(host_vgic_ack(), 27);
	program(ARCH_TIMER_VIRT, 900, 1);
	host_vgic_eoi(27);
	put(THREAD_BLOCKED);
	expire();
	assert_int_equal(fixture_ended(), 1);
	assert_int_equal(fixture_kicked(), 0);
	load(0);
	assert_int_equal(host_vgic_ack(), 27);
	program(ARCH_TIMER_VIRT, 1300, 1);
	host_vgic_eoi(27);
	host_vgic[host_cpu].pmr = 0; /* the guest takes none */
	put(THREAD_BLOCKED);
	expire();
	assert_int_equal(fixture_ended(), 0);
	assert_int_equal(fixture_kicked(), 1);
}

static void masked_and_impossible_ones_do_not(void **state)
{
	(void)state;
	load(0);
	program(ARCH_TIMER_VIRT, 500, 3);
	program(ARCH_TIMER_PHYS, 500, 0);
	put(THREAD_BLOCKED);
	assert_null(armed);
	load(0);
	program(ARCH_TIMER_VIRT, UINT64_MAX - 5, 1);
	put(THREAD_BLOCKED);
	assert_null(armed);
	load(0);
	program(ARCH_TIMER_VIRT, 500, 1);
	v0->parked = true;
	put(THREAD_BLOCKED);
	assert_null(armed);
	v0->parked = false;
}

static void in_flight_does_not_wake_again(void **state)
{
	(void)state;
	load(0);
	host_counter = 10000;
	program(ARCH_TIMER_VIRT, 500, 1);
	physical(27);
	assert_int_equal(host_vgic_ack(), 27);
	put(THREAD_BLOCKED); /* WFI in the handler */
	assert_null(armed);
	load(0);
	host_vgic_eoi(27); /* still asserted */
	put(THREAD_BLOCKED);
	assert_int_equal(armed_at, 1500);
}

static void lateness(u64 count, u64 max)
{
	assert_int_equal(histogram_count(&v0->timer.late), count);
	assert_int_equal(v0->timer.late.max, max);
}

/*
 * From when it was due, by the timer's own counter, to its delivery: by the general path, and again
 * by the short one.
 */
static void late_while_loaded(void **state)
{
	(void)state;
	load(0);
	host_counter = 5000;
	program(ARCH_TIMER_VIRT, 3500, 1);
	physical(27);
	lateness(1, 500);
	assert_int_equal(host_vgic_ack(), 27);
	host_vgic_eoi(27);
	program(ARCH_TIMER_VIRT, 3990, 1);
	assert_true(vmm_guest_irq(v0, 27));
	lateness(2, 500);
	assert_int_equal(*histogram_bucket(&v0->timer.late, 10), 1);
	assert_int_equal(host_vgic_ack(), 27);
	host_vgic_eoi(27);
	program(ARCH_TIMER_VIRT, 1000, 1);
	assert_true(vmm_guest_irq(v0, 27));
	lateness(3, 3000);
	program(ARCH_TIMER_PHYS, 4000, 1);
	physical(30);
	assert_int_equal(host_vgic_ack(), 27);
	host_vgic_eoi(27);
	assert_int_equal(host_vgic_ack(), 30);
	host_vgic_eoi(30);
	lateness(4, 3000);
	program(ARCH_TIMER_PHYS, 1000, 1);
	assert_true(vmm_guest_irq(v0, 30));
	lateness(5, 4000);
	program(ARCH_TIMER_VIRT, 4001, 1); /* moved since it fired: its lateness is unknown */
	assert_true(vmm_guest_irq(v0, 27));
	lateness(5, 4000);
}

/* One that wakes the vCPU is delivered when that is switched in, and counts once. */
static u64 told;

static void tell_late(struct vcpu *v, u64 late)
{
	assert_ptr_equal(v, v0);
	told = late;
}

/* The virtual timer fires by the short path, that late. */
static void fire_again(u64 late)
{
	assert_int_equal(host_vgic_ack(), 27);
	host_vgic_eoi(27);
	program(ARCH_TIMER_VIRT, 4000 - late, 1); /* its counter is at 4000 */
	told = 0;
	assert_true(vmm_guest_irq(v0, 27));
}

/* What comes later than the limit is told, whether or not something came later before. */
static void late_limit_is_told(void **state)
{
	(void)state;
	vtimer_set_late(tell_late);
	arch_set_percpu(&percpus[0]);
	load(0);
	host_counter = 5000;
	program(ARCH_TIMER_VIRT, 3500, 1);
	physical(27);
	assert_int_equal(told, 0); /* no limit */
	vtimer_set_limit(v0, 300);
	fire_again(300);
	assert_int_equal(told, 0);
	fire_again(301);
	assert_int_equal(told, 301);
	fire_again(100);
	assert_int_equal(told, 0);
	fire_again(900);
	assert_int_equal(told, 900);
	fire_again(400);
	assert_int_equal(told, 400);
	lateness(6, 900);
	vtimer_set_limit(v0, 0);
	fire_again(700);
	assert_int_equal(told, 0);
	assert_int_equal(v0->timer.late.usual, 900);
}

static void late_when_woken(void **state)
{
	(void)state;
	load(0);
	program(ARCH_TIMER_VIRT, 500, 1);
	put(THREAD_BLOCKED);
	expire();
	lateness(0, 0);
	host_counter += 70;
	load(0);
	assert_true(v0->timer.woken);
	vtimer_count_woken(v0);
	lateness(1, 70);
	assert_false(v0->timer.woken);
	put(THREAD_READY); /* before the guest saw it */
	host_counter += 1000;
	load(0);
	assert_false(v0->timer.woken);
	assert_int_equal(host_vgic_ack(), 27);
	lateness(1, 70);
}

/* As the virtual counter reads. */
static u64 virtual_count(void)
{
	return host_counter - fixture_vm.cntvoff;
}

/*
 * No value of CVAL overflows with the offset, from the VM's start on and whatever it is paused for.
 */
static void assert_leads(void)
{
	assert_true((s64)fixture_vm.cntvoff <= 0);
	assert_true(virtual_count() >= host_counter);
}

static void a_counter_that_follows_starts_at_0(void **state)
{
	(void)state;
	host_counter = 123456789;
	vtimer_start_clock(&fixture_vm);
	assert_int_equal(virtual_count(), 0);
	host_counter += 1000;
	vtimer_stood_still(&fixture_vm, 400);
	assert_int_equal(virtual_count(), 600);
	host_counter += BIT(60);
	vtimer_stood_still(&fixture_vm, BIT(60));
	assert_int_equal(virtual_count(), 600);
}

static void a_counter_that_leads(void **state)
{
	static const u64 starts[] = { 0,           1,       123456789,   BIT(47),
				      BIT(48) - 1, BIT(48), BIT(48) + 1, BIT(60) };
	u32 i;

	(void)state;
	host_counter_leads = true;
	for (i = 0; i < ARRAY_SIZE(starts); i++) {
		host_counter = starts[i];
		vtimer_start_clock(&fixture_vm);
		assert_leads();
		assert_int_equal(virtual_count() % BIT(48), 0); /* 2^22 s of 62.5 MHz and more */
		assert_true(virtual_count() < host_counter + BIT(50));
		host_counter += 1000;
		vtimer_stood_still(&fixture_vm, 400);
		assert_leads();
		assert_int_equal(virtual_count() % BIT(48), 600);
		/* The machine's catches up, and both go on as one. */
		host_counter += BIT(50);
		vtimer_stood_still(&fixture_vm, BIT(50));
		assert_leads();
		assert_int_equal(virtual_count(), host_counter);
	}
}

/*
 * A wake-up is set for when the timer's own counter reaches CVAL; for 0 if that was before the
 * machine's counter was 0; or not at all.
 */
static void edges(u64 cval, u64 at)
{
	load(0);
	program(ARCH_TIMER_VIRT, cval, 1);
	put(THREAD_BLOCKED);
	assert_true((armed != NULL) == (at != DEADLINE_NEVER));
	if (armed) {
		assert_int_equal(armed_at, at);
		expire();
		assert_true(vgic_pending(v0));
		load(0);
		assert_int_equal(host_vgic_ack(), 27);
		program(ARCH_TIMER_VIRT, 0, 0);
		host_vgic_eoi(27);
		put(THREAD_BLOCKED);
	}
}

static void wakes_up_for_any_value(void **state)
{
	static const u64 offsets[] = { 0, 1, 1000, BIT(40), 0 - 1UL, 0 - 1000UL, 0 - BIT(49) };
	u32 i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		u64 offset = offsets[i];
		bool behind = (s64)offset >= 0;

		fixture_vm.cntvoff = offset;
		edges(UINT64_MAX, behind ? DEADLINE_NEVER : UINT64_MAX + offset);
		edges(UINT64_MAX - 1,
		      behind && offset > 1 ? DEADLINE_NEVER : UINT64_MAX - 1 + offset);
		edges(BIT(63), BIT(63) + offset);
		edges(BIT(50), BIT(50) + offset);
		edges(0, behind ? offset : 0);
		edges(0 - offset, behind && offset ? DEADLINE_NEVER : 0);
		edges(1 - offset, behind && offset > 1 ? DEADLINE_NEVER : 1);
	}
}

static void reset_stops(void **state)
{
	(void)state;
	load(0);
	program(ARCH_TIMER_VIRT, 500, 1);
	vtimer_reset(v0);
	assert_int_equal(host_guest_timers[0][ARCH_TIMER_VIRT].ctl, 0);
	program(ARCH_TIMER_VIRT, 500, 1);
	put(THREAD_BLOCKED);
	assert_non_null(armed);
	vtimer_reset(v0);
	assert_null(armed);
	load(0);
	assert_int_equal(host_guest_timers[0][ARCH_TIMER_VIRT].ctl, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(counts_from_the_offset, setup),
		cmocka_unit_test_setup(registers_follow_the_vcpu, setup),
		cmocka_unit_test_setup(forwarded_while_loaded, setup),
		cmocka_unit_test_setup(nobodys_is_stopped, setup),
		cmocka_unit_test_setup(the_earlier_wakes, setup),
		cmocka_unit_test_setup(the_wake_up_does_not_stay_behind, setup),
		cmocka_unit_test_setup(an_expiry_ends_the_wfi, setup),
		cmocka_unit_test_setup(masked_and_impossible_ones_do_not, setup),
		cmocka_unit_test_setup(in_flight_does_not_wake_again, setup),
		cmocka_unit_test_setup(late_while_loaded, setup),
		cmocka_unit_test_setup(late_limit_is_told, setup),
		cmocka_unit_test_setup(late_when_woken, setup),
		cmocka_unit_test_setup(a_counter_that_follows_starts_at_0, setup),
		cmocka_unit_test_setup(a_counter_that_leads, setup),
		cmocka_unit_test_setup(wakes_up_for_any_value, setup),
		cmocka_unit_test_setup(reset_stops, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
