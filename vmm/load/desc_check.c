/* SPDX-License-Identifier: Apache-2.0 */
/* Checks a description against the room in the VM's RAM and the files of the bundle. */
#include <lib/cpio.h>
#include <lib/devicetree.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <vmm/desc.h>
#include <vmm/load.h>

/* The description being checked, and where errors go. */
struct check {
	struct vm_desc *d;
	const struct bundle *b;
	const char *file;
	struct desc_error *err;
};

#define refuse(c, prop, ...) desc_refuse((c)->err, (c)->file, "/", prop, __VA_ARGS__)

/* Find the file that ref names, if it names one. */
static int check_file(const struct check *c, struct image_ref *ref, const char *prop)
{
	struct cpio_entry e;
	int ret;

	if (!ref->path[0])
		return 0;
	ret = bundle_find(c->b, ref->path, &e);
	if (ret == -ENOENT)
		return refuse(c, prop, "the bundle has no file '%s'", ref->path);
	if (ret)
		return refuse(c, prop, "'%s' %s", ref->path, bundle_error(ret));
	if (!e.size)
		return refuse(c, prop, "'%s' is empty", ref->path);
	ref->data = e.data;
	ref->size = e.size;
	return 0;
}

static int check_devicetree(const struct check *c, const struct image_ref *dtb)
{
	const struct image_kind *kind = image_kind_of(dtb->data, dtb->size);
	const char *path = c->d->devicetree.path, *why;
	struct dt_facts facts;

	if (!dtb->data)
		return 0;
	why = dt_check(dtb->data, dtb->size, &facts);
	if (why && kind)
		return refuse(c, "devicetree", "'%s' is %s", path, kind->name);
	if (why)
		return refuse(c, "devicetree", "'%s' is not a compiled devicetree: it %s", path,
			      why);
	if (facts.length > GUEST_FDT_OWN_MAX)
		return refuse(c, "devicetree", "'%s' has %u KiB, at most %lu KiB are possible",
			      path, facts.length >> 10, GUEST_FDT_OWN_MAX >> 10);
	return 0;
}

/* The images of its disks. */
static int check_disks(const struct check *c)
{
	char node[16 + DESC_NAME_MAX];

	for (u32 i = 0; i < c->d->virtio_count; i++) {
		const struct desc_virtio *v = &c->d->virtio[i];
		struct cpio_entry e;
		int ret;

		if (!v->image[0])
			continue;
		ret = bundle_find(c->b, v->image, &e);
		(void)snprintf(node, sizeof(node), "/devices/%s", v->name);
		if (ret == -ENOENT)
			return desc_refuse(c->err, c->file, node, "image",
					   "the bundle has no file '%s'", v->image);
		if (ret)
			return desc_refuse(c->err, c->file, node, "image", "'%s' %s", v->image,
					   bundle_error(ret));
		if (!e.size)
			return desc_refuse(c->err, c->file, node, "image", "'%s' is empty",
					   v->image);
	}
	return 0;
}

static int check_files(const struct check *c)
{
	struct vm_desc *d = c->d;
	const struct image_ref *dtb = &d->devicetree;
	struct desc_error why;
	struct load_plan plan;
	int ret = check_file(c, &d->firmware, "firmware");

	if (!ret)
		ret = check_file(c, &d->kernel, "kernel");
	if (!ret)
		ret = check_file(c, &d->initrd, "initrd");
	if (!ret)
		ret = check_file(c, &d->devicetree, "devicetree");
	if (!ret)
		ret = check_disks(c);
	if (!ret)
		ret = check_devicetree(c, dtb);
	if (ret)
		return ret;
	if (d->initrd.data && image_check_initrd(d->initrd.data, d->initrd.size, &why))
		return refuse(c, NULL, "%s", why.text);
	if (d->firmware.data && image_check_firmware(d->firmware.data, d->firmware.size, &why))
		return refuse(c, NULL, "%s", why.text);
	/* A kernel in memory is checked when the VM is created. */
	if (!d->kernel.path[0] && !d->firmware.data)
		return 0;
	ret = image_plan(d, d->kernel.data, d->kernel.data ? d->kernel.size : 0, d->initrd.size,
			 dtb->data ? dt_length(dtb->data) : 0, &plan, &why);
	return ret ? refuse(c, NULL, "%s", why.text) : 0;
}

int desc_check(struct vm_desc *d, const struct bundle *b, const char *file, struct desc_error *err)
{
	const struct check c = { .d = d, .b = b, .file = file, .err = err };
	char text[RAM_MAP_TEXT], why[200];

	err->text[0] = '\0';
	if (ram_map_check(&d->ram, why, sizeof(why)))
		return refuse(&c, "memory", "%s", why);
	(void)ram_map_text(&d->ram, text, sizeof(text));
	if (d->has_load_address &&
	    (!ram_map_holds(&d->ram, d->load_address, 4) || d->load_address % 4))
		return refuse(&c, "load-address", "0x%lx does not lie in RAM (%s)", d->load_address,
			      text);
	if (d->has_devicetree_address &&
	    (!ram_map_holds(&d->ram, d->devicetree_address, GUEST_FDT_MAX) ||
	     d->devicetree_address % 8))
		return refuse(&c, "devicetree-address", "0x%lx has no 64 KiB of RAM (%s)",
			      d->devicetree_address, text);
	return b && b->base ? check_files(&c) : 0;
}
