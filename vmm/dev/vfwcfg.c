/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU's firmware configuration device (docs/specs/fw_cfg), as far as firmware needs it to start
 * the kernel that a description names beside the firmware: EDK2 does that by itself, U-Boot by
 * `qfw load`. Items are read-only. A transfer by DMA is work in units on the vCPU's thread; its
 * struct in guest memory is read once, and its last word tells the guest that it is done.
 */
#include <kernel/page.h>
#include <kernel/spinlock.h>
#include <kernel/thread.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/bus.h>
#include <vmm/core.h>
#include <vmm/dev.h>

#define CHUNK 2048U /* bytes that one unit copies */

/* Registers. Numbers are big-endian. */
#define DATA     0x00 /* the next 1, 2, 4 or 8 bytes of the selected item */
#define SELECTOR 0x08
#define DMA      0x10 /* the address of a struct; its low half starts the transfer */

#define SIGNATURE 0x51454d5520434647ULL /* "QEMU CFG", what DMA reads as */

enum key {
	KEY_SIGNATURE = 0x00,
	KEY_ID = 0x01,
	KEY_KERNEL_SIZE = 0x08,
	KEY_INITRD_SIZE = 0x0b,
	KEY_KERNEL_DATA = 0x11,
	KEY_INITRD_DATA = 0x12,
	KEY_CMDLINE_SIZE = 0x14,
	KEY_CMDLINE_DATA = 0x15,
	KEY_DIRECTORY = 0x19,
};

#define ID_TRADITIONAL BIT(0)
#define ID_DMA         BIT(1)

/* The struct's control word. */
#define CONTROL_ERROR  BIT(0)
#define CONTROL_READ   BIT(1)
#define CONTROL_SKIP   BIT(2)
#define CONTROL_SELECT BIT(3) /* the key is in bits 31:16 */
#define CONTROL_WRITE  BIT(4)

struct dma {
	u32 control, length;
	u64 address;
};

/* Where a transfer is. */
enum step { STEP_IDLE, STEP_STRUCT, STEP_COPY, STEP_ANSWER };

struct fw_cfg {
	struct spinlock lock;
	struct vm *vm;
	u16 key;
	u64 at; /* the next byte of the item */
	u64 dma_high;
	/* a transfer */
	enum step step;
	u64 dma_at;     /* its struct, and ... */
	struct dma dma; /* ... what was read of it */
	u32 got;        /* bytes of the struct that were read, or of the answer that were written */
	u32 answer;
	u64 missing; /* an IPA whose memory is not there yet; 0: none */
	bool asked;  /* a vCPU is to look for work (atomic) */
	/* items that are not in memory by themselves, little-endian; the directory is empty */
	u32 id, kernel_size, initrd_size, cmdline_size, directory;
};

/* ---- items ---- */

struct item {
	const void *data;
	u64 size;
};

static struct item item_of(const struct fw_cfg *f)
{
	const struct vm *vm = f->vm;

	switch (f->key) {
	case KEY_SIGNATURE:
		return (struct item){ "QEMU", 4 };
	case KEY_ID:
		return (struct item){ &f->id, 4 };
	case KEY_KERNEL_SIZE:
		return (struct item){ &f->kernel_size, 4 };
	case KEY_INITRD_SIZE:
		return (struct item){ &f->initrd_size, 4 };
	case KEY_CMDLINE_SIZE:
		return (struct item){ &f->cmdline_size, 4 };
	case KEY_KERNEL_DATA:
		return (struct item){ vm->kernel.data, vm->kernel.size };
	case KEY_INITRD_DATA:
		return (struct item){ vm->initrd.data, vm->initrd.size };
	case KEY_CMDLINE_DATA:
		return (struct item){ vm->desc.bootargs, f->cmdline_size };
	case KEY_DIRECTORY:
		return (struct item){ &f->directory, 4 };
	default:
		return (struct item){ NULL, 0 };
	}
}

static void select(struct fw_cfg *f, u16 key)
{
	f->key = key;
	f->at = 0;
}

