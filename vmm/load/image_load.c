/* SPDX-License-Identifier: Apache-2.0 */
/* Carries a plan out. The whole plan was checked and cannot leave the VM's RAM. */
#include <lib/errno.h>
#include <vmm/core.h>

static int load_elf(const void *file, u64 size, struct vm_ram *ram)
{
	struct elf_part part;
	u32 n = 0;
	int ret = 0;

	while (!ret && elf_next_part(file, size, &ram->map, &n, &part))
		ret = vm_ram_write(ram, part.base, part.data, part.data_size);
	return ret;
}

int image_load(const struct load_plan *p, struct vm_ram *ram, const void *kernel, u64 kernel_size,
	       const void *initrd, const void *dtb, u64 dtb_size)
{
	int ret;

	if (dtb_size > p->dtb_max)
		return -ENOSPC;
	if (p->format == IMAGE_FIRMWARE)
		ret = 0;
	else if (p->format == IMAGE_ELF)
		ret = load_elf(kernel, kernel_size, ram);
	else
		ret = vm_ram_write(ram, p->kernel_base, kernel, kernel_size);
	if (!ret && p->initrd_size)
		ret = vm_ram_write(ram, p->initrd_base, initrd, p->initrd_size);
	return ret ? ret : vm_ram_write(ram, p->dtb_base, dtb, dtb_size);
}
