/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions that instructions raise by themselves, calls, and what raises none. */
#include "diff.h"
#include "kit/cpu.h"
#include "kit/mmio.h"
#include "kit/psci.h"

#define PSTATE_IL BIT(20)

static uint32_t undefined_word(void)
{
	static const uint32_t words[] = {
		0x00000000,           0x0000ffff,                         /* UDF */
		0xffffffff,           0x20000000, 0xd4400000, 0xd45e0000, /* HLT */
		0xd4a00001,           0xd4a00002, 0xd4a00003,             /* DCPS */
		0xd6bf03e0,                                               /* DRPS */
		0xd4200000 | 1u << 2,
	};
	uint32_t word = (uint32_t)draw();

	if (draw_one_in(2))
		return words[draw_below(ARRAY_SIZE(words))];
	/* Bits 28 to 25 of 0001 and 0011 are free. */
	return (word & ~(0xfu << 25)) | (draw_one_in(2) ? 1u : 3u) << 25;
}

void draw_exception(struct step *s)
{
	unsigned int rt = draw_register(ANY_REGISTER, ANY_REGISTER);

	s->name = "exception";
	switch (draw_below(6)) {
	case 0:
		emit(s, 0xd4000001 | (uint32_t)(draw() & 0xffff) << 5); /* SVC */
		break;
	case 1:
		emit(s, 0xd4200000 | (uint32_t)(draw() & 0xffff) << 5); /* BRK */
		break;
	case 2: /* A branch to where nothing can be fetched, or no instruction can be. */
		s->run.x[rt] = draw_one_in(2) ? draw_value() << 32 | BIT(31)
					      : (uintptr_t)step_code + 1 + draw_below(3);
		emit(s, 0xd61f0000 | rt << 5);
		break;
	case 3: /* illegal execution state */
		s->run.pstate |= PSTATE_IL;
		emit(s, A64_NOP);
		break;
	default:
		emit(s, undefined_word());
		break;
	}
}

/*
 * PSCI's functions that both machines have. AFFINITY_INFO of levels above 0 says ON on QEMU; and of
 * a 32-bit call it looks at all 64 bits.
 */
void draw_call(struct step *s)
{
	static const uint32_t functions[] = {
		PSCI_VERSION,
		PSCI_AFFINITY_INFO,
		PSCI_AFFINITY_INFO32,
		PSCI_FEATURES,
	};
	static const uint32_t features[] = {
		PSCI_VERSION,         PSCI_CPU_SUSPEND, PSCI_CPU_ON, PSCI_AFFINITY_INFO,
		PSCI_AFFINITY_INFO32, PSCI_FEATURES,    0x84000002,  0x84000008,
		0x84000009,           0x1234,           0xbf00ff00,  0x84000100,
	};
	uint32_t function = functions[draw_below(ARRAY_SIZE(functions))];

	s->name = "call";
	s->run.x[0] = function;
	s->run.x[1] = draw_value();
	if (!(function & BIT32(30)))
		s->run.x[1] &= UINT32_MAX;
	if (function == PSCI_FEATURES)
		s->run.x[1] = features[draw_below(ARRAY_SIZE(features))];
	s->run.x[2] = 0;
	emit(s, 0xd4000002);
}

void draw_barrier(struct step *s)
{
	static const uint32_t words[] = {
		0xd503309f, 0xd50330bf, 0xd50330df, 0xd503305f, /* DSB, DMB, ISB, CLREX */
		0xd503201f, 0xd503203f, 0xd503209f, 0xd50320bf, /* NOP, YIELD, SEV, SEVL */
	};
	uint32_t word = words[draw_below(ARRAY_SIZE(words))];

	s->name = "barrier";
	if ((word & 0xf000) == 0x3000)
		word |= (uint32_t)draw_below(16) << 8;
	emit(s, word);
	if (draw_one_in(8)) { /* An event is set, so WFE does not wait. */
		emit(s, 0xd50320bf);
		emit(s, 0xd503205f);
	}
}
