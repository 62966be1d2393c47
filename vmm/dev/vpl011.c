/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arm PL011 (DDI 0183). Sending takes no time, so the transmit FIFO is always empty. Receiving
 * takes bytes from the console while the FIFO has room, so no input is lost. As on QEMU's board,
 * UARTEN, TXE and RXE do not stop data.
 */
#include <vmm/bus.h>
#include <vmm/console.h>
#include <vmm/core.h>
#include <vmm/dev.h>
#include <vmm/gic.h>

/* 3.3: registers */
#define UARTDR        0x000
#define UARTRSR       0x004 /* write: UARTECR */
#define UARTFR        0x018
#define UARTILPR      0x020
#define UARTIBRD      0x024
#define UARTFBRD      0x028
#define UARTLCR_H     0x02c
#define UARTCR        0x030
#define UARTIFLS      0x034
#define UARTIMSC      0x038
#define UARTRIS       0x03c
#define UARTMIS       0x040
#define UARTICR       0x044
#define UARTDMACR     0x048
#define UARTPeriphID0 0xfe0 /* to 0xfec, then UARTPCellID0 to 0xffc */

#define DR_BE     BIT(10) /* a break; the data is 0 */
#define DR_OE     BIT(11)
#define RSR_OE    0x8U
#define RSR_OF_DR 0x7U /* BE, PE, FE as in UARTDR 10:8 */

#define FR_CTS  0x001U
#define FR_DSR  0x002U
#define FR_DCD  0x004U
#define FR_RXFE 0x010U
#define FR_RXFF 0x040U
#define FR_TXFE 0x080U
#define FR_RI   0x100U

#define LCR_H_FEN  0x10U
#define CR_LBE     0x0080U
#define CR_DTR     0x0400U
#define CR_RTS     0x0800U
#define CR_OUT1    0x1000U
#define CR_OUT2    0x2000U
#define CR_RESET   0x0300U /* TXE, RXE */
#define IFLS_RESET 0x12U

/* Bits of IMSC, RIS, MIS, ICR */
#define INT_RI  0x001U
#define INT_CTS 0x002U
#define INT_DCD 0x004U
#define INT_DSR 0x008U
#define INT_RX  0x010U
#define INT_TX  0x020U
#define INT_RT  0x040U
#define INT_BE  0x200U
#define INT_OE  0x400U
#define INT_ALL 0x7ffU

#define ANY_WIDTH (REG_W8 | REG_W16 | REG_W32)

#define PL011_FIFO 16

struct vpl011_state {
	u32 cr, lcr_h, ibrd, fbrd, ifls, imsc, ris, dmacr, ilpr, rsr;
	u16 rx[PL011_FIFO]; /* in the format of UARTDR */
	u8 rx_head, rx_count;
	bool overrun;   /* a byte was lost: the next byte read reports it */
	bool irq_level; /* last value passed to the VGIC */
};

struct vpl011 {
	struct spinlock lock;  /* taken before the console's and the vgic's locks */
	struct vpl011_state s; /* under the lock */
	struct vm *vm;
	struct console *console;
};

/* ---- state, under the lock ---- */

static u32 fifo_depth(const struct vpl011 *u)
{
	return u->s.lcr_h & LCR_H_FEN ? PL011_FIFO : 1;
}

/*
 * UARTIFLS.RXIFLSEL. A driver that unmasks the receive interrupt without the timeout was written
 * for QEMU, where every byte raises it. Such a driver would wait for ever for a FIFO to fill.
 */
static u32 rx_trigger(const struct vpl011 *u)
{
	static const u8 levels[8] = { 2, 4, 8, 12, 14, 14, 14, 14 };

	if (!(u->s.lcr_h & LCR_H_FEN) || (u->s.imsc & (INT_RX | INT_RT)) == INT_RX)
		return 1;
	return levels[FIELD(u->s.ifls, 5, 3)];
}

static void update_line(struct vpl011 *u)
{
	const bool level = u->s.ris & u->s.imsc;

	if (level == u->s.irq_level)
		return;
	u->s.irq_level = level;
	vgic_set_spi(u->vm, GUEST_UART_IRQ, level);
}

/*
 * The receive interrupt follows the FIFO's level. The timeout has always elapsed: it reports bytes
 * below that level.
 */
static void update_rx(struct vpl011 *u)
{
	u->s.ris &= ~(INT_RX | INT_RT);
	if (u->s.rx_count >= rx_trigger(u))
		u->s.ris |= INT_RX;
	else if (u->s.rx_count)
		u->s.ris |= INT_RT;
}

static void push(struct vpl011 *u, u16 entry)
{
	if (u->s.rx_count >= fifo_depth(u)) {
		u->s.overrun = true;
		u->s.rsr |= RSR_OE;
		u->s.ris |= INT_OE;
		return;
	}
	u->s.rx[(u->s.rx_head + u->s.rx_count++) % PL011_FIFO] = entry;
	if (entry & DR_BE)
		u->s.ris |= INT_BE;
}

