/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's devicetree, generated or its own adapted: never written beyond the buffer, and well-formed again. */
#include "fuzz.h"

#include <libfdt.h>
#include <string.h>
#include <vmm/guestfdt.h>

static const char *const nodes[] = {
	"memory",
	"memory@40000000",
	"cpus",
	"cpu@0",
	"cpu@1",
	"cpu-map",
	"psci",
	"chosen",
	"timer",
	"virtio_mmio@a000000",
	"pl011@9000000",
	"intc@8000000",
	"pcie@10000000",
	"x",
	NULL,
};
static const char *const props[] = {
	"compatible",
	"reg",
	"device_type",
	"enable-method",
	"method",
	"bootargs",
	"status",
	"#address-cells",
	"#size-cells",
	"linux,initrd-start",
	"interrupts",
	"phandle",
	"linux,initrd-end",
	"interrupt-parent",
	"rng-seed",
	"stdout-path",
	"ranges",
	"#interrupt-cells",
	NULL,
};
static const char *const values[] = {
	"memory",
	"cpu",
	"psci",
	"hvc",
	"smc",
	"okay",
	"disabled",
	"arm,psci-1.0",
	"arm,gic-v3",
	"arm,cortex-a15-gic",
	"virtio,mmio",
	"arm,pl011",
	"linux,dummy-virt",
	"simple-bus",
	"/pl011@9000000:115200",
	"console=ttyS0 console=ttyAMA0",
	"",
	NULL,
};

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_input in = { data, size };
	static struct vm_desc d = { .cpus = 2, .bootargs = "console=ttyAMA0" };
	static const struct load_plan plan = {
		.kernel_base = 0x40000000,
		.kernel_end = 0x41000000,
		.initrd_base = 0x42000000,
		.initrd_size = 0x1000,
		.dtb_base = 0x43000000,
		.dtb_max = GUEST_FDT_MAX,
	};
	struct guest_fdt_params p = { .desc = &d, .plan = &plan };
	u64 room = fuzz_byte(&in) % 4 ? GUEST_FDT_MAX : 8 * (u64)fuzz_byte(&in);
	char note[160];
	size_t src_size;
	void *src, *buf;

	d.ram = ram_map_default(MIB(64));
	p.gic_version = fuzz_byte(&in) % 2 ? 2 : 3;
	d.cpus = 1 + fuzz_byte(&in) % DESC_CPUS_MAX;
	if (fuzz_byte(&in) % 8 == 0)
		src = fuzz_copy(&in, in.left, &src_size);
	else
		src = fuzz_fdt(&in, nodes, props, values, &src_size);
	if (!src)
		return 0;
	buf = malloc(room);
	fuzz_assert(buf || !room);
	if (guest_fdt_generate(&p, buf, room) == 0)
		fuzz_assert(fdt_check_full(buf, room) == 0);
	if (guest_fdt_adapt(&p, src, src_size, buf, room) == 0) {
		fuzz_assert(fdt_check_full(buf, room) == 0);
		fuzz_assert(fdt_path_offset(buf, "/chosen") >= 0);
		if (guest_fdt_note(buf, note, sizeof(note)))
			fuzz_assert(memchr(note, '\0', sizeof(note)) && note[0]);
	}
	free(buf);
	free(src);
	return 0;
}
