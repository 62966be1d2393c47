/* SPDX-License-Identifier: Apache-2.0 */
/* A VM and its life. The lifecycle calls are the same for the shell and for any later manager. */
#ifndef VMM_VM_H
#define VMM_VM_H

#include <kernel/sync.h>
#include <vmm/bundle.h>
#include <vmm/console.h>
#include <vmm/desc.h>
#include <vmm/image.h>
#include <vmm/memory.h>
#include <vmm/mmio.h>
#include <vmm/vcpu.h>
#include <vmm/vdev.h>
#include <vmm/vgic.h>

#define MAX_VMS 16

enum vm_state {
	VM_CREATED, /* images loaded, never run */
	VM_RUNNING,
	VM_PAUSED,
	VM_STOPPED, /* powered off, or cut off */
	VM_CRASHED, /* stopped by us: see vm->crash */
	VM_LOADING, /* its RAM is being cleared and its images put there */
};

/* What a guest asked for (PSCI), or what we had to do to it; see vm_tend(). */
enum vm_request { VM_REQ_NONE, VM_REQ_OFF, VM_REQ_RESET, VM_REQ_CRASH };

struct vm {
	u32 id;
	char name[DESC_NAME_MAX];
	const struct vm_type *type;
	struct vm_desc desc; /* as created: the type's with the command's overrides */
	struct stage2 s2;
	struct vm_ram ram;
	struct load_plan plan;
	struct mmio_bus bus;
	struct vgic vgic;
	struct vpl011 uart;
	struct vrtc rtc;
	struct console console;
	bool maps_flash;             /* a vCPU is at it (vempty.c; atomic) */
	struct pvtime_entry *pvtime; /* a page of them, one per vCPU; see vmm/smccc.h */
	u32 nvcpus;
	struct vcpu *vcpus[VM_MAX_VCPUS];
	struct timeout look;        /* asks its vCPUs for looks (health.c) */
	struct wait_queue state_wq; /* guards and signals what follows */
	struct wait_queue halt_wq;  /* waits for vCPUs to park; they do not wake each other */
	enum vm_state state;
	bool run_allowed; /* vCPUs may run guest code */
	bool exiting;     /* vCPU threads end */
	bool operated;    /* an operator's call is at work on it: vCPU 0 begins nothing by itself */
	bool loaded;      /* VM_LOADING: images and devices are as they have to be at the start */
	bool then_run;    /* VM_LOADING: it runs as soon as it is loaded; else it is VM_CREATED */
	bool mem_protect; /* what PSCI MEM_PROTECT was last told */
	enum vm_request request;
	u64 cntvoff; /* the machine's counter minus the virtual one; see vmm/vtimer.h */
	u64 paused_at;
	u64 created_at; /* counter value; no other VM has the same */
	u64 started_at;
	int load_result; /* VM_LOADING: why it cannot be loaded; a negative errno, its text is in `crash` */
	u8 lift; /* priority that its vCPUs have at least (vm_sched_refresh()); PRIO_IDLE: they are not lifted */
	u32 restarts;
	u32 short_lives; /* ends, less one for every SHORT_LIFE_MS that it lived */
	u64 restart_at;  /* it starts again then; 0: it does not */
	u64 ticks_at_start; /* what its vCPUs had run before this start, and how many exits they had had */
	u64 exits_at_start;
	char crash[512]; /* why it was last stopped by us, or not loaded, one line */
	char note[256];  /* what the operator should know of its images; mostly empty */
};

struct vm_options {
	const char *name;     /* NULL: the type's, made unique */
	u32 cpus;             /* 0: the description's */
	u64 memory;           /* 0: the description's */
	s32 priority;         /* -1: the description's */
	u64 affinity;         /* 0: the description's */
	const char *bootargs; /* behind the description's; NULL: none */
};

/* One line of explanation for the operator. */
struct vm_error {
	char text[512];
};

/* Register the vmm's interrupts; read the schedule. Boot. */
int __must_check vmm_init(void);
/* Create and run the types that want it. Thread context, after all else has started. */
void vmm_autostart(void);

/*
 * Lifecycle. All in thread context, serialised among themselves; each returns 0 or a negative errno with err->text set. None waits for a VM to be loaded:
 * that is done by its vCPU 0 (VM_LOADING), with at least the priority of the services, and vm_await() waits for it.
 * vm_create: from a type; VM_CREATED when it is loaded. vm_run: start, or resume a paused one. vm_stop: ask for power-off (force: cut off). vm_reset:
 * reload the images and start again. vm_delete: frees everything (force: also a running one).
 */
int __must_check vm_create(const struct vm_type *type, const struct vm_options *opt,
			   struct vm **out, struct vm_error *err);
int __must_check vm_run(struct vm *vm, struct vm_error *err);
int __must_check vm_pause(struct vm *vm, struct vm_error *err);
int __must_check vm_resume(struct vm *vm, struct vm_error *err);
int __must_check vm_stop(struct vm *vm, bool force, struct vm_error *err);
int __must_check vm_reset(struct vm *vm, struct vm_error *err);
int __must_check vm_delete(struct vm *vm, bool force, struct vm_error *err);

/*
 * Wait until VM `id` is not VM_LOADING. 0: it is loaded, and runs if it was to; -ETIMEDOUT: it is loading
 * still; else why it is not, in err->text. Thread context, lifecycle lock not held.
 */
int __must_check vm_await(u32 id, u64 deadline, struct vm_error *err);

/*
 * Look up by id or name, holding a reference-free lock: VMs are only deleted by lifecycle calls, so the caller takes vmm_lock() around the
 * look-up and the use. The lock is a mutex with priority inheritance; lifecycle calls take it themselves (it is recursive).
 */
void vmm_lock(void);
void vmm_unlock(void);
struct vm *vm_find(const char *id_or_name);
/* The VM in slot 0..MAX_VMS-1, or NULL. The slot is the id. */
struct vm *vm_by_id(u32 id);

const char *vm_state_name(enum vm_state s);

/* A guest's own request (PSCI SYSTEM_OFF/RESET) or a crash: every vCPU stops at its next exit, vCPU 0 does the rest. Any context. */
void vm_request(struct vm *vm, enum vm_request req, const char *why);

/*
 * Figures for `zvm info`. Counts are since the VM was created: they never go back, so that a rate is the difference of two looks, whatever happened
 * between them.
 */
struct vm_stats {
	u64 run_ticks; /* of all vCPUs, up to when each was last switched */
	u64 exits;
	u64 overhead_bytes; /* memory beside its RAM */
};
void vm_stats(const struct vm *vm, struct vm_stats *s);
/* `zvm stat` shows exits and their times, lateness, and what budgets led to from now on. Thread context, vmm_lock held. */
void vm_stats_reset(struct vm *vm);

#endif
