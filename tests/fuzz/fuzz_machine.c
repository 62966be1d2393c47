/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's devicetree, as boards and their firmware write it: every query is answered, and the
 * RAM found is valid.
 */
#include "grammar.h"
#include "trees.h"

#include <asm/efi.h>
#include <drivers/host.h>
#include <kernel/early.h>
#include <kernel/log.h>
#include <kernel/ram.h>
#include <lib/devicetree.h>
#include <string.h>

#include "../../drivers/uart.h"

#define LIMIT       BIT(47)
#define ENTRIES_MAX 300 /* of a property of VALUE_MAX bytes */

const struct uart_ops cadence_ops, dw_apb_ops, imx_ops, ns16550_ops, pl011_ops;

void klog(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

/* ---- the tree ---- */

static u32 cells[2]; /* of the bus that is written */

static void put_chosen(struct fuzz_input *in)
{
	static const char *const paths[] = { "serial0:115200n8", "/soc/uart@1000", "/soc/none",
					     "serial9",          "serial0/x",      ":" };
	static const char *const args[] = { "quiet a=12 uart.baud=9600 b=99999999999",
					    "a=", "a=x" };

	tree_begin("chosen");
	tree_text("bootargs", fuzz_word(in, args));
	tree_text(fuzz_once_in(in, 4) ? "linux,stdout-path" : "stdout-path", fuzz_word(in, paths));
	if (fuzz_byte(in) & 1)
		tree_doubles("linux,initrd-start", fuzz_address(in));
	else
		tree_cells("linux,initrd-start", RAM_BUNDLE_AT);
	tree_doubles("linux,initrd-end", fuzz_address(in));
	tree_doubles("kaslr-seed", 1);
	tree_doubles("rng-seed", 1, 2, 3, 4);
	tree_end();
	tree_begin("aliases");
	tree_text("serial0", fuzz_once_in(in, 4) ? "soc/uart" : "/soc/uart@1000");
	tree_end();
}

static void put_reg(u64 base, u64 size)
{
	tree_numbers("reg", cells, 2, TREE_NUMBERS(base, size));
}

static void put_memory(struct fuzz_input *in)
{
	u64 numbers[32];
	u32 count = 2 * (1 + fuzz_below(in, fuzz_once_in(in, 4) ? 16 : 2));

	for (u32 i = 0; i < count; i += 2) {
		numbers[i] = RAM_BASE + MIB(64) * fuzz_byte(in);
		numbers[i + 1] = MIB(64) * fuzz_below(in, 4);
		if (fuzz_once_in(in, 8)) {
			numbers[i] = fuzz_address(in);
			numbers[i + 1] = fuzz_length(in);
		}
	}
	tree_begin("memory@40000000");
	tree_text("device_type", "memory");
	tree_numbers("reg", cells, 2, numbers, count);
	tree_end();
}

static void put_reserved(struct fuzz_input *in)
{
	tree_begin("reserved-memory");
	tree_cells("#address-cells", cells[0]);
	tree_cells("#size-cells", cells[1]);
	tree_put("ranges", NULL, 0);
	for (u32 n = fuzz_below(in, 4); n > 0; n--) {
		tree_begin("kept");
		put_reg(fuzz_address(in), fuzz_length(in));
		if (fuzz_byte(in) & 1)
			tree_put("no-map", NULL, 0);
		tree_end();
	}
	tree_end();
}

static void put_cpus(struct fuzz_input *in)
{
	static const char *const methods[] = { "psci", "spin-table" };

	tree_begin("cpus");
	tree_cells("#address-cells", 1 + fuzz_once_in(in, 4));
	tree_cells("#size-cells", 0);
	for (u32 n = 0; n <= fuzz_below(in, 4); n++) {
		tree_begin("cpu@0");
		tree_text("device_type", "cpu");
		tree_cells("reg", n);
		tree_text("enable-method", fuzz_word(in, methods));
		tree_doubles("cpu-release-addr", fuzz_address(in));
		if (fuzz_once_in(in, 8))
			tree_text("status", "fail");
		tree_end();
	}
	tree_end();
}

static void put_psci(struct fuzz_input *in)
{
	static const char *const versions[] = { "arm,psci-1.0", "arm,psci-0.2", "arm,psci" };
	static const char *const methods[] = { "smc", "hvc", "x" };

	tree_begin("psci");
	tree_text("compatible", fuzz_word(in, versions));
	tree_text("method", fuzz_word(in, methods));
	tree_cells("cpu_on", 0xc4000003);
	tree_end();
}

static void put_interrupts(struct fuzz_input *in)
{
	const u64 spi = fuzz_byte(in);

	if (fuzz_byte(in) & 1)
		tree_cells("interrupts", fuzz_below(in, 3), 8 * spi, 4, 1, 14, 4, 1, 11, 4, 1, 10,
			   1);
	else
		tree_cells("interrupts-extended", 1, 0, 1, 4, fuzz_below(in, 3), 1, spi, 4, 1, 1,
			   11);
}

static void put_gic(struct fuzz_input *in)
{
	tree_begin("intc@8000000");
	tree_text("compatible", "arm,gic-v3");
	tree_cells(fuzz_once_in(in, 4) ? "linux,phandle" : "phandle", 1);
	tree_cells("#interrupt-cells", fuzz_once_in(in, 8) ? fuzz_byte(in) : 3);
	put_reg(0x8000000, 0x10000);
	tree_end();
	tree_begin("timer");
	tree_text("compatible", "arm,armv8-timer");
	put_interrupts(in);
	if (fuzz_byte(in) & 1)
		tree_list("interrupt-names", "phys\0virt\0hyp-phys\0sec-phys");
	tree_end();
	tree_begin("clock");
	tree_text("compatible", "fixed-clock");
	tree_cells("phandle", 2);
	tree_end();
}

static void put_uart(struct fuzz_input *in)
{
	static const char *const uarts[] = {
		"arm,pl011",     "snps,dw-apb-uart", "ns16550",
		"ti,am654-uart", "cdns,uart-r1p12",  "fsl,imx21-uart"
	};

	tree_begin("uart@1000");
	tree_text("compatible", fuzz_word(in, uarts));
	put_reg(0x1000, 0x1000);
	put_interrupts(in);
	tree_cells("clocks", 2, fuzz_below(in, 3));
	if (fuzz_byte(in) & 1) {
		tree_cells("reg-offset", fuzz_byte(in));
		tree_cells("reg-shift", 2);
		tree_cells("reg-io-width", 4);
	}
	if (fuzz_once_in(in, 8))
		tree_text("status", "disabled");
	tree_end();
}

static void put_bus(struct fuzz_input *in, u32 depth)
{
	const u32 outer[] = { cells[0], cells[1] };
	u32 kinds[] = { 0, outer[0], 0 };

	cells[0] = 1 + fuzz_below(in, fuzz_once_in(in, 8) ? 5 : 2);
	cells[1] = 1 + fuzz_below(in, 2);
	kinds[0] = cells[0];
	kinds[2] = cells[1];
	tree_begin(depth ? "bus" : "soc");
	tree_text("compatible", "simple-bus");
	tree_cells("#address-cells", cells[0]);
	tree_cells("#size-cells", cells[1]);
	if (fuzz_byte(in) & 1)
		tree_numbers("ranges", kinds, 3,
			     TREE_NUMBERS(0x4000, 0xa000000, 0x1000, 0, fuzz_address(in), 0x20000));
	else
		tree_put("ranges", NULL, 0);
	if (fuzz_once_in(in, 8))
		tree_text("status", "disabled");
	put_uart(in);
	if (depth < 3 && fuzz_once_in(in, 2))
		put_bus(in, depth + 1);
	tree_end();
	cells[0] = outer[0];
	cells[1] = outer[1];
}

static void *grow(struct fuzz_input *in, size_t *size)
{
	const u8 without = fuzz_once_in(in, 4) ? fuzz_byte(in) : 0;

	tree_open(in);
	for (u32 n = fuzz_below(in, 4); n > 0; n--)
		tree_reserve(fuzz_address(in), fuzz_length(in));
	cells[0] = 2 - fuzz_once_in(in, 8);
	cells[1] = 2 - fuzz_once_in(in, 8);
	tree_begin("");
	tree_cells("#address-cells", cells[0]);
	tree_cells("#size-cells", cells[1]);
	tree_cells("interrupt-parent", 1);
	tree_text(without & 128 ? "compatible" : "model", "a board");
	if (!(without & 1))
		put_chosen(in);
	if (!(without & 2))
		put_memory(in);
	if (!(without & 4))
		put_reserved(in);
	if (!(without & 8))
		put_cpus(in);
	if (!(without & 16))
		put_psci(in);
	if (!(without & 32))
		put_gic(in);
	if (!(without & 64))
		put_bus(in, 0);
	return tree_close(size);
}

/* ---- what is asked of it ---- */

static void ask_of_node(int node)
{
	struct phys_range r;
	struct uart_chip u;
	u32 intid, flags, n;

	(void)host_fdt_enabled(node);
	(void)host_fdt_compatible(node);
	(void)host_fdt_clocked(node);
	(void)host_fdt_is(node, "arm,pl011");
	for (n = 0; host_fdt_reg(node, n, &r) == 0; n++)
		fuzz_assert(n < ENTRIES_MAX);
	for (n = 0; host_fdt_irq(node, n, &intid, &flags) == 0; n++)
		fuzz_assert(n < ENTRIES_MAX && intid < 1020);
	if (uart_chip_at(node, &u, &r) == 0)
		fuzz_assert(u.ops && r.size && u.shift <= 8);
}

static void ask(void)
{
	u64 hwids[4] = { 0 };
	struct phys_range r;
	u8 seed[16];
	u32 intid;

	for (int node = host_fdt_next(-1), before = -1; node >= 0; node = host_fdt_next(node)) {
		fuzz_assert(node > before);
		before = node;
		ask_of_node(node);
	}
	(void)host_fdt_find("arm,gic-v3", -1);
	(void)host_fdt_stdout();
	(void)host_fdt_option("a=");
	(void)(strlen(host_fdt_model()) + strlen(host_fdt_bootargs()));
	for (u32 i = 0, n = host_fdt_cpus(hwids, ARRAY_SIZE(hwids)); i < MIN(n, 4U); i++)
		(void)host_fdt_spin_table(hwids[i]);
	if (host_fdt_initrd(&r) == 0)
		fuzz_assert(r.size && r.base.pa + r.size > r.base.pa);
	fuzz_assert(host_fdt_seed(seed, sizeof(seed)) <= sizeof(seed));
	(void)host_fdt_psci(&intid);
	for (u32 timer = HOST_TIMER_SEC; timer <= HOST_TIMER_HYP; timer++)
		if (host_fdt_timer_irq((enum host_timer)timer, &intid) == 0)
			fuzz_assert(intid >= 16 && intid < 32);
}

/*
 * Ranges of whole pages in ascending order, all within those of another list; NULL: within the
 * limit.
 */
static void check_ranges(const struct ram_range *r, const struct ram_range *within)
{
	const struct ram_range *w = within;
	u64 before = 0;

	for (; r; r = r->next) {
		fuzz_assert(r->start < r->end && r->end <= LIMIT);
		fuzz_assert(r->start > before || !before);
		fuzz_assert(IS_ALIGNED(r->start | r->end, PAGE_SIZE) && r->start);
		while (w && w->end < r->end)
			w = w->next;
		fuzz_assert(!within || (w && r->start >= w->start));
		before = r->end;
	}
}

static bool is_mapped(const struct phys_range *r)
{
	const struct ram_range *m = ram_mapped();

	while (m && m->end <= r->base.pa)
		m = m->next;
	return m && r->base.pa >= m->start && r->size <= m->end - r->base.pa;
}

static void check_ram(struct fuzz_input *in)
{
	const struct phys_range image = { PADDR(RAM_IMAGE_AT), MIB(1) };
	struct phys_range r;

	if (host_ram_init(LIMIT) || !ram_take(image, RAM_IMAGE))
		return;
	check_ranges(ram_all(), NULL);
	check_ranges(ram_mapped(), ram_all());
	check_ranges(ram_free(), ram_mapped());
	for (u32 i = 0; i < 4; i++) {
		r = (struct phys_range){ PADDR(fuzz_address(in)), fuzz_length(in) };
		fuzz_assert(ram_free_from(r.base.pa, r.size) <= r.size);
		/* It may share a page with what is taken. */
		if (!ram_problem(r, 0)) {
			fuzz_assert(is_mapped(&r));
			fuzz_assert(!ram_holds(r, RAM_IMAGE) && !ram_holds(r, RAM_NO_MAP));
		}
	}
}

/* ---- the tree that is made of it under UEFI ---- */

static void check_efi(struct fuzz_input *in, const void *tree)
{
	static u8 out[KIB(48)] __aligned(8);
	struct efi_memory_descriptor map[8];
	const u16 options[] = { 'a', '=', fuzz_byte(in), fuzz_once_in(in, 4) ? 'x' : 0, 'y' };
	struct efi_loaded_image loaded = { .options = options,
					   .options_size = fuzz_below(in, sizeof(options) + 1) };
	struct efi e = { .firmware_fdt = tree, .loaded = &loaded };
	bool cpus, initrd;
	u32 count = fuzz_below(in, ARRAY_SIZE(map) + 1);

	for (u32 i = 0; i < count; i++) {
		map[i] = (struct efi_memory_descriptor){
			.type = fuzz_below(in, 12),
			.physical = fuzz_byte(in) & 1 ? fuzz_address(in)
						      : RAM_BASE + MIB(1) * fuzz_below(in, 4),
			.pages = fuzz_once_in(in, 8) ? fuzz_u64(in) : fuzz_byte(in),
			.attribute = fuzz_once_in(in, 4) ? 0 : EFI_MEMORY_WB,
		};
	}
	e.map = (struct efi_memory_map){ map, count * sizeof(*map), 0, sizeof(*map) };
	e.bundle.size = fuzz_byte(in) & 1 ? RAM_TAKEN : 0;
	e.bundle.base = PADDR(RAM_BUNDLE_AT);
	efi_look(tree, &cpus, &initrd);
	if (efi_make_fdt(&e, out, fuzz_once_in(in, 8) ? fuzz_byte(in) * 8U : sizeof(out)) == 0)
		fuzz_assert(!dt_check(out, sizeof(out), NULL));
}

static void check_broken(const void *tree, size_t size)
{
	struct phys_range regs;
	struct uart_chip u;

	if (!uart_chip_in_broken(tree, size, &u, &regs))
		fuzz_assert(u.ops && regs.size && u.shift <= 8);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static u64 early[KIB(32)];
	struct fuzz_input in = { .at = data, .left = size };
	const bool little = fuzz_once_in(&in, 16);
	size_t tree_size;
	void *tree;

	if (fuzz_once_in(&in, 16))
		tree = fuzz_copy(&in, in.left, &tree_size);
	else
		tree = grow(&in, &tree_size);
	if (!tree)
		return 0;
	early_init(early, little ? fuzz_byte(&in) * 16U : sizeof(early));
	if (!host_fdt_init(tree, tree_size)) {
		ask();
		check_efi(&in, tree);
		check_ram(&in);
		fuzz_lie(&in, tree, tree_size);
	}
	check_broken(tree, tree_size);
	free(tree);
	return 0;
}
