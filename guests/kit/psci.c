/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/psci.h"
#include "kit/cpu.h"

void hvc_full(uint64_t x[4])
{
	register uint64_t x0 asm("x0") = x[0];
	register uint64_t x1 asm("x1") = x[1];
	register uint64_t x2 asm("x2") = x[2];
	register uint64_t x3 asm("x3") = x[3];

	/* SMCCC 1.0 lets the callee change x4..x17. */
	asm volatile("hvc #0"
		     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
		     :
		     : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
		       "x16", "x17", "memory");
	x[0] = x0;
	x[1] = x1;
	x[2] = x2;
	x[3] = x3;
}

uint64_t hvc64(uint64_t function, uint64_t arg1, uint64_t arg2, uint64_t arg3)
{
	uint64_t x[4] = { function, arg1, arg2, arg3 };

	hvc_full(x);
	return x[0];
}

int32_t hvc(uint64_t function, uint64_t arg1, uint64_t arg2, uint64_t arg3)
{
	return (int32_t)hvc64(function, arg1, arg2, arg3);
}

static void __attribute__((noreturn)) idle_for_ever(void)
{
	irq_mask();
	for (;;)
		wfi();
}

void psci_system_off(void)
{
	(void)hvc(PSCI_SYSTEM_OFF, 0, 0, 0);
	idle_for_ever();
}

void psci_system_reset(void)
{
	(void)hvc(PSCI_SYSTEM_RESET, 0, 0, 0);
	idle_for_ever();
}
