/* SPDX-License-Identifier: Apache-2.0 */
/* The lives of VMs, as an operator and a guest see them. */
#include "house_fixture.h"

#include <arch/guest.h>
#include <arch/timer.h>
#include <asm/host.h>
#include <kernel/thread.h>
#include <kernel/timeout.h>
#include <stdio.h>
#include <string.h>
#include <uapi/smccc.h>
#include <vmm/cpu.h>
#include <vmm/life.h>

/* ---- what guests do ---- */

static void powers_off(struct vcpu *v)
{
	(void)house_smc(v, PSCI_SYSTEM_OFF, 0, 0, 0);
}

static void resets(struct vcpu *v)
{
	(void)house_smc(v, PSCI_SYSTEM_RESET, 0, 0, 0);
}

static void crashes(struct vcpu *v)
{
	const struct guest_fault f = { .what = "data abort",
				       .esr = 0x96000045,
				       .far = 0x99,
				       .ipa = 0x1234000,
				       .pc = 0x40080004 };

	vmm_fault(v, &f);
}

/* ---- names and options ---- */

static void names(void **state)
{
	(void)state;
	says("zvm new one", "vm 0 'one' created: 1 vcpu, 8 MiB\n");
	says("zvm new -t one", "vm 1 'one-2' created: 1 vcpu, 8 MiB\n");
	says("zvm new one", "vm 2 'one-3' created: 1 vcpu, 8 MiB\n");
	says("zvm delete one-2", "vm 1 'one-2' deleted\n");
	says("zvm new one --name one-4", "vm 1 'one-4' created: 1 vcpu, 8 MiB\n");
	says("zvm new one", "vm 3 'one-2' created: 1 vcpu, 8 MiB\n");
	says("zvm delete one", "vm 0 'one' deleted\n");
	says("zvm new two --name one-2", "zvm: a VM 'one-2' exists already, with id 3\n");
	says("zvm new two --name one-5", "vm 0 'one-5' created: 2 vcpus, 8 MiB\n");
	says("zvm delete 1", "vm 1 'one-4' deleted\n");
	says("zvm new one", "vm 1 'one' created: 1 vcpu, 8 MiB\n");
	says("zvm new one", "vm 4 'one-4' created: 1 vcpu, 8 MiB\n");
}

static void options(void **state)
{
	const struct vm *vm;

	(void)state;
	says("zvm new one -c 3 -m 4 -p 5 -a 0x2 --bootargs \"a b\" --name x",
	     "vm 0 'x' created: 3 vcpus, 4 MiB\n");
	vm = vm_named("x");
	assert_int_equal(vm->desc.priority, 5);
	assert_string_equal(vm->desc.bootargs, "a b");
	for (u32 i = 0; i < 3; i++) {
		assert_int_equal(vm->vcpus[i]->cpu, 1);
		assert_int_equal(vm->vcpus[i]->thread.base_prio, 5);
		assert_int_equal(vm->vcpus[i]->thread.affinity, 2);
	}
	assert_string_equal(vm->vcpus[2]->thread.name, "vm0.2 x");
	says("zvm new banks", "vm 1 'banks' created: 1 vcpu, 4 MiB\n");
	says("zvm new banks -m 8",
	     "zvm: memory: the description has 2 banks, whose sizes cannot be changed\n");
	says("zvm new args --bootargs more", "vm 2 'args' created: 1 vcpu, 8 MiB\n");
	assert_string_equal(vm_named("args")->desc.bootargs + DESC_ARGS_MAX - 11, "aaaaa more");
	says("zvm new args --bootargs more2",
	     "zvm: bootargs: together with the description's longer than 2047 bytes\n");
	says("zvm new pmu", "zvm: pmu: this machine has no performance monitors\n");
	says("zvm new gic2", "zvm: gic-version 2: guests get a GICv3 on this machine\n");
	host_gic_version = 2;
	says("zvm new one -c 9", "zvm: 9 CPUs: a VM has 1 to 8 with a GICv2\n");
	host_gic_version = 3;
	host_pmu_intid = 23;
	says("zvm new pmu", "vm 3 'pmu' created: 1 vcpu, 8 MiB\n");
	host_pmu_intid = 0;
	says("zvm new late", "vm 4 'late' created: 1 vcpu, 8 MiB\n");
	says("zvm new bad",
	     "zvm: type 'bad' cannot be created: vms/bad.dtb: /: kernel: the bundle has no file "
	     "'nowhere'\n");
}

