/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accesses to devices that the architecture lets a machine refuse (Arm ARM B2.9.2, B2.12):
 * exclusives, atomics, structures of vectors. Done or refused, the guest continues.
 */
#include "check.h"
#include "kit/cpu.h"
#include "kit/exc.h"
#include "kit/fp.h"
#include "kit/gic.h"
#include "kit/mmio.h"
#include "kit/mmu.h"

#define PRIORITY        (GICD_BASE + GIC_IPRIORITYR + 64)
#define FSC_UNSUPPORTED 0x35u /* exclusive or atomic access */

static void check_done_or_refused(const char *name, struct probe probe, bool write)
{
	if (!probe.count) {
		(void)check_true(name, true);
		return;
	}
	if (ESR_EC(probe.esr) != EC_DABT_CUR) {
		(void)check_eq(name, ESR_EC(probe.esr), EC_DABT_CUR);
		return;
	}
	(void)CHECK_ONE_OF(name, ESR_FSC(probe.esr) | (probe.esr & ESR_WNR),
			   FSC_EXTERNAL | (write ? ESR_WNR : 0), FSC_EXTERNAL, FSC_UNSUPPORTED,
			   FSC_UNSUPPORTED | (write ? ESR_WNR : 0), FSC_ALIGNMENT,
			   FSC_ALIGNMENT | (write ? ESR_WNR : 0));
}

/*
 * TRY("ldxr-w", "ldxr w2, [%0]", false): on a register that holds what is written; x2 to x5 and v31
 * are free.
 */
#define TRY(name, text, write)                                                         \
	check_done_or_refused("mmio.odd." name,                                        \
			      PROBE(asm volatile(text                                  \
						 :                                     \
						 : "r"((uint64_t)PRIORITY)             \
						 : "x2", "x3", "x4", "x5", "memory")), \
			      write)

static void exclusives(void)
{
	TRY("ldxr-w", "ldxr w2, [%0]", false);
	TRY("ldaxr-w", "ldaxr w2, [%0]", false);
	TRY("ldxrb-w", "ldxrb w2, [%0]", false);
	TRY("ldxr-x", "ldxr x2, [%0]", false);
	TRY("ldxp-w", "ldxp w2, w3, [%0]", false);
	TRY("ldxp-x", "ldxp x2, x3, [%0]", false);
	/* Without a reservation it fails in silence or aborts. */
	plain_op("clrex");
	TRY("stxr-w", "stxr w2, w3, [%0]", true);
	TRY("stlxr-w", "stlxr w2, w3, [%0]", true);
	TRY("ldxr-stxr", "ldxr w3, [%0]; stxr w2, w3, [%0]", true);
	plain_op("clrex");
}

/* FEAT_LSE. */
static void atomics(void)
{
	if (field(read_sysreg(id_aa64isar0_el1), 23, 20) < 2) {
		check_skip("mmio.odd.atomics", "not in this CPU");
		return;
	}
	TRY("ldadd-w", ".arch_extension lse; ldadd w2, w3, [%0]", true);
	TRY("ldadd-wzr", ".arch_extension lse; ldadd wzr, w3, [%0]", true);
	TRY("stadd-w", ".arch_extension lse; stadd w2, [%0]", true);
	TRY("swp-w", ".arch_extension lse; swp w2, w3, [%0]", true);
	TRY("ldset-x", ".arch_extension lse; ldset x2, x3, [%0]", true);
	TRY("cas-w", ".arch_extension lse; cas w2, w3, [%0]", true);
	TRY("casal-x", ".arch_extension lse; casal x2, x3, [%0]", true);
	TRY("casp-w", ".arch_extension lse; casp w2, w3, w4, w5, [%0]", true);
}

static void vectors(void)
{
	TRY("ld1", ".arch_extension simd; ld1 {v31.4s}, [%0]", false);
	TRY("ld1-lane", ".arch_extension simd; ld1 {v31.s}[2], [%0]", false);
	TRY("ld1r", ".arch_extension simd; ld1r {v31.4s}, [%0]", false);
	TRY("ld2", ".arch_extension simd; ld2 {v30.2s, v31.2s}, [%0]", false);
	TRY("st1-lane", ".arch_extension simd; st1 {v31.s}[0], [%0]", true);
	TRY("st1", ".arch_extension simd; st1 {v31.2s}, [%0]", true);
}

/* Neither loads nor stores. */
static void hints(void)
{
	(void)check_eq("mmio.odd.prfm", PROBE(mmio_by("prfm pldl1keep, [%0]", PRIORITY)).count, 0);
	(void)check_eq("mmio.odd.prfm-store",
		       PROBE(mmio_by("prfm pstl1strm, [%0, #8]", PRIORITY)).count, 0);
	(void)check_eq("mmio.odd.prfm-nothing",
		       PROBE(mmio_by("prfum pldl2keep, [%0, #-8]", UNMAPPED_BASE + 0x100)).count,
		       0);
}

/* FEAT_LRCPC: one register, and so with a syndrome. */
static void load_acquire_rcpc(void)
{
	uint64_t isar1 = field(read_sysreg(id_aa64isar1_el1), 23, 20);

	mmio_write32(PRIORITY, 0x10203040);
	if (isar1 >= 1)
		(void)check_eq("mmio.ldapr",
			       mmio_load_by(".arch_extension rcpc; ldapr %w0,", PRIORITY),
			       0x10203040);
	else
		check_skip("mmio.ldapr", "not in this CPU");
}

static void fetch(void)
{
	struct probe probe;

	if (check_bare()) {
		check_skip("mmio.fetch-from-device", "QEMU executes what it reads from a device");
		return;
	}
	probe = PROBE(jump_probe(mmu_alias(UART_BASE, MMU_NORMAL)));
	(void)check_eq("mmio.fetch-from-device",
		       (uint64_t)ESR_EC(probe.esr) << 8 | ESR_FSC(probe.esr),
		       EC_IABT_CUR << 8 | FSC_EXTERNAL);
}

void check_mmio_odd(void)
{
	exclusives();
	atomics();
	vectors();
	hints();
	load_acquire_rcpc();
	fetch();
}
