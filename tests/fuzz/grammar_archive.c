/* SPDX-License-Identifier: Apache-2.0 */
/* Images of every kind, and archives of them and of descriptions. */
#include "grammar.h"

#include <lib/cpio.h>
#include <stdio.h>
#include <string.h>
#include <vmm/desc.h>

static void put(u8 *p, u64 value, u32 bytes)
{
	for (u32 i = 0; i < bytes; i++)
		p[i] = (u8)(value >> (8 * i));
}

static size_t grow_linux(struct fuzz_input *in, u8 *to)
{
	memset(to, 0x11, 128);
	put(to + 8, fuzz_once_in(in, 4) ? fuzz_u64(in) : 0x80000 * fuzz_below(in, 3), 8);
	put(to + 16, fuzz_once_in(in, 4) ? fuzz_u64(in) : 4096 * (u64)fuzz_byte(in), 8);
	memcpy(to + 56, "ARM\x64", 4);
	return 64 + fuzz_below(in, 65);
}

/* A header and up to three program headers behind it. */
static size_t grow_elf(struct fuzz_input *in, u8 *to)
{
	const u32 segments = 1 + fuzz_below(in, 3);

	memset(to, 0, 512);
	memcpy(to, "\x7f\x45LF\2\1\1", 7);
	put(to + 16, 2, 2);   /* executable */
	put(to + 18, 183, 2); /* AArch64 */
	put(to + 20, 1, 4);
	put(to + 24, GUEST_RAM_BASE + 4 * (u64)fuzz_byte(in), 8);
	put(to + 32, 64, 8);
	put(to + 52, 64, 2);
	put(to + 54, 56, 2);
	put(to + 56, segments, 2);
	for (u32 i = 0; i < segments; i++) {
		u8 *p = to + 64 + 56 * (size_t)i;

		put(p, 1, 4);
		put(p + 8, fuzz_byte(in), 8);
		put(p + 16, GUEST_RAM_BASE + 0x1000 * i, 8);
		put(p + 24, fuzz_once_in(in, 8) ? fuzz_u64(in) : GUEST_RAM_BASE + 0x1000 * i, 8);
		put(p + 32, fuzz_byte(in), 8);
		put(p + 40, fuzz_once_in(in, 8) ? fuzz_u64(in) : 256 + fuzz_byte(in), 8);
	}
	return 512;
}

size_t grow_image(struct fuzz_input *in, u8 *to)
{
	static const char *const magics[] = {
		"\x1f\x8b\x08", "\x28\xb5\x2f\xfd", "\x27\x05\x19\x56", "070701", "070707",
		"MZ",           "\x5d\0\0",         "PK\3\4",
	};
	size_t size = 0;
	void *tree;

	switch (fuzz_below(in, 16)) {
	default: /* code */
		memset(to, 0x1f, 256);
		return 4 * (size_t)fuzz_below(in, 64);
	case 1:
	case 2:
	case 3:
		return grow_linux(in, to);
	case 9:
	case 10:
	case 11:
		return grow_elf(in, to);
	case 4:
		memcpy(to, "a text that says something\n", 27);
		return 27;
	case 5:
		memset(to, 0, 64);
		strcpy((char *)to, fuzz_word(in, magics));
		return 64;
	case 6:
		tree = grow_guest_tree(in, &size);
		if (tree && size)
			memcpy(to, tree, size);
		free(tree);
		return tree ? size : 0;
	case 7:
		while (size < 64)
			to[size++] = fuzz_byte(in);
		return size;
	}
}

/* ---- archives ---- */

