/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio devices for guests (VIRTIO 1.2): one transport over MMIO (4.2, version 2), one split ring
 * (2.7), a file for each device.
 *
 * The rings belong to the guest, which may write anything into them at any time. So nothing in them
 * is trusted, each descriptor is copied once, and every address is checked before it is used. A
 * malformed ring makes the device DEVICE_NEEDS_RESET; `zvm info` says what was wrong.
 *
 * A device works on the thread of the vCPU that notified it, on its way back into the guest: at the
 * vCPU's priority, in its budget and its windows. The work is cut into units. A unit holds the
 * device's lock and is short; between units nothing is held, interrupts are taken, and the thread
 * may be preempted. So any vCPU may continue what another one began, and a reset is complete at
 * once, with requests in flight too. Exception: while a disk of the machine uses the guest's
 * memory, or another vCPU sends some of it, the vCPU that resets the device waits (`draining`).
 */
#ifndef VMM_VIRTIO_H
#define VMM_VIRTIO_H

#include <kernel/spinlock.h>
#include <vmm/desc.h>
#include <vmm/dev.h>

#define VIRTIO_QUEUE_MAX 256 /* descriptors of a queue */
#define VIRTIO_QUEUES    10  /* of a device, at most */

/* 6: reserved feature bits */
#define VIRTIO_F_INDIRECT_DESC BIT(28)
#define VIRTIO_F_EVENT_IDX     BIT(29)
#define VIRTIO_F_VERSION_1     BIT(32)

/* 2.1: bits of Status */
#define VIRTIO_STATUS_DRIVER_OK   BIT(2)
#define VIRTIO_STATUS_FEATURES_OK BIT(3)
#define VIRTIO_STATUS_NEEDS_RESET BIT(6)

/* What a guest did wrong. */
enum virtio_fault {
	VIRTIO_FAULT_NONE,
	VIRTIO_FAULT_SIZE,     /* of the queue */
	VIRTIO_FAULT_RING,     /* its place */
	VIRTIO_FAULT_INDEX,    /* of the available ring */
	VIRTIO_FAULT_HEAD,     /* number of a descriptor */
	VIRTIO_FAULT_LOOP,     /* a chain is longer than the queue */
	VIRTIO_FAULT_ADDRESS,  /* of a buffer */
	VIRTIO_FAULT_EMPTY,    /* a buffer of no bytes */
	VIRTIO_FAULT_ORDER,    /* readable behind writable */
	VIRTIO_FAULT_INDIRECT, /* an indirect table where none may be, or of a wrong size */
	VIRTIO_FAULT_REQUEST,  /* the device cannot even say that the request is wrong */
	VIRTIO_FAULT_FEATURES, /* not offered, or no VERSION_1; FEATURES_OK stays 0 */
	VIRTIO_FAULT_GIVEN,    /* memory that the guest gave back, and that does not come again */
	VIRTIO_FAULTS
};

/* A request that the device has taken from the available ring: a cursor over its buffers. */
struct virtio_request {
	bool taken;
	u16 head;
	bool follows;  /* another descriptor, number `next` of the table */
	bool writable; /* the current buffer, and so all that follow */
	bool indirect; /* the table is an indirect one */
	u16 next;
	u32 table_len; /* descriptors in the table */
	u32 left;      /* how many more a chain may have */
	u64 table;
	u64 addr; /* the rest of the current buffer, which is in RAM */
	u32 len;
	u32 written; /* bytes, for the used ring */
};

struct virtio_queue {
	u64 desc, driver, device; /* IPAs: descriptor table, available ring, used ring */
	u32 num;
	bool ready;
	u16 avail, used; /* the next entry of either ring */
	struct virtio_request request;
};

struct virtio_state {
	u32 status, isr;
	u32 device_sel, driver_sel, queue_sel;
	u64 driver_features;
	bool irq_level; /* last value passed to the VGIC */
	enum virtio_fault fault;
	u32 fault_queue;
	u64 fault_value;
	struct virtio_queue queues[VIRTIO_QUEUES];
};

struct vcpu;
struct virtio;

/* What the transport has to know of a kind of device. */
struct virtio_model {
	u32 id; /* 5: device type */
	u32 queues;
	/*
	 * Do one unit of the work of the queues, at most some 2000 instructions. False: there is
	 * nothing to do, or nothing can be done before between(). Lock held.
	 */
	bool (*unit)(struct virtio *t);
	/*
	 * What takes long or may not be done under a lock, after each unit that returned true. On a
	 * vCPU's thread, preemptible. NULL: nothing.
	 */
	void (*between)(struct virtio *t, struct vcpu *v);
	/* Forget all requests. Lock held. NULL: there is nothing to forget. */
	void (*reset)(struct virtio *t);
	/*
	 * Some guest memory is going away: keep no address of any. True: a vCPU uses some, without
	 * the lock; ask again. Lock held. NULL: addresses are never kept over the lock.
	 */
	bool (*let_go)(struct virtio *t);
	/* After a reset that set `draining`: true while that is so. Lock held. */
	bool (*drains)(struct virtio *t);
};

