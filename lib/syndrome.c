/* SPDX-License-Identifier: Apache-2.0 */
#include <lib/printf.h>
#include <lib/string.h>
#include <lib/syndrome.h>

#define ISS_WNR BIT(6)

bool syndrome_is_fetch(u64 esr)
{
	return SYNDROME_CLASS(esr) == 0x20 || SYNDROME_CLASS(esr) == 0x21;
}

bool syndrome_is_data(u64 esr)
{
	return SYNDROME_CLASS(esr) == 0x24 || SYNDROME_CLASS(esr) == 0x25;
}

bool syndrome_is_external(u64 esr)
{
	return (syndrome_is_fetch(esr) || syndrome_is_data(esr)) && SYNDROME_FAULT(esr) == 0x10;
}

/* Each begins with its class + 1, and they ascend: a table of pointers would be twice as long. */
static const char classes[] = "\x01undefined instruction\0"
			      "\x02WFI or WFE\0"
			      "\x08"
			      "FP or SIMD access\0"
			      "\x0fillegal execution state\0"
			      "\x16SVC\0"
			      "\x17HVC\0"
			      "\x18SMC\0"
			      "\x19system register access\0"
			      "\x21instruction abort\0"
			      "\x22instruction abort\0"
			      "\x23unaligned PC\0"
			      "\x25"
			      "data abort\0"
			      "\x26"
			      "data abort\0"
			      "\x27unaligned SP\0"
			      "\x30SError\0"
			      "\x3d"
			      "BRK instruction\0";

const char *syndrome_class(u64 esr)
{
	for (const char *c = classes; *c; c += strlen(c) + 1)
		if ((u32)*c == SYNDROME_CLASS(esr) + 1)
			return c + 1;
	return "exception";
}

/* Faults that have a level, in their lowest two bits. */
static const char *level_fault(u32 status)
{
	static const char *const names[] = {
		"address size fault",
		"translation fault",
		"access flag fault",
		"permission fault",
		NULL,
		"external abort of a walk",
	};

	return status / 4 < ARRAY_SIZE(names) ? names[status / 4] : NULL;
}

static const char *other_fault(u32 status)
{
	switch (status) {
	case 0x10:
		return "external abort";
	case 0x21:
		return "unaligned address";
	case 0x30:
		return "conflicting TLB entries";
	case 0x35:
		return "atomic access to such memory";
	default:
		return "other fault";
	}
}

void syndrome_text(u64 esr, char *text, size_t size)
{
	const u32 status = SYNDROME_FAULT(esr);
	const char *access = syndrome_is_fetch(esr) ? ""
			     : esr & ISS_WNR        ? " of a store"
						    : " of a load";

	if (!syndrome_is_fetch(esr) && !syndrome_is_data(esr))
		(void)snprintf(text, size, "%s", syndrome_class(esr));
	else if (level_fault(status))
		(void)snprintf(text, size, "%s%s: %s, level %u", syndrome_class(esr), access,
			       level_fault(status), status % 4);
	else
		(void)snprintf(text, size, "%s%s: %s", syndrome_class(esr), access,
			       other_fault(status));
}
