/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vector table for measuring: the first instruction of its IRQ vector puts the counter in x18,
 * which the compiler leaves alone in guests (-ffixed-x18); then only the caller-saved registers are
 * kept around stamp_irq(intid, stamp). ELR and SPSR stay in place, so such handlers do not nest.
 * A synchronous exception's stamp is in x18 when the kit's handler has returned. All other vectors
 * are the kit's.
 */
.macro elsewhere number
	.balign	0x80
	b	kit_vectors + 0x80 * \number
.endm

	.text
	.balign	0x800
	.global	stamp_vectors
stamp_vectors:
	.irp	n, 0, 1, 2, 3
	elsewhere \n
	.endr
	.balign	0x80
	mrs	x18, cntvct_el0
	b	kit_vectors + 0x80 * 4
	.balign	0x80
	mrs	x18, cntvct_el0
	stp	x29, x30, [sp, #-176]!
	stp	x0, x1, [sp, #16]
	stp	x2, x3, [sp, #32]
	stp	x4, x5, [sp, #48]
	stp	x6, x7, [sp, #64]
	stp	x8, x9, [sp, #80]
	stp	x10, x11, [sp, #96]
	b	stamp_finish
	.irp	n, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	elsewhere \n
	.endr

stamp_finish:
	stp	x12, x13, [sp, #112]
	stp	x14, x15, [sp, #128]
	stp	x16, x17, [sp, #144]
	mrs	x0, S3_0_C12_C12_0		/* ICC_IAR1_EL1 */
	str	x0, [sp, #160]
	mov	x1, x18
	bl	stamp_irq
	ldr	x0, [sp, #160]
	msr	S3_0_C12_C12_1, x0		/* ICC_EOIR1_EL1 */
	ldp	x0, x1, [sp, #16]
	ldp	x2, x3, [sp, #32]
	ldp	x4, x5, [sp, #48]
	ldp	x6, x7, [sp, #64]
	ldp	x8, x9, [sp, #80]
	ldp	x10, x11, [sp, #96]
	ldp	x12, x13, [sp, #112]
	ldp	x14, x15, [sp, #128]
	ldp	x16, x17, [sp, #144]
	ldp	x29, x30, [sp], #176
	eret

	.section .note.GNU-stack, "", %progbits
