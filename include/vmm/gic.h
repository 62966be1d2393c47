/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual GICv3 (IHI 0069, one security state: DS=1), or GICv2 where the host has one. The state of every interrupt is kept in bit maps of 32 interrupts a word,
 * so that a distributor register is a word. Interrupts in flight live in the list registers of the vCPU that is loaded on a CPU. They are folded back when a
 * register that shows them is read, before list registers are filled anew, and when the vCPU is switched out, unless the guest has ended them all: then they
 * stay what they are, parked (struct vgic), until any operation on the VM's interrupts asks for the banks.
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
	u32 group; /* IGROUPR: 1 = group 1 */
	u32 grpmod; /* IGRPMODR as written (Zephyr's secure configuration); such interrupts are delivered as group 1 */
	u32 enabled;
	u32 latch; /* edge pending, or set by ISPENDR */
	u32 level; /* input line of level-sensitive interrupts */
	u32 active;
	u32 edge;  /* configured edge-triggered */
	u32 in_lr; /* is in a list register of a loaded or parked vCPU, which then knows pending (from a latch) and active; active here is stale */
	u8 prio[32];
	u8 active_prio
		[32]; /* of one that is active: its priority when it became that, which its end drops */
	u8 slot[32]; /* which list register, while in_lr */
};

/*
 * A vCPU's CPU interface and redistributor. Invariants: list registers hold something only while it is loaded, and are assigned (lr_used) only while it is
 * loaded or parked; on a CPU without a loaded vCPU they hold nothing that is pending, active, or to be told by a maintenance interrupt. While it is loaded
 * and neither dirty nor fresh nor leftover, everything that could be delivered to it is in a list register. A bit of hw goes with a latch, an active state
 * or a list register.
 */
struct vgic_cpu {
	struct vgic_bank priv; /* SGIs 0-15, PPIs 16-31 */
	u32 hw; /* PPIs whose physical interrupt is kept active for v: its deactivation is the physical one's (the timers) */
	u32 hw_parked;      /* parked: those that have a list register */
	u8 pintid[16];      /* their physical INTIDs */
	u8 sgi_pending[16]; /* GICv2: who sent an SGI that is pending by its latch, a bit a vCPU */
	u8 sgi_active[16];  /* GICv2: who sent the one that is active */
	bool asleep;        /* GICR_WAKER.ProcessorSleep */
	bool held;          /* and so by the guest, not by reset: nothing is delivered */
	bool online;        /* it has been started, and not turned off */
	bool loaded;        /* its list registers are in hardware, on the CPU where the vCPU runs */
	bool dirty;         /* the choice of list registers has to be made anew */
	bool leftover;      /* more is pending than fits */
	bool act_left;      /* more is active than fits */
	/*
	 * Sent by others, not yet in the bank or a list register: a bit each, atomic, without the
	 * lock; VCPU_WORK_VIRQ follows.
	 */
	u32 sgis;
	u32 fresh_words; /* interrupts whose state changed since, a bit a word; word 0: private */
	u32 fresh[1 + VGIC_WORDS];
	u32 lr_used;    /* list registers written since the last fold, a bit each */
	u32 lr_latched; /* those whose pending state came from a latch, and goes back there */
	u32 lr_drop;    /* those whose active state is void: cleared by another vCPU */
	u32 lr_fired;   /* parked: those that are pending again */
	u32 lr_raise;   /* those that are active whatever they say: set by another vCPU */
	u32 folds;      /* how often they all were folded and chosen anew */
	/* by physical INTID: 1 + the list register that carries it on with the HW bit; 0: none */
	u8 ppi_lr[32];
	u64 maintenance;      /* VGIC_UIE, ... */
	u64 lr[VGIC_MAX_LRS]; /* what was written */
};

/* A VM's distributor. */
struct vgic {
	struct spinlock lock; /* guards all vgic state of the VM, including its vCPUs' */
	bool v2; /* a GICv2: the private registers are in the distributor, irouter is ITARGETSR */
	u32 ctlr;
	/*
	 * vCPUs that are off CPU and whose list registers were all ended when they left, a bit each: what those are for still stands (in_lr, slot, ppi_lr),
	 * so that what comes again is one store when the vCPU comes back. Any operation first folds them.
	 */
	u32 parked;
	u32 able; /* vCPUs that are on and awake: SPIs that several may take go to one of them */
	struct vgic_bank spi[VGIC_WORDS];
	u32 shared[VGIC_WORDS]; /* SPIs that several vCPUs may take, by irouter */
	u64 irouter[VGIC_SPIS]; /* affinity, as written; GICv2: a bit a vCPU */
	u8 target[VGIC_SPIS];   /* vCPU index that irouter names, or VGIC_NO_TARGET */
	u8 holder[VGIC_SPIS];   /* vCPU index: in its list registers, or active on it */
};

#define VGIC_NO_TARGET 0xff

/*
 * Reset to the architecture's reset state. vgic_init: no vCPU of the VM runs; *vm was all zeros before the first time. vgic_cpu_init: v is off CPU or
 * the caller (also in any later reset of the one vCPU).
 */
