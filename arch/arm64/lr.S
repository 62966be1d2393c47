/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A GICv3's list registers by number. The register's name is part of the instruction, so each one
 * has two instructions of its own.
 */
	.macro	each_lr line
	\line	S3_4_C12_C12_0
	\line	S3_4_C12_C12_1
	\line	S3_4_C12_C12_2
	\line	S3_4_C12_C12_3
	\line	S3_4_C12_C12_4
	\line	S3_4_C12_C12_5
	\line	S3_4_C12_C12_6
	\line	S3_4_C12_C12_7
	\line	S3_4_C12_C13_0
	\line	S3_4_C12_C13_1
	\line	S3_4_C12_C13_2
	\line	S3_4_C12_C13_3
	\line	S3_4_C12_C13_4
	\line	S3_4_C12_C13_5
	\line	S3_4_C12_C13_6
	\line	S3_4_C12_C13_7
	.endm

	.macro	read_line reg
	mrs	x0, \reg
	ret
	.endm

	.macro	write_line reg
	msr	\reg, x1
	ret
	.endm

	.text
/* u64 ich_lr_read(u32 n), n < 16 */
	.global ich_lr_read
ich_lr_read:
	adr	x1, 1f
	add	x1, x1, w0, uxtw #3
	br	x1
1:	each_lr	read_line

/* void ich_lr_write(u32 n, u64 value), n < 16 */
	.global ich_lr_write
ich_lr_write:
	adr	x2, write_lines
	add	x2, x2, w0, uxtw #3
	br	x2
write_lines:
	each_lr	write_line

/* bool arch_vgic_lr_again(u32 n, u64 value), n < 16 */
	.global arch_vgic_lr_again
arch_vgic_lr_again:
	adr	x2, write_lines
	add	x2, x2, w0, uxtw #3
	mov	w0, #1
	br	x2
