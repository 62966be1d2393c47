/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the compiler calls for a volatile access (--param=tsan-distinguish-volatile=1). To the
 * sanitizer it is a relaxed atomic one, as it is on the target: READ_ONCE() and WRITE_ONCE() of
 * lib/types.h are made of it. The access itself follows the call.
 */
#include <lib/types.h>

void __tsan_func_entry(void *caller);
void __tsan_func_exit(void *unused);

/*
 * Between entry and exit a report names the caller. A write is announced by one that changes
 * nothing.
 */
#define VOLATILE_ACCESS(size, type)                                       \
	void __tsan_volatile_read##size(void *at);                        \
	void __tsan_volatile_write##size(void *at);                       \
	void __tsan_volatile_read##size(void *at)                         \
	{                                                                 \
		__tsan_func_entry(__builtin_return_address(0));           \
		(void)__atomic_load_n((type *)at, __ATOMIC_RELAXED);      \
		__tsan_func_exit(NULL);                                   \
	}                                                                 \
	void __tsan_volatile_write##size(void *at)                        \
	{                                                                 \
		__tsan_func_entry(__builtin_return_address(0));           \
		(void)__atomic_fetch_or((type *)at, 0, __ATOMIC_RELAXED); \
		__tsan_func_exit(NULL);                                   \
	}

VOLATILE_ACCESS(1, u8)
VOLATILE_ACCESS(2, u16)
VOLATILE_ACCESS(4, u32)
VOLATILE_ACCESS(8, u64)
