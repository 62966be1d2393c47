/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kit/ivshmem.h for a program of Linux: of the functions that uio_pci_generic has as /dev/uio0 and
 * so on. A program uses one of them, the last that ivshmem_find() found. The memory is mapped
 * non-cacheable.
 */
#ifndef LINUX_IVSHMEM_H
#define LINUX_IVSHMEM_H

#include "kit/ivshmem.h"
#include "linux_sys.h"

/* 16 bits of its class code. */
uint32_t ivshmem_protocol(void);

/*
 * Wait for an event. One that came since the last call ends it at once. The caller looks whether
 * what it waits for has happened: events are not counted, and a peer's change of state is one too.
 * False: the driver refused.
 */
bool ivshmem_wait(void);

/* The same in parts: allow the next event, which makes the file readable; take it. */
int ivshmem_file(void);
void ivshmem_allow(void);
bool ivshmem_take(void);

/*
 * A peer on another CPU often answers sooner than Linux brings its interrupt to a program. So one
 * looks for so many microseconds before it waits, and calls cpu_relax() in between.
 */
#define IVSHMEM_LOOK_US 20

#endif
