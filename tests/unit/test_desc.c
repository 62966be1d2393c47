/* SPDX-License-Identifier: Apache-2.0 */
/* VM descriptions: the accepted ones, and the one line about each refused one. */
#include <unit.h>

#include <lib/errno.h>
#include <lib/printf.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>
#include <vmm/desc.h>
#include <vmm/load.h>

#define FILE_NAME "vms/a.dts"

static u8 blob[16384] __aligned(8);
static struct vm_desc d;
static struct desc_error err;

static void set(const char *path, const char *prop, const void *value, size_t len)
{
	int node = fdt_path_offset(blob, path);

	assert_true(node >= 0);
	assert_int_equal(fdt_setprop(blob, node, prop, value, (int)len), 0);
}

static void set_str(const char *prop, const char *value)
{
	set("/", prop, value, strlen(value) + 1);
}

static void set_u32(const char *prop, u32 value)
{
	fdt32_t cell = cpu_to_fdt32(value);

	set("/", prop, &cell, sizeof(cell));
}

static void set_u64(const char *prop, u64 value)
{
	fdt64_t cells = cpu_to_fdt64(value);

	set("/", prop, &cells, sizeof(cells));
}

static void del(const char *prop)
{
	assert_int_equal(fdt_delprop(blob, 0, prop), 0);
}

static void node(const char *name)
{
	assert_true(fdt_add_subnode(blob, 0, name) >= 0);
}

/* The least that is accepted. */
static int small(void **state)
{
	(void)state;
	assert_int_equal(fdt_create_empty_tree(blob, sizeof(blob)), 0);
	set_str("compatible", "zvm,vm");
	set_str("label", "linux");
	set_u64("memory", MIB(64));
	set_str("kernel", "linux/Image");
	return 0;
}

static int parse(void)
{
	return desc_parse(blob, fdt_totalsize(blob), FILE_NAME, &d, &err);
}

static void accepted(void)
{
	int ret = parse();

	assert_string_equal(err.text, "");
	assert_int_equal(ret, 0);
}

static void refused(const char *text)
{
	char want[256];

	assert_int_equal(parse(), -EINVAL);
	(void)snprintf(want, sizeof(want), FILE_NAME ": %s", text);
	assert_string_equal(err.text, want);
}

static void test_defaults(void **state)
{
	(void)state;
	accepted();
	assert_string_equal(d.label, "linux");
	assert_int_equal(d.cpus, 1);
	assert_int_equal(d.ram.count, 1);
	assert_int_equal(d.ram.banks[0].base, 0x40000000);
	assert_int_equal(d.ram.banks[0].size, MIB(64));
	assert_string_equal(d.kernel.path, "linux/Image");
	assert_string_equal(d.initrd.path, "");
	assert_string_equal(d.bootargs, "");
	assert_int_equal(d.priority, 20);
	assert_int_equal(d.affinity, 0);
	assert_int_equal(d.restart, RESTART_NEVER);
	assert_false(d.autostart);
	assert_false(d.pmu);
	assert_false(d.has_load_address);
	assert_false(d.has_devicetree_address);
	assert_int_equal(d.console_port, CONSOLE_PORT_ANY);
}

static void test_everything(void **state)
{
	const u64 affinity = cpu_to_fdt64(0xc0);
	fdt32_t port = cpu_to_fdt32(3);

	(void)state;
	set_u32("cpus", 8);
	set_str("initrd", "linux/initrd.cpio.gz");
	set_str("devicetree", "linux/my.dtb");
	set_u64("devicetree-address", 0x44000000);
	set_u64("load-address", 0x40200000);
	set_str("bootargs", "console=ttyAMA0 quiet");
	set_u32("priority", 0);
	set("/", "affinity", &affinity, sizeof(affinity));
	set_str("restart", "on-failure");
	set("/", "autostart", NULL, 0);
	set("/", "pmu", NULL, 0);
	set_u32("gic-version", 3);
	node("console");
	set("/console", "backend", "port", 5);
	set("/console", "port", &port, sizeof(port));
	node("devices");
	node("channels");
	accepted();
	assert_int_equal(d.cpus, 8);
	assert_string_equal(d.initrd.path, "linux/initrd.cpio.gz");
	assert_string_equal(d.devicetree.path, "linux/my.dtb");
	assert_true(d.has_load_address);
	assert_int_equal(d.load_address, 0x40200000);
	assert_true(d.has_devicetree_address);
	assert_int_equal(d.devicetree_address, 0x44000000);
	assert_string_equal(d.bootargs, "console=ttyAMA0 quiet");
	assert_int_equal(d.priority, 0);
	assert_int_equal(d.affinity, 0xc0);
	assert_int_equal(d.restart, RESTART_ON_FAILURE);
	assert_true(d.autostart);
	assert_true(d.pmu);
	assert_int_equal(d.console_port, 3);
}

