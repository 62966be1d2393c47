/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real-world trees: for the other interrupt controller, of a board, with buses; and consoles that
 * stay silent.
 */
#include "guestfdt_fixture.h"

#include <string.h>

static u8 own[4096] __aligned(8);

static void adapt(void)
{
	assert_null(guest_fdt_adapt(&p, own, fdt_totalsize(own), buf, sizeof(buf)));
	assert_int_equal(fdt_check_full(buf, fdt_totalsize(buf)), 0);
}

/* A tree written from the front to the back, into own. */
static void begin_tree(void)
{
	assert_int_equal(fdt_create(own, sizeof(own)), 0);
	assert_int_equal(fdt_finish_reservemap(own), 0);
	assert_int_equal(fdt_begin_node(own, ""), 0);
}

static void begin(const char *name)
{
	assert_int_equal(fdt_begin_node(own, name), 0);
}

static void end(void)
{
	assert_int_equal(fdt_end_node(own), 0);
}

static void string(const char *name, const char *value)
{
	assert_int_equal(fdt_property(own, name, value, (int)strlen(value) + 1), 0);
}

static void put_cells(const char *name, const u32 *values, u32 count)
{
	fdt32_t cells[32];

	for (u32 i = 0; i < count; i++)
		cells[i] = cpu_to_fdt32(values[i]);
	assert_int_equal(fdt_property(own, name, cells, (int)(4 * count)), 0);
}

#define cells(name, ...)                              \
	put_cells(name, (const u32[]){ __VA_ARGS__ }, \
		  (u32)ARRAY_SIZE(((const u32[]){ __VA_ARGS__ })))
#define flag(name) assert_int_equal(fdt_property(own, name, NULL, 0), 0)

static void end_tree(void)
{
	end();
	assert_int_equal(fdt_finish(own), 0);
}

/* A device of a kind at an address of one cell, or of two. */
static void device(const char *name, const char *compatible, u32 address)
{
	begin(name);
	string("compatible", compatible);
	cells("reg", address, 0x1000);
	end();
}

static void root_cells(u32 addresses, u32 sizes)
{
	cells("#address-cells", addresses);
	cells("#size-cells", sizes);
}

/*
 * As QEMU dumps it without gic-version=3: a GICv2 with its frame of MSIs, and PCI that uses its
 * cells.
 */
static void gicv2_tree(void)
{
	begin_tree();
	cells("interrupt-parent", 0x8002);
	root_cells(2, 2);
	begin("intc@8000000");
	cells("phandle", 0x8002);
	cells("reg", 0, 0x8000000, 0, 0x10000, 0, 0x8010000, 0, 0x10000);
	string("compatible", "arm,cortex-a15-gic");
	flag("ranges");
	root_cells(2, 2);
	flag("interrupt-controller");
	cells("#interrupt-cells", 3);
	begin("v2m@8020000");
	cells("phandle", 0x8003);
	string("compatible", "arm,gic-v2m-frame");
	cells("reg", 0, 0x8020000, 0, 0x1000);
	end();
	end();
	begin("pl011@9000000");
	string("compatible", "arm,pl011");
	cells("reg", 0, 0x9000000, 0, 0x1000);
	cells("interrupts", 0, 1, 4);
	end();
	end_tree();
}

static void test_the_other_gic(void **state)
{
	(void)state;
	gicv2_tree();
	adapt();
	is_string("/intc@8000000", "compatible", "arm,gic-v3");
	is_cells("/intc@8000000", "reg", 0, 0x8000000, 0, 0x10000, 0, 0x80a0000, 0, 0x40000);
	is_cells("/intc@8000000", "phandle", 0x8002);
	is_cells("/intc@8000000", "#interrupt-cells", 3);
	is_cells("/intc@8000000", "#address-cells", 2);
	is_cells("/intc@8000000", "#size-cells", 2);
	is_bytes("/intc@8000000", "interrupt-controller", "", 0);
	assert_true(fdt_path_offset(buf, "/intc@8000000/v2m@8020000") < 0);
	is_cells("/", "interrupt-parent", 0x8002);
	/* And back, from the tree that this gave. */
	memcpy(own, buf, fdt_totalsize(buf));
	p.gic_version = 2;
	adapt();
	p.gic_version = 0;
	is_string("/intc@8000000", "compatible", "arm,cortex-a15-gic");
	is_cells("/intc@8000000", "reg", 0, 0x8000000, 0, 0x1000, 0, 0x8010000, 0, 0x2000);
	is_cells("/intc@8000000", "phandle", 0x8002);
	is_absent("/intc@8000000", "#redistributor-regions");
	assert_int_equal(fdt_node_offset_by_compatible(buf, at("/intc@8000000"), "arm,gic-v3"),
			 -FDT_ERR_NOTFOUND);
}

