/* SPDX-License-Identifier: Apache-2.0 */
/* Commands: what the operator types, what is done, and what the shell answers. */
#include "shell_fixture.h"

#include <lib/errno.h>
#include <lib/printf.h>
#include <string.h>

static void test_nothing(void **state)
{
	(void)state;
	expect("", "");
	expect("   ", "");
	expect("foo", "no command 'foo'; there are: zvm, host, watch, more, help\n");
	expect("zvm foo -n 1",
	       "zvm: no command 'foo'; there are: new, run, pause, resume, reset, stop, delete, "
	       "info, stat, top, net, channel, trace, why, dump, gdb, set, list, console, log\n");
	expect("zvm info", "no VMs; `zvm new -t TYPE` makes one\n");
	expect("zvm list",
	       "there is no bundle: the machine's loader gave no initrd, and nothing is preloaded\n");
	expect("zvm run", "zvm run: which VM (-n VM)? there are: none\n");
	expect("zvm run -n 10", "zvm: no VM '10'; there are: none\n");
	expect("zvm new",
	       "zvm new: which type (-t TYPE)? there is no bundle: the machine's loader gave no initrd, and "
	       "nothing is preloaded\n");
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
	fake.bad_schedule = true;
	expect_part("zvm list", "vms/broken.dtb: /cpus: 0\nschedule.dtb: what is wrong\n");
	assert_int_equal(fake.created, 0);
}

static void test_new(void **state)
{
	(void)state;
	expect("zvm new -t linux", "vm 2 'linux' created: 2 vcpus, 512 MiB\n");
	assert_int_equal(fake.asked.cpus, 0);
	assert_int_equal(fake.asked.priority, -1);
	assert_null(fake.asked.name);
	expect("zvm create zephyr --name rt -c 1 -m 32 -p 0 -a 0x2",
	       "vm 2 'rt' created: 1 vcpu, 32 MiB\n");
	assert_int_equal(fake.asked.cpus, 1);
	assert_int_equal(fake.asked.memory, MIB(32));
	assert_int_equal(fake.asked.priority, 0);
	assert_int_equal(fake.asked.affinity, 2);
	assert_null(fake.asked.bootargs);
	fake.refusal = -ENOMEM;
	expect("zvm new -t linux", "zvm: vm 2 'linux' refuses\n");
}

static void expect_bootargs(const char *typed, const char *given)
{
	char line[128];

	snprintf(line, sizeof(line), "zvm new -t linux --bootargs %s -c 1", typed);
	fake.keep_bootargs[0] = '\0';
	expect(line, "vm 2 'linux' created: 1 vcpu, 512 MiB\n");
	assert_string_equal(fake.keep_bootargs, given);
}

/* A word in quotes has what stands there. */
static void test_quotes(void **state)
{
	(void)state;
	expect_bootargs("quiet", "quiet");
	expect_bootargs("\"panic=1  quiet\"", "panic=1  quiet");
	expect_bootargs("'a \"b\" c'", "a \"b\" c");
	expect_bootargs("root=\"a b\"c' d'", "root=a bc d");
	expect_bootargs("\"\"", "");
	expect_bootargs("  \"-t\"x  ", "-tx");
	expect("zvm new -t linux --bootargs \"a b", "the quote \" is not closed\n");
	expect("zvm info 'linux", "the quote ' is not closed\n");
	expect_part("zvm info \"linux\"", "vm 0 'linux'");
	expect("zvm new -t linux --bootargs",
	       "zvm new: --bootargs needs ARGS: boot arguments after the description's; several in quotes: \"quiet panic=1\"\n");
}

static void test_absurd_sizes(void **state)
{
	static const char *const options[] = {
		"-c 0",  "-c 33",  "-c 99",  "-c two",
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
		assert_memory_equal(fake.output, start, strlen(start));
		assert_ptr_equal(strchr(fake.output, '\n'), fake.output + strlen(fake.output) - 1);
	}
	assert_int_equal(fake.created, 0);
	expect("zvm new -t linux -c 99", "zvm new: -c 99: the number of vCPUs must be 1 to 32\n");
	expect("zvm new -t linux -a 0",
	       "zvm new: -a 0: expected a mask within this machine's CPUs, 0x3\n");
}

