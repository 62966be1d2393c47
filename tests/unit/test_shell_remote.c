/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that control VMs: the shell's commands as far as they may give them. */
#include "shell_fixture.h"

#include <kernel/page.h>
#include <kernel/thread.h>
#include <kernel/timeout.h>
#include <lib/errno.h>
#include <shell/shell.h>
#include <stdio.h>
#include <string.h>
#include <vmm/control.h>
#include <vmm/load.h>
#include <vmm/port.h>

/* ---- the machine's port of the operator's program, and another one before it ---- */

static struct {
	const char *types;
	char shown[2 * PORT_STREAM_BYTES];
	u32 shown_len;
	bool blocked; /* its answers are not read */
} far;

static u32 port_write(u32 n, const void *data, u32 len)
{
	assert_int_equal(n, 1);
	if (far.blocked)
		return 0;
	assert_true(far.shown_len + len < sizeof(far.shown));
	memcpy(far.shown + far.shown_len, data, len);
	far.shown_len += len;
	return len;
}

static u32 port_read(u32 n, void *data, u32 len)
{
	const u32 count = n == 1 && far.types ? MIN(len, (u32)strlen(far.types)) : 0;

	memcpy(data, far.types, count);
	far.types += count;
	return count;
}

static const char *port_name(u32 n)
{
	return n ? "org.zvm.control" : "hvc0";
}

static const struct console_port_ops port_ops = {
	.count = 2,
	.write = port_write,
	.read = port_read,
	.name = port_name,
};

static struct vm_type type; /* the guest's */
static struct control_port *port;

static void wake(void *arg)
{
	(void)arg;
}

static int boot(void **state)
{
	fake_boot(state);
	far.types = "";
	assert_int_equal(console_ports_register(&port_ops), 0);
	assert_int_equal(console_service_start(), 0);
	assert_int_equal(remote_start(), 0);
	thread_set_priority(thread_current(), 30);
	return 0;
}

static int setup(void **state)
{
	fake_setup_vms(state);
	fake.patient = 0;
	fake.load_result = 0;
	memset(&type, 0, sizeof(type));
	strcpy(type.desc.control[type.desc.control_count++], "linux");
	strcpy(type.desc.control[type.desc.control_count++], "broken");
	port = control_create(&type.desc, wake, NULL);
	assert_non_null(port);
	control_set_open(port, true);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	control_destroy(port);
	assert_int_equal(fake.output_len, 0); /* nothing was shown to the operator */
	return 0;
}

/* What is there of the answer. */
static const char *answer(void)
{
	static char text[CONTROL_ANSWER + 1];

	text[control_get(port, text, CONTROL_ANSWER)] = '\0';
	assert_int_equal(fake.locks, 0);
	return text;
}

static const char *ask(const char *request)
{
	char line[CONTROL_LINE + 1];

	fake.output_len = 0;
	host_counter += HOST_COUNTER_HZ; /* never too fast */
	snprintf(line, sizeof(line), "%s\n", request);
	for (u32 at = 0, n; at < strlen(line); at += n) {
		n = control_put(port, line + at, (u32)strlen(line) - at);
		assert_true(n);
	}
	sched_preempt_point();
	thread_yield();
	return answer();
}

#define answers(request, text) assert_string_equal(ask(request), text)

/* fake_setup_vms() makes VMs 0 'linux' and 1 'uboot', both of the type linux. */
static void hide_uboot(void)
{
	strcpy(fake_machines[1].desc.label, "zephyr");
}

static void test_life(void **state)
{
	(void)state;
	answers("run linux", " vm 0 'linux' running\nok\n");
	answers("@a pause -n 0", " vm 0 'linux' paused\nok @a\n");
	answers("resume linux", " vm 0 'linux' running\nok\n");
	answers("reset linux", " vm 0 'linux' reset\nok\n");
	answers("stop linux", " vm 0 'linux' asked to power off\nok\n");
	assert_false(fake.forced);
	answers("stop -f linux", " vm 0 'linux' stopped\nok\n");
	assert_true(fake.forced);
	answers("delete linux", " vm 0 'linux' deleted\nok\n");
	answers("delete linux", "error: zvm: no VM 'linux'; there are: 1 uboot\n");
	fake.refusal = -EPERM;
	answers("@7 run 1", "error @7: zvm: vm 1 'uboot' refuses\n");
}

static void test_new(void **state)
{
	(void)state;
	answers("new linux",
		"error: zvm new: there is vm 0 'linux' already, and a guest may have one VM of each type\n");
	(void)ask("delete 0");
	hide_uboot();
	answers("new -t linux --bootargs \"quiet panic=1\"",
		" vm 2 'linux' created: 2 vcpus, 512 MiB\nok\n");
	assert_string_equal(fake.keep_bootargs, "quiet panic=1");
	assert_int_equal(fake.patient, 1);
	answers("new zephyr", "error: zvm: no type 'zephyr'; this bundle has: linux, broken\n");
	answers("new broken",
		"error: zvm: type 'broken' cannot be created: vms/broken.dtb: /cpus: 0\n");
	answers("new linux -m 64", "error: zvm new: a guest may not give -m\n");
	answers("new", "error: zvm new: which type (-t TYPE)? this bundle has: linux, broken\n");
}

