/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual GICv3 (IHI 0069, one security state: DS=1), or GICv2 if the host has one. Interrupt state
 * is in bit maps with 32 interrupts in a word, so a distributor register is a word. Interrupts in
 * flight are in the list registers of the vCPU that is loaded on a CPU.
 *
 * List registers are folded back into the banks (1) when a guest reads a register that shows them,
 * (2) before a refill, (3) when the vCPU is switched out. Exception to (3): if the guest has ended
 * all of them, the vCPU is parked (struct vgic). Its assignments then stay valid until the next
 * operation on the VM's interrupts, which needs the banks.
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

/* 32 interrupts: bit n of each word is interrupt base + n. */
struct vgic_bank {
	u32 group;  /* IGROUPR: 1 = group 1 */
	u32 grpmod; /* IGRPMODR as written (secure configuration); delivered as group 1 */
	u32 enabled;
	u32 latch; /* pending by an edge, or set by ISPENDR */
	u32 level; /* input line of level-sensitive interrupts */
	u32 active;
	u32 edge;  /* configured as edge-triggered */
	u32 in_lr; /* in a list register, which has latch and active; `active` is stale */
	u8 prio[32];
	u8 active_prio[32]; /* priority of an active interrupt, until its drop */
	u8 slot[32];        /* which list register, while in_lr */
};

/*
 * A vCPU's CPU interface and redistributor. Invariants: The vCPU's list registers hold something
 * only while it is loaded. They are assigned (lr_used) only while it is loaded or parked. On a CPU
 * without a loaded vCPU, list registers hold nothing that is pending, active, or to be reported by
 * a maintenance interrupt. While the vCPU is loaded and neither dirty nor fresh nor leftover, every
 * interrupt that could be delivered to it is in a list register. A bit of hw comes with a latch, an
 * active state or a list register.
 */
struct vgic_cpu {
	struct vgic_bank priv; /* SGIs 0-15, PPIs 16-31 */
	u32 hw;        /* PPIs (timers) kept active physically: the guest deactivates both */
	u64 park_mark; /* what its parking adds to its VM's `parked`: its bit, and a count of 1 */
	u32 hw_parked; /* while parked: those of them that have a list register */
	u8 pintid[16]; /* their physical INTIDs */
	u8 sgi_pending[16]; /* GICv2: senders of an SGI pending by its latch, a bit a vCPU */
	u8 sgi_active[16];  /* GICv2: senders of the active one */
	bool asleep;        /* GICR_WAKER.ProcessorSleep */
	bool held;          /* asleep by the guest's write, not by reset: nothing is delivered */
	bool online;        /* it has been turned on, and not turned off */
	bool loaded;        /* its list registers are in hardware, on the CPU where the vCPU runs */
	bool dirty;         /* the list registers must be chosen again */
	bool leftover;      /* more interrupts are pending than fit */
	bool act_left;      /* more interrupts are active than fit */
	/*
	 * SGIs from other vCPUs, not yet in the bank or in a list register: one bit each, atomic,
	 * without the lock. VCPU_WORK_VIRQ follows.
	 */
	u32 sgis;
	u32 fresh_words; /* words with changed interrupts, a bit each; word 0: private */
	u32 fresh[1 + VGIC_WORDS];
	u32 lr_used;    /* list registers written since the last fold, one bit each */
	u32 lr_latched; /* those whose pending state came from a latch, and goes back there */
	u32 lr_drop;    /* those whose active state is void: cleared by another vCPU */
	u32 lr_fired;   /* parked: those that are pending again */
	u32 lr_raise;   /* those that are active whatever they hold: set by another vCPU */
	u32 folds;      /* how often all of them were folded and chosen again */
	/* by physical INTID: 1 + the list register that forwards it with the HW bit; 0: none */
	u8 ppi_lr[32];
	u64 maintenance;      /* VGIC_UIE, ... */
	u64 lr[VGIC_MAX_LRS]; /* as last written */
};

