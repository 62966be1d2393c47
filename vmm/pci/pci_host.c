/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host bridge of a VM's PCI bus: configuration space by ECAM, the windows in which BARs are
 * decoded, and INTx. Each function keeps its words with a mask of what software may write. After
 * each write that may move something, the bridge compares where BARs are with where they are to be.
 * The bridge is a function too, device 0: identification only.
 */
#include <arch/mmu.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/core.h>
#include <vmm/gic.h>
#include <vmm/pci.h>

#define ALL_ONES(bytes) (~0ULL >> (64 - 8 * (bytes)))

struct pci_host {
	struct spinlock lock; /* guards the functions' words, and where BARs are */
	struct vm *vm;
	u32 count;
	struct pci_function *functions[DESC_CHANNELS_MAX]; /* by device number, from 1 on */
	u64 next_small, next_large;                        /* where the next BAR is preset */
};

/*
 * Where BARs are decoded: the parts of `virt`'s windows that have stage-2 tables. `all`: the whole
 * windows.
 */
static const struct {
	u64 base, size, all;
} windows[] = {
	{ GUEST_PCI_WINDOW, GUEST_PCI_WINDOW_SIZE, GUEST_PCI_WINDOW_ALL },
	{ GUEST_PCI_WINDOW_64, GUEST_PCI_WINDOW_64_SIZE, GUEST_PCI_WINDOW_64_ALL },
};

/* ---- where BARs are ---- */

/* Where software wants the BAR; MMIO_NOWHERE: not within a window, or not at all. */
static u64 wanted(const struct pci_function *f, const struct pci_bar *bar)
{
	const u32 *word = &f->words[PCI_BAR_WORD(bar->number)];
	u64 base = word[0] & ~0xfU;

	if (!bar->region.size || !(f->words[PCI_COMMAND_WORD] & PCI_COMMAND_MEMORY))
		return MMIO_NOWHERE;
	if (bar->flags & PCI_BAR_64BIT)
		base |= (u64)word[1] << 32;
	for (u32 i = 0; i < ARRAY_SIZE(windows); i++)
		if (base >= windows[i].base && base - windows[i].base < windows[i].size &&
		    windows[i].size - (base - windows[i].base) >= bar->region.size)
			return base;
	return MMIO_NOWHERE;
}

static void move(struct pci_host *h, struct pci_bar *bar, u64 base)
{
	const u32 tables = (u32)(bar->region.size / MIB(2));
	struct stage2 *s2 = &h->vm->s2;

	if (bar->window && bar->region.base != MMIO_NOWHERE)
		stage2_window_show(s2, IPA(bar->region.base), NULL, tables);
	if (bar->window && base != MMIO_NOWHERE)
		stage2_window_show(s2, IPA(base), bar->window, tables);
	__atomic_store_n(&bar->region.base, base, __ATOMIC_RELAXED);
}

