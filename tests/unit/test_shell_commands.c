/* SPDX-License-Identifier: Apache-2.0 */
/* Commands: what the operator types and what the shell answers, over VMs that only pretend. */
#include "unit_boot.h"

#include <drivers/host.h>
#include <drivers/uart.h>
#include <kernel/percpu.h>
#include <lib/errno.h>
#include <string.h>
#include <vmm/lifecycle.h>
#include <vmm/sched.h>
#include <vmm/schedule.h>
#include <vmm/vm.h>

#include "../../shell/shell.h"

/* ---- the terminal ---- */

static char output[8192];
static size_t output_len;
static struct vcpu vcpus[2];
static const char *keys; /* what uart_poll() gives; a blank: nothing yet, and vCPU 0 goes on */

void uart_write(const void *data, size_t len)
{
	assert_true(output_len + len < sizeof(output));
	memcpy(output + output_len, data, len);
	output_len += len;
	output[output_len] = '\0';
}

int uart_poll(void)
{
	if (*keys && *keys != ' ')
		return (u8)*keys++;
	if (*keys) {
		keys++;
		vcpus[0].thread.run_ticks += HOST_COUNTER_HZ / 8;
		vcpus[0].exits[EXIT_HVC] += 25;
	}
	return -EAGAIN;
}

