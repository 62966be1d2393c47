/* SPDX-License-Identifier: Apache-2.0 */
/* The fake machine keeps the arch contract, as far as other tests lean on it. */
#include <unit.h>

#include <arch/cpu.h>
#include <arch/guest.h>
#include <arch/irqchip.h>
#include <arch/mmu.h>
#include <arch/timer.h>
#include <asm/fiber.h>
#include <lib/errno.h>

static void irq_mask_is_per_cpu(void **state)
{
	unsigned long flags;

	(void)state;
	assert_true(arch_irqs_masked());
	arch_irq_enable();
	host_set_cpu(1);
	assert_true(arch_irqs_masked());
	host_set_cpu(0);
	flags = arch_irq_save();
	assert_true(arch_irqs_masked());
	arch_irq_restore(flags);
	assert_false(arch_irqs_masked());
}

static void halt(void *arg)
{
	(void)arg;
	arch_halt();
}

static void halting_is_caught(void **state)
{
	(void)state;
	arch_irq_enable();
	assert_true(host_halts(halt, NULL));
	assert_true(arch_irqs_masked());
}

static void ram_maps_back_and_is_cleared(void **state)
{
	u8 *p = phys_to_virt(PADDR(HOST_RAM_BASE + MIB(5)));

	(void)state;
	assert_int_equal(virt_to_phys(p + 3).pa, HOST_RAM_BASE + MIB(5) + 3);
	*p = 1;
	host_reset();
	assert_int_equal(*p, 0);
}

static struct host_fiber main_fiber, other_fiber;
static int steps;

static void other(void)
{
	for (;;) {
		volatile char frame[1000] = { 1 };

		steps += frame[0];
		host_fiber_switch(&other_fiber, &main_fiber);
	}
}

static void fibers_take_turns(void **state)
{
	void *stack = arch_stack_alloc();

	(void)state;
	assert_non_null(stack);
	host_fiber_init(&other_fiber, stack, other);
	for (steps = 0; steps < 3;) {
		int before = steps;

		host_fiber_switch(&main_fiber, &other_fiber);
		assert_int_equal(steps, before + 1);
	}
	assert_int_equal(host_stacks_in_use, 1);
	arch_stack_free(stack);
	assert_int_equal(host_stacks_in_use, 0);
}

static void irqchip_records(void **state)
{
	(void)state;
	arch_irq_set_edge(40, true);
	assert_true(host_irq_is_edge(40));
	host_irq_raise(40, 0);
	assert_int_equal(host_irq_next(2), IRQ_SPURIOUS);
	arch_irq_unmask(40, 2);
	assert_int_equal(host_irq_next(2), 40);
	assert_int_equal(host_irq_next(0), IRQ_SPURIOUS);

	arch_irq_unmask(1, 0);
	arch_sgi_send(1, 0);
	arch_sgi_send(1, 3);
	assert_int_equal(host_sgis_sent(1, 0), 1);
	assert_int_equal(host_sgis_sent(1, 3), 1);
	assert_true(host_irq_waiting(0));
	assert_false(host_irq_waiting(3)); /* masked there */
}

static void list_registers_behave(void **state)
{
	u64 base = LR_STATE_PENDING | LR_GROUP1;

	(void)state;
	assert_int_equal(arch_vgic_empty_lrs(), 0xf);
	arch_vgic_lr_write(0, base | 0xa0ULL << LR_PRIORITY_SHIFT | 40);
	arch_vgic_lr_write(1, base | LR_HW | 0x80ULL << LR_PRIORITY_SHIFT |
				      27ULL << LR_PINTID_SHIFT | 27);
	host_irq_set_active(27, 0, true);
	assert_int_equal(arch_vgic_empty_lrs(), 0xc);
	assert_int_equal(host_vgic_ack(), 27);
	assert_int_equal(host_vgic_ack(), 1023); /* 40 does not preempt 27 */
	host_vgic_eoi(27);
	assert_false(host_irq_active(27, 0));
	assert_int_equal(host_vgic_ack(), 40);
	host_vgic_eoi(41);
	assert_int_equal(arch_vgic_take_eoi_count(), 1);
	assert_int_equal(arch_vgic_take_eoi_count(), 0);
	host_vgic_eoi(40);
	assert_int_equal(arch_vgic_empty_lrs(), 0xf);
	arch_vgic_maintenance(VGIC_UIE);
	assert_true(host_vgic_maintenance());
}

static void guest_timers_show_their_status(void **state)
{
	struct arch_timer_regs regs[2] = { [ARCH_TIMER_VIRT] = { .cval = 50, .ctl = 1 } };

	(void)state;
	arch_guest_timers_restore(regs, 100);
	host_advance(149);
	arch_guest_timers_save(regs);
	assert_int_equal(regs[ARCH_TIMER_VIRT].ctl, 1);
	arch_guest_timers_restore(regs, 100);
	host_advance(1);
	arch_guest_timers_save(regs);
	assert_int_equal(regs[ARCH_TIMER_VIRT].ctl, 5);
	assert_int_equal(regs[ARCH_TIMER_PHYS].ctl, 0);
	assert_int_equal(host_guest_timers[0][ARCH_TIMER_VIRT].ctl, 0);
}

static void stage2_maps_and_splits(void **state)
{
	struct stage2 s2;
	u64 pa;
	int attr;

	(void)state;
	assert_int_equal(stage2_init(&s2), 0);
	assert_int_equal(stage2_map(&s2, IPA(MIB(2)), PADDR(MIB(8)), MIB(2), STAGE2_RAM), 0);
	assert_int_equal(stage2_map(&s2, IPA(MIB(3)), PADDR(0), KIB(4), STAGE2_RAM), -EEXIST);
	stage2_unmap(&s2, IPA(MIB(3)), KIB(4));
	assert_false(host_stage2_lookup(&s2, MIB(3), &pa, NULL));
	assert_true(host_stage2_lookup(&s2, MIB(3) - 1, &pa, NULL));
	assert_int_equal(pa, MIB(9) - 1);
	assert_true(host_stage2_lookup(&s2, MIB(3) + KIB(4), &pa, &attr));
	assert_int_equal(pa, MIB(9) + KIB(4));
	assert_int_equal(attr, STAGE2_RAM);
	stage2_destroy(&s2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit_machine_test(irq_mask_is_per_cpu),
		unit_machine_test(halting_is_caught),
		unit_machine_test(ram_maps_back_and_is_cleared),
		unit_machine_test(fibers_take_turns),
		unit_machine_test(irqchip_records),
		unit_machine_test(list_registers_behave),
		unit_machine_test(guest_timers_show_their_status),
		unit_machine_test(stage2_maps_and_splits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
