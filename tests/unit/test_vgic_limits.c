/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the virtual GIC's tables end: numbers beyond the last interrupt, more interrupts than a
 * choice keeps.
 */
#include <unit.h>
#include <vgic_guest.h>

#include <string.h>

/* The last INTID is 287. */
#define BEYOND 288

static struct vcpu *const v0 = &fixture_vcpus[0];
static struct vcpu *const v1 = &fixture_vcpus[1];

/*
 * Behind the tables of interrupts are those of routes. SPIs up to `shared` may go to any vCPU: so a
 * wrong access finds bits to change, or bits that look like an interrupt that is pending and not
 * active.
 */
static void fill(u32 shared)
{
	u32 n;

	for (n = 32; n < BEYOND; n++)
		fixture_write(0, GICD(0x6000 + 8 * n), 8, n < shared ? ~0ULL : 0);
	for (n = 4; n < BEYOND / 8; n += 4) {
		fixture_write(0, GICD(0x80 + n), 4, ~0U);
		fixture_write(0, GICD(0x100 + n), 4, ~0U);
	}
}

/* A VM's distributor but for its lock. */
static struct vgic distributor(void)
{
	struct vgic g = fixture_vm.vgic;

	memset(&g.lock, 0, sizeof(g.lock));
	return g;
}

static void assert_unchanged(const struct vgic *before)
{
	struct vgic now = distributor();

	assert_memory_equal(&now, before, sizeof(now));
	assert_int_equal(fixture_kicked(), 0);
}

static void messages_beyond_the_last(void **state)
{
	struct vgic before;
	u32 intid;

	(void)state;
	fill(BEYOND);
	fixture_load(0);
	(void)fixture_kicked();
	before = distributor();
	for (intid = BEYOND; intid < 8192; intid += intid < 1024 ? 1 : 1021) {
		fixture_write(0, GICD(0x40), 4, intid);
		fixture_write(0, GICD(0x48), 4, intid);
		vgic_set_spi(&fixture_vm, intid, true);
		vgic_set_spi(&fixture_vm, intid, false);
	}
	for (intid = 0; intid < 32; intid++) {
		fixture_write(0, GICD(0x40), 4, intid);
		fixture_write(0, GICD(0x48), 4, intid);
		vgic_set_spi(&fixture_vm, intid, true);
	}
	assert_unchanged(&before);
	/* The last one there is. */
	fixture_write(0, GICD(0x40), 4, BEYOND - 1);
	assert_true(reads_pending(0, BEYOND - 1));
}

static void deactivation_beyond_the_last(void **state)
{
	struct vgic before;
	u32 intid;

	(void)state;
	host_vgic[0].eoi_split = true;
	fill(BEYOND);
	fixture_load(0);
	(void)fixture_kicked();
	before = distributor();
	for (intid = BEYOND; intid < 1024; intid++)
		vgic_dir(v0, intid);
	vgic_dir(v0, 0xffffff);
	vgic_dir(v0, ~0U);
	assert_unchanged(&before);
	fixture_write(0, GICD(0x300 + BEYOND / 8 - 4), 4, BIT(31));
	assert_true(reads_active(0, BEYOND - 1));
	vgic_dir(v0, BEYOND - 1);
	assert_false(reads_active(0, BEYOND - 1));
}

/*
 * What a WFI looks at ends with the last bank, too; and its mask is of priorities that are less
 * urgent or as urgent.
 */
static void wfi_looks_no_further(void **state)
{
	(void)state;
	fill(32 + 4 * 32);
	assert_false(vgic_pending(v0)); /* off CPU: only the banks say */
	fixture_write(0, GICD(0x400 + BEYOND - 1), 1, 0xf8);
	vgic_set_spi(&fixture_vm, BEYOND - 1, true);
	assert_true(vgic_pending(v0));
	vgic_set_spi(&fixture_vm, BEYOND - 1, false);
	assert_false(vgic_pending(v0));
}

