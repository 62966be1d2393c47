/* SPDX-License-Identifier: Apache-2.0 */
/* Split virtqueues (VIRTIO 1.2, 2.7) over shared memory, from both sides. */
#include "rpmsg_internal.h"

#define DESC_SIZE  16u
#define DESC_NEXT  1u
#define DESC_WRITE 2u
#define DESC_INDIR 4u
#define USED_SIZE  8u

/* In both rings: flags, index, entries; the flag of either side says "no interrupt". */
#define FLAGS   0u
#define INDEX   2u
#define ENTRIES 4u
#define QUIET   UINT16_C(1)

/* Stores before are seen by the other side before those that follow; the same for loads. */
static void barrier(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void rpmsg_copy_out(void *to, volatile uint8_t *memory, uint32_t at, uint32_t length)
{
	uint8_t *out = to;
	uint32_t i;

	for (i = 0; i + 8 <= length; i += 8) {
		const uint64_t word = *(volatile uint64_t *)(volatile void *)(memory + at + i);

		__builtin_memcpy(out + i, &word, sizeof(word));
	}
	for (; i < length; i++)
		out[i] = memory[at + i];
}

void rpmsg_copy_in(volatile uint8_t *memory, uint32_t at, const void *from, uint32_t length)
{
	const uint8_t *in = from;
	uint64_t word;
	uint32_t i;

	for (i = 0; i + 8 <= length; i += 8) {
		__builtin_memcpy(&word, in + i, sizeof(word));
		*(volatile uint64_t *)(volatile void *)(memory + at + i) = word;
	}
	for (; i < length; i++)
		memory[at + i] = in[i];
}

void rpmsg_clear(volatile uint8_t *memory, uint32_t at, uint32_t length)
{
	for (uint32_t i = 0; i < length; i += 8)
		*(volatile uint64_t *)(volatile void *)(memory + at + i) = 0;
}

static uint32_t used_offset(uint32_t count, uint32_t align)
{
	const uint32_t end = DESC_SIZE * count + ENTRIES + 2 * count + 2;

	return (end + align - 1) & ~(align - 1);
}

uint32_t rpmsg_vring_size(uint32_t count, uint32_t align)
{
	return used_offset(count, align) + ENTRIES + USED_SIZE * count + 2;
}

void rpmsg_vring_place(struct rpmsg_vring *v, const struct rpmsg *r, uint32_t at, uint32_t count,
		       uint32_t align)
{
	*v = (struct rpmsg_vring){
		.memory = r->memory,
		.base = r->base,
		.desc = at,
		.avail = at + DESC_SIZE * count,
		.used = at + used_offset(count, align),
		.count = count,
	};
}

/* How many entries the other side's ring has that this side has not taken. */
static enum rpmsg_took waiting(const struct rpmsg_vring *v, uint32_t ring)
{
	const uint16_t ahead = (uint16_t)(rpmsg_read16(v->memory, ring + INDEX) - v->consumed);

	if (!ahead)
		return RPMSG_NONE;
	barrier(); /* the index, then the entries before it */
	return ahead > v->count ? RPMSG_BROKEN : RPMSG_TOOK;
}

static void publish(struct rpmsg_vring *v, uint32_t ring)
{
	barrier(); /* the entry, then the index */
	rpmsg_write16(v->memory, ring + INDEX, ++v->produced);
}

void rpmsg_vring_offer(struct rpmsg_vring *v, uint32_t id, uint32_t at, uint32_t length,
		       bool for_device_to_write)
{
	const uint32_t desc = v->desc + DESC_SIZE * id;
	const uint32_t entry = v->avail + ENTRIES + 2 * (v->produced & (v->count - 1));

	rpmsg_write32(v->memory, desc, v->base + at);
	rpmsg_write32(v->memory, desc + 4, 0);
	rpmsg_write32(v->memory, desc + 8, length);
	rpmsg_write32(v->memory, desc + 12, for_device_to_write ? DESC_WRITE : 0);
	rpmsg_write16(v->memory, entry, (uint16_t)id);
	publish(v, v->avail);
}

enum rpmsg_took rpmsg_vring_reclaim(struct rpmsg_vring *v, struct rpmsg_buffer *b)
{
	const uint32_t entry = v->used + ENTRIES + USED_SIZE * (v->consumed & (v->count - 1));
	const enum rpmsg_took took = waiting(v, v->used);

	if (took != RPMSG_TOOK)
		return took;
	b->id = rpmsg_read32(v->memory, entry);
	b->length = rpmsg_read32(v->memory, entry + 4);
	v->consumed++;
	return b->id < v->count ? RPMSG_TOOK : RPMSG_BROKEN;
}

bool rpmsg_vring_offers(const struct rpmsg_vring *v)
{
	return waiting(v, v->avail) != RPMSG_NONE;
}

enum rpmsg_took rpmsg_vring_take(struct rpmsg_vring *v, uint32_t size, struct rpmsg_buffer *b)
{
	const enum rpmsg_took took = waiting(v, v->avail);
	uint32_t desc, high;
	uint16_t flags;

	if (took != RPMSG_TOOK)
		return took;
	b->id = rpmsg_read16(v->memory, v->avail + ENTRIES + 2 * (v->consumed & (v->count - 1)));
	v->consumed++;
	if (b->id >= v->count)
		return RPMSG_BROKEN;
	desc = v->desc + DESC_SIZE * b->id;
	b->at = rpmsg_read32(v->memory, desc) - v->base;
	high = rpmsg_read32(v->memory, desc + 4);
	b->length = rpmsg_read32(v->memory, desc + 8);
	flags = rpmsg_read16(v->memory, desc + 12);
	if (high || b->at % 8 || b->length < RPMSG_HEADER_SIZE || b->length > size ||
	    b->at > size - b->length || flags & (DESC_NEXT | DESC_INDIR))
		return RPMSG_BAD;
	return RPMSG_TOOK;
}

void rpmsg_vring_give(struct rpmsg_vring *v, uint32_t id, uint32_t length)
{
	const uint32_t entry = v->used + ENTRIES + USED_SIZE * (v->produced & (v->count - 1));

	rpmsg_write32(v->memory, entry, id);
	rpmsg_write32(v->memory, entry + 4, length);
	publish(v, v->used);
}

bool rpmsg_vring_must_notify(const struct rpmsg_vring *v, bool driver)
{
	barrier(); /* the index, then the other side's wish: it does the reverse */
	return !(rpmsg_read16(v->memory, (driver ? v->used : v->avail) + FLAGS) & QUIET);
}

void rpmsg_vring_want(const struct rpmsg_vring *v, bool driver, bool wanted)
{
	rpmsg_write16(v->memory, (driver ? v->avail : v->used) + FLAGS,
		      wanted ? 0 : (uint16_t)QUIET);
	barrier();
}
