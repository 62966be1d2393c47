/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench: the cost of single operations, in ticks of the virtual counter. Under QEMU's -icount
 * shift=4 a tick is one instruction, on whichever CPU it executes. Every figure contains the
 * operation, the ISB and counter read behind it, and the instructions that make its operands (see
 * the row `empty`), as published figures do.
 */
#include "kit/cpu.h"
#include "kit/exc.h"
#include "kit/gic.h"
#include "kit/lock.h"
#include "kit/mmio.h"
#include "kit/print.h"
#include "kit/psci.h"
#include "kit/smp.h"
#include "kit/stamp.h"
#include "kit/time.h"
#include "kit/uart.h"

#define RUNS       2000u
#define LIMIT_US   1000000u
#define SETTLE_US  20000u
#define PING       1u /* answered in memory */
#define PING_BACK  3u /* answered by a PONG */
#define PONG       2u
#define MAX_MISSED 3u /* missing interrupts before a row is given up */

struct stat {
	uint64_t first;
	uint64_t min;
	uint64_t max;
	uint64_t sum;
	uint32_t count;
};

/* What the stamp vector left, per CPU; the handler is the only writer. */
static struct {
	volatile uint64_t stamp;
	volatile uint32_t count;
} taken[KIT_MAX_CPUS];

static volatile uint32_t answered; /* PINGs; the target is the only writer */
static bool target_sleeps;
static uint32_t target_ready;
static uint32_t target_leave;

static void sample(struct stat *stat, uint64_t ticks)
{
	if (!stat->count)
		stat->first = stat->min = ticks;
	if (ticks < stat->min)
		stat->min = ticks;
	if (ticks > stat->max)
		stat->max = ticks;
	stat->sum += ticks;
	stat->count++;
}

/*
 * The CPUs share one count of instructions. So another CPU must have sent this line before the next
 * row begins.
 */
static void report(const char *name, const struct stat *stat)
{
	if (stat->count)
		print("bench: %-26s: avg %4lu, max %4lu, min %4lu, runs %u, first %lu\n", name,
		      (stat->sum + stat->count / 2) / stat->count, stat->max, stat->min,
		      stat->count, stat->first);
	else
		print("bench: %-26s: none, the interrupt does not come\n", name);
	delay_us(SETTLE_US);
}

/* A row a line: isb; mrs; operation; isb; mrs, over and over. */
#define MEASURE(name, operation)                                   \
	do {                                                       \
		struct stat stat_ = { 0 };                         \
		for (unsigned int run_ = 0; run_ < RUNS; run_++) { \
			uint64_t before_ = now();                  \
			operation;                                 \
			sample(&stat_, now() - before_);           \
		}                                                  \
		report(name, &stat_);                              \
	} while (0)

/* Called by stamp.S with the counter as the vector's first instruction read it. */
void stamp_irq(uint64_t intid, uint64_t stamp)
{
	unsigned int cpu = cpu_id();

	if (intid == PING) {
		taken[cpu].stamp = stamp;
		answered++;
		return;
	} else if (intid == PING_BACK) {
		write_icc(ICC_SGI1R, (uint64_t)PONG << 24 | 1);
	} else if (intid == CNTV_INTID) {
		write_sysreg(cntv_ctl_el0, 0);
		isb();
	} else if (intid == UART_INTID) {
		mmio_write32(UART_IMSC, 0);
		mmio_write32(UART_ICR, UART_INT_ALL);
	} else if (intid == CNTP_INTID) {
		/* The rescue of a sleep that missed its interrupt: not counted. */
		write_sysreg(cntp_ctl_el0, 0);
		isb();
		return;
	}
	taken[cpu].stamp = stamp;
	taken[cpu].count++;
}

/* Spins tightly until this CPU has taken another interrupt than those counted before. */
static bool wait_taken(uint32_t before)
{
	uint64_t deadline = now() + us_to_ticks(LIMIT_US);

	while (taken[0].count == before) {
		if (read_sysreg(cntvct_el0) > deadline)
			return false;
	}
	return true;
}

