/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image formats (Linux arm64 Image header, ELF64, raw) and the placement rules of the guest
 * machine.
 */
#ifndef VMM_IMAGE_H
#define VMM_IMAGE_H

#include <lib/types.h>
#include <vmm/desc.h>
#include <vmm/memory.h>

enum image_format { IMAGE_LINUX, IMAGE_ELF, IMAGE_RAW };

/* Where everything goes; computed and validated before anything is copied. */
struct load_plan {
	enum image_format format;
	u64 entry;
	u64 kernel_base, kernel_end; /* including bss; an ELF file's segments may leave gaps */
	u64 initrd_base, initrd_size;
	u64 dtb_base, dtb_max;
};

/* The little-endian number of 1 to 8 bytes at `offset` of an image, whatever its alignment. */
u64 image_le(const void *image, u64 offset, u32 bytes);

/*
 * True if it begins with an arm64 Image header; then its image_size (0 in old kernels, an end
 * address in Zephyr).
 */
bool image_has_header(const void *image, u64 size);
u64 image_header_size(const void *image);

/*
 * Work out the plan for `d`, whose RAM map is in order; dtb_size: of its own devicetree, 0 if it is generated. 0; -EINVAL with err:
 * which image, what is wrong, what would be needed. Pure; trusts nothing in the images.
 */
int __must_check image_plan(const struct vm_desc *d, const void *kernel, u64 kernel_size,
			    u64 initrd_size, u64 dtb_size, struct load_plan *p,
			    struct desc_error *err);

/*
 * Refuse an initrd that no guest can unpack. What it is otherwise (an archive, compressed or not, a file system) is the guest's business. 0; -EINVAL
 * with err. Pure.
 */
int __must_check image_check_initrd(const void *initrd, u64 size, struct desc_error *err);

/*
 * Carry the plan out: copy kernel (ELF segments), initrd, and the devicetree `dtb`. RAM was
 * cleared. 0 or negative errno. Thread context, preemptible, long.
 */
int __must_check image_load(const struct load_plan *p, const struct vm_ram *ram, const void *kernel,
			    u64 kernel_size, const void *initrd, const void *dtb, u64 dtb_size);

#endif
