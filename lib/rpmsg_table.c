/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resource table in the first page of the memory: version 1, one entry for a virtio device with
 * two rings. Addresses in it, and in descriptors, are offsets in the memory.
 */
#include "rpmsg_internal.h"

/* The table, by words: version, entries, two reserved, offset of the entry. */
#define TABLE_VERSION 0x00u
#define TABLE_COUNT   0x04u
#define TABLE_OFFSET  0x10u
#define VERSION       1u
#define ENTRY         0x14u /* where the host puts its entry */
#define ENTRIES_MAX   16u

/* The entry. */
#define TYPE            0x00u
#define ID              0x04u
#define NOTIFY_ID       0x08u
#define DEVICE_FEATURES 0x0cu
#define GUEST_FEATURES  0x10u
#define CONFIG_LENGTH   0x14u
#define STATUS          0x18u /* status, number of rings, two reserved bytes */
#define RINGS           0x1cu
#define RING_SIZE       0x14u /* of each: address, alignment, entries, notify ID, reserved */
#define RING_ADDRESS    0x00u
#define RING_ALIGN      0x04u
#define RING_COUNT      0x08u
#define RING_NOTIFY_ID  0x0cu
#define ENTRY_SIZE      (RINGS + 2 * RING_SIZE)

#define TYPE_VDEV  3u
#define VIRTIO_ID  7u
#define F_NS       1u    /* VIRTIO_RPMSG_F_NS, bit 0 */
#define READY      0x07u /* ACKNOWLEDGE, DRIVER, DRIVER_OK */
#define DRIVER_OK  0x04u
#define TABLE_PAGE 0x1000u
#define ALIGN_MIN  4u
#define EPOCH      0xff8u /* the host's own word, behind the table */

/* The host's layout: table, two rings of two pages, buffers to receive, buffers to send. */
#define RING_AT(n)    (TABLE_PAGE + 0x2000u * (n))
#define BUFFERS_AT(n) (0x5000u + RPMSG_RING_SIZE * RPMSG_BUFFER_SIZE * (n))

_Static_assert(BUFFERS_AT(2) == RPMSG_MEMORY_MIN, "the layout is as large as documented");

/* Ring 0 goes to the host, ring 1 to the remote. */
#define TO_HOST   0u
#define TO_REMOTE 1u

static void make_ring(struct rpmsg *r, struct rpmsg_vring *v, uint32_t n)
{
	const uint32_t at = ENTRY + RINGS + RING_SIZE * n;

	rpmsg_write32(r->memory, at + RING_ADDRESS, r->base + RING_AT(n));
	rpmsg_write32(r->memory, at + RING_ALIGN, RPMSG_VRING_ALIGN);
	rpmsg_write32(r->memory, at + RING_COUNT, RPMSG_RING_SIZE);
	rpmsg_write32(r->memory, at + RING_NOTIFY_ID, n);
	rpmsg_vring_place(v, r, RING_AT(n), RPMSG_RING_SIZE, RPMSG_VRING_ALIGN);
}

void rpmsg_table_make(struct rpmsg *r)
{
	rpmsg_clear(r->memory, 0, RPMSG_MEMORY_MIN);
	rpmsg_write32(r->memory, EPOCH, r->epoch);
	rpmsg_write32(r->memory, TABLE_COUNT, 1);
	rpmsg_write32(r->memory, TABLE_OFFSET, ENTRY);
	rpmsg_write32(r->memory, ENTRY + TYPE, TYPE_VDEV);
	rpmsg_write32(r->memory, ENTRY + ID, VIRTIO_ID);
	rpmsg_write32(r->memory, ENTRY + NOTIFY_ID, 2);
	rpmsg_write32(r->memory, ENTRY + DEVICE_FEATURES, F_NS);
	rpmsg_write32(r->memory, ENTRY + GUEST_FEATURES, F_NS);
	rpmsg_write32(r->memory, ENTRY + STATUS, 2 << 8);
	make_ring(r, &r->rx, TO_HOST);
	make_ring(r, &r->tx, TO_REMOTE);
	for (uint32_t id = 0; id < RPMSG_RING_SIZE; id++) {
		rpmsg_vring_offer(&r->rx, id, BUFFERS_AT(TO_HOST) + RPMSG_BUFFER_SIZE * id,
				  RPMSG_BUFFER_SIZE, true);
		r->rx_lent[id] = true;
		r->tx_lent[id] = false;
	}
	rpmsg_vring_want(&r->tx, true, false);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	rpmsg_write32(r->memory, TABLE_VERSION, VERSION);
}

/* Offset of the first RPMsg entry whose rings are in the first page too, or 0. */
static uint32_t find_entry(const struct rpmsg *r)
{
	const uint32_t count = rpmsg_read32(r->memory, TABLE_COUNT);

	if (rpmsg_read32(r->memory, TABLE_VERSION) != VERSION || count > ENTRIES_MAX)
		return 0;
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t at = rpmsg_read32(r->memory, TABLE_OFFSET + 4 * i);

		if (at % 4 || at < TABLE_OFFSET + 4 * count || at > TABLE_PAGE - ENTRY_SIZE)
			continue;
		if (rpmsg_read32(r->memory, at + TYPE) == TYPE_VDEV &&
		    rpmsg_read32(r->memory, at + ID) == VIRTIO_ID)
			return at;
	}
	return 0;
}

static bool read_ring(const struct rpmsg *r, struct rpmsg_vring *v, uint32_t at)
{
	const uint32_t address = rpmsg_read32(r->memory, at + RING_ADDRESS) - r->base;
	const uint32_t align = rpmsg_read32(r->memory, at + RING_ALIGN);
	const uint32_t count = rpmsg_read32(r->memory, at + RING_COUNT);
	uint32_t size;

	if (count < 2 || count > RPMSG_RING_MAX || count & (count - 1))
		return false;
	if (align < ALIGN_MIN || align > 0x10000 || align & (align - 1) || address % 16)
		return false;
	size = rpmsg_vring_size(count, align);
	if (size > r->size || address > r->size - size)
		return false;
	rpmsg_vring_place(v, r, address, count, align);
	return true;
}

bool rpmsg_table_read(struct rpmsg *r)
{
	const uint32_t at = find_entry(r);

	if (!at || (rpmsg_read32(r->memory, at + STATUS) >> 8 & 0xff) != 2 ||
	    !read_ring(r, &r->tx, at + RINGS + RING_SIZE * TO_HOST) ||
	    !read_ring(r, &r->rx, at + RINGS + RING_SIZE * TO_REMOTE))
		return false;
	rpmsg_vring_want(&r->tx, false, false);
	return true;
}

uint32_t rpmsg_table_epoch(const struct rpmsg *r)
{
	return rpmsg_read32(r->memory, EPOCH);
}

bool rpmsg_table_ready(const struct rpmsg *r)
{
	const uint32_t at = find_entry(r);

	return at && rpmsg_read32(r->memory, at + STATUS) & DRIVER_OK;
}

void rpmsg_table_set_ready(const struct rpmsg *r, bool ready)
{
	const uint32_t at = find_entry(r);

	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* what it says is ready has been stored */
	if (at)
		r->memory[at + STATUS] = ready ? READY : 0;
}
