/* SPDX-License-Identifier: Apache-2.0 */
/* How VMs are made: what is refused, another kernel, and with hardly any memory left. */
#include "house_fixture.h"

#include <arch/guest.h>
#include <arch/mmu.h>
#include <asm/host.h>
#include <kernel/page.h>
#include <lib/errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>
#include <uapi/smccc.h>
#include <vmm/console.h>
#include <vmm/cpu.h>
#include <vmm/life.h>
#include <vmm/load.h>

/* ---- options that the shell does not let through ---- */

/* What it says begins like that. */
static void refuses(struct vm_options opt, int code, const char *text)
{
	struct vm_error err;
	struct vm *vm;

	if (!opt.priority)
		opt.priority = -1;
	assert_int_equal(vm_create(type_find("one"), &opt, &vm, &err), code);
	assert_memory_equal(err.text, text, strlen(text));
	assert_null(vm_next(0));
}

static void wrong_options(void **state)
{
	(void)state;
	refuses((struct vm_options){ .name = "" }, -EINVAL, "a name has 1 to 23 characters");
	refuses((struct vm_options){ .name = "012345678901234567890123" }, -EINVAL,
		"a name has 1 to 23 characters");
	refuses((struct vm_options){ .name = "0x7" }, -EINVAL,
		"name '0x7' could be mistaken for an id");
	refuses((struct vm_options){ .priority = PRIO_LOWEST + 1 }, -EINVAL, "priority ");
	refuses((struct vm_options){ .cpus = VM_MAX_VCPUS + 1 }, -EINVAL, "");
	refuses((struct vm_options){ .affinity = 0x4 }, -EINVAL,
		"CPU mask 0x4 names no CPU that is online (0x3)");
	refuses((struct vm_options){ .memory = MIB(3) }, -EINVAL, "memory: ");
	refuses((struct vm_options){ .memory = BIT(40) }, -EINVAL, "memory: ");
}

/* ---- its own devicetree ---- */

static void own_devicetree(void **state)
{
	(void)state;
	says("zvm new own --bootargs quiet",
	     "zvm: bootargs: the description has none, and those of its devicetree would be lost: "
	     "add some to the description first\n");
	says("zvm new own --bootargs \"\"",
	     "vm 0 'own' created: 1 vcpu, 8 MiB\n"
	     "note: devicetree: has no interrupt controller; Linux does not start without one\n");
	says("zvm run own", "vm 0 'own' running\n");
}

/* ---- another kernel ---- */

static const u8 other_kernel[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };

static void set_kernel(const void *data, u64 size)
{
	const struct vm_type *type = type_find("one");
	struct desc_error err;
	struct type_image *image = type_image_new(type, size, &err);

	assert_non_null(image);
	memcpy(image->data, data, size);
	vmm_lock();
	assert_int_equal(type_image_set(image, &err), 0);
	vmm_unlock();
}

static void another_kernel(void **state)
{
	const struct vm *vm = run_new("one");

	(void)state;
	says_part("zvm info one", ", 0x40080000..0x40080008\n");
	set_kernel(other_kernel, sizeof(other_kernel));
	/* A run has the kernel that it began with; the next one has the new one. */
	says_part("zvm info one", ", 0x40080000..0x40080008\n");
	says("zvm pause one", "vm 0 'one' paused\n");
	says("zvm run one", "vm 0 'one' running\n");
	assert_memory_equal(vm_ram_ptr(&vm->ram, vm->plan.entry), raw_kernel, sizeof(raw_kernel));
	says("zvm reset one", "vm 0 'one' reset\n");
	assert_memory_equal(vm_ram_ptr(&vm->ram, vm->plan.entry), other_kernel,
			    sizeof(other_kernel));
	says_part("zvm info one", ", 0x40080000..0x4008000c, loaded by a guest\n");
	says("zvm new one", "vm 1 'one-2' created: 1 vcpu, 8 MiB\n");
	says_part("zvm info 1", ", 0x40080000..0x4008000c, loaded by a guest\n");
	says("zvm run 1", "vm 1 'one-2' running\n");
	set_kernel(raw_kernel, sizeof(raw_kernel));
	says("zvm stop -f one", "vm 0 'one' stopped\n");
	says("zvm run one", "vm 0 'one' running\n");
	says_part("zvm info one", ", 0x40080000..0x40080008, loaded by a guest\n");
	says_part("zvm info 1", ", 0x40080000..0x4008000c, loaded by a guest\n");
	assert_memory_equal(vm_ram_ptr(&vm->ram, vm->plan.entry), raw_kernel, sizeof(raw_kernel));
	says("zvm delete -f one", "vm 0 'one' deleted\n");
	says("zvm delete -f 1", "vm 1 'one-2' deleted\n");
}