int uart_getc(u64 deadline)
{
	(void)deadline;
	return -ETIMEDOUT;
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

const char *host_fdt_model(void)
{
	return "a board";
}

/* ---- the VMs ---- */

struct vm_type vm_types[MAX_TYPES];
u32 vm_type_count;

static struct vm *slots[MAX_VMS];
static struct vm machines[3];
static struct vm_options asked;
static u32 created, locks;
static bool forced;
static int refusal; /* what lifecycle calls answer */

const struct vm_type *type_find(const char *name)
{
	for (u32 i = 0; i < vm_type_count; i++) {
		if (strcmp(vm_types[i].desc.label, name) == 0)
			return &vm_types[i];
	}
	return NULL;
}

struct vm *vm_by_id(u32 id)
{
	return id < MAX_VMS ? slots[id] : NULL;
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
	locks++;
}

void vmm_unlock(void)
{
	assert_true(locks-- > 0);
}

const char *vm_state_name(enum vm_state s)
{
	static const char *const names[] = { "created", "running", "paused",
					     "stopped", "crashed", "busy" };

	return names[s];
}

void vm_stats(const struct vm *vm, struct vm_stats *s)
{
	(void)vm;
	memset(s, 0, sizeof(*s));
	s->exits[EXIT_MMIO] = 1000;
	s->overhead_bytes = KIB(48);
}

void vm_stats_reset(struct vm *vm)
{
	assert_true(locks > 0);
	memset(vm->vcpus[0]->exits, 0, sizeof(vm->vcpus[0]->exits));
}

/* What a vCPU's thread is known by. */
const struct thread_hooks vcpu_hooks;

static int answer(struct vm *vm, enum vm_state state, struct vm_error *err)
{
	assert_true(locks > 0);
	if (refusal)
		snprintf(err->text, sizeof(err->text), "vm %u '%s' refuses", vm->id, vm->name);
	else
		vm->state = state;
	return refusal;
}

int vm_create(const struct vm_type *type, const struct vm_options *opt, struct vm **out,
	      struct vm_error *err)
{
	struct vm *vm = &machines[2];

	created++;
	asked = *opt;
	memset(vm, 0, sizeof(*vm));
	console_init(&vm->console);
	vm->id = 2;
	vm->type = type;
	vm->nvcpus = opt->cpus ? opt->cpus : type->desc.cpus;
	vm->ram.size = opt->memory ? opt->memory : type->desc.memory;
	snprintf(vm->name, sizeof(vm->name), "%s", opt->name ? opt->name : type->desc.label);
	*out = vm;
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
	forced = force;
	return answer(vm, force ? VM_STOPPED : vm->state, err);
}

int vm_reset(struct vm *vm, struct vm_error *err)
{
	return answer(vm, VM_RUNNING, err);
}

static struct vm_desc set_to;
static bool windows_set;
static struct schedule_windows windows_set_to;

int vm_set(struct vm *vm, const struct vm_desc *want, const struct schedule_windows *windows,
	   struct vm_error *err)
{
	(void)vm;
	set_to = *want;
	windows_set = windows != NULL;
	if (windows)
		windows_set_to = *windows;
	(void)snprintf(err->text, sizeof(err->text), "it does not fit");
	return want->weight == 7 ? -EBUSY : 0;
}

const struct schedule_cpu *schedule_of_cpu(u32 cpu)
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

int vm_delete(struct vm *vm, bool force, struct vm_error *err)
{
	forced = force;
	if (!refusal)
		slots[vm->id] = NULL;
	return answer(vm, VM_STOPPED, err);
}

static void add_type(const char *label, bool valid)
{
	struct vm_type *t = &vm_types[vm_type_count++];

	memset(t, 0, sizeof(*t));
	snprintf(t->desc.label, sizeof(t->desc.label), "%s", label);
	snprintf(t->file, sizeof(t->file), "vms/%s.dtb", label);
	snprintf(t->desc.kernel.path, sizeof(t->desc.kernel.path), "%s/Image", label);
	t->desc.cpus = 2;
	t->desc.memory = MIB(512);
	t->desc.priority = 20;
	t->valid = valid;
	snprintf(t->error.text, sizeof(t->error.text), "vms/%s.dtb: /cpus: 0", label);
}

static void add_vm(u32 id, const char *name)
{
	struct vm *vm = &machines[id];

	memset(vm, 0, sizeof(*vm));
	console_init(&vm->console);
	vm->id = id;
	vm->type = &vm_types[0];
	vm->desc = vm_types[0].desc;
	vm->nvcpus = 1;
	vm->vcpus[0] = &vcpus[id];
	vm->ram.size = MIB(512);
	snprintf(vm->name, sizeof(vm->name), "%s", name);
	slots[id] = vm;
}

static int setup(void **state)
{
	*state = NULL;
	vm_type_count = created = locks = 0;
	refusal = 0;
	keys = "";
	memset(slots, 0, sizeof(slots));
	return 0;
}

static int setup_vms(void **state)
{
	setup(state);
	add_type("linux", true);
	add_type("zephyr", true);
	add_type("broken", false);
	add_vm(0, "linux");
	add_vm(1, "uboot");
	return 0;
}

/* Everything that a line answers; lines end in CR LF on the wire. */
static const char *run(const char *command)
{
	char line[LINE_SIZE];
	size_t n = 0;

	output_len = 0;
	output[0] = '\0';
	snprintf(line, sizeof(line), "%s", command);
	command_run(line);
	assert_int_equal(locks, 0);
	for (size_t i = 0; i < output_len; i++) {
		if (output[i] == '\n')
			assert_true(i > 0 && output[i - 1] == '\r');
		if (output[i] != '\r')
			output[n++] = output[i];
	}
	output[n] = '\0';
	return output;
}

#define expect(command, text)      assert_string_equal(run(command), text)
#define expect_part(command, text) assert_non_null(strstr(run(command), text))

static void test_nothing(void **state)
{
	(void)state;
	expect("", "");
	expect("   ", "");
	expect("foo", "no command 'foo'; there are: zvm, host, help\n");
	expect("zvm foo -n 1",
	       "zvm: no command 'foo'; there are: new, run, pause, resume, reset, stop, delete, "
	       "info, stat, top, set, list, console, log\n");
	expect("zvm info", "no VMs; `zvm new -t TYPE` makes one\n");
	expect("zvm list", "there is no bundle, and nothing is preloaded\n");
	expect("zvm run", "zvm run: which VM (-n VM)? there are: none\n");
	expect("zvm run -n 10", "zvm: no VM '10'; there are: none\n");
	expect("zvm new", "zvm new: which type (-t TYPE)? there is no bundle, and nothing is "
			  "preloaded\n");
}

static void test_types(void **state)
{
	(void)state;
	expect("zvm new",
	       "zvm new: which type (-t TYPE)? this bundle has: linux, zephyr, broken\n");
	expect("zvm new -t linx", "zvm: no type 'linx'; this bundle has: linux, zephyr, broken\n");
	expect("zvm new -t broken",
	       "zvm: type 'broken' cannot be created: vms/broken.dtb: /cpus: 0\n");
	expect("zvm new linux -t zephyr", "zvm new: one type at a time: 'zephyr' or 'linux'\n");
	expect_part("zvm list", "broken       cannot be created: vms/broken.dtb: /cpus: 0\n");
	assert_int_equal(created, 0);
}

static void test_new(void **state)
{
	(void)state;
	expect("zvm new -t linux", "vm 2 'linux' created: 2 vcpus, 512 MiB\n");
	assert_int_equal(asked.cpus, 0);
	assert_int_equal(asked.priority, -1);
	assert_null(asked.name);
	expect("zvm create zephyr --name rt -c 1 -m 32 -p 0 -a 0x2",
	       "vm 2 'rt' created: 1 vcpu, 32 MiB\n");
	assert_int_equal(asked.cpus, 1);
	assert_int_equal(asked.memory, MIB(32));
	assert_int_equal(asked.priority, 0);
	assert_int_equal(asked.affinity, 2);
	refusal = -ENOMEM;
	expect("zvm new -t linux", "zvm: vm 2 'linux' refuses\n");
}

static void test_absurd_sizes(void **state)
{
	static const char *const options[] = {
		"-c 0",  "-c 9",   "-c 99",  "-c two",
		"-c -1", "-c 0x",  "-m 0",   "-m abc",
		"-m -2", "-m 1",   "-p 99",  "-p -1",
		"-p 63", "-p x",   "-a 0",   "-a 0x4",
		"-a x",  "-a -1",  "-m 1.5", "-m 64M",
		"-c 1k", "-m 0x0", "-a 3,4", "-m 99999999",
		"-m 3",  "-m 65",  "-p 20x", "-m 18446744073709551616",
	};
	char line[64], start[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		snprintf(line, sizeof(line), "zvm new -t linux %s", options[i]);
		snprintf(start, sizeof(start), "zvm new: %s: ", options[i]);
		run(line);
		assert_memory_equal(output, start, strlen(start));
		assert_ptr_equal(strchr(output, '\n'), output + strlen(output) - 1);
	}
	assert_int_equal(created, 0);
	expect("zvm new -t linux -c 99", "zvm new: -c 99: vCPUs, 1 to 8\n");
	expect("zvm new -t linux -a 0",
	       "zvm new: -a 0: a mask of some of this machine's CPUs, 0x3\n");
}

static void test_names(void **state)
{
	(void)state;
	expect("zvm new -t linux --name uboot", "zvm: there is a VM 'uboot' already, with id 1\n");
	expect_part("zvm new -t linux --name 7", "zvm new: --name '7': not a name");
	expect_part("zvm new -t linux --name -x", "zvm new: --name '-x': not a name");
	expect_part("zvm new -t linux --name a/b", "zvm new: --name 'a/b': has other");
	expect_part("zvm new -t linux --name abcdefghijklmnopqrstuvwxyz", ": too long;");
	assert_int_equal(created, 0);
}

static void test_option_errors(void **state)
{
	(void)state;
	expect("zvm run -x", "zvm run: no option '-x'; options: -n VM\n");
	expect("zvm list -x", "zvm list: no option '-x'; it has no options\n");
	expect("zvm list x", "zvm list: too many arguments: 'x'\n");
	expect("zvm run -n", "zvm run: -n wants VM: the VM, by id or by name\n");
	expect("zvm stop -n -f", "zvm stop: -n wants VM: the VM, by id or by name\n");
	expect("zvm run -n 0 -n 1", "zvm run: -n is given twice\n");
	expect("zvm run -n 0 1", "zvm run: one VM at a time: '0' or '1'\n");
	expect("zvm run 0 1", "zvm run: one VM at a time: '0' or '1'\n");
	expect("zvm a b c d e f g h i j k l m n o p q r s t u v w x y z",
	       "zvm: more than 24 words\n");
}

static void test_lifecycle(void **state)
{
	(void)state;
	expect("zvm run -n 0", "vm 0 'linux' running\n");
	expect("zvm pause linux", "vm 0 'linux' paused\n");
	expect("  zvm   resume   0 ", "vm 0 'linux' running\n");
	expect("zvm start uboot", "vm 1 'uboot' running\n");
	expect("zvm reset -n uboot", "vm 1 'uboot' reset\n");
	expect("zvm stop -n 0", "vm 0 'linux' asked to power off\n");
	assert_false(forced);
	expect("zvm stop -f -n 0", "vm 0 'linux' stopped\n");
	assert_true(forced);
	expect("zvm run -n 10", "zvm: no VM '10'; there are: 0 linux, 1 uboot\n");
	expect("zvm run", "zvm run: which VM (-n VM)? there are: 0 linux, 1 uboot\n");
	refusal = -EPERM;
	expect("zvm pause 1", "zvm: vm 1 'uboot' refuses\n");
	expect("zvm delete 1", "zvm: vm 1 'uboot' refuses\n");
	refusal = 0;
	expect("zvm delete 0 -f", "vm 0 'linux' deleted\n");
	assert_true(forced);
	expect("zvm delete 0", "zvm: no VM '0'; there are: 1 uboot\n");
}

static void test_info(void **state)
{
	(void)state;
	run("zvm info");
	assert_non_null(strstr(output, "ID  NAME"));
	assert_non_null(strstr(output, " 0  linux        linux        created "));
	assert_non_null(strstr(output, " 1  uboot "));
	snprintf(machines[1].crash, sizeof(machines[1].crash), "wild store");
	machines[1].state = VM_CRASHED;
	run("zvm info uboot");
	assert_non_null(strstr(output, "vm 1 'uboot': crashed\n"));
	assert_non_null(strstr(output, "512 MiB at 0x40000000"));
	assert_non_null(strstr(output, "vcpu 0"));
	assert_non_null(strstr(output, "crash       wild store\n"));
}

static const char *completed(const char *line);

/* The rows of docs/real-time.md. */
static void test_stat(void **state)
{
	struct vcpu *v = &vcpus[0];

	(void)state;
	memset(v, 0, sizeof(*v));
	v->exits[EXIT_IRQ] = 3;
	v->exits[EXIT_FAULT] = 4;
	for (u32 i = 0; i < 98; i++)
		histogram_add(&v->timer.late, 6);
	histogram_add(&v->timer.late, 100);
	histogram_add(&v->timer.late, 5000);
	run("zvm stat linux");
	assert_non_null(strstr(output, "exits       0         3         0         0         0"
				       "         0         0         0         4         7\n"));
	assert_non_null(strstr(output, "exits     all         0         0         0         0"
				       "         0      1000         0         0      1000\n"));
	assert_non_null(strstr(output, "their time is not measured: `host irq -m on`"));
	assert_non_null(strstr(output, "COUNT       P50       P99     P99.9       MAX\n"));
	assert_non_null(strstr(output, "\nlate        0       100         6       111      5000"
				       "      5000\n"));
	assert_non_null(strstr(output, "\nlate      all       100         6       111      5000"));
	assert_non_null(strstr(output, "\nlate-ns   all       100       "));
	assert_non_null(strstr(output, "budget    all         5         6\n"));
	v->exit_times[EXIT_WFX].count = 2;
	v->exit_times[EXIT_WFX].ticks = 3 * HOST_COUNTER_HZ;
	run("zvm stat -n 0");
	assert_non_null(strstr(output, "time-us     0         0   3000000         0"));
	assert_non_null(strstr(output, "mean-ns   all         0 1500000000         0"));
	assert_null(strstr(output, "not measured"));
	expect("zvm stat -r -n 0", "vm 0 'linux' counts from 0\n");
	assert_int_equal(v->exits[EXIT_FAULT], 0);
	expect("zvm stat", "zvm stat: which VM (-n VM)? there are: 0 linux, 1 uboot\n");
	expect("zvm stat nobody", "zvm: no VM 'nobody'; there are: 0 linux, 1 uboot\n");
	expect("zvm stat -x", "zvm stat: no option '-x'; options: -n VM, -r\n");
	assert_string_equal(completed("zvm stat -"), "-n -r -h");
}

static void nothing_runs(void *arg)
{
	(void)arg;
}

/* A page after a quarter of a second, another one after a second, and it is left. */
static void test_top(void **state)
{
	struct vcpu *v = &vcpus[0];
	const char *second;

	(void)state;
	memset(v, 0, sizeof(*v));
	assert_int_equal(thread_create(&v->thread, "vm0.0 linux", nothing_runs, NULL, 20, 2), 0);
	v->thread.hooks = &vcpu_hooks;
	keys = "  q!";
	run("zvm top");
	assert_string_equal(keys, "!");
	second = strstr(output + 1, "\x1b[H");
	assert_non_null(second);
	assert_memory_equal(output, "\x1b[H", 3);
	assert_null(strstr(second + 1, "\x1b[H"));
	assert_string_equal(output + strlen(output) - strlen("\x1b[K\n\x1b[J"), "\x1b[K\n\x1b[J");
	/* By share, so it is the first; exits are a second's. */
	assert_non_null(strstr(output, " FP FAULT\x1b[K\nvm0.0 linux        1   20  50.0"
				       "     0     0   100     0     0     0     0     0\x1b[K\n"));
	assert_non_null(strstr(second, " FP FAULT\x1b[K\nvm0.0 linux        1   20  12.5"
				       "     0     0    25     0 "));
	assert_non_null(strstr(second, "\nmain               0   16   0.0\x1b[K\n"));
	assert_non_null(strstr(second, "CPU  BUSY%  IRQS\x1b[K\n  0 "));
	assert_null(strstr(output, "idle/"));
	thread_join(&v->thread);
	keys = "\x03";
	expect("zvm top", "");
	expect("zvm top linux", "zvm top: too many arguments: 'linux'\n");
}

static void console_write(struct vm *vm, const char *text)
{
	for (; *text; text++)
		console_output(&vm->console, (u8)*text);
}

static void test_log(void **state)
{
	(void)state;
	console_write(&machines[0], "one\r\ntwo");
	expect("zvm log 0", "one\ntwo\n");
	expect("zvm log uboot", "");
}

static void test_console(void **state)
{
	u8 byte;

	(void)state;
	machines[0].state = VM_RUNNING;
	console_write(&machines[0], "login: ");
	keys = "root\r\x1d"
	       "left";
	expect("zvm console linux", "[console of vm 0 'linux'; Ctrl-] leaves]\nlogin: \n");
	for (const char *p = "root\r"; *p; p++) {
		assert_true(console_take_input(&machines[0].console, &byte));
		assert_int_equal(byte, *p);
	}
	assert_false(console_take_input(&machines[0].console, &byte));
	assert_string_equal(keys, "left");
	assert_null(machines[0].console.notify);
}

static void test_console_of_a_stopped_vm(void **state)
{
	(void)state;
	machines[0].state = VM_STOPPED;
	console_write(&machines[0], "Power down");
	keys = "";
	expect("zvm look 0", "[console of vm 0 'linux'; Ctrl-] leaves]\nPower down\n"
			     "[vm 0 'linux' stopped]\n");
}

static void test_console_tail(void **state)
{
	(void)state;
	machines[0].state = VM_STOPPED;
	for (int i = 0; i < 3000; i++)
		console_write(&machines[0], "0123456\r\n");
	run("zvm console 0");
	/* Whole lines, and not all of them. */
	assert_non_null(strstr(output, "leaves]\n0123456\n0123456\n"));
	assert_in_range(strlen(output), 1000, 2200);
}

static void test_help(void **state)
{
	(void)state;
	expect_part("help", "  zvm new|create       create a VM\n");
	expect_part("help", "  host reboot ");
	expect_part("help zvm run", "usage: zvm run [-n VM] [VM]\n");
	expect_part("zvm run -h", "usage: zvm run [-n VM] [VM]\n");
	expect_part("zvm new -t linux --help", "`create` is the same.\n");
	expect_part("zvm", "zvm console|look");
	expect_part("host -h", "host version");
	expect_part("help help", "usage: help [COMMAND]\n");
	expect("help foo", "no command 'foo'; there are: zvm, host, help\n");
	expect_part("help zvm foo", "zvm: no command 'foo'; there are: new, ");
	assert_int_equal(created, 0);
}

static void test_host(void **state)
{
	(void)state;
	expect_part("host version", "ZVM " ZVM_VERSION);
	expect_part("host mem", "total: 655");
	expect_part("host info", ", 2024-02-29 12:34:56 UTC\n");
	expect_part("host info", "2 cpus");
	expect_part("host foo", "host: no command 'foo'; there are: info, cpus, ");
}

/* ---- completion ---- */

static const char *completed(const char *line)
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

static void test_set(void **state)
{
	(void)state;
	expect("zvm set linux prio=10 affinity=0x2 budget=300 period=1000 policy=fifo",
	       "vm 0 'linux' set\n");
	assert_int_equal(set_to.priority, 10);
	assert_int_equal(set_to.affinity, 2);
	assert_int_equal(set_to.budget_us, 300);
	assert_int_equal(set_to.period_us, 1000);
	assert_true(set_to.fifo);
	machines[0].desc.budget_us = 300;
	machines[0].desc.period_us = 1000;
	expect_part(
		"zvm info linux",
		"budget      300 us of 1000 us, each vcpu; throttled 5 times, missed 6 periods");
	expect_part("zvm info linux", "windows     cpu 1: 0+100, 500+50 us of each 900 us\n");
	expect("zvm update -n 0 restart=on-failure budget=0 affinity=any dedicated=on",
	       "vm 0 'linux' set\n");
	assert_int_equal(set_to.restart, RESTART_ON_FAILURE);
	assert_int_equal(set_to.budget_us, 0);
	assert_int_equal(set_to.period_us, 0);
	assert_int_equal(set_to.affinity, 0);
	assert_true(set_to.dedicated);
	assert_false(windows_set);
	expect("zvm set linux weight=7", "zvm: it does not fit\n");
	expect("zvm set linux windows=1:0+2000,1:5000+500", "vm 0 'linux' set\n");
	assert_true(windows_set);
	assert_int_equal(windows_set_to.count, 2);
	assert_int_equal(windows_set_to.at[1].cpu, 1);
	assert_int_equal(windows_set_to.at[1].offset_us, 5000);
	assert_int_equal(windows_set_to.at[1].length_us, 500);
	expect("zvm set linux windows=none", "vm 0 'linux' set\n");
	assert_int_equal(windows_set_to.count, 0);
	static const char *const wrong[] = { "",        "1",         "1:0",          "1:0+49",
					     "8:0+100", "1:0+100,",  "1:0+10000001", "x:0+100",
					     "1:-1+99", "1:0+100;2", ",1:0+100" };

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		char line[64];

		snprintf(line, sizeof(line), "zvm set linux windows=%s", wrong[i]);
		expect_part(line, "of CPU:OFFSET+LENGTH with commas between");
	}
	expect("zvm set linux", "zvm set: what? for example prio=10 budget=300 period=1000\n");
	expect("zvm set linux prio=63", "zvm set: prio=63: priority, 0 to 62\n");
	expect("zvm set linux prio=1 prio=2", "zvm set: prio= is given twice\n");
	expect("zvm set linux affinity=4",
	       "zvm set: affinity=4: `any`, or a mask of this machine's CPUs, 0x3\n");
	expect("zvm set linux policy=lifo",
	       "zvm set: policy=lifo: round-robin, fifo are what there is\n");
	expect("zvm set linux colour=red",
	       "zvm set: no option 'colour=red'; options: -n VM, prio=PRIO, affinity=MASK, "
	       "budget=US, period=US, weight=N, policy=POLICY, dedicated=ON, windows=LIST, restart=WHEN\n");
	assert_string_equal(completed("zvm set linux pr"), "prio=");
	assert_string_equal(
		completed("zvm set -n linux "),
		"linux uboot prio= affinity= budget= period= weight= policy= dedicated= "
		"windows= restart=");
}

