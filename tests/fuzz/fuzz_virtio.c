/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtio console driver against a device that lies: registers, rings and messages hold values
 * from the input, and change whenever the driver looks. Whatever the device does, a call of the
 * driver ends, stays in its own memory and reads no more than it was given. The driver's sources
 * are part of this file, over registers of our own.
 */
#include "fuzz.h"

#include <arch/mmu.h>
#include <asm/host.h>
#include <drivers/host.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <kernel/spinlock.h>
#include <kernel/thread.h>
#include <string.h>

#define DRIVERS_MMIO_H /* takes the place of drivers/mmio.h */
static u32 mmio_read32(const volatile void *base, u32 offset);
static void mmio_write32(volatile void *base, u32 offset, u32 value);

/* A used ring is looked at: the device may have gone on. */
static void device_moves(void);
#define __atomic_load_n(p, order) (device_moves(), *(volatile __typeof__(*(p)) *)(p))

#include "../../drivers/virtio_mmio.c"
#include "../../drivers/virtio_probe.c"
#include "../../drivers/virtio_console.c"

#define BLOCKS_MAX (3 + 8 * CONSOLE_MAX_PORTS * MAX_DEVICES)
#define LOOKS_MAX  1000 /* of one call: each buffer and each port a few times */

static struct fuzz_input input;
static u32 looks;
static bool tireless; /* the device returns buffers for ever */

/* Memory that the driver gave to the device, or reserves for it. */
static struct {
	u8 *at;
	u32 pages;
} blocks[BLOCKS_MAX];
static u32 block_count;

static void *block(u32 pages)
{
	u8 *p;

	if (block_count == BLOCKS_MAX || fuzz_once_in(&input, 128))
		return NULL;
	p = aligned_alloc(PAGE_SIZE, pages * PAGE_SIZE);
	fuzz_assert(p);
	memset(p, 0, pages * PAGE_SIZE);
	blocks[block_count].at = p;
	blocks[block_count++].pages = pages;
	return p;
}

void *page_alloc(void)
{
	return block(1);
}

void *pages_alloc(u32 count)
{
	return block(count);
}

paddr_t virt_to_phys(const void *va)
{
	return PADDR((u64)va);
}

/* Something new in memory that the device may write: mostly a buffer that comes back. */
static void device_moves(void)
{
	static const u32 lengths[] = { 0, 0, 1, 8, RX_BYTES, RX_BYTES + 1, 4096, ~0U };
	struct virtq_used *used;
	u32 n;
	u8 *p;

	fuzz_assert(++looks < LOOKS_MAX);
	if (!block_count)
		return;
	n = fuzz_below(&input, block_count);
	p = blocks[n].at;
	used = (void *)(p + PAGE_SIZE);
	if (tireless) {
		for (n = 0; n < block_count; n++)
			if (blocks[n].pages == QUEUE_PAGES)
				((struct virtq_used *)(void *)(blocks[n].at + PAGE_SIZE))->idx++;
	} else if (blocks[n].pages == QUEUE_PAGES) {
		const u16 at = fuzz_byte(&input) % 32;

		used->ring[at].id = fuzz_once_in(&input, 8) ? (u32)fuzz_u64(&input) : at % 4;
		used->ring[at].len = fuzz_word(&input, lengths);
		used->idx += fuzz_once_in(&input, 8) ? (u16)fuzz_u64(&input)
						     : fuzz_below(&input, 3);
	} else {
		const struct control m = { fuzz_below(&input, 33), fuzz_below(&input, 9), 1 };

		memcpy(p + (fuzz_byte(&input) % 32) * CONTROL_RX_BYTES, &m, sizeof(m));
	}
}

static u32 mmio_read32(const volatile void *base, u32 offset)
{
	(void)base;
	if (fuzz_once_in(&input, 16))
		return (u32)fuzz_u64(&input);
	switch (offset) {
	case MAGIC_VALUE:
		return MAGIC;
	case VERSION:
		return 2 - fuzz_once_in(&input, 4);
	case DEVICE_ID:
		return VIRTIO_ID_CONSOLE;
	case DEVICE_FEATURES:
		return fuzz_once_in(&input, 4) ? 0 : 3;
	case QUEUE_NUM_MAX:
		return 1U << fuzz_below(&input, 11);
	case STATUS:
		return fuzz_byte(&input) & 1 ? STATUS_FEATURES_OK : 0;
	case CONFIG + CFG_MAX_NR_PORTS:
		return fuzz_once_in(&input, 16) ? 32 : fuzz_below(&input, 4);
	default:
		return 0;
	}
}

static void mmio_write32(volatile void *base, u32 offset, u32 value)
{
	(void)base;
	(void)value;
	if (offset == QUEUE_NOTIFY)
		device_moves();
}

