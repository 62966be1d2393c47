/* SPDX-License-Identifier: Apache-2.0 */
#include <arch/timer.h>
#include <kernel/timeout.h>
#include <lib/syndrome.h>
#include <vmm/core.h>
#include <vmm/debug.h>

#define SILENT_MS 3000

#define PSTATE_I BIT(7)
#define RAM_BASE 0x40000000

/* ---- what lies there ---- */

/* What QEMU's `virt` has up to there, and a VM may lack. What it has is on its bus. */
static const struct {
	u32 end;
	const char *what;
} missing[] = {
	{ 0x08010000, "no device" },           { 0x08020000, "no GICv2 CPU interface" },
	{ 0x09040000, "no device" },           { 0x09050000, "no second UART" },
	{ 0x09070000, "no watchdog or SMMU" }, { RAM_BASE, "no device" },
};

static bool is_ram(const struct vm *vm, u64 ipa)
{
	return ipa != VCPU_NO_IPA && ram_map_holds(&vm->ram.map, ipa, 1);
}

const char *explain_place(const struct vm *vm, u64 ipa)
{
	if (ipa == VCPU_NO_IPA)
		return "not in its tables";
	if (is_ram(vm, ipa))
		return "RAM";
	for (u32 i = 0; i < vm->bus.count; i++)
		if (ipa - vm->bus.regions[i].base < vm->bus.regions[i].size)
			return vm->bus.regions[i].name;
	for (u32 i = 0; i < ARRAY_SIZE(missing); i++)
		if (ipa < missing[i].end)
			return missing[i].what;
	return "no RAM";
}

/* ---- typical causes ---- */

enum cause {
	NO_VECTORS,
	BAD_STACK,
	NULL_CALL,
	NULL_ACCESS,
	NO_CODE,
	NO_RAM,
	NO_DEVICE,
	UNALIGNED,
	OWN_TABLES,
	REGISTER,
	INSTRUCTION,
	NO_FP,
	NO_LEVEL,
	ODD_STACK,
	ASSERTION,
	WAITS_FOR_NOTHING,
	WAITS,
	MASKED,
	SILENT,
	UNKNOWN,
};

#define AT_ELR  "see the code at ELR"
#define CONSOLE "use the PL011 at 0x9000000; Linux: console=ttyAMA0"

static const struct explanation explanations[] = {
	[NO_VECTORS] = { "an exception, and no vectors at VBAR_EL1",
			 "set VBAR_EL1 first; LR: the last call" },
	[BAD_STACK] = { "its stack is not in RAM: never set, or overflowed",
			"compare SP with `memory`" },
	[NULL_CALL] = { "a call of a null pointer", "LR: that call" },
	[NULL_ACCESS] = { "an access by a null pointer", AT_ELR },
	[NO_CODE] = { "it executes where no code is",
		      "is it linked for `memory`? LR: the last call" },
	[NO_RAM] = { "an access outside of its RAM", "zvm new -m, or `memory`" },
	[NO_DEVICE] = { "an access to a missing device", "`region` is what there is" },
	[UNALIGNED] = { "an unaligned access, MMU off or to a device",
			"turn the MMU on, or build with -mstrict-align" },
	[OWN_TABLES] = { "its own tables forbid the access", AT_ELR },
	[REGISTER] = { "a register that it does not have at EL1", AT_ELR },
	[INSTRUCTION] = { "an instruction that it does not have",
			  "build for armv8-a; SVE, SME, MTE are hidden" },
	[NO_FP] = { "FP or SIMD, which CPACR_EL1 forbids",
		    "set CPACR_EL1.FPEN, or build with -mgeneral-regs-only" },
	[NO_LEVEL] = { "ERET to an illegal state", "a VM has EL1 and EL0 only" },
	[ODD_STACK] = { "SP is not a multiple of 16", AT_ELR },
	[ASSERTION] = { "BRK, often an assertion", AT_ELR },
	[WAITS_FOR_NOTHING] = { "it waits (WFI), and no timer is set",
				"set one, and enable INTID 27 or 30" },
	[WAITS] = { "it waits for interrupts", CONSOLE },
	[MASKED] = { "it executes with interrupts masked", "see the code at PC" },
	[SILENT] = { "it executes", CONSOLE },
};

bool explain_exception(const struct vcpu_facts *f, struct vcpu_exception *x)
{
	const bool given = f->given.esr;

	x->e = given ? f->given : f->last;
	x->ipa = given ? f->given_ipa : f->last_ipa;
	return given || (f->lost && (f->last.esr || f->last.elr));
}

static enum cause of_abort(const struct vm *vm, const struct vcpu_facts *f,
			   const struct vcpu_exception *x)
{
	const u64 far = x->e.far;
	const bool fetch = syndrome_is_fetch(x->e.esr), ram = is_ram(vm, x->ipa);

	if (fetch && far - f->vbar < 0x800)
		return NO_VECTORS;
	if (!fetch && !ram && far - f->sp + KIB(4) < KIB(8))
		return BAD_STACK;
	if (far < KIB(4))
		return fetch ? NULL_CALL : NULL_ACCESS;
	if (fetch && !ram)
		return NO_CODE;
	if (SYNDROME_FAULT(x->e.esr) == 0x21)
		return UNALIGNED;
	if (!syndrome_is_external(x->e.esr) || ram)
		return OWN_TABLES;
	return x->ipa < RAM_BASE ? NO_DEVICE : NO_RAM;
}

static enum cause of_exception(const struct vm *vm, const struct vcpu_facts *f,
			       const struct vcpu_exception *x)
{
	switch (SYNDROME_CLASS(x->e.esr)) {
	case 0x00:
		if (!x->e.esr) /* no synchronous exception */
			return UNKNOWN;
		if (!f->insn || !~f->insn)
			return NO_CODE;
		/* MSR, MRS */
		return (f->insn & 0xffd00000) == 0xd5100000 ? REGISTER : INSTRUCTION;
	case 0x07:
		return NO_FP;
	case 0x0e:
		return NO_LEVEL;
	case 0x18:
		return REGISTER;
	case 0x26:
		return ODD_STACK;
	case 0x3c:
		return ASSERTION;
	case 0x20 ... 0x21:
	case 0x24 ... 0x25:
		return of_abort(vm, f, x);
	default:
		return UNKNOWN;
	}
}

const struct explanation *explain_cause(const struct vm *vm, const struct vcpu_facts *f)
{
	struct vcpu_exception x;
	enum cause c;

	if (explain_exception(f, &x) && !f->waits)
		c = of_exception(vm, f, &x);
	else if (f->waits)
		c = f->timers ? WAITS : WAITS_FOR_NOTHING;
	else
		c = f->pstate & PSTATE_I ? MASKED : SILENT;
	return c == UNKNOWN ? NULL : &explanations[c];
}

bool explain_is_silent(struct vm *vm)
{
	return vm->state == VM_RUNNING && !console_head(&vm->console) &&
	       arch_counter() - vm->started_at > ms_to_ticks(SILENT_MS);
}
