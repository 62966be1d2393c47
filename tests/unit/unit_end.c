/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a test of code that takes locks. */
#include <unit.h>

#include <kernel/lock_check.h>

int unit_end(void **state)
{
	(void)state;
	lock_check_no_lock("ends its test");
	return 0;
}
