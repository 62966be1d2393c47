/* SPDX-License-Identifier: Apache-2.0 */
#include <lib/printf.h>
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

const char *syndrome_class(u64 esr)
{
	switch (SYNDROME_CLASS(esr)) {
	case 0x00:
		return "undefined instruction";
	case 0x01:
		return "WFI or WFE";
	case 0x07:
		return "FP or SIMD access";
	case 0x0d:
		return "branch target exception";
	case 0x0e:
		return "illegal execution state";
	case 0x15:
		return "SVC";
	case 0x16:
		return "HVC";
	case 0x17:
		return "SMC";
	case 0x18:
		return "system register access";
	case 0x19:
		return "SVE access";
	case 0x1c:
		return "pointer authentication failure";
	case 0x20:
	case 0x21:
		return "instruction abort";
	case 0x22:
		return "unaligned PC";
	case 0x24:
	case 0x25:
		return "data abort";
	case 0x26:
		return "unaligned SP";
	case 0x2f:
		return "SError";
	case 0x30:
	case 0x31:
		return "breakpoint";
	case 0x32:
	case 0x33:
		return "single step";
	case 0x34:
	case 0x35:
		return "watchpoint";
	case 0x3c:
		return "BRK instruction";
	default:
		return "exception";
	}
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
		"external abort of a table walk",
	};

	return status / 4 < ARRAY_SIZE(names) ? names[status / 4] : NULL;
}

static const char *other_fault(u32 status)
{
	switch (status) {
	case 0x10:
		return "external abort, nothing answers at this address";
	case 0x21:
		return "unaligned address";
	case 0x30:
		return "conflicting TLB entries";
	case 0x35:
		return "exclusive or atomic access to memory that has none";
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
