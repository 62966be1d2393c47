/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual GICv3 (IHI 0069, one security state: DS=1), or GICv2 if the host has one. Interrupt state
 * is in bit maps with 32 interrupts in a word, so a distributor register is a word. Interrupts in
 * flight are in the list registers of the vCPU that is loaded on a CPU.
 *
 * List registers are folded back into the banks (1) when a guest reads a register that shows them,
 * (2) before a refill, (3) when the vCPU is switched out. Exception to (3): if the guest has ended
 * all of them, they are kept (struct vgic). Its assignments then stay valid until the next
 * operation on the VM's interrupts that needs the banks.
 *
 * Where an interrupt is, by its bits in a bank:
 *
 *   listed  active  pending (latch, or level without edge)
 *     0       0       0      idle
 *     0       0       1      pending in memory
 *     0       1       0      active in memory
 *     0       1       1      active and pending in memory
 *     1       -       -      in a list register, which has its active state and the latch that it
 *                            had (enum vgic_lr_state); `latch` is a later one, `active` is 0
 */
#ifndef VMM_GIC_H
#define VMM_GIC_H

#include <arch/guest.h>
#include <kernel/spinlock.h>
#include <lib/types.h>

struct vm;
struct vcpu;

#define VGIC_SPIS  256 /* INTIDs 32..287 */
#define VGIC_WORDS (VGIC_SPIS / 32)
#define VGIC_VCPUS 32 /* VM_MAX_VCPUS */

/*
 * The state of a list register of a vCPU. Whether its interrupt is pending or active is in the
 * register's own bits. The state says what becomes of that when the register is folded:
 *
 *   pending, LATCHED...: the latch is set again. pending, LINE...: the line says so again, or not.
 *   active: the interrupt is active in memory; not with ..._OFF. With ..._ON it is anyway.
 *
 * vgic_lr.c has the table of transitions.
 */
enum vgic_lr_state {
	VGIC_LR_FREE,        /* no interrupt is assigned to it */
	VGIC_LR_LINE,        /* pending by the interrupt's line, if at all */
	VGIC_LR_LATCHED,     /* its pending state was the interrupt's latch */
	VGIC_LR_FIRED,       /* kept and LATCHED: pending again when its vCPU comes back */
	VGIC_LR_LINE_OFF,    /* another CPU has cleared the active state */
	VGIC_LR_LATCHED_OFF, /* the same */
	VGIC_LR_LINE_ON,     /* another CPU has set the active state */
	VGIC_LR_LATCHED_ON,  /* the same */
	VGIC_LR_STATES,
};

#define VGIC_NO_LR VGIC_MAX_LRS

/* 32 interrupts: bit n of each word is interrupt base + n. */
struct vgic_bank {
	u32 group;  /* IGROUPR: 1 = group 1 */
	u32 grpmod; /* IGRPMODR as written (secure configuration); delivered as group 1 */
	u32 enabled;
	u32 latch; /* pending by an edge, or set by ISPENDR */
	u32 level; /* input line of level-sensitive interrupts */
	u32 active;
	u32 edge;   /* configured as edge-triggered */
	u32 listed; /* in a list register */
	/* Bit k of each priority is in plane k: a choice goes through words, not interrupts. */
	u32 prio_plane[8];
	u32 active_plane[8]; /* of active_prio */
	u8 prio[32];
	u8 active_prio[32]; /* priority of an active interrupt, until its drop */
	u8 lr_of[32];       /* its list register, while listed */
};

/*
 * A vCPU's CPU interface and redistributor. Invariants: The vCPU's list registers hold something
 * only while it is loaded. They are assigned (lr_used) only while it is loaded or kept. On a CPU
 * without a loaded vCPU, list registers hold nothing that is pending, active, or to be reported by
 * a maintenance interrupt. While the vCPU is loaded and neither dirty nor fresh nor pending_left,
 * every interrupt that could be delivered to it is in a list register. A bit of `forwarded` comes
 * with a latch, an active state or a list register.
 */
