/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry from the loader: MMU off, at any physical address that is 2 MiB-aligned. The image begins
 * with a header (_head); one of its first two instructions branches to _start. The ELF's entry
 * point is _start itself.
 */
#include <asm/el.h>
#include <asm/layout.h>

#define SCTLR_BOOT 0x30c51835 /* RES1, M, C, I, SA0/RES1 */
#define MAIR 0x44ff04	      /* 0: device nGnRE, 1: normal write-back, 2: normal non-cacheable */

/*
 * Block descriptor: inner shareable, accessed. AP[1] (bit 6) is RES1 at EL2. At EL1 it must be 0
 * for a page that EL1 executes.
 */
#define BLOCK_NORMAL 0x705
#define BLOCK_AP1 0x40

	.section .head.text, "ax"
	.global _start
_start:
	msr	daifset, #0xf
	mov	x19, x0			/* devicetree, or an invalid value */
	mrs	x20, CurrentEL
	lsr	x20, x20, #2		/* exception level at entry, for the C code */
	adrp	x21, _head		/* physical base of the image */
	cmp	x20, #3
	b.ne	1f
	mov	x0, #0x501		/* SCR_EL3: NS, HCE, RW */
	msr	scr_el3, x0
	mov	x0, #0x3c9		/* EL2h, masked */
	msr	spsr_el3, x0
	adr	x0, 1f
	msr	elr_el3, x0
	eret
1:
	bl	find_fdt
	bl	make_boot_tables
	ldr	x30, =boot_virtual
	b	mmu_on

/*
 * x19 = the devicetree: the given one if it is valid. Else it is searched downwards from the image
 * to a GiB boundary (QEMU: start of RAM). 0: none.
 */
find_fdt:
	cbz	x19, 1f
	tst	x19, #7
	b.ne	1f
	mov	x0, x19
	ldr	w1, [x0]
	ldr	w2, =0xedfe0dd0
	cmp	w1, w2
	b.eq	3f
1:	mov	x19, #0
	mov	x0, x21
	ldr	w2, =0xedfe0dd0
2:	tst	x0, #0x3fffffff
	b.eq	3f
	sub	x0, x0, #0x200000
	ldr	w1, [x0]
	cmp	w1, w2
	b.ne	2b
	mov	x19, x0
3:	ret

/*
 * Boot tables map the image's GiB at its physical address (for the instruction after the MMU is
 * turned on), the image at KIMAGE_VA, and the devicetree behind it. x20: exception level; x21:
 * image; x19: devicetree.
 */
make_boot_tables:
	/* Clear the tables. No cache holds lines of them that could overwrite them later. */
	adrp	x0, boot_l0
	add	x1, x0, #0x4000
1:	dc	ivac, x0
	stp	xzr, xzr, [x0], #16
	cmp	x0, x1
	b.lo	1b

	mov	x9, #BLOCK_NORMAL
	cmp	x20, #1
	b.eq	1f
	orr	x9, x9, #BLOCK_AP1
