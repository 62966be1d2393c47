/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM's RAM. Runs of blocks are asked for from 1 GiB (aligned, so that stage 2 maps it by one
 * entry) downwards; nothing else in the house assumes that a VM's RAM is contiguous.
 */
#include <arch/mmu.h>
#include <lib/checked.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/memory.h>

#define LARGE          GIB(1)
#define RUN_BLOCKS_MAX ((u32)(GIB(1) / BLOCK_SIZE))

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
	*ram = (struct vm_ram){ .size = 0 };
}

/* Number of blocks from block i on that follow each other in host memory. */
static u64 run_length(const struct vm_ram *ram, u64 i)
{
	u64 n = 1;

	while (i + n < ram->nblocks && ram->blocks[i + n].pa == ram->blocks[i].pa + n * BLOCK_SIZE)
		n++;
	return n;
}

static bool is_zero(const u64 *block)
{
	for (const u64 *end = block + BLOCK_SIZE / sizeof(*block); block < end; block += 8)
		if (block[0] | block[1] | block[2] | block[3] | block[4] | block[5] | block[6] |
		    block[7])
			return false;
	return true;
}

/*
 * Of a large VM most is never written: what is zero is left alone there, as on an emulated machine memory costs nothing before it is written. To look costs
 * more instructions than to write, so that a small VM is simply cleared.
 *
 * Guests read RAM with their caches off before they turn them on: what was written here must be in
 * memory, and no dirty line may be left to overwrite what they write.
 */
static void zero_blocks(const struct vm_ram *ram)
{
	for (u64 i = 0; i < ram->nblocks; i++) {
		void *va = phys_to_virt(ram->blocks[i]);

		if (ram->size < LARGE || !is_zero(va))
			arch_zero_to_memory(va, BLOCK_SIZE);
		else
			arch_dcache_clean_inval(va, BLOCK_SIZE);
	}
}

static void free_blocks(const struct vm_ram *ram, u64 count)
{
	for (u64 i = 0; i < count; i++)
		block_free(ram->blocks[i], 1);
}

/* Fill blocks[] with runs as long as there are any. False: the first *got blocks are allocated. */
static bool alloc_blocks(struct vm_ram *ram, u64 *got)
{
	u32 run = RUN_BLOCKS_MAX;
	paddr_t pa;

	for (*got = 0; *got < ram->nblocks;) {
		const u64 left = ram->nblocks - *got;

		while (run > left)
			run /= 2;
		if (block_alloc(run, run, &pa)) {
			for (u32 i = 0; i < run; i++)
				ram->blocks[(*got)++] = PADDR(pa.pa + i * BLOCK_SIZE);
		} else if (run > 1) {
			run /= 2;
		} else {
			return false;
		}
	}
	return true;
}

static int map_blocks(const struct vm_ram *ram, struct stage2 *s2)
{
	u64 run;

	for (u64 i = 0; i < ram->nblocks; i += run) {
		const u64 ipa = GUEST_RAM_BASE + i * BLOCK_SIZE;
		int ret;

		run = run_length(ram, i);
		ret = stage2_map(s2, IPA(ipa), ram->blocks[i], run * BLOCK_SIZE, STAGE2_RAM);
		if (!ret)
			continue;
		if (i)
			stage2_unmap(s2, IPA(GUEST_RAM_BASE), i * BLOCK_SIZE);
		return ret;
	}
	return 0;
}

int vm_ram_init(struct vm_ram *ram, struct stage2 *s2, u64 size)
{
	u64 got = 0;
	int ret = -ENOMEM;

	*ram = (struct vm_ram){ .size = 0 };
	if (!size || !IS_ALIGNED(size, BLOCK_SIZE) || size > GUEST_RAM_MAX)
		return -EINVAL;
	ram->size = size;
	ram->nblocks = size / BLOCK_SIZE;
	if (!table_alloc(ram)) {
		*ram = (struct vm_ram){ .size = 0 };
		return -ENOMEM;
	}
	if (alloc_blocks(ram, &got)) {
		zero_blocks(ram);
		ret = map_blocks(ram, s2);
		if (!ret)
			return 0;
	}
	free_blocks(ram, got);
	table_free(ram);
	return ret;
}

void vm_ram_clear(struct vm_ram *ram)
{
	zero_blocks(ram);
}

void vm_ram_free(struct vm_ram *ram)
{
	if (!ram->blocks)
		return;
	zero_blocks(ram);
	free_blocks(ram, ram->nblocks);
	table_free(ram);
}

void *vm_ram_ptr(const struct vm_ram *ram, u64 ipa, u64 *contiguous)
{
	const u64 offset = ipa - GUEST_RAM_BASE;
	u64 block;

	if (ipa < GUEST_RAM_BASE || offset >= ram->size)
		return NULL;
	block = offset / BLOCK_SIZE;
	if (contiguous)
		*contiguous = run_length(ram, block) * BLOCK_SIZE - offset % BLOCK_SIZE;
	return (u8 *)phys_to_virt(ram->blocks[block]) + offset % BLOCK_SIZE;
}

/* Host address of ipa, and in *step how much of `len` lies in its block. The range was checked. */
static void *piece(const struct vm_ram *ram, u64 ipa, u64 len, u64 *step)
{
	const u64 offset = ipa - GUEST_RAM_BASE;

	*step = MIN(len, BLOCK_SIZE - offset % BLOCK_SIZE);
	return (u8 *)phys_to_virt(ram->blocks[offset / BLOCK_SIZE]) + offset % BLOCK_SIZE;
}

int vm_ram_write(const struct vm_ram *ram, u64 ipa, const void *src, u64 len)
{
	const u8 *from = src;
	u64 step;

	if (!range_within(ipa, len, GUEST_RAM_BASE, ram->size))
		return -EFAULT;
	for (; len; ipa += step, from += step, len -= step) {
		void *to = piece(ram, ipa, len, &step);

		memcpy(to, from, step);
		arch_dcache_clean_inval(to, step);
	}
	return 0;
}

int vm_ram_read(const struct vm_ram *ram, u64 ipa, void *dst, u64 len)
{
	u8 *to = dst;
	u64 step;

	if (!range_within(ipa, len, GUEST_RAM_BASE, ram->size))
		return -EFAULT;
	for (; len; ipa += step, to += step, len -= step) {
		const void *from = piece(ram, ipa, len, &step);

		memcpy(to, from, step);
	}
	return 0;
}
