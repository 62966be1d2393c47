/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the C library's <stdlib.h> that libfdt calls; lib/ implements it. */
#ifndef LIBC_STDLIB_H
#define LIBC_STDLIB_H

/*
 * The number at @s in @base (0: by its prefix), ULONG_MAX where it is too big. *@end, unless @end
 * is NULL, is set behind its last digit.
 */
unsigned long strtoul(const char *restrict s, char **restrict end, int base);

#endif
