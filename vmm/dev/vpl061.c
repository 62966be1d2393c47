/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arm PL061 GPIO (DDI 0190), of which the guest machine uses one input: line 3 is the power key, as
 * on `virt`. `zvm stop` presses it.
 */
#include <arch/timer.h>
#include <kernel/timeout.h>
#include <lib/printf.h>
#include <vmm/bus.h>
#include <vmm/core.h>
#include <vmm/dev.h>
#include <vmm/gic.h>

/* 3.2: registers */
#define GPIODATA      0x000 /* to 0x3fc: bits 9 to 2 of the address select lines */
#define GPIODIR       0x400
#define GPIOIS        0x404
#define GPIOIBE       0x408
#define GPIOIEV       0x40c
#define GPIOIE        0x410
#define GPIORIS       0x414
#define GPIOMIS       0x418
#define GPIOIC        0x41c
#define GPIOAFSEL     0x420
#define GPIOPeriphID0 0xfe0 /* to 0xfec, then GPIOPCellID0 to 0xffc */

#define LINES     0xffU
#define ANY_WIDTH (REG_W8 | REG_W16 | REG_W32)

#define POWER_KEY ((u32)BIT(GUEST_POWER_KEY))
#define PRESS_US  100000 /* longer than drivers debounce */

struct vpl061_state {
	u32 dir;    /* 1: output */
	u32 data;   /* of the outputs */
	u32 inputs; /* levels from outside */
	u32 is, ibe, iev, ie, afsel;
	u32 edges; /* latched */
	bool irq_level;
};

struct vpl061 {
	struct vpl061_state s; /* under the lock */
	struct spinlock lock;
	struct vm *vm;
	struct timeout release;
};

/* ---- lines and interrupts, under the lock ---- */

static u32 lines(const struct vpl061_state *s)
{
	return (s->data & s->dir) | (s->inputs & ~s->dir);
}

/* A level-sensitive line interrupts while it has its level, another one since its edge. */
static u32 raw_interrupts(const struct vpl061_state *s)
{
	return (s->edges | (s->is & ~(lines(s) ^ s->iev))) & LINES;
}

static void update_line(struct vpl061 *g)
{
	const bool level = raw_interrupts(&g->s) & g->s.ie;

	if (level == g->s.irq_level)
		return;
	g->s.irq_level = level;
	vgic_set_spi(g->vm, GUEST_GPIO_IRQ, level);
}

static void set_inputs(struct vpl061 *g, u32 inputs)
{
	const u32 before = lines(&g->s);
	u32 changed;

	g->s.inputs = inputs;
	changed = before ^ lines(&g->s);
	g->s.edges |= changed & ~g->s.is & (g->s.ibe | ~(lines(&g->s) ^ g->s.iev));
	update_line(g);
}

static void key_up(struct timeout *t)
{
	struct vpl061 *g = container_of(t, struct vpl061, release);
	unsigned long irq = spin_lock_irqsave(&g->lock);

	set_inputs(g, g->s.inputs & ~POWER_KEY);
	spin_unlock_irqrestore(&g->lock, irq);
}

/* ---- registers ---- */

static u64 read_field(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	struct vpl061 *g = dev;
	unsigned long irq = spin_lock_irqsave(&g->lock);
	u64 word = *(const u32 *)((const char *)&g->s + row->field);

	(void)v, (void)index;
	spin_unlock_irqrestore(&g->lock, irq);
	return word;
}

static void write_field(void *dev, struct vcpu *v, u32 index, u64 word, const struct reg_row *row)
{
	struct vpl061 *g = dev;
	unsigned long irq = spin_lock_irqsave(&g->lock);

	(void)v, (void)index;
	*(u32 *)((char *)&g->s + row->field) = (u32)word & LINES;
	update_line(g);
	spin_unlock_irqrestore(&g->lock, irq);
}

static u64 read_data(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	struct vpl061 *g = dev;
	unsigned long irq = spin_lock_irqsave(&g->lock);
	u64 word = lines(&g->s) & index;

	(void)v, (void)row;
	spin_unlock_irqrestore(&g->lock, irq);
	return word;
}

static void write_data(void *dev, struct vcpu *v, u32 index, u64 word, const struct reg_row *row)
{
	struct vpl061 *g = dev;
	unsigned long irq = spin_lock_irqsave(&g->lock);
	const u32 mask = index & g->s.dir;

	(void)v, (void)row;
	g->s.data = (g->s.data & ~mask) | ((u32)word & mask);
	update_line(g);
	spin_unlock_irqrestore(&g->lock, irq);
}

