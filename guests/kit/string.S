/* SPDX-License-Identifier: Apache-2.0 */
/* What the compiler may call for loops and structure copies; plain byte loops. */
	.text
	.global	memset
	.type	memset, %function
memset:
	mov	x3, x0
1:	cbz	x2, 2f
	strb	w1, [x3], #1
	sub	x2, x2, #1
	b	1b
2:	ret

	.global	memcpy
	.type	memcpy, %function
memcpy:
	mov	x3, x0
1:	cbz	x2, 2f
	ldrb	w4, [x1], #1
	strb	w4, [x3], #1
	sub	x2, x2, #1
	b	1b
2:	ret

/* Downwards where the destination is above the source. */
	.global	memmove
	.type	memmove, %function
memmove:
	cmp	x0, x1
	b.ls	memcpy
1:	cbz	x2, 2f
	sub	x2, x2, #1
	ldrb	w4, [x1, x2]
	strb	w4, [x0, x2]
	b	1b
2:	ret

	.section .note.GNU-stack, "", %progbits
