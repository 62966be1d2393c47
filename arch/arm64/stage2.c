/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage-2 translation: 4 KiB granule, 40-bit IPA where the CPU has that, walks start at level 1
 * (Arm ARM D8). For 40 bits the tables of level 1 are two, one behind the other.
 */
#include <arch/guest.h>
#include <arch/mmu.h>
#include <asm/boot.h>
#include <asm/percpu.h>
#include <asm/stage2.h>
#include <asm/sysreg.h>
#include <kernel/irq.h>
#include <kernel/page.h>
#include <kernel/spinlock.h>
#include <lib/bitmap.h>
#include <lib/errno.h>

#define S2_ENTRIES 512
#define ROOT_PAGES 2

/* 8-bit VMIDs; 0 is the host's (no guest). */
static struct spinlock vmid_lock = SPINLOCK_INIT(LOCK_VMID);
static u64 vmids[BITMAP_WORDS(ARCH_MAX_VMIDS)] = { 1 };

u32 stage2_ipa_bits(void)
{
	static const u8 bits[] = { 32, 36, 40, 40, 40, 40, 40, 40 };

	return bits[read_sysreg(id_aa64mmfr0_el1) & 7];
}

u64 stage2_vtcr(void)
{
	u64 parange = MIN(read_sysreg(id_aa64mmfr0_el1) & 0xf, 5ULL);

	return BIT(31)                     /* RES1 */
	       | parange << 16             /* PS */
	       | 3ULL << 12                /* SH0: inner shareable */
	       | 1ULL << 10 | 1ULL << 8    /* walks write-back */
	       | 1ULL << 6                 /* SL0: level 1 */
	       | (64 - stage2_ipa_bits()); /* T0SZ */
}

/* Both pages of the tables of level 1, aligned to their size (D8.2.2). */
static u64 *alloc_root(void)
{
	char *pages = pages_alloc(ROOT_PAGES + 1), *spare;

	if (!pages)
		return NULL;
	if (IS_ALIGNED(virt_to_phys(pages).pa, ROOT_PAGES * PAGE_SIZE)) {
		spare = pages + ROOT_PAGES * PAGE_SIZE;
	} else {
		spare = pages;
		pages += PAGE_SIZE;
	}
	page_free(spare);
	return (u64 *)pages;
}

int stage2_init(struct stage2 *s2)
{
	u64 *root = alloc_root();

	if (!root)
		return -ENOMEM;
	unsigned long flags = spin_lock_irqsave(&vmid_lock);
	size_t vmid = bitmap_next_clear(vmids, ARCH_MAX_VMIDS, 0);

	if (vmid < ARCH_MAX_VMIDS)
		bitmap_set(vmids, vmid);
	spin_unlock_irqrestore(&vmid_lock, flags);
	if (vmid == ARCH_MAX_VMIDS) {
		pages_free(root, ROOT_PAGES);
		return -ENOSPC;
	}
	s2->root = root;
	s2->tables = ROOT_PAGES;
	s2->vttbr = (u64)vmid << 48 | virt_to_phys(root).pa;
	dsb(ishst); /* the walker must see the empty table */
	return 0;
}

/* The table below an entry; made if there is none. NULL: no memory, or a block is mapped there. */
static u64 *next_table(struct stage2 *s2, u64 *entry)
{
	if (!(*entry & S2_VALID)) {
		u64 *table = page_alloc();

		if (!table)
			return NULL;
		s2->tables++;
		dsb(ishst); /* the walker must see the zeroes before the entry that leads to them */
		*entry = virt_to_phys(table).pa | S2_TABLE | S2_VALID;
	}
	return *entry & S2_TABLE ? phys_to_virt(PADDR(*entry & S2_ADDR)) : NULL;
}

static const u64 level_size[] = { 0, GIB(1), MIB(2), KIB(4) };

static u64 *entry_of(u64 *table, u32 level, u64 ipa)
{
	const u64 entries = level == 1 ? ROOT_PAGES * S2_ENTRIES : S2_ENTRIES;

	return &table[(ipa >> (39 - 9 * level)) % entries];
}

static bool is_table(u64 entry)
{
	return (entry & (S2_VALID | S2_TABLE)) == (S2_VALID | S2_TABLE);
}

/*
 * Map the largest block at ipa that alignment allows and for which there is no table yet. *mapped:
 * its size.
 */
static int map_one(struct stage2 *s2, u64 ipa, u64 pa, u64 size, u64 attrs, u64 *mapped)
{
	u64 *table = s2->root;

	for (u32 level = 1;; level++) {
		const bool fits = IS_ALIGNED(ipa | pa, level_size[level]) &&
				  size >= level_size[level];
		u64 *entry = entry_of(table, level, ipa);

		if (level == 3 || (fits && !is_table(*entry))) {
			if (*entry & S2_VALID)
				return -EEXIST;
			*entry = pa | attrs | S2_VALID | (level == 3 ? S2_TABLE : 0);
			*mapped = level_size[level];
			return 0;
		}
		table = next_table(s2, entry);
		if (!table)
			return -ENOMEM;
	}
}

int stage2_map(struct stage2 *s2, ipa_t ipa, paddr_t pa, u64 size, enum stage2_attr attr)
{
	u64 done, mapped;

	for (done = 0; done < size; done += mapped) {
		int ret = map_one(s2, ipa.ipa + done, pa.pa + done, size - done,
				  stage2_attr_bits(attr, guests_are_cached), &mapped);

		if (ret)
			return ret;
	}
	dsb(ishst);
	return 0;
}

