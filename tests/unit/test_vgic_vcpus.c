/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts of vCPUs that are off CPU, waiting in WFI, or on another CPU. */
#include <unit.h>
#include <vgic_guest.h>

#define SPI 40

static struct vcpu *const v0 = &fixture_vcpus[0];
static struct vcpu *const v1 = &fixture_vcpus[1];

static void on_cpu1(void (*fn)(void))
{
	host_set_cpu(1);
	fn();
	host_set_cpu(0);
}

static void load1(void)
{
	fixture_load(1);
}
static void off_cpu_is_kept_and_kicked(void **state)
{
	(void)state;
	fixture_enable(0, SPI, 0);
	assert_false(vgic_pending(v0));
	vgic_set_spi(&fixture_vm, SPI, true);
	assert_int_equal(fixture_kicked(), 1);
	assert_true(vgic_pending(v0));
	assert_false(vgic_pending(v1));
	fixture_load(0);
	ack(SPI);
	fixture_put();
	fixture_load(1);
	nothing();
	fixture_load(0);
	assert_true(reads_active(0, SPI));
	assert_false(vgic_pending(v0));
	vgic_set_spi(&fixture_vm, SPI, false);
	host_vgic_eoi(SPI);
	fixture_maintenance();
	nothing();
	fixture_put();
	assert_false(vgic_pending(v0));
}

static void masked_ones_kick_nobody(void **state)
{
	(void)state;
	vgic_set_spi(&fixture_vm, SPI, true);
	fixture_write(1, GICR(1, 0x10200), 4, BIT(20));
	assert_int_equal(fixture_kicked(), 0);
	assert_false(vgic_pending(v0));
	fixture_enable(0, SPI, 0);
	fixture_enable(0, SPI + 1, 0);
	assert_int_equal(fixture_kicked(), 1);
	fixture_enable(1, 20, 0);
	assert_int_equal(fixture_kicked(), 2);
	assert_true(vgic_pending(v1));
}

static void wfi_ends_by_unmasked_priority(void **state)
{
	(void)state;
	fixture_enable(0, SPI, 0x80);
	fixture_load(0);
	vgic_set_spi(&fixture_vm, SPI, true);
	assert_true(vgic_pending(v0));
	host_vgic[0].pmr = 0x80;
	assert_false(vgic_pending(v0));
	host_vgic[0].pmr = 0x88;
	host_vgic[0].groups = 1;
	assert_false(vgic_pending(v0));
	host_vgic[0].groups = 2;
	assert_true(vgic_pending(v0));
	ack(SPI);
	assert_false(vgic_pending(v0));
	/* About to sleep: told although it is in a list register already. */
	v0->in_wfi = true;
	fixture_enable(0, SPI + 1, 0);
	vgic_set_spi(&fixture_vm, SPI + 1, true);
	assert_int_equal(fixture_kicked(), 1);
}

static void sgi_targets(void **state)
{
	u32 n;

	(void)state;
	for (n = 0; n < 3; n++)
		fixture_enable(n, 5, 0);
	fixture_load(0);
	vgic_send_sgi(v0, 5 << 24 | 1, 1);
	assert_int_equal(fixture_kicked(), 0);
	take(5);
	vgic_send_sgi(v0, 5 << 24 | 0xfffe, 1);
	assert_int_equal(fixture_kicked(), 6);
	nothing();
	assert_true(vgic_pending(v1));
	vgic_send_sgi(v0, 5 << 24 | BIT(40), 1); /* all but self */
	assert_int_equal(fixture_kicked(), 6);
	nothing();
	vgic_send_sgi(v0, 5 << 24 | 7 | BIT(16), 1); /* other clusters */
	vgic_send_sgi(v0, 5 << 24 | 7 | BIT(32), 1);
	vgic_send_sgi(v0, 5 << 24 | 7 | BIT(48), 1);
	vgic_send_sgi(v0, 5 << 24 | 7 | BIT(44), 1);
	assert_int_equal(fixture_kicked(), 0);
	vgic_send_sgi(v0, 5 << 24 | 7, 0); /* group 0 reaches no SGI of group 1 */
	assert_int_equal(fixture_kicked(), 0);
	nothing();
	fixture_load(1);
	take(5); /* two were sent: merged */
	nothing();
}