static void test_one_cell_affinity_and_restart(void **state)
{
	(void)state;
	set_u32("affinity", 0xc);
	set_str("restart", "always");
	accepted();
	assert_int_equal(d.affinity, 0xc);
	assert_int_equal(d.restart, RESTART_ALWAYS);
	set_str("restart", "never");
	accepted();
	assert_int_equal(d.restart, RESTART_NEVER);
}

static void test_console_none(void **state)
{
	fdt32_t port = 0;

	(void)state;
	node("console");
	set("/console", "backend", "none", 5);
	accepted();
	assert_int_equal(d.console_port, CONSOLE_PORT_NONE);
	set("/console", "port", &port, sizeof(port));
	refused("/console: port: must not be given: backend is \"none\"");
	set("/console", "backend", "pty", 4);
	refused("/console: backend: 'pty': expected port or none");
}

static void test_addresses(void **state)
{
	(void)state;
	del("kernel");
	set_u64("kernel-address", 0xe0000000);
	refused("/: kernel-address: must be given together with kernel-size");
	set_u64("kernel-size", 0x1000);
	set_u64("initrd-address", 0xe4000000);
	set_u64("initrd-size", 0x2000);
	accepted();
	assert_int_equal(d.kernel.pa.pa, 0xe0000000);
	assert_int_equal(d.kernel.size, 0x1000);
	assert_int_equal(d.initrd.size, 0x2000);
	set_u64("kernel-size", UINT64_MAX);
	refused("/: kernel-address: together with kernel-size passes the end of memory");
	set_u64("kernel-size", 0);
	assert_int_equal(parse(), -EINVAL);
	set_u64("kernel-size", 1);
	set_str("kernel", "linux/Image");
	refused("/: kernel-address: must not be given together with kernel");
}

static void test_missing(void **state)
{
	static const char *const props[] = { "compatible", "label", "memory", "kernel" };

	for (u32 i = 0; i < ARRAY_SIZE(props); i++) {
		char want[64];

		small(state);
		del(props[i]);
		(void)snprintf(want, sizeof(want), "/: %s: is missing", props[i]);
		refused(want);
	}
}

static void test_unknown(void **state)
{
	(void)state;
	set_str("kernal", "x");
	refused("/: kernal: unknown property; did you mean 'kernel'?");
	del("kernal");
	node("device");
	refused("/device: unknown node");
	fdt_del_node(blob, fdt_path_offset(blob, "/device"));
	node("console");
	set("/console", "baud", NULL, 0);
	refused("/console: baud: unknown property");
}

static void set_us(const char *path, const char *prop, u32 value)
{
	fdt32_t cell = cpu_to_fdt32(value);

	set(path, prop, &cell, sizeof(cell));
}

static void test_tasks(void **state)
{
	(void)state;
	node("task7");
	set_us("/task7", "period-us", 1000);
	refused("/task7: wcet-us: is missing");
	set_us("/task7", "wcet-us", 300);
	refused("has tasks, but is not real-time: give it a priority of 0 to 15, policy fifo, a budget, "
		"or dedicated");
	set_u32("priority", 3);
	assert_int_equal(parse(), 0);
	assert_int_equal(d.task_count, 1);
	assert_int_equal(d.tasks[0].number, 7);
	assert_int_equal(d.tasks[0].deadline_us, 1000); /* the period */
	set_us("/task7", "deadline-us", 1001);
	refused("/task7: deadline-us: is more than the period");
	set_us("/task7", "deadline-us", 299);
	refused("/task7: wcet-us: is more than the deadline");
	set_us("/task7", "deadline-us", 900);
	/* The one with the shorter deadline is the more urgent. */
	node("task2");
	set_us("/task2", "period-us", 5000);
	set_us("/task2", "wcet-us", 20);
	set_us("/task2", "deadline-us", 100);
	assert_int_equal(parse(), 0);
	assert_int_equal(d.task_count, 2);
	assert_int_equal(d.tasks[0].number, 2);
	assert_int_equal(d.tasks[1].wcet_us, 300);
	set_us("/task2", "wect-us", 20);
	refused("/task2: wect-us: unknown property; did you mean 'wcet-us'?");
	fdt_del_node(blob, fdt_path_offset(blob, "/task2"));
	node("taskx");
	refused("/taskx: unknown node: a task has a number, task0");
}

