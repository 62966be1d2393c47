/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What several targets make of their input: addresses, descriptions, schedules, guests'
 * devicetrees, images, and archives of all of them.
 */
#ifndef FUZZ_GRAMMAR_H
#define FUZZ_GRAMMAR_H

#include "fuzz.h"

/* The RAM of the machine that descriptions name addresses of, and what lies in it. */
#define RAM_BASE      0x40000000ULL
#define RAM_SIZE      MIB(8)
#define RAM_IMAGE_AT  0x40200000ULL
#define RAM_IMAGE_END 0x40300000ULL
#define RAM_TREE_AT   0x40400000ULL
#define RAM_BUNDLE_AT 0x40500000ULL
#define RAM_KEPT_AT   0x40600800ULL /* reserved, and not even of whole pages */
#define RAM_NO_MAP_AT 0x40610000ULL
#define RAM_LOADED_AT 0x40700000ULL /* where a loader left something */
#define RAM_TAKEN     0x1800ULL /* how much tree, bundle, reserved and unmapped memory have, each */
/* The addresses of the start command, which have this much RAM each. */
#define ZEPHYR_AT   0xc8000000ULL
#define LINUX_AT    0xe0000000ULL
#define INITRD_AT   0xe4000000ULL
#define DTB_AT      0xf2a00000ULL
#define WINDOW_SIZE KIB(64)

/*
 * An address of any kind of memory, or of none: at its start, inside, or next to it; aligned or
 * not.
 */
u64 fuzz_address(struct fuzz_input *in);
/* How many bytes are claimed to be there: mostly few. */
u64 fuzz_length(struct fuzz_input *in);

/* Compiled trees, which the caller frees. NULL: too long. Mostly valid (trees.h). */
void *grow_description(struct fuzz_input *in, size_t *size);
void *grow_schedule(struct fuzz_input *in, size_t *size);
void *grow_guest_tree(struct fuzz_input *in, size_t *size);

#define GROWN_MAX KIB(32)

/*
 * Something to load, of at most GROWN_MAX bytes: code, an Image, an ELF file, text, compressed
 * data, a devicetree, an archive. Returns the number of bytes.
 */
size_t grow_image(struct fuzz_input *in, u8 *to);

/* An archive, or several; no more is added than there is room for. */
struct archive {
	u8 bytes[KIB(128)];
	size_t size;
};

void archive_add(struct fuzz_input *in, struct archive *a, const char *name, u32 mode,
		 const void *data, size_t size);
/* Descriptions, images, links, a schedule. */
void grow_archive(struct fuzz_input *in, struct archive *a);
/* Only images, under names that descriptions use. */
void grow_images(struct fuzz_input *in, struct archive *a);

#endif
