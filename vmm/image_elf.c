/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF64: fields are read byte-wise at their offsets, for a file in the bundle is aligned to 4 bytes
 * only.
 */
#include <lib/checked.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/image.h>
#include <vmm/image_elf.h>

/* File header: offsets. */
#define E_CLASS     4
#define E_DATA      5
#define E_TYPE      16
#define E_MACHINE   18
#define E_ENTRY     24
#define E_PHOFF     32
#define E_PHENTSIZE 54
#define E_PHNUM     56
#define E_SIZE      64

#define CLASS_64      2
#define DATA_LITTLE   1
#define TYPE_EXEC     2
#define TYPE_DYN      3
#define MACHINE_ARM64 183

/* Program header: offsets. */
#define P_TYPE   0
#define P_OFFSET 8
#define P_VADDR  16
#define P_PADDR  24
#define P_FILESZ 32
#define P_MEMSZ  40
#define P_SIZE   56

#define PT_LOAD      1
#define SEGMENTS_MAX 64

struct segment {
	u64 offset, vaddr, paddr, filesz, memsz;
};

bool elf_has_magic(const void *file, u64 size)
{
	return size >= 4 && !memcmp(file,
				    "\x7f"
				    "ELF",
				    4);
}

/* Program header n, which lies in the file; false if it is nothing to load. */
static bool get_segment(const void *file, u64 n, struct segment *s)
{
	const u64 at = image_le(file, E_PHOFF, 8) + n * P_SIZE;

	s->offset = image_le(file, at + P_OFFSET, 8);
	s->vaddr = image_le(file, at + P_VADDR, 8);
	s->paddr = image_le(file, at + P_PADDR, 8);
	s->filesz = image_le(file, at + P_FILESZ, 8);
	s->memsz = image_le(file, at + P_MEMSZ, 8);
	return image_le(file, at + P_TYPE, 4) == PT_LOAD && s->memsz;
}

static const char *check_header(const void *file, u64 size)
{
	const u64 type = size >= E_SIZE ? image_le(file, E_TYPE, 2) : 0;
	u64 count;

	if (size < E_SIZE)
		return "is cut off";
	if (image_le(file, E_CLASS, 1) != CLASS_64 || image_le(file, E_DATA, 1) != DATA_LITTLE ||
	    image_le(file, E_MACHINE, 2) != MACHINE_ARM64)
		return "is not for AArch64 (64-bit, little-endian)";
	if (type != TYPE_EXEC && type != TYPE_DYN)
		return "is not an executable";
	count = image_le(file, E_PHNUM, 2);
	if (!count || count > SEGMENTS_MAX)
		return "has no segments, or more than 64";
	if (image_le(file, E_PHENTSIZE, 2) != P_SIZE ||
	    !range_within(image_le(file, E_PHOFF, 8), count * P_SIZE, 0, size))
		return "has its program headers outside the file";
	return NULL;
}

const char *elf_check(const void *file, u64 size, struct elf_image *e)
{
	const char *why = check_header(file, size);
	bool entered = false;
	struct segment s;
	u64 entry, end;

	if (why)
		return why;
	*e = (struct elf_image){ .base = UINT64_MAX };
	entry = image_le(file, E_ENTRY, 8);
	for (u64 i = 0; i < image_le(file, E_PHNUM, 2); i++) {
		if (!get_segment(file, i, &s))
			continue;
		if (s.filesz > s.memsz || !range_within(s.offset, s.filesz, 0, size))
			return "has a segment outside the file";
		if (!checked_add(s.paddr, s.memsz, &end))
			return "has a segment that passes the end of memory";
		e->base = MIN(e->base, s.paddr);
		e->end = MAX(e->end, end);
		/* The entry point is a virtual address; the guest starts with its MMU off. */
		if (entry >= s.vaddr && entry - s.vaddr < s.memsz && !entered) {
			e->entry = entry - s.vaddr + s.paddr;
			entered = true;
		}
	}
	if (!e->end)
		return "has nothing to load";
	return entered && e->entry % 4 == 0 ? NULL : "has its entry point outside its segments";
}

int elf_load(const void *file, u64 size, const struct vm_ram *ram)
{
	struct elf_image e;
	struct segment s;
	int ret;

	if (elf_check(file, size, &e))
		return -EINVAL;
	for (u64 i = 0; i < image_le(file, E_PHNUM, 2); i++) {
		if (!get_segment(file, i, &s))
			continue;
		ret = vm_ram_write(ram, s.paddr, (const u8 *)file + s.offset, s.filesz);
		if (ret)
			return ret;
	}
	return 0;
}
