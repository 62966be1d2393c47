/* SPDX-License-Identifier: Apache-2.0 */
/* Checks the disks that types name: against a board, and against files of its disks. */
#include "checkdesc.h"

#include <lib/gpt.h>
#include <lib/string.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCK     512 /* of QEMU's disks */
#define DISKS_MAX 26

/* vda, vdb, ...: their partition tables. */
static struct disk_file {
	const char *why; /* why it has none; NULL: it has one */
	struct gpt gpt;
	void *table;
} files[DISKS_MAX];
static u32 file_count;

/* ---- the files ---- */

static bool read_at(FILE *in, u64 at, void *to, size_t size)
{
	return fseeko(in, (off_t)at, SEEK_SET) == 0 && fread(to, 1, size, in) == size;
}

static const char *read_table(struct disk_file *f, FILE *in)
{
	char block[BLOCK];
	const char *why;
	off_t size;

	if (fseeko(in, 0, SEEK_END) != 0 || (size = ftello(in)) < 0 || !read_at(in, 0, block, 4) ||
	    memcmp(block, "QFI\xfb", 4) == 0)
		return "is no raw disk";
	if (!read_at(in, BLOCK, block, BLOCK))
		return "no GUID partition table";
	why = gpt_header(&f->gpt, block, BLOCK, 1, (u64)size / BLOCK);
	if (why)
		return why;
	f->table = malloc(gpt_table_size(&f->gpt));
	if (!f->table || !read_at(in, f->gpt.entries * BLOCK, f->table, gpt_table_size(&f->gpt)) ||
	    !gpt_table_ok(&f->gpt, f->table))
		return "the table's checksum is wrong";
	return NULL;
}

int check_disk_file(const char *path)
{
	FILE *in = file_count < DISKS_MAX ? fopen(path, "rb") : NULL;
	struct disk_file *f = &files[file_count];
	char line[400];

	if (!in) {
		(void)snprintf(line, sizeof(line), "%s: cannot be read", path);
		return complain(line);
	}
	file_count++;
	f->why = read_table(f, in);
	if (f->why)
		f->gpt.count = 0;
	fclose(in);
	return 0;
}

/* ---- names ---- */

/* The number of the disk in "vda", "vdaa2"; *part: that of the partition, or 0. */
static u32 disk_number(const char *name, u32 *part)
{
	u32 number = 0;

	for (name += 2; *name >= 'a' && *name <= 'z' && number < BIT(20); name++)
		number = number * 26 + (u32)(*name - 'a') + 1;
	*part = (u32)strtoul(name, NULL, 10);
	return number ? number - 1 : 0;
}

/* How many partitions of the files have that label, or NULL: any. They are listed in the text. */
static u32 find_label(const char *label, char *text, size_t size)
{
	struct gpt_part p;
	u32 found = 0;
	size_t at = 0;

	text[0] = '\0';
	for (u32 disk = 0; disk < file_count; disk++) {
		const struct disk_file *f = &files[disk];

		for (u32 n = 1; n <= f->gpt.count; n++) {
			if (!gpt_part(&f->gpt, f->table, n, &p) ||
			    (label && !str_eq(p.label, label)))
				continue;
			if (at < size)
				at += (size_t)snprintf(text + at, size - at, "%svd%c%u '%s'",
						       found ? ", " : "", (char)('a' + disk), n,
						       p.label);
			found++;
		}
	}
	return found;
}

/* What is wrong with the name of a disk or partition of the files, in `why`. False: nothing. */
static bool is_missing(const char *name, u32 disk, u32 part, char *why, size_t size)
{
	const bool label = str_starts(name, "label:");
	struct gpt_part p;
	char list[240];
	u32 found = label ? find_label(name + 6, list, sizeof(list)) : 0;

	if (label && found > 1)
		(void)snprintf(why, size, "are %u partitions: %s", found, list);
	else if (!label && disk >= file_count)
		(void)snprintf(why, size, "is not among the disks, which are %u", file_count);
	else if (!label && part && files[disk].why)
		(void)snprintf(why, size, "is no partition: %s", files[disk].why);
	else if (label ? !found : part && !gpt_part(&files[disk].gpt, files[disk].table, part, &p))
		(void)snprintf(why, size, "is no partition; there are: %s",
			       find_label(NULL, list, sizeof(list)) ? list : "none");
	else
		return false;
	return true;
}

static int check_disk(const struct machine *m, const struct vm_type *t, const char *node,
		      const char *prop, const char *name)
{
	const bool numbered = str_starts(name, "vd");
	struct desc_error error;
	char why[320];
	u32 part = 0, disk = numbered ? disk_number(name, &part) : 0;

	if (!name[0])
		return 0;
	if (!m->disks)
		return refuse_at(
			t, node, prop,
			"'%s', but the machine has no virtio-mmio, and so no disks%s", name,
			str_eq(prop, "disk") ? ": image = \"FILE\" is one of the bundle" : "");
	if (disk >= m->disks)
		return refuse_at(t, node, prop,
				 "'%s' would be disk %u, but the machine has virtio-mmio for %u",
				 name, disk + 1, m->disks);
	if (file_count && (numbered || str_starts(name, "label:")) &&
	    is_missing(name, disk, part, why, sizeof(why)))
		return refuse_at(t, node, prop, "'%s' %s", name, why);
	return 0;
}

int check_disks(const struct machine *m, const struct vm_type *t)
{
	int wrong = check_disk(m, t, "/", "variables", t->desc.variables);
	char node[DESC_NAME_MAX + 16];

	for (u32 i = 0; i < t->desc.virtio_count; i++) {
		(void)snprintf(node, sizeof(node), "/devices/%s", t->desc.virtio[i].name);
		wrong |= check_disk(m, t, node, "disk", t->desc.virtio[i].disk);
	}
	return wrong;
}
