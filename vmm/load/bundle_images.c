/* SPDX-License-Identifier: Apache-2.0 */
/* Images that types name: files of the bundle, and images in memory. */
#include <arch/mmu.h>
#include <kernel/ram.h>
#include <lib/devicetree.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/load.h>

static bool has_image(const struct image_ref *ref)
{
	return ref->path[0] || ref->size;
}

static bool in_memory(const struct image_ref *ref)
{
	return !ref->path[0] && ref->size;
}

const char *preload_keep(paddr_t pa, u64 size)
{
	const struct phys_range r = { pa, size };
	const char *why = ram_problem(r, BIT(RAM_PRELOADED));

	if (!why && !ram_take(r, RAM_PRELOADED))
		why = "no memory is left to record it";
	return why;
}

static int keep(struct vm_type *t, const char *prop, const struct image_ref *ref)
{
	const char *why = in_memory(ref) ? preload_keep(ref->pa, ref->size) : NULL;

	return why ? desc_refuse(&t->error, t->file, "/", prop, "0x%lx, 0x%lx bytes: %s",
				 ref->pa.pa, ref->size, why)
		   : 0;
}

/*
 * Check a type whose images lie in memory: they must be in RAM, which is kept from now on, and a VM
 * must be able to start with them.
 */
static int check_in_memory(struct vm_type *t)
{
	const void *kernel = NULL, *initrd = NULL, *dtb = NULL;
	u64 kernel_size = 0, initrd_size = 0, dtb_size = 0;
	struct desc_error why;
	struct load_plan plan;
	int ret = keep(t, "kernel-address", &t->desc.kernel);

	if (!ret)
		ret = keep(t, "initrd-address", &t->desc.initrd);
	if (ret)
		return ret;
	if (image_get(&t->desc.kernel, &kernel, &kernel_size) ||
	    (has_image(&t->desc.initrd) && image_get(&t->desc.initrd, &initrd, &initrd_size)))
		return desc_refuse(&t->error, t->file, "/", NULL, "an image cannot be read");
	if (has_image(&t->desc.devicetree))
		(void)!image_get(&t->desc.devicetree, &dtb, &dtb_size);
	ret = image_plan(&t->desc, kernel, kernel_size, initrd_size, dtb ? dt_length(dtb) : 0,
			 &plan, &why);
	if (!ret && initrd_size)
		ret = image_check_initrd(initrd, initrd_size, &why);
	return ret ? desc_refuse(&t->error, t->file, "/", NULL, "%s", why.text) : 0;
}

void bundle_reserve(void)
{
	for (u32 i = 0; i < vm_type_count; i++) {
		struct vm_type *t = vm_types[i];

		if (!t->valid || str_eq(t->file, PRELOADED_FILE) ||
		    !(in_memory(&t->desc.kernel) || in_memory(&t->desc.initrd)))
			continue;
		t->valid = !check_in_memory(t);
	}
}

int image_get(const struct image_ref *ref, const void **data, u64 *size)
{
	struct cpio_entry e = { .data = ref->data, .size = ref->size };

	if (ref->path[0]) {
		const int ret = e.data ? 0 : bundle_find(&the_bundle, ref->path, &e);

		if (ret)
			return ret;
	} else {
		if (!ref->size)
			return -ENOENT;
		if (!ram_holds((struct phys_range){ ref->pa, ref->size }, RAM_PRELOADED))
			return -EINVAL;
		e.data = phys_to_virt(ref->pa);
	}
	*data = e.data;
	*size = e.size;
	return 0;
}
