/* SPDX-License-Identifier: Apache-2.0 */
#include "archive_fixture.h"

#include <lib/printf.h>
#include <libfdt.h>
#include <string.h>
#include <vmm/load.h>

u8 archive[KIB(256)];
u32 archive_size;

/* A raw kernel. */
const u8 raw_kernel[RAW_KERNEL_SIZE] = { 0x7f, 0x20, 0x03, 0xd5, 0xff, 0xff, 0xff, 0x17 };

static void pad(void)
{
	while (archive_size % 4)
		archive[archive_size++] = 0;
}

static void add(const char *magic, const char *name, u32 mode, u32 check, const void *data,
		u64 size)
{
	archive_size += (u32)snprintf((char *)archive + archive_size, 111,
				      "%s%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
				      magic, 1, mode, 0, 0, 1, 0, (u32)size, 0, 0, 0, 0,
				      (u32)strlen(name) + 1, check);
	memcpy(archive + archive_size, name, strlen(name) + 1);
	archive_size += (u32)strlen(name) + 1;
	pad();
	memcpy(archive + archive_size, data, size);
	archive_size += (u32)size;
	pad();
}

void archive_add(const char *name, const void *data, u64 size)
{
	add("070701", name, 0100644, 0, data, size);
}

void archive_add_link(const char *name, const char *target)
{
	add("070701", name, 0120777, 0, target, strlen(target));
}

void archive_add_summed(const char *name, const void *data, u64 size, u32 sum)
{
	add("070702", name, 0100644, sum, data, size);
}

void archive_end(void)
{
	archive_add("TRAILER!!!", "", 0);
}

u8 blob[8192] __aligned(8);

void make_desc(const char *label, const char *kernel)
{
	const u64 memory = cpu_to_fdt64(MIB(64));

	fdt_create_empty_tree(blob, sizeof(blob));
	fdt_setprop(blob, 0, "compatible", "zvm,vm", 7);
	fdt_setprop(blob, 0, "label", label, (int)strlen(label) + 1);
	fdt_setprop(blob, 0, "memory", &memory, 8);
	if (kernel)
		fdt_setprop(blob, 0, "kernel", kernel, (int)strlen(kernel) + 1);
	fdt_pack(blob);
}

void archive_add_desc(const char *name, const char *label, const char *kernel)
{
	make_desc(label, kernel);
	archive_add(name, blob, fdt_totalsize(blob));
}

void archive_use(void)
{
	archive_end();
	bundle_init(archive, archive_size);
}
