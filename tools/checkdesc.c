/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks VM descriptions and schedules on the build machine, by the hypervisor's own parser.
 *
 * usage: checkdesc NAME FILE.dtb     a compiled description; NAME (its source) stands in messages
 *        checkdesc -b BUNDLE         every description of a bundle, against the images in it
 *
 * 0: all is well; 1: what is wrong, a line each on stderr; 2: usage, or a file cannot be read.
 */
#include <lib/cpio.h>
#include <lib/string.h>
#include <stdio.h>
#include <stdlib.h>
#include <vmm/bundle.h>
#include <vmm/desc.h>
#include <vmm/schedule.h>

/* The whole of a file, in memory aligned as libfdt wants it; does not return without. */
static void *read_file(const char *path, u64 *size)
{
	FILE *f = fopen(path, "rb");
	long length = -1;
	void *data;

	if (f && !fseek(f, 0, SEEK_END))
		length = ftell(f);
	data = length < 0 ? NULL : malloc((size_t)length + 1);
	if (data)
		rewind(f);
	if (!data || fread(data, 1, (size_t)length, f) != (size_t)length) {
		fprintf(stderr, "checkdesc: cannot read %s\n", path);
		exit(2);
	}
	(void)fclose(f);
	*size = (u64)length;
	return data;
}

static int check_schedule(const char *name, const void *dtb, u64 size)
{
	static struct schedule s;
	struct desc_error err;

	if (!schedule_parse(dtb, size, name, &s, &err))
		return 0;
	fprintf(stderr, "%s\n", err.text);
	return 1;
}

static int check(const char *name, const void *dtb, u64 size, const struct bundle *b)
{
	struct desc_error err;
	struct vm_desc d;

	if (schedule_is_one(dtb, size) || str_eq(name, SCHEDULE_FILE))
		return check_schedule(name, dtb, size);
	if (!desc_parse(dtb, size, name, &d, &err) && !desc_check(&d, b, name, &err))
		return 0;
	fprintf(stderr, "%s\n", err.text);
	return 1;
}

static bool is_description(const struct cpio_entry *e)
{
	const size_t len = strlen(e->name);

	return str_starts(e->name, "vms/") && len > 8 && str_eq(e->name + len - 4, ".dtb");
}

static int check_bundle(const char *path)
{
	struct bundle b = { .base = NULL };
	struct cpio_entry e;
	struct cpio c;
	int more, wrong = 0;
	void *copy;

	b.base = read_file(path, &b.size);
	cpio_open(&c, b.base, b.size);
	while ((more = cpio_next(&c, &e)) > 0) {
		if (!is_description(&e) && !str_eq(e.name, SCHEDULE_FILE))
			continue;
		copy = malloc(e.size + 1); /* in the archive it is not aligned */
		if (!copy)
			return 2;
		memcpy(copy, e.data, e.size);
		wrong |= check(e.name, copy, e.size, &b);
		free(copy);
	}
	if (more < 0) {
		fprintf(stderr, "%s: not a cpio archive (newc)\n", path);
		wrong = 1;
	}
	return wrong;
}

int main(int argc, char **argv)
{
	const void *dtb;
	u64 size;

	if (argc != 3) {
		fprintf(stderr, "usage: checkdesc NAME FILE.dtb | checkdesc -b BUNDLE\n");
		return 2;
	}
	if (str_eq(argv[1], "-b"))
		return check_bundle(argv[2]);
	dtb = read_file(argv[2], &size);
	return check(argv[1], dtb, size, NULL);
}
