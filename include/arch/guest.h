/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arch contract, guest part: the contents of a vCPU's lower exception level, and the typed
 * requests into which arch decodes its traps. Only arch touches a guest's registers and PC. vmm/
 * implements the upcalls at the end.
 */
#ifndef ARCH_GUEST_H
#define ARCH_GUEST_H

#include <asm/guest.h> /* struct arch_vcpu: EL1 system registers, virtual GIC CPU interface state */
#include <lib/types.h>

struct vcpu;
struct stage2;

/* ---- entering and switching ---- */

/*
 * Reset a vCPU: EL1h, MMU off, all interrupts masked, PC = entry, x0 = arg, other registers 0,
 * MPIDR as given, timers off. The vCPU's thread is the caller, or is not running.
 */
void arch_vcpu_reset(struct vcpu *v, u64 mpidr, u64 entry, u64 arg);

/*
 * Set whether a guest's WFI traps on this CPU. It does at first. (For WFE see arch_give_way.)
 * Interrupts masked.
 */
void arch_guest_trap_waits(bool on);

/*
 * Enter the guest. The thread comes back only through traps, on its own stack. Called once, by the
 * vCPU's thread, after arch_vcpu_reset().
 */
__noreturn void arch_guest_enter(struct vcpu *v);

/*
 * The arch half of the scheduler hooks. Interrupts masked. load: make this CPU's EL1 state v's. It
 * is lazy: v may stay loaded when it leaves the CPU, and then there is nothing to do. flush: write
 * everything back, so that v may be loaded on another CPU or inspected.
 */
void arch_vcpu_load(struct vcpu *v);
void arch_vcpu_flush(struct vcpu *v);

/* The guest's PC at its last exit. */
u64 arch_vcpu_pc(const struct vcpu *v);

/* ---- a look at a guest ---- */

/*
 * True if IRQs were unmasked when v last left its guest. Any context; while v executes, the answer
 * may be about the exit before.
 */
bool arch_vcpu_was_open(const struct vcpu *v);

/* An exception at a guest's EL1: ESR_EL1, FAR_EL1, ELR_EL1. */
struct guest_exception {
	u64 esr, far, elr;
};

/* What a vCPU was doing when it was interrupted. */
struct guest_look {
	u64 pc, link; /* x30 */
	bool masked;  /* its guest executes with IRQs masked */
	/*
	 * Whether the guest gets on. GUEST_GETS_ON: as far as can be told. GUEST_FAULTS: it is on
	 * the straight way from its vector to the instruction that caused the last exception, with
	 * everything masked. GUEST_SPINS: it spins where a vector leads to, with everything masked.
	 */
	enum { GUEST_GETS_ON, GUEST_FAULTS, GUEST_SPINS } lost;
	const char *what; /* if it does not get on: which exception, in words */
	struct guest_exception last;
	struct guest_exception
		given; /* the last one that ZVM gave it for code outside its vectors; esr 0: none */
};

/*
 * Look at the guest of v. On the vCPU's thread, which is in a trap; interrupts masked. At most 1700
 * instructions; few if the guest has not masked interrupts.
 */
void arch_guest_look(const struct vcpu *v, struct guest_look *l);

/* ---- stage 2 ---- */

enum stage2_attr {
	STAGE2_RAM,    /* normal write-back, read write execute */
	STAGE2_ROM,    /* normal write-back, read and execute */
	STAGE2_DEVICE, /* device nGnRE, read write, never execute */
	/* Normal memory, never executed: write-back; or non-cacheable, whatever stage 1 says. */
	STAGE2_DATA,
	STAGE2_DATA_READ, /* read only */
	STAGE2_UNCACHED,
	STAGE2_UNCACHED_READ, /* read only */
};

/*
 * Make an empty address space with a VMID of its own. -ENOMEM, -ENOSPC (no VMID left). Thread
 * context.
 */
int __must_check stage2_init(struct stage2 *s2);

/*
 * Map [ipa, ipa + size) to pa with the largest blocks (4 KiB, 2 MiB, 1 GiB) that alignment allows.
 * Addresses and size are multiples of 4 KiB. -ENOMEM, -EEXIST (something is mapped there). Thread
 * context, preemptible. Existing neighbours keep working.
 */
