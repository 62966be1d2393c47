/* SPDX-License-Identifier: Apache-2.0 */
#include <lib/checked.h>
#include <lib/string.h>
#include <lib/utf8.h>
#include <vmm/image.h>
#include <vmm/image_kind.h>

/* Bytes that stand at an offset; len 0: nothing is asked for. */
struct magic {
	u16 at;
	u8 len;
	char bytes[8];
};

struct row {
	struct magic first, second;
	struct image_kind kind;
};

#define PACKED(text)    .kind = { text "-compressed", IMAGE_PACKED }
#define CONTAINER(text) .kind = { text, IMAGE_CONTAINER }
#define ARCHIVE(text)   .kind = { text, IMAGE_ARCHIVE }
#define OTHER(text)     .kind = { text, IMAGE_OTHER }

/* clang-format off */
static const struct row rows[] = {
	{ { 0, 3, "\x1f\x8b\x08" }, PACKED("gzip") },
	{ { 0, 4, "\x28\xb5\x2f\xfd" }, PACKED("zstd") },
	{ { 0, 6, "\xfd" "7zXZ" }, PACKED("xz") },
	{ { 0, 4, "\x04\x22\x4d\x18" }, PACKED("lz4") },
	{ { 0, 4, "\x02\x21\x4c\x18" }, PACKED("lz4") }, /* legacy: what kernels are packed with */
	{ { 0, 3, "BZh" }, { 4, 6, "1AY&SY" }, PACKED("bzip2") },
	/* lzma has no magic: properties, a dictionary of whole KiB, then the size or all ones. */
	{ { 0, 3, "\x5d\0" }, { 5, 8, "\xff\xff\xff\xff\xff\xff\xff\xff" }, PACKED("lzma") },
	{ { 0, 3, "\x5d\0" }, { 10, 3, "\0\0" }, PACKED("lzma") },
	{ { 0, 8, "\x89LZO\0\r\n\x1a" }, PACKED("lzo") },
	{ { 0, 2, "MZ" }, { 4, 4, "zimg" }, .kind = { "an EFI zboot image", IMAGE_PACKED } },
	{ { 0, 4, "\x27\x05\x19\x56" }, CONTAINER("a uImage") },
	{ { 0, 4, "\xd0\x0d\xfe\xed" }, CONTAINER("a FIT image or a devicetree") },
	{ { 0, 6, "070701" }, ARCHIVE("a cpio archive") },
	{ { 0, 6, "070702" }, ARCHIVE("a cpio archive") },
	{ { 0, 6, "070707" }, OTHER("a cpio archive in the old format") },
	{ { 257, 5, "ustar" }, OTHER("a tar archive") },
	{ { 0, 4, "PK\3\4" }, OTHER("a zip archive") },
	{ { 0, 8, "!<arch>\n" }, OTHER("an ar archive") },
	{ { 0, 8, "ANDROID!" }, OTHER("an Android boot image") },
	{ { 36, 4, "\x18\x28\x6f\x01" }, OTHER("a kernel for 32-bit Arm (zImage)") },
	{ { 0x202, 4, "HdrS" }, OTHER("a kernel for x86 (bzImage)") },
	{ { 56, 4, "RSC\5" }, OTHER("a kernel for RISC-V (Image)") },
	{ { 40, 4, "_FVH" }, OTHER("UEFI firmware") },
	{ { 0, 4, "QFI\xfb" }, OTHER("a disk image (qcow2)") },
	{ { 0, 4, "hsqs" }, OTHER("a squashfs image") },
	{ { 32769, 5, "CD001" }, OTHER("an ISO image") },
};
/* clang-format on */

static bool has(const u8 *image, u64 size, const struct magic *m)
{
	return range_within(m->at, m->len, 0, size) && !memcmp(image + m->at, m->bytes, m->len);
}

/* Microsoft's PE format, 2: a DOS header whose field at 0x3c says where "PE\0\0" stands. */
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
	static const struct image_kind pe = { "an EFI program (PE)", IMAGE_OTHER };

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++)
		if (has(image, size, &rows[i].first) && has(image, size, &rows[i].second))
			return &rows[i].kind;
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
