/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM's RAM. For each bank, runs of blocks are allocated from 1 GiB (aligned, so that stage 2 maps
 * it with one entry) downwards. No other code assumes that a VM's RAM is contiguous.
 */
#include <arch/mmu.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/core.h>

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

/*
 * The numbers of the block that contains ipa, and of the block behind its bank. False: ipa is not
 * RAM.
 */
static bool find_block(const struct vm_ram *ram, u64 ipa, u64 *block, u64 *end)
{
	u64 first = 0;

	for (u32 i = 0; i < ram->map.count; i++) {
		const struct ram_bank *bank = &ram->map.banks[i];

		if (ipa >= bank->base && ipa - bank->base < bank->size) {
			*block = first + (ipa - bank->base) / BLOCK_SIZE;
			*end = first + bank->size / BLOCK_SIZE;
			return true;
		}
		first += bank->size / BLOCK_SIZE;
	}
	return false;
}

/* The number of blocks from block i on, before block `end`, that are adjacent in host memory. */
static u64 run_length(const struct vm_ram *ram, u64 i, u64 end)
{
	u64 n = 1;

	while (i + n < end && ram->blocks[i + n].pa == ram->blocks[i].pa + n * BLOCK_SIZE)
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
 * Most blocks of a large VM are never written. A block that is already zero is not written again:
 * on an emulated machine, memory costs nothing before its first write. The check costs more
 * instructions than the write, so a small VM is simply cleared.
 *
 * Guests read RAM with their caches off before they turn them on. So the zeros must be in memory,
 * and no dirty line may remain that could overwrite the guest's writes. A guest may also have
 * written with its caches off. So the check must not read an older line of zeros from the cache.
 */
static void zero_block(const struct vm_ram *ram, u64 i)
{
	void *va = phys_to_virt(ram->blocks[i]);

	if (ram->size >= LARGE) {
		arch_dcache_clean_inval(va, BLOCK_SIZE);
		if (is_zero(va))
			return;
	}
	arch_zero_to_memory(va, BLOCK_SIZE);
}

static bool called_off(const struct vm_ram *ram)
{
	return __atomic_load_n(&ram->call_off, __ATOMIC_RELAXED);
}

static void free_blocks(const struct vm_ram *ram, u64 count)
{
	for (u64 i = 0; i < count; i++)
		block_free(ram->blocks[i], 1);
}

/*
 * Fill blocks[] up to block `end` with runs, as long as there are any. False: only the first *got
 * blocks are allocated.
 */
static bool alloc_bank(struct vm_ram *ram, u64 *got, u64 end)
{
	u32 run = RUN_BLOCKS_MAX;
	paddr_t pa;

	while (*got < end) {
		const u64 left = end - *got;

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

static bool alloc_blocks(struct vm_ram *ram, u64 *got)
{
	bool ok = true;

	*got = 0;
	for (u32 i = 0; i < ram->map.count && ok; i++)
		ok = alloc_bank(ram, got, *got + ram->map.banks[i].size / BLOCK_SIZE);
	return ok;
}

/*
 * Map a bank. Its first block has the number `first`. *done: the bytes that were mapped, also on
 * failure.
 */
static int map_bank(const struct vm_ram *ram, struct stage2 *s2, const struct ram_bank *bank,
		    u64 first, u64 *done)
{
	const u64 end = first + bank->size / BLOCK_SIZE;
	u64 run;
	int ret;

	for (*done = 0; *done < bank->size; *done += run * BLOCK_SIZE) {
		const u64 i = first + *done / BLOCK_SIZE;

		run = run_length(ram, i, end);
		ret = stage2_map(s2, IPA(bank->base + *done), ram->blocks[i], run * BLOCK_SIZE,
				 STAGE2_RAM);
		if (ret)
			return ret;
	}
	return 0;
}

static int map_blocks(const struct vm_ram *ram, struct stage2 *s2)
{
	u64 done, first = 0;
	int ret = 0;

	for (u32 i = 0; i < ram->map.count; i++) {
		const struct ram_bank *bank = &ram->map.banks[i];

		ret = map_bank(ram, s2, bank, first, &done);
		first += bank->size / BLOCK_SIZE;
		if (!ret)
			continue;
		if (done)
			stage2_unmap(s2, IPA(bank->base), done);
		while (i-- > 0)
			stage2_unmap(s2, IPA(ram->map.banks[i].base), ram->map.banks[i].size);
		break;
	}
	return ret;
}

int vm_ram_init(struct vm_ram *ram, struct stage2 *s2, const struct ram_map *map)
{
	const u64 size = ram_map_size(map);
	u64 got = 0;
	int ret = -ENOMEM;
	char why[RAM_MAP_TEXT];

	*ram = (struct vm_ram){ .size = 0 };
	if (ram_map_check(map, why, sizeof(why)))
		return -EINVAL;
	ram->map = *map;
	ram->size = size;
	ram->nblocks = size / BLOCK_SIZE;
	if (!table_alloc(ram)) {
		*ram = (struct vm_ram){ .size = 0 };
		return -ENOMEM;
	}
	if (alloc_blocks(ram, &got)) {
		ret = map_blocks(ram, s2);
		if (!ret)
			return 0;
	}
	free_blocks(ram, got);
	table_free(ram);
	return ret;
}

int vm_ram_clear(struct vm_ram *ram)
{
	for (u64 i = 0; i < ram->nblocks; i++) {
		if (called_off(ram))
			return -EINTR;
		zero_block(ram, i);
	}
	return 0;
}

void vm_ram_free(struct vm_ram *ram)
{
	if (!ram->blocks)
		return;
	for (u64 i = 0; i < ram->nblocks; i++)
		zero_block(ram, i);
	free_blocks(ram, ram->nblocks);
	table_free(ram);
}

void *vm_ram_ptr(const struct vm_ram *ram, u64 ipa, u64 *contiguous)
{
	u64 block, end;

	if (!find_block(ram, ipa, &block, &end))
		return NULL;
	/* Banks begin at multiples of a block. */
	if (contiguous)
		*contiguous = run_length(ram, block, end) * BLOCK_SIZE - ipa % BLOCK_SIZE;
	return (u8 *)phys_to_virt(ram->blocks[block]) + ipa % BLOCK_SIZE;
}

/*
 * The host address of ipa. *step: how much of `len` lies in its block. The range was already
 * checked.
 */
static void *piece(const struct vm_ram *ram, u64 ipa, u64 len, u64 *step)
{
	*step = MIN(len, BLOCK_SIZE - ipa % BLOCK_SIZE);
	return vm_ram_ptr(ram, ipa, NULL);
}

int vm_ram_write(const struct vm_ram *ram, u64 ipa, const void *src, u64 len)
{
	const u8 *from = src;
	u64 step;

	if (!ram_map_holds(&ram->map, ipa, len))
		return len ? -EFAULT : 0;
	for (; len; ipa += step, from += step, len -= step) {
		void *to = piece(ram, ipa, len, &step);

		if (called_off(ram))
			return -EINTR;
		memcpy(to, from, step);
		arch_dcache_clean_inval(to, step);
	}
	return 0;
}
