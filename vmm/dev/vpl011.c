/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arm PL011 (DDI 0183). Sending takes no time, so the transmit FIFO is always empty; receiving
 * takes bytes from the console while the FIFO has room, so nothing typed is lost. As on QEMU's
 * board, UARTEN, TXE and RXE do not stop data.
 */
#include <lib/errno.h>
#include <lib/string.h>
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

/* ---- state, under the lock ---- */

static u32 fifo_depth(const struct vpl011 *u)
{
	return u->lcr_h & LCR_H_FEN ? PL011_FIFO : 1;
}

/*
 * UARTIFLS.RXIFLSEL. Who unmasks the receive interrupt without the timeout was written for QEMU,
 * where every byte raises it, and would wait for ever for a FIFO to fill.
 */
static u32 rx_trigger(const struct vpl011 *u)
{
	static const u8 levels[8] = { 2, 4, 8, 12, 14, 14, 14, 14 };

	if (!(u->lcr_h & LCR_H_FEN) || (u->imsc & (INT_RX | INT_RT)) == INT_RX)
		return 1;
	return levels[FIELD(u->ifls, 5, 3)];
}

static void update_line(struct vpl011 *u)
{
	const bool level = u->ris & u->imsc;

	if (level == u->irq_level)
		return;
	u->irq_level = level;
	vgic_set_spi(u->vm, GUEST_UART_IRQ, level);
}

/*
 * The receive interrupt follows the FIFO's level; the timeout, which is over at once, says that
 * some lies below it.
 */
static void update_rx(struct vpl011 *u)
{
	u->ris &= ~(INT_RX | INT_RT);
	if (u->rx_count >= rx_trigger(u))
		u->ris |= INT_RX;
	else if (u->rx_count)
		u->ris |= INT_RT;
}

static void push(struct vpl011 *u, u16 entry)
{
	if (u->rx_count >= fifo_depth(u)) {
		u->overrun = true;
		u->rsr |= RSR_OE;
		u->ris |= INT_OE;
		return;
	}
	u->rx[(u->rx_head + u->rx_count++) % PL011_FIFO] = entry;
	if (entry & DR_BE)
		u->ris |= INT_BE;
}

/* Take input while there is room, except in loopback, when the line is cut off. */
static void fill(struct vpl011 *u)
{
	int input;

	while (!(u->cr & CR_LBE) && u->rx_count < fifo_depth(u) &&
	       (input = console_take_input(u->console)) >= 0)
		push(u, input == CONSOLE_BREAK ? (u16)DR_BE : (u16)input);
	update_rx(u);
}

/* In loopback the modem outputs are the inputs (UARTCR.LBE); else nothing is connected. */
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

	if (unlikely(u->cr & CR_LBE))
		fr |= modem_lines(u->cr);
	if (!u->rx_count)
		fr |= FR_RXFE;
	else if (u->rx_count >= fifo_depth(u))
		fr |= FR_RXFF;
	return fr;
}

/* ---- registers ---- */

/* Polled by whoever sends: without the lock, as a snapshot of words. */
static u64 read_fr(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	(void)v, (void)index, (void)row;
	return flags(dev);
}

static u64 read_dr(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	struct vpl011 *u = dev;
	unsigned long irq = spin_lock(&u->lock);
	u64 value = 0;

	(void)v, (void)index, (void)row;
	if (u->rx_count) {
		value = u->rx[u->rx_head] | (u->overrun ? DR_OE : 0);
		u->rx_head = (u8)((u->rx_head + 1) % PL011_FIFO);
		u->rx_count--;
		u->overrun = false;
		u->rsr = (u->rsr & ~RSR_OF_DR) | ((u32)(value >> 8) & RSR_OF_DR);
		fill(u);
		update_line(u);
	}
	spin_unlock(&u->lock, irq);
	return value;
}

/*
 * The byte is gone before the lock is taken, and usually it need not be: TXRIS stays set until the
 * guest clears it.
 */
static void write_dr(void *dev, struct vcpu *v, u32 index, u64 value, const struct reg_row *row)
{
	struct vpl011 *u = dev;
	const bool loopback = u->cr & CR_LBE;
	const u8 byte = (u8)value;
	unsigned long irq;

	(void)v, (void)index, (void)row;
	if (!loopback)
		console_output(u->console, byte);
	if (!loopback && (u->ris & INT_TX))
		return;
	irq = spin_lock(&u->lock);
	if (loopback) {
		push(u, byte);
		update_rx(u);
	}
	u->ris |= INT_TX;
	update_line(u);
	spin_unlock(&u->lock, irq);
}

static u64 read_reg(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	struct vpl011 *u = dev;
	unsigned long irq;
	u64 value = 0;

	(void)v;
	(void)index;
	irq = spin_lock(&u->lock);
	switch (row->offset) {
	case UARTRSR:
		value = u->rsr;
		break;
	case UARTILPR:
		value = u->ilpr;
		break;
	case UARTIBRD:
		value = u->ibrd;
		break;
	case UARTFBRD:
		value = u->fbrd;
		break;
	case UARTLCR_H:
		value = u->lcr_h;
		break;
	case UARTCR:
		value = u->cr;
		break;
	case UARTIFLS:
		value = u->ifls;
		break;
	case UARTIMSC:
		value = u->imsc;
		break;
	case UARTRIS:
		value = u->ris;
		break;
	case UARTMIS:
		value = u->ris & u->imsc;
		break;
	case UARTDMACR:
		value = u->dmacr;
		break;
	}
	spin_unlock(&u->lock, irq);
	return value;
}

