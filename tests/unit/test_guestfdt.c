/* SPDX-License-Identifier: Apache-2.0 */
/* The devicetree that is generated for a guest: the properties that drivers look for. */
#include "guestfdt_fixture.h"

#include <lib/errno.h>
#include <stdio.h>
#include <stdlib.h>

static void test_gicv2(void **state)
{
	(void)state;
	p.gic_version = 2;
	generate();
	p.gic_version = 0;
	is_string("/intc@8000000", "compatible", "arm,cortex-a15-gic");
	is_cells("/intc@8000000", "reg", 0, 0x8000000, 0, 0x1000, 0, 0x8010000, 0, 0x2000);
	is_cells("/intc@8000000", "#interrupt-cells", 3);
	is_bytes("/intc@8000000", "interrupt-controller", "", 0);
	is_absent("/intc@8000000", "#redistributor-regions");
	/* The interrupts of two CPUs. */
	is_cells("/timer", "interrupts", 1, 13, 0x304, 1, 14, 0x304, 1, 11, 0x304, 1, 10, 0x304);
}

static void test_generated(void **state)
{
	(void)state;
	generate();
	is_string("/", "compatible", "linux,dummy-virt");
	is_cells("/", "#address-cells", 2);
	is_cells("/", "#size-cells", 2);
	assert_int_equal(cell("/", "interrupt-parent"), cell("/intc@8000000", "phandle"));
	check_vm_parts();
	is_string("/intc@8000000", "compatible", "arm,gic-v3");
	is_cells("/intc@8000000", "reg", 0, 0x8000000, 0, 0x10000, 0, 0x80a0000, 0, 0x40000);
	is_cells("/intc@8000000", "#interrupt-cells", 3);
	is_bytes("/intc@8000000", "interrupt-controller", "", 0);
	is_cells("/timer", "interrupts", 1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4);
	is_bytes("/timer", "always-on", "", 0);
	is_bytes("/pl011@9000000", "compatible", "arm,pl011\0arm,primecell", 24);
	is_cells("/pl011@9000000", "reg", 0, 0x9000000, 0, 0x1000);
	is_cells("/pl011@9000000", "interrupts", 0, 1, 4);
	is_bytes("/pl011@9000000", "clock-names", "uartclk\0apb_pclk", 17);
	is_cells("/pl011@9000000", "clocks", cell("/apb-pclk", "phandle"),
		 cell("/apb-pclk", "phandle"));
	is_cells("/apb-pclk", "clock-frequency", 24000000);
	is_cells("/pl031@9010000", "interrupts", 0, 2, 4);
	is_string("/chosen", "stdout-path", "/pl011@9000000");
	is_string("/aliases", "serial0", "/pl011@9000000");
	is_string("/chosen", "bootargs", "console=ttyAMA0");
	is_absent("/chosen", "linux,initrd-start");
}

static void test_virtio(void **state)
{
	(void)state;
	generate();
	assert_true(fdt_path_offset(buf, "/virtio_mmio@a003e00") < 0);
	d.virtio[0].slot = 31;
	d.virtio[1].slot = 2;
	d.virtio_count = 2;
	generate();
	d.virtio_count = 0;
	is_string("/virtio_mmio@a003e00", "compatible", "virtio,mmio");
	is_cells("/virtio_mmio@a003e00", "reg", 0, 0xa003e00, 0, 0x200);
	is_cells("/virtio_mmio@a003e00", "interrupts", 0, 47, 4);
	is_bytes("/virtio_mmio@a003e00", "dma-coherent", "", 0);
	is_cells("/virtio_mmio@a000400", "interrupts", 0, 18, 4);
	/* In the order of the description. */
	assert_true(fdt_path_offset(buf, "/virtio_mmio@a003e00") <
		    fdt_path_offset(buf, "/virtio_mmio@a000400"));
}

