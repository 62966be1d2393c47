/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/exc.h"
#include "kit/cpu.h"
#include "kit/el0.h"
#include "kit/irq.h"
#include "kit/mmu.h"
#include "kit/print.h"
#include "kit/psci.h"

#define SPSR_SS    BIT(21)
#define SPSR_BTYPE (UINT64_C(3) << 10)
#define SPSR_D     BIT(9)

_Static_assert(offsetof(struct exc_frame, sp) == FRAME_SP, "vectors.S");
_Static_assert(offsetof(struct exc_frame, elr) == FRAME_ELR, "vectors.S");
_Static_assert(offsetof(struct exc_frame, spsr) == FRAME_SPSR, "vectors.S");
_Static_assert(offsetof(struct exc_frame, esr) == FRAME_ESR, "vectors.S");
_Static_assert(offsetof(struct exc_frame, far) == FRAME_FAR, "vectors.S");
_Static_assert(sizeof(struct exc_frame) == FRAME_SIZE, "vectors.S");

#define PSTATE_EL1H_MASKED 0x3c5u

static struct {
	bool armed;
	struct probe seen;
} probes[KIT_MAX_CPUS];

void probe_begin(void)
{
	unsigned int cpu = cpu_id();

	probes[cpu].seen = (struct probe){ 0 };
	probes[cpu].armed = true;
	asm volatile("msr daifclr, #4; dsb sy; isb" : : : "memory");
}

struct probe probe_end(void)
{
	unsigned int cpu = cpu_id();

	/* An SError that belongs to the statement arrives before the probe is gone. */
	asm volatile("dsb sy; isb; msr daifset, #4" : : : "memory");
	probes[cpu].armed = false;
	return probes[cpu].seen;
}

static void fatal(const struct exc_frame *frame, unsigned int vector)
{
	print("\nkit: cpu %u: unexpected exception, vector %u: esr %lx far %lx elr %lx spsr %lx\n",
	      cpu_id(), vector, frame->esr, frame->far, frame->elr, frame->spsr);
	for (unsigned int n = 0; n < 31; n++)
		print("x%-2u %016lx%s", n, frame->x[n], n % 4 == 3 ? "\n" : "  ");
	print("sp  %016lx\n", frame->sp);
	psci_system_off();
}

struct steps steps;

/* The next instruction is stepped too, by SPSR.SS, or what follows runs free. */
static bool step_take(struct exc_frame *frame)
{
	if (ESR_EC(frame->esr) != EC_STEP || steps.count >= steps.wanted)
		return false;
	steps.elr[steps.count++] = frame->elr;
	frame->spsr |= steps.count < steps.wanted ? SPSR_SS : SPSR_D;
	return true;
}

static bool probe_take(struct exc_frame *frame, bool serror)
{
	struct probe *seen = &probes[cpu_id()].seen;

	if (!probes[cpu_id()].armed)
		return false;
	seen->count++;
	seen->serror = serror;
	seen->esr = frame->esr;
	seen->far = frame->far;
	seen->elr = frame->elr;
	if (serror)
		return true;
	frame->spsr &= ~SPSR_BTYPE;
	if (ESR_EC(frame->esr) == EC_IABT_CUR || ESR_EC(frame->esr) == EC_BTI)
		frame->elr = frame->x[30];
	else if (ESR_EC(frame->esr) != EC_SVC64) /* its ELR is behind it already */
		frame->elr += 4;
	return true;
}

static struct el0_exit el0_exits[KIT_MAX_CPUS];

/* What EL0 did ends its run: on behind el0_enter, whose stack SP_EL1 still is. */
static void el0_ends(struct exc_frame *frame, bool a32)
{
	struct el0_exit *e = &el0_exits[cpu_id()];

	e->a32 = a32;
	for (unsigned int n = 0; n < ARRAY_SIZE(e->r); n++)
		e->r[n] = (uint32_t)frame->x[n];
	e->spsr = frame->spsr;
	e->x0 = frame->x[0];
	e->x1 = frame->x[1];
	e->esr = frame->esr;
	e->far = frame->far;
	e->pc = frame->elr;
	frame->elr = (uintptr_t)el0_return;
	frame->spsr = PSTATE_EL1H_MASKED;
}

struct el0_exit el0_run(el0_code code, uint64_t x0, uint64_t x1)
{
	uintptr_t at = mmu_user_alias(0, (uintptr_t)code, MMU_NORMAL);

	el0_enter(at, x0, x1);
	return el0_exits[cpu_id()];
}

struct el0_exit el0_run_a32(uintptr_t pc, const uint32_t r[8], uint64_t spsr)
{
	el0_enter_a32(pc, r, spsr);
	return el0_exits[cpu_id()];
}

/*
 * The vector's number is its place in the table: 4..7 is the current EL with SP_EL1, 8..11 EL0 in
 * AArch64 state, 12..15 in AArch32 state.
 */
void exc_dispatch(struct exc_frame *frame, unsigned int vector)
{
	switch (vector) {
	case 4:
		if (!step_take(frame) && !probe_take(frame, false))
			fatal(frame, vector);
		break;
	case 5:
		irq_dispatch();
		break;
	case 6:
		fiq_dispatch();
		break;
	case 7:
		if (!probe_take(frame, true))
			fatal(frame, vector);
		break;
	case 8:
	case 12:
		el0_ends(frame, vector == 12);
		break;
	default:
		fatal(frame, vector);
	}
}
