/* SPDX-License-Identifier: Apache-2.0 */
/* The PL011 (Arm DDI 0183). What a case changes is put back before the next line is printed. */
#include "check.h"
#include "kit/gic.h"
#include "kit/irq.h"
#include "kit/print.h"
#include "kit/time.h"
#include "kit/uart.h"

#define SHORT_US 2000u

static const struct reg_case registers[] = {
	{ "uart.periph-id0", RD, 32, 0xfe0, 0, 0xff, 0x11 },
	{ "uart.periph-id1", RD, 32, 0xfe4, 0, 0xff, 0x10 },
	{ "uart.periph-id2", RD, 32, 0xfe8, 0, 0x0f, 0x04 }, /* above: revision */
	{ "uart.periph-id3", RD, 32, 0xfec, 0, 0xff, 0x00 },
	{ "uart.cell-id0", RD, 32, 0xff0, 0, 0xff, 0x0d },
	{ "uart.cell-id1", RD, 32, 0xff4, 0, 0xff, 0xf0 },
	{ "uart.cell-id2", RD, 32, 0xff8, 0, 0xff, 0x05 },
	{ "uart.cell-id3", RD, 32, 0xffc, 0, 0xff, 0xb1 },
	{ "uart.id.byte", RD, 8, 0xff4, 0, 0xff, 0xf0 },
	{ "uart.id.half", RD, 16, 0xffc, 0, 0xffff, 0xb1 },
	{ "uart.ibrd", WR, 32, 0x024, 0x1234, 0xffff, 0x1234 },
	{ "uart.fbrd", WR, 32, 0x028, 0x2a, 0x3f, 0x2a },
	{ "uart.lcr-h", WR, 32, 0x02c, 0x70, 0xff, 0x70 },
	{ "uart.cr", WR, 32, 0x030, 0x301, 0x381, 0x301 },
	{ "uart.ifls", WR, 32, 0x034, 0x12, 0x3f, 0x12 },
	{ "uart.imsc", WR, 32, 0x038, UART_INT_RX | UART_INT_RT, 0x7ff, UART_INT_RX | UART_INT_RT },
	{ "uart.imsc.zero", WR, 32, 0x038, 0, 0x7ff, 0 },
	{ "uart.dmacr", WR, 32, 0x048, 0, 0x7, 0 },
	{ "uart.fr.empty", RD, 32, 0x018, 0, 0xf8, UART_FR_TXFE | UART_FR_RXFE },
	{ "uart.mis.masked", RD, 32, 0x040, 0, 0x7ff, 0 },
};

/* What a driver does in its handler: here, silence the source. */
static void silence(unsigned int intid)
{
	(void)intid;
	if (irq_log.count + 1 >= 3)
		mmio_write32(UART_IMSC, 0);
}

/*
 * The transmit interrupt: software that prints from its handler (a shell's prompt) relies on it
 * being raised once it is unmasked while the FIFO is empty, after characters have been sent
 * before.
 */
static void transmit(void)
{
	uint32_t ris;
	uint32_t mis;

	(void)wait_for(mmio_read32(UART_FR) & UART_FR_TXFE, LONG_US);
	mmio_write32(UART_IMSC, UART_INT_TX);
	ris = mmio_read32(UART_RIS);
	mis = mmio_read32(UART_MIS);
	mmio_write32(UART_IMSC, 0);
	(void)check_eq("uart.tx.ris", ris & UART_INT_TX, UART_INT_TX);
	(void)check_eq("uart.tx.mis", mis & UART_INT_TX, UART_INT_TX);
	(void)check_eq("uart.tx.mis-masked", mmio_read32(UART_MIS), 0);

	irq_log_start(silence);
	mmio_write32(UART_IMSC, UART_INT_TX);
	(void)irq_log_wait(3, LONG_US);
	mmio_write32(UART_IMSC, 0);
	(void)check_eq("uart.tx.irq-is-a-level", irq_log.count, 3);
	(void)check_eq("uart.tx.irq-intid", irq_log.intid[0], UART_INTID);
	(void)check_eq("uart.tx.irq-stops", irq_log_wait(4, SHORT_US), 3);
	(void)check_eq("uart.tx.line-low", gic_pending(UART_INTID), 0);
	mmio_write32(UART_ICR, UART_INT_TX);
	ris = mmio_read32(UART_RIS);
	(void)check_eq("uart.tx.icr", ris & UART_INT_TX, 0);
}

/* Loopback turns what is sent into what is received; not every model has it. */
static void loopback(void)
{
	uint32_t cr = mmio_read32(UART_CR);
	bool came;
	int c;

	(void)wait_for(mmio_read32(UART_FR) & UART_FR_TXFE, LONG_US);
	mmio_write32(UART_LCR_H, UART_LCR_8N1);
	mmio_write32(UART_CR, cr | UART_CR_LBE);
	/* Where there is no loopback, or it sends as well, this begins a line of comment. */
	mmio_write32(UART_DR, '#');
	came = wait_for(!(mmio_read32(UART_FR) & UART_FR_RXFE), SHORT_US);
	if (!came) {
		uart_init();
		print(" sent\n");
		check_skip("uart.loopback", "not in this model");
		return;
	}
	irq_log_start(silence);
	irq_log.count = 2;
	mmio_write32(UART_IMSC, UART_INT_RX);
	(void)irq_log_wait(3, LONG_US);
	c = uart_try_getc();
	uart_init();
	print(" looped back\n");
	(void)check_eq("uart.loopback.irq", irq_log.count, 3);
	(void)check_eq("uart.loopback.character", (uint64_t)c, '#');
}

void check_uart(void)
{
	irq_set_handler(UART_INTID, irq_log_handler, NULL);
	gic_route(UART_INTID, cpu_id());
	gic_enable(UART_INTID);
	(void)wait_for(mmio_read32(UART_FR) & UART_FR_TXFE, LONG_US);
	check_registers(UART_BASE, registers, ARRAY_SIZE(registers));
	transmit();
	loopback();
	uart_init();
}