/* ---- states ---- */

static void refused(void **state)
{
	(void)state;
	says("zvm new one", "vm 0 'one' created: 1 vcpu, 8 MiB\n");
	says("zvm pause 0", "zvm: vm 0 'one' is created: only a running VM can be paused\n");
	says("zvm resume 0", "zvm: vm 0 'one' is created: only a paused VM can be resumed\n");
	says("zvm stop 0", "zvm: vm 0 'one' is not running, it is created\n");
	says("zvm stop -f 0", "zvm: vm 0 'one' is not running, it is created\n");
	says("zvm run 0", "vm 0 'one' running\n");
	says("zvm run 0", "zvm: vm 0 'one' is running already\n");
	says("zvm resume 0", "zvm: vm 0 'one' is running: only a paused VM can be resumed\n");
	says("zvm stop 0", "zvm: vm 0 'one' does not listen to its power key: power it off in its "
			   "console, or stop it at once with -f\n");
	says("zvm delete 0", "zvm: vm 0 'one' is running: stop it first, or use -f\n");
	says("zvm pause 0", "vm 0 'one' paused\n");
	says("zvm pause 0", "zvm: vm 0 'one' is paused: only a running VM can be paused\n");
	says("zvm stop 0", "zvm: vm 0 'one' is paused, and does not see its power key: stop it "
			   "with -f\n");
	says("zvm delete 0", "zvm: vm 0 'one' is paused: stop it first, or use -f\n");
	says("zvm run 0", "vm 0 'one' running\n"); /* a paused one continues */
	says("zvm pause 0", "vm 0 'one' paused\n");
	says("zvm stop -f 0", "vm 0 'one' stopped\n");
	says("zvm pause 0", "zvm: vm 0 'one' is stopped: only a running VM can be paused\n");
	assert_int_equal(vm_named("one")->restarts, 0);
	says("zvm run 0", "vm 0 'one' running\n");
	assert_int_equal(vm_named("one")->restarts, 1);
	says("zvm stop -f 0", "vm 0 'one' stopped\n");
	says("zvm delete 0", "vm 0 'one' deleted\n");
	says("zvm run 0", "zvm: no VM '0'; there are: none\n");
}

static void runs_are_loaded_again(void **state)
{
	const struct vm *vm = run_new("one");
	u8 *code = vm_ram_ptr(&vm->ram, vm->plan.entry);

	(void)state;
	assert_memory_equal(code, raw_kernel, sizeof(raw_kernel));
	assert_int_equal(vm->vcpus[0]->arch.pc, vm->plan.entry);
	assert_int_equal(vm->vcpus[0]->arch.x0, vm->plan.arg);
	memset(code, 0x55, 16);
	says("zvm pause 0", "vm 0 'one' paused\n");
	says("zvm resume 0", "vm 0 'one' running\n");
	assert_int_equal(code[0], 0x55);
	assert_int_equal(vm->vcpus[0]->arch.resets, 1);
	says("zvm reset 0", "vm 0 'one' reset\n");
	code = vm_ram_ptr(&vm->ram, vm->plan.entry);
	assert_memory_equal(code, raw_kernel, sizeof(raw_kernel));
	assert_int_equal(code[8], 0);
	assert_int_equal(vm->vcpus[0]->arch.resets, 2);
	assert_int_equal(vm->restarts, 1);
	is(vm, "running");
	says("zvm pause 0", "vm 0 'one' paused\n");
	says("zvm reset 0", "vm 0 'one' reset\n");
	is(vm, "running");
}

