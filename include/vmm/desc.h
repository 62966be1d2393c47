/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VM descriptions: compiled devicetrees (docs/guest-abi.md), parsed and validated whole before
 * anything acts on them. Also built natively as the checker.
 */
#ifndef VMM_DESC_H
#define VMM_DESC_H

#include <lib/types.h>
#include <vmm/ram_map.h>

#define DESC_NAME_MAX 24
#define DESC_PATH_MAX 256
#define DESC_ARGS_MAX 2048 /* COMMAND_LINE_SIZE of arm64 Linux */
#define DESC_CPUS_MAX 8    /* VM_MAX_VCPUS */

/* us; a budget is no shorter than a tenth of the shortest period */
#define DESC_PERIOD_MIN 100
#define DESC_PERIOD_MAX 10000000
#define DESC_BUDGET_MIN 10

#define DESC_HANG_MIN 1000 /* ms: some looks (vmm/health.h) */
#define DESC_HANG_MAX 3600000

#define CONSOLE_PORT_ANY  (-1) /* the lowest free one */
#define CONSOLE_PORT_NONE (-2)

enum restart_policy { RESTART_NEVER, RESTART_ON_FAILURE, RESTART_ALWAYS };

/* Where an image is: a file of the bundle, or preloaded in memory. Absent: both empty. */
struct image_ref {
	char path[DESC_PATH_MAX];
	paddr_t pa;
	u64 size; /* of a preloaded one; an upper bound where size_is_limit */
	bool size_is_limit;
};

struct vm_desc {
	char label[DESC_NAME_MAX];
	u32 cpus;
	struct ram_map ram;
	struct image_ref kernel;
	struct image_ref initrd;
	struct image_ref devicetree;
	struct image_ref firmware;
	bool has_load_address, has_devicetree_address;
	u64 load_address, devicetree_address;
	char bootargs[DESC_ARGS_MAX];
	u32 priority;             /* 0..PRIO_LOWEST */
	u64 affinity;             /* 0: any */
	bool dedicated;           /* each vCPU has a CPU of its own */
	u64 period_us, budget_us; /* of each vCPU; 0: no limit */
	u32 weight;               /* among VMs of its priority that are not real-time */
	bool fifo;                /* no turns among equals */
	enum restart_policy restart;
	u32 hang_timeout_ms; /* all vCPUs with IRQs masked for so long are a failure; 0: never */
	u32 gic_version;     /* 2, 3; 0: whichever the machine has */
	bool autostart;
	bool watchdog;
	bool pmu;         /* performance monitors */
	s32 console_port; /* or CONSOLE_PORT_ANY, CONSOLE_PORT_NONE */
};

/* Why a description was refused, one line: file, node, property. */
struct desc_error {
	char text[512];
};

/*
 * Write "file: node: property: text" (node and property may be NULL), with whatever a terminal
 * should not see replaced; returns -EINVAL.
 */
int desc_refuse(struct desc_error *err, const char *file, const char *node, const char *prop,
		const char *fmt, ...) __printf(5, 6);

/*
 * Parse a compiled description (8-byte aligned). file: its name, for messages. 0 or -EINVAL with
 * err filled. Nothing is allocated; `d` is complete or not to be used. Unknown properties and
 * nodes, bad sizes, ranges, overlaps are errors; features of the description that this build does
 * not provide (net, disks, channels, passthrough) are refused by name as not supported.
 */
int __must_check desc_parse(const void *fdt, u64 size, const char *file, struct vm_desc *d,
			    struct desc_error *err);

/*
 * Check what can be checked without the machine: memory sizes, addresses inside RAM, images present
 * in the bundle.
 */
struct bundle;
int __must_check desc_check(const struct vm_desc *d, const struct bundle *b, const char *file,
			    struct desc_error *err);

/* What is wrong in itself with how d is to be scheduled, and with which property; NULL: nothing. */
const char *desc_sched_problem(const struct vm_desc *d, const char **prop);

/*
 * The state before any property is read: one vCPU, priority 20, any CPU, the lowest free console
 * port.
 */
void desc_defaults(struct vm_desc *d);

#endif
