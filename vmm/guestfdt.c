/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's devicetree: what QEMU's `virt` writes for the devices that we have. The parts that
 * depend on the VM (memory, cpus, psci, chosen) are written by the same functions into a generated
 * tree and into one that the VM brought along.
 */
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <libfdt.h>
#include <vmm/guestfdt.h>
#include <vmm/memory.h>
#include <vmm/vdev.h>

#define PHANDLE_CLOCK 0x8000
#define PHANDLE_GIC   0x8001
/* Far from those of a VM's own tree, which keeps its other nodes. */
#define PHANDLE_CPU(n) (0x7a760000 + (n))

#define GIC_SPI        0
#define GIC_PPI        1
#define IRQ_LEVEL_HIGH 4

#define GICD_SIZE 0x10000
#define GICR_SIZE 0x20000 /* a vCPU: RD_base and SGI_base */

#define GICV2_DIST_SIZE 0x1000
#define GICV2_CPU_SIZE  0x2000

#define PMU_COMPATIBLE "arm,armv8-pmuv3"

#define UART_NODE "pl011@9000000"
#define UART_PATH "/" UART_NODE

/* A tree being written; the first error sticks. */
struct builder {
	void *fdt;
	int err;
};

static int result(const struct builder *b)
{
	if (!b->err)
		return 0;
	return b->err == -FDT_ERR_NOSPACE ? -ENOSPC : -EINVAL;
}

static void note(struct builder *b, int ret)
{
	if (!b->err && ret < 0)
		b->err = ret;
}

/*
 * New nodes come first among their siblings and move those that follow: a node is finished,
 * children included, before the next one of the same parent is made.
 */
static int add_node(struct builder *b, int parent, const char *name)
{
	int node;

	if (b->err)
		return 0;
	node = fdt_add_subnode(b->fdt, parent, name);
	note(b, node);
	return b->err ? 0 : node;
}

static void put(struct builder *b, int node, const char *name, const void *value, size_t len)
{
	if (!b->err)
		note(b, fdt_setprop(b->fdt, node, name, value, (int)len));
}

static void put_empty(struct builder *b, int node, const char *name)
{
	put(b, node, name, NULL, 0);
}

static void put_string(struct builder *b, int node, const char *name, const char *s)
{
	put(b, node, name, s, strlen(s) + 1);
}

static void put_array(struct builder *b, int node, const char *name, const u32 *cells, u32 count)
{
	fdt32_t out[16];

	for (u32 i = 0; i < count; i++)
		out[i] = cpu_to_fdt32(cells[i]);
	put(b, node, name, out, count * sizeof(*out));
}

/* Up to 16 cells. */
#define put_cells(b, node, name, ...)                          \
	put_array(b, node, name, (const u32[]){ __VA_ARGS__ }, \
		  (u32)ARRAY_SIZE(((const u32[]){ __VA_ARGS__ })))

/* A literal with embedded terminators: a list of strings. */
#define put_list(b, node, name, literal) put(b, node, name, literal, sizeof(literal))

static void put_u64(struct builder *b, int node, const char *name, u64 value)
{
	put_cells(b, node, name, (u32)(value >> 32), (u32)value);
}

static void put_reg(struct builder *b, int node, u64 base, u64 size)
{
	put_cells(b, node, "reg", (u32)(base >> 32), (u32)base, (u32)(size >> 32), (u32)size);
}

/* ---- the parts that depend on the VM ---- */

/* MPIDR affinity of vCPU n: 16 to a cluster. */
static u32 affinity_of(u32 n)
{
	return (n / 16) << 8 | n % 16;
}

static void put_cpu(struct builder *b, int cpus, u32 n)
{
	char name[16];
	int node;

	(void)snprintf(name, sizeof(name), "cpu@%x", affinity_of(n));
	node = add_node(b, cpus, name);
	put_cells(b, node, "phandle", PHANDLE_CPU(n));
	put_cells(b, node, "reg", affinity_of(n));
	put_string(b, node, "enable-method", "psci");
	put_string(b, node, "compatible", "arm,armv8");
	put_string(b, node, "device_type", "cpu");
}

