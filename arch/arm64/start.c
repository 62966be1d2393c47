/* SPDX-License-Identifier: Apache-2.0 */
/* First C code: from the boot tables to the final ones, then kernel_main(). */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <asm/boot.h>
#include <asm/gicv2.h>
#include <asm/layout.h>
#include <asm/sysreg.h>
#include <drivers/host.h>
#include <drivers/uart.h>
#include <kernel/early.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/percpu.h>
#include <kernel/ram.h>

#define EMERGENCY_STACK KIB(4)

#define BLOCK_DEVICE 0x401ULL /* valid block, MAIR 0, accessed */
#define BLOCK_AP1    BIT(6)

__noreturn void arch_start(u64 fdt_pa, u64 el, u64 image_pa);
__noreturn void arch_secondary_start(struct percpu *cpu);

extern u64 boot_va_l2[];
extern char __image_end[];

static u8 emergency_stack[EMERGENCY_STACK] __aligned(16); /* the boot CPU's */

/* Uses the boot tables, so that the reason of a refusal can be printed on any machine. */
static void early_uart(u64 el, const struct phys_range *uart)
{
	boot_va_l2[(BOOT_UART_VA - KIMAGE_VA) / MIB(2)] = ALIGN_DOWN(uart->base.pa, MIB(2)) |
							  BLOCK_DEVICE | (el == 1 ? 0 : BLOCK_AP1);
	dsb(sy);
	isb();
	uart_early_init((volatile void *)(BOOT_UART_VA + uart->base.pa % MIB(2)));
}

/* Any exception level: there is no per-CPU data and no time stamp yet. */
static __noreturn void refuse(const char *a, const char *b)
{
	const char *parts[] = { "ZVM cannot run here: ", a, b, "\n" };

	for (u32 i = 0; log_putc && i < ARRAY_SIZE(parts); i++)
		for (const char *p = parts[i]; *p; p++) {
			if (*p == '\n')
				log_putc('\r');
			log_putc(*p);
		}
	arch_halt();
}

static __noreturn void refuse_tree(u64 el, const void *fdt, u64 size, const char *why)
{
	struct phys_range uart;

	if (uart_find_in_broken(fdt, size, &uart) == 0)
		early_uart(el, &uart);
	refuse("the devicetree ", why);
}

static void check_machine(u64 el)
{
	bool gicv3 = host_fdt_find("arm,gic-v3", -1) >= 0;

	if (el_refusal(el))
		refuse(el_refusal(el), "");
	if (!gicv3 && gicv2_node() < 0)
		refuse("the devicetree has no usable interrupt controller: arm,gic-v3, or arm,gic-400 with all four entries of reg",
		       "");
	if (host_fdt_find("arm,armv8-timer", -1) < 0)
		refuse("the devicetree has no arm,armv8-timer", "");
	if (cpu_missing_feature(gicv3))
		refuse("the CPU lacks ", cpu_missing_feature(gicv3));
}

static void set_up_memory(struct phys_range image, struct phys_range fdt)
{
	const char *why = host_ram_init(arch_ram_limit());

	if (!why && (!ram_take(image, RAM_IMAGE) || !ram_take(fdt, RAM_TREE) ||
		     !mmu_init(image.base.pa, fdt)))
		why = HOST_RAM_TOO_MANY;
	if (why)
		refuse(why, "");
}

void arch_start(u64 fdt_pa, u64 el, u64 image_pa)
{
	const u64 fdt_at = fdt_pa % MIB(2);
	const struct phys_range image = { PADDR(image_pa), KIMAGE_BYTES };
	struct phys_range fdt, uart = { 0 };
	const char *why;

	if (el != 1)
		write_sysreg(cptr_el2,
			     CPTR_RES1 | CPTR_TZ |
				     CPTR_TSM); /* libfdt may use SIMD: no thread owns it yet */
	early_init(__image_end, PANIC_PAGE_VA - (u64)__image_end);
	if (!fdt_pa)
		arch_halt(); /* without a devicetree there is no UART to report on */
	why = host_fdt_init((const void *)(FDT_VA + fdt_at), FDT_BYTES - fdt_at);
	if (why)
		refuse_tree(el, (const void *)(FDT_VA + fdt_at), FDT_BYTES - fdt_at, why);
	if (uart_find(&uart) == 0)
		early_uart(el, &uart);
	check_machine(el);

	arch_set_percpu(&percpus[0]);
	percpus[0].hwid = arch_cpu_hwid();
	percpus[0].arch.emergency_sp = (u64)(emergency_stack + EMERGENCY_STACK);
	trap_init_cpu();
	fdt = (struct phys_range){ PADDR(fdt_pa), host_fdt_length };
	set_up_memory(image, fdt);
	log_putc = NULL; /* its mapping goes away with the boot tables */
	mmu_enable_final();
	if (uart.size)
		uart_early_init(arch_map_device(uart.base, uart.size));
	el_init_cpu();
	kernel_main();
}

void arch_secondary_start(struct percpu *cpu)
{
	arch_set_percpu(cpu);
	mmu_enable_final();
	trap_init_cpu();
	el_init_cpu();
	if (gic_init_cpu()) {
		log_err("cpu%u: no redistributor of its own", cpu->id);
		arch_halt();
	}
	gic_lower_init_cpu();
	guard_init_cpu();
	kernel_secondary_main(cpu->id);
}
