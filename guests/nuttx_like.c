/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nuttx_like: uses the machine as NuttX does. It turns the virtual timer on before it has a compare
 * value, and from then on only masks it. Every tick begins at a multiple of the tick's length.
 * PCI's configuration space is mapped as normal memory.
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

#define NAME      "nuttx_like"
#define TICKS     50u
#define TICK_HZ   1000u
#define LIMIT_US  60000000u
#define GICR_PWRR 0x0024u

static uint32_t ticks, early;
static uint64_t tick_length;

/* ---- GIC ---- */

static void write_all(uintptr_t base, unsigned int first, unsigned int end)
{
	for (unsigned int intid = first; intid < end; intid += 32) {
		mmio_write32(base + GIC_ICENABLER + intid / 8, UINT32_MAX);
		mmio_write32(base + GIC_ICPENDR + intid / 8, UINT32_MAX);
		mmio_write32(base + GIC_IGROUPR + intid / 8, UINT32_MAX);
		mmio_write32(base + GIC_IGRPMODR + intid / 8, UINT32_MAX);
		for (unsigned int n = intid; n < intid + 32; n += 4)
			mmio_write32(base + GIC_IPRIORITYR + n, 0x80808080);
		for (unsigned int n = intid; n < intid + 32; n += 16)
			if (n >= 16)
				mmio_write32(base + GIC_ICFGR + n / 4, 0);
	}
}

static bool start_distributor(void)
{
	unsigned int end = ((mmio_read32(GICD_TYPER) & 0x1f) + 1) * 32;

	mmio_write32(GICD_CTLR, 0);
	while (mmio_read32(GICD_CTLR) & GICD_CTLR_RWP)
		cpu_relax();
	mmio_write32(GICD_CTLR, mmio_read32(GICD_CTLR) | GICD_CTLR_DS);
	if (!(mmio_read32(GICD_CTLR) & GICD_CTLR_DS))
		return false;
	write_all(GICD_BASE, 32, end);
	mmio_write32(GICD_CTLR, GICD_CTLR_ARE | GICD_CTLR_DS | GICD_CTLR_GRP1);
	return true;
}

static void start_redistributor(void)
{
	uintptr_t redist = GICR_BASE + cpu_id() * GICR_STRIDE;

	if (mmio_read32(redist + GICR_WAKER) & GICR_WAKER_ASLEEP) {
		mmio_write32(redist + GICR_PWRR, 2); /* of a GIC-600; elsewhere nothing is there */
		mmio_write32(redist + GICR_WAKER,
			     mmio_read32(redist + GICR_WAKER) & ~GICR_WAKER_SLEEP);
		while (mmio_read32(redist + GICR_WAKER) & GICR_WAKER_ASLEEP)
			cpu_relax();
	}
	write_all(redist + GICR_SGI_PAGE, 0, 32);
	write_icc(ICC_PMR, 0xff);
	write_icc(ICC_IGRPEN1, 1);
}

/* Off, priority by a byte, level, on. */
static void enable(unsigned int intid)
{
	gic_disable(intid);
	gic_set_priority(intid, 0x80);
	gic_set_edge(intid, false);
	if (intid >= 32)
		gic_route(intid, cpu_id());
	gic_enable(intid);
}

/* ---- ticks ---- */

static void mask_timer(bool mask)
{
	uint64_t ctl = read_sysreg(cntv_ctl_el0);

	write_sysreg(cntv_ctl_el0, mask ? ctl | TIMER_IMASK : ctl & ~TIMER_IMASK);
}

static void next_tick(void)
{
	write_sysreg(cntv_cval_el0,
		     read_sysreg(cntvct_el0) / tick_length * tick_length + tick_length);
	mask_timer(false);
}

static void on_tick(unsigned int intid, void *arg)
{
	(void)intid;
	(void)arg;
	early += timer_counter(TIMER_VIRT) < timer_get_cval(TIMER_VIRT);
	mask_timer(true);
	if (++ticks < TICKS)
		next_tick();
}

static void start_ticks(void)
{
	tick_length = ticks_per_second() / TICK_HZ;
	write_sysreg(cntv_cval_el0, UINT64_MAX);
	irq_set_handler(CNTV_INTID, on_tick, NULL);
	enable(CNTV_INTID);
	write_sysreg(cntv_ctl_el0, read_sysreg(cntv_ctl_el0) | TIMER_ENABLE);
	irq_unmask();
	delay_us(1000); /* none is due */
	if (load_acquire(&ticks))
		buses_end(NAME, false);
	next_tick();
}

void guest_main(void)
{
	struct buses_virtio virtio;
	unsigned int functions;
	bool waited;

	print(NAME ": psci %x\n", (uint32_t)hvc(PSCI_VERSION, 0, 0, 0));
	if (gic_version == 3) {
		if (!start_distributor())
			buses_end(NAME, false);
		start_redistributor();
	}
	start_ticks();
	waited = wait_for((wfi(), load_acquire(&ticks) >= TICKS), LIMIT_US);
	functions = buses_pci_functions(4, MMU_NONCACHE);
	virtio = buses_virtio();
	print(NAME ": %u ticks, %u early, %u pci functions, %u of %u virtio slots in use, rtc %s\n",
	      ticks, early, functions, virtio.devices, virtio.transports,
	      mmio_read32(RTC_BASE) ? "set" : "at 0");
	buses_end(NAME, waited && !early && !functions && virtio.transports == 32);
}