#define for_each_bar(bar, h)                                                                 \
	for (u32 bar##_index = 0;                                                            \
	     bar##_index < (h)->count * PCI_BARS &&                                          \
	     ((bar) = &(h)->functions[bar##_index / PCI_BARS]->bars[bar##_index % PCI_BARS], \
	     true);                                                                          \
	     bar##_index++)

static bool is_free(const struct pci_host *h, u64 base, u64 size)
{
	const struct pci_bar *bar;

	for_each_bar(bar, h) if (base - bar->region.base < bar->region.size ||
				 bar->region.base - base < size) return false;
	return true;
}

/*
 * BARs that software puts over each other have no meaning. The one that was there first stays, and
 * another one is decoded when it leaves.
 */
static void update(struct pci_host *h)
{
	struct pci_bar *bar;

	for_each_bar(bar, h) if (bar->region.base != MMIO_NOWHERE &&
				 bar->region.base != wanted(h->functions[bar_index / PCI_BARS],
							    bar)) move(h, bar, MMIO_NOWHERE);
	for_each_bar(bar, h)
	{
		const u64 base = wanted(h->functions[bar_index / PCI_BARS], bar);

		if (base != bar->region.base && is_free(h, base, bar->region.size))
			move(h, bar, base);
	}
}

/* ---- configuration space ---- */

const struct pci_function *pci_function_at(const struct pci_host *h, u32 slot)
{
	return slot - 1 < h->count ? h->functions[arch_table_index(slot - 1, DESC_CHANNELS_MAX)]
				   : NULL;
}

static u32 read_word(const struct pci_function *f, u32 word)
{
	u32 value = f->words[word];

	if (word == PCI_COMMAND_WORD && f->model->interrupts(f))
		value |= PCI_STATUS_INTERRUPT;
	return value;
}

/* Write the bytes of `lanes`. */
static void write_word(struct pci_function *f, u32 word, u32 value, u32 lanes)
{
	const u32 mask = f->writable[word] & lanes;

	f->words[word] = (f->words[word] & ~mask) | (value & mask);
	if (word >= PCI_COMMAND_WORD && word < PCI_BAR_WORD(6))
		update(f->host);
	f->model->written(f, word);
}

/* A function's word, or the part of it that the access is to. */
static void access_word(struct pci_function *f, u64 reg, struct mmio_access *a)
{
	const u32 word = (u32)arch_table_index(reg / 4, PCI_WORDS), shift = reg % 4 * 8;
	unsigned long irq = spin_lock_irqsave(&f->host->lock);

	if (a->write)
		write_word(f, word, (u32)a->value << shift, (u32)ALL_ONES(a->size) << shift);
	else
		a->value = read_word(f, word) >> shift & ALL_ONES(a->size);
	spin_unlock_irqrestore(&f->host->lock, irq);
}

/*
 * The bridge's own words, as on `virt`; the others are 0, and none is writable. Zephyr finds no
 * function at all where device 0 is absent.
 */
static u32 bridge_word(u64 word)
{
	switch (word) {
	case PCI_ID_WORD:
		return 0x00081b36;
	case PCI_CLASS_WORD:
		return 0x06000000; /* host bridge */
	default:
		return 0;
	}
}

static enum mmio_result ecam_access(const struct mmio_region *r, struct vcpu *v, u64 offset,
				    struct mmio_access *a)
{
	const struct pci_host *h = r->dev;
	const u64 devfn = offset / GUEST_PCI_CONFIG, reg = offset % GUEST_PCI_CONFIG;
	const struct pci_function *f = devfn % 8 ? NULL : pci_function_at(h, (u32)(devfn / 8));

	(void)v;
	if (a->size > 4 || offset % a->size)
		return MMIO_FAULT;
	if (!devfn)
		a->value = bridge_word(reg / 4) >> reg % 4 * 8 & ALL_ONES(a->size);
	else if (!f)
		a->value = ALL_ONES(a->size);
	else if (reg < PCI_WORDS * 4)
		access_word(h->functions[devfn / 8 - 1], reg, a);
	else /* no extended capability */
		a->value = 0;
	return MMIO_OK;
}

/* ---- the windows ---- */

static enum mmio_result window_access(const struct mmio_region *r, struct vcpu *v, u64 offset,
				      struct mmio_access *a)
{
	const struct pci_host *h = r->dev;
	const struct pci_bar *bar;

	(void)offset;
	for_each_bar(bar, h) if (a->ipa.ipa - READ_ONCE(bar->region.base) <
				 bar->region.size) return mmio_hand_over(&bar->region, v, a);
	a->value = ALL_ONES(a->size); /* no function answers */
	return MMIO_OK;
}

/* ---- functions ---- */

static void reset_function(struct pci_function *f)
{
	memcpy(f->words, f->own, sizeof(f->words));
	f->model->written(f, 0);
}

static void preset_bar(struct pci_host *h, struct pci_function *f, struct pci_bar *bar)
{
	const u64 size = bar->region.size;
	u64 *next = size < MIB(2) ? &h->next_small : &h->next_large;
	const u32 word = PCI_BAR_WORD(bar->number);

	bar->region.base = MMIO_NOWHERE;
	if (!size)
		return;
	mmio_complete(&bar->region);
	bar->preset = ALIGN_UP(*next, size);
	*next = bar->preset + size;
	f->own[word] = (u32)bar->preset | bar->flags;
	f->writable[word] = (u32) ~(size - 1);
	if (bar->flags & PCI_BAR_64BIT)
		f->writable[word + 1] = (u32)(~(size - 1) >> 32);
}

int pci_add(struct vm *vm, struct pci_function *f)
{
	struct pci_host *h = vm->pci;

	if (h->count == ARRAY_SIZE(h->functions))
		return -ENOSPC;
	f->host = h;
	f->slot = (u8)(h->count + 1);
	f->intid = GUEST_PCI_IRQ + f->slot % 4; /* INTA */
	for (u32 i = 0; i < f->model->count; i++) {
		f->own[f->model->words[i].word] |= f->model->words[i].value;
		f->writable[f->model->words[i].word] |= f->model->words[i].writable;
	}
	for (u32 i = 0; i < PCI_BARS; i++)
		preset_bar(h, f, &f->bars[i]);
	memcpy(f->words, f->own, sizeof(f->words));
	h->functions[h->count++] = f;
	return 0;
}

/* ---- the bridge ---- */

static __cold int create(struct vdev *d)
{
	const struct mmio_region ecam = { .base = GUEST_PCI_ECAM,
					  .size = GUEST_PCI_ECAM_ALL,
					  .name = "pci-ecam",
					  .handler = ecam_access,
					  .dev = d->state };
	struct mmio_region window = { .name = "pci", .handler = window_access, .dev = d->state };
	struct pci_host *h = d->state;
	struct stage2 *s2 = &d->vm->s2;
	int r;

	spin_lock_init(&h->lock, LOCK_PCI);
	h->vm = d->vm;
	h->next_small = windows[0].base;
	h->next_large = windows[0].base + MIB(2);
	d->vm->pci = h;
	if (BIT(stage2_ipa_bits()) <= GUEST_PCI_WINDOW_64) {
		(void)str_copy(d->why, "channels need addresses of 40 bits", VDEV_WHY);
		return -ENOTSUP;
	}
	r = mmio_add(&d->vm->bus, &ecam);
	for (u32 i = 0; i < ARRAY_SIZE(windows) && !r; i++) {
		window.base = windows[i].base;
		window.size = windows[i].all;
		r = mmio_add(&d->vm->bus, &window);
		if (!r)
			r = stage2_prepare(s2, IPA(window.base), windows[i].size);
	}
	return r;
}

static void reset(struct vdev *d)
{
	struct pci_host *h = d->state;
	unsigned long irq;

	for (u32 i = 0; i < h->count; i++) {
		irq = spin_lock_irqsave(&h->lock);
		reset_function(h->functions[i]);
		update(h);
		spin_unlock_irqrestore(&h->lock, irq);
	}
}

static bool has_functions(const struct vm_desc *d)
{
	return d->channel_count;
}

const struct vdev_class pci_class = {
	.name = "pci",
	.wanted = has_functions,
	.size = sizeof(struct pci_host),
	.create = create,
	.reset = reset,
};
