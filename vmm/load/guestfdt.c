/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's devicetree: the nodes that QEMU's `virt` writes for the devices that a VM has. The
 * same functions write the parts that depend on the VM (memory, cpus, psci, chosen) into a
 * generated tree and into the copy of a VM's own tree. Both trees are written from front to back:
 * editing a tree would move it, and search it for every property.
 */
#include <lib/printf.h>
#include <vmm/core.h>
#include "guestfdt_build.h"

#define PHANDLE_CLOCK 0x8000
#define PHANDLE_GIC   0x8001
#define PHANDLE_GPIO  0x8002
/* Far from the phandles of a VM's own tree, which keeps its other nodes. */
#define PHANDLE_CPU(n) (0x7a760000 + (n))

#define KEY_POWER 116 /* Linux' number of the key */

#define GIC_SPI        0
#define GIC_PPI        1
#define IRQ_LEVEL_HIGH 4

#define GICD_SIZE 0x10000
#define GICR_SIZE 0x20000 /* of each vCPU: RD_base and SGI_base */

#define GICV2_DIST_SIZE 0x1000
#define GICV2_CPU_SIZE  0x2000

static void put_empty(struct dt_writer *b, const char *name)
{
	put(b, name, NULL, 0);
}

static void put_array(struct dt_writer *b, const char *name, const u32 *cells, u32 count)
{
	u32 out[16];

	for (u32 i = 0; i < count; i++)
		out[i] = __builtin_bswap32(cells[i]);
	put(b, name, out, count * sizeof(*out));
}

/* Write up to 16 cells. */
#define put_cells(b, name, ...)                          \
	put_array(b, name, (const u32[]){ __VA_ARGS__ }, \
		  (u32)ARRAY_SIZE(((const u32[]){ __VA_ARGS__ })))

/* Write a list of strings: a literal with embedded terminators. */
#define put_list(b, name, literal) put(b, name, literal, sizeof(literal))

static void put_u64(struct dt_writer *b, const char *name, u64 value)
{
	put_cells(b, name, (u32)(value >> 32), (u32)value);
}

static void put_reg(struct dt_writer *b, u64 base, u64 size)
{
	put_cells(b, "reg", (u32)(base >> 32), (u32)base, (u32)(size >> 32), (u32)size);
}

/* ---- the parts that depend on the VM ---- */

static void put_cpu(struct dt_writer *b, u32 n)
{
	char name[16];

	(void)snprintf(name, sizeof(name), "cpu@%x", desc_cpu_affinity(n));
	begin(b, name);
	put_cells(b, "phandle", PHANDLE_CPU(n));
	put_cells(b, "reg", desc_cpu_affinity(n));
	put_string(b, "enable-method", "psci");
	put_string(b, "compatible", "arm,armv8");
	put_string(b, "device_type", "cpu");
	end(b);
}

static void put_cpu_map(struct dt_writer *b, u32 count)
{
	char name[24];

	begin(b, "cpu-map");
	begin(b, "socket0");
	for (u32 n = 0; n < count; n++) {
		if (n % 16 == 0) {
			(void)snprintf(name, sizeof(name), "cluster%u", n / 16);
			begin(b, name);
		}
		(void)snprintf(name, sizeof(name), "core%u", n % 16);
		begin(b, name);
		put_cells(b, "cpu", PHANDLE_CPU(n));
		end(b);
		if (n % 16 == 15 || n == count - 1)
			end(b);
	}
	end(b);
	end(b);
}

static void put_cpus(struct dt_writer *b, u32 count)
{
	begin(b, "cpus");
	put_cells(b, "#address-cells", 1);
	put_cells(b, "#size-cells", 0);
	for (u32 n = 0; n < count; n++)
		put_cpu(b, n);
	put_cpu_map(b, count);
	end(b);
}

