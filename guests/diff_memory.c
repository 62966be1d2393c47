/* SPDX-License-Identifier: Apache-2.0 */
/* Loads, stores and maintenance: devices at every width, memory, and addresses without either. */
#include "diff.h"
#include "kit/cpu.h"
#include "kit/gic.h"
#include "kit/mmio.h"

#define PL061_BASE 0x09030000u
#define ECAM_BASE  UINT64_C(0x4010000000)

static uint64_t scratch[512] __attribute__((aligned(4096)));

struct device {
	const char *name;
	uint64_t base;
	uint32_t size;
	unsigned int weight;
	/* False: the step takes another place. What is left out has its reason there. */
	bool (*allowed)(uint32_t offset, unsigned int bytes, bool store);
};

/* Any width of up to 32 bits, at the start of a word: QEMU does not look at the lower bits. */
static bool word(uint32_t offset, unsigned int bytes, bool store)
{
	(void)store;
	return bytes <= 4 && offset % 4 == 0;
}

/* The data register would print. */
static bool uart_allowed(uint32_t offset, unsigned int bytes, bool store)
{
	return word(offset, bytes, store) && (!store || offset >= 4);
}

/* The time itself. */
static bool rtc_allowed(uint32_t offset, unsigned int bytes, bool store)
{
	return word(offset, bytes, store) && offset >= 16;
}

/* Vendor IDs differ. */
static bool virtio_allowed(uint32_t offset, unsigned int bytes, bool store)
{
	(void)store;
	return bytes <= 4 && (offset & 0x1ff) / 4 != 3;
}

/* True for a bank with `bits` bits an interrupt at `bank`: INTIDs from 256 on are not alike. */
static bool is_beyond(uint32_t offset, uint32_t bank, uint32_t bits)
{
	return offset >= bank + 256 * bits / 8 && offset < bank + 1024 * bits / 8;
}

/*
 * Words; priorities also bytes, and routes also 64 bits. Not alike: TYPER and IIDR, message-based
 * SPIs, what is above 0xff00.
 */
static bool gicd_allowed(uint32_t offset, unsigned int bytes, bool store)
{
	(void)store;
	if ((offset >= 4 && offset < 0x80) || offset >= 0xff00)
		return false;
	for (uint32_t bank = 0x80; bank < 0x400; bank += 0x80) {
		if (is_beyond(offset, bank, 1))
			return false;
	}
	if (is_beyond(offset, GIC_IPRIORITYR, 8) || is_beyond(offset, 0x800, 8) ||
	    is_beyond(offset, GIC_ICFGR, 2) || is_beyond(offset, GIC_IGRPMODR, 1) ||
	    is_beyond(offset, 0x6000, 64))
		return false;
	if (offset >= GIC_IPRIORITYR && offset < GIC_IPRIORITYR + 0x400)
		return bytes == 1 || bytes == 4;
	return bytes == 4 || (bytes == 8 && offset >= 0x6000 && offset < 0x8000);
}

static bool is_priority(uint64_t address, uint64_t base)
{
	return address >= base + GIC_IPRIORITYR && address < base + GIC_IPRIORITYR + 0x400;
}

/*
 * Bits that exist: GICD_CTLR without EnableGrp1S, which a VM has; affinities in IROUTER; five bits
 * of priority.
 */
static uint64_t bits_at(uint64_t address)
{
	if (address == GICD_CTLR)
		return ~BIT(2);
	if (address >= GICD_IROUTER(0) && address < GICD_IROUTER(1024))
		return address & 4 ? 0xff : UINT64_C(0xff80ffffff);
	if (is_priority(address, GICD_BASE) || is_priority(address, GICR_BASE + GICR_SGI_PAGE))
		return UINT64_C(0xf8f8f8f8);
	return ~UINT64_C(0);
}

/* The same; without LPIs, which a VM does not have. */
static bool gicr_allowed(uint32_t offset, unsigned int bytes, bool store)
{
	(void)store;
	if (offset >= GICR_SGI_PAGE + GIC_IPRIORITYR &&
	    offset < GICR_SGI_PAGE + GIC_IPRIORITYR + 32)
		return bytes == 1 || bytes == 4;
	if (offset < 0x10 || (offset >= 0x40 && offset < 0x100))
		return false;
	return bytes == 4;
}

static const struct device devices[] = {
	{ "gicd", GICD_BASE, 0x10000, 6, gicd_allowed },
	{ "gicr", GICR_BASE, 0x20000, 6, gicr_allowed },
	{ "uart", UART_BASE, 0x1000, 4, uart_allowed },
	{ "rtc", RTC_BASE, 0x1000, 2, rtc_allowed },
	{ "gpio", PL061_BASE, 0x1000, 3, word },
	{ "virtio", VIRTIO_BASE, VIRTIO_SIZE, 2, virtio_allowed },
};

