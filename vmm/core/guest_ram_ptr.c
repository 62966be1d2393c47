/* SPDX-License-Identifier: Apache-2.0 */
/* Where a VM's RAM is, for devices, whose rings lie there: on the way of every request. */
#include <arch/mmu.h>
#include <vmm/core.h>

/* The first bank is tried before the loop: nearly all VMs have one. */
void *vm_ram_ptr(const struct vm_ram *ram, u64 ipa)
{
	const struct ram_bank *bank = ram->map.banks, *end = bank + ram->map.count;
	const paddr_t *block = ram->blocks;
	u64 pa;

	while (unlikely(ipa - bank->base >= bank->size)) {
		block += bank->size / BLOCK_SIZE;
		if (++bank == end)
			return NULL;
	}
	pa = __atomic_load_n(&block[(ipa - bank->base) / BLOCK_SIZE].pa, __ATOMIC_ACQUIRE);
	return likely(pa > VM_BLOCK_GIVEN) ? phys_to_virt(PADDR(pa + ipa % BLOCK_SIZE)) : NULL;
}