/* Write reg, with up to two ranges. */
static void put_regs(struct dt_writer *b, const struct fdt_cells *cells,
		     const struct ram_bank *ranges, u32 count)
{
	u32 out[8], n = 0;

	for (u32 i = 0; i < count; i++) {
		const struct ram_bank *r = &ranges[i];

		if ((cells->addresses == 1 && r->base + r->size > BIT(32)) ||
		    (cells->sizes == 1 && r->size >= BIT(32)))
			dt_fail(b, -ERANGE);
		if (cells->addresses == 2)
			out[n++] = (u32)(r->base >> 32);
		out[n++] = (u32)r->base;
		if (cells->sizes == 2)
			out[n++] = (u32)(r->size >> 32);
		out[n++] = (u32)r->size;
	}
	put_array(b, "reg", out, n);
}

static void put_memory(struct dt_writer *b, const struct fdt_cells *cells,
		       const struct ram_bank *bank)
{
	char name[24];

	(void)snprintf(name, sizeof(name), "memory@%lx", bank->base);
	begin(b, name);
	put_string(b, "device_type", "memory");
	put_regs(b, cells, bank, 1);
	end(b);
}

static void put_psci(struct dt_writer *b)
{
	begin(b, "psci");

	put_list(b, "compatible", "arm,psci-1.0\0arm,psci-0.2\0arm,psci");
	put_string(b, "method", "hvc");
	put_cells(b, "cpu_suspend", 0xc4000001);
	put_cells(b, "cpu_off", 0x84000002);
	put_cells(b, "cpu_on", 0xc4000003);
	put_cells(b, "migrate", 0xc4000005);
	end(b);
}

void guest_fdt_nodes(struct dt_writer *b, const struct guest_fdt_params *p,
		     const struct fdt_cells *cells)
{
	for (u32 i = 0; i < p->desc->ram.count; i++)
		put_memory(b, cells, &p->desc->ram.banks[i]);
	put_cpus(b, p->desc->cpus);
	put_psci(b);
}

void guest_fdt_chosen(struct dt_writer *b, const struct guest_fdt_params *p)
{
	const struct load_plan *plan = p->plan;

	if (p->desc->bootargs[0])
		put_string(b, "bootargs", p->desc->bootargs);
	if (plan->initrd_size) {
		put_u64(b, "linux,initrd-start", plan->initrd_base);
		put_u64(b, "linux,initrd-end", plan->initrd_base + plan->initrd_size);
	}
	if (!p->no_rng_seed)
		put(b, "rng-seed", p->rng_seed, sizeof(p->rng_seed));
	put_u64(b, "kaslr-seed", p->kaslr_seed);
}

/* ---- devices ---- */

void guest_fdt_gic(struct dt_writer *b, const struct guest_fdt_params *p,
		   const struct fdt_cells *cells, const struct fdt_gic *gic)
{
	const bool v2 = p->gic_version == 2;
	const struct ram_bank v2_ranges[] = { { GUEST_GICD_BASE, GICV2_DIST_SIZE },
					      { GUEST_GICC_BASE, GICV2_CPU_SIZE } };
	const struct ram_bank v3_ranges[] = { { GUEST_GICD_BASE, GICD_SIZE },
					      { GUEST_GICR_BASE, GICR_SIZE * p->desc->cpus } };

	begin(b, "intc@8000000");
	if (gic->phandle)
		put_cells(b, "phandle", gic->phandle);
	put_string(b, "compatible", v2 ? "arm,cortex-a15-gic" : "arm,gic-v3");
	put_regs(b, cells, v2 ? v2_ranges : v3_ranges, 2);
	if (!v2)
		put_cells(b, "#redistributor-regions", 1);
	put_empty(b, "interrupt-controller");
	put_cells(b, "#interrupt-cells", gic->interrupt_cells);
	if (gic->children.addresses != NO_CELLS) {
		put_cells(b, "#address-cells", gic->children.addresses);
		put_cells(b, "#size-cells", gic->children.sizes);
		put_empty(b, "ranges");
	}
	end(b);
}

/* A GICv2 needs the CPUs that a private interrupt exists on (bits 15:8 of the flags). */
static u32 ppi_flags(const struct guest_fdt_params *p)
{
	return IRQ_LEVEL_HIGH | (p->gic_version == 2 ? (1U << MIN(p->desc->cpus, 8U)) - 1 : 0) << 8;
}

