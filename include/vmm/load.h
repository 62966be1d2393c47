/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sources of VMs: the types of the bundle (a cpio archive given as the initrd) and the preloaded
 * images. Also the placement of images in a VM's RAM, and the devicetree that a VM is given.
 */
#ifndef VMM_LOAD_H
#define VMM_LOAD_H

#include <kernel/page.h>
#include <lib/cpio.h>
#include <lib/types.h>
#include <vmm/desc.h>

struct vm_ram;

/* ---- the bundle ---- */

struct bundle {
	const void *base; /* NULL: no bundle */
	u64 size;
	char prefix[128];  /* of all paths in the archive, with the slash; mostly empty */
	char folder[160];  /* the folder of the descriptions */
	char problem[320]; /* what is wrong with it, or why there is none; empty: it is valid */
};

/* Open an archive: find its descriptions and note what is wrong. Pure, like the next three. */
void bundle_open(struct bundle *b, const void *base, u64 size);

/* If an entry is a description in the folder of descriptions: its name, "NAME.dtb". Else NULL. */
const char *bundle_description(const struct bundle *b, const struct cpio_entry *e);

/* The file of the bundle at `path`, also through links. Returns as cpio_find(). */
int __must_check bundle_find(const struct bundle *b, const char *path, struct cpio_entry *e);

/* The text for an error of bundle_find(). */
const char *bundle_error(int err);

#define MAX_TYPES 128

struct vm_type {
	struct vm_desc desc;
	char file[DESC_PATH_MAX]; /* the description's file in the bundle; "(preloaded)" */
	bool valid;
	struct desc_error
		error; /* what is wrong with it; if it is valid, a hint about it, mostly empty */
};

extern struct vm_type *vm_types[MAX_TYPES];
extern u32 vm_type_count;
extern struct bundle the_bundle;

/*
 * Find images that a loader placed in memory at the addresses of the start command (zephyr.bin
 * 0xc8000000, Image 0xe0000000, rootfs.cpio.gz 0xe4000000, linux.dtb 0xf2a00000), by their magic
 * numbers. Adds the types `zephyr` and `linux`, and keeps their RAM. Boot, before page_init(): RAM
 * is mapped. Takes early memory.
 */
void preload_detect(void);

/*
 * Read all vms/<name>.dtb of the bundle (base NULL: none) into vm_types. A type of the bundle
 * replaces a preloaded one of the same name. Boot, after preload_detect(). Takes early memory.
 */
void bundle_init(const void *base, u64 size);

/*
 * Refuse types that have different ideas of a channel, or of which only one has it. Pure.
 * bundle_init() calls it.
 */
void types_match_channels(void);
/* Refuse types that may control a type that does not exist. Pure. bundle_init() calls it. */
void types_match_control(void);

/* Another type, empty. NULL: no room; the bundle's problem says so. Boot, before page_init(). */
struct vm_type *type_add(const char *file);

/*
 * Keep the RAM of images that descriptions of the bundle name by address (kernel-address,
 * initrd-address). Types whose images cannot be kept become invalid. Boot, after bundle_init(),
 * before page_init(). Without this call such images cannot be read.
 */
void bundle_reserve(void);

/*
 * The next window of a VM that no type of the bundle creates by itself: only `zvm new --name` does.
 * *at begins with 0. One window for each such VM. NULL: there are no more. Pure.
 */
const struct schedule_window *schedule_next_stray(const struct schedule *s, u32 *at);
/* One line about that window, and about the type that may be meant. */
void schedule_stray_text(const struct schedule_window *w, char *text, size_t size);

/* The type of that name, or NULL. */
const struct vm_type *type_find(const char *name);

/*
 * Data and length of an image. 0, -ENOENT, -EINVAL. The pointer is into the bundle or the linear
 * map.
 */
int __must_check image_get(const struct image_ref *ref, const void **data, u64 *size);

/*
 * ---- kernels that a guest has loaded in place of a type's own (docs/guest-abi.md) ----
 *
 * A type has the last one that came, and a VM the one that it was loaded from. What neither has is
 * freed. Lifecycle lock held, but for type_image_new() and type_image_free().
 */
#define TYPE_IMAGE_MAX MIB(64) /* bytes of one, and no more than the RAM of the type's VMs */

struct type_image {
	const struct vm_type *type;
	void *data;
	u64 size;
	paddr_t pa;
	u32 blocks; /* of 2 MiB, of the machine's memory */
	u32 users;  /* the type, and VMs */
};

