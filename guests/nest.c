/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nest: every CPU is deep inside interrupt handlers, each interrupted by the next (a timer's, an
 * SGI's, an SPI's, and a FIQ's where group 0 is one), until a line is typed. Two interrupts of the
 * lowest priority wait meanwhile. Whatever happens to the CPUs in between: the active and masked
 * state, and the interrupts that come once afterwards, must be as before.
 */
#include "kit/cpu.h"
#include "kit/gic.h"
#include "kit/irq.h"
#include "kit/lock.h"
#include "kit/print.h"
#include "kit/smp.h"
#include "kit/time.h"
#include "kit/uart.h"

#define LIMIT_US 60000000u /* others may have the CPU most of the time */

enum { TIMER, SGI, SPI, FIQ, LEVELS };

#define SPI_OF(cpu)  (64 + (cpu))
#define FIQ_OF(cpu)  (72 + (cpu))
#define LATE_OF(cpu) (80 + (cpu)) /* waits until the others are done, as the physical timer's */
#define NEST_SGI     3u

static const uint8_t priorities[LEVELS] = { 0xc0, 0xa0, 0x80, 0x40 };
#define LATE_PRIORITY 0xe0

static struct {
	uint32_t came[LEVELS];
	uint32_t late_spis;
	uint32_t late_timers;
	unsigned int bad;
} state[KIT_MAX_CPUS];

static unsigned int cpus;
static uint32_t allowed; /* rounds that may begin */
static uint32_t deep;    /* CPUs at the bottom */
static uint32_t go;      /* rounds that may end */
static uint32_t ended;   /* CPUs that have ended theirs */

static void expect(const char *what, uint64_t got, uint64_t want)
{
	unsigned int cpu = cpu_id();

	if (got == want)
		return;
	if (++state[cpu].bad <= 10)
		print("nest: cpu %u: %s: expected %lx got %lx\n", cpu, what, want, got);
}

static unsigned int intid_of(unsigned int level)
{
	const unsigned int intids[LEVELS] = { CNTV_INTID, NEST_SGI, SPI_OF(cpu_id()),
					      FIQ_OF(cpu_id()) };

	return intids[level];
}

static void trigger(unsigned int level)
{
	if (level == TIMER)
		timer_start_us(TIMER_VIRT, 100);
	else if (level == SGI)
		gic_send_sgi(NEST_SGI, (uint16_t)BIT(cpu_id()));
	else
		gic_set_pending(intid_of(level));
}

/* IRQ and FIQ. */
static void unmask(void)
{
	plain_op("msr daifclr, #3");
}

static void mask(void)
{
	plain_op("msr daifset, #3");
}

/* What has to be true all the time at the bottom. */
static void look(void)
{
	expect("running priority", gic_cpu_read(GIC_RPR) & 0xff, priorities[LEVELS - 1]);
	expect("acknowledged", gic_ack(), GIC_SPURIOUS);
	for (unsigned int level = 0; level < LEVELS; level++)
		expect("active", gic_active(intid_of(level)), true);
	expect("late is active", gic_active(LATE_OF(cpu_id())), false);
	expect("late is pending", gic_pending(LATE_OF(cpu_id())), true);
}

static void hold(uint32_t round)
{
	unsigned int cpu = cpu_id();

	gic_set_pending(LATE_OF(cpu));
	timer_start_us(TIMER_PHYS, 1000);
	look();
	atomic_inc(&deep);
	if (cpu == 0) {
		expect("cpus at the bottom", wait_for(load_acquire(&deep) == cpus, LIMIT_US), true);
		print("nest: round %u: %u cpus, %u deep\n", round, cpus, LEVELS);
		while (uart_try_getc() != '\r')
			look();
		store_release(&go, round);
	}
	while (load_acquire(&go) < round)
		look();
	look();
}

static void handle(unsigned int intid, void *arg)
{
	unsigned int level = (unsigned int)(uintptr_t)arg;
	unsigned int cpu = cpu_id();
	uint32_t round = ++state[cpu].came[level];

	expect("interrupt", intid, intid_of(level));
	expect("running priority at entry", gic_cpu_read(GIC_RPR) & 0xff, priorities[level]);
	if (level == LEVELS - 1) {
		hold(round);
	} else {
		trigger(level + 1);
		unmask();
		expect("next comes",
		       wait_for(load_acquire(&state[cpu].came[level + 1]) == round, LIMIT_US),
		       true);
		mask();
	}
	expect("running priority at exit", gic_cpu_read(GIC_RPR) & 0xff, priorities[level]);
	if (level == TIMER)
		timer_stop(TIMER_VIRT);
}

static void handle_late(unsigned int intid, void *arg)
{
	(void)arg;
	expect("nothing else runs", gic_cpu_read(GIC_RPR) & 0xff, LATE_PRIORITY);
	if (intid == CNTP_INTID) {
		timer_stop(TIMER_PHYS);
		state[cpu_id()].late_timers++;
	} else {
		store_release(&state[cpu_id()].late_spis, state[cpu_id()].late_spis + 1);
	}
}

static void arm(unsigned int intid, uint8_t priority, irq_handler_t handler, uintptr_t arg)
{
	if (intid >= 32) {
		gic_set_edge(intid, true);
		gic_route(intid, cpu_id());
	}
	gic_set_priority(intid, priority);
	irq_set_handler(intid, handler, (void *)arg); /* NOLINT(performance-no-int-to-ptr) */
	gic_enable(intid);
}

static void setup_cpu(void)
{
	for (unsigned int level = 0; level < LEVELS; level++)
		arm(intid_of(level), priorities[level], handle, level);
	arm(LATE_OF(cpu_id()), LATE_PRIORITY, handle_late, 0);
	arm(CNTP_INTID, LATE_PRIORITY, handle_late, 0);
	if (gic_version == 3)
		write_icc(ICC_IGRPEN0, 1);
}

/* The FIQs' SPIs. Without security extension all of a GICv2's are IRQs. */
static void setup_group0(void)
{
	if (gic_version != 3)
		return;
	mmio_write32(GICD_BASE + GIC_IGROUPR + 8, ~(UINT32_C(0xff) << (FIQ_OF(0) % 32)));
	mmio_write32(GICD_CTLR, GICD_CTLR_ARE | GICD_CTLR_GRP0 | GICD_CTLR_GRP1);
}

static void do_round(uint32_t round)
{
	unsigned int cpu = cpu_id();

	trigger(TIMER);
	unmask();
	expect("late ones come",
	       wait_for(load_acquire(&state[cpu].late_spis) == round &&
				load_acquire(&state[cpu].late_timers) == round,
			3 * LIMIT_US),
	       true);
	delay_us(1000); /* for what must not come */
	mask();
	for (unsigned int level = 0; level < LEVELS; level++) {
		expect("how often it came", state[cpu].came[level], round);
		expect("active afterwards", gic_active(intid_of(level)), false);
	}
	expect("how often late ones came", state[cpu].late_spis + state[cpu].late_timers,
	       2 * round);
	expect("idle", gic_cpu_read(GIC_RPR) & 0xff, 0xff);
	expect("unexpected interrupts", irq_unexpected(), 0);
	atomic_inc(&ended);
}

static void secondary(void *arg)
{
	(void)arg;
	setup_cpu();
	for (uint32_t round = 1;; round++) {
		while (load_acquire(&allowed) < round)
			cpu_relax();
		do_round(round);
	}
}

static bool all_good(void)
{
	unsigned int bad = 0;

	for (unsigned int cpu = 0; cpu < cpus; cpu++)
		bad += load_acquire(&state[cpu].bad);
	return !bad;
}

void guest_main(void)
{
	cpus = cpu_count();
	setup_group0();
	setup_cpu();
	for (unsigned int cpu = 1; cpu < cpus; cpu++)
		expect("CPU_ON", (uint64_t)cpu_start(cpu, secondary, NULL, 0), 0);
	for (uint32_t round = 1;; round++) {
		store_release(&deep, 0);
		store_release(&allowed, round);
		do_round(round);
		expect("all end", wait_for(load_acquire(&ended) == cpus * round, 3 * LIMIT_US),
		       true);
		print("nest: round %u: %s\n", round, all_good() ? "PASS" : "FAIL");
	}
}
