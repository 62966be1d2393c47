/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 1 of our own level: the final tables (text RX, rodata R, data RW; RAM linear; devices and
 * stacks on demand). Arm ARM D8.
 */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <asm/boot.h>
#include <asm/layout.h>
#include <asm/sysreg.h>
#include <kernel/early.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <kernel/ram.h>
#include <kernel/spinlock.h>
#include <lib/bitmap.h>
#include <lib/string.h>

#define PTE_VALID    BIT(0)
#define PTE_TABLE    BIT(1) /* at level 3: page */
#define PTE_ATTR(n)  ((u64)(n) << 2)
#define PTE_RO       BIT(7) /* AP[2] */
#define PTE_SH_INNER (3ULL << 8)
#define PTE_AF       BIT(10)
#define PTE_ADDR     BITS(47, 12)

#define PTE_NORMAL (PTE_ATTR(1) | PTE_SH_INNER | PTE_AF | PTE_AP1)
#define PTE_TEXT   (PTE_NORMAL | PTE_RO)
#define PTE_RODATA (PTE_NORMAL | PTE_RO | PTE_XN)
#define PTE_DATA   (PTE_NORMAL | PTE_XN)
#define PTE_DEVICE (PTE_ATTR(0) | PTE_AF | PTE_AP1 | PTE_XN)

#define TABLE_ENTRIES 512

extern char __image_start[], __text_end[], __rodata_end[], __boot_stack_guard[], __boot_stack[],
	__image_end[];

static bool page_allocator_up;

static u64 *root;
static u64 image_pa;
/* guards the tables, io_next and stack_slots */
static struct spinlock map_lock = SPINLOCK_INIT(LOCK_MAP);
static u64 io_next = IO_VA;

#define STACK_SLOTS 512
static u64 stack_slots[BITMAP_WORDS(STACK_SLOTS)];

/*
 * The linear map ends with the address space. Beyond PARange (Arm ARM D8.1.7) there is no memory.
 */
u64 arch_ram_limit(void)
{
	static const u8 bits[] = { 32, 36, 40, 42, 44, 47 };
	u64 range = FIELD(read_sysreg(id_aa64mmfr0_el1), 3, 0);

	return BIT(bits[MIN(range, ARRAY_SIZE(bits) - 1)]);
}

void *phys_to_virt(paddr_t pa)
{
	return (void *)(LINEAR_VA + pa.pa);
}

paddr_t virt_to_phys(const void *va)
{
	u64 a = (u64)va;

	return PADDR(a >= LINEAR_VA ? a - LINEAR_VA : a - KIMAGE_VA + image_pa);
}

static u64 *table_alloc(void)
{
	u64 *table;

	if (page_allocator_up)
		return page_alloc();
	table = early_alloc(PAGE_SIZE, PAGE_SIZE);
	if (table)
		arch_zero_pages(table, PAGE_SIZE);
	return table;
}

static u64 *table_at(u64 entry)
{
	paddr_t pa = PADDR(entry & PTE_ADDR);

	/* Early tables lie behind the image, in the 2 MiB that the linear map leaves out. */
	if (pa.pa >= image_pa && pa.pa < image_pa + KIMAGE_BYTES)
		return (u64 *)(KIMAGE_VA + (pa.pa - image_pa));
	return phys_to_virt(pa);
}

/* The entry for va at `level` (1 to 3). Tables above it are made as needed. NULL: no memory. */
static u64 *walk(u64 va, u32 level)
{
	u64 *table = root;

	for (u32 l = 0;; l++) {
		u64 *entry = &table[(va >> (39 - 9 * l)) % TABLE_ENTRIES];

		if (l == level)
			return entry;
		if (!(*entry & PTE_VALID)) {
			u64 *next = table_alloc();

			if (!next)
				return NULL;
			/*
			 * The walkers must see the zeroed table before the entry that leads to it.
			 */
			dsb(ishst);
			*entry = virt_to_phys(next).pa | PTE_TABLE | PTE_VALID;
		}
		table = table_at(*entry);
	}
}

/* Map with the largest blocks that alignment allows. Nothing may be mapped there yet. */
static int map_range(u64 va, u64 pa, u64 size, u64 attr)
{
	while (size) {
		u32 level = 3;
		u64 step = KIB(4);

		if (IS_ALIGNED(va | pa, GIB(1)) && size >= GIB(1)) {
			level = 1;
			step = GIB(1);
		} else if (IS_ALIGNED(va | pa, MIB(2)) && size >= MIB(2)) {
			level = 2;
			step = MIB(2);
		}
		u64 *entry = walk(va, level);

		if (!entry)
			return -1;
		/* The following entries of the same table need no walk. */
		u64 room = (PAGE_SIZE - (u64)entry % PAGE_SIZE) / sizeof(*entry);
		u64 run = MIN(size / step, room) * step;
		u64 value = pa | attr | PTE_VALID | (level == 3 ? PTE_TABLE : 0);

		for (u64 end = value + run; value < end; value += step)
			*entry++ = value;
		va += run;
		pa += run;
		size -= run;
	}
	dsb(ishst);
	isb();
	return 0;
}

/* Map RAM in the linear map, except memory that must not be mapped, and the image. */
static bool map_ram(void)
{
	for (const struct ram_range *r = ram_mapped(); r; r = r->next)
		if (map_range(LINEAR_VA + r->start, r->start, r->end - r->start, PTE_DATA))
			return false;
	return true;
}

