/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads and stores of every kind to emulated devices, and the aborts at empty addresses. The device
 * registers used hold their written values: GICD_IPRIORITYR and IROUTER of unwired SPIs, UARTIBRD
 * and UARTIMSC.
 */
#include "check.h"
#include "kit/cpu.h"
#include "kit/exc.h"
#include "kit/fp.h"
#include "kit/gic.h"
#include "kit/mmu.h"
#include "kit/uart.h"

#define PRIORITY (GICD_BASE + GIC_IPRIORITYR + 64)
/* 64 bits a register; of a GICv2, pairs of 32 that hold any value. */
#define ROUTE   (gic_version == 2 ? GICD_BASE + GIC_IGROUPR : GICD_IROUTER(64))
#define ANY_CPU BIT(31) /* IROUTER: 1 of N */
#define SCTLR_A BIT(1)

/* A load a line: the value in the register afterwards, all 64 bits of it. */
static void loads(void)
{
	mmio_write32(PRIORITY, 0xf0e08040);
	(void)check_eq("mmio.ldr-w", mmio_load_by("ldr %w0,", PRIORITY), 0xf0e08040);
	(void)check_eq("mmio.ldrb-w", mmio_load_by("ldrb %w0,", PRIORITY + 1), 0x80);
	(void)check_eq("mmio.ldrsb-w", mmio_load_by("ldrsb %w0,", PRIORITY + 1), 0xffffff80);
	(void)check_eq("mmio.ldrsb-x", mmio_load_by("ldrsb %0,", PRIORITY + 1),
		       UINT64_C(0xffffffffffffff80));
	(void)check_eq("mmio.ldrsb-x-positive", mmio_load_by("ldrsb %0,", PRIORITY), 0x40);
	(void)check_eq("mmio.ldrsw", mmio_load_by("ldrsw %0,", PRIORITY),
		       UINT64_C(0xfffffffff0e08040));
	mmio_write32(PRIORITY, 0x10203040);
	(void)check_eq("mmio.ldrsw-positive", mmio_load_by("ldrsw %0,", PRIORITY), 0x10203040);

	mmio_write32(UART_IBRD, 0x9abc);
	(void)check_eq("mmio.ldrh-w", mmio_load_by("ldrh %w0,", UART_IBRD), 0x9abc);
	(void)check_eq("mmio.ldrsh-w", mmio_load_by("ldrsh %w0,", UART_IBRD), 0xffff9abc);
	(void)check_eq("mmio.ldrsh-x", mmio_load_by("ldrsh %0,", UART_IBRD),
		       UINT64_C(0xffffffffffff9abc));
	mmio_write16(UART_IBRD, 0x1234);
	(void)check_eq("mmio.strh", mmio_read32(UART_IBRD), 0x1234);
	(void)check_eq("mmio.ldrsh-positive", mmio_load_by("ldrsh %0,", UART_IBRD), 0x1234);

	mmio_write64(ROUTE, 1);
	(void)check_eq("mmio.ldr-x", mmio_load_by("ldr %0,", ROUTE), 1);
	(void)check_eq("mmio.ldar-w", mmio_load_by("ldar %w0,", PRIORITY), 0x10203040);
	if (gic_version != 2)
		(void)check_eq("mmio.typer-64", mmio_read64(gic_redist() + GICR_TYPER) >> 32,
			       cpu_id());
}

/* Loads into the zero register read and throw away; nothing else may change. */
static void zero_register(void)
{
	struct probe probe = PROBE(mmio_by("ldr wzr, [%0]", PRIORITY));

	(void)check_eq("mmio.ldr-wzr", probe.count, 0);
	probe = PROBE(mmio_by("ldr xzr, [%0]", ROUTE));
	(void)check_eq("mmio.ldr-xzr", probe.count, 0);
	probe = PROBE(mmio_by("ldrb wzr, [%0]", PRIORITY));
	(void)check_eq("mmio.ldrb-wzr", probe.count, 0);
	mmio_write32(PRIORITY, 0xf0e08040);
	mmio_by("str wzr, [%0]", PRIORITY);
	(void)check_eq("mmio.str-wzr", mmio_read32(PRIORITY), 0);
	mmio_write32(PRIORITY, 0xf0e08040);
	mmio_by("strb wzr, [%0]", PRIORITY + 2);
	(void)check_eq("mmio.strb-wzr", mmio_read32(PRIORITY), 0xf0008040);
	mmio_write64(ROUTE, 1);
	mmio_by("str xzr, [%0]", ROUTE);
	(void)check_eq("mmio.str-xzr", mmio_read64(ROUTE), 0);
	mmio_write32(UART_IMSC, UART_INT_RT);
	mmio_by("str wzr, [%0]", UART_IMSC);
	(void)check_eq("mmio.str-wzr-uart", mmio_read32(UART_IMSC), 0);
	mmio_by("stlr wzr, [%0]", PRIORITY);
	(void)check_eq("mmio.stlr-wzr", mmio_read32(PRIORITY), 0);
}

