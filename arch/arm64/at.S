/* SPDX-License-Identifier: Apache-2.0 */
/*
 * u64 at_s1e1r(u64 va) and so on: the result (as in PAR_EL1) of stage 1 of the loaded vCPU for an
 * address. PAR_EL1 is preserved: the guest may be about to read it.
 *
 * A walk that meets an external abort is taken as an exception here, whichever guest made the
 * tables (Arm ARM D8.11). at_failed() then answers it like any other fault.
 */
	.macro translate name, op
	.global \name
\name:
	mrs	x1, par_el1
	at	\op, x0
	isb
	mrs	x0, par_el1
	msr	par_el1, x1
	ret
	.endm

	.text
	.global at_begin, at_end, at_fault
at_begin:
	translate at_s1e0r, s1e0r
	translate at_s1e0w, s1e0w
	translate at_s1e1r, s1e1r
	translate at_s1e1w, s1e1w
at_end:
at_fault:
	msr	par_el1, x1
	mov	x0, #1			/* PAR_EL1.F */
	ret
