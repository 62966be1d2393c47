/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver of the machine's virtio disks against a device that lies, falls silent or goes on for
 * ever. Whatever it does, a call of the driver ends, each transfer that was accepted ends once, and
 * after a device has failed nothing is accepted. The driver's sources are part of this file.
 */
#include "fuzz.h"

#include <arch/mmu.h>
#include <arch/timer.h>
#include <asm/host.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <kernel/spinlock.h>
#include <string.h>

#define DRIVERS_MMIO_H /* takes the place of drivers/mmio.h */
static u32 mmio_read32(const volatile void *base, u32 offset);
static void mmio_write32(volatile void *base, u32 offset, u32 value);

/* A used ring is looked at: the device may have gone on. */
static void device_moves(void);
#define __atomic_load_n(p, order) (device_moves(), *(volatile __typeof__(*(p)) *)(p))

#include "../../drivers/virtio_mmio.c"
#include "../../drivers/virtio_disk.c"

#define IOS       24
#define TABLE     4    /* parts of a transfer */
#define LOOKS_MAX 1000 /* of one call */

static struct fuzz_input input;
static struct disk *disk;
static u8 *memory[2]; /* the page of the driver, the queue's two */
static u32 looks, serial;
static bool tireless, stubborn; /* stubborn: it does not let itself be reset */
static struct timeout *armed;

static struct {
	struct disk_io io;
	struct virtq_desc table[TABLE + 2];
	bool busy;
} ios[IOS];

static u8 buffer[DISK_BUFFER];

/* ---- in place of the house ---- */

u32 host_cpu;
bool host_irqs_open[HOST_CPUS];
void (*host_deliver)(void);
u64 host_counter;

void host_relax(void)
{
	fuzz_assert(!"a lock is not free");
}

void *pages_alloc(u32 count)
{
	u8 **m = &memory[count == QUEUE_PAGES];

	fuzz_assert(count <= QUEUE_PAGES);
	if (fuzz_once_in(&input, 64))
		return NULL;
	if (!*m)
		*m = aligned_alloc(PAGE_SIZE, count * PAGE_SIZE);
	return memset(*m, 0, count * PAGE_SIZE);
}

void *page_alloc(void)
{
	return pages_alloc(1);
}

/* The driver's disk. One that is in use stays for ever, so the runs share it. */
void *kzalloc(size_t size)
{
	static struct vblk driver;

	fuzz_assert(size == sizeof(driver));
	return fuzz_once_in(&input, 64) ? NULL : memset(&driver, 0, size);
}

void kfree(void *p, size_t size)
{
	fuzz_assert(size == sizeof(struct vblk));
	memset(p, 0xff, size);
}

paddr_t virt_to_phys(const void *va)
{
	return PADDR((u64)va);
}

void klog(enum log_level level, const char *fmt, ...)
{
	(void)level, (void)fmt;
}

void timeout_init(struct timeout *t, void (*fn)(struct timeout *t))
{
	t->fn = fn;
}

void timeout_set(struct timeout *t, u64 when)
{
	(void)when;
	armed = t;
}

u64 deadline_ms(u64 ms)
{
	return arch_counter() + ms;
}

void disk_register(struct disk *d)
{
	fuzz_assert(d->block >= 512 && d->block <= PAGE_SIZE);
	fuzz_assert(d->sectors <= UINT64_MAX / 512);
	disk = d;
}

void disk_done(struct disk_io *io, bool bad)
{
	const u32 n = (u32)((u8 *)io - (u8 *)ios) / sizeof(ios[0]);

	(void)bad;
	fuzz_assert(n < IOS && ios[n].busy);
	ios[n].busy = false;
}

/* ---- the device ---- */

static void device_moves(void)
{
	struct virtq_used *used = memory[1] ? (void *)(memory[1] + PAGE_SIZE) : NULL;
	u32 at;

	fuzz_assert(++looks < LOOKS_MAX);
	host_counter += 1 + (looks > LOOKS_MAX / 2) * LIMIT_MS; /* time passes */
	if (!used)
		return;
	if (tireless) {
		used->idx++;
		return;
	}
	if (fuzz_byte(&input) & 1)
		return;
	at = used->idx % QUEUE;
	used->ring[at].id = fuzz_once_in(&input, 8) ? (u32)fuzz_u64(&input)
						    : fuzz_below(&input, SLOTS) * PARTS;
	used->ring[at].len = fuzz_once_in(&input, 4) ? fuzz_byte(&input) : ~0U;
	used->idx += fuzz_once_in(&input, 16) ? (u16)fuzz_u64(&input) : 1;
	memset(((struct blk_page *)memory[0])->status, fuzz_once_in(&input, 8), SLOTS);
}