static void test_names(void **state)
{
	(void)state;
	expect("zvm new -t linux --name uboot", "zvm: a VM 'uboot' exists already, with id 1\n");
	expect_part("zvm new -t linux --name 7",
		    "zvm new: --name '7' is empty or looks like an id");
	expect_part("zvm new -t linux --name -x",
		    "zvm new: --name '-x' is empty or looks like an id");
	expect_part("zvm new -t linux --name a/b",
		    "zvm new: --name 'a/b' has a character that is not allowed");
	expect_part("zvm new -t linux --name abcdefghijklmnopqrstuvwxyz", " is too long;");
	assert_int_equal(fake.created, 0);
}

static void test_option_errors(void **state)
{
	(void)state;
	expect("zvm run -x", "zvm run: no option '-x'; options: -n VM\n");
	expect("zvm list -x", "zvm list: no option '-x'; options: --json\n");
	expect("host version -x", "host version: no option '-x'; it has no options\n");
	expect("zvm list x", "zvm list: too many arguments: 'x'\n");
	expect("zvm run -n", "zvm run: -n needs VM: the VM, by id or by name\n");
	expect("zvm stop -n -f", "zvm stop: -n needs VM: the VM, by id or by name\n");
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
	assert_false(fake.forced);
	expect("zvm stop -f -n 0", "vm 0 'linux' stopped\n");
	assert_true(fake.forced);
	expect("zvm run -n 10", "zvm: no VM '10'; there are: 0 linux, 1 uboot\n");
	expect("zvm run", "zvm run: which VM (-n VM)? there are: 0 linux, 1 uboot\n");
	fake.refusal = -EPERM;
	expect("zvm pause 1", "zvm: vm 1 'uboot' refuses\n");
	expect("zvm delete 1", "zvm: vm 1 'uboot' refuses\n");
	fake.refusal = 0;
	expect("zvm delete 0 -f", "vm 0 'linux' deleted\n");
	assert_true(fake.forced);
	expect("zvm delete 0", "zvm: no VM '0'; there are: 1 uboot\n");
}

/* A load is waited for without the lifecycle lock, as long as it takes or until Ctrl-C. */
static void test_loading(void **state)
{
	(void)state;
	fake.loads = 5;
	expect("zvm new -t linux", "vm 2 'linux' created: 2 vcpus, 512 MiB\n");
	assert_int_equal(fake.loads, 0);
	fake.loads = 5;
	fake.keys = "zvm\x03";
	expect("zvm run 0", "vm 0 continues to load; `zvm info 0` shows its state\n");
	fake.loads = 0;
	fake.keys = "";
	fake.load_result = -EINVAL;
	expect("zvm reset 1", "zvm: images do not fit\n");
}

/* So is a disk that does not answer. */
static void test_delete_with_a_dead_disk(void **state)
{
	(void)state;
	fake_machines[0].state = VM_RUNNING;
	fake.busy = 100;
	fake.keys = "zvm\x03";
	expect("zvm delete -f 0",
	       "vm 0 stays, stopped: its disk has not answered; delete it later\n");
	assert_int_equal(fake_machines[0].state, VM_STOPPED);
	assert_int_equal(fake.busy, 99);
	fake.keys = "";
	fake.busy = 5;
	expect("zvm delete 0", "vm 0 'linux' deleted\n");
	assert_int_equal(fake.busy, 0);
}

/* A vCPU that waits for a disk of the machine keeps the lifecycle lock from no other one. */
static void test_slow_stop(void **state)
{
	(void)state;
	fake_machines[0].state = VM_RUNNING;
	fake.slow = 5;
	expect("zvm pause linux", "vm 0 'linux' paused\n");
	fake.slow = 5;
	expect("zvm stop -f linux", "vm 0 'linux' stopped\n");
	fake_machines[0].state = VM_RUNNING;
	fake.slow = 5;
	expect("zvm delete -f linux", "vm 0 'linux' deleted\n");
	assert_int_equal(fake.slow, 0);
}

static void console_write(struct vm *vm, const char *text)
{
	for (; *text; text++)
		console_output(&vm->console, (u8)*text);
}

static void test_log(void **state)
{
	(void)state;
	console_write(&fake_machines[0], "one\r\ntwo");
	expect("zvm log 0", "one\ntwo\n");
	expect("zvm log uboot", "");
}

static void test_console(void **state)
{
	(void)state;
	fake_machines[0].state = VM_RUNNING;
	console_write(&fake_machines[0], "login: ");
	fake.keys = "root\r\x1d"
		    "left";
	expect("zvm console linux", "[console of vm 0 'linux'; Ctrl-] leaves]\nlogin: \n");
	for (const char *p = "root\r"; *p; p++) {
		assert_int_equal(console_take_input(&fake_machines[0].console), *p);
	}
	assert_int_equal(console_take_input(&fake_machines[0].console), -1);
	assert_string_equal(fake.keys, "left");
	assert_null(fake_machines[0].console.notify);
}

