/* SPDX-License-Identifier: Apache-2.0 */
/* The only way in (the vectors) and the only way out (lower_resume) of a lower exception level. */
#include <asm/el.h>
#include <asm/guard.h>
#include <asm/layout.h>

/*
 * While a lower level runs, SP_ELx is the top of its thread's stack. So the frame is stored at the
 * place that arch_vcpu.frame names. Every register is saved once, here and nowhere else.
 */
	.macro	save_frame
	stp	x0, x1, [sp, #-FRAME_SIZE]!
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x19, [sp, #144]
	stp	x20, x21, [sp, #160]
	stp	x22, x23, [sp, #176]
	stp	x24, x25, [sp, #192]
	stp	x26, x27, [sp, #208]
	stp	x28, x29, [sp, #224]
	mrs	x0, ELR_ELx
	mrs	x1, SPSR_ELx
	str	x30, [sp, #240]
	stp	x0, x1, [sp, #FRAME_ELR]
	.endm

	.macro	restore_frame
	ldp	x0, x1, [sp, #FRAME_ELR]
	ldr	x30, [sp, #240]
	msr	ELR_ELx, x0
	msr	SPSR_ELx, x1
	ldp	x2, x3, [sp, #16]
	ldp	x4, x5, [sp, #32]
	ldp	x6, x7, [sp, #48]
	ldp	x8, x9, [sp, #64]
	ldp	x10, x11, [sp, #80]
	ldp	x12, x13, [sp, #96]
	ldp	x14, x15, [sp, #112]
	ldp	x16, x17, [sp, #128]
	ldp	x18, x19, [sp, #144]
	ldp	x20, x21, [sp, #160]
	ldp	x22, x23, [sp, #176]
	ldp	x24, x25, [sp, #192]
	ldp	x26, x27, [sp, #208]
	ldp	x28, x29, [sp, #224]
	ldp	x0, x1, [sp], #FRAME_SIZE
	.endm

	/* A section with interrupts masked began with this exception. \from is its class. */
	.macro	masked_from from
	mrs	x2, TPIDR_ELx
	mrs	x0, TIMER_COUNTER
	stp	x0, \from, [x2, #PERCPU_MASKED + MASKED_SINCE]
	.endm

	.macro	vector label
	.balign	128
	b	\label
	.endm

	/* The same after the action that this CPU needs: see guard. */
	.macro	checked_vector label, measured
	.balign	128
	stp	x0, x1, [sp, #-32]!
	str	x30, [sp, #16]
	bl	guard
	ldr	x30, [sp, #16]
	ldp	x0, x1, [sp], #32
	b.ne	\measured
	b	\label
	.endm

	/* ERET, with a barrier against speculation behind it. */
	.macro	exception_return
	eret
	dsb	nsh
	isb
	.endm

	.macro	own_level_vectors
	vector	own_sp0			/* our own level with SP_EL0: never used */
	vector	own_sp0
	vector	own_sp0
	vector	own_sp0
	vector	own_sync		/* our own level */
	vector	own_irq
	vector	own_irq
	vector	own_serror
	.endm

	/* Exceptions of a lower level come to the first four: EL1 is AArch64, whatever EL0 is. */
	.text
	.balign	2048
	.global vectors
vectors:
	own_level_vectors
	.rept	2
	vector	lower_sync
	vector	lower_irq
	vector	lower_irq
	vector	lower_serror
	.endr

	/*
	 * For CPUs whose predictors need care, and while exits are measured. In all other cases
	 * this costs nothing.
	 */
	.balign	2048
	.global vectors_checked
vectors_checked:
	own_level_vectors
	.rept	2
	checked_vector lower_sync, measured_sync
	checked_vector lower_irq, measured_irq
	checked_vector lower_irq, measured_irq
	checked_vector lower_serror, lower_serror
	.endr

/*
 * A lower level may have trained the predictors. percpu.arch.guard holds the action that this CPU
 * needs (errata.h). Before that action there is no indirect branch. None is speculated either:
 * whichever way these branches are predicted, a barrier lies behind them. Changes x0, x1. Condition
 * NE: exits are measured.
 */
guard:
	mrs	x0, TPIDR_ELx
	ldr	w1, [x0, #PERCPU_GUARD]
	cbz	w1, 4f
	cmp	w1, #GUARD_CLRBHB
	b.eq	2f
	b.hi	5f
1:	b	6f			/* a turn's branches push out old ones */
6:	subs	w1, w1, #1
	b.ne	1b
	b	3f
2:	hint	#22			/* CLRBHB */
3:	dsb	nsh
	isb
4:	ldr	w1, [x0, #PERCPU_MEASURED]
	cmp	w1, #0
	ret
5:	stp	x2, x3, [sp, #-16]!
	cmp	w1, #GUARD_FIRMWARE_1
	mov	w0, #0x8000		/* SMCCC_ARCH_WORKAROUND_1: 0x80008000 */
	mov	w1, #0x3fff		/* 3: 0x80003fff */
	csel	w0, w0, w1, eq
	movk	w0, #0x8000, lsl #16
	smc	#0			/* these calls keep all registers except x0 to x3 */
	ldp	x2, x3, [sp], #16
	mrs	x0, TPIDR_ELx
	b	3b

/* ---- from a lower level ---- */

lower_sync:
	save_frame
	tbnz	x1, #4, lower_sync_a32	/* SPSR.M[4]: AArch32 code at EL0 */
	mov	x29, xzr		/* backtraces end here */
	mrs	x2, ESR_ELx
	mrs	x0, TPIDR_ELx
	mov	x1, sp
	ldr	x0, [x0, #PERCPU_CURRENT]
	bl	trap_lower_sync

	/*
	 * Every way back down: pending work once (the fast path is these loads), then the
	 * registers.
	 */
	.global lower_resume
lower_resume:
	mrs	x1, TPIDR_ELx
	ldp	x3, x2, [x1, #PERCPU_CURRENT]	/* w2: resched, its neighbour */
	ldr	w4, [x3, #THREAD_WORK]
	orr	w2, w2, w4
	cbnz	w2, 1f
	restore_frame
	exception_return
1:	bl	sched_exit_work
	b	lower_resume

lower_sync_a32:
	mov	x29, xzr
	mrs	x2, ESR_ELx
	mrs	x0, TPIDR_ELx
	mov	x1, sp
	ldr	x0, [x0, #PERCPU_CURRENT]
	bl	trap_lower_sync_a32
	b	lower_resume

lower_irq:
	save_frame
	mov	x29, xzr
	mrs	x0, TPIDR_ELx
	ldr	x0, [x0, #PERCPU_CURRENT]
	bl	trap_lower_irq
	b	lower_resume

/* The same with a reading of the counter on the way in and on the way out. */
measured_sync:
	save_frame
	mrs	x4, ESR_ELx
	lsr	x1, x4, #26
	masked_from x1
	mov	x29, xzr
	ldr	x0, [x2, #PERCPU_CURRENT]
	mov	x1, sp
	mov	x2, x4
	bl	trap_measured_sync
measured_resume:
	mrs	x1, TPIDR_ELx
	ldp	x3, x2, [x1, #PERCPU_CURRENT]
	ldr	w4, [x3, #THREAD_WORK]
	orr	w2, w2, w4
	cbnz	w2, 1f
	mov	x0, x3
	mov	x1, sp
	bl	trap_measured_end
	bl	masked_end
	restore_frame
	exception_return
1:	bl	sched_exit_work
	b	measured_resume

measured_irq:
	save_frame
	masked_from xzr
	mov	x29, xzr
	ldr	x0, [x2, #PERCPU_CURRENT]
	bl	trap_measured_irq
	b	measured_resume

lower_serror:
	save_frame
	mov	x29, xzr
	mov	x0, sp
	bl	trap_lower_serror
	b	lower_resume

/* lower_resume_at(frame): first entry of the lower level. The stack below the frame is given up. */
	.global lower_resume_at
lower_resume_at:
	mov	sp, x0
	b	lower_resume

/* ---- from our own level ---- */

own_sync:
	sub	sp, sp, #FRAME_SIZE
	/*
	 * Test whether the stack has run into its guard: swap sp and x0 without a free register
	 * (see asm/layout.h).
	 */
	add	sp, sp, x0
	sub	x0, sp, x0
	tbz	x0, #STACK_SHIFT, stack_overflow
	sub	x0, sp, x0
	sub	sp, sp, x0
	add	sp, sp, #FRAME_SIZE
	save_frame
	mov	x0, sp
	bl	trap_own_sync
	restore_frame
	exception_return

stack_overflow:
	sub	sp, sp, x0		/* sp = old x0; x0 = the overflowed SP */
	mrs	x1, TPIDR_ELx
	ldr	x1, [x1, #PERCPU_EMERGENCY]
	mov	sp, x1
	mov	x1, x29
	bl	trap_stack_overflow

own_irq:
	save_frame
	adr	x1, own_irq
	masked_from x1
	mov	x0, sp
	bl	trap_own_irq
	bl	masked_end
	restore_frame
	exception_return

own_sp0:
own_serror:
	save_frame
	mov	x0, sp
	bl	trap_own_serror
	restore_frame
	exception_return