static u32 mmio_read32(const volatile void *base, u32 offset)
{
	static const u32 blocks[] = { 512, 512, 4096, 0, 1, 8192, 513 };

	(void)base;
	if (offset == STATUS && !stubborn)
		return serial++ & 1 ? STATUS_FEATURES_OK : 0;
	if (fuzz_once_in(&input, 32))
		return (u32)fuzz_u64(&input);
	switch (offset) {
	case DEVICE_FEATURES:
		return fuzz_once_in(&input, 4) ? 0
					       : 1 | F_FLUSH | F_BLK_SIZE | F_DISCARD | F_SEG_MAX |
							 (u32)VIRTIO_F_INDIRECT_DESC;
	case QUEUE_NUM_MAX:
		return 1U << fuzz_below(&input, 11);
	case STATUS:
		return 1;
	case CONFIG + CFG_CAPACITY:
		return 1000;
	case CONFIG + CFG_SEG_MAX:
		return fuzz_byte(&input);
	case CONFIG + CFG_BLK_SIZE:
		return fuzz_word(&input, blocks);
	default:
		return 0;
	}
}

static void mmio_write32(volatile void *base, u32 offset, u32 value)
{
	(void)base, (void)value;
	if (offset == QUEUE_NOTIFY)
		device_moves();
}

/* ---- its life ---- */

static void begin(u32 n)
{
	struct disk_io *io = &ios[n].io;

	if (ios[n].busy)
		return;
	*io = (struct disk_io){ .op = fuzz_below(&input, DISK_ZEROES_UNMAP + 1),
				.sector = fuzz_byte(&input),
				.sectors = fuzz_byte(&input),
				.data = buffer };
	if (disk->most_parts && io->op <= DISK_WRITE && (fuzz_byte(&input) & 1)) {
		io->table = ios[n].table;
		io->parts = 1 + fuzz_below(&input, MIN(disk->most_parts, TABLE));
		for (u32 i = 0; i < io->parts; i++)
			disk->describe(io, i, buffer, 512);
	}
	ios[n].busy = true;
	if (disk->submit(disk, io)) {
		fuzz_assert(((struct vblk *)disk)->failed);
		ios[n].busy = false;
	}
}

static void live(u32 steps)
{
	while (steps-- && (input.left || tireless)) {
		looks = 0;
		switch (fuzz_below(&input, 4)) {
		case 0:
			virtio_disk_interrupt(disk);
			break;
		case 1:
			if (armed) {
				host_counter += fuzz_once_in(&input, 4) ? LIMIT_MS : LOOK_MS;
				armed->fn(armed);
			}
			break;
		default:
			begin(fuzz_below(&input, IOS));
			break;
		}
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct virtio_dev dev = { .version = 2 };
	void *arg = NULL;

	input = (struct fuzz_input){ .at = data, .left = size };
	memset(ios, 0, sizeof(ios));
	dev.version = 2 - fuzz_once_in(&input, 4);
	looks = 0;
	armed = NULL;
	tireless = stubborn = false;
	stubborn = fuzz_once_in(&input, 16);
	serial = 0;
	if (virtio_disk_driver.start(&dev, &arg))
		return 0;
	fuzz_assert(arg == disk);
	vblk_irq(0, arg);
	live(100);
	tireless = true;
	live(20);
	/* It falls silent: all that was accepted ends. */
	tireless = false;
	((struct vblk *)disk)->queue.last_used = ((struct vblk *)disk)->queue.used->idx;
	for (u32 i = 0; i < 200 && armed; i++) {
		struct timeout *t = armed;

		looks = 0;
		host_counter += LIMIT_MS;
		armed = NULL;
		t->fn(t);
	}
	for (u32 i = 0; i < IOS; i++)
		fuzz_assert(!ios[i].busy);
	return 0;
}
