/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three VMs share channels, and their guests obey no rule: they write any value to any word of the
 * configuration space and to any register, and their VMs come, go, stop and are reset at any time.
 * Nothing is seen outside of the windows, no two things are seen at one address, a peer is
 * interrupted only as it has allowed, and after a reset the function is as a new one.
 */
#include "fuzz.h"

#include <arch/mmu.h>
#include <arch/timer.h>
#include <asm/host.h>
#include <kernel/page.h>
#include <lib/errno.h>
#include <stdlib.h>
#include <string.h>
#include <vmm/core.h>
#include <vmm/pci.h>

#define VMS      3
#define CHANNELS 2
#define SEEN_MAX 8

static struct fuzz_input input;

struct guest {
	struct vm vm;
	struct vcpu vcpu;
	struct desc_channel channels[CHANNELS];
	struct vdev host, functions[CHANNELS];
	bool exists;
	u32 pended;
	struct {
		u64 ipa, size;
	} seen[SEEN_MAX];
};
static struct guest guests[VMS];
static u32 pages, opened;
static bool changing; /* an interrupt is allowed: a guest or a VM does something */

/* ---- in place of the house ---- */

int stage2_prepare(struct stage2 *s2, ipa_t ipa, u64 size)
{
	(void)s2, (void)ipa, (void)size;
	return fuzz_once_in(&input, 64) ? -ENOMEM : 0;
}

u32 stage2_ipa_bits(void)
{
	return fuzz_once_in(&input, 64) ? 36 : 40;
}

void stage2_window_set(u64 *window, u32 n, paddr_t pa, enum stage2_attr attr)
{
	fuzz_assert(attr >= STAGE2_DATA && attr <= STAGE2_UNCACHED_READ);
	window[n] = pa.pa;
}

static bool in_windows(u64 ipa, u64 size)
{
	return (ipa >= GUEST_PCI_WINDOW &&
		ipa + size <= GUEST_PCI_WINDOW + GUEST_PCI_WINDOW_SIZE) ||
	       (ipa >= GUEST_PCI_WINDOW_64 &&
		ipa + size <= GUEST_PCI_WINDOW_64 + GUEST_PCI_WINDOW_64_SIZE);
}

void stage2_window_show(struct stage2 *s2, ipa_t ipa, const u64 *window, u32 count)
{
	struct guest *g = container_of(container_of(s2, struct vm, s2), struct guest, vm);
	const u64 size = count * MIB(2);
	u32 free = SEEN_MAX;

	fuzz_assert(in_windows(ipa.ipa, size) && IS_ALIGNED(ipa.ipa, size));
	for (u32 i = 0; i < SEEN_MAX; i++) {
		if (!window && g->seen[i].ipa == ipa.ipa && g->seen[i].size == size) {
			g->seen[i].size = 0;
			return;
		}
		fuzz_assert(!window || ipa.ipa >= g->seen[i].ipa + g->seen[i].size ||
			    g->seen[i].ipa >= ipa.ipa + size);
		if (!g->seen[i].size)
			free = i;
	}
	fuzz_assert(window && free < SEEN_MAX);
	g->seen[free].ipa = ipa.ipa;
	g->seen[free].size = size;
}

/* The function that interrupts has its interrupt enabled: asked before one-shot turns it off. */
void vgic_pend_spi(struct vm *vm, u32 intid)
{
	struct guest *g = container_of(vm, struct guest, vm);

	fuzz_assert(changing && g->exists && intid >= GUEST_PCI_IRQ && intid < GUEST_PCI_IRQ + 4);
	g->pended++;
}

void sched_open(void)
{
	opened++;
}

u32 host_cpu;
bool host_irqs_open[HOST_CPUS];
struct percpu *host_percpu[HOST_CPUS];
void (*host_deliver)(void);
u64 host_counter;

void host_relax(void)
{
	fuzz_assert(!"a lock is not free");
}

paddr_t virt_to_phys(const void *va)
{
	return PADDR((u64)va & ~0xfffULL);
}

void arch_dcache_clean_inval(const void *va, u64 size)
{
	(void)va, (void)size;
}

void arch_zero_to_memory(void *va, u64 size)
{
	memset(va, 0, size);
}

void *kzalloc(size_t size)
{
	return fuzz_once_in(&input, 64) ? NULL : calloc(1, size);
}

void kfree(void *p, size_t size)
{
	(void)size;
	free(p);
}

void *pages_alloc(u32 count)
{
	void *p = fuzz_once_in(&input, 64) ? NULL : calloc(count, PAGE_SIZE);

	pages += p ? count : 0;
	return p;
}

void pages_free(void *p, u32 count)
{
	pages -= count;
	free(p);
}

/* ---- VMs ---- */

