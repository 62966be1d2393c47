/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block device (VIRTIO 1.2, 5.2): virtio_blk.c has the requests. What is behind the disk is a
 * struct blk_backend: blk_image.c (an image of the bundle), blk_disk.c (a disk of the machine) with
 * blk_parts.c (its transfers of the guest's own memory).
 */
#ifndef VIRTIO_BLK_H
#define VIRTIO_BLK_H

#include <kernel/page.h>
#include <kernel/timeout.h>
#include <lib/bucket.h>
#include <vmm/disk.h>
#include <vmm/virtio.h>

#define BLK_QUEUE   0
#define BLK_SECTOR  512UL
#define BLK_ENTRIES 512U /* pages of a leaf: 2 MiB of the disk */

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
enum blk_step { STEP_HEADER, STEP_DATA, STEP_SKIP, STEP_STATUS, STEP_FINISH };

/* Written pages of 2 MiB. NULL: as the image. blk_zero_page: zeroes, without memory. */
struct blk_leaf {
	u8 *pages[BLK_ENTRIES];
};
_Static_assert(sizeof(struct blk_leaf) == PAGE_SIZE, "one page");

/* An image and what was written over it. */
struct blk_image {
	const u8 *data;
	u64 size; /* bytes; the disk's is whole sectors */
	struct blk_leaf **leaves;
	u32 leaf_count, leaf_pages;
	void *spare;  /* a page for a unit that needs one */
	bool no_page; /* a unit needs one */
	bool full;    /* there was none */
	void *freed;  /* a page that is not needed any more */
	u64 pages;
};

/* A range of a disk of the machine. Its transfers are the requests', as they need them. */
struct blk_disk {
	struct disk_range *range;
	bool listens; /* the end of a transfer wakes the VM */
	u64 owned;    /* transfers of requests, one bit each */
	u64 stale;    /* transfers in flight of requests that were forgotten */
	u64 parts;    /* transfers that have the guest's memory, or had it last */
	bool held;    /* none of these begins: memory is going away */
};

/* A part of a request that one transfer moves. */
struct blk_part {
	u32 transfer; /* its number */
	u32 have;     /* bytes in its buffer */
};

/* A request of the driver. `cursor` is that of the queue while the request is the current one. */
struct blk_request {
	struct virtio_request cursor;
	enum blk_step step;
	u8 status;
	u32 got; /* bytes of header or range */
	struct blk_header header;
	struct blk_range range;
	u64 at;       /* bytes: the next place on the disk, or in the id */
	u64 end;      /* of the range */
	u32 written;  /* bytes of buffers that were filled before ... */
	bool gap;     /* ... others were passed over */
	bool allowed; /* by the rate limits */
	/* on a disk of the machine */
	enum disk_op op; /* of its last transfer */
	u32 count, turn; /* parts under way; the first of them, the current one */
	struct blk_part parts[2];
	u32 pos; /* bytes of the current part that were collected, or copied to the driver */
	/* T_IN: what comes next is read ahead while the current part is copied. */
	bool there; /* the current part was read */
	bool all;   /* nothing follows the parts but the status */
	u64 next;   /* bytes: the next place on the disk to be read */
	/* What its buffers hold, as far as they were looked at; and how far that is. */
	u32 room;
	struct virtio_request ahead;
	/* The guest's own memory, described to the machine's disk (blk_parts.c). */
	bool odd;      /* its buffers are no whole blocks: the transfer's buffer is used */
	u32 described; /* parts, */
	u32 bytes;     /* ... in all, from where the cursor `ahead` is */
	u8 *last;      /* the last part */
	u32 last_bytes;
};

struct virtio_blk;

/*
 * The functions of a step return what it cost. They have the lock, and end in blk_skip() or
 * blk_to_status() when the status is known.
 */
enum { NOT_NOW, CHEAP, COSTLY, BEGUN }; /* BEGUN: the end of a transfer is all that it waits for */

struct blk_backend {
	/* Find it, and fill in size and config. 0, or an error and why. */
	int (*open)(struct virtio_blk *b, struct vdev *d);
	void (*close)(struct virtio_blk *b);  /* also if open() failed */
	int (*send)(struct virtio_blk *b);    /* T_IN, from `at` on */
	int (*receive)(struct virtio_blk *b); /* T_OUT */
	int (*flush)(struct virtio_blk *b);
	int (*clear)(struct virtio_blk *b);   /* from `at` to `end`, which is on the disk */
	void (*forget)(struct virtio_blk *b); /* the current request */
	/*
	 * The VM is reset, or ends: no vCPU is woken any more. Thread context, no lock. NULL:
	 * nothing is to do.
	 */
	void (*reset)(struct virtio_blk *b);
	/* As virtio_model.between. NULL: nothing. */
	void (*between)(struct virtio_blk *b);
	/* As virtio_model.let_go. NULL: no address is kept. */
	bool (*let_go)(struct virtio_blk *b);
	/* After a reset: true while the machine uses guest memory. NULL: it never does. */
	bool (*drains)(struct virtio_blk *b);
	void (*info)(struct virtio_blk *b, char *text, size_t size);
	u64 (*memory)(const struct virtio_blk *b); /* as vdev_class.memory */
};
extern const struct blk_backend blk_image_backend, blk_disk_backend;

struct virtio_blk {
	struct virtio t; /* first */
	struct blk_config config;
	const struct blk_backend *backend;
	u64 size; /* bytes, whole sectors */
	bool readonly, discard;
	char id[VIRTIO_SERIAL];
	/*
	 * Up to `most` requests are under way at a time, and may end in any order. What is done is
	 * done for the current one.
	 */
	u32 most, current;
	struct blk_request under_way[DISK_TRANSFERS];
	u64 requests, failed;
	/* rate limits */
	bool waits; /* for the timeout */
	struct bucket bytes, ops;
	struct timeout refill;
	union {
		struct blk_image image;
		struct blk_disk disk;
	};
};

/* The current request. */
static inline struct blk_request *blk_now(struct virtio_blk *b)
{
	return &b->under_way[b->current];
}

/* The cursor of request n. */
static inline struct virtio_request *blk_cursor(struct virtio_blk *b, u32 n)
{
	return n == b->current ? &b->t.s.queues[BLK_QUEUE].request : &b->under_way[n].cursor;
}

/* The status is known; what is left of the buffers is passed over. */
int blk_skip(struct virtio_blk *b, u8 status);
/* The same, if only the last byte is left. */
int blk_to_status(struct virtio_blk *b, u8 status);
/*
 * The next writable piece, without the last byte of all, which is for the status. *len 0: only that
 * one is left. NULL: none is left, or not now.
 */
void *blk_answer(struct virtio_blk *b, u32 *len);
static inline bool blk_fits(const struct virtio_blk *b, u64 at, u64 len)
{
	return at <= b->size && len <= b->size - at;
}

/* ---- blk_disk.c and blk_parts.c ---- */

/* NO_ROOM: the request has no transfer yet. DONE and FAILED: it is told once. */
enum blk_transfer { NO_ROOM, NONE, IN_FLIGHT, DONE, FAILED };

/* What has become of the current part's transfer; the request gets one if it has none. */
enum blk_transfer blk_look(struct virtio_blk *b);
/* That of the current part of the current request, which has one. */
struct disk_transfer *blk_transfer_of(struct virtio_blk *b);
/* It is over. */
void blk_drop_part(struct virtio_blk *b);
/* Its end wakes the VM. Before each transfer begins. */
void blk_listen(struct virtio_blk *b);
/* True if these bytes are whole blocks of the device. */
static inline bool blk_is_whole(const struct virtio_blk *b, u64 at, u64 bytes)
{
	return !((at | bytes) & (b->config.blk_size - 1));
}

/*
 * A step of T_IN or T_OUT that moves the guest's own memory. *ended: all data was moved, and the
 * caller ends the request. Otherwise the step's cost.
 */
int blk_parts(struct virtio_blk *b, enum disk_op op, bool *ended);
/* True if the current request is one for blk_parts(). */
static inline bool blk_has_parts(struct virtio_blk *b)
{
	return b->disk.range->disk->most_parts && !blk_now(b)->odd;
}
/* True while the machine's disk uses guest memory. Any context. */
bool blk_parts_busy(const struct virtio_blk *b);
/* Members of the backend. */
bool blk_parts_let_go(struct virtio_blk *b);
bool blk_parts_drain(struct virtio_blk *b);

#endif
