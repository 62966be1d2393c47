/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What counts as a failure of a VM although its guest says nothing (docs/failures.md). While a VM lives, a timeout of CPU 0 asks each of its vCPUs that
 * executes for a look at itself (VCPU_WORK_LOOK): on its own thread, on its way back into the guest. One that leaves its guest anyway is not interrupted
 * for that, unless the VM has a hang timeout.
 */
#ifndef VMM_HEALTH_H
#define VMM_HEALTH_H

#include <kernel/timeout.h>

struct vcpu;
struct vm;

#define HEALTH_LOOK_MS 250
/* A vCPU that repeats an exception, or spins at its vector, in so many looks after each other, with nothing else in between, has crashed. */
#define HEALTH_LOOKS 4
/* CPU time between two looks that count. */
#define HEALTH_RUN_US 500

struct vcpu_health {
	u64 exits;        /* at the last request; the timeout's */
	bool rested;      /* it waited at a request since the last look (atomic) */
	bool hung;        /* masked for the hang timeout of its own CPU time (atomic) */
	bool says_hang;   /* its next look is to say that its VM hangs (atomic) */
	bool masked;      /* IRQs were masked at all looks since `masked_since` */
	u64 masked_since; /* its CPU time then */
	u64 looked_at;    /* its CPU time at the last look */
	u64 esr, elr;     /* then, and in `same` looks in a row */
	u32 same;         /* 0: it got on */
};

/* For a VM that is being made; and before it is unmade: no look is asked for any more. Thread context. */
void health_init(struct vm *vm);
void health_end(struct vm *vm);
/* Its guest is about to start: looks begin, and go on as long as it lives. Thread context, no lock held. */
void health_begin(struct vm *vm);
/* v starts from reset. On its thread. */
void health_reset(struct vcpu *v);

/* VCPU_WORK_LOOK. On v's thread, which is on its way back into its guest; interrupts masked, and for a while not if the VM has failed. */
void health_look(struct vcpu *v);

#endif