/* A guest's clock stands still while it is paused, and begins at 0 in each run. */
static void virtual_time(void **state)
{
	const struct vm *vm;
	u64 before;

	(void)state;
	house_sleep(500);
	vm = run_new("one");
	assert_in_range(arch_counter() - vm->cntvoff, 0, ms_to_ticks(100));
	assert_true(arch_counter() - vm->started_at <= ms_to_ticks(100));
	before = vm->cntvoff;
	house_sleep(300);
	assert_int_equal(vm->cntvoff, before);
	says("zvm pause 0", "vm 0 'one' paused\n");
	house_sleep(700);
	says("zvm resume 0", "vm 0 'one' running\n");
	assert_in_range(vm->cntvoff - before, ms_to_ticks(700), ms_to_ticks(710));
	says("zvm reset 0", "vm 0 'one' reset\n");
	assert_in_range(arch_counter() - vm->cntvoff, 0, ms_to_ticks(100));
}

static void where_threads_are(void **state)
{
	const struct vm *vm = run_new("two");
	const struct thread *t = &vm->vcpus[0]->thread;

	(void)state;
	assert_int_equal(vm->lift, PRIO_IDLE); /* it has its own priority */
	assert_int_equal(t->prio, vm->desc.priority);
	assert_false(vm->vcpus[0]->parked);
	assert_true(vm->vcpus[1]->parked); /* it is off */
	says("zvm pause two", "vm 0 'two' paused\n");
	assert_true(vm->vcpus[0]->parked);
	assert_false(vm->run_allowed);
	says("zvm resume two", "vm 0 'two' running\n");
	assert_true(vm->run_allowed);
	assert_int_equal(vm->lift, PRIO_IDLE);
	assert_int_equal(t->prio, vm->desc.priority);
}

/* ---- the power key ---- */

/* As Linux' gpio-keys: the PL061 interrupts when pin 3 changes. */
static void listens_to_key(struct vcpu *v)
{
	struct mmio_access a = { .ipa = IPA(0x09030410), .size = 4, .write = true, .value = 8 };

	assert_int_equal(vmm_mmio(v, &a), MMIO_OK);
}

static void stopped_by_its_key(void **state)
{
	struct vm *vm = run_new("one");

	(void)state;
	house_does(vm->vcpus[0], listens_to_key);
	says("zvm stop one", "vm 0 'one' asked to power off\n");
	is(vm, "running");
	says("zvm stop one", "vm 0 'one' asked to power off\n"); /* it has not answered yet */
	house_does(vm->vcpus[0], powers_off);
	is(vm, "stopped");
	/* The next run has not set its key up. */
	says("zvm run one", "vm 0 'one' running\n");
	says_part("zvm stop one", "zvm: vm 0 'one' does not listen to its power key: ");
}

/* ---- a guest ends its run ---- */

static void a_guest_powers_off(void **state)
{
	struct vm *vm = run_new("one");

	(void)state;
	house_does(vm->vcpus[0], powers_off);
	is(vm, "stopped");
	says_part("host log", "vm 0 'one' powered off\n");
	house_sleep(2000);
	is(vm, "stopped");
	assert_int_equal(vm->restarts, 0);
	vm = run_new("always");
	house_does(vm->vcpus[0], powers_off);
	is(vm, "running");
	assert_int_equal(vm->restarts, 1);
	vm = run_new("failure");
	house_does(vm->vcpus[0], powers_off);
	is(vm, "stopped");
}

static void a_guest_resets(void **state)
{
	struct vm *vm = run_new("one");

	(void)state;
	house_does(vm->vcpus[0], resets);
	is(vm, "running");
	assert_int_equal(vm->restarts, 1);
	assert_int_equal(vm->vcpus[0]->arch.resets, 2);
	says_part("host log", "vm 0 'one' resets\n");
}

