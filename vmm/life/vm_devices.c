/* SPDX-License-Identifier: Apache-2.0 */
/* A VM's devices: the list of their classes, and the walks through the devices of a VM. */
#include <lib/errno.h>
#include <vmm/cpu.h>
#include <vmm/dev.h>
#include <vmm/life.h>
#include <vmm/pci.h>
#include <vmm/trace.h>
#include <vmm/virtio.h>

/* In the order in which they are created and reset. */
static const struct vdev_class *const classes[] = {
	&vpl011_class,       &vrtc_class,        &vpl061_class,       &vsp805_class,
	&vflash_class,       &vfwcfg_class,      &pci_class,          &vempty_class,
	&pvtime_class,       &ivshmem_class,     &virtio_rng_class,   &virtio_blk_class,
	&virtio_con_class,   &virtio_net_class,  &virtio_vsock_class, &virtio_balloon_class,
	&virtio_rpmsg_class, &trace_guest_class,
};
_Static_assert(ARRAY_SIZE(classes) + DESC_VIRTIO_MAX + DESC_CHANNELS_MAX <= VM_MAX_DEVICES,
	       "a VM may have all");

int vdevs_host_init(void)
{
	int r = 0;

	for (u32 i = 0; i < ARRAY_SIZE(classes) && !r; i++)
		r = classes[i]->host_init ? classes[i]->host_init() : 0;
	return r;
}

/* A device of `like`'s class and node. */
static int create(struct vm *vm, const struct vdev *like, char *why)
{
	struct vdev *d = &vm->devices[vm->ndevices];
	int r;

	*d = *like;
	d->vm = vm;
	d->why = why;
	if (d->class->size) {
		d->state = kzalloc(d->class->size);
		if (!d->state)
			return -ENOMEM;
	}
	vm->ndevices++;
	r = d->class->create(d);
	d->why = NULL;
	d->complete = !r;
	return r;
}

/* One for each node of that kind. */
static int create_virtio(struct vm *vm, struct vdev *like, char *why)
{
	int r = 0;

	for (u32 i = 0; i < vm->desc.virtio_count && !r; i++) {
		like->virtio = &vm->desc.virtio[i];
		if (like->virtio->kind == like->class->virtio)
			r = create(vm, like, why);
	}
	return r;
}

static int create_channels(struct vm *vm, struct vdev *like, char *why)
{
	int r = 0;

	for (u32 i = 0; i < vm->desc.channel_count && !r; i++) {
		like->channel = &vm->desc.channels[i];
		r = create(vm, like, why);
	}
	return r;
}

static bool is_wanted(const struct vdev_class *class, const struct vm_desc *d)
{
	if (class->wanted)
		return class->wanted(d);
	return !class->place || desc_has_device(d, class->place);
}

int vdevs_create(struct vm *vm, char why[VDEV_WHY])
{
	int r = 0;

	why[0] = '\0';
	for (u32 i = 0; i < ARRAY_SIZE(classes) && !r; i++) {
		struct vdev like = { .class = classes[i] };

		if (classes[i]->virtio)
			r = create_virtio(vm, &like, why);
		else if (classes[i]->channel)
			r = create_channels(vm, &like, why);
		else if (is_wanted(classes[i], &vm->desc))
			r = create(vm, &like, why);
	}
	return r;
}

void vdevs_connect(struct vm *vm)
{
	for (u32 i = 0; i < vm->ndevices; i++)
		if (vm->devices[i].class->connect)
			vm->devices[i].class->connect(&vm->devices[i]);
}

void vdevs_reset(struct vm *vm)
{
	for (u32 i = 0; i < vm->ndevices; i++)
		if (vm->devices[i].class->reset && vm->devices[i].complete)
			vm->devices[i].class->reset(&vm->devices[i]);
}

void vdevs_state_changed(struct vm *vm)
{
	for (u32 i = 0; i < vm->ndevices; i++)
		if (vm->devices[i].class->state_changed)
			vm->devices[i].class->state_changed(&vm->devices[i]);
}

bool vdevs_press_power_key(struct vm *vm)
{
	bool heard = false;

	for (u32 i = 0; i < vm->ndevices; i++)
		if (vm->devices[i].class->press_power_key)
			heard |= vm->devices[i].class->press_power_key(&vm->devices[i]);
	return heard;
}

void vdevs_stood_still(struct vm *vm, u64 ticks)
{
	for (u32 i = 0; i < vm->ndevices; i++)
		if (vm->devices[i].class->stood_still)
			vm->devices[i].class->stood_still(&vm->devices[i], ticks);
}

void vdevs_destroy(struct vm *vm)
{
	while (vm->ndevices > 0) {
		struct vdev *d = &vm->devices[--vm->ndevices];

		if (d->class->destroy)
			d->class->destroy(d);
		if (d->state)
			kfree(d->state, d->class->size);
	}
}