int __must_check stage2_map(struct stage2 *s2, ipa_t ipa, paddr_t pa, u64 size,
			    enum stage2_attr attr);

/*
 * Make the tables with which stage2_map() of single 2 MiB blocks in [ipa, ipa + size) cannot fail.
 * Such calls for different blocks may come from several CPUs at once, while vCPUs run. -ENOMEM,
 * also where a 1 GiB block is mapped. Thread context.
 */
int __must_check stage2_prepare(struct stage2 *s2, ipa_t ipa, u64 size);

/*
 * Remove the mappings in [ipa, ipa + size). Multiples of a page; blocks must lie wholly inside. The
 * caller calls stage2_flush() before the memory gets another owner.
 */
void stage2_unmap(struct stage2 *s2, ipa_t ipa, u64 size);

/*
 * A window: a number of 2 MiB, each of single pages, that are seen or hidden together, in one step
 * for each 2 MiB. The caller owns its tables, a zeroed page for each 2 MiB, contiguous; it fills
 * them in while they are hidden, and hides them before stage2_destroy(). Set: page n is at pa. Not
 * STAGE2_RAM, STAGE2_ROM.
 */
void stage2_window_set(u64 *window, u32 n, paddr_t pa, enum stage2_attr attr);
/*
 * See the window of `count` tables at ipa, where nothing else is mapped, within one GiB for which
 * stage2_prepare() made the tables; or hide it (NULL), for good: no CPU has a translation left. Any
 * context.
 */
void stage2_window_show(struct stage2 *s2, ipa_t ipa, const u64 *window, u32 count);

/* Free the tables and the VMID. No vCPU may run on them any more. */
void stage2_destroy(struct stage2 *s2);

/* What a walk finds at an address, for checks. */
struct stage2_look {
	bool mapped;
	u64 pa;   /* of that address */
	u64 size; /* bytes from it to the end of the mapping, or of the entry that maps nothing */
	int attr; /* an enum stage2_attr; -1: not mapped, or a descriptor that is none of ours */
};
/* Walk the tables as the hardware does. Any context. */
void stage2_look(const struct stage2 *s2, ipa_t ipa, struct stage2_look *l);

/* Bytes of table memory in use, for `zvm info`. */
u64 stage2_table_bytes(const struct stage2 *s2);

/*
 * Invalidate all of the VM's cached instructions and translations on the CPUs that have run it
 * since the last call, before its memory gets another owner. No vCPU runs. Thread context, no
 * spinlock held: those CPUs do it.
 */
void stage2_flush(struct stage2 *s2);
/*
 * The same while vCPUs run, behind stage2_unmap(). Sections with interrupts masked that were under
 * way on these CPUs are over then. Thread context, no spinlock held.
 */
void stage2_flush_running(struct stage2 *s2);

/* Largest supported IPA size in bits (e.g. 40). */
u32 stage2_ipa_bits(void);

/*
 * ---- virtual GIC CPU interface (list registers in the GICv3 ICH_LR<n>_EL2 layout, whatever the
 * host has) ----
 */

#define LR_STATE_PENDING  BIT(62)
#define LR_STATE_ACTIVE   BIT(63)
#define LR_STATE_MASK     (LR_STATE_PENDING | LR_STATE_ACTIVE)
#define LR_HW             BIT(61)
#define LR_GROUP1         BIT(60)
#define LR_PRIORITY_SHIFT 48
#define LR_PINTID_SHIFT   32
#define LR_EOI            BIT(41) /* maintenance interrupt on deactivation; only with LR_HW clear */
#define LR_VINTID_MASK    0xffffffffULL
/* Fields of a list register; LR_PPI: with LR_HW, its physical INTID, which is a PPI's. */
#define LR_VINTID(lr)   ((u32)((lr)&LR_VINTID_MASK))
#define LR_PRIORITY(lr) ((u8)FIELD(lr, 55, LR_PRIORITY_SHIFT))
#define LR_PPI(lr)      ((u32)FIELD(lr, LR_PINTID_SHIFT + 4, LR_PINTID_SHIFT))

