/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that begins as an image of the bundle. The image is never written. Pages that the guest
 * writes are copies, in a table of two levels: they stay over a reset of the VM, and go with the
 * VM.
 */
#include "virtio_blk.h"

#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <vmm/core.h>
#include <vmm/load.h>

#define SPARED MIB(16) /* of the machine's memory: no disk takes it */
#define LEAF   (BLK_ENTRIES * PAGE_SIZE)
#define PAGES  32    /* of a discard, in one unit */
#define CHUNK  2048U /* bytes that one unit copies */

static u8 blk_zero_page[PAGE_SIZE] __aligned(PAGE_SIZE);

/* ---- the disk, under the lock ---- */

/* The page that holds `at`, as it was written. NULL: as the image. */
static u8 *written_page(const struct virtio_blk *b, u64 at)
{
	const struct blk_leaf *leaf = b->image.leaves[at / LEAF];

	return leaf ? leaf->pages[at % LEAF / PAGE_SIZE] : NULL;
}

/* Copy n bytes of one page of the disk. The image may end in the middle of a sector. */
static void read_disk(const struct virtio_blk *b, u64 at, void *to, u32 n)
{
	const u8 *page = written_page(b, at);
	const u32 there = page ? n : (u32)MIN((u64)n, b->image.size - MIN(at, b->image.size));

	memcpy(to, page ? page + at % PAGE_SIZE : b->image.data + at, there);
	memset((u8 *)to + there, 0, n - there);
}

/* Take the spare page. NULL: between() gets one first. */
static void *take_spare(struct virtio_blk *b)
{
	void *page = b->image.spare;

	b->image.spare = NULL;
	b->image.no_page = !page;
	return page;
}

/*
 * The entry of the page that holds `at`. NULL: not in this unit. A spare page is zeroed.
 */
static u8 **entry_of(struct virtio_blk *b, u64 at)
{
	struct blk_leaf **leaf = &b->image.leaves[at / LEAF];

	if (!*leaf)
		*leaf = take_spare(b);
	return *leaf ? &(*leaf)->pages[at % LEAF / PAGE_SIZE] : NULL;
}

/* The page that holds `at`, for writing. NULL: not in this unit. */
static u8 *page_for(struct virtio_blk *b, u64 at)
{
	u8 **entry = entry_of(b, at), *page;

	if (!entry)
		return NULL;
	if (*entry && *entry != blk_zero_page)
		return *entry;
	page = take_spare(b);
	if (!page)
		return NULL;
	read_disk(b, ALIGN_DOWN(at, PAGE_SIZE), page, PAGE_SIZE);
	*entry = page;
	b->image.pages++;
	return page;
}

/* ---- steps of a request ---- */

/* T_IN */
static int send(struct virtio_blk *b)
{
	struct blk_request *r = blk_now(b);
	u32 len = (u32)MIN((u64)CHUNK, PAGE_SIZE - r->at % PAGE_SIZE);
	void *to = blk_answer(b, &len);

	if (!to)
		return NOT_NOW;
	if (!len)
		return blk_to_status(b, r->at % BLK_SECTOR ? S_IOERR : S_OK);
	if (!blk_fits(b, r->at, len))
		return blk_skip(b, S_IOERR);
	read_disk(b, r->at, to, len);
	virtio_advance(&b->t, BLK_QUEUE, len);
	r->at += len;
	return COSTLY;
}

/* T_OUT */
static int receive(struct virtio_blk *b)
{
	struct blk_request *r = blk_now(b);
	u32 len = (u32)MIN((u64)CHUNK, PAGE_SIZE - r->at % PAGE_SIZE);
	const void *from = virtio_piece(&b->t, BLK_QUEUE, false, &len, NULL);
	u8 *page;

	if (!from)
		return virtio_can_go_on(&b->t) ? blk_skip(b, r->at % BLK_SECTOR ? S_IOERR : S_OK)
					       : NOT_NOW;
	if (b->readonly || !blk_fits(b, r->at, len) || b->image.full)
		return blk_skip(b, S_IOERR);
	page = page_for(b, r->at);
	if (!page)
		return COSTLY;
	memcpy(page + r->at % PAGE_SIZE, from, len);
	virtio_advance(&b->t, BLK_QUEUE, len);
	r->at += len;
	return COSTLY;
}

/* Make the page that holds `at` zero, and give its memory back. False: not in this unit. */
static bool zero_whole(struct virtio_blk *b)
{
	struct blk_request *r = blk_now(b);
	u8 **entry = entry_of(b, r->at);

	if (!entry || (*entry && *entry != blk_zero_page && b->image.freed))
		return false;
	if (*entry && *entry != blk_zero_page) {
		b->image.pages--;
		b->image.freed = *entry;
	}
	*entry = blk_zero_page;
	return true;
}

/* Make [at, end) of one page zero. False: not in this unit. */
static bool zero_in_page(struct virtio_blk *b, u64 end)
{
	struct blk_request *r = blk_now(b);
	u8 *page;

	if (end - r->at == PAGE_SIZE)
		return zero_whole(b);
	page = page_for(b, r->at);
	if (page)
		memset(page + r->at % PAGE_SIZE, 0, end - r->at);
	return page;
}