void archive_add(struct fuzz_input *in, struct archive *a, const char *name, u32 mode,
		 const void *data, size_t size)
{
	const bool crc = fuzz_once_in(in, 8);
	const size_t name_size = strlen(name) + 1;
	u32 sum = 0, lie = fuzz_once_in(in, 64) ? fuzz_below(in, 8) + 1 : 0;
	char header[111];

	if (a->size + 110 + name_size + size + 8 > sizeof(a->bytes))
		return;
	for (size_t i = 0; crc && i < size; i++)
		sum += ((const u8 *)data)[i];
	(void)snprintf(header, sizeof(header),
		       "%s%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		       crc ? "070702" : "070701", 1 + fuzz_below(in, 3), mode, 0, 0,
		       1 + fuzz_once_in(in, 4), 0, (u32)size + (lie == 1), 0, 0, 0, 0,
		       (u32)name_size + (lie == 2), sum + (lie > 4));
	memcpy(a->bytes + a->size, header, 110);
	if (lie == 3)
		a->bytes[a->size + fuzz_below(in, 110)] = fuzz_byte(in);
	memcpy(a->bytes + a->size + 110, name, name_size);
	a->size += 110 + name_size;
	while (a->size % 4)
		a->bytes[a->size++] = 0;
	if (size)
		memcpy(a->bytes + a->size, data, size);
	a->size += size;
	while (a->size % 4)
		a->bytes[a->size++] = 0;
}

static void add_link(struct fuzz_input *in, struct archive *a, const char *name, const char *target)
{
	archive_add(in, a, name, CPIO_LINK | 0777, target, strlen(target));
}

static void add_image(struct fuzz_input *in, struct archive *a, const char *name)
{
	static u8 image[GROWN_MAX];

	archive_add(in, a, name, CPIO_REGULAR | 0644, image, grow_image(in, image));
}

static void add_tree(struct fuzz_input *in, struct archive *a, const char *name,
		     void *(*grow)(struct fuzz_input *in, size_t *size))
{
	size_t size = 0;
	void *tree = grow(in, &size);

	if (tree)
		archive_add(in, a, name, CPIO_REGULAR | 0644, tree, size);
	free(tree);
}

void grow_images(struct fuzz_input *in, struct archive *a)
{
	const u8 which = fuzz_byte(in);

	add_image(in, a, "img/kernel");
	add_image(in, a, which & 1 ? "./Image" : "Image");
	add_tree(in, a, "dtb", grow_guest_tree);
	if (which & 2)
		add_link(in, a, "link", which & 4 ? "Image" : "img/../img/kernel");
	if (which & 8)
		add_link(in, a, "loop", which & 16 ? "loop" : "/loop/x");
	if (which & 32) /* of a sum that is another */
		archive_add(in, a, "damaged", CPIO_REGULAR, "\1\2\3\4\5\6\7", 8);
	if (which & 64)
		archive_add(in, a, "a/./b", CPIO_REGULAR, "", 0);
}

static void add_description(struct fuzz_input *in, struct archive *a, const char *folder)
{
	static const char *const names[] = { "linux.dtb",  "b.dtb",     "\x1b[2J.dtb", "x.txt",
					     "sub/c.dtb",  "linux.dtb", ".dtb",        "d.dtb",
					     "e-long.dtb", "f.dtb" };
	char name[400];

	(void)snprintf(name, sizeof(name), "%s/%s", folder, fuzz_word(in, names));
	if (fuzz_once_in(in, 64)) {
		memset(name + strlen(folder) + 1, 'n', 300);
		strcpy(name + strlen(folder) + 301, ".dtb");
	}
	if (fuzz_once_in(in, 8))
		add_link(in, a, name, "../linux.dtb");
	else
		add_tree(in, a, name, grow_description);
}

void grow_archive(struct fuzz_input *in, struct archive *a)
{
	static const char *const folders[] = { "vms", "./vms", "conf/machines", "bundle/vms" };
	const char *folder = fuzz_word(in, folders);

	if (folder[0] == 'c')
		add_link(in, a, "vms", folder);
	grow_images(in, a);
	for (u32 n = fuzz_once_in(in, 16) ? 40 : 1 + fuzz_below(in, 4); n > 0; n--)
		add_description(in, a, folder);
	if (fuzz_byte(in) & 1)
		add_tree(in, a, "schedule.dtb", grow_schedule);
	if (!fuzz_once_in(in, 8))
		archive_add(in, a, "TRAILER!!!", 0, "", 0);
}