static bool sleep_taken(uint32_t before)
{
	timer_start_us(TIMER_PHYS, LIMIT_US);
	wfi();
	while (taken[0].count == before && (timer_get_ctl(TIMER_PHYS) & TIMER_ENABLE))
		wfi();
	timer_stop(TIMER_PHYS);
	return taken[0].count != before;
}

/* From the tick at which the timer is due to the first instruction of the vector. */
static void timer_to_vector(const char *name, bool (*wait)(uint32_t before), uint64_t ahead,
			    bool cold)
{
	struct stat stat = { 0 };
	unsigned int missed = 0;
	uint64_t due;
	uint32_t before;

	for (unsigned int run = 0; run < RUNS && missed < MAX_MISSED; run++) {
		before = taken[0].count;
		if (cold) {
			gic_disable(CNTV_INTID);
			gic_enable(CNTV_INTID);
		}
		/* The distance varies, so that it does not match a period of the host's. */
		due = now() + ahead + run * 37 % 1024;
		timer_set_cval(TIMER_VIRT, due);
		timer_set_ctl(TIMER_VIRT, TIMER_ENABLE);
		if (wait(before))
			sample(&stat, taken[0].stamp - due);
		else
			missed++;
	}
	timer_stop(TIMER_VIRT);
	report(name, &stat);
}

/* From arming for now, through vector, acknowledge, handler and end of interrupt, to the return. */
static void timer_armed_to_return(void)
{
	struct stat stat = { 0 };
	unsigned int missed = 0;
	uint32_t before;
	uint64_t start;

	for (unsigned int run = 0; run < RUNS && missed < MAX_MISSED; run++) {
		before = taken[0].count;
		start = now();
		write_sysreg(cntv_tval_el0, 0);
		write_sysreg(cntv_ctl_el0, TIMER_ENABLE);
		isb();
		if (taken[0].count != before || wait_taken(before))
			sample(&stat, now() - start);
		else
			missed++;
	}
	report("timer armed to return", &stat);
}

static void sgi_to_self(const char *name, bool cold)
{
	struct stat stat = { 0 };
	unsigned int missed = 0;
	uint32_t before;
	uint64_t start;

	for (unsigned int run = 0; run < RUNS && missed < MAX_MISSED; run++) {
		before = taken[0].count;
		if (cold) {
			gic_disable(PONG);
			gic_enable(PONG);
		}
		start = now();
		write_icc(ICC_SGI1R, (uint64_t)PONG << 24 | 1);
		if (wait_taken(before))
			sample(&stat, taken[0].stamp - start);
		else
			missed++;
	}
	report(name, &stat);
}

/*
 * A level-sensitive SPI: from the write that raises its line to the vector. To receive, the UART
 * gets back what it sends; else its transmitter is ready, and that is unmasked.
 */
static void uart_to_vector(const char *name, bool receive)
{
	struct stat stat = { 0 };
	unsigned int missed = 0;
	uint32_t before;
	uint64_t start;

	gic_enable(UART_INTID);
	mmio_write32(UART_CR, 0);
	mmio_write32(UART_LCR_H, UART_LCR_8N1); /* no FIFO: each byte interrupts */
	mmio_write32(UART_CR, UART_CR_EN | UART_CR_TXE | UART_CR_RXE | UART_CR_LBE);
	for (unsigned int run = 0; run < RUNS && missed < MAX_MISSED; run++) {
		while (!(mmio_read32(UART_FR) & UART_FR_RXFE))
			(void)mmio_read32(UART_DR);
		before = taken[0].count;
		if (receive)
			mmio_write32(UART_IMSC, UART_INT_RX);
		else
			mmio_write32(UART_DR, 0);
		start = now();
		if (receive)
			mmio_write32(UART_DR, 0);
		else
			mmio_write32(UART_IMSC, UART_INT_TX);
		if (wait_taken(before))
			sample(&stat, taken[0].stamp - start);
		else
			missed++;
	}
	gic_disable(UART_INTID);
	mmio_write32(UART_CR, 0);
	mmio_write32(UART_LCR_H, UART_LCR_8N1 | UART_LCR_FEN);
	mmio_write32(UART_CR, UART_CR_EN | UART_CR_TXE | UART_CR_RXE);
	report(name, &stat);
}