struct vgic_cpu {
	struct vgic_bank priv; /* SGIs 0-15, PPIs 16-31 */
	u32 forwarded;      /* PPIs (timers) kept active physically: the guest deactivates both */
	u64 keep_mark;      /* what its VM's `kept` has for it: its bit, and a count of 1 */
	u32 forwarded_kept; /* while kept: those of them that have a list register */
	u8 pintid[16];      /* their physical INTIDs */
	u8 sgi_pending[16]; /* GICv2: senders of an SGI pending by its latch, a bit a vCPU */
	u8 sgi_active[16];  /* GICv2: senders of the active one */
	bool asleep;        /* GICR_WAKER.ProcessorSleep */
	bool online;        /* it has been turned on, and not turned off */
	bool loaded;        /* its list registers are in hardware, on the CPU where the vCPU runs */
	/*
	 * Not 0: the list registers do not tell all. The parts of one word, which is read at once.
	 * muted: asleep by the guest's write, not by reset, so nothing is delivered. fresh_words:
	 * words with changed interrupts, a bit each; word 0 is private.
	 */
	union {
		u64 unsettled;
		struct {
			bool muted;
			bool dirty;        /* the list registers must be chosen again */
			bool pending_left; /* more interrupts are pending than fit */
			bool active_left;  /* more interrupts are active than fit */
			u32 fresh_words;
		};
	};
	u32 eois; /* EOIs that hit no list register, to be accounted for */
	/*
	 * SGIs from other vCPUs, not yet in the bank or in a list register: one bit each, atomic,
	 * without the lock. VCPU_WORK_VIRQ follows.
	 */
	u32 sgis;
	/*
	 * Loaded, GICv3: list registers whose SPI another CPU has set pending again, one bit each,
	 * atomic. Bits are set under the lock; this CPU takes them without it. VCPU_WORK_VIRQ
	 * follows.
	 */
	u32 lr_again;
	u32 fresh[1 + VGIC_WORDS]; /* the changed interrupts */
	u32 lr_used;               /* list registers whose state is not FREE, one bit each */
	u32 lr_fired;              /* those in state FIRED */
	u32 folds;                 /* how often all of them were folded and chosen again */
	/* by physical INTID: the list register with the HW bit for it, or VGIC_NO_LR */
	u8 ppi_lr[32];
	u8 lr_state[VGIC_MAX_LRS + 1]; /* enum vgic_lr_state; that of VGIC_NO_LR is FREE */
	u64 maintenance;               /* VGIC_UIE, ... */
	u64 written[VGIC_MAX_LRS];     /* as last written */
};

/* A VM's distributor. */
struct vgic {
	struct spinlock lock; /* guards all vgic state of the VM, including that of its vCPUs */
	bool v2; /* a GICv2: the private registers are in the distributor, irouter is ITARGETSR */
	u32 ctlr;
	/*
	 * vCPUs off the CPU whose list registers were all ended when they left, one bit each. What
	 * is assigned (listed, lr_of, ppi_lr) stays valid. So an interrupt that fires again costs
	 * one store when the vCPU comes back. Any other operation folds them first, so at most
	 * VCPU_PIECE are kept: bits 63:32 count them. With a GICv2 the count is full from the
	 * start.
	 */
	u64 kept;
	u32 able; /* vCPUs that are on and awake: shared SPIs go to one of them */
	struct vgic_bank spi[VGIC_WORDS];
	u32 shared[VGIC_WORDS]; /* SPIs that several vCPUs may take, by irouter */
	u64 irouter[VGIC_SPIS]; /* affinity, as written; GICv2: one bit for each vCPU */
	/* By vCPU: SPIs whose target it is, and SPIs that are active in memory and held by it. */
	u32 routed[VGIC_VCPUS][VGIC_WORDS];
	u32 active_on[VGIC_VCPUS][VGIC_WORDS];
	u8 target[VGIC_SPIS]; /* index of the vCPU that irouter names, or VGIC_NO_TARGET */
	u8 holder[VGIC_SPIS]; /* index of the vCPU: in its list registers, or active on it */
};

#define VGIC_NO_TARGET 0xff

/*
 * Reset to the architecture's reset state. vgic_init: no vCPU of the VM may run; *vm must be all
 * zeros before the first call. vgic_cpu_init: v is off the CPU or is the caller (also in a later
 * reset of this vCPU alone).
 */
void vgic_init(struct vm *vm);
void vgic_cpu_init(struct vcpu *v);
/*
 * Put the distributor and the redistributors on the VM's bus, at the addresses of
 * docs/guest-abi.md.
 */
int __must_check vgic_map(struct vm *vm);

/* v is turned on or off. On v's thread. */
void vgic_cpu_online(struct vcpu *v, bool online);

/*
 * Drive the line of a level-sensitive SPI, or pulse an edge-triggered one (level true). Any
 * context.
 */
void vgic_set_spi(struct vm *vm, u32 intid, bool level);
/*
 * Make an SPI pending once, as the guest's write to ISPENDR does, whether it is configured as edge
 * or level. Any context.
 */
void vgic_pend_spi(struct vm *vm, u32 intid);
/*
 * Forward a PPI with the HW bit. Its physical interrupt is active on this CPU, for v. On the CPU
 * where v is loaded, interrupts masked.
 */
void vgic_forward_ppi(struct vcpu *v, u32 vintid, u32 pintid);
/*
 * The line of a forwarded PPI may have fallen: then it is no longer pending. v is here, interrupts
 * masked.
 */
void vgic_resample(struct vcpu *v);
/*
 * v was put on this CPU, and that physical interrupt would have fired. Make it pending, and
 * physically active once v is loaded. Does nothing if v is loaded. Interrupts masked. True: v will
 * have it in a list register, and its guest could take it. False: vgic_flush() and vgic_pending()
 * are to find out: the caller kicks v with VCPU_WORK_VIRQ.
 */
