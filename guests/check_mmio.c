/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads and stores of every kind to emulated devices, and the aborts of what is not there. The
 * device registers used hold what is written: GICD_IPRIORITYR and IROUTER of unwired SPIs, UARTIBRD
 * and UARTIMSC.
 */
#include "check.h"
#include "kit/cpu.h"
#include "kit/exc.h"
#include "kit/gic.h"
#include "kit/mmu.h"
#include "kit/uart.h"

#define PRIORITY (GICD_BASE + GIC_IPRIORITYR + 64)
#define ROUTE    GICD_IROUTER(64)
#define SCTLR_A  BIT(1)

/* A load a line: the value in the register afterwards, all 64 bits of it. */
static void loads(void)
{
	mmio_write32(PRIORITY, 0xf0e08040);
	(void)check_eq("mmio.ldr-w", mmio_load_by("ldr %w0,", PRIORITY), 0xf0e08040);
	(void)check_eq("mmio.ldrb-w", mmio_load_by("ldrb %w0,", PRIORITY + 1), 0x80);
	(void)check_eq("mmio.ldrsb-w", mmio_load_by("ldrsb %w0,", PRIORITY + 1), 0xffffff80);
	(void)check_eq("mmio.ldrsb-x", mmio_load_by("ldrsb %0,", PRIORITY + 1),
		       UINT64_C(0xffffffffffffff80));
	(void)check_eq("mmio.ldrsb-x-positive", mmio_load_by("ldrsb %0,", PRIORITY), 0x40);
	(void)check_eq("mmio.ldrsw", mmio_load_by("ldrsw %0,", PRIORITY),
		       UINT64_C(0xfffffffff0e08040));
	mmio_write32(PRIORITY, 0x10203040);
	(void)check_eq("mmio.ldrsw-positive", mmio_load_by("ldrsw %0,", PRIORITY), 0x10203040);

	mmio_write32(UART_IBRD, 0x9abc);
	(void)check_eq("mmio.ldrh-w", mmio_load_by("ldrh %w0,", UART_IBRD), 0x9abc);
	(void)check_eq("mmio.ldrsh-w", mmio_load_by("ldrsh %w0,", UART_IBRD), 0xffff9abc);
	(void)check_eq("mmio.ldrsh-x", mmio_load_by("ldrsh %0,", UART_IBRD),
		       UINT64_C(0xffffffffffff9abc));
	mmio_write16(UART_IBRD, 0x1234);
	(void)check_eq("mmio.strh", mmio_read32(UART_IBRD), 0x1234);
	(void)check_eq("mmio.ldrsh-positive", mmio_load_by("ldrsh %0,", UART_IBRD), 0x1234);

	mmio_write64(ROUTE, 1);
	(void)check_eq("mmio.ldr-x", mmio_load_by("ldr %0,", ROUTE), 1);
	(void)check_eq("mmio.ldar-w", mmio_load_by("ldar %w0,", PRIORITY), 0x10203040);
	(void)check_eq("mmio.typer-64", mmio_read64(gic_redist() + GICR_TYPER) >> 32, cpu_id());
}

/* Loads into the zero register read and throw away; nothing else may change. */
static void zero_register(void)
{
	struct probe probe = PROBE(mmio_by("ldr wzr, [%0]", PRIORITY));

	(void)check_eq("mmio.ldr-wzr", probe.count, 0);
	probe = PROBE(mmio_by("ldr xzr, [%0]", ROUTE));
	(void)check_eq("mmio.ldr-xzr", probe.count, 0);
	probe = PROBE(mmio_by("ldrb wzr, [%0]", PRIORITY));
	(void)check_eq("mmio.ldrb-wzr", probe.count, 0);
	mmio_write32(PRIORITY, 0xf0e08040);
	mmio_by("str wzr, [%0]", PRIORITY);
	(void)check_eq("mmio.str-wzr", mmio_read32(PRIORITY), 0);
	mmio_write32(PRIORITY, 0xf0e08040);
	mmio_by("strb wzr, [%0]", PRIORITY + 2);
	(void)check_eq("mmio.strb-wzr", mmio_read32(PRIORITY), 0xf0008040);
	mmio_write64(ROUTE, 1);
	mmio_by("str xzr, [%0]", ROUTE);
	(void)check_eq("mmio.str-xzr", mmio_read64(ROUTE), 0);
	mmio_write32(UART_IMSC, UART_INT_RT);
	mmio_by("str wzr, [%0]", UART_IMSC);
	(void)check_eq("mmio.str-wzr-uart", mmio_read32(UART_IMSC), 0);
	mmio_by("stlr wzr, [%0]", PRIORITY);
	(void)check_eq("mmio.stlr-wzr", mmio_read32(PRIORITY), 0);
}

/* Any register can be the destination, the base register too. */
static void every_register(void)
{
	mmio_write32(PRIORITY, 0x10203040);
	(void)check_eq("mmio.every-register", mmio_wrong_destinations(PRIORITY, 0x10203040), 0);
}

static void byte_lanes(void)
{
	mmio_write32(PRIORITY, 0);
	mmio_store_by("strb %w0,", PRIORITY + 3, UINT64_C(0xffffffffffffff80));
	(void)check_eq("mmio.strb-takes-low-byte", mmio_read32(PRIORITY), 0x80000000);
	mmio_store_by("str %w0,", PRIORITY, UINT64_C(0xffffffff40302010));
	(void)check_eq("mmio.str-w-takes-low-word", mmio_read32(PRIORITY), 0x40302010);
	(void)check_eq("mmio.neighbour-untouched", mmio_read32(PRIORITY + 4), 0xa0a0a0a0);
}

