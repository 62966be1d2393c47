/* SPDX-License-Identifier: Apache-2.0 */
/* The types of VMs. Filled in at boot, read-only afterwards. */
#include <kernel/early.h>
#include <lib/cpio.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <lib/text.h>
#include <lib/utf8.h>
#include <vmm/core.h>
#include <vmm/load.h>

/*
 * A description is copied here before it is read: libfdt needs 8-byte alignment, and a cpio archive
 * gives 4.
 */
#define DESC_FILE_MAX KIB(16)

_Static_assert(DESC_CPUS_MAX == VM_MAX_VCPUS, "the description's limit is the VM's");

struct vm_type *vm_types[MAX_TYPES];
u32 vm_type_count;

static u8 desc_file[DESC_FILE_MAX] __aligned(8) __uncleared;

static struct vm_type *find(const char *name)
{
	for (u32 i = 0; i < vm_type_count; i++)
		if (str_eq(vm_types[i]->desc.label, name))
			return vm_types[i];
	return NULL;
}

const struct vm_type *type_find(const char *name)
{
	return find(name);
}

/* Label a type whose description cannot be read by its file's name, "vms/NAME.dtb". */
static void label_by_file(struct vm_type *t)
{
	const int len = (int)strlen(t->file) - 8;

	text_print(t->desc.label, sizeof(t->desc.label), "%.*s", len, t->file + 4);
}

static int read_description(struct vm_type *t)
{
	struct cpio_entry e;
	int ret = bundle_find(&the_bundle, t->file, &e);

	if (ret)
		return desc_refuse(&t->error, t->file, NULL, NULL, "%s", bundle_error(ret));
	if (e.size > sizeof(desc_file))
		return desc_refuse(&t->error, t->file, NULL, NULL,
				   "a description of more than 16 KiB");
	memcpy(desc_file, e.data, e.size);
	ret = desc_parse(desc_file, e.size, t->file, &t->desc, &t->error);
	return ret ? ret : desc_check(&t->desc, &the_bundle, t->file, &t->error);
}

struct vm_type *type_add(const char *file)
{
	struct vm_type *t = NULL;

	if (vm_type_count < MAX_TYPES)
		t = early_alloc(sizeof(*t), sizeof(u64));
	if (t) {
		memset(t, 0, sizeof(*t));
		vm_types[vm_type_count++] = t;
	} else if (!the_bundle.problem[0]) {
		text_print(the_bundle.problem, sizeof(the_bundle.problem),
			   "there is room for %u types: %s and those behind it are not used",
			   vm_type_count, file);
	}
	return t;
}

/* A copy that stays: the next description's take their place otherwise. NULL: nothing to keep. */
static const void *keep(struct vm_type *t, const void *from, u64 size, const char *what)
{
	void *kept = size ? early_alloc(size, sizeof(u64)) : NULL;

	if (kept) {
		memcpy(kept, from, size);
	} else if (size) {
		t->valid = false;
		(void)desc_refuse(&t->error, t->file, what, NULL, "there is no room for them");
	}
	return kept;
}

static void keep_lists(struct vm_type *t)
{
	struct vm_desc *d = &t->desc;

	d->channels = keep(t, d->channels, d->channel_count * sizeof(*d->channels), "/channels");
	d->channel_count = d->channels ? d->channel_count : 0;
	d->tasks = keep(t, d->tasks, d->task_count * sizeof(*d->tasks), "/task<n>");
	d->task_count = d->tasks ? d->task_count : 0;
}

/*
 * A type of the bundle replaces a preloaded one. Of two types in the bundle the first one stays,
 * and the second one is marked as wrong.
 */
static void add_type(const struct vm_type *t)
{
	struct vm_type *old = find(t->desc.label);
	struct vm_type *to = old && str_eq(old->file, PRELOADED_FILE) ? old : NULL;

	if (!to)
		to = type_add(t->file);
	if (!to)
		return;
	*to = *t;
	keep_lists(to);
	if (old && old != to) {
		to->valid = false;
		(void)desc_refuse(&to->error, t->file, "/", "label", "'%s' is taken by %s",
				  t->desc.label, old->file);
		label_by_file(to);
		if (old->valid)
			text_print(old->error.text, sizeof(old->error.text),
				   "%s has the label '%s' too, and is not used", t->file,
				   t->desc.label);
	}
}

/* Two archives may have a file of the same name: the later one is read. */
static bool is_known(const char *file)
{
	for (u32 i = 0; i < vm_type_count; i++)
		if (str_eq(vm_types[i]->file, file))
			return true;
	return false;
}

static void add_description(const struct cpio_entry *e)
{
	static struct vm_type t; /* too large for a stack */
	const char *name = bundle_description(&the_bundle, e);
	bool fits;

	if (!name)
		return;
	memset(&t, 0, sizeof(t));
	fits = str_copy(t.file, "vms/", sizeof(t.file)) &&
	       str_copy(t.file + 4, name, sizeof(t.file) - 4);
	if (is_known(t.file))
		return;
	if (fits)
		t.valid = !read_description(&t);
	else
		(void)desc_refuse(&t.error, t.file, NULL, NULL, "the name is longer than %zu bytes",
				  sizeof(t.file) - 1);
	utf8_clean(t.file); /* it is shown on terminals */
	if (!t.desc.label[0])
		label_by_file(&t);
	add_type(&t);
}

void bundle_init(const void *base, u64 size)
{
	struct cpio_entry e;
	struct cpio c;

	bundle_open(&the_bundle, base, size);
	cpio_open(&c, the_bundle.base, the_bundle.size);
	while (cpio_next(&c, &e) > 0)
		add_description(&e);
	types_match_channels();
	types_match_control();
}