/* ---- the console's port ---- */

static void a_console_has_a_port(void **state)
{
	struct vm *vm = run_new("con");

	(void)state;
	says_part("zvm info con", "\n  console     0 bytes written, port 1 (p1)\n");
	console_put(&vm->console, "hello", 5);
	house_sleep(100);
	assert_string_equal(house_ports[1].got, "hello");
	house_type_at(1, "k", 1);
	assert_int_equal(house_ports[1].left, 0);
	says("zvm new con", "vm 1 'con-2' created: 1 vcpu, 8 MiB\n");
	says_part("host log", "vm 1 'con-2': console port 1 is taken\n");
	says_part("zvm info 1", "\n  console     0 bytes written, no port\n");
	says("zvm delete -f con", "vm 0 'con' deleted\n");
	says("zvm new con", "vm 0 'con' created: 1 vcpu, 8 MiB\n");
	says_part("zvm info con", "\n  console     0 bytes written, port 1 (p1)\n");
}

/* ---- counters and stolen time ---- */

static s64 answer;

static void counts(struct vcpu *v)
{
	(void)v;
	arch_guest_pmu_write(PMU_COUNT, 0, 77);
}

static void performance_monitors(void **state)
{
	struct vm *vm;

	(void)state;
	host_pmu_intid = 23;
	vm = run_new("pmu");
	host_pmu_intid = 0;
	house_does(vm->vcpus[0], counts);
	says("zvm pause pmu", "vm 0 'pmu' paused\n");
	assert_int_equal(vm->vcpus[0]->pmu.regs.count[0], 77);
	assert_int_equal(host_pmu(vm->vcpus[0]->cpu)->count[0], 0);
	says("zvm resume pmu", "vm 0 'pmu' running\n");
	house_sleep(10);
	assert_int_equal(host_pmu(vm->vcpus[0]->cpu)->count[0], 77);
}

static void asks_for_stolen_time(struct vcpu *v)
{
	answer = (s64)house_smc(v, PV_TIME_ST, 0, 0, 0);
}

/* What its thread was ready and did not run. */
static void stolen_time(void **state)
{
	struct vm *vm = run_new("two");
	struct vcpu *v = vm->vcpus[0];

	(void)state;
	v->thread.ready_ticks += HOST_COUNTER_HZ;
	house_does(v, asks_for_stolen_time);
	assert_int_equal(answer, GUEST_PVTIME_BASE);
	assert_in_range(vm->pvtime[0].stolen_ns, 999999000, 1010000000);
	v->thread.ready_ticks += 2 * HOST_COUNTER_HZ;
	says("zvm pause two", "vm 0 'two' paused\n");
	says("zvm resume two", "vm 0 'two' running\n");
	house_sleep(10);
	assert_in_range(vm->pvtime[0].stolen_ns, 2999999000, 3020000000);
	assert_int_equal(vm->pvtime[1].stolen_ns, 0);
	says("zvm reset two", "vm 0 'two' reset\n");
	assert_int_equal(vm->pvtime[0].stolen_ns, 0);
	house_does(v, asks_for_stolen_time);
	assert_in_range(vm->pvtime[0].stolen_ns, 0, 10000000);
}

/* ---- counts that begin again ---- */

static void exits(struct vcpu *v)
{
	v->exits[EXIT_HVC] += 5;
	v->exit_times[EXIT_HVC].count = 5;
	v->thread.server.throttled = 3;
}

static void counts_from_0(void **state)
{
	struct vm *vm = run_new("one");
	const struct vcpu *v = vm->vcpus[0];

	(void)state;
	house_does(vm->vcpus[0], exits);
	assert_int_equal(v->exits[EXIT_HVC] - v->exits_before[EXIT_HVC], 5);
	(void)house("zvm stat -r one");
	assert_int_equal(v->exits[EXIT_HVC] - v->exits_before[EXIT_HVC], 0);
	assert_true(v->exits[EXIT_HVC] >= 5);
	assert_int_equal(v->exit_times[EXIT_HVC].count, 0);
	assert_int_equal(v->thread.server.throttled, 0);
}

/* ---- no memory ---- */

struct page {
	struct page *next;
};
static struct page *taken_first, *taken_last;