/* Any register can be the destination, the base register too. */
static void every_register(void)
{
	mmio_write32(PRIORITY, 0x10203040);
	(void)check_eq("mmio.every-register", mmio_wrong_destinations(PRIORITY, 0x10203040), 0);
}

static void byte_lanes(void)
{
	mmio_write32(PRIORITY, 0);
	mmio_store_by("strb %w0,", PRIORITY + 3, UINT64_C(0xffffffffffffff80));
	(void)check_eq("mmio.strb-takes-low-byte", mmio_read32(PRIORITY), 0x80000000);
	mmio_store_by("str %w0,", PRIORITY, UINT64_C(0xffffffff40302010));
	(void)check_eq("mmio.str-w-takes-low-word", mmio_read32(PRIORITY), 0x40302010);
	(void)check_eq("mmio.neighbour-untouched", mmio_read32(PRIORITY + 4), 0xa0a0a0a0);
}

/*
 * From here on: instructions without a syndrome, so a hypervisor has to read the instruction. Each
 * must behave like its accesses one by one.
 */
struct pair {
	uint64_t first;
	uint64_t second;
	uint64_t base; /* afterwards */
};

/* load_pair("ldp %w0, %w1, [%2], #8", addr); the base is %2. */
#define load_pair(insn, addr)                                                             \
	({                                                                                \
		struct pair pair_ = { .base = (addr) };                                   \
		asm volatile(insn                                                         \
			     : "=&r"(pair_.first), "=&r"(pair_.second), "+&r"(pair_.base) \
			     :                                                            \
			     : "memory");                                                 \
		pair_;                                                                    \
	})

/* store_pair("stp %w1, %w2, [%0], #8", addr, first, second); the base afterwards. */
#define store_pair(insn, addr, first, second)                                  \
	({                                                                     \
		uint64_t base_ = (addr);                                       \
		asm volatile(insn                                              \
			     : "+&r"(base_)                                    \
			     : "r"((uint64_t)(first)), "r"((uint64_t)(second)) \
			     : "memory");                                      \
		base_;                                                         \
	})

static void check_pair(const char *name, struct pair got, uint64_t first, uint64_t second,
		       uint64_t base)
{
	(void)check_eq(check_name(name, "first", NULL), got.first, first);
	(void)check_eq(check_name(name, "second", NULL), got.second, second);
	(void)check_eq(check_name(name, "base", NULL), got.base, base);
}

static void load_pairs(void)
{
	const uint64_t low = 0x10203040, high = UINT64_C(0xf0e0d0c0);

	mmio_write32(PRIORITY, (uint32_t)low);
	mmio_write32(PRIORITY + 4, (uint32_t)high);
	mmio_write64(ROUTE, 1);
	mmio_write64(ROUTE + 8, ANY_CPU);
	check_pair("mmio.ldp-w", load_pair("ldp %w0, %w1, [%2]", PRIORITY), low, high, PRIORITY);
	check_pair("mmio.ldp-w-offset", load_pair("ldp %w0, %w1, [%2, #-64]", PRIORITY + 64), low,
		   high, PRIORITY + 64);
	check_pair("mmio.ldp-w-post", load_pair("ldp %w0, %w1, [%2], #8", PRIORITY), low, high,
		   PRIORITY + 8);
	check_pair("mmio.ldp-w-pre", load_pair("ldp %w0, %w1, [%2, #16]!", PRIORITY - 16), low,
		   high, PRIORITY);
	check_pair("mmio.ldpsw", load_pair("ldpsw %0, %1, [%2]", PRIORITY), low,
		   UINT64_C(0xfffffffff0e0d0c0), PRIORITY);
	check_pair("mmio.ldnp-w", load_pair("ldnp %w0, %w1, [%2]", PRIORITY), low, high, PRIORITY);
	check_pair("mmio.ldp-x", load_pair("ldp %0, %1, [%2]", ROUTE), 1, ANY_CPU, ROUTE);
	check_pair("mmio.ldp-x-post", load_pair("ldp %0, %1, [%2], #-32", ROUTE), 1, ANY_CPU,
		   ROUTE - 32);
	check_pair("mmio.ldp-wzr", load_pair("mov %w0, #7; ldp wzr, %w1, [%2]", PRIORITY), 7, high,
		   PRIORITY);
	check_pair("mmio.ldp-base-second", load_pair("mov %1, %2; ldp %w0, %w1, [%1]", PRIORITY),
		   low, high, PRIORITY);
	/* The last word of a page and the first of the next: two translations. */
	check_pair("mmio.ldp-two-pages",
		   load_pair("ldp %w0, %w1, [%2]", VIRTIO_BASE + UINT64_C(0xffc)),
		   mmio_read32(VIRTIO_BASE + 0xffc), 0x74726976, VIRTIO_BASE + UINT64_C(0xffc));
}

