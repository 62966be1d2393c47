/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lost: a guest that gets nowhere, in the way that `how=NAME` in its bootargs says. Some ways only
 * look like that and must not count as lost; these print `alive` again and again.
 */
#include "kit/args.h"
#include "kit/cpu.h"
#include "kit/exc.h"
#include "kit/gic.h"
#include "kit/irq.h"
#include "kit/mmio.h"
#include "kit/print.h"
#include "kit/smp.h"
#include "kit/time.h"

#define ALIVE_US 500000 /* by the counter */

#define SCTLR_M BIT(0)
#define NO_RAM  UINT64_C(0x7ffff800) /* and far below it: where a larger machine has RAM */

/*
 * Vectors that spin in place; whose code is elsewhere and spins there; whose code there needs a
 * stack.
 */
extern char dead_vectors[], far_vectors[], deep_vectors[];

asm(".text\n"
    "	.balign 0x800\n"
    "dead_vectors:\n"
    "	.rept 16\n"
    "	.balign 0x80\n"
    "	b .\n"
    "	.endr\n"
    "	.balign 0x800\n"
    "far_vectors:\n"
    "	.rept 16\n"
    "	.balign 0x80\n"
    "	mov x0, #1\n"
    "	b far_away\n"
    "	.endr\n"
    "	.balign 0x800\n"
    "deep_vectors:\n"
    "	.rept 16\n"
    "	.balign 0x80\n"
    "	bl deep_handler\n"
    "	.endr\n"
    "far_away:\n"
    "	yield\n"
    "	wfe\n"
    "	b far_away\n"
    "deep_handler:\n"
    "	stp x29, x30, [sp, #-16]!\n"
    "	ret\n");

static void vectors_at(uintptr_t where)
{
	write_sysreg(vbar_el1, where);
	isb();
}

static void mmu_off(void)
{
	write_sysreg(sctlr_el1, read_sysreg(sctlr_el1) & ~SCTLR_M);
	isb();
}

static void undefined(void)
{
	asm volatile("udf #0");
}

static void bad_store(void)
{
	mmio_write32(UNMAPPED_BASE, 1);
}

static void bad_stack(void)
{
	asm volatile("mov sp, %0; udf #0" : : "r"(NO_RAM));
}

/* ---- lost ---- */

/* A jump to 0, and the vectors there too, as they are after reset. */
static void null(void)
{
	vectors_at(0);
	jump_probe(0);
}

static void null_physical(void)
{
	mmu_off();
	null();
}

/* Every fetch leaves for EL2. */
static void hole(void)
{
	mmu_off();
	vectors_at(UNMAPPED_BASE);
	bad_store();
}

static void store(void)
{
	vectors_at(0);
	bad_store();
}

static void stack(void)
{
	bad_stack();
}

static void deep(void)
{
	vectors_at((uintptr_t)deep_vectors);
	bad_stack();
}

static void dead(void)
{
	vectors_at((uintptr_t)dead_vectors);
	undefined();
}

static void away(void)
{
	vectors_at((uintptr_t)far_vectors);
	bad_store();
}

static void irq(void)
{
	vectors_at((uintptr_t)dead_vectors);
	gic_enable(CNTV_INTID);
	timer_start_us(TIMER_VIRT, 1000);
	irq_unmask();
	for (;;)
		cpu_relax();
}

static void count(void *arg)
{
	volatile uint64_t turns = 0;

	(void)arg;
	for (;;)
		turns++;
}

/* All CPUs are at something, with interrupts masked. */
static void masked(void)
{
	for (unsigned int cpu = 1; cpu < cpu_count(); cpu++)
		(void)cpu_start(cpu, count, NULL, 0);
	count(NULL);
}

/* The watchdog interrupts after that many of its ticks, and resets after as many more. */
static void watchdog_start(uint32_t load)
{
	mmio_write32(WATCHDOG_BASE + WDOG_LOCK, WDOG_UNLOCK);
	mmio_write32(WATCHDOG_BASE + WDOG_LOAD, load);
	mmio_write32(WATCHDOG_BASE + WDOG_CONTROL, WDOG_INTEN | WDOG_RESEN);
	for (;;)
		cpu_relax();
}

static void watchdog(void)
{
	watchdog_start(WDOG_HZ / 10);
}

/* ---- not lost ---- */

static void alive(void)
{
	static uint64_t next;

	if (now() < next)
		return;
	print("lost: alive\n");
	next = now() + us_to_ticks(ALIVE_US);
}

/* The same exception again and again, masked; each is handled. */
static void probes(void)
{
	for (;;) {
		(void)PROBE(bad_store());
		alive();
	}
}

static void tick(unsigned int intid, void *arg)
{
	(void)intid;
	(void)arg;
	alive();
	timer_start_us(TIMER_VIRT, 1000);
}

/* Exits only from its handler, which is masked. */
static void busy(void)
{
	irq_set_handler(CNTV_INTID, tick, NULL);
	gic_enable(CNTV_INTID);
	timer_start_us(TIMER_VIRT, 1000);
	irq_unmask();
	for (;;)
		cpu_relax();
}

/* Interrupts are masked for ever, and ended in WFI, as an idle loop may do it. */
static void sleeps(void)
{
	gic_enable(CNTV_INTID);
	for (;;) {
		unsigned int intid;

		timer_start_us(TIMER_VIRT, 2000);
		wfi();
		intid = gic_ack();
		timer_stop(TIMER_VIRT);
		if (intid < GIC_SPECIAL)
			gic_eoi(intid);
		alive();
	}
}

/* Not at its vector: it has done its work, and turns for ever. */
static void turns(void)
{
	asm volatile("msr daifset, #0xf; 1: wfe; b 1b");
}

/* Says nothing: it waits for ever. */
static void idles(void)
{
	for (;;)
		wfi();
}

static void pet(unsigned int intid, void *arg)
{
	(void)intid;
	(void)arg;
	mmio_write32(WATCHDOG_BASE + WDOG_INTCLR, 0);
	alive();
}

/* Each of the watchdog's interrupts is answered. */
static void pets(void)
{
	irq_set_handler(WATCHDOG_INTID, pet, NULL);
	gic_route(WATCHDOG_INTID, cpu_id());
	gic_enable(WATCHDOG_INTID);
	irq_unmask();
	watchdog_start(WDOG_HZ / 2);
}

/* One CPU is lost in its own loop, and the other works: not all of the machine hangs. */
static void one(void)
{
	(void)cpu_start(1, count, NULL, 0);
	busy();
}

static const struct {
	const char *name;
	void (*fn)(void);
} ways[] = {
	{ "null.", null },         { "null-physical.", null_physical },
	{ "hole.", hole },         { "store.", store },
	{ "stack.", stack },       { "deep.", deep },
	{ "dead.", dead },         { "away.", away },
	{ "irq.", irq },           { "masked.", masked },
	{ "probes.", probes },     { "busy.", busy },
	{ "sleeps.", sleeps },     { "idles.", idles },
	{ "turns.", turns },       { "one.", one },
	{ "watchdog.", watchdog }, { "pets.", pets },
};

void guest_main(void)
{
	const char *how = boot_arg("how=");

	for (size_t n = 0; how && n < ARRAY_SIZE(ways); n++) {
		if (!text_after(how, ways[n].name))
			continue;
		print("lost: %s\n", ways[n].name);
		ways[n].fn();
	}
	print("lost: no how=NAME. in the bootargs; there are:");
	for (size_t n = 0; n < ARRAY_SIZE(ways); n++)
		print(" %s", ways[n].name);
	print("\n");
}
