/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF64. Fields are read byte by byte at their offsets: a file in the bundle is aligned to 4 bytes
 * only.
 */
#include <lib/checked.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <vmm/load.h>
#include "image_plan.h"

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
#define P_FLAGS  4
#define P_OFFSET 8
#define P_VADDR  16
#define P_PADDR  24
#define P_FILESZ 32
#define P_MEMSZ  40
#define P_SIZE   56

#define PT_LOAD      1
#define PF_X         BIT(0)
#define SEGMENTS_MAX 64

/* A program header. */
struct segment {
	u32 number; /* the number that readelf -l shows, from 0 */
	u64 flags, offset, vaddr, paddr, filesz, memsz;
};

/* A file with a valid header. */
struct elf {
	const void *file;
	u64 size, entry;
	u32 count; /* of program headers */
	const struct ram_map *ram;
	struct desc_error *err;
};

#define refuse(e, ...) image_refuse((e)->err, "kernel: ELF " __VA_ARGS__)

bool elf_has_magic(const void *file, u64 size)
{
	return size >= 4 && !memcmp(file, "\x7f\x45LF", 4);
}

/* ---- the file's header ---- */

static const char *machine_name(u64 machine)
{
	static const struct {
		u64 machine;
		const char *name;
	} machines[] = {
		{ 3, "x86" },         { 8, "MIPS" },    { 20, "PowerPC" }, { 21, "PowerPC" },
		{ 40, "32-bit Arm" }, { 62, "x86-64" }, { 243, "RISC-V" }, { 258, "LoongArch" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(machines); i++)
		if (machines[i].machine == machine)
			return machines[i].name;
	return "another machine";
}

static int check_machine(const struct elf *e)
{
	const u64 machine = image_le(e->file, E_MACHINE, 2);

	if (image_le(e->file, E_DATA, 1) != DATA_LITTLE)
		return refuse(e, "file is big-endian, a VM starts in little-endian state");
	if (machine != MACHINE_ARM64)
		return refuse(e, "file is for %s, not for AArch64", machine_name(machine));
	if (image_le(e->file, E_CLASS, 1) != CLASS_64)
		return refuse(e, "file is a 32-bit one, not for AArch64's 64-bit state");
	return 0;
}

static int open_file(struct elf *e)
{
	u64 type;
	int ret;

	if (e->size < E_SIZE)
		return refuse(e, "file is cut off");
	ret = check_machine(e);
	if (ret)
		return ret;
	type = image_le(e->file, E_TYPE, 2);
	if (type != TYPE_EXEC && type != TYPE_DYN)
		return refuse(e, "file is not an executable");
	e->entry = image_le(e->file, E_ENTRY, 8);
	e->count = (u32)image_le(e->file, E_PHNUM, 2);
	if (!e->count || e->count > SEGMENTS_MAX)
		return refuse(e, "file has %u program headers, 1 to %u are possible", e->count,
			      SEGMENTS_MAX);
	if (image_le(e->file, E_PHENTSIZE, 2) != P_SIZE ||
	    !range_within(image_le(e->file, E_PHOFF, 8), (u64)e->count * P_SIZE, 0, e->size))
		return refuse(e, "file has its program headers outside the file");
	return 0;
}

/* ---- segments ---- */

/* The next segment from number `n` on that has anything in memory. False: there is none. */
static bool next_segment(const struct elf *e, u32 n, struct segment *s)
{
	for (; n < e->count; n++) {
		const u64 at = image_le(e->file, E_PHOFF, 8) + (u64)n * P_SIZE;

		if (image_le(e->file, at + P_TYPE, 4) != PT_LOAD ||
		    !image_le(e->file, at + P_MEMSZ, 8))
			continue;
		*s = (struct segment){
			.number = n,
			.flags = image_le(e->file, at + P_FLAGS, 4),
			.offset = image_le(e->file, at + P_OFFSET, 8),
			.vaddr = image_le(e->file, at + P_VADDR, 8),
			.paddr = image_le(e->file, at + P_PADDR, 8),
			.filesz = image_le(e->file, at + P_FILESZ, 8),
			.memsz = image_le(e->file, at + P_MEMSZ, 8),
		};
		return true;
	}
	return false;
}

#define for_each_segment(e, s) \
	for (bool more_ = next_segment(e, 0, s); more_; more_ = next_segment(e, (s)->number + 1, s))

/* The first bank that overlaps [base, base + size). */
static const struct ram_bank *bank_in(const struct ram_map *ram, u64 base, u64 size)
{
	for (u32 i = 0; i < ram->count; i++)
		if (ranges_overlap(base, size, ram->banks[i].base, ram->banks[i].size))
			return &ram->banks[i];
	return NULL;
}

/*
 * Cut off the part of a segment that need not be in RAM. The segment's numbers are already checked.
 * Without bytes in the file, that is all of the segment; for the one that holds the file's header,
 * it is the part outside RAM. False: the segment has to be in RAM and is not.
 */
static bool cut_to_ram(const struct elf *e, struct segment *s)
{
	const struct ram_bank *bank = bank_in(e->ram, s->paddr, s->memsz);
	u64 below = 0;

	if (!bank && (!s->filesz || !s->offset)) {
		s->filesz = s->memsz = 0;
		return true;
	}
	if (bank && !s->offset && s->filesz && bank->base > s->paddr)
		below = bank->base - s->paddr;
	s->offset += MIN(below, s->filesz);
	s->filesz -= MIN(below, s->filesz);
	s->vaddr += below;
	s->paddr += below;
	s->memsz -= below;
	return ram_map_holds(e->ram, s->paddr, s->memsz);
}

static int check_segment(const struct elf *e, const struct segment *s, struct segment *cut)
{
	char text[RAM_MAP_TEXT];
	u64 end;

	*cut = *s;
	if (!range_within(s->offset, s->filesz, 0, e->size))
		return refuse(e, "segment %u, 0x%lx bytes at 0x%lx, is not completely in the file",
			      s->number, s->filesz, s->offset);
	if (s->filesz > s->memsz)
		return refuse(e, "segment %u has 0x%lx bytes in the file, and 0x%lx in memory",
			      s->number, s->filesz, s->memsz);
	if (!checked_add(s->paddr, s->memsz, &end))
		return refuse(e, "segment %u, 0x%lx bytes at 0x%lx, passes the end of memory",
			      s->number, s->memsz, s->paddr);
	if (cut_to_ram(e, cut))
		return 0;
	return refuse(e, "segment %u, 0x%lx to 0x%lx, does not lie in the VM's RAM, %s", s->number,
		      s->paddr, end, ram_map_text(e->ram, text, sizeof(text)));
}

/* ---- the entry point ---- */

/*
 * The entry as a physical address. If a segment with one of these flags has the entry as a virtual
 * address, that is translated, as with QEMU. Else the entry is already physical.
 */
static u64 physical_entry(const struct elf *e, u64 flags)
{
	struct segment s;

	for_each_segment(e, &s)
		if ((s.flags & flags) == flags && e->entry >= s.vaddr &&
		    e->entry - s.vaddr < s.filesz)
			return e->entry - s.vaddr + s.paddr;
	return e->entry;
}

static bool is_loaded(const struct elf *e, u64 address)
{
	struct segment s;

	for_each_segment(e, &s)
		if (cut_to_ram(e, &s) && range_within(address, 4, s.paddr, s.filesz))
			return true;
	return false;
}

static int refuse_entry(const struct elf *e)
{
	char text[RAM_MAP_TEXT];
	struct segment s;

	for_each_segment(e, &s) {
		if (e->entry < s.paddr || e->entry - s.paddr >= s.memsz)
			continue;
		if (ram_map_holds(e->ram, e->entry, 4))
			return refuse(e, "entry 0x%lx lies behind the file's part of segment %u",
				      e->entry, s.number);
		return refuse(e, "entry 0x%lx, in segment %u, does not lie in the VM's RAM, %s",
			      e->entry, s.number, ram_map_text(e->ram, text, sizeof(text)));
	}
	return refuse(e, "entry 0x%lx lies in no segment", e->entry);
}

static int find_entry(const struct elf *e, u64 *entry)
{
	*entry = physical_entry(e, PF_X);
	if (!is_loaded(e, *entry))
		*entry = physical_entry(e, 0);
	if (!is_loaded(e, *entry))
		return refuse_entry(e);
	return *entry % 4 ? refuse(e, "entry 0x%lx is not a multiple of 4", e->entry) : 0;
}

int elf_plan(const void *file, u64 size, const struct ram_map *ram, struct elf_image *image,
	     struct desc_error *err)
{
	struct elf e = { .file = file, .size = size, .ram = ram, .err = err };
	struct segment s, cut;
	int ret = open_file(&e);

	if (ret)
		return ret;
	*image = (struct elf_image){ .base = UINT64_MAX };
	for_each_segment(&e, &s) {
		ret = check_segment(&e, &s, &cut);
		if (ret)
			return ret;
		if (!cut.memsz)
			continue;
		image->base = MIN(image->base, cut.paddr);
		image->end = MAX(image->end, cut.paddr + cut.memsz);
	}
	return find_entry(&e, &image->entry);
}

bool elf_next_part(const void *file, u64 size, const struct ram_map *ram, u32 *n,
		   struct elf_part *part)
{
	const struct elf e = {
		.file = file,
		.size = size,
		.count = (u32)image_le(file, E_PHNUM, 2),
		.ram = ram,
	};
	struct segment s;

	while (next_segment(&e, *n, &s)) {
		*n = s.number + 1;
		if (!cut_to_ram(&e, &s) || !s.memsz)
			continue;
		*part = (struct elf_part){
			.base = s.paddr,
			.size = s.memsz,
			.data = (const u8 *)file + s.offset,
			.data_size = s.filesz,
		};
		return true;
	}
	return false;
}
