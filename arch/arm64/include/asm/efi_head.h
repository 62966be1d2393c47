/* SPDX-License-Identifier: Apache-2.0 */
/* Also included by assembly. */
#ifndef ASM_EFI_HEAD_H
#define ASM_EFI_HEAD_H

/* What of the file the firmware takes for headers: a page, with code of the start. The linker script has it too. */
#define PE_HEADERS 0x1000

#endif
