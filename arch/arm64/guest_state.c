/* SPDX-License-Identifier: Apache-2.0 */
/* A vCPU's registers: reset, entry, and the lazy switch of the state of EL1 and EL0. */
#include <arch/cpu.h>
#include <arch/guest.h>
#include <arch/mmu.h>
#include <asm/boot.h>
#include <asm/errata.h>
#include <asm/gicv2.h>
#include <asm/layout.h>
#include <asm/sysreg.h>
#include <kernel/percpu.h>
#include <lib/string.h>
#include <vmm/core.h>

#define PSTATE_EL1H_MASKED 0x3c5ULL /* D, A, I, F masked */
#define SCTLR_EL1_RESET    0x30d00800ULL

#define HCR_GUEST                                                                          \
	(HCR_VM | HCR_SWIO | HCR_PTW | HCR_FMO | HCR_IMO | HCR_AMO | HCR_FB | HCR_BSU_IS | \
	 HCR_TWI | HCR_TID3 | HCR_TSC | HCR_TIDCP | HCR_TACR | HCR_RW | HCR_TLOR | HCR_TERR)

/* Pointer authentication: the keys belong to the guest, and its instructions work. */
#define HCR_PAUTH (HCR_APK | HCR_API)

#define MDCR_GUEST \
	(MDCR_TPMCR | MDCR_TPM | MDCR_TDA | MDCR_TDOSA | MDCR_TDRA | MDCR_TPMS | MDCR_TTRF)

/* RAS extension: its registers exist. */
static bool has_ras(void)
{
	return FIELD(read_sysreg(id_aa64pfr0_el1), 31, 28) != 0;
}

/* SME: TPIDR2_EL0 exists, and the traps that hide SME do not cover it. */
static bool has_sme(void)
{
	return FIELD(read_sysreg(id_aa64pfr1_el1), 27, 24) != 0;
}

/* Memory tagging with its system registers. GMID_EL1 is hidden like the others. */
static bool has_mte(void)
{
	return FIELD(read_sysreg(id_aa64pfr1_el1), 11, 8) >= 2;
}

/*
 * Pointer authentication by any algorithm (ID_AA64ISAR1_EL1 APA, API, GPA, GPI; ID_AA64ISAR2_EL1
 * GPA3, APA3).
 */
static bool has_pauth(void)
{
	return (read_sysreg(id_aa64isar1_el1) & (BITS(11, 4) | BITS(31, 24))) ||
	       (read_sysreg_(ID_AA64ISAR2_EL1) & BITS(15, 8));
}

/* Auxiliary fault status and memory attributes: what they hold is the CPU's, often nothing. */
static __cold bool has_auxiliary(void)
{
	u64 held;

	write_sysreg(afsr0_el1, ~0ULL);
	write_sysreg(afsr1_el1, ~0ULL);
	write_sysreg(amair_el1, ~0ULL);
	isb();
	held = read_sysreg(afsr0_el1) | read_sysreg(afsr1_el1) | read_sysreg(amair_el1);
	write_sysreg(afsr0_el1, 0);
	write_sysreg(afsr1_el1, 0);
	write_sysreg(amair_el1, 0);
	isb();
	return held != 0;
}

/* Activity monitors, whose counters a guest must not read. */
static bool has_amu(void)
{
	return FIELD(read_sysreg(id_aa64pfr0_el1), 47, 44) != 0;
}

/* EL1's walks use this while no guest is loaded: speculation finds nothing mapped. */
static u64 empty_stage2[512] __aligned(4096);

static void unload_stage2(void)
{
	write_sysreg(vttbr_el2, virt_to_phys(empty_stage2).pa);
	isb();
}

/*
 * Fine-grained controls of later architectures (FEAT_HCX, FEAT_FGT). All zeros: the features that
 * they would enable are hidden and trap, and no unknown trap is on.
 */
