/* SPDX-License-Identifier: Apache-2.0 */
/* uint32_t mmio_wrong_destinations(uint64_t addr, uint64_t value); see kit/mmio.h. */

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

	.section .note.GNU-stack, "", %progbits
