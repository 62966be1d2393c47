/* SPDX-License-Identifier: Apache-2.0 */
/* How files are read and refused that are given as images, and which of them are no kernels. */
#include <lib/checked.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <lib/text.h>
#include <lib/utf8.h>
#include <vmm/load.h>
#include "image_plan.h"

#define MAGIC(offset, bytes) .at = (offset), .len = sizeof(bytes) - 1, .magic = bytes

/* clang-format off */
static const struct image_kind kinds[] = {
	{ "gzip-compressed", IMAGE_PACKED, MAGIC(0, "\x1f\x8b\x08") },
	{ "zstd-compressed", IMAGE_PACKED, MAGIC(0, "\x28\xb5\x2f\xfd") },
	{ "xz-compressed", IMAGE_PACKED, MAGIC(0, "\xfd" "7zXZ\0") },
	{ "lz4-compressed", IMAGE_PACKED, MAGIC(0, "\x04\x22\x4d\x18") },
	{ "lz4-compressed", IMAGE_PACKED, MAGIC(0, "\x02\x21\x4c\x18") }, /* legacy: kernels */
	{ "bzip2-compressed", IMAGE_PACKED, MAGIC(4, "1AY&SY") },
	{ "lzo-compressed", IMAGE_PACKED, MAGIC(0, "\x89LZO\0\r\n\x1a") },
	{ "an EFI zboot image", IMAGE_PACKED, MAGIC(4, "zimg") },
	{ "a uImage", IMAGE_CONTAINER, MAGIC(0, "\x27\x05\x19\x56") },
	{ "a FIT image or a devicetree", IMAGE_CONTAINER, MAGIC(0, "\xd0\x0d\xfe\xed") },
	{ "a cpio archive", IMAGE_ARCHIVE, MAGIC(0, "070701") },
	{ "a cpio archive", IMAGE_ARCHIVE, MAGIC(0, "070702") },
	{ "a cpio archive in the old format", IMAGE_OTHER, MAGIC(0, "070707") },
	{ "a tar archive", IMAGE_OTHER, MAGIC(257, "ustar") },
	{ "a zip archive", IMAGE_OTHER, MAGIC(0, "PK\3\4") },
	{ "an ar archive", IMAGE_OTHER, MAGIC(0, "!<arch>") },
	{ "an Android boot image", IMAGE_OTHER, MAGIC(0, "ANDROID!") },
	{ "a kernel for 32-bit Arm (zImage)", IMAGE_OTHER, MAGIC(36, "\x18\x28\x6f\x01") },
	{ "a kernel for x86 (bzImage)", IMAGE_OTHER, MAGIC(0x202, "HdrS") },
	{ "a kernel for RISC-V (Image)", IMAGE_OTHER, MAGIC(56, "RSC\5") },
	{ "UEFI firmware", IMAGE_FLASH, MAGIC(40, "_FVH") },
	{ "a disk image (qcow2)", IMAGE_OTHER, MAGIC(0, "QFI\xfb") },
	{ "a squashfs image", IMAGE_OTHER, MAGIC(0, "hsqs") },
	{ "an ISO image", IMAGE_OTHER, MAGIC(32769, "CD001") },
};
/* clang-format on */

/*
 * lzma has no magic number: check its usual properties, a dictionary of whole 64 KiB, then the
 * size, below 4 GiB or unknown (all ones).
 */
static bool is_lzma(const u8 *image, u64 size)
{
	return size >= 13 && image_le(image, 0, 3) == 0x5d &&
	       (image_le(image, 9, 4) == 0 || image_le(image, 5, 8) == UINT64_MAX);
}

/* Microsoft's PE format, 2: a DOS header whose field at 0x3c gives the place of "PE\0\0". */
static bool is_pe(const u8 *image, u64 size)
{
	u64 at;

	if (size < 64 || memcmp(image, "MZ", 2) != 0)
		return false;
	at = image_le(image, 0x3c, 4);
	return range_within(at, 4, 0, size) && !memcmp(image + at, "PE\0", 4);
}

const struct image_kind *image_kind_of(const void *image, u64 size)
{
	static const struct image_kind lzma = { .name = "lzma-compressed", .use = IMAGE_PACKED };
	static const struct image_kind pe = { .name = "an EFI program (PE)", .use = IMAGE_OTHER };

	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++)
		if (range_within(kinds[i].at, kinds[i].len, 0, size) &&
		    !memcmp((const u8 *)image + kinds[i].at, kinds[i].magic, kinds[i].len))
			return &kinds[i];
	if (is_lzma(image, size))
		return &lzma;
	return is_pe(image, size) ? &pe : NULL;
}

bool image_is_text(const void *image, u64 size)
{
	const char *s = image;
	const u64 end = MIN(size, 256);
	u64 at = 0;

	while (at < end && s[at]) {
		const size_t n = utf8_length(s + at, size - at);

		if (n == 0 && s[at] != '\n' && s[at] != '\r' && s[at] != '\t')
			return false;
		at += MAX(n, 1);
	}
	if (at == 0)
		return false;
	while (at < end && !s[at])
		at++;
	return at >= end;
}

int image_refuse(struct desc_error *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	text_vprint(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

u64 image_le(const void *image, u64 offset, u32 bytes)
{
	const u8 *p = (const u8 *)image + offset;
	u64 value = 0;

	for (u32 i = bytes; i-- > 0;)
		value = value << 8 | p[i];
	return value;
}
