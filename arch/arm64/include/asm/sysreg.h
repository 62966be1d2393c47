/* SPDX-License-Identifier: Apache-2.0 */
/* Access to system registers and their fields (Arm ARM DDI 0487, IHI 0069). */
#ifndef ASM_SYSREG_H
#define ASM_SYSREG_H

#include <asm/el.h>
#include <lib/types.h>

#define read_sysreg(reg)                                                \
	({                                                              \
		u64 r_;                                                 \
		__asm__ volatile("mrs %0, " #reg : "=r"(r_)::"memory"); \
		r_;                                                     \
	})

#define write_sysreg(reg, value)                                             \
	do {                                                                 \
		u64 v_ = (value);                                            \
		__asm__ volatile("msr " #reg ", %x0" ::"rZ"(v_) : "memory"); \
	} while (0)

static inline void isb(void)
{
	__asm__ volatile("isb" ::: "memory");
}

#define dsb(type) __asm__ volatile("dsb " #type ::: "memory")

/* Registers whose names some assemblers do not know. */
#define ICC_IAR1_EL1     S3_0_C12_C12_0
#define ICC_EOIR1_EL1    S3_0_C12_C12_1
#define ICC_HPPIR1_EL1   S3_0_C12_C12_2
#define ICC_BPR1_EL1     S3_0_C12_C12_3
#define ICC_CTLR_EL1     S3_0_C12_C12_4
#define ICC_SRE_EL1      S3_0_C12_C12_5
#define ICC_IGRPEN1_EL1  S3_0_C12_C12_7
#define ICC_DIR_EL1      S3_0_C12_C11_1
#define ICC_SGI1R_EL1    S3_0_C12_C11_5
#define ICC_PMR_EL1      S3_0_C4_C6_0
#define ICC_SRE_EL2      S3_4_C12_C9_5
#define ID_AA64ISAR2_EL1 S3_0_C0_C6_2
#define ID_AA64MMFR2_EL1 S3_0_C0_C7_2
#define HCRX_EL2         S3_4_C1_C2_2
#define HFGRTR_EL2       S3_4_C1_C1_4
#define HFGWTR_EL2       S3_4_C1_C1_5
#define HFGITR_EL2       S3_4_C1_C1_6
#define HDFGRTR_EL2      S3_4_C3_C1_4
#define HDFGWTR_EL2      S3_4_C3_C1_5
#define HAFGRTR_EL2      S3_4_C3_C1_6
#define HFGRTR2_EL2      S3_4_C3_C1_2
#define HFGWTR2_EL2      S3_4_C3_C1_3
#define HFGITR2_EL2      S3_4_C3_C1_7
#define HDFGRTR2_EL2     S3_4_C3_C1_0
#define HDFGWTR2_EL2     S3_4_C3_C1_1
#define BRBCR_EL2        S2_4_C9_C0_0
#define CNTHV_CTL_EL2    S3_4_C14_C3_1
#define GCSCR_EL2        S3_4_C2_C5_0
#define ID_AA64MMFR3_EL1 S3_0_C0_C7_3
#define MPAMHCR_EL2      S3_4_C10_C4_0
#define MPAMIDR_EL1      S3_0_C10_C4_4
#define MPAM2_EL2        S3_4_C10_C5_0
#define PMSCR_EL2        S3_4_C9_C9_0
#define SCTLR2_EL2       S3_4_C1_C0_3
#define TCR2_EL2         S3_4_C2_C0_3
#define TRFCR_EL2        S3_4_C1_C2_1
#define TPIDR2_EL0       S3_3_C13_C0_5
#define VDISR_EL2        S3_4_C12_C1_1
#define VSESR_EL2        S3_4_C5_C2_3
#define ICH_HCR_EL2      S3_4_C12_C11_0
#define ICH_VTR_EL2      S3_4_C12_C11_1
#define ICH_MISR_EL2     S3_4_C12_C11_2
#define ICH_EISR_EL2     S3_4_C12_C11_3
#define ICH_ELRSR_EL2    S3_4_C12_C11_5
#define ICH_VMCR_EL2     S3_4_C12_C11_7

/* For names that are macros: those above, and <asm/el.h>'s. */
#define read_sysreg_(name)         read_sysreg(name)
#define write_sysreg_(name, value) write_sysreg(name, value)
#define sysreg_name(name)          sysreg_name_(name)
#define sysreg_name_(name)         #name

/* HCR_EL2 */
#define HCR_VM     BIT(0)  /* stage 2 */
#define HCR_SWIO   BIT(1)  /* set/way invalidation also cleans */
#define HCR_PTW    BIT(2)  /* a guest's table walk does not read devices */
#define HCR_FMO    BIT(3)  /* FIQ to EL2, virtual FIQ */
#define HCR_IMO    BIT(4)  /* IRQ to EL2, virtual IRQ */
#define HCR_AMO    BIT(5)  /* SError to EL2 */
#define HCR_FB     BIT(9)  /* TLB maintenance of the guest is broadcast */
#define HCR_BSU_IS BIT(10) /* barriers reach the inner shareable domain */
#define HCR_TWI    BIT(13) /* trap WFI */
#define HCR_TWE    BIT(14) /* trap WFE */
#define HCR_TID3   BIT(18) /* trap ID group 3 */
#define HCR_TSC    BIT(19) /* trap SMC */
#define HCR_TIDCP  BIT(20) /* trap implementation-defined registers */
#define HCR_TACR   BIT(21) /* trap ACTLR_EL1 */
#define HCR_RW     BIT(31) /* EL1 is AArch64 */
#define HCR_TLOR   BIT(35) /* trap LORegions */
#define HCR_TERR   BIT(36) /* trap error records */

#define HCR_APK  BIT(40) /* pointer authentication keys do not trap */
#define HCR_API  BIT(41) /* nor do its instructions */
#define HCR_FWB  BIT(46) /* stage 2 forces normal memory to be write-back */
#define HCR_TID5 BIT(58) /* trap GMID_EL1 */

/* CPTR_EL2, E2H = 0 */
#define CPTR_RES1 0x22ffULL /* bits 13, 9, 7:0 */
#define CPTR_TZ   BIT(8)    /* trap SVE (RES1 without) */
#define CPTR_TFP  BIT(10)   /* trap FP and SIMD at EL2, EL1, EL0 */
#define CPTR_TSM  BIT(12)   /* trap SME (RES1 without) */
#define CPTR_TTA  BIT(20)   /* trap trace registers */
#define CPTR_TAM  BIT(30)   /* trap activity monitors */

/* MDCR_EL2 */
#define MDCR_TPMCR BIT(5)
#define MDCR_TPM   BIT(6)
#define MDCR_TDE   BIT(8)
#define MDCR_TDA   BIT(9)
#define MDCR_TDOSA BIT(10)
#define MDCR_TDRA  BIT(11)
#define MDCR_TPMS  BIT(14)
#define MDCR_TTRF  BIT(19)

/* MPAM2_EL2, MPAMHCR_EL2, MPAMIDR_EL1 */
#define MPAM2_TRAPMPAM1EL1   BIT(48)
#define MPAM2_TRAPMPAM0EL1   BIT(49)
#define MPAM2_TIDR           BIT(58)
#define MPAMHCR_TRAP_MPAMIDR BIT(31)
#define MPAMIDR_HAS_HCR      BIT(17)
#define MPAMIDR_HAS_TIDR     BIT(58)

/* ICH_HCR_EL2 */
#define ICH_HCR_EN          BIT(0)
#define ICH_HCR_TDIR        BIT(14) /* trap ICC_DIR_EL1 (where ICH_VTR_EL2.TDS) */
#define ICH_HCR_EOICOUNT(x) FIELD(x, 31, 27)

/* SCTLR_ELx */
#define SCTLR_M   BIT(0)
#define SCTLR_C   BIT(2)
#define SCTLR_SA  BIT(3)
#define SCTLR_I   BIT(12)
#define SCTLR_WXN BIT(19)

/* ISR_EL1 */
#define ISR_A BIT(8) /* an SError is pending */

/* ESR_ELx */
#define ESR_EC(esr)  FIELD(esr, 31, 26)
#define ESR_IL       BIT(25)
#define ESR_ISS(esr) FIELD(esr, 24, 0)

#define EC_UNKNOWN       0x00
#define EC_WFX           0x01
#define EC_CP15          0x03 /* MCR, MRC. AArch32, as all up to EC_CP14_PAIR but EC_FP, EC_PAC */
#define EC_CP15_PAIR     0x04
#define EC_CP14          0x05
#define EC_CP14_MEMORY   0x06
#define EC_FP            0x07
#define EC_VMRS          0x08
#define EC_PAC           0x09
#define EC_CP14_PAIR     0x0c
#define EC_ILLEGAL_STATE 0x0e
#define EC_HVC64         0x16
#define EC_SMC64         0x17
#define EC_SYSREG        0x18
#define EC_SVE           0x19
#define EC_IABT_LOWER    0x20
#define EC_IABT_SAME     0x21
#define EC_PC_ALIGN      0x22
#define EC_DABT_LOWER    0x24
#define EC_DABT_SAME     0x25
#define EC_SP_ALIGN      0x26
#define EC_BREAK_LOWER   0x30
#define EC_STEP_LOWER    0x32
#define EC_WATCH_LOWER   0x34
#define EC_BKPT          0x38 /* AArch32 */
#define EC_BRK           0x3c

#endif
