/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A writable bank of flash: two 16-bit chips side by side with the Intel command set, as the banks
 * of `virt`. vnor.c has the commands, vnor_pages.c the contents, vnor_disk.c keeps them on a disk
 * of the machine, if a VM has one for that.
 */
#ifndef VNOR_H
#define VNOR_H

#include <arch/guest.h>
#include <kernel/spinlock.h>
#include <kernel/sync.h>
#include <vmm/bus.h>

struct disk_range;
struct vdev;
struct vm;

#define VNOR_SIZE   MIB(64)
#define VNOR_BLOCK  KIB(256) /* what an erase clears, of both chips */
#define VNOR_PIECE  KIB(32)  /* of it, in a section */
#define VNOR_BUFFER KIB(1)   /* what one buffered write can program, of both chips */

#define VNOR_KEPT MIB(4) /* at most so much is kept on a disk */

#define VNOR_LEAF_PAGES 512U /* pages of a leaf: 2 MiB */
#define VNOR_LEAVES     (VNOR_SIZE / MIB(2))

/* Pages that were programmed. NULL: erased. */
struct vnor_leaf {
	u8 *pages[VNOR_LEAF_PAGES];
};

/* What a read answers. */
enum vnor_mode { VNOR_ARRAY, VNOR_STATUS, VNOR_ID, VNOR_QUERY };

/* What the next write is. */
enum vnor_cycle {
	VNOR_COMMAND,
	VNOR_PROGRAM, /* the data */
	VNOR_ERASE,   /* the confirmation */
	VNOR_LOCK,    /* which of the lock commands */
	VNOR_COUNT,   /* of a buffered write: how many words, less one ... */
	VNOR_DATA,    /* ... the words ... */
	VNOR_CONFIRM, /* ... the confirmation */
};

struct vnor {
	struct spinlock lock;
	struct vm *vm;
	enum vnor_mode mode;
	enum vnor_cycle cycle;
	u8 status;
	/* a buffered write */
	u8 buffer[VNOR_BUFFER] __aligned(8); /* all ones where nothing was written */
	u32 words_left;                      /* that will be written */
	u64 at;                              /* where the buffer goes */
	bool first;                          /* none was written yet */
	bool astray;                         /* one was not for that place */
	/* contents */
	struct vnor_leaf *leaves[VNOR_LEAVES];
	u64 *window;                  /* the first 2 MiB, which a guest reads directly ... */
	bool shown;                   /* ... now; then mode is VNOR_ARRAY, and cycle VNOR_COMMAND */
	struct vnor_leaf *spare_leaf; /* for a write that needs them: a page of zeroes ... */
	u8 *spare_page;               /* ... and one of ones */
	void *freed;                  /* pages; the first word of each leads to the next */
	u64 pages;                    /* that were programmed */
	/* the disk; NULL: there is none */
	struct disk_range *range;
	u64 kept;        /* bytes; behind it nothing can be programmed */
	struct sem over; /* a transfer is */
	/* What an operation changes, until it is done, and on the disk. The status is "busy". */
	bool busy;
	bool erases; /* the block has to be erased */
	u64 changed, changed_size;
};

/* ---- vnor.c ---- */

/*
 * Make the bank at GUEST_FLASH1_BASE of the device's VM. A negative errno: see vdev.why.
 * vnor_destroy() follows in either case.
 */
int __must_check vnor_create(struct vnor *n, struct vdev *d);
/* As at power-on: the contents stay. It is hidden. */
void vnor_reset(struct vnor *n);
void vnor_destroy(struct vnor *n);

/* ---- vnor_pages.c; except for open and close, the lock is held ---- */

int __must_check vnor_pages_open(struct vnor *n);
void vnor_pages_close(struct vnor *n);
/* Bytes that they have, with their tables. */
u64 vnor_pages_memory(const struct vnor *n);
/*
 * Before a write takes the lock: have pages for it. Behind it: give erased pages back. On a vCPU's
 * thread, interrupts masked; they are let in.
 */
void vnor_refill(struct vnor *n);
void vnor_give_back(struct vnor *n);

/* Before the VM runs: a page is not erased, but has these contents. 0 or -ENOMEM. */
int __must_check vnor_fill(struct vnor *n, u64 offset, const u8 *data);
/* Copy a page. Nothing changes it meanwhile. */
void vnor_copy(const struct vnor *n, u64 offset, u8 *to);

/* The guest reads the window directly, from now on; or not. */
void vnor_show(struct vnor *n);
void vnor_hide(struct vnor *n);

u8 vnor_byte(const struct vnor *n, u64 offset);
/*
 * Clear the bits that are clear in the data: up to 8 bytes within 8; or the buffer, at its multiple
 * of VNOR_BUFFER. It is hidden. False: there is no memory.
 */
bool __must_check vnor_program(struct vnor *n, u64 offset, u64 data, u32 size);
bool __must_check vnor_program_buffer(struct vnor *n);
/* Set all bits of a piece of a block, of VNOR_PIECE bytes. It is hidden. */
void vnor_erase(struct vnor *n, u64 offset);

/* ---- vnor_disk.c: thread context, no lock held ---- */

/* Open the disk that the VM's description names, and fill the bank from it. */
int __must_check vnor_disk_open(struct vnor *n, struct vdev *d);
void vnor_disk_close(struct vnor *n);
/*
 * Write what was changed to the disk, and wait until it is there. On a vCPU's thread, interrupts
 * masked; they are let in. False: the disk failed.
 */
bool __must_check vnor_save(struct vnor *n);

#endif
