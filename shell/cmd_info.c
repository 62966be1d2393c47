/* SPDX-License-Identifier: Apache-2.0 */
/* `zvm info` and `zvm list`. */
#include <arch/timer.h>
#include <kernel/timeout.h>
#include <lib/string.h>
#include <vmm/desc.h>
#include <vmm/life.h>
#include <vmm/place.h>
#include <vmm/port.h>
#include "shell.h"
#include "table.h"

/* ---- figures ---- */

struct rates {
	u64 cpu_permille; /* per mille of one CPU */
	u64 exits_per_s;
};

/* The counters when a VM was last shown. Shares are computed since then. */
struct sample {
	u64 created_at; /* tells VMs apart: another VM may have taken the id */
	u64 when, ticks, exits;
	struct rates rates;
};

static struct sample samples[MAX_VMS];

/* Two looks closer together than this show the same figures. */
#define SAMPLE_MS 500

/* Stands in for the look before the first one: the VM's start. */
static struct sample at_start(const struct vm *vm)
{
	return (struct sample){ .created_at = vm->created_at,
				.when = vm->started_at,
				.ticks = vm->ticks_at_start,
				.exits = vm->exits_at_start };
}

static struct rates take_sample(const struct vm *vm, const struct vm_stats *s)
{
	struct sample *old = &samples[vm->id];
	struct sample now = { .created_at = vm->created_at, .exits = s->exits };
	bool first = old->created_at != vm->created_at;
	const struct vcpu *v;
	u64 passed;

	if (!vm->started_at)
		return now.rates;
	if (first)
		*old = at_start(vm);
	now.when = arch_counter();
	for_each_vcpu(v, vm)
		now.ticks += thread_ticks(&v->thread);
	passed = MAX(now.when - old->when, 1);
	if (!first && passed < ms_to_ticks(SAMPLE_MS))
		return old->rates;
	/* thread_ticks() is not exact: it may be off by one turn, up or down. */
	now.ticks = MAX(now.ticks, old->ticks);
	now.rates.cpu_permille = MIN((now.ticks - old->ticks) * 1000 / passed, 1000UL * vm->nvcpus);
	now.rates.exits_per_s = (now.exits - old->exits) * arch_counter_hz() / passed;
	*old = now;
	return now.rates;
}