/* The transport's part of a device; the first member of its state. */
struct virtio {
	struct virtio_state s; /* under the lock */
	struct spinlock lock;
	const struct virtio_model *model;
	struct vm *vm;
	u32 intid;
	u64 features; /* offered */
	const u8 *config;
	u32 config_size;
	u32 generation; /* of the configuration (2.5.4); under the lock */
	bool asked;     /* a vCPU is to look for work (atomic) */
	/*
	 * After a reset of the device: the machine, or another vCPU without the lock, still uses
	 * memory of its requests. Set by model->reset(); until model->drains() says that it is
	 * over no unit is done. Under the lock.
	 */
	bool draining;
	u64 missing; /* an IPA whose memory is not there yet; 0: none. Under the lock */
};

/* ---- for the devices ---- */

/*
 * Put the device on the bus at its slot. features: its own, without those of the ring. config: its
 * configuration space, of up to 256 bytes, which stays valid. 0, or the error of mmio_add().
 */
int __must_check virtio_create(struct vdev *d, const struct virtio_model *model, u64 features,
			       const void *config, u32 config_size);
/* Members of struct vdev_class. */
int virtio_host_init(void);
void virtio_reset(struct vdev *d);
/* Describe the driver: "no driver", or what the guest did wrong. False: all is well. */
bool virtio_problem(struct virtio *t, char *text, size_t size);
/* The same as the beginning of a line: with a comma behind it. Its length; 0: all is well. */
size_t virtio_begin_info(struct virtio *t, char *text, size_t size);

/* Something came from outside: let a vCPU look for work. Any context, no lock held. */
void virtio_wake(struct virtio *t);
/* The configuration has changed: tell the driver. Lock held. */
void virtio_config_changed(struct virtio *t);
/*
 * Wait until no device of the VM has an address in memory that vm_ram_ptr() does not find any more.
 * On a vCPU's thread, preemptible, no lock held.
 */
void virtio_let_go(struct vm *vm);
/*
 * True if a device is still at work on vm's memory: a disk has not answered. It begins nothing more
 * until its reset. No vCPU runs the guest. Lifecycle lock held.
 */
bool virtio_uses_memory(struct vm *vm);

/* True if the driver is there and the ring was well-formed so far. Lock held. */
static inline bool virtio_is_live(const struct virtio *t)
{
	const u32 want = VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK;

	return (t->s.status & (want | VIRTIO_STATUS_NEEDS_RESET)) == want;
}
/*
 * True if this unit may go on: all memory that it asked for is there, and the ring is not broken.
 * So a buffer that was not found does not exist. Lock held.
 */
static inline bool virtio_can_go_on(const struct virtio *t)
{
	return !t->missing && virtio_is_live(t);
}

/*
 * The ring. Lock held. Each of these may fail because the guest's ring is malformed: the device is
 * then in DEVICE_NEEDS_RESET. Or because guest memory is not there yet (t->missing): the caller
 * changes nothing and ends its unit, and another unit follows when the memory is there.
 *
 * virtio_take(): true if a request of the queue is under way; takes the next one if there is none.
 */
bool virtio_take(struct virtio *t, u32 queue);
/*
 * The next piece of the request's buffers, of up to *len bytes: a host address, valid while the
 * lock is held. NULL: no more buffers of that kind. virtio_advance() passes over it. `last` (may be
 * NULL): nothing follows the rest of this buffer.
 */
void *virtio_piece(struct virtio *t, u32 queue, bool writable, u32 *len, bool *last);
static inline void virtio_advance(struct virtio *t, u32 queue, u32 len)
{
	struct virtio_request *r = &t->s.queues[queue].request;

	r->addr += len;
	r->len -= len;
	if (r->writable)
		r->written += len;
}
/* Copy up to len bytes from its readable or to its writable buffers, at most 4 of them. */
u32 virtio_read(struct virtio *t, u32 queue, void *to, u32 len);
u32 virtio_write(struct virtio *t, u32 queue, const void *from, u32 len);
/* Give it back to the driver, and interrupt if the driver wants that. False: see above. */
bool virtio_finish(struct virtio *t, u32 queue);
/*
 * The same in two steps, for an answer of several requests: keep the request's entry as number
 * `held` behind those that the driver knows; then give `count` of them back at once. Or take them
 * back: `avail` is the queue's `avail` before the first of them.
 */
bool virtio_hold(struct virtio *t, u32 queue, u32 held);
bool virtio_publish(struct virtio *t, u32 queue, u32 count);
void virtio_untake(struct virtio *t, u32 queue, u16 avail);
/* The guest cannot be answered: DEVICE_NEEDS_RESET. */
void virtio_break(struct virtio *t, u32 queue, enum virtio_fault fault, u64 value);

/* ---- for virtio_ring.c and the devices ---- */

/* Raise the interrupt for a used buffer. Lock held. */
void virtio_interrupt(struct virtio *t);
/* True if the queue can be used as the driver described it; else break the device. Lock held. */
bool virtio_queue_ok(struct virtio *t, u32 queue);

/* ---- for life/ ---- */

/* Let vCPUs do the devices' work. Once, at boot. */
void virtio_init(void);

extern const struct vdev_class virtio_rng_class, virtio_blk_class, virtio_con_class,
	virtio_net_class, virtio_vsock_class, virtio_balloon_class, virtio_rpmsg_class;

#endif
