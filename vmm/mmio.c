/* SPDX-License-Identifier: Apache-2.0 */
/* The MMIO bus: which region an access hits, and which register of a device's table. */
#include <lib/checked.h>
#include <lib/errno.h>
#include <vmm/mmio.h>
#include <vmm/vm.h>

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

int mmio_add(struct mmio_bus *bus, const struct mmio_region *r)
{
	u64 end;
	u32 at, i;

	if (!r->size || !r->handler || !checked_add(r->base, r->size, &end))
		return -EINVAL;
	if (bus->count == MMIO_MAX_REGIONS)
		return -ENOSPC;
	at = regions_above(bus, r->base);
	if (at > 0 && r->base - bus->regions[at - 1].base < bus->regions[at - 1].size)
		return -EEXIST;
	if (at < bus->count && bus->regions[at].base < end)
		return -EEXIST;
	for (i = bus->count; i > at; i--)
		bus->regions[i] = bus->regions[i - 1];
	bus->regions[at] = *r;
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

enum mmio_result vmm_mmio(struct vcpu *v, struct mmio_access *a)
{
	struct mmio_bus *bus = &v->vm->bus;
	const struct mmio_region *r = &bus->regions[__atomic_load_n(&bus->last, __ATOMIC_RELAXED)];
	u64 offset = a->ipa.ipa - r->base;

	/* A wrong hint, and an empty slot's size of 0, fail this test as well. */
	if (unlikely(offset >= r->size)) {
		r = mmio_find(bus, a->ipa.ipa);
		if (!r)
			return MMIO_UNMAPPED;
		__atomic_store_n(&bus->last, (u32)(r - bus->regions), __ATOMIC_RELAXED);
		offset = a->ipa.ipa - r->base;
	}
	if (unlikely(r->size - offset < a->size))
		return MMIO_FAULT;
	return r->handler(r, v, offset, a);
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

/* The access covers several registers of the row. */
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

/* The access covers a part of a register. */
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

/* Out of line, so that the straight path below saves few registers. */
static __attribute__((noinline)) void access_odd(const struct reg_row *row, void *dev,
						 struct vcpu *v, u64 rel, struct mmio_access *a)
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

/* row is the last one at or before offset, or the table's first. */
static enum mmio_result access_at(const struct reg_row *row, void *dev, struct vcpu *v, u64 offset,
				  struct mmio_access *a)
{
	u64 rel = offset - row->offset;

	if (likely(rel < row->length))
		return row_access(row, dev, v, rel, a);
	if (!a->write)
		a->value = 0;
	return MMIO_OK;
}

/* The last row at or before offset, or the first. */
static u32 row_at(const struct reg_row *table, u32 rows, u64 offset)
{
	u32 row = 0, left = rows;

	while (left > 1) {
		u32 half = left / 2;

		if (table[row + half].offset <= offset)
			row += half;
		left -= half;
	}
	return row;
}

enum mmio_result reg_access(const struct reg_row *table, u32 rows, void *dev, struct vcpu *v,
			    u64 offset, struct mmio_access *a)
{
	return access_at(&table[row_at(table, rows, offset)], dev, v, offset, a);
}

void reg_table_init(struct reg_table *t)
{
	u32 slot;

	for (slot = 0; slot < REG_SLOTS; slot++)
		t->index[slot] = (u8)row_at(t->rows, t->count, (u64)slot << REG_SLOT_SHIFT);
}

enum mmio_result reg_table_access(const struct reg_table *t, void *dev, struct vcpu *v, u64 offset,
				  struct mmio_access *a)
{
	const struct reg_row *row, *last = &t->rows[t->count - 1];

	if (unlikely(offset >> REG_SLOT_SHIFT >= REG_SLOTS))
		return reg_access(t->rows, t->count, dev, v, offset, a);
	row = &t->rows[t->index[offset >> REG_SLOT_SHIFT]];
	while (row < last && row[1].offset <= offset)
		row++;
	return access_at(row, dev, v, offset, a);
}
