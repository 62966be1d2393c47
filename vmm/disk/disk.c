/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's disks, and the ranges of them that are in use. */
#include "disk_internal.h"

#include <kernel/log.h>
#include <kernel/page.h>
#include <kernel/spinlock.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>

#define BUFFER_PAGES ((u32)(DISK_BUFFER / PAGE_SIZE))

static struct disk *first_disk, *last_disk;
/* Guards state, telling and done of all ranges. */
static struct spinlock lock = SPINLOCK_INIT(LOCK_DISK);

/* "vda" to "vdz", then "vdaa" and so on. */
static void name_disk(struct disk *d, u32 index)
{
	char letters[sizeof(d->name) - 2], *at = &letters[sizeof(letters) - 1];

	*at = '\0';
	for (u32 n = index + 1; n && at > letters; n = (n - 1) / 26)
		*--at = (char)('a' + (n - 1) % 26);
	(void)snprintf(d->name, sizeof(d->name), "vd%s", at);
}

void disk_register(struct disk *d)
{
	u32 index = 0;

	for (const struct disk *other = first_disk; other; other = other->next)
		index++;
	name_disk(d, index);
	list_init(&d->ranges);
	if (last_disk)
		last_disk->next = d;
	else
		first_disk = d;
	last_disk = d;
	log_info("disk %s: %lu MiB, serial '%s'%s", d->name, d->sectors * DISK_SECTOR / MIB(1),
		 d->serial, d->readonly ? ", read-only" : "");
}

struct disk *disk_get(u32 index)
{
	struct disk *d = first_disk;

	while (d && index--)
		d = d->next;
	return d;
}

/* ---- ranges ---- */

/* One more transfer. */
static int add_transfer(struct disk_range *r)
{
	struct disk_transfer *t = &r->transfers[r->count];

	t->buffer = pages_alloc(BUFFER_PAGES);
	if (!t->buffer)
		return -ENOMEM;
	if (r->disk->most_parts) {
		t->io.table = page_alloc();
		if (!t->io.table) {
			pages_free(t->buffer, BUFFER_PAGES);
			return -ENOMEM;
		}
	}
	t->range = r;
	r->count++;
	return 0;
}

struct disk_range *disk_range_new(struct disk *d, u64 first, u64 sectors)
{
	struct disk_range *r = page_alloc();

	_Static_assert(sizeof(*r) <= PAGE_SIZE, "a page");
	if (!r)
		return NULL;
	r->disk = d;
	if (add_transfer(r)) {
		page_free(r);
		return NULL;
	}
	r->first = first;
	r->sectors = sectors;
	list_init(&r->node);
	return r;
}

int disk_widen(struct disk_range *r)
{
	int ret = 0;

	while (!ret && r->count < DISK_TRANSFERS)
		ret = add_transfer(r);
	return ret;
}

static void range_free(struct disk_range *r)
{
	list_del(&r->node);
	for (u32 i = 0; i < r->count && !r->disk->lost; i++) {
		pages_free(r->transfers[i].buffer, BUFFER_PAGES);
		if (r->transfers[i].io.table)
			page_free(r->transfers[i].io.table);
	}
	page_free(r);
}

void disk_set_done(struct disk_range *r, void (*done)(void *arg), void *arg)
{
	unsigned long irq = spin_lock_irqsave(&lock);

	r->done = done;
	r->arg = arg;
	while (r->telling) {
		spin_unlock_irqrestore(&lock, irq);
		irq = spin_lock_irqsave(&lock);
	}
	spin_unlock_irqrestore(&lock, irq);
}

/* True if a transfer still needs it. */
static bool is_needed(const struct disk_range *r)
{
	unsigned long irq = spin_lock_irqsave(&lock);
	bool needed = r->telling;

	for (u32 i = 0; i < r->count; i++)
		needed |= r->transfers[i].state == DISK_BUSY;
	spin_unlock_irqrestore(&lock, irq);
	return needed;
}

void disk_range_end(struct disk_range *r)
{
	disk_set_done(r, NULL, NULL);
	r->closed = true;
	if (!is_needed(r))
		range_free(r);
	else if (list_empty(&r->node))
		list_add_tail(&r->disk->ranges, &r->node);
}

void disk_close(struct disk_range *r)
{
	disk_range_end(r);
}

