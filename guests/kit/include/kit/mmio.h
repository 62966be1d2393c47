/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device accesses, each exactly one load or store without writeback, so that a hypervisor gets a
 * valid syndrome (ESR_EL2.ISS.ISV).
 */
#ifndef KIT_MMIO_H
#define KIT_MMIO_H

#include "kit/types.h"

/* Where things are on the guest machine; a subset of QEMU's virt. */
#define GICD_BASE     0x08000000u
#define GICC_BASE     0x08010000u /* of a GICv2 */
#define GICR_BASE     0x080a0000u
#define UART_BASE     0x09000000u
#define RTC_BASE      0x09010000u
#define WATCHDOG_BASE 0x09050000u /* where the VM has one */
#define VIRTIO_BASE   0x0a000000u
#define VIRTIO_SIZE   0x4000u
#define FLASH1_BASE   0x04000000u
#define UNMAPPED_BASE 0x0f000000u /* nothing here, on either machine */
#define RAM_BASE      0x40000000u

#define SPI(n)         (32 + (n))
#define PPI(n)         (16 + (n))
#define UART_INTID     SPI(1)
#define RTC_INTID      SPI(2)
#define WATCHDOG_INTID SPI(96)

/* SP805 (Arm DDI 0270) */
#define WDOG_LOAD    0x000u
#define WDOG_VALUE   0x004u
#define WDOG_CONTROL 0x008u
#define WDOG_INTCLR  0x00cu
#define WDOG_RIS     0x010u
#define WDOG_LOCK    0xc00u
#define WDOG_INTEN   0x1u
#define WDOG_RESEN   0x2u
#define WDOG_UNLOCK  0x1acce551u
#define WDOG_HZ      24000000u
#define CNTP_INTID   PPI(14)
#define CNTV_INTID   PPI(11)

/* A load by the given instruction, destination first: mmio_load_by("ldrsb %w0,", addr). */
#define mmio_load_by(insn, addr)                                                               \
	({                                                                                     \
		uint64_t loaded_;                                                              \
		asm volatile(insn " [%1]" : "=r"(loaded_) : "r"((uint64_t)(addr)) : "memory"); \
		loaded_;                                                                       \
	})

/* A store of value: mmio_store_by("strb %w0,", addr, value). */
#define mmio_store_by(insn, addr, value) \
	asm volatile(insn " [%1]" : : "r"((uint64_t)(value)), "r"((uint64_t)(addr)) : "memory")

/* An access whose data registers are all named in the text: mmio_by("str xzr,", addr). */
#define mmio_by(insn, addr) asm volatile(insn : : "r"((uint64_t)(addr)) : "memory")

/*
 * Loads the word at addr into each of x0..x30 in turn (x18 aside): a bit for each that then did not
 * hold value.
 */
uint32_t mmio_wrong_destinations(uint64_t addr, uint64_t value);

/* A word, by a post-indexed load; with the MMU off while it loads. */
uint64_t mmio_load_post(uint64_t addr);
uint64_t mmio_load_post_physical(uint64_t addr);

static inline uint8_t mmio_read8(uintptr_t addr)
{
	return (uint8_t)mmio_load_by("ldrb %w0,", addr);
}

static inline uint16_t mmio_read16(uintptr_t addr)
{
	return (uint16_t)mmio_load_by("ldrh %w0,", addr);
}

static inline uint32_t mmio_read32(uintptr_t addr)
{
	return (uint32_t)mmio_load_by("ldr %w0,", addr);
}

static inline uint64_t mmio_read64(uintptr_t addr)
{
	return mmio_load_by("ldr %0,", addr);
}

static inline void mmio_write8(uintptr_t addr, uint8_t value)
{
	mmio_store_by("strb %w0,", addr, value);
}

static inline void mmio_write16(uintptr_t addr, uint16_t value)
{
	mmio_store_by("strh %w0,", addr, value);
}

static inline void mmio_write32(uintptr_t addr, uint32_t value)
{
	mmio_store_by("str %w0,", addr, value);
}

static inline void mmio_write64(uintptr_t addr, uint64_t value)
{
	mmio_store_by("str %0,", addr, value);
}

#endif
