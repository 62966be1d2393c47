/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arm SP805 watchdog (DDI 0270): a counter that interrupts the guest when it reaches 0. If the
 * guest has not answered when the counter reaches 0 again, the VM's run ends and its restart policy
 * applies. It counts only while the VM is not paused. A period without a consequence is not timed,
 * so a guest cannot make the hypervisor count for it.
 */
#include <arch/timer.h>
#include <kernel/timeout.h>
#include <lib/printf.h>
#include <vmm/bus.h>
#include <vmm/core.h>
#include <vmm/dev.h>
#include <vmm/gic.h>

/* 3.3: registers */
#define WdogLoad      0x000
#define WdogValue     0x004
#define WdogControl   0x008
#define WdogIntClr    0x00c
#define WdogRIS       0x010
#define WdogMIS       0x014
#define WdogLock      0xc00
#define WdogITCR      0xf00
#define WdogITOP      0xf04
#define WdogPeriphID0 0xfe0 /* to 0xfec, then WdogPCellID0 to 0xffc */

#define CONTROL_INTEN BIT(0) /* counts and interrupts */
#define CONTROL_RESEN BIT(1)
#define CONTROL_BITS  (CONTROL_INTEN | CONTROL_RESEN)
#define WDOGINT       BIT(0)
#define ITCR_ENABLE   BIT(0)
#define ITOP_WDOGRES  BIT(0)
#define ITOP_WDOGINT  BIT(1)
#define UNLOCK_KEY    0x1acce551U

struct vsp805_state {
	u32 load, control, ris, itcr, itop;
	u32 from;    /* the value that it counted from at `started`, or at which it stands still */
	u64 started; /* counter value of the system; while it counts */
	bool locked;
	bool irq_level;
};

struct vsp805 {
	struct vsp805_state s; /* under the lock */
	struct spinlock lock;
	struct vm *vm;
	struct timeout zero; /* the next time at 0 that has a consequence */
};

/* ---- counting, under the lock ---- */

static bool counts(const struct vsp805 *w)
{
	return w->s.control & CONTROL_INTEN;
}

static u64 to_ticks(u32 count)
{
	return MAX(MAX(count, 1U) * arch_counter_hz() / GUEST_CLOCK_HZ, 1UL);
}

/*
 * Ticks since the counter was last loaded. It counts down from there, and then again from the load
 * value.
 */
static u64 elapsed(const struct vsp805 *w)
{
	const u64 passed = arch_counter() - w->s.started;
	const u64 first = to_ticks(w->s.from);

	return passed < first ? passed : (passed - first) % to_ticks(w->s.load);
}

static u32 value(const struct vsp805 *w)
{
	const u64 passed = arch_counter() - w->s.started;
	const u32 from = passed < to_ticks(w->s.from) ? w->s.from : w->s.load;
	u64 done;

	if (!counts(w))
		return w->s.from;
	done = elapsed(w) * GUEST_CLOCK_HZ / arch_counter_hz();
	return done < from ? from - (u32)done : 0;
}

static void update_line(struct vsp805 *w)
{
	const bool level = w->s.itcr & ITCR_ENABLE ? w->s.itop & ITOP_WDOGINT
						   : w->s.ris && counts(w);

	if (level == w->s.irq_level)
		return;
	w->s.irq_level = level;
	vgic_set_spi(w->vm, GUEST_WATCHDOG_IRQ, level);
}

/* The timeout is set only under the lock, so two vCPUs never set it at once. */
static void set_timeout(struct vsp805 *w)
{
	const bool matters = counts(w) && (!w->s.ris || (w->s.control & CONTROL_RESEN));

	timeout_set(&w->zero, matters ? w->s.started + to_ticks(w->s.from) : DEADLINE_NEVER);
}

static void start_from(struct vsp805 *w, u32 from)
{
	w->s.from = from;
	w->s.started = arch_counter();
	set_timeout(w);
}

/* WDOGRES: end the VM's run. */
static void bite(struct vm *vm, u32 load)
{
	const u64 ms = (u64)load * 1000 / GUEST_CLOCK_HZ;
	char why[96];

	(void)snprintf(why, sizeof(why), "watchdog: its interrupt was not answered for %lu.%03lu s",
		       ms / 1000, ms % 1000);
	vm_request(vm, VM_REQ_CRASH, why);
}

