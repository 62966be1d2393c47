/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM's RAM. All of it is reserved when the VM is created. A block comes when it is first needed:
 * when EL2 writes there, or at the guest's first access, which stage 2 does not map. It is cleared
 * by the thread that needs it, unless the cleaner (kernel/cleaner.c) has done that before. A block
 * that never came was never written. So a reset gives the blocks that came back as they are, and
 * new ones come.
 *
 * No block reaches a guest uncleared: a block is mapped in stage 2 only by populate() and by
 * fill_large(), behind clear(). No block leaves a guest that could still write to it: the TLBs are
 * invalidated between its unmapping and its return to the page allocator.
 */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <kernel/log.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/oracle.h>
#include "guest_ram.h"

#define LARGE_BLOCKS ((u32)(GIB(1) / BLOCK_SIZE))

static u64 table_bytes(const struct vm_ram *ram)
{
	return ram->nblocks * sizeof(*ram->blocks);
}

static u32 table_pages(const struct vm_ram *ram)
{
	return (u32)(ALIGN_UP(table_bytes(ram), PAGE_SIZE) / PAGE_SIZE);
}

static bool table_alloc(struct vm_ram *ram)
{
	if (table_bytes(ram) <= PAGE_SIZE)
		ram->blocks = kzalloc(table_bytes(ram));
	else
		ram->blocks = pages_alloc(table_pages(ram));
	return ram->blocks;
}

static void table_free(struct vm_ram *ram)
{
	if (table_bytes(ram) <= PAGE_SIZE)
		kfree(ram->blocks, table_bytes(ram));
	else
		pages_free(ram->blocks, table_pages(ram));
	ram_balloon_free(ram);
	*ram = (struct vm_ram){ .size = 0 };
}

bool ram_find_block(const struct vm_ram *ram, u64 ipa, u64 *block)
{
	u64 first = 0;

	for (u32 i = 0; i < ram->map.count; i++) {
		const struct ram_bank *bank = &ram->map.banks[i];

		if (ipa >= bank->base && ipa - bank->base < bank->size) {
			*block = first + (ipa - bank->base) / BLOCK_SIZE;
			return true;
		}
		first += bank->size / BLOCK_SIZE;
	}
	return false;
}

static bool is_present(const struct vm_ram *ram, u64 block)
{
	return __atomic_load_n(&ram->blocks[block].pa, __ATOMIC_ACQUIRE) > GIVEN;
}

static bool called_off(const struct vm_ram *ram)
{
	return __atomic_load_n(&ram->call_off, __ATOMIC_RELAXED);
}

/*
 * Guests read RAM with their caches off before they turn them on. So the zeroes must be in memory,
 * and no dirty line may remain that could overwrite the guest's writes: arch_zero_to_memory().
 * Nothing else is done to a block that is handed out. A clean one is like that already (only reads
 * of zeroes were possible since, through the linear map). No instruction cache holds a line of
 * another guest's code: stage2_flush() has invalidated them before the block was given back,
 * and EL2 never executes there.
 */
static void clear(paddr_t pa)
{
	if (!block_use(pa))
		arch_zero_to_memory(phys_to_virt(pa), BLOCK_SIZE);
}

/* ---- blocks come ---- */

/*
 * 0: the caller brings the block. -EEXIST: it is there, perhaps after another thread's work.
 * -ENOSPC: the machine has no memory for it.
 */
static int claim(struct vm_ram *ram, u64 block, u64 ipa)
{
	unsigned long flags = ram_lock_settled(ram, block);
	int ret = -EEXIST;

	if (ram->blocks[block].pa <= GIVEN)
		ret = ram_may_hold(ram, block, ipa) ? 0 : -ENOSPC;
	if (!ret) {
		ram->blocks[block].pa = COMING;
		ram->held++;
	}
	spin_unlock_irqrestore(&ram->came.lock, flags);
	return ret;
}

static void settle(struct vm_ram *ram, u64 block, u64 pa)
{
	unsigned long flags = spin_lock_irqsave(&ram->came.lock);

	__atomic_store_n(&ram->blocks[block].pa, pa, __ATOMIC_RELEASE);
	ram->present += pa != ABSENT;
	ram->held -= pa == ABSENT;
	wait_wake_all_locked(&ram->came);
	spin_unlock_irqrestore(&ram->came.lock, flags);
	sched_preempt_point();
}