static void check_abort(const char *name, struct probe probe, uint64_t addr, bool write)
{
	if (probe.serror) {
		/* External aborts may be asynchronous (Arm ARM D1.3.1.2). */
		check_skip(name, "taken as SError");
		return;
	}
	if (!check_eq(check_name(name, "taken", NULL), probe.count, 1))
		return;
	(void)check_eq(check_name(name, "ec", NULL), ESR_EC(probe.esr), EC_DABT_CUR);
	(void)check_eq(check_name(name, "dfsc", NULL), ESR_FSC(probe.esr), FSC_EXTERNAL);
	(void)check_eq(check_name(name, "wnr", NULL), (probe.esr & ESR_WNR) != 0, write);
	(void)check_eq(check_name(name, "il", NULL), field(probe.esr, 25, 25), 1);
	if (!(probe.esr & ESR_FNV))
		(void)check_eq(check_name(name, "far", NULL), probe.far, addr);
}

static void aborts(void)
{
	uint64_t addr = UNMAPPED_BASE + 0x128;
	struct probe probe;
	uintptr_t code;

	check_abort("mmio.unmapped.ldrb", PROBE((void)mmio_read8(addr + 3)), addr + 3, false);
	check_abort("mmio.unmapped.ldrh", PROBE((void)mmio_read16(addr + 2)), addr + 2, false);
	check_abort("mmio.unmapped.ldr-w", PROBE((void)mmio_read32(addr)), addr, false);
	check_abort("mmio.unmapped.ldr-x", PROBE((void)mmio_read64(addr)), addr, false);
	check_abort("mmio.unmapped.strb", PROBE(mmio_write8(addr, 1)), addr, true);
	check_abort("mmio.unmapped.str-w", PROBE(mmio_write32(addr, 1)), addr, true);
	check_abort("mmio.unmapped.str-x", PROBE(mmio_write64(addr, 1)), addr, true);
	check_abort("mmio.unmapped.str-xzr", PROBE(mmio_by("str xzr, [%0]", addr)), addr, true);
	check_abort("mmio.unmapped.ldr-xzr", PROBE(mmio_by("ldr xzr, [%0]", addr)), addr, false);
	check_abort("mmio.unmapped.ldp", PROBE(mmio_by("ldp x2, x3, [%0]", addr)), addr, false);
	check_abort("mmio.unmapped.stp", PROBE(mmio_by("stp xzr, xzr, [%0]", addr)), addr, true);
	code = mmu_alias(UNMAPPED_BASE, MMU_NONCACHE);
	check_abort("mmio.unmapped.normal", PROBE((void)mmio_read32(code + 0x40)), code + 0x40,
		    false);
	probe = PROBE(jump_probe(code + 0x80));
	(void)check_eq("mmio.unmapped.fetch", probe.count, 1);
	(void)check_eq("mmio.unmapped.fetch-ec", ESR_EC(probe.esr), EC_IABT_CUR);
	(void)check_eq("mmio.unmapped.fetch-fsc", ESR_FSC(probe.esr), FSC_EXTERNAL);
	(void)check_eq("mmio.unmapped.fetch-elr", probe.elr, code + 0x80);
	if (!(probe.esr & ESR_FNV))
		(void)check_eq("mmio.unmapped.fetch-far", probe.far, code + 0x80);
	/* The guest's own tables: a translation fault of its own making, level 1. */
	probe = PROBE((void)mmio_read32(UINT64_C(0x80000000)));
	(void)check_eq("mmio.translation-fault", probe.count ? ESR_FSC(probe.esr) : 0, 0x05);
	(void)check_eq("mmio.translation-fault.far", probe.far, UINT64_C(0x80000000));
}

static uint64_t unaligned_outcome(struct probe probe)
{
	return probe.count ? ESR_EC(probe.esr) << 8 | ESR_FSC(probe.esr) : 0;
}

static void unaligned(void)
{
	uint64_t alignment = EC_DABT_CUR << 8 | FSC_ALIGNMENT;
	uint64_t external = EC_DABT_CUR << 8 | FSC_EXTERNAL;
	uint64_t sctlr = read_sysreg(sctlr_el1);
	static uint64_t memory[2];
	uint64_t seen;

	/*
	 * Device memory: an alignment fault, whatever SCTLR_EL1.A says (Arm ARM B2.9.2). QEMU 7.2
	 * has no such check; there the device or the hypervisor may refuse or take the access
	 * apart.
	 */
	seen = unaligned_outcome(PROBE((void)mmio_read32(PRIORITY + 1)));
	if (seen == 0)
		check_skip("mmio.unaligned.device", "performed: this machine does not check");
	else
		(void)CHECK_ONE_OF("mmio.unaligned.device", seen, alignment, external);
	write_sysreg(sctlr_el1, sctlr | SCTLR_A);
	isb();
	seen = unaligned_outcome(PROBE((void)mmio_read32(PRIORITY + 1)));
	(void)check_eq("mmio.unaligned.device-checked", seen, alignment);
	seen = unaligned_outcome(PROBE((void)mmio_read32((uintptr_t)memory + 1)));
	(void)check_eq("mmio.unaligned.memory-checked", seen, alignment);
	write_sysreg(sctlr_el1, sctlr);
	isb();
	seen = unaligned_outcome(PROBE((void)mmio_read32((uintptr_t)memory + 1)));
	(void)check_eq("mmio.unaligned.memory", seen, 0);
}

/* Firmware and U-Boot read the second flash bank even if the devicetree has none. */
static void flash(void)
{
	struct probe probe = PROBE((void)mmio_read32(FLASH1_BASE));

	(void)check_eq("mmio.flash1-readable", probe.count, 0);
}

void check_mmio(void)
{
	loads();
	zero_register();
	every_register();
	byte_lanes();
	aborts();
	unaligned();
	flash();
}
