/* SPDX-License-Identifier: Apache-2.0 */
/* See kit/fp.h. */
	.arch_extension fp
	.arch_extension simd

/* insns n, for n = 0..31 */
.macro for_all_registers insns
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	\insns	\n
	.endr
	.irp	n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	\insns	\n
	.endr
.endm

.macro fill_one n
	mvn	x2, x0
	fmov	d\n, x0
	mov	v\n\().d[1], x2
	add	x0, x0, x1
.endm

.macro compare_one n
	mvn	x2, x0
	fmov	x3, d\n
	mov	x4, v\n\().d[1]
	cmp	x3, x0
	ccmp	x4, x2, #0, eq
	cset	w6, ne
	orr	w5, w5, w6, lsl #\n
	add	x0, x0, x1
.endm

.macro fold_one n
	fmov	x1, d\n
	mov	x2, v\n\().d[1]
	eor	x0, x0, x1
	eor	x0, x0, x2
.endm

/* v[this] += v[next] */
.macro add_next this, next
	add	v\this\().2d, v\this\().2d, v\next\().2d
.endm

	.text
	.global	fp_fill
	.type	fp_fill, %function
fp_fill:
	mov	x1, #0x0101010101010101
	msr	fpcr, xzr
	and	x2, x0, #0x1f
	msr	fpsr, x2
	for_all_registers fill_one
	ret

	.global	fp_wrong
	.type	fp_wrong, %function
fp_wrong:
	mov	x1, #0x0101010101010101
	mov	w5, #0
	for_all_registers compare_one
	mov	w0, w5
	ret

	.global	fp_step
	.type	fp_step, %function
fp_step:
	.irp	pair, "0, 1", "1, 2", "2, 3", "3, 4"
	add_next \pair
	.endr
	.irp	pair, "4, 5", "5, 6", "6, 7", "7, 8"
	add_next \pair
	.endr
	.irp	pair, "8, 9", "9, 10", "10, 11", "11, 12"
	add_next \pair
	.endr
	.irp	pair, "12, 13", "13, 14", "14, 15", "15, 16"
	add_next \pair
	.endr
	.irp	pair, "16, 17", "17, 18", "18, 19", "19, 20"
	add_next \pair
	.endr
	.irp	pair, "20, 21", "21, 22", "22, 23", "23, 24"
	add_next \pair
	.endr
	.irp	pair, "24, 25", "25, 26", "26, 27", "27, 28"
	add_next \pair
	.endr
	.irp	pair, "28, 29", "29, 30", "30, 31", "31, 0"
	add_next \pair
	.endr
	ret

	.global	fp_sum
	.type	fp_sum, %function
fp_sum:
	mov	x0, #0
	for_all_registers fold_one
	ret

	.global	fp_triangle
	.type	fp_triangle, %function
fp_triangle:
	movi	d16, #0
1:	cbz	x0, 2f
	ucvtf	d17, x0
	fadd	d16, d16, d17
	sub	x0, x0, #1
	b	1b
2:	fcvtzu	x0, d16
	ret

	.section .note.GNU-stack, "", %progbits
