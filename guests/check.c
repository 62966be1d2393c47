/* SPDX-License-Identifier: Apache-2.0 */
/* check: what the guest machine promises, case by case. */
#include "check.h"
#include "kit/cpu.h"
#include "kit/gic.h"
#include "kit/irq.h"
#include "kit/lock.h"
#include "kit/mmio.h"
#include "kit/print.h"
#include "kit/smp.h"
#include "kit/time.h"

unsigned int check_cpus;
struct irq_log irq_log;

static unsigned int passed;
static unsigned int failed;
static unsigned int skipped;

bool check_bare(void)
{
	return field(read_sysreg(id_aa64pfr0_el1), 11, 8) == 0;
}

static bool count(const char *name, bool ok)
{
	if (ok) {
		passed++;
		print("ok %s\n", name);
	} else {
		failed++;
	}
	return ok;
}

bool check_eq(const char *name, uint64_t got, uint64_t want)
{
	if (got != want)
		print("FAIL %s: expected 0x%lx got 0x%lx\n", name, want, got);
	return count(name, got == want);
}

bool check_true(const char *name, bool holds)
{
	if (!holds)
		print("FAIL %s: expected true got false\n", name);
	return count(name, holds);
}

bool check_range(const char *name, uint64_t got, uint64_t low, uint64_t high)
{
	bool ok = got >= low && got <= high;

	if (!ok)
		print("FAIL %s: expected 0x%lx..0x%lx got 0x%lx\n", name, low, high, got);
	return count(name, ok);
}

bool check_among(const char *name, uint64_t got, size_t number, const uint64_t *allowed)
{
	for (size_t n = 0; n < number; n++) {
		if (got == allowed[n])
			return count(name, true);
	}
	print("FAIL %s: expected 0x%lx", name, allowed[0]);
	for (size_t n = 1; n < number; n++)
		print(" or 0x%lx", allowed[n]);
	print(" got 0x%lx\n", got);
	return count(name, false);
}

void check_skip(const char *name, const char *reason)
{
	skipped++;
	print("skip %s: %s\n", name, reason);
}

uint64_t reg_read(uintptr_t addr, unsigned int width)
{
	switch (width) {
	case 8:
		return mmio_read8(addr);
	case 16:
		return mmio_read16(addr);
	case 32:
		return mmio_read32(addr);
	default:
		return mmio_read64(addr);
	}
}

void reg_write(uintptr_t addr, unsigned int width, uint64_t value)
{
	switch (width) {
	case 8:
		mmio_write8(addr, (uint8_t)value);
		break;
	case 16:
		mmio_write16(addr, (uint16_t)value);
		break;
	case 32:
		mmio_write32(addr, (uint32_t)value);
		break;
	default:
		mmio_write64(addr, value);
		break;
	}
}

void check_registers(uintptr_t base, const struct reg_case *cases, size_t number)
{
	const struct reg_case *row = cases;
	uint64_t got;

	for (; number--; row++) {
		if (row->op == WR || row->op == POKE)
			reg_write(base + row->offset, row->width, row->value);
		if (row->op == POKE)
			continue;
		got = reg_read(base + row->offset, row->width) & row->mask;
		if (row->op == NZ)
			(void)check_true(row->name, got != 0);
		else
			(void)check_eq(row->name, got, row->want);
	}
}

const char *check_name(const char *first, const char *second, const char *third)
{
	static char name[64];
	const char *parts[] = { first, ".", second, third ? "." : "", third ? third : "" };
	size_t at = 0;

	for (size_t n = 0; n < ARRAY_SIZE(parts); n++) {
		for (const char *c = parts[n]; *c && at < sizeof(name) - 1; c++)
			name[at++] = *c;
	}
	name[at] = '\0';
	return name;
}

static void check_bit_bank(const char *prefix, const char *bank, uintptr_t set, uintptr_t clear,
			   uint32_t pattern)
{
	uint32_t low = pattern & -pattern;

	mmio_write32(clear, pattern);
	(void)check_eq(check_name(prefix, bank, "clear"), mmio_read32(set) & pattern, 0);
	mmio_write32(set, pattern);
	(void)check_eq(check_name(prefix, bank, "set"), mmio_read32(set) & pattern, pattern);
	(void)check_eq(check_name(prefix, bank, "clear-register-reads-same"),
		       mmio_read32(clear) & pattern, pattern);
	mmio_write32(set, 0);
	mmio_write32(clear, 0);
	(void)check_eq(check_name(prefix, bank, "zero-changes-nothing"), mmio_read32(set) & pattern,
		       pattern);
	mmio_write32(clear, low);
	(void)check_eq(check_name(prefix, bank, "clear-one"), mmio_read32(set) & pattern,
		       pattern & ~low);
	mmio_write32(clear, pattern);
	(void)check_eq(check_name(prefix, bank, "clear-all"), mmio_read32(set) & pattern, 0);
}

