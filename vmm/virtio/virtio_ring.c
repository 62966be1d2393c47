/* SPDX-License-Identifier: Apache-2.0 */
/* Split rings (VIRTIO 1.2, 2.7), as the device sees them. */
#include <lib/string.h>
#include <vmm/core.h>
#include <vmm/virtio.h>

/* 2.7.5: a descriptor */
#define DESC_NEXT     BIT(0)
#define DESC_WRITE    BIT(1)
#define DESC_INDIRECT BIT(2)

struct descriptor {
	u64 addr;
	u32 len;
	u16 flags, next;
};
_Static_assert(sizeof(struct descriptor) == 16, "2.7.5");

/* 2.7.6, 2.7.8: offsets in the rings; n is the queue's size */
#define AVAIL_FLAGS         0
#define AVAIL_IDX           2
#define AVAIL_RING(i)       (4 + 2UL * (i))
#define AVAIL_USED_EVENT(n) AVAIL_RING(n)
#define AVAIL_BYTES(n)      (AVAIL_RING(n) + 2)
#define AVAIL_NO_INTERRUPT  BIT(0)
#define USED_IDX            2
#define USED_ID(i)          (4 + 8UL * (i))
#define USED_AVAIL_EVENT(n) USED_ID(n)
#define USED_BYTES(n)       (USED_ID(n) + 2)

#define PIECES 4 /* buffers that one call copies from or to */

/*
 * Guest RAM at an address that was checked to be RAM. NULL: it is not there yet; the unit ends, and
 * it will be there in the next one. A naturally aligned word never crosses into another block.
 */
static void *at(struct virtio *t, u64 ipa)
{
	void *p = vm_ram_ptr(&t->vm->ram, ipa);

	if (unlikely(!p))
		t->missing = ipa;
	return p;
}

static bool get16(struct virtio *t, u64 ipa, u16 *value)
{
	const u16 *p = at(t, ipa);

	if (likely(p))
		*value = __atomic_load_n(p, __ATOMIC_ACQUIRE);
	return p;
}

static bool put16(struct virtio *t, u64 ipa, u16 value)
{
	u16 *p = at(t, ipa);

	if (likely(p))
		__atomic_store_n(p, value, __ATOMIC_RELEASE);
	return p;
}

/* True if all of it is RAM. Nearly all VMs have one bank, and most of the others use the first. */
static bool is_ram(const struct virtio *t, u64 ipa, u64 len)
{
	const struct ram_bank *first = &t->vm->ram.map.banks[0];
	const u64 at = ipa - first->base;

	if (likely(at < first->size && len <= first->size - at))
		return true;
	return ram_map_holds(&t->vm->ram.map, ipa, len);
}

static bool has(const struct virtio *t, u64 feature)
{
	return t->s.driver_features & feature;
}

/* ---- the queue as a whole ---- */

static bool ring_ok(struct virtio *t, u32 queue, u64 ipa, u64 bytes, u32 align)
{
	if (ipa % align == 0 && is_ram(t, ipa, bytes))
		return true;
	virtio_break(t, queue, VIRTIO_FAULT_RING, ipa);
	return false;
}

bool virtio_queue_ok(struct virtio *t, u32 queue)
{
	const struct virtio_queue *q = &t->s.queues[queue];

	if (!q->num || q->num > VIRTIO_QUEUE_MAX || (q->num & (q->num - 1))) {
		virtio_break(t, queue, VIRTIO_FAULT_SIZE, q->num);
		return false;
	}
	return ring_ok(t, queue, q->desc, q->num * sizeof(struct descriptor), 16) &&
	       ring_ok(t, queue, q->driver, AVAIL_BYTES(q->num), 2) &&
	       ring_ok(t, queue, q->device, USED_BYTES(q->num), 4);
}

/* ---- taking a request ---- */

/*
 * True if there is an entry. If there is none, the driver is asked to notify of the next one; it
 * may have come just before (2.7.10).
 */
