/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual address layout of our own level, and the offsets that assembly uses (asserted in
 * exception.c). Also included by assembly and by the linker script.
 */
#ifndef ASM_LAYOUT_H
#define ASM_LAYOUT_H

/* 48-bit addresses. Every region has its own level-0 entry (512 GiB). */
#define KIMAGE_VA 0x0000400000000000 /* the image, wherever it was loaded */
#define IO_VA     0x0000500000000000 /* devices */
#define STACK_VA  0x0000600000000000 /* kernel stacks */
#define LINEAR_VA 0x0000800000000000 /* RAM: LINEAR_VA + physical address */

/*
 * The ELF's physical address. It leaves room for the devicetree that QEMU puts at the start of
 * virt's RAM.
 */
#define KIMAGE_ELF_PA 0x40200000

/*
 * Behind the image's own 2 MiB. While booting: two blocks of 2 MiB with the devicetree, and the
 * UART. Later: the pages of the devicetree.
 */
#define KIMAGE_BYTES 0x200000
#define FDT_VA       (KIMAGE_VA + KIMAGE_BYTES)
#define FDT_BYTES    0x400000
#define BOOT_UART_VA (KIMAGE_VA + 0x800000)
/* The last page of the image's 2 MiB. The ELF's segments end before it: loaders do not clear it. */
#define PANIC_PAGE_VA (KIMAGE_VA + KIMAGE_BYTES - 0x1000)

/*
 * A stack is the upper half of a slot of twice its size. The lower half is never mapped. So bit
 * STACK_SHIFT of a stack pointer is set inside the stack, and clear once the stack has overflowed.
 */
#define STACK_SHIFT 14
#define STACK_BYTES 0x4000
#define STACK_SLOT  0x8000

/* MPIDR_EL1: Aff3, Aff2 to Aff0 */
#define MPIDR_AFFINITY 0xff00ffffff

/* struct secondary_boot */
#define SECONDARY_SIZE 32
#define SECONDARY_HWID 24

/* struct trap_frame */
#define FRAME_SIZE 272
#define FRAME_ELR  256
#define FRAME_SPSR 264

/* struct masked, in struct percpu */
#define MASKED_SINCE 0
#define MASKED_FROM  8
#define MASKED_LIMIT 16

/* struct percpu, struct thread */
#define PERCPU_CURRENT   0
#define PERCPU_RESCHED   8
#define PERCPU_MASKED    16
#define PERCPU_EMERGENCY 144
#define PERCPU_GUARD     152
#define PERCPU_MEASURED  156
#define THREAD_SP        0
#define THREAD_FP        16
#define THREAD_WORK      544

#endif
