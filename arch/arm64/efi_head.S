/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of the image: Linux' Image header, which is also that of a PE32+ application (PE Format
 * specification, Microsoft) for UEFI. Offsets in the file equal those in memory. The firmware
 * treats the first page as headers, so it is not executed there.
 */
#include <asm/efi_head.h>

	.section .head, "ax"
	.global _head
_head:
	ccmp	x18, #0, #0xd, pl	/* "MZ": an instruction without effect here */
	b	_start
	.quad	0			/* text_offset */
	.quad	__image_size
	.quad	0xa			/* little endian, 4 KiB pages, anywhere in memory */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	pe_header - _head

pe_header:
	.ascii	"PE\0\0"
	.short	0xaa64			/* AArch64 */
	.short	2			/* sections */
	.long	0, 0, 0
	.short	sections - optional_header
	.short	0x206			/* executable, neither line numbers nor debug information */

optional_header:
	.short	0x20b			/* PE32+ */
	.byte	0, 0
	.long	__pe_text_size
	.long	__pe_data_size
	.long	0
	.long	efi_entry - _head
	.long	PE_HEADERS		/* base of code */
	.quad	0			/* image base: any */
	.long	0x1000			/* alignment of sections in memory */
	.long	0x200			/* and in the file */
	.short	0, 0
	.short	1, 0			/* to GRUB: takes its initrd by LoadFile2 */
	.short	0, 0
	.long	0
	.long	__pe_image_size
	.long	PE_HEADERS
	.long	0
	.short	10			/* EFI application */
	.short	0x100			/* no page is both written and executed */
	.quad	0, 0, 0, 0
	.long	0
	.long	6			/* data directories, all empty */
	.quad	0, 0, 0, 0, 0, 0

sections:
	.ascii	".text\0\0\0"
	.long	__pe_text_size
	.long	PE_HEADERS
	.long	__pe_text_size
	.long	PE_HEADERS
	.long	0, 0, 0
	.long	0x60000020		/* code, execute, read */
	.ascii	".data\0\0\0"
	.long	__pe_data_size
	.long	PE_HEADERS + __pe_text_size
	.long	__pe_data_size
	.long	PE_HEADERS + __pe_text_size
	.long	0, 0, 0
	.long	0xc0000040		/* data, read, write */

	.text
/*
 * The firmware's call: x0 = handle of this image, x1 = system table. Returns only if ZVM cannot
 * run.
 */
	.global efi_entry
efi_entry:
	stp	x29, x30, [sp, #-16]!
	mov	x29, sp
	mrs	x2, CurrentEL
	lsr	x2, x2, #2
	bl	efi_main
	ldp	x29, x30, [sp], #16
	ret

/*
 * Runs in a copy of the image that is clean to memory: turn off MMU and caches, and start the copy
 * as its loader would. x0 = devicetree, also clean. The caches may hold other lines: those are
 * unused, or are read through the caches.
 */
	.global efi_leave
efi_leave:
	msr	daifset, #0xf
	mrs	x1, sctlr_el2
	mov	x2, #0x1005		/* I, C, M */
	bic	x1, x1, x2
	msr	sctlr_el2, x1
	isb
	mov	x1, #0x80000000		/* HCR_EL2.RW alone */
	msr	hcr_el2, x1
	ic	iallu
	dsb	nsh
	isb
	mov	x1, xzr
	mov	x2, xzr
	mov	x3, xzr
	b	_start
