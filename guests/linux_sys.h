/* SPDX-License-Identifier: Apache-2.0 */
/* What programs for Linux use of it, without a C library. Errors are negative numbers. */
#ifndef LINUX_SYS_H
#define LINUX_SYS_H

#include "kit/types.h"

#define SYS_DUP3     24
#define SYS_IOCTL    29
#define SYS_OPENAT   56
#define SYS_CLOSE    57
#define SYS_READ     63
#define SYS_WRITE    64
#define SYS_PREAD64  67
#define SYS_PWRITE64 68
#define SYS_PPOLL    73
#define SYS_EXIT     93
#define SYS_SETSID   157
#define SYS_SOCKET   198
#define SYS_BIND     200
#define SYS_LISTEN   201
#define SYS_CONNECT  203
#define SYS_SENDTO   206
#define SYS_CLONE    220
#define SYS_MMAP     222
#define SYS_MUNMAP   215
#define SYS_ACCEPT4  242

#define AT_FDCWD    (-100)
#define O_RDWR      02
#define O_NOCTTY    0400
#define O_NONBLOCK  04000
#define O_SYNC      04010000
#define O_CLOEXEC   02000000
#define PROT_RW     3
#define MAP_SHARED  1
#define MAP_PRIVATE 2
#define MAP_ANON    0x20

#define LINUX_EAGAIN 11

int64_t linux_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e);

/* A file, or a negative error. */
int linux_open(const char *path, uint64_t flags);
/* Address, or 0. */
uintptr_t linux_map(int file, uint64_t size);
/* To standard output. */
void linux_write(const char *text, uint64_t length);
void linux_exit(int status) __attribute__((noreturn));

#endif
