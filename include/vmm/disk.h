/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's disks: drivers offer them, VMs use them as a whole or by partition.
 *
 * The part of a disk that a VM uses is a range. Two ranges overlap only if both are for reading. A
 * range has one transfer or several, each with a buffer of its own. A VM may end with transfers of
 * these buffers in flight: its range then stays until they are over. A transfer may also move other
 * memory, described in parts. The caller keeps that memory until the transfer is over.
 */
#ifndef VMM_DISK_H
#define VMM_DISK_H

#include <lib/gpt.h>
#include <lib/list.h>
#include <lib/types.h>

#define DISK_SECTOR      512UL    /* the unit of all places and sizes here */
#define DISK_BUFFER      KIB(128) /* of a transfer: the largest one */
#define DISK_PARTS_BYTES MIB(2)   /* of a transfer of parts, at most */
#define DISK_TRANSFERS   4        /* of a range, at most */
#define DISK_SERIAL      20       /* bytes of a serial number */
#define DISK_NAME        64       /* bytes of what names a disk or partition, with its end */
#define DISK_OWNER       32

enum disk_op { DISK_READ, DISK_WRITE, DISK_FLUSH, DISK_DISCARD, DISK_ZEROES, DISK_ZEROES_UNMAP };

/* ---- for drivers ---- */

/* A transfer. The driver has it from submit() to disk_done(). */
struct disk_io {
	struct list node; /* the driver's */
	enum disk_op op;
	u64 sector; /* of the disk */
	u32 sectors;
	void *data;  /* READ, WRITE: contiguous in the machine's memory, unless there are parts */
	u32 parts;   /* READ, WRITE: of the data, described in the table */
	void *table; /* the driver's; one page. NULL: the transfer never has parts */
	bool failed;
};

struct disk {
	/*
	 * Start a transfer, or keep it until there is room. disk_done() follows in any case, and
	 * not before this call returns. -EIO: the device has failed for good, and nothing follows.
	 * Any context.
	 */
	int (*submit)(struct disk *d, struct disk_io *io);
	/*
	 * Describe part n < most_parts of the data of a READ or WRITE that is not in flight:
	 * `bytes` at `at`, contiguous in the machine's memory. The parts of a transfer are whole
	 * blocks together. Any context.
	 */
	void (*describe)(struct disk_io *io, u32 n, void *at, u32 bytes);
	u32 most_parts; /* 0: no transfer can have parts */
	u64 sectors;
	u32 block;                   /* bytes that the device reads and writes at least */
	bool readonly;               /* the device refuses to be written */
	bool flush;                  /* it can be told to make written data last */
	u32 max_discard, max_zeroes; /* sectors; 0: it cannot do that */
	char serial[DISK_SERIAL + 1];
	bool lost; /* it failed, and may still write to what it was given */
	/*
	 * A VM has, had or may have all of it to write to, so its labels may be that VM's: they
	 * name nothing. Lifecycle lock, or boot.
	 */
	bool handed_over;
	/* the room's */
	char name[8]; /* "vda" */
	struct disk *next;
	struct list ranges;
};

/* A disk is found; it stays for ever. Boot, thread context. */
void disk_register(struct disk *d);
/* The transfer is over. Interrupts masked; no lock held that submit() takes. */
void disk_done(struct disk_io *io, bool failed);

/* ---- for the users of ranges ---- */

struct disk_range;

/* One transfer after the other. */
struct disk_transfer {
	u8 *buffer; /* DISK_BUFFER bytes */
	/* the room's */
	struct disk_range *range;
	struct disk_io io;
	u32 state; /* enum disk_state (atomic) */
};

struct disk_range {
	struct disk *disk;
	u64 first, sectors;
	bool writable;
	char owner[DISK_OWNER];
	u32 count; /* of transfers */
	struct disk_transfer transfers[DISK_TRANSFERS];
	/* the room's */
	struct list node; /* of the disk's */
	bool closed;
	u32 telling; /* calls of done() that are under way */
	void (*done)(void *arg);
	void *arg;
};

enum disk_state { DISK_IDLE, DISK_BUSY, DISK_OVER };

/*
 * Open the disk or partition that a description names: "vda", "vda2", "serial:NAME", "label:NAME".
 * On failure `why` has a line that says what would work. owner: is named to others that ask for it.
 * 0, -ENOENT, -EBUSY (another one writes there, or would not be alone any more), -EPERM, -ENOMEM,
 * -EIO. Thread context, lifecycle lock held: it may read the partition table for some seconds.
 */
int __must_check disk_open(const char *name, bool writable, const char *owner,
			   struct disk_range **out, char *why, size_t size);
/* A VM may have that to write to: if it is a whole disk, that is handed over. Boot. */
void disk_hand_over(const char *name);
/*
 * Asked again and again while a partition table is read: true ends that, and the disk counts as one
 * that does not answer. NULL: nothing ends it. Set once.
 */
extern bool (*disk_call_off)(void);
/*
 * Give the range, which has one transfer, DISK_TRANSFERS of them. 0, or -ENOMEM: it has fewer.
 * Thread context, no transfer in flight.
 */
int __must_check disk_widen(struct disk_range *r);
/*
 * Call done(arg) after each transfer from now on, in interrupt context; NULL: nothing. On return
 * the function that was set before runs on no CPU. Any context, but no lock that it takes.
 */
void disk_set_done(struct disk_range *r, void (*done)(void *arg), void *arg);
/* Give the range back. Transfers in flight go on. Thread context, lifecycle lock held. */
void disk_close(struct disk_range *r);

/*
 * Begin a transfer between the range and the transfer's buffer. Its last one is over and was taken
 * note of. The place was checked by the caller. Transfers of a range that are in flight together
 * may be done in any order. -EIO: the disk has failed. One caller at a time; any context.
 */
int __must_check disk_start(struct disk_transfer *t, enum disk_op op, u64 sector, u32 sectors);
/*
 * The same between the range and memory of the caller's, DISK_READ or DISK_WRITE: first describe
 * each part of it, n from 0 to below the disk's most_parts. What is described again replaces what
 * was described before.
 */
void disk_describe(struct disk_transfer *t, enum disk_op op, u32 n, void *at, u32 bytes);
int __must_check disk_start_parts(struct disk_transfer *t, u64 sector, u32 sectors, u32 parts);
static inline enum disk_state disk_state(const struct disk_transfer *t)
{
	return (enum disk_state)__atomic_load_n(&t->state, __ATOMIC_ACQUIRE);
}
/* Take note that a transfer is over. True if it was done. */
bool disk_take(struct disk_transfer *t);

/* ---- for the operator ---- */

/* Disk `index` in the order of the machine. NULL: there are fewer. */
struct disk *disk_get(u32 index);
/*
 * Call fn for each partition. NULL, or why there are none. Thread context, lifecycle lock held.
 */
const char *disk_partitions(struct disk *d,
			    void (*fn)(void *arg, u32 number, const struct gpt_part *p), void *arg);
/*
 * The `index`th range in use that overlaps these sectors. NULL: there are fewer. Lifecycle lock
 * held.
 */
const struct disk_range *disk_user(struct disk *d, u64 first, u64 sectors, u32 index);

#endif
