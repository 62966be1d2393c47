/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wild: a guest that misbehaves on purpose, and continues. The levels below it must answer as the
 * architecture does, and must not be affected otherwise. Every part is bounded. Nothing here turns
 * the machine off.
 */
#include "kit/cpu.h"
#include "kit/exc.h"
#include "kit/fp.h"
#include "kit/gic.h"
#include "kit/mmio.h"
#include "kit/mmu.h"
#include "kit/print.h"
#include "kit/psci.h"
#include "kit/smp.h"
#include "kit/time.h"
#include "kit/uart.h"

#define CALLS        2000u
#define STORES       20000u
#define SLEEPS       2000u
#define PSCI_NUMBERS 0x1fu /* function numbers that could turn something off */

static uint64_t random_state = UINT64_C(0x9e3779b97f4a7c15);

/* Marsaglia's xorshift64: the same sequence on every run. */
static uint64_t random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* Exceptions of one part, by what they were. */
struct tally {
	unsigned int attempts;
	unsigned int none;
	unsigned int undefined;
	unsigned int external;
	unsigned int alignment;
	unsigned int serror;
	unsigned int other;
	uint64_t other_esr;
};

static void count(struct tally *tally, struct probe probe)
{
	unsigned int ec = ESR_EC(probe.esr);
	bool abort = ec == EC_DABT_CUR || ec == EC_IABT_CUR;

	tally->attempts++;
	if (!probe.count) {
		tally->none++;
	} else if (probe.serror) {
		tally->serror++;
	} else if (ec == EC_UNKNOWN) {
		tally->undefined++;
	} else if (abort && ESR_FSC(probe.esr) == FSC_EXTERNAL) {
		tally->external++;
	} else if (abort && ESR_FSC(probe.esr) == FSC_ALIGNMENT) {
		tally->alignment++;
	} else {
		tally->other++;
		tally->other_esr = probe.esr;
	}
}

static void report(const char *part, const struct tally *tally)
{
	print("wild: %s: %u tried, %u fine, %u undefined, %u external aborts, %u alignment, "
	      "%u serror, %u other",
	      part, tally->attempts, tally->none, tally->undefined, tally->external,
	      tally->alignment, tally->serror, tally->other);
	if (tally->other)
		print(" (esr %lx)", tally->other_esr);
	print("\n");
}

/* A function identifier that is no PSCI function. */
static uint64_t wild_function(void)
{
	uint64_t function;

	do
		function = random() >> (random() % 40);
	while ((function & 0xbf000000u) == 0x84000000u && (function & 0xffff) <= PSCI_NUMBERS);
	return function;
}

static void calls(void)
{
	struct tally smcs = { 0 };
	struct tally hvcs = { 0 };
	struct tally exceptions = { 0 };

	for (unsigned int n = 0; n < CALLS; n++) {
		uint64_t function = wild_function();

		count(&smcs, PROBE((void)smc(function)));
		count(&hvcs, PROBE((void)hvc64(function, random(), random(), random())));
		count(&hvcs, PROBE((void)hvc_imm(0xfff, function)));
	}
	report("smc", &smcs);
	report("hvc", &hvcs);
	count(&exceptions, PROBE(plain_op("svc #0x1234")));
	count(&exceptions, PROBE(plain_op("brk #0x77")));
	count(&exceptions, PROBE(plain_op(".inst 0xd4400000"))); /* hlt */
	count(&exceptions, PROBE(plain_op(".inst 0xd4a00001"))); /* dcps1 */
	count(&exceptions, PROBE(plain_op(".inst 0x00000000"))); /* udf */
	count(&exceptions, PROBE(plain_op(".inst 0xffffffff")));
	report("exception instructions", &exceptions);
}

