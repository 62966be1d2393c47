/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arm PL031 real-time clock (DDI 0224): a counter of seconds and one alarm. It continues through a
 * reset of the VM, like a clock with a battery.
 */
#include <arch/timer.h>
#include <kernel/timeout.h>
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

struct vrtc_state {
	u32 match, load, imsc, ris;
	u64 base_ticks; /* counter value at which the data register equals `load` */
	bool irq_level;
};

struct vrtc {
	struct vrtc_state s; /* under the lock */
	struct spinlock lock;
	struct vm *vm;
	struct timeout alarm;
};

u64 (*host_wall_clock)(void);

/* Seconds since the data register was `load`. */
static u64 elapsed(const struct vrtc *r)
{
	return (arch_counter() - r->s.base_ticks) / arch_counter_hz();
}

static u32 now(const struct vrtc *r)
{
	return (u32)(r->s.load + elapsed(r));
}

static void update_line(struct vrtc *r)
{
	const bool level = r->s.ris & r->s.imsc;

	if (level == r->s.irq_level)
		return;
	r->s.irq_level = level;
	vgic_set_spi(r->vm, GUEST_RTC_IRQ, level);
}

/*
 * Raise the interrupt if the counter has reached the match value. The counter is 32 bits wide and
 * wraps.
 */
static void check_match(struct vrtc *r)
{
	if ((s32)(now(r) - r->s.match) >= 0)
		r->s.ris |= RTCINTR;
	update_line(r);
}

static void alarm_expired(struct timeout *t)
{
	struct vrtc *r = container_of(t, struct vrtc, alarm);
	unsigned long irq = spin_lock_irqsave(&r->lock);

	check_match(r);
	spin_unlock_irqrestore(&r->lock, irq);
}

/* Counter value at which the clock will next equal the match value. */
static u64 alarm_deadline(const struct vrtc *r)
{
	return r->s.base_ticks + (elapsed(r) + (u32)(r->s.match - now(r))) * arch_counter_hz();
}

/* ---- registers ---- */

static void set_alarm(struct vrtc *r)
{
	/*
	 * Under the lock, so that two vCPUs never set the timeout at once. timeout_set() does not
	 * wait for the alarm.
	 */
	timeout_set(&r->alarm, alarm_deadline(r));
}

static u64 read_dr(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	struct vrtc *r = dev;
	unsigned long irq = spin_lock_irqsave(&r->lock);
	u64 value = now(r);

	(void)v, (void)index, (void)row;
	spin_unlock_irqrestore(&r->lock, irq);
	return value;
}

static u64 read_field(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	struct vrtc *r = dev;
	unsigned long irq = spin_lock_irqsave(&r->lock);
	u64 value = *(const u32 *)((const char *)&r->s + row->field);

	(void)v, (void)index;
	spin_unlock_irqrestore(&r->lock, irq);
	return value;
}

static u64 read_mis(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	struct vrtc *r = dev;
	unsigned long irq = spin_lock_irqsave(&r->lock);
	u64 value = r->s.ris & r->s.imsc;

	(void)v, (void)index, (void)row;
	spin_unlock_irqrestore(&r->lock, irq);
	return value;
}

static void write_mr(void *dev, struct vcpu *v, u32 index, u64 value, const struct reg_row *row)
{
	struct vrtc *r = dev;
	unsigned long irq = spin_lock_irqsave(&r->lock);

	(void)v, (void)index, (void)row;
	r->s.match = (u32)value;
	set_alarm(r);
	spin_unlock_irqrestore(&r->lock, irq);
}

static void write_lr(void *dev, struct vcpu *v, u32 index, u64 value, const struct reg_row *row)
{
	struct vrtc *r = dev;
	unsigned long irq = spin_lock_irqsave(&r->lock);

	(void)v, (void)index, (void)row;
	r->s.load = (u32)value;
	r->s.base_ticks = arch_counter();
	set_alarm(r);
	spin_unlock_irqrestore(&r->lock, irq);
}

static void write_imsc(void *dev, struct vcpu *v, u32 index, u64 value, const struct reg_row *row)
{
	struct vrtc *r = dev;
	unsigned long irq = spin_lock_irqsave(&r->lock);

	(void)v, (void)index, (void)row;
	r->s.imsc = value & RTCINTR;
	update_line(r);
	spin_unlock_irqrestore(&r->lock, irq);
}

static void write_icr(void *dev, struct vcpu *v, u32 index, u64 value, const struct reg_row *row)
{
	struct vrtc *r = dev;
	unsigned long irq = spin_lock_irqsave(&r->lock);

	(void)v, (void)index, (void)row;
	r->s.ris &= ~(u32)value;
	update_line(r);
	spin_unlock_irqrestore(&r->lock, irq);
}

/* clang-format off */
#define ROW(reg, constant, rd, wr, member) \
	{ reg, 4, 4, REG_W8 | REG_W16 | REG_W32, 0, constant, rd, wr, #reg, member }
#define REG(reg, rd, wr)           ROW(reg, 0, rd, wr, 0)
#define FIELD_REG(reg, wr, member) ROW(reg, 0, read_field, wr, offsetof(struct vrtc_state, member))
#define CONST(reg, value)          ROW(reg, value, NULL, NULL, 0)
#define ID(n, value)               CONST(RTCPeriphID0 + 4 * (n), value)

static const struct reg_row rows[] = {
	REG(RTCDR,         read_dr,  NULL),
	FIELD_REG(RTCMR,   write_mr, match),
	FIELD_REG(RTCLR,   write_lr, load),
	CONST(RTCCR, 1), /* always on */
	FIELD_REG(RTCIMSC, write_imsc, imsc),
	FIELD_REG(RTCRIS,  NULL, ris),
	REG(RTCMIS,        read_mis, NULL),
	REG(RTCICR,        NULL, write_icr),
	ID(0, 0x31), ID(1, 0x10), ID(2, 0x14), ID(3, 0x00), /* part 0x031, Arm */
	ID(4, 0x0d), ID(5, 0xf0), ID(6, 0x05), ID(7, 0xb1), /* PrimeCell */
};
/* clang-format on */

static const struct reg_table table = { .rows = rows, .count = ARRAY_SIZE(rows) };

/* ---- the device ---- */

static void reset(struct vdev *d)
{
	struct vrtc *r = d->state;
	unsigned long irq;

	(void)timeout_cancel(&r->alarm);
	irq = spin_lock_irqsave(&r->lock);
	r->s.match = 0;
	r->s.imsc = 0;
	r->s.ris = 0;
	update_line(r);
	spin_unlock_irqrestore(&r->lock, irq);
}

static int create(struct vdev *d)
{
	struct vrtc *r = d->state;

	spin_lock_init(&r->lock, LOCK_DEVICE);
	r->vm = d->vm;
	r->s.load = host_wall_clock ? (u32)host_wall_clock() : 0;
	r->s.base_ticks = arch_counter();
	timeout_init(&r->alarm, alarm_expired);
	return vdev_map(d, &table);
}

const struct vdev_class vrtc_class = {
	.name = "pl031",
	.place = &desc_devices[DEVICE_RTC],
	.size = sizeof(struct vrtc),
	.create = create,
	.reset = reset,
};
