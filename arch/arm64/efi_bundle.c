/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the bundle on a machine with UEFI firmware. */
#include <asm/efi.h>
#include <lib/string.h>

#define READ_MODE 1 /* EFI_FILE_MODE_READ */
#define NAME_MAX  256

/* A node of a device path (10.2): type, subtype, length as 16 bits, then its data. */
#define NODE_TYPE(node)   ((node)[0])
#define NODE_LENGTH(node) ((u32)(node)[2] | (u32)(node)[3] << 8)
#define NODE_HEADER       4U
#define NODE_MEDIA        4
#define NODE_FILE         4 /* a subtype of media */
#define NODE_END          0x7f

static efi_status trouble(const struct efi *e, efi_status status, const char *what)
{
	efi_print(e, "ZVM: ");
	efi_print(e, what);
	efi_print(e, "\n");
	return status;
}

/*
 * Read the initrd that a boot loader offers for Linux, by LoadFile2 of the vendor media path that
 * Linux defined.
 */
static efi_status from_loader(struct efi *e)
{
	static const struct efi_guid load_file2 = {
		0x4006c0c1, 0xfcb3, 0x403e, { 0x99, 0x6d, 0x4a, 0x6c, 0x87, 0x24, 0xe0, 0x6d }
	};
	static const u8 linux_initrd[] = { NODE_MEDIA, 3,    20,   0,    0x27,     0xe4, 0x68, 0x55,
					   0xfc,       0x68, 0x3d, 0x4f, 0xac,     0x74, 0xca, 0x55,
					   0x52,       0x31, 0xcc, 0x68, NODE_END, 0xff, 4,    0 };
	const void *path = linux_initrd;
	struct efi_load_file2 *loader;
	efi_handle device;
	void *to;

	if (e->boot->locate_device_path(&load_file2, &path, &device) != EFI_SUCCESS ||
	    e->boot->handle_protocol(device, &load_file2, &loader) != EFI_SUCCESS ||
	    loader->load(loader, path, false, &e->bundle.size, NULL) != EFI_BUFFER_TOO_SMALL) {
		e->bundle.size = 0;
		return EFI_NOT_FOUND;
	}
	to = efi_pages(e, e->bundle.size);
	if (!to)
		return trouble(e, EFI_OUT_OF_RESOURCES, "no memory for the initrd");
	e->bundle.base = PADDR((u64)to);
	if (loader->load(loader, path, false, &e->bundle.size, to) != EFI_SUCCESS)
		return trouble(e, EFI_LOAD_ERROR, "the boot loader's initrd cannot be read");
	return EFI_SUCCESS;
}

/* The image's path with its last part replaced. False if there is none, or if it is too long. */
static bool name_beside(const struct efi *e, const efi_char *last, efi_char *name)
{
	u32 used = 0, folder = 0;

	for (const u8 *node = e->loaded->path; node && NODE_TYPE(node) != NODE_END;
	     node += NODE_LENGTH(node)) {
		const u8 *end = node + NODE_LENGTH(node);

		if (NODE_LENGTH(node) < NODE_HEADER)
			return false;
		if (NODE_TYPE(node) != NODE_MEDIA || node[1] != NODE_FILE)
			continue;
		for (const u8 *c = node + NODE_HEADER; c + 1 < end && (c[0] || c[1]); c += 2) {
			if (used == NAME_MAX)
				return false;
			name[used++] = (efi_char)(c[0] | c[1] << 8);
			if (name[used - 1] == '\\')
				folder = used;
		}
	}
	do {
		if (folder == NAME_MAX)
			return false;
		name[folder++] = *last;
	} while (*last++);
	return used > 0;
}

static efi_status read_file(struct efi *e, struct efi_file *file)
{
	u8 *to;
	u64 done = 0;

	if (file->set_position(file, ~0ULL) != EFI_SUCCESS ||
	    file->position(file, &e->bundle.size) != EFI_SUCCESS ||
	    file->set_position(file, 0) != EFI_SUCCESS || !e->bundle.size)
		return trouble(e, EFI_LOAD_ERROR, "bundle.cpio is empty, or has no size");
	to = efi_pages(e, e->bundle.size);
	if (!to)
		return trouble(e, EFI_OUT_OF_RESOURCES, "no memory for bundle.cpio");
	e->bundle.base = PADDR((u64)to);
	while (done < e->bundle.size) {
		u64 n = e->bundle.size - done;

		if (file->read(file, &n, to + done) != EFI_SUCCESS || !n)
			return trouble(e, EFI_LOAD_ERROR, "bundle.cpio cannot be read");
		done += n;
	}
	return EFI_SUCCESS;
}

/* The volume that the image was loaded from. NULL: there is none. */
static struct efi_file *volume(const struct efi *e)
{
	static const struct efi_guid file_system = {
		0x964e5b22, 0x6459, 0x11d2, { 0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b }
	};
	struct efi_file_system *fs;
	struct efi_file *root;

	if (!e->loaded->device ||
	    e->boot->handle_protocol(e->loaded->device, &file_system, &fs) != EFI_SUCCESS ||
	    fs->open_volume(fs, &root) != EFI_SUCCESS)
		return NULL;
	return root;
}

static efi_status from_volume(struct efi *e)
{
	struct efi_file *root = volume(e), *file;
	efi_char name[NAME_MAX];
	efi_status status;

	if (!root)
		return EFI_NOT_FOUND;
	if ((!name_beside(e, u"bundle.cpio", name) ||
	     root->open(root, &file, name, READ_MODE, 0) != EFI_SUCCESS) &&
	    root->open(root, &file, u"\\zvm\\bundle.cpio", READ_MODE, 0) != EFI_SUCCESS)
		return EFI_NOT_FOUND;
	status = read_file(e, file);
	(void)file->close(file);
	(void)root->close(root);
	return status;
}

efi_status efi_find_bundle(struct efi *e)
{
	efi_status status;

	if (e->fdt_has_initrd)
		return EFI_SUCCESS;
	status = from_loader(e);
	if (status == EFI_NOT_FOUND)
		status = from_volume(e);
	if (status != EFI_NOT_FOUND)
		return status;
	efi_print(
		e,
		"ZVM: no bundle: no bundle.cpio beside the image, no \\zvm\\bundle.cpio, no initrd\n");
	return EFI_SUCCESS;
}