bool vgic_expire_ppi(struct vcpu *v, u32 vintid, u32 pintid);
/*
 * Read the line of a forwarded PPI of the vCPU that is here. Interrupts masked. Set once, at boot,
 * for each PPI, before vgic_forward_ppi() or vgic_expire_ppi() is called for it.
 */
typedef bool (*vgic_line_fn)(void);
void vgic_set_line(u32 ppi, u32 pintid, vgic_line_fn asserted);

/*
 * True if a list register may be rewritten without the lock. A loaded vCPU's list registers, and
 * listed and ppi_lr of its private interrupts, belong to its CPU alone. A vCPU that changes
 * anything else about the interrupt (enable, priority, group, target) has it folded, here or by a
 * kick that comes after this.
 *
 * LATCHED means that the register was written as pending from the latch. If the register is empty,
 * the guest has ended that interrupt. Or the register was written just now, and the register of the
 * empty ones does not show it yet: then writing it again changes nothing, unless it is active too.
 * If more is pending or active than fits, the registers must be chosen instead. GICv3
 * only: ppi_lr has no other entries there, and SGIs of a GICv2 take another path.
 */
static inline bool __must_check vgic_may_rewrite(const struct vgic_cpu *c, u64 n)
{
	return likely(!c->maintenance) && likely(c->lr_state[n] == VGIC_LR_LATCHED) &&
	       likely(arch_vgic_ended() >> n & 1);
}

/*
 * The interrupt with that physical INTID arrived on the CPU where the vCPU of c is loaded. True if
 * it was forwarded before, the guest has ended it, and nothing about it has changed. Then call
 * vgic_refire(); *n is its list register. Else call vgic_forward_ppi(). Interrupts masked.
 */
static inline bool __must_check vgic_may_refire(const struct vgic_cpu *c, u32 pintid, u64 *n)
{
	if (pintid >= 32)
		return false;
	*n = c->ppi_lr[pintid]; /* 64 bits: an index without conversion */
	return vgic_may_rewrite(c, *n);
}

/*
 * List register n holds its interrupt again. Returns true, so that a caller that returns true can
 * end with it.
 */
static inline bool vgic_refire(const struct vgic_cpu *c, u64 n)
{
	return arch_vgic_lr_again((u32)n, c->written[n]); /* with HW it was not also active */
}

/*
 * v writes ICC_SGI1R_EL1 (group 1: reaches SGIs of both groups), SGI0R or ASGI1R (group 0: reaches
 * group 0 only).
 */
void vgic_send_sgi(struct vcpu *v, u64 sgir, u32 group);

/*
 * v writes ICC_DIR_EL1 or GICC_DIR: the interrupt ends, wherever it is active. Does nothing unless
 * the guest ends interrupts in two steps.
 */
void vgic_dir(struct vcpu *v, u32 intid);

/*
 * True if v could take an interrupt if it unmasked PSTATE.I: that ends a WFI. On v's thread, or
 * with v off the CPU. Any context.
 */
bool vgic_pending(struct vcpu *v);

/*
 * True if c is dirty or has fresh words. Without the lock: the vCPU that makes it so kicks this one
 * after that.
 */
static inline bool vgic_is_stale(const struct vgic_cpu *c)
{
	return READ_ONCE(c->unsettled) & (BITS(63, 32) | BITS(15, 8));
}

/* Exit path (VCPU_WORK_VIRQ): fold and refill the list registers. On v's thread, masked. */
void vgic_flush(struct vcpu *v);
/*
 * False: vgic_flush() would find nothing to do, because the interrupt was already in a list
 * register when v was loaded.
 */
static inline bool vgic_to_flush(const struct vgic_cpu *c)
{
	return vgic_is_stale(c) || __atomic_load_n(&c->sgis, __ATOMIC_RELAXED) ||
	       __atomic_load_n(&c->lr_again, __ATOMIC_RELAXED);
}
/*
 * Switch hooks, interrupts masked. vgic_load: fill the hardware; after arch_vcpu_load(). vgic_put:
 * fold it back, or keep it; before vtimer_put(), which then needs no wake-up for a timer whose
 * interrupt is in flight.
 */
void vgic_load(struct vcpu *v);
void vgic_put(struct vcpu *v);

/*
 * Let interrupts and more urgent threads in, on a vCPU's thread in a trap that has masked them. No
 * lock held.
 */
void vgic_let_in(void);
/*
 * Wait until v's CPU has folded v's list registers (v->vgic.folds differs from `folds`), or v has
 * left it. v has been kicked. For a vCPU in a trap with interrupts masked: in between they are
 * unmasked, and its own list registers are folded for other waiting vCPUs.
 */
void vgic_await_fold(const struct vcpu *v, u32 folds);

/* Register the maintenance interrupt and fill the register tables. Once, before the first VM. */
int __must_check vgic_host_init(void);

/*
 * Use at most `limit` list registers (0: all of the hardware's). The limit is for debugging. Call
 * it before vgic_host_init().
 */
void vgic_limit_lrs(u32 limit);

#endif
