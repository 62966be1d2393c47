/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF64 executables for AArch64 (ELF for the Arm 64-bit Architecture, IHI 0056), loaded as QEMU's -kernel does: segments go to their physical addresses. A
 * segment that has nothing in the file may lie outside RAM; of the one that holds the file's own header, what lies outside RAM is left out.
 */
#ifndef VMM_IMAGE_ELF_H
#define VMM_IMAGE_ELF_H

#include <lib/types.h>
#include <vmm/desc.h>

/* What the program headers say, guest-physical: [base, end) holds what is loaded of all segments, with their zeroed parts; entry lies in one of them. */
struct elf_image {
	u64 entry;
	u64 base, end;
};

bool elf_has_magic(const void *file, u64 size);

/*
 * Check the headers of an untrusted file against a VM's RAM. 0 and *e filled; -EINVAL with err: what is wrong, with the number of the segment as
 * `readelf -l` counts it. Pure.
 */
int __must_check elf_plan(const void *file, u64 size, const struct ram_map *ram,
			  struct elf_image *e, struct desc_error *err);

/* What of a segment goes to RAM: data_size bytes of data, and zeros up to `size`. */
struct elf_part {
	u64 base, size;
	const void *data;
	u64 data_size;
};

/* The next part of a file that elf_plan accepted; *n begins with 0 and is kept by the caller. False: there is no more. Pure. */
bool elf_next_part(const void *file, u64 size, const struct ram_map *ram, u32 *n,
		   struct elf_part *part);

#endif