/*
 * Bring the block that contains ipa, if it is not there. The reservation has one for it, unless the
 * guest gave some back: -ENOSPC, there is no memory. -ENOMEM: there is none for a stage-2 table;
 * never behind stage2_prepare().
 */
static int populate(struct vm_ram *ram, u64 block, u64 ipa)
{
	paddr_t pa;
	int ret;

	ret = is_present(ram, block) ? -EEXIST : claim(ram, block, ipa);
	if (ret)
		return ret == -EEXIST ? 0 : ret;
	if (!block_alloc(1, 1, &pa))
		panic("a reserved block is missing");
	clear(pa);
	ret = stage2_map(ram->s2, IPA(ALIGN_DOWN(ipa, BLOCK_SIZE)), pa, BLOCK_SIZE, STAGE2_RAM);
	if (ret) {
		block_free(pa, 1);
		pa.pa = ABSENT;
	}
	settle(ram, block, pa.pa);
	oracle_block(ram, ipa);
	return ret;
}

bool vm_ram_bring(struct vm *vm, u64 ipa)
{
	u64 block;
	int ret;

	if (!ram_find_block(&vm->ram, ipa, &block))
		return false;
	ret = populate(&vm->ram, block, ipa);
	if (ret && ret != -ENOSPC)
		vm_request(vm, VM_REQ_CRASH, "no memory for a stage-2 table");
	return ret != -ENOSPC;
}

bool vmm_populate(struct vcpu *v, ipa_t ipa)
{
	bool came;

	if (!ram_map_bank(&v->vm->ram.map, ipa.ipa))
		return false;
	sched_open();
	came = vm_ram_bring(v->vm, ipa.ipa);
	arch_irq_disable();
	return came;
}

/* ---- all at once ---- */

/* Bring 1 GiB, which stage 2 maps with one entry. -EAGAIN: no such run is free. */
static int fill_large(struct vm_ram *ram, u64 first, u64 ipa)
{
	paddr_t pa;
	int ret = 0;

	if (!block_alloc(LARGE_BLOCKS, LARGE_BLOCKS, &pa))
		return -EAGAIN;
	for (u32 i = 0; i < LARGE_BLOCKS && !ret; i++) {
		clear(PADDR(pa.pa + i * BLOCK_SIZE));
		ret = called_off(ram) ? -EINTR : 0;
	}
	if (!ret)
		ret = stage2_map(ram->s2, IPA(ipa), pa, GIB(1), STAGE2_RAM);
	if (ret) {
		block_free(pa, LARGE_BLOCKS);
		return ret;
	}
	for (u32 i = 0; i < LARGE_BLOCKS; i++)
		ram->blocks[first + i] = PADDR(pa.pa + i * BLOCK_SIZE);
	ram->present += LARGE_BLOCKS;
	ram->held += LARGE_BLOCKS;
	return 0;
}

/* Bring a bank, whose first block has the number `first`. */
static int fill_bank(struct vm_ram *ram, const struct ram_bank *bank, u64 first)
{
	u64 step;

	for (u64 at = 0; at < bank->size; at += step) {
		const u64 ipa = bank->base + at, block = first + at / BLOCK_SIZE;
		int ret = -EAGAIN;

		if (called_off(ram))
			return -EINTR;
		step = GIB(1);
		if (IS_ALIGNED(ipa, GIB(1)) && bank->size - at >= GIB(1))
			ret = fill_large(ram, block, ipa);
		if (ret == -EAGAIN) {
			step = BLOCK_SIZE;
			ret = populate(ram, block, ipa);
		}
		if (ret)
			return ret;
	}
	return 0;
}

/* ---- blocks go ---- */

/* *left: how many blocks are still mapped, in this bank and behind it. */
static void unmap_bank(struct vm_ram *ram, const struct ram_bank *bank, u64 first, u64 *left)
{
	const u64 count = bank->size / BLOCK_SIZE;
	u64 run;

	for (u64 i = 0; i < count && *left; i += MAX(run, 1ULL)) {
		for (run = 0; i + run < count && is_present(ram, first + i + run);)
			run++;
		if (run)
			stage2_unmap(ram->s2, IPA(bank->base + i * BLOCK_SIZE), run * BLOCK_SIZE);
		*left -= run;
	}
}