/* The second step of an interrupt's end, if it has two. */
static void deactivate(void)
{
	struct stat stat = { 0 };
	uint64_t start;

	gic_cpu_write(GIC_EOIMODE, 1);
	for (unsigned int run = 0; run < RUNS; run++) {
		gic_send_sgi(PONG, 1);
		while (gic_ack() != PONG)
			;
		gic_eoi(PONG);
		start = now();
		write_icc(ICC_DIR, PONG);
		sample(&stat, now() - start);
	}
	gic_cpu_write(GIC_EOIMODE, 0);
	report("ICC_DIR write", &stat);
}

/* CPU 1: answers from its vector; spins or sleeps in between. */
static void target(void *arg)
{
	bool sleeps = target_sleeps;

	(void)arg;
	stamp_vectors_on();
	gic_enable(PING);
	gic_enable(PING_BACK);
	irq_unmask();
	store_release(&target_ready, 1);
	while (!load_acquire(&target_leave)) {
		if (sleeps)
			wfi();
		else
			cpu_relax();
	}
	irq_mask();
}

/*
 * One ping and its answer, which changes `word`; the target's stamp and when this CPU knew, or
 * false.
 */
static bool exchange(uint32_t ping, uint64_t *sent, uint64_t *there, uint64_t *back)
{
	const volatile uint32_t *word = ping == PING ? &answered : &taken[0].count;
	uint32_t before = *word;
	uint64_t start = now();

	write_icc(ICC_SGI1R, (uint64_t)ping << 24 | 2);
	while (*word == before) {
		if (read_sysreg(cntvct_el0) - start > us_to_ticks(LIMIT_US))
			return false;
		cpu_relax();
	}
	*back = ping == PING ? now() : taken[0].stamp;
	*sent = start;
	*there = taken[1].stamp;
	return true;
}

static void pings(uint32_t ping, struct stat *one_way, struct stat *round_trip)
{
	unsigned int missed = 0;
	uint64_t sent;
	uint64_t there;
	uint64_t back;

	for (unsigned int run = 0; run < RUNS && missed < MAX_MISSED; run++) {
		/* Let the target settle in its loop or its sleep. */
		delay_us(20);
		if (exchange(ping, &sent, &there, &back)) {
			sample(one_way, there - sent);
			sample(round_trip, back - sent);
		} else {
			missed++;
		}
	}
}

static void ipi(bool sleeps, const char *name, const char *name_round_trip, const char *name_back)
{
	struct stat one_way = { 0 };
	struct stat round_trip = { 0 };
	struct stat unused = { 0 };
	struct stat there_and_back = { 0 };
	uint64_t when;

	target_sleeps = sleeps;
	target_ready = 0;
	target_leave = 0;
	if (cpu_start(1, target, NULL, 0) != PSCI_SUCCESS ||
	    !wait_for(load_acquire(&target_ready), LIMIT_US)) {
		print("bench: cpu 1 does not start\n");
		return;
	}
	pings(PING, &one_way, &round_trip);
	pings(PING_BACK, &unused, &there_and_back);
	report(name, &one_way);
	report(name_round_trip, &round_trip);
	report(name_back, &there_and_back);
	store_release(&target_leave, 1);
	(void)exchange(PING, &when, &when, &when);
	(void)cpu_wait_off(1, LIMIT_US);
}

/*
 * From a load where stage 2 maps nothing, or where the bus has no device, to the vector of its
 * abort.
 */
