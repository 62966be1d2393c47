/* SPDX-License-Identifier: Apache-2.0 */
/* The types that VMs can be made of. Filled in at boot, read-only afterwards. */
#include <arch/mmu.h>
#include <kernel/log.h>
#include <lib/cpio.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/bundle.h>
#include <vmm/image.h>
#include <vmm/preload.h>
#include <vmm/vcpu.h>

/*
 * A description is copied here before it is read: libfdt wants 8-byte alignment, a cpio archive
 * gives 4.
 */
#define DESC_FILE_MAX KIB(16)

_Static_assert(DESC_CPUS_MAX == VM_MAX_VCPUS, "the description's limit is the VM's");

struct vm_type vm_types[MAX_TYPES];
u32 vm_type_count;
struct bundle the_bundle;

static u8 desc_file[DESC_FILE_MAX] __aligned(8);

static struct vm_type *find(const char *name)
{
	for (u32 i = 0; i < vm_type_count; i++)
		if (str_eq(vm_types[i].desc.label, name))
			return &vm_types[i];
	return NULL;
}

const struct vm_type *type_find(const char *name)
{
	return find(name);
}

/* "vms/<name>.dtb": the name's length, else 0. */
static size_t description_name(const char *path)
{
	const size_t len = strlen(path);

	if (!str_starts(path, "vms/") || len <= 8 || !str_eq(path + len - 4, ".dtb") ||
	    strchr(path + 4, '/'))
		return 0;
	return len - 8;
}

/* What a type is called while its description cannot be read: its file's name. */
static void label_by_file(struct vm_type *t, const char *path, size_t len)
{
	len = MIN(len, sizeof(t->desc.label) - 1);
	memcpy(t->desc.label, path + 4, len);
	t->desc.label[len] = '\0';
}

static int read_description(struct vm_type *t, const struct cpio_entry *e)
{
	int ret;

	if (e->size > sizeof(desc_file))
		return desc_refuse(&t->error, t->file, NULL, NULL,
				   "a description of more than 16 KiB");
	memcpy(desc_file, e->data, e->size);
	ret = desc_parse(desc_file, e->size, t->file, &t->desc, &t->error);
	return ret ? ret : desc_check(&t->desc, &the_bundle, t->file, &t->error);
}

/*
 * A type of the bundle takes the place of a preloaded one; of two in the bundle the first stays and
 * says nothing, the second is wrong.
 */
static void add_type(const struct vm_type *t)
{
	struct vm_type *old = find(t->desc.label);
	struct vm_type *to = old && str_eq(old->file, PRELOADED_FILE) ? old : NULL;

	if (!to && vm_type_count < MAX_TYPES)
		to = &vm_types[vm_type_count++];
	if (!to)
		return;
	*to = *t;
	if (old && old != to) {
		to->valid = false;
		(void)desc_refuse(&to->error, t->file, "/", "label", "'%s' is taken by %.60s",
				  t->desc.label, old->file);
		label_by_file(to, t->file, description_name(t->file));
	}
}

static void add_description(const struct cpio_entry *e)
{
	static struct vm_type t; /* too large for a stack */
	const size_t len = description_name(e->name);

	if (!len)
		return;
	memset(&t, 0, sizeof(t));
	(void)str_copy(t.file, e->name, sizeof(t.file));
	utf8_clean(t.file); /* it is shown on terminals */
	t.valid = !read_description(&t, e);
	if (!t.desc.label[0])
		label_by_file(&t, t.file, MIN(len, strlen(t.file) - 4));
	add_type(&t);
}

void bundle_init(const void *base, u64 size)
{
	struct cpio_entry e;
	struct cpio c;
	int more;

	the_bundle = (struct bundle){ .base = base, .size = base ? size : 0 };
	if (!base)
		return;
	cpio_open(&c, base, size);
	while ((more = cpio_next(&c, &e)) > 0)
		add_description(&e);
	if (more < 0)
		log_warn("bundle: not a cpio archive (newc) from offset %lu on", c.offset);
}

static bool has_image(const struct image_ref *ref)
{
	return ref->path[0] || ref->size;
}

static bool in_memory(const struct image_ref *ref)
{
	return !ref->path[0] && ref->size;
}

static bool add_range(struct phys_range *reserved, u32 max, u32 *count, const struct image_ref *ref)
{
	if (!in_memory(ref))
		return true;
	if (*count == max || !preload_keep(ref->pa, ref->size))
		return false;
	reserved[(*count)++] = (struct phys_range){ .base = ref->pa, .size = ref->size };
	return true;
}

/* Images that lie in memory are RAM, which is kept from now on, and a VM can be started with them. */
static int check_in_memory(struct vm_type *t, struct phys_range *reserved, u32 max, u32 *count)
{
	const void *kernel = NULL, *initrd = NULL, *dtb = NULL;
	u64 kernel_size = 0, initrd_size = 0, dtb_size = 0;
	struct desc_error why;
	struct load_plan plan;
	int ret;

	if (!add_range(reserved, max, count, &t->desc.kernel) ||
	    !add_range(reserved, max, count, &t->desc.initrd) ||
	    image_get(&t->desc.kernel, &kernel, &kernel_size) ||
	    (has_image(&t->desc.initrd) && image_get(&t->desc.initrd, &initrd, &initrd_size)))
		return desc_refuse(&t->error, t->file, "/", "kernel-address or initrd-address",
				   "no RAM there");
	if (has_image(&t->desc.devicetree))
		(void)!image_get(&t->desc.devicetree, &dtb, &dtb_size);
	ret = image_plan(&t->desc, kernel, kernel_size, initrd_size,
			 image_fdt_length(dtb, dtb_size), &plan, &why);
	if (!ret && initrd_size)
		ret = image_check_initrd(initrd, initrd_size, &why);
	return ret ? desc_refuse(&t->error, t->file, "/", NULL, "%s", why.text) : 0;
}

u32 bundle_reserve(struct phys_range *reserved, u32 max)
{
	u32 count = 0;

	for (u32 i = 0; i < vm_type_count; i++) {
		struct vm_type *t = &vm_types[i];

		if (!t->valid || str_eq(t->file, PRELOADED_FILE) ||
		    !(in_memory(&t->desc.kernel) || in_memory(&t->desc.initrd)))
			continue;
		t->valid = !check_in_memory(t, reserved, max, &count);
	}
	return count;
}

int image_get(const struct image_ref *ref, const void **data, u64 *size)
{
	struct cpio_entry e;
	int ret;

	if (!ref->path[0]) {
		if (!ref->size)
			return -ENOENT;
		if (!preload_kept(ref->pa, ref->size))
			return -EINVAL;
		*data = phys_to_virt(ref->pa);
		*size = ref->size;
		return 0;
	}
	if (!the_bundle.base)
		return -ENOENT;
	ret = cpio_find(the_bundle.base, the_bundle.size, ref->path, &e);
	if (ret)
		return ret;
	*data = e.data;
	*size = e.size;
	return 0;
}
