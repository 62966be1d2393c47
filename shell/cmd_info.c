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

static void print_row(const struct vm *vm)
{
	char uptime[32], affinity[24];
	struct vm_stats stats;
	struct rates r;

	vm_stats(vm, &stats);
	r = take_sample(vm, &stats);
	shell_printf("%2u  %-12s %-12s %-8s %5u %5lu MiB %4u  %-8s %4lu.%lu %8lu %9s %8u\n", vm->id,
		     vm->name, vm->desc.label, vm_state_name(vm->state), vm->nvcpus,
		     vm->ram.size / MIB(1), vm->desc.priority,
		     affinity_text(vm->desc.affinity, affinity, sizeof(affinity)),
		     r.cpu_permille / 10, r.cpu_permille % 10, r.exits_per_s,
		     uptime_text(vm, uptime, sizeof(uptime)), vm->restarts);
}

static void print_table(void)
{
	const struct vm *vm;
	bool any = false;

	for_each_vm(vm) {
		if (!any)
			shell_printf("ID  %-12s %-12s %-8s VCPUS    MEMORY PRIO  AFFINITY   CPU%%  "
				     "EXITS/S    UPTIME RESTARTS\n",
				     "NAME", "TYPE", "STATE");
		any = true;
		print_row(vm);
	}
	if (!any)
		shell_printf("no VMs; `zvm new -t TYPE` makes one\n");
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

	for (u32 kind = 0; kind < EXIT_KINDS; kind++)
		exits += v->exits[kind];
	shell_printf("  vcpu %u      %s, cpu %u, pc 0x%lx, ran %lu.%03lu s, %lu exits (", v->index,
		     power_text(v), v->cpu, arch_vcpu_pc(v), ms / 1000, ms % 1000, exits);
	for (u32 kind = 0; kind < EXIT_KINDS; kind++)
		shell_printf("%s%s %lu", kind ? ", " : "", exit_names[kind], v->exits[kind]);
	shell_printf(")\n");
}

static void print_regions(const struct mmio_bus *bus)
{
	char size[24];

	for (u32 i = 0; i < bus->count; i++) {
		const struct mmio_region *r = &bus->regions[i];

		shell_printf("  region      0x%08lx %8s  %s\n", r->base,
			     size_text(r->size, size, sizeof(size)), r->name);
	}
}

static void print_devices(struct vm *vm)
{
	char text[160];

	for (u32 i = 0; i < vm->ndevices; i++) {
		struct vdev *d = &vm->devices[i];

		if (!d->class->info)
			continue;
		text[0] = '\0';
		d->class->info(d, text, sizeof(text));
		if (!text[0])
			continue;
		if (d->virtio)
			shell_printf("  %-12s%s, slot %u: %s\n", d->virtio->name, d->class->name,
				     d->virtio->slot, text);
		else
			shell_printf("  %-12s%s\n", d->class->name, text);
	}
}

static void print_images(const struct vm *vm)
{
	const struct load_plan *p = &vm->plan;

	shell_printf("  image       %s, entry 0x%lx, 0x%lx..0x%lx\n", format_names[p->format],
		     p->entry, p->kernel_base, p->kernel_end);
	if (p->initrd_size)
		shell_printf("  initrd      0x%lx..0x%lx\n", p->initrd_base,
			     p->initrd_base + p->initrd_size);
	shell_printf("  devicetree  0x%lx\n", p->dtb_base);
	if (vm->desc.bootargs[0])
		shell_printf("  bootargs    %s\n", vm->desc.bootargs);
}

static void print_console(struct console *c)
{
	const char *port = console_port_name(c->port);

	shell_printf("  console     %lu bytes written, ", console_head(c));
	if (port)
		shell_printf("port %d (%s)\n", c->port, port);
	else
		shell_printf("no port\n");
}

static void print_windows(const struct vm *vm)
{
	for (u32 cpu = 0; cpu < SCHEDULE_CPUS; cpu++) {
		const struct schedule_cpu *c = schedule_of_cpu(schedule_now(), cpu);
		bool any = false;

		for (u32 i = 0; i < c->count; i++) {
			if (!str_eq(c->windows[i].vm, vm->name))
				continue;
			if (!any)
				shell_printf("  windows     cpu %u: ", cpu);
			shell_printf("%s%lu+%lu", any ? ", " : "", c->windows[i].offset_us,
				     c->windows[i].length_us);
			any = true;
		}
		if (any)
			shell_printf(" us of each %lu us\n", c->frame_us);
	}
}

