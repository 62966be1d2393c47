/* SPDX-License-Identifier: Apache-2.0 */
/* Devicetrees that guests bring along: of QEMU's virt board, and of boards with other ideas. */
#include "grammar.h"
#include "trees.h"

#include <vmm/desc.h>

/* Cells of the root's children. */
static u32 cells[2];

static void put_reg(u64 base, u64 size)
{
	tree_numbers("reg", cells, 2, TREE_NUMBERS(base, size));
}

static void put_chosen(struct fuzz_input *in)
{
	static const char *const args[] = { "console=ttyAMA0", "quiet console=ttyS0,115200 x", "",
					    "console=\x1b[2J console=hvc0" };
	static const char *const paths[] = { "/pl011@9000000:115200", "serial0", "/soc/uart@0",
					     "/nothing", "" };

	tree_begin("chosen");
	if (fuzz_byte(in) & 1)
		tree_text("bootargs", fuzz_word(in, args));
	if (fuzz_byte(in) & 1)
		tree_text("stdout-path", fuzz_word(in, paths));
	if (fuzz_byte(in) & 1) {
		tree_doubles("linux,initrd-start", 0x48000000);
		tree_doubles("linux,initrd-end", 0x48100000);
		tree_doubles("kaslr-seed", 1);
		tree_doubles("rng-seed", 1, 2, 3, 4);
	}
	tree_end();
}

static void put_gic(struct fuzz_input *in)
{
	static const char *const kinds[] = { "arm,gic-v3", "arm,cortex-a15-gic", "arm,gic-400",
					     "arm,pl390" };

	tree_begin("intc@8000000");
	tree_text("compatible", fuzz_word(in, kinds));
	tree_cells(fuzz_byte(in) & 1 ? "linux,phandle" : "phandle", 1);
	put_reg(0x8000000, 0x10000);
	tree_put("interrupt-controller", NULL, 0);
	tree_cells("#interrupt-cells", 3 + fuzz_once_in(in, 4));
	if (fuzz_byte(in) & 1) {
		tree_cells("#address-cells", fuzz_below(in, 3));
		tree_cells("#size-cells", fuzz_below(in, 3));
		tree_put("ranges", NULL, 0);
		tree_begin("its@8080000");
		tree_text("compatible", "arm,gic-v3-its");
		tree_end();
	}
	tree_end();
}

static void put_device(struct fuzz_input *in, const char *name, const char *compatible, u64 base)
{
	tree_begin(name);
	tree_text("compatible", compatible);
	put_reg(base, 0x1000);
	tree_cells("interrupts", 0, 1, 4);
	if (fuzz_once_in(in, 4))
		tree_text("status", fuzz_byte(in) & 1 ? "disabled" : "okay");
	tree_end();
}

/* A bus with addresses of its own, or another bus in it. */
static void put_bus(struct fuzz_input *in, u32 depth)
{
	const u32 own[] = { 1 + fuzz_below(in, 3), 1 + fuzz_below(in, 2) };
	const u32 ranges[] = { own[0], cells[0], own[1] };
	const u64 to = fuzz_byte(in) & 1 ? 0x9000000 : fuzz_address(in);

	tree_begin("soc");
	tree_text("compatible", fuzz_once_in(in, 8) ? "other-bus" : "simple-bus");
	tree_cells("#address-cells", own[0]);
	tree_cells("#size-cells", own[1]);
	if (fuzz_byte(in) & 1)
		tree_numbers("ranges", ranges, 3,
			     TREE_NUMBERS(0x1000, 0xa000000, 0x1000, 0, to, 0x20000));
	else if (!fuzz_once_in(in, 4))
		tree_put("ranges", NULL, 0);
	tree_begin("uart@0");
	tree_text("compatible", "arm,pl011");
	tree_numbers("reg", own, 2, TREE_NUMBERS(0, 0x1000));
	tree_end();
	if (depth < 2 && fuzz_once_in(in, 4)) {
		const u32 outer[] = { cells[0], cells[1] };

		cells[0] = own[0];
		cells[1] = own[1];
		put_bus(in, depth + 1);
		cells[0] = outer[0];
		cells[1] = outer[1];
	}
	tree_end();
}

static void put_cpus(struct fuzz_input *in)
{
	tree_begin("cpus");
	tree_cells("#address-cells", 1);
	tree_cells("#size-cells", 0);
	for (u32 n = fuzz_below(in, 4); n > 0; n--) {
		tree_begin("cpu@0");
		tree_text("device_type", "cpu");
		tree_cells("reg", n - 1);
		tree_end();
	}
	tree_end();
}

static void put_machine(struct fuzz_input *in)
{
	const u8 which = fuzz_byte(in);

	if (which & 1)
		put_cpus(in);
	for (u32 n = which & 3; n > 0; n--) {
		tree_begin(n == 3 ? "ram" : "memory@40000000");
		tree_text("device_type", "memory");
		put_reg(GUEST_RAM_BASE + n * GIB(1), MIB(64) * n);
		tree_end();
	}
	if (which & 4) {
		tree_begin(which & 8 ? "psci" : "firmware");
		tree_list("compatible", "arm,psci-1.0\0arm,psci");
		tree_text("method", "smc");
		tree_end();
	}
	if (which & 16) {
		tree_begin("pmu");
		tree_text("compatible", "arm,armv8-pmuv3");
		tree_cells("interrupts", 1, 7, 4);
		tree_end();
	}
	if (which & 32) {
		tree_begin("timer");
		tree_text("compatible", "arm,armv8-timer");
		tree_cells("interrupts", 1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4);
		tree_end();
	}
}

static void put_root(struct fuzz_input *in)
{
	cells[0] = 2 - fuzz_once_in(in, 8);
	cells[1] = 2 - fuzz_once_in(in, 8);
	tree_begin("");
	tree_cells("#address-cells", cells[0]);
	tree_cells("#size-cells", cells[1]);
	tree_text("compatible", "linux,dummy-virt");
	tree_cells("interrupt-parent", 1);
}

void *grow_guest_tree(struct fuzz_input *in, size_t *size)
{
	const u8 which = fuzz_byte(in);

	tree_open(in);
	for (u32 n = fuzz_once_in(in, 4) ? fuzz_below(in, 8) : 0; n > 0; n--)
		tree_reserve(fuzz_address(in), fuzz_length(in));
	put_root(in);
	if (!(which & 1))
		put_chosen(in);
	if (!(which & 2))
		put_gic(in);
	if (which & 4) {
		tree_begin("aliases");
		tree_text("serial0", "/pl011@9000000");
		tree_end();
	}
	put_machine(in);
	if (which & 8)
		put_bus(in, 0);
	if (which & 16)
		put_device(in, "pl011@9000000", "arm,pl011", 0x9000000);
	if (which & 32)
		put_device(in, "virtio_mmio@a000000", "virtio,mmio", 0xa000000);
	if (which & 64)
		put_device(in, "gpio", "arm,pl061", fuzz_address(in));
	return tree_close(size);
}
