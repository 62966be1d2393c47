/* SPDX-License-Identifier: Apache-2.0 */
/* The class of emulated devices (the GIC is not one), and the simple devices. */
#ifndef VMM_DEV_H
#define VMM_DEV_H

#include <vmm/desc.h>

struct vcpu;
struct vm;
struct vm_error;
struct vdev;

/*
 * A class of devices. Everything about the class is in its file. life/vm_devices.c lists the
 * classes and walks a VM's devices. For all members: the caller holds no lock except the lifecycle
 * lock, and no guest code of the VM runs; members with other conditions say so. A member that is
 * NULL has nothing to do.
 */
struct vdev_class {
	const char *name;
	/*
	 * Its place and its devicetree node. A VM has the device if its description says so. NULL:
	 * every VM has it, unless it is a virtio device.
	 */
	const struct desc_device *place;
	/*
	 * Not VIRTIO_NONE: a VM has one for each node of that kind in the /devices of its
	 * description.
	 */
	enum desc_virtio_kind virtio;
	bool channel; /* a VM has one for each node of /channels in its description */
	/* Says so for a device that has no row. NULL: see above. */
	bool (*wanted)(const struct vm_desc *d);
	u32 size; /* bytes of vdev.state, at most a page; zeroed before create() */
	/* Called once, before the first VM. */
	int (*host_init)(void);
	/*
	 * Put the device on the bus, in its reset state. The VM's stage 2 exists; its vCPUs do not
	 * yet.
	 */
	int (*create)(struct vdev *d);
	/*
	 * The VM is complete: take what VMs share and is scarce, console ports. Lifecycle lock
	 * held.
	 */
	void (*connect)(struct vdev *d);
	/*
	 * Reset as at power-on. No timeout may be armed afterwards. Thread context. Also called
	 * before the vCPUs are deleted. Not called if create() failed.
	 */
	void (*reset)(struct vdev *d);
	/* Give back what create() took, even if create() failed. The vCPUs and stage 2 are gone. */
	void (*destroy)(struct vdev *d);
	/*
	 * The device asked for VCPU_WORK_DEVICE, or another one did. On a vCPU's thread, interrupts
	 * masked; virtio devices have units instead.
	 */
	void (*work)(struct vdev *d, struct vcpu *v);
	/* The VM was paused for this many ticks and continues. state_wq.lock held. */
	void (*stood_still)(struct vdev *d, u64 ticks);
	/*
	 * vm->state has changed, and may be changing again: the VM runs, or stopped running. Thread
	 * context; no lock of the VM held.
	 */
	void (*state_changed)(struct vdev *d);
	/*
	 * Press the VM's power key for a moment. False: the guest does not listen to it. NULL: the
	 * device has none. The VM runs. Thread context.
	 */
	bool (*press_power_key)(struct vdev *d);
	/*
	 * One line about the device for `zvm info`; empty if there is nothing to say. The VM may
	 * run.
	 */
	void (*info)(struct vdev *d, char *text, size_t size);
	/*
	 * Bytes of the machine's memory that the device has beside its state, now. Lifecycle lock
	 * held; the VM may run.
	 */
	u64 (*memory)(const struct vdev *d);
	/* The rate limits of d->virtio have changed. Thread context; the VM may run. */
	void (*limits_changed)(struct vdev *d);
	/*
	 * How much memory the operator leaves the VM, in bytes. 0 or a negative errno with err set.
	 * NULL: the device has no influence on that. Thread context, lifecycle lock held; the VM
	 * may run.
	 */
	int (*set_memory)(struct vdev *d, u64 bytes, struct vm_error *err);
};

/* A VM's device of a class. */
struct vdev {
	const struct vdev_class *class;
	struct vm *vm;
	void *state;
	const struct desc_virtio *virtio;   /* its node; NULL: it has none */
	const struct desc_channel *channel; /* the same */
	char *why;     /* VDEV_WHY bytes, only in create(): why it fails, or "" */
	bool complete; /* create() succeeded */
};
#define VDEV_WHY 256

/*
 * Put the register table of a device on the VM's bus, at the device's place. 0, or the error of
 * mmio_add().
 */
struct reg_table;
int __must_check vdev_map(const struct vdev *d, const struct reg_table *table);

/* Arm PL011 (DDI 0183) revision r1p5, between the guest and the VM's console. */
extern const struct vdev_class vpl011_class;

/* Arm PL031 (DDI 0224): seconds. Counts from the host's boot, plus an offset. */
extern const struct vdev_class vrtc_class;
/*
 * Current wall-clock time in seconds (Unix time), from the host's own RTC if there is one; else 0
 * at boot. Set by drivers/.
 */
extern u64 (*host_wall_clock)(void);

/* Arm PL061 (DDI 0190): the power key. */
extern const struct vdev_class vpl061_class;

/* Arm SP805 (DDI 0270): the watchdog. */
extern const struct vdev_class vsp805_class;

/* QEMU's fw_cfg, for a VM with firmware: how the firmware gets the kernel, if there is one. */
extern const struct vdev_class vfwcfg_class;

/*
 * Devices of `virt` that a VM does not have read as empty: flash as erased, virtio-mmio transports
 * as without a device, the PCI bus and its windows as all ones, fw_cfg and ITS (GICv2m) as
 * zeros.
 */
extern const struct vdev_class vflash_class;
extern const struct vdev_class vempty_class;

#endif