/* As a board has it: behind a bus, elsewhere, with cells of its own. */
static void board_tree(u32 interrupt_cells)
{
	begin_tree();
	root_cells(2, 2);
	begin("chosen");
	string("stdout-path", "serial2:1500000n8");
	end();
	begin("aliases");
	string("serial2", "/soc/serial@feb50000");
	end();
	begin("soc");
	string("compatible", "simple-bus");
	flag("ranges");
	root_cells(2, 2);
	begin("interrupt-controller@fe600000");
	string("compatible", "arm,gic-v3");
	cells("#interrupt-cells", interrupt_cells);
	flag("interrupt-controller");
	cells("reg", 0, 0xfe600000, 0, 0x10000, 0, 0xfe680000, 0, 0x100000);
	cells("linux,phandle", 7);
	begin("ppi-partitions");
	end();
	end();
	begin("serial@feb50000");
	string("compatible", "snps,dw-apb-uart");
	cells("reg", 0, 0xfeb50000, 0, 0x100);
	string("status", "okay");
	end();
	end();
	end_tree();
}

static void test_a_board(void **state)
{
	char note[160];

	(void)state;
	d.bootargs[0] = '\0';
	board_tree(4);
	adapt();
	is_cells("/intc@8000000", "reg", 0, 0x8000000, 0, 0x10000, 0, 0x80a0000, 0, 0x40000);
	is_cells("/intc@8000000", "phandle", 7);
	is_cells("/intc@8000000", "#interrupt-cells", 4);
	is_absent("/intc@8000000", "#address-cells");
	assert_true(fdt_path_offset(buf, "/soc/interrupt-controller@fe600000") < 0);
	is_string("/soc/serial@feb50000", "status", "disabled");
	is_absent("/soc", "status");
	assert_true(guest_fdt_note(buf, note, sizeof(note)));
	assert_string_equal(
		note, "devicetree: its stdout-path, serial2, is not a device of this VM: its UART "
		      "is the PL011 at 0x9000000");
	p.gic_version = 2;
	assert_string_equal(guest_fdt_adapt(&p, own, fdt_totalsize(own), buf, sizeof(buf)),
			    "its interrupts do not have the 3 cells of a GICv2's");
	p.gic_version = 0;
}

/* Each device is where its bus maps it, and not where its reg alone would put it. */
static void test_buses(void **state)
{
	(void)state;
	begin_tree();
	root_cells(2, 1);
	begin("soc");
	string("compatible", "simple-bus");
	root_cells(1, 1);
	cells("ranges", 0x40000000, 0, 0x9000000, 0x100000, 0x7e000000, 0, 0xfe000000, 0x1800000,
	      0xa0000000, 1, 0x9000000, 0x1000000);
	device("serial@40000000", "arm,pl011", 0x40000000);
	device("serial@9000000", "arm,pl011", 0x9000000);
	device("serial@7e201000", "arm,pl011", 0x7e201000);
	device("high@a0000000", "arm,pl011", 0xa0000000);
	begin("inner");
	string("compatible", "simple-bus");
	root_cells(1, 1);
	cells("ranges", 0, 0x40000000, 0x20000);
	device("rtc@10000", "arm,pl031", 0x10000);
	device("other@1f000", "acme,other", 0x1f000);
	end();
	begin("i2c@7e804000");
	string("compatible", "brcm,bcm2835-i2c");
	cells("reg", 0x7e804000, 0x1000);
	root_cells(1, 0);
	begin("eeprom@50");
	cells("reg", 0x50);
	end();
	end();
	end();
	begin("bus@20000000");
	string("compatible", "simple-bus");
	cells("reg", 0, 0x20000000, 0x1000);
	flag("ranges");
	root_cells(2, 1);
	begin("virtio_mmio@a003e00");
	cells("reg", 0, 0xa003e00, 0x200);
	end();
	end();
	end_tree();
	adapt();
	is_absent("/soc/serial@40000000", "status");
	is_absent("/soc/serial@9000000", "status"); /* nowhere: no driver gets its registers */
	is_string("/soc/serial@7e201000", "status", "disabled");
	is_string("/soc/high@a0000000", "status", "disabled");
	is_absent("/soc/inner/rtc@10000", "status");
	is_string("/soc/inner/other@1f000", "status", "disabled");
	/* What is on a bus of another kind goes with its controller. */
	is_string("/soc/i2c@7e804000", "status", "disabled");
	is_absent("/soc/i2c@7e804000/eeprom@50", "status");
	is_absent("/bus@20000000", "status");
	is_absent("/bus@20000000/virtio_mmio@a003e00", "status");
}

/* One cell is not enough for RAM above 4 GiB, and three are for something else. */
static void test_root_cells(void **state)
{
	(void)state;
	begin_tree();
	root_cells(1, 1);
	end_tree();
	adapt();
	is_cells("/memory@40000000", "reg", 0x40000000, 0x20000000);
	d.ram = ram_map_default(GIB(4));
	assert_string_equal(
		guest_fdt_adapt(&p, own, fdt_totalsize(own), buf, sizeof(buf)),
		"its root has 1 cell for addresses or sizes, which is too few for the VM's RAM");
	begin_tree();
	root_cells(3, 2);
	end_tree();
	assert_string_equal(guest_fdt_adapt(&p, own, fdt_totalsize(own), buf, sizeof(buf)),
			    "its root has neither 1 nor 2 cells for addresses and sizes");
}

