/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the C library's <stdlib.h> that libfdt calls; lib/ implements it. */
#ifndef LIBC_STDLIB_H
#define LIBC_STDLIB_H

/*
 * The number at s in base `base` (0: the prefix tells), ULONG_MAX if it is too big. Unless end is
 * NULL, *end is set behind its last digit.
 */
unsigned long strtoul(const char *restrict s, char **restrict end, int base);

#endif