/* vCPUs from 16 on are in the second cluster. Not more than eight are told in one go. */
static void sgi_targets_of_many(void **state)
{
	(void)state;
	for (u32 n = 0; n < FIXTURE_MANY; n++)
		fixture_enable(n, 5, 0);
	(void)fixture_kicked();
	fixture_load(0);
	(void)fixture_let_in();
	vmm_sgi(v0, 5 << 24 | 1 << 16 | BIT(3));
	assert_int_equal(fixture_kicked(), BIT(19));
	vmm_sgi(v0, 5 << 24 | BIT(15));
	assert_int_equal(fixture_kicked(), BIT(15));
	vmm_sgi(v0, 5 << 24);               /* none */
	vmm_sgi(v0, 5 << 24 | 2 << 16 | 1); /* no such cluster */
	vmm_sgi(v0, 5 << 24 | BIT(44) | 1); /* no such Aff0 */
	assert_int_equal(fixture_kicked(), 0);
	assert_int_equal(fixture_let_in(), 0);
	vmm_sgi(v0, 5 << 24 | 1 << 16 | 0xff);
	assert_int_equal(fixture_kicked(), 0xff0000);
	assert_int_equal(fixture_let_in(), 0);
	vmm_sgi(v0, 5 << 24 | 1 << 16 | 0xffff);
	assert_int_equal(fixture_kicked(), 0xffff0000);
	assert_int_equal(fixture_let_in(), 1);
	vmm_sgi(v0, 5 << 24 | BIT(40));
	assert_int_equal(fixture_kicked(), 0xfffffffe);
	assert_int_equal(fixture_let_in(), 3);
	fixture_load(31);
	(void)fixture_let_in();
	take(5);
	/* Each has its redistributor, the last one says so. */
	assert_int_equal(fixture_read(0, GICR(19, 8), 8), 0x103ULL << 32 | 19 << 8);
	assert_int_equal(fixture_read(0, GICR(31, 8), 8), 0x10fULL << 32 | 31 << 8 | BIT(4));
	/* A change that concerns all of them. */
	(void)fixture_kicked();
	fixture_write(31, GICD(0), 4, 1);
	assert_int_equal(fixture_kicked(), ~0U);
	assert_int_equal(fixture_let_in(), 3);
}

/* Folding what is kept is bounded: not more than eight are, or as many as there is room for. */
static void not_all_park(void **state)
{
	struct vgic *g = &fixture_vm.vgic;

	(void)state;
	g->kept = 6UL << 32; /* room for two more */
	for (u32 n = 0; n < 3; n++) {
		host_set_cpu(n);
		fixture_load(n + 16);
	}
	for (u32 n = 0; n < 3; n++) {
		host_set_cpu(n);
		fixture_put();
		if (n == 1)
			assert_int_equal(g->kept, 8UL << 32 | 3 << 16);
	}
	/* The third one went into the banks. The others stay until an operation needs these. */
	assert_int_equal(g->kept, 8UL << 32 | 3 << 16);
	(void)reads_pending(16, 40);
	assert_int_equal(g->kept, 6UL << 32);
	host_set_cpu(0);
	fixture_load(31);
	fixture_put();
	assert_int_equal(g->kept, 7UL << 32 | BIT(31));
	fixture_load(31);
	assert_int_equal(g->kept, 6UL << 32);
	fixture_put();
}

static void sgi_to_the_other_cpu(void **state)
{
	(void)state;
	fixture_enable(1, 5, 0);
	fixture_load(0);
	on_cpu1(load1);
	vgic_send_sgi(v0, 5 << 24 | 2, 1);
	vgic_send_sgi(v0, 5 << 24 | 2, 1);
	host_set_cpu(1);
	nothing();
	fixture_exit();
	ack(5);
	host_set_cpu(0);
	vgic_send_sgi(v0, 5 << 24 | 2, 1); /* while it is active there */
	host_set_cpu(1);
	fixture_exit();
	assert_int_equal(fixture_lr(5) & LR_STATE_MASK, LR_STATE_MASK);
	host_vgic_eoi(5);
	take(5);
	nothing();
}

