/* SPDX-License-Identifier: Apache-2.0 */
/* `diff`: steps that are drawn from a seed, and what each of them leaves behind. */
#ifndef GUESTS_DIFF_H
#define GUESTS_DIFF_H

/* struct run: offsets, in bytes. */
#define RUN_Q      256
#define RUN_ENTRY  288
#define RUN_PSTATE 296
#define RUN_VECTOR 304
#define RUN_ELR    312
#define RUN_SPSR   320
#define RUN_ESR    328
#define RUN_FAR    336
#define RUN_NZCV   344
#define RUN_HOST   352
#define RUN_SIZE   464

#define STEP_WORDS 8
#define NO_VECTOR  16 /* the step came to its end without an exception */

#ifndef __ASSEMBLER__
#include "kit/types.h"

/* As diff_run.S loads and stores it; SP_EL1 points here while a step runs. */
struct run {
	uint64_t x[31];
	uint64_t unused;
	uint64_t q[4];
	uint64_t entry;  /* where it begins */
	uint64_t pstate; /* and with which */
	uint64_t vector; /* taken, or NO_VECTOR */
	uint64_t elr, spsr, esr, far;
	uint64_t nzcv;
	uint64_t host[14];
} __attribute__((aligned(16)));

/* One step: what is drawn before it runs. */
struct step {
	const char *name;
	uint32_t code[STEP_WORDS];
	unsigned int words;
	struct run run;
	/* Bits of x[reg] that are compared; what is left out is said where it is set. */
	uint64_t mask[31];
};

/* Runs step_code from run->entry on, until its end or the first exception. */
void step_run(struct run *run);
extern uint32_t step_code[1024];

/* The same numbers for the same seed and step. */
void draw_begin(uint64_t seed, uint64_t step);
uint64_t draw(void);
/* 0 to n - 1. */
static inline unsigned int draw_below(unsigned int n)
{
	return (unsigned int)((draw() >> 32) * n >> 32);
}

static inline bool draw_one_in(unsigned int n)
{
	return draw_below(n) == 0;
}

/* Values that registers like: few bits, all bits, any. */
uint64_t draw_value(void);

/* A general register that is none of those given (-1: any). */
unsigned int draw_register(unsigned int not_this, unsigned int not_that);
#define ANY_REGISTER 31u

static inline void emit(struct step *s, uint32_t word)
{
	s->code[s->words++] = word;
}

/* Instructions. */
#define SYSREG(op0, op1, crn, crm, op2) \
	((op0) << 19 | (op1) << 16 | (crn) << 12 | (crm) << 8 | (op2) << 5)
#define A64_MRS(reg, rt) (UINT32_C(0xd5200000) | (reg) | (rt))
#define A64_MSR(reg, rt) (UINT32_C(0xd5000000) | (reg) | (rt))
#define A64_ISB          UINT32_C(0xd5033fdf)
#define A64_DSB          UINT32_C(0xd5033f9f)
#define A64_NOP          UINT32_C(0xd503201f)

/* The classes: each draws a step. */
void draw_sysreg(struct step *s);
void draw_id_register(struct step *s);
void draw_absent_register(struct step *s);
void draw_debug(struct step *s);
void draw_pmu(struct step *s);
void draw_gic_cpu(struct step *s);
void draw_timer(struct step *s);
void draw_interrupt(struct step *s);
void draw_maintenance(struct step *s);
void draw_device(struct step *s);
void draw_device_pair(struct step *s);
void draw_memory(struct step *s);
void draw_exception(struct step *s);
void draw_call(struct step *s);
void draw_barrier(struct step *s);

#endif
#endif
