/* SPDX-License-Identifier: Apache-2.0 */
/* Per-CPU data. */
#ifndef KERNEL_PERCPU_H
#define KERNEL_PERCPU_H

#include <asm/percpu.h> /* struct arch_percpu */
#include <kernel/masked.h>
#include <kernel/thread.h>
#include <kernel/trace.h>
#include <lib/bitmap.h>

struct run_queue {
	u64 ready; /* bit 63 - p set: queue[p] is not empty */
	struct list queue[PRIORITIES];
};

struct ipi_request;

struct percpu {
	struct thread *current; /* first: assembly uses the offsets of these four */
	u32 resched;            /* a switch is due (set by this CPU, or by IPI) */
	struct masked masked;
	struct arch_percpu arch;
	u32 id;
	u32 irq_depth; /* depth of nested interrupt handlers */
	bool online;
	u64 hwid; /* MPIDR affinity */
	struct thread *idle;
	struct run_queue rq;       /* touched by this CPU only, with interrupts masked */
	struct thread *wake_queue; /* lock-free stack of threads with requests from other CPUs */
	struct thread *reap;       /* exited; off its stack once sched_switch_done() runs */
	struct thread *leaving;    /* the same for a thread that moves to another CPU */
	struct ipi_request *calls; /* lock-free stack of ipi_call()s to this CPU */
	u32 homed;                 /* number of threads whose home this is (atomic) */
	struct timeout_queue timeouts;
	struct timeout slice; /* round-robin */
	struct list held;     /* ready threads that are out of budget or outside their windows */
	const struct sched_frame *frame;
	u32 slot; /* current slot of the frame */
	struct timeout slot_end;
	u64 idle_ticks, idle_since; /* idle_since: 0 while the CPU is not idle */
	u64 switches;
	u64 private_irqs[32]; /* SGIs and PPIs taken here, by INTID */
	u64 unwanted_irqs;    /* taken here without a registered handler */
	void *stack_top;      /* boot/idle stack */
	struct trace_ring trace;
};

extern struct percpu percpus[MAX_CPUS];
/* Number of CPUs of the devicetree that are used, and of those that run. */
extern u32 cpu_count;
u64 cpus_online_mask(void);

#define for_each_cpu(cpu)        for ((cpu) = 0; (cpu) < cpu_count; (cpu)++)
#define for_each_online_cpu(cpu) for_each_set_bit(cpu, cpus_online_mask())

static inline struct percpu *this_cpu(void)
{
	return arch_percpu();
}

/* Called by arch on a secondary once its stack, MMU and percpu pointer are set up. */
__noreturn void kernel_secondary_main(u32 cpu);

#endif
