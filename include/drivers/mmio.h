/* SPDX-License-Identifier: Apache-2.0 */
/* Access to the registers of the host's devices, little-endian. Any context. */
#ifndef DRIVERS_MMIO_H
#define DRIVERS_MMIO_H

#include <lib/types.h>

static inline u32 mmio_read32(const volatile void *base, u32 offset)
{
	return *(const volatile u32 *)((const volatile u8 *)base + offset);
}

static inline void mmio_write32(volatile void *base, u32 offset, u32 value)
{
	*(volatile u32 *)((volatile u8 *)base + offset) = value;
}

static inline u16 mmio_read16(const volatile void *base, u32 offset)
{
	return *(const volatile u16 *)((const volatile u8 *)base + offset);
}

static inline void mmio_write16(volatile void *base, u32 offset, u16 value)
{
	*(volatile u16 *)((volatile u8 *)base + offset) = value;
}

static inline u8 mmio_read8(const volatile void *base, u32 offset)
{
	return *(const volatile u8 *)((const volatile u8 *)base + offset);
}

static inline void mmio_write8(volatile void *base, u32 offset, u8 value)
{
	*(volatile u8 *)((volatile u8 *)base + offset) = value;
}

#endif