#define VGIC_UIE     BIT(1) /* maintenance interrupt when at most one list register is in use */
#define VGIC_NPIE    BIT(3) /* ... when none is pending */
#define VGIC_LRENPIE BIT(2) /* ... on an EOI that hit no list register */
/* ... while the guest has that group enabled, or disabled, at its CPU interface */
#define VGIC_GRP0_ON  BIT(4)
#define VGIC_GRP0_OFF BIT(5)
#define VGIC_GRP1_ON  BIT(6)
#define VGIC_GRP1_OFF BIT(7)

#define VGIC_MAX_LRS 16

/*
 * Architecture version of the host's GIC and of its guests' GIC: 3, or 2 (LR_PINTID without LR_HW:
 * an SGI's source). Any context after boot.
 */
u32 arch_vgic_version(void);
/*
 * GICv2: the frame of the virtual CPU interface, for a guest to map. An access reaches the vCPU
 * that is loaded on the accessing CPU.
 */
void arch_vgic_frame(paddr_t *base, u64 *size);

/* All of these concern the vCPU that is loaded on this CPU. Interrupts masked. */
u32 arch_vgic_lr_count(void);
u64 arch_vgic_lr_read(u32 n);
void arch_vgic_lr_write(u32 n, u64 value);
/*
 * Bit n set: list register n holds no valid interrupt (ICH_ELRSR). All earlier writes to list
 * registers are visible.
 */
u32 arch_vgic_empty_lrs(void);
/*
 * Fast variants for a GICv3. In <asm/guest.h>, inline: u32 arch_vgic_ended(void), the same as
 * arch_vgic_empty_lrs(), but writes since the guest's exit or since the last read of the counter
 * may not be visible. arch_vgic_lr_again(): the same as arch_vgic_lr_write(), and returns true, so
 * that a caller that returns true can end with it.
 */
bool arch_vgic_lr_again(u32 n, u64 value);
/* Set which of VGIC_UIE, ... are on. (arch owns the enable bit and the trap of DIR.) */
void arch_vgic_maintenance(u64 bits);
/*
 * The number of EOIs that hit no list register since the last call (ICH_HCR.EOIcount), and reset it
 * to 0. An EOI that only drops a priority does not count: its DIR follows and traps.
 */
u32 arch_vgic_take_eoi_count(void);
/*
 * Of these list registers, one bit each: the first pending one that the guest's interface would
 * signal (priority mask, group enables). 0: none.
 */
u64 arch_vgic_signals(u32 lrs);
/*
 * The same for a list register that v will have with this value: v ran here last, and is off the
 * CPU. Interrupts masked.
 */
bool arch_vgic_would_signal(const struct vcpu *v, u64 value);
/*
 * The virtual priority mask that the guest set (ICH_VMCR.VPMR), and the group enables (bit 0: group
 * 0, bit 1: group 1).
 */
u8 arch_vgic_pmr(void);
u32 arch_vgic_group_enables(void);
/* True if the guest ends interrupts in two steps, EOIR and DIR (ICH_VMCR.VEOIM). */
bool arch_vgic_eoi_split(void);
/* Implemented priority bits of the virtual interface (e.g. 5). */
u32 arch_vgic_priority_bits(void);

/*
 * Take one pending interrupt, if there is one, as if it had interrupted v's guest. v waits at EL2.
 */
void arch_guest_take_irq(struct vcpu *v);

/* ---- virtual timers: both EL1 timers belong to the guest ---- */

enum arch_timer_id { ARCH_TIMER_VIRT, ARCH_TIMER_PHYS };

/* A timer's registers. cval is in ticks of that timer's own counter. */
struct arch_timer_regs {
	u64 cval;
	u32 ctl; /* ENABLE bit 0, IMASK bit 1, ISTATUS bit 2 */
};

