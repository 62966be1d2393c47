/* SPDX-License-Identifier: Apache-2.0 */
/* Also included by assembly. */
#ifndef ASM_GUARD_H
#define ASM_GUARD_H

/*
 * The action at each exit of a guest before the first indirect branch (vectors.S). Up to 255: this
 * many turns of a loop fill the branch history.
 */
#define GUARD_NONE       0
#define GUARD_CLRBHB     256 /* the instruction of FEAT_CLRBHB */
#define GUARD_FIRMWARE_1 257 /* SMCCC_ARCH_WORKAROUND_1 */
#define GUARD_FIRMWARE_3 258 /* SMCCC_ARCH_WORKAROUND_3 */
#define GUARD_UNKNOWN    259 /* an action is needed, but none is offered: nothing */

#endif