/* Others do not wait for a VM that is being loaded; its answer comes when it is. */
static void test_loading(void **state)
{
	(void)state;
	fake.loads = 3;
	answers("run linux", "");
	assert_int_equal(fake.patient, 1);
	for (u32 i = 0; i < 3; i++)
		host_advance(ms_to_ticks(25));
	assert_string_equal(answer(), " vm 0 'linux' running\nok\n");
	fake.loads = 1;
	fake.load_result = -EINVAL;
	answers("reset linux", "");
	host_advance(ms_to_ticks(25));
	assert_string_equal(answer(), "error: zvm: images do not fit\n");
}

/* Others' VMs and types are not there. */
static void test_rights(void **state)
{
	(void)state;
	hide_uboot();
	answers("run uboot", "error: zvm: no VM 'uboot'; there are: 0 linux\n");
	answers("delete -f 1", "error: zvm: no VM '1'; there are: 0 linux\n");
	assert_null(strstr(ask("info"), "uboot"));
	assert_non_null(strstr(ask("info --json"), "\"name\": \"linux\""));
	assert_null(strstr(ask("list"), "zephyr"));
	assert_non_null(strstr(ask("list --json"), "\"type\": \"linux\""));
	answers("info uboot --json", "error: zvm: no VM 'uboot'; there are: 0 linux\n");
	answers("stat linux -r", "error: zvm stat: a guest may not give -r\n");
	assert_non_null(strstr(ask("stat linux --json"), "\"late\": ["));
	answers("console linux",
		"error: a guest has no command 'console'; there are: new, run, pause, resume, reset, "
		"stop, delete, info, stat, set, list, load\n");
	answers("host reboot",
		"error: a guest has no command 'host'; there are: new, run, pause, resume, reset, "
		"stop, delete, info, stat, set, list, load\n");
	answers("run a b", "error: zvm run: one VM at a time: 'a' or 'b'\n");
	answers("run -x", "error: zvm run: no option '-x'; options: -n VM\n");
	answers("@t", "error @t: an empty request\n");
	answers("run \"linux", "error: the quote \" is not closed\n");
	/* The operator's own are as before. */
	assert_non_null(strstr(run("zvm info"), "uboot"));
	assert_non_null(strstr(run("zvm list"), "zephyr"));
	fake.output_len = 0;
}

/* A VM gets no more than its description gives it. */
static void test_set(void **state)
{
	struct vm_desc *d = &fake_machines[0].desc;
	struct vm_type *its = vm_types[0];

	(void)state;
	d->weight = its->desc.weight = 100;
	answers("set linux prio=20 weight=50", " vm 0 'linux' set\nok\n");
	assert_int_equal(fake.set_to.weight, 50);
	answers("set linux prio=19",
		"error: zvm set: prio=19 is more than the description of 'linux' gives it\n");
	answers("set linux weight=101",
		"error: zvm set: weight=101 is more than the description of 'linux' gives it\n");
	answers("set linux affinity=2", " vm 0 'linux' set\nok\n");
	its->desc.affinity = 1;
	answers("set linux affinity=3",
		"error: zvm set: affinity=3 is more than the description of 'linux' gives it\n");
	answers("set linux affinity=any",
		"error: zvm set: affinity=any is more than the description of 'linux' gives it\n");
	answers("set linux budget=100",
		"error: zvm set: budget=100 is more than the description of 'linux' gives it\n");
	its->desc.budget_us = d->budget_us = 300;
	its->desc.period_us = d->period_us = 1000;
	answers("set linux budget=300", " vm 0 'linux' set\nok\n");
	answers("set linux budget=301",
		"error: zvm set: budget=301 is more than the description of 'linux' gives it\n");
	answers("set linux budget=0",
		"error: zvm set: budget=0 is more than the description of 'linux' gives it\n");
	d->period_us = 500; /* the operator's: the share counts */
	answers("set linux budget=151",
		"error: zvm set: budget=151 is more than the description of 'linux' gives it\n");
	answers("set linux period=100", "error: zvm set: a guest may not give period=\n");
	answers("set linux windows=none", "error: zvm set: a guest may not give windows=\n");
	answers("set linux",
		"error: zvm set: nothing to set; for example: prio=10 budget=300 period=1000\n");
	/* What it does not name may be the operator's. */
	d->priority = 3;
	answers("set linux restart=always", " vm 0 'linux' set\nok\n");
	assert_int_equal(fake.set_to.priority, 3);
}

/* Send what `load` has asked for. */
static const char *load(const void *bytes, u32 size)
{
	for (u32 at = 0; at < size;)
		at += control_put(port, (const u8 *)bytes + at, size - at);
	sched_preempt_point();
	thread_yield();
	return answer();
}