/* The next bytes of the item; zeroes behind its end, and for an item that is not there. */
static void read_item(struct fw_cfg *f, void *to, u32 size)
{
	const struct item item = item_of(f);
	const u32 there = (u32)MIN((u64)size, item.size - MIN(f->at, item.size));

	if (there)
		memcpy(to, (const u8 *)item.data + f->at, there);
	memset((u8 *)to + there, 0, size - there);
	f->at += size;
}

/* ---- a transfer, under the lock ---- */

/*
 * The next piece of guest memory at ipa, of up to *len bytes. NULL: it is no RAM, or its memory has
 * to come first (f->missing).
 */
static void *piece(struct fw_cfg *f, u64 ipa, u32 *len)
{
	void *p;

	if (!ram_map_bank(&f->vm->ram.map, ipa))
		return NULL;
	*len = (u32)MIN((u64)MIN(*len, CHUNK), BLOCK_SIZE - ipa % BLOCK_SIZE);
	p = vm_ram_ptr(&f->vm->ram, ipa);
	f->missing = p ? 0 : ipa;
	return p;
}

static void end(struct fw_cfg *f, u32 answer)
{
	f->answer = __builtin_bswap32(answer);
	f->got = 0;
	f->step = STEP_ANSWER;
}

/* What a guest reads or writes there later does not matter: this copy counts. */
static void begin(struct fw_cfg *f)
{
	struct dma *d = &f->dma;

	d->control = __builtin_bswap32(d->control);
	d->length = __builtin_bswap32(d->length);
	d->address = __builtin_bswap64(d->address);
	if (d->control & CONTROL_SELECT)
		select(f, (u16)(d->control >> 16));
	f->step = STEP_COPY;
	if (d->control & CONTROL_READ)
		return;
	if (d->control & CONTROL_SKIP)
		f->at += d->length;
	end(f, d->control & CONTROL_WRITE && !(d->control & CONTROL_SKIP) ? CONTROL_ERROR : 0);
}

static void get_struct(struct fw_cfg *f)
{
	u32 len = (u32)sizeof(f->dma) - f->got;
	const void *from = piece(f, f->dma_at + f->got, &len);

	if (from) {
		memcpy((u8 *)&f->dma + f->got, from, len);
		f->got += len;
		if (f->got == sizeof(f->dma))
			begin(f);
	} else if (!f->missing) {
		f->step = STEP_IDLE; /* there is no place for an answer */
	}
}

static void copy(struct fw_cfg *f)
{
	u32 len = f->dma.length;
	void *to;

	if (!len) {
		end(f, 0);
		return;
	}
	to = piece(f, f->dma.address, &len);
	if (to) {
		read_item(f, to, len);
		f->dma.address += len;
		f->dma.length -= len;
	} else if (!f->missing) {
		end(f, CONTROL_ERROR);
	}
}

static void put_answer(struct fw_cfg *f)
{
	u32 len = (u32)sizeof(f->answer) - f->got;
	u8 *to = piece(f, f->dma_at + f->got, &len);

	if (!to)
		return; /* it was RAM before */
	if (len == sizeof(f->answer) && IS_ALIGNED(f->dma_at, sizeof(f->answer)))
		/* The data is there before the guest sees that. */
		__atomic_store_n((u32 *)(void *)to, f->answer, __ATOMIC_RELEASE);
	else
		memcpy(to, (u8 *)&f->answer + f->got, len);
	f->got += len;
	if (f->got == sizeof(f->answer))
		f->step = STEP_IDLE;
}

static void unit(struct fw_cfg *f)
{
	switch (f->step) {
	case STEP_STRUCT:
		get_struct(f);
		break;
	case STEP_COPY:
		copy(f);
		break;
	case STEP_ANSWER:
		put_answer(f);
		break;
	case STEP_IDLE:
		break;
	}
}

static void ask(struct fw_cfg *f, struct vcpu *v)
{
	__atomic_store_n(&f->asked, true, __ATOMIC_RELEASE);
	thread_set_work(&v->thread, VCPU_WORK_DEVICE);
}

/* The guest gave the memory back that the transfer needs: it ends, and has no answer. */
static void lose(struct fw_cfg *f)
{
	unsigned long irq = spin_lock_irqsave(&f->lock);

	f->step = STEP_IDLE;
	spin_unlock_irqrestore(&f->lock, irq);
}