1:	adrp	x0, boot_l0
	adrp	x1, boot_id_l1
	adrp	x2, boot_va_l1
	adrp	x3, boot_va_l2

	lsr	x4, x21, #39
	and	x4, x4, #511
	orr	x5, x1, #3
	str	x5, [x0, x4, lsl #3]		/* L0: physical */
	lsr	x4, x21, #30
	orr	x5, x9, x4, lsl #30
	and	x4, x4, #511
	str	x5, [x1, x4, lsl #3]		/* 1 GiB block */

	mov	x4, #(KIMAGE_VA >> 39)
	orr	x5, x2, #3
	str	x5, [x0, x4, lsl #3]		/* L0: KIMAGE_VA */
	orr	x5, x3, #3
	str	x5, [x2]
	orr	x5, x9, x21
	str	x5, [x3]			/* the image's 2 MiB */
	cbz	x19, 2f
	bic	x4, x19, #0x1fffff
	orr	x5, x9, x4
	str	x5, [x3, #8]			/* the devicetree's 2 MiB and the next */
	add	x5, x5, #0x200000
	str	x5, [x3, #16]
2:	dsb	sy
	ret

/*
 * Turn on the MMU of this exception level with the boot tables, and go to x30 (a virtual address).
 * Clobbers x0-x3.
 */
mmu_on:
	adrp	x0, boot_l0
	ldr	x1, =MAIR
	mrs	x2, id_aa64mmfr0_el1
	and	x2, x2, #0xf			/* PARange, at most 48 bits */
	cmp	x2, #5
	mov	x3, #5
	csel	x2, x2, x3, ls
	mrs	x3, CurrentEL
	cmp	x3, #(1 << 2)
	b.eq	1f
	mov	x3, #(1 << 31)			/* HCR_EL2: RW. No E2H: other registers */
	msr	hcr_el2, x3
	isb
	ldr	x3, =0x80803510			/* TCR_EL2: RES1, WB, T0SZ 16 */
	orr	x3, x3, x2, lsl #16
	msr	tcr_el2, x3
	msr	mair_el2, x1
	msr	ttbr0_el2, x0
	tlbi	alle2
	tlbi	alle1				/* no VMID has an entry: tlb_claim() */
	dsb	sy
	isb
	ldr	x3, =SCTLR_BOOT
	msr	sctlr_el2, x3
	isb
	ret
1:	ldr	x3, =0x00803510			/* TCR_EL1: the same, EPD1 */
	orr	x3, x3, x2, lsl #32
	msr	tcr_el1, x3
	msr	mair_el1, x1
	msr	ttbr0_el1, x0
	mov	x3, #(3 << 20)
	msr	cpacr_el1, x3			/* libfdt may use SIMD */
	tlbi	vmalle1
	dsb	sy
	isb
	ldr	x3, =0x30d01805			/* SCTLR_EL1: RES1, I, C, M */
	msr	sctlr_el1, x3
	isb
	ret

boot_virtual:
	/*
	 * Clear bss now that the caches are on: DC ZVA takes a whole block of memory, at most
	 * 2 KiB. Start and end are page-aligned.
	 */
	ldr	x0, =__bss_start
	ldr	x1, =__bss_end
	mrs	x2, dczid_el0
	mov	x3, #4
	lsl	x3, x3, x2			/* 4 << BS: low 6 bits count; DZP is 0 */
	tbnz	x2, #4, 2f			/* DZP: DC ZVA is prohibited */
1:	dc	zva, x0
	add	x0, x0, x3
	dc	zva, x0
	add	x0, x0, x3
	cmp	x0, x1
	b.lo	1b
	b	3f
2:	stp	xzr, xzr, [x0], #16
	cmp	x0, x1
	b.lo	2b
3:
	ldr	x0, =__boot_stack_top
	mov	sp, x0
	mov	x29, xzr
	mov	x30, xzr
	mov	x0, x19
	mov	x1, x20
	mov	x2, x21
	ldr	x3, =arch_start
	br	x3

/*
 * A secondary from a spin-table: it finds its struct secondary_boot by its hardware id. A CPU that
 * was not asked to start keeps waiting.
 */
	.global secondary_spin_start
secondary_spin_start:
	mrs	x1, mpidr_el1
	ldr	x2, =MPIDR_AFFINITY
	and	x1, x1, x2
	adrp	x0, secondaries
	add	x0, x0, :lo12:secondaries
1:	ldr	x2, [x0]		/* stack_top; 0: not asked to start */
	ldr	x3, [x0, #SECONDARY_HWID]
	cmp	x2, #0
	ccmp	x3, x1, #0, ne
	b.eq	secondary_start
	add	x0, x0, #SECONDARY_SIZE
	cmn	x3, #1			/* the table ends with this id */
	b.ne	1b
2:	wfe
	b	2b

/*
 * A secondary from PSCI CPU_ON: x0 = physical address of its struct secondary_boot { stack_top,
 * percpu, ttbr0 } (cleaned to memory).
 */
	.global secondary_start
secondary_start:
	msr	daifset, #0xf
	mov	x19, x0
	ldp	x22, x23, [x19]
	ldr	x24, [x19, #16]
	ldr	x30, =secondary_virtual
	b	mmu_on

secondary_virtual:
	msr	TTBR0_ELx, x24			/* the final tables: no identity map */
	isb
	tlbi	TLBI_ALL
	dsb	nsh
	isb
	mov	sp, x22
	mov	x29, xzr
	mov	x30, xzr
	mov	x0, x23
	ldr	x3, =arch_secondary_start
	br	x3

	.ltorg

	.section .bss_pages, "aw", %nobits
	.balign	4096
	.global boot_l0, boot_va_l2
boot_l0:	.skip 4096
boot_id_l1:	.skip 4096
boot_va_l1:	.skip 4096
boot_va_l2:	.skip 4096