static bool make_device(struct guest *g, struct vdev *d, const struct vdev_class *class)
{
	static char why[VDEV_WHY];

	*d = (struct vdev){ .class = class, .vm = &g->vm, .why = why, .channel = d->channel };
	d->state = calloc(1, class->size);
	fuzz_assert(d->state);
	return !class->create(d);
}

static void reset(struct guest *g)
{
	pci_class.reset(&g->host);
	for (u32 i = 0; i < CHANNELS; i++)
		if (g->functions[i].state)
			ivshmem_class.reset(&g->functions[i]);
}

static void unmake(struct guest *g)
{
	reset(g);
	for (u32 i = 0; i < SEEN_MAX; i++)
		fuzz_assert(!g->seen[i].size);
	g->exists = false;
	for (u32 i = 0; i < CHANNELS; i++) {
		if (!g->functions[i].state)
			continue;
		ivshmem_class.destroy(&g->functions[i]);
		free(g->functions[i].state);
	}
	free(g->host.state);
	mmio_free(&g->vm.bus);
	memset(g, 0, sizeof(*g));
}

static void begin(struct guest *g);

static void make(struct guest *g)
{
	static const u64 sizes[CHANNELS] = { KIB(4), 0 };
	bool ok;

	memset(g, 0, sizeof(*g));
	g->exists = true;
	g->vm.name[0] = (char)('a' + (g - guests));
	g->vm.state = VM_LOADING;
	g->vcpu.vm = &g->vm;
	mmio_forget(&g->vcpu);
	g->vm.desc.channel_count = CHANNELS;
	fuzz_assert(pci_class.wanted(&g->vm.desc));
	ok = make_device(g, &g->host, &pci_class);
	for (u32 i = 0; i < CHANNELS && ok; i++) {
		g->channels[i] = (struct desc_channel){
			.name = { (char)('0' + i) },
			.peer_count = VMS,
			.peers = { "a", "b", "c" },
			.size = sizes[i],
			.output = i ? (u32)KIB(8) : 0,
			.cached = i,
		};
		if (fuzz_once_in(&input, 32)) /* it is no peer */
			g->channels[i].peers[g - guests][0] = 'q';
		g->functions[i].channel = &g->channels[i];
		ok = make_device(g, &g->functions[i], &ivshmem_class);
	}
	if (!ok)
		unmake(g);
	else if (fuzz_byte(&input) & 3)
		begin(g);
	else
		reset(g);
}

static void state_changed(struct guest *g, enum vm_state state)
{
	g->vm.state = state;
	for (u32 i = 0; i < CHANNELS; i++)
		ivshmem_class.state_changed(&g->functions[i]);
}

static void change_state(struct guest *g)
{
	static const enum vm_state states[] = { VM_RUNNING, VM_RUNNING, VM_PAUSED,
						VM_STOPPED, VM_CRASHED, VM_LOADING };

	state_changed(g, fuzz_word(&input, states));
}

/* ---- guests ---- */

static enum mmio_result access(struct guest *g, u64 ipa, u32 size, bool write, u64 *value)
{
	struct mmio_access a = {
		.ipa = IPA(ipa), .size = (u8)size, .write = write, .value = *value
	};
	enum mmio_result result = vmm_mmio(&g->vcpu, &a);

	*value = a.value;
	return result;
}

static u64 config_at(u32 slot, u32 reg)
{
	return GUEST_PCI_ECAM + slot * 0x8000ULL + reg;
}

static u32 word(struct guest *g, u32 slot, u32 reg)
{
	u64 value = 0;

	fuzz_assert(access(g, config_at(slot, reg), 4, false, &value) == MMIO_OK);
	return (u32)value;
}

/* What a driver does first. */
static void begin(struct guest *g)
{
	u64 value;

	reset(g);
	state_changed(g, VM_RUNNING);
	for (u32 slot = 1; slot <= CHANNELS; slot++) {
		value = PCI_COMMAND_MEMORY;
		(void)access(g, config_at(slot, 4), 4, true, &value);
		value = 1;
		(void)access(g, word(g, slot, 0x10) + 8, 4, true, &value);
	}
}

static u64 some_place(void)
{
	static const u64 places[] = { 0x10000000,   0x10001000,   0x10200000, 0x10400000,
				      0x3ee00000,   0x3eff0000,   0x20000000, 0x8000000000,
				      0x803fe00000, 0x8040000000, 0x40000000, ~0xfULL };

	return fuzz_once_in(&input, 8) ? fuzz_u64(&input) : fuzz_word(&input, places);
}