/* On a vCPU's thread, interrupts masked; they are let in between two units. */
static void work(struct vdev *d, struct vcpu *v)
{
	struct fw_cfg *f = d->state;
	unsigned long irq;
	u64 missing;
	bool more;

	if (!__atomic_exchange_n(&f->asked, false, __ATOMIC_ACQ_REL))
		return;
	for (;;) {
		irq = spin_lock_irqsave(&f->lock);
		unit(f);
		more = f->step != STEP_IDLE;
		missing = f->missing;
		f->missing = 0;
		spin_unlock_irqrestore(&f->lock, irq);
		if (!more)
			return;
		sched_open();
		if (missing && !vm_ram_bring(f->vm, missing))
			lose(f);
		arch_irq_disable();
		if (__atomic_load_n(&v->thread.work, __ATOMIC_RELAXED) & VCPU_WORK_STATE) {
			ask(f, v); /* goes on when the VM does */
			return;
		}
	}
}

/* ---- registers ---- */

static u64 read_locked(struct fw_cfg *f, u64 offset, u32 size)
{
	const u64 signature = __builtin_bswap64(SIGNATURE);
	u64 value = 0;

	if (offset == DATA)
		read_item(f, &value, size);
	else if (offset >= DMA && offset < DMA + sizeof(signature))
		value = signature >> 8 * (offset - DMA);
	return value;
}

/* True: a transfer begins. While one is under way no other one does. */
static bool start(struct fw_cfg *f, u64 address)
{
	if (f->step != STEP_IDLE)
		return false;
	f->dma_at = address;
	f->got = 0;
	f->step = STEP_STRUCT;
	return true;
}

static bool write_locked(struct fw_cfg *f, u64 offset, u64 value, u32 size)
{
	if (offset == SELECTOR && size == 2)
		select(f, __builtin_bswap16((u16)value));
	else if (offset == DMA && size == 4)
		f->dma_high = (u64)__builtin_bswap32((u32)value) << 32;
	else if (offset == DMA + 4 && size == 4)
		return start(f, f->dma_high | __builtin_bswap32((u32)value));
	else if (offset == DMA && size == 8)
		return start(f, __builtin_bswap64(value));
	return false;
}

static enum mmio_result access(const struct mmio_region *r, struct vcpu *v, u64 offset,
			       struct mmio_access *a)
{
	struct fw_cfg *f = r->dev;
	unsigned long irq = spin_lock_irqsave(&f->lock);
	bool more = false;

	if (a->write)
		more = write_locked(f, offset, a->value, a->size);
	else
		a->value = read_locked(f, offset, a->size);
	spin_unlock_irqrestore(&f->lock, irq);
	if (more)
		ask(f, v);
	return MMIO_OK;
}

/* ---- the device ---- */

static bool wanted(const struct vm_desc *d)
{
	return d->firmware.path[0];
}

static int create(struct vdev *d)
{
	struct fw_cfg *f = d->state;
	const struct vm *vm = d->vm;
	const struct mmio_region region = { .base = GUEST_FW_CFG_BASE,
					    .size = KIB(4),
					    .name = "fw-cfg",
					    .handler = access,
					    .dev = f };

	spin_lock_init(&f->lock, LOCK_DEVICE);
	f->vm = d->vm;
	f->id = ID_TRADITIONAL | ID_DMA;
	f->kernel_size = (u32)vm->kernel.size;
	f->initrd_size = (u32)vm->initrd.size;
	if (vm->kernel.data)
		f->cmdline_size = (u32)strlen(vm->desc.bootargs) + 1;
	return mmio_add(&d->vm->bus, &region);
}

static void reset(struct vdev *d)
{
	struct fw_cfg *f = d->state;
	unsigned long irq = spin_lock_irqsave(&f->lock);

	select(f, KEY_SIGNATURE);
	f->dma_high = 0;
	f->step = STEP_IDLE;
	f->asked = false;
	spin_unlock_irqrestore(&f->lock, irq);
}

const struct vdev_class vfwcfg_class = {
	.name = "fw-cfg",
	.wanted = wanted,
	.size = sizeof(struct fw_cfg),
	.create = create,
	.reset = reset,
	.work = work,
};
