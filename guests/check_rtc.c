/* SPDX-License-Identifier: Apache-2.0 */
/* The PL031 (Arm DDI 0224): counts seconds, and interrupts at a match. */
#include "check.h"
#include "kit/gic.h"
#include "kit/irq.h"
#include "kit/time.h"

#define RTC_DR   (RTC_BASE + 0x00)
#define RTC_MR   (RTC_BASE + 0x04)
#define RTC_LR   (RTC_BASE + 0x08)
#define RTC_CR   (RTC_BASE + 0x0c)
#define RTC_IMSC (RTC_BASE + 0x10)
#define RTC_RIS  (RTC_BASE + 0x14)
#define RTC_MIS  (RTC_BASE + 0x18)
#define RTC_ICR  (RTC_BASE + 0x1c)

#define SECOND_US 1000000u
#define SHORT_US  2000u

static const struct reg_case registers[] = {
	{ "rtc.periph-id0", RD, 32, 0xfe0, 0, 0xff, 0x31 },
	{ "rtc.periph-id1", RD, 32, 0xfe4, 0, 0xff, 0x10 },
	{ "rtc.periph-id2", RD, 32, 0xfe8, 0, 0x0f, 0x04 }, /* above: revision */
	{ "rtc.periph-id3", RD, 32, 0xfec, 0, 0xff, 0x00 },
	{ "rtc.cell-id0", RD, 32, 0xff0, 0, 0xff, 0x0d },
	{ "rtc.cell-id1", RD, 32, 0xff4, 0, 0xff, 0xf0 },
	{ "rtc.cell-id2", RD, 32, 0xff8, 0, 0xff, 0x05 },
	{ "rtc.cell-id3", RD, 32, 0xffc, 0, 0xff, 0xb1 },
	{ "rtc.cr.enabled", RD, 32, 0x00c, 0, 1, 1 },
	{ "rtc.mr", WR, 32, 0x004, 0xfffffff0, UINT32_MAX, 0xfffffff0 },
	{ "rtc.imsc", WR, 32, 0x010, 1, 1, 1 },
	{ "rtc.imsc.zero", WR, 32, 0x010, 0, 1, 0 },
	{ "rtc.mis.masked", RD, 32, 0x018, 0, 1, 0 },
};

static void acknowledge(unsigned int intid)
{
	(void)intid;
	mmio_write32(RTC_ICR, 1);
}

static void match(void)
{
	mmio_write32(RTC_ICR, 1);
	mmio_write32(RTC_IMSC, 1);
	irq_log_start(acknowledge);
	mmio_write32(RTC_MR, mmio_read32(RTC_DR) + 1);
	(void)check_eq("rtc.match.irq", irq_log_wait(1, 5 * SECOND_US), 1);
	(void)check_eq("rtc.match.intid", irq_log.intid[0], RTC_INTID);
	(void)check_eq("rtc.match.icr", mmio_read32(RTC_RIS), 0);
	(void)check_eq("rtc.match.once", irq_log_wait(2, SHORT_US), 1);
	/* Unmasked only after the match: RIS is there, MIS is not. */
	mmio_write32(RTC_IMSC, 0);
	mmio_write32(RTC_MR, mmio_read32(RTC_DR) + 1);
	(void)check_true("rtc.match.ris-when-masked",
			 wait_for(mmio_read32(RTC_RIS) == 1, 5 * SECOND_US));
	(void)check_eq("rtc.match.mis-when-masked", mmio_read32(RTC_MIS), 0);
	irq_log_start(acknowledge);
	mmio_write32(RTC_IMSC, 1);
	(void)check_eq("rtc.match.unmasked", irq_log_wait(1, SECOND_US), 1);
	mmio_write32(RTC_IMSC, 0);
}

void check_rtc(void)
{
	uint32_t start = mmio_read32(RTC_DR);
	uint32_t first;
	uint64_t ticks;
	uint64_t second;

	irq_set_handler(RTC_INTID, irq_log_handler, NULL);
	gic_route(RTC_INTID, cpu_id());
	gic_enable(RTC_INTID);
	check_registers(RTC_BASE, registers, ARRAY_SIZE(registers));
	/* From one change to the next: a second by the counter, but for a busy machine. */
	(void)check_true("rtc.counts", wait_for(mmio_read32(RTC_DR) != start, 5 * SECOND_US));
	first = mmio_read32(RTC_DR);
	ticks = now();
	(void)wait_for(mmio_read32(RTC_DR) != first, 5 * SECOND_US);
	(void)check_range("rtc.next-second", mmio_read32(RTC_DR) - first, 1, 3);
	second = ticks_to_us(now() - ticks);
	/* With -icount QEMU's RTC goes by the host's clock, its counter by instructions. */
	if (check_bare() && (second < SECOND_US / 2 || second > 2 * SECOND_US))
		check_skip("rtc.second", "RTC and counter are not of one clock here");
	else
		(void)check_range("rtc.second", second, SECOND_US / 2, 2 * SECOND_US);
	match();
	mmio_write32(RTC_LR, 0x12345678);
	(void)check_range("rtc.load", mmio_read32(RTC_DR), 0x12345678, 0x1234567a);
	mmio_write32(RTC_LR, first);
}
