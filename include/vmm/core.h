/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM and its vCPUs: the structs that the other rooms share, the table of VMs, guest RAM, and
 * requests of a guest for its VM. A room's own state is in that room's header.
 */
#ifndef VMM_CORE_H
#define VMM_CORE_H

#include <arch/guest.h>
#include <kernel/page.h>
#include <kernel/random.h>
#include <kernel/sync.h>
#include <kernel/thread.h>
#include <vmm/bus.h>
#include <vmm/console.h>
#include <vmm/cpu.h>
#include <vmm/desc.h>
#include <vmm/dev.h>
#include <vmm/gic.h>
#include <vmm/load.h>

/* ---- a VM's RAM: 2 MiB blocks, mapped in stage 2 at the banks of its RAM map ---- */

/* In vm_ram.blocks, in place of an address; 0: the block has not come. */
#define VM_BLOCK_COMING 1ULL /* a thread clears it, or takes it away */
#define VM_BLOCK_GIVEN  2ULL /* the guest has given all of its pages back */

#define VM_BLOCK_PAGES (BLOCK_SIZE / PAGE_SIZE)

struct vm_ram {
	struct ram_map map;
	u64 size; /* bytes, a multiple of 2 MiB */
	u64 nblocks;
	paddr_t *blocks; /* for each 2 MiB, in the order of IPAs: its block, once it has come */
	u64 present;     /* blocks that have come; under came.lock while vCPUs run */
	struct stage2 *s2;
	struct wait_queue came; /* threads that wait for a block that another one clears */
	bool call_off;          /* long operations end with -EINTR (atomic) */
	bool kept;              /* see vm_ram_keep() (atomic) */
	/* under came.lock: */
	u64 allowed; /* blocks that it has or that are reserved for it */
	u64 held;    /* blocks that it has: present, or on their way */
	u64 target;  /* blocks that the operator leaves it: so many stay reserved */
	/* What it gave back, if it has a balloon: */
	u64 given;     /* blocks that are with the machine */
	u64 ballooned; /* pages */
	u64 untold;    /* pages that the guest used again without saying so, so far */
	u64 refused;   /* accesses to such pages that failed for want of memory, so far */
	u64 (*pages)[VM_BLOCK_PAGES / 64]; /* for each block: a bit for each ballooned page */
};

/*
 * Reserve the memory of all banks of a map. Call vm_ram_reset() before a guest runs. All or
 * nothing: -ENOMEM, -EINVAL. Thread context.
 */
int __must_check vm_ram_init(struct vm_ram *ram, struct stage2 *s2, const struct ram_map *map);
/* Give all of it back, as it is. The stage-2 tables are gone. */
void vm_ram_free(struct vm_ram *ram);
/*
 * All of it reads as zeroes from now on. What the guest gave back is reserved again, as far as the
 * machine has it. Its blocks come at the first access, or, `eager`, now:
 * they are cleared and mapped, 1 GiB with one entry if possible. 0, -EINTR, -ENOMEM (for stage-2
 * tables). No vCPU runs. Thread context, preemptible; long if eager.
 */
int __must_check vm_ram_reset(struct vm_ram *ram, bool eager);

/*
 * A device of the machine has failed and may still write into this memory: from now on no block of
 * it goes to another VM, not even when this one is deleted. Any context.
 */
static inline void vm_ram_keep(struct vm_ram *r)
{
	__atomic_store_n(&r->kept, true, __ATOMIC_RELAXED);
}

/*
 * The host address of guest RAM at ipa, valid up to the next multiple of 2 MiB. NULL if ipa is not
 * RAM, or if its block has not come: it reads as zeroes then. Any context.
 */
void *vm_ram_ptr(const struct vm_ram *ram, u64 ipa);

/*
 * Copy to guest RAM; its blocks come. -EFAULT if any part is not RAM; nothing is copied then.
 * -EINTR, -ENOMEM as above. It makes the data visible to a guest with caches off. Thread context,
 * preemptible.
 */
int __must_check vm_ram_write(struct vm_ram *ram, u64 ipa, const void *src, u64 len);

struct vm;

/*
 * Let the block at ipa come: vm_ram_ptr() finds it from then on. False: it is not RAM, or the guest
 * gave it back and the machine has no memory. On a vCPU's thread, no lock held, preemptible.
 */
bool __must_check vm_ram_bring(struct vm *vm, u64 ipa);

/*
 * ---- memory that a guest gives back (core/guest_ram_balloon.c): pages, of which whole blocks
 * return to the machine. Thread context, preemptible, no lock held ----
 */

/*
 * The VM has a balloon. Before vm_ram_reset(), once; vm_ram_free() gives the tables back. -ENOMEM.
 */