/* Names as long as a devicetree has them are whole; of a file's path the end. */
static void test_long_names(void **state)
{
	static const char name[] =
		"a-node-whose-name-is-longer-than-the-31-characters-of-the-specification";
	char want[256], path[301];

	(void)state;
	node(name);
	(void)snprintf(want, sizeof(want), "/%s: unknown node", name);
	refused(want);
	memset(path, 'p', sizeof(path) - 1);
	(void)strcpy(path + 285, "/vms/linux.dts");
	(void)desc_refuse(&err, path, "/", name, "'%s' is empty", name);
	assert_memory_equal(err.text, "...ppp", 6);
	(void)snprintf(want, sizeof(want), "p/vms/linux.dts: /: %s: '%s' is empty", name, name);
	assert_non_null(strstr(err.text, want));
	/* What has no room even so ends in a mark. */
	(void)desc_refuse(&err, path, path, path, "%s %s", path, path);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_string_equal(err.text + strlen(err.text) - 4, "p...");
}

static void test_scheduling(void **state)
{
	(void)state;
	set_u32("budget-us", 300);
	refused("/: budget-us: needs a period");
	set_u32("period-us", 200);
	refused("/: budget-us: is more than the period");
	set_u32("period-us", 99);
	refused("/: period-us: 99 is out of range: 100 to 10000000");
	set_u32("period-us", 1000);
	set_u32("weight", 300);
	set_str("policy", "fifo");
	accepted();
	assert_int_equal(d.budget_us, 300);
	assert_int_equal(d.period_us, 1000);
	assert_int_equal(d.weight, 300);
	assert_true(d.fifo);
	set("/", "dedicated", "", 0);
	refused("/: budget-us: is for shared CPUs, not for dedicated ones");
	del("budget-us");
	del("period-us");
	del("policy");
	accepted();
	assert_true(d.dedicated);
	set_str("policy", "lifo");
	refused("/: policy: 'lifo': expected fifo or round-robin");
}

static void test_firmware(void **state)
{
	small(state);
	set_str("firmware", "x/edk2.fd");
	accepted();
	del("kernel");
	accepted();
	assert_string_equal(d.firmware.path, "x/edk2.fd");
	set_u64("load-address", 0x40000000);
	refused("/: load-address: is not for a VM with firmware");
	del("load-address");
	set_str("variables", "label:vars");
	accepted();
	assert_string_equal(d.variables, "label:vars");
	set_str("initrd", "i");
	refused("/: initrd: needs a kernel");
	set_str("firmware", "../x");
	refused("/: firmware: '../x' leaves the bundle");
	small(state);
	set_str("variables", "vda");
	refused("/: variables: is for a VM with firmware");
}

static void test_not_supported(void **state)
{
	small(state);
	node("devices");
	assert_true(fdt_add_subnode(blob, fdt_path_offset(blob, "/devices"), "net0") >= 0);
	refused("/devices/net0: compatible: is missing");
	small(state);
	node("passthrough");
	refused("/passthrough: is not supported by this build");
	small(state);
	set_u32("gic-version", 4);
	refused("/: gic-version: 4: expected 2 or 3");
}

