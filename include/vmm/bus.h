/* SPDX-License-Identifier: Apache-2.0 */
/* The MMIO bus of a VM: a sorted array of regions, and devices described by tables of registers. */
#ifndef VMM_BUS_H
#define VMM_BUS_H

#include <arch/guest.h>
#include <lib/types.h>

struct vm;
struct vcpu;

struct mmio_region;
struct reg_table;
struct reg_slot;
struct reg_row;

/*
 * A device sees an offset, a width and a value, but neither registers nor syndromes. It must not
 * change `a->ipa`.
 */
typedef enum mmio_result (*mmio_handler_t)(const struct mmio_region *r, struct vcpu *v, u64 offset,
					   struct mmio_access *a);

struct mmio_region {
	u64 base; /* IPA */
	/*
	 * Copied from the table by mmio_add(): how many words from base on its slots describe, its
	 * slots, and its rows.
	 */
	u64 straight;
	const struct reg_slot *slots;
	const struct reg_row *rows;
	void *dev; /* the device's state */
	u64 size;
	/*
	 * NULL: only the handler knows the registers. Else the handler is mmio_table_access(), or
	 * agrees with it.
	 */
	const struct reg_table *table;
	mmio_handler_t handler;
	const char *name;
	u32 arg;
};

#define MMIO_HINTS 8 /* of each vCPU */

struct mmio_bus {
	u32 count;
	u32 pages; /* number of pages for the array; it grows */
	struct mmio_region *regions;
};

/*
 * Add a region, keeping the array sorted. -EEXIST (overlap), -ENOMEM, -EINVAL. Before the VM runs.
 */
int __must_check mmio_add(struct mmio_bus *bus, const struct mmio_region *r);

/*
 * A region that may move, and so is not on the bus: a region there stands for it, and hands
 * accesses over. Fill in what mmio_add() would copy from r->table.
 */
#define MMIO_NOWHERE BIT(63)
void mmio_complete(struct mmio_region *r);
/*
 * v's access is to r, whose base has just been compared with it. Later accesses near it find r
 * straight, as long as it does not move. r lives as long as the VM. Its base may change at any
 * time; MMIO_NOWHERE covers no address.
 */
enum mmio_result __must_check mmio_hand_over(const struct mmio_region *r, struct vcpu *v,
					     struct mmio_access *a);

/*
 * Free the bus of a VM that is deleted. No vCPU runs any more. All zeros is an empty bus; this
 * leaves one.
 */
void mmio_free(struct mmio_bus *bus);

/* Before v runs: it has accessed nothing yet. */
void mmio_forget(struct vcpu *v);

/* The region that holds ipa, or NULL. O(log n). */
const struct mmio_region *mmio_find(const struct mmio_bus *bus, u64 ipa);

/* ---- register tables ---- */

#define REG_W8  BIT(0)
#define REG_W16 BIT(1)
#define REG_W32 BIT(3)
#define REG_W64 BIT(7)

/*
 * index: the register within the row, (offset - row.offset) / row.stride. 64-bit registers see
 * whole values: reg_access() merges narrow accesses.
 */
typedef u64 (*reg_read_t)(void *dev, struct vcpu *v, u32 index, const struct reg_row *row);
typedef void (*reg_write_t)(void *dev, struct vcpu *v, u32 index, u64 value,
			    const struct reg_row *row);

/*
 * A row describes an array of equal registers at [offset, offset + length). It is one cache line.
 */
struct reg_row {
	u32 offset;
	u32 length; /* bytes */
	u8 stride;  /* bytes of each register: 1 (byte-wise arrays such as IPRIORITYR), 4 or 8 */
	u8 widths;  /* legal access sizes, REG_W* */
	u32 arg;
	u64 constant;      /* value of a read-only register without read function (RAZ: 0) */
	reg_read_t read;   /* NULL: constant */
	reg_write_t write; /* NULL: ignored (WI) */
	const char *name;
	u32 field; /* like arg; usually the offset of their word in the device's state */
} __aligned(64);

/*
 * Find offset in a table sorted by offset, and carry the access out. Illegal width or misaligned:
 * MMIO_FAULT. No row: RAZ/WI.
 *
 * An access wider than the row's registers (byte-wise arrays) becomes one call for each register.
 * An access to part of an 8-byte register is merged with the register's value. An access to part of
 * a smaller register is moved to its byte lane, without a read before the write.
 */
enum mmio_result reg_access(const struct reg_row *table, u32 rows, void *dev, struct vcpu *v,
			    u64 offset, struct mmio_access *a);

/*
 * A table with a slot for each word of its first 4 KiB, so that the usual access finds its register
 * without a search. A slot of all zeros is unused: the access is then looked up.
 */
#define REG_SLOTS 1024

struct reg_slot {
	u8 row;
	u8 straight; /* bit n: a read of 2^n bytes is one call of the row's; bit 4 + n: a write */
	u16 index;   /* index of the register in its row */
};

struct reg_table {
	const struct reg_row *rows;
	u32 count;
	struct reg_slot *slots; /* REG_SLOTS of them; NULL: every access is looked up */
	bool filled;            /* they are filled in */
};

/* Fill in the slots, at boot. Devices that share a table may all call it. */
void reg_table_init(struct reg_table *t);
/* Handler of a region that is a table: calls reg_access() for it. */
enum mmio_result mmio_table_access(const struct mmio_region *r, struct vcpu *v, u64 offset,
				   struct mmio_access *a);

#endif
