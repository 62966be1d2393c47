/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile: does one thing that costs its hypervisor time, over and over, on all its vCPUs:
 * `storm=NAME` in its bootargs. It may only cost its own time; a more urgent guest must not notice.
 */
#include "kit/args.h"
#include "kit/cpu.h"
#include "kit/exc.h"
#include "kit/gic.h"
#include "kit/irq.h"
#include "kit/mmio.h"
#include "kit/print.h"
#include "kit/psci.h"
#include "kit/smp.h"
#include "kit/time.h"
#include "kit/uart.h"

#define FIRST_SPI  32u
#define SPIS       256u
#define TRNG_RND64 0xc4000053u

static uint64_t random_state[KIT_MAX_CPUS];

/* Marsaglia's xorshift64: the same sequence on every run. */
static uint64_t random(void)
{
	uint64_t *state = &random_state[cpu_id()];

	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void word_write(unsigned int bank, unsigned int word, uint32_t value)
{
	mmio_write32(GICD_BASE + bank + 4 * word, value);
}

/* Take and end whatever there is. */
static void drain(void)
{
	unsigned int intid;

	while ((intid = gic_ack()) < GIC_SPECIAL)
		gic_eoi(intid);
}

/* ---- storms: a round each ---- */

static void exits(void)
{
	hvc_null(PSCI_VERSION);
	(void)read_sysreg(id_aa64pfr0_el1);
	(void)mmio_read32(GICD_CTLR);
	(void)mmio_read32(UART_FR);
	write_sysreg(S2_0_C1_C0_4, 0); /* OSLAR_EL1 */
}

/* To all others, and to oneself; taken and ended now and then. */
static void sgis(void)
{
	unsigned int sgi = (unsigned int)random() % 16;

	gic_enable(sgi);
	gic_send_sgi_others(sgi);
	gic_send_sgi(sgi, 0xffff);
	if (random() % 4 == 0)
		drain();
}

/* Every SPI pending for one vCPU, enabled 32 at a time, in and out of the list registers. */
static void gicd(void)
{
	unsigned int word = 1 + (unsigned int)random() % (SPIS / 32);

	word_write(GIC_ISPENDR, word, ~0u);
	word_write(GIC_ISENABLER, word, ~0u);
	mmio_write32(GICD_BASE + GIC_IPRIORITYR + 32 * word, (uint32_t)random());
	mmio_write64(GICD_IROUTER(32 * word + random() % 32), random() % 2);
	switch (random() % 8) {
	case 0:
		word_write(GIC_ICENABLER, word, ~0u);
		break;
	case 1:
		word_write(GIC_IGROUPR, word, random() % 2 ? ~0u : 0);
		break;
	case 2:
		word_write(GIC_ISACTIVER, word, (uint32_t)random());
		break;
	case 3:
		word_write(GIC_ICACTIVER, word, ~0u);
		break;
	case 4:
		mmio_write32(GICD_CTLR, GICD_CTLR_GRP0);
		mmio_write32(GICD_CTLR, GICD_CTLR_GRP0 | GICD_CTLR_GRP1);
		break;
	case 5:
		(void)mmio_read32(GICD_BASE + GIC_ISPENDR + 4 * word);
		word_write(GIC_ICFGR, 2 * word, (uint32_t)random());
		break;
	default:
		gic_eoi(gic_ack());
		break;
	}
}

/* More active than there are list registers, then the ends of all of them at once. */
static void eois(void)
{
	unsigned int taken[64], count = 0;

	for (unsigned int word = 1; word <= SPIS / 32; word++) {
		word_write(GIC_ICFGR, 2 * word, ~0u);
		word_write(GIC_ICFGR, 2 * word + 1, ~0u);
		word_write(GIC_ISENABLER, word, ~0u);
		word_write(GIC_ISPENDR, word, ~0u);
	}
	for (; count < ARRAY_SIZE(taken); count++) {
		taken[count] = gic_ack();
		if (taken[count] >= GIC_SPECIAL)
			break;
		write_icc(ICC_EOIR1, taken[count]); /* drops the priority: the next is taken */
	}
	for (unsigned int word = 1; word <= SPIS / 32; word++)
		word_write(GIC_ISACTIVER, word, ~0u);
	for (unsigned int n = 0; n < ARRAY_SIZE(taken); n++)
		write_icc(ICC_EOIR1, FIRST_SPI + random() % SPIS);
}

static void uart(void)
{
	mmio_write32(UART_IMSC, (uint32_t)random() & UART_INT_ALL);
	mmio_write32(UART_ICR, UART_INT_ALL);
	mmio_write32(UART_DR, ' ');
	(void)mmio_read32(UART_DR);
	mmio_write32(UART_LCR_H, UART_LCR_8N1 | (random() % 2 ? UART_LCR_FEN : 0));
	mmio_write32(UART_CR, UART_CR_EN | UART_CR_TXE | UART_CR_RXE | UART_CR_LBE);
}

static void console(void)
{
	mmio_write32(UART_DR, (uint32_t)(random() % 32 ? 'x' : '\n'));
}

static void tlb(void)
{
	uint64_t page = random();

	plain_op("dsb ishst; tlbi vmalle1is; dsb ish");
	sys_op("tlbi vaae1is, %0", page >> 12);
	sys_op("tlbi aside1is, %0", page & 0xffff000000000000u);
	plain_op("tlbi vmalle1; dsb ish; isb");
}

static void cache(void)
{
	static uint8_t lines[4096] __attribute__((aligned(64)));

	for (uint64_t at = 0; at < sizeof(lines); at += 64) {
		lines[at]++;
		sys_op("dc civac, %0", &lines[at]);
		sys_op("ic ivau, %0", &lines[at]);
	}
	plain_op("dsb ish; ic ialluis; dsb ish; isb");
}

/* Asleep and awake, by timers that are due at once or in a moment. */
static void sleeps(void)
{
	wfe();
	cpu_relax();
	timer_set_tval(TIMER_VIRT, (uint32_t)(random() % 4000));
	timer_set_ctl(TIMER_VIRT, TIMER_ENABLE);
	wfi();
	(void)hvc(PSCI_CPU_SUSPEND, 0, 0, 0);
	timer_stop(TIMER_VIRT);
	drain();
}

/* All vCPUs' timers due at the same tick, over and over. */
static void timers(void)
{
	uint64_t step = 1u << 14, due = (now() / step + 1) * step;

	timer_set_cval(TIMER_VIRT, due);
	timer_set_ctl(TIMER_VIRT, TIMER_ENABLE);
	timer_set_cval(TIMER_PHYS, due + timer_counter(TIMER_PHYS) - timer_counter(TIMER_VIRT));
	timer_set_ctl(TIMER_PHYS, TIMER_ENABLE);
	wfi();
	timer_stop(TIMER_VIRT);
	timer_stop(TIMER_PHYS);
	drain();
}

static void entropy(void)
{
	(void)hvc(TRNG_RND64, 192, 0, 0);
}

/* Aborts, undefined registers, and accesses that have to be decoded from the instruction. */
static void faults(void)
{
	(void)PROBE((void)mmio_read32(UNMAPPED_BASE));
	(void)PROBE(jump_probe(UNMAPPED_BASE));
	(void)PROBE((void)read_sysreg(S3_0_C15_C0_0));
	(void)PROBE(mmio_by("ldp x2, x3, [%0]", GICD_BASE));
	(void)PROBE(mmio_by("stp wzr, wzr, [%0]", RTC_BASE));
	(void)PROBE(mmio_by("mov x2, %0\n ldr w3, [x2], #4", GICD_TYPER));
	(void)hvc64(random(), random(), random(), random());
}

static void nothing(void *arg)
{
	(void)arg;
}

/* Other vCPUs on and off. */
static void cpus(void)
{
	if (cpu_id() == 0)
		(void)cpu_start(1 + (unsigned int)random() % 3, nothing, NULL, 0);
}

static void reset(void)
{
	psci_system_reset();
}

/* ---- flash1, of a VM with firmware: two chips side by side ---- */

#define FLASH        0x04000000u
#define FLASH_KEPT   0x00400000u /* as much as a disk may keep, and twice the window */
#define FLASH_BLOCK  0x00040000u
#define FLASH_BUFFER 0x400u

static void chips(uint32_t at, uint32_t command)
{
	mmio_write32(FLASH + at, command << 16 | command);
}

/* A byte in each page of a block, then all of them at once. */
static void erase_block(uint32_t block)
{
	for (uint32_t at = block; at < block + FLASH_BLOCK; at += 0x1000) {
		chips(at, 0x40);
		mmio_write32(FLASH + at, (uint32_t)random());
	}
	chips(block, 0x20);
	chips(block, 0xd0);
}

/* As much as a buffer takes, and sometimes a word elsewhere. */
static void fill_buffer(uint32_t at)
{
	chips(at, 0xe8);
	chips(at, FLASH_BUFFER / 4 - 1);
	for (uint32_t n = 0; n < FLASH_BUFFER; n += 4)
		mmio_write32(FLASH + (random() % 4096 ? at + n : 0), (uint32_t)random());
	chips(at, 0xd0);
}

/* The others read, in whatever mode it is: the window of the array comes and goes. */
static void flash(void)
{
	static const uint8_t commands[] = { 0x10, 0x20, 0x40, 0x50, 0x60, 0x70,
					    0x90, 0x98, 0xb0, 0xd0, 0xe8, 0xff };
	const uint32_t at = (uint32_t)random() % FLASH_KEPT & ~3u;

	(void)mmio_read32(FLASH + at);
	if (cpu_id())
		return;
	switch (random() % 16) {
	case 0:
		erase_block(at & ~(FLASH_BLOCK - 1));
		break;
	case 1:
		fill_buffer(at & ~(FLASH_BUFFER - 1));
		break;
	default:
		chips(at, commands[random() % ARRAY_SIZE(commands)]);
		break;
	}
}

static void spin(void)
{
}

/*
 * Lives of 10 s, 2 s, 2 s and 2 s, by the clock: the machine's memory of the lives before is all
 * there is.
 */
static void lives(void)
{
	static uint32_t born;
	uint32_t second = mmio_read32(RTC_BASE) % 16; /* RTCDR */

	if (!born)
		born = second + 1;
	if (second + 1 != born && (second == 0 || second == 10 || second == 12 || second == 14))
		psci_system_reset();
	for (unsigned int n = 0; n < 1000; n++)
		cpu_relax();
}

static const struct storm {
	const char *name;
	void (*round)(void);
	bool alone; /* on the boot CPU only */
} storms[] = {
	{ "exits", exits, false },   { "sgi", sgis, false },        { "gicd", gicd, false },
	{ "eoi", eois, false },      { "uart", uart, false },       { "console", console, false },
	{ "tlb", tlb, false },       { "cache", cache, false },     { "sleep", sleeps, false },
	{ "timers", timers, false }, { "entropy", entropy, false }, { "faults", faults, true },
	{ "cpus", cpus, true },      { "reset", reset, true },      { "spin", spin, false },
	{ "lives", lives, true },    { "flash", flash, false },
};

static void blow(void *arg)
{
	const struct storm *storm = arg;

	irq_mask();
	random_state[cpu_id()] = UINT64_C(0x9e3779b97f4a7c15) * (cpu_id() + 1);
	gic_enable(CNTV_INTID);
	gic_enable(CNTP_INTID);
	for (;;) {
		storm->round();
		cpu_relax(); /* where the CPUs of a simulator run in turn, to the next one */
	}
}

/* The storm that the devicetree's bootargs name. */
static const struct storm *chosen(void)
{
	const char *name = boot_arg("storm=");

	for (size_t n = 0; name && n < ARRAY_SIZE(storms); n++)
		if (text_after(name, storms[n].name))
			return &storms[n];
	return NULL;
}

void guest_main(void)
{
	const struct storm *storm = chosen();

	if (!storm) {
		print("hostile: no storm=NAME in the bootargs; there are:");
		for (size_t n = 0; n < ARRAY_SIZE(storms); n++)
			print(" %s", storms[n].name);
		print("\n");
		return;
	}
	print("hostile: %s\n", storm->name);
	for (unsigned int cpu = 1; cpu < cpu_count() && !storm->alone; cpu++)
		(void)cpu_start(cpu, blow, (void *)(uintptr_t)storm, 0);
	blow((void *)(uintptr_t)storm);
}