/* A kernel for the next VM of a type. A bad one changes nothing, and memory comes back. */
static void test_load(void **state)
{
	u32 nops[64];
	struct page_stats before, after;

	(void)state;
	for (u32 i = 0; i < 64; i++)
		nops[i] = 0xd503201f;
	page_stats(&before);
	answers("load zephyr 100",
		"error: zvm: no type 'zephyr'; this bundle has: linux, broken\n");
	answers("load linux", "error: load: expected TYPE BYTES\n");
	answers("load linux x", "error: load: expected TYPE BYTES\n");
	answers("load linux 0",
		"error: load linux: an image of 0 bytes: 1 to 67108864 are possible\n");
	answers("load linux 67108865",
		"error: load linux: an image of 67108865 bytes: 1 to 67108864 are possible\n");
	answers("load linux 67108864",
		"error: load linux: no memory for an image of 67108864 bytes: 16 MiB of the machine's stay free\n");
	answers("load broken 100", "error: load broken: vms/broken.dtb: /cpus: 0\n");
	answers("@1 load linux 12", "send @1\n");
	assert_string_equal(
		load("hello world\n", 12),
		"error @1: zvm: kernel: is text, not code: it begins with 'hello world'\n");
	assert_null(type_image_get(vm_types[0]));
	page_stats(&after);
	assert_int_equal(before.blocks_free, after.blocks_free);
	for (u32 i = 0; i < 3; i++) {
		answers("load linux 256", "send\n");
		assert_string_equal(
			load(nops, sizeof(nops)),
			" 256 bytes for 'linux', from its next new, run or reset on\nok\n");
	}
	/* It stays while a VM has it. */
	struct type_image *image = type_image_get(vm_types[0]);

	assert_memory_equal(image->data, nops, sizeof(nops));
	answers("load linux 4", "send\n");
	assert_string_equal(load(nops, 4),
			    " 4 bytes for 'linux', from its next new, run or reset on\nok\n");
	assert_memory_equal(image->data, nops, sizeof(nops));
	page_stats(&after);
	assert_int_equal(before.blocks_free, after.blocks_free + 2);
	type_image_put(image);
	/* A program that goes in the middle leaves nothing. */
	answers("load linux 4", "send\n");
	control_set_open(port, false);
	control_set_open(port, true);
	sched_preempt_point();
	thread_yield();
	page_stats(&after);
	assert_int_equal(before.blocks_free, after.blocks_free + 1);
}

/* Let the program type, and give everything time. */
static const char *operator_asks(const char *text)
{
	far.types = text;
	far.shown_len = 0;
	console_port_ready(1);
	thread_sleep_ms(500);
	far.shown[far.shown_len] = '\0';
	return far.shown;
}

/* The operator's program has all VMs and options, as often as it likes. */
static void test_operator(void **state)
{
	(void)state;
	hide_uboot();
	assert_non_null(strstr(operator_asks("info\n"), "uboot"));
	assert_string_equal(operator_asks("@1 stat uboot -r\n"),
			    " vm 1 'uboot' counts from 0\nok @1\n");
	assert_string_equal(operator_asks("why linux\n"),
			    " 'linux' has no late limit; `zvm set linux late-limit=50us` sets one\n"
			    "ok\n");
	assert_string_equal(operator_asks("console linux\n"),
			    "error: this port has no command 'console'; there are: new, run, "
			    "pause, resume, reset, stop, delete, info, stat, set, list, why\n");
	assert_string_equal(operator_asks("load linux 4\n"),
			    "error: this port has no command 'load'; there are: new, run, "
			    "pause, resume, reset, stop, delete, info, stat, set, list, why\n");
	assert_string_equal(operator_asks("@1 run 0\n@2 run 0\n@3 run 0\n@4 run 0\n@5 run 0\n"
					  "@6 run 0\n@7 run 0\n@8 run 0\n@9 run 0\n@10 run 0\n"
					  "@11 run 0\n") +
				    10 * strlen(" vm 0 'linux' running\nok @1\n") + 1,
			    " vm 0 'linux' running\nok @11\n");
}

/* It does not read: requests wait, and no byte of an answer is lost. */
static void test_operator_does_not_read(void **state)
{
	static const char request[] = "@1 info --json\n";
	u32 want, asked;

	(void)state;
	want = (u32)strlen(operator_asks(request));
	far.blocked = true;
	for (asked = 0; asked * want < PORT_STREAM_BYTES + want; asked++)
		assert_string_equal(operator_asks(request), "");
	far.blocked = false;
	assert_int_equal(strlen(operator_asks("")), asked * want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_life, setup, teardown),
		cmocka_unit_test_setup_teardown(test_new, setup, teardown),
		cmocka_unit_test_setup_teardown(test_loading, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rights, setup, teardown),
		cmocka_unit_test_setup_teardown(test_set, setup, teardown),
		cmocka_unit_test_setup_teardown(test_load, setup, teardown),
		cmocka_unit_test_setup_teardown(test_operator, setup, teardown),
		cmocka_unit_test_setup_teardown(test_operator_does_not_read, setup, teardown),
	};

	return cmocka_run_group_tests(tests, boot, NULL);
}