/*
 * Memory for one. NULL, and a line about it: it is too large, the type takes none, or the machine
 * has no room for it (16 MiB stay free). Thread context.
 */
struct type_image *type_image_new(const struct vm_type *type, u64 size, struct desc_error *err);
/* Free one that was never set. Thread context. */
void type_image_free(struct type_image *image);
/*
 * It is complete: check it as a file of the bundle is checked; the type has it from now on. 0.
 * -EINVAL with the reason: nothing has changed.
 */
int __must_check type_image_set(struct type_image *image, struct desc_error *err);
/* The type's, for a user more. NULL: it has none. */
struct type_image *type_image_get(const struct vm_type *type);
/* A user less. NULL: nothing. */
void type_image_put(struct type_image *image);

/*
 * Check everything that needs no machine: memory sizes, addresses inside RAM, images present in the
 * bundle. The places of these images go to d.
 */
int __must_check desc_check(struct vm_desc *d, const struct bundle *b, const char *file,
			    struct desc_error *err);

/*
 * ---- preloaded images: their memory is kept out of the page allocator and may be read as an image
 * ----
 */

/* vm_type.file of a type that has no description. */
#define PRELOADED_FILE "(preloaded)"

/*
 * [pa, pa + size) holds an image. If it is RAM that a loader could have put it into, keep it from
 * now on, and let image_get() return it. NULL, or a few words on the problem. Boot, before
 * page_init().
 */
const char *__must_check preload_keep(paddr_t pa, u64 size);

/*
 * ---- image formats (Linux arm64 Image header, ELF64, raw) and the placement rules of the guest
 * machine ----
 */

enum image_format { IMAGE_LINUX, IMAGE_ELF, IMAGE_RAW, IMAGE_FIRMWARE };

/* The place of everything; computed and validated before anything is copied. */
struct load_plan {
	enum image_format format;
	u64 entry;
	u64 arg; /* x0 */
	/* including bss; segments of an ELF file may leave gaps; with firmware nothing is loaded */
	u64 kernel_base, kernel_end;
	u64 initrd_base, initrd_size;
	u64 dtb_base, dtb_max;
};

/* The little-endian number of 1 to 8 bytes at `offset` of an image, whatever its alignment. */
u64 image_le(const void *image, u64 offset, u32 bytes);

/*
 * True if it begins with an arm64 Image header. *image_size: the header's field (0 in old kernels,
 * an end address in Zephyr).
 */
bool image_has_header(const void *image, u64 size);
u64 image_header_size(const void *image);

/* Check the firmware's file. 0; -EINVAL with err. Pure. */
int __must_check image_check_firmware(const void *firmware, u64 size, struct desc_error *err);

/*
 * Compute the plan for `d`, whose RAM map is valid. dtb_size: the size of its own devicetree, 0 if
 * it is generated. 0. -EINVAL with err: which image, what is wrong, and what would be needed. Pure;
 * trusts nothing in the images.
 */
int __must_check image_plan(const struct vm_desc *d, const void *kernel, u64 kernel_size,
			    u64 initrd_size, u64 dtb_size, struct load_plan *p,
			    struct desc_error *err);

/*
 * Refuse an initrd that no guest can unpack. Anything else about it (an archive, compressed or not,
 * a file system) is up to the guest. 0; -EINVAL with err. Pure.
 */
int __must_check image_check_initrd(const void *initrd, u64 size, struct desc_error *err);

/*
 * Carry the plan out: copy kernel (ELF segments), initrd, and the devicetree `dtb`. RAM must be
 * cleared. 0 or negative errno. Thread context, preemptible, long.
 */
int __must_check image_load(const struct load_plan *p, struct vm_ram *ram, const void *kernel,
			    u64 kernel_size, const void *initrd, const void *dtb, u64 dtb_size);

/*
 * ---- ELF64 executables for AArch64 (ELF for the Arm 64-bit Architecture, IHI 0056), loaded as
 * QEMU's -kernel does: segments go to their physical addresses. A segment without data in the file
 * may lie outside RAM. Of the segment with the file's own header, the part outside RAM is left out.
 * ----
 */

/*
 * The program headers' result, guest-physical. [base, end) holds the loaded parts of all segments,
 * with their zeroed parts; entry lies in one of them.
 */
struct elf_image {
	u64 entry;
	u64 base, end;
};

bool elf_has_magic(const void *file, u64 size);

