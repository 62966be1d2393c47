/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Break- and watchpoint registers by number. The register's name is part of the instruction, so
 * each one has two instructions of its own.
 */
	.macro	write_line number, kind
	msr	S2_0_C0_C\number\()_\kind, x1
	ret
	.endm

	.macro	each_number kind
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	write_line \n, \kind
	.endr
	.endm

	.text
/*
 * void dbg_write(u32 index, u64 value): index is 16 times the kind (enum in arch/guest.h) plus the
 * register's number.
 */
	.global dbg_write
dbg_write:
	adr	x2, 1f
	add	x2, x2, w0, uxtw #3
	br	x2
1:	each_number 4	/* DBGBVR */
	each_number 5	/* DBGBCR */
	each_number 6	/* DBGWVR */
	each_number 7	/* DBGWCR */
