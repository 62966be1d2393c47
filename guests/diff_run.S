/* SPDX-License-Identifier: Apache-2.0 */
/*
 * void step_run(struct run *run): all registers from run, ERET to run->entry with run->pstate. The
 * step ends at step_end, or at the first exception of any kind; all registers go to run. SP_EL1
 * points to run meanwhile, and the vectors are those below.
 */
#include "diff.h"

	.text
	.global	step_run
	.type	step_run, %function
step_run:
	stp	x19, x20, [x0, #RUN_HOST]
	stp	x21, x22, [x0, #RUN_HOST + 16]
	stp	x23, x24, [x0, #RUN_HOST + 32]
	stp	x25, x26, [x0, #RUN_HOST + 48]
	stp	x27, x28, [x0, #RUN_HOST + 64]
	stp	x29, x30, [x0, #RUN_HOST + 80]
	mov	x1, sp
	mrs	x2, vbar_el1
	stp	x1, x2, [x0, #RUN_HOST + 96]
	mov	sp, x0
	adrp	x1, step_vectors
	add	x1, x1, :lo12:step_vectors
	msr	vbar_el1, x1
	ldp	x1, x2, [sp, #RUN_ENTRY]
	msr	elr_el1, x1
	msr	spsr_el1, x2
	msr	esr_el1, xzr
	msr	far_el1, xzr
	.arch_extension simd
	ldp	q0, q1, [sp, #RUN_Q]
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
	ldr	x30, [sp, #240]
	ldp	x0, x1, [sp]
	eret

	/* The code of a step ends with a branch here. */
	.global	step_end
step_end:
	stp	x0, x1, [sp]
	mov	x0, #NO_VECTOR

store:
	stp	x2, x3, [sp, #16]
	mrs	x1, nzcv
	str	x1, [sp, #RUN_NZCV]
	str	x0, [sp, #RUN_VECTOR]
	msr	daifset, #0xf
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
	str	x30, [sp, #240]
	mrs	x0, elr_el1
	mrs	x1, spsr_el1
	stp	x0, x1, [sp, #RUN_ELR]
	mrs	x0, esr_el1
	mrs	x1, far_el1
	stp	x0, x1, [sp, #RUN_ESR]
	mov	x0, #(3 << 20)			/* CPACR_EL1.FPEN: a step may have changed it */
	msr	cpacr_el1, x0
	isb
	stp	q0, q1, [sp, #RUN_Q]
	mov	x0, sp
	ldp	x1, x2, [x0, #RUN_HOST + 96]
	mov	sp, x1
	msr	vbar_el1, x2
	isb
	ldp	x19, x20, [x0, #RUN_HOST]
	ldp	x21, x22, [x0, #RUN_HOST + 16]
	ldp	x23, x24, [x0, #RUN_HOST + 32]
	ldp	x25, x26, [x0, #RUN_HOST + 48]
	ldp	x27, x28, [x0, #RUN_HOST + 64]
	ldp	x29, x30, [x0, #RUN_HOST + 80]
	ret

.macro entry number
	.balign	0x80
	stp	x0, x1, [sp]
	mov	x0, #\number
	b	store
.endm

	.balign	0x800
step_vectors:
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	entry	\n
	.endr

	.section .note.GNU-stack, "", %progbits