/* ---- what is around the driver ---- */

u32 host_cpu;
bool host_irqs_open[HOST_CPUS];
void (*host_deliver)(void);

/* No other thread has the lock. */
void host_relax(void)
{
	fuzz_assert(false);
}

void console_port_ready(u32 port)
{
	fuzz_assert(port < CONSOLE_MAX_PORTS);
}

int console_ports_register(const struct console_port_ops *ops)
{
	fuzz_assert(ops->count <= CONSOLE_MAX_PORTS);
	return 0;
}

int host_fdt_find(const char *compatible, int after)
{
	(void)compatible;
	return after < (int)MAX_DEVICES ? after + 1 : -1;
}

int host_fdt_reg(int node, u32 index, struct phys_range *r)
{
	(void)index;
	*r = (struct phys_range){ PADDR(0xa000000 + 0x200 * (u64)node), 0x200 };
	return fuzz_once_in(&input, 32) ? -ENOENT : 0;
}

int host_fdt_irq(int node, u32 index, u32 *intid, u32 *flags)
{
	(void)index;
	*intid = 32 + (u32)node;
	*flags = 0;
	return fuzz_once_in(&input, 32) ? -ENOENT : 0;
}

void *arch_map_device(paddr_t pa, u64 size)
{
	static u8 page[PAGE_SIZE];

	fuzz_assert(IS_ALIGNED(pa.pa, PAGE_SIZE) && size == PAGE_SIZE);
	return page;
}

int irq_request(u32 intid, const char *name, irq_handler_t fn, void *arg, u32 flags)
{
	(void)name;
	(void)flags;
	fn(intid, arg);
	return fuzz_once_in(&input, 32) ? -EBUSY : 0;
}

void thread_sleep_ms(u64 ms)
{
	(void)ms;
	looks = 0;
}

void klog(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

/* ---- a driver's life ---- */

static void read_port(const struct console_port_ops *ops, u32 port, u32 len)
{
	u8 *data = malloc(len);

	fuzz_assert(data || !len);
	fuzz_assert(ops->read(port, data, len) <= len);
	free(data);
}

static void write_port(const struct console_port_ops *ops, u32 port, u32 len)
{
	u8 *data = calloc(1, len);

	fuzz_assert(data || !len);
	fuzz_assert(ops->write(port, data, len) <= len);
	free(data);
}

static void live(u32 device_total)
{
	const struct console_port_ops *ops = virtio_console_ops();

	for (u32 steps = 0; steps < 100 && (input.left || tireless); steps++) {
		const u32 port = fuzz_below(&input, CONSOLE_MAX_PORTS + 1);
		const u8 step = fuzz_byte(&input);

		looks = 0;
		if (step % 4 == 0 && device_total)
			virtio_console_interrupt(step / 4 % device_total);
		else if (step % 4 == 1)
			read_port(ops, port, fuzz_byte(&input) & 127);
		else if (step % 4 == 2)
			write_port(ops, port, fuzz_byte(&input) * 16U);
		else
			fuzz_assert(!(ops->name(port) && ops->is_open(port)) || port < ops->count);
	}
}

/* What other drivers do: the device may go on as it likes. */
static void end(struct vcon *c)
{
	if (c->multiport)
		virtq_quiet(&c->ctx, fuzz_byte(&input) & 1);
	(void)virtio_stop(&c->dev);
}

/* What the disks' driver does with its queue: a transfer whose parts are in a table. */
static void hand_over_a_table(u32 count)
{
	static struct virtq_desc table[2];
	const struct virtq_part part = { virt_to_phys(table), 16, false };

	if (!count || !devices[0].ctx.desc)
		return;
	virtq_describe(table, 0, &part, false);
	virtq_describe(table, 1, &part, true);
	virtq_submit_table(&devices[0].ctx, 0, table, ARRAY_SIZE(table));
	fuzz_assert(table[0].next == 1 && table[0].flags && !table[1].flags);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct virtio_driver *const drivers[] = { &virtio_console_driver };
	u32 device_total;

	input = (struct fuzz_input){ .at = data, .left = size };
	memset(devices, 0, sizeof(devices));
	memset(ports, 0, sizeof(ports));
	device_count = port_count = block_count = looks = 0;
	tireless = false;
	virtio_probe(drivers, 1);
	device_total = virtio_console_register();
	fuzz_assert(device_total <= MAX_DEVICES && port_count <= CONSOLE_MAX_PORTS);
	live(device_total);
	hand_over_a_table(device_total);
	tireless = true;
	live(device_total);
	for (u32 i = 0; i < device_total; i++)
		end(&devices[i]);
	while (block_count)
		free(blocks[--block_count].at);
	return 0;
}
