/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle_fixture.h"

#include <arch/mmu.h>
#include <kernel/early.h>
#include <kernel/ram.h>
#include <lib/errno.h>
#include <string.h>
#include <sys/mman.h>
#include <vmm/core.h>

u8 *ram;
const struct phys_range all_ram = { { RAM_BASE }, RAM_SIZE };

static u64 early[MIB(1) / sizeof(u64)];

/* RAM for the addresses of the start command; untouched memory costs nothing. */
void *phys_to_virt(paddr_t pa)
{
	assert_true(pa.pa >= RAM_BASE && pa.pa < RAM_BASE + RAM_SIZE);
	return ram + (pa.pa - RAM_BASE);
}

/* Nothing is loaded here. */
int vm_ram_write(struct vm_ram *r, u64 ipa, const void *src, u64 len)
{
	(void)r;
	(void)ipa;
	(void)src;
	(void)len;
	return -EFAULT;
}

int bundle_setup(void **state)
{
	(void)state;
	if (ram)
		munmap(ram, RAM_SIZE);
	ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(ram, MAP_FAILED);
	machine_ram(&all_ram, 1);
	vm_type_count = 0;
	memset(vm_types, 0, sizeof(vm_types));
	archive_size = 0;
	return 0;
}

void machine_ram(const struct phys_range *ranges, u32 count)
{
	early_init(early, sizeof(early));
	ram_reset();
	for (u32 i = 0; i < count; i++)
		assert_true(ram_add(ranges[i]));
	assert_true(ram_settle(BIT(47)));
}

u64 taken(void)
{
	u64 bytes = 0;

	for (const struct ram_range *r = ram_all(); r; r = r->next)
		bytes += r->end - r->start;
	for (const struct ram_range *r = ram_free(); r; r = r->next)
		bytes -= r->end - r->start;
	return bytes;
}

u8 *mem(u64 pa)
{
	return phys_to_virt(PADDR(pa));
}
