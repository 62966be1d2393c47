/* SPDX-License-Identifier: Apache-2.0 */
/* PSCI (Arm DEN0022) and SMCCC (DEN0028) over HVC. */
#ifndef KIT_PSCI_H
#define KIT_PSCI_H

#include "kit/layout.h"
#include "kit/types.h"

#define PSCI_VERSION           0x84000000u
#define PSCI_CPU_SUSPEND32     0x84000001u
#define PSCI_CPU_OFF           0x84000002u
#define PSCI_CPU_ON32          0x84000003u
#define PSCI_AFFINITY_INFO32   0x84000004u
#define PSCI_MIGRATE_INFO_TYPE 0x84000006u
#define PSCI_SYSTEM_OFF        0x84000008u
#define PSCI_SYSTEM_RESET      0x84000009u
#define PSCI_FEATURES          0x8400000au
#define PSCI_CPU_FREEZE        0x8400000bu
#define PSCI_DEFAULT_SUSPEND32 0x8400000cu
#define PSCI_NODE_HW_STATE32   0x8400000du
#define PSCI_SYSTEM_SUSPEND32  0x8400000eu
#define PSCI_SET_SUSPEND_MODE  0x8400000fu
#define PSCI_STAT_RESIDENCY32  0x84000010u
#define PSCI_STAT_COUNT32      0x84000011u
#define PSCI_SYSTEM_RESET2     0x84000012u
#define PSCI_MEM_PROTECT       0x84000013u
#define PSCI_MEM_CHECK_RANGE32 0x84000014u
#define PSCI_CPU_SUSPEND       0xc4000001u
#define PSCI_CPU_ON            0xc4000003u
#define PSCI_AFFINITY_INFO     0xc4000004u
#define PSCI_DEFAULT_SUSPEND   0xc400000cu
#define PSCI_NODE_HW_STATE     0xc400000du
#define PSCI_SYSTEM_SUSPEND    0xc400000eu
#define PSCI_STAT_RESIDENCY    0xc4000010u
#define PSCI_STAT_COUNT        0xc4000011u
#define PSCI_MEM_CHECK_RANGE   0xc4000014u
#define SMCCC_VERSION          0x80000000u

#define PSCI_SUCCESS            0
#define PSCI_NOT_SUPPORTED      (-1)
#define PSCI_INVALID_PARAMETERS (-2)
#define PSCI_DENIED             (-3)
#define PSCI_ALREADY_ON         (-4)
#define PSCI_ON_PENDING         (-5)
#define PSCI_INVALID_ADDRESS    (-9)

#define PSCI_AFFINITY_ON  0
#define PSCI_AFFINITY_OFF 1

/* HVC #0 with x0..x3; the answer is w0 as a signed number, as PSCI's results are. */
int32_t hvc(uint64_t function, uint64_t arg1, uint64_t arg2, uint64_t arg3);

/* The same with the whole x0. */
uint64_t hvc64(uint64_t function, uint64_t arg1, uint64_t arg2, uint64_t arg3);

/* x: x0 to x3 in and out. */
void hvc_full(uint64_t x[4]);

/* A call with no arguments made in place, for measuring: as few instructions as a caller can. */
#define hvc_null(function)                                                                         \
	do {                                                                                       \
		register uint64_t x0_ asm("x0") = (function);                                      \
		asm volatile("hvc #0"                                                              \
			     : "+r"(x0_)                                                           \
			     :                                                                     \
			     : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", \
			       "x12", "x13", "x14", "x15", "x16", "x17", "memory");                \
	} while (0)

/* HVC with another immediate, and SMC #0; either may be undefined, so use them in a PROBE. */
#define hvc_imm(imm, function)                                                                     \
	({                                                                                         \
		register uint64_t x0_ asm("x0") = (function);                                      \
		asm volatile("hvc #" #imm                                                          \
			     : "+r"(x0_)                                                           \
			     :                                                                     \
			     : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", \
			       "x12", "x13", "x14", "x15", "x16", "x17", "memory");                \
		x0_;                                                                               \
	})
#define smc(function)                                                                              \
	({                                                                                         \
		register uint64_t x0_ asm("x0") = (function);                                      \
		asm volatile("smc #0"                                                              \
			     : "+r"(x0_)                                                           \
			     :                                                                     \
			     : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", \
			       "x12", "x13", "x14", "x15", "x16", "x17", "memory");                \
		x0_;                                                                               \
	})

/*
 * A suspend call with x0..x3; `entry` among them is suspend_entry. The call's answer, or
 * PSCI_RESUMED: it went down and came back through suspend_entry, with reset registers but for
 * those that C code counts on. The CPU's interface to the GIC may have to be set up again.
 */
int64_t psci_suspend(uint64_t function, uint64_t arg1, uint64_t arg2, uint64_t arg3);
void suspend_entry(void);

/*
 * Calls function with patterns in x4..x30; a bit for each that came back changed (x18 and sp
 * aside).
 */
uint32_t hvc_changed_registers(uint64_t function);

void psci_system_off(void) __attribute__((noreturn));
void psci_system_reset(void) __attribute__((noreturn));

#endif