static __cold void deny_later_features(void)
{
	u64 fgt = FIELD(read_sysreg(id_aa64mmfr0_el1), 59, 56);

	if (FIELD(read_sysreg(id_aa64mmfr1_el1), 43, 40))
		write_sysreg_(HCRX_EL2, 0);
	if (fgt == 0)
		return;
	write_sysreg_(HFGRTR_EL2, 0);
	write_sysreg_(HFGWTR_EL2, 0);
	write_sysreg_(HFGITR_EL2, 0);
	write_sysreg_(HDFGRTR_EL2, 0);
	write_sysreg_(HDFGWTR_EL2, 0);
	if (has_amu())
		write_sysreg_(HAFGRTR_EL2, 0);
	if (fgt == 1)
		return;
	write_sysreg_(HFGRTR2_EL2, 0);
	write_sysreg_(HFGWTR2_EL2, 0);
	write_sysreg_(HFGITR2_EL2, 0);
	write_sysreg_(HDFGRTR2_EL2, 0);
	write_sysreg_(HDFGWTR2_EL2, 0);
}

/*
 * Memory partitions (MPAM): guests have none and run in the default one. Firmware that turns the
 * feature on lets EL2 access it.
 */
static __cold void deny_mpam(void)
{
	u64 id;

	if (!FIELD(read_sysreg(id_aa64pfr0_el1), 43, 40) &&
	    !FIELD(read_sysreg(id_aa64pfr1_el1), 19, 16))
		return;
	id = read_sysreg_(MPAMIDR_EL1);
	write_sysreg_(MPAM2_EL2, MPAM2_TRAPMPAM0EL1 | MPAM2_TRAPMPAM1EL1 |
					 (id & MPAMIDR_HAS_TIDR ? MPAM2_TIDR : 0));
	if (id & MPAMIDR_HAS_HCR)
		write_sysreg_(MPAMHCR_EL2, MPAMHCR_TRAP_MPAMIDR);
}

/*
 * Turn off the other EL2 features that a reset leaves UNKNOWN, if the CPU has them: nothing may
 * profile, trace or record our own level.
 */
static __cold void quiet_el2(void)
{
	u64 dfr0 = read_sysreg(id_aa64dfr0_el1), mmfr3 = read_sysreg_(ID_AA64MMFR3_EL1);

	write_sysreg(amair_el2, 0);
	write_sysreg(hacr_el2, 0);
	if (FIELD(dfr0, 35, 32))
		write_sysreg_(PMSCR_EL2, 0);
	if (FIELD(dfr0, 43, 40))
		write_sysreg_(TRFCR_EL2, 0);
	if (FIELD(dfr0, 55, 52))
		write_sysreg_(BRBCR_EL2, 0);
	if (FIELD(mmfr3, 3, 0))
		write_sysreg_(TCR2_EL2, 0);
	if (FIELD(mmfr3, 7, 4))
		write_sysreg_(SCTLR2_EL2, 0);
	if (FIELD(read_sysreg(id_aa64pfr1_el1), 47, 44))
		write_sysreg_(GCSCR_EL2, 0);
	if (FIELD(read_sysreg(id_aa64mmfr1_el1), 11, 8))
		write_sysreg_(CNTHV_CTL_EL2, 0);
}

static u32 el1_features(void)
{
	return (has_ras() ? HAS_RAS : 0) | (has_sme() ? HAS_SME : 0) |
	       (has_pauth() ? HAS_PAUTH : 0) | (has_auxiliary() ? HAS_AUXILIARY : 0) |
	       (this_cpu()->arch.errata ? HAS_SPECULATIVE_AT : 0);
}