/* T_DISCARD, T_WRITE_ZEROES */
static int clear(struct virtio_blk *b)
{
	struct blk_request *r = blk_now(b);

	if (b->image.full)
		return blk_skip(b, S_IOERR);
	for (u32 i = 0; i < PAGES && r->at < r->end; i++) {
		const u64 end = MIN(r->end, ALIGN_DOWN(r->at, PAGE_SIZE) + PAGE_SIZE);

		if (!zero_in_page(b, end))
			return COSTLY;
		r->at = end;
	}
	return r->at < r->end ? COSTLY : blk_skip(b, S_OK);
}

static int flush(struct virtio_blk *b)
{
	return blk_skip(b, S_OK); /* it is in memory */
}

static void forget(struct virtio_blk *b)
{
	b->image.full = false;
}

/* ---- memory, between the units ---- */

static void *get_page(void)
{
	struct page_stats mem;

	page_stats(&mem);
	return mem.free > SPARED ? page_alloc() : NULL;
}

static void between(struct virtio_blk *b)
{
	struct virtio *t = &b->t;
	unsigned long irq = spin_lock_irqsave(&t->lock);
	const bool wanted = b->image.no_page && !b->image.spare;
	void *freed = b->image.freed, *page = NULL;

	b->image.freed = NULL;
	b->image.no_page = false;
	spin_unlock_irqrestore(&t->lock, irq);
	if (freed)
		page_free(freed);
	if (!wanted)
		return;
	page = get_page();
	irq = spin_lock_irqsave(&t->lock);
	b->image.full = !page;
	if (page && !b->image.spare) {
		b->image.spare = page;
		page = NULL;
	}
	spin_unlock_irqrestore(&t->lock, irq);
	if (page)
		page_free(page);
}

/* ---- the backend ---- */

static int open(struct virtio_blk *b, struct vdev *d)
{
	struct blk_image *i = &b->image;
	struct image_ref ref = { .size = 0 };
	const void *data;
	int r;

	(void)str_copy(ref.path, d->virtio->image, sizeof(ref.path));
	r = image_get(&ref, &data, &i->size);
	if (r)
		return r;
	i->data = data;
	b->size = ALIGN_UP(i->size, BLK_SECTOR);
	i->leaf_count = (u32)(ALIGN_UP(b->size, LEAF) / LEAF);
	i->leaf_pages = (u32)(ALIGN_UP(i->leaf_count * sizeof(void *), PAGE_SIZE) / PAGE_SIZE);
	i->leaves = pages_alloc(i->leaf_pages);
	b->config.blk_size = BLK_SECTOR;
	b->config.max_discard_sectors = (u32)MIN(b->size / BLK_SECTOR, (u64)UINT32_MAX);
	b->config.discard_sector_alignment = PAGE_SIZE / BLK_SECTOR;
	b->config.max_write_zeroes_sectors = b->config.max_discard_sectors;
	return i->leaves ? 0 : -ENOMEM;
}

static void free_leaf(struct blk_leaf *leaf)
{
	for (u32 i = 0; i < BLK_ENTRIES; i++)
		if (leaf->pages[i] && leaf->pages[i] != blk_zero_page)
			page_free(leaf->pages[i]);
	page_free(leaf);
}

/* Forget what was written. */
static void drop(struct blk_image *i)
{
	for (u32 n = 0; i->leaves && n < i->leaf_count; n++) {
		if (i->leaves[n])
			free_leaf(i->leaves[n]);
		i->leaves[n] = NULL;
	}
	i->pages = 0;
}

static void reset(struct virtio_blk *b)
{
	if (b->discard)
		drop(&b->image);
}

static void close(struct virtio_blk *b)
{
	struct blk_image *i = &b->image;

	drop(i);
	if (i->leaves)
		pages_free(i->leaves, i->leaf_pages);
	if (i->spare)
		page_free(i->spare);
	if (i->freed)
		page_free(i->freed);
}

static void info(struct virtio_blk *b, char *text, size_t size)
{
	(void)snprintf(text, size, "%lu KiB, %lu KiB written", b->size / KIB(1),
		       b->image.pages * PAGE_SIZE / KIB(1));
}

/* Tables and pages that were written, and the one that a unit may need. */
static u64 memory(const struct virtio_blk *b)
{
	const struct blk_image *i = &b->image;
	u64 pages = i->leaf_pages + i->pages + !!i->spare + !!i->freed;

	for (u32 n = 0; n < i->leaf_count; n++)
		pages += i->leaves[n] != NULL;
	return pages * PAGE_SIZE;
}

const struct blk_backend blk_image_backend = {
	.open = open,
	.close = close,
	.send = send,
	.receive = receive,
	.flush = flush,
	.clear = clear,
	.forget = forget,
	.reset = reset,
	.between = between,
	.info = info,
	.memory = memory,
};