static void put_timer(struct dt_writer *b, const struct guest_fdt_params *p)
{
	begin(b, "timer");
	u32 flags = ppi_flags(p);

	put_list(b, "compatible", "arm,armv8-timer\0arm,armv7-timer");
	put_empty(b, "always-on");
	put_cells(b, "interrupts", GIC_PPI, 13, flags, GIC_PPI, 14, flags, GIC_PPI, 11, flags,
		  GIC_PPI, 10, flags);
	end(b);
}

static void put_pmu(struct dt_writer *b, const struct guest_fdt_params *p)
{
	begin(b, "pmu");

	put_string(b, "compatible", PMU_COMPATIBLE);
	put_cells(b, "interrupts", GIC_PPI, 7, ppi_flags(p));
	end(b);
}

static void put_clock(struct dt_writer *b)
{
	begin(b, "apb-pclk");

	put_cells(b, "phandle", PHANDLE_CLOCK);
	put_string(b, "compatible", "fixed-clock");
	put_cells(b, "#clock-cells", 0);
	put_cells(b, "clock-frequency", GUEST_CLOCK_HZ);
	put_string(b, "clock-output-names", "clk24mhz");
	end(b);
}

/* The length of a list of strings, and the number of strings. */
static size_t list_length(const char *list, u32 *count)
{
	const char *at = list;

	for (*count = 0; *at; (*count)++)
		at += strlen(at) + 1;
	return (size_t)(at - list);
}

static void put_device(struct dt_writer *b, const struct desc_device *d)
{
	static const u32 clocks[] = { PHANDLE_CLOCK, PHANDLE_CLOCK };
	u32 count;
	size_t length = list_length(d->compatible, &count);

	begin(b, d->node);
	put(b, "compatible", d->compatible, length);
	put_reg(b, d->base, d->size);
	put_cells(b, "interrupts", GIC_SPI, d->intid - 32, IRQ_LEVEL_HIGH);
	length = list_length(d->clock_names, &count);
	put_array(b, "clocks", clocks, count);
	put(b, "clock-names", d->clock_names, length);
	if (d->gpio) {
		put_cells(b, "phandle", PHANDLE_GPIO);
		put_cells(b, "#gpio-cells", 2);
		put_empty(b, "gpio-controller");
	}
	end(b);
}

static void put_power_key(struct dt_writer *b)
{
	begin(b, "gpio-keys");
	put_string(b, "compatible", "gpio-keys");
	begin(b, "poweroff");
	put_string(b, "label", "GPIO Key Poweroff");
	put_cells(b, "linux,code", KEY_POWER);
	put_cells(b, "gpios", PHANDLE_GPIO, GUEST_POWER_KEY, 0);
	end(b);
	end(b);
}

static void put_virtio(struct dt_writer *b, const struct desc_virtio *d)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "virtio_mmio@%lx", desc_virtio_base(d));
	begin(b, name);
	put_string(b, "compatible", "virtio,mmio");
	put_reg(b, desc_virtio_base(d), GUEST_VIRTIO_SLOT);
	put_cells(b, "interrupts", GIC_SPI, GUEST_VIRTIO_IRQ - 32 + d->slot, IRQ_LEVEL_HIGH);
	put_empty(b, "dma-coherent");
	end(b);
}

/*
 * The lines of devices 0 to 3 and their pins, which then repeat: INTA of device n is the interrupt
 * n % 4 of the bus. Cells: address (3), pin, controller, its address (2), kind, number, flags.
 */
static void put_pci_map(struct dt_writer *b)
{
	u32 cells[4 * 4 * 10], n = 0;

	for (u32 i = 0; i < 16; i++) {
		const u32 device = i / 4, pin = i % 4;
		const u32 line[] = { device << 11,
				     0,
				     0,
				     pin + 1,
				     PHANDLE_GIC,
				     0,
				     0,
				     GIC_SPI,
				     GUEST_PCI_IRQ - 32 + (device + pin) % 4,
				     IRQ_LEVEL_HIGH };

		for (u32 k = 0; k < ARRAY_SIZE(line); k++)
			cells[n++] = __builtin_bswap32(line[k]);
	}
	put(b, "interrupt-map", cells, sizeof(cells));
	put_cells(b, "interrupt-map-mask", 3 << 11, 0, 0, 7);
	put_cells(b, "#interrupt-cells", 1);
}