static void changes_reach_another_cpus_list_registers(void **state)
{
	(void)state;
	fixture_enable(0, SPI, 0x80);
	set_edge(SPI);
	fixture_write(0, GICD(0x6000 + 8 * SPI), 8, 1);
	fixture_load(0);
	on_cpu1(load1);
	vgic_set_spi(&fixture_vm, SPI, true);
	host_set_cpu(1);
	fixture_exit();
	assert_true(fixture_lr(SPI));
	host_set_cpu(0);
	assert_true(reads_pending(0, SPI));
	/* Priority. */
	fixture_write(0, GICD(0x400 + SPI), 1, 0x40);
	host_set_cpu(1);
	fixture_exit();
	assert_int_equal(FIELD(fixture_lr(SPI), 55, 48), 0x40);
	host_set_cpu(0);
	/* Disabled, enabled. */
	fixture_write(0, GICD(0x184), 4, BIT(8));
	host_set_cpu(1);
	nothing(); /* it is gone when the write is done */
	host_set_cpu(0);
	fixture_write(0, GICD(0x104), 4, BIT(8));
	host_set_cpu(1);
	fixture_exit();
	assert_true(fixture_lr(SPI));
	host_set_cpu(0);
	/* Pending state cleared. */
	fixture_write(0, GICD(0x284), 4, BIT(8));
	host_set_cpu(1);
	fixture_exit();
	nothing();
	host_set_cpu(0);
	/* Active state cleared. */
	vgic_set_spi(&fixture_vm, SPI, true);
	host_set_cpu(1);
	fixture_exit();
	ack(SPI);
	host_set_cpu(0);
	fixture_write(0, GICD(0x384), 4, BIT(8));
	vgic_set_spi(&fixture_vm, SPI, true);
	host_set_cpu(1);
	fixture_exit();
	take(SPI);
	nothing();
}

static void irouter_moves_what_is_pending(void **state)
{
	(void)state;
	fixture_enable(0, SPI, 0);
	set_edge(SPI);
	fixture_load(0);
	on_cpu1(load1);
	vgic_set_spi(&fixture_vm, SPI, true);
	assert_true(fixture_lr(SPI));
	fixture_write(0, GICD(0x6000 + 8 * SPI), 8, 1);
	assert_false(fixture_lr(SPI));
	host_set_cpu(1);
	fixture_exit();
	assert_true(fixture_lr(SPI));
	/* Back, from the CPU that does not hold it. */
	host_set_cpu(0);
	fixture_write(0, GICD(0x6000 + 8 * SPI), 8, 0);
	host_set_cpu(1);
	fixture_exit();
	assert_false(fixture_lr(SPI));
	host_set_cpu(0);
	fixture_exit();
	ack(SPI);
	/* Active stays where it is; what comes meanwhile goes to the new target after the EOI. */
	fixture_write(0, GICD(0x6000 + 8 * SPI), 8, 1);
	vgic_set_spi(&fixture_vm, SPI, true);
	host_set_cpu(1);
	fixture_exit();
	nothing();
	host_set_cpu(0);
	nothing();
	host_vgic_eoi(SPI);
	fixture_maintenance();
	nothing();
	host_set_cpu(1);
	fixture_exit();
	take(SPI);
	fixture_put();
	host_set_cpu(0);
	(void)fixture_read(0, GICD(0x200 + 4 * (SPI / 32)),
			   4); /* its list register is known to be empty */
	host_set_cpu(1);
	fixture_load(1);
	host_set_cpu(0);
	fixture_kicked();
	/* Nowhere, and back. */
	fixture_write(0, GICD(0x6000 + 8 * SPI), 8, 77);
	vgic_set_spi(&fixture_vm, SPI, true);
	assert_int_equal(fixture_kicked(), 0);
	fixture_write(0, GICD(0x6000 + 8 * SPI), 8, BIT(31));
	take(SPI);
	/* A vCPU that leaves its CPU before it looked hands over as well. */
	vgic_set_spi(&fixture_vm, SPI, true);
	host_set_cpu(1);
	fixture_write(1, GICD(0x6000 + 8 * SPI), 8, 1);
	assert_int_equal(fixture_kicked(), 1);
	host_set_cpu(0);
	fixture_put();
	assert_int_equal(fixture_kicked(), 2);
	host_set_cpu(1);
	vgic_flush(v1);
	take(SPI);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(off_cpu_is_kept_and_kicked, fixture_setup),
		cmocka_unit_test_setup(masked_ones_kick_nobody, fixture_setup),
		cmocka_unit_test_setup(wfi_ends_by_unmasked_priority, fixture_setup),
		cmocka_unit_test_setup(sgi_targets_of_many, fixture_setup_many),
		cmocka_unit_test_setup(not_all_park, fixture_setup_many),
		cmocka_unit_test_setup(sgi_targets, fixture_setup),
		cmocka_unit_test_setup(sgi_to_the_other_cpu, fixture_setup),
		cmocka_unit_test_setup(changes_reach_another_cpus_list_registers, fixture_setup),
		cmocka_unit_test_setup(irouter_moves_what_is_pending, fixture_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
