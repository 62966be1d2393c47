/* SPDX-License-Identifier: Apache-2.0 */
/* Loads that have to be whole functions; see kit/mmio.h. */

/* [sp, #96] holds the address, #104 the value, #112 the result. The base is the destination too. */
.macro try_register n
	ldr	x\n, [sp, #96]
	ldr	w\n, [x\n]
	str	x\n, [sp, #120]
	ldp	x0, x1, [sp, #104]
	ldr	x2, [sp, #120]
	cmp	x0, x2
	cset	x2, ne
	orr	x1, x1, x2, lsl #\n
	str	x1, [sp, #112]
.endm

	.text
	.global	mmio_wrong_destinations
	.type	mmio_wrong_destinations, %function
mmio_wrong_destinations:
	stp	x29, x30, [sp, #-128]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	stp	x0, x1, [sp, #96]
	str	xzr, [sp, #112]
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17
	try_register \n
	.endr
	.irp	n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
	try_register \n
	.endr
	ldr	x0, [sp, #112]
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	x29, x30, [sp], #128
	ret

	.global	mmio_load_post
	.type	mmio_load_post, %function
mmio_load_post:
	ldr	w1, [x0], #4
	mov	w0, w1
	ret

	.global	mmio_load_post_physical
	.type	mmio_load_post_physical, %function
mmio_load_post_physical:
	mrs	x2, sctlr_el1
	bic	x3, x2, #1			/* M: addresses are physical, and the same */
	msr	sctlr_el1, x3
	isb
	ldr	w1, [x0], #4
	msr	sctlr_el1, x2
	isb
	mov	w0, w1
	ret

	.section .note.GNU-stack, "", %progbits
