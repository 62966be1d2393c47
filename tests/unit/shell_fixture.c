/* SPDX-License-Identifier: Apache-2.0 */
#include "shell_fixture.h"

#include <drivers/host.h>
#include <drivers/uart.h>
#include <lib/errno.h>
#include <string.h>
#include <vmm/debug.h>
#include <vmm/cpu.h>
#include <vmm/debug.h>
#include <vmm/life.h>
#include <vmm/place.h>
#include <vmm/virtio.h>

#include "../../shell/shell.h"

struct fake fake;
struct vcpu fake_vcpus[2];
struct vm fake_machines[3];

/* ---- the terminal ---- */

void uart_write(const void *data, size_t len)
{
	/* A terminal is slow: no other thread should wait for a lock meanwhile. */
	assert_int_equal(fake.locks, 0);
	assert_true(fake.output_len + len < sizeof(fake.output));
	memcpy(fake.output + fake.output_len, data, len);
	fake.output_len += len;
	fake.output[fake.output_len] = '\0';
	if (fake.on_write)
		fake.on_write(len);
}

int uart_poll(void)
{
	if (!*fake.keys || host_counter < fake.quiet_until)
		return -EAGAIN;
	if (*fake.keys != ' ')
		return (u8)*fake.keys++;
	fake.keys++;
	fake.quiet_until = host_counter + fake.quiet;
	if (fake.on_blank)
		fake.on_blank();
	fake_vcpus[0].thread.run_ticks += fake.step;
	fake_vcpus[0].exits[EXIT_HVC] += 25;
	return -EAGAIN;
}

u32 uart_waiting(u8 byte)
{
	const char *found = *fake.keys ? strchr(fake.keys, byte) : NULL;

	return found ? (u32)(found - fake.keys) + 1 : 0;
}

int uart_getc(u64 deadline)
{
	(void)deadline;
	return *fake.keys ? (u8)*fake.keys++ : -ETIMEDOUT;
}

void uart_set_notify(void (*fn)(void))
{
	(void)fn;
}

void uart_drain(void)
{
}

const char *uart_name(void)
{
	return "fake";
}

/* 2024-02-29 12:34:56 */
static u64 wall_clock(void)
{
	return 1709210096;
}

u64 (*host_wall_clock)(void) = wall_clock;

/* ---- core dumps: none is ever sent ---- */

int core_dump(struct vm *vm, s32 want, struct vm_error *err)
{
	(void)vm, (void)want;
	(void)snprintf(err->text, sizeof(err->text), "no port is free");
	return -ENOENT;
}

bool core_dump_end(void)
{
	return false;
}

struct core_dump_look core_dump_look(void)
{
	return (struct core_dump_look){ .name = "", .port = -1 };
}

const char *host_fdt_model(void)
{
	return "a board\nzvm_host:~# ";
}

int host_fdt_next(int node)
{
	return node + 1;
}

bool host_fdt_is(int node, const char *compatible)
{
	return node == 0 && fake.virt && strcmp(compatible, "linux,dummy-virt") == 0;
}

u32 host_fdt_option(const char *name)
{
	return fake.exact && strcmp(name, "clock.exact=") == 0;
}

/* ---- the VMs ---- */

static struct vm_type types[8];
struct vm_type *vm_types[MAX_TYPES];
u32 vm_type_count;

static struct vm *slots[MAX_VMS];

const struct vm_type *type_find(const char *name)
{
	for (u32 i = 0; i < vm_type_count; i++) {
		if (strcmp(vm_types[i]->desc.label, name) == 0)
			return vm_types[i];
	}
	return NULL;
}

struct vm *vm_by_id(u32 id)
{
	return id < MAX_VMS ? slots[id] : NULL;
}

struct vm *vm_next(u32 id)
{
	while (id < MAX_VMS && !slots[id])
		id++;
	return vm_by_id(id);
}

struct vm *vm_find(const char *name)
{
	for (u32 id = 0; id < MAX_VMS; id++) {
		if (slots[id] && (strcmp(slots[id]->name, name) == 0 ||
				  (name[0] == (char)('0' + id) && !name[1])))
			return slots[id];
	}
	return NULL;
}

void vmm_lock(void)
{
	fake.locks++;
}

void vmm_unlock(void)
{
	assert_true(fake.locks-- > 0);
	fake.slow -= fake.slow && !fake.locks;
}

const char *vm_state_name(enum vm_state s)
{
	static const char *const names[] = { "created", "running", "paused",
					     "stopped", "crashed", "loading" };

	return names[s];
}

