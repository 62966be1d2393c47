/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that a guest makes by HVC or SMC: SMCCC (DEN0028), PSCI (DEN0022), and the vendor
 * hypervisor's range. Part of the guest ABI.
 */
#ifndef UAPI_SMCCC_H
#define UAPI_SMCCC_H

#define SMCCC_VERSION           0x80000000u
#define SMCCC_ARCH_FEATURES     0x80000001u
#define SMCCC_ARCH_WORKAROUND_1 0x80008000u
#define SMCCC_ARCH_WORKAROUND_2 0x80007fffu
#define SMCCC_ARCH_WORKAROUND_3 0x80003fffu

#define SMCCC_VERSION_1_3   0x10003
#define SMCCC_SUCCESS       0
#define SMCCC_NOT_SUPPORTED (-1)
#define SMCCC_INVALID       (-3)
/* ARCH_FEATURES of a workaround. UNAFFECTED: it may be called, but this CPU does not need it. */
#define SMCCC_UNAFFECTED   1
#define SMCCC_NOT_REQUIRED (-2)

/*
 * Bits of a function number: a fast call; 64-bit arguments; "my SVE registers hold nothing live",
 * which is ignored (SMCCC 1.3).
 */
#define SMCCC_FAST     0x80000000u
#define SMCCC_64       0x40000000u
#define SMCCC_SVE_HINT 0x00010000u

#define PSCI_VERSION                 0x84000000u
#define PSCI_CPU_SUSPEND             0x84000001u
#define PSCI_CPU_OFF                 0x84000002u
#define PSCI_CPU_ON                  0x84000003u
#define PSCI_AFFINITY_INFO           0x84000004u
#define PSCI_MIGRATE_INFO_TYPE       0x84000006u
#define PSCI_SYSTEM_OFF              0x84000008u
#define PSCI_SYSTEM_RESET            0x84000009u
#define PSCI_FEATURES                0x8400000au
#define PSCI_CPU_FREEZE              0x8400000bu
#define PSCI_CPU_DEFAULT_SUSPEND     0x8400000cu
#define PSCI_NODE_HW_STATE           0x8400000du
#define PSCI_SYSTEM_SUSPEND          0x8400000eu
#define PSCI_SET_SUSPEND_MODE        0x8400000fu
#define PSCI_STAT_RESIDENCY          0x84000010u
#define PSCI_STAT_COUNT              0x84000011u
#define PSCI_SYSTEM_RESET2           0x84000012u
#define PSCI_MEM_PROTECT             0x84000013u
#define PSCI_MEM_PROTECT_CHECK_RANGE 0x84000014u

#define PSCI_VERSION_1_1          0x10001
#define PSCI_MIGRATE_NOT_REQUIRED 2
#define PSCI_AFFINITY_ON          0
#define PSCI_AFFINITY_OFF         1
#define PSCI_AFFINITY_ON_PENDING  2
#define PSCI_HW_ON                0
#define PSCI_HW_OFF               1
#define PSCI_PLATFORM_COORDINATED 0 /* SET_SUSPEND_MODE */
#define PSCI_OS_INITIATED         1

/* power_state, original format: StateType, and the bits that the caller may choose. */
#define PSCI_POWER_DOWN BIT(16)
#define PSCI_STATE_ID   BITS(15, 0)

#define PSCI_SUCCESS            0
#define PSCI_NOT_SUPPORTED      (-1)
#define PSCI_INVALID_PARAMETERS (-2)
#define PSCI_DENIED             (-3)
#define PSCI_ALREADY_ON         (-4)
#define PSCI_ON_PENDING         (-5)
#define PSCI_INVALID_ADDRESS    (-9)

/* True random numbers (DEN0098 1.0). */
#define TRNG_VERSION  0x84000050u
#define TRNG_FEATURES 0x84000051u
#define TRNG_GET_UUID 0x84000052u
#define TRNG_RND32    0x84000053u
#define TRNG_RND64    0xc4000053u

#define TRNG_VERSION_1_0        0x10000
#define TRNG_SUCCESS            0
#define TRNG_NOT_SUPPORTED      (-1)
#define TRNG_INVALID_PARAMETERS (-2)
#define TRNG_NO_ENTROPY         (-3)

/* The UUID of our entropy source, d2295555-36aa-46f0-85cf-a79807db2abb, laid out as in DEN0028. */
#define TRNG_UUID_0 0x555529d2u
#define TRNG_UUID_1 0xf046aa36u
#define TRNG_UUID_2 0x98a7cf85u
#define TRNG_UUID_3 0xbb2adb07u

/* Paravirtualised stolen time (DEN0057). */
#define PV_TIME_FEATURES 0xc5000020u
#define PV_TIME_ST       0xc5000021u

/*
 * Vendor specific hypervisor service calls: which hypervisor this is. x0 to x3 hold the UID, 32
 * bits each.
 */
#define ZVM_UID      0x8600ff01u
#define ZVM_REVISION 0x8600ff03u
#define ZVM_TRACE    0xc6000010u /* x1: of a struct guest_trace (uapi/trace.h); 0: no more */
#define ZVM_UID_0    0x5a564d00u
#define ZVM_UID_1    0x9c41e2b7u
#define ZVM_UID_2    0x4d0f86a3u
#define ZVM_UID_3    0x17d5c2e8u

#endif
