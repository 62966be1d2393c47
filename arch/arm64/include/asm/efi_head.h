/* SPDX-License-Identifier: Apache-2.0 */
/* Also included by assembly. */
#ifndef ASM_EFI_HEAD_H
#define ASM_EFI_HEAD_H

/*
 * The part of the file that the firmware takes for headers: one page, which also holds code of the
 * start. The linker script has this number too.
 */
#define PE_HEADERS 0x1000

#endif