void vm_stats(const struct vm *vm, struct vm_stats *s)
{
	memset(s, 0, sizeof(*s));
	for (u32 kind = 0; vm->nvcpus && kind < EXIT_KINDS; kind++)
		s->exits += vm->vcpus[0]->exits[kind];
	s->overhead_bytes = KIB(48);
}

void vm_stats_reset(struct vm *vm)
{
	assert_true(fake.locks > 0);
	memcpy(vm->vcpus[0]->exits_before, vm->vcpus[0]->exits, sizeof(vm->vcpus[0]->exits_before));
}

/* What a vCPU's thread is known by. */
const struct thread_hooks vcpu_hooks;

static int answer(struct vm *vm, enum vm_state state, struct vm_error *err)
{
	assert_true(fake.locks > 0);
	if (fake.slow)
		return -EAGAIN;
	if (fake.refusal)
		snprintf(err->text, sizeof(err->text), "vm %u '%s' refuses", vm->id, vm->name);
	else
		vm->state = state;
	return fake.refusal;
}

int vm_create(const struct vm_type *type, const struct vm_options *opt, struct vm **out,
	      struct vm_error *err)
{
	struct vm *vm = &fake_machines[2], *other = opt->name ? vm_find(opt->name) : NULL;

	if (other) {
		snprintf(err->text, sizeof(err->text), "a VM '%s' exists already, with id %u",
			 other->name, other->id);
		return -EEXIST;
	}
	fake.created++;
	fake.asked = *opt;
	if (opt->bootargs)
		snprintf(fake.keep_bootargs, sizeof(fake.keep_bootargs), "%s", opt->bootargs);
	memset(vm, 0, sizeof(*vm));
	console_init(&vm->console);
	vm->id = 2;
	vm->type = type;
	vm->desc = type->desc;
	vm->nvcpus = opt->cpus ? opt->cpus : type->desc.cpus;
	vm->ram.size = opt->memory ? opt->memory : ram_map_size(&type->desc.ram);
	snprintf(vm->name, sizeof(vm->name), "%s", opt->name ? opt->name : type->desc.label);
	*out = slots[2] = vm;
	return answer(vm, VM_CREATED, err);
}

int vm_run(struct vm *vm, struct vm_error *err)
{
	return answer(vm, VM_RUNNING, err);
}

int vm_pause(struct vm *vm, struct vm_error *err)
{
	return answer(vm, VM_PAUSED, err);
}

int vm_resume(struct vm *vm, struct vm_error *err)
{
	return answer(vm, VM_RUNNING, err);
}

int vm_stop(struct vm *vm, bool force, struct vm_error *err)
{
	fake.forced = force;
	return answer(vm, force ? VM_STOPPED : vm->state, err);
}

int vm_reset(struct vm *vm, struct vm_error *err)
{
	return answer(vm, VM_RUNNING, err);
}

int gdb_open(struct vm *vm, s32 want, struct vm_error *err)
{
	assert_true(fake.locks > 0 && vm->id < 3);
	(void)err;
	return MAX(want, 1);
}

int gdb_close(struct vm *vm, struct vm_error *err)
{
	assert_true(fake.locks > 0 && vm->id < 3);
	snprintf(err->text, sizeof(err->text), "gdb is not served");
	return -ENOENT;
}

void vm_load_patiently(struct vm *vm)
{
	assert_true(fake.locks > 0 && vm->id < 3);
	fake.patient++;
}

int vm_await(u32 id, u64 deadline, struct vm_error *err)
{
	assert_int_equal(fake.locks, 0);
	(void)id;
	(void)deadline;
	if (fake.loads > 0) {
		fake.loads--;
		return -ETIMEDOUT;
	}
	snprintf(err->text, sizeof(err->text), "images do not fit");
	return fake.load_result;
}

int vm_set(struct vm *vm, const struct vm_desc *want, const struct schedule_windows *windows,
	   struct vm_error *err)
{
	(void)vm;
	fake.set_to = *want;
	fake.windows_set = windows != NULL;
	if (windows)
		fake.windows_set_to = *windows;
	(void)snprintf(err->text, sizeof(err->text), "it does not fit");
	return want->weight == 7 ? -EBUSY : 0;
}

bool schedule_next_note(u32 *at, char *text, size_t size)
{
	snprintf(text, size, "schedule.dtb: what is wrong");
	return fake.bad_schedule && (*at)++ == 0;
}

