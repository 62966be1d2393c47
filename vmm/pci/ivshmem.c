/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ivshmem version 2 (the Jailhouse project's specification of the device): a channel as a PCI
 * function. BAR 0 has the registers, BAR 2 the channel's memory: a state table that guests only
 * read, a section that all write, and one for each peer that only this peer writes.
 */
#include <arch/mmu.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <vmm/core.h>
#include "pci_internal.h"

#define VENDOR_ID 0x110aU
#define DEVICE_ID 0x4106U
#define CLASS     0xffU /* the lower bytes of the class code are the protocol */

/* Registers */
#define ID         0x00
#define MaxPeers   0x04
#define IntControl 0x08
#define Doorbell   0x0c
#define State      0x10

#define INT_CONTROL_ENABLE BIT(0)

/* The vendor-specific capability */
#define CAP_LENGTH      0x20
#define CAP_PRIVILEGED  PCI_CAP_WORD(0) /* bits 31:24 are PrivControl */
#define CAP_STATE_SIZE  PCI_CAP_WORD(4)
#define CAP_SHARED_SIZE PCI_CAP_WORD(8)
#define CAP_OUTPUT_SIZE PCI_CAP_WORD(16)
#define CAP_BASE        PCI_CAP_WORD(24)

#define PRIVILEGED_ONE_SHOT BIT(24)

struct ivshmem {
	struct pci_function f;
	struct channel *channel;
	u32 id;
	u64 *window; /* stage-2 tables that show the memory */
	u32 tables;
	bool to_tell; /* its state has changed, and others are to be told. Atomic */
	u64 refused;  /* stores to what it may only read; the last one's offset. Atomic */
	u64 refused_at;
};

/* ---- registers ---- */

static u64 read_id(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	const struct ivshmem *s = dev;

	(void)v, (void)index;
	return row->arg ? s->channel->desc.peer_count : s->id;
}

static u64 read_control(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	const struct ivshmem *s = dev;

	(void)v, (void)index, (void)row;
	return READ_ONCE(s->channel->peers[s->id].enabled);
}

static void write_control(void *dev, struct vcpu *v, u32 index, u64 word, const struct reg_row *row)
{
	struct ivshmem *s = dev;

	(void)v, (void)index, (void)row;
	channel_enable(s->channel, s->id, word & INT_CONTROL_ENABLE);
}

/* INTx is one vector, 0. */
static void write_doorbell(void *dev, struct vcpu *v, u32 index, u64 word,
			   const struct reg_row *row)
{
	struct ivshmem *s = dev;
	const u32 target = (u32)word >> 16;

	(void)v, (void)index, (void)row;
	if (!(word & 0xffff) && target < s->channel->desc.peer_count)
		channel_ring(s->channel, (u32)arch_table_index(target, DESC_PEERS_MAX));
}

static u64 read_state(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	const struct ivshmem *s = dev;

	(void)v, (void)index, (void)row;
	return READ_ONCE(s->channel->peers[s->id].state);
}

static void write_state(void *dev, struct vcpu *v, u32 index, u64 word, const struct reg_row *row)
{
	struct ivshmem *s = dev;

	(void)index, (void)row;
	if (!channel_set_state(s->channel, s->id, (u32)word))
		return;
	__atomic_store_n(&s->to_tell, true, __ATOMIC_RELEASE);
	thread_set_work(&v->thread, VCPU_WORK_DEVICE);
}

/* clang-format off */
#define REG(reg, arg, rd, wr) { reg, 4, 4, REG_W32, arg, 0, rd, wr, #reg, 0 }

static const struct reg_row rows[] = {
	REG(ID,         0, read_id,      NULL),
	REG(MaxPeers,   1, read_id,      NULL),
	REG(IntControl, 0, read_control, write_control),
	REG(Doorbell,   0, NULL,         write_doorbell),
	REG(State,      0, read_state,   write_state),
};
/* clang-format on */

static struct reg_slot slots[REG_SLOTS];
static struct reg_table table = { .rows = rows, .count = ARRAY_SIZE(rows), .slots = slots };

/* A guest that changes its state often pays for it: one peer at a time, then others may run. */
static void work(struct vdev *d, struct vcpu *v)
{
	struct ivshmem *s = d->state;

	(void)v;
	if (!__atomic_exchange_n(&s->to_tell, false, __ATOMIC_ACQ_REL))
		return;
	for (u32 i = 0; i < s->channel->desc.peer_count; i++) {
		if (i == s->id)
			continue;
		channel_ring(s->channel, i);
		sched_open();
		arch_irq_disable();
	}
}

/* ---- memory ---- */

/* True if peer `id` may write at this offset of the memory. */
static bool may_write(const struct desc_channel *c, u32 id, u64 offset)
{
	const u64 outputs = DESC_CHANNEL_PAGE + c->size;

	if (offset < DESC_CHANNEL_PAGE)
		return false;
	return offset < outputs || (offset - outputs) / c->output == id;
}

/*
 * An access to BAR 2 that stage 2 does not allow. Behind the memory, up to the BAR's size, there is
 * nothing: it reads as zeros. A store to what the peer may only read is refused: its guest gets an
 * external abort, and no other guest notices.
 */
static enum mmio_result memory_trap(const struct mmio_region *r, struct vcpu *v, u64 offset,
				    struct mmio_access *a)
{
	struct ivshmem *s = r->dev;
	const struct desc_channel *c = &s->channel->desc;

	(void)v;
	if (!a->write)
		a->value = 0;
	if (!a->write || offset >= desc_channel_bytes(c) || may_write(c, s->id, offset))
		return MMIO_OK;
	__atomic_store_n(&s->refused_at, offset, __ATOMIC_RELAXED);
	__atomic_fetch_add(&s->refused, 1, __ATOMIC_RELAXED);
	return MMIO_FAULT;
}

static void fill_window(struct ivshmem *s)
{
	const struct desc_channel *c = &s->channel->desc;
	const u64 pa = virt_to_phys(s->channel->memory).pa;

	for (u64 at = 0; at < desc_channel_bytes(c); at += PAGE_SIZE) {
		const bool write = may_write(c, s->id, at);
		const enum stage2_attr cached = write ? STAGE2_DATA : STAGE2_DATA_READ;
		const enum stage2_attr uncached = write ? STAGE2_UNCACHED : STAGE2_UNCACHED_READ;

		stage2_window_set(s->window, (u32)(at / PAGE_SIZE), PADDR(pa + at),
				  c->cached ? cached : uncached);
	}
}

/* ---- the function ---- */

static bool interrupts(const struct pci_function *f)
{
	const struct ivshmem *s = f->dev;

	return READ_ONCE(s->channel->peers[s->id].latched);
}

/* Base Address shows where BAR 2 is. */
static void written(struct pci_function *f, u32 word)
{
	const struct ivshmem *s = f->dev;

	(void)word;
	f->words[CAP_BASE] = f->words[PCI_BAR_WORD(2)] & ~0xfU;
	f->words[CAP_BASE + 1] = f->words[PCI_BAR_WORD(3)];
	channel_command(s->channel, s->id, f->words[PCI_COMMAND_WORD] & PCI_COMMAND_INTX_OFF,
			f->words[CAP_PRIVILEGED] & PRIVILEGED_ONE_SHOT);
}

static const struct pci_word words[] = {
	{ 0x00 / 4, DEVICE_ID << 16 | VENDOR_ID, 0 },
	{ PCI_COMMAND_WORD, PCI_STATUS_CAPABILITY,
	  PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_OFF },
	{ 0x08 / 4, CLASS << 24, 0 },
	{ 0x2c / 4, DEVICE_ID << 16 | VENDOR_ID, 0 }, /* subsystem */
	{ 0x34 / 4, PCI_CAPABILITIES, 0 },
	{ 0x3c / 4, 1 << 8, 0xff }, /* INTA; software keeps its number of the line */
	{ CAP_PRIVILEGED, CAP_LENGTH << 16 | PCI_CAP_VENDOR, PRIVILEGED_ONE_SHOT },
	{ CAP_STATE_SIZE, DESC_CHANNEL_PAGE, 0 },
};

static const struct pci_model model = {
	.words = words,
	.count = ARRAY_SIZE(words),
	.interrupts = interrupts,
	.written = written,
};

static void describe(struct ivshmem *s, const struct desc_channel *c)
{
	struct pci_function *f = &s->f;

	f->model = &model;
	f->dev = s;
	f->own[0x08 / 4] = c->protocol << 8;
	f->own[CAP_SHARED_SIZE] = (u32)c->size;
	f->own[CAP_OUTPUT_SIZE] = c->output;
	f->bars[0] = (struct pci_bar){ .number = 0 };
	f->bars[0].region = (struct mmio_region){ .size = KIB(4),
						  .name = "ivshmem",
						  .dev = s,
						  .table = &table,
						  .handler = mmio_table_access };
	f->bars[1] = (struct pci_bar){ .number = 2,
				       .flags = PCI_BAR_64BIT | PCI_BAR_PREFETCH,
				       .window = s->window };
	f->bars[1].region = (struct mmio_region){
		.size = s->tables * MIB(2), .name = "channel", .dev = s, .handler = memory_trap
	};
}

bool channel_page(const struct vm *vm, u64 ipa, paddr_t *pa, enum stage2_attr *attr)
{
	for (u32 i = 0; i < vm->ndevices; i++) {
		const struct vdev *d = &vm->devices[i];
		const struct ivshmem *s = d->state;
		const struct desc_channel *c = d->channel;
		u64 at, section;
		bool write;

		if (d->class != &ivshmem_class)
			continue;
		at = ipa - __atomic_load_n(&s->f.bars[1].region.base, __ATOMIC_RELAXED);
		if (at >= desc_channel_bytes(c))
			continue;
		/* The state table, the section that all write, a section for each peer. */
		section = at < DESC_CHANNEL_PAGE + c->size
				  ? 0
				  : 1 + (at - DESC_CHANNEL_PAGE - c->size) / c->output;
		write = at >= DESC_CHANNEL_PAGE && (!section || section == 1 + s->id);
		*attr = write ? STAGE2_DATA : STAGE2_DATA_READ;
		if (!c->cached)
			*attr = write ? STAGE2_UNCACHED : STAGE2_UNCACHED_READ;
		*pa = PADDR(virt_to_phys(s->channel->memory).pa + at);
		return true;
	}
	return false;
}

/* ---- the device ---- */

static int host_init(void)
{
	reg_table_init(&table);
	return 0;
}

/* Tables for a BAR, whose size is a power of two. */
static u32 tables_for(u64 bytes)
{
	u64 size = DESC_CHANNEL_SIZE_MIN;

	while (size < bytes)
		size *= 2;
	return (u32)(size / MIB(2));
}

static int create(struct vdev *d)
{
	struct ivshmem *s = d->state;
	struct pci_function *f = &s->f;
	int r;

	s->tables = tables_for(desc_channel_bytes(d->channel));
	s->window = pages_alloc(s->tables);
	if (!s->window)
		return -ENOMEM;
	s->channel = channel_join(d->channel, d->vm, &s->id, d->why, VDEV_WHY);
	if (!s->channel)
		return -EINVAL;
	fill_window(s);
	describe(s, d->channel);
	r = pci_add(d->vm, f);
	if (!r)
		s->channel->peers[s->id].intid = f->intid;
	return r;
}

static void tell(struct ivshmem *s, bool changed)
{
	if (changed)
		channel_tell_others(s->channel, s->id);
}

static void reset(struct vdev *d)
{
	struct ivshmem *s = d->state;

	if (s->channel)
		tell(s, channel_reset(s->channel, s->id));
}

static void state_changed(struct vdev *d)
{
	struct ivshmem *s = d->state;

	tell(s, channel_look_at_vm(s->channel, s->id));
}

static void destroy(struct vdev *d)
{
	struct ivshmem *s = d->state;

	if (s->channel)
		channel_leave(s->channel, s->id);
	if (s->window)
		pages_free(s->window, s->tables);
}

static void info(struct vdev *d, char *text, size_t size)
{
	struct ivshmem *s = d->state;
	const struct channel_look look = channel_look(s->channel, s->id);
	const u64 refused = __atomic_load_n(&s->refused, __ATOMIC_RELAXED);
	int n = snprintf(text, size,
			 "00:%02x.0: peer %u of %u, state 0x%x, %lu events, %lu interrupts",
			 s->f.slot, s->id, d->channel->peer_count, look.shown, look.rung,
			 look.interrupts);

	if (refused && (size_t)n < size)
		(void)snprintf(text + n, size - (size_t)n,
			       "; %lu stores refused, the last at 0x%lx, which it only reads",
			       refused, __atomic_load_n(&s->refused_at, __ATOMIC_RELAXED));
}

/* Each peer shows all of the channel's memory: it is there while any of them is. */
static u64 memory(const struct vdev *d)
{
	const struct ivshmem *s = d->state;

	return (s->tables + s->channel->pages) * PAGE_SIZE;
}

const struct vdev_class ivshmem_class = {
	.name = "channel",
	.channel = true,
	.size = sizeof(struct ivshmem),
	.host_init = host_init,
	.create = create,
	.reset = reset,
	.destroy = destroy,
	.work = work,
	.state_changed = state_changed,
	.info = info,
	.memory = memory,
};
