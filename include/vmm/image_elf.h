/* SPDX-License-Identifier: Apache-2.0 */
/* ELF64 executables for AArch64 (ELF for the Arm 64-bit Architecture, IHI 0056). */
#ifndef VMM_IMAGE_ELF_H
#define VMM_IMAGE_ELF_H

#include <lib/types.h>
#include <vmm/memory.h>

/*
 * What the program headers say, guest-physical: [base, end) holds every segment with its zeroed
 * part; entry lies in one of them.
 */
struct elf_image {
	u64 entry;
	u64 base, end;
};

bool elf_has_magic(const void *file, u64 size);

/*
 * Check the headers of an untrusted file: NULL and *e filled, or what is wrong ("has no segments",
 * ...). Pure.
 */
const char *__must_check elf_check(const void *file, u64 size, struct elf_image *e);

/*
 * Copy the segments of a file that elf_check accepted. 0, -EINVAL, -EFAULT (a segment lies outside
 * RAM). RAM was cleared.
 */
int __must_check elf_load(const void *file, u64 size, const struct vm_ram *ram);

#endif