/*
 * A late timeout counts from now, so there is always a whole period between the interrupt and the
 * bite.
 */
static void at_zero(struct timeout *t)
{
	struct vsp805 *w = container_of(t, struct vsp805, zero);
	unsigned long irq;
	bool due, bites;
	u32 load;

	if (!__atomic_load_n(&w->vm->run_allowed, __ATOMIC_RELAXED))
		return; /* paused (stood_still() sets the timeout again) or ending */
	irq = spin_lock_irqsave(&w->lock);
	load = w->s.load;
	/* Else the guest has just answered: the timeout that it set stays. */
	due = counts(w) && arch_counter() - w->s.started >= to_ticks(w->s.from);
	bites = due && w->s.ris && (w->s.control & CONTROL_RESEN);
	if (due && !bites) {
		w->s.ris = WDOGINT;
		start_from(w, load);
		update_line(w);
	}
	spin_unlock_irqrestore(&w->lock, irq);
	if (bites)
		bite(w->vm, load);
}

/* ---- registers: while they are locked, only WdogLock can be written ---- */

static u64 read_field(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	struct vsp805 *w = dev;
	unsigned long irq = spin_lock_irqsave(&w->lock);
	u64 word = *(const u32 *)((const char *)&w->s + row->field);

	(void)v, (void)index;
	spin_unlock_irqrestore(&w->lock, irq);
	return word;
}

static u64 read_value(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	struct vsp805 *w = dev;
	unsigned long irq = spin_lock_irqsave(&w->lock);
	u64 word = value(w);

	(void)v, (void)index, (void)row;
	spin_unlock_irqrestore(&w->lock, irq);
	return word;
}

static u64 read_mis(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	struct vsp805 *w = dev;
	unsigned long irq = spin_lock_irqsave(&w->lock);
	u64 word = counts(w) ? w->s.ris : 0;

	(void)v, (void)index, (void)row;
	spin_unlock_irqrestore(&w->lock, irq);
	return word;
}

static u64 read_lock(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	const struct vsp805 *w = dev;

	(void)v, (void)index, (void)row;
	return w->s.locked;
}

static void write_load(void *dev, struct vcpu *v, u32 index, u64 word, const struct reg_row *row)
{
	struct vsp805 *w = dev;
	unsigned long irq = spin_lock_irqsave(&w->lock);

	(void)v, (void)index, (void)row;
	if (!w->s.locked) {
		w->s.load = (u32)word;
		start_from(w, w->s.load);
	}
	spin_unlock_irqrestore(&w->lock, irq);
}

/* Turned on, it counts from the load value. Turned off, it keeps its value. */
static void write_control(void *dev, struct vcpu *v, u32 index, u64 word, const struct reg_row *row)
{
	struct vsp805 *w = dev;
	unsigned long irq = spin_lock_irqsave(&w->lock);
	const u32 was = w->s.control, at = value(w);

	(void)v, (void)index, (void)row;
	if (!w->s.locked) {
		w->s.control = (u32)word & CONTROL_BITS;
		start_from(w, counts(w) && !(was & CONTROL_INTEN) ? w->s.load : at);
		update_line(w);
	}
	spin_unlock_irqrestore(&w->lock, irq);
}

static void write_intclr(void *dev, struct vcpu *v, u32 index, u64 word, const struct reg_row *row)
{
	struct vsp805 *w = dev;
	unsigned long irq = spin_lock_irqsave(&w->lock);

	(void)v, (void)index, (void)word, (void)row;
	if (!w->s.locked) {
		w->s.ris = 0;
		start_from(w, w->s.load);
		update_line(w);
	}
	spin_unlock_irqrestore(&w->lock, irq);
}

static void write_lock(void *dev, struct vcpu *v, u32 index, u64 word, const struct reg_row *row)
{
	struct vsp805 *w = dev;
	unsigned long irq = spin_lock_irqsave(&w->lock);

	(void)v, (void)index, (void)row;
	w->s.locked = (u32)word != UNLOCK_KEY;
	spin_unlock_irqrestore(&w->lock, irq);
}