/* Free what was closed while transfers were in flight. */
static void reap(struct disk *d)
{
	struct list *n = d->ranges.next, *next;

	for (; n != &d->ranges; n = next) {
		struct disk_range *r = container_of(n, struct disk_range, node);

		next = n->next;
		if (r->closed && !is_needed(r))
			range_free(r);
	}
}

const struct disk_range *disk_user(struct disk *d, u64 first, u64 sectors, u32 index)
{
	for (struct list *n = d->ranges.next; n != &d->ranges; n = n->next) {
		const struct disk_range *r = container_of(n, struct disk_range, node);

		if (r->first < first + sectors && first < r->first + r->sectors && !index--)
			return r;
	}
	return NULL;
}

/* 0, or -EBUSY if another one writes there, or this one would and is not alone. */
static int check_users(const char *name, const struct disk_place *p, bool writable, char *why,
		       size_t size)
{
	const struct disk_range *r;

	for (u32 i = 0; (r = disk_user(p->disk, p->first, p->sectors, i)) != NULL; i++) {
		if (!writable && !r->writable)
			continue;
		(void)snprintf(
			why, size,
			"'%s' is in use by %s%s: only VMs that all have it `readonly` can share it",
			name, r->owner,
			r->closed ? ", which is gone but whose last write is not over" : "");
		return -EBUSY;
	}
	return 0;
}

int disk_open(const char *name, bool writable, const char *owner, struct disk_range **out,
	      char *why, size_t size)
{
	struct disk_range *r;
	struct disk_place p;
	int ret = disk_find(name, &p, why, size);

	if (ret)
		return ret;
	if (writable && p.disk->readonly) {
		(void)snprintf(why, size, "'%s' is on a read-only disk: add `readonly`", name);
		return -EPERM;
	}
	reap(p.disk);
	ret = check_users(name, &p, writable, why, size);
	if (ret)
		return ret;
	r = disk_range_new(p.disk, p.first, p.sectors);
	if (!r) {
		(void)snprintf(why, size, "no memory for '%s'", name);
		return -ENOMEM;
	}
	r->writable = writable;
	p.disk->handed_over |= writable && p.sectors == p.disk->sectors;
	(void)snprintf(r->owner, sizeof(r->owner), "%s", owner);
	list_add_tail(&p.disk->ranges, &r->node);
	*out = r;
	return 0;
}

/* ---- transfers ---- */

static int start(struct disk_transfer *t, u64 sector, u32 sectors, u32 parts)
{
	struct disk *d = t->range->disk;
	int ret;

	t->io.sector = t->range->first + sector;
	t->io.sectors = sectors;
	t->io.parts = parts;
	__atomic_store_n(&t->state, DISK_BUSY, __ATOMIC_RELAXED);
	ret = d->submit(d, &t->io);
	if (ret)
		__atomic_store_n(&t->state, DISK_IDLE, __ATOMIC_RELAXED);
	return ret;
}

int disk_start(struct disk_transfer *t, enum disk_op op, u64 sector, u32 sectors)
{
	t->io.op = op;
	t->io.data = t->buffer;
	return start(t, sector, sectors, 0);
}

void disk_describe(struct disk_transfer *t, enum disk_op op, u32 n, void *at, u32 bytes)
{
	t->io.op = op;
	t->range->disk->describe(&t->io, n, at, bytes);
}

int disk_start_parts(struct disk_transfer *t, u64 sector, u32 sectors, u32 parts)
{
	return start(t, sector, sectors, parts);
}

bool disk_take(struct disk_transfer *t)
{
	__atomic_store_n(&t->state, DISK_IDLE, __ATOMIC_RELAXED);
	return !t->io.failed;
}

void disk_done(struct disk_io *io, bool failed)
{
	struct disk_transfer *t = container_of(io, struct disk_transfer, io);
	struct disk_range *r = t->range;
	unsigned long irq = spin_lock_irqsave(&lock);
	void (*done)(void *arg) = r->done;
	void *arg = r->arg;

	io->failed = failed;
	r->telling += done != NULL;
	/* Pairs with disk_state(): the buffer and `failed` are seen before. */
	__atomic_store_n(&t->state, DISK_OVER, __ATOMIC_RELEASE);
	spin_unlock_irqrestore(&lock, irq);
	if (!done)
		return;
	done(arg);
	irq = spin_lock_irqsave(&lock);
	r->telling--;
	spin_unlock_irqrestore(&lock, irq);
}