static void print_sched(const struct vm *vm)
{
	const struct vm_desc *d = &vm->desc;
	struct vm_budget_stats s;

	print_windows(vm);
	if (d->fifo || d->priority >= PRIO_DEFAULT)
		shell_printf("  turns       %s, weight %u\n", d->fifo ? "fifo" : "round-robin",
			     d->weight);
	if (!d->budget_us)
		return;
	vm_budget_stats(vm, &s);
	shell_printf(
		"  budget      %lu us of %lu us, each vcpu; throttled %lu times, missed %lu periods\n",
		d->budget_us, d->period_us, s.throttled, s.missed);
}

static void print_memory(const struct vm_ram *ram, u64 overhead)
{
	for (u32 i = 0; i < ram->map.count; i++)
		shell_printf("%s%lu MiB at 0x%lx", i ? ", " : "  memory      ",
			     ram->map.banks[i].size / MIB(1), ram->map.banks[i].base);
	shell_printf(", and %lu KiB of overhead\n  touched     %lu MiB of it\n", overhead / KIB(1),
		     ram->present * BLOCK_SIZE / MIB(1));
}

static void print_vm(struct vm *vm)
{
	char uptime[32], affinity[24];
	struct vm_stats stats;
	struct rates r;
	struct vcpu *v;

	vm_stats(vm, &stats);
	r = take_sample(vm, &stats);
	shell_printf("vm %u '%s': %s\n", vm->id, vm->name, vm_state_name(vm->state));
	shell_printf("  type        %s, %s\n", vm->desc.label, vm->type->file);
	print_memory(&vm->ram, stats.overhead_bytes);
	shell_printf(
		"  cpus        %u, priority %u, affinity %s%s, %lu.%lu %% of a CPU, %lu exits/s\n",
		vm->nvcpus, vm->desc.priority,
		affinity_text(vm->desc.affinity, affinity, sizeof(affinity)),
		vm->desc.dedicated ? ", dedicated" : "", r.cpu_permille / 10, r.cpu_permille % 10,
		r.exits_per_s);
	print_sched(vm);
	shell_printf("  uptime      %s, %u restarts, restarted %s",
		     uptime_text(vm, uptime, sizeof(uptime)), vm->restarts,
		     restart_names[vm->desc.restart]);
	if (vm->restart_at > arch_counter())
		shell_printf(", in %lu s",
			     ticks_to_us(vm->restart_at - arch_counter()) / 1000000 + 1);
	shell_printf("\n");
	if (vm->desc.hang_timeout_ms)
		shell_printf("  hangs       if interrupts are masked for %u ms\n",
			     vm->desc.hang_timeout_ms);
	print_images(vm);
	print_console(&vm->console);
	for_each_vcpu(v, vm)
		print_vcpu(v);
	print_devices(vm);
	print_regions(&vm->bus);
	if (vm->note[0])
		shell_printf("  note        %s\n", vm->note);
	if (vm->crash[0])
		shell_printf("  %-12s%s\n",
			     vm->state == VM_CRASHED || vm->load_result ? "crash" : "last crash",
			     vm->crash);
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

static void print_type(const struct vm_type *t)
{
	const struct image_ref *kernel = &t->desc.kernel;

	if (!t->valid) {
		shell_printf("%-12s cannot be created: %s\n", t->desc.label, t->error.text);
		return;
	}
	shell_printf("%-12s %5u %5lu MiB %4u  ", t->desc.label, t->desc.cpus,
		     ram_map_size(&t->desc.ram) / MIB(1), t->desc.priority);
	if (t->desc.firmware.path[0])
		shell_printf("%s", t->desc.firmware.path);
	else if (kernel->path[0])
		shell_printf("%s", kernel->path);
	else
		shell_printf("preloaded at 0x%lx", kernel->pa.pa);
	shell_printf(t->desc.firmware.path[0] || kernel->path[0] ? " (%s)\n" : " %s\n", t->file);
}

void cmd_zvm_list(const struct args *a __unused)
{
	char note[sizeof(struct desc_error)];
	u32 at = 0;

	if (vm_type_count == 0) {
		print_types();
		return;
	}
	shell_printf("%-12s VCPUS    MEMORY PRIO  IMAGE (DESCRIPTION)\n", "TYPE");
	for (u32 i = 0; i < vm_type_count; i++)
		print_type(vm_types[i]);
	if (the_bundle.base && the_bundle.problem[0])
		shell_printf("%s\n", the_bundle.problem);
	shell_vmm_lock();
	while (schedule_next_note(&at, note, sizeof(note)))
		shell_printf("%s\n", note);
	shell_vmm_unlock();
}
