/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kit/ivshmem.h for a program of Linux: of the function that uio_pci_generic has as /dev/uio0. The
 * memory is mapped non-cacheable.
 */
#ifndef LINUX_IVSHMEM_H
#define LINUX_IVSHMEM_H

#include "kit/ivshmem.h"

/*
 * Wait for an event. One that came since the last call ends it at once. The caller looks whether
 * what it waits for has happened: events are not counted, and a peer's change of state is one too.
 * False: the driver refused.
 */
bool ivshmem_wait(void);

/* The rest of the system. */
void linux_write(const char *text, uint64_t length);
void linux_exit(int status) __attribute__((noreturn));

#endif
