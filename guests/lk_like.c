/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lk_like: uses the machine as LK does. The devicetree is at the start of RAM. One-shot timers are
 * set by TVAL and turned off in their interrupt. The GIC's registers of the first 32 interrupts are
 * also written in the distributor. All CPUs are started, each with its own timer.
 */
#include "buses.h"
#include "kit/cpu.h"
#include "kit/gic.h"
#include "kit/irq.h"
#include "kit/lock.h"
#include "kit/print.h"
#include "kit/psci.h"
#include "kit/smp.h"
#include "kit/time.h"
#include "kit/uart.h"

#define NAME        "lk_like"
#define SHOTS       40u
#define INTERVAL_US 1000u
#define LIMIT_US    60000000u
#define FDT_MAGIC   0xedfe0dd0u /* as the little-endian word that it is read as */
#define WAKER_QSC   BIT32(31)
#define SHOT_SGI    4u

static uint32_t shots[KIT_MAX_CPUS], reschedules[KIT_MAX_CPUS];

/* ---- GIC ---- */

static bool start_distributor(void)
{
	unsigned int rev = (mmio_read32(GICD_PIDR2) >> 4) & 0xf;
	unsigned int end = ((mmio_read32(GICD_TYPER) & 0x1f) + 1) * 32;

	if (rev != 3 && rev != 4)
		return false;
	mmio_write32(GICD_CTLR, mmio_read32(GICD_CTLR) & ~7u);
	for (unsigned int intid = 0; intid < end; intid += 32) {
		mmio_write32(GICD_BASE + GIC_ICENABLER + intid / 8, UINT32_MAX);
		mmio_write32(GICD_BASE + GIC_ICPENDR + intid / 8, UINT32_MAX);
		mmio_write32(GICD_BASE + GIC_IGROUPR + intid / 8, UINT32_MAX);
		mmio_write32(GICD_BASE + GIC_IGRPMODR + intid / 8, UINT32_MAX);
	}
	while (mmio_read32(GICD_CTLR) & GICD_CTLR_RWP)
		cpu_relax();
	mmio_write32(GICD_CTLR, mmio_read32(GICD_CTLR) | GICD_CTLR_GRP1);
	for (unsigned int intid = 32; intid < end; intid++)
		mmio_write64(GICD_IROUTER(intid), 0);
	return true;
}

static void start_cpu_interface(void)
{
	uintptr_t redist = GICR_BASE + cpu_id() * GICR_STRIDE;
	uintptr_t sgis = redist + GICR_SGI_PAGE;
	uint32_t waker = mmio_read32(redist + GICR_WAKER);

	if (waker & WAKER_QSC)
		mmio_write32(redist + GICR_WAKER, waker & ~BIT32(0));
	if (waker & GICR_WAKER_ASLEEP) {
		mmio_write32(redist + GICR_WAKER, waker & ~GICR_WAKER_SLEEP);
		while (mmio_read32(redist + GICR_WAKER) & GICR_WAKER_ASLEEP)
			cpu_relax();
	}
	mmio_write32(sgis + GIC_IGROUPR, UINT32_MAX);
	mmio_write32(sgis + GIC_IGRPMODR, 0);
	mmio_write32(sgis + GIC_ICENABLER, UINT32_MAX);
	mmio_write32(sgis + GIC_ICPENDR, UINT32_MAX);
	while (mmio_read32(redist + GICR_CTLR) & BIT32(31))
		cpu_relax();
	write_icc(ICC_SRE, read_icc(ICC_SRE) | 7);
	write_icc(ICC_PMR, 0xff);
	write_icc(ICC_IGRPEN1, 1);
}

/* ---- timers ---- */

static void shoot(void)
{
	timer_set_tval(TIMER_VIRT, (uint32_t)us_to_ticks(INTERVAL_US));
	timer_set_ctl(TIMER_VIRT, TIMER_ENABLE);
}

static void on_timer(unsigned int intid, void *arg)
{
	(void)intid;
	(void)arg;
	timer_set_ctl(TIMER_VIRT, 0);
	if (++shots[cpu_id()] < SHOTS)
		shoot();
}

static void on_reschedule(unsigned int intid, void *arg)
{
	(void)intid;
	(void)arg;
	reschedules[cpu_id()]++;
}

/* What every CPU does: its own timer, the first time due at once, until it has had all. */
static bool run_cpu(void)
{
	bool done;

	if (gic_version == 3)
		start_cpu_interface();
	gic_enable(CNTV_INTID);
	gic_enable(SHOT_SGI);
	timer_set_tval(TIMER_VIRT, 0);
	timer_set_ctl(TIMER_VIRT, TIMER_ENABLE);
	irq_unmask();
	done = wait_for((wfi(), load_acquire(&shots[cpu_id()]) >= SHOTS), LIMIT_US);
	gic_send_sgi(SHOT_SGI, 1); /* the boot CPU waits for all */
	return done;
}

static void secondary(void *arg)
{
	(void)arg;
	(void)run_cpu();
}

static bool all_done(unsigned int cpus)
{
	for (unsigned int cpu = 0; cpu < cpus; cpu++)
		if (load_acquire(&shots[cpu]) < SHOTS)
			return false;
	return true;
}

void guest_main(void)
{
	unsigned int cpus = cpu_count(), functions;
	struct buses_virtio virtio;
	bool tree = mmio_read32(RAM_BASE) == FDT_MAGIC, done;

	irq_set_handler(CNTV_INTID, on_timer, NULL);
	irq_set_handler(SHOT_SGI, on_reschedule, NULL);
	if (gic_version == 3 && !start_distributor())
		buses_end(NAME, false);
	for (unsigned int cpu = 1; cpu < cpus; cpu++)
		(void)cpu_start(cpu, secondary, NULL, 0);
	done = run_cpu() && wait_for(all_done(cpus), LIMIT_US);
	functions = buses_pci_functions(2, MMU_DEVICE) + buses_pci_functions(1, MMU_DEVICE);
	virtio = buses_virtio();
	print(NAME ": %u cpus, %s, devicetree %s, %u pci functions, %u of %u virtio slots in use\n",
	      cpus, done ? "all timers came" : "a timer is missing", tree ? "found" : "not found",
	      functions, virtio.devices, virtio.transports);
	buses_end(NAME, done && tree && !functions && virtio.transports == 32);
}