__cold void el_init_cpu(void)
{
	this_cpu()->arch.errata = errata_of(arch_cpu_midr());
	this_cpu()->arch.features = el1_features();
	this_cpu()->arch.entry_pstate = entry_pstate_init_cpu();
	deny_later_features();
	deny_mpam();
	quiet_el2();
	write_sysreg(hcr_el2,
		     HCR_GUEST | (has_pauth() ? HCR_PAUTH : 0) | (has_mte() ? HCR_TID5 : 0));
	write_sysreg(mdcr_el2, MDCR_GUEST | pmu_init_cpu()); /* HPMN: all for guests */
	write_sysreg(vtcr_el2, stage2_vtcr());
	unload_stage2();
	write_sysreg(cnthctl_el2, 0x3); /* EL1 uses the physical counter and timer */
	write_sysreg(cnthp_ctl_el2, 0);
	write_sysreg(cntv_ctl_el0, 0);
	write_sysreg(cntp_ctl_el0, 0);
	write_sysreg(cntvoff_el2, 0);
	write_sysreg(hstr_el2, 0);
	write_sysreg(mdscr_el1, 0);
	write_sysreg(oslar_el1, 0); /* the guests' OS lock is emulated */
	if (has_ras())
		write_sysreg_(VSESR_EL2, 0);
	write_sysreg(vpidr_el2, read_sysreg(midr_el1));
	this_cpu()->arch.fp_control = CPTR_RES1 | CPTR_TZ | CPTR_TSM | CPTR_TTA | CPTR_TFP;
	if (has_amu())
		this_cpu()->arch.fp_control |= CPTR_TAM;
	write_sysreg(cptr_el2, this_cpu()->arch.fp_control);
	isb();
}

void arch_guest_trap_waits(bool on)
{
	u64 hcr = read_sysreg(hcr_el2);

	write_sysreg(hcr_el2, on ? hcr | HCR_TWI : hcr & ~HCR_TWI);
	isb();
}

/*
 * Take effect at the next eret. A guest's WFE is not trapped while no other thread would run
 * instead.
 */
void arch_give_way(bool on)
{
	u64 hcr = read_sysreg(hcr_el2);

	write_sysreg(hcr_el2, on ? hcr | HCR_TWE : hcr & ~HCR_TWE);
}

/*
 * For a CPU that speculates AT where it should not (errata.h): EL1's tables are not walked while
 * VTTBR_EL2 is another VM's than those tables. A speculated AT then fails in stage 1 and leaves
 * nothing behind. Walks are turned off before the MMU is turned on for this. The MMU is back as it
 * was before walks are turned on again.
 */
#define TCR_EPD (BIT(7) | BIT(23)) /* EPD0, EPD1 */

static void walks_forbid(void)
{
	write_sysreg(tcr_el1, read_sysreg(tcr_el1) | TCR_EPD);
	isb();
	write_sysreg(sctlr_el1, read_sysreg(sctlr_el1) | SCTLR_M);
	isb();
}

static void walks_allow(u64 sctlr, u64 tcr)
{
	isb(); /* stage 2 and the rest of stage 1 are in place */
	write_sysreg(sctlr_el1, sctlr);
	isb();
	write_sysreg(tcr_el1, tcr);
}

void stage2_borrow(struct stage2_loan *loan, u64 vttbr)
{
	loan->vttbr = read_sysreg(vttbr_el2);
	loan->sctlr = read_sysreg(sctlr_el1);
	loan->tcr = read_sysreg(tcr_el1);
	if (this_cpu()->arch.features & HAS_SPECULATIVE_AT)
		walks_forbid();
	write_sysreg(vttbr_el2, vttbr);
	isb();
}

void stage2_return(const struct stage2_loan *loan)
{
	write_sysreg(vttbr_el2, loan->vttbr);
	if (this_cpu()->arch.features & HAS_SPECULATIVE_AT)
		walks_allow(loan->sctlr, loan->tcr);
	isb();
}

/* Two neighbouring registers of struct el1_regs: one store or load for both. */
#define SAVE_PAIR(r, first, reg1, second, reg2)                         \
	do {                                                            \
		u64 one_ = read_sysreg(reg1), two_ = read_sysreg(reg2); \
		(r)->first = one_;                                      \
		(r)->second = two_;                                     \
	} while (0)
#define RESTORE_PAIR(r, first, reg1, second, reg2)         \
	do {                                               \
		u64 one_ = (r)->first, two_ = (r)->second; \
		write_sysreg(reg1, one_);                  \
		write_sysreg(reg2, two_);                  \
	} while (0)

