/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time windows: the bundle's schedule.dtb gives CPUs a major frame, over and over again, and VMs
 * windows in it (docs/guest-abi.md). Also built natively as the checker.
 */
#ifndef VMM_SCHEDULE_H
#define VMM_SCHEDULE_H

#include <vmm/desc.h>

#define SCHEDULE_FILE    "schedule.dtb"
#define SCHEDULE_CPUS    8
#define SCHEDULE_WINDOWS 12 /* of a CPU */

#define FRAME_US_MIN  1000
#define FRAME_US_MAX  10000000
#define WINDOW_US_MIN 50

struct schedule_window {
	char node[DESC_NAME_MAX];
	char vm[DESC_NAME_MAX]; /* the VM's name */
	u64 offset_us, length_us;
	u8 number; /* the VM's, while it has windows anywhere (sched_params.window); 0: none yet */
};

struct schedule_cpu {
	u64 frame_us; /* 0: no windows here */
	u32 count;
	struct schedule_window windows[SCHEDULE_WINDOWS]; /* by time */
};

struct schedule {
	struct schedule_cpu cpus[SCHEDULE_CPUS];
};

/*
 * Parse a compiled schedule (8-byte aligned). 0 or -EINVAL with err filled: file, node, property.
 * Windows lie within the frame and do not overlap. Nothing is allocated.
 */
int __must_check schedule_parse(const void *fdt, u64 size, const char *file, struct schedule *s,
				struct desc_error *err);

/*
 * Put a window among those of a CPU. 0; or -EINVAL if it does not fit, with the sum in `why` and the property at fault in *prop, and nothing is changed.
 */
int __must_check schedule_add_window(struct schedule_cpu *c, const struct schedule_window *new,
				     const char **prop, char *why, size_t size);

/*
 * The next window, from place *at on, which begins with 0, of a VM that no type of the bundle makes by itself: only `zvm new --name` does. One window for each such VM.
 * NULL: there is no more. Pure.
 */
const struct schedule_window *schedule_next_stray(const struct schedule *s, u32 *at);
/* One line about it, and about the type that may be meant. */
void schedule_stray_text(const struct schedule_window *w, char *text, size_t size);

/* Whether a devicetree says that it is one. */
bool schedule_is_one(const void *fdt, u64 size);

/* ---- the machine's ---- */

/* What a VM's windows shall be; none at all is possible. */
struct schedule_windows {
	u32 count;
	struct {
		u32 cpu;
		u64 offset_us, length_us;
	} at[SCHEDULE_WINDOWS];
};

struct vm_error;

/*
 * See what it would be like if these were all windows of that VM: what is asked below is answered so from now on, CPUs keep to what they had. Then one
 * of the other two. 0; or -EINVAL with the reason in err->text, and nothing is changed. Lifecycle lock held.
 */
int __must_check schedule_propose(const char *vm, const struct schedule_windows *want,
				  struct vm_error *err);
void schedule_withdraw(void);
/* CPUs keep to it at once; their frames go on where they are. Thread context. */
void schedule_adopt(void);

/* Read the bundle's schedule, if it has one, and have CPUs keep it. What is wrong is logged. Boot, thread context. */
void schedule_init(void);

/*
 * What is wrong with the bundle's schedule, or to be noted: the next line, from *at on, which begins with 0. False: there is no more. Lifecycle lock held.
 */
bool schedule_next_note(u32 *at, char *text, size_t size);

/* CPUs with a frame; of these, CPUs where the VM has a window; CPUs whose frame has time to spare. */
u64 schedule_cpus(void);
u64 schedule_cpus_of(const char *vm);
u64 schedule_cpus_with_gaps(void);

/* The number of that VM's windows on a CPU (sched_params.window): 0, the time of no window, if it has none there. */
u8 schedule_window_of(const char *vm, u32 cpu);

/* What a CPU keeps to; frame_us 0: nothing. */
const struct schedule_cpu *schedule_of_cpu(u32 cpu);

#endif