/* A VM's distributor. */
struct vgic {
	struct spinlock lock; /* guards all vgic state of the VM, including that of its vCPUs */
	bool v2; /* a GICv2: the private registers are in the distributor, irouter is ITARGETSR */
	u32 ctlr;
	/*
	 * vCPUs off the CPU whose list registers were all ended when they left, one bit each. The
	 * assignments (in_lr, slot, ppi_lr) stay valid. So an interrupt that fires again costs one
	 * store when the vCPU comes back. Any operation folds them first, so at most VCPU_PIECE are
	 * parked: bits 63:32 count them. With a GICv2 the count is full from the start.
	 */
	u64 parked;
	u32 able; /* vCPUs that are on and awake: shared SPIs go to one of them */
	struct vgic_bank spi[VGIC_WORDS];
	u32 shared[VGIC_WORDS]; /* SPIs that several vCPUs may take, by irouter */
	u64 irouter[VGIC_SPIS]; /* affinity, as written; GICv2: one bit for each vCPU */
	u8 target[VGIC_SPIS];   /* index of the vCPU that irouter names, or VGIC_NO_TARGET */
	u8 holder[VGIC_SPIS];   /* index of the vCPU: in its list registers, or active on it */
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
 * v is off the CPU, and that physical interrupt would have fired. Make it pending, and physically
 * active once v is loaded. Does nothing if v is loaded. Interrupts masked.
 */
void vgic_expire_ppi(struct vcpu *v, u32 vintid, u32 pintid);
/*
 * Read the line of a forwarded PPI of the vCPU that is here. Interrupts masked. Set once, at boot,
 * for each PPI, before vgic_forward_ppi() or vgic_expire_ppi() is called for it.
 */
typedef bool (*vgic_line_fn)(void);
void vgic_set_line(u32 ppi, vgic_line_fn asserted);

/*
 * True if a list register may be rewritten without the lock. A loaded vCPU's list registers, and
 * in_lr and ppi_lr of its private interrupts, belong to its CPU alone. A vCPU that changes anything
 * else about the interrupt (enable, priority, group, target) has it folded, here or by a kick that
 * comes after this.
 *
 * lr_latched means that the register was written as pending from the latch. If the register is
 * empty, the guest has ended that interrupt. Or the register was written just now, and the register
 * of the empty ones does not show it yet: then writing it again changes nothing, unless it is
 * active too. If more is pending or active than fits, the registers must be chosen instead. GICv3
 * only: ppi_lr has no other entries there, and SGIs of a GICv2 take another path.
 */
static inline bool __must_check vgic_may_rewrite(const struct vgic_cpu *c, u64 n)
{
	return likely(!c->maintenance) && likely((c->lr_latched & arch_vgic_ended()) >> n & 1);
}

/*
 * The interrupt with that physical INTID arrived on the CPU where the vCPU of c is loaded. True if
 * it was forwarded before, the guest has ended it, and nothing about it has changed. Then call
 * vgic_refire(); *n is its list register. Else call vgic_forward_ppi(). Interrupts masked.
 */
static inline bool __must_check vgic_may_refire(const struct vgic_cpu *c, u32 pintid, u64 *n)
{
	if (pintid >= 32 || !c->ppi_lr[pintid])
		return false;
	*n = c->ppi_lr[pintid] - 1UL; /* 64 bits: an index without conversion */
	return vgic_may_rewrite(c, *n);
}

/*
 * List register n holds its interrupt again. Returns true, so that a caller that returns true can
 * end with it.
 */
static inline bool vgic_refire(const struct vgic_cpu *c, u64 n)
{
	return arch_vgic_lr_again((u32)n, c->lr[n]); /* with HW it was not also active */
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

/* Exit path (VCPU_WORK_VIRQ): fold and refill the list registers. On v's thread, masked. */
void vgic_flush(struct vcpu *v);
/*
 * False: vgic_flush() would find nothing to do, because the interrupt was already in a list
 * register when v was loaded.
 */
static inline bool vgic_to_flush(const struct vgic_cpu *c)
{
	return c->dirty || c->fresh_words || __atomic_load_n(&c->sgis, __ATOMIC_RELAXED);
}
/*
 * Switch hooks, interrupts masked. vgic_load: fill the hardware; after arch_vcpu_load(). vgic_put:
 * fold it back, or park v; before vtimer_put(), which then needs no wake-up for a timer whose
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
 * Limit on the number of list registers used, for debugging (0: all of the hardware's). Set before
 * the first VM.
 */
extern u32 vgic_lr_limit;

#endif
