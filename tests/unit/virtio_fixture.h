/* SPDX-License-Identifier: Apache-2.0 */
/* A virtio device of a VM, and its driver: what a guest does with registers and rings. */
#ifndef VIRTIO_FIXTURE_H
#define VIRTIO_FIXTURE_H

#include <unit.h>

#include <vmm/core.h>
#include <vmm/virtio.h>

/* 4.2.2 */
#define DEVICE_FEATURES     0x010
#define DEVICE_FEATURES_SEL 0x014
#define DRIVER_FEATURES     0x020
#define DRIVER_FEATURES_SEL 0x024
#define QUEUE_SEL           0x030
#define QUEUE_NUM_MAX       0x034
#define QUEUE_NUM           0x038
#define QUEUE_READY         0x044
#define QUEUE_NOTIFY        0x050
#define INTERRUPT_STATUS    0x060
#define INTERRUPT_ACK       0x064
#define STATUS              0x070
#define QUEUE_DESC          0x080
#define QUEUE_DRIVER        0x090
#define QUEUE_DEVICE        0x0a0
#define CONFIG              0x100

#define DRIVER_OK   0xf /* with everything before it */
#define NEEDS_RESET 0x40

#define NEXT     1
#define WRITE    2
#define INDIRECT 4

#define RAM        0x40000000ULL
#define RAM_SIZE   MIB(4)
#define DESC_AT    (RAM + 0x0000)
#define AVAIL_AT   (RAM + 0x2000)
#define USED_AT    (RAM + 0x3000)
#define DATA_AT    (RAM + 0x10000) /* free for tests */
#define RING_SIZE  8
#define FIRST_SLOT 5

struct ring_desc {
	u64 addr;
	u32 len;
	u16 flags, next;
};

extern struct vm virtio_vm;
extern struct vcpu virtio_vcpu;
extern struct vdev virtio_dev;
extern bool virtio_line;  /* the interrupt */
extern u32 virtio_kicks;  /* of the vCPU, from outside */
extern u32 virtio_absent; /* the so manyth call of vm_ram_ptr() from now finds no memory; 0: none */
extern u32 virtio_brought; /* memory that was asked for then */
extern bool virtio_lost;   /* ... and does not come */
extern struct timeout *virtio_timeout;
extern bool virtio_timer_armed;
extern bool virtio_has_entropy;
extern void (*virtio_between)(void); /* called whenever interrupts are let in */
extern void (*virtio_asleep)(void);  /* called while a thread sleeps; stays over virtio_new() */

/* A new VM with one device of the class at FIRST_SLOT, as its description has it. */
void virtio_new(const struct vdev_class *class, const struct desc_virtio *node);
u64 virtio_load(u32 offset, u32 size);
void virtio_store(u32 offset, u32 size, u64 value);
static inline u32 get(u32 offset)
{
	return (u32)virtio_load(offset, 4);
}
static inline void put(u32 offset, u32 value)
{
	virtio_store(offset, 4, value);
}

/* Guest RAM at an address. */
void *guest(u64 ipa);
/* Reset, take these features (and VERSION_1), set up `queues` queues of RING_SIZE, DRIVER_OK. */
void virtio_start(u64 features, u32 queues);
/* Queue q's rings are apart by this much. */
#define QUEUE_STRIDE 0x4000ULL

/* Write descriptor n of queue 0. */
void set_desc(u32 n, u64 addr, u32 len, u16 flags, u16 next);
/* Make the chain that begins at `head` available, without a notify. */
void offer(u32 queue, u16 head);
/* Notify, and do the work. */
void notify(u32 queue);
/* Do the work that is due on the way back into the guest. */
void virtio_work(void);
void virtio_work_once(void);
u16 used_idx(u32 queue);
/* The last entry of the used ring: the head; *len. */
u32 used_last(u32 queue, u32 *len);
/* What `zvm info` says. */
const char *virtio_info(void);

#endif