/* Take input while there is room. Not in loopback, where the line is cut off. */
static void fill(struct vpl011 *u)
{
	int input;

	while (!(u->s.cr & CR_LBE) && u->s.rx_count < fifo_depth(u) &&
	       (input = console_take_input(u->console)) >= 0)
		push(u, input == CONSOLE_BREAK ? (u16)DR_BE : (u16)input);
	update_rx(u);
}

/* In loopback the modem outputs are the inputs (UARTCR.LBE). Otherwise nothing is connected. */
static u32 modem_lines(u32 cr)
{
	if (!(cr & CR_LBE))
		return 0;
	return (cr & CR_RTS ? FR_CTS : 0) | (cr & CR_DTR ? FR_DSR : 0) |
	       (cr & CR_OUT1 ? FR_DCD : 0) | (cr & CR_OUT2 ? FR_RI : 0);
}

static u32 flags(const struct vpl011 *u)
{
	u32 fr = FR_TXFE;

	if (unlikely(u->s.cr & CR_LBE))
		fr |= modem_lines(u->s.cr);
	if (!u->s.rx_count)
		fr |= FR_RXFE;
	else if (u->s.rx_count >= fifo_depth(u))
		fr |= FR_RXFF;
	return fr;
}

/* ---- registers ---- */

/* Senders poll this register: it is read without the lock, as a snapshot of words. */
static u64 read_fr(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	(void)v, (void)index, (void)row;
	return flags(dev);
}

static u64 read_dr(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	struct vpl011 *u = dev;
	unsigned long irq = spin_lock_irqsave(&u->lock);
	u64 value = 0;

	(void)v, (void)index, (void)row;
	if (u->s.rx_count) {
		value = u->s.rx[u->s.rx_head] | (u->s.overrun ? DR_OE : 0);
		u->s.rx_head = (u8)((u->s.rx_head + 1) % PL011_FIFO);
		u->s.rx_count--;
		u->s.overrun = false;
		u->s.rsr = (u->s.rsr & ~RSR_OF_DR) | ((u32)(value >> 8) & RSR_OF_DR);
		fill(u);
		update_line(u);
	}
	spin_unlock_irqrestore(&u->lock, irq);
	return value;
}

/*
 * The byte is sent before the lock is taken. Usually the lock is not needed: TXRIS stays set until
 * the guest clears it.
 */
static void write_dr(void *dev, struct vcpu *v, u32 index, u64 value, const struct reg_row *row)
{
	struct vpl011 *u = dev;
	const bool loopback = u->s.cr & CR_LBE;
	const u8 byte = (u8)value;
	unsigned long irq;

	(void)v, (void)index, (void)row;
	if (!loopback)
		console_output(u->console, byte);
	if (!loopback && (u->s.ris & INT_TX))
		return;
	irq = spin_lock_irqsave(&u->lock);
	if (loopback) {
		push(u, byte);
		update_rx(u);
	}
	u->s.ris |= INT_TX;
	update_line(u);
	spin_unlock_irqrestore(&u->lock, irq);
}

static u64 read_field(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	struct vpl011 *u = dev;
	unsigned long irq = spin_lock_irqsave(&u->lock);
	u64 value = *(const u32 *)((const char *)&u->s + row->field);

	(void)v, (void)index;
	spin_unlock_irqrestore(&u->lock, irq);
	return value;
}

/* row->arg: the writable bits. Each of these fields may change the FIFO's level, or the line. */
static void write_field(void *dev, struct vcpu *v, u32 index, u64 value, const struct reg_row *row)
{
	struct vpl011 *u = dev;
	unsigned long irq = spin_lock_irqsave(&u->lock);

	(void)v, (void)index;
	*(u32 *)((char *)&u->s + row->field) = (u32)value & row->arg;
	fill(u);
	update_line(u);
	spin_unlock_irqrestore(&u->lock, irq);
}

/* UARTECR: any value clears the errors. */
static void write_rsr(void *dev, struct vcpu *v, u32 index, u64 value, const struct reg_row *row)
{
	struct vpl011 *u = dev;
	unsigned long irq = spin_lock_irqsave(&u->lock);

	(void)v, (void)index, (void)value, (void)row;
	u->s.rsr = 0;
	spin_unlock_irqrestore(&u->lock, irq);
}

static void write_cr(void *dev, struct vcpu *v, u32 index, u64 value, const struct reg_row *row)
{
	struct vpl011 *u = dev;
	unsigned long irq = spin_lock_irqsave(&u->lock);
	const u32 cr = (u32)value & row->arg;
	const u32 changed = modem_lines(u->s.cr) ^ modem_lines(cr);

	(void)v, (void)index;
	u->s.cr = cr;
	u->s.ris |= (changed & FR_CTS ? INT_CTS : 0) | (changed & FR_DSR ? INT_DSR : 0) |
		    (changed & FR_DCD ? INT_DCD : 0) | (changed & FR_RI ? INT_RI : 0);
	fill(u);
	update_line(u);
	spin_unlock_irqrestore(&u->lock, irq);
}