static void test_completion(void **state)
{
	(void)state;
	assert_string_equal(completed(""), "zvm host help");
	assert_string_equal(completed("h"), "host help");
	assert_string_equal(completed("zvm "), "new run pause resume reset stop delete info stat "
					       "top set list console log");
	assert_string_equal(completed("zvm re"), "resume reset");
	assert_string_equal(completed("zvm run "), "linux uboot");
	assert_string_equal(completed("zvm run -n u"), "uboot");
	assert_string_equal(completed("zvm run -"), "-n -h");
	assert_string_equal(completed("zvm look l"), "linux");
	assert_string_equal(completed("zvm new -t "), "linux zephyr broken");
	assert_string_equal(completed("zvm new -t linux --"), "--name");
	assert_string_equal(completed("zvm new -c "), "");
	assert_string_equal(completed("zvm list "), "");
	assert_string_equal(completed("host ve"), "version");
	assert_string_equal(completed("help "), "zvm host help");
	assert_string_equal(completed("help zvm l"), "list log");
	assert_string_equal(completed("foo "), "");
	assert_string_equal(completed("zvm foo "), "");
	assert_int_equal(locks, 0);
}

/* A vCPU whose guest waits keeps its CPU (sched_idle_here), and yet uses none. */
static void test_cpu_time(void **state)
{
	struct thread t = { .cpu = 1, .state = THREAD_RUNNING, .run_ticks = 100 };
	struct percpu *pc = &percpus[1];
	struct thread *current = pc->current;
	u64 idle_since = pc->idle_since;

	(void)state;
	host_counter += 1000;
	pc->current = &t;
	t.switched_in_at = host_counter - 50;
	pc->idle_since = 0;
	assert_int_equal(thread_ticks(&t), 150);
	pc->idle_since = host_counter - 40; /* from -50 to -40 is in run_ticks */
	assert_int_equal(thread_ticks(&t), 100);
	t.state = THREAD_BLOCKED;
	pc->idle_since = 0;
	assert_int_equal(thread_ticks(&t), 100);
	pc->idle_since = idle_since;
	pc->current = current;
}