static void test_console_of_a_stopped_vm(void **state)
{
	(void)state;
	fake_machines[0].state = VM_STOPPED;
	console_write(&fake_machines[0], "Power down");
	fake.keys = "";
	expect("zvm look 0", "[console of vm 0 'linux'; Ctrl-] leaves]\nPower down\n"
			     "[vm 0 'linux' stopped]\n");
}

static void test_console_tail(void **state)
{
	(void)state;
	fake_machines[0].state = VM_STOPPED;
	for (int i = 0; i < 3000; i++)
		console_write(&fake_machines[0], "0123456\r\n");
	run("zvm console 0");
	/* Whole lines, and not all of them. */
	assert_non_null(strstr(fake.output, "leaves]\n0123456\n0123456\n"));
	assert_in_range(strlen(fake.output), 1000, 2200);
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
	expect_part("?", "  zvm new|create       create a VM\n");
	expect_part("zvm ?", "zvm console|look");
	expect_part("zvm run ?", "usage: zvm run [-n VM] [VM]\n");
	expect_part("watch", "usage: watch [-n SECONDS] [COMMAND...]\n");
	expect_part("more -h", "usage: more [COMMAND...]\n");
	expect("help foo", "no command 'foo'; there are: zvm, host, watch, more, help\n");
	expect_part("help zvm foo", "zvm: no command 'foo'; there are: new, ");
	assert_int_equal(fake.created, 0);
}

static void test_host(void **state)
{
	(void)state;
	expect_part("host version", "ZVM " ZVM_VERSION);
	expect_part("host version", ", built with " ZVM_COMPILER "\n");
	/* FIPS 180-4's example: arch/host's image is "abc". */
	expect_part(
		"host version",
		"code      sha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
		" of the first 3 bytes of zvm_host.bin\n");
	expect_part("host mem", "total: 655");
	expect_part("host info", ", 2024-02-29 12:34:56 UTC\n");
	expect_part("host info", "2 cpus");
	host_errata = 0x2;
	expect_part("host info", "errata    fake CPU 7654321 (cpus 0x2)\n");
	expect_part("host foo", "host: no command 'foo'; there are: info, cpus, ");
}

/* ---- completion ---- */

static void test_set(void **state)
{
	(void)state;
	expect("zvm set linux prio=10 affinity=0x2 budget=300 period=1000 policy=fifo",
	       "vm 0 'linux' set\n");
	assert_int_equal(fake.set_to.priority, 10);
	assert_int_equal(fake.set_to.affinity, 2);
	assert_int_equal(fake.set_to.budget_us, 300);
	assert_int_equal(fake.set_to.period_us, 1000);
	assert_true(fake.set_to.fifo);
	fake_machines[0].desc.budget_us = 300;
	fake_machines[0].desc.period_us = 1000;
	expect_part(
		"zvm info linux",
		"budget      300 us of 1000 us, each vcpu; throttled 5 times, missed 6 periods");
	expect_part("zvm info linux", "windows     cpu 1: 0+100, 500+50 us of each 900 us\n");
	expect("zvm update -n 0 restart=on-failure budget=0 affinity=any dedicated=on",
	       "vm 0 'linux' set\n");
	assert_int_equal(fake.set_to.restart, RESTART_ON_FAILURE);
	assert_int_equal(fake.set_to.budget_us, 0);
	assert_int_equal(fake.set_to.period_us, 0);
	assert_int_equal(fake.set_to.affinity, 0);
	assert_true(fake.set_to.dedicated);
	assert_false(fake.windows_set);
	expect("zvm set linux weight=7", "zvm: it does not fit\n");
	expect("zvm set linux windows=1:0+2000,1:5000+500", "vm 0 'linux' set\n");
	assert_true(fake.windows_set);
	assert_int_equal(fake.windows_set_to.count, 2);
	assert_int_equal(fake.windows_set_to.at[1].cpu, 1);
	assert_int_equal(fake.windows_set_to.at[1].offset_us, 5000);
	assert_int_equal(fake.windows_set_to.at[1].length_us, 500);
	expect("zvm set linux windows=none", "vm 0 'linux' set\n");
	assert_int_equal(fake.windows_set_to.count, 0);
	static const char *const wrong[] = { "",         "1",         "1:0",          "1:0+49",
					     "64:0+100", "1:0+100,",  "1:0+10000001", "x:0+100",
					     "1:-1+99",  "1:0+100;2", ",1:0+100" };

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		char line[64];

		snprintf(line, sizeof(line), "zvm set linux windows=%s", wrong[i]);
		expect_part(line, "of CPU:OFFSET+LENGTH in us, separated");
	}
	expect("zvm set linux",
	       "zvm set: nothing to set; for example: prio=10 budget=300 period=1000\n");
	expect("zvm set linux prio=63", "zvm set: prio=63: the priority must be 0 to 62\n");
	expect("zvm set linux prio=1 prio=2", "zvm set: prio= is given twice\n");
	expect("zvm set linux affinity=4",
	       "zvm set: affinity=4: expected `any` or a mask within this machine's CPUs, 0x3\n");
	expect("zvm set linux policy=lifo", "zvm set: policy=lifo: expected round-robin or fifo\n");
	expect("zvm set linux colour=red",
	       "zvm set: no option 'colour=red'; options: -n VM, prio=PRIO, affinity=MASK, "
	       "budget=US, period=US, weight=N, policy=POLICY, dedicated=ON, windows=LIST, restart=WHEN, late-limit=US, mem=MIB, rate=LIMIT\n");
	assert_string_equal(completed("zvm set linux pr"), "prio=");
	assert_string_equal(
		completed("zvm set -n linux "),
		"linux uboot prio= affinity= budget= period= weight= policy= dedicated= "
		"windows= restart= late-limit= mem= rate=");
}