static void test_banks(void **state)
{
	(void)state;
	d.ram = (struct ram_map){ 2, { { 0x80000000, MIB(512) }, { 0x880000000, GIB(4) } } };
	begin_tree();
	root_cells(2, 2);
	begin("reserved-memory");
	root_cells(2, 2);
	flag("ranges");
	begin("here@90000000");
	cells("reg", 0, 0x90000000, 0, 0x1000);
	end();
	begin("nowhere@40000000");
	cells("reg", 0, 0x40000000, 0, 0x1000);
	end();
	end();
	end_tree();
	adapt();
	is_cells("/memory@80000000", "reg", 0, 0x80000000, 0, 0x20000000);
	is_cells("/memory@880000000", "reg", 8, 0x80000000, 1, 0);
	is_absent("/reserved-memory/here@90000000", "status");
	is_string("/reserved-memory/nowhere@40000000", "status", "disabled");
	generate();
	is_cells("/memory@80000000", "reg", 0, 0x80000000, 0, 0x20000000);
	is_cells("/memory@880000000", "reg", 8, 0x80000000, 1, 0);
}

/* ---- consoles that stay silent ---- */

static void noted(const char *args, const char *want)
{
	char note[160] = "";

	strcpy(d.bootargs, args);
	adapt();
	assert_int_equal(guest_fdt_note(buf, note, sizeof(note)), *want != '\0');
	assert_string_equal(note, want);
}

/* What is said of a generated tree without a look at it is what a look finds. */
static void noted_without_a_look(const char *args)
{
	char note[160] = "", same[160] = "";

	strcpy(d.bootargs, args);
	generate();
	assert_int_equal(guest_bootargs_note(args, same, sizeof(same)),
			 guest_fdt_note(buf, note, sizeof(note)));
	assert_string_equal(same, note);
}

static void test_notes(void **state)
{
	char note[160];

	(void)state;
	gicv2_tree();
	noted("", "");
	noted("quiet", "");
	noted("console=ttyAMA0", "");
	noted("console=tty0 console=ttyAMA0,115200", "");
	noted("console=ttyS0,115200 quiet",
	      "bootargs: console=ttyS0 is not a device of this VM: its UART is ttyAMA0");
	noted("quiet console=tty0 console=hvc0",
	      "bootargs: console=tty0 is not a device of this VM: its UART is ttyAMA0");
	noted("netconsole=x earlycon", "");
	noted_without_a_look("");
	noted_without_a_look("console=ttyAMA0,115200 quiet");
	noted_without_a_look("quiet console=tty0 console=hvc0");
	noted_without_a_look("console=");
	strcpy(d.bootargs, "");
	generate();
	assert_true(guest_fdt_note(buf, note, sizeof(note)) == false);
	strcpy(d.bootargs, "console=ttyPS0");
	generate();
	assert_true(guest_fdt_note(buf, note, sizeof(note)));
	assert_string_equal(
		note, "bootargs: console=ttyPS0 is not a device of this VM: its UART is ttyAMA0");
	/* A FIT image, for example: it is a devicetree too. */
	begin_tree();
	begin("images");
	end();
	end_tree();
	noted("console=ttyAMA0",
	      "devicetree: has no interrupt controller; Linux does not start without one");
	board_tree(3);
	noted("console=ttyAMA0",
	      "devicetree: has no enabled PL011 at 0x9000000, so there is no console");
	/* It is there, and turned off: by itself, or by the bus that it is on. */
	for (u32 off = 0; off < 2; off++) {
		begin_tree();
		root_cells(2, 2);
		begin("chosen");
		string("stdout-path", "/soc/serial@9000000:115200");
		end();
		device("gic", "arm,gic-400", 0);
		begin("soc");
		flag("ranges");
		root_cells(2, 2);
		if (off == 0)
			string("status", "disabled");
		begin("serial@9000000");
		string("compatible", "arm,pl011");
		cells("reg", 0, 0x9000000, 0, 0x1000);
		string("status", off == 1 ? "fail" : "okay");
		end();
		end();
		end_tree();
		noted("",
		      "devicetree: its stdout-path, /soc/serial@9000000, is not a device of this VM: its "
		      "UART is the PL011 at 0x9000000");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_the_other_gic, guestfdt_setup),
		cmocka_unit_test_setup(test_a_board, guestfdt_setup),
		cmocka_unit_test_setup(test_buses, guestfdt_setup),
		cmocka_unit_test_setup(test_root_cells, guestfdt_setup),
		cmocka_unit_test_setup(test_banks, guestfdt_setup),
		cmocka_unit_test_setup(test_notes, guestfdt_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