static int boot(void **state)
{
	(void)state;
	unit_boot(2);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_nothing, setup),
		cmocka_unit_test_setup(test_types, setup_vms),
		cmocka_unit_test_setup(test_new, setup_vms),
		cmocka_unit_test_setup(test_absurd_sizes, setup_vms),
		cmocka_unit_test_setup(test_names, setup_vms),
		cmocka_unit_test_setup(test_option_errors, setup_vms),
		cmocka_unit_test_setup(test_lifecycle, setup_vms),
		cmocka_unit_test_setup(test_info, setup_vms),
		cmocka_unit_test_setup(test_stat, setup_vms),
		cmocka_unit_test_setup(test_top, setup_vms),
		cmocka_unit_test_setup(test_log, setup_vms),
		cmocka_unit_test_setup(test_console, setup_vms),
		cmocka_unit_test_setup(test_console_of_a_stopped_vm, setup_vms),
		cmocka_unit_test_setup(test_console_tail, setup_vms),
		cmocka_unit_test_setup(test_set, setup_vms),
		cmocka_unit_test_setup(test_help, setup_vms),
		cmocka_unit_test_setup(test_host, setup),
		cmocka_unit_test_setup(test_completion, setup_vms),
		cmocka_unit_test_setup(test_cpu_time, setup),
	};

	return cmocka_run_group_tests(tests, boot, NULL);
}
