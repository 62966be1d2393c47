/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake machine behind the arch contract, for unit tests on the build machine. One flow of
 * control at a time executes, as CPU `host_cpu`. Nothing happens by itself: the counter stands
 * still until a test advances it (or all CPUs are idle), and interrupts are delivered where they
 * are unmasked.
 *
 * Tests of passive code call host_reset() and set variables. Tests of the scheduler also call
 * host_irqs_on(), which connects the machine's interrupts to the kernel's upcalls. arch_cpu_start()
 * then adds CPUs, which run when the executing one idles, spins, or calls host_run_others().
 */
#ifndef ASM_HOST_H
#define ASM_HOST_H

#include <lib/types.h>

#define HOST_CPUS       8
#define HOST_INTIDS     320
#define HOST_RAM_BASE   0x40000000ULL
#define HOST_RAM_SIZE   GIB(3)
#define HOST_COUNTER_HZ 62500000ULL

struct percpu;
struct thread;
struct vcpu;
struct stage2;
struct guest_debug;
struct guest_pmu;

/* ---- processors ---- */

extern u32 host_cpu; /* the executing CPU */
extern bool host_irqs_open[HOST_CPUS];
extern struct percpu *host_percpu[HOST_CPUS];
extern u32 host_reboots, host_poweroffs;
/* The result of arch_cpu_midr() (Cortex-A53 r0p4 at reset). */
extern u32 host_midr;
/* The CPUs that the second of arch_erratum()'s errata concerns. The first one concerns none. */
extern u64 host_errata;
/* How many words arch_entropy() still gives (0 at reset): 1, 2, 3, ... */
extern u32 host_entropy_words;
/* The firmware behind arch_firmware(). NULL, as at reset: there is none. */
extern s64 (*host_firmware)(u32 function, u64 arg);
extern struct thread *host_fp_owner[HOST_CPUS];
/* The last argument of arch_give_way(). */
extern bool host_give_way[HOST_CPUS];

/*
 * Power-on state: CPU 0 executes with interrupts masked, the counter is 0, RAM is all zeros, and
 * nothing is loaded, pending, enabled or recorded. Called at the start of every test.
 */
void host_reset(void);

/* Call page_init() with this RAM, parts of which are reserved. */
struct phys_range;
int __must_check host_page_init(const struct phys_range *ram, u32 nram,
				const struct phys_range *reserved, u32 nreserved);

/* From here on execute as CPU n: for tests that need no separate flow of control there. */
void host_set_cpu(u32 n);

/*
 * Call fn(arg). True if it ended in arch_halt() (a panic). Elsewhere arch_halt() aborts the test.
 */
bool host_halts(void (*fn)(void *arg), void *arg);

/* Print the reason and abort. */
__noreturn void host_die(const char *why);

/* arch_relax(): a tick passes and other CPUs run. A lock that is never released ends the test. */
void host_relax(void);
/*
 * arch_idle(): other CPUs run. If all are idle, time passes to the next deadline. Ends the test if
 * there is none.
 */
void host_idle(void);
/*
 * Run the other CPUs until each of them is idle with nothing pending (or for a bounded number of
 * turns).
 */
void host_run_others(void);

/* ---- time ---- */

extern u64 host_counter;
extern bool host_measures_exits[HOST_CPUS]; /* last argument of arch_measure_exits() */
/* The deadline of each CPU's timer. UINT64_MAX: stopped. */
extern u64 host_timer_deadline[HOST_CPUS];

/*
 * Let time pass. With host_irqs_on(), timers fire on their CPUs at their deadlines, and other
 * pending interrupts are taken.
 */
void host_advance(u64 ticks);

/* ---- interrupts ---- */

/* True if interrupt `intid` is unmasked (on CPU `cpu` for PPIs and SGIs). */
bool host_irq_unmasked(u32 intid, u32 cpu);
bool host_irq_active(u32 intid, u32 cpu);
bool host_irq_pending(u32 intid, u32 cpu);
void host_irq_set_active(u32 intid, u32 cpu, bool active);
/* The CPU that arch_irq_unmask() routed an SPI to. */
u32 host_irq_route(u32 intid);
/* True if it was set to edge. */
bool host_irq_is_edge(u32 intid);
/* True if it was set to come first. */
bool host_irq_is_urgent(u32 intid);
/* SGIs sent to a CPU so far. */
u32 host_sgis_sent(u32 sgi, u32 cpu);