static void unmapped(void)
{
	/* Holes of both machines, and the ends of windows. */
	static const uint64_t holes[] = {
		UNMAPPED_BASE, UNMAPPED_BASE + 0xffc, 0x0ffffff8, 0x08f00000, 0x09080000,
		0x3ffffff8,
	};
	struct tally tally = { 0 };
	uintptr_t code;

	for (size_t n = 0; n < ARRAY_SIZE(holes); n++) {
		uint64_t addr = holes[n];

		count(&tally, PROBE(mmio_by("str xzr, [%0]", addr)));
		count(&tally, PROBE(mmio_by("str wzr, [%0]", addr)));
		count(&tally, PROBE(mmio_by("strb wzr, [%0]", addr + 3)));
		count(&tally, PROBE((void)mmio_read64(addr)));
		count(&tally, PROBE((void)mmio_read32(addr + 1)));
		count(&tally, PROBE((void)mmio_load_by("ldrsb %0,", addr)));
		count(&tally, PROBE(mmio_by("ldp x2, x3, [%0]", addr)));
		count(&tally, PROBE(mmio_by("prfm pldl1keep, [%0]", addr)));
		count(&tally, PROBE(mmio_by("dc civac, %0", addr)));
		count(&tally, PROBE(mmio_by("dc zva, %0", addr)));
		count(&tally, PROBE(mmio_by("ldxr x2, [%0]", addr)));
		code = mmu_alias(addr, MMU_NORMAL);
		count(&tally, PROBE((void)mmio_read32(code & ~UINT64_C(3))));
		count(&tally, PROBE(jump_probe(code & ~UINT64_C(3))));
	}
	report("unmapped", &tally);
}

/* Undoes what stray stores did to the GIC. */
static void interrupts_off_again(void)
{
	irq_mask();
	gic_init();
	gic_cpu_write(GIC_APR, 0);
}

/*
 * Accesses that leave no valid syndrome for emulation: pairs, writeback, SIMD, exclusives, cache
 * operations on device registers, and instructions fetched from them.
 */
static void awkward(void)
{
	static const uint64_t devices[] = {
		GICD_BASE, GICR_BASE, UART_BASE + 0x40, RTC_BASE, VIRTIO_BASE, FLASH1_BASE,
	};
	struct tally tally = { 0 };

	for (size_t n = 0; n < ARRAY_SIZE(devices); n++) {
		uint64_t addr = devices[n];

		count(&tally, PROBE(mmio_by("ldp w2, w3, [%0]", addr)));
		count(&tally, PROBE(mmio_by("ldp x2, x3, [%0]", addr)));
		count(&tally, PROBE(mmio_by("stp wzr, wzr, [%0]", addr)));
		count(&tally, PROBE(mmio_by("mov x2, %0\n ldr w3, [x2], #4", addr)));
		count(&tally, PROBE(mmio_by("mov x2, %0\n str wzr, [x2, #4]!", addr)));
		count(&tally, PROBE(fp_mmio_by("ldr q31, [%0]", addr)));
		count(&tally, PROBE(fp_mmio_by("ld1 {v30.16b, v31.16b}, [%0]", addr)));
		count(&tally, PROBE(fp_mmio_by("str q31, [%0]", addr)));
		count(&tally, PROBE(fp_mmio_by("ldr d31, [%0]", addr)));
		count(&tally, PROBE(mmio_by("ldxr w2, [%0]", addr)));
		count(&tally, PROBE(mmio_by("stxr w2, wzr, [%0]", addr)));
		count(&tally, PROBE(mmio_by("ldar w2, [%0]", addr)));
		count(&tally, PROBE((void)mmio_read16(addr + 1)));
		count(&tally, PROBE(mmio_write32(addr + 2, 0)));
		count(&tally, PROBE(mmio_by("dc civac, %0", addr)));
		count(&tally, PROBE(mmio_by("dc zva, %0", addr)));
		count(&tally, PROBE(mmio_by("dc ivac, %0", addr)));
	}
	/* Only where what is read is sure to be an undefined instruction. */
	count(&tally, PROBE(jump_probe(mmu_alias(GICD_BASE, MMU_NONCACHE))));
	count(&tally, PROBE(jump_probe(mmu_alias(UART_BASE + 0x40, MMU_NONCACHE))));
	interrupts_off_again();
	uart_init();
	report("awkward device accesses", &tally);
}

