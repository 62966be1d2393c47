/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block device (VIRTIO 1.2, 5.2): a disk that begins as an image of the bundle. The image is
 * never written. Pages that the guest writes are copies, in a table of two levels: they stay over a
 * reset of the VM, and go with the VM.
 */
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <vmm/core.h>
#include <vmm/load.h>
#include <vmm/virtio.h>

#define QUEUE   0
#define SECTOR  512UL
#define CHUNK   2048U   /* bytes that one unit copies */
#define SPARED  MIB(16) /* of the machine's memory: no disk takes it */
#define ENTRIES 512U    /* pages of a leaf: 2 MiB of the disk */
#define LEAF    (ENTRIES * PAGE_SIZE)
#define STEPS   6  /* that copy nothing, in one unit */
#define PAGES   32 /* of a discard, in one unit */

/* 5.2.3: feature bits */
#define VIRTIO_BLK_F_SEG_MAX      BIT(2)
#define VIRTIO_BLK_F_RO           BIT(5)
#define VIRTIO_BLK_F_BLK_SIZE     BIT(6)
#define VIRTIO_BLK_F_FLUSH        BIT(9)
#define VIRTIO_BLK_F_DISCARD      BIT(13)
#define VIRTIO_BLK_F_WRITE_ZEROES BIT(14)

/* 5.2.6: requests and their status */
enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };
enum { S_OK, S_IOERR, S_UNSUPP };
#define FLAG_UNMAP BIT(0)

struct blk_header {
	u32 type, reserved;
	u64 sector;
};

struct blk_range {
	u64 sector;
	u32 count, flags;
};

/* 5.2.4 */
struct blk_config {
	u64 capacity;
	u32 size_max, seg_max, geometry, blk_size;
	u64 topology;
	u8 writeback, unused0;
	u16 num_queues;
	u32 max_discard_sectors, max_discard_seg, discard_sector_alignment;
	u32 max_write_zeroes_sectors, max_write_zeroes_seg;
	u8 write_zeroes_may_unmap, unused1[3];
};
_Static_assert(offsetof(struct blk_config, write_zeroes_may_unmap) == 56, "5.2.4");

/* Where a request is. SKIP: its status is known, and the rest of its buffers is passed over. */
enum step { STEP_HEADER, STEP_DATA, STEP_SKIP, STEP_STATUS, STEP_FINISH };

/* Written pages of 2 MiB. NULL: as the image. zero_page: zeroes, without memory. */
struct leaf {
	u8 *pages[ENTRIES];
};
_Static_assert(sizeof(struct leaf) == PAGE_SIZE, "one page");

struct virtio_blk {
	struct virtio t; /* first */
	struct blk_config config;
	const u8 *image;
	u64 image_size, size; /* bytes; the disk's is whole sectors */
	bool readonly;
	char id[VIRTIO_SERIAL];
	/* the request */
	enum step step;
	u8 status;
	u32 got; /* bytes of header or range */
	struct blk_header header;
	struct blk_range range;
	u64 at;      /* bytes: the next place on the disk, or in the id */
	u64 end;     /* of the range */
	u32 written; /* bytes of buffers that were filled before ... */
	bool gap;    /* ... others were passed over */
	/* what was written */
	struct leaf **leaves;
	u32 leaf_count, leaf_pages;
	void *spare;  /* a page for a unit that needs one */
	bool no_page; /* a unit needs one */
	bool full;    /* there was none */
	void *freed;  /* a page that is not needed any more */
	u64 pages, requests, failed;
};

static u8 zero_page[PAGE_SIZE] __aligned(PAGE_SIZE);

static struct virtio_blk *to_blk(struct virtio *t)
{
	return (struct virtio_blk *)t;
}

/* ---- the disk, under the lock ---- */

/* The page that holds `at`, as it was written. NULL: as the image. */
static u8 *written_page(const struct virtio_blk *b, u64 at)
{
	const struct leaf *leaf = b->leaves[at / LEAF];

	return leaf ? leaf->pages[at % LEAF / PAGE_SIZE] : NULL;
}

/* Copy n bytes of one page of the disk. The image may end in the middle of a sector. */
static void read_disk(const struct virtio_blk *b, u64 at, void *to, u32 n)
{
	const u8 *page = written_page(b, at);
	const u32 there = page ? n : (u32)MIN((u64)n, b->image_size - MIN(at, b->image_size));

	memcpy(to, page ? page + at % PAGE_SIZE : b->image + at, there);
	memset((u8 *)to + there, 0, n - there);
}

/* Take the spare page. NULL: between() gets one first. */
static void *take_spare(struct virtio_blk *b)
{
	void *page = b->spare;

	b->spare = NULL;
	b->no_page = !page;
	return page;
}