static void test_numbers(void **state)
{
	(void)state;
	set_u32("cpus", 0);
	refused("/: cpus: 0 is out of range: 1 to 32");
	set_u32("cpus", 33);
	refused("/: cpus: 33 is out of range: 1 to 32");
	set_u32("cpus", 9);
	set_u32("gic-version", 2);
	refused("/: cpus: with gic-version 2 there are 1 to 8");
	set_u32("gic-version", 3);
	set_u64("cpus", 1);
	refused("/: cpus: must be 1 cell, but has 8 bytes");
	set_u32("cpus", 1);
	set_u32("memory", 1);
	refused("/: memory: must be 2 cells for each bank, but has 4 bytes");
	set_u64("memory", MIB(64) + 4096);
	refused("/: memory: 0x4001000 is not a multiple of 2 MiB");
	set_u64("memory", 0);
	refused("/: memory: 0x0 is out of range: 0x200000 to 0x3fc0000000");
	set_u64("memory", GIB(256));
	refused("/: memory: 0x4000000000 is out of range: 0x200000 to 0x3fc0000000");
	set_u64("memory", UINT64_MAX);
	assert_int_equal(parse(), -EINVAL);
	set_u64("memory", MIB(64));
	set_str("memory-policy", "lazy");
	refused("/: memory-policy: 'lazy': expected eager");
	set_str("memory-policy", "eager");
	accepted();
	assert_true(d.eager);
	del("memory-policy");
	set_u32("hang-timeout-ms", 999);
	refused("/: hang-timeout-ms: 999 is out of range: 1000 to 3600000");
	set_u32("hang-timeout-ms", 1000);
	accepted();
	assert_int_equal(d.hang_timeout_ms, 1000);
	del("hang-timeout-ms");
	set_u32("late-limit-us", 1000001);
	refused("/: late-limit-us: 1000001 is out of range: 1 to 1000000");
	set_u32("late-limit-us", 50);
	accepted();
	assert_int_equal(d.late_limit_us, 50);
	del("late-limit-us");
	set_u32("priority", 63);
	refused("/: priority: 63 is out of range: 0 to 62");
	del("priority");
	set_u32("affinity", 0);
	refused("/: affinity: names no CPU");
	set_u64("affinity", 1UL << 63);
	accepted();
	assert_int_equal(d.affinity, 1UL << 63);
	del("affinity");
	set_u32("autostart", 1);
	refused("/: autostart: takes no value");
	del("autostart");
	set_u32("pmu", 1);
	refused("/: pmu: takes no value");
}

static void test_strings(void **state)
{
	char longer[2049];

	(void)state;
	set_str("compatible", "zvm,host");
	refused("/: compatible: 'zvm,host' is not \"zvm,vm\"");
	small(state);
	set("/", "label", "a\0b", 4);
	refused("/: label: must be one string");
	set("/", "label", "ab", 2);
	refused("/: label: must be one string");
	set("/", "label", "", 0);
	refused("/: label: must be one string");
	set_str("label", "");
	refused("/: label: is empty");
	set_str("label", "a b");
	refused("/: label: 'a b': only letters, digits, '-', '_' and '.'");
	set_str("label", "12");
	refused("/: label: '12' could be taken for a number or an option");
	set_str("label", "0x12");
	refused("/: label: '0x12' could be taken for a number or an option");
	set_str("label", "-n");
	refused("/: label: '-n' could be taken for a number or an option");
	set_str("label", "twenty-four-characters-xx");
	refused("/: label: is longer than 23 bytes");
	set_str("label", "\033[2J");
	refused("/: label: has a character that is not printable");
	small(state);
	memset(longer, 'a', sizeof(longer));
	set("/", "bootargs", longer, sizeof(longer));
	refused("/: bootargs: must be one string");
	longer[sizeof(longer) - 1] = '\0';
	set("/", "bootargs", longer, sizeof(longer));
	refused("/: bootargs: is longer than 2047 bytes");
	set("/", "bootargs", longer + 1, sizeof(longer) - 1);
	accepted();
	assert_int_equal(strlen(d.bootargs), 2047);
	set_str("bootargs", "root=LABEL=\xe7\xb3\xbb\xe7\xbb\x9f");
	accepted();
	set_str("bootargs", "a\xe7\xb3");
	refused("/: bootargs: has a character that is not printable");
	small(state);
	set("/", "kernel", longer, sizeof(longer));
	refused("/: kernel: is longer than 255 bytes");
	set_str("restart", "maybe");
	set_str("kernel", "Image");
	refused("/: restart: 'maybe': expected never, on-failure or always");
}

static void test_paths(void **state)
{
	(void)state;
	set_str("kernel", "");
	refused("/: kernel: '' is not the path of a file in the bundle");
	set_str("kernel", "/etc/passwd");
	refused("/: kernel: '/etc/passwd' is not the path of a file in the bundle");
	set_str("kernel", "../Image");
	refused("/: kernel: '../Image' leaves the bundle");
	set_str("kernel", "a/../Image");
	refused("/: kernel: 'a/../Image' leaves the bundle");
	set_str("kernel", "a/..");
	refused("/: kernel: 'a/..' leaves the bundle");
	set_str("kernel", "a/..b/Image");
	accepted();
	set_str("kernel", "\xe5\x86\x85\xe6\xa0\xb8/Image");
	accepted();
}

