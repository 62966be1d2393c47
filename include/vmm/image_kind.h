/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that are handed over as an image and are none that can be used as it is: compressed ones, containers, kernels for other machines. Known by
 * their magic numbers, so that they are refused by name. Pure; trusts nothing in them.
 */
#ifndef VMM_IMAGE_KIND_H
#define VMM_IMAGE_KIND_H

#include <lib/types.h>

/* What is to be done with such a file. */
enum image_use {
	IMAGE_PACKED,    /* unpack it */
	IMAGE_CONTAINER, /* take the image out of it */
	IMAGE_ARCHIVE,   /* a cpio archive, as initramfs and bundle are */
	IMAGE_OTHER,     /* nothing: it is something else */
};

struct image_kind {
	const char *name; /* completes "the file is ..." */
	u8 use;           /* enum image_use */
	/* how it is known: bytes that stand at an offset */
	u8 len;
	u16 at;
	char magic[8];
};

/* The kind of file that these bytes begin; NULL: none that is known here, as Image, ELF file and raw code are. */
const struct image_kind *image_kind_of(const void *image, u64 size);

/* True if all of it, or its first 256 bytes, is readable text (ASCII or UTF-8), with zeros behind it or not. */
bool image_is_text(const void *image, u64 size);

#endif
