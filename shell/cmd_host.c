/* SPDX-License-Identifier: Apache-2.0 */
/* `host`: the machine and what runs on it (the rest is in cmd_kernel.c). */
#include <arch/cpu.h>
#include <arch/guest.h>
#include <arch/irqchip.h>
#include <arch/mmu.h>
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
#include <lib/sha256.h>
#include <lib/string.h>
#include <lib/text.h>
#include <vmm/core.h>
#include <vmm/disk.h>
#include <vmm/port.h>
#include "shell.h"
#include "table.h"

/* Of what runs, not of what was built: computed when asked for. docs/release.md compares it. */
static void print_digest(void)
{
	struct sha256 s;
	u8 digest[SHA256_SIZE];
	size_t size;
	const void *image = arch_image_constant(&size);

	sha256_init(&s);
	sha256_update(&s, image, size);
	sha256_final(&s, digest);
	shell_printf("code      sha256 ");
	for (u32 i = 0; i < SHA256_SIZE; i++)
		shell_printf("%02x", digest[i]);
	shell_printf(" of the first %zu bytes of zvm_host.bin\n", size);
}

static void print_version(void)
{
	shell_printf("ZVM %s, real-time hypervisor for AArch64, built with %s\n", ZVM_VERSION,
		     ZVM_COMPILER);
}

static void host_version(const struct args *a __unused)
{
	print_version();
	print_digest();
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

/* The operator's UART, and the kind of each port. */
static void print_ports(void)
{
	const char *before = ":";
	u32 ports = 0;

	for (s32 port = 0; port < CONSOLE_MAX_PORTS; port++)
		ports += console_port_name(port) != NULL;
	shell_printf("console   %s here, %u ports", uart_name(), ports);
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

static void host_info(const struct args *a __unused)
{
	char model[128];
	struct page_stats mem;
	const struct vm *vm;
	u32 vms = 0;

	for_each_vm(vm)
		vms++;
	page_stats(&mem);
	print_version();
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

static const struct column memory_columns[] = {
	{ "total_kib", NULL, NULL, 0 },       { "free_kib", NULL, NULL, 0 },
	{ "blocks_free", NULL, NULL, 0 },     { "pages_used", NULL, NULL, 0 },
	{ "blocks_reserved", NULL, NULL, 0 }, { "blocks_clean", NULL, NULL, 0 },
	{ "blocks_to_clean", NULL, NULL, 0 }, { "cleaned", NULL, NULL, 0 },
	{ "given_clean", NULL, NULL, 0 },     { "given_dirty", NULL, NULL, 0 },
};
static const struct table memory = { "memory", TABLE_COLUMNS(memory_columns) };

static void put_memory(const struct page_stats *s)
{
	const u64 values[] = { s->total / KIB(1),  s->free / KIB(1),   s->blocks_free,
			       s->pages_used,      s->blocks_reserved, s->blocks_clean,
			       s->blocks_to_clean, s->cleaned,         s->given_clean,
			       s->given_dirty };

	_Static_assert(ARRAY_SIZE(values) == ARRAY_SIZE(memory_columns), "one each");
	table_begin(&memory);
	for (u32 i = 0; i < ARRAY_SIZE(values); i++)
		table_number(values[i]);
	table_row_end();
	table_end();
}

static void host_mem(const struct args *a __unused)
{
	struct page_stats s;

	page_stats(&s);
	if (json_is_on()) {
		put_memory(&s);
		return;
	}
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

static const struct column disk_columns[] = {
	{ "disk", "DISK", "", -8 },
	{ "bytes", "SIZE", "", 12 },
	{ "name", "SERIAL OR LABEL", "  ", -24 },
	{ "users", "IN USE BY", "", 0 },
	{ "readonly", NULL, NULL, 0 },
};
static const struct table disks = { "disks", TABLE_COLUMNS(disk_columns) };

static void put_size(u64 sectors)
{
	char words[24], value[24];

	(void)snprintf(value, sizeof(value), "%lu", sectors * DISK_SECTOR);
	table_cell(size_text(sectors * DISK_SECTOR, words, sizeof(words)), value);
}

static void put_users(struct disk *d, u64 first, u64 sectors)
{
	const struct disk_range *r;

	table_open();
	for (u32 i = 0; (r = disk_user(d, first, sectors, i)) != NULL; i++)
		table_add("%s%s%s", i ? ", " : "", r->owner, r->writable ? "" : " (readonly)");
	table_close();
}

static void print_part(void *arg, u32 number, const struct gpt_part *p)
{
	struct disk *d = arg;
	const u64 sectors = p->last - p->first + 1;
	char label[GPT_LABEL];

	text_print(label, sizeof(label), "%s", p->label);
	table_text("%s%u", d->name, number);
	put_size(sectors);
	table_string(label);
	put_users(d, p->first, sectors);
	table_row_end();
}

static void print_disk(struct disk *d)
{
	char serial[DISK_SERIAL + 1];
	const char *why;

	text_print(serial, sizeof(serial), "%s", d->serial);
	table_string(d->name);
	put_size(d->sectors);
	table_string(serial);
	put_users(d, 0, d->sectors);
	table_flag(d->readonly);
	table_row_end();
	why = disk_partitions(d, print_part, d);
	if (d->readonly && !json_is_on())
		shell_printf("        read-only\n");
	if (why)
		shell_printf("%-8s%s\n", json_is_on() ? d->name : "", why);
}

/* A partition is in use if a VM has sectors of it. */
static void host_disks(const struct args *a __unused)
{
	struct disk *d;

	shell_vmm_lock();
	table_begin(&disks);
	for (u32 i = 0; (d = disk_get(i)) != NULL; i++)
		print_disk(d);
	table_end();
	shell_vmm_unlock();
}

#define JSON_ONLY .options = json_options, .noptions = JSON_OPTIONS

static const struct command host_commands[] = {
	{ "info", NULL, "the machine in short", .run = host_info },
	{ "cpus", NULL, "its CPUs and what they run", JSON_ONLY, .run = cmd_cpus },
	{ "mem", NULL, "memory, total and free", JSON_ONLY, .run = host_mem },
	{ "disks", NULL, "its disks and their partitions, and which VMs use them", JSON_ONLY,
	  .run = host_disks },
	{ "irq", NULL, "interrupts in use, and the longest times with interrupts masked",
	  .options = irq_options, .noptions = IRQ_OPTIONS, .run = cmd_irq },
	{ "threads", NULL, "all threads, vCPUs too", JSON_ONLY, .run = cmd_threads },
	{ "locks", NULL, "how often CPUs waited for which lock, in builds that count it", JSON_ONLY,
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