static void write_config(struct guest *g)
{
	static const u8 regs[] = { 4, 5, 0x10, 0x18, 0x1c, 0x43, 0x3c, 0, 0x58 };
	static const u8 sizes[] = { 1, 2, 4, 8 };
	const u32 reg = fuzz_once_in(&input, 8) ? fuzz_byte(&input) : fuzz_word(&input, regs);
	const u32 slot = fuzz_below(&input, CHANNELS + 2);
	u64 value = reg < 0x10 || reg >= 0x20 ? fuzz_byte(&input) : some_place();
	u32 size = reg == 5 || reg == 0x43 ? 1 : 4;

	if (reg == 0x1c)
		value >>= 32;
	if (fuzz_once_in(&input, 8))
		size = fuzz_word(&input, sizes);
	(void)access(g, config_at(slot, reg), size, true, &value);
}

/* Where the registers are, or anywhere. */
static void write_register(struct guest *g)
{
	const u32 slot = 1 + fuzz_below(&input, CHANNELS);
	const u64 base = fuzz_once_in(&input, 16) ? some_place() : word(g, slot, 0x10) & ~0xfULL;
	u64 value = fuzz_once_in(&input, 4) ? fuzz_u64(&input) : fuzz_byte(&input) & 3;
	const u32 reg = 4 * fuzz_below(&input, 6);

	if (reg == 0x0c && fuzz_byte(&input) & 3)
		value = value << 16;
	(void)access(g, base + reg, 4, fuzz_byte(&input) & 7, &value);
}

/* A trap in the memory: a store to what it may only read, or behind the end. */
static void touch_memory(struct guest *g)
{
	const u32 slot = 1 + fuzz_below(&input, CHANNELS);
	const u64 base = (word(g, slot, 0x18) & ~0xfULL) | (u64)word(g, slot, 0x1c) << 32;
	u64 value = 1;

	(void)access(g, base + fuzz_below(&input, 0x40) * 0x800ULL, 8, fuzz_byte(&input) & 1,
		     &value);
}

/* What a window shows is what the channel's section is: its first page, the states, for reading. */
static void check_pages(struct guest *g)
{
	enum stage2_attr attr;
	paddr_t pa;

	g->vm.ndevices = CHANNELS;
	for (u32 i = 0; i < CHANNELS; i++)
		g->vm.devices[i] = g->functions[i];
	for (u32 i = 0; i < SEEN_MAX; i++) {
		if (!g->seen[i].size)
			continue;
		fuzz_assert(channel_page(&g->vm, g->seen[i].ipa, &pa, &attr));
		fuzz_assert(attr == STAGE2_DATA_READ || attr == STAGE2_UNCACHED_READ);
	}
	g->vm.ndevices = 0;
}

static void look_at_all(void)
{
	char text[160];

	for (u32 n = 0; n < VMS; n++)
		for (u32 i = 0; i < CHANNELS && guests[n].exists; i++) {
			ivshmem_class.info(&guests[n].functions[i], text, sizeof(text));
			fuzz_check_line(text, sizeof(text));
			fuzz_assert(ivshmem_class.memory(&guests[n].functions[i]));
		}
	for (u32 n = 0; n < VMS; n++)
		if (guests[n].exists)
			check_pages(&guests[n]);
	for (struct channel *c = NULL; (c = channel_next(c));)
		for (u32 id = 0; id < channel_desc(c)->peer_count; id++)
			fuzz_assert(!channel_look(c, id).shown ||
				    channel_look(c, id).vm->state == VM_RUNNING);
}

static void act(struct guest *g)
{
	changing = true;
	switch (fuzz_below(&input, 16)) {
	case 0:
		unmake(g);
		break;
	case 1:
		reset(g);
		fuzz_assert(word(g, 1, 4) == 0x00100000 && word(g, 1, 0x10) == 0x10000000);
		fuzz_assert(!pci_function_at(g->vm.pci, 0) && pci_function_at(g->vm.pci, 1));
		break;
	case 2:
	case 3:
		change_state(g);
		break;
	case 4:
		touch_memory(g);
		break;
	case 5:
	case 6:
	case 7:
	case 8:
		write_config(g);
		break;
	default:
		write_register(g);
		break;
	}
	if (g->exists && g->vcpu.thread.work & VCPU_WORK_DEVICE) {
		g->vcpu.thread.work = 0;
		opened = 0;
		for (u32 i = 0; i < CHANNELS; i++)
			ivshmem_class.work(&g->functions[i], &g->vcpu);
		fuzz_assert(opened <= CHANNELS * (VMS - 1));
	}
	changing = false;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	input = (struct fuzz_input){ .at = data, .left = size };
	fuzz_assert(!ivshmem_class.host_init());
	changing = true;
	while (input.left) {
		struct guest *g = &guests[fuzz_below(&input, VMS)];

		if (g->exists)
			act(g);
		else
			make(g);
		look_at_all();
	}
	changing = true;
	for (u32 n = 0; n < VMS; n++)
		if (guests[n].exists)
			unmake(&guests[n]);
	fuzz_assert(!channel_next(NULL) && !pages);
	return 0;
}
