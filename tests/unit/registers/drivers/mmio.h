/* SPDX-License-Identifier: Apache-2.0 */
/* In place of <drivers/mmio.h>: registers are a model's. */
#ifndef DRIVERS_MMIO_H
#define DRIVERS_MMIO_H

#include <lib/types.h>

u32 model_read(u32 offset, u32 bytes);
void model_write(u32 offset, u32 bytes, u32 value);

#define MODEL_ACCESS(bits)                                                                    \
	static inline u##bits mmio_read##bits(const volatile void *base __unused, u32 offset) \
	{                                                                                     \
		return (u##bits)model_read(offset, (bits) / 8);                               \
	}                                                                                     \
	static inline void mmio_write##bits(volatile void *base __unused, u32 offset,         \
					    u##bits value)                                    \
	{                                                                                     \
		model_write(offset, (bits) / 8, value);                                       \
	}

MODEL_ACCESS(8)
MODEL_ACCESS(16)
MODEL_ACCESS(32)

#endif
