/* SPDX-License-Identifier: Apache-2.0 */
/* The class of the emulated devices beside the GIC, and the simple ones of them. */
#ifndef VMM_DEV_H
#define VMM_DEV_H

#include <vmm/desc.h>

struct vm;
struct vdev;

/*
 * A class of devices. Its file holds all that there is of it; life/devices.c lists the classes and walks a VM's
 * devices. What a member says of locks holds for all classes: no lock but the lifecycle lock may be held, and no
 * guest code of the VM runs. A member that is NULL has nothing to do.
 */
struct vdev_class {
	const char *name;
	/* Its place and its node in the devicetree; VMs have it as their descriptions say. NULL: every VM has it. */
	const struct desc_device *place;
	u32 size; /* bytes of vdev.state, which create() finds as zeros; at most a page */
	/* Once, before the first VM. */
	int (*host_init)(void);
	/* Put it on the bus, in its reset state. The VM's stage 2 exists; its vCPUs do not yet. */
	int (*create)(struct vdev *d);
	/* As at power-on; no timeout is armed afterwards. Thread context. Also before the vCPUs are unmade. */
	void (*reset)(struct vdev *d);
	/* Give back what create() took, which may have failed. The vCPUs and stage 2 are gone. */
	void (*destroy)(struct vdev *d);
	/* The VM was paused for so many ticks, and goes on. state_wq.lock held. */
	void (*stood_still)(struct vdev *d, u64 ticks);
	/* How it is, for `zvm info`: one line, empty if there is nothing to say. The VM may run. */
	void (*info)(struct vdev *d, char *text, size_t size);
};

/* One VM's device of a class. */
struct vdev {
	const struct vdev_class *class;
	struct vm *vm;
	void *state;
};

/* The register table of a device at its place, on the VM's bus: `table` has the slots of reg_table_init(). 0, or what mmio_add() answers. */
struct reg_table;
int __must_check vdev_map(const struct vdev *d, const struct reg_table *table);

/* Arm PL011 (DDI 0183) revision r1p5, between the guest and the VM's console. */
extern const struct vdev_class vpl011_class;

/* Arm PL031 (DDI 0224): seconds. Counts from the host's boot plus an offset. */
extern const struct vdev_class vrtc_class;
/*
 * Wall-clock seconds (Unix time) now, from the host's own RTC if there is one, else 0 at boot; set
 * by drivers/.
 */
extern u64 (*host_wall_clock)(void);

/* Arm SP805 (DDI 0270): the watchdog. */
extern const struct vdev_class vsp805_class;

/*
 * What `virt` has and a VM has not reads as empty: flash as erased; virtio-mmio transports as without a device, the PCI
 * bus and its windows as all ones, fw_cfg, GPIO, ITS (GICv2m) as zeros.
 */
extern const struct vdev_class vflash_class;
extern const struct vdev_class vempty_class;

#endif
