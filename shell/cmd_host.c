/* SPDX-License-Identifier: Apache-2.0 */
/* `host`: the machine and what runs on it (the rest is in cmd_kernel.c). */
#include <arch/cpu.h>
#include <arch/guest.h>
#include <arch/irqchip.h>
#include <arch/timer.h>
#include <drivers/host.h>
#include <drivers/uart.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/masked.h>
#include <kernel/page.h>
#include <kernel/percpu.h>
#include <kernel/timeout.h>
#include <lib/bitmap.h>
#include <lib/string.h>
#include <lib/text.h>
#include <vmm/core.h>
#include <vmm/disk.h>
#include <vmm/port.h>
#include "shell.h"

static void host_version(const struct args *a __unused)
{
	shell_printf("ZVM %s, real-time hypervisor for AArch64, built with %s\n", ZVM_VERSION,
		     ZVM_COMPILER);
}

/* ---- info ---- */

/*
 * Year, month and day from the number of days since 1970-01-01 (Gregorian; eras of 400 years from
 * March 0000).
 */
static void civil_date(u64 days, u64 *year, u64 *month, u64 *day)
{
	u64 z = days + 719468, era = z / 146097, doe = z % 146097;
	u64 yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	u64 doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = yoe + era * 400 + (*month <= 2);
}

static void print_time(void)
{
	u64 up = arch_counter() / arch_counter_hz(), now, y, m, d;

	shell_printf("time      %lu s since power-on, counter %lu Hz", up, arch_counter_hz());
	if (host_wall_clock) {
		now = host_wall_clock();
		civil_date(now / 86400, &y, &m, &d);
		shell_printf(", %04lu-%02lu-%02lu %02lu:%02lu:%02lu UTC", y, m, d, now / 3600 % 24,
			     now / 60 % 60, now % 60);
	}
	shell_printf("\n");
}

/* The operator's UART, and the kind of each port for VMs' consoles. */
static void print_ports(void)
{
	const char *before = ":";
	u32 ports = 0;

	for (s32 port = 0; port < CONSOLE_MAX_PORTS; port++)
		ports += console_port_name(port) != NULL;
	shell_printf("console   %s here, %u ports for vms", uart_name(), ports);
	for (s32 port = 0; port < CONSOLE_MAX_PORTS; port++) {
		const char *name = console_port_name(port);

		if (name) {
			shell_printf("%s %d %s", before, port, name);
			before = ",";
		}
	}
	shell_printf("\n");
}

static void print_errata(void)
{
	const char *what;
	u64 cpus;

	for (u32 n = 0; arch_erratum(n, &what, &cpus); n++)
		if (cpus)
			shell_printf("errata    %s (cpus %#lx)\n", what, cpus);
}

static void host_info(const struct args *a)
{
	char model[128];
	struct page_stats mem;
	const struct vm *vm;
	u32 vms = 0;

	for_each_vm(vm)
		vms++;
	page_stats(&mem);
	host_version(a);
	text_print(model, sizeof(model), "%s", host_fdt_model());
	shell_printf("machine   %s\n", model);
	shell_printf("cpu       %u cpus, %s\n", word_weight(cpus_online_mask()),
		     arch_cpu_name(arch_cpu_midr()));
	print_errata();
	shell_printf("memory    %lu MiB, %lu MiB free\n", mem.total / MIB(1), mem.free / MIB(1));
	shell_printf("guests    %u vms of at most %u, %u types, %u-bit addresses\n", vms, MAX_VMS,
		     vm_type_count, stage2_ipa_bits());
	shell_printf("irqs      %u, %u list registers\n", arch_irq_count(), arch_vgic_lr_count());
	print_ports();
	print_time();
}

static void host_mem(const struct args *a __unused)
{
	struct page_stats s;

	page_stats(&s);
	shell_printf("total: %lu KiB\n", s.total / KIB(1));
	shell_printf("used: %lu KiB\n", (s.total - s.free) / KIB(1));
	shell_printf("free: %lu KiB\n", s.free / KIB(1));
	shell_printf("blocks of 2 MiB free: %lu\n", s.blocks_free);
	shell_printf("single pages used: %lu\n", s.pages_used);
	shell_printf("blocks that VMs have not touched yet: %lu\n", s.blocks_reserved);
	shell_printf("blocks cleared in advance: %lu, %lu to come, %lu so far\n", s.blocks_clean,
		     s.blocks_to_clean, s.cleaned);
	shell_printf("blocks taken by VMs: %lu clear, %lu cleared by themselves\n", s.given_clean,
		     s.given_dirty);
}

/* ---- disks ---- */

static void print_users(struct disk *d, u64 first, u64 sectors)
{
	const struct disk_range *r;

	for (u32 i = 0; (r = disk_user(d, first, sectors, i)) != NULL; i++)
		shell_printf("%s%s%s", i ? ", " : "", r->owner, r->writable ? "" : " (readonly)");
	shell_printf("\n");
}

static void print_part(void *arg, u32 number, const struct gpt_part *p)
{
	struct disk *d = arg;
	const u64 sectors = p->last - p->first + 1;
	char name[16], label[GPT_LABEL], size[24];

	(void)snprintf(name, sizeof(name), "%s%u", d->name, number);
	text_print(label, sizeof(label), "%s", p->label);
	shell_printf("%-8s%12s  %-24s", name, size_text(sectors * DISK_SECTOR, size, sizeof(size)),
		     label);
	print_users(d, p->first, sectors);
}

static void print_disk(struct disk *d)
{
	char serial[DISK_SERIAL + 1], size[24];
	const char *why;

	text_print(serial, sizeof(serial), "%s", d->serial);
	shell_printf("%-8s%12s  %-24s", d->name,
		     size_text(d->sectors * DISK_SECTOR, size, sizeof(size)), serial);
	print_users(d, 0, d->sectors);
	why = disk_partitions(d, print_part, d);
	if (d->readonly)
		shell_printf("        read-only\n");
	if (why)
		shell_printf("        %s\n", why);
}

/* A partition is in use if a VM has sectors of it. */
static void host_disks(const struct args *a __unused)
{
	struct disk *d;

	shell_vmm_lock();
	shell_printf("%-8s%12s  %-24s%s\n", "DISK", "SIZE", "SERIAL OR LABEL", "IN USE BY");
	for (u32 i = 0; (d = disk_get(i)) != NULL; i++)
		print_disk(d);
	shell_vmm_unlock();
}

static const struct command host_commands[] = {
	{ "info", NULL, "the machine in short", .run = host_info },
	{ "cpus", NULL, "its CPUs and what they run", .run = cmd_cpus },
	{ "mem", NULL, "memory, total and free", .run = host_mem },
	{ "disks", NULL, "its disks and their partitions, and which VMs use them",
	  .run = host_disks },
	{ "irq", NULL, "interrupts in use, and the longest times with interrupts masked",
	  .options = irq_options, .noptions = IRQ_OPTIONS, .run = cmd_irq },
	{ "threads", NULL, "all threads, vCPUs too", .run = cmd_threads },
	{ "locks", NULL, "how often CPUs waited for which lock, in builds that count it",
	  .run = cmd_locks },
	{ "log", NULL, "the kernel's log", .run = cmd_log },
	{ "version", NULL, "which ZVM this is", .run = host_version },
	{ "reboot", NULL, "restart the machine, VMs and all", .run = cmd_reboot },
};

const struct command host_command = {
	.name = "host",
	.summary = "the machine itself",
	.sub = host_commands,
	.nsub = ARRAY_SIZE(host_commands),
};