static void take_all_pages(void)
{
	struct page *p;

	taken_first = taken_last = NULL;
	while ((p = pages_alloc(1)) != NULL) {
		if (taken_last)
			taken_last->next = p;
		else
			taken_first = p;
		taken_last = p;
	}
}

static void free_pages(u32 count)
{
	while (count-- && taken_first) {
		struct page *p = taken_first;

		taken_first = p->next;
		pages_free(p, 1);
	}
}

static u64 bytes_free(void)
{
	struct page_stats s;

	page_stats(&s);
	return s.free;
}

/* With any number of pages a VM is created, or one line says what it lacks and nothing is lost. */
static void few_pages(void **state)
{
	const char *said;
	u32 refused = 0;
	u64 before;

	(void)state;
	take_all_pages();
	says("zvm new two", "zvm: no memory for another VM\n");
	for (;;) {
		before = bytes_free();
		said = house("zvm new two");
		if (strstr(said, "created"))
			break;
		refused++;
		assert_memory_equal(said, "zvm: ", 5);
		assert_true(strstr(said, "no memory") || strstr(said, "devices of 'two': "));
		assert_null(vm_next(0));
		assert_int_equal(bytes_free(), before);
		free_pages(refused < 200 ? 1 : 64);
		assert_non_null(taken_first);
	}
	assert_true(refused > 20);
	says("zvm run two", "vm 0 'two' running\n");
	free_pages(~0U);
}

static void resets(struct vcpu *v)
{
	(void)house_smc(v, PSCI_SYSTEM_RESET, 0, 0, 0);
}

/* A VM that runs, and no page left. */
static void no_page(void **state)
{
	struct vm *vm = run_new("net");

	(void)state;
	take_all_pages();
	says("zvm gdb net", "zvm gdb: there is no memory for gdb\n");
	says("zvm dump net", "zvm dump: there is no memory for a core dump\n");
	is(vm, "running");
	says("zvm trace start",
	     "zvm trace: no memory: a trace takes 1024 KiB for each of 2 CPUs\n");
	says("zvm net dump lan", "zvm net: there is no memory for a capture\n");
	says("zvm set net late-limit=9us",
	     "zvm set: late-limit=: no memory: events take 1024 KiB for each of 2 CPUs\n");
	house_does(vm->vcpus[0], resets);
	is(vm, "stopped");
	says_part("host log", "vm 0 'net' not restarted: no memory for the devicetree of 'net'\n");
	says_part("zvm info net", "\n  crash       no memory for the devicetree of 'net'\n");
	says("zvm run net", "zvm: no memory for the devicetree of 'net'\n");
	says_part("host log", "vm 0 'net' not loaded: no memory for the devicetree of 'net'\n");
	free_pages(~0U);
	says("zvm run net", "vm 0 'net' running\n");
	assert_string_equal(vm->crash, "");
}

/* ---- types ---- */

static void with_own_devicetree(void)
{
	type_text("devicetree", "own.dtb");
}

static void with_port(void)
{
	const int node = fdt_path_offset(blob, "/console");

	assert_int_equal(fdt_setprop_string(blob, node, "backend", "port"), 0);
	assert_int_equal(fdt_setprop_u32(blob, node, "port", 1), 0);
}

static void with_pmu(void)
{
	type_bytes("pmu", NULL, 0);
}

static void with_net(void)
{
	const int node = type_device("eth", "zvm,virtio-net");

	assert_int_equal(fdt_setprop(blob, node, "network", "lan", 4), 0);
}

static void add_devicetree(void)
{
	static u64 tree[128];

	assert_int_equal(fdt_create_empty_tree(tree, sizeof(tree)), 0);
	assert_int_equal(fdt_setprop_u32(tree, 0, "#address-cells", 2), 0);
	assert_int_equal(fdt_setprop_u32(tree, 0, "#size-cells", 2), 0);
	assert_int_equal(fdt_pack(tree), 0);
	archive_add("own.dtb", tree, fdt_totalsize(tree));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(wrong_options, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(own_devicetree, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(a_console_has_a_port, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(performance_monitors, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(stolen_time, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(counts_from_0, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(few_pages, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(no_page, house_setup, house_teardown),
		cmocka_unit_test_setup(another_kernel, house_setup), /* the last one: it stays */
	};

	house_type("one", 1, NULL);
	house_type("two", 2, NULL);
	house_type("own", 1, with_own_devicetree);
	house_type("con", 1, with_port);
	house_type("pmu", 1, with_pmu);
	house_type("net", 1, with_net);
	add_devicetree();
	return cmocka_run_group_tests(tests, house_boot, NULL);
}