/*
 * The entry of the page that holds `at`. NULL: not in this unit. A spare page is zeroed.
 */
static u8 **entry_of(struct virtio_blk *b, u64 at)
{
	struct leaf **leaf = &b->leaves[at / LEAF];

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
	if (*entry && *entry != zero_page)
		return *entry;
	page = take_spare(b);
	if (!page)
		return NULL;
	read_disk(b, ALIGN_DOWN(at, PAGE_SIZE), page, PAGE_SIZE);
	*entry = page;
	b->pages++;
	return page;
}

/* ---- steps of a request: 0: nothing can be done now; 1: cheap; 2: costly ---- */

enum { NOT_NOW, CHEAP, COSTLY };

static int skip(struct virtio_blk *b, u8 status)
{
	b->status = status;
	b->written = b->t.s.queues[QUEUE].request.written;
	b->step = STEP_SKIP;
	return CHEAP;
}

static bool fits(const struct virtio_blk *b, u64 at, u64 len)
{
	return at <= b->size && len <= b->size - at;
}

static int get_header(struct virtio_blk *b)
{
	const u32 n = virtio_read(&b->t, QUEUE, (u8 *)&b->header + b->got,
				  (u32)sizeof(b->header) - b->got);

	b->got += n;
	if (b->got == sizeof(b->header)) {
		b->got = 0;
		b->step = STEP_DATA;
		/* Too large a number is beyond the end in any case. */
		b->at = b->header.type == T_GET_ID
				? 0
				: MIN(b->header.sector, b->size / SECTOR + 1) * SECTOR;
	} else if (!n && virtio_can_go_on(&b->t)) {
		virtio_break(&b->t, QUEUE, VIRTIO_FAULT_REQUEST, b->got);
	}
	return n ? COSTLY : NOT_NOW;
}

/*
 * The next writable piece, without the last byte of all, which is for the status. *len 0: only that
 * one is left. NULL: none is left, or not now.
 */
static void *answer(struct virtio_blk *b, u32 *len)
{
	bool last;
	void *to = virtio_piece(&b->t, QUEUE, true, len, &last);

	if (!to && virtio_can_go_on(&b->t))
		virtio_break(&b->t, QUEUE, VIRTIO_FAULT_REQUEST, 0);
	if (to && last && *len == b->t.s.queues[QUEUE].request.len)
		--*len;
	return to;
}

static int to_status(struct virtio_blk *b, u8 status)
{
	b->status = status;
	b->step = STEP_STATUS;
	return CHEAP;
}

/* T_IN, T_GET_ID */
static int send(struct virtio_blk *b)
{
	const bool id = b->header.type == T_GET_ID;
	u32 len = id ? VIRTIO_SERIAL : (u32)MIN((u64)CHUNK, PAGE_SIZE - b->at % PAGE_SIZE);
	void *to = answer(b, &len);

	if (!to)
		return NOT_NOW;
	if (!len)
		return to_status(b, b->at % SECTOR && !id ? S_IOERR : S_OK);
	if (id && b->at == VIRTIO_SERIAL)
		return skip(b, S_OK);
	if (id) {
		len = MIN(len, VIRTIO_SERIAL - (u32)b->at);
		memcpy(to, &b->id[b->at], len);
	} else if (fits(b, b->at, len)) {
		read_disk(b, b->at, to, len);
	} else {
		return skip(b, S_IOERR);
	}
	virtio_advance(&b->t, QUEUE, len);
	b->at += len;
	return COSTLY;
}

/* T_OUT */
static int receive(struct virtio_blk *b)
{
	u32 len = (u32)MIN((u64)CHUNK, PAGE_SIZE - b->at % PAGE_SIZE);
	const void *from = virtio_piece(&b->t, QUEUE, false, &len, NULL);
	u8 *page;

	if (!from)
		return virtio_can_go_on(&b->t) ? skip(b, b->at % SECTOR ? S_IOERR : S_OK) : NOT_NOW;
	if (b->readonly || !fits(b, b->at, len) || b->full)
		return skip(b, S_IOERR);
	page = page_for(b, b->at);
	if (!page)
		return COSTLY;
	memcpy(page + b->at % PAGE_SIZE, from, len);
	virtio_advance(&b->t, QUEUE, len);
	b->at += len;
	return COSTLY;
}