static void a_guest_crashes(void **state)
{
	struct vm *vm = run_new("one");

	(void)state;
	house_does(vm->vcpus[0], crashes);
	is(vm, "crashed");
	assert_string_equal(vm->crash, "data abort on vcpu 0: ESR 96000045 FAR 0000000000000099 "
				       "IPA 0001234000 PC 0000000040080004");
	says_part("host log", "vm 0 'one' stopped: data abort on vcpu 0: ESR 96000045");
	says("zvm pause 0", "zvm: vm 0 'one' is crashed: only a running VM can be paused\n");
	says("zvm run 0", "vm 0 'one' running\n");
	assert_int_equal(vm->restarts, 1);
	vm = run_new("failure");
	house_does(vm->vcpus[0], crashes);
	is(vm, "running");
	assert_int_equal(vm->restarts, 1);
	/* A debugger wants to see it. */
	vm->debugged = true;
	house_does(vm->vcpus[0], crashes);
	is(vm, "crashed");
	vm->debugged = false;
}

static void late_error(struct vcpu *v)
{
	v->arch.pc = 0x40080123;
	vmm_late_serror(v, 0xbe000011);
}

static void an_error_that_comes_late(void **state)
{
	struct vm *vm = run_new("one");

	(void)state;
	house_does(vm->vcpus[0], late_error);
	is(vm, "crashed");
	assert_string_equal(vm->crash, "SError on vcpu 0: ESR be000011 FAR 0000000000000000 "
				       "IPA 0000000000 PC 0000000040080123");
}

/* Three times at once; then after 1, 2, 4, ... 60 s, unless the run was long. */
static void restarts_back_off(void **state)
{
	static const u32 waits[] = { 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60 };
	struct vm *vm = run_new("always");
	char text[100];

	(void)state;
	for (u32 n = 0; n < ARRAY_SIZE(waits); n++) {
		house_does(vm->vcpus[0], crashes);
		if (waits[n]) {
			is(vm, "crashed");
			(void)snprintf(text, sizeof(text),
				       "vm 0 'always' has ended %u times soon after its start: it "
				       "waits %u s\n",
				       n + 1, waits[n]);
			says_part("host log", text);
			house_sleep(waits[n] * 1000 - 200);
			is(vm, "crashed");
			house_sleep(200);
		}
		is(vm, "running");
		assert_int_equal(vm->restarts, n + 1);
	}
	house_sleep(10000 * 10); /* forgives ten */
	house_does(vm->vcpus[0], crashes);
	is(vm, "running");
	house_does(vm->vcpus[0], crashes);
	is(vm, "running");
	house_does(vm->vcpus[0], crashes);
	is(vm, "crashed");
	says("zvm stop 0", "vm 0 'always' stopped\n"); /* its restart */
	house_sleep(70000);
	is(vm, "crashed");
	says("zvm stop 0", "zvm: vm 0 'always' is not running, it is crashed\n");
	says("zvm run 0", "vm 0 'always' running\n");
}

/* ---- vCPUs ---- */

static s64 answer;

static void starts_second(struct vcpu *v)
{
	answer = (s64)house_smc(v, PSCI_CPU_ON, 1, 0x40080040, 0x77);
}

static void asks_second(struct vcpu *v)
{
	answer = (s64)house_smc(v, PSCI_AFFINITY_INFO, 1, 0, 0);
}

static void goes_off(struct vcpu *v)
{
	(void)house_smc(v, PSCI_CPU_OFF, 0, 0, 0);
}

