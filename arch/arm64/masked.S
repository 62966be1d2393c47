/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both ends of a section with interrupts masked (kernel/masked.h). Called from inline assembly
 * (asm/cpu.h), which lists the registers that they change.
 */
#include <asm/el.h>
#include <asm/layout.h>

	.text
/* Interrupts have just been masked. Changes x16, x17. */
	.global masked_begin
masked_begin:
	mrs	x16, TPIDR_ELx
	mrs	x17, TIMER_COUNTER
	stp	x17, x30, [x16, #PERCPU_MASKED + MASKED_SINCE]
	ret

/* Interrupts are about to be unmasked. Changes x15 to x17 and the flags. */
	.global masked_end
masked_end:
	mrs	x16, TPIDR_ELx
	mrs	x17, TIMER_COUNTER
	ldr	x15, [x16, #PERCPU_MASKED + MASKED_SINCE]
	sub	x17, x17, x15
	ldr	x15, [x16, #PERCPU_MASKED + MASKED_LIMIT]
	cmp	x17, x15
	b.hi	1f
	ret
1:	stp	x29, x30, [sp, #-144]!
	mov	x29, sp
	stp	x0, x1, [sp, #16]
	stp	x2, x3, [sp, #32]
	stp	x4, x5, [sp, #48]
	stp	x6, x7, [sp, #64]
	stp	x8, x9, [sp, #80]
	stp	x10, x11, [sp, #96]
	stp	x12, x13, [sp, #112]
	stp	x14, x18, [sp, #128]
	mov	x0, x17
	mov	x1, x30
	bl	masked_record
	ldp	x0, x1, [sp, #16]
	ldp	x2, x3, [sp, #32]
	ldp	x4, x5, [sp, #48]
	ldp	x6, x7, [sp, #64]
	ldp	x8, x9, [sp, #80]
	ldp	x10, x11, [sp, #96]
	ldp	x12, x13, [sp, #112]
	ldp	x14, x18, [sp, #128]
	ldp	x29, x30, [sp], #144
	ret