static void test_completion(void **state)
{
	(void)state;
	assert_string_equal(completed(""), "zvm host watch more help");
	assert_string_equal(completed("h"), "host help");
	assert_string_equal(completed("zvm "),
			    "new run pause resume reset stop delete info stat "
			    "top net channel trace why dump gdb set list console log");
	assert_string_equal(completed("zvm re"), "resume reset");
	assert_string_equal(completed("zvm run "), "linux uboot");
	assert_string_equal(completed("zvm run -n u"), "uboot");
	assert_string_equal(completed("zvm run -"), "-n -h");
	assert_string_equal(completed("zvm look l"), "linux");
	assert_string_equal(completed("zvm new -t "), "linux zephyr broken");
	assert_string_equal(completed("zvm new -t linux --"), "--name --bootargs");
	assert_string_equal(completed("zvm new -c "), "");
	assert_string_equal(completed("zvm list "), "");
	assert_string_equal(completed("host ve"), "version");
	assert_string_equal(completed("help "), "zvm host watch more help");
	assert_string_equal(completed("help zvm l"), "list log");
	assert_string_equal(completed("watch zvm stat l"), "linux");
	assert_string_equal(completed("watch -n 5 zvm to"), "top");
	assert_string_equal(completed("watch -n "), "");
	assert_string_equal(completed("more ho"), "host");
	assert_string_equal(completed("foo "), "");
	assert_string_equal(completed("zvm foo "), "");
	assert_int_equal(fake.locks, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_nothing, fake_setup),
		cmocka_unit_test_setup(test_types, fake_setup_vms),
		cmocka_unit_test_setup(test_new, fake_setup_vms),
		cmocka_unit_test_setup(test_quotes, fake_setup_vms),
		cmocka_unit_test_setup(test_absurd_sizes, fake_setup_vms),
		cmocka_unit_test_setup(test_names, fake_setup_vms),
		cmocka_unit_test_setup(test_option_errors, fake_setup_vms),
		cmocka_unit_test_setup(test_lifecycle, fake_setup_vms),
		cmocka_unit_test_setup(test_slow_stop, fake_setup_vms),
		cmocka_unit_test_setup(test_loading, fake_setup_vms),
		cmocka_unit_test_setup(test_delete_with_a_dead_disk, fake_setup_vms),
		cmocka_unit_test_setup(test_log, fake_setup_vms),
		cmocka_unit_test_setup(test_console, fake_setup_vms),
		cmocka_unit_test_setup(test_console_of_a_stopped_vm, fake_setup_vms),
		cmocka_unit_test_setup(test_console_tail, fake_setup_vms),
		cmocka_unit_test_setup(test_set, fake_setup_vms),
		cmocka_unit_test_setup(test_help, fake_setup_vms),
		cmocka_unit_test_setup(test_host, fake_setup),
		cmocka_unit_test_setup(test_completion, fake_setup_vms),
	};

	return cmocka_run_group_tests(tests, fake_boot, NULL);
}
