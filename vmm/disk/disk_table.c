/* SPDX-License-Identifier: Apache-2.0 */
/* What names of disks stand for. Partition tables are read whenever they are asked for. */
#include "disk_internal.h"

#include <kernel/thread.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>

#define PATIENCE_MS 5000 /* with a disk whose table is read */

bool (*disk_call_off)(void);

struct table {
	struct gpt gpt;
	struct disk_range *range; /* its buffer has the entries */
};

/* ---- reading ---- */

/* Read blocks into the range's buffer and wait. NULL, or what went wrong. */
static const char *read_blocks(struct disk_range *r, u64 block, u32 bytes)
{
	struct disk_transfer *t = &r->transfers[0];
	const u64 per_block = r->disk->block / DISK_SECTOR;
	const u32 sectors = (u32)(ALIGN_UP((u64)bytes, r->disk->block) / DISK_SECTOR);

	if (disk_start(t, DISK_READ, block * per_block, sectors))
		return "the disk has failed";
	for (u32 ms = 0; disk_state(t) == DISK_BUSY; ms++) {
		if (ms == PATIENCE_MS || (disk_call_off && disk_call_off()))
			return "the disk does not answer";
		thread_sleep_ms(1);
	}
	return disk_take(t) ? NULL : "the disk has read errors";
}

/* The table whose header is in this block. */
static const char *read_copy(struct table *t, u64 lba)
{
	const struct disk *d = t->range->disk;
	const u64 blocks = d->sectors * DISK_SECTOR / d->block;
	const char *why = read_blocks(t->range, lba, d->block);

	if (!why)
		why = gpt_header(&t->gpt, t->range->transfers[0].buffer, d->block, lba, blocks);
	if (!why)
		why = read_blocks(t->range, t->gpt.entries, gpt_table_size(&t->gpt));
	if (!why && !gpt_table_ok(&t->gpt, t->range->transfers[0].buffer))
		why = "the table's checksum is wrong";
	return why;
}

/* The table, or its copy at the end of the disk (UEFI 2.10, 5.3.2). */
static const char *read_table(struct table *t, struct disk *d)
{
	const u64 blocks = d->sectors * DISK_SECTOR / d->block;
	const char *why;

	if (blocks < 3)
		return "no GUID partition table";
	t->range = disk_range_new(d, 0, d->sectors);
	if (!t->range)
		return "no memory to read its partition table";
	why = read_copy(t, 1);
	if (why && disk_state(&t->range->transfers[0]) == DISK_IDLE && !read_copy(t, blocks - 1))
		why = NULL;
	if (why)
		disk_range_end(t->range);
	return why;
}

/* Partition `number`, in sectors. */
static bool get_part(const struct table *t, u32 number, struct gpt_part *p)
{
	const u64 per_block = t->range->disk->block / DISK_SECTOR;

	if (!gpt_part(&t->gpt, t->range->transfers[0].buffer, number, p))
		return false;
	p->last = (p->last + 1) * per_block - 1;
	p->first *= per_block;
	return true;
}

const char *disk_partitions(struct disk *d,
			    void (*fn)(void *arg, u32 number, const struct gpt_part *p), void *arg)
{
	struct gpt_part p;
	struct table t;
	const char *why = read_table(&t, d);

	if (why)
		return why;
	for (u32 n = 1; n <= t.gpt.count; n++)
		if (get_part(&t, n, &p))
			fn(arg, n, &p);
	disk_range_end(t.range);
	return NULL;
}

/* ---- names ---- */

/* What is looked for, and what was found so far. */
struct search {
	struct disk *disk; /* that is looked at */
	const char *label; /* NULL: the number is wanted */
	u32 number;
	u32 found;
	struct disk_place *place;
};

static void look_at(void *arg, u32 number, const struct gpt_part *p)
{
	struct search *s = arg;

	if (s->label ? !str_eq(p->label, s->label) : number != s->number)
		return;
	if (!s->found++)
		*s->place = (struct disk_place){ s->disk, p->first, p->last - p->first + 1 };
}

static int find_label(const char *name, struct disk_place *place, char *why, size_t size)
{
	struct search s = { .label = name + strlen("label:"), .place = place };
	const char *trouble = NULL, *problem;
	const struct disk *skipped = NULL;

	for (u32 i = 0; (s.disk = disk_get(i)) != NULL; i++) {
		if (s.disk->handed_over) {
			skipped = s.disk;
			continue;
		}
		problem = disk_partitions(s.disk, look_at, &s);
		if (problem)
			trouble = problem;
	}
	if (s.found == 1)
		return 0;
	if (s.found)
		(void)snprintf(why, size, "%u partitions are '%s': name one by disk and number",
			       s.found, name);
	else if (skipped)
		(void)snprintf(why, size,
			       "no partition is '%s' (not of %s: a VM with all of that disk may "
			       "write its labels; name one by number)",
			       name, skipped->name);
	else
		(void)snprintf(why, size, "no partition is '%s'%s%s (`host disks` shows them)",
			       name, trouble ? "; " : "", trouble ? trouble : "");
	return s.found ? -EBUSY : -ENOENT;
}

static void whole(struct disk *d, struct disk_place *place)
{
	*place = (struct disk_place){ d, 0, d->sectors };
}

static int find_serial(const char *name, struct disk_place *place, char *why, size_t size)
{
	const char *serial = name + strlen("serial:");
	struct disk *d;
	u32 found = 0;

	for (u32 i = 0; (d = disk_get(i)) != NULL; i++)
		if (str_eq(d->serial, serial) && !found++)
			whole(d, place);
	if (found == 1)
		return 0;
	(void)snprintf(why, size, "%s disk is '%s' (`host disks` shows them)",
		       found ? "more than one" : "no", name);
	return found ? -EBUSY : -ENOENT;
}

/* "vda", "vda2" */
static int find_numbered(const char *name, struct disk_place *place, char *why, size_t size)
{
	struct search s = { .place = place };
	const char *problem, *rest = "";
	u64 number;

	for (u32 i = 0; (s.disk = disk_get(i)) != NULL; i++) {
		rest = name + strlen(s.disk->name);
		if (str_starts(name, s.disk->name) && (*rest < 'a' || *rest > 'z')) /* "vdaa" */
			break;
	}
	if (!s.disk || (*rest && (parse_u64(rest, &number) || number > ~0U))) {
		(void)snprintf(why, size, "no disk is '%s' (`host disks` shows them)", name);
		return -ENOENT;
	}
	if (!*rest) {
		whole(s.disk, place);
		return 0;
	}
	s.number = (u32)number;
	problem = disk_partitions(s.disk, look_at, &s);
	if (!problem && s.found)
		return 0;
	(void)snprintf(why, size, "'%s': %s", name,
		       problem ? problem : "there is no such partition");
	return -ENOENT;
}

void disk_hand_over(const char *name)
{
	struct disk *d;

	for (u32 i = 0; (d = disk_get(i)) != NULL; i++)
		d->handed_over |= str_eq(name, d->name) ||
				  (str_starts(name, "serial:") &&
				   str_eq(name + strlen("serial:"), d->serial));
}

int disk_find(const char *name, struct disk_place *place, char *why, size_t size)
{
	if (str_starts(name, "label:"))
		return find_label(name, place, why, size);
	if (str_starts(name, "serial:"))
		return find_serial(name, place, why, size);
	return find_numbered(name, place, why, size);
}
