/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stain: looks through all of its RAM, on all CPUs, for anything that the loader did not put there,
 * and then fills it with a pattern for others to find. The bootargs say how much RAM there is
 * (`stain=MIB`), and what comes then: `lost` faults for ever, so that ZVM stops the VM; else it
 * waits.
 */
#include "kit/args.h"
#include "kit/cpu.h"
#include "kit/lock.h"
#include "kit/print.h"
#include "kit/psci.h"
#include "kit/smp.h"
#include "kit/time.h"

#define RAM_BASE UINT64_C(0x40000000)
#define IMAGE    UINT64_C(0x40200000)
#define BLOCK    UINT64_C(0x200000)
#define PATTERN  UINT64_C(0x57a1d57a1d57a1d5)
#define LIMIT_US 600000000u /* a machine that is busy elsewhere is no reason to fail */
#define NOWHERE  UINT64_C(0x30000000)

extern char __bss_end[];

static uint64_t ram_end;
static uint32_t foreign;
static uint32_t looked, filled, may_fill;

static uint32_t be32(uint64_t at)
{
	return __builtin_bswap32(*(const volatile uint32_t *)(uintptr_t)at);
}

static uint64_t number_after(const char *text)
{
	uint64_t number = 0;

	for (; text && *text >= '0' && *text <= '9'; text++)
		number = number * 10 + (uint64_t)(*text - '0');
	return number;
}

/* The end of what the loader put into the block: the devicetree, the image, or nothing. */
static uint64_t loaded_end(uint64_t block)
{
	const uint64_t fdt = cpu_arrival[0].x0;

	if (block == IMAGE)
		return ((uint64_t)(uintptr_t)__bss_end + 7) & ~UINT64_C(7);
	return block == (fdt & ~(BLOCK - 1)) ? (fdt + be32(fdt + 4) + 7) & ~UINT64_C(7) : block;
}

static void look_at(uint64_t block)
{
	for (uint64_t at = loaded_end(block); at < block + BLOCK; at += 8) {
		const uint64_t value = *(const volatile uint64_t *)(uintptr_t)at;

		if (value && __atomic_fetch_add(&foreign, 1, __ATOMIC_RELAXED) < 5)
			print("stain: FOREIGN %lx at %lx\n", value, at);
	}
}

/* CPUs go through the RAM in both directions: they meet at some block's first access. */
static void look(unsigned int cpu)
{
	const uint64_t blocks = (ram_end - RAM_BASE) / BLOCK;

	for (uint64_t n = 0; n < blocks; n++)
		look_at(RAM_BASE + (cpu % 2 ? blocks - 1 - n : n) * BLOCK);
}

static void fill(unsigned int cpu, unsigned int cpus)
{
	for (uint64_t block = RAM_BASE + cpu * BLOCK; block < ram_end; block += cpus * BLOCK)
		for (uint64_t at = loaded_end(block); at < block + BLOCK; at += 8)
			*(volatile uint64_t *)(uintptr_t)at = PATTERN ^ at;
}

static void work(void *arg)
{
	const unsigned int cpus = (unsigned int)(uintptr_t)arg, cpu = cpu_id();

	look(cpu);
	__atomic_fetch_add(&looked, 1, __ATOMIC_ACQ_REL);
	(void)wait_for(load_acquire(&may_fill), LIMIT_US);
	fill(cpu, cpus);
	__atomic_fetch_add(&filled, 1, __ATOMIC_ACQ_REL);
}

static void get_lost(void)
{
	print("stain: lost\n");
	write_sysreg(vbar_el1, NOWHERE);
	isb();
	asm volatile("brk #0");
}

void guest_main(void)
{
	const uint64_t mib = number_after(boot_arg("stain="));
	const unsigned int cpus = cpu_count();

	if (!mib) {
		print("stain: no stain=MIB in the bootargs\n");
		return;
	}
	ram_end = RAM_BASE + (mib << 20);
	for (unsigned int cpu = 1; cpu < cpus; cpu++)
		if (cpu_start(cpu, work, (void *)(uintptr_t)cpus, 0) != PSCI_SUCCESS)
			print("stain: cpu %u does not start\n", cpu);
	look(0);
	(void)wait_for(load_acquire(&looked) == cpus - 1, LIMIT_US);
	print("stain: %s, %lu MiB on %u cpus\n", foreign ? "FAIL" : "clean", mib, cpus);
	store_release(&may_fill, 1);
	fill(0, cpus);
	(void)wait_for(load_acquire(&filled) == cpus - 1, LIMIT_US);
	print("stain: filled\n");
	if (boot_arg("lost"))
		get_lost();
	for (;;)
		wfi();
}