static void second_cpu(void **state)
{
	struct vm *vm = run_new("two");
	const struct vcpu *second = vm->vcpus[1];

	(void)state;
	house_does(vm->vcpus[0], asks_second);
	assert_int_equal(answer, PSCI_AFFINITY_OFF);
	house_does(vm->vcpus[0], starts_second);
	assert_int_equal(answer, PSCI_SUCCESS);
	assert_int_equal(second->arch.pc, 0x40080040);
	assert_int_equal(second->arch.x0, 0x77);
	assert_int_equal(second->arch.mpidr, 1);
	assert_int_equal(second->power, VCPU_ON);
	assert_false(second->parked);
	house_does(vm->vcpus[0], asks_second);
	assert_int_equal(answer, PSCI_AFFINITY_ON);
	house_does(vm->vcpus[0], starts_second);
	assert_int_equal(answer, PSCI_ALREADY_ON);
	says_part("zvm info two", "\n  vcpu 1      wfi, cpu ");
	house_does(vm->vcpus[1], goes_off);
	assert_true(second->parked);
	assert_int_equal(second->power, VCPU_OFF);
	says_part("zvm info two", "\n  vcpu 1      off, cpu ");
	house_does(vm->vcpus[0], starts_second);
	assert_int_equal(answer, PSCI_SUCCESS);
	/* All of them stop, and only the first one starts. */
	house_does(vm->vcpus[1], powers_off);
	is(vm, "stopped");
	assert_true(vm->vcpus[0]->parked && second->parked);
	says("zvm run two", "vm 0 'two' running\n");
	assert_int_equal(second->power, VCPU_OFF);
}

static void waits_for_events(struct vcpu *v)
{
	vmm_wfe(v);
	answer++;
}

static void wfe_gives_the_cpu_away(void **state)
{
	struct vm *vm = run_new("one");

	(void)state;
	answer = 0;
	house_does(vm->vcpus[0], waits_for_events);
	assert_int_equal(answer, 1);
	is(vm, "running");
}

/* ---- memory ---- */

static void no_room(void **state)
{
	char line[32];
	u32 n = 0;

	(void)state;
	while (strstr(house("zvm new one"), " created: "))
		assert_true(++n < 20);
	says_part("zvm new one", "zvm: no memory for 'one-");
	says_part("zvm new one", "': it needs 8 MiB, ");
	assert_true(n >= 4);
	while (n-- > 0) {
		(void)snprintf(line, sizeof(line), "zvm delete %u", n);
		says_part(line, " deleted\n");
	}
	says("zvm new one", "vm 0 'one' created: 1 vcpu, 8 MiB\n");
}

/* Each allocation of tables and stacks fails once: one line says so, and nothing is left behind. */
static void each_allocation_fails(void **state)
{
	const u32 stacks = host_stacks_in_use;
	const char *said;
	u32 n;

	(void)state;
	for (n = 0; n < 50; n++) {
		host_alloc_limit = n;
		said = house("zvm new two");
		host_alloc_limit = ~0U;
		if (strstr(said, "created"))
			break;
		assert_memory_equal(said, "zvm: ", 5);
		if (!strstr(said, "'two'"))
			print_error("%u: %s", n, said);
		assert_null(vm_next(0));
		assert_int_equal(host_stacks_in_use, stacks);
	}
	assert_in_range(n, 3, 49);
	says("zvm run two", "vm 0 'two' running\n");
}

/* ---- loading ---- */

static u32 zeroings;

static void slowly(void)
{
	if (thread_current()->name[0] == 'v') {
		zeroings++;
		thread_sleep_ms(300);
	}
}

