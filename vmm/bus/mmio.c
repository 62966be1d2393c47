/* SPDX-License-Identifier: Apache-2.0 */
/* The MMIO bus: finds the region that an access hits, and the register of a device's table. */
#include <arch/cpu.h>
#include <kernel/page.h>
#include <lib/checked.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/bus.h>
#include <vmm/core.h>

/* ---- regions ---- */

/* Index of the first region whose base is above ipa. */
static u32 regions_above(const struct mmio_bus *bus, u64 ipa)
{
	u32 low = 0, high = bus->count;

	while (low < high) {
		u32 mid = (low + high) / 2;

		if (bus->regions[mid].base <= ipa)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool grow(struct mmio_bus *bus)
{
	struct mmio_region *more = pages_alloc(bus->pages + 1);

	if (!more)
		return false;
	if (bus->pages) {
		memcpy(more, bus->regions, bus->count * sizeof(*more));
		pages_free(bus->regions, bus->pages);
	}
	bus->regions = more;
	bus->pages++;
	return true;
}

__cold void mmio_free(struct mmio_bus *bus)
{
	if (bus->pages)
		pages_free(bus->regions, bus->pages);
	*bus = (struct mmio_bus){ 0 };
}

__cold void mmio_complete(struct mmio_region *r)
{
	if (!r->table || !r->table->slots)
		return;
	r->straight = MIN(r->size / 4, REG_SLOTS);
	r->slots = r->table->slots;
	r->rows = r->table->rows;
}

__cold int mmio_add(struct mmio_bus *bus, const struct mmio_region *r)
{
	u64 end;
	u32 at, i;

	if (!r->size || !r->handler || !checked_add(r->base, r->size, &end))
		return -EINVAL;
	if (bus->count == bus->pages * PAGE_SIZE / sizeof(*r) && !grow(bus))
		return -ENOMEM;
	at = regions_above(bus, r->base);
	if (at > 0 && r->base - bus->regions[at - 1].base < bus->regions[at - 1].size)
		return -EEXIST;
	if (at < bus->count && bus->regions[at].base < end)
		return -EEXIST;
	for (i = bus->count; i > at; i--)
		bus->regions[i] = bus->regions[i - 1];
	bus->regions[at] = *r;
	mmio_complete(&bus->regions[at]);
	bus->count++;
	return 0;
}

const struct mmio_region *mmio_find(const struct mmio_bus *bus, u64 ipa)
{
	u32 above = regions_above(bus, ipa);
	const struct mmio_region *r;

	if (!above)
		return NULL;
	r = &bus->regions[above - 1];
	return ipa - r->base < r->size ? r : NULL;
}

/*
 * The region of v's last access near ipa: a vCPU that uses several devices in turn does not search
 * for them. The 16 MiB parts of `virt` hold the GIC, the small devices, and the virtio slots.
 */
static inline const struct mmio_region **hint_at(struct vcpu *v, u64 ipa)
{
	return &v->mmio_hints[(ipa >> 24) % MMIO_HINTS];
}

void mmio_forget(struct vcpu *v)
{
	static const struct mmio_region nothing;

	for (u32 i = 0; i < MMIO_HINTS; i++)
		v->mmio_hints[i] = &nothing;
}

static const struct mmio_region *find_for(struct vcpu *v, u64 ipa)
{
	const struct mmio_region **hint = hint_at(v, ipa);
	const struct mmio_region *r = *hint;

	if (ipa - r->base < r->size)
		return r;
	r = mmio_find(&v->vm->bus, ipa);
	if (r)
		*hint = r;
	return r;
}

/* A region that moves may have left by now: its base is read once. */
static enum mmio_result access(const struct mmio_region *r, struct vcpu *v, struct mmio_access *a)
{
	const u64 offset = a->ipa.ipa - READ_ONCE(r->base);

	if (unlikely(offset >= r->size || r->size - offset < a->size))
		return MMIO_FAULT;
	return r->handler(r, v, offset, a);
}

enum mmio_result mmio_hand_over(const struct mmio_region *r, struct vcpu *v, struct mmio_access *a)
{
	*hint_at(v, a->ipa.ipa) = r;
	return access(r, v, a);
}

enum mmio_result vmm_mmio(struct vcpu *v, struct mmio_access *a)
{
	const struct mmio_region *r = find_for(v, a->ipa.ipa);

	return r ? access(r, v, a) : MMIO_UNMAPPED;
}

/*
 * ---- the fast path: the region that v used there last, and a slot of its table that says that an
 * access of this width is to one register. Filling in the slot made all the checks that the search
 * below makes. ----
 */

#define WRITE 4

/* The slot, or NULL: the fast path does not apply. kind: bit of reg_slot.straight. */
static inline const struct reg_slot *find_slot(const struct mmio_region *r, u64 ipa, u32 kind)
{
	const struct reg_slot *slot;
	u64 word;

	word = ipa - r->base;          /* with `straight` by one load, whether it moves or not */
	word = word >> 2 | word << 62; /* too large if the address is misaligned */
	if (unlikely(word >= r->straight))
		return NULL;
	slot = &r->slots[arch_table_index(word, REG_SLOTS)];
	return likely(slot->straight >> kind & 1) ? slot : NULL;
}

struct mmio_reply vmm_mmio_read(ipa_t ipa, struct vcpu *v, u32 order)
{
	const struct mmio_region *r = *hint_at(v, ipa.ipa);
	const struct reg_slot *slot = find_slot(r, ipa.ipa, order);
	const struct reg_row *row;

	if (unlikely(!slot))
		return (struct mmio_reply){ 0, false };
	row = &r->rows[slot->row];
	return (struct mmio_reply){ row->read(r->dev, v, slot->index, row), true };
}

bool vmm_mmio_write(ipa_t ipa, struct vcpu *v, u32 order, u64 value)
{
	const struct mmio_region *r = *hint_at(v, ipa.ipa);
	const struct reg_slot *slot = find_slot(r, ipa.ipa, order + WRITE);
	const struct reg_row *row;

	if (unlikely(!slot))
		return false;
	row = &r->rows[slot->row];
	row->write(r->dev, v, slot->index, value, row);
	return true;
}

/* ---- register tables ---- */

static u64 row_read(const struct reg_row *row, void *dev, struct vcpu *v, u32 index)
{
	return row->read ? row->read(dev, v, index, row) : row->constant;
}

static void row_write(const struct reg_row *row, void *dev, struct vcpu *v, u32 index, u64 value)
{
	if (row->write)
		row->write(dev, v, index, value, row);
}

/* An access that covers several registers of the row. */
static void access_several(const struct reg_row *row, void *dev, struct vcpu *v, u64 rel,
			   struct mmio_access *a)
{
	u32 first = (u32)(rel / row->stride);
	u32 bits = 8U * row->stride;
	u32 i, n = MIN(a->size, (u32)(row->length - rel)) / row->stride;

	if (a->write) {
		for (i = 0; i < n; i++)
			row_write(row, dev, v, first + i,
				  a->value >> (i * bits) & BITS(bits - 1, 0));
		return;
	}
	a->value = 0;
	for (i = 0; i < n; i++)
		a->value |= (row_read(row, dev, v, first + i) & BITS(bits - 1, 0)) << (i * bits);
}

/* An access that covers a part of a register. */
static void access_part(const struct reg_row *row, void *dev, struct vcpu *v, u64 rel,
			struct mmio_access *a)
{
	u32 index = (u32)(rel / row->stride);
	u32 shift = 8U * (u32)(rel % row->stride);
	u64 mask = BITS(8U * a->size - 1, 0);
	u64 value;

	if (!a->write) {
		a->value = row_read(row, dev, v, index) >> shift & mask;
		return;
	}
	value = (a->value & mask) << shift;
	if (row->stride == 8)
		value |= row_read(row, dev, v, index) & ~(mask << shift);
	row_write(row, dev, v, index, value);
}

/* Out of line, so that the fast path below saves few registers. */
static __noinline void access_odd(const struct reg_row *row, void *dev, struct vcpu *v, u64 rel,
				  struct mmio_access *a)
{
	if (a->size > row->stride)
		access_several(row, dev, v, rel, a);
	else
		access_part(row, dev, v, rel, a);
}

static enum mmio_result row_access(const struct reg_row *row, void *dev, struct vcpu *v, u64 rel,
				   struct mmio_access *a)
{
	if (unlikely(!(row->widths >> (a->size - 1) & 1) || rel & (a->size - 1U)))
		return MMIO_FAULT;
	if (unlikely(a->size != row->stride))
		access_odd(row, dev, v, rel, a);
	else if (a->write)
		row_write(row, dev, v, (u32)(rel / row->stride), a->value);
	else
		a->value = row_read(row, dev, v, (u32)(rel / row->stride));
	return MMIO_OK;
}

/* The last row at or before offset, or the first. */
static const struct reg_row *row_at(const struct reg_row *table, u32 rows, u64 offset)
{
	u32 row = 0, left = rows;

	while (left > 1) {
		u32 half = left / 2;

		if (table[row + half].offset <= offset)
			row += half;
		left -= half;
	}
	return &table[row];
}

enum mmio_result reg_access(const struct reg_row *table, u32 rows, void *dev, struct vcpu *v,
			    u64 offset, struct mmio_access *a)
{
	const struct reg_row *row = row_at(table, rows, offset);
	u64 rel = offset - row->offset;

	if (likely(rel < row->length))
		return row_access(row, dev, v, rel, a);
	if (!a->write)
		a->value = 0;
	return MMIO_OK;
}

enum mmio_result mmio_table_access(const struct mmio_region *r, struct vcpu *v, u64 offset,
				   struct mmio_access *a)
{
	return reg_access(r->table->rows, r->table->count, r->dev, v, offset, a);
}

/* The widths at which an access at a register's start is to this register alone. */
static u32 single_orders(const struct reg_row *row)
{
	u32 orders = 0;

	for (u32 order = 0; 1U << order <= row->stride; order++)
		orders |= (row->widths >> ((1U << order) - 1) & 1U) << order;
	return orders;
}

/* A narrow write of an 8-byte register is not straight: it is merged. */
static void fill_slots(struct reg_table *t, u32 n)
{
	const struct reg_row *row = &t->rows[n];
	u32 orders = single_orders(row);
	u32 reads = row->read ? orders : 0;
	u32 writes = row->write ? (row->stride == 8 ? orders & BIT(3) : orders) : 0;
	struct reg_slot s = { .row = (u8)n, .straight = (u8)(reads | writes << WRITE) };
	u32 end = MIN((row->offset + row->length) / 4, REG_SLOTS);

	if (row->stride < 4) /* byte-wise */
		return;
	for (u32 slot = row->offset / 4; slot < end; slot += row->stride / 4, s.index++)
		t->slots[slot] = s;
}

__cold void reg_table_init(struct reg_table *t)
{
	for (u32 n = 0; n < t->count && !t->filled; n++)
		fill_slots(t, n);
	t->filled = true;
}
