/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debug registers and performance monitors: they keep the written values; nothing counts by itself.
 */
#include <arch/cpu.h>
#include <arch/guest.h>
#include <string.h>
#include <vmm/core.h>

void arch_guest_debug(const struct guest_debug *d)
{
	host_guest_debug[host_cpu] = d;
}

u32 host_pmu_intid;
static struct guest_pmu pmus[HOST_CPUS];

struct guest_pmu *host_pmu(u32 cpu)
{
	return &pmus[cpu];
}

u32 arch_guest_pmu_intid(void)
{
	return host_pmu_intid;
}

void arch_guest_pmu_load(const struct guest_pmu *p)
{
	pmus[host_cpu] = *p;
}

void arch_guest_pmu_save(struct guest_pmu *p)
{
	*p = pmus[host_cpu];
	memset(&pmus[host_cpu], 0, sizeof(pmus[host_cpu]));
}

static u32 slot(u32 n)
{
	if (n >= HOST_PMU_EVENTS && n != GUEST_PMU_CYCLES)
		host_die("no such event counter");
	return MIN(n, (u32)HOST_PMU_EVENTS);
}

u64 arch_guest_pmu_read(enum guest_pmu_reg reg, u32 n)
{
	const struct guest_pmu *p = &pmus[host_cpu];

	switch (reg) {
	case PMU_CONTROL:
		return p->control | HOST_PMU_EVENTS << 11;
	case PMU_ENABLE_SET:
	case PMU_ENABLE_CLEAR:
		return p->enabled;
	case PMU_IRQ_SET:
	case PMU_IRQ_CLEAR:
		return p->interrupts;
	case PMU_OVERFLOW_SET:
	case PMU_OVERFLOW_CLEAR:
		return p->overflows;
	case PMU_USER:
		return p->user;
	case PMU_COUNT:
		return p->count[slot(n)];
	case PMU_TYPE:
		return p->type[slot(n)];
	default:
		return 0;
	}
}

void arch_guest_pmu_write(enum guest_pmu_reg reg, u32 n, u64 value)
{
	struct guest_pmu *p = &pmus[host_cpu];

	switch (reg) {
	case PMU_CONTROL:
		p->control = value;
		break;
	case PMU_ENABLE_SET:
		p->enabled |= value;
		break;
	case PMU_ENABLE_CLEAR:
		p->enabled &= ~value;
		break;
	case PMU_IRQ_SET:
		p->interrupts |= value;
		break;
	case PMU_IRQ_CLEAR:
		p->interrupts &= ~value;
		break;
	case PMU_OVERFLOW_SET:
		p->overflows |= value;
		break;
	case PMU_OVERFLOW_CLEAR:
		p->overflows &= ~value;
		break;
	case PMU_USER:
		p->user = value;
		break;
	case PMU_COUNT:
		p->count[slot(n)] = value;
		break;
	case PMU_TYPE:
		p->type[slot(n)] = (u32)value;
		break;
	default:
		break;
	}
}

void arch_vcpu_read(struct vcpu *v, struct guest_regs *r)
{
	memset(r, 0, sizeof(*r));
	r->core[0] = v->arch.x0;
	r->core[GUEST_PC] = v->arch.pc;
	if (v->arch.regs)
		*r = *v->arch.regs;
}

void arch_vcpu_write(struct vcpu *v, const struct guest_regs *r)
{
	if (v->arch.regs)
		*v->arch.regs = *r;
}

void arch_vcpu_peek(struct vcpu *v, struct guest_regs *r)
{
	arch_vcpu_read(v, r);
}

bool arch_guest_timer_armed(void)
{
	return false;
}
