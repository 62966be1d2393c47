/* SPDX-License-Identifier: Apache-2.0 */
/* A call that may take the CPU's registers away: kit/psci.h, psci_suspend(). */
#include "kit/layout.h"

	.text
	.global	psci_suspend
	.type	psci_suspend, %function
psci_suspend:
	stp	x29, x30, [sp, #-96]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	mrs	x9, tpidr_el1
	adrp	x10, suspended_sp
	add	x10, x10, :lo12:suspended_sp
	mov	x11, sp
	str	x11, [x10, x9, lsl #3]
	hvc	#0
restore:
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	x29, x30, [sp], #96
	ret

/* As secondary_entry, but on the stack that psci_suspend left; its answer is PSCI_RESUMED. */
	.global	suspend_entry
	.type	suspend_entry, %function
suspend_entry:
	bl	cpu_enter
	adrp	x10, suspended_sp
	add	x10, x10, :lo12:suspended_sp
	ldr	x11, [x10, x24, lsl #3]
	mov	sp, x11
	mov	x0, #PSCI_RESUMED
	b	restore

	.bss
	.balign	8
suspended_sp:
	.skip	8 * KIT_MAX_CPUS

	.section .note.GNU-stack, "", %progbits