/*
 * Check the headers of an untrusted file against a VM's RAM. 0 and *e filled. -EINVAL with err:
 * what is wrong, with the number of the segment as `readelf -l` counts it. Pure.
 */
int __must_check elf_plan(const void *file, u64 size, const struct ram_map *ram,
			  struct elf_image *e, struct desc_error *err);

/* The part of a segment that goes to RAM: data_size bytes of data, then zeros up to `size`. */
struct elf_part {
	u64 base, size;
	const void *data;
	u64 data_size;
};

/*
 * The next part of a file that elf_plan() accepted. *n begins with 0; the caller keeps it. False:
 * there are no more. Pure.
 */
bool elf_next_part(const void *file, u64 size, const struct ram_map *ram, u32 *n,
		   struct elf_part *part);

/*
 * The function or label of an untrusted file's .symtab that covers an address, and how far behind
 * its beginning that is. False: there is none. Pure; time grows with the table.
 */
#define ELF_SYMBOL 48 /* longer names are cut */
bool elf_symbol(const void *file, u64 size, u64 address, char name[ELF_SYMBOL], u64 *offset);

/*
 * ---- files that cannot be used as an image: compressed ones, containers, kernels for other
 * machines. They are recognised by their magic numbers, so that they can be refused by name. Pure;
 * trusts nothing in them. ----
 */

/* What the operator has to do with such a file. */
enum image_use {
	IMAGE_PACKED,    /* unpack it */
	IMAGE_CONTAINER, /* extract the image from it */
	IMAGE_ARCHIVE,   /* a cpio archive, like an initramfs or a bundle */
	IMAGE_FLASH,     /* give it as firmware */
	IMAGE_OTHER,     /* nothing: it is something else */
};

struct image_kind {
	const char *name; /* completes "the file is ..." */
	u8 use;           /* enum image_use */
	/* how it is recognised: bytes at an offset */
	u8 len;
	u16 at;
	char magic[8];
};

/*
 * The kind of file that begins with these bytes. NULL: it is not in the table; Image, ELF file and
 * raw code are not.
 */
const struct image_kind *image_kind_of(const void *image, u64 size);

/*
 * True if all of it, or its first 256 bytes, is readable text (ASCII or UTF-8), possibly followed
 * by zeros.
 */
bool image_is_text(const void *image, u64 size);

/* ---- the devicetree given to a guest ---- */

#define GUEST_FDT_MAX     KIB(64) /* a generated one */
#define GUEST_FDT_OWN_MAX MIB(1)  /* the VM's own one, without free space */
#define GUEST_FDT_ADDED   KIB(32) /* enough room for the additions to one */

/*
 * Room for the devicetree in the VM's RAM: for a generated one (own 0), or for an adapted one of
 * `own` bytes, at most GUEST_FDT_OWN_MAX.
 */
static inline u64 guest_fdt_max(u64 own)
{
	return own ? ALIGN_UP(own + GUEST_FDT_ADDED, GUEST_FDT_MAX) : GUEST_FDT_MAX;
}

struct guest_fdt_params {
	const struct vm_desc *desc;
	const struct load_plan *plan;
	u64 rng_seed[4];
	bool no_rng_seed; /* leave it out */
	u64 kaslr_seed;
	u32 gic_version; /* 2: GICv2; else GICv3 */
};

/*
 * Write the generated devicetree (docs/guest-abi.md) into buf (8-byte aligned). Its length is then
 * fdt_totalsize(buf). Values: compatible "linux,dummy-virt"; addresses as in docs/guest-abi.md. 0,
 * -ENOSPC.
 */
int __must_check guest_fdt_generate(const struct guest_fdt_params *p, void *buf, u64 size);

/*
 * Copy the VM's own devicetree `src` into buf, with /memory, /cpus, /psci, /chosen and the
 * interrupt controller filled in, and with devices that the VM does not have marked as disabled.
 * NULL, or a few words on what is wrong with it.
 */
const char *__must_check guest_fdt_adapt(const struct guest_fdt_params *p, const void *src,
					 u64 src_size, void *buf, u64 size);

/*
 * True if a guest with that tree (written by one of the two above) would not start because it has
 * no interrupt controller, or would have its console, by /chosen, on a device that the VM does not
 * have. One line about it goes to note.
 */
bool guest_fdt_note(const void *fdt, char *note, size_t size);
/* The same for a tree of guest_fdt_generate(): only the boot arguments can be wrong there. */
bool guest_bootargs_note(const char *args, char *note, size_t size);

#endif
