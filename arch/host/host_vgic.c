/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual GIC CPU interface, and the guest's side of it (IHI 0069, 6.3 and 12.4). */
#include <arch/guest.h>
#include <asm/smp.h>
#include <lib/bitmap.h>
#include <string.h>

#define IDLE_PRIORITY 0x100

struct host_vgic host_vgic[HOST_CPUS];
u32 host_lr_count = 4;
u32 host_gic_version = 3;

void host_vgic_reset(void)
{
	u32 cpu;

	memset(host_vgic, 0, sizeof(host_vgic));
	for (cpu = 0; cpu < HOST_CPUS; cpu++) {
		host_vgic[cpu].pmr = 0xff;
		host_vgic[cpu].groups = 3;
	}
	host_lr_count = 4;
	host_gic_version = 3;
}

static struct host_vgic *self(void)
{
	return &host_vgic[host_cpu];
}

static u64 *lr(u32 n)
{
	if (n >= host_lr_count)
		host_die("no such list register");
	return &self()->lr[n];
}

static u32 priority(u64 value)
{
	return (u32)FIELD(value, 55, 48);
}

u32 arch_vgic_version(void)
{
	return host_gic_version;
}

/* The address does not matter here. */
void arch_vgic_frame(paddr_t *base, u64 *size)
{
	*base = PADDR(0x8040000);
	*size = 0x2000;
}

u32 arch_vgic_lr_count(void)
{
	return host_lr_count;
}

u64 arch_vgic_lr_read(u32 n)
{
	return *lr(n);
}

static u32 empty_lrs(void)
{
	u32 empty = 0;
	u32 n;

	for (n = 0; n < host_lr_count; n++)
		if (!(*lr(n) & LR_STATE_MASK) && ((*lr(n) & LR_HW) || !(*lr(n) & LR_EOI)))
			empty |= 1U << n;
	return empty;
}

void host_vgic_synchronize(void)
{
	self()->unseen = 0;
}

void arch_vgic_lr_write(u32 n, u64 value)
{
	u32 i;

	for (i = 0; i < host_lr_count; i++)
		if (i != n && (value & LR_STATE_MASK) && (*lr(i) & LR_STATE_MASK) &&
		    ((*lr(i) ^ value) & LR_VINTID_MASK) == 0)
			host_die("one interrupt in two list registers");
	self()->unseen |= empty_lrs() & 1U << n;
	*lr(n) = value;
}

u32 arch_vgic_empty_lrs(void)
{
	host_vgic_synchronize();
	return empty_lrs();
}

u32 arch_vgic_ended(void)
{
	if (host_gic_version != 3)
		host_die("a short cut of the GICv3");
	return empty_lrs() | self()->unseen;
}

bool arch_vgic_lr_again(u32 n, u64 value)
{
	arch_vgic_lr_write(n, value);
	return true;
}

void arch_vgic_maintenance(u64 bits)
{
	self()->maintenance = bits;
}

u32 arch_vgic_take_eoi_count(void)
{
	u32 count = self()->eoi_count;

	self()->eoi_count = 0;
	return self()->eoi_split ? 0 : count;
}

static bool signalled(u64 value)
{
	return (value & LR_STATE_MASK) == LR_STATE_PENDING && FIELD(value, 55, 48) < self()->pmr &&
	       (self()->groups >> (value & LR_GROUP1 ? 1 : 0) & 1);
}

u64 arch_vgic_signals(u32 lrs)
{
	u32 n;

	for_each_set_bit(n, lrs & ~arch_vgic_empty_lrs()) {
		u64 value = *lr(n);

		if (signalled(value))
			return value;
	}
	return 0;
}

/* All vCPUs of a CPU share one interface here. */
bool arch_vgic_would_signal(const struct vcpu *v, u64 value)
{
	(void)v;
	return signalled(value);
}

u8 arch_vgic_pmr(void)
{
	return self()->pmr;
}

u32 arch_vgic_group_enables(void)
{
	return self()->groups;
}

bool arch_vgic_eoi_split(void)
{
	return self()->eoi_split;
}

u32 arch_vgic_priority_bits(void)
{
	return 5;
}

u32 arch_vgic_maintenance_intid(void)
{
	return 25;
}

static u32 running_priority(void)
{
	u32 running = IDLE_PRIORITY;
	u32 n;

	for (n = 0; n < host_lr_count; n++)
		if (*lr(n) & LR_STATE_ACTIVE)
			running = MIN(running, priority(*lr(n)));
	return running;
}

u32 host_vgic_ack(void)
{
	u32 best = MIN(running_priority(), (u32)self()->pmr);
	u64 *chosen = NULL;
	u32 n;

	host_vgic_synchronize();
	for (n = 0; n < host_lr_count; n++) {
		u64 value = *lr(n);
		u32 group = value & LR_GROUP1 ? 2 : 1;

		if ((value & LR_STATE_MASK) != LR_STATE_PENDING || !(self()->groups & group) ||
		    priority(value) >= best)
			continue;
		best = priority(value);
		chosen = lr(n);
	}
	if (!chosen)
		return 1023;
	*chosen = (*chosen & ~LR_STATE_PENDING) | LR_STATE_ACTIVE;
	return (u32)(*chosen & LR_VINTID_MASK);
}

void host_vgic_eoi(u32 intid)
{
	u32 n;

	host_vgic_synchronize();
	for (n = 0; n < host_lr_count; n++) {
		u64 value = *lr(n);

		if (!(value & LR_STATE_ACTIVE) || (value & LR_VINTID_MASK) != intid)
			continue;
		*lr(n) = value & ~LR_STATE_ACTIVE;
		if (value & LR_HW)
			host_irq_set_active((u32)FIELD(value, 44, LR_PINTID_SHIFT), host_cpu,
					    false);
		return;
	}
	self()->eoi_count++;
}

bool host_vgic_maintenance(void)
{
	u64 on = self()->maintenance;
	u32 groups = self()->groups;
	u32 valid = 0, pending = 0, ended = 0;
	u32 n;

	for (n = 0; n < host_lr_count; n++) {
		u64 value = *lr(n);

		valid += (value & LR_STATE_MASK) != 0;
		pending += (value & LR_STATE_MASK) == LR_STATE_PENDING;
		ended += !(value & (LR_STATE_MASK | LR_HW)) && (value & LR_EOI);
	}
	if ((on & VGIC_GRP0_ON && groups & 1) || (on & VGIC_GRP0_OFF && !(groups & 1)) ||
	    (on & VGIC_GRP1_ON && groups & 2) || (on & VGIC_GRP1_OFF && !(groups & 2)))
		return true;
	return ended || ((on & VGIC_UIE) && valid <= 1) || ((on & VGIC_NPIE) && pending == 0) ||
	       ((on & VGIC_LRENPIE) && self()->eoi_count);
}