static void abort_to_vector(void)
{
	struct stat stat = { 0 };

	for (unsigned int run = 0; run < RUNS; run++) {
		struct probe seen;
		uint64_t before;

		seen = PROBE(before = now(); (void)mmio_read32(UNMAPPED_BASE));
		if (seen.count == 1)
			sample(&stat, stamp_sync() - before);
	}
	report("stage-2 fault to vector", &stat);
}

static void operations(void)
{
	MEASURE("empty", (void)0);
	MEASURE("null hypercall", hvc_null(PSCI_VERSION));
	MEASURE("GICD_CTLR read", (void)mmio_read32(GICD_CTLR));
	MEASURE("GICD_TYPER read", (void)mmio_read32(GICD_TYPER));
	MEASURE("GICD_ISENABLER1 read", (void)mmio_read32(GICD_BASE + GIC_ISENABLER + 4));
	MEASURE("GICD_ISENABLER1 write", mmio_write32(GICD_BASE + GIC_ISENABLER + 4, 0));
	MEASURE("GICR_TYPER read", (void)mmio_read64(GICR_BASE + GICR_TYPER));
	MEASURE("GICR_TYPER read, high word", (void)mmio_read32(GICR_BASE + GICR_TYPER + 4));
	MEASURE("GICD_IPRIORITYR read, 8 bits", (void)mmio_read8(GICD_BASE + GIC_IPRIORITYR + 33));
	MEASURE("GICD_IPRIORITYR read, 32 bits",
		(void)mmio_read32(GICD_BASE + GIC_IPRIORITYR + 32));
	MEASURE("GICD_IPRIORITYR write, 32 bits", mmio_write32(GICD_BASE + GIC_IPRIORITYR + 32, 0));
	MEASURE("GICD_IROUTER read", (void)mmio_read64(GICD_IROUTER(40)));
	MEASURE("GICR_ISENABLER0 write",
		mmio_write32(GICR_BASE + GICR_SGI_PAGE + GIC_ISENABLER, 0));
	MEASURE("UART FR read", (void)mmio_read32(UART_FR));
	MEASURE("GICD_CTLR and UART FR read, in turn",
		((void)mmio_read32(GICD_CTLR), (void)mmio_read32(UART_FR)));
	MEASURE("UART FR read, 16 bits", (void)mmio_read16(UART_FR));
	MEASURE("UART ICR write", mmio_write32(UART_ICR, 0));
	MEASURE("UART DR write", mmio_write32(UART_DR, '\r'));
	MEASURE("ID register read", (void)read_sysreg(id_aa64pfr0_el1));
}

void guest_main(void)
{
	unsigned int cpus = cpu_count();

	if (gic_version == 2) {
		print("bench: its vectors want a GICv3\n");
		return;
	}
	print("bench: %u cpus, %u runs a row, ticks of %lu Hz\n", cpus, RUNS, ticks_per_second());
	operations();
	stamp_vectors_on();
	abort_to_vector();
	gic_enable(CNTV_INTID);
	gic_enable(CNTP_INTID);
	gic_enable(PONG);
	deactivate();
	irq_unmask();
	timer_to_vector("timer to vector, spinning", wait_taken, 4000, false);
	timer_to_vector("timer to vector, enabled again", wait_taken, 8000, true);
	timer_armed_to_return();
	timer_to_vector("timer to vector, WFI", sleep_taken, 20000, false);
	sgi_to_self("SGI to self", false);
	sgi_to_self("SGI to self, enabled again", true);
	uart_to_vector("level SPI to vector", false);
	uart_to_vector("UART receive to vector", true);
	if (cpus > 1) {
		ipi(false, "IPI one way, spinning", "IPI round trip, spinning",
		    "IPI and IPI back, spinning");
		ipi(true, "IPI one way, WFI", "IPI round trip, WFI", "IPI and IPI back, WFI");
	} else {
		print("bench: one cpu, no IPI rows\n");
	}
	irq_mask();
	print("bench: done\n");
}
