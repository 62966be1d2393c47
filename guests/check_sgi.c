/* SPDX-License-Identifier: Apache-2.0 */
/* SGIs to this CPU and others, and SPIs routed to another CPU. */
#include "check.h"
#include "kit/gic.h"
#include "kit/irq.h"
#include "kit/lock.h"
#include "kit/psci.h"
#include "kit/smp.h"
#include "kit/time.h"

#define SHORT_US 2000u
#define TEST_SGI 5u
#define TEST_SPI 70u

/* What the other CPUs count, and the word that ends them. */
static uint32_t sgis_on[KIT_MAX_CPUS];
static uint32_t spis_on[KIT_MAX_CPUS];
static uint32_t ready;
static uint32_t leave;

static void count_here(unsigned int intid, void *arg)
{
	uint32_t *counts = intid == TEST_SPI ? spis_on : sgis_on;

	(void)arg;
	atomic_inc(&counts[cpu_id()]);
}

/* With arg: sleeps in WFI between interrupts, otherwise spins. */
static void listener(void *arg)
{
	gic_enable(TEST_SGI);
	atomic_inc(&ready);
	while (!load_acquire(&leave)) {
		if (arg)
			wfi();
		irq_unmask();
		cpu_relax();
		irq_mask();
	}
}

/* SGIs of a GICv2 may be always enabled. */
static void disabled(void)
{
	irq_log_start(NULL);
	gic_disable(TEST_SGI);
	gic_send_sgi(TEST_SGI, (uint16_t)BIT(cpu_id()));
	(void)check_eq("sgi.disabled-stays", irq_log_wait(1, SHORT_US), 0);
	(void)check_eq("sgi.disabled-is-pending", gic_pending(TEST_SGI), 1);
	gic_enable(TEST_SGI);
	(void)check_eq("sgi.enabled-comes", irq_log_wait(1, LONG_US), 1);
}

static void to_self(void)
{
	irq_set_handler(TEST_SGI, irq_log_handler, NULL);
	gic_enable(TEST_SGI);
	irq_log_start(NULL);
	gic_send_sgi(TEST_SGI, (uint16_t)BIT(cpu_id()));
	(void)check_eq("sgi.self", irq_log_wait(1, LONG_US), 1);
	(void)check_eq("sgi.self.intid", irq_log.intid[0], TEST_SGI);
	irq_log_start(NULL);
	gic_send_sgi(TEST_SGI, (uint16_t)BIT(cpu_id()));
	gic_send_sgi(TEST_SGI, (uint16_t)BIT(cpu_id()));
	(void)check_eq("sgi.self.two-are-one", irq_log_wait(2, SHORT_US), 1);
	irq_log_start(NULL);
	gic_set_pending(TEST_SGI);
	(void)check_eq("sgi.by-ispendr", irq_log_wait(1, LONG_US), 1);
	if (gic_version != 2)
		disabled();
	/* A target that is not there is no error. */
	irq_log_start(NULL);
	gic_send_sgi(TEST_SGI, (uint16_t)BIT(15));
	if (gic_version != 2)
		write_icc(ICC_SGI1R, (uint64_t)TEST_SGI << 24 | UINT64_C(0x7f) << 16 | 1);
	(void)check_eq("sgi.absent-target", irq_log_wait(1, SHORT_US), 0);
	irq_log_start(NULL);
	gic_send_sgi_others(TEST_SGI);
	(void)check_eq("sgi.others-spares-self", irq_log_wait(1, SHORT_US), 0);
}

/* All SGI numbers, one after the other. */
static void every_number(void)
{
	uint32_t came = 0;

	for (unsigned int intid = 0; intid < 16; intid++) {
		irq_set_handler(intid, irq_log_handler, NULL);
		gic_enable(intid);
		irq_log_start(NULL);
		gic_send_sgi(intid, (uint16_t)BIT(cpu_id()));
		if (irq_log_wait(1, LONG_US) == 1 && irq_log.intid[0] == intid)
			came |= BIT32(intid);
	}
	(void)check_eq("sgi.all-numbers", came, 0xffff);
}