static void system_registers(void)
{
	struct tally tally = { 0 };

#define READ(name)  count(&tally, PROBE((void)read_sysreg(name)))
#define WRITE(name) count(&tally, PROBE(write_sysreg(name, random())))
	READ(S3_0_C15_C0_0);
	WRITE(S3_0_C15_C0_0);
	READ(S3_1_C15_C2_1);
	WRITE(S3_1_C15_C2_1);
	READ(S3_1_C11_C0_2);
	READ(S3_7_C15_C15_7);
	READ(S3_4_C1_C1_0);
	WRITE(S3_4_C1_C1_0);
	WRITE(S3_4_C2_C1_0);
	WRITE(S3_4_C12_C12_0);
	WRITE(S3_4_C14_C0_3);
	WRITE(S3_6_C1_C1_0);
	READ(S3_5_C1_C0_0);
	READ(S2_7_C15_C15_7);
	WRITE(S2_7_C0_C0_0);
	READ(S2_0_C1_C0_4);
	WRITE(S3_0_C0_C0_5);
	READ(S3_0_C0_C7_7);
	READ(S3_3_C9_C12_0);
	READ(S3_3_C14_C15_7);
	READ(S3_3_C15_C0_0);
	READ(S3_0_C12_C12_1);
	WRITE(S3_0_C12_C12_0);
	WRITE(S3_0_C12_C11_7);
	READ(S3_0_C1_C0_1);
	WRITE(S3_0_C1_C0_1);
	READ(S3_0_C9_C10_0);
	READ(S3_0_C9_C9_0);
	READ(S3_0_C1_C2_0);
	READ(S3_0_C10_C5_0);
	WRITE(S3_0_C2_C1_0);
	WRITE(S3_0_C2_C3_1);
	WRITE(S3_0_C12_C11_1); /* ICC_DIR_EL1 of an INTID that is not active */
	WRITE(S3_0_C12_C12_1); /* ICC_EOIR1_EL1 of the same kind */
	/* Debug and monitors, as they come; their exceptions and interrupts are masked. */
	for (unsigned int n = 0; n < CALLS; n++) {
		WRITE(dbgbvr0_el1);
		WRITE(dbgbcr0_el1);
		WRITE(dbgwvr1_el1);
		WRITE(dbgwcr1_el1);
		WRITE(dbgbcr15_el1);
		WRITE(mdscr_el1);
		WRITE(oslar_el1);
		WRITE(pmcr_el0);
		WRITE(pmselr_el0);
		WRITE(pmxevtyper_el0);
		WRITE(pmxevcntr_el0);
		WRITE(pmccntr_el0);
		WRITE(pmcntenset_el0);
		WRITE(pmintenset_el1);
		WRITE(pmovsset_el0);
		WRITE(pmswinc_el0);
		WRITE(pmuserenr_el0);
		WRITE(pmovsclr_el0);
	}
#undef READ
#undef WRITE
	write_sysreg(mdscr_el1, 0);
	(void)PROBE(write_sysreg(pmcr_el0, 0));
	report("system registers", &tally);
}

/* Asleep and awake as fast as it goes, by a timer that is due soon, then always. */
static void wfi_storm(void)
{
	uint64_t start = now();

	gic_enable(CNTV_INTID);
	for (unsigned int n = 0; n < SLEEPS; n++) {
		timer_set_tval(TIMER_VIRT, (uint32_t)(random() % 2000));
		timer_set_ctl(TIMER_VIRT, TIMER_ENABLE);
		wfi();
	}
	timer_set_cval(TIMER_VIRT, 0);
	for (unsigned int n = 0; n < SLEEPS; n++) {
		wfi();
		wfe();
		(void)hvc(PSCI_CPU_SUSPEND, 0, 0, 0);
	}
	timer_stop(TIMER_VIRT);
	print("wild: wfi storm: %u sleeps in %lu ms\n", 4 * SLEEPS,
	      ticks_to_us(now() - start) / 1000);
	interrupts_off_again();
}