/* The number of present blocks from block i on that are adjacent in host memory. */
static u32 run_length(const struct vm_ram *ram, u64 i)
{
	u32 n = 1;

	while (i + n < ram->nblocks && ram->blocks[i + n].pa == ram->blocks[i].pa + n * BLOCK_SIZE)
		n++;
	return n;
}

void ram_part_with(struct vm_ram *ram, paddr_t pa, u32 count)
{
	unsigned long flags;

	if (likely(!__atomic_load_n(&ram->kept, __ATOMIC_RELAXED))) {
		block_free(pa, count);
		return;
	}
	flags = spin_lock_irqsave(&ram->came.lock);
	if (!block_reserve(count))
		ram->allowed -= count;
	spin_unlock_irqrestore(&ram->came.lock, flags);
}

/* Give the blocks back that came. Nothing maps them. */
static void give_back(struct vm_ram *ram)
{
	u32 n;

	for (u64 i = 0; ram->present; i += n) {
		n = 1;
		if (!is_present(ram, i))
			continue;
		n = run_length(ram, i);
		ram_part_with(ram, ram->blocks[i], n);
		memset(&ram->blocks[i], 0, n * sizeof(*ram->blocks));
		ram->present -= n;
		ram->held -= n;
	}
}

/* ---- from creation to deletion ---- */

int vm_ram_init(struct vm_ram *ram, struct stage2 *s2, const struct ram_map *map)
{
	char why[RAM_MAP_TEXT];

	*ram = (struct vm_ram){ .size = 0 };
	if (ram_map_check(map, why, sizeof(why)))
		return -EINVAL;
	ram->map = *map;
	ram->size = ram_map_size(map);
	ram->nblocks = ram->size / BLOCK_SIZE;
	ram->allowed = ram->target = ram->nblocks;
	ram->s2 = s2;
	wait_queue_init(&ram->came, LOCK_WAIT);
	if (!table_alloc(ram)) {
		*ram = (struct vm_ram){ .size = 0 };
		return -ENOMEM;
	}
	if (!block_reserve(ram->nblocks)) {
		table_free(ram);
		return -ENOMEM;
	}
	return 0;
}

int vm_ram_reset(struct vm_ram *ram, bool eager)
{
	u64 first = 0, left = ram->present;
	int ret = 0;

	if (left) {
		for (u32 i = 0; i < ram->map.count; i++) {
			unmap_bank(ram, &ram->map.banks[i], first, &left);
			first += ram->map.banks[i].size / BLOCK_SIZE;
		}
		stage2_flush(ram->s2);
		give_back(ram);
	}
	ram_balloon_reset(ram);
	if (unlikely(ram->kept && ram->allowed < ram->nblocks))
		return -ENOMEM;
	first = 0;
	for (u32 i = 0; i < ram->map.count && !ret; i++) {
		const struct ram_bank *bank = &ram->map.banks[i];

		ret = eager ? fill_bank(ram, bank, first)
			    : stage2_prepare(ram->s2, IPA(bank->base), bank->size);
		first += bank->size / BLOCK_SIZE;
	}
	return ret;
}

void vm_ram_free(struct vm_ram *ram)
{
	if (!ram->blocks)
		return;
	give_back(ram);
	block_unreserve(ram->allowed);
	table_free(ram);
}

/* ---- EL2's own accesses ---- */

/* Write to one block. */
static int write_piece(struct vm_ram *ram, u64 ipa, const void *src, u64 len)
{
	u64 block;
	int ret;
	u8 *to;

	if (!ram_find_block(ram, ipa, &block))
		return -EFAULT;
	if (called_off(ram))
		return -EINTR;
	ret = populate(ram, block, ipa);
	if (ret)
		return ret;
	to = (u8 *)phys_to_virt(ram->blocks[block]) + ipa % BLOCK_SIZE;
	memcpy(to, src, len);
	arch_clean_for_guest(to, len);
	return 0;
}

int vm_ram_write(struct vm_ram *ram, u64 ipa, const void *src, u64 len)
{
	const u8 *from = src;
	int ret = 0;
	u64 step;

	if (!ram_map_holds(&ram->map, ipa, len))
		return len ? -EFAULT : 0;
	for (; len && !ret; ipa += step, from += step, len -= step) {
		step = MIN(len, BLOCK_SIZE - ipa % BLOCK_SIZE);
		ret = write_piece(ram, ipa, from, step);
	}
	return ret;
}
