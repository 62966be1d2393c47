/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio over MMIO from a driver's side: transports of version 1 (legacy, Virtio 0.9.5 appendix X)
 * and 2 (Virtio 1.2, section 4.2), and split virtqueues (2.7). A buffer is one descriptor or a
 * chain of consecutive ones. The driver chooses the number of the first.
 */
#ifndef DRIVERS_VIRTIO_H
#define DRIVERS_VIRTIO_H

#include <kernel/irq.h>
#include <lib/types.h>

#define VIRTIO_ID_NET     1
#define VIRTIO_ID_BLOCK   2
#define VIRTIO_ID_CONSOLE 3

#define VIRTIO_F_INDIRECT_DESC BIT(28)
#define VIRTIO_F_VERSION_1     BIT(32)

/* Layouts of section 2.7: 16-byte descriptors, rings of the queue's size. */
struct virtq_desc {
	u64 addr;
	u32 len;
	u16 flags;
	u16 next;
};

struct virtq_avail {
	u16 flags;
	u16 idx;
	u16 ring[];
};

struct virtq_used_elem {
	u32 id;
	u32 len;
};

struct virtq_used {
	u16 flags;
	u16 idx;
	struct virtq_used_elem ring[];
};

struct virtio_dev {
	volatile void *regs;
	u32 version;   /* 1 or 2 */
	u32 device_id; /* VIRTIO_ID_* */
	u64 features;  /* negotiated */
};

/* A queue. The owner's lock guards it. */
struct virtq {
	struct virtio_dev *dev;
	u16 index; /* the device's number of it */
	u16 size;  /* descriptors; a power of two */
	u16 last_used;
	u64 in_flight; /* buffers that the device has, a bit each: the first descriptor's */
	struct virtq_desc *desc;
	struct virtq_avail *avail;
	volatile struct virtq_used *used;
};

/* The driver of a kind of device. */
struct virtio_driver {
	u32 device_id;
	const char *name;
	/* Start a device, and remember a copy of *dev. *arg: for its interrupt. 0, or an error. */
	int (*start)(const struct virtio_dev *dev, void **arg);
	irq_handler_t interrupt;
};

/*
 * Start every virtio device of the devicetree that one of the drivers is for, in the order of the
 * tree. A device that does not start is reported. Boot, thread context, after interrupts.
 */
void virtio_probe(const struct virtio_driver *const *drivers, u32 count);

/* Look at the transport at regs. True if there is a device; *d is filled in. */
bool virtio_mmio_open(struct virtio_dev *d, volatile void *regs);

/*
 * Reset the device and agree on those features in `wanted` that it offers. VERSION_1 is added if
 * the transport has it. -EIO if the device does not accept. Boot.
 */
int __must_check virtio_start(struct virtio_dev *d, u64 wanted);
/*
 * Queue `index` with at most max_size descriptors. -ENOENT (device has none), -ENOMEM, -EIO. Boot.
 */
int __must_check virtio_queue_init(struct virtio_dev *d, struct virtq *q, u16 index, u16 max_size);
/* Tell the device that all queues are set up and that it may work. */
void virtio_driver_ok(struct virtio_dev *d);
/* Give up on the device. */
void virtio_fail(struct virtio_dev *d);
/*
 * Reset the device, which so gives up its buffers. False: it does not say that it did, and may
 * still write to them. Any context.
 */
bool __must_check virtio_stop(struct virtio_dev *d);

/* Read and acknowledge the interrupt's reasons. Interrupt context. */
u32 virtio_ack_interrupt(struct virtio_dev *d);
u32 virtio_config_read32(const struct virtio_dev *d, u32 offset);

/*
 * Offer the buffer [pa, pa + len) as descriptor `slot` < q->size. The slot must not be in flight.
 */
void virtq_submit(struct virtq *q, u16 slot, paddr_t pa, u32 len, bool device_writes);
/* A part of a buffer. */
struct virtq_part {
	paddr_t pa;
	u32 len;
	bool device_writes;
};
/*
 * Offer a buffer of several parts as the descriptors from `slot` on. They must all be below
 * q->size, and none in flight. What the device writes comes last.
 */
void virtq_submit_chain(struct virtq *q, u16 slot, const struct virtq_part *parts, u32 count);
/*
 * A buffer whose parts are in a table of their own (VIRTIO_F_INDIRECT_DESC, section 2.7.5.3), of
 * consecutive descriptors: write number n of it, and offer the first `count` as descriptor `slot`.
 */
void virtq_describe(struct virtq_desc *table, u32 n, const struct virtq_part *part, bool last);
void virtq_submit_table(struct virtq *q, u16 slot, const struct virtq_desc *table, u32 count);
/* Ask the device not to interrupt for this queue, or to do so again. Any context. */
void virtq_quiet(struct virtq *q, bool quiet);
/* Tell the device that buffers were submitted. */
void virtq_kick(struct virtq *q);
/* True if the device has returned a buffer that virtq_pop() has not. Any context, no lock. */
bool virtq_ready(const struct virtq *q);
/*
 * Take back a buffer: its slot, and how many bytes the device claims to have written. False if
 * there is none, or if the device returned a buffer that it does not have; that one is dropped. So
 * a loop of calls that submits nothing ends once all buffers are back, whatever the device does.
 */
bool virtq_pop(struct virtq *q, u16 *slot, u32 *len);

#endif