static void store_pairs(void)
{
	(void)check_eq("mmio.stp-w.base",
		       store_pair("stp %w1, %w2, [%0]", PRIORITY, UINT64_C(0xff10203040),
				  UINT64_C(0xff50607080)),
		       PRIORITY);
	(void)check_eq("mmio.stp-w.first", mmio_read32(PRIORITY), 0x10203040);
	(void)check_eq("mmio.stp-w.second", mmio_read32(PRIORITY + 4), 0x50607080);
	(void)check_eq("mmio.stp-w-pre.base",
		       store_pair("stp %w2, wzr, [%0, #-8]!", PRIORITY + 8, 0, 0x80706050),
		       PRIORITY);
	(void)check_eq("mmio.stp-w-pre.first", mmio_read32(PRIORITY), 0x80706050);
	(void)check_eq("mmio.stp-w-pre.second", mmio_read32(PRIORITY + 4), 0);
	(void)check_eq("mmio.stp-x-post.base",
		       store_pair("stp %1, %2, [%0], #16", ROUTE, ANY_CPU, 1), ROUTE + 16);
	(void)check_eq("mmio.stp-x-post.first", mmio_read64(ROUTE), ANY_CPU);
	(void)check_eq("mmio.stp-x-post.second", mmio_read64(ROUTE + 8), 1);
	(void)store_pair("stnp %1, %1, [%0]", ROUTE, 0, 0);
	(void)check_eq("mmio.stnp-x.first", mmio_read64(ROUTE), 0);
	(void)check_eq("mmio.stnp-x.second", mmio_read64(ROUTE + 8), 0);
	(void)store_pair("stp %w1, %w2, [%0]", UART_IBRD, 0x1234, 0x15);
	(void)check_eq("mmio.stp-uart.first", mmio_read32(UART_IBRD), 0x1234);
	(void)check_eq("mmio.stp-uart.second", mmio_read32(UART_FBRD), 0x15);
}

