/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firmware interfaces that efi.c and its parts use, as in the UEFI Specification 2.10. Unused
 * members are only placeholders.
 */
#ifndef ASM_EFI_H
#define ASM_EFI_H

#include <kernel/page.h>
#include <lib/types.h>

typedef u64 efi_status;
typedef void *efi_handle;
typedef u16 efi_char; /* UCS-2 */

#define EFI_ERROR(n)          (BIT(63) | (n))
#define EFI_SUCCESS           0UL
#define EFI_LOAD_ERROR        EFI_ERROR(1)
#define EFI_INVALID_PARAMETER EFI_ERROR(2)
#define EFI_UNSUPPORTED       EFI_ERROR(3)
#define EFI_BUFFER_TOO_SMALL  EFI_ERROR(5)
#define EFI_OUT_OF_RESOURCES  EFI_ERROR(9)
#define EFI_NOT_FOUND         EFI_ERROR(14)

struct efi_guid {
	u32 a;
	u16 b, c;
	u8 d[8];
};
_Static_assert(sizeof(struct efi_guid) == 16, "2.3.1");

/* 7.2.3: GetMemoryMap() */
enum efi_memory_type {
	EFI_RESERVED,
	EFI_LOADER_CODE,
	EFI_LOADER_DATA,
	EFI_BOOT_SERVICES_CODE,
	EFI_BOOT_SERVICES_DATA,
	EFI_RUNTIME_SERVICES_CODE,
	EFI_RUNTIME_SERVICES_DATA,
	EFI_CONVENTIONAL,
	EFI_UNUSABLE,
	EFI_ACPI_RECLAIM,
	EFI_ACPI_NVS,
};
#define EFI_MEMORY_WB BIT(3)

struct efi_memory_descriptor {
	u32 type;
	u64 physical, virtual, pages; /* of 4 KiB */
	u64 attribute;
};
_Static_assert(sizeof(struct efi_memory_descriptor) == 40, "7.2.3");

struct efi_memory_map {
	void *buffer;
	u64 size, key, stride;
};

/* 12.4 */
struct efi_text_output {
	void *reset;
	efi_status (*output)(struct efi_text_output *self, const efi_char *text);
};

/* 7: the used services, at their offsets */
struct efi_boot_services {
	u8 header[24];
	void *raise_tpl[2];
	efi_status (*allocate_pages)(u32 how, u32 type, u64 pages, u64 *address);
	efi_status (*free_pages)(u64 address, u64 pages);
	efi_status (*get_memory_map)(u64 *size, void *buffer, u64 *key, u64 *stride, u32 *version);
	void *pools[2];
	void *events[6];
	void *install_protocol[3];
	efi_status (*handle_protocol)(efi_handle handle, const struct efi_guid *protocol,
				      void *interface);
	void *reserved, *register_notify, *locate_handle;
	efi_status (*locate_device_path)(const struct efi_guid *protocol, const void *path,
					 efi_handle *handle);
	void *install_table, *load_image, *start_image, *exit, *unload_image;
	efi_status (*exit_boot_services)(efi_handle image, u64 key);
	void *monotonic_count, *stall;
	efi_status (*set_watchdog)(u64 seconds, u64 code, u64 size, const efi_char *data);
};
_Static_assert(offsetof(struct efi_boot_services, handle_protocol) == 152 &&
		       offsetof(struct efi_boot_services, exit_boot_services) == 232 &&
		       offsetof(struct efi_boot_services, set_watchdog) == 256,
	       "4.4");

struct efi_table {
	struct efi_guid guid;
	const void *table;
};

/* 4.3 */
struct efi_system_table {
	u8 header[24];
	const efi_char *vendor;
	u32 revision;
	efi_handle in_handle;
	void *in;
	efi_handle out_handle;
	struct efi_text_output *out;
	efi_handle error_handle;
	void *error;
	void *runtime;
	const struct efi_boot_services *boot;
	u64 table_count;
	const struct efi_table *tables;
};
_Static_assert(offsetof(struct efi_system_table, boot) == 96, "4.3");

/* 9.1 */
struct efi_loaded_image {
	u32 revision;
	efi_handle parent;
	void *system;
	efi_handle device;
	const u8 *path; /* a device path: 10 */
	void *reserved;
	u32 options_size;
	const efi_char *options; /* of options_size bytes */
};

/* 13.4, 13.5 */
struct efi_file {
	u64 revision;
	efi_status (*open)(struct efi_file *self, struct efi_file **file, const efi_char *name,
			   u64 mode, u64 attributes);
	efi_status (*close)(struct efi_file *self);
	void *delete;
	efi_status (*read)(struct efi_file *self, u64 *size, void *buffer);
	void *write;
	efi_status (*position)(struct efi_file *self, u64 *position);
	efi_status (*set_position)(struct efi_file *self, u64 position);
};

struct efi_file_system {
	u64 revision;
	efi_status (*open_volume)(struct efi_file_system *self, struct efi_file **root);
};

/* 13.2 */
struct efi_load_file2 {
	efi_status (*load)(struct efi_load_file2 *self, const void *path, bool boot_policy,
			   u64 *size, void *buffer);
};

/* State passed between the parts: handles of the firmware, and what was found. */
struct efi {
	efi_handle image;
	const struct efi_system_table *system;
	const struct efi_boot_services *boot;
	const struct efi_loaded_image *loaded;
	const void *firmware_fdt;
	u32 fdt_length;
	bool fdt_has_initrd;
	struct phys_range bundle; /* size 0: there is none, or the tree has it */
	struct efi_memory_map map;
};

/*
 * All functions below run where the firmware loaded the image, not at KIMAGE_VA. Addresses are
 * relative to the program counter (-mcmodel=tiny). No table of pointers and no variable may be
 * used.
 */

/* Print text on the firmware's console. */
void efi_print(const struct efi *e, const char *text);
/* Allocate whole pages. NULL: there are no more. */
void *efi_pages(const struct efi *e, u64 size);

/*
 * Find the bundle: the initrd that a boot loader offers (LoadFile2), else the file bundle.cpio
 * beside the image, else \zvm\bundle.cpio on its volume. An error has already been printed.
 */
efi_status efi_find_bundle(struct efi *e);

/* Whether a tree that passed dt_check() describes CPUs and an initrd. */
void efi_look(const void *fdt, bool *has_cpus, bool *has_initrd);

/*
 * Write the firmware's tree to `out`, of `size` bytes. Its memory is the RAM of the memory map,
 * with the firmware's remaining parts reserved. Its initrd is the bundle. Its bootargs are the load
 * options. 0, -ENOSPC.
 */
int __must_check efi_make_fdt(const struct efi *e, void *out, u64 size);

#endif