void vgic_init(struct vm *vm);
void vgic_cpu_init(struct vcpu *v);
/* Put the distributor and the redistributors on the VM's bus at docs/guest-abi.md's addresses. */
int __must_check vgic_map(struct vm *vm);

/* v is turned on, or off. On v's thread. */
void vgic_cpu_online(struct vcpu *v, bool online);

/* Drive the line of a level-sensitive SPI, or pulse an edge-triggered one (level true). Any context. */
void vgic_set_spi(struct vm *vm, u32 intid, bool level);
/* The same for a PPI. Any context. */
void vgic_set_ppi(struct vcpu *v, u32 intid, bool level);
/* A PPI whose physical interrupt of the same meaning is active on this CPU and is v's: forwarded with the HW bit. On the CPU where v is loaded, masked. */
void vgic_forward_ppi(struct vcpu *v, u32 vintid, u32 pintid);
/* The line behind a PPI that was forwarded may have fallen: then it is pending no more. v is here, masked. */
void vgic_resample(struct vcpu *v);
/* v is off CPU, and that physical interrupt would have fired: pending, and physically active once v is loaded. Nothing if v is loaded. Masked. */
void vgic_expire_ppi(struct vcpu *v, u32 vintid, u32 pintid);
/*
 * The line behind a PPI that is forwarded, of the vCPU that is here. Masked. Set for each PPI that vgic_forward_ppi() or
 * vgic_expire_ppi() is called for, before that; once, at boot.
 */
typedef bool (*vgic_line_fn)(void);
void vgic_set_line(u32 ppi, vgic_line_fn asserted);

/*
 * Without the lock: list registers, in_lr and ppi_lr of a loaded vCPU's private interrupts are its CPU's alone, and whoever changes anything else about the
 * interrupt (enable, priority, group, target) has it folded, here or by a kick that comes after us. lr_latched says that the register was written as
 * pending from the latch, and its being empty that the guest has ended that. Or that it was written just now, and the register of the empty ones does not
 * show it yet: to write it again is nothing then, unless it is active too. With more pending or active than fits, the choice is not ours. GICv3 only: in
 * ppi_lr is nothing else, and SGIs of a GICv2 take another way.
 */
static inline bool __must_check vgic_may_rewrite(const struct vgic_cpu *c, u64 n)
{
	return likely(!c->maintenance) && likely((c->lr_latched & arch_vgic_ended()) >> n & 1);
}

/*
 * The interrupt with that physical INTID came on the CPU where the vCPU of c is loaded: true if it was forwarded before, the
 * guest has ended it, and nothing about it has changed; then vgic_refire() is for it, and *n its list register. Else
 * vgic_forward_ppi() is. Masked.
 */
static inline bool __must_check vgic_may_refire(const struct vgic_cpu *c, u32 pintid, u64 *n)
{
	if (pintid >= 32 || !c->ppi_lr[pintid])
		return false;
	*n = c->ppi_lr[pintid] - 1UL; /* 64 bits, so that it is an index as it is */
	return vgic_may_rewrite(c, *n);
}

/* List register n holds its interrupt again. True: a caller that says so can end with it. */
static inline bool vgic_refire(const struct vgic_cpu *c, u64 n)
{
	return arch_vgic_lr_again((u32)n, c->lr[n]); /* with HW it was not active too */
}

/* Write of ICC_SGI1R_EL1 (group 1: reaches SGIs of both groups), SGI0R or ASGI1R (group 0: group 0 only) by v. */
void vgic_send_sgi(struct vcpu *v, u64 sgir, u32 group);

/* Write of ICC_DIR_EL1 or GICC_DIR by v: the interrupt ends, wherever it is active. Nothing unless the guest ends interrupts in two steps. */
void vgic_dir(struct vcpu *v, u32 intid);

/* True if an interrupt could be taken by v if it unmasked PSTATE.I: what ends a WFI. On v's thread or with v off CPU. Any context. */
bool vgic_pending(struct vcpu *v);

/* Exit path (VCPU_WORK_VIRQ): fold and refill the list registers. On v's thread, masked. */
void vgic_flush(struct vcpu *v);
/* False: vgic_flush() would find nothing to do, as what came was in a list register already when v was loaded. */
static inline bool vgic_to_flush(const struct vgic_cpu *c)
{
	return c->dirty || c->fresh_words || __atomic_load_n(&c->sgis, __ATOMIC_RELAXED);
}
/*
 * Switch hooks: fill the hardware / fold it back, or park v. Masked. vgic_load comes after arch_vcpu_load, vgic_put before vtimer_put (which need not wait for a timer whose interrupt is in flight).
 */
void vgic_load(struct vcpu *v);
void vgic_put(struct vcpu *v);

/*
 * Wait until v's list registers were folded by its CPU (v->vgic.folds is no more what it was), or v left it. For a vCPU in a trap, interrupts masked; they
 * are not meanwhile, and its own list registers are folded for whoever waits for them. v has been told.
 */
void vgic_await_fold(const struct vcpu *v, u32 folds);

/* Maintenance interrupt registration, register tables; once, before the first VM. */
int __must_check vgic_host_init(void);

/* Debug limit on the number of list registers used (0: all the hardware has). Set before the first VM. */
extern u32 vgic_lr_limit;

#endif
