/* SPDX-License-Identifier: Apache-2.0 */
#define PSTATE_EL0_MASKED 0x3c0

	.macro	save_callers
	stp	x29, x30, [sp, #-96]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	.endm

	.text
/* void el0_enter(pc, x0, x1): comes back through el0_return, as exc.c decides. */
	.global	el0_enter
	.type	el0_enter, %function
el0_enter:
	save_callers
	mov	x9, #PSTATE_EL0_MASKED
	msr	spsr_el1, x9
	msr	elr_el1, x0
	mov	x0, x1
	mov	x1, x2
	eret

/* void el0_enter_a32(pc, r, spsr): the same. */
	.global	el0_enter_a32
	.type	el0_enter_a32, %function
el0_enter_a32:
	save_callers
	msr	spsr_el1, x2
	msr	elr_el1, x0
	mov	x9, x1
	ldp	w0, w1, [x9]
	ldp	w2, w3, [x9, #8]
	ldp	w4, w5, [x9, #16]
	ldp	w6, w7, [x9, #24]
	eret

	.global	el0_return
	.type	el0_return, %function
el0_return:
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	x29, x30, [sp], #96
	ret

	.section .note.GNU-stack, "", %progbits