static void test_pci(void **state)
{
	const struct fdt_property *map;
	const fdt32_t *line;
	int len, node;

	(void)state;
	generate();
	assert_true(fdt_path_offset(buf, "/pcie@10000000") < 0);
	d.channel_count = 1;
	generate();
	d.channel_count = 0;
	is_string("/pcie@10000000", "compatible", "pci-host-ecam-generic");
	is_string("/pcie@10000000", "device_type", "pci");
	is_cells("/pcie@10000000", "reg", 0x40, 0x10000000, 0, 0x100000);
	is_cells("/pcie@10000000", "bus-range", 0, 0);
	is_cells("/pcie@10000000", "ranges", 0x02000000, 0, 0x10000000, 0, 0x10000000, 0,
		 0x2eff0000, 0x03000000, 0x80, 0, 0x80, 0, 0, 0x40000000);
	is_cells("/pcie@10000000", "interrupt-map-mask", 0x1800, 0, 0, 7);
	/* Each pin of each of four devices. The controller's address has two cells. */
	is_cells("/intc@8000000", "#address-cells", 2);
	node = fdt_path_offset(buf, "/pcie@10000000");
	map = fdt_get_property(buf, node, "interrupt-map", &len);
	assert_int_equal(len, 16 * 10 * 4);
	line = (const fdt32_t *)map->data;
	for (u32 device = 0; device < 4; device++)
		for (u32 pin = 1; pin <= 4; pin++, line += 10) {
			assert_int_equal(fdt32_to_cpu(line[0]), device << 11);
			assert_int_equal(fdt32_to_cpu(line[3]), pin);
			assert_int_equal(fdt32_to_cpu(line[4]), cell("/intc@8000000", "phandle"));
			assert_int_equal(fdt32_to_cpu(line[7]), 0); /* SPI */
			assert_int_equal(fdt32_to_cpu(line[8]), 3 + (device + pin - 1) % 4);
			assert_int_equal(fdt32_to_cpu(line[9]), 4);
		}
}

static void test_watchdog(void **state)
{
	(void)state;
	generate();
	assert_true(fdt_path_offset(buf, "/watchdog@9050000") < 0);
	d.watchdog = true;
	generate();
	is_bytes("/watchdog@9050000", "compatible", "arm,sp805\0arm,primecell", 24);
	is_cells("/watchdog@9050000", "reg", 0, 0x9050000, 0, 0x1000);
	is_cells("/watchdog@9050000", "interrupts", 0, 96, 4);
	is_bytes("/watchdog@9050000", "clock-names", "wdog_clk\0apb_pclk", 18);
	is_cells("/watchdog@9050000", "clocks", cell("/apb-pclk", "phandle"),
		 cell("/apb-pclk", "phandle"));
}

static void test_initrd_and_large_memory(void **state)
{
	(void)state;
	plan.initrd_base = 0x142000000;
	plan.initrd_size = 0x1234;
	d.ram = ram_map_default(GIB(6));
	d.cpus = 8;
	d.bootargs[0] = '\0';
	generate();
	is_cells("/chosen", "linux,initrd-start", 1, 0x42000000);
	is_cells("/chosen", "linux,initrd-end", 1, 0x42001234);
	is_cells("/memory@40000000", "reg", 0, 0x40000000, 1, 0x80000000);
	is_cells("/cpus/cpu@7", "reg", 7);
	is_absent("/chosen", "bootargs");
}

static void test_no_space(void **state)
{
	(void)state;
	for (u64 size = 0; size < 1500; size += 37) {
		u8 *small = aligned_alloc(8, ALIGN_UP(size + 1, 8));

		assert_true(guest_fdt_generate(&p, small, size) < 0);
		free(small);
	}
	assert_int_equal(guest_fdt_generate(&p, buf, 1024), -ENOSPC);
}

/* dtc has a look too, if it is here: not a word of warning. */
static void test_dtc(void **state)
{
	FILE *f;

	(void)state;
	if (system("dtc --version > /dev/null 2>&1"))
		skip();
	d.watchdog = true;
	generate();
	f = popen("w=$(dtc -I dtb -O dts -o /dev/null - 2>&1); echo \"$w\" >&2; test -z \"$w\"",
		  "w");
	assert_non_null(f);
	assert_int_equal(fwrite(buf, 1, fdt_totalsize(buf), f), fdt_totalsize(buf));
	assert_int_equal(pclose(f), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_generated, guestfdt_setup),
		cmocka_unit_test_setup(test_gicv2, guestfdt_setup),
		cmocka_unit_test_setup(test_pci, guestfdt_setup),
		cmocka_unit_test_setup(test_watchdog, guestfdt_setup),
		cmocka_unit_test_setup(test_virtio, guestfdt_setup),
		cmocka_unit_test_setup(test_initrd_and_large_memory, guestfdt_setup),
		cmocka_unit_test_setup(test_no_space, guestfdt_setup),
		cmocka_unit_test_setup(test_dtc, guestfdt_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
