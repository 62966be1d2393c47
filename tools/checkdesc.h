/* SPDX-License-Identifier: Apache-2.0 */
/* What checkdesc's files share: the board that a bundle is checked against, and its timing. */
#ifndef CHECKDESC_H
#define CHECKDESC_H

#include <vmm/desc.h>
#include <vmm/load.h>

/* A board, by its devicetree. */
struct machine {
	u64 cpus;   /* a bit each, in the order of the tree */
	u64 memory; /* bytes */
	u32 gic;    /* 2, 3; 0: none was found */
	u32 disks;  /* how many it can have: transports of virtio devices */
};

/* Print a line on stderr. Returns 1, as check_machine() and check_timing() do for an error. */
int complain(const char *text);

/* An error of a description; `error` is the caller's. */
#define refuse_at(t, node, prop, ...) \
	(desc_refuse(&error, (t)->file, node, prop, __VA_ARGS__), complain(error.text))
#define refuse(t, prop, ...) refuse_at(t, "/", prop, __VA_ARGS__)

/* Read a board's devicetree, which passed dt_check(). NULL, or what is missing in it. */
const char *machine_read(struct machine *m, const void *dtb);

/* Read the partition table of a disk of the machine, if it has one: of vda, then of vdb, ... */
int check_disk_file(const char *path);
/* Compare the disks that a type names with the board's, and with those files, if there are some. */
int check_disks(const struct machine *m, const struct vm_type *t);

/* Compare the board with what the types and the schedule (or NULL) ask for: a line an error. */
int check_machine(const struct machine *m, const struct schedule *s);

/* The CPUs where a schedule, which may be NULL, has windows for VMs of that type. */
u64 windows_of(const struct schedule *s, const struct vm_desc *d);

/*
 * Print how late the timers of each real-time type's VM can be, and when its tasks end, with one VM
 * of each type and so many picoseconds an instruction. An error: a task's deadline does not hold.
 */
int check_timing(const struct machine *m, const struct schedule *s, u64 instruction_ps);

/* Print what a VM of this type will see: its images, and the places in its devicetree. */
void list_type(const struct vm_type *t, const void *tree);

#endif