/* A load or store with writeback a line: value and base. `second` is not used. */
static void writeback(void)
{
	struct pair got;

	mmio_write32(PRIORITY, 0xf0e08040);
	got = load_pair("mov %1, #0; ldr %w0, [%2], #4", PRIORITY);
	check_pair("mmio.ldr-w-post", got, 0xf0e08040, 0, PRIORITY + 4);
	got = load_pair("mov %1, #0; ldr %w0, [%2, #-4]!", PRIORITY + 4);
	check_pair("mmio.ldr-w-pre", got, 0xf0e08040, 0, PRIORITY);
	got = load_pair("mov %1, #0; ldrb %w0, [%2, #1]!", PRIORITY);
	check_pair("mmio.ldrb-pre", got, 0x80, 0, PRIORITY + 1);
	got = load_pair("mov %1, #0; ldrsb %w0, [%2], #-1", PRIORITY + 1);
	check_pair("mmio.ldrsb-w-post", got, 0xffffff80, 0, PRIORITY);
	got = load_pair("mov %1, #0; ldrsb %0, [%2], #255", PRIORITY + 1);
	check_pair("mmio.ldrsb-x-post", got, UINT64_C(0xffffffffffffff80), 0, PRIORITY + 256);
	got = load_pair("mov %1, #0; ldrsw %0, [%2, #-256]!", PRIORITY + 256);
	check_pair("mmio.ldrsw-pre", got, UINT64_C(0xfffffffff0e08040), 0, PRIORITY);
	mmio_write32(UART_IBRD, 0x9abc);
	got = load_pair("mov %1, #0; ldrh %w0, [%2], #2", UART_IBRD);
	check_pair("mmio.ldrh-post", got, 0x9abc, 0, UART_IBRD + 2);
	got = load_pair("mov %1, #0; ldrsh %w0, [%2, #4]!", UART_IBRD - 4);
	check_pair("mmio.ldrsh-w-pre", got, 0xffff9abc, 0, UART_IBRD);
	got = load_pair("mov %1, #0; ldrsh %0, [%2], #4", UART_IBRD);
	check_pair("mmio.ldrsh-x-post", got, UINT64_C(0xffffffffffff9abc), 0, UART_IBRD + 4);
	mmio_write64(ROUTE, 1);
	got = load_pair("mov %1, #0; ldr %0, [%2], #8", ROUTE);
	check_pair("mmio.ldr-x-post", got, 1, 0, ROUTE + 8);
	got = load_pair("mov %0, #5; mov %1, #0; ldr xzr, [%2], #8", ROUTE);
	check_pair("mmio.ldr-xzr-post", got, 5, 0, ROUTE + 8);

	(void)check_eq("mmio.str-w-post.base",
		       store_pair("str %w1, [%0], #4", PRIORITY, 0x10203040, 0), PRIORITY + 4);
	(void)check_eq("mmio.str-w-post", mmio_read32(PRIORITY), 0x10203040);
	(void)check_eq("mmio.strb-pre.base", store_pair("strb %w1, [%0, #3]!", PRIORITY, 0xff80, 0),
		       PRIORITY + 3);
	(void)check_eq("mmio.strb-pre", mmio_read32(PRIORITY), 0x80203040);
	(void)check_eq("mmio.strh-post.base",
		       store_pair("strh %w1, [%0], #-2", UART_IBRD, 0xff4321, 0), UART_IBRD - 2);
	(void)check_eq("mmio.strh-post", mmio_read32(UART_IBRD), 0x4321);
	(void)check_eq("mmio.str-x-pre.base", store_pair("str %1, [%0, #8]!", ROUTE - 8, 0, 0),
		       ROUTE);
	(void)check_eq("mmio.str-x-pre", mmio_read64(ROUTE), 0);
	(void)check_eq("mmio.str-xzr-post.base", store_pair("str wzr, [%0], #4", PRIORITY, 0, 0),
		       PRIORITY + 4);
	(void)check_eq("mmio.str-xzr-post", mmio_read32(PRIORITY), 0);
}

/* Code and device are where the page tables map them, and where they are without. */
static void translated(void)
{
	uint64_t (*load)(uint64_t addr);
	uint64_t window;

	mmio_write32(PRIORITY, 0x10203040);
	(void)check_eq("mmio.physical", mmio_load_post_physical(PRIORITY), 0x10203040);
	window = mmu_alias((uintptr_t)mmio_load_post, MMU_NORMAL);
	load = (uint64_t(*)(uint64_t))(uintptr_t)window;
	(void)check_eq("mmio.code-elsewhere", load(PRIORITY), 0x10203040);
	window = mmu_alias(VIRTIO_BASE, MMU_DEVICE) + 0xffc;
	check_pair("mmio.ldp-two-pages-elsewhere", load_pair("ldp %w0, %w1, [%2], #8", window),
		   mmio_read32(VIRTIO_BASE + 0xffc), 0x74726976, window + 8);
	window = mmu_alias(GICD_BASE, MMU_NONCACHE);
	check_pair("mmio.ldp-not-device-type",
		   load_pair("ldp %w0, %w1, [%2]", window + (PRIORITY - GICD_BASE)), 0x10203040,
		   mmio_read32(PRIORITY + 4), window + (PRIORITY - GICD_BASE));
}

