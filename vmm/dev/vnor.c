/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of a flash bank: Intel's basic and extended command set (CFI: JESD68, command set
 * 0001), with the behaviour of QEMU's pflash_cfi01. A command counts for both chips, whatever the
 * width and the chip of the write. An operation is done when its last write is. While a block is
 * being erased, or a change is being saved to a disk, other vCPUs see the status "busy".
 */
#include <arch/cpu.h>
#include <kernel/page.h>
#include <kernel/thread.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/core.h>
#include "vnor.h"

enum command {
	CMD_PROGRAM_ALT = 0x10,
	CMD_ERASE = 0x20,
	CMD_PROGRAM = 0x40,
	CMD_CLEAR_STATUS = 0x50,
	CMD_LOCK = 0x60,
	CMD_READ_STATUS = 0x70,
	CMD_READ_ID = 0x90,
	CMD_QUERY = 0x98,
	CMD_CONFIRM = 0xd0,
	CMD_BUFFERED = 0xe8,
};

#define SR_READY         BIT(7)
#define SR_ERASE_ERROR   BIT(5)
#define SR_PROGRAM_ERROR BIT(4)
#define SR_SEQUENCE      (SR_ERASE_ERROR | SR_PROGRAM_ERROR) /* a wrong sequence of commands */

#define LOG2_CHIP   25 /* 32 MiB each */
#define LOG2_BUFFER 9  /* 512 bytes each: less than on QEMU, so that no write takes long */
#define CHIP_BLOCKS (VNOR_SIZE / VNOR_BLOCK)
#define CHIP_BLOCK  (VNOR_BLOCK / 2)

/* What each chip says of itself (JESD68.01, 4), as in QEMU. */
static const u8 query[] = {
	[0x10] = 'Q',
	'R',
	'Y',
	[0x13] = 0x01, /* command set 0001 */
	[0x15] = 0x31, /* its table, below */
	[0x1b] = 0x45,
	0x55, /* Vcc: 4.5 to 5.5 V */
	[0x1f] = 0x07,
	0x07,
	0x0a, /* 2^n us: word, buffer; 2^n ms: block */
	[0x23] = 0x04,
	0x04,
	0x04, /* at most 2^n times that */
	[0x27] = LOG2_CHIP,
	0x02,
	0x00, /* for 8 and 16 bits */
	[0x2a] = LOG2_BUFFER,
	0x00,
	0x01, /* one kind of blocks: */
	[0x2d] = (CHIP_BLOCKS - 1) & 0xff,
	(CHIP_BLOCKS - 1) >> 8,
	[0x2f] = (CHIP_BLOCK / 256) & 0xff,
	CHIP_BLOCK / 256 >> 8,
	[0x31] = 'P',
	'R',
	'I',
	'1',
	'0',           /* no optional feature */
	[0x3f] = 0x01, /* one protection field */
};

static const u8 ids[] = { 0x89, 0x18 }; /* manufacturer, device; then: no block is locked */

/* ---- reads ---- */

/* The chips' answer: each gives its 16 bits. */
static u64 both(u16 value)
{
	return value * 0x0001000100010001ULL;
}

static u64 table_word(const u8 *table, u64 size, u64 index)
{
	return index < size ? both(table[index]) : 0;
}

static u64 read_bytes(const struct vnor *n, u64 offset, u32 size)
{
	u64 value = 0;

	for (u32 i = size; i-- > 0;)
		value = value << 8 | vnor_byte(n, offset + i);
	return value;
}

static u64 low_bytes(u64 value, u32 size)
{
	return size < sizeof(value) ? value & (BIT(8 * size) - 1) : value;
}

static u64 read_locked(struct vnor *n, u64 offset, u32 size)
{
	switch (n->mode) {
	case VNOR_STATUS:
		return both(n->busy ? n->status & (u8)~SR_READY : n->status);
	case VNOR_ID:
		return table_word(ids, sizeof(ids), offset / 4 & 0xff);
	case VNOR_QUERY:
		return table_word(query, sizeof(query), offset / 4);
	default:
		if (offset < MIB(2))
			vnor_show(n);
		return read_bytes(n, offset, size);
	}
}