/*
 * With list registers for none of them: the interface's mask decides in the banks as it would
 * there.
 */
static void wfi_and_the_mask_in_the_banks(void **state)
{
	u32 n;

	(void)state;
	vgic_limit_lrs(1);
	for (n = 0; n < 3; n++) {
		fixture_enable(0, 40 + n, 0x80);
		set_edge(40 + n);
	}
	fixture_load(0);
	for (n = 0; n < 3; n++)
		vgic_set_spi(&fixture_vm, 40 + n, true);
	fixture_exit();
	ack(40); /* the others wait in the banks */
	host_vgic[0].pmr = 0x80;
	assert_false(vgic_pending(v0));
	host_vgic[0].pmr = 0x88;
	assert_true(vgic_pending(v0));
	host_vgic[0].groups = 1;
	assert_false(vgic_pending(v0));
	host_vgic[0].groups = 3;
	/* Of another vCPU they are nothing to this one. */
	fixture_write(0, GICD(0x6000 + 8 * 41), 8, 1);
	fixture_write(0, GICD(0x6000 + 8 * 42), 8, 1);
	assert_false(vgic_pending(v0));
	assert_true(vgic_pending(v1));
}

/* Nor does the choice of what goes into list registers. */
static void choices_look_no_further(void **state)
{
	u32 words;

	for (words = 0; words <= 8; words++) {
		fixture_setup(state);
		fill(32 + 32 * words);
		fixture_load(0);
		v0->vgic.dirty = true;
		vgic_flush(v0);
		nothing();
		assert_int_equal(host_vgic[0].maintenance, 0);
		assert_int_equal(v0->vgic.lr_used, 0);
		fixture_put();
	}
}

/* ---- choices ---- */

static void pend(u32 intid, u8 prio)
{
	fixture_enable(0, intid, prio);
	set_edge(intid);
	vgic_set_spi(&fixture_vm, intid, true);
}

/* As many as there can be list registers, and more, in every word: the best are in them. */
static void the_best_of_hundreds(void **state)
{
	u32 n;

	(void)state;
	host_lr_count = VGIC_MAX_LRS;
	vgic_limit_lrs(0);
	for (n = 32; n < BEYOND; n++)
		pend(n, (u8)(n % 16 == 5 ? 0x20 : 0xa0));
	fixture_load(0);
	for (n = 32; n < BEYOND; n++)
		assert_int_equal(fixture_lr(n) != 0, n % 16 == 5);
	for (n = 37; n < BEYOND; n += 16) {
		ack(n);
		fixture_maintenance();
		host_vgic_eoi(n);
		fixture_maintenance();
	}
	for (n = 32; n < BEYOND; n++) {
		if (n % 16 == 5)
			continue;
		ack(n);
		fixture_maintenance();
		host_vgic_eoi(n);
		fixture_maintenance();
	}
	nothing();
}

/* Those of a later word that are less urgent than all that were chosen displace none of them. */
static void a_later_word_does_not_displace(void **state)
{
	static const u32 later[] = { 64, 100, 287 };
	u32 n, i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(later); i++)
		pend(later[i], 0xf0);
	for (n = 0; n < 4; n++)
		pend(40 + n, (u8)(0x80 - 8 * n));
	fixture_load(0);
	for (n = 0; n < 4; n++)
		assert_int_not_equal(fixture_lr(40 + n), 0);
	for (i = 0; i < ARRAY_SIZE(later); i++)
		assert_int_equal(fixture_lr(later[i]), 0);
	/* As urgent: the lower number comes first. */
	fixture_put();
	pend(33, 0x78);
	pend(65, 0x78);
	fixture_load(0);
	assert_int_not_equal(fixture_lr(33), 0);
	assert_int_not_equal(fixture_lr(41), 0);
	assert_int_equal(fixture_lr(65), 0);
}

