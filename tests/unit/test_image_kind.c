/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that people put in a kernel's place: each is refused by name, and code is not taken for any
 * of them.
 */
#include <unit.h>

#include <lib/errno.h>
#include <string.h>
#include <vmm/load.h>

static struct vm_desc d;
static struct load_plan p;
static struct desc_error err;
static u8 file[40000];

static int setup(void **state)
{
	(void)state;
	desc_defaults(&d);
	d.ram = ram_map_default(MIB(64));
	return 0;
}

/* Code that nothing is wrong with: a branch to itself, again and again. */
static void code(void)
{
	for (u32 i = 0; i < sizeof(file); i += 4)
		memcpy(file + i, "\0\0\0\x14", 4);
}

static void at(u32 offset, const char *bytes, size_t len)
{
	memcpy(file + offset, bytes, len);
}

#define AT(offset, bytes) at(offset, bytes, sizeof(bytes) - 1)

static int load_kernel(u64 size)
{
	err.text[0] = '\0';
	return image_plan(&d, file, size, 0, 0, &p, &err);
}

/* However it is to be loaded. */
static void refused(u64 size, const char *text)
{
	for (u32 i = 0; i < 2; i++) {
		d.has_load_address = i;
		d.load_address = 0x40200000;
		assert_int_equal(load_kernel(size), -EINVAL);
		assert_string_equal(err.text, text);
	}
	d.has_load_address = false;
	code();
}

static void packed(const char *name)
{
	char text[128] = "kernel: is ";

	strcat(text, name);
	strcat(text, ": unpack it, or let tools/mkbundle do that");
	refused(sizeof(file), text);
}

static void other(const char *name)
{
	char text[128] = "kernel: is ";

	strcat(text, name);
	strcat(text, ": a VM starts an arm64 Image, an ELF file or raw code");
	refused(sizeof(file), text);
}

static void test_packed(void **state)
{
	(void)state;
	code();
	AT(0, "\x1f\x8b\x08\x08");
	packed("gzip-compressed");
	AT(0, "\x28\xb5\x2f\xfd\x04");
	packed("zstd-compressed");
	AT(0, "\xfd\x37zXZ\0\0\4");
	packed("xz-compressed");
	AT(0, "\x04\x22\x4d\x18\x64");
	packed("lz4-compressed");
	AT(0, "\x02\x21\x4c\x18");
	packed("lz4-compressed");
	AT(0, "BZh91AY&SY");
	packed("bzip2-compressed");
	AT(0, "\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff");
	packed("lzma-compressed");
	AT(0, "\x5d\0\0\0\x04\x00\xa0\xab\x01\0\0\0\0");
	packed("lzma-compressed");
	AT(0, "\x89LZO\0\r\n\x1a\n");
	packed("lzo-compressed");
	AT(0, "MZ\0\0zimg");
	packed("an EFI zboot image");
}

static void test_containers(void **state)
{
	(void)state;
	code();
	AT(0, "\x27\x05\x19\x56");
	refused(sizeof(file),
		"kernel: is a uImage: take the kernel out of it, or let tools/mkbundle "
		"do that");
	AT(0, "\xd0\x0d\xfe\xed");
	refused(sizeof(file),
		"kernel: is a FIT image or a devicetree: take the kernel out of it, or "
		"let tools/mkbundle do that");
	AT(0, "070701000002d1");
	refused(sizeof(file), "kernel: is a cpio archive: is it the initrd?");
}

static void test_firmware(void **state)
{
	(void)state;
	code();
	assert_int_equal(image_check_firmware(file, sizeof(file), &err), 0);
	AT(40, "_FVH");
	assert_int_equal(image_check_firmware(file, sizeof(file), &err), 0);
	assert_int_equal(image_check_firmware(file, 0, &err), -EINVAL);
	assert_string_equal(err.text, "firmware: is not code: it begins with 0x00000000");
	assert_int_equal(image_check_firmware(file, MIB(64) + 1, &err), -EINVAL);
	assert_string_equal(err.text, "firmware: has 65536 KiB, at most 65536 KiB are possible");
	AT(0, "\x1f\x8b\x08");
	assert_int_equal(image_check_firmware(file, sizeof(file), &err), -EINVAL);
	assert_string_equal(err.text, "firmware: is gzip-compressed: what is needed is raw code");
}

static void test_for_other_machines(void **state)
{
	(void)state;
	code();
	AT(36, "\x18\x28\x6f\x01");
	other("a kernel for 32-bit Arm (zImage)");
	AT(0x202, "HdrS");
	other("a kernel for x86 (bzImage)");
	AT(56, "RSC\x05");
	other("a kernel for RISC-V (Image)");
	AT(40, "_FVH");
	refused(sizeof(file), "kernel: is UEFI firmware: give it as firmware");
	AT(0, "MZ");
	AT(0x3c, "\x80\0\0\0");
	AT(0x80, "PE\0\0");
	other("an EFI program (PE)");
	AT(257, "ustar");
	other("a tar archive");
	AT(0, "PK\3\4");
	other("a zip archive");
	AT(0, "ANDROID!");
	other("an Android boot image");
	AT(0, "QFI\xfb");
	other("a disk image (qcow2)");
	AT(32769, "CD001");
	other("an ISO image");
	AT(0, "070707000002d1");
	other("a cpio archive in the old format");
}