/* ---- writes ---- */

static void begin(struct vnor *n, enum vnor_mode mode, enum vnor_cycle cycle)
{
	n->mode = mode;
	n->cycle = cycle;
}

/* The end of an operation: its status is read next. */
static void end(struct vnor *n, u8 errors)
{
	n->status |= errors;
	begin(n, VNOR_STATUS, VNOR_COMMAND);
}

static void command(struct vnor *n, u8 cmd)
{
	switch (cmd) {
	case CMD_PROGRAM:
	case CMD_PROGRAM_ALT:
		begin(n, VNOR_STATUS, VNOR_PROGRAM);
		break;
	case CMD_ERASE:
		begin(n, VNOR_STATUS, VNOR_ERASE);
		break;
	case CMD_LOCK:
		begin(n, VNOR_STATUS, VNOR_LOCK);
		break;
	case CMD_BUFFERED:
		begin(n, VNOR_STATUS, VNOR_COUNT);
		break;
	case CMD_READ_STATUS:
		begin(n, VNOR_STATUS, VNOR_COMMAND);
		break;
	case CMD_READ_ID:
		begin(n, VNOR_ID, VNOR_COMMAND);
		break;
	case CMD_QUERY:
		begin(n, VNOR_QUERY, VNOR_COMMAND);
		break;
	case CMD_CLEAR_STATUS:
		n->status = SR_READY;
		begin(n, VNOR_ARRAY, VNOR_COMMAND);
		break;
	default: /* 0xff; any other command is unknown, and as on QEMU it is one, too */
		begin(n, VNOR_ARRAY, VNOR_COMMAND);
		break;
	}
}

/* The end of an operation that changed these bytes, if it did. */
static void end_change(struct vnor *n, bool done, u64 at, u64 size, u8 error)
{
	n->changed = at;
	n->changed_size = size;
	n->busy = done && (n->range || n->erases);
	end(n, done ? 0 : error);
}

/* True if what is written there can be kept. */
static bool is_kept(const struct vnor *n, u64 offset)
{
	return !n->range || offset < n->kept;
}

static void program(struct vnor *n, u64 offset, u64 value, u32 size)
{
	const bool done = is_kept(n, offset) && vnor_program(n, offset, value, size);

	end_change(n, done, ALIGN_DOWN(offset, PAGE_SIZE), PAGE_SIZE, SR_PROGRAM_ERROR);
}

static void erase(struct vnor *n, u64 offset, u8 cmd)
{
	if (cmd != CMD_CONFIRM) {
		end(n, SR_SEQUENCE);
		return;
	}
	n->erases = is_kept(n, offset);
	end_change(n, n->erases, ALIGN_DOWN(offset, VNOR_BLOCK), VNOR_BLOCK, SR_ERASE_ERROR);
}

static void count(struct vnor *n, u16 value)
{
	if (value >= VNOR_BUFFER) { /* a word has a byte at least */
		end(n, SR_SEQUENCE);
		return;
	}
	memset(n->buffer, 0xff, sizeof(n->buffer));
	n->words_left = value + 1U;
	n->first = true;
	n->astray = false;
	n->cycle = VNOR_DATA;
}

static void word(struct vnor *n, u64 offset, u64 value, u32 size)
{
	if (n->first)
		n->at = ALIGN_DOWN(offset, VNOR_BUFFER);
	n->first = false;
	if (ALIGN_DOWN(offset, VNOR_BUFFER) == n->at)
		memcpy(n->buffer + offset % VNOR_BUFFER, &value, size);
	else
		n->astray = true;
	if (--n->words_left == 0)
		n->cycle = VNOR_CONFIRM;
}

static void confirm(struct vnor *n, u8 cmd)
{
	if (cmd != CMD_CONFIRM || n->astray)
		end(n, SR_SEQUENCE);
	else
		end_change(n, is_kept(n, n->at) && vnor_program_buffer(n),
			   ALIGN_DOWN(n->at, PAGE_SIZE), PAGE_SIZE, SR_PROGRAM_ERROR);
}