/* Integration test: the outputs are the bits of WdogITOP. */
static void write_test(void *dev, struct vcpu *v, u32 index, u64 word, const struct reg_row *row)
{
	struct vsp805 *w = dev;
	unsigned long irq = spin_lock_irqsave(&w->lock);
	bool bites;

	(void)v, (void)index;
	if (!w->s.locked) {
		*(u32 *)((char *)&w->s + row->field) = (u32)word & row->arg;
		update_line(w);
	}
	bites = (w->s.itcr & ITCR_ENABLE) && (w->s.itop & ITOP_WDOGRES);
	spin_unlock_irqrestore(&w->lock, irq);
	if (bites)
		vm_request(w->vm, VM_REQ_CRASH, "watchdog: the guest set WDOGRES");
}

/* clang-format off */
#define ROW(reg, bits, constant, rd, wr, member) \
	{ reg, 4, 4, REG_W32, bits, constant, rd, wr, #reg, member }
#define REG(reg, rd, wr)                 ROW(reg, 0, 0, rd, wr, 0)
#define FIELD_REG(reg, bits, wr, member) ROW(reg, bits, 0, read_field, wr, offsetof(struct vsp805_state, member))
#define ID(n, value)                     ROW(WdogPeriphID0 + 4 * (n), 0, value, NULL, NULL, 0)

static const struct reg_row rows[] = {
	FIELD_REG(WdogLoad,    0, write_load, load),
	REG(WdogValue,         read_value, NULL),
	FIELD_REG(WdogControl, 0, write_control, control),
	REG(WdogIntClr,        NULL, write_intclr),
	FIELD_REG(WdogRIS,     0, NULL, ris),
	REG(WdogMIS,           read_mis, NULL),
	REG(WdogLock,          read_lock, write_lock),
	FIELD_REG(WdogITCR,    ITCR_ENABLE, write_test, itcr),
	ROW(WdogITOP,          ITOP_WDOGRES | ITOP_WDOGINT, 0, NULL, write_test,
	    offsetof(struct vsp805_state, itop)),
	ID(0, 0x05), ID(1, 0x18), ID(2, 0x14), ID(3, 0x00), /* part 0x805, Arm */
	ID(4, 0x0d), ID(5, 0xf0), ID(6, 0x05), ID(7, 0xb1), /* PrimeCell */
};
/* clang-format on */

static const struct reg_table table = { .rows = rows, .count = ARRAY_SIZE(rows) };

/* ---- the device ---- */

static void reset(struct vdev *d)
{
	struct vsp805 *w = d->state;
	unsigned long irq;
	bool level;

	(void)timeout_cancel(&w->zero);
	irq = spin_lock_irqsave(&w->lock);
	level = w->s.irq_level;
	w->s = (struct vsp805_state){ .load = ~0U, .from = ~0U, .irq_level = level };
	update_line(w);
	spin_unlock_irqrestore(&w->lock, irq);
}

static int create(struct vdev *d)
{
	struct vsp805 *w = d->state;

	spin_lock_init(&w->lock, LOCK_DEVICE);
	w->vm = d->vm;
	timeout_init(&w->zero, at_zero);
	reset(d);
	return vdev_map(d, &table);
}

static void stood_still(struct vdev *d, u64 ticks)
{
	struct vsp805 *w = d->state;
	unsigned long irq = spin_lock_irqsave(&w->lock);

	w->s.started += ticks;
	set_timeout(w);
	spin_unlock_irqrestore(&w->lock, irq);
}

static void info(struct vdev *d, char *text, size_t size)
{
	struct vsp805 *w = d->state;
	unsigned long irq = spin_lock_irqsave(&w->lock);
	const u64 ms = (u64)value(w) * 1000 / GUEST_CLOCK_HZ;
	const struct vsp805_state s = w->s;

	spin_unlock_irqrestore(&w->lock, irq);
	if (!(s.control & CONTROL_INTEN))
		(void)snprintf(text, size, "off");
	else
		(void)snprintf(text, size, "%lu.%03lu s left, then %s%s", ms / 1000, ms % 1000,
			       s.ris && (s.control & CONTROL_RESEN) ? "the VM ends"
								    : "it interrupts",
			       s.ris ? "; its interrupt is not answered" : "");
}

const struct vdev_class vsp805_class = {
	.name = "watchdog",
	.place = &desc_devices[DEVICE_WATCHDOG],
	.size = sizeof(struct vsp805),
	.create = create,
	.reset = reset,
	.stood_still = stood_still,
	.info = info,
};
