/* SPDX-License-Identifier: Apache-2.0 */
/* A vCPU's registers: reset, entry, and the lazy switch of the state of EL1 and EL0. */
#include <arch/cpu.h>
#include <arch/guest.h>
#include <arch/mmu.h>
#include <asm/boot.h>
#include <asm/gicv2.h>
#include <asm/layout.h>
#include <asm/sysreg.h>
#include <asm/trap.h>
#include <kernel/percpu.h>
#include <lib/string.h>
#include <vmm/core.h>

#define PSTATE_EL1H_MASKED 0x3c5ULL /* D, A, I, F masked */
#define SCTLR_EL1_RESET    0x30d00800ULL

/* EL1's walks use this while no guest is loaded: speculation finds nothing mapped. */
static u64 empty_stage2[512] __aligned(4096);

void stage2_unload(void)
{
	write_sysreg(vttbr_el2, virt_to_phys(empty_stage2).pa);
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
 * TLB entries of another vCPU of the VM are not v's: both may use an ASID for different tables. The
 * first vCPU here since stage2_flush() finds none.
 */
static void tlb_claim(struct arch_percpu *cpu, const struct vcpu *v)
{
	u32 vmid = (u32)(v->vm->s2.vttbr >> 48) % ARCH_MAX_VMIDS;
	u8 mark = (u8)(v->index + 1), before = cpu->last_vcpu[vmid];

	if (before == mark)
		return;
	cpu->last_vcpu[vmid] = mark;
	if (!before) {
		dsb(ish); /* stage2_flush_running() finds the mark, or this CPU the new tables */
		return;
	}
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

bool vcpu_save(struct vcpu *v)
{
	const struct arch_percpu *cpu = &this_cpu()->arch;

	if (cpu->loaded != v)
		return false;
	save(v, cpu->features);
	return true;
}

void arch_vcpu_flush(struct vcpu *v)
{
	struct arch_percpu *cpu = &this_cpu()->arch;

	if (!vcpu_save(v))
		return;
	stage2_unload(); /* its tables may be freed from now on */
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