static bool map_image(void)
{
	const struct {
		char *start, *end;
		u64 attr;
	} parts[] = {
		{ __image_start, __text_end, PTE_TEXT },
		{ __text_end, __rodata_end, PTE_RODATA },
		{ __rodata_end, __boot_stack_guard, PTE_DATA },
		/* The guard below the stack stays unmapped. Early memory is behind the stack. */
		{ __boot_stack, (char *)KIMAGE_VA + KIMAGE_BYTES, PTE_DATA },
	};

	for (u32 i = 0; i < ARRAY_SIZE(parts); i++) {
		u64 va = (u64)parts[i].start, end = ALIGN_UP((u64)parts[i].end, PAGE_SIZE);

		if (map_range(va, va - KIMAGE_VA + image_pa, end - va, parts[i].attr))
			return false;
	}
	return true;
}

/* Map the devicetree at the virtual address that it had from the start. */
static bool map_fdt(const struct phys_range *fdt)
{
	u64 offset = fdt->base.pa % PAGE_SIZE;

	return map_range(FDT_VA + fdt->base.pa % MIB(2) - offset, fdt->base.pa - offset,
			 ALIGN_UP(fdt->size + offset, PAGE_SIZE), PTE_RODATA) == 0;
}

/* Switch to the final tables. The boot tables' identity map and RWX image are gone. */
void mmu_enable_final(void)
{
	write_sysreg_(TTBR0_ELx, virt_to_phys(root).pa);
	isb();
	__asm__ volatile("tlbi " sysreg_name(TLBI_ALL)::: "memory");
	dsb(nsh);
	isb();
	write_sysreg_(SCTLR_ELx,
		      SCTLR_ELx_RES1 | SCTLR_M | SCTLR_C | SCTLR_I | SCTLR_SA | SCTLR_WXN);
	isb();
}

bool mmu_init(u64 image, struct phys_range fdt)
{
	kassert((u64)__image_start == KIMAGE_VA);
	image_pa = image;
	root = table_alloc();
	return root && map_image() && map_fdt(&fdt) && map_ram();
}

void mmu_page_allocator_ready(void)
{
	page_allocator_up = true;
}

const void *arch_image_constant(size_t *size)
{
	*size = (size_t)(__rodata_end - __image_start);
	return __image_start;
}

u64 mmu_root_pa(void)
{
	return virt_to_phys(root).pa;
}

void *arch_map_device(paddr_t pa, u64 size)
{
	u64 offset = pa.pa % PAGE_SIZE;
	u64 bytes = ALIGN_UP(size + offset, PAGE_SIZE);
	unsigned long flags = spin_lock_irqsave(&map_lock);
	u64 va = io_next;

	/*
	 * Redistributors take many MiB. For blocks, both addresses must have the same offset within
	 * 2 MiB.
	 */
	if (bytes >= MIB(2))
		va = ALIGN_UP(va, MIB(2)) + ALIGN_DOWN(pa.pa, PAGE_SIZE) % MIB(2);
	io_next = va + bytes + PAGE_SIZE;
	bool ok = map_range(va, pa.pa - offset, bytes, PTE_DEVICE) == 0;

	spin_unlock_irqrestore(&map_lock, flags);
	return ok ? (void *)(va + offset) : NULL;
}

static void unmap_page(u64 va)
{
	u64 *entry = walk(va, 3);

	*entry = 0;
	dsb(ishst);
	__asm__ volatile("tlbi " sysreg_name(TLBI_VA_IS) ", %0" ::"r"(va >> 12) : "memory");
	dsb(ish);
}

void *arch_stack_alloc(void)
{
	u64 pages[STACK_BYTES / PAGE_SIZE];

	for (u32 i = 0; i < ARRAY_SIZE(pages); i++) {
		void *page = page_alloc();

		if (!page) {
			while (i--)
				page_free(phys_to_virt(PADDR(pages[i])));
			return NULL;
		}
		pages[i] = virt_to_phys(page).pa;
	}

	unsigned long flags = spin_lock_irqsave(&map_lock);
	size_t slot = bitmap_next_clear(stack_slots, STACK_SLOTS, 0);
	u64 base = STACK_VA + slot * STACK_SLOT + STACK_BYTES;
	bool ok = slot < STACK_SLOTS;

	for (u32 i = 0; ok && i < ARRAY_SIZE(pages); i++)
		ok = map_range(base + i * PAGE_SIZE, pages[i], PAGE_SIZE, PTE_DATA) == 0;
	if (ok)
		bitmap_set(stack_slots, slot);
	spin_unlock_irqrestore(&map_lock, flags);
	if (ok)
		return (void *)(base + STACK_BYTES);
	for (u32 i = 0; i < ARRAY_SIZE(pages); i++)
		page_free(phys_to_virt(PADDR(pages[i])));
	return NULL;
}

void arch_stack_free(void *stack_top)
{
	u64 base = (u64)stack_top - STACK_BYTES;

	for (u64 va = base; va < base + STACK_BYTES; va += PAGE_SIZE) {
		unsigned long flags = spin_lock_irqsave(&map_lock);
		u64 pa = *walk(va, 3) & PTE_ADDR;

		unmap_page(va);
		spin_unlock_irqrestore(&map_lock, flags);
		page_free(phys_to_virt(PADDR(pa)));
	}
	unsigned long flags = spin_lock_irqsave(&map_lock);

	bitmap_clear(stack_slots, (base - STACK_VA) / STACK_SLOT);
	spin_unlock_irqrestore(&map_lock, flags);
}
