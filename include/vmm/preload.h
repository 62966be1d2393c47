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
 * Remember [pa, pa + size) as holding an image. False if it is not all RAM or the table is full.
 * Boot, after preload_detect, before page_init.
 */
bool __must_check preload_keep(paddr_t pa, u64 size);

/* True if all of it was kept, so that it may be read. */
bool preload_kept(paddr_t pa, u64 size);

#endif