/*
 * On real hardware, the transmit interrupt means that the FIFO's level has passed its mark. A
 * driver may unmask it to be called when it may send. If it has sent nothing yet, it would wait for
 * ever. So unmasking raises the interrupt.
 */
static void write_imsc(void *dev, struct vcpu *v, u32 index, u64 value, const struct reg_row *row)
{
	struct vpl011 *u = dev;
	unsigned long irq = spin_lock_irqsave(&u->lock);

	(void)v, (void)index;
	u->s.imsc = (u32)value & row->arg;
	u->s.ris |= u->s.imsc & INT_TX;
	update_rx(u);
	update_line(u);
	spin_unlock_irqrestore(&u->lock, irq);
}

static u64 read_mis(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	struct vpl011 *u = dev;
	unsigned long irq = spin_lock_irqsave(&u->lock);
	u64 value = u->s.ris & u->s.imsc;

	(void)v, (void)index, (void)row;
	spin_unlock_irqrestore(&u->lock, irq);
	return value;
}

static void write_icr(void *dev, struct vcpu *v, u32 index, u64 value, const struct reg_row *row)
{
	struct vpl011 *u = dev;
	unsigned long irq = spin_lock_irqsave(&u->lock);

	(void)v, (void)index;
	u->s.ris &= ~((u32)value & row->arg);
	update_line(u);
	spin_unlock_irqrestore(&u->lock, irq);
}

/* clang-format off */
#define ROW(reg, bits, rd, wr, member) \
	{ reg, 4, 4, ANY_WIDTH, bits, 0, rd, wr, #reg, member }
#define REG(reg, bits, rd, wr)           ROW(reg, bits, rd, wr, 0)
#define FIELD_REG(reg, bits, wr, member) \
	ROW(reg, bits, read_field, wr, offsetof(struct vpl011_state, member))
#define ID(n, value) { UARTPeriphID0 + 4 * (n), 4, 4, ANY_WIDTH, 0, value, NULL, NULL, "UARTID", 0 }

static const struct reg_row rows[] = {
	REG(UARTDR,          0xff,    read_dr, write_dr),
	FIELD_REG(UARTRSR,   0xff,    write_rsr, rsr),
	REG(UARTFR,          0,       read_fr, NULL),
	FIELD_REG(UARTILPR,  0xff,    write_field, ilpr),
	FIELD_REG(UARTIBRD,  0xffff,  write_field, ibrd),
	FIELD_REG(UARTFBRD,  0x3f,    write_field, fbrd),
	FIELD_REG(UARTLCR_H, 0xff,    write_field, lcr_h),
	FIELD_REG(UARTCR,    0xff87,  write_cr, cr),
	FIELD_REG(UARTIFLS,  0x3f,    write_field, ifls),
	FIELD_REG(UARTIMSC,  INT_ALL, write_imsc, imsc),
	FIELD_REG(UARTRIS,   0,       NULL, ris),
	REG(UARTMIS,         0,       read_mis, NULL),
	REG(UARTICR,         INT_ALL, NULL, write_icr),
	FIELD_REG(UARTDMACR, 0x7,     write_field, dmacr),
	ID(0, 0x11), ID(1, 0x10), ID(2, 0x14), ID(3, 0x00), /* part 0x011, Arm, as QEMU */
	ID(4, 0x0d), ID(5, 0xf0), ID(6, 0x05), ID(7, 0xb1), /* PrimeCell */
};
/* clang-format on */

static struct reg_slot slots[REG_SLOTS];
static struct reg_table table = { .rows = rows, .count = ARRAY_SIZE(rows), .slots = slots };

static void input_ready(void *arg)
{
	struct vpl011 *u = arg;
	unsigned long irq = spin_lock_irqsave(&u->lock);

	fill(u);
	update_line(u);
	spin_unlock_irqrestore(&u->lock, irq);
}

static void reset(struct vdev *d)
{
	struct vpl011 *u = d->state;
	unsigned long irq = spin_lock_irqsave(&u->lock);
	const bool level = u->s.irq_level;

	u->s = (struct vpl011_state){ .cr = CR_RESET, .ifls = IFLS_RESET, .irq_level = level };
	fill(u); /* input that came while the guest did not listen */
	update_line(u);
	spin_unlock_irqrestore(&u->lock, irq);
}

static int host_init(void)
{
	reg_table_init(&table);
	return 0;
}

static int create(struct vdev *d)
{
	struct vpl011 *u = d->state;

	spin_lock_init(&u->lock, LOCK_DEVICE);
	u->vm = d->vm;
	u->console = &d->vm->console;
	reset(d);
	u->console->input_arg = u;
	u->console->input_ready = input_ready;
	return vdev_map(d, &table);
}

const struct vdev_class vpl011_class = {
	.name = "pl011",
	.place = &desc_devices[DEVICE_UART],
	.size = sizeof(struct vpl011),
	.host_init = host_init,
	.create = create,
	.reset = reset,
};