/* Interrupts taken in a storm of their own making: no handler, wild numbers at the end. */
static void interrupt_storm(void)
{
	unsigned int came = 0;

	for (unsigned int n = 0; n < STORES; n++) {
		unsigned int intid = (unsigned int)(random() % 96);

		gic_enable(intid);
		gic_set_priority(intid, (uint8_t)random());
		gic_set_pending(intid);
		if (random() % 4 == 0)
			gic_set_active(intid);
		if (random() % 4 == 0)
			gic_clear_active((unsigned int)(random() % 96));
		intid = gic_ack();
		came += intid < GIC_SPECIAL;
		if (random() % 8)
			gic_eoi(intid);
		else
			gic_eoi((unsigned int)(random() % 1024));
	}
	print("wild: interrupt storm: %u pended, %u came\n", STORES, came);
	interrupts_off_again();
}

/* Random values of random width at random places of a device's window. */
static void scribble(const char *name, uint64_t base, uint32_t size)
{
	struct tally tally = { 0 };

	for (unsigned int n = 0; n < STORES; n++) {
		uint64_t addr = base + random() % size;
		uint64_t value = random() & random();

		/* The UART's data register would only dirty the console. */
		if (addr - UART_BASE < 8)
			continue;
		switch (random() % 8) {
		case 0:
			count(&tally, PROBE(mmio_write8(addr, (uint8_t)value)));
			break;
		case 1:
			count(&tally, PROBE(mmio_write16(addr & ~UINT64_C(1), (uint16_t)value)));
			break;
		case 2:
			count(&tally, PROBE(mmio_write64(addr & ~UINT64_C(7), value)));
			break;
		case 3:
			count(&tally, PROBE((void)mmio_read32(addr & ~UINT64_C(3))));
			break;
		case 4:
			count(&tally, PROBE((void)mmio_read64(addr & ~UINT64_C(7))));
			break;
		default:
			count(&tally, PROBE(mmio_write32(addr & ~UINT64_C(3), (uint32_t)value)));
			break;
		}
	}
	uart_init();
	report(name, &tally);
}

static void devices(void)
{
	scribble("gicd", GICD_BASE, 0x10000);
	interrupts_off_again();
	scribble("gicr", GICR_BASE, GICR_STRIDE);
	interrupts_off_again();
	scribble("uart", UART_BASE, 0x1000);
	scribble("rtc", RTC_BASE, 0x1000);
	scribble("virtio", VIRTIO_BASE, VIRTIO_SIZE);
	scribble("flash", FLASH1_BASE, 0x10000);
	interrupts_off_again();
}

/* CPU_ON with nonsense of every kind; none of these CPUs exists or is off. */
static void wild_psci(void)
{
	unsigned int refused = 0;

	for (unsigned int n = 0; n < CALLS; n++) {
		uint64_t target = (random() | 0x80) & ~UINT64_C(0xff) << 32;

		refused += hvc(PSCI_CPU_ON, target, random(), random()) != PSCI_SUCCESS;
		(void)hvc(PSCI_AFFINITY_INFO, random(), random(), 0);
		(void)hvc(PSCI_FEATURES, random(), 0, 0);
	}
	print("wild: psci: %u of %u wild CPU_ON refused\n", refused, CALLS);
}

void guest_main(void)
{
	irq_mask();
	calls();
	wild_psci();
	unmapped();
	awkward();
	system_registers();
	wfi_storm();
	interrupt_storm();
	devices();
	print("wild: survived\n");
	for (;;)
		wfi();
}