static void test_text(void **state)
{
	static const char lfs[] = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a";
	static const char chinese[] = "\xe5\x86\x85\xe6\xa0\xb8\r\n";
	static const char records[] = ":10010000214601360121470136007EFE09D2190140\n";

	(void)state;
	code();
	at(0, lfs, sizeof(lfs) - 1);
	refused(sizeof(lfs) - 1,
		"kernel: is text, not code: it begins with 'version https://git-lfs.'");
	at(0, chinese, sizeof(chinese) - 1);
	refused(sizeof(chinese) - 1,
		"kernel: is text, not code: it begins with '\xe5\x86\x85\xe6\xa0\xb8'");
	at(0, records, sizeof(records) - 1);
	refused(sizeof(records) - 1,
		"kernel: is text, not code: it begins with ':10010000214601360121470'");
	/* As it lies in memory that was clear. */
	memset(file, 0, sizeof(file));
	at(0, lfs, sizeof(lfs) - 1);
	refused(4096, "kernel: is text, not code: it begins with 'version https://git-lfs.'");
	/*
	 * Longer than what is looked at; a character that is cut there is no reason to think else.
	 */
	memset(file, 'x', 255);
	AT(255, "\xe5\x86\x85\0\xff");
	refused(sizeof(file),
		"kernel: is text, not code: it begins with 'xxxxxxxxxxxxxxxxxxxxxxxx'");
}

static void test_no_code(void **state)
{
	(void)state;
	memset(file, 0, sizeof(file));
	refused(sizeof(file), "kernel: is not code: it begins with 0x00000000");
	memset(file, 0xff, sizeof(file));
	refused(sizeof(file), "kernel: is not code: it begins with 0xffffffff");
	AT(0, "\x4d\x5a\0\0");
	refused(sizeof(file), "kernel: is not code: it begins with 0x00005a4d");
	refused(3, "kernel: is not code: it begins with 0x00000000");
}

/* What begins like something else by chance, or is cut off before its magic. */
static void test_code_is_taken(void **state)
{
	(void)state;
	code();
	for (u64 size = 4; size < 600; size++)
		assert_int_equal(load_kernel(size), 0);
	/* The first bytes of an Image without its header: a PE signature that points nowhere. */
	AT(0, "\x4d\x5a\x40\xfa");
	AT(0x3c, "\xff\xff\xff\xff");
	assert_int_equal(load_kernel(sizeof(file)), 0);
	assert_int_equal(p.format, IMAGE_RAW);
	/* Text and then code. */
	AT(0, "ZVM kernel, build 1\0");
	assert_int_equal(load_kernel(sizeof(file)), 0);
	/* ldr w2, 0x98420: one bit from the legacy lz4's. */
	code();
	AT(0, "\x02\x21\x4c\x58");
	assert_int_equal(load_kernel(sizeof(file)), 0);
	/* An Image may be any code at its first bytes. */
	memset(file, 0, 64);
	AT(0, "\x1f\x8b\x08\x00");
	AT(56, "ARM\x64");
	assert_int_equal(load_kernel(sizeof(file)), 0);
	assert_int_equal(p.format, IMAGE_LINUX);
}

static void test_initrd(void **state)
{
	(void)state;
	AT(0, "\x27\x05\x19\x56");
	assert_int_equal(image_check_initrd(file, sizeof(file), &err), -EINVAL);
	assert_string_equal(err.text, "initrd: is a uImage: take the ramdisk out of it, or let "
				      "tools/mkbundle do that");
	AT(0, "\x1f\x8b\x08\x08");
	assert_int_equal(image_check_initrd(file, sizeof(file), &err), 0);
	AT(0, "070701");
	assert_int_equal(image_check_initrd(file, sizeof(file), &err), 0);
	AT(0, "hsqs  ");
	assert_int_equal(image_check_initrd(file, sizeof(file), &err), 0);
	assert_int_equal(image_check_initrd(file, 0, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_packed, setup),
		cmocka_unit_test_setup(test_containers, setup),
		cmocka_unit_test_setup(test_firmware, setup),
		cmocka_unit_test_setup(test_for_other_machines, setup),
		cmocka_unit_test_setup(test_text, setup),
		cmocka_unit_test_setup(test_no_code, setup),
		cmocka_unit_test_setup(test_code_is_taken, setup),
		cmocka_unit_test_setup(test_initrd, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
