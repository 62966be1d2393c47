/* SPDX-License-Identifier: Apache-2.0 */
/* The head of the RTOS's image: Linux' Image header. */
	.section .head, "ax"
	.global _head
_head:
	b	_start
	.long	0
	.quad	0		/* text_offset */
	.quad	__image_size
	.quad	0xa		/* little endian, 4 KiB pages, anywhere in memory */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0