static unsigned int others_with(const uint32_t *counts, uint32_t count)
{
	unsigned int cpus = 0;

	for (unsigned int cpu = 1; cpu < check_cpus; cpu++)
		cpus += load_acquire(&counts[cpu]) == count;
	return cpus;
}

static bool start_listeners(bool in_wfi)
{
	leave = 0;
	ready = 0;
	for (unsigned int cpu = 0; cpu < KIT_MAX_CPUS; cpu++) {
		sgis_on[cpu] = 0;
		spis_on[cpu] = 0;
	}
	irq_reset();
	irq_set_handler(TEST_SGI, count_here, NULL);
	irq_set_handler(TEST_SPI, count_here, NULL);
	gic_enable(TEST_SGI);
	for (unsigned int cpu = 1; cpu < check_cpus; cpu++)
		(void)cpu_start(cpu, listener, in_wfi ? &ready : NULL, 0);
	return wait_for(load_acquire(&ready) == check_cpus - 1, LONG_US);
}

static void stop_listeners(void)
{
	store_release(&leave, 1);
	/* Each SGI wakes a sleeper once; one that was just about to sleep needs the next. */
	for (unsigned int cpu = 1; cpu < check_cpus; cpu++) {
		for (unsigned int n = 0; n < 100 && !cpu_wait_off(cpu, 10000); n++)
			gic_send_sgi(TEST_SGI, (uint16_t)BIT(cpu));
	}
}

static unsigned int ping_each(uint32_t times)
{
	unsigned int right = 0;

	for (uint32_t n = 1; n <= times; n++) {
		for (unsigned int cpu = 1; cpu < check_cpus; cpu++) {
			gic_send_sgi(TEST_SGI, (uint16_t)BIT(cpu));
			right += wait_for(load_acquire(&sgis_on[cpu]) == n, LONG_US);
		}
	}
	return right;
}

/* A pending one moves. QEMU's GICv2 leaves it with the CPU that was its target. */
static void reroute(void)
{
	gic_disable(TEST_SPI);
	gic_set_pending(TEST_SPI);
	gic_route(TEST_SPI, 0);
	gic_enable(TEST_SPI);
	(void)check_eq("spi.rerouted-here", poll_ack(LONG_US), TEST_SPI);
	gic_eoi(TEST_SPI);
}

static void to_others(void)
{
	unsigned int others = check_cpus - 1;
	unsigned int last = others;
	/* Many spinning CPUs on a small host make each round slow. */
	unsigned int times = others > 2 ? 5 : 50;

	if (!check_true("sgi.others-start", start_listeners(false)))
		return;
	(void)check_eq("sgi.other.spinning", ping_each(times), others * times);
	gic_send_sgi_others(TEST_SGI);
	(void)check_true("sgi.all-but-self",
			 wait_for(others_with(sgis_on, times + 1) == others, LONG_US));
	gic_send_sgi(TEST_SGI, (uint16_t)(BIT(check_cpus) - 2));
	(void)check_true("sgi.target-list",
			 wait_for(others_with(sgis_on, times + 2) == others, LONG_US));
	(void)check_eq("sgi.self-untouched", sgis_on[0], 0);
	gic_set_edge(TEST_SPI, true);
	gic_route(TEST_SPI, last);
	gic_enable(TEST_SPI);
	gic_set_pending(TEST_SPI);
	(void)check_true("spi.routed-to-other",
			 wait_for(load_acquire(&spis_on[last]) == 1, LONG_US));
	if (gic_version != 2)
		reroute();
	(void)check_eq("spi.other-untouched", spis_on[last], 1);
	stop_listeners();

	if (!check_true("sgi.others-start-again", start_listeners(true)))
		return;
	(void)check_eq("sgi.other.in-wfi", ping_each(times), others * times);
	stop_listeners();
}

void check_sgi(void)
{
	to_self();
	every_number();
	if (check_cpus > 1)
		to_others();
	else
		check_skip("sgi.others", "one cpu");
}