static void put_cpu_map(struct builder *b, int cpus, u32 count)
{
	int cluster = add_node(b, add_node(b, add_node(b, cpus, "cpu-map"), "socket0"), "cluster0");
	char name[16];

	for (u32 n = count; n-- > 0;) {
		(void)snprintf(name, sizeof(name), "core%u", n);
		put_cells(b, add_node(b, cluster, name), "cpu", PHANDLE_CPU(n));
	}
}

static void put_cpus(struct builder *b, u32 count)
{
	int cpus = add_node(b, 0, "cpus");

	put_cells(b, cpus, "#address-cells", 1);
	put_cells(b, cpus, "#size-cells", 0);
	for (u32 n = count; n-- > 0;)
		put_cpu(b, cpus, n);
	put_cpu_map(b, cpus, count);
}

static void put_memory(struct builder *b, u64 size)
{
	int node = add_node(b, 0, "memory@40000000");

	put_string(b, node, "device_type", "memory");
	if (!b->err)
		note(b, fdt_appendprop_addrrange(b->fdt, 0, node, "reg", GUEST_RAM_BASE, size));
}

static void put_psci(struct builder *b)
{
	int node = add_node(b, 0, "psci");

	put_list(b, node, "compatible", "arm,psci-1.0\0arm,psci-0.2\0arm,psci");
	put_string(b, node, "method", "hvc");
	put_cells(b, node, "cpu_suspend", 0xc4000001);
	put_cells(b, node, "cpu_off", 0x84000002);
	put_cells(b, node, "cpu_on", 0xc4000003);
	put_cells(b, node, "migrate", 0xc4000005);
}

static void put_chosen(struct builder *b, int node, const struct guest_fdt_params *p)
{
	const struct load_plan *plan = p->plan;

	if (p->desc->bootargs[0])
		put_string(b, node, "bootargs", p->desc->bootargs);
	if (plan->initrd_size) {
		put_u64(b, node, "linux,initrd-start", plan->initrd_base);
		put_u64(b, node, "linux,initrd-end", plan->initrd_base + plan->initrd_size);
	}
	if (p->no_rng_seed)
		(void)fdt_delprop(b->fdt, node, "rng-seed");
	else
		put(b, node, "rng-seed", p->rng_seed, sizeof(p->rng_seed));
	put_u64(b, node, "kaslr-seed", p->kaslr_seed);
}

/* ---- devices ---- */

static void put_gicv2(struct builder *b)
{
	int node = add_node(b, 0, "intc@8000000");

	put_cells(b, node, "phandle", PHANDLE_GIC);
	put_string(b, node, "compatible", "arm,cortex-a15-gic");
	put_cells(b, node, "reg", 0, GUEST_GICD_BASE, 0, GICV2_DIST_SIZE, 0, GUEST_GICC_BASE, 0,
		  GICV2_CPU_SIZE);
	put_empty(b, node, "interrupt-controller");
	put_cells(b, node, "#interrupt-cells", 3);
	put_cells(b, node, "#address-cells", 2);
	put_cells(b, node, "#size-cells", 2);
	put_empty(b, node, "ranges");
}

static void put_gicv3(struct builder *b, u32 cpus)
{
	int node = add_node(b, 0, "intc@8000000");

	put_cells(b, node, "phandle", PHANDLE_GIC);
	put_string(b, node, "compatible", "arm,gic-v3");
	put_cells(b, node, "reg", 0, GUEST_GICD_BASE, 0, GICD_SIZE, 0, GUEST_GICR_BASE, 0,
		  GICR_SIZE * cpus);
	put_cells(b, node, "#redistributor-regions", 1);
	put_empty(b, node, "interrupt-controller");
	put_cells(b, node, "#interrupt-cells", 3);
	put_cells(b, node, "#address-cells", 2);
	put_cells(b, node, "#size-cells", 2);
	put_empty(b, node, "ranges");
}

/* A GICv2 wants to know of which CPUs an interrupt is private (bits 15:8 of the flags). */
static u32 ppi_flags(const struct guest_fdt_params *p)
{
	return IRQ_LEVEL_HIGH | (p->gic_version == 2 ? (1U << p->desc->cpus) - 1 : 0) << 8;
}