/* The stack pointer is a base like others; nothing else may use it meanwhile. */
static void stack_pointer(void)
{
	struct pair got;

	mmio_write32(PRIORITY, 0x10203040);
	got = load_pair("mov %1, sp; mov sp, %2; ldr %w0, [sp], #16; mov %2, sp; mov sp, %1; "
			"mov %1, #0",
			PRIORITY);
	check_pair("mmio.ldr-sp-post", got, 0x10203040, 0, PRIORITY + 16);
	got = load_pair("mov %1, sp; mov sp, %2; str wzr, [sp, #-16]!; mov %2, sp; mov sp, %1; "
			"mov %0, #0; mov %1, #0",
			PRIORITY + 16);
	check_pair("mmio.str-sp-pre", got, 0, 0, PRIORITY);
	(void)check_eq("mmio.str-sp-pre", mmio_read32(PRIORITY), 0);
}

#define FP_SEED UINT64_C(0x123456789abcdef1)

/* All 128 bits of V30 and V31, and no other register changed. */
static void check_vectors(const char *name, uint64_t low30, uint64_t high30, uint64_t low31,
			  uint64_t high31)
{
	static uint64_t q[4] __attribute__((aligned(16)));

	fp_mmio_by("stp q30, q31, [%0]", (uintptr_t)q);
	(void)check_eq(check_name(name, "v30-low", NULL), q[0], low30);
	(void)check_eq(check_name(name, "v30-high", NULL), q[1], high30);
	(void)check_eq(check_name(name, "v31-low", NULL), q[2], low31);
	(void)check_eq(check_name(name, "v31-high", NULL), q[3], high31);
	(void)check_eq(check_name(name, "others", NULL), fp_wrong(FP_SEED) & (BIT32(30) - 1), 0);
}

/* A load into V31 alone. */
#define VECTOR_LOAD(name, insn, addr, low, high)                                                \
	do {                                                                                    \
		fp_fill(FP_SEED);                                                               \
		fp_mmio_by(insn, addr);                                                         \
		check_vectors(name, FP_SEED + 30 * FP_STRIDE, ~(FP_SEED + 30 * FP_STRIDE), low, \
			      high);                                                            \
	} while (0)

static void vector_loads(void)
{
	struct pair got;

	mmio_write32(PRIORITY, 0xf0e08040);
	mmio_write32(PRIORITY + 4, 0x10203040);
	mmio_write32(UART_IBRD, 0x9abc);
	mmio_write64(ROUTE, 1);
	mmio_write64(ROUTE + 8, ANY_CPU);
	mmio_write64(ROUTE + 16, 0);
	mmio_write64(ROUTE + 24, 1);
	VECTOR_LOAD("mmio.ldr-b", "ldr b31, [%0, #1]", PRIORITY, 0x80, 0);
	VECTOR_LOAD("mmio.ldr-h", "ldr h31, [%0]", UART_IBRD, 0x9abc, 0);
	VECTOR_LOAD("mmio.ldur-s", "ldur s31, [%0, #-4]", PRIORITY + 4, 0xf0e08040, 0);
	VECTOR_LOAD("mmio.ldr-d", "ldr d31, [%0]", ROUTE + 8, ANY_CPU, 0);
	VECTOR_LOAD("mmio.ldr-q", "ldr q31, [%0]", ROUTE, 1, ANY_CPU);
	VECTOR_LOAD("mmio.ldur-q", "ldur q31, [%0, #-8]", ROUTE + 16, ANY_CPU, 0);
	fp_fill(FP_SEED);
	fp_mmio_by("ldp s30, s31, [%0]", PRIORITY);
	check_vectors("mmio.ldp-s", 0xf0e08040, 0, 0x10203040, 0);
	fp_fill(FP_SEED);
	fp_mmio_by("ldnp d31, d30, [%0, #-8]", ROUTE + 8);
	check_vectors("mmio.ldnp-d", ANY_CPU, 0, 1, 0);
	fp_fill(FP_SEED);
	fp_mmio_by("ldp q30, q31, [%0]", ROUTE);
	check_vectors("mmio.ldp-q", 1, ANY_CPU, 0, 1);
	fp_fill(FP_SEED);
	got = load_pair(".arch_extension simd; mov %0, #0; mov %1, #0; ldr q31, [%2], #16", ROUTE);
	check_pair("mmio.ldr-q-post", got, 0, 0, ROUTE + 16);
	got = load_pair(".arch_extension simd; mov %1, #-16; mov %0, #0; ldr q30, [%2, %1]",
			ROUTE + 16);
	check_pair("mmio.ldr-q-register", got, 0, UINT64_C(-16), ROUTE + 16);
	check_vectors("mmio.ldr-q-post", 1, ANY_CPU, 1, ANY_CPU);
}

