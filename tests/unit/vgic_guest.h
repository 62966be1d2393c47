/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest does with interrupts on the executing CPU, a word a step, for tests that read as its
 * steps.
 */
#ifndef VGIC_GUEST_H
#define VGIC_GUEST_H

#include <unit.h>
#include <vgic_fixture.h>

static inline void ack(u32 intid)
{
	assert_int_equal(host_vgic_ack(), intid);
}

static inline void take(u32 intid)
{
	ack(intid);
	host_vgic_eoi(intid);
}

static inline void nothing(void)
{
	ack(1023);
}

static inline void set_edge(u32 intid)
{
	u64 reg = GICD(0xc00 + 4 * (intid / 16));

	fixture_write(0, reg, 4, fixture_read(0, reg, 4) | 2U << (2 * (intid % 16)));
}

/* As vCPU n reads it. */
static inline bool reads_pending(u32 n, u32 intid)
{
	u64 reg = intid < 32 ? SGI(n, 0x200) : GICD(0x200 + 4 * (intid / 32));

	return fixture_read(n, reg, 4) >> (intid % 32) & 1;
}

static inline bool reads_active(u32 n, u32 intid)
{
	u64 reg = intid < 32 ? SGI(n, 0x300) : GICD(0x300 + 4 * (intid / 32));

	return fixture_read(n, reg, 4) >> (intid % 32) & 1;
}

#endif
