/* SPDX-License-Identifier: Apache-2.0 */
/* Names, registers and backtraces in readable form. */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <asm/boot.h>
#include <asm/layout.h>
#include <asm/trap.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <lib/printf.h>
#include <lib/syndrome.h>

#define BACKTRACE_MAX 24

/* What an address of ours is part of (layout.h). */
static const char *place_name(u64 va)
{
	if (va < PAGE_SIZE)
		return "a null pointer";
	if (va >= LINEAR_VA)
		return va < LINEAR_VA + arch_ram_limit() ? "RAM" : "no place of ours";
	if (va >= STACK_VA)
		return va & STACK_BYTES ? "a thread's stack" : "below a stack";
	if (va >= IO_VA)
		return "devices";
	return va >= KIMAGE_VA ? "the image" : "no place of ours";
}

void report_frame(const struct trap_frame *f, u64 esr, u64 far)
{
	char text[96];

	syndrome_text(esr, text, sizeof(text));
	log_err("%s", text);
	log_err("ESR %08lx  FAR %016lx (%s)  PC %016lx (%s)  PSTATE %08lx", esr, far,
		place_name(far), f->elr, place_name(f->elr), f->spsr);
	for (u32 i = 0; i < 30; i += 3)
		log_err("x%-2u %016lx  x%-2u %016lx  x%-2u %016lx", i, f->x[i], i + 1, f->x[i + 1],
			i + 2, f->x[i + 2]);
	log_err("x30 %016lx  sp %016lx", f->x[30], (u64)f + FRAME_SIZE);
	arch_backtrace(f->x[29]);
}

/* True if a frame record can be read: it is aligned and lies in a kernel stack or in the image. */
static bool plausible(u64 fp)
{
	bool in_stack = fp >= STACK_VA && fp < STACK_VA + GIB(1) && (fp & STACK_BYTES);
	bool in_image = fp >= KIMAGE_VA && fp < KIMAGE_VA + MIB(2);

	return (in_stack || in_image) && (fp & 15) == 0;
}

void arch_backtrace(u64 fp)
{
	if (!fp)
		fp = (u64)__builtin_frame_address(0);
	for (u32 i = 0; i < BACKTRACE_MAX && plausible(fp); i++) {
		const u64 *record = (const u64 *)fp;

		log_err("  #%u %016lx", i, record[1] - 4);
		if (record[0] <= fp) /* records lead to older, higher frames */
			break;
		fp = record[0];
	}
}

void *arch_panic_page(void)
{
	return (void *)PANIC_PAGE_VA;
}

const char *arch_cpu_name(u32 midr)
{
	static const struct {
		u32 part;
		const char *name;
	} parts[] = {
		{ 0xd03, "Cortex-A53" },  { 0xd04, "Cortex-A35" }, { 0xd05, "Cortex-A55" },
		{ 0xd07, "Cortex-A57" },  { 0xd08, "Cortex-A72" }, { 0xd09, "Cortex-A73" },
		{ 0xd0a, "Cortex-A75" },  { 0xd0b, "Cortex-A76" }, { 0xd0c, "Neoverse-N1" },
		{ 0xd40, "Neoverse-V1" }, { 0xd41, "Cortex-A78" }, { 0xd49, "Neoverse-N2" },
	};

	if (midr >> 24 == 0x41)
		for (u32 i = 0; i < ARRAY_SIZE(parts); i++)
			if (parts[i].part == FIELD(midr, 15, 4))
				return parts[i].name;
	return midr >> 24 == 0 ? "QEMU max" : "unknown";
}

const char *cpu_missing_feature(bool gicv3)
{
	u64 pfr0 = read_sysreg(id_aa64pfr0_el1);
	u64 mmfr0 = read_sysreg(id_aa64mmfr0_el1);

	if (FIELD(pfr0, 7, 4) == 0)
		return "AArch64 at EL1";
	if (gicv3 && FIELD(pfr0, 27, 24) == 0)
		return "GICv3 system registers";
	if (FIELD(mmfr0, 31, 28) == 0xf)
		return "4 KiB pages";
	return NULL;
}
