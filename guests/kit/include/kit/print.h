/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KIT_PRINT_H
#define KIT_PRINT_H

#include <stdarg.h>

/*
 * Writes to the console under a lock that keeps the lines of several CPUs apart. Knows %c %s %d %i
 * %u %x %p %%, with l, ll or z, a width, 0 and -. Interrupts are masked meanwhile.
 */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void vprint(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

#endif
