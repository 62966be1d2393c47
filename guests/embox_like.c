/* SPDX-License-Identifier: Apache-2.0 */
/*
 * embox_like: uses the machine as Embox does. It scans PCI's configuration space first. The
 * physical timer ticks at 1 kHz and is always on; its TVAL is written again in the interrupt. The
 * GIC is set up with both groups on, and routes are written for interrupts that have none.
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

#define NAME     "embox_like"
#define TICKS    100u
#define TICK_HZ  1000u
#define LIMIT_US 60000000u

static uint32_t ticks;

static void start_distributor(void)
{
	unsigned int lines = mmio_read32(GICD_TYPER) & 0x1f;

	mmio_write32(GICD_CTLR, 0);
	for (unsigned int n = 1; n <= lines; n++) {
		mmio_write32(GICD_BASE + GIC_IGROUPR + 4 * n, UINT32_MAX);
		mmio_write32(GICD_BASE + GIC_ICFGR + 8 * n, 0);
		mmio_write32(GICD_BASE + GIC_ICFGR + 8 * n + 4, 0);
		for (unsigned int i = 0; i < 32; i += 4)
			mmio_write32(GICD_BASE + GIC_IPRIORITYR + 32 * n + i, 0xa0a0a0a0);
	}
	for (unsigned int n = 0; n <= lines; n++) {
		mmio_write32(GICD_BASE + GIC_ICACTIVER + 4 * n, UINT32_MAX);
		mmio_write32(GICD_BASE + GIC_ICENABLER + 4 * n, UINT32_MAX);
	}
	mmio_write32(GICD_CTLR, GICD_CTLR_GRP0 | GICD_CTLR_GRP1 | GICD_CTLR_ARE);
	while (mmio_read32(GICD_CTLR) & GICD_CTLR_RWP)
		cpu_relax();
	for (unsigned int intid = 0; intid < 32 * (lines + 1); intid++)
		mmio_write64(GICD_IROUTER(intid), read_sysreg(mpidr_el1) & 0xffffff);
}

static void start_redistributor(void)
{
	uintptr_t sgis = GICR_BASE + GICR_SGI_PAGE;

	mmio_write32(GICR_BASE + GICR_WAKER,
		     mmio_read32(GICR_BASE + GICR_WAKER) & ~GICR_WAKER_SLEEP);
	while (mmio_read32(GICR_BASE + GICR_WAKER) & GICR_WAKER_ASLEEP)
		cpu_relax();
	mmio_write32(sgis + GIC_IGROUPR, UINT32_MAX);
	mmio_write32(sgis + GIC_ICFGR, 0);
	for (unsigned int i = 0; i < 32; i += 4)
		mmio_write32(sgis + GIC_IPRIORITYR + i, 0xa0a0a0a0);
	mmio_write32(sgis + GIC_ICACTIVER, UINT32_MAX);
	mmio_write32(sgis + GIC_ICENABLER, UINT32_MAX);
	write_icc(ICC_PMR, 0xff);
	write_icc(ICC_CTLR, read_icc(ICC_CTLR) & ~ICC_CTLR_EOIMODE);
	write_icc(ICC_IGRPEN1, 1);
}

static void set_tick(void)
{
	write_sysreg(cntp_tval_el0, ticks_per_second() / TICK_HZ);
}

static void on_tick(unsigned int intid, void *arg)
{
	(void)intid;
	(void)arg;
	set_tick();
	isb();
	ticks++;
}

/* The clock goes on while it is looked at, and is a number that can be set. */
static bool clock_works(void)
{
	uint32_t before;

	mmio_write32(RTC_BASE + 8, 1000000000); /* RTCLR */
	before = mmio_read32(RTC_BASE);
	return before >= 1000000000 && before < 1000001000;
}

void guest_main(void)
{
	unsigned int functions =
		buses_pci_functions(1, MMU_DEVICE) + buses_pci_functions(4, MMU_DEVICE);
	struct buses_virtio virtio;
	bool ticked;

	if (gic_version == 3) {
		start_distributor();
		start_redistributor();
	}
	irq_set_handler(CNTP_INTID, on_tick, NULL);
	gic_enable(CNTP_INTID);
	set_tick();
	write_sysreg(cntp_ctl_el0, TIMER_ENABLE);
	irq_unmask();
	ticked = wait_for(load_acquire(&ticks) >= TICKS, LIMIT_US); /* its idle loop spins */
	virtio = buses_virtio();
	print(NAME ": %u ticks, %u pci functions, %u of %u virtio slots in use, clock %s\n", ticks,
	      functions, virtio.devices, virtio.transports, clock_works() ? "works" : "is wrong");
	buses_end(NAME, ticked && !functions && virtio.transports == 32 && clock_works());
}