int __must_check vm_ram_balloon_init(struct vm_ram *ram);
/* Bytes of these tables. */
u64 vm_ram_balloon_bytes(const struct vm_ram *ram);
/*
 * How much the operator leaves the VM, in bytes, a multiple of 2 MiB, up to its size. More than
 * before is reserved at once: -ENOMEM, and nothing has changed. Less is given up as blocks return.
 */
int __must_check vm_ram_set_target(struct vm_ram *ram, u64 bytes);

/*
 * The guest gives the page at ipa back; true: that is RAM. *full: with it, all pages of its block
 * are given back. That is said once, so it is never a block whose vm_ram_leave() is under way.
 */
bool vm_ram_inflate(struct vm_ram *ram, u64 ipa, bool *full);
/* The guest wants it again. 0; -EFAULT: it is not RAM; -ENOMEM: try again later. */
int __must_check vm_ram_deflate(struct vm_ram *ram, u64 ipa);
/* The guest has forgotten what it gave back: it may use all of it. */
void vm_ram_forget(struct vm_ram *ram);

/* A block on its way back to the machine. */
struct ram_leaving {
	u64 ipa, block;
	paddr_t pa;
};
/*
 * Take the full block at ipa away from the guest. True: it is unmapped, and vm_ram_ptr() does not
 * find it. The caller waits until no address of it is in use, and calls vm_ram_left() with all of
 * such blocks.
 */
bool __must_check vm_ram_leave(struct vm_ram *ram, u64 ipa, struct ram_leaving *l);
void vm_ram_left(struct vm_ram *ram, const struct ram_leaving *l, u32 count);

/* ---- a vCPU: a thread with a guest below it ---- */

#define VM_MAX_VCPUS 32

/* PSCI power state (DEN0022, AFFINITY_INFO). */
enum vcpu_power {
	VCPU_OFF,
	VCPU_ON_PENDING, /* CPU_ON was accepted; the vCPU's thread has not entered yet */
	VCPU_ON,
};

/* Bits of thread.work. */
#define VCPU_WORK_VIRQ BIT(0) /* virtual interrupts changed */
#define VCPU_WORK_LOOK \
	BIT(1) /* a look at the guest's progress (vmm/cpu.h); dropped while the vCPU waits */
#define VCPU_WORK_STATE  BIT(2) /* the VM's or the vCPU's run state changed: park, reset or exit */
#define VCPU_WORK_ERROR  BIT(3) /* its guest caused an SError: serror_esr */
#define VCPU_WORK_DEVICE BIT(4) /* a device of its VM has something to do */

struct vcpu {
	struct thread thread; /* first: the running vCPU is the current thread */
	struct arch_vcpu arch;
	struct vgic_cpu vgic;
	struct vtimer timer;
	struct vdebug debug;
	struct vpmu pmu;
	struct vcpu_health health;
	struct random random; /* used by its own thread only */
	struct vm *vm;
	const struct mmio_region *mmio_hints[MMIO_HINTS]; /* regions of its last accesses */
	u32 index;
	u32 cpu; /* the CPU that its thread is bound to (vmm/place.h). Lifecycle lock */
	/* how its VM's description has it scheduled while it is not lifted; under sched_lock */
	struct sched_params params;
	u8 prio;
	struct spinlock sched_lock;
	/*
	 * the mover's count at its last look, and for how many looks in a row it wanted to move the
	 * vCPU (vmm/place.h). Lifecycle lock
	 */
	struct {
		u64 waited;
		u8 waits_for;
	} looked;
	u64 mpidr;
	enum vcpu_power power; /* under vm->state_wq.lock */
	/* by a debugger; written by its own thread, or while it is parked and may not run */
	bool held;
	bool parked;        /* in the work hook; no guest code runs. Under vm->state_wq.lock */
	bool reset_pending; /* enter at boot_entry/boot_arg with reset registers */
	u64 boot_entry, boot_arg;
	bool in_wfi;          /* blocked in vmm_wfi */
	bool wfi_over;        /* an interrupt has come that ends this WFI; for its CPU alone */
	bool waits;           /* in vmm_wfi, blocked or in place */
	u64 ready_at_start;   /* thread.ready_ticks at its first run since the VM's reset */
	bool stolen_restarts; /* it has not run since */
	bool stolen_told;     /* its guest has asked where its stolen time is (atomic) */
	u64 suspends[2], suspended_ticks[2]; /* PSCI statistics: stand-by, power-down */
	u64 serror_esr;
	u64 exits[EXIT_KINDS];        /* since it was created */
	u64 exits_before[EXIT_KINDS]; /* the part that `zvm stat` leaves out: vm_stats_reset() */
	/*
	 * exits while exits are measured (kernel/masked.h): from vector to eret, as far as the vCPU
	 * was on a CPU
	 */
	struct exit_time {
		u64 count, ticks;
	} exit_times[EXIT_KINDS];
	u64 exit_began; /* CPU time at the start of the exit being measured */
	enum exit_kind exit_kind;
	u64 exit_at; /* the counter then, and what a trace says of it (docs/trace.md) */
	u16 exit_detail;
	struct guest_exit *next_exit; /* in the ring: the oldest one, which the next one replaces */
	struct guest_exit last_exits[GUEST_EXITS] __aligned(512);
};

