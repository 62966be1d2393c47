/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places that software on `virt` probes without asking the devicetree: a device may be missing, but
 * then its place is empty. The bare machine has most of them, so the cases hold for both.
 */
#include "check.h"
#include "kit/exc.h"
#include "kit/gic.h"
#include "kit/mmu.h"

#define FW_CFG      UINT64_C(0x09020000)
#define GPIO        UINT64_C(0x09030000)
#define ITS         UINT64_C(0x08080000)
#define GICV2M      UINT64_C(0x08020000)
#define PCI_WINDOW  UINT64_C(0x10000000)
#define PCI_PORTS   UINT64_C(0x3eff0000)
#define PCI_ECAM    UINT64_C(0x4010000000)
#define PCI_WINDOW2 UINT64_C(0x8000000000)

/* Bus, device and function of a configuration space. */
#define FUNCTION(bus, dev, fn) (PCI_ECAM + ((bus) << 20 | (dev) << 15 | (fn) << 12))

/* Read with every width, at a place that may be above the map: all ones, also after a store. */
static void ones(const char *name, uint64_t pa)
{
	uintptr_t at = mmu_alias(pa, MMU_DEVICE);
	uint64_t got[4] = { 0 };
	struct probe probe = PROBE({
		got[0] = mmio_read8(at + 3);
		got[1] = mmio_read16(at + 2);
		got[2] = mmio_read32(at);
		got[3] = mmio_read64(at);
	});

	(void)check_eq(check_name(name, "aborts", NULL), probe.count, 0);
	(void)check_eq(check_name(name, "byte", NULL), got[0], 0xff);
	(void)check_eq(check_name(name, "half", NULL), got[1], 0xffff);
	(void)check_eq(check_name(name, "word", NULL), got[2], UINT32_MAX);
	(void)check_eq(check_name(name, "double", NULL), got[3], UINT64_MAX);
	probe = PROBE({
		mmio_write32(at + 4, 0x12345678);
		got[2] = mmio_read32(at + 4);
	});
	(void)check_eq(check_name(name, "store-aborts", NULL), probe.count, 0);
	(void)check_eq(check_name(name, "after-store", NULL), got[2], UINT32_MAX);
}

static void pci(void)
{
	ones("empty.ecam", FUNCTION(0, 31, 0));
	ones("empty.ecam-last-function", FUNCTION(UINT64_C(255), 31, 7));
	ones("empty.pci-window", PCI_WINDOW + 0x1000);
	ones("empty.pci-window-end", PCI_PORTS - 0x1000);
	ones("empty.pci-ports", PCI_PORTS);
	ones("empty.pci-window-64", PCI_WINDOW2);
}

/* An item that does not exist. The selector is big-endian. */
static void fw_cfg(void)
{
	uint64_t got = 1;
	struct probe probe = PROBE({
		mmio_write16(FW_CFG + 8, 0xff7f);
		got = mmio_read64(FW_CFG);
	});

	(void)check_eq("empty.fw-cfg.aborts", probe.count, 0);
	(void)check_eq("empty.fw-cfg.no-item", got, 0);
}

/* Not empty, but its lines are: no power key is pressed. */
static void gpio(void)
{
	uint64_t got = 1, part = 0;
	struct probe probe = PROBE({
		got = mmio_read32(GPIO + 0x3fc);
		part = mmio_read32(GPIO + 0xfe0);
	});

	(void)check_eq("empty.gpio.aborts", probe.count, 0);
	(void)check_eq("empty.gpio.inputs", got, 0);
	(void)check_eq("empty.gpio.part", part, 0x61);
}

static void messages(void)
{
	struct probe probe;

	if (gic_version == 2) {
		probe = PROBE((void)mmio_read32(GICV2M + 8));
		(void)check_eq("empty.gicv2m.aborts", probe.count, 0);
	} else {
		probe = PROBE((void)mmio_read32(ITS + 0xffe8));
		(void)check_eq("empty.its.aborts", probe.count, 0);
	}
}

void check_empty(void)
{
	pci();
	fw_cfg();
	gpio();
	messages();
}