/*
 * Make an interrupt pending, on CPU `cpu` if it is an SGI or a PPI. It is taken at once if
 * possible.
 */
void host_irq_raise(u32 intid, u32 cpu);
/* The INTID that CPU `cpu` would take next, or IRQ_SPURIOUS. Taking it clears its pending state. */
u32 host_irq_next(u32 cpu);
void host_irq_take(u32 intid, u32 cpu);
/* True if an interrupt or the timer is waiting for CPU `cpu`. */
bool host_irq_waiting(u32 cpu);

/*
 * Connect interrupts to irq_dispatch(), timeouts_expired() and the scheduler (until host_reset()).
 */
void host_irqs_on(void);
/* Set by host_irqs_on(). */
extern void (*host_deliver)(void);

/* Take the pending interrupts of this CPU if it has interrupts unmasked. */
static inline void host_poll(void)
{
	if (host_deliver)
		host_deliver();
}

/* ---- memory ---- */

/* Stacks handed out by arch_stack_alloc() and not yet freed. */
extern u32 host_stacks_in_use;
/*
 * Let the next n calls of arch_stack_alloc() and stage2_map() succeed and later ones fail.
 * UINT32_MAX: no limit.
 */
extern u32 host_alloc_limit;
/* Bytes passed to arch_dcache_clean_inval() so far. */
extern u64 host_dcache_bytes;
/* Called in the middle of arch_zero_to_memory(), where it may be preempted. NULL: nothing is. */
extern void (*host_zeroing)(void);

/* ---- guests ---- */

/*
 * The code that "runs" below a vCPU's thread: called by arch_guest_enter(). The thread exits when
 * it returns.
 */
extern void (*host_guest)(struct vcpu *v);
/* The result of arch_guest_look(). */
struct guest_look;
extern void (*host_look)(const struct vcpu *v, struct guest_look *l);
/* True where arch_guest_trap_waits() was called with false. */
extern bool host_waits_untrapped[HOST_CPUS];
/* The vCPU loaded on each CPU. */
extern struct vcpu *host_loaded[HOST_CPUS];
/*
 * The result of arch_guest_pmu_intid(). 0, as at reset: no monitors. Else the number of event
 * counters, and a CPU's registers.
 */
#define HOST_PMU_EVENTS 4UL
extern u32 host_pmu_intid;
struct guest_pmu *host_pmu(u32 cpu);
/* The last argument of arch_guest_debug(). */
extern const struct guest_debug *host_guest_debug[HOST_CPUS];
/* Results of arch_id_register(), by CRm and op2. */
extern u64 host_id_registers[8][8];

/* The virtual GIC CPU interface of a CPU. */
struct host_vgic {
	u64 lr[16];
	u64 maintenance; /* VGIC_UIE, ... */
	u32 eoi_count;
	bool eoi_split; /* EOImode 1 */
	u8 pmr;         /* 0xff at reset: nothing masked */
	u32 groups;     /* 3 at reset: both enabled */
	u32 unseen;     /* list registers whose first write arch_vgic_ended() does not show yet */
};
extern struct host_vgic host_vgic[HOST_CPUS];
extern u32 host_lr_count;
/* The result of arch_vgic_version(): 3 after a reset. */
extern u32 host_gic_version; /* 4 */

/* A context synchronisation, in addition to those of the guest's side. */
void host_vgic_synchronize(void);
/* The guest's side of it, on the executing CPU. Acknowledge: returns the INTID, or 1023. */
u32 host_vgic_ack(void);
/*
 * End of interrupt with deactivation (EOImode 0). A list register with HW deactivates the physical
 * interrupt.
 */
void host_vgic_eoi(u32 intid);
/* True while the maintenance interrupt is asserted. */
bool host_vgic_maintenance(void);

/* The EL1 timers of a CPU, by enum arch_timer_id: cval and ctl as last written. */
struct host_guest_timer {
	u64 cval;
	u32 ctl;
};
extern struct host_guest_timer host_guest_timers[HOST_CPUS][2];
extern u64 host_timer_offset[HOST_CPUS];
extern bool host_counter_leads; /* result of arch_guest_counter_leads(); false at reset */

/* What stage 2 maps at ipa. False: nothing. attr (an enum stage2_attr) may be NULL. */
bool host_stage2_lookup(const struct stage2 *s2, u64 ipa, u64 *pa, int *attr);

#endif