/*
 * The vCPU that is the current thread. NULL if the current thread is not a vCPU. Interrupts masked.
 */
struct vcpu *vcpu_current(void);

/*
 * Keep a synchronous exit of v for `zvm info`. The fast exits, which only read or write a device's
 * register, or read an ID register, are left out. On v's thread, interrupts masked.
 */
static inline void vcpu_note_exit(struct vcpu *v, u64 esr, u64 pc)
{
	struct guest_exit *e = v->next_exit;

	*e = (struct guest_exit){ esr, pc };
	/* The ring's address has bit 8 clear, so its end leads to its beginning. */
	v->next_exit = (struct guest_exit *)((u64)(e + 1) & ~sizeof(v->last_exits));
}

/* Make v look at its work before its guest continues, and end a WFI. Any context. */
void vcpu_kick(struct vcpu *v, u32 work);
/*
 * End v's WFI, if it is in one: its list registers will hold an interrupt that its guest could
 * take. On the CPU where v was put, interrupts masked.
 */
void vcpu_end_wfi(struct vcpu *v);

/* ---- a VM ---- */

#define MAX_VMS 128

#define VM_MAX_DEVICES 36

/* An image of the bundle, or in memory: it stays where it is. */
struct vm_image {
	const void *data;
	u64 size;
};

enum vm_state {
	VM_CREATED, /* images loaded, never run */
	VM_RUNNING,
	VM_PAUSED,
	VM_STOPPED, /* powered off, or stopped by force */
	VM_CRASHED, /* stopped by ZVM: see vm->crash */
	VM_LOADING, /* its images are being copied into its RAM */
};

/* A guest's request (PSCI), or a crash; see vm_tend(). */
enum vm_request { VM_REQ_NONE, VM_REQ_OFF, VM_REQ_RESET, VM_REQ_CRASH };

/* What `zvm info` explains (vmm/debug.h): a vCPU at one moment. */
struct vcpu_facts {
	u64 started_at; /* of that run of its VM; 0: there are none */
	u32 vcpu;
	u32 insn;    /* at the ELR of `given`, or else of `last`; 0 where no memory is */
	bool lost;   /* at its vector */
	bool waits;  /* in WFI */
	bool timers; /* one is on, and not masked */
	u64 pc, pstate, sp, link, sctlr, vbar;
	struct guest_exception last;  /* as its EL1 has it */
	struct guest_exception given; /* by ZVM; esr 0: none */
	/* by its tables; VCPU_NO_IPA: they do not map it */
	u64 last_ipa, given_ipa;              /* of FAR */
	struct guest_exit exits[GUEST_EXITS]; /* the oldest first; pc 0: none */
};
#define VCPU_NO_IPA (~0ULL)