static void write_cr(struct vpl011 *u, u32 value)
{
	const u32 changed = modem_lines(u->cr) ^ modem_lines(value);

	u->cr = value;
	u->ris |= (changed & FR_CTS ? INT_CTS : 0) | (changed & FR_DSR ? INT_DSR : 0) |
		  (changed & FR_DCD ? INT_DCD : 0) | (changed & FR_RI ? INT_RI : 0);
	fill(u);
}

/*
 * The transmit interrupt of real hardware stands for a level that was passed; a driver that unmasks
 * it to be called when it may send would wait for ever if it had sent nothing yet, so that
 * unmasking raises it.
 */
static void write_imsc(struct vpl011 *u, u32 value)
{
	u->imsc = value;
	if (value & INT_TX)
		u->ris |= INT_TX;
	update_rx(u);
}

static void write_locked(struct vpl011 *u, u32 offset, u32 value)
{
	switch (offset) {
	case UARTRSR: /* UARTECR: any value */
		u->rsr = 0;
		break;
	case UARTILPR:
		u->ilpr = value;
		break;
	case UARTIBRD:
		u->ibrd = value;
		break;
	case UARTFBRD:
		u->fbrd = value;
		break;
	case UARTLCR_H:
		u->lcr_h = value;
		fill(u);
		break;
	case UARTCR:
		write_cr(u, value);
		break;
	case UARTIFLS:
		u->ifls = value;
		update_rx(u);
		break;
	case UARTIMSC:
		write_imsc(u, value);
		break;
	case UARTICR:
		u->ris &= ~value;
		break;
	case UARTDMACR:
		u->dmacr = value;
		break;
	}
}

/* row->arg: the bits that can be written. */
static void write_reg(void *dev, struct vcpu *v, u32 index, u64 value, const struct reg_row *row)
{
	struct vpl011 *u = dev;
	unsigned long irq;

	(void)v;
	(void)index;
	irq = spin_lock(&u->lock);
	write_locked(u, row->offset, (u32)value & row->arg);
	update_line(u);
	spin_unlock(&u->lock, irq);
}

/* clang-format off */
#define ROW(reg, rd, wr, bits) { reg, 4, 4, ANY_WIDTH, bits, 0, rd, wr, #reg }
#define RW(reg, bits) ROW(reg, read_reg, write_reg, bits)
#define RO(reg)       ROW(reg, read_reg, NULL, 0)
#define WO(reg, bits) ROW(reg, NULL, write_reg, bits)
#define ID(n, value)  { UARTPeriphID0 + 4 * (n), 4, 4, ANY_WIDTH, 0, value, NULL, NULL, "UARTID" }

static const struct reg_row rows[] = {
	ROW(UARTDR,   read_dr, write_dr, 0xff),
	RW(UARTRSR,   0xff),
	ROW(UARTFR,   read_fr, NULL, 0),
	RW(UARTILPR,  0xff),
	RW(UARTIBRD,  0xffff),
	RW(UARTFBRD,  0x3f),
	RW(UARTLCR_H, 0xff),
	RW(UARTCR,    0xff87),
	RW(UARTIFLS,  0x3f),
	RW(UARTIMSC,  INT_ALL),
	RO(UARTRIS),
	RO(UARTMIS),
	WO(UARTICR,   INT_ALL),
	RW(UARTDMACR, 0x7),
	ID(0, 0x11), ID(1, 0x10), ID(2, 0x14), ID(3, 0x00), /* part 0x011, Arm, as QEMU */
	ID(4, 0x0d), ID(5, 0xf0), ID(6, 0x05), ID(7, 0xb1), /* PrimeCell */
};
/* clang-format on */

static struct reg_slot slots[REG_SLOTS];
static struct reg_table table = { .rows = rows, .count = ARRAY_SIZE(rows), .slots = slots };

static void input_ready(void *arg)
{
	struct vpl011 *u = arg;
	unsigned long irq = spin_lock(&u->lock);

	fill(u);
	update_line(u);
	spin_unlock(&u->lock, irq);
}

void vpl011_reset(struct vpl011 *u)
{
	unsigned long irq = spin_lock(&u->lock);

	u->cr = CR_RESET;
	u->ifls = IFLS_RESET;
	u->lcr_h = u->ibrd = u->fbrd = u->imsc = u->ris = u->dmacr = u->ilpr = u->rsr = 0;
	u->rx_head = u->rx_count = 0;
	u->overrun = false;
	fill(u); /* what was typed while nobody listened */
	update_line(u);
	spin_unlock(&u->lock, irq);
}

int vpl011_init(struct vpl011 *u, struct vm *vm, struct console *c)
{
	const struct mmio_region region = {
		.base = GUEST_UART_BASE,
		.size = 0x1000,
		.name = "pl011",
		.table = &table,
		.handler = mmio_table_access,
		.dev = u,
	};

	if (!slots[0].straight)
		reg_table_init(&table);
	memset(u, 0, sizeof(*u));
	spin_lock_init(&u->lock, LOCK_DEVICE);
	u->vm = vm;
	u->console = c;
	vpl011_reset(u);
	c->input_arg = u;
	c->input_ready = input_ready;
	return mmio_add(&vm->bus, &region);
}