static void write_locked(struct vnor *n, u64 offset, u64 value, u32 size)
{
	vnor_hide(n);
	switch (n->cycle) {
	case VNOR_COMMAND:
		command(n, (u8)value);
		break;
	case VNOR_PROGRAM:
		program(n, offset, value, size);
		break;
	case VNOR_ERASE:
		erase(n, offset, (u8)value);
		break;
	case VNOR_LOCK: /* no block is ever locked */
		end(n, 0);
		break;
	case VNOR_COUNT:
		count(n, (u16)value);
		break;
	case VNOR_DATA:
		word(n, offset, value, size);
		break;
	case VNOR_CONFIRM:
		confirm(n, (u8)value);
		break;
	}
}

static enum mmio_result read(struct vnor *n, u64 offset, struct mmio_access *a)
{
	unsigned long irq = spin_lock_irqsave(&n->lock);

	a->value = low_bytes(read_locked(n, offset, a->size), a->size);
	spin_unlock_irqrestore(&n->lock, irq);
	return MMIO_OK;
}

/* The block goes in pieces, so that no section is long. */
static void erase_block(struct vnor *n)
{
	for (u64 at = 0; at < VNOR_BLOCK; at += VNOR_PIECE) {
		unsigned long irq = spin_lock_irqsave(&n->lock);

		vnor_erase(n, n->changed + at);
		spin_unlock_irqrestore(&n->lock, irq);
		sched_open();
		arch_irq_disable();
	}
}

/* The operation is over when the block is erased, and the disk has what was changed. */
static void finish(struct vnor *n)
{
	unsigned long irq;
	bool good;

	if (n->erases)
		erase_block(n);
	good = !n->range || vnor_save(n);
	irq = spin_lock_irqsave(&n->lock);
	n->busy = n->erases = false;
	if (!good)
		n->status |= SR_PROGRAM_ERROR;
	spin_unlock_irqrestore(&n->lock, irq);
}

static enum mmio_result write(struct vnor *n, u64 offset, const struct mmio_access *a)
{
	bool changed = false;
	unsigned long irq;

	if (offset % a->size)
		return MMIO_FAULT;
	vnor_refill(n);
	irq = spin_lock_irqsave(&n->lock);
	if (!n->busy) { /* with another vCPU's; then it is ignored */
		write_locked(n, offset, a->value, a->size);
		changed = n->busy;
	}
	spin_unlock_irqrestore(&n->lock, irq);
	if (changed)
		finish(n);
	vnor_give_back(n);
	return MMIO_OK;
}

static enum mmio_result access(const struct mmio_region *r, struct vcpu *v, u64 offset,
			       struct mmio_access *a)
{
	(void)v;
	return a->write ? write(r->dev, offset, a) : read(r->dev, offset, a);
}

/* ---- the bank ---- */

int vnor_create(struct vnor *n, struct vdev *d)
{
	const struct mmio_region bank = { .base = GUEST_FLASH1_BASE,
					  .size = VNOR_SIZE,
					  .name = "flash1",
					  .handler = access,
					  .dev = n };
	int r;

	spin_lock_init(&n->lock, LOCK_DEVICE);
	n->vm = d->vm;
	n->status = SR_READY;
	r = vnor_pages_open(n);
	if (!r)
		r = vnor_disk_open(n, d);
	return r ? r : mmio_add(&d->vm->bus, &bank);
}

void vnor_reset(struct vnor *n)
{
	unsigned long irq = spin_lock_irqsave(&n->lock);

	vnor_hide(n);
	n->status = SR_READY;
	begin(n, VNOR_ARRAY, VNOR_COMMAND);
	spin_unlock_irqrestore(&n->lock, irq);
}

void vnor_destroy(struct vnor *n)
{
	vnor_disk_close(n);
	vnor_pages_close(n);
}
