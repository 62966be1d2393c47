/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arm PL031 real-time clock (DDI 0224): a counter of seconds and one alarm. It goes on through a
 * reset of the VM, as a clock with a battery does.
 */
#include <arch/timer.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/bus.h>
#include <vmm/core.h>
#include <vmm/dev.h>
#include <vmm/gic.h>

#define RTCDR        0x000
#define RTCMR        0x004
#define RTCLR        0x008
#define RTCCR        0x00c
#define RTCIMSC      0x010
#define RTCRIS       0x014
#define RTCMIS       0x018
#define RTCICR       0x01c
#define RTCPeriphID0 0xfe0 /* to 0xfec, then RTCPCellID0 to 0xffc */

#define RTCINTR 1U

u64 (*host_wall_clock)(void);

/* Seconds that passed since the data register was `load`. */
static u64 elapsed(const struct vrtc *r)
{
	return (arch_counter() - r->base_ticks) / arch_counter_hz();
}

static u32 now(const struct vrtc *r)
{
	return (u32)(r->load + elapsed(r));
}

static void update_line(struct vrtc *r)
{
	const bool level = r->ris & r->imsc;

	if (level == r->irq_level)
		return;
	r->irq_level = level;
	vgic_set_spi(r->vm, GUEST_RTC_IRQ, level);
}

/* Raise the interrupt if the match value has come; the counter is 32 bits wide and wraps. */
static void check_match(struct vrtc *r)
{
	if ((s32)(now(r) - r->match) >= 0)
		r->ris |= RTCINTR;
	update_line(r);
}

static void alarm_expired(struct timeout *t)
{
	struct vrtc *r = container_of(t, struct vrtc, alarm);
	unsigned long irq = spin_lock(&r->lock);

	check_match(r);
	spin_unlock(&r->lock, irq);
}

/* Counter value at which the clock will next show the match value. */
static u64 alarm_deadline(const struct vrtc *r)
{
	return r->base_ticks + (elapsed(r) + (u32)(r->match - now(r))) * arch_counter_hz();
}

static u64 read_reg(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	struct vrtc *r = dev;
	unsigned long irq = spin_lock(&r->lock);
	u64 value = 0;

	(void)v;
	(void)index;
	switch (row->offset) {
	case RTCDR:
		value = now(r);
		break;
	case RTCMR:
		value = r->match;
		break;
	case RTCLR:
		value = r->load;
		break;
	case RTCIMSC:
		value = r->imsc;
		break;
	case RTCRIS:
		value = r->ris;
		break;
	case RTCMIS:
		value = r->ris & r->imsc;
		break;
	}
	spin_unlock(&r->lock, irq);
	return value;
}

/* True if the alarm has to be set anew. */
static bool write_locked(struct vrtc *r, u32 offset, u32 value)
{
	switch (offset) {
	case RTCMR:
		r->match = value;
		return true;
	case RTCLR:
		r->load = value;
		r->base_ticks = arch_counter();
		return true;
	case RTCIMSC:
		r->imsc = value & RTCINTR;
		break;
	case RTCICR:
		r->ris &= ~value;
		break;
	}
	update_line(r);
	return false;
}

static void write_reg(void *dev, struct vcpu *v, u32 index, u64 value, const struct reg_row *row)
{
	struct vrtc *r = dev;
	unsigned long irq = spin_lock(&r->lock);
	const bool rearm = write_locked(r, row->offset, (u32)value);
	const u64 deadline = rearm ? alarm_deadline(r) : 0;

	(void)v;
	(void)index;
	/* Under the lock, so that two vCPUs never set the one timeout at once. It does not wait for the alarm. */
	if (rearm)
		timeout_set(&r->alarm, deadline);
	spin_unlock(&r->lock, irq);
}

/* clang-format off */
#define RW(reg)       { reg, 4, 4, REG_W8 | REG_W16 | REG_W32, 0, 0, read_reg, write_reg, #reg }
#define RO(reg)       { reg, 4, 4, REG_W8 | REG_W16 | REG_W32, 0, 0, read_reg, NULL, #reg }
#define WO(reg)       { reg, 4, 4, REG_W8 | REG_W16 | REG_W32, 0, 0, NULL, write_reg, #reg }
#define CONST(reg, value) { reg, 4, 4, REG_W8 | REG_W16 | REG_W32, 0, value, NULL, NULL, #reg }
#define ID(n, value)  CONST(RTCPeriphID0 + 4 * (n), value)

static const struct reg_row rows[] = {
	RO(RTCDR),
	RW(RTCMR),
	RW(RTCLR),
	CONST(RTCCR, 1), /* always on */
	RW(RTCIMSC),
	RO(RTCRIS),
	RO(RTCMIS),
	WO(RTCICR),
	ID(0, 0x31), ID(1, 0x10), ID(2, 0x14), ID(3, 0x00), /* part 0x031, Arm */
	ID(4, 0x0d), ID(5, 0xf0), ID(6, 0x05), ID(7, 0xb1), /* PrimeCell */
};
/* clang-format on */

static enum mmio_result access(const struct mmio_region *region, struct vcpu *v, u64 offset,
			       struct mmio_access *a)
{
	return reg_access(rows, ARRAY_SIZE(rows), region->dev, v, offset, a);
}

void vrtc_reset(struct vrtc *r)
{
	unsigned long irq;

	(void)timeout_cancel(&r->alarm);
	irq = spin_lock(&r->lock);
	r->match = 0;
	r->imsc = 0;
	r->ris = 0;
	update_line(r);
	spin_unlock(&r->lock, irq);
}

int vrtc_init(struct vrtc *r, struct vm *vm)
{
	const struct mmio_region region = {
		.base = GUEST_RTC_BASE,
		.size = 0x1000,
		.name = "pl031",
		.handler = access,
		.dev = r,
	};

	memset(r, 0, sizeof(*r));
	spin_lock_init(&r->lock, LOCK_DEVICE);
	r->vm = vm;
	r->load = host_wall_clock ? (u32)host_wall_clock() : 0;
	r->base_ticks = arch_counter();
	timeout_init(&r->alarm, alarm_expired);
	return mmio_add(&vm->bus, &region);
}