int stage2_prepare(struct stage2 *s2, ipa_t ipa, u64 size)
{
	for (u64 a = ipa.ipa; a < ipa.ipa + size; a = ALIGN_DOWN(a, GIB(1)) + GIB(1))
		if (!next_table(s2, entry_of(s2->root, 1, a)))
			return -ENOMEM;
	return 0;
}

void stage2_unmap(struct stage2 *s2, ipa_t ipa, u64 size)
{
	u64 a = ipa.ipa, end = ipa.ipa + size;

	while (a < end) {
		u64 *table = s2->root;
		u32 level = 1;
		u64 *entry;

		for (;; level++) {
			entry = entry_of(table, level, a);
			if (!is_table(*entry) || level == 3)
				break;
			table = phys_to_virt(PADDR(*entry & S2_ADDR));
		}
		*entry = 0;
		a = ALIGN_DOWN(a, level_size[level]) + level_size[level];
	}
}

void stage2_window_set(u64 *window, u32 n, paddr_t pa, enum stage2_attr attr)
{
	window[n] = pa.pa | stage2_attr_bits(attr, guests_are_cached) | S2_TABLE | S2_VALID;
}

/*
 * Invalidate the VM's translations on all CPUs. TLB maintenance by VMID works on the current VTTBR,
 * so s2's is loaded for the moment.
 */
static void flush_tlbs(const struct stage2 *s2)
{
	const unsigned long flags = arch_irq_save();
	struct stage2_loan loan;

	stage2_borrow(&loan, s2->vttbr);
	__asm__ volatile("tlbi vmalls12e1is" ::: "memory");
	dsb(ish);
	stage2_return(&loan);
	arch_irq_restore(flags);
}

void stage2_window_show(struct stage2 *s2, ipa_t ipa, const u64 *window, u32 count)
{
	u64 *table = phys_to_virt(PADDR(*entry_of(s2->root, 1, ipa.ipa) & S2_ADDR));
	u64 *entry = entry_of(table, 2, ipa.ipa);

	dsb(ishst); /* the walker must see the pages before the entries that lead to them */
	for (u32 i = 0; i < count; i++)
		entry[i] = window ? virt_to_phys(&window[i * S2_ENTRIES]).pa | S2_TABLE | S2_VALID
				  : 0;
	dsb(ishst);
	if (!window)
		flush_tlbs(s2);
}

static u32 vmid_of(const struct stage2 *s2)
{
	return (u32)(s2->vttbr >> 48);
}

static void flush_here(void *arg)
{
	const struct stage2 *s2 = arg;
	struct stage2_loan loan;

	stage2_borrow(&loan, s2->vttbr);
	__asm__ volatile("tlbi vmalls12e1\n\tic iallu" ::: "memory");
	dsb(nsh);
	stage2_return(&loan);
	this_cpu()->arch.last_vcpu[vmid_of(s2)] = 0;
}

/*
 * Only where the VM has run since the last call. So other CPUs keep the instructions that they have
 * cached, and a VM's reset does not slow their deadlines.
 */
void stage2_flush(struct stage2 *s2)
{
	u32 cpu;

	dsb(ishst); /* table writes before the invalidation */
	for_each_cpu(cpu)
		if (percpus[cpu].arch.last_vcpu[vmid_of(s2)])
			ipi_call(cpu, flush_here, s2);
}

/* A CPU that the VM has left forgets all of it, and is not asked again. */
static void forget_code_here(void *arg)
{
	const struct stage2 *s2 = arg;

	if (read_sysreg(vttbr_el2) != s2->vttbr) {
		flush_here(arg);
		return;
	}
	__asm__ volatile("ic iallu" ::: "memory");
	dsb(nsh);
	isb();
}

/*
 * Translations first: the caches of instructions cannot be filled through them afterwards. A CPU
 * where the VM comes later finds the new tables: tlb_claim() has a barrier.
 */
void stage2_flush_running(struct stage2 *s2)
{
	u32 cpu;

	dsb(ishst); /* table writes before the invalidation */
	flush_tlbs(s2);
	for_each_cpu(cpu)
		if (percpus[cpu].arch.last_vcpu[vmid_of(s2)])
			ipi_call(cpu, forget_code_here, s2);
}

static void free_tables(u64 *table, u32 level)
{
	const u32 pages = level == 1 ? ROOT_PAGES : 1;

	for (u32 i = 0; level < 3 && i < pages * S2_ENTRIES; i++)
		if (is_table(table[i]))
			free_tables(phys_to_virt(PADDR(table[i] & S2_ADDR)), level + 1);
	pages_free(table, pages);
}

void stage2_destroy(struct stage2 *s2)
{
	const u32 vmid = vmid_of(s2);

	stage2_flush(s2);
	free_tables(s2->root, 1);
	s2->root = NULL;
	s2->tables = 0;
	unsigned long flags = spin_lock_irqsave(&vmid_lock);

	bitmap_clear(vmids, vmid);
	spin_unlock_irqrestore(&vmid_lock, flags);
}

u64 stage2_table_bytes(const struct stage2 *s2)
{
	return READ_ONCE(s2->tables) * PAGE_SIZE;
}