static void vector_stores(void)
{
	static uint64_t q[4] __attribute__((aligned(16))) = { ANY_CPU, 1, 0, 0x50607080 };

	fp_fill(FP_SEED);
	fp_mmio_by("ldp q30, q31, [%0]", (uintptr_t)q);
	fp_mmio_by("str q30, [%0]", ROUTE);
	(void)check_eq("mmio.str-q.low", mmio_read64(ROUTE), ANY_CPU);
	(void)check_eq("mmio.str-q.high", mmio_read64(ROUTE + 8), 1);
	mmio_write32(PRIORITY, 0x10203040);
	mmio_write32(PRIORITY + 4, 0x10203040);
	fp_mmio_by("stp s31, s30, [%0]", PRIORITY);
	(void)check_eq("mmio.stp-s.first", mmio_read32(PRIORITY), 0);
	(void)check_eq("mmio.stp-s.second", mmio_read32(PRIORITY + 4), 0x80000000);
	fp_mmio_by("str d31, [%0]", ROUTE);
	(void)check_eq("mmio.str-d", mmio_read64(ROUTE), 0);
	fp_mmio_by("stp q31, q30, [%0]", ROUTE - 16);
	(void)check_eq("mmio.stp-q.third", mmio_read64(ROUTE), ANY_CPU);
	(void)check_eq("mmio.stp-q.fourth", mmio_read64(ROUTE + 8), 1);
	fp_mmio_by("ldr q31, [%0]", (uintptr_t)q + 16);
	fp_mmio_by("str b30, [%0, #1]", PRIORITY);
	fp_mmio_by("str h31, [%0]", UART_IBRD);
	(void)check_eq("mmio.str-h", mmio_read32(UART_IBRD), 0);
	(void)check_eq("mmio.str-b", mmio_read32(PRIORITY), 0);
	check_vectors("mmio.vector-stores", ANY_CPU, 1, 0, 0x50607080);
}

static void check_abort(const char *name, struct probe probe, uint64_t addr, bool write)
{
	if (probe.serror) {
		/* External aborts may be asynchronous (Arm ARM D1.3.1.2). */
		check_skip(name, "taken as SError");
		return;
	}
	if (!check_eq(check_name(name, "taken", NULL), probe.count, 1))
		return;
	(void)check_eq(check_name(name, "ec", NULL), ESR_EC(probe.esr), EC_DABT_CUR);
	(void)check_eq(check_name(name, "dfsc", NULL), ESR_FSC(probe.esr), FSC_EXTERNAL);
	(void)check_eq(check_name(name, "wnr", NULL), (probe.esr & ESR_WNR) != 0, write);
	(void)check_eq(check_name(name, "il", NULL), field(probe.esr, 25, 25), 1);
	if (!(probe.esr & ESR_FNV))
		(void)check_eq(check_name(name, "far", NULL), probe.far, addr);
}

