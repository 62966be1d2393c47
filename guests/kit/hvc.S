/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uint32_t hvc_changed_registers(uint64_t function): x4..x30 hold their number + 0x5a00 over an
 * HVC.
 */
	.text
	.global	hvc_changed_registers
	.type	hvc_changed_registers, %function
hvc_changed_registers:
	stp	x29, x30, [sp, #-96]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	.irp	n, 4,5,6,7,8,9,10,11,12,13,14,15,16,17,19,20,21,22,23,24,25,26,27,28,29,30
	mov	x\n, #(0x5a00 + \n)
	.endr
	hvc	#0
	mov	w0, #0
	.irp	n, 4,5,6,7,8,9,10,11,12,13,14,15,16,17,19,20,21,22,23,24,25,26,27,28,29,30
	mov	x1, #(0x5a00 + \n)
	cmp	x\n, x1
	cset	w1, ne
	orr	w0, w0, w1, lsl #\n
	.endr
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	x29, x30, [sp], #96
	ret

	.section .note.GNU-stack, "", %progbits