/* APIA, APIB, APDA, APDB, APGA: low half, high half. */
static inline void pauth_save(struct el1_regs *r)
{
	SAVE_PAIR(r, pauth_keys[0], S3_0_C2_C1_0, pauth_keys[1], S3_0_C2_C1_1);
	SAVE_PAIR(r, pauth_keys[2], S3_0_C2_C1_2, pauth_keys[3], S3_0_C2_C1_3);
	SAVE_PAIR(r, pauth_keys[4], S3_0_C2_C2_0, pauth_keys[5], S3_0_C2_C2_1);
	SAVE_PAIR(r, pauth_keys[6], S3_0_C2_C2_2, pauth_keys[7], S3_0_C2_C2_3);
	SAVE_PAIR(r, pauth_keys[8], S3_0_C2_C3_0, pauth_keys[9], S3_0_C2_C3_1);
}

static inline void pauth_restore(const struct el1_regs *r)
{
	RESTORE_PAIR(r, pauth_keys[0], S3_0_C2_C1_0, pauth_keys[1], S3_0_C2_C1_1);
	RESTORE_PAIR(r, pauth_keys[2], S3_0_C2_C1_2, pauth_keys[3], S3_0_C2_C1_3);
	RESTORE_PAIR(r, pauth_keys[4], S3_0_C2_C2_0, pauth_keys[5], S3_0_C2_C2_1);
	RESTORE_PAIR(r, pauth_keys[6], S3_0_C2_C2_2, pauth_keys[7], S3_0_C2_C2_3);
	RESTORE_PAIR(r, pauth_keys[8], S3_0_C2_C3_0, pauth_keys[9], S3_0_C2_C3_1);
}

/*
 * Active priorities (ICH_AP<g>R<n>_EL2): 5 bits of priority use one register for each group, 6 bits
 * use two, 7 bits use four.
 */
static __noinline void ich_save_more(struct arch_vcpu *a)
{
	u32 bits = arch_vgic_priority_bits();

	if (bits >= 6) {
		a->ich_ap0r[1] = read_sysreg(S3_4_C12_C8_1);
		a->ich_ap1r[1] = read_sysreg(S3_4_C12_C9_1);
	}
	if (bits >= 7) {
		a->ich_ap0r[2] = read_sysreg(S3_4_C12_C8_2);
		a->ich_ap0r[3] = read_sysreg(S3_4_C12_C8_3);
		a->ich_ap1r[2] = read_sysreg(S3_4_C12_C9_2);
		a->ich_ap1r[3] = read_sysreg(S3_4_C12_C9_3);
	}
}

static __noinline void ich_restore_more(const struct arch_vcpu *a)
{
	u32 bits = arch_vgic_priority_bits();

	if (bits >= 6) {
		write_sysreg(S3_4_C12_C8_1, a->ich_ap0r[1]);
		write_sysreg(S3_4_C12_C9_1, a->ich_ap1r[1]);
	}
	if (bits >= 7) {
		write_sysreg(S3_4_C12_C8_2, a->ich_ap0r[2]);
		write_sysreg(S3_4_C12_C8_3, a->ich_ap0r[3]);
		write_sysreg(S3_4_C12_C9_2, a->ich_ap1r[2]);
		write_sysreg(S3_4_C12_C9_3, a->ich_ap1r[3]);
	}
}

/*
 * The GICv2's CPU interface is the one device that a guest accesses directly. A store to it may end
 * in an SError when another VM already has the CPU. So the guest's stores are completed before it
 * leaves. An SError that is pending then belongs to the guest: it is let in here, where
 * trap_own_serror() knows of it.
 */
static __noinline void settle_errors(struct vcpu *v)
{
	struct arch_percpu *cpu = &this_cpu()->arch;

	dsb(sy);
	isb();
	if (likely(!(read_sysreg(isr_el1) & ISR_A)))
		return;
	cpu->serror_awaited = true;
	__asm__ volatile("msr daifclr, #4\n\tisb\n\tmsr daifset, #4" ::: "memory");
	if (!cpu->serror_awaited)
		vmm_late_serror(v, cpu->serror_esr);
	cpu->serror_awaited = false;
}