static void aborts(void)
{
	uint64_t addr = UNMAPPED_BASE + 0x128;
	struct pair got;
	struct probe probe;
	uintptr_t code;

	check_abort("mmio.unmapped.ldrb", PROBE((void)mmio_read8(addr + 3)), addr + 3, false);
	check_abort("mmio.unmapped.ldrh", PROBE((void)mmio_read16(addr + 2)), addr + 2, false);
	check_abort("mmio.unmapped.ldr-w", PROBE((void)mmio_read32(addr)), addr, false);
	check_abort("mmio.unmapped.ldr-x", PROBE((void)mmio_read64(addr)), addr, false);
	check_abort("mmio.unmapped.strb", PROBE(mmio_write8(addr, 1)), addr, true);
	check_abort("mmio.unmapped.str-w", PROBE(mmio_write32(addr, 1)), addr, true);
	check_abort("mmio.unmapped.str-x", PROBE(mmio_write64(addr, 1)), addr, true);
	check_abort("mmio.unmapped.str-xzr", PROBE(mmio_by("str xzr, [%0]", addr)), addr, true);
	check_abort("mmio.unmapped.ldr-xzr", PROBE(mmio_by("ldr xzr, [%0]", addr)), addr, false);
	check_abort("mmio.unmapped.ldp", PROBE(mmio_by("ldp x2, x3, [%0]", addr)), addr, false);
	check_abort("mmio.unmapped.stp", PROBE(mmio_by("stp xzr, xzr, [%0]", addr)), addr, true);
	check_abort("mmio.unmapped.str-post", PROBE(mmio_by("str xzr, [%0], #8", addr)), addr,
		    true);
	check_abort("mmio.unmapped.ldr-q", PROBE(fp_mmio_by("ldr q31, [%0]", addr)), addr, false);
	/* The last word of the UART is there, the one behind it is not. */
	addr = UART_BASE + UINT64_C(0x1000);
	check_abort(
		"mmio.unmapped.second",
		PROBE(got = load_pair("mov %0, #1; mov %1, #2; ldp %w0, %w1, [%2, #-4]!", addr)),
		addr, false);
	check_pair("mmio.unmapped.second", got, 1, 2, addr);
	code = mmu_alias(UNMAPPED_BASE, MMU_NONCACHE);
	check_abort("mmio.unmapped.normal", PROBE((void)mmio_read32(code + 0x40)), code + 0x40,
		    false);
	probe = PROBE(jump_probe(code + 0x80));
	(void)check_eq("mmio.unmapped.fetch", probe.count, 1);
	(void)check_eq("mmio.unmapped.fetch-ec", ESR_EC(probe.esr), EC_IABT_CUR);
	(void)check_eq("mmio.unmapped.fetch-fsc", ESR_FSC(probe.esr), FSC_EXTERNAL);
	(void)check_eq("mmio.unmapped.fetch-elr", probe.elr, code + 0x80);
	if (!(probe.esr & ESR_FNV))
		(void)check_eq("mmio.unmapped.fetch-far", probe.far, code + 0x80);
	/* The guest's own tables: a translation fault of its own making, level 1. */
	probe = PROBE((void)mmio_read32(UINT64_C(0x80000000)));
	(void)check_eq("mmio.translation-fault", probe.count ? ESR_FSC(probe.esr) : 0, 0x05);
	(void)check_eq("mmio.translation-fault.far", probe.far, UINT64_C(0x80000000));
}

static uint64_t unaligned_outcome(struct probe probe)
{
	return probe.count ? ESR_EC(probe.esr) << 8 | ESR_FSC(probe.esr) : 0;
}

static void unaligned(void)
{
	uint64_t alignment = EC_DABT_CUR << 8 | FSC_ALIGNMENT;
	uint64_t external = EC_DABT_CUR << 8 | FSC_EXTERNAL;
	uint64_t sctlr = read_sysreg(sctlr_el1);
	static uint64_t memory[2];
	uint64_t seen;

	/*
	 * Device memory: an alignment fault, whatever SCTLR_EL1.A says (Arm ARM B2.9.2). QEMU 7.2
	 * has no such check; there the device or the hypervisor may refuse or take the access
	 * apart.
	 */
	seen = unaligned_outcome(PROBE((void)mmio_read32(PRIORITY + 1)));
	if (seen == 0)
		check_skip("mmio.unaligned.device", "performed: this machine does not check");
	else
		(void)CHECK_ONE_OF("mmio.unaligned.device", seen, alignment, external);
	write_sysreg(sctlr_el1, sctlr | SCTLR_A);
	isb();
	seen = unaligned_outcome(PROBE((void)mmio_read32(PRIORITY + 1)));
	(void)check_eq("mmio.unaligned.device-checked", seen, alignment);
	seen = unaligned_outcome(PROBE((void)mmio_read32((uintptr_t)memory + 1)));
	(void)check_eq("mmio.unaligned.memory-checked", seen, alignment);
	write_sysreg(sctlr_el1, sctlr);
	isb();
	seen = unaligned_outcome(PROBE((void)mmio_read32((uintptr_t)memory + 1)));
	(void)check_eq("mmio.unaligned.memory", seen, 0);
}

/* Firmware and U-Boot read the second flash bank even if the devicetree has none. */
static void flash(void)
{
	struct probe probe = PROBE((void)mmio_read32(FLASH1_BASE));

	(void)check_eq("mmio.flash1-readable", probe.count, 0);
}

void check_mmio(void)
{
	loads();
	zero_register();
	every_register();
	byte_lanes();
	load_pairs();
	store_pairs();
	writeback();
	translated();
	stack_pointer();
	vector_loads();
	vector_stores();
	aborts();
	unaligned();
	flash();
}
