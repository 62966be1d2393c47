/* SPDX-License-Identifier: Apache-2.0 */
/* Entry at EL1, MMU off; the vectors. An exception that is not an interrupt stays at its vector. */
	.section .text.boot, "ax"
	.global	_start
_start:
	adrp	x1, stack_end
	add	sp, x1, :lo12:stack_end
	adrp	x1, vectors
	add	x1, x1, :lo12:vectors
	msr	vbar_el1, x1
	isb
	bl	main
	b	.

	.balign	2048
vectors:
	.rept	5		/* of 16 */
	.balign	128
	b	.
	.endr
	.balign	128		/* the 6th: an interrupt, on EL1's own stack */
	stp	x29, x30, [sp, #-176]!
	stp	x0, x1, [sp, #16]
	stp	x2, x3, [sp, #32]
	stp	x4, x5, [sp, #48]
	stp	x6, x7, [sp, #64]
	stp	x8, x9, [sp, #80]
	stp	x10, x11, [sp, #96]
	stp	x12, x13, [sp, #112]
	stp	x14, x15, [sp, #128]
	stp	x16, x17, [sp, #144]
	str	x18, [sp, #160]
	bl	interrupt
	b	leave
	.rept	10
	.balign	128
	b	.
	.endr
leave:
	ldr	x18, [sp, #160]
	ldp	x16, x17, [sp, #144]
	ldp	x14, x15, [sp, #128]
	ldp	x12, x13, [sp, #112]
	ldp	x10, x11, [sp, #96]
	ldp	x8, x9, [sp, #80]
	ldp	x6, x7, [sp, #64]
	ldp	x4, x5, [sp, #48]
	ldp	x2, x3, [sp, #32]
	ldp	x0, x1, [sp, #16]
	ldp	x29, x30, [sp], #176
	eret

	.bss
	.balign	16
	.skip	4096
stack_end:
	.section .note.GNU-stack, "", %progbits