static __noinline void save_more(struct vcpu *v, u32 features)
{
	struct el1_regs *r = &v->arch.el1;

	if (features & HAS_RAS)
		r->vdisr = read_sysreg_(VDISR_EL2);
	if (features & HAS_SME)
		r->tpidr2 = read_sysreg_(TPIDR2_EL0);
	if (features & HAS_PAUTH)
		pauth_save(r);
	if (features & HAS_AUXILIARY) {
		r->amair = read_sysreg(amair_el1);
		r->afsr0 = read_sysreg(afsr0_el1);
		r->afsr1 = read_sysreg(afsr1_el1);
	}
	if (features & HAS_MORE_APRS)
		ich_save_more(&v->arch);
}

static __noinline void restore_more(const struct vcpu *v, u32 features)
{
	const struct el1_regs *r = &v->arch.el1;

	if (features & HAS_RAS)
		write_sysreg_(VDISR_EL2, r->vdisr);
	if (features & HAS_SME)
		write_sysreg_(TPIDR2_EL0, r->tpidr2);
	if (features & HAS_PAUTH)
		pauth_restore(r);
	if (features & HAS_AUXILIARY) {
		write_sysreg(amair_el1, r->amair);
		write_sysreg(afsr0_el1, r->afsr0);
		write_sysreg(afsr1_el1, r->afsr1);
	}
	if (features & HAS_MORE_APRS)
		ich_restore_more(&v->arch);
}

static __inlined void save(struct vcpu *v, u32 features)
{
	struct arch_vcpu *a = &v->arch;
	struct el1_regs *r = &a->el1;

	SAVE_PAIR(r, cpacr, cpacr_el1, mair, mair_el1);
	SAVE_PAIR(r, ttbr0, ttbr0_el1, ttbr1, ttbr1_el1);
	SAVE_PAIR(r, vbar, vbar_el1, contextidr, contextidr_el1);
	SAVE_PAIR(r, esr, esr_el1, far, far_el1);
	SAVE_PAIR(r, par, par_el1, elr, elr_el1);
	SAVE_PAIR(r, spsr, spsr_el1, cntkctl, cntkctl_el1);
	SAVE_PAIR(r, sp_el0, sp_el0, sp_el1, sp_el1);
	SAVE_PAIR(r, tpidr_el0, tpidr_el0, tpidrro_el0, tpidrro_el0);
	SAVE_PAIR(r, tpidr_el1, tpidr_el1, csselr, csselr_el1);
	SAVE_PAIR(r, sctlr, sctlr_el1, tcr, tcr_el1);
	if (features)
		save_more(v, features);
	if (likely(!(features & HAS_GICV2))) {
		a->ich_vmcr = read_sysreg_(ICH_VMCR_EL2);
		a->ich_ap0r[0] = read_sysreg(S3_4_C12_C8_0);
		a->ich_ap1r[0] = read_sysreg(S3_4_C12_C9_0);
	} else {
		gicv2_save(a);
		settle_errors(v);
	}
}

static __inlined void restore(const struct vcpu *v, u32 features)
{
	const struct arch_vcpu *a = &v->arch;
	const struct el1_regs *r = &a->el1;

	RESTORE_PAIR(r, cpacr, cpacr_el1, mair, mair_el1);
	RESTORE_PAIR(r, ttbr0, ttbr0_el1, ttbr1, ttbr1_el1);
	RESTORE_PAIR(r, vbar, vbar_el1, contextidr, contextidr_el1);
	RESTORE_PAIR(r, esr, esr_el1, far, far_el1);
	RESTORE_PAIR(r, par, par_el1, elr, elr_el1);
	RESTORE_PAIR(r, spsr, spsr_el1, cntkctl, cntkctl_el1);
	RESTORE_PAIR(r, sp_el0, sp_el0, sp_el1, sp_el1);
	RESTORE_PAIR(r, tpidr_el0, tpidr_el0, tpidrro_el0, tpidrro_el0);
	RESTORE_PAIR(r, tpidr_el1, tpidr_el1, csselr, csselr_el1);
	if (likely(!(features & HAS_GICV2))) {
		write_sysreg_(ICH_VMCR_EL2, a->ich_vmcr);
		write_sysreg(S3_4_C12_C8_0, a->ich_ap0r[0]);
		write_sysreg(S3_4_C12_C9_0, a->ich_ap1r[0]);
	} else {
		gicv2_restore(a);
	}
	if (features)
		restore_more(v, features);
	if (unlikely(features & HAS_SPECULATIVE_AT))
		walks_allow(r->sctlr, r->tcr);
	else
		RESTORE_PAIR(r, sctlr, sctlr_el1, tcr, tcr_el1);
}