/* "3d 04:05:06", or "-" for a VM that is not running. */
static const char *uptime_text(const struct vm *vm, char *buf, size_t size)
{
	u64 s = (arch_counter() - vm->started_at) / arch_counter_hz();

	if (vm->state != VM_RUNNING && vm->state != VM_PAUSED)
		return "-";
	if (s >= 86400)
		snprintf(buf, size, "%lud %02lu:%02lu:%02lu", s / 86400, s / 3600 % 24, s / 60 % 60,
			 s % 60);
	else
		snprintf(buf, size, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
	return buf;
}

static const char *affinity_text(u64 mask, char *buf, size_t size)
{
	if (!mask)
		return "any";
	snprintf(buf, size, "0x%lx", mask);
	return buf;
}

/* ---- the table ---- */

static const struct column vm_columns[] = {
	{ "id", "ID", "", 2 },
	{ "name", "NAME", "  ", -12 },
	{ "type", "TYPE", " ", -12 },
	{ "state", "STATE", " ", -8 },
	{ "vcpus", "VCPUS", " ", 5 },
	{ "memory_mib", "MEMORY", " ", 9 },
	{ "priority", "PRIO", " ", 4 },
	{ "affinity", "AFFINITY", "  ", -8 },
	{ "cpu_percent", "CPU%", " ", 6 },
	{ "exits_per_s", "EXITS/S", " ", 8 },
	{ "uptime", "UPTIME", " ", 9 },
	{ "restarts", "RESTARTS", " ", 8 },
	{ "port", NULL, NULL, 0 },
};
static const struct table vms = { "vms", TABLE_COLUMNS(vm_columns) };

static void put_mib(u64 bytes)
{
	char words[32], value[24];

	(void)snprintf(words, sizeof(words), "%lu MiB", bytes / MIB(1));
	(void)snprintf(value, sizeof(value), "%lu", bytes / MIB(1));
	table_cell(words, value);
}

static void print_row(const struct vm *vm)
{
	char uptime[32], affinity[24];
	struct vm_stats stats;
	struct rates r;

	vm_stats(vm, &stats);
	r = take_sample(vm, &stats);
	table_number(vm->id);
	table_string(vm->name);
	table_string(vm->desc.label);
	table_string(vm_state_name(vm->state));
	table_number(vm->nvcpus);
	put_mib(vm->ram.size);
	table_number(vm->desc.priority);
	table_string(affinity_text(vm->desc.affinity, affinity, sizeof(affinity)));
	table_decimal(r.cpu_permille, 1);
	table_number(r.exits_per_s);
	table_string(uptime_text(vm, uptime, sizeof(uptime)));
	table_number(vm->restarts);
	if (vm->console.port < 0)
		table_none("");
	else
		table_number((u64)vm->console.port);
	table_row_end();
}

static void print_table(void)
{
	const struct vm *vm;
	bool any = false;

	for_each_vm(vm)
		any |= may_control(vm->desc.label);
	if (!any)
		shell_printf("no VMs; `zvm new -t TYPE` makes one\n");
	if (!any && !json_is_on())
		return;
	table_begin(&vms);
	for_each_vm(vm)
		if (may_control(vm->desc.label))
			print_row(vm);
	table_end();
}

/* ---- one VM ---- */

static const char *const exit_names[] = {
	[EXIT_IRQ] = "irq",       [EXIT_WFX] = "wfx",   [EXIT_HVC] = "hvc", [EXIT_SMC] = "smc",
	[EXIT_SYSREG] = "sysreg", [EXIT_MMIO] = "mmio", [EXIT_FP] = "fp",   [EXIT_FAULT] = "fault",
};
_Static_assert(ARRAY_SIZE(exit_names) == EXIT_KINDS, "each kind has a name");

static const char *const format_names[] = {
	[IMAGE_LINUX] = "Linux Image",
	[IMAGE_ELF] = "ELF",
	[IMAGE_RAW] = "raw",
	[IMAGE_FIRMWARE] = "firmware",
};

static const char *const restart_names[] = {
	[RESTART_NEVER] = "never",
	[RESTART_ON_FAILURE] = "on-failure",
	[RESTART_ALWAYS] = "always",
};

static const char *power_text(const struct vcpu *v)
{
	if (v->power == VCPU_OFF)
		return "off";
	if (v->parked)
		return "parked";
	return v->waits ? "wfi" : "on";
}

static void print_vcpu(struct vcpu *v)
{
	u64 exits = 0, ms = ticks_to_us(thread_ticks(&v->thread)) / 1000;
	char name[16];

	for (u32 kind = 0; kind < EXIT_KINDS; kind++)
		exits += v->exits[kind];
	(void)snprintf(name, sizeof(name), "vcpu %u", v->index);
	fact_open(name);
	table_add("%s, cpu %u, pc 0x%lx, ran %lu.%03lu s, %lu exits (", power_text(v), v->cpu,
		  arch_vcpu_pc(v), ms / 1000, ms % 1000, exits);
	for (u32 kind = 0; kind < EXIT_KINDS; kind++)
		table_add("%s%s %lu", kind ? ", " : "", exit_names[kind], v->exits[kind]);
	table_add(")");
	fact_close();
}

static void print_regions(const struct mmio_bus *bus)
{
	char size[24];

	for (u32 i = 0; i < bus->count; i++) {
		const struct mmio_region *r = &bus->regions[i];

		fact("region", "0x%08lx %8s  %s", r->base, size_text(r->size, size, sizeof(size)),
		     r->name);
	}
}

static void print_devices(struct vm *vm)
{
	char text[256];

	for (u32 i = 0; i < vm->ndevices; i++) {
		struct vdev *d = &vm->devices[i];

		if (!d->class->info)
			continue;
		text[0] = '\0';
		d->class->info(d, text, sizeof(text));
		if (!text[0])
			continue;
		if (d->virtio)
			fact(d->virtio->name, "%s, slot %u: %s", d->class->name, d->virtio->slot,
			     text);
		else if (d->channel)
			fact(d->channel->name, "%s, %s", d->class->name, text);
		else
			fact(d->class->name, "%s", text);
	}
}

static const char *device_name(const struct vdev *d)
{
	if (d->channel)
		return d->channel->name;
	return d->virtio ? d->virtio->name : d->class->name;
}

/* The machine's memory that devices have, beside the VM's overhead. */
static void print_device_memory(const struct vm *vm)
{
	u64 all = 0;

	for (u32 i = 0; i < vm->ndevices; i++) {
		const struct vdev *d = &vm->devices[i];
		const u64 bytes = d->class->memory ? d->class->memory(d) : 0;

		if (!bytes)
			continue;
		if (!all)
			fact_open("devices");
		table_add("%s%s %lu KiB", all ? ", " : "", device_name(d), bytes / KIB(1));
		all += bytes;
	}
	if (!all)
		return;
	table_add(": %lu KiB of memory", all / KIB(1));
	fact_close();
}

static void print_images(const struct vm *vm)
{
	const struct load_plan *p = &vm->plan;

	fact("image", "%s, entry 0x%lx, 0x%lx..0x%lx%s", format_names[p->format], p->entry,
	     p->kernel_base, p->kernel_end, vm->loaded_image ? ", loaded by a guest" : "");
	if (p->initrd_size)
		fact("initrd", "0x%lx..0x%lx", p->initrd_base, p->initrd_base + p->initrd_size);
	fact("devicetree", "0x%lx", p->dtb_base);
	if (vm->desc.bootargs[0])
		fact("bootargs", "%s", vm->desc.bootargs);
}

static void print_console(struct console *c)
{
	const char *port = console_port_name(c->port);

	fact_open("console");
	table_add("%lu bytes written, ", console_head(c));
	if (port)
		table_add("port %d (%s)", c->port, port);
	else
		table_add("no port");
	fact_close();
}

static void print_windows(const struct vm *vm)
{
	for (u32 cpu = 0; cpu < SCHEDULE_CPUS; cpu++) {
		const struct schedule_cpu *c = schedule_of_cpu(schedule_now(), cpu);
		bool any = false;

		for (u32 i = 0; i < c->count; i++) {
			if (!str_eq(c->windows[i].vm, vm->name))
				continue;
			if (!any) {
				fact_open("windows");
				table_add("cpu %u: ", cpu);
			}
			table_add("%s%lu+%lu", any ? ", " : "", c->windows[i].offset_us,
				  c->windows[i].length_us);
			any = true;
		}
		if (any) {
			table_add(" us of each %lu us", c->frame_us);
			fact_close();
		}
	}
}

static void print_sched(const struct vm *vm)
{
	const struct vm_desc *d = &vm->desc;
	struct vm_budget_stats s;

	print_windows(vm);
	if (d->fifo || d->priority >= PRIO_DEFAULT)
		fact("turns", "%s, weight %u", d->fifo ? "fifo" : "round-robin", d->weight);
	if (!d->budget_us)
		return;
	vm_budget_stats(vm, &s);
	fact("budget", "%lu us of %lu us, each vcpu; throttled %lu times, missed %lu periods",
	     d->budget_us, d->period_us, s.throttled, s.missed);
}

static void print_memory(const struct vm_ram *ram, u64 overhead)
{
	fact_open("memory");
	for (u32 i = 0; i < ram->map.count; i++)
		table_add("%s%lu MiB at 0x%lx", i ? ", " : "", ram->map.banks[i].size / MIB(1),
			  ram->map.banks[i].base);
	table_add(", and %lu KiB of overhead", overhead / KIB(1));
	fact_close();
	fact("touched", "%lu MiB of it", ram->present * BLOCK_SIZE / MIB(1));
	if (ram->pages)
		fact("reserved", "%lu MiB of it; mem=%lu", ram->allowed * BLOCK_SIZE / MIB(1),
		     ram->target * BLOCK_SIZE / MIB(1));
}

static void print_cpus(const struct vm *vm)
{
	char affinity[24];
	struct vm_stats stats;
	struct rates r;

	vm_stats(vm, &stats);
	r = take_sample(vm, &stats);
	fact("cpus", "%u, priority %u, affinity %s%s, %lu.%lu %% of a CPU, %lu exits/s", vm->nvcpus,
	     vm->desc.priority, affinity_text(vm->desc.affinity, affinity, sizeof(affinity)),
	     vm->desc.dedicated ? ", dedicated" : "", r.cpu_permille / 10, r.cpu_permille % 10,
	     r.exits_per_s);
}

static void print_uptime(const struct vm *vm)
{
	char uptime[32];

	fact_open("uptime");
	table_add("%s, %u restarts, restarted %s", uptime_text(vm, uptime, sizeof(uptime)),
		  vm->restarts, restart_names[vm->desc.restart]);
	if (vm->restart_at > arch_counter())
		table_add(", in %lu s", ticks_to_us(vm->restart_at - arch_counter()) / 1000000 + 1);
	fact_close();
}

static void print_facts(struct vm *vm)
{
	struct vm_stats stats;
	struct vcpu *v;

	vm_stats(vm, &stats);
	fact("type", "%s, %s", vm->desc.label, vm->type->file);
	print_memory(&vm->ram, stats.overhead_bytes);
	print_cpus(vm);
	print_sched(vm);
	print_uptime(vm);
	if (vm->desc.hang_timeout_ms)
		fact("hangs", "if interrupts are masked for %u ms", vm->desc.hang_timeout_ms);
	print_images(vm);
	print_console(&vm->console);
	for_each_vcpu(v, vm)
		print_vcpu(v);
	print_device_memory(vm);
	print_devices(vm);
	print_regions(&vm->bus);
	if (vm->note[0])
		fact("note", "%s", vm->note);
	if (vm->crash[0])
		fact(vm->state == VM_CRASHED || vm->load_result ? "crash" : "last crash", "%s",
		     vm->crash);
	print_explanation(vm);
}

/* As JSON it begins with its row of the table. */
static void print_vm(struct vm *vm)
{
	if (json_is_on()) {
		table_begin(&vms);
		print_row(vm);
		table_end();
	} else {
		shell_printf("vm %u '%s': %s\n", vm->id, vm->name, vm_state_name(vm->state));
	}
	table_begin(&shell_facts);
	print_facts(vm);
	table_end();
}

void cmd_zvm_info(const struct args *a)
{
	struct vm *vm;

	shell_vmm_lock();
	if (!option_value(a, "-n") && !a->operand) {
		print_table();
	} else {
		vm = vm_argument(a);
		if (vm)
			print_vm(vm);
	}
	shell_vmm_unlock();
}

/* ---- types ---- */

static const struct column type_columns[] = {
	{ "type", "TYPE", "", -12 },
	{ "vcpus", "VCPUS", " ", 5 },
	{ "memory_mib", "MEMORY", " ", 9 },
	{ "priority", "PRIO", " ", 4 },
	{ "image", "IMAGE (DESCRIPTION)", "  ", 0 },
	{ "problem", NULL, NULL, 0 },
};
static const struct table types = { "types", TABLE_COLUMNS(type_columns) };

static void put_image(const struct vm_type *t)
{
	const struct image_ref *kernel = &t->desc.kernel;

	if (t->desc.firmware.path[0])
		table_text("%s (%s)", t->desc.firmware.path, t->file);
	else if (kernel->path[0])
		table_text("%s (%s)", kernel->path, t->file);
	else
		table_text("preloaded at 0x%lx %s", kernel->pa.pa, t->file);
}

static void print_type(const struct vm_type *t)
{
	if (!t->valid && !json_is_on()) {
		shell_printf("%-12s cannot be created: %s\n", t->desc.label, t->error.text);
		return;
	}
	table_string(t->desc.label);
	table_number(t->desc.cpus);
	put_mib(ram_map_size(&t->desc.ram));
	table_number(t->desc.priority);
	put_image(t);
	if (t->valid)
		table_none("");
	else
		table_string(t->error.text);
	table_row_end();
}

void cmd_zvm_list(const struct args *a __unused)
{
	char note[sizeof(struct desc_error)];
	u32 at = 0;

	if (vm_type_count == 0) {
		print_types();
		if (!json_is_on())
			return;
	}
	table_begin(&types);
	for (u32 i = 0; i < vm_type_count; i++)
		if (may_control(vm_types[i]->desc.label))
			print_type(vm_types[i]);
	table_end();
	if (shell_io()->rights)
		return; /* the rest is about the bundle */
	if (the_bundle.base && the_bundle.problem[0])
		shell_printf("%s\n", the_bundle.problem);
	shell_vmm_lock();
	while (schedule_next_note(&at, note, sizeof(note)))
		shell_printf("%s\n", note);
	shell_vmm_unlock();
}
