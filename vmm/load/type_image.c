/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels that guests have loaded for the types that they control (<vmm/load.h>). */
#include <arch/mmu.h>
#include <lib/devicetree.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <vmm/load.h>

#define SPARED MIB(16) /* of the machine's memory: no image takes it */

/* That of each type, in the order of vm_types. Lifecycle lock. */
static struct type_image *current[MAX_TYPES];

static struct type_image **slot_of(const struct vm_type *type)
{
	u32 i = 0;

	while (i < MAX_TYPES - 1 && vm_types[i] != type)
		i++;
	return &current[i];
}

static const char *problem(const struct vm_type *type, u64 size, char *text, size_t len)
{
	const u64 most = MIN(TYPE_IMAGE_MAX, ram_map_size(&type->desc.ram));

	if (!type->valid)
		return type->error.text;
	if (type->desc.firmware.path[0])
		return "a VM with firmware takes no other kernel";
	if (size && size <= most)
		return NULL;
	(void)snprintf(text, len, "an image of %lu bytes: 1 to %lu are possible", size, most);
	return text;
}

static bool take_memory(struct type_image *image)
{
	struct page_stats mem;

	page_stats(&mem);
	if (mem.blocks_free < image->blocks + SPARED / BLOCK_SIZE || !block_reserve(image->blocks))
		return false;
	if (!block_alloc(image->blocks, 1, &image->pa)) {
		block_unreserve(image->blocks);
		return false;
	}
	for (u32 i = 0; i < image->blocks; i++)
		(void)!block_use(PADDR(image->pa.pa + i * BLOCK_SIZE));
	image->data = phys_to_virt(image->pa);
	return true;
}

struct type_image *type_image_new(const struct vm_type *type, u64 size, struct desc_error *err)
{
	struct type_image *image;
	const char *why = problem(type, size, err->text, sizeof(err->text));

	if (why) {
		if (why != err->text)
			(void)snprintf(err->text, sizeof(err->text), "%s", why);
		return NULL;
	}
	image = kzalloc(sizeof(*image));
	if (image) {
		image->type = type;
		image->size = size;
		image->blocks = (u32)(ALIGN_UP(size, BLOCK_SIZE) / BLOCK_SIZE);
		if (take_memory(image))
			return image;
		kfree(image, sizeof(*image));
	}
	(void)snprintf(err->text, sizeof(err->text),
		       "no memory for an image of %lu bytes: %lu MiB of the machine's stay free",
		       size, SPARED / MIB(1));
	return NULL;
}

void type_image_free(struct type_image *image)
{
	block_free(image->pa, image->blocks);
	block_unreserve(image->blocks);
	kfree(image, sizeof(*image));
}

int type_image_set(struct type_image *image, struct desc_error *err)
{
	const struct vm_desc *d = &image->type->desc;
	struct type_image **slot = slot_of(image->type);
	const void *dtb = NULL, *initrd;
	u64 dtb_size = 0, initrd_size = 0;
	struct load_plan plan;

	if (d->devicetree.path[0] || d->devicetree.size)
		(void)!image_get(&d->devicetree, &dtb, &dtb_size);
	if (d->initrd.path[0] || d->initrd.size)
		(void)!image_get(&d->initrd, &initrd, &initrd_size);
	if (image_plan(d, image->data, image->size, initrd_size, dtb ? dt_length(dtb) : 0, &plan,
		       err))
		return -EINVAL;
	type_image_put(*slot);
	image->users = 1;
	*slot = image;
	return 0;
}

struct type_image *type_image_get(const struct vm_type *type)
{
	struct type_image *image = *slot_of(type);

	if (image)
		image->users++;
	return image;
}

void type_image_put(struct type_image *image)
{
	if (image && --image->users == 0)
		type_image_free(image);
}
