/* SPDX-License-Identifier: Apache-2.0 */
#include "pci_fixture.h"

#include <arch/cpu.h>
#include <kernel/percpu.h>
#include <kernel/ram.h>
#include <string.h>

struct pci_guest guests[PEERS];
struct desc_channel loop;
u32 pci_opened;
char pci_why[VDEV_WHY];
static u64 free_before;

/* ---- in place of the house ---- */

void sched_open(void)
{
	arch_irq_enable();
	pci_opened++;
}

void vgic_pend_spi(struct vm *vm, u32 intid)
{
	struct pci_guest *g = container_of(vm, struct pci_guest, vm);

	assert_true(arch_irqs_masked());
	g->pended++;
	g->intid = intid;
}

static u64 free_bytes(void)
{
	struct page_stats s;

	page_stats(&s);
	return s.free;
}

/* ---- machines ---- */

int pci_setup(void **state)
{
	const struct phys_range ram = { PADDR(HOST_RAM_BASE), MIB(64) };

	unit_machine_setup(state);
	arch_set_percpu(&percpus[0]);
	arch_irq_enable();
	assert_int_equal(host_page_init(&ram, 1, NULL, 0), 0);
	assert_int_equal(ivshmem_class.host_init(), 0);
	loop = (struct desc_channel){ .name = "loop",
				      .peer_count = PEERS,
				      .peers = { "a", "b", "c" },
				      .size = KIB(16),
				      .output = KIB(8),
				      .protocol = 0x4001 };
	memset(guests, 0, sizeof(guests));
	pci_opened = 0;
	pci_why[0] = '\0';
	free_before = free_bytes();
	return 0;
}

int pci_teardown(void **state)
{
	for (u32 n = 0; n < PEERS; n++)
		if (guests[n].vm.s2.root)
			guest_unmake(n);
	assert_null(channel_next(NULL));
	/* Small objects' pages may stay with their allocator. */
	assert_in_range(free_bytes(), free_before - KIB(16), free_before);
	return unit_end(state);
}

static int make(struct vdev *d, const struct vdev_class *class, struct vm *vm)
{
	d->class = class;
	d->vm = vm;
	d->why = pci_why;
	d->state = kzalloc(class->size);
	assert_non_null(d->state);
	return class->create(d);
}

int guest_make(u32 n, u32 count)
{
	struct pci_guest *g = &guests[n];
	int r;

	memset(g, 0, sizeof(*g));
	assert_int_equal(stage2_init(&g->vm.s2), 0);
	g->vm.name[0] = (char)('a' + n);
	g->vm.state = VM_LOADING;
	g->vcpu.vm = &g->vm;
	mmio_forget(&g->vcpu);
	g->vm.desc.channel_count = count;
	r = make(&g->host, &pci_class, &g->vm);
	for (u32 i = 0; i < count && !r; i++) {
		g->channels[i] = loop;
		if (i)
			g->channels[i].name[4] = (char)('0' + i);
		g->functions[i].channel = &g->channels[i];
		r = make(&g->functions[i], &ivshmem_class, &g->vm);
	}
	if (r)
		return r;
	pci_class.reset(&g->host);
	for (u32 i = 0; i < count; i++)
		ivshmem_class.reset(&g->functions[i]);
	return 0;
}

void guest_unmake(u32 n)
{
	struct pci_guest *g = &guests[n];

	pci_class.reset(&g->host);
	for (u32 i = 0; i < DESC_CHANNELS_MAX; i++)
		if (g->functions[i].state)
			ivshmem_class.reset(&g->functions[i]);
	stage2_destroy(&g->vm.s2);
	for (u32 i = 0; i < DESC_CHANNELS_MAX; i++) {
		if (!g->functions[i].state)
			continue;
		ivshmem_class.destroy(&g->functions[i]);
		kfree(g->functions[i].state, ivshmem_class.size);
	}
	kfree(g->host.state, pci_class.size);
	mmio_free(&g->vm.bus);
	memset(g, 0, sizeof(*g));
}

void guest_set(u32 n, enum vm_state s)
{
	struct pci_guest *g = &guests[n];

	g->vm.state = s;
	for (u32 i = 0; i < g->vm.desc.channel_count; i++)
		ivshmem_class.state_changed(&g->functions[i]);
}

void guest_work(u32 n)
{
	struct pci_guest *g = &guests[n];

	if (!(g->vcpu.thread.work & VCPU_WORK_DEVICE))
		return;
	g->vcpu.thread.work = 0;
	arch_irq_disable();
	for (u32 i = 0; i < g->vm.desc.channel_count; i++)
		ivshmem_class.work(&g->functions[i], &g->vcpu);
	arch_irq_enable();
}

/* ---- accesses ---- */

enum mmio_result guest_access(u32 n, u64 ipa, u32 size, bool write, u64 *value)
{
	struct mmio_access a = {
		.ipa = IPA(ipa), .size = (u8)size, .write = write, .value = *value
	};
	enum mmio_result result;

	arch_irq_disable();
	result = vmm_mmio(&guests[n].vcpu, &a);
	assert_true(arch_irqs_masked());
	arch_irq_enable();
	*value = a.value;
	return result;
}

u64 load(u32 n, u64 ipa, u32 size)
{
	u64 value = 0x5555555555555555;

	assert_int_equal(guest_access(n, ipa, size, false, &value), MMIO_OK);
	return value;
}

void store(u32 n, u64 ipa, u32 size, u64 value)
{
	assert_int_equal(guest_access(n, ipa, size, true, &value), MMIO_OK);
}

u32 config(u32 n, u32 slot, u32 reg)
{
	return (u32)load(n, ECAM + slot * 0x8000 + reg, 4);
}

void set_config(u32 n, u32 slot, u32 reg, u32 value)
{
	store(n, ECAM + slot * 0x8000 + reg, 4, value);
}

void guest_enable(u32 n, u32 slot)
{
	store(n, ECAM + slot * 0x8000 + 4, 2, 6);
}

u64 registers(u32 n, u32 slot)
{
	return config(n, slot, 0x10) & ~0xfU;
}

u64 memory(u32 n, u32 slot)
{
	return (config(n, slot, 0x18) & ~0xfU) | (u64)config(n, slot, 0x1c) << 32;
}