/* A name that is long or not printable is quoted in part, never raw. */
static void test_hostile_names(void **state)
{
	char name[300];

	(void)state;
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	name[0] = '\033';
	set_str(name, "1");
	assert_int_equal(parse(), -EINVAL);
	assert_null(strchr(err.text, '\033'));
	assert_true(strlen(err.text) < sizeof(err.text));
	small(state);
	assert_true(fdt_add_subnode(blob, 0, name) >= 0);
	assert_int_equal(parse(), -EINVAL);
	assert_null(strchr(err.text, '\033'));
	assert_int_equal(desc_parse(blob, fdt_totalsize(blob), name, &d, &err), -EINVAL);
	assert_null(strchr(err.text, '\033'));
}

/*
 * Cut off at every length, with each byte changed: an error or a description, never a read beyond
 * (the sanitizer checks).
 */
static void test_broken_blobs(void **state)
{
	u32 size;
	u8 *copy;

	(void)state;
	assert_int_equal(fdt_pack(blob), 0);
	size = fdt_totalsize(blob);
	for (u32 n = 0; n < size; n++) {
		copy = aligned_alloc(8, ALIGN_UP(n, 8) + 8);
		memcpy(copy, blob, n);
		assert_int_equal(desc_parse(copy, n, FILE_NAME, &d, &err), -EINVAL);
		free(copy);
	}
	copy = aligned_alloc(8, ALIGN_UP(size, 8));
	for (u32 n = 0; n < size; n++) {
		for (u32 bit = 0; bit < 8; bit++) {
			memcpy(copy, blob, size);
			copy[n] ^= (u8)(1 << bit);
			if (desc_parse(copy, size, FILE_NAME, &d, &err))
				assert_string_not_equal(err.text, "");
		}
	}
	free(copy);
}

static void check_refused(const char *text)
{
	char want[256];

	accepted();
	assert_int_equal(desc_check(&d, NULL, FILE_NAME, &err), -EINVAL);
	(void)snprintf(want, sizeof(want), FILE_NAME ": %s", text);
	assert_string_equal(err.text, want);
}

static void test_check_places(void **state)
{
	(void)state;
	accepted();
	assert_int_equal(desc_check(&d, NULL, FILE_NAME, &err), 0);
	set_u64("load-address", 0x44000000);
	check_refused("/: load-address: 0x44000000 does not lie in RAM (64 MiB at 0x40000000)");
	set_u64("load-address", 0x1000);
	check_refused("/: load-address: 0x1000 does not lie in RAM (64 MiB at 0x40000000)");
	set_u64("load-address", 0x40000002);
	check_refused("/: load-address: 0x40000002 does not lie in RAM (64 MiB at 0x40000000)");
	del("load-address");
	set_u64("devicetree-address", 0x43ffff00);
	check_refused(
		"/: devicetree-address: 0x43ffff00 has no 64 KiB of RAM (64 MiB at 0x40000000)");
	set_u64("devicetree-address", UINT64_MAX - 7);
	assert_int_equal(parse(), 0);
	assert_int_equal(desc_check(&d, NULL, FILE_NAME, &err), -EINVAL);
	d.has_devicetree_address = false;
	d.ram.banks[0].size = MIB(1);
	assert_int_equal(desc_check(&d, NULL, FILE_NAME, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_defaults, small),
		cmocka_unit_test_setup(test_everything, small),
		cmocka_unit_test_setup(test_one_cell_affinity_and_restart, small),
		cmocka_unit_test_setup(test_console_none, small),
		cmocka_unit_test_setup(test_addresses, small),
		cmocka_unit_test_setup(test_missing, small),
		cmocka_unit_test_setup(test_unknown, small),
		cmocka_unit_test_setup(test_tasks, small),
		cmocka_unit_test_setup(test_long_names, small),
		cmocka_unit_test_setup(test_scheduling, small),
		cmocka_unit_test_setup(test_firmware, small),
		cmocka_unit_test_setup(test_not_supported, small),
		cmocka_unit_test_setup(test_numbers, small),
		cmocka_unit_test_setup(test_strings, small),
		cmocka_unit_test_setup(test_paths, small),
		cmocka_unit_test_setup(test_hostile_names, small),
		cmocka_unit_test_setup(test_broken_blobs, small),
		cmocka_unit_test_setup(test_check_places, small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
