/* SPDX-License-Identifier: Apache-2.0 */
/* The part of `zvm info VM` that explains why it failed, or why it says nothing. */
#include <lib/string.h>
#include <lib/syndrome.h>
#include <vmm/cpu.h>
#include <vmm/debug.h>
#include <vmm/life.h>
#include "shell.h"
#include "table.h"

/* " (symbol+0x10)", by the VM's image. */
static void add_symbol(const struct vm *vm, u64 address)
{
	char name[ELF_SYMBOL];
	u64 offset;

	if (elf_symbol(vm->kernel.data, vm->kernel.size, address, name, &offset))
		table_add(" (%s+0x%lx)", name, offset);
}

static void print_exception(const struct vm *vm, const struct vcpu_facts *f)
{
	struct vcpu_exception x;
	char text[96];

	if (!explain_exception(f, &x))
		return;
	syndrome_text(x.e.esr, text, sizeof(text));
	fact_open("exception");
	table_add("%s; ESR %lx, ELR %lx", text, x.e.esr, x.e.elr);
	add_symbol(vm, x.e.elr);
	if (syndrome_is_fetch(x.e.esr) || syndrome_is_data(x.e.esr))
		table_add(", FAR %lx, IPA %lx: %s", x.e.far, x.ipa, explain_place(vm, x.ipa));
	fact_close();
}

static void print_registers(const struct vm *vm, const struct vcpu_facts *f)
{
	fact_open("registers");
	table_add("vcpu %u: PC %lx", f->vcpu, f->pc);
	add_symbol(vm, f->pc);
	table_add(", LR %lx", f->link);
	add_symbol(vm, f->link);
	table_add(", SP %lx, PSTATE %lx, SCTLR %lx, VBAR %lx", f->sp, f->pstate, f->sctlr, f->vbar);
	fact_close();
}

/* "HVC at 40201234, ...": equal neighbours once. */
static void print_exits(const struct vcpu_facts *f)
{
	u32 same = 0;

	fact_open("last exits");
	for (u32 i = 0; i < GUEST_EXITS; i++) {
		const struct guest_exit *e = &f->exits[i], *next = e + 1;

		same++;
		if (!e->pc || (i + 1 < GUEST_EXITS && e->pc == next->pc && e->esr == next->esr))
			continue;
		if (i + 1 > same && f->exits[i - same].pc)
			table_add(", ");
		table_add("%s at %lx", syndrome_class(e->esr), e->pc);
		if (same > 1)
			table_add(" %ux", same);
		same = 0;
	}
	fact_close();
}

static void print_facts_of(const struct vm *vm, const struct vcpu_facts *f)
{
	const struct explanation *e = explain_cause(vm, f);

	if (e) {
		fact("why", "%s", e->why);
		fact("try", "%s", e->advice);
	}
	print_exception(vm, f);
	print_registers(vm, f);
	print_exits(f);
}

void print_explanation(struct vm *vm)
{
	struct vcpu_facts f;

	if (vm->crash[0] && vm->crashed.started_at && !vm->load_result) {
		print_facts_of(vm, &vm->crashed);
	} else if (explain_is_silent(vm)) {
		vcpu_look(vm->vcpus[0], &f);
		fact("silent", "nothing came at its console");
		print_facts_of(vm, &f);
	}
}