static bool has_next(struct virtio *t, u32 queue)
{
	const struct virtio_queue *q = &t->s.queues[queue];
	u16 idx;

	if (!get16(t, q->driver + AVAIL_IDX, &idx))
		return false;
	if (idx == q->avail && has(t, VIRTIO_F_EVENT_IDX)) {
		if (!put16(t, q->device + USED_AVAIL_EVENT(q->num), q->avail))
			return false;
		/* Pairs with the driver's: it writes its index before it reads the event. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (!get16(t, q->driver + AVAIL_IDX, &idx))
			return false;
	}
	if (unlikely((u16)(idx - q->avail) > q->num)) {
		virtio_break(t, queue, VIRTIO_FAULT_INDEX, (u16)(idx - q->avail));
		return false;
	}
	return idx != q->avail;
}

bool virtio_take(struct virtio *t, u32 queue)
{
	struct virtio_queue *q = &t->s.queues[queue];
	u16 head;

	if (unlikely(!virtio_is_live(t) || !q->ready))
		return false;
	if (q->request.taken)
		return true;
	if (!has_next(t, queue) || !get16(t, q->driver + AVAIL_RING(q->avail % q->num), &head))
		return false;
	if (unlikely(head >= q->num)) {
		virtio_break(t, queue, VIRTIO_FAULT_HEAD, head);
		return false;
	}
	q->avail++;
	q->request = (struct virtio_request){
		.taken = true,
		.head = head,
		.follows = true,
		.next = head,
		.table = q->desc,
		.table_len = q->num,
		.left = q->num,
	};
	return true;
}

/* ---- its buffers ---- */

/* The descriptor leads to a table of its own. */
static bool enter_table(struct virtio *t, u32 queue, const struct descriptor *d)
{
	struct virtio_request *r = &t->s.queues[queue].request;
	const u32 count = d->len / sizeof(*d);

	if (!has(t, VIRTIO_F_INDIRECT_DESC) || r->indirect || (d->flags & DESC_NEXT) ||
	    d->len % sizeof(*d) || !count || count > VIRTIO_QUEUE_MAX) {
		virtio_break(t, queue, VIRTIO_FAULT_INDIRECT, d->len);
		return false;
	}
	if (d->addr % 8 || !is_ram(t, d->addr, d->len)) {
		virtio_break(t, queue, VIRTIO_FAULT_ADDRESS, d->addr);
		return false;
	}
	r->indirect = true;
	r->table = d->addr;
	r->table_len = count;
	r->left = count;
	r->next = 0;
	return true;
}

static bool enter_buffer(struct virtio *t, u32 queue, const struct descriptor *d)
{
	struct virtio_request *r = &t->s.queues[queue].request;
	const bool writable = d->flags & DESC_WRITE;

	if (unlikely(!d->len)) {
		virtio_break(t, queue, VIRTIO_FAULT_EMPTY, d->addr);
		return false;
	}
	if (unlikely(!is_ram(t, d->addr, d->len))) {
		virtio_break(t, queue, VIRTIO_FAULT_ADDRESS, d->addr);
		return false;
	}
	if (unlikely(r->writable && !writable)) {
		virtio_break(t, queue, VIRTIO_FAULT_ORDER, d->addr);
		return false;
	}
	r->addr = d->addr;
	r->len = d->len;
	r->writable = writable;
	r->follows = d->flags & DESC_NEXT;
	r->next = d->next;
	r->left--;
	return true;
}

/*
 * Copy descriptor `next`: the guest may change it meanwhile, so it is read once. In an indirect
 * table it is aligned to 8 only, so its second word may be in another block.
 */
static bool get_descriptor(struct virtio *t, u32 queue, struct descriptor *d)
{
	const struct virtio_request *r = &t->s.queues[queue].request;
	const u64 ipa = r->table + r->next * sizeof(*d);
	const u64 *first, *second;
	u64 word;

	if (unlikely(r->next >= r->table_len)) {
		virtio_break(t, queue, VIRTIO_FAULT_HEAD, r->next);
		return false;
	}
	if (unlikely(!r->left)) {
		virtio_break(t, queue, VIRTIO_FAULT_LOOP, r->table_len);
		return false;
	}
	first = at(t, ipa);
	if (unlikely(!first))
		return false;
	second = likely((ipa + 8) % BLOCK_SIZE) ? first + 1 : at(t, ipa + 8);
	if (unlikely(!second))
		return false;
	d->addr = __atomic_load_n(first, __ATOMIC_RELAXED);
	word = __atomic_load_n(second, __ATOMIC_RELAXED);
	d->len = (u32)word;
	d->flags = (u16)(word >> 32);
	d->next = (u16)(word >> 48);
	return true;
}

/* Make the next buffer the current one. False: there is none, or not now. */
static bool next_buffer(struct virtio *t, u32 queue)
{
	struct virtio_request *r = &t->s.queues[queue].request;
	struct descriptor d;

	if (!r->follows)
		return false;
	/* Twice at most: in a table, enter_table() fails. */
	while (get_descriptor(t, queue, &d)) {
		if (likely(!(d.flags & DESC_INDIRECT)))
			return enter_buffer(t, queue, &d);
		if (!enter_table(t, queue, &d))
			return false;
	}
	return false;
}

void *virtio_piece(struct virtio *t, u32 queue, bool writable, u32 *len, bool *last)
{
	struct virtio_request *r = &t->s.queues[queue].request;

	if (!virtio_is_live(t) || (!r->len && !next_buffer(t, queue)) || r->writable != writable)
		return NULL;
	if (last)
		*last = !r->follows;
	*len = MIN(MIN(*len, r->len), (u32)(BLOCK_SIZE - r->addr % BLOCK_SIZE));
	return at(t, r->addr);
}

u32 virtio_read(struct virtio *t, u32 queue, void *to, u32 len)
{
	u32 done = 0, n;

	for (u32 i = 0; i < PIECES && done < len; i++) {
		const void *from;

		n = len - done;
		from = virtio_piece(t, queue, false, &n, NULL);
		if (!from)
			break;
		memcpy((u8 *)to + done, from, n);
		virtio_advance(t, queue, n);
		done += n;
	}
	return done;
}

u32 virtio_write(struct virtio *t, u32 queue, const void *from, u32 len)
{
	u32 done = 0, n;

	for (u32 i = 0; i < PIECES && done < len; i++) {
		void *to;

		n = len - done;
		to = virtio_piece(t, queue, true, &n, NULL);
		if (!to)
			break;
		memcpy(to, (const u8 *)from + done, n);
		virtio_advance(t, queue, n);
		done += n;
	}
	return done;
}

/* ---- giving it back ---- */

/*
 * 2.7.7: does the driver want an interrupt for the last `count` entries before q->used? *wants: the
 * answer.
 */
static bool ask_driver(struct virtio *t, const struct virtio_queue *q, u32 count, bool *wants)
{
	const bool events = has(t, VIRTIO_F_EVENT_IDX);
	u16 word;

	if (!get16(t, q->driver + (events ? AVAIL_USED_EVENT(q->num) : AVAIL_FLAGS), &word))
		return false;
	*wants = events ? (u16)(q->used - 1 - word) < count : !(word & AVAIL_NO_INTERRUPT);
	return true;
}

bool virtio_hold(struct virtio *t, u32 queue, u32 held)
{
	struct virtio_queue *q = &t->s.queues[queue];
	const u64 ipa = q->device + USED_ID((q->used + held) % q->num);
	u32 *id = at(t, ipa), *len;

	if (unlikely(!id))
		return false;
	/* The ring is aligned to 4: an entry may lie in two blocks. */
	len = likely((ipa + 4) % BLOCK_SIZE) ? id + 1 : at(t, ipa + 4);
	if (unlikely(!len))
		return false;
	__atomic_store_n(id, q->request.head, __ATOMIC_RELAXED);
	__atomic_store_n(len, q->request.written, __ATOMIC_RELAXED);
	q->request.taken = false;
	return true;
}

bool virtio_publish(struct virtio *t, u32 queue, u32 count)
{
	struct virtio_queue *q = &t->s.queues[queue];
	bool wants = true;

	if (!put16(t, q->device + USED_IDX, (u16)(q->used + count)))
		return false;
	q->used = (u16)(q->used + count);
	/* The driver writes its wish before it reads the index; this is the other way round. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	(void)ask_driver(t, q, count, &wants); /* not there: an interrupt too many does no harm */
	if (wants)
		virtio_interrupt(t);
	return true;
}

void virtio_untake(struct virtio *t, u32 queue, u16 avail)
{
	struct virtio_queue *q = &t->s.queues[queue];

	q->avail = avail;
	q->request.taken = false;
}

bool virtio_finish(struct virtio *t, u32 queue)
{
	struct virtio_request *r = &t->s.queues[queue].request;

	if (!virtio_hold(t, queue, 0))
		return false;
	r->taken = !virtio_publish(t, queue, 1);
	return !r->taken;
}
