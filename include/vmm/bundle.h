/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What VMs can be made of: the types of the bundle (a cpio archive given as the initrd) and the
 * preloaded images.
 */
#ifndef VMM_BUNDLE_H
#define VMM_BUNDLE_H

#include <kernel/page.h>
#include <lib/cpio.h>
#include <lib/types.h>
#include <vmm/desc.h>

struct bundle {
	const void *base; /* NULL: no bundle */
	u64 size;
	char prefix[128];  /* of all paths in the archive, with its slash; mostly empty */
	char folder[160];  /* that has the descriptions */
	char problem[320]; /* what is wrong with it, or why there is none; empty: it is in order */
};

/*
 * Look at an archive: where its descriptions are, and what is wrong. Pure, as the other three are.
 */
void bundle_open(struct bundle *b, const void *base, u64 size);

/* If an entry is a description in the folder for them: its name, "NAME.dtb"; else NULL. */
const char *bundle_description(const struct bundle *b, const struct cpio_entry *e);

/* The file of the bundle at `path`, also through links; what cpio_find() answers. */
int __must_check bundle_find(const struct bundle *b, const char *path, struct cpio_entry *e);

/* What is said of a file for which bundle_find() answered err. */
const char *bundle_error(int err);

#define MAX_TYPES 32

struct vm_type {
	struct vm_desc desc;
	char file[DESC_PATH_MAX]; /* the description's file in the bundle; "(preloaded)" */
	bool valid;
	struct desc_error
		error; /* what is wrong with it; of a valid one what should be known of it, mostly nothing */
};

extern struct vm_type vm_types[MAX_TYPES];
extern u32 vm_type_count;
extern struct bundle the_bundle;

/*
 * Find images that a loader placed in memory at the addresses of the start command (zephyr.bin
 * 0xc8000000, Image 0xe0000000, rootfs.cpio.gz 0xe4000000, linux.dtb 0xf2a00000), by their magic
 * numbers; adds types `zephyr` and `linux`, and keeps their RAM. Boot, before page_init: RAM is mapped, nothing is allocated.
 */
void preload_detect(void);

/*
 * Read all vms/<name>.dtb of the bundle (base NULL: none) into vm_types; a type of the bundle
 * replaces a preloaded one of the same name. Boot, after preload_detect; allocates nothing.
 */
void bundle_init(const void *base, u64 size);

/*
 * Keep the RAM of images that descriptions of the bundle name by address (kernel-address, initrd-address). Types whose images are elsewhere become invalid. Boot, after bundle_init,
 * before page_init. Unless it is called, such images cannot be read.
 */
void bundle_reserve(void);

/* The type of that name, or NULL. */
const struct vm_type *type_find(const char *name);

/*
 * Data and length of an image. 0, -ENOENT, -EINVAL. The pointer is into the bundle or the linear
 * map.
 */
int __must_check image_get(const struct image_ref *ref, const void **data, u64 *size);

#endif
