/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start by UEFI firmware: take from it what the start needs, then start again as if from a loader
 * of Linux, in a copy at a 2 MiB-aligned address, with MMU and caches off.
 */
#include <arch/mmu.h>
#include <asm/boot.h>
#include <asm/efi.h>
#include <asm/layout.h>
#include <lib/devicetree.h>
#include <lib/string.h>

/* Room for the additions to the tree, and for map descriptors that later allocations add. */
#define FDT_ROOM KIB(64)
#define MAP_ROOM KIB(4)

extern char _head[], efi_leave[], __data_end[];

efi_status efi_main(efi_handle image, const struct efi_system_table *system, u64 el);

static efi_status refuse(const struct efi *e, efi_status status, const char *why)
{
	efi_print(e, "ZVM cannot run here: ");
	efi_print(e, why);
	efi_print(e, "\n");
	return status;
}

/* One of the firmware's tables. NULL: the firmware has no such table. */
static const void *table(const struct efi *e, const struct efi_guid *guid)
{
	for (u64 i = 0; i < e->system->table_count; i++)
		if (memcmp(&e->system->tables[i].guid, guid, sizeof(*guid)) == 0)
			return e->system->tables[i].table;
	return NULL;
}

/*
 * Find a tree that describes a machine. A boot loader may give a tree of its own that only has
 * /chosen. NULL: found. Else what is wrong.
 */
static const char *find_fdt(struct efi *e)
{
	static const struct efi_guid guid = {
		0xb1b621d5, 0xf19c, 0x41a5, { 0x83, 0x0b, 0xd9, 0x15, 0x2c, 0x69, 0xaa, 0xe0 }
	};
	struct dt_facts facts;
	bool has_cpus;

	e->firmware_fdt = table(e, &guid);
	if (!e->firmware_fdt)
		return "the firmware has no devicetree";
	/* The tree's end is known only from its header. */
	if (dt_check(e->firmware_fdt, FDT_BYTES, &facts))
		return "the firmware's devicetree is broken";
	e->fdt_length = facts.length;
	efi_look(e->firmware_fdt, &has_cpus, &e->fdt_has_initrd);
	return has_cpus ? NULL : "the firmware's devicetree describes no machine";
}

static bool has_acpi(const struct efi *e)
{
	static const struct efi_guid acpi = {
		0x8868e871, 0xe4f1, 0x11d3, { 0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81 }
	};

	return table(e, &acpi) != NULL;
}

/* Copy the image, as in the file, to where it will run. NULL: no memory. */
static char *copy_image(const struct efi *e)
{
	char *pages = efi_pages(e, 2 * KIMAGE_BYTES);
	char *copy = (char *)ALIGN_UP((u64)pages, KIMAGE_BYTES);

	if (!pages)
		return NULL;
	memcpy(copy, _head, (u64)(__data_end - _head));
	return copy;
}

/* Allocate room for the memory map. The allocation itself makes the map a little larger. */
static bool map_room(struct efi *e)
{
	u32 version;

	e->map.size = 0;
	(void)e->boot->get_memory_map(&e->map.size, NULL, &e->map.key, &e->map.stride, &version);
	e->map.size += MAP_ROOM;
	e->map.buffer = efi_pages(e, e->map.size);
	return e->map.buffer != NULL;
}

/*
 * Leave the firmware: from here on it provides nothing any more. The map may change before the call
 * takes effect; the call is then repeated with the new map's key.
 */
static const char *exit_boot_services(struct efi *e, void *fdt, u64 fdt_size)
{
	const u64 room = e->map.size;
	u32 version;

	for (u32 tries = 0; tries < 8; tries++) {
		e->map.size = room;
		if (e->boot->get_memory_map(&e->map.size, e->map.buffer, &e->map.key,
					    &e->map.stride, &version) != EFI_SUCCESS)
			return "the firmware gives no memory map";
		if (efi_make_fdt(e, fdt, fdt_size))
			return "the firmware's devicetree cannot be changed";
		if (e->boot->exit_boot_services(e->image, e->map.key) == EFI_SUCCESS)
			return NULL;
	}
	return "the firmware does not exit its boot services";
}

static efi_status start(struct efi *e)
{
	void (*leave)(const void *fdt);
	u64 fdt_size = e->fdt_length + FDT_ROOM;
	void *fdt = efi_pages(e, fdt_size);
	char *copy = copy_image(e);
	const char *why;

	if (!fdt || !copy || !map_room(e))
		return refuse(e, EFI_OUT_OF_RESOURCES, "the firmware has no memory left");
	why = exit_boot_services(e, fdt, fdt_size);
	if (why)
		return refuse(e, EFI_LOAD_ERROR, why);
	arch_dcache_clean_inval(copy, KIMAGE_BYTES);
	arch_dcache_clean_inval(fdt, fdt_size);
	leave = (void (*)(const void *))(copy + (efi_leave - _head));
	leave(fdt);
	return EFI_LOAD_ERROR;
}

efi_status efi_main(efi_handle image, const struct efi_system_table *system, u64 el)
{
	static const struct efi_guid loaded_image = {
		0x5b1b31a1, 0x9562, 0x11d2, { 0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b }
	};
	struct efi e = { .image = image, .system = system, .boot = system->boot };
	efi_status status;
	const char *why;

	/*
	 * An operator may take time at the firmware's shell. After the firmware has gone, nothing
	 * would stop its watchdog.
	 */
	(void)e.boot->set_watchdog(0, 0, 0, NULL);
	if (el != 2)
		return refuse(
			&e, EFI_UNSUPPORTED,
			"the firmware runs at EL1, but a hypervisor needs EL2 (QEMU: -machine virtualization=on)");
	why = find_fdt(&e);
	if (why)
		return refuse(
			&e, EFI_UNSUPPORTED,
			has_acpi(&e)
				? "the firmware describes the machine by ACPI only, but a devicetree is needed (QEMU: -machine acpi=off)"
				: why);
	status = e.boot->handle_protocol(image, &loaded_image, &e.loaded);
	if (status != EFI_SUCCESS)
		return refuse(&e, status, "the firmware does not say where ZVM was loaded from");
	status = efi_find_bundle(&e);
	if (status != EFI_SUCCESS)
		return status;
	return start(&e);
}
