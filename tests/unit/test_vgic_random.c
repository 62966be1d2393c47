/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random interrupts, guests and switches on two CPUs: no edge is lost or taken twice, nothing is
 * active twice, the physical timer interrupt is released, and in the end all is quiet.
 */
#include <unit.h>
#include <vgic_fixture.h>

#include <string.h>

#define SPI0   100
#define NSPI   16
#define NSGI   4
#define TIMER  27
#define ROUNDS 60
#define STEPS  3000

static u32 seed;
static bool spi_wanted[NSPI], spi_line[NSPI], spi_active[NSPI];
static bool sgi_wanted[FIXTURE_VCPUS][NSGI];
static bool timer_wanted[FIXTURE_VCPUS];

/* What each guest has acknowledged and not ended. */
static struct {
	u32 depth;
	u32 intid[64];
	u8 prio[64];
} stacks[FIXTURE_VCPUS];

static u32 pick(u32 n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

static bool is_edge(u32 i)
{
	return i % 2 == 0;
}

static u8 prio_of(u32 n, u32 intid)
{
	return intid < 32 ? fixture_vcpus[n].vgic.priv.prio[intid]
			  : fixture_vm.vgic.spi[intid / 32 - 1].prio[intid % 32];
}

static void guest_sees_the_exit_path(void)
{
	fixture_exit();
	fixture_maintenance();
	fixture_exit();
}

static void acked(u32 n, u32 intid)
{
	u32 i = intid - SPI0;

	if (intid == TIMER) {
		assert_true(timer_wanted[n]);
		timer_wanted[n] = false;
	} else if (intid < 16) {
		assert_true(sgi_wanted[n][intid]);
		sgi_wanted[n][intid] = false;
	} else {
		assert_true(i < NSPI);
		assert_false(spi_active[i]);
		spi_active[i] = true;
		if (is_edge(i)) {
			assert_true(spi_wanted[i]);
			spi_wanted[i] = false;
		} else if (pick(2)) {
			spi_line[i] = false;
			vgic_set_spi(&fixture_vm, intid, false);
		}
	}
}

static bool guest_ack(u32 n)
{
	u32 depth = stacks[n].depth, intid;

	guest_sees_the_exit_path();
	/* The machine knows running priorities of what is in list registers only. */
	host_vgic[host_cpu].pmr = depth ? stacks[n].prio[depth - 1] : 0xff;
	intid = host_vgic_ack();
	host_vgic[host_cpu].pmr = 0xff;
	if (intid == 1023)
		return false;
	stacks[n].intid[depth] = intid;
	stacks[n].prio[depth] = prio_of(n, intid);
	stacks[n].depth++;
	acked(n, intid);
	return true;
}

static bool guest_eoi(u32 n)
{
	u32 intid;

	if (!stacks[n].depth)
		return false;
	guest_sees_the_exit_path();
	intid = stacks[n].intid[--stacks[n].depth];
	if (intid >= SPI0)
		spi_active[intid - SPI0] = false;
	if (host_vgic[host_cpu].eoi_split) /* in two steps, of which the second traps */
		vgic_dir(&fixture_vcpus[n], intid);
	else
		host_vgic_eoi(intid);
	fixture_maintenance();
	return true;
}

static void input(u32 i)
{
	if (is_edge(i)) {
		spi_wanted[i] = true;
		if (pick(2))
			vgic_set_spi(&fixture_vm, SPI0 + i, true);
		else
			vgic_pend_spi(&fixture_vm, SPI0 + i);
	} else {
		spi_line[i] = !spi_line[i];
		vgic_set_spi(&fixture_vm, SPI0 + i, spi_line[i]);
	}
}

static void configure(u32 i)
{
	u32 intid = SPI0 + i, bit = 1U << (intid % 32);
	u64 word = 4 * (intid / 32);

	switch (pick(4)) {
	case 0:
		fixture_write(0, GICD(0x180 + word), 4, bit);
		break;
	case 1:
		fixture_write(0, GICD(0x100 + word), 4, bit);
		break;
	case 2:
		fixture_write(0, GICD(0x6000 + 8 * (u64)intid), 8, pick(FIXTURE_VCPUS));
		break;
	default:
		if (!spi_active[i])
			fixture_write(0, GICD(0x400 + (u64)intid), 1, 8 * pick(16));
		break;
	}
}

static void switch_vcpu(u32 n)
{
	if (fixture_vcpus[n].vgic.loaded)
		return;
	fixture_load(n);
	fixture_exit(); /* before its guest runs */
}

/* By the way of another VM, which leaves in the list registers what it had there, ended. */
static void another_vm_was_here(void)
{
	u32 n;

	for (n = 0; n < host_lr_count; n++)
		host_vgic[host_cpu].lr[n] = LR_HW | LR_GROUP1 |
					    (u64)(8 * pick(16)) << LR_PRIORITY_SHIFT |
					    (32 + pick(200));
}

static void sleeps(u32 n, bool sleep)
{
	fixture_write(0, GICR(n, 0x14), 4, sleep ? 2 : 0); /* WAKER */
}

static void enable_private(u32 n)
{
	u32 i;

	for (i = 0; i < NSGI; i++)
		fixture_enable(n, i, (u8)(8 * pick(16)));
	fixture_enable(n, TIMER, (u8)(8 * pick(16)));
}

/* As CPU_ON leaves it: what was pending on the vCPU alone is void. */
static void reset(u32 n)
{
	u32 i;

	if (fixture_vcpus[n].vgic.loaded || stacks[n].depth)
		return;
	vgic_cpu_init(&fixture_vcpus[n]);
	enable_private(n);
	timer_wanted[n] = false;
	for (i = 0; i < NSGI; i++)
		sgi_wanted[n][i] = false;
}

static void timer_fires(u32 n)
{
	if (host_irq_active(TIMER, host_cpu))
		return;
	host_irq_set_active(TIMER, host_cpu, true);
	timer_wanted[n] = true;
	if (!fixture_refire(&fixture_vcpus[n], TIMER))
		vgic_forward_ppi(&fixture_vcpus[n], TIMER, TIMER);
}

static void timer_expires(u32 n)
{
	if (fixture_vcpus[n].vgic.loaded || fixture_vcpus[n].vgic.forwarded)
		return;
	timer_wanted[n] = true;
	vgic_expire_ppi(&fixture_vcpus[n], TIMER, TIMER);
}

static void step_of_guest(struct vcpu *v)
{
	u32 target = pick(FIXTURE_VCPUS), sgi = pick(NSGI);

	switch (pick(5)) {
	case 0:
	case 1:
		guest_ack(v->index);
		break;
	case 2:
		guest_eoi(v->index);
		break;
	case 3:
		timer_fires(v->index);
		break;
	default:
		sgi_wanted[target][sgi] = true;
		if (pick(8))
			vmm_sgi(v, sgi << 24 | 1U << target);
		else
			vgic_send_sgi(v, sgi << 24 | 1U << target, 1);
		/* It is found pending, wherever it is. */
		if (!pick(4))
			assert_true(fixture_read(v->index, SGI(target, 0x200), 4) & 1U << sgi);
		break;
	}
}

static void step(void)
{
	struct vcpu *v;

	host_set_cpu(pick(2));
	v = fixture_current[host_cpu];
	switch (pick(8)) {
	case 0:
		switch_vcpu(pick(FIXTURE_VCPUS));
		break;
	case 1:
		input(pick(NSPI));
		break;
	case 2:
		configure(pick(NSPI));
		break;
	case 3:
		switch (pick(8)) {
		case 0:
		case 1:
			if (v) {
				fixture_put();
				another_vm_was_here();
			}
			break;
		case 2:
			sleeps(pick(FIXTURE_VCPUS), pick(2));
			break;
		case 3:
			reset(pick(FIXTURE_VCPUS));
			break;
		default:
			timer_expires(pick(FIXTURE_VCPUS));
			break;
		}
		break;
	default:
		if (v)
			step_of_guest(v);
		break;
	}
}

static void enable_all(void)
{
	u32 i;

	for (i = 0; i < FIXTURE_VCPUS; i++)
		sleeps(i, false);
	for (i = 0; i < NSPI; i++)
		fixture_write(0, GICD(0x100 + 4 * ((SPI0 + i) / 32)), 4, 1U << ((SPI0 + i) % 32));
}

static void run_guest_dry(u32 n)
{
	while (guest_ack(n) || guest_eoi(n))
		;
}

/* What is for a vCPU that is on a CPU has reached it, without any switch. */
static void settle_in_place(void)
{
	u32 i, cpu, turn;

	enable_all();
	for (turn = 0; turn < 3; turn++) {
		for (cpu = 0; cpu < 2; cpu++) {
			host_set_cpu(cpu);
			if (fixture_current[cpu])
				run_guest_dry(fixture_current[cpu]->index);
		}
	}
	for (cpu = 0; cpu < 2; cpu++) {
		const struct vcpu *v = fixture_current[cpu];

		if (!v)
			continue;
		assert_int_equal(stacks[v->index].depth, 0);
		for (i = 0; i < NSGI; i++)
			assert_false(sgi_wanted[v->index][i]);
		assert_false(timer_wanted[v->index]);
		for (i = 0; i < NSPI; i++)
			if (fixture_vm.vgic.target[SPI0 - 32 + i] == v->index && !spi_active[i])
				assert_false(spi_wanted[i] || spi_line[i]);
	}
}

static void drain(void)
{
	u32 cpu, n, turn;

	for (cpu = 2; cpu-- > 0;) {
		host_set_cpu(cpu);
		if (fixture_current[cpu])
			fixture_put();
	}
	for (turn = 0; turn < 2; turn++) {
		for (n = 0; n < FIXTURE_VCPUS; n++) {
			fixture_load(n);
			run_guest_dry(n);
			assert_false(vgic_pending(&fixture_vcpus[n]));
			assert_false(host_irq_active(TIMER, 0));
			fixture_put();
			assert_int_equal(fixture_vcpus[n].vgic.forwarded, 0);
		}
	}
}

static u8 of_planes(const u32 planes[8], u32 n)
{
	u32 prio = 0;

	for (u32 k = 0; k < 8; k++)
		prio |= (planes[k] >> n & 1) << k;
	return (u8)prio;
}

/* What a choice goes by says what the interrupts' own fields say. */
static void assert_indexed(void)
{
	const struct vgic *g = &fixture_vm.vgic;
	u32 i, n;

	for (i = 0; i < VGIC_SPIS; i++) {
		const struct vgic_bank *b = &g->spi[i / 32];
		bool active = b->active >> i % 32 & 1;

		assert_int_equal(of_planes(b->prio_plane, i % 32), b->prio[i % 32]);
		if (active)
			assert_int_equal(of_planes(b->active_plane, i % 32),
					 b->active_prio[i % 32]);
		for (n = 0; n < FIXTURE_VCPUS; n++) {
			assert_int_equal(g->routed[n][i / 32] >> i % 32 & 1, g->target[i] == n);
			assert_int_equal(g->active_on[n][i / 32] >> i % 32 & 1,
					 active && g->holder[i] == n);
		}
	}
}

static void assert_quiet(void)
{
	u32 i, n;

	for (i = 0; i < NSPI; i++) {
		assert_false(spi_wanted[i]);
		assert_false(spi_line[i]);
	}
	for (n = 0; n < FIXTURE_VCPUS; n++) {
		assert_false(timer_wanted[n]);
		for (i = 0; i < NSGI; i++)
			assert_false(sgi_wanted[n][i]);
	}
	assert_indexed();
	(void)fixture_read(0, GICD(0x204), 4); /* folds what is kept */
	for (i = 0; i < VGIC_WORDS; i++)
		assert_int_equal(fixture_vm.vgic.spi[i].listed | fixture_vm.vgic.spi[i].active |
					 fixture_vm.vgic.spi[i].latch,
				 0);
}

static void prepare(void)
{
	u32 i, n;
	void *state;

	assert_int_equal(fixture_setup(&state), 0);
	memset(spi_wanted, 0, sizeof(spi_wanted));
	memset(spi_line, 0, sizeof(spi_line));
	memset(spi_active, 0, sizeof(spi_active));
	memset(stacks, 0, sizeof(stacks));
	for (n = 0; n < 2; n++) /* the timers' outputs are always high */
		host_guest_timers[n][ARCH_TIMER_VIRT].ctl = 1;
	for (i = 0; i < NSPI; i++) {
		u64 config = GICD(0xc00 + 4 * ((SPI0 + i) / 16));

		if (is_edge(i))
			fixture_write(0, config, 4,
				      fixture_read(0, config, 4) | 2U << (2 * ((SPI0 + i) % 16)));
		fixture_enable(0, SPI0 + i, (u8)(8 * pick(16)));
	}
	for (n = 0; n < FIXTURE_VCPUS; n++)
		enable_private(n);
}

static void nothing_is_lost(void **state)
{
	u32 round, i;

	(void)state;
	for (round = 1; round <= ROUNDS; round++) {
		seed = round;
		prepare();
		vgic_limit_lrs(round % 5); /* 0: all four */
		host_vgic[0].eoi_split = host_vgic[1].eoi_split = round % 2;
		for (i = 0; i < STEPS; i++) {
			step();
			if (i % 100 == 99)
				settle_in_place();
		}
		drain();
		assert_quiet();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
