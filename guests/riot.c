/* SPDX-License-Identifier: Apache-2.0 */
/*
 * riot: does anything that a guest can do, right or wrong, in the order that `seed=N` in its
 * bootargs draws, on all its vCPUs, without end. Every life has its own seed, which it prints:
 * `life=N` instead of `seed=N` is that life again. Every 200 operations of a CPU print a line.
 */
#include "riot.h"
#include "kit/args.h"
#include "kit/cpu.h"
#include "kit/exc.h"
#include "kit/fp.h"
#include "kit/gic.h"
#include "kit/ivshmem.h"
#include "kit/mmio.h"
#include "kit/mmu.h"
#include "kit/print.h"
#include "kit/psci.h"
#include "kit/smp.h"
#include "kit/time.h"
#include "kit/uart.h"

#define REPORT   200u
#define RAM_SIZE 0x00800000u
#define ECAM     UINT64_C(0x4010000000)

uint8_t riot_arena[RIOT_ARENA] __attribute__((aligned(4096)));

static uint64_t life;
static uint64_t random_state[KIT_MAX_CPUS];
unsigned int riot_cpus;
static struct ivshmem channels[2];
static unsigned int channel_count;

/* Marsaglia's xorshift64. */
uint64_t riot_random(void)
{
	uint64_t *state = &random_state[cpu_id()];

	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* ---- numbers ---- */

/* Beginnings and lengths of what a guest finds, and of what it should not. */
static const struct {
	uint64_t base, size;
} places[] = {
	{ 0x00000000, 0x1000 },          /* flash0 */
	{ FLASH1_BASE, 0x80000 },        /* flash1 */
	{ GICD_BASE, 0x10000 },          /* distributor */
	{ GICC_BASE, 0x2000 },           /* CPU interface of a GICv2 */
	{ 0x08080000, 0x20000 },         /* ITS */
	{ GICR_BASE, 4 * GICR_STRIDE },  /* redistributors */
	{ UART_BASE, 0x1000 },           /* console */
	{ RTC_BASE, 0x1000 },            /* clock */
	{ 0x09020000, 0x1000 },          /* fw_cfg */
	{ 0x09030000, 0x1000 },          /* power key */
	{ WATCHDOG_BASE, 0x1000 },       /* watchdog */
	{ 0x090a0000, 0x1000 },          /* stolen time */
	{ VIRTIO_BASE, VIRTIO_SIZE },    /* virtio */
	{ 0x10000000, 0x400000 },        /* PCI */
	{ 0x3eff0000, 0x20000 },         /* its end */
	{ UNMAPPED_BASE, 0x1000 },       /* nothing */
	{ 0x080a0000 - 8, 16 },          /* between two */
	{ RAM_BASE + RAM_SIZE, 0x1000 }, /* behind RAM */
	{ ECAM, 0x100000 },              /* PCI configuration */
	{ 0x8000000000, 0x400000 },      /* PCI, high */
	{ BIT(40) - 0x1000, 0x2000 },    /* the end of all */
};

static uint64_t random_place(void)
{
	const size_t n = riot_below(ARRAY_SIZE(places));

	return places[n].base + riot_random() % places[n].size;
}

static uint64_t ram_place(void)
{
	return RAM_BASE + RAM_SIZE / 2 + riot_random() % (RAM_SIZE / 2);
}

uint64_t riot_value(void)
{
	static const uint64_t edges[] = { 0, 1, ~UINT64_C(0), 0xffffffff, 0x80000000, BIT(63) };

	switch (riot_below(8)) {
	case 0:
		return riot_random();
	case 1:
		return riot_random() & 0xff;
	case 2:
		return BIT(riot_below(64));
	case 3:
		return BIT(riot_below(64)) - 1;
	case 4:
		return (uintptr_t)riot_arena + riot_below(RIOT_ARENA);
	case 5:
		return ram_place();
	case 6:
		return random_place();
	default:
		return RIOT_ONE_OF(edges);
	}
}

/* ---- calls ---- */

/* Of PSCI, these take the CPU or the machine away: power() has them. */
static bool takes_power(uint64_t function)
{
	static const uint8_t numbers[] = { 0x1, 0x2, 0x3, 0x8, 0x9, 0xb, 0xc, 0xe, 0x12 };
	const uint32_t which = (uint32_t)function;

	for (size_t n = 0; n < ARRAY_SIZE(numbers); n++)
		if ((which & 0xbfffffffu) == 0x84000000u + numbers[n])
			return true;
	return false;
}

static uint64_t any_function(void)
{
	static const uint32_t owners[] = { 0x80000000, 0x84000000, 0xc4000000, 0xc5000000,
					   0x85000000, 0x86000000, 0xc6000000, 0xb2000000 };
	static const uint32_t numbers[] = { 0x0, 0x20, 0x50, 0x10, 0x8000, 0x3fff, 0x7fff, 0xff00 };
	uint64_t function = RIOT_ONE_OF(owners) + RIOT_ONE_OF(numbers) + riot_below(32);

	if (riot_below(16) == 0)
		function = riot_value();
	return takes_power(function) ? PSCI_VERSION : function;
}

static void call(void)
{
	const uint64_t function = any_function();

	switch (riot_below(16)) {
	case 0:
		(void)smc(function);
		break;
	case 1:
		(void)hvc_imm(0xfff, function);
		break;
	default:
		(void)hvc64(function, riot_value(), riot_value(), riot_value());
		break;
	}
}

/* ---- power ---- */

static void blow(void *arg);

static void start_another(void)
{
	const unsigned int cpu = riot_below(riot_cpus);

	if (hvc(PSCI_AFFINITY_INFO, cpu, 0, 0) == PSCI_AFFINITY_OFF)
		(void)cpu_start(cpu, blow, NULL, 0);
	else if (riot_below(64) == 0) /* lost, if it is off by then */
		(void)hvc(PSCI_CPU_ON, riot_value(), riot_value(), riot_value());
}

/* Every one of these comes back through suspend_entry, if at all. */
static void suspend(void)
{
	const uint64_t entry = (uintptr_t)suspend_entry;

	riot_arm_timers();
	switch (riot_below(4)) {
	case 0:
		(void)psci_suspend(PSCI_SYSTEM_SUSPEND, entry, riot_value(), riot_value());
		break;
	case 1:
		(void)psci_suspend(PSCI_DEFAULT_SUSPEND, entry, riot_value(), riot_value());
		break;
	case 2:
		(void)psci_suspend(PSCI_CPU_SUSPEND, BIT(16), entry, riot_value());
		break;
	default:
		(void)psci_suspend(PSCI_CPU_SUSPEND, riot_value(), entry, riot_value());
		break;
	}
	riot_repair();
	riot_take();
}

static void power(void)
{
	switch (riot_below(4096)) { /* each life is to have many operations */
	case 0:
		psci_system_reset();
	case 1:
		(void)hvc(PSCI_SYSTEM_RESET2, riot_value(), riot_value(), 0);
		break;
	case 2:
		psci_system_off();
	case 3 ... 799:
		if (cpu_id())
			(void)hvc(PSCI_CPU_OFF, riot_value(), 0, 0);
		break;
	case 800 ... 1599:
		suspend();
		break;
	default:
		start_another();
		break;
	}
}

/* ---- memory and devices ---- */

static void device(void)
{
	uint64_t at = random_place();

	if (at >= BIT(31)) /* not in the kit's map */
		at = mmu_alias(at, MMU_DEVICE);
	if (riot_below(4))
		at &= ~UINT64_C(3);
	switch (riot_below(10)) {
	case 0:
		mmio_write8(at, (uint8_t)riot_value());
		break;
	case 1:
		mmio_write16(at, (uint16_t)riot_value());
		break;
	case 2:
		mmio_write64(at, riot_value());
		break;
	case 3:
		(void)mmio_read8(at);
		break;
	case 4:
		(void)mmio_read16(at);
		break;
	case 5:
		(void)mmio_read64(at);
		break;
	case 6:
	case 7:
		(void)mmio_read32(at);
		break;
	default:
		mmio_write32(at, (uint32_t)riot_value());
		break;
	}
}

/* Accesses that have to be decoded, or that no device knows. */
static void awkward(void)
{
	static const uint64_t no_code[] = { UNMAPPED_BASE, GICD_BASE, UART_BASE, VIRTIO_BASE,
					    RAM_BASE + RAM_SIZE };
	const uint64_t at = riot_below(4) ? random_place() & 0x3fffffff & ~UINT64_C(7)
					  : ram_place();

	switch (riot_below(10)) {
	case 0:
		mmio_by("ldp x2, x3, [%0]", at);
		break;
	case 1:
		mmio_by("stp wzr, wzr, [%0]", at);
		break;
	case 2:
		mmio_by("mov x2, %0\n ldr w3, [x2], #4", at);
		break;
	case 3:
		mmio_by("mov x2, %0\n str wzr, [x2, #4]!", at);
		break;
	case 4:
		fp_mmio_by("ldr q31, [%0]", at);
		break;
	case 5:
		fp_mmio_by("ld1 {v30.16b, v31.16b}, [%0]", at);
		break;
	case 6:
		mmio_by("ldaxr w2, [%0]\n stlxr w3, w2, [%0]", at);
		break;
	case 7:
		mmio_by("dc civac, %0", at);
		break;
	case 8:
		mmio_by("dc zva, %0", at);
		break;
	default:
		jump_probe(RIOT_ONE_OF(no_code));
		break;
	}
}

/* The upper half of RAM, of which some may not have come yet or be given back. */
static void memory(void)
{
	*(volatile uint64_t *)(ram_place() & ~UINT64_C(7)) = riot_random();
	(void)*(volatile uint64_t *)(ram_place() & ~UINT64_C(7));
}

/* ---- channels ---- */

static void doorbell(void)
{
	const struct ivshmem *d = &channels[riot_below(channel_count ? channel_count : 1)];

	if (!channel_count)
		return;
	switch (riot_below(8)) {
	case 0:
		pci_write(d->slot, 4 * riot_below(64), (uint32_t)riot_value());
		break;
	case 1: /* back to where it was */
		pci_write(d->slot, PCI_BAR(0), (uint32_t)d->registers);
		pci_write(d->slot, PCI_BAR(2), (uint32_t)d->memory);
		pci_write(d->slot, PCI_BAR(3), 0);
		pci_write(d->slot, PCI_COMMAND, PCI_COMMAND_MEMORY);
		break;
	case 2:
		ivshmem_set_state(d, (uint32_t)riot_value());
		break;
	case 3:
		ivshmem_enable(d, riot_below(2));
		break;
	case 4:
		mmio_write32(d->memory + 4 * riot_below(0x4000), (uint32_t)riot_value());
		break;
	default:
		ivshmem_ring(d, riot_below(8) ? riot_below(4) : (uint32_t)riot_value());
		break;
	}
}

/* ---- instructions ---- */

/*
 * Of the system registers that are written, none keeps this program from going on. ICC_BPR0 and
 * ICC_BPR1 (op2 3) are left out: QEMU 7.2 stores their low bits unchecked, and aborts.
 */
static bool may_write(uint32_t op)
{
	const uint32_t crn = op >> 12 & 15, crm = op >> 8 & 15, op2 = op >> 5 & 7;

	if (crn == 12)
		return crm >= 8 && op2 != 3;
	return !(op & BIT32(19)) || crn == 9 || crn == 14;
}

static void system_register(void)
{
	static uint32_t code[KIT_MAX_CPUS][16] __attribute__((aligned(64)));
	uint32_t *here = code[cpu_id()], op = (uint32_t)riot_random() & 0xfffe0;

	if (riot_below(2)) /* those that ZVM knows best */
		op = (op & 0xf0fe0) | (riot_below(2) ? 9u : 12u) << 12 | riot_below(16) << 8;
	here[0] = 0xd5300000u | op; /* mrs x0, ... */
	if (riot_below(2) && may_write(op))
		here[0] &= ~BIT32(21); /* msr */
	here[1] = 0xd65f03c0u;         /* ret */
	sys_op("dc cvau, %0\n dsb ish\n ic ivau, %0\n dsb ish\n isb", here);
	asm volatile("mov x0, %0\n blr %1"
		     :
		     : "r"(riot_value()), "r"(here)
		     : "x0", "x30", "memory");
	write_sysreg(mdscr_el1, 0);
}

static void exception(void)
{
	switch (riot_below(6)) {
	case 0:
		plain_op("brk #0x77");
		break;
	case 1:
		plain_op("svc #0x1234");
		break;
	case 2:
		plain_op(".inst 0xd4400000"); /* hlt */
		break;
	case 3:
		plain_op(".inst 0xd4a00001"); /* dcps1 */
		break;
	case 4:
		plain_op(".inst 0x00000000");
		break;
	default:
		plain_op("tlbi vmalle1is; ic ialluis; dsb ish; isb");
		break;
	}
}

/* ---- all of it ---- */

static const struct {
	void (*fn)(void);
	unsigned int weight;
} operations[] = {
	{ call, 20 },           { riot_bank, 14 },       { riot_sgi, 8 },
	{ riot_interface, 8 },  { riot_route, 4 },       { riot_unmasked, 2 },
	{ riot_timers, 4 },     { riot_sleeps, 2 },      { power, 2 },
	{ device, 20 },         { awkward, 6 },          { memory, 2 },
	{ doorbell, 8 },        { exception, 6 },        { riot_repair, 1 },
	{ riot_ring_start, 2 }, { riot_ring_offer, 12 }, { riot_ring_store, 4 },
	{ system_register, 8 },
};

static void operate(unsigned int ticket)
{
	size_t n = 0;

	while (ticket >= operations[n].weight)
		ticket -= operations[n++].weight;
	(void)PROBE(operations[n].fn());
}

static void blow(void *arg)
{
	unsigned int total = 0;

	(void)arg;
	irq_mask();
	for (size_t n = 0; n < ARRAY_SIZE(operations); n++)
		total += operations[n].weight;
	random_state[cpu_id()] ^= UINT64_C(0x9e3779b97f4a7c15) * (life + 64 * cpu_id() + 1);
	for (unsigned int done = 1;; done++) {
		operate(riot_below(total));
		cpu_relax(); /* where the CPUs of a simulator run in turn, to the next one */
		if (done % REPORT == 0) {
			uart_init();
			print("\nriot: %u more\n", REPORT);
		}
	}
}

static uint64_t number(const char *text)
{
	uint64_t value = 0;

	for (; text && *text >= '0' && *text <= '9'; text++)
		value = 10 * value + (uint64_t)(*text - '0');
	return value;
}

void guest_main(void)
{
	irq_mask();
	life = boot_arg("life=") ? number(boot_arg("life="))
				 : number(boot_arg("seed=")) << 48 |
					   (timer_counter(TIMER_PHYS) & 0xffffffffffff);
	print("riot: life=%lu\n", life);
	riot_cpus = cpu_count();
	riot_rings_find();
	while (channel_count < ARRAY_SIZE(channels) &&
	       ivshmem_find(channel_count, &channels[channel_count]))
		channel_count++;
	blow(NULL);
}