/*
 * All of them active, which only software can make them: each is ended once, by EOIs that hit no
 * list register.
 */
static void all_are_active(void **state)
{
	u32 n;

	(void)state;
	host_lr_count = VGIC_MAX_LRS;
	vgic_limit_lrs(0);
	for (n = 32; n < 64; n++)
		fixture_enable(0, n, (u8)(0x10 + 8 * (n % 4)));
	fixture_load(0);
	fixture_write(0, GICD(0x304), 4, ~0U);
	fixture_exit();
	for (n = 32; n < 64; n++)
		assert_true(reads_active(0, n));
	for (n = 32; n < 64; n++) {
		fixture_write(0, GICD(0x384), 4, BIT(n - 32));
		fixture_exit();
		assert_false(reads_active(0, n));
		assert_true(n == 63 || reads_active(0, n + 1));
	}
}

/*
 * Switching to a vCPU for which more is pending than fits does not choose: that is a section of its
 * own on its way to its guest, and so is the end of every few of its EOIs.
 */
static void long_work_lets_interrupts_in(void **state)
{
	u32 n;

	(void)state;
	for (n = 32; n < BEYOND; n++)
		fixture_enable(0, n, 0x80);
	fixture_load(0);
	fixture_write(0, GICD(0x304), 4, ~0U);
	for (n = 64; n < BEYOND; n++)
		vgic_set_spi(&fixture_vm, n, true);
	fixture_exit();
	assert_true(v0->vgic.active_left && v0->vgic.pending_left);
	fixture_put();
	(void)fixture_let_in();
	fixture_current[0] = v0;
	vgic_load(v0);
	assert_int_equal(v0->thread.work, VCPU_WORK_VIRQ);
	assert_int_equal(v0->vgic.lr_used, 0);
	assert_int_equal(fixture_let_in(), 0);
	vgic_flush(v0);
	assert_int_equal(fixture_let_in(), 1);
	assert_int_equal(v0->vgic.lr_used, 0xf);
	v0->thread.work = 0;
	host_vgic[0].eoi_count = 20;
	v0->vgic.dirty = true;
	vgic_flush(v0); /* EOIs in three pieces, then folding, then the choice */
	assert_int_equal(fixture_let_in(), 4);
	for (n = 32; n < 64; n++) /* three are in list registers */
		assert_int_equal(reads_active(0, n), n < 35 || n >= 55);
}

/* Interrupts of many words at once, for a vCPU that is away: it chooses once. */
static void many_changes_are_one_choice(void **state)
{
	u32 n, folds;

	(void)state;
	for (n = 32; n < BEYOND; n++)
		fixture_enable(0, n, 0x80);
	fixture_load(0);
	folds = v0->vgic.folds;
	for (n = 1; n <= 8; n++)
		fixture_write(1, GICD(0x200 + 4 * n), 4, ~0U);
	assert_int_equal(v0->vgic.lr_used, 0);
	fixture_exit();
	assert_int_equal(v0->vgic.folds, folds + 1);
	for (n = 32; n < 36; n++)
		assert_int_not_equal(fixture_lr(n), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(messages_beyond_the_last, fixture_setup),
		cmocka_unit_test_setup(deactivation_beyond_the_last, fixture_setup),
		cmocka_unit_test_setup(wfi_looks_no_further, fixture_setup),
		cmocka_unit_test_setup(choices_look_no_further, fixture_setup),
		cmocka_unit_test_setup(wfi_and_the_mask_in_the_banks, fixture_setup),
		cmocka_unit_test_setup(the_best_of_hundreds, fixture_setup),
		cmocka_unit_test_setup(a_later_word_does_not_displace, fixture_setup),
		cmocka_unit_test_setup(all_are_active, fixture_setup),
		cmocka_unit_test_setup(long_work_lets_interrupts_in, fixture_setup),
		cmocka_unit_test_setup(many_changes_are_one_choice, fixture_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
