/* SPDX-License-Identifier: Apache-2.0 */
/* A description, a kernel file that is made for it, and the plan of both. */
#ifndef IMAGE_FIXTURE_H
#define IMAGE_FIXTURE_H

#include <unit.h>

#include <vmm/load.h>

#define RAM GUEST_RAM_BASE

extern struct vm_desc d;
extern struct load_plan p;
extern struct desc_error err;
extern u8 file[8192];

/* 512 MiB of RAM, a raw kernel. */
int image_setup(void **state);
/* Little-endian bytes of a number in the file. */
void put(u32 at, u64 value, u32 bytes);
/* An arm64 Image header. */
void header(u64 text_offset, u64 image_size);
/* ELF header with n program headers behind it, and one of them. */
void elf(u64 entry, u32 n);
void segment(u32 n, u64 offset, u64 vaddr, u64 paddr, u64 filesz, u64 memsz);
/* An ELF file with nothing wrong: 4 KiB at RAM. */
void good_elf(void);

/*
 * Plan with the first `size` bytes of the file as the kernel: it is accepted, or refused in these
 * words.
 */
void planned(u64 size, u64 initrd);
void refused(u64 size, u64 initrd, const char *text);

#endif
