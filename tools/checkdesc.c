/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks VM descriptions and schedules on the build machine, by the hypervisor's own parser.
 *
 * usage: checkdesc NAME FILE.dtb     a compiled description; NAME (its source) stands in messages
 *        checkdesc -b BUNDLE [-m BOARD.dtb] [-t PICOSECONDS]
 *                                    every description of a bundle, against the images in it; with
 *                                    -m against the board; with -t (and -m) what real-time VMs are
 *                                    promised if an instruction takes so long (tools/zvm-check)
 *        checkdesc -l BUNDLE         the same check, and what each VM will see (tools/mkbundle)
 *
 * 0: all is well; 1: errors, a line each on stderr; 2: usage, or a file cannot be read. A note is a
 * line there as well.
 */
#include <kernel/early.h>
#include <lib/devicetree.h>
#include <lib/string.h>
#include <stdio.h>
#include <stdlib.h>

#include "checkdesc.h"

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

int complain(const char *text)
{
	fprintf(stderr, "%s\n", text);
	return 1;
}

static struct schedule the_schedule; /* the one that was read last */
static bool has_schedule;

static int check_schedule(const char *name, const void *dtb, u64 size)
{
	const struct schedule_window *w;
	struct desc_error err;
	u32 at = 0;

	if (schedule_parse(dtb, size, name, &the_schedule, &err))
		return complain(err.text);
	has_schedule = true;
	/* Names are looked at where all types are known. */
	while (the_bundle.base && (w = schedule_next_stray(&the_schedule, &at))) {
		schedule_stray_text(w, err.text, sizeof(err.text));
		fprintf(stderr, "note: %s\n", err.text);
	}
	return 0;
}

static int check(const char *name, const void *dtb, u64 size)
{
	struct desc_error err;
	struct vm_desc d;

	if (schedule_is_one(dtb, size))
		return check_schedule(name, dtb, size);
	if (!desc_parse(dtb, size, name, &d, &err) && !desc_check(&d, NULL, name, &err))
		return 0;
	return complain(err.text);
}

static int check_bundled_schedule(void)
{
	struct cpio_entry e;
	void *copy;
	int wrong;

	if (bundle_find(&the_bundle, SCHEDULE_FILE, &e))
		return 0;
	copy = malloc(e.size + 1); /* in the archive it is not aligned */
	if (!copy)
		return 2;
	memcpy(copy, e.data, e.size);
	wrong = check_schedule(SCHEDULE_FILE, copy, e.size);
	free(copy);
	return wrong;
}

/*
 * Check the devicetree that a VM of this type would get, with the notes of `zvm new`; print what it
 * says.
 */
static int check_devicetree(const struct vm_type *t, bool listed)
{
	const u32 gic = t->desc.gic_version ? t->desc.gic_version : 3;
	struct cpio_entry own = { .size = 0 };
	struct dt_facts facts = { .length = 0 };
	const char *why = NULL;
	struct load_plan plan;
	char note[256];
	void *tree;

	if (t->desc.devicetree.path[0] &&
	    (bundle_find(&the_bundle, t->desc.devicetree.path, &own) ||
	     dt_check(own.data, own.size, &facts)))
		return 0; /* and was said */
	plan = (struct load_plan){ .dtb_max = guest_fdt_max(facts.length) };
	const struct guest_fdt_params p = { .desc = &t->desc, .plan = &plan, .gic_version = gic };

	tree = malloc(plan.dtb_max);
	if (!tree)
		return 2;
	if (own.size)
		why = guest_fdt_adapt(&p, own.data, own.size, tree, plan.dtb_max);
	else if (guest_fdt_generate(&p, tree, plan.dtb_max))
		why = "has no room";
	if (why)
		fprintf(stderr, "%s: devicetree: %s\n", t->file, why);
	else if (guest_fdt_note(tree, note, sizeof(note)))
		fprintf(stderr, "%s: note: %s\n", t->file, note);
	if (listed && !why)
		list_type(t, tree);
	free(tree);
	return why != NULL;
}

/* What the machine refuses when the VM is created: make_plan() of vmm/place/placement.c. */
static int check_windows(const struct vm_type *t)
{
	const struct vm_desc *d = &t->desc;
	struct desc_error error;

	if (!windows_of(&the_schedule, d) || (!d->budget_us && !d->dedicated))
		return 0;
	return refuse(t, d->dedicated ? "dedicated" : "budget-us",
		      "'%s' has windows in the schedule, and cannot have both", d->label);
}

/* The hypervisor's types, and all that it says of them at its start. */
static int check_bundle(const char *path, bool listed)
{
	static u64 early[MAX_TYPES * sizeof(struct vm_type) / sizeof(u64)];
	int wrong = 0;
	u64 size;
	const void *base = read_file(path, &size);

	early_init(early, sizeof(early));
	bundle_init(base, size);
	if (the_bundle.problem[0])
		wrong = complain(the_bundle.problem);
	for (u32 i = 0; i < vm_type_count; i++)
		wrong |= vm_types[i]->valid ? check_devicetree(vm_types[i], listed)
					    : complain(vm_types[i]->error.text);
	wrong |= check_bundled_schedule();
	for (u32 i = 0; has_schedule && i < vm_type_count; i++)
		wrong |= vm_types[i]->valid ? check_windows(vm_types[i]) : 0;
	return wrong;
}

/* Against a board, if one is given. */
static int check_board(const char *path, const char *instruction_ps)
{
	const struct schedule *s = has_schedule ? &the_schedule : NULL;
	const char *why;
	struct machine m;
	const void *dtb;
	char line[400];
	u64 size;
	int wrong;

	dtb = read_file(path, &size);
	why = dt_check(dtb, size, NULL);
	if (!why)
		why = machine_read(&m, dtb);
	if (why) {
		(void)snprintf(line, sizeof(line), "%s: the machine's devicetree %s", path, why);
		return complain(line);
	}
	wrong = check_machine(&m, s);
	if (instruction_ps)
		wrong |= check_timing(&m, s, strtoul(instruction_ps, NULL, 10));
	return wrong;
}

static int usage(void)
{
	fprintf(stderr, "usage: checkdesc NAME FILE.dtb | checkdesc -l BUNDLE | "
			"checkdesc -b BUNDLE [-m BOARD.dtb [-t PS] [-d DISK]...]\n");
	return 2;
}

int main(int argc, char **argv)
{
	const char *board = NULL, *instruction_ps = NULL;
	const void *dtb;
	u64 size;
	int wrong = 0;

	if (argc < 3 || argc % 2 == 0)
		return usage();
	if (str_eq(argv[1], "-l") && argc == 3)
		return check_bundle(argv[2], true);
	if (!str_eq(argv[1], "-b")) {
		dtb = read_file(argv[2], &size);
		return check(argv[1], dtb, size);
	}
	for (int i = 3; i < argc; i += 2) {
		if (str_eq(argv[i], "-m"))
			board = argv[i + 1];
		else if (str_eq(argv[i], "-t"))
			instruction_ps = argv[i + 1];
		else if (str_eq(argv[i], "-d"))
			wrong |= check_disk_file(argv[i + 1]);
		else
			return usage();
	}
	wrong |= check_bundle(argv[2], false);
	return board ? wrong | check_board(board, instruction_ps) : wrong;
}