/* Read a range (5.2.6): one a request. */
static int get_range(struct virtio_blk *b)
{
	const bool discard = b->header.type == T_DISCARD;
	const struct blk_range *r = &b->range;
	const u32 n =
		virtio_read(&b->t, QUEUE, (u8 *)&b->range + b->got, (u32)sizeof(b->range) - b->got);

	b->got += n;
	if (b->got < sizeof(*r))
		return n ? COSTLY : virtio_can_go_on(&b->t) ? skip(b, S_IOERR) : NOT_NOW;
	if (r->flags & ~(discard ? 0 : (u32)FLAG_UNMAP))
		return skip(b, S_UNSUPP);
	if (b->readonly || r->sector > b->size / SECTOR ||
	    !fits(b, r->sector * SECTOR, r->count * SECTOR))
		return skip(b, S_IOERR);
	b->at = r->sector * SECTOR;
	b->end = b->at + r->count * SECTOR;
	return COSTLY;
}

/* Make the page that holds `at` zero, and give its memory back. False: not in this unit. */
static bool zero_whole(struct virtio_blk *b)
{
	u8 **entry = entry_of(b, b->at);

	if (!entry || (*entry && *entry != zero_page && b->freed))
		return false;
	if (*entry && *entry != zero_page) {
		b->pages--;
		b->freed = *entry;
	}
	*entry = zero_page;
	return true;
}

/* Make [at, end) of one page zero. False: not in this unit. */
static bool zero_in_page(struct virtio_blk *b, u64 end)
{
	u8 *page;

	if (end - b->at == PAGE_SIZE)
		return zero_whole(b);
	page = page_for(b, b->at);
	if (page)
		memset(page + b->at % PAGE_SIZE, 0, end - b->at);
	return page;
}

/* T_DISCARD, T_WRITE_ZEROES */
static int clear(struct virtio_blk *b)
{
	if (b->got < sizeof(b->range))
		return get_range(b);
	if (b->full)
		return skip(b, S_IOERR);
	for (u32 i = 0; i < PAGES && b->at < b->end; i++) {
		const u64 end = MIN(b->end, ALIGN_DOWN(b->at, PAGE_SIZE) + PAGE_SIZE);

		if (!zero_in_page(b, end))
			return COSTLY;
		b->at = end;
	}
	return b->at < b->end ? COSTLY : skip(b, S_OK);
}

static int data(struct virtio_blk *b)
{
	switch (b->header.type) {
	case T_IN:
	case T_GET_ID:
		return send(b);
	case T_OUT:
		return receive(b);
	case T_FLUSH:
		return skip(b, S_OK); /* it is in memory */
	case T_DISCARD:
	case T_WRITE_ZEROES:
		return clear(b);
	default:
		return skip(b, S_UNSUPP);
	}
}

/* Pass over buffers up to the last byte. */
static int pass(struct virtio_blk *b)
{
	u32 len = ~0U;

	if (virtio_piece(&b->t, QUEUE, false, &len, NULL)) {
		virtio_advance(&b->t, QUEUE, len);
		return COSTLY;
	}
	len = ~0U;
	if (!virtio_can_go_on(&b->t) || !answer(b, &len))
		return NOT_NOW;
	virtio_advance(&b->t, QUEUE, len);
	if (len)
		b->gap = true;
	else
		b->step = STEP_STATUS;
	return len ? COSTLY : CHEAP;
}

static int put_status(struct virtio_blk *b)
{
	struct virtio_request *r = &b->t.s.queues[QUEUE].request;

	if (!virtio_write(&b->t, QUEUE, &b->status, 1))
		return NOT_NOW;
	if (b->gap)
		r->written = b->written;
	b->step = STEP_FINISH;
	return CHEAP;
}

static void forget(struct virtio *t)
{
	struct virtio_blk *b = to_blk(t);

	b->step = STEP_HEADER;
	b->got = 0;
	b->gap = b->full = false;
}

static int finish(struct virtio_blk *b)
{
	if (!virtio_finish(&b->t, QUEUE))
		return NOT_NOW;
	b->requests++;
	b->failed += b->status != S_OK;
	forget(&b->t);
	return CHEAP;
}

static bool unit(struct virtio *t)
{
	static int (*const steps[])(struct virtio_blk * b) = {
		[STEP_HEADER] = get_header, [STEP_DATA] = data,     [STEP_SKIP] = pass,
		[STEP_STATUS] = put_status, [STEP_FINISH] = finish,
	};
	struct virtio_blk *b = to_blk(t);
	int cost = CHEAP;

	for (u32 i = 0; i < STEPS && cost == CHEAP; i++)
		cost = virtio_take(t, QUEUE) ? steps[b->step](b) : NOT_NOW;
	return cost != NOT_NOW;
}

/* ---- memory, between the units ---- */

static void *get_page(void)
{
	struct page_stats mem;

	page_stats(&mem);
	return mem.free > SPARED ? page_alloc() : NULL;
}

