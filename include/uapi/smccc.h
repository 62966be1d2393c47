/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that a guest makes by HVC or SMC: SMCCC (DEN0028), PSCI (DEN0022), and the vendor hypervisor's range. Part of the guest ABI. */
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
#define SMCCC_NOT_REQUIRED  1 /* ARCH_FEATURES of a workaround: the CPU is not affected */

/* Bit 30 of a function number: 64-bit arguments. */
#define SMCCC_64 0x40000000u

#define PSCI_VERSION           0x84000000u
#define PSCI_CPU_SUSPEND       0x84000001u
#define PSCI_CPU_OFF           0x84000002u
#define PSCI_CPU_ON            0x84000003u
#define PSCI_AFFINITY_INFO     0x84000004u
#define PSCI_MIGRATE_INFO_TYPE 0x84000006u
#define PSCI_SYSTEM_OFF        0x84000008u
#define PSCI_SYSTEM_RESET      0x84000009u
#define PSCI_FEATURES          0x8400000au
#define PSCI_SYSTEM_RESET2     0x84000012u

#define PSCI_VERSION_1_1          0x10001
#define PSCI_MIGRATE_NOT_REQUIRED 2
#define PSCI_AFFINITY_ON          0
#define PSCI_AFFINITY_OFF         1
#define PSCI_AFFINITY_ON_PENDING  2

#define PSCI_SUCCESS            0
#define PSCI_NOT_SUPPORTED      (-1)
#define PSCI_INVALID_PARAMETERS (-2)
#define PSCI_DENIED             (-3)
#define PSCI_ALREADY_ON         (-4)
#define PSCI_ON_PENDING         (-5)
#define PSCI_INVALID_ADDRESS    (-9)

/* Vendor specific hypervisor service calls: who is below. x0 to x3 hold the UID, 32 bits each. */
#define ZVM_UID      0x8600ff01u
#define ZVM_REVISION 0x8600ff03u
#define ZVM_UID_0    0x5a564d00u
#define ZVM_UID_1    0x9c41e2b7u
#define ZVM_UID_2    0x4d0f86a3u
#define ZVM_UID_3    0x17d5c2e8u

#endif