/*
 * TLB entries of another vCPU of the VM are not v's: a guest invalidates locally the entries that
 * only one CPU uses.
 */
static void tlb_claim(struct arch_percpu *cpu, const struct vcpu *v)
{
	u32 vmid = (u32)(v->vm->s2.vttbr >> 48) % ARCH_MAX_VMIDS;
	u8 mark = (u8)(v->index + 1);

	if (cpu->last_vcpu[vmid] == mark)
		return;
	cpu->last_vcpu[vmid] = mark;
	__asm__ volatile("tlbi vmalle1\n\tic iallu" ::: "memory");
	dsb(nsh);
	isb();
}

static __inlined void load(struct arch_percpu *cpu, struct vcpu *v, u32 features)
{
	if (cpu->loaded)
		save(cpu->loaded, features);
	if (features & HAS_SPECULATIVE_AT)
		walks_forbid();
	write_sysreg(vttbr_el2, v->vm->s2.vttbr);
	write_sysreg(vmpidr_el2, v->arch.vmpidr);
	restore(v, features);
	cpu->loaded = v;
	isb();
	tlb_claim(cpu, v);
}

static __noinline void load_more(struct arch_percpu *cpu, struct vcpu *v)
{
	if (unlikely(cpu->mdscr | v->debug.regs.mdscr))
		arch_guest_debug(&v->debug.regs);
	load(cpu, v, cpu->features);
}

void arch_vcpu_load(struct vcpu *v)
{
	struct arch_percpu *cpu = &this_cpu()->arch;

	if (cpu->loaded == v)
		return;
	if (cpu->features | cpu->mdscr | v->debug.regs.mdscr)
		load_more(cpu, v);
	else
		load(cpu, v, 0); /* without a test for each */
}

void arch_vcpu_flush(struct vcpu *v)
{
	struct arch_percpu *cpu = &this_cpu()->arch;

	if (cpu->loaded != v)
		return;
	save(v, cpu->features);
	unload_stage2(); /* its tables may be freed from now on */
	cpu->loaded = NULL;
}

void arch_vcpu_reset(struct vcpu *v, u64 mpidr, u64 entry, u64 arg)
{
	struct trap_frame *f =
		(struct trap_frame *)(void *)((char *)v->thread.stack_top - FRAME_SIZE);
	unsigned long flags = arch_irq_save();
	struct arch_percpu *cpu = &this_cpu()->arch;
	bool loaded = cpu->loaded == v;

	if (loaded)
		cpu->loaded = NULL; /* the CPU's copy is no longer valid */
	memset(f, 0, sizeof(*f));
	f->x[0] = arg;
	f->elr = entry;
	f->spsr = PSTATE_EL1H_MASKED;
	memset(&v->arch, 0, sizeof(v->arch));
	v->arch.frame = f;
	v->arch.vmpidr = mpidr | BIT(31);
	v->arch.el1.sctlr = SCTLR_EL1_RESET;
	arch_fp_drop(&v->thread);
	memset(&v->thread.arch.fp, 0, sizeof(v->thread.arch.fp));
	if (loaded || vcpu_current() == v)
		arch_vcpu_load(v);
	arch_irq_restore(flags);
}

__noreturn void lower_resume_at(struct trap_frame *frame);

void arch_guest_enter(struct vcpu *v)
{
	arch_irq_disable();
	lower_resume_at(v->arch.frame);
}

u64 arch_vcpu_pc(const struct vcpu *v)
{
	return v->arch.frame ? v->arch.frame->elr : 0;
}