static void between(struct virtio *t, struct vcpu *v)
{
	struct virtio_blk *b = to_blk(t);
	unsigned long irq = spin_lock_irqsave(&t->lock);
	const bool wanted = b->no_page && !b->spare;
	void *freed = b->freed, *page = NULL;

	(void)v;
	b->freed = NULL;
	b->no_page = false;
	spin_unlock_irqrestore(&t->lock, irq);
	if (freed)
		page_free(freed);
	if (!wanted)
		return;
	page = get_page();
	irq = spin_lock_irqsave(&t->lock);
	b->full = !page;
	if (page && !b->spare) {
		b->spare = page;
		page = NULL;
	}
	spin_unlock_irqrestore(&t->lock, irq);
	if (page)
		page_free(page);
}

/* ---- the device ---- */

static const struct virtio_model model = {
	.id = 2,
	.queues = 1,
	.unit = unit,
	.between = between,
	.reset = forget,
};

/* A short name is terminated; the serial number is the node's name if the description has none. */
static void name_disk(struct virtio_blk *b, const struct desc_virtio *node)
{
	const char *id = node->serial[0] ? node->serial : node->name;

	memcpy(b->id, id, MIN(strlen(id), sizeof(b->id)));
}

static int open_image(struct virtio_blk *b, const struct desc_virtio *node)
{
	struct image_ref ref = { .size = 0 };
	const void *data;
	int r;

	(void)str_copy(ref.path, node->image, sizeof(ref.path));
	r = image_get(&ref, &data, &b->image_size);
	if (r)
		return r;
	b->image = data;
	b->size = ALIGN_UP(b->image_size, SECTOR);
	b->leaf_count = (u32)(ALIGN_UP(b->size, LEAF) / LEAF);
	b->leaf_pages = (u32)(ALIGN_UP(b->leaf_count * sizeof(void *), PAGE_SIZE) / PAGE_SIZE);
	b->leaves = pages_alloc(b->leaf_pages);
	return b->leaves ? 0 : -ENOMEM;
}

static int create(struct vdev *d)
{
	struct virtio_blk *b = d->state;
	const u64 features = VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_FLUSH;
	int r = open_image(b, d->virtio);

	if (r)
		return r;
	b->readonly = d->virtio->readonly;
	name_disk(b, d->virtio);
	b->config.capacity = b->size / SECTOR;
	b->config.seg_max = VIRTIO_QUEUE_MAX - 2;
	b->config.blk_size = SECTOR;
	b->config.max_discard_sectors = (u32)MIN(b->config.capacity, (u64)UINT32_MAX);
	b->config.max_discard_seg = 1;
	b->config.discard_sector_alignment = PAGE_SIZE / SECTOR;
	b->config.max_write_zeroes_sectors = b->config.max_discard_sectors;
	b->config.max_write_zeroes_seg = 1;
	b->config.write_zeroes_may_unmap = 1;
	return virtio_create(d, &model,
			     features | (b->readonly ? VIRTIO_BLK_F_RO
						     : VIRTIO_BLK_F_DISCARD |
							       VIRTIO_BLK_F_WRITE_ZEROES),
			     &b->config, sizeof(b->config));
}

static void free_leaf(struct leaf *leaf)
{
	for (u32 i = 0; i < ENTRIES; i++)
		if (leaf->pages[i] && leaf->pages[i] != zero_page)
			page_free(leaf->pages[i]);
	page_free(leaf);
}

static void destroy(struct vdev *d)
{
	struct virtio_blk *b = d->state;

	for (u32 i = 0; b->leaves && i < b->leaf_count; i++)
		if (b->leaves[i])
			free_leaf(b->leaves[i]);
	if (b->leaves)
		pages_free(b->leaves, b->leaf_pages);
	if (b->spare)
		page_free(b->spare);
	if (b->freed)
		page_free(b->freed);
}

static void info(struct vdev *d, char *text, size_t size)
{
	struct virtio_blk *b = d->state;
	const size_t n = virtio_begin_info(&b->t, text, size);

	(void)snprintf(text + n, size - n, "%lu KiB, %lu KiB written, %lu requests, %lu failed",
		       b->size / KIB(1), b->pages * PAGE_SIZE / KIB(1), b->requests, b->failed);
}

const struct vdev_class virtio_blk_class = {
	.name = "virtio-blk",
	.virtio = VIRTIO_BLK,
	.size = sizeof(struct virtio_blk),
	.host_init = virtio_host_init,
	.create = create,
	.reset = virtio_reset,
	.destroy = destroy,
	.info = info,
};
