/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry of the boot CPU (x0 = devicetree or 0) and of CPUs started by PSCI CPU_ON (x0 = context
 * id). Both arrive at EL1h with the MMU off. The page tables are constant data of the image, so the
 * MMU is on before anything is stored: no cache maintenance is needed for earlier stores.
 */
#include "kit/layout.h"

#define SCTLR_MMU_OFF	0x30d00808	/* RES1 bits of Armv8.0, SA */
#define SCTLR_MMU_ON	0x30d0180d	/* the same, M, C, I */
#define MAIR_VALUE	0x000000000044ff04	/* 0: nGnRE, 1: write-back, 2: non-cacheable */

/* TCR_EL1: T0SZ 25 (39 bits), 4 KiB granule, WB inner-shareable walks, EPD1, IPS 40 bits. */
#define TCR_VALUE	((25) | (1 << 8) | (1 << 10) | (3 << 12) | (1 << 23) | (2 << 32))

.macro load_imm reg, value
	movz	\reg, #((\value) & 0xffff)
	movk	\reg, #(((\value) >> 16) & 0xffff), lsl #16
	movk	\reg, #(((\value) >> 32) & 0xffff), lsl #32
.endm

/*
 * Leave the state of arrival in x19..x24; boot_record stores it once there is memory to store to.
 */
.macro note_arrival
	mov	x19, x0
	mrs	x20, CurrentEL
	mrs	x21, sctlr_el1
	mrs	x22, daif
	mrs	x23, spsel
	msr	spsel, #1
	msr	daifset, #0xf
.endm

	.section .text.boot, "ax"
	.global	_start
	.type	_start, %function
_start:
	note_arrival
	bl	mmu_enable
	adrp	x0, __bss_start
	add	x0, x0, :lo12:__bss_start
	adrp	x1, __bss_end
	add	x1, x1, :lo12:__bss_end
1:	cmp	x0, x1
	b.hs	2f
	stp	xzr, xzr, [x0], #16
	b	1b
2:	mov	x24, #0
	bl	cpu_setup
	mov	x0, x19
	bl	kit_start
	b	.

	.global	secondary_entry
	.type	secondary_entry, %function
secondary_entry:
	bl	cpu_enter
	mov	x0, x24
	bl	kit_start_secondary
	b	.

/*
 * From reset state to a running CPU: MMU on, x24 its number, its stack empty, its arrival noted;
 * clobbers x0..x3, x19..x25.
 */
	.global	cpu_enter
	.type	cpu_enter, %function
cpu_enter:
	mov	x25, x30
	note_arrival
	bl	mmu_enable
	mrs	x24, mpidr_el1
	and	x24, x24, #0xff
	bl	cpu_setup
	ret	x25

/* Stack, FP, vectors and the record of arrival of CPU x24; clobbers x0..x3. */
cpu_setup:
	adrp	x0, cpu_stacks
	add	x0, x0, :lo12:cpu_stacks
	add	x1, x24, #1
	mov	x2, #KIT_STACK_SIZE
	madd	x0, x1, x2, x0
	mov	sp, x0
	mov	x29, #0
	mov	x0, #(3 << 20)			/* CPACR_EL1.FPEN: no FP traps */
	msr	cpacr_el1, x0
	adrp	x0, kit_vectors
	add	x0, x0, :lo12:kit_vectors
	msr	vbar_el1, x0
	msr	tpidr_el1, x24
	isb
	adrp	x0, cpu_arrival
	add	x0, x0, :lo12:cpu_arrival
	mov	x2, #KIT_ARRIVAL_SIZE
	madd	x0, x24, x2, x0
	stp	x19, x20, [x0]
	stp	x21, x22, [x0, #16]
	str	x23, [x0, #32]
	ret

/* Identity map on; clobbers x0, x1. */
mmu_enable:
	load_imm x0, SCTLR_MMU_OFF
	msr	sctlr_el1, x0
	isb
	tlbi	vmalle1
	ic	iallu
	dsb	nsh
	load_imm x0, MAIR_VALUE
	msr	mair_el1, x0
	load_imm x0, TCR_VALUE
	msr	tcr_el1, x0
	adrp	x0, page_table_l1
	add	x0, x0, :lo12:page_table_l1
	msr	ttbr0_el1, x0
	isb
	load_imm x0, SCTLR_MMU_ON
	msr	sctlr_el1, x0
	isb
	ret

/*
 * void crash_now(uintptr_t where): vectors and PC are both at an empty address. From here on every
 * exception faults at its own vector.
 */
	.text
	.global	crash_now
	.type	crash_now, %function
crash_now:
	msr	daifset, #0xf
	msr	vbar_el1, x0
	isb
	br	x0

/*
 * Level 1: 1 GiB a row. Row 0 holds the devices, row 1 or 2 the RAM (guest.lds); row 3 (ALIAS_BASE
 * in mmu.c) points to a level-2 table with room for other mappings. The rest is invalid and gives
 * translation faults.
 */
#define BLOCK		0x1
#define TABLE		0x3
#define AF		(1 << 10)
#define XN		(3 << 53)
#define ATTR(n)		((n) << 2)

	.section .data.pgtables, "aw"
	.balign	4096
	.global	page_table_l1
page_table_l1:
	.quad	0x00000000 | BLOCK | AF | ATTR(0) | XN
	.quad	kit_row1, kit_row2
	.quad	page_table_alias + TABLE
	.fill	512 - 4, 8, 0
	.balign	4096
	.global	page_table_alias
page_table_alias:
	.fill	512, 8, 0

	.bss
	.balign	16
	.global	cpu_stacks
cpu_stacks:
	.skip	KIT_STACK_SIZE * KIT_MAX_CPUS
	.global	cpu_arrival
cpu_arrival:
	.skip	KIT_ARRIVAL_SIZE * KIT_MAX_CPUS

	.section .note.GNU-stack, "", %progbits