/*
 * The direction in which guests' virtual counters must differ from the machine's. True: equal or
 * ahead, CNTVOFF <= 0 as a signed number. False: equal or behind. In the other direction, a value
 * that a guest writes to CNTV_CVAL could stop an emulated machine, or its timer would never fire.
 * Any context after boot.
 */
bool arch_guest_counter_leads(void);
/*
 * save: read both timers' registers, by enum arch_timer_id, and disable the timers. load: write
 * them back, with CNTVOFF: virtual count = arch_counter() - offset. For the vCPU that is or will be
 * loaded on this CPU. Interrupts masked.
 */
void arch_guest_timers_save(struct arch_timer_regs regs[2]);
void arch_guest_timers_restore(const struct arch_timer_regs regs[2], u64 offset);
/* Disable a timer that fired without a loaded vCPU. Interrupts masked. */
void arch_guest_timer_stop(enum arch_timer_id id);
/*
 * True if the timer's output is high. For the vCPU that is loaded on this CPU. Interrupts masked.
 */
bool arch_guest_timer_asserted(enum arch_timer_id id);
/*
 * Ticks since the timer, which is on, was due. Negative: it is not due yet. In <asm/guest.h>,
 * inline: u32 arch_guest_virt_late(void), the low half of it for the virtual timer. For the vCPU
 * that is loaded on this CPU. Interrupts masked.
 */
s64 arch_guest_timer_late(enum arch_timer_id id);
/* Physical INTIDs of the EL1 virtual and EL1 non-secure physical timers on this machine. */
u32 arch_guest_timer_intid(enum arch_timer_id id);
/* The maintenance interrupt's INTID. */
u32 arch_vgic_maintenance_intid(void);

/* ---- self-hosted debug (Arm ARM D2) ---- */

/* A guest's break- and watchpoints: DBG*<n>_EL1 of the kind whose op2 is 4 + the first index. */
#define GUEST_DEBUG_REGS 16
enum { GUEST_BVR, GUEST_BCR, GUEST_WVR, GUEST_WCR, GUEST_DEBUG_KINDS };

struct guest_debug {
	u64 mdscr; /* MDSCR_EL1 as it is to take effect; 0 while none of this is in use */
	u64 reg[GUEST_DEBUG_KINDS][GUEST_DEBUG_REGS];
};

/*
 * In guest_debug.mdscr: the values are those of a debugger at EL2, and all debug exceptions of the
 * vCPU go there (MDCR_EL2.TDE): vmm_debug_stop().
 */
#define GUEST_DEBUG_TAKEN BIT(63)

/* BRK with an immediate of our own: a debugger's breakpoint in a guest's code. */
#define GUEST_BREAK_IMM  0x5a56
#define GUEST_BREAK_INSN (0xd4200000U | GUEST_BREAK_IMM << 5)

/*
 * Bring this CPU in line with the vCPU that is loaded on it. Interrupts masked. arch_vcpu_load()
 * does the same from vcpu.debug.regs if this vCPU or the one before uses debug. Other vCPUs pay
 * only for the check.
 */
void arch_guest_debug(const struct guest_debug *d);

/* ---- a guest's registers, for a debugger ---- */

/* clang-format off */
enum guest_sysreg {
	GUEST_SCTLR, GUEST_TCR, GUEST_TTBR0, GUEST_TTBR1, GUEST_MAIR, GUEST_VBAR, GUEST_ESR,
	GUEST_FAR, GUEST_ELR, GUEST_SPSR, GUEST_SP_EL0, GUEST_SP_EL1, GUEST_TPIDR_EL0,
	GUEST_TPIDR_EL1, GUEST_CONTEXTIDR, GUEST_MPIDR,
	GUEST_SYSREGS
};
/* clang-format on */

#define GUEST_X      31 /* x0 to x30 */
#define GUEST_SP     31 /* of the level that it is at */
#define GUEST_PC     32
#define GUEST_PSTATE 33

struct guest_regs {
	u64 core[34];
	u64 v[32][2];
	u64 fpsr, fpcr;
	u64 sys[GUEST_SYSREGS];       /* SPSR is the one that may be written */
	struct guest_exception given; /* the last one by ZVM, for code outside its vectors */
};

