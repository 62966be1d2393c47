/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exceptions: interrupts go to kit/irq.h, expected synchronous ones to a probe, others end the
 * guest.
 */
#ifndef KIT_EXC_H
#define KIT_EXC_H

#include "kit/types.h"

#define EC_UNKNOWN  0x00u
#define EC_FP       0x07u
#define EC_BTI      0x0du
#define EC_SVC64    0x15u
#define EC_SYSREG   0x18u
#define EC_FPAC     0x1cu
#define EC_IABT_LOW 0x20u
#define EC_DABT_LOW 0x24u
#define EC_IABT_CUR 0x21u
#define EC_DABT_CUR 0x25u
#define EC_SERROR   0x2fu
/* Debug exceptions from the current level. */
#define EC_BREAKPOINT 0x31u
#define EC_STEP       0x33u
#define EC_WATCHPOINT 0x35u
#define EC_BRK        0x3cu

#define FSC_EXTERNAL  0x10u
#define FSC_ALIGNMENT 0x21u

#define ESR_EC(esr)  ((unsigned int)field(esr, 31, 26))
#define ESR_FSC(esr) ((unsigned int)field(esr, 5, 0))
#define ESR_WNR      BIT(6)
#define ESR_FNV      BIT(10)

/* As vectors.S stores it. */
struct exc_frame {
	uint64_t x[31];
	uint64_t sp;
	uint64_t elr;
	uint64_t spsr;
	uint64_t esr;
	uint64_t far;
};

/* What happened between probe_begin and probe_end. */
struct probe {
	unsigned int count; /* exceptions taken; the rest describes the last one */
	bool serror;        /* it was an SError: asynchronous, ELR says nothing */
	uint64_t esr;
	uint64_t far;
	uint64_t elr;
};

/*
 * From here on this CPU records synchronous exceptions and continues behind the instruction. After
 * an instruction abort or a branch target exception it continues at the address in x30, so call
 * such places with jump_probe().
 */
void probe_begin(void);
struct probe probe_end(void);

/* What statement caused. */
#define PROBE(statement)       \
	({                     \
		probe_begin(); \
		statement;     \
		probe_end();   \
	})

/* Branch with link to an address that may not be executable. */
static inline void jump_probe(uintptr_t where)
{
	asm volatile("blr %0" : : "r"(where) : "x30", "memory");
}

/*
 * Single steps of the boot CPU, which it has enabled: where each of them led. After the wanted
 * number, debug exceptions are masked (PSTATE.D).
 */
#define STEPS_MAX 16

struct steps {
	unsigned int wanted;
	unsigned int count;
	uint64_t elr[STEPS_MAX];
};

extern struct steps steps;

void exc_dispatch(struct exc_frame *frame, unsigned int vector);

#endif
