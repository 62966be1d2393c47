/* SPDX-License-Identifier: Apache-2.0 */
/* PSCI (Arm DEN0022) and SMCCC (DEN0028) over HVC. */
#ifndef KIT_PSCI_H
#define KIT_PSCI_H

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
#define PSCI_CPU_SUSPEND       0xc4000001u
#define PSCI_CPU_ON            0xc4000003u
#define PSCI_AFFINITY_INFO     0xc4000004u
#define SMCCC_VERSION          0x80000000u

#define PSCI_SUCCESS            0
#define PSCI_NOT_SUPPORTED      (-1)
#define PSCI_INVALID_PARAMETERS (-2)
#define PSCI_DENIED             (-3)
#define PSCI_ALREADY_ON         (-4)
#define PSCI_ON_PENDING         (-5)

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
 * Calls function with patterns in x4..x30; a bit for each that came back changed (x18 and sp
 * aside).
 */
uint32_t hvc_changed_registers(uint64_t function);

void psci_system_off(void) __attribute__((noreturn));
void psci_system_reset(void) __attribute__((noreturn));

#endif