/* A synchronous exit of a guest: ESR_EL2, and the PC (behind an HVC). The last ones are kept. */
struct guest_exit {
	u64 esr, pc;
};
#define GUEST_EXITS 16

/*
 * The registers of v without FP and SIMD. On the CPU where it ran last, interrupts
 * masked; v may be executing its guest there. Some 400 instructions.
 */
void arch_vcpu_peek(struct vcpu *v, struct guest_regs *r);
/* Whether one of its timers is on and not masked. v is the current thread. Interrupts masked. */
bool arch_guest_timer_armed(void);

/*
 * Read or write the registers of v, which does not execute its guest. On the CPU where it did last;
 * interrupts masked. Afterwards this CPU holds none of v's state. Some 600 instructions.
 */
void arch_vcpu_read(struct vcpu *v, struct guest_regs *r);
void arch_vcpu_write(struct vcpu *v, const struct guest_regs *r);

/* ---- performance monitors (PMUv3, Arm ARM D13) ---- */

#define GUEST_PMU_CYCLES 31 /* the cycle counter's number */

enum guest_pmu_reg {
	PMU_CONTROL,        /* PMCR_EL0 */
	PMU_ENABLE_SET,     /* PMCNTENSET_EL0 */
	PMU_ENABLE_CLEAR,   /* PMCNTENCLR_EL0 */
	PMU_IRQ_SET,        /* PMINTENSET_EL1 */
	PMU_IRQ_CLEAR,      /* PMINTENCLR_EL1 */
	PMU_OVERFLOW_SET,   /* PMOVSSET_EL0 */
	PMU_OVERFLOW_CLEAR, /* PMOVSCLR_EL0 */
	PMU_EVENTS,         /* PMCEID<n>_EL0; read only */
	PMU_MACHINE,        /* PMMIR_EL1, 0 if the CPU has none; read only */
	PMU_USER,           /* PMUSERENR_EL0 */
	PMU_COUNT,          /* PMEVCNTR<n>_EL0, PMCCNTR_EL0 */
	PMU_TYPE,           /* PMEVTYPER<n>_EL0, PMCCFILTR_EL0 */
};

/* A guest's monitors while its vCPU is off the CPU. */
struct guest_pmu {
	u64 control, enabled, interrupts, overflows, user;
	u64 count[32]; /* the existing event counters, then the cycle counter */
	u32 type[32];
};

/*
 * Physical INTID of the overflow interrupt, a PPI. 0: there are no monitors that a guest could
 * have. Any context after boot.
 */
u32 arch_guest_pmu_intid(void);
/*
 * load: write the monitors to this CPU's registers. save: read them back, and silence them. read,
 * write: one register of the vCPU that is on this CPU, n as above. A type must not count at EL2.
 * Interrupts masked.
 */
void arch_guest_pmu_load(const struct guest_pmu *p);
void arch_guest_pmu_save(struct guest_pmu *p);
u64 arch_guest_pmu_read(enum guest_pmu_reg reg, u32 n);
void arch_guest_pmu_write(enum guest_pmu_reg reg, u32 n, u64 value);

/* ---- identification registers, physical values ---- */

/*
 * Physical value of the ID register with this encoding (see SYSREG_ENC in vmm/cpu.h; op0 = 3, op1 =
 * 0, CRn = 0). 0 for unallocated ones.
 */
u64 arch_id_register(u32 crm, u32 op2);

/* ---- upcalls, implemented by vmm/; called on the vCPU's thread, interrupts masked ---- */

/* A guest load or store that stage 2 did not map. */
struct mmio_access {
	ipa_t ipa;
	u8 size; /* bytes: 1, 2, 4, 8 */
	bool write;
	u64 value; /* in: zero-extended store data; out: load data, low `size` bytes */
};

enum mmio_result {
	MMIO_OK,
	MMIO_UNMAPPED, /* there is no device: arch injects an external abort */
	MMIO_FAULT,    /* a device refuses this width or place: the same */
};

enum mmio_result __must_check vmm_mmio(struct vcpu *v, struct mmio_access *a);

