/* SPDX-License-Identifier: Apache-2.0 */
/* For targets that link the image loader but never load: a VM without RAM. */
#include <lib/errno.h>
#include <vmm/memory.h>

int vm_ram_write(const struct vm_ram *ram, u64 ipa, const void *src, u64 len)
{
	(void)ram;
	(void)ipa;
	(void)src;
	(void)len;
	return -EFAULT;
}