static void put_timer(struct builder *b, const struct guest_fdt_params *p)
{
	int node = add_node(b, 0, "timer");
	u32 flags = ppi_flags(p);

	put_list(b, node, "compatible", "arm,armv8-timer\0arm,armv7-timer");
	put_empty(b, node, "always-on");
	put_cells(b, node, "interrupts", GIC_PPI, 13, flags, GIC_PPI, 14, flags, GIC_PPI, 11, flags,
		  GIC_PPI, 10, flags);
}

static void put_pmu(struct builder *b, const struct guest_fdt_params *p)
{
	int node = add_node(b, 0, "pmu");

	put_string(b, node, "compatible", PMU_COMPATIBLE);
	put_cells(b, node, "interrupts", GIC_PPI, 7, ppi_flags(p));
}

static void put_clock(struct builder *b)
{
	int node = add_node(b, 0, "apb-pclk");

	put_cells(b, node, "phandle", PHANDLE_CLOCK);
	put_string(b, node, "compatible", "fixed-clock");
	put_cells(b, node, "#clock-cells", 0);
	put_cells(b, node, "clock-frequency", 24000000);
	put_string(b, node, "clock-output-names", "clk24mhz");
}

static void put_uart(struct builder *b)
{
	int node = add_node(b, 0, UART_NODE);

	put_list(b, node, "compatible", "arm,pl011\0arm,primecell");
	put_reg(b, node, GUEST_UART_BASE, 0x1000);
	put_cells(b, node, "interrupts", GIC_SPI, GUEST_UART_IRQ - 32, IRQ_LEVEL_HIGH);
	put_cells(b, node, "clocks", PHANDLE_CLOCK, PHANDLE_CLOCK);
	put_list(b, node, "clock-names", "uartclk\0apb_pclk");
}

static void put_rtc(struct builder *b)
{
	int node = add_node(b, 0, "pl031@9010000");

	put_list(b, node, "compatible", "arm,pl031\0arm,primecell");
	put_reg(b, node, GUEST_RTC_BASE, 0x1000);
	put_cells(b, node, "interrupts", GIC_SPI, GUEST_RTC_IRQ - 32, IRQ_LEVEL_HIGH);
	put_cells(b, node, "clocks", PHANDLE_CLOCK);
	put_string(b, node, "clock-names", "apb_pclk");
}

int guest_fdt_generate(const struct guest_fdt_params *p, void *buf, u64 size)
{
	struct builder b = { .fdt = buf };
	int node;

	note(&b, fdt_create_empty_tree(buf, (int)MIN(size, GUEST_FDT_MAX)));
	put_cells(&b, 0, "interrupt-parent", PHANDLE_GIC);
	put_string(&b, 0, "model", "linux,dummy-virt");
	put_cells(&b, 0, "#size-cells", 2);
	put_cells(&b, 0, "#address-cells", 2);
	put_string(&b, 0, "compatible", "linux,dummy-virt");
	put_rtc(&b);
	put_uart(&b);
	put_clock(&b);
	if (p->gic_version == 2)
		put_gicv2(&b);
	else
		put_gicv3(&b, p->desc->cpus);
	if (p->desc->pmu)
		put_pmu(&b, p);
	put_timer(&b, p);
	put_psci(&b);
	put_cpus(&b, p->desc->cpus);
	put_memory(&b, p->desc->memory);
	node = add_node(&b, 0, "chosen");
	put_string(&b, node, "stdout-path", UART_PATH);
	put_chosen(&b, node, p);
	node = add_node(&b, 0, "aliases");
	put_string(&b, node, "serial0", UART_PATH);
	if (!b.err)
		note(&b, fdt_pack(buf));
	return result(&b);
}

/* ---- a VM's own tree ---- */

static bool is_replaced(const void *fdt, int node)
{
	const char *type = fdt_getprop(fdt, node, "device_type", NULL);
	const char *name = fdt_get_name(fdt, node, NULL);

	if (str_eq(name, "memory") || str_starts(name, "memory@") || str_eq(name, "cpus"))
		return true;
	if (!fdt_node_check_compatible(fdt, node, "arm,psci") ||
	    !fdt_node_check_compatible(fdt, node, "arm,psci-0.2") ||
	    !fdt_node_check_compatible(fdt, node, "arm,psci-1.0"))
		return true;
	return type && str_eq(type, "memory");
}