/* For `parts` accesses of 1 << size bytes behind each other, each allowed. */
static const char *draw_place(uint64_t *address, unsigned int size, unsigned int parts, bool store)
{
	unsigned int sum = 0, at, n;
	uint32_t offset, bytes = 1u << size;

	for (n = 0; n < ARRAY_SIZE(devices); n++)
		sum += devices[n].weight;
	do {
		at = draw_below(sum);
		for (n = 0; at >= devices[n].weight; n++)
			at -= devices[n].weight;
		offset = draw_below(devices[n].size);
		/* Registers are dense at the start of a device, and at its end. */
		if (draw_one_in(2))
			offset &= 0xfff;
		if (draw_one_in(3))
			offset &= ~UINT32_C(0xff0);
		offset &= ~(bytes - 1);
	} while (offset + bytes * parts > devices[n].size ||
		 !devices[n].allowed(offset, bytes, store) ||
		 !devices[n].allowed(offset + bytes * (parts - 1), bytes, store));
	*address = devices[n].base + offset;
	return devices[n].name;
}

/* One load or store of a general register of 1 << size bytes at xn; opc as the encoding has it. */
static void emit_access(struct step *s, unsigned int size, unsigned int opc, unsigned int rn,
			unsigned int rt, bool vector)
{
	uint32_t insn = size << 30 | opc << 22 | rn << 5 | rt | (vector ? BIT32(26) : 0);
	uint32_t offset = (uint32_t)(draw_below(32) - 16) & 0x1ff;
	uint64_t back = (uint64_t)offset | (offset & 0x100 ? ~UINT64_C(0x1ff) : 0);

	switch (draw_below(5)) {
	case 0: /* LDUR, STUR */
		s->run.x[rn] -= back;
		emit(s, insn | 0x38000000 | offset << 12);
		break;
	case 1: /* post-indexed */
		emit(s, insn | 0x38000400 | offset << 12);
		break;
	case 2: /* pre-indexed */
		s->run.x[rn] -= back;
		emit(s, insn | 0x38000c00 | offset << 12);
		break;
	default: /* unsigned offset */
		emit(s, insn | 0x39000000);
		break;
	}
}

static uint64_t device_value(void)
{
	return draw_one_in(2) ? draw_value() : draw() & draw();
}

/* Loads (also with a sign) and stores, into and from any register; x31 is the zero register. */
void draw_device(struct step *s)
{
	static const unsigned int loads[][3] = {
		{ 1, 2, 3 }, { 1, 2, 3 }, { 1, 1, 2 }, { 1, 1, 1 }
	};
	bool store = draw_one_in(2);
	unsigned int size = draw_one_in(2) ? 2 : draw_below(4);
	unsigned int opc = store ? 0 : loads[size][draw_below(3)];
	unsigned int rn = draw_register(ANY_REGISTER, ANY_REGISTER);
	unsigned int rt = draw_one_in(16) ? 31 : draw_register(rn, ANY_REGISTER);
	uint64_t address;

	s->name = draw_place(&address, size, 1, store);
	s->run.x[rn] = address;
	if (rt != 31)
		s->run.x[rt] = device_value() & bits_at(address);
	emit_access(s, size, opc, rn, rt, false);
}

static void draw_vector(struct step *s, bool store)
{
	unsigned int size = draw_below(4);
	unsigned int rn = draw_register(ANY_REGISTER, ANY_REGISTER);
	uint64_t address;

	s->name = draw_place(&address, size, 1, store);
	s->run.x[rn] = address;
	s->run.q[0] = device_value() & bits_at(address);
	emit_access(s, size, store ? 0 : 1, rn, 0, true);
}

/* Pairs and vector registers: their parts one by one. */
void draw_device_pair(struct step *s)
{
	static const uint32_t modes[] = { 0x29000000, 0x28800000, 0x29800000, 0x28000000 };
	bool store = draw_one_in(2), vector = draw_one_in(2);
	unsigned int size = 2 + draw_below(2);
	unsigned int rn = draw_register(ANY_REGISTER, ANY_REGISTER);
	unsigned int rt = draw_register(rn, ANY_REGISTER), rt2 = draw_register(rn, rt);
	uint64_t address, first, second;

	if (vector && draw_one_in(2)) {
		draw_vector(s, store);
		return;
	}
	s->name = draw_place(&address, size, 2, store);
	s->run.x[rn] = address;
	first = device_value() & bits_at(address);
	second = device_value() & bits_at(address + (1u << size));
	if (vector) {
		s->run.q[0] = first;
		s->run.q[2] = second;
		rt = 0;
		rt2 = 1;
	} else {
		s->run.x[rt] = first;
		s->run.x[rt2] = second;
	}
	emit(s, modes[draw_below(ARRAY_SIZE(modes))] |
			(vector ? (size - 2) << 30 | BIT32(26) : (size - 2) << 31) |
			(store ? 0 : BIT32(22)) | rt2 << 10 | rn << 5 | rt);
}