struct vm {
	u32 id;
	char name[DESC_NAME_MAX];
	u32 stem, number; /* of a name "STEM-NUMBER": the stem's hash; else 0 (life/create.c) */
	const struct vm_type *type;
	struct vm_desc desc; /* the type's description with the command's overrides */
	struct stage2 s2;
	struct vm_ram ram;
	struct vm_image firmware, kernel, initrd, devicetree; /* data NULL: it has none */
	struct type_image *loaded_image; /* the kernel is that of a guest; NULL: its type's own */
	struct load_plan plan;
	struct mmio_bus bus;
	struct vgic vgic;
	struct console console;
	u32 ndevices;
	struct vdev
		devices[VM_MAX_DEVICES]; /* those of its description, in the order of creation */
	struct pci_host *pci;            /* NULL: it has no PCI function */
	struct pvtime_entry *pvtime;     /* one page, one entry for each vCPU; see vmm/cpu.h */
	u32 nvcpus;
	struct vcpu *vcpus[VM_MAX_VCPUS];
	u8 planned
		[VM_MAX_VCPUS]; /* the CPU of each by the last plan (vmm/place.h). Lifecycle lock */
	struct vm_looks looks;
	struct wait_queue state_wq; /* guards and signals the fields below */
	struct wait_queue halt_wq;  /* waits for vCPUs to park; they do not wake each other */
	enum vm_state state;
	bool run_allowed; /* vCPUs may run guest code */
	bool exiting;     /* vCPU threads end */
	bool operated;    /* an operator's call is working on it: vCPU 0 starts nothing by itself */
	bool loaded;      /* VM_LOADING: images and devices are ready for the start */
	bool then_run;    /* VM_LOADING: it runs when loaded; else it becomes VM_CREATED */
	bool debugged;    /* a debugger has it: it does not start again by itself when it fails */
	bool mem_protect; /* last argument of PSCI MEM_PROTECT */
	enum vm_request request;
	u64 cntvoff; /* the machine's counter minus the virtual one; see vmm/cpu.h */
	u64 paused_at;
	u64 created_at; /* counter value; no other VM has the same */
	u64 started_at;
	int load_result; /* VM_LOADING: why it failed, a negative errno; the text is in `crash` */
	u8 lift; /* least priority of its vCPUs (vm_sched_refresh()); PRIO_IDLE: not lifted */
	u32 restarts;
	u32 short_lives;    /* ends of the VM, less one for every SHORT_LIFE_MS that it lived */
	u64 restart_at;     /* when it starts again; 0: it does not */
	u64 ticks_at_start; /* before this start: its vCPUs' run time, and their exits */
	u64 exits_at_start;
	char crash[512];           /* why ZVM last stopped it, or could not load it; one line */
	struct vcpu_facts crashed; /* the vCPU that failed then, or vCPU 0. Under state_wq.lock */
	char note[256];            /* a hint about its images for the operator; mostly empty */
};

/* One line of explanation for the operator. */
struct vm_error {
	char text[512];
};

/*
 * Look up a VM by id or name. There are no references: only lifecycle calls delete VMs, so the
 * caller holds vmm_lock() around the look-up and the use. The lock is a mutex with priority
 * inheritance. Lifecycle calls take it themselves (it is recursive).
 */
void vmm_lock(void);
void vmm_unlock(void);
struct vm *vm_find(const char *id_or_name);
/* The VM in slot 0..MAX_VMS-1, or NULL. The slot is the id. */
struct vm *vm_by_id(u32 id);
/* The VM with the least id that is not below `id`, or NULL. */
struct vm *vm_next(u32 id);
struct vm *vm_by_name(const char *name);

/* Each VM, the least id first. vmm_lock() is held. */
#define for_each_vm(vm) for ((vm) = vm_next(0); (vm); (vm) = vm_next((vm)->id + 1))

/* Each vCPU of a VM, by its index. */
#define for_each_vcpu(v, vm)                                                                      \
	for (u32 v##_index = 0; v##_index < (vm)->nvcpus && ((v) = (vm)->vcpus[v##_index], true); \
	     v##_index++)

/* The table, for life/: initialise it, once, at boot; ... */
void vms_init(void);
/*
 * ... the lowest free id, MAX_VMS if there is none; add a VM under its id; remove it, if it was
 * added. Lifecycle lock held.
 */
u32 vm_free_id(void);
void vm_enter(struct vm *vm);
/* False: it was not in the table. */
bool vm_leave(const struct vm *vm);

const char *vm_state_name(enum vm_state s);

/* vCPUs told in one section with interrupts masked; more are told in pieces of that size. */
#define VCPU_PIECE 8

/*
 * Of vCPU `first` and every VCPU_PIECE-th vCPU after it, kick the next that is not parked, so that
 * it parks. It passes the stop on when it parks. The VM is not allowed to run. Any context.
 */
void vcpu_pass_stop(struct vm *vm, u32 first);

/*
 * A request of a guest itself (PSCI SYSTEM_OFF/RESET), or a crash: every vCPU stops at its next
 * exit, and vCPU 0 does the rest. Any context.
 */
void vm_request(struct vm *vm, enum vm_request req, const char *why);

/*
 * Wake v, if it is parked. It no longer is: on its way to a CPU, where its state is loaded, nothing
 * else may change that. vm->state_wq.lock held.
 */
void vcpu_wake_parked_locked(struct vcpu *v);
/* Wake all parked vCPUs, each in a section of its own. Thread context, no lock held. */
void vcpu_wake_parked(struct vm *vm);
/* Let vCPU 0, if it is parked, look for work for its VM. vm->state_wq.lock held. */
void vcpu_wake_tend_locked(struct vm *vm);

/* Set the explanation of a failed call and return its errno. */
int vm_fail(struct vm_error *err, int code, const char *fmt, ...) __printf(3, 4);

#endif
