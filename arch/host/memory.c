/* SPDX-License-Identifier: Apache-2.0 */
#include <arch/mmu.h>
#include <asm/fiber.h>
#include <asm/smp.h>
#include <string.h>
#include <sys/mman.h>

#define GUARD_SIZE  KIB(4)
#define DEVICES_MAX 16

u32 host_stacks_in_use;
u32 host_alloc_limit = UINT32_MAX;
u64 host_dcache_bytes;
void (*host_zeroing)(void);

static u8 *ram;

static struct {
	u64 pa, size;
	void *va;
} devices[DEVICES_MAX];

static void *map(u64 size)
{
	void *va = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (va == MAP_FAILED)
		host_die("no memory for the fake machine");
	return va;
}

static u8 *ram_base(void)
{
	if (!ram)
		ram = map(HOST_RAM_SIZE);
	return ram;
}

void host_memory_reset(void)
{
	if (ram)
		madvise(ram, HOST_RAM_SIZE, MADV_DONTNEED);
	memset(devices, 0, sizeof(devices));
	host_stacks_in_use = 0;
	host_alloc_limit = UINT32_MAX;
	host_dcache_bytes = 0;
	host_zeroing = NULL;
}

u64 arch_ram_limit(void)
{
	return BIT(47);
}

void *phys_to_virt(paddr_t pa)
{
	if (pa.pa - HOST_RAM_BASE >= HOST_RAM_SIZE)
		host_die("phys_to_virt: no RAM there");
	return ram_base() + (pa.pa - HOST_RAM_BASE);
}

paddr_t virt_to_phys(const void *va)
{
	u64 offset = (u64)((const u8 *)va - ram_base());

	if (offset >= HOST_RAM_SIZE)
		host_die("virt_to_phys: not in the linear map");
	return PADDR(HOST_RAM_BASE + offset);
}

void *arch_map_device(paddr_t pa, u64 size)
{
	u32 i;

	for (i = 0; i < DEVICES_MAX && devices[i].va; i++)
		if (devices[i].pa == pa.pa && devices[i].size >= size)
			return devices[i].va;
	if (i == DEVICES_MAX)
		return NULL;
	devices[i].pa = pa.pa;
	devices[i].size = size;
	devices[i].va = map(ALIGN_UP(size, GUARD_SIZE));
	return devices[i].va;
}

void *arch_stack_alloc(void)
{
	u8 *base;

	if (host_alloc_limit == 0)
		return NULL;
	if (host_alloc_limit != UINT32_MAX)
		host_alloc_limit--;
	base = map(GUARD_SIZE + HOST_STACK_SIZE);
	mprotect(base, GUARD_SIZE, PROT_NONE);
	__atomic_fetch_add(&host_stacks_in_use, 1, __ATOMIC_RELAXED);
	return base + GUARD_SIZE + HOST_STACK_SIZE;
}

void arch_stack_free(void *stack_top)
{
	__atomic_fetch_sub(&host_stacks_in_use, 1, __ATOMIC_RELAXED);
	munmap((u8 *)stack_top - HOST_STACK_SIZE - GUARD_SIZE, GUARD_SIZE + HOST_STACK_SIZE);
}

void arch_dcache_clean_inval(const void *va, u64 size)
{
	(void)va;
	__atomic_fetch_add(&host_dcache_bytes, size, __ATOMIC_RELAXED);
}

void arch_clean_for_guest(const void *va, u64 size)
{
	arch_dcache_clean_inval(va, size);
}

const void *arch_image_constant(size_t *size)
{
	*size = 3;
	return "abc";
}

void arch_zero_pages(void *va, u64 size)
{
	if (!IS_ALIGNED((uintptr_t)va, KIB(4)) || !IS_ALIGNED(size, KIB(4)))
		host_die("arch_zero_pages: no whole pages");
	memset(va, 0, size);
}

void arch_zero_to_memory(void *va, u64 size)
{
	if (host_zeroing)
		host_zeroing();
	arch_zero_pages(va, size);
	arch_clean_for_guest(va, size);
}
