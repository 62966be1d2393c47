/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver of the machine's network cards against a card that lies: it returns buffers that it
 * does not have, with lengths that cannot be, and changes them whenever the driver looks. Whatever
 * it does, a frame for it ends in a section of bounded length, the card's thread sleeps once the
 * card is silent, and a frame from it is whole and within its buffer. The driver's sources are part
 * of this file.
 */
#include "fuzz.h"

#include <arch/mmu.h>
#include <asm/host.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <kernel/spinlock.h>
#include <kernel/thread.h>
#include <setjmp.h>
#include <string.h>

#define DRIVERS_MMIO_H /* takes the place of drivers/mmio.h */
static u32 mmio_read32(const volatile void *base, u32 offset);
static void mmio_write32(volatile void *base, u32 offset, u32 value);

/* A used ring is looked at: the card may have gone on. */
static void card_moves(void);
#define __atomic_load_n(p, order) (card_moves(), *(volatile __typeof__(*(p)) *)(p))

#include "../../drivers/virtio_mmio.c"
#include "../../drivers/nic_virtio.c"

#define LOOKS_MAX 500 /* of a frame for the card; before it is silent, of its thread */
#define LOOKS_OF  8   /* of the thread, for a buffer that came back */

static struct fuzz_input input;
static struct nic *nic;
static u8 *memory[4];            /* the card's state, its buffers, its queues */
static u32 blocks, looks, given; /* given: buffers that came back */
static bool tireless;            /* the card returns buffers for ever */
static bool asleep;
static jmp_buf parked;

/* ---- in place of the house ---- */

u32 host_cpu;
bool host_irqs_open[HOST_CPUS];
void (*host_deliver)(void);
const struct sched_params sched_plain;

void host_relax(void)
{
	fuzz_assert(!"a lock is not free");
}

void *pages_alloc(u32 pages)
{
	if (blocks == ARRAY_SIZE(memory) || fuzz_once_in(&input, 64))
		return NULL;
	memory[blocks] = aligned_alloc(PAGE_SIZE, pages * PAGE_SIZE);
	fuzz_assert(memory[blocks]);
	return memset(memory[blocks++], 0, pages * PAGE_SIZE);
}

void *kzalloc(size_t size)
{
	fuzz_assert(size <= PAGE_SIZE);
	return pages_alloc(1);
}

paddr_t virt_to_phys(const void *va)
{
	return PADDR((u64)va);
}

void klog(enum log_level level, const char *fmt, ...)
{
	(void)level, (void)fmt;
}

int thread_create(struct thread *t, const char *name, void (*fn)(void *), void *arg, u8 prio,
		  u64 affinity)
{
	(void)t, (void)name, (void)prio, (void)affinity;
	fuzz_assert(fn == nic_main);
	nic = arg;
	return fuzz_once_in(&input, 32) ? -ENOMEM : 0;
}

void thread_set_params(struct thread *t, const struct sched_params *p)
{
	(void)t, (void)p;
}

void thread_start(struct thread *t)
{
	(void)t;
}

void thread_unpark(struct thread *t)
{
	(void)t;
	asleep = false;
}

void thread_park(void)
{
	asleep = true;
	longjmp(parked, 1);
}

int net_join(struct net_port *port, const char *network, u64 mac, u32 room)
{
	(void)mac;
	fuzz_assert(!strcmp(network, "uplink") && room);
	if (fuzz_once_in(&input, 32))
		return -EEXIST;
	port->net = (struct net *)(void *)port;
	return 0;
}

void net_leave(struct net_port *port)
{
	fuzz_assert(port->net);
	port->net = NULL;
}

const char *net_name(const struct net *net)
{
	(void)net;
	return "uplink";
}

u64 net_mac(const u8 *bytes)
{
	return bytes[0];
}

u64 net_mac_of_name(const char *vm, const char *device)
{
	return (u64)strlen(vm) + strlen(device);
}

bool net_frame_add(struct net_frame *f, const void *at, u32 len)
{
	fuzz_assert(f->count < NET_PIECES);
	f->pieces[f->count++] = (struct net_piece){ at, len };
	f->len += len;
	return true;
}

void net_frame_copy(const struct net_frame *f, void *to)
{
	memset(to, 0x55, f->len);
}