/* arg: with the mask of GPIOIE, or without it */
static u64 read_interrupts(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	struct vpl061 *g = dev;
	unsigned long irq = spin_lock_irqsave(&g->lock);
	u64 word = raw_interrupts(&g->s) & (g->s.ie | row->arg);

	(void)v, (void)index;
	spin_unlock_irqrestore(&g->lock, irq);
	return word;
}

static void write_clear(void *dev, struct vcpu *v, u32 index, u64 word, const struct reg_row *row)
{
	struct vpl061 *g = dev;
	unsigned long irq = spin_lock_irqsave(&g->lock);

	(void)v, (void)index, (void)row;
	g->s.edges &= ~(u32)word;
	update_line(g);
	spin_unlock_irqrestore(&g->lock, irq);
}

/* clang-format off */
#define ROW(reg, length, arg, constant, rd, wr, member) \
	{ reg, length, 4, ANY_WIDTH, arg, constant, rd, wr, #reg, member }
#define REG(reg, arg, rd, wr)  ROW(reg, 4, arg, 0, rd, wr, 0)
#define FIELD_REG(reg, member) ROW(reg, 4, 0, 0, read_field, write_field, offsetof(struct vpl061_state, member))
#define ID(n, value)           ROW(GPIOPeriphID0 + 4 * (n), 4, 0, value, NULL, NULL, 0)

static const struct reg_row rows[] = {
	ROW(GPIODATA,        0x400, 0, 0, read_data, write_data, 0),
	FIELD_REG(GPIODIR,   dir),
	FIELD_REG(GPIOIS,    is),
	FIELD_REG(GPIOIBE,   ibe),
	FIELD_REG(GPIOIEV,   iev),
	FIELD_REG(GPIOIE,    ie),
	REG(GPIORIS,         LINES, read_interrupts, NULL),
	REG(GPIOMIS,         0, read_interrupts, NULL),
	REG(GPIOIC,          0, NULL, write_clear),
	FIELD_REG(GPIOAFSEL, afsel),
	ID(0, 0x61), ID(1, 0x10), ID(2, 0x04), ID(3, 0x00), /* part 0x061, Arm */
	ID(4, 0x0d), ID(5, 0xf0), ID(6, 0x05), ID(7, 0xb1), /* PrimeCell */
};
/* clang-format on */

static const struct reg_table table = { .rows = rows, .count = ARRAY_SIZE(rows) };

/* ---- the device ---- */

static void reset(struct vdev *d)
{
	struct vpl061 *g = d->state;
	unsigned long irq;
	bool level;

	(void)timeout_cancel(&g->release);
	irq = spin_lock_irqsave(&g->lock);
	level = g->s.irq_level;
	g->s = (struct vpl061_state){ .irq_level = level };
	update_line(g);
	spin_unlock_irqrestore(&g->lock, irq);
}

static int create(struct vdev *d)
{
	struct vpl061 *g = d->state;

	spin_lock_init(&g->lock, LOCK_DEVICE);
	g->vm = d->vm;
	timeout_init(&g->release, key_up);
	return vdev_map(d, &table);
}

static bool listens(const struct vpl061_state *s)
{
	return s->ie & ~s->dir & POWER_KEY;
}

static bool press_power_key(struct vdev *d)
{
	struct vpl061 *g = d->state;
	unsigned long irq = spin_lock_irqsave(&g->lock);
	const bool heard = listens(&g->s);

	if (heard) {
		set_inputs(g, g->s.inputs | POWER_KEY);
		timeout_set(&g->release, arch_counter() + us_to_ticks(PRESS_US));
	}
	spin_unlock_irqrestore(&g->lock, irq);
	return heard;
}

static void info(struct vdev *d, char *text, size_t size)
{
	struct vpl061 *g = d->state;
	unsigned long irq = spin_lock_irqsave(&g->lock);
	const struct vpl061_state s = g->s;

	spin_unlock_irqrestore(&g->lock, irq);
	if (listens(&s))
		(void)snprintf(text, size, "the power key works%s",
			       s.inputs & POWER_KEY ? ", and is pressed" : "");
}

const struct vdev_class vpl061_class = {
	.name = "gpio",
	.place = &desc_devices[DEVICE_GPIO],
	.size = sizeof(struct vpl061),
	.create = create,
	.reset = reset,
	.press_power_key = press_power_key,
	.info = info,
};
