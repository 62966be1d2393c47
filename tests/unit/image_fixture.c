/* SPDX-License-Identifier: Apache-2.0 */
#include "image_fixture.h"

#include <lib/errno.h>
#include <string.h>

struct vm_desc d;
struct load_plan p;
struct desc_error err;
u8 file[8192];

int image_setup(void **state)
{
	(void)state;
	desc_defaults(&d);
	d.ram = ram_map_default(MIB(512));
	memset(file, 0, sizeof(file));
	memcpy(file, "\0\0\0\x14", 4); /* raw code */
	return 0;
}

void put(u32 at, u64 value, u32 bytes)
{
	for (u32 i = 0; i < bytes; i++)
		file[at + i] = (u8)(value >> 8 * i);
}

void header(u64 text_offset, u64 image_size)
{
	put(8, text_offset, 8);
	put(16, image_size, 8);
	memcpy(file + 56, "ARM\x64", 4);
}

/* ELF header with n program headers behind it. */
void elf(u64 entry, u32 n)
{
	memcpy(file,
	       "\x7f"
	       "ELF\x02\x01\x01",
	       7);
	put(16, 2, 2);
	put(18, 183, 2);
	put(24, entry, 8);
	put(32, 64, 8);
	put(54, 56, 2);
	put(56, n, 2);
}

void segment(u32 n, u64 offset, u64 vaddr, u64 paddr, u64 filesz, u64 memsz)
{
	const u32 at = 64 + 56 * n;

	put(at, 1, 4);
	put(at + 8, offset, 8);
	put(at + 16, vaddr, 8);
	put(at + 24, paddr, 8);
	put(at + 32, filesz, 8);
	put(at + 40, memsz, 8);
}

void planned(u64 size, u64 initrd)
{
	int ret = image_plan(&d, file, size, initrd, 0, &p, &err);

	if (ret)
		print_message("%s\n", err.text);
	assert_int_equal(ret, 0);
}

void refused(u64 size, u64 initrd, const char *text)
{
	assert_int_equal(image_plan(&d, file, size, initrd, 0, &p, &err), -EINVAL);
	assert_string_equal(err.text, text);
}

void good_elf(void)
{
	memset(file, 0, sizeof(file));
	elf(RAM, 1);
	segment(0, 0x1000, RAM, RAM, 0x1000, 0x1000);
}