static void put_pci(struct dt_writer *b)
{
	begin(b, "pcie@10000000");
	put_string(b, "compatible", "pci-host-ecam-generic");
	put_string(b, "device_type", "pci");
	put_cells(b, "#address-cells", 3);
	put_cells(b, "#size-cells", 2);
	put_cells(b, "linux,pci-domain", 0);
	put_cells(b, "bus-range", 0, 0);
	put_reg(b, GUEST_PCI_ECAM, GUEST_PCI_ECAM_SIZE);
	put_cells(b, "ranges", 0x02000000, 0, GUEST_PCI_WINDOW, 0, GUEST_PCI_WINDOW, 0,
		  GUEST_PCI_WINDOW_SIZE, 0x03000000, GUEST_PCI_WINDOW_64 >> 32, 0,
		  GUEST_PCI_WINDOW_64 >> 32, 0, 0, GUEST_PCI_WINDOW_64_SIZE);
	put_pci_map(b);
	put_empty(b, "dma-coherent");
	end(b);
}

/* Both banks, as `virt` describes them. Only the second one answers commands. */
static void put_flash(struct dt_writer *b)
{
	static const struct fdt_cells two = { 2, 2 };
	static const struct ram_bank banks[] = { { GUEST_FLASH_BASE, GUEST_FLASH_SIZE },
						 { GUEST_FLASH1_BASE, GUEST_FLASH_SIZE } };

	begin(b, "flash@0");
	put_string(b, "compatible", "cfi-flash");
	put_regs(b, &two, banks, ARRAY_SIZE(banks));
	put_cells(b, "bank-width", 4);
	end(b);
}

static void put_fw_cfg(struct dt_writer *b)
{
	begin(b, "fw-cfg@9020000");
	put_string(b, "compatible", "qemu,fw-cfg-mmio");
	put_reg(b, GUEST_FW_CFG_BASE, 0x18);
	put_empty(b, "dma-coherent");
	end(b);
}

int guest_fdt_generate(const struct guest_fdt_params *p, void *buf, u64 size)
{
	static const struct fdt_cells two = { 2, 2 };
	static const struct fdt_gic gic = { PHANDLE_GIC, 3, { 2, 2 } };
	struct dt_writer b;
	char uart[32];

	(void)snprintf(uart, sizeof(uart), "/%s", desc_devices[DEVICE_UART].node);
	dt_create(&b, buf, size, NULL);
	begin(&b, "");
	put_cells(&b, "interrupt-parent", PHANDLE_GIC);
	put_string(&b, "model", "linux,dummy-virt");
	put_cells(&b, "#size-cells", 2);
	put_cells(&b, "#address-cells", 2);
	put_string(&b, "compatible", "linux,dummy-virt");
	begin(&b, "aliases");
	put_string(&b, "serial0", uart);
	end(&b);
	begin(&b, "chosen");
	put_string(&b, "stdout-path", uart);
	guest_fdt_chosen(&b, p);
	end(&b);
	guest_fdt_nodes(&b, p, &two);
	put_timer(&b, p);
	if (p->desc->pmu)
		put_pmu(&b, p);
	guest_fdt_gic(&b, p, &two, &gic);
	put_clock(&b);
	for (u32 i = 0; i < DEVICES; i++)
		if (desc_has_device(p->desc, &desc_devices[i]))
			put_device(&b, &desc_devices[i]);
	if (p->desc->firmware.path[0]) {
		put_flash(&b);
		put_fw_cfg(&b);
	}
	put_power_key(&b);
	if (p->desc->channel_count)
		put_pci(&b);
	/* In the order of the description: Linux numbers disks in this order. */
	for (u32 i = 0; i < p->desc->virtio_count; i++)
		put_virtio(&b, &p->desc->virtio[i]);
	end(&b);
	return dt_finish(&b);
}