void check_bit_banks(const char *prefix, uintptr_t base, unsigned int word, uint32_t pattern)
{
	static const struct {
		const char *name;
		uintptr_t set;
		uintptr_t clear;
	} banks[] = {
		{ "enabler", GIC_ISENABLER, GIC_ICENABLER },
		{ "pendr", GIC_ISPENDR, GIC_ICPENDR },
		{ "activer", GIC_ISACTIVER, GIC_ICACTIVER },
	};

	for (size_t n = 0; n < ARRAY_SIZE(banks); n++)
		check_bit_bank(prefix, banks[n].name, base + banks[n].set + word * 4,
			       base + banks[n].clear + word * 4, pattern);
}

void irq_reset(void)
{
	irq_mask();
	timer_stop(TIMER_VIRT);
	timer_stop(TIMER_PHYS);
	gic_cpu_write(GIC_EOIMODE, 0);
	gic_init();
	gic_cpu_write(GIC_APR, 0);
	for (unsigned int n = 0; n < IRQ_HANDLERS; n++)
		irq_set_handler(n, NULL, NULL);
}

unsigned int poll_ack(uint64_t us)
{
	return wait_for(irq_waiting(), us) ? gic_ack() : GIC_SPURIOUS;
}

void check_sleep(uint64_t us)
{
	gic_enable(CNTV_INTID);
	timer_start_us(TIMER_VIRT, us);
	while (!irq_waiting())
		wfi();
	timer_stop(TIMER_VIRT);
	gic_disable(CNTV_INTID);
}

void irq_log_handler(unsigned int intid, void *arg)
{
	uint32_t place = irq_log.count;

	(void)arg;
	if (place < IRQ_LOG_SIZE)
		irq_log.intid[place] = (uint16_t)intid;
	if (irq_log.action)
		irq_log.action(intid);
	store_release(&irq_log.count, place + 1);
}

void irq_log_start(void (*action)(unsigned int intid))
{
	irq_log = (struct irq_log){ .action = action };
}

uint32_t irq_log_wait(uint32_t number, uint64_t us)
{
	irq_unmask();
	(void)wait_for(load_acquire(&irq_log.count) >= number, us);
	irq_mask();
	return irq_log.count;
}

void guest_main(void)
{
	/* clang-format off */
	static const struct {
		const char *name;
		void (*run)(void);
	} areas[] = {
		{ "boot", check_boot },
		{ "gicd", check_gicd },
		{ "gicr", check_gicr },
		{ "gic cpu interface", check_gic_cpu },
		{ "gic level", check_gic_level },
		{ "gic order", check_gic_order },
		{ "gic smp", check_gic_smp },
		{ "interrupts", check_irq },
		{ "psci", check_psci },
		{ "power", check_power },
		{ "services", check_smccc },
		{ "sgi", check_sgi },
		{ "timers", check_timer },
		{ "sysregs", check_sysreg },
		{ "features", check_features },
		{ "mmio", check_mmio },
		{ "odd accesses", check_mmio_odd },
		{ "empty devices", check_empty },
		{ "caches", check_cache },
		{ "table walks", check_walk },
		{ "el0", check_el0 },
		{ "aarch32 at el0", check_a32 },
		{ "uart", check_uart },
		{ "rtc", check_rtc },
		{ "fp", check_fp },
		{ "debug", check_debug },
		{ "pointer authentication", check_pauth },
		{ "performance monitors", check_pmu },
	};
	/* clang-format on */

	check_cpus = cpu_count();
	print("check: %u cpus, midr %lx\n", check_cpus, read_sysreg(midr_el1));
	for (size_t n = 0; n < ARRAY_SIZE(areas); n++) {
		print("# %s\n", areas[n].name);
		irq_reset();
		areas[n].run();
	}
	print("# %u skipped\n", skipped);
	print("%u passed, %u failed\n", passed, failed);
}
