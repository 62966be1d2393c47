/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupts that stand for a physical one (the timers'), and list registers that stay while their
 * vCPU is off CPU.
 */
#include <unit.h>
#include <vgic_guest.h>

#define SPI 40

static struct vcpu *const v0 = &fixture_vcpus[0];

static bool physically_active(void)
{
	return host_irq_active(27, host_cpu);
}

/* The timer's output on this CPU. */
static void line(bool high)
{
	host_guest_timers[host_cpu][ARCH_TIMER_VIRT].cval = 0;
	host_guest_timers[host_cpu][ARCH_TIMER_VIRT].ctl = high ? 1 : 3;
}

static void fire(void)
{
	line(true);
	host_irq_set_active(27, host_cpu, true);
	vgic_forward_ppi(fixture_current[host_cpu], 27, 27);
}

static void hw_ppi_fast_path(void **state)
{
	u32 i;

	(void)state;
	fixture_enable(0, 27, 0);
	fixture_load(0);
	for (i = 0; i < 3; i++) {
		fire();
		assert_int_equal(fixture_kicked(), 0);
		assert_int_equal(fixture_lr(27),
				 LR_STATE_PENDING | LR_HW | LR_GROUP1 | 27ULL << 32 | 27);
		ack(27);
		assert_true(physically_active());
		host_vgic_eoi(27);
		assert_false(physically_active());
		assert_int_equal(fixture_maintenance(), 0);
	}
	fixture_put();
	assert_false(v0->vgic.forwarded);
}

static void hw_ppi_across_put_and_load(void **state)
{
	(void)state;
	fixture_enable(0, 27, 0);
	fixture_enable(1, 27, 0);
	fixture_load(0);
	fire();
	fixture_put(); /* pending */
	assert_false(physically_active());
	assert_true(vgic_pending(v0));
	fixture_load(1);
	assert_false(physically_active());
	fire(); /* the other's own */
	ack(27);
	fixture_load(0);
	assert_true(physically_active());
	ack(27);
	fixture_put(); /* active */
	assert_false(physically_active());
	host_set_cpu(1);
	fixture_load(0);
	assert_true(physically_active());
	host_vgic_eoi(27);
	assert_false(physically_active());
	fixture_load(1);
	assert_true(physically_active());
	nothing();
	host_vgic_eoi(27);
	assert_false(physically_active());
	fixture_load(0);
	assert_false(physically_active());
	nothing();
}

static void hw_ppi_never_pending_and_active(void **state)
{
	(void)state;
	fixture_enable(0, 27, 0);
	fixture_load(0);
	fire();
	fire();
	ack(27);
	fire();
	assert_int_equal(fixture_lr(27) & LR_STATE_MASK, LR_STATE_ACTIVE);
	fixture_write(0, SGI(0, 0x200), 4, BIT(27));
	assert_int_equal(fixture_lr(27) & LR_STATE_MASK, LR_STATE_ACTIVE);
	fixture_write(0, SGI(0, 0x280), 4, BIT(27));
	fixture_exit();
	assert_int_equal(fixture_lr(27) & LR_STATE_MASK, LR_STATE_ACTIVE);
	host_vgic_eoi(27);
	nothing();
	assert_false(physically_active());
}

static void hw_ppi_disabled_stays_for_later(void **state)
{
	(void)state;
	fixture_load(0);
	fire();
	nothing();
	assert_true(physically_active());
	fixture_put();
	assert_false(physically_active());
	fixture_load(0);
	assert_true(physically_active());
	fixture_enable(0, 27, 0);
	ack(27);
	host_vgic_eoi(27);
	assert_false(physically_active());
	/* Cleared by software: the physical one is released, to fire again if it has a reason. */
	fire();
	fixture_write(0, SGI(0, 0x280), 4, BIT(27));
	assert_false(physically_active());
	nothing();
	fire();
	ack(27);
	fixture_write(0, SGI(0, 0x380), 4, BIT(27));
	assert_false(physically_active());
	nothing();
	fixture_put();
	assert_int_equal(v0->vgic.forwarded, 0);
}

/* Found by the check guest: a timer stopped while its interrupt is disabled is pending no more. */
static void hw_ppi_follows_line_while_disabled(void **state)
{
	(void)state;
	fixture_load(0);
	fire();
	assert_int_equal(fixture_read(0, SGI(0, 0x200), 4) & BIT(27), BIT(27));
	line(false);
	assert_int_equal(fixture_read(0, SGI(0, 0x200), 4) & BIT(27), 0);
	assert_false(physically_active());
	fire();
	line(false);
	fixture_enable(0, 27, 0);
	nothing();
	assert_false(physically_active());
	fixture_put();
	assert_int_equal(v0->vgic.forwarded, 0);
}

/*
 * A guest stops its timer with interrupts masked: at the next opportunity its interrupt is no
 * longer pending.
 */
static void hw_ppi_follows_line_while_pending(void **state)
{
	(void)state;
	fixture_enable(0, 27, 0);
	fixture_load(0);
	fire();
	line(false);
	assert_int_equal(fixture_read(0, SGI(0, 0x200), 4) & BIT(27), 0);
	assert_false(physically_active());
	nothing();
	fire();
	line(false);
	assert_false(vgic_pending(v0)); /* a WFI waits */
	assert_false(physically_active());
	nothing();
	fire();
	assert_true(vgic_pending(v0));
	line(false);
	fixture_put();
	assert_int_equal(v0->vgic.forwarded, 0);
	assert_false(vgic_pending(v0));
	fixture_load(0);
	nothing();
	assert_false(physically_active());
	/* One that the guest has taken is active until it ends it. */
	fire();
	ack(27);
	line(false);
	fixture_put();
	fixture_load(0);
	assert_true(physically_active());
	host_vgic_eoi(27);
	assert_false(physically_active());
}

static void hw_ppi_expired_off_cpu(void **state)
{
	(void)state;
	fixture_enable(0, 27, 0);
	line(true);
	assert_false(vgic_expire_ppi(v0, 27, 27));
	assert_int_equal(fixture_kicked(), 0); /* the caller does that */
	assert_true(vgic_pending(v0));
	assert_false(physically_active());
	vgic_expire_ppi(v0, 27, 27);
	assert_int_equal(fixture_kicked(), 0);
	fixture_load(0);
	assert_true(physically_active());
	vgic_expire_ppi(v0, 27, 27); /* loaded: nothing */
	take(27);
	assert_false(physically_active());
	nothing();
}

/*
 * Off the CPU with only ended list registers: the assignments stay until the next operation on the
 * VM's interrupts.
 */
static void ended_ones_are_kept(void **state)
{
	(void)state;
	fixture_enable(0, 27, 0);
	fixture_enable(1, 27, 0x40);
	host_set_cpu(1);
	fixture_load(1);
	fire();
	take(27);
	fixture_put();
	host_set_cpu(0);
	fixture_load(0);
	fire();
	take(27);
	fixture_put();
	assert_true(fixture_vm.vgic.kept & 1);
	line(true);
	assert_true(vgic_expire_ppi(v0, 27, 27));
	assert_true(fixture_vm.vgic.kept & 1);
	assert_false(physically_active());
	host_set_cpu(1); /* whose list registers were another vCPU's */
	line(true);
	fixture_load(0);
	assert_true(physically_active());
	assert_int_equal(fixture_lr(27), LR_STATE_PENDING | LR_HW | LR_GROUP1 | 27ULL << 32 | 27);
	assert_int_equal(v0->vgic.forwarded, BIT(27));
	take(27);
	assert_false(physically_active());
	nothing();
	host_irq_set_active(27, host_cpu, true);
	assert_true(fixture_refire(v0, 27));
	take(27);
}

/* A timer without a list register gets a free one, if its interrupt is enabled. */
static void a_free_one_is_taken_off_the_cpu(void **state)
{
	(void)state;
	fixture_enable(0, 27, 0);
	fixture_enable(0, 30, 0x40);
	fixture_load(0);
	fire();
	take(27);
	fixture_put();
	assert_true(fixture_vm.vgic.kept & 1);
	assert_true(vgic_expire_ppi(v0, 30, 30));
	assert_true(fixture_vm.vgic.kept & 1);
	fixture_load(0);
	assert_true(host_irq_active(30, host_cpu));
	assert_int_equal(fixture_lr(30),
			 LR_STATE_PENDING | LR_HW | LR_GROUP1 | 0x40ULL << 48 | 30ULL << 32 | 30);
	take(30);
	assert_false(host_irq_active(30, host_cpu));
	fixture_write(0, SGI(0, 0x180), 4, BIT(30));
	fixture_put();
	assert_false(vgic_expire_ppi(v0, 30, 30));
	fixture_load(0);
	nothing();
}

/* An SPI that is set pending goes into the register that its vCPU keeps for it. */
static void a_kept_spi_fires(void **state)
{
	(void)state;
	fixture_enable(0, 40, 0x60);
	fixture_load(0);
	vgic_pend_spi(&fixture_vm, 40);
	take(40);
	fixture_put();
	assert_true(fixture_vm.vgic.kept & 1);
	(void)fixture_kicked();
	vgic_pend_spi(&fixture_vm, 40);
	assert_int_equal(fixture_kicked(), 1);
	assert_true(fixture_vm.vgic.kept & 1);
	host_set_cpu(1); /* whose list registers were another vCPU's */
	fixture_load(0);
	assert_int_equal(FIELD(fixture_lr(40), 55, 48), 0x60);
	assert_false(host_irq_active(0, host_cpu)); /* it is no physical interrupt */
	take(40);
	nothing();
	assert_int_equal(fixture_maintenance(), 0);
	/* Twice is once; and what another vCPU does to it counts. */
	fixture_put();
	vgic_pend_spi(&fixture_vm, 40);
	vgic_pend_spi(&fixture_vm, 40);
	fixture_load(0);
	take(40);
	nothing();
	fixture_put();
	vgic_pend_spi(&fixture_vm, 40);
	host_set_cpu(0);
	fixture_load(1);
	assert_true(fixture_read(1, GICD(0x204), 4) & BIT(8));
	fixture_write(1, GICD(0x184), 4, BIT(8));
	fixture_put();
	fixture_load(0);
	nothing();
	fixture_write(0, GICD(0x104), 4, BIT(8));
	take(40);
	nothing();
}

static void kept_ones_are_folded_for_others(void **state)
{
	u32 word;

	(void)state;
	fixture_enable(0, 27, 0);
	fixture_load(0);
	fire();
	take(27);
	fixture_put();
	line(true);
	vgic_expire_ppi(v0, 27, 27);
	host_set_cpu(1);
	fixture_load(1);
	word = (u32)fixture_read(1, SGI(0, 0x200), 4); /* ISPENDR: it is pending, and seen to be */
	assert_true(word & BIT(27));
	assert_int_equal(fixture_vm.vgic.kept & 1, 0);
	fixture_write(1, SGI(0, 0x180), 4, BIT(27)); /* disabled, enabled */
	host_set_cpu(0);
	fixture_load(0);
	nothing();
	host_set_cpu(1);
	fixture_write(1, SGI(0, 0x100), 4, BIT(27));
	host_set_cpu(0);
	fixture_exit();
	take(27);
	assert_false(physically_active());
}

/* One that is active is not written over before its list register is known to be used. */
static void active_sgi_comes_again_after_a_switch(void **state)
{
	(void)state;
	fixture_enable(0, 5, 0x80);
	fixture_load(0);
	vmm_sgi(v0, 5 << 24 | 1);
	fixture_exit();
	ack(5);
	vmm_sgi(v0, 5 << 24 | 1);
	fixture_exit();
	fixture_put();
	fixture_load(0);
	vmm_sgi(v0, 5 << 24 | 1);
	fixture_exit();
	assert_int_equal(fixture_lr(5) & LR_STATE_MASK, LR_STATE_ACTIVE | LR_STATE_PENDING);
	host_vgic_eoi(5);
	take(5);
	nothing();
}

/*
 * Other vCPUs' values in the list registers do not affect the vCPU that comes back: for example the
 * priority of an interrupt that is made active.
 */
static void kept_ones_have_their_own_priority(void **state)
{
	(void)state;
	fixture_enable(0, 27, 0x40);
	fixture_enable(1, 27, 0xa0);
	host_set_cpu(1);
	fixture_load(1);
	fire();
	take(27);
	host_set_cpu(0);
	fixture_load(0);
	fire();
	take(27);
	fixture_put();
	host_set_cpu(1); /* whose list register has the other one's priority */
	fixture_load(0);
	host_set_cpu(0);
	fixture_load(1);
	fixture_write(1, SGI(0, 0x300), 4, BIT(27)); /* ISACTIVER */
	host_set_cpu(1);
	fixture_exit();
	assert_int_equal(fixture_lr(27) & (LR_STATE_MASK | LR_VINTID_MASK), LR_STATE_ACTIVE | 27);
	assert_int_equal(FIELD(fixture_lr(27), 55, 48), 0x40);
}

/*
 * An interrupt that is active or has to be sampled again, and one for a vCPU that sleeps, is not
 * left to a list register.
 */
static void others_are_not_kept(void **state)
{
	(void)state;
	fixture_enable(0, 27, 0);
	fixture_load(0);
	fire();
	ack(27);
	fixture_put();
	assert_int_equal((u32)fixture_vm.vgic.kept, 0);
	fixture_load(0);
	host_vgic_eoi(27);
	fixture_put();
	assert_int_equal((u32)fixture_vm.vgic.kept, 1);
	fixture_enable(0, SPI, 0);
	fixture_load(0);
	vgic_set_spi(&fixture_vm, SPI, true);
	fixture_exit();
	ack(SPI);
	host_vgic_eoi(SPI); /* its line is still high: the maintenance interrupt is still to come */
	fixture_put();
	assert_int_equal((u32)fixture_vm.vgic.kept, 0);
}

static void hw_ppi_overflows(void **state)
{
	(void)state;
	vgic_limit_lrs(1);
	fixture_enable(0, 27, 0x80);
	fixture_enable(0, SPI, 0x40);
	set_edge(SPI);
	fixture_load(0);
	fire();
	ack(27);
	vgic_set_spi(&fixture_vm, SPI, true);
	fixture_exit();
	take(SPI);
	fixture_maintenance();
	host_vgic_eoi(27); /* hits no list register */
	fixture_maintenance();
	assert_false(physically_active());
	assert_int_equal(v0->vgic.forwarded, 0);
	fire();
	fixture_exit();
	take(27);
}

/* An SPI of the same place in its bank comes and goes in another list register. */
static void an_spi_is_none_of_the_timers(void **state)
{
	(void)state;
	fixture_enable(0, 27, 0x80);
	fixture_enable(0, 32 + 27, 0x40);
	set_edge(32 + 27);
	fixture_load(0);
	fire();
	ack(27);
	vgic_set_spi(&fixture_vm, 32 + 27, true);
	take(32 + 27);
	vgic_set_spi(&fixture_vm, 32 + 27, true); /* its list register is used again */
	take(32 + 27);
	fixture_put();
	assert_false(physically_active()); /* the next vCPU has a timer, too */
	fixture_load(0);
	assert_true(physically_active());
	host_vgic_eoi(27);
	assert_false(physically_active());
}

static void reset_lets_go(void **state)
{
	(void)state;
	fixture_enable(0, 27, 0);
	fixture_enable(0, SPI, 0);
	fixture_load(0);
	fire();
	vgic_set_spi(&fixture_vm, SPI, true);
	vgic_cpu_init(v0);
	assert_false(physically_active());
	fixture_exit();
	assert_false(fixture_lr(27));
	assert_true(fixture_lr(SPI)); /* the distributor was not reset */
	fixture_put();
	vgic_init(&fixture_vm);
	vgic_cpu_init(v0);
	assert_false(vgic_pending(v0));
	fixture_load(0);
	nothing();
	assert_int_equal(fixture_read(0, GICD(0), 4), 0x50);
}

/* A timer whose PPI the guest enables has a list register: its first interrupt is one store. */
static void an_enabled_timer_is_prepared(void **state)
{
	(void)state;
	fixture_load(0);
	fixture_enable(0, 27, 0x20);
	assert_false(fixture_lr(27));
	assert_false(reads_pending(0, 27));
	host_irq_set_active(27, 0, true);
	assert_true(fixture_refire(v0, 27));
	take(27);
	assert_false(host_irq_active(27, 0));
	nothing();
	/* Disabled, it has none. */
	fixture_write(0, SGI(0, 0x180), 4, BIT(27));
	fixture_exit();
	assert_false(fixture_refire(v0, 27));
	assert_int_equal(v0->vgic.forwarded, 0);
	/* Nor if it took the last one. */
	vgic_limit_lrs(1);
	fixture_write(0, SGI(0, 0x100), 4, BIT(27));
	assert_false(fixture_refire(v0, 27));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_enabled_timer_is_prepared, fixture_setup),
		cmocka_unit_test_setup(hw_ppi_fast_path, fixture_setup),
		cmocka_unit_test_setup(hw_ppi_across_put_and_load, fixture_setup),
		cmocka_unit_test_setup(hw_ppi_never_pending_and_active, fixture_setup),
		cmocka_unit_test_setup(hw_ppi_disabled_stays_for_later, fixture_setup),
		cmocka_unit_test_setup(hw_ppi_follows_line_while_disabled, fixture_setup),
		cmocka_unit_test_setup(hw_ppi_follows_line_while_pending, fixture_setup),
		cmocka_unit_test_setup(hw_ppi_expired_off_cpu, fixture_setup),
		cmocka_unit_test_setup(ended_ones_are_kept, fixture_setup),
		cmocka_unit_test_setup(a_free_one_is_taken_off_the_cpu, fixture_setup),
		cmocka_unit_test_setup(a_kept_spi_fires, fixture_setup),
		cmocka_unit_test_setup(kept_ones_are_folded_for_others, fixture_setup),
		cmocka_unit_test_setup(active_sgi_comes_again_after_a_switch, fixture_setup),
		cmocka_unit_test_setup(kept_ones_have_their_own_priority, fixture_setup),
		cmocka_unit_test_setup(others_are_not_kept, fixture_setup),
		cmocka_unit_test_setup(hw_ppi_overflows, fixture_setup),
		cmocka_unit_test_setup(an_spi_is_none_of_the_timers, fixture_setup),
		cmocka_unit_test_setup(reset_lets_go, fixture_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
