/* SPDX-License-Identifier: Apache-2.0 */
/* The RTOS's exception level. Nothing runs below it. */
#include <arch/thread.h>
#include <asm/boot.h>
#include <asm/trap.h>
#include <kernel/log.h>
#include <kernel/percpu.h>

__noreturn void trap_lower_sync(void);
__noreturn void trap_lower_sync_a32(void);
__noreturn void trap_lower_irq(void);
__noreturn void trap_lower_serror(void);
__noreturn void trap_measured_sync(void);
__noreturn void trap_measured_irq(void);
__noreturn void trap_measured_end(void);

const char *el_refusal(u64 el)
{
	return el == 1 ? NULL
		       : "this is the RTOS, a guest: start it at EL1 (QEMU: without virtualization=on)";
}

void el_init_cpu(void)
{
	/* A loader may have left timers running. */
	write_sysreg(cntv_ctl_el0, 0);
	write_sysreg(cntp_ctl_el0, 0);
	this_cpu()->arch.fp_control = 0;
	write_sysreg(cpacr_el1, 0);
	isb();
}

bool at_failed(struct trap_frame *f, u64 esr)
{
	(void)f;
	(void)esr;
	return false;
}

/* No lower level could train them. */
void guard_init_cpu(void)
{
}

int gic_lower_init(void)
{
	return 0;
}

void gic_lower_init_cpu(void)
{
}

void trap_lower_sync(void)
{
	panic("exception from EL0, where nothing runs");
}

void trap_lower_sync_a32(void)
{
	trap_lower_sync();
}

void trap_lower_irq(void)
{
	trap_lower_sync();
}

void trap_lower_serror(void)
{
	trap_lower_sync();
}

void trap_measured_sync(void)
{
	trap_lower_sync();
}

void trap_measured_irq(void)
{
	trap_lower_sync();
}

void trap_measured_end(void)
{
	trap_lower_sync();
}

/* There is no lower level. */
void arch_give_way(bool on)
{
	(void)on;
}
