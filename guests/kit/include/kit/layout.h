/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that the kit's assembly and C share. */
#ifndef KIT_LAYOUT_H
#define KIT_LAYOUT_H

#define KIT_MAX_CPUS     8
#define KIT_STACK_SIZE   16384
#define KIT_ARRIVAL_SIZE 40

/* struct exc_frame: offsets and size, in bytes. */
#define FRAME_SP   248
#define FRAME_ELR  256
#define FRAME_SPSR 264
#define FRAME_ESR  272
#define FRAME_FAR  280
#define FRAME_SIZE 288

/* psci_suspend: not an answer of PSCI's. */
#define PSCI_RESUMED 1000

#endif