static void delete_replaced(struct builder *b)
{
	int node = fdt_first_subnode(b->fdt, 0);

	while (node >= 0 && !b->err) {
		if (is_replaced(b->fdt, node)) {
			note(b, fdt_del_node(b->fdt, node));
			node = fdt_first_subnode(b->fdt, 0);
		} else {
			node = fdt_next_subnode(b->fdt, node);
		}
	}
}

/*
 * Devices at these addresses exist in every VM; RAM holds no devices but may have reserved parts.
 */
static bool is_present(u64 address)
{
	static const u64 devices[] = { GUEST_GICD_BASE, GUEST_UART_BASE, GUEST_RTC_BASE };

	for (u32 i = 0; i < ARRAY_SIZE(devices); i++)
		if (address == devices[i])
			return true;
	if (address >= GUEST_VIRTIO_BASE && address < GUEST_VIRTIO_BASE + GUEST_VIRTIO_SIZE)
		return true;
	return address >= GUEST_RAM_BASE && address < GUEST_RAM_BASE + GUEST_RAM_MAX;
}

/* The address in the first entry of a node's reg; false if it has none. */
static bool first_address(const void *fdt, int node, u64 *address)
{
	int len, cells = fdt_address_cells(fdt, fdt_parent_offset(fdt, node));
	const u8 *reg = fdt_getprop(fdt, node, "reg", &len);

	if (!reg || cells < 1 || cells > 2 || len < cells * 4)
		return false;
	*address = 0;
	for (int i = 0; i < cells * 4; i++)
		*address = *address << 8 | reg[i];
	return true;
}

/*
 * A driver that touches a device which is not there takes an external abort, and with it most
 * systems fall: such devices are marked as disabled. Properties are put behind the node's name, so
 * that its own offset stays.
 */
static void disable_absent(struct builder *b)
{
	u64 address;

	for (int node = fdt_next_node(b->fdt, 0, NULL); node >= 0 && !b->err;
	     node = fdt_next_node(b->fdt, node, NULL))
		if (first_address(b->fdt, node, &address) && !is_present(address))
			put_string(b, node, "status", "disabled");
}

/* The same for the performance monitors, which have no address. */
static void disable_pmu(struct builder *b)
{
	int node = b->err ? -1 : fdt_node_offset_by_compatible(b->fdt, -1, PMU_COMPATIBLE);

	if (node >= 0)
		put_string(b, node, "status", "disabled");
}

static void adapt_chosen(struct builder *b, const struct guest_fdt_params *p)
{
	static const char *const stale[] = { "linux,initrd-start", "linux,initrd-end" };
	int node = fdt_subnode_offset(b->fdt, 0, "chosen");

	if (b->err)
		return;
	if (node < 0)
		node = add_node(b, 0, "chosen");
	for (u32 i = 0; i < ARRAY_SIZE(stale); i++)
		(void)fdt_delprop(b->fdt, node, stale[i]);
	put_chosen(b, node, p);
}

int guest_fdt_adapt(const struct guest_fdt_params *p, const void *src, u64 src_size, void *buf,
		    u64 size)
{
	struct builder b = { .fdt = buf };
	const u64 room = MIN(size, GUEST_FDT_MAX);
	const u64 length = image_fdt_length(src, src_size);

	if (!length)
		return -EINVAL;
	if (length > room)
		return -ENOSPC;
	/* libfdt wants it aligned to 8 bytes, which a file in the bundle need not be. */
	memmove(buf, src, length);
	fdt_set_totalsize(buf, (u32)length);
	note(&b, fdt_check_full(buf, length));
	if (b.err)
		return -EINVAL;
	note(&b, fdt_open_into(buf, buf, (int)room));
	delete_replaced(&b);
	disable_absent(&b);
	if (!p->desc->pmu)
		disable_pmu(&b);
	put_psci(&b);
	put_cpus(&b, p->desc->cpus);
	put_memory(&b, p->desc->memory);
	adapt_chosen(&b, p);
	if (!b.err)
		note(&b, fdt_pack(buf));
	return result(&b);
}