/*
 * The usual access, straight and in registers: 2^order bytes that are one register of a device's
 * table, or its low bytes. Not `done`: nothing has happened, and vmm_mmio() must be called. The
 * value read is the whole register, whatever the order.
 */
struct mmio_reply {
	u64 value;
	u64 done;
};
struct mmio_reply __must_check vmm_mmio_read(ipa_t ipa, struct vcpu *v, u32 order);
bool __must_check vmm_mmio_write(ipa_t ipa, struct vcpu *v, u32 order, u64 value);

/*
 * Stage 2 does not map ipa. True: it is RAM, which is mapped now, so the guest repeats its access.
 * False: it is no RAM. It may let interrupts in and block the thread, so arch reads the syndrome
 * registers before.
 */
bool __must_check vmm_populate(struct vcpu *v, ipa_t ipa);

struct sysreg_access {
	u32 reg; /* SYSREG_ENC(op0, op1, crn, crm, op2) */
	bool write;
	bool user; /* by code at EL0; EL1 allows it, as far as the CPU can tell */
	u64 value;
};

enum sysreg_result {
	SYSREG_OK,
	SYSREG_UNDEF, /* arch injects an Undefined Instruction exception */
	SYSREG_TRAP,  /* EL1 does not allow it: arch injects the trap to EL1 */
};

enum sysreg_result __must_check vmm_sysreg(struct vcpu *v, struct sysreg_access *a);

/*
 * The value of an ID register (op0 3, op1 0, CRn 0) that v's guest reads; n: CRm << 3 | op2, from
 * ID_FIRST to ID_REGISTERS - 1. The same as by vmm_sysreg(), straight.
 */
#define ID_FIRST     8
#define ID_REGISTERS 64
u64 vmm_id_register(const struct vcpu *v, u32 n);

/*
 * HVC #0 or SMC #0: the guest's x0-x7 in, x0-x3 out, in place. A call that does not return to its
 * caller (the vCPU goes off) writes none: the vCPU's work takes it away before its guest continues.
 */
void vmm_smccc(struct vcpu *v, u64 *x);

/* A WFI (or WFE) was trapped. PC is already past it. May block the thread. */
void vmm_wfi(struct vcpu *v);
void vmm_wfe(struct vcpu *v);

/* A trap that arch could not turn into an architectural answer: stop the VM and say why. */
struct guest_fault {
	const char *what;
	u64 esr, far, ipa, pc;
};
void vmm_fault(struct vcpu *v, const struct guest_fault *f);
/*
 * A debug exception of v's guest, at EL2 because of GUEST_DEBUG_TAKEN. What a debugger asked for:
 * true, and v is held before its guest continues. False: it is the guest's own BRK. at: a
 * watchpoint's address; for STOP_BREAK the BRK's IPA, or GUEST_BREAK_LOST if the guest's tables
 * have changed since.
 */
#define GUEST_BREAK_LOST (~0UL)
enum guest_stop { STOP_NONE, STOP_BREAK, STOP_HW_BREAK, STOP_WATCH, STOP_STEP };
bool __must_check vmm_debug_stop(struct vcpu *v, enum guest_stop stop, u64 at);
/*
 * The same for an SError that v's guest caused and that arrived while v is being switched out.
 * Called in the scheduler: v is stopped when it is to run again.
 */
void vmm_late_serror(struct vcpu *v, u64 esr);

/* v, which has a GICv3, wrote ICC_SGI1R_EL1. */
void vmm_sgi(struct vcpu *v, u64 sgir);

/*
 * A physical interrupt was acknowledged while v's guest ran or waited. True: it belongs to a guest,
 * is now in a list register, and stays active until the guest ends it. False: arch dispatches it.
 */
bool __must_check vmm_guest_irq(struct vcpu *v, u32 intid);

/* Exit kinds counted per vCPU. */
enum exit_kind {
	EXIT_IRQ,
	EXIT_WFX,
	EXIT_HVC,
	EXIT_SMC,
	EXIT_SYSREG,
	EXIT_MMIO,
	EXIT_FP,
	EXIT_FAULT,
	EXIT_KINDS
};

#endif
