/* SPDX-License-Identifier: Apache-2.0 */
/* Fixed-width types and the address types that refuse to mix. */
#ifndef LIB_TYPES_H
#define LIB_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

/* A host-physical address. Host pointers are plain pointers. */
typedef struct {
	u64 pa;
} paddr_t;

/* A guest-physical (intermediate physical) address. */
typedef struct {
	u64 ipa;
} ipa_t;

#define PADDR(x) ((paddr_t){ .pa = (x) })
#define IPA(x)   ((ipa_t){ .ipa = (x) })

#define KIB(n) ((u64)(n) << 10)
#define MIB(n) ((u64)(n) << 20)
#define GIB(n) ((u64)(n) << 30)

#define BIT(n) (1UL << (n))
/* Bits hi..lo inclusive, as the manuals write them. */
#define BITS(hi, lo) ((~0UL >> (63 - (hi))) & (~0UL << (lo)))
/* Value of the field hi..lo of x. */
#define FIELD(x, hi, lo) (((u64)(x)&BITS(hi, lo)) >> (lo))

#define ARRAY_SIZE(a)    (sizeof(a) / sizeof((a)[0]))
#define ALIGN_UP(x, a)   (((x) + ((a)-1)) & ~((u64)(a)-1))
#define ALIGN_DOWN(x, a) ((x) & ~((u64)(a)-1))
#define IS_ALIGNED(x, a) (((x) & ((u64)(a)-1)) == 0)
#define MIN(a, b)        ((a) < (b) ? (a) : (b))
#define MAX(a, b)        ((a) > (b) ? (a) : (b))

/* The structure that holds `member` at address ptr. */
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* A relaxed atomic load of a variable. __atomic_load_n() costs gcc an address and a mask more. */
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
/* The same for a store; and for an addition to a variable that only the caller writes. */
#define WRITE_ONCE(x, value) (*(volatile __typeof__(x) *)&(x) = (value))
#define ADD_ONCE(x, n)       WRITE_ONCE(x, (__typeof__(x))((x) + (n)))

#define __must_check __attribute__((warn_unused_result))
#define __noreturn   __attribute__((noreturn))
#define __noinline   __attribute__((noinline))
#define __inlined    inline __attribute__((always_inline))
#define __cold       __attribute__((cold)) /* built for size, in a file that is built for speed */
/* Not zero at the start: for a large buffer that is written before it is read. */
#define __uncleared    __attribute__((section(".bss.uncleared")))
#define __aligned(n)   __attribute__((aligned(n)))
#define __printf(f, a) __attribute__((format(printf, f, a)))
#define __unused       __attribute__((unused))

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#endif
