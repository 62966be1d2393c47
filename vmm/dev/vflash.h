/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VFLASH_H
#define VFLASH_H

#include <lib/types.h>

/* A page of ones, which stands for every erased page of flash. It is never written. */
extern u8 *vflash_erased;

#endif
