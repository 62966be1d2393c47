/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The oracle (include/debug/vmm/oracle.h). VMs run meanwhile: what looks wrong is looked at again,
 * and is wrong if it stays so.
 */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/percpu.h>
#include <kernel/sched_check.h>
#include <lib/bitmap.h>
#include <vmm/core.h>
#include <vmm/oracle.h>
#include <vmm/pci.h>

#define LOOKS       3
#define WHOLE_CPU   1000000ULL
#define GICC_MAPPED KIB(4)

/* Of each block of the machine's RAM: a VM has it as RAM. */
static u64 *owned;
static u64 blocks;

/* ---- what an address must lead to ---- */

struct expected {
	bool mapped;
	bool any; /* flash: whatever page its device shows */
	u64 pa;
	enum stage2_attr attr;
};

/* Outside of RAM. */
static struct expected expect(const struct vm *vm, u64 ipa)
{
	struct expected e = { .mapped = false };
	paddr_t pa;
	u64 size;

	if (ipa - GUEST_PVTIME_BASE < PAGE_SIZE && vm->pvtime)
		return (struct expected){ true, false, virt_to_phys(vm->pvtime).pa, STAGE2_ROM };
	if (ipa - GUEST_GICC_BASE < GICC_MAPPED && arch_vgic_version() == 2) {
		arch_vgic_frame(&pa, &size);
		return (struct expected){ true, false, pa.pa, STAGE2_DEVICE };
	}
	if (ipa - GUEST_FLASH_BASE < 2 * GUEST_FLASH_SIZE)
		return (struct expected){ .any = true };
	if (channel_page(vm, ipa, &pa, &e.attr))
		return (struct expected){ true, false, pa.pa, e.attr };
	return e;
}

static bool is_right(const struct expected *e, const struct stage2_look *l)
{
	if (e->any)
		return !l->mapped || l->attr == STAGE2_ROM || l->attr == STAGE2_DATA_READ;
	if (e->mapped != l->mapped)
		return false;
	return !l->mapped || (l->pa == e->pa && l->attr == (int)e->attr);
}

static bool in_ram_of_a_vm(u64 pa)
{
	return pa / BLOCK_SIZE < blocks && bitmap_test(owned, pa / BLOCK_SIZE);
}

/* *l: what is there. */
static void check_address(const struct vm *vm, u64 ipa, struct stage2_look *l)
{
	struct expected e;

	for (u32 i = 0; i < LOOKS; i++) {
		e = expect(vm, ipa);
		stage2_look(&vm->s2, IPA(ipa), l);
		if (is_right(&e, l) && !(l->mapped && in_ram_of_a_vm(l->pa)))
			return;
	}
	if (l->mapped && in_ram_of_a_vm(l->pa))
		panic("oracle: vm '%s': %#lx leads to %#lx, which is RAM of a VM", vm->name, ipa,
		      l->pa);
	panic("oracle: vm '%s': %#lx leads to %#lx (mapped %d, attributes %d), not to %#lx (mapped %d, attributes %d)",
	      vm->name, ipa, l->pa, l->mapped, l->attr, e.pa, e.mapped, (int)e.attr);
}

/* All that the walker finds, outside of RAM; then the one page that no entry begins with. */
static void check_space(struct vm *vm)
{
	const u64 end = BIT(stage2_ipa_bits());
	struct stage2_look l;

	for (u64 ipa = 0; ipa < end; ipa += l.size) {
		stage2_look(&vm->s2, IPA(ipa), &l);
		if (!ram_map_bank(&vm->desc.ram, ipa)) {
			check_address(vm, ipa, &l);
			l.size = l.mapped ? MIN(l.size, (u64)PAGE_SIZE) : l.size;
		}
	}
	check_address(vm, GUEST_PVTIME_BASE, &l);
}

/* ---- RAM, and its owners ---- */

/* While a VM is loaded its RAM is given back and comes, without a lock. */
static bool is_loaded(const struct vm *vm)
{
	return __atomic_load_n(&vm->state, __ATOMIC_ACQUIRE) != VM_LOADING;
}

static u32 owners_of(u64 pa)
{
	const struct vm *vm;
	u32 n = 0;

	for_each_vm(vm)
		for (u64 b = 0; b < vm->ram.nblocks; b++)
			n += __atomic_load_n(&vm->ram.blocks[b].pa, __ATOMIC_ACQUIRE) == pa;
	return n;
}

static void own(const struct vm *vm, u64 pa)
{
	u32 n = 2;

	if (pa / BLOCK_SIZE >= blocks)
		panic("oracle: vm '%s' has block %#lx, which is no RAM", vm->name, pa);
	if (bitmap_test(owned, pa / BLOCK_SIZE)) {
		for (u32 i = 0; i < LOOKS && n > 1; i++)
			n = owners_of(pa);
		if (n > 1)
			panic("oracle: vm '%s': block %#lx has %u owners", vm->name, pa, n);
	}
	bitmap_set(owned, pa / BLOCK_SIZE);
}

static void check_ram(struct vm *vm)
{
	u64 block = 0;

	if (vm->ram.held < vm->ram.present || vm->ram.size != ram_map_size(&vm->desc.ram))
		panic("oracle: vm '%s': %lu blocks present, %lu held", vm->name, vm->ram.present,
		      vm->ram.held);
	for (u32 i = 0; i < vm->desc.ram.count; i++) {
		const struct ram_bank *bank = &vm->desc.ram.banks[i];

		for (u64 at = 0; at < bank->size; at += BLOCK_SIZE, block++) {
			const u64 pa = __atomic_load_n(&vm->ram.blocks[block].pa, __ATOMIC_ACQUIRE);

			if (is_loaded(vm))
				oracle_block(&vm->ram, bank->base + at);
			if (pa > VM_BLOCK_GIVEN)
				own(vm, pa);
		}
	}
}

/* ---- sums ---- */

static void check_sums(void)
{
	u64 taken[MAX_CPUS] = { 0 }, reserved = 0;
	struct page_stats mem;
	const struct vm *vm;
	const struct vcpu *v;

	for_each_vm(vm) {
		reserved += vm->ram.allowed;
		if (vm->desc.budget_us)
			for_each_vcpu(v, vm)
				taken[v->cpu] +=
					vm->desc.budget_us * WHOLE_CPU / vm->desc.period_us;
	}
	page_stats(&mem);
	if (reserved * BLOCK_SIZE > mem.total)
		panic("oracle: VMs have %lu blocks, more than the machine", reserved);
	for (u32 cpu = 0; cpu < cpu_count; cpu++)
		if (taken[cpu] > WHOLE_CPU)
			panic("oracle: budgets take %lu millionths of cpu %u", taken[cpu], cpu);
}

static void check_here(void *arg __unused)
{
	sched_check();
}

void oracle_vms(void)
{
	u32 pages, cpu;
	struct vm *vm;

	blocks = arch_ram_limit() / BLOCK_SIZE;
	pages = (u32)(ALIGN_UP(BITMAP_WORDS(blocks) * sizeof(u64), PAGE_SIZE) / PAGE_SIZE);
	if (owned) /* a panic of a test left it */
		pages_free(owned, pages);
	owned = pages_alloc(pages);
	if (!owned) {
		log_warn("oracle: no memory: VMs are not checked");
		return;
	}
	for_each_vm(vm)
		check_ram(vm);
	for_each_vm(vm)
		check_space(vm);
	pages_free(owned, pages);
	owned = NULL;
	check_sums();
	for_each_cpu(cpu)
		ipi_call(cpu, check_here, NULL);
}
