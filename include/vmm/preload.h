/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that holds images which a loader placed there: what is kept out of the page allocator and
 * may be read as an image.
 */
#ifndef VMM_PRELOAD_H
#define VMM_PRELOAD_H

#include <lib/types.h>

/* vm_type.file of a type that no description made. */
#define PRELOADED_FILE "(preloaded)"

/*
 * [pa, pa + size) holds an image: if it is RAM that a loader could have put it into, it is kept from now on, and image_get() gives it. NULL, or a few words on what stands against it.
 * Boot, before page_init.
 */
const char *__must_check preload_keep(paddr_t pa, u64 size);

#endif
