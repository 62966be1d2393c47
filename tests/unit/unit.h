/* SPDX-License-Identifier: Apache-2.0 */
/* Included first by every unit test: cmocka and the headers that it needs. */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <lib/types.h>

/*
 * The teardown of every test, or its last call: a lock that is still held ends the program with its
 * name.
 */
int unit_end(void **state);

#undef cmocka_unit_test
#define cmocka_unit_test(fn) cmocka_unit_test_teardown(fn, unit_end)
#undef cmocka_unit_test_setup
#define cmocka_unit_test_setup(fn, setup) cmocka_unit_test_setup_teardown(fn, setup, unit_end)

/* Row of a test table whose tests start from a machine just powered on. */
#define unit_machine_test(fn) cmocka_unit_test_setup(fn, unit_machine_setup)

void host_reset(void);

static inline int unit_machine_setup(void **state)
{
	*state = NULL;
	host_reset();
	return 0;
}

#endif