const struct schedule *schedule_now(void)
{
	return NULL;
}

const struct schedule_cpu *schedule_of_cpu(const struct schedule *s __unused, u32 cpu)
{
	static const struct schedule_cpu cpus[SCHEDULE_CPUS] = {
		[1] = { .frame_us = 900,
			.count = 2,
			.windows = { { .vm = "linux", .offset_us = 0, .length_us = 100 },
				     { .vm = "linux", .offset_us = 500, .length_us = 50 } } },
	};

	return &cpus[cpu];
}

void vm_budget_stats(const struct vm *vm, struct vm_budget_stats *s)
{
	(void)vm;
	*s = (struct vm_budget_stats){ .throttled = 5, .missed = 6 };
}

bool virtio_uses_memory(struct vm *vm)
{
	assert_true(fake.locks > 0 && vm->state != VM_RUNNING);
	return fake.busy && fake.busy--;
}

int vm_delete(struct vm *vm, bool force, struct vm_error *err)
{
	fake.forced = force;
	if (!fake.refusal)
		slots[vm->id] = NULL;
	return answer(vm, VM_STOPPED, err);
}

static void add_type(const char *label, bool valid)
{
	struct vm_type *t = &types[vm_type_count];

	vm_types[vm_type_count++] = t;
	memset(t, 0, sizeof(*t));
	snprintf(t->desc.label, sizeof(t->desc.label), "%s", label);
	snprintf(t->file, sizeof(t->file), "vms/%s.dtb", label);
	snprintf(t->desc.kernel.path, sizeof(t->desc.kernel.path), "%s/Image", label);
	t->desc.cpus = 2;
	t->desc.ram = ram_map_default(MIB(512));
	t->desc.priority = 20;
	t->valid = valid;
	if (!valid)
		snprintf(t->error.text, sizeof(t->error.text), "vms/%s.dtb: /cpus: 0", label);
}

static void add_vm(u32 id, const char *name)
{
	struct vm *vm = &fake_machines[id];

	memset(vm, 0, sizeof(*vm));
	console_init(&vm->console);
	vm->id = id;
	vm->type = vm_types[0];
	vm->desc = vm_types[0]->desc;
	vm->nvcpus = 1;
	vm->vcpus[0] = &fake_vcpus[id];
	vm->vcpus[0]->vm = vm;
	vm->vcpus[0]->next_exit = vm->vcpus[0]->last_exits;
	vm->ram.map = ram_map_default(MIB(512));
	vm->ram.size = MIB(512);
	snprintf(vm->name, sizeof(vm->name), "%s", name);
	slots[id] = vm;
}

int fake_setup(void **state)
{
	*state = NULL;
	vm_type_count = fake.created = fake.locks = 0;
	fake.refusal = 0;
	fake.busy = 0;
	fake.keys = "";
	fake.quiet_until = 0;
	fake.quiet = HOST_COUNTER_HZ / 2;
	fake.on_write = NULL;
	fake.on_blank = NULL;
	fake.step = HOST_COUNTER_HZ / 8;
	memset(slots, 0, sizeof(slots));
	fake.bad_schedule = false;
	bundle_open(&the_bundle, NULL, 0);
	return 0;
}

int fake_setup_vms(void **state)
{
	fake_setup(state);
	add_type("linux", true);
	add_type("zephyr", true);
	add_type("broken", false);
	add_vm(0, "linux");
	add_vm(1, "uboot");
	return 0;
}

const char *run(const char *command)
{
	char line[LINE_SIZE];
	size_t n = 0;

	fake.output_len = 0;
	fake.output[0] = '\0';
	snprintf(line, sizeof(line), "%s", command);
	command_run(line);
	assert_int_equal(fake.locks, 0);
	for (size_t i = 0; i < fake.output_len; i++) {
		if (fake.output[i] == '\n')
			assert_true(i > 0 && fake.output[i - 1] == '\r');
		if (fake.output[i] != '\r')
			fake.output[n++] = fake.output[i];
	}
	fake.output[n] = '\0';
	return fake.output;
}

const char *completed(const char *line)
{
	static struct completions c;
	static char joined[1024];

	memset(&c, 0, sizeof(c));
	shell_complete(line, (u32)strlen(line), &c);
	joined[0] = '\0';
	for (u32 i = 0; i < c.count; i++) {
		strcat(joined, i ? " " : "");
		strcat(joined, c.text[i]);
	}
	return joined;
}

int fake_boot(void **state)
{
	(void)state;
	unit_boot(2);
	return 0;
}
