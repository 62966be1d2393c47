/* SPDX-License-Identifier: Apache-2.0 */
#include "linux_sys.h"

int64_t linux_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	register uint64_t x8 asm("x8") = number;
	register uint64_t x0 asm("x0") = a;
	register uint64_t x1 asm("x1") = b;
	register uint64_t x2 asm("x2") = c;
	register uint64_t x3 asm("x3") = d;
	register uint64_t x4 asm("x4") = e;
	register uint64_t x5 asm("x5") = 0;

	asm volatile("svc #0"
		     : "+r"(x0)
		     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
		     : "memory");
	return (int64_t)x0;
}

int linux_open(const char *path, uint64_t flags)
{
	return (int)linux_call(SYS_OPENAT, (uint64_t)AT_FDCWD, (uintptr_t)path, flags, 0, 0);
}

uintptr_t linux_map(int file, uint64_t size)
{
	const int64_t at = linux_call(SYS_MMAP, 0, size, PROT_RW,
				      file < 0 ? MAP_PRIVATE | MAP_ANON : MAP_SHARED,
				      (uint64_t)file);

	return at < 0 && at > -4096 ? 0 : (uintptr_t)at;
}

void linux_write(const char *text, uint64_t length)
{
	(void)linux_call(SYS_WRITE, 1, (uintptr_t)text, length, 0, 0);
}

void linux_exit(int status)
{
	for (;;)
		(void)linux_call(SYS_EXIT, (uint64_t)status, 0, 0, 0, 0);
}
