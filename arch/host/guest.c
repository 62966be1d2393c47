/* SPDX-License-Identifier: Apache-2.0 */
#include <arch/guest.h>
#include <kernel/thread.h>
#include <vmm/core.h>

void arch_vcpu_reset(struct vcpu *v, u64 mpidr, u64 entry, u64 arg)
{
	v->arch.pc = entry;
	v->arch.x0 = arg;
	v->arch.mpidr = mpidr;
	v->arch.vmcr_saved = true;
	v->arch.pmr = 0xff;
	v->arch.groups = 3;
	v->arch.resets++;
}

void arch_guest_enter(struct vcpu *v)
{
	if (!host_guest)
		host_die("arch_guest_enter without a guest");
	lock_check_no_lock("enters its guest");
	host_guest(v);
	thread_exit();
}

void arch_guest_trap_waits(bool on)
{
	host_waits_untrapped[host_cpu] = !on;
}

static void save_interface(struct vcpu *v)
{
	v->arch.vmcr_saved = true;
	v->arch.pmr = host_vgic[host_cpu].pmr;
	v->arch.groups = host_vgic[host_cpu].groups;
}

void arch_vcpu_load(struct vcpu *v)
{
	if (host_loaded[host_cpu] == v)
		return;
	if (host_loaded[host_cpu])
		save_interface(host_loaded[host_cpu]);
	host_loaded[host_cpu] = v;
	if (!v->arch.vmcr_saved)
		return;
	host_vgic[host_cpu].pmr = v->arch.pmr;
	host_vgic[host_cpu].groups = v->arch.groups;
}

void arch_vcpu_flush(struct vcpu *v)
{
	if (host_loaded[host_cpu] != v)
		return;
	save_interface(v);
	host_loaded[host_cpu] = NULL;
}

bool arch_vcpu_was_open(const struct vcpu *v)
{
	return v->arch.was_open;
}

void arch_guest_look(const struct vcpu *v, struct guest_look *l)
{
	if (!host_look)
		host_die("arch_guest_look without host_look");
	host_look(v, l);
}

u64 arch_vcpu_pc(const struct vcpu *v)
{
	return v->arch.pc;
}