/* Its bytes are read as the switch would: they are all in one buffer for receiving. */
void net_send(struct net_port *from, struct net_frame *f)
{
	const u8 *first = nic->buffers[0], *last = nic->buffers[BUFFERS - 1] + BYTES;
	u32 len = 0;

	fuzz_assert(from == &nic->port && f->len >= NET_HEAD && f->len <= NET_FRAME_MAX);
	for (u32 i = 0; i < f->count; i++) {
		const struct net_piece *p = &f->pieces[i];

		fuzz_assert(p->at == f->head || (p->at >= first && p->at + p->len <= last));
		len += p->len;
	}
	fuzz_assert(len == f->len);
}

/* ---- the card ---- */

static void return_buffer(const struct virtq *q)
{
	static const u32 lengths[] = { 0, 1, 12, 26, 60, 1514, 1530, 1531, 2048, 2049, ~0U };
	struct virtq_used *used = (void *)(uintptr_t)q->used;
	const u16 at = used->idx & (u16)(q->size - 1);
	u32 n;

	used->ring[at].id = fuzz_once_in(&input, 8) ? (u32)fuzz_u64(&input)
						    : fuzz_byte(&input) % 32;
	used->ring[at].len = fuzz_word(&input, lengths);
	n = fuzz_once_in(&input, 32) ? fuzz_below(&input, 300) : 1;
	used->idx += (u16)n;
	given += n;
}

static void card_moves(void)
{
	const struct virtq *q = nic && fuzz_byte(&input) & 1 ? &nic->tx : nic ? &nic->rx : NULL;

	fuzz_assert(++looks < 2 * LOOKS_MAX + LOOKS_OF * given);
	if (!q || !q->used)
		return;
	if (tireless)
		((struct virtq_used *)(uintptr_t)q->used)->idx++;
	else if (looks < LOOKS_MAX && fuzz_byte(&input) % 4)
		return_buffer(q);
}

static u32 mmio_read32(const volatile void *base, u32 offset)
{
	(void)base;
	if (fuzz_once_in(&input, 64))
		return (u32)fuzz_u64(&input);
	switch (offset) {
	case DEVICE_FEATURES:
		return fuzz_once_in(&input, 4) ? 1 : 1 | F_MAC | F_ANY_LAYOUT;
	case QUEUE_NUM_MAX:
		return 1U << fuzz_below(&input, 11);
	case STATUS:
		return STATUS_FEATURES_OK;
	default:
		return 0;
	}
}

static void mmio_write32(volatile void *base, u32 offset, u32 value)
{
	(void)base, (void)value;
	if (offset == QUEUE_NOTIFY)
		card_moves();
}

/* ---- its life ---- */

/* A frame of a VM. What the card takes is a buffer that it does not have. */
static void send_out(void)
{
	static const u32 lengths[] = { NET_HEAD, 60, NET_FRAME_MAX };
	const struct net_frame f = { .len = fuzz_word(&input, lengths),
				     .has_sum = fuzz_once_in(&input, 8) };
	const u64 counted = nic->port.in.frames + nic->port.in.dropped;
	unsigned long irq = arch_irq_save();

	looks = 0;
	nic->port.receive(&nic->port, &f, 0);
	arch_irq_restore(irq);
	fuzz_assert(nic->port.in.frames + nic->port.in.dropped == counted + 1);
	fuzz_assert(looks < LOOKS_MAX);
}

/* The thread, until it sleeps. It may only go on for as long as the card does. */
static void run_thread(void)
{
	looks = 0;
	given = (u16)(nic->rx.used->idx - nic->rx.last_used);
	if (!setjmp(parked))
		nic_main(nic);
	host_irqs_open[0] = true;
	fuzz_assert(asleep && !nic->lock.locked);
}

static void live(u32 steps)
{
	while (steps-- && (input.left || tireless)) {
		const u8 step = fuzz_byte(&input) % 4;

		if (step < 2) {
			send_out();
		} else if (step == 2) {
			interrupt(0, nic);
			fuzz_assert(!asleep);
		} else if (!tireless) {
			run_thread();
		}
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct virtio_dev dev = { .device_id = VIRTIO_ID_NET };
	void *arg = NULL;

	input = (struct fuzz_input){ .at = data, .left = size };
	dev.version = 2 - fuzz_once_in(&input, 4);
	blocks = looks = given = count = 0;
	nic = NULL;
	tireless = asleep = false;
	host_irqs_open[0] = true;
	if (!nic_virtio_driver.start(&dev, &arg)) {
		fuzz_assert(arg == nic && !sums(&nic->port));
		live(100);
		tireless = true;
		live(20);
	}
	while (blocks)
		free(memory[--blocks]);
	return 0;
}