/* Where there is nothing: in the guest machine, in its tables, in the address space. */
static uint64_t draw_address(unsigned int align)
{
	static const uint64_t places[] = {
		UNMAPPED_BASE,
		UNMAPPED_BASE + 0xffc,
		0x0ffffff0,
		0x08f00000,
		0x3ffffff0,
		UINT64_C(0x80000000),
		UINT64_C(0x7fffffffff),
		BIT(39),
		BIT(47),
		BIT(63),
		UINT64_C(0xffffffffffffff00),
		UINT64_C(0xff00000040000000),
	};
	unsigned int n = draw_below(ARRAY_SIZE(places) + 6);

	if (n < ARRAY_SIZE(places))
		return (places[n] & ~UINT64_C(15)) + align * draw_below(16 / align);
	return (uintptr_t)scratch + draw_below(sizeof(scratch) - 64);
}

void draw_memory(struct step *s)
{
	static const uint32_t words[] = {
		0x885f7c00, 0x885ffc00, 0xc87f0800, /* LDXR, LDAXR, LDXP */
		0x88dffc00, 0x889ffc00,             /* LDAR, STLR */
		0x3dc00000, 0x3d800000,             /* LDR, STR of a Q register */
		0xf9800000,                         /* PRFM */
	};
	unsigned int rn = draw_register(ANY_REGISTER, ANY_REGISTER);
	unsigned int rt = draw_register(rn, 2), size;
	bool store = draw_one_in(2);

	s->name = "memory";
	size = draw_below(4);
	s->run.x[rn] = draw_address(1u << size);
	if (draw_one_in(2)) {
		emit_access(s, size, store ? 0 : 1, rn, rt, false);
		return;
	}
	if (rn == 2)
		rn = 3;
	s->run.x[rn] = draw_address(16);
	emit(s, words[draw_below(ARRAY_SIZE(words))] | rn << 5 | (rt & 1));
}

/* IC, DC, AT and TLBI; op1, CRm, op2 of CRn 7 and 8. */
static const uint32_t operations[] = {
	SYSREG(1, 0, 7, 1, 0),  SYSREG(1, 0, 7, 5, 0),  SYSREG(1, 3, 7, 5, 1),
	SYSREG(1, 0, 7, 6, 1),  SYSREG(1, 0, 7, 6, 2),  SYSREG(1, 0, 7, 10, 2),
	SYSREG(1, 0, 7, 14, 2), SYSREG(1, 3, 7, 4, 1),  SYSREG(1, 3, 7, 10, 1),
	SYSREG(1, 3, 7, 11, 1), SYSREG(1, 3, 7, 14, 1), SYSREG(1, 3, 7, 12, 1),
	SYSREG(1, 3, 7, 13, 1), SYSREG(1, 0, 8, 3, 0),  SYSREG(1, 0, 8, 3, 1),
	SYSREG(1, 0, 8, 3, 2),  SYSREG(1, 0, 8, 3, 3),  SYSREG(1, 0, 8, 3, 5),
	SYSREG(1, 0, 8, 3, 7),  SYSREG(1, 0, 8, 7, 0),  SYSREG(1, 0, 8, 7, 1),
	SYSREG(1, 0, 8, 7, 2),  SYSREG(1, 0, 8, 7, 3),  SYSREG(1, 0, 8, 7, 5),
	SYSREG(1, 0, 8, 7, 7),  SYSREG(1, 0, 8, 1, 0),  SYSREG(1, 0, 8, 2, 1),
};

void draw_maintenance(struct step *s)
{
	unsigned int rt = draw_register(ANY_REGISTER, ANY_REGISTER);
	unsigned int rd = draw_register(rt, ANY_REGISTER);

	s->name = "maintenance";
	s->run.x[rt] = draw_address(1) & ~UINT64_C(63);
	if (draw_one_in(3)) { /* AT S1E1R and so on, and what PAR_EL1 says */
		emit(s, A64_MSR(SYSREG(1u, 0u, 7u, draw_one_in(4) ? 9u : 8u, draw_below(4)), rt));
		emit(s, A64_ISB);
		emit(s, A64_MRS(SYSREG(3, 0, 7, 4, 0), rd));
		return;
	}
	emit(s, A64_MSR(operations[draw_below(ARRAY_SIZE(operations))], rt));
}