/* Most of its memory is dirty when it is loaded again, and has to be cleared. */
static void a_slow_load(void **state)
{
	struct vm *vm;

	(void)state;
	says("zvm new big", "vm 0 'big' created: 1 vcpu, 36 MiB\n");
	says("zvm run big", "vm 0 'big' running\n");
	vm = vm_named("big");
	zeroings = 0;
	host_zeroing = slowly;
	house_keys = " \003";
	says("zvm reset 0", "vm 0 continues to load; `zvm info 0` shows its state\n");
	assert_true(zeroings > 0);
	is(vm, "loading");
	assert_int_equal(vm->lift, LOAD_PRIORITY);
	assert_int_equal(vm->vcpus[0]->thread.prio, LOAD_PRIORITY);
	says("zvm pause 0", "zvm: vm 0 'big' is loading: only a running VM can be paused\n");
	says("zvm delete 0", "zvm: vm 0 'big' is loading: stop it first, or use -f\n");
	says("zvm run 0", "vm 0 'big' running\n"); /* waits for it */
	house_keys = " \003";
	says_part("zvm reset 0", "continues to load");
	says("zvm stop -f 0", "vm 0 'big' stopped\n"); /* cancels it */
	house_sleep(10000);
	is(vm, "stopped");
	assert_true(zeroings < 30);
	house_keys = " \003";
	says_part("zvm run 0", "continues to load");
	says("zvm delete -f 0", "vm 0 'big' deleted\n");
}

/* ---- start of the machine ---- */

static void autostart(void **state)
{
	(void)state;
	vmm_autostart();
	house_sleep(100);
	is(vm_named("auto"), "running");
	assert_int_equal(vm_named("auto")->id, 0);
	assert_null(vm_next(1));
	says_part("host log",
		  "autostart of 'auto9': pmu: this machine has no performance monitors\n");
}

/* ---- types ---- */

/* 2 MiB each at 1 GiB and at 1.5 GiB. */
static void with_banks(void)
{
	static const u8 sizes[16] = { [5] = 0x20, [13] = 0x20 };
	static const u8 bases[16] = { [4] = 0x40, [12] = 0x60 };

	type_bytes("memory", sizes, sizeof(sizes));
	type_bytes("memory-base", bases, sizeof(bases));
}

static void with_args(void)
{
	char args[DESC_ARGS_MAX];

	memset(args, 'a', sizeof(args));
	args[DESC_ARGS_MAX - 6] = '\0';
	type_text("bootargs", args);
}

static void with_memory_at_once(void)
{
	static const u8 size[8] = { [4] = 0x02, [5] = 0x40 }; /* 36 MiB */

	type_bytes("memory", size, sizeof(size));
	type_text("memory-policy", "eager");
}

static void with_pmu(void)
{
	type_bytes("pmu", NULL, 0);
}

static void with_gic2(void)
{
	type_u32("gic-version", 2);
}

static void with_always(void)
{
	type_text("restart", "always");
}

static void with_failure(void)
{
	type_text("restart", "on-failure");
}

static void with_late(void)
{
	type_u32("late-limit-us", 100);
}

static void with_autostart(void)
{
	type_bytes("autostart", NULL, 0);
}

static void with_autostart_and_pmu(void)
{
	with_autostart();
	with_pmu();
}

static void without_kernel(void)
{
	type_text("kernel", "nowhere");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(options, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(refused, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(runs_are_loaded_again, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(virtual_time, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(where_threads_are, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(stopped_by_its_key, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(a_guest_powers_off, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(a_guest_resets, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(a_guest_crashes, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(an_error_that_comes_late, house_setup,
						house_teardown),
		cmocka_unit_test_setup_teardown(restarts_back_off, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(second_cpu, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(wfe_gives_the_cpu_away, house_setup,
						house_teardown),
		cmocka_unit_test_setup_teardown(no_room, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(each_allocation_fails, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(a_slow_load, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(autostart, house_setup, house_teardown),
	};

	house_type("one", 1, NULL);
	house_type("two", 2, NULL);
	house_type("always", 1, with_always);
	house_type("failure", 1, with_failure);
	house_type("banks", 1, with_banks);
	house_type("args", 1, with_args);
	house_type("pmu", 1, with_pmu);
	house_type("gic2", 1, with_gic2);
	house_type("late", 1, with_late);
	house_type("big", 1, with_memory_at_once);
	house_type("bad", 1, without_kernel);
	house_type("auto", 1, with_autostart);
	house_type("auto9", 1, with_autostart_and_pmu);
	return cmocka_run_group_tests(tests, house_boot, NULL);
}
