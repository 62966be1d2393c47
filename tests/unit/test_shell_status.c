/* SPDX-License-Identifier: Apache-2.0 */
/* What the shell shows of VMs: what they are, what they cost, who has the CPUs. */
#include "shell_fixture.h"

#include <kernel/percpu.h>
#include <lib/printf.h>
#include <string.h>

#include "../../shell/shell.h"

static void test_info(void **state)
{
	(void)state;
	run("zvm info");
	assert_non_null(strstr(fake.output, "ID  NAME"));
	assert_non_null(strstr(fake.output, " 0  linux        linux        created "));
	assert_non_null(strstr(fake.output, " 1  uboot "));
	snprintf(fake_machines[1].crash, sizeof(fake_machines[1].crash), "wild store");
	fake_machines[1].state = VM_CRASHED;
	run("zvm info uboot");
	assert_non_null(strstr(fake.output, "vm 1 'uboot': crashed\n"));
	assert_non_null(strstr(fake.output, "512 MiB at 0x40000000"));
	assert_non_null(strstr(fake.output, "vcpu 0"));
	assert_non_null(strstr(fake.output, "crash       wild store\n"));
}

/* The rows of docs/real-time.md. */
static void test_stat(void **state)
{
	struct vcpu *v = &fake_vcpus[0];

	(void)state;
	memset(v, 0, sizeof(*v));
	v->exits[EXIT_IRQ] = 3;
	v->exits[EXIT_FAULT] = 4;
	for (u32 i = 0; i < 98; i++)
		histogram_add(&v->timer.late, 6);
	histogram_add(&v->timer.late, 100);
	histogram_add(&v->timer.late, 5000);
	run("zvm stat linux");
	assert_non_null(strstr(fake.output,
			       "exits       0         3         0         0         0"
			       "         0         0         0         4         7\n"));
	assert_non_null(strstr(fake.output,
			       "exits     all         0         0         0         0"
			       "         0      1000         0         0      1000\n"));
	assert_non_null(strstr(fake.output, "their time is not measured: `host irq -m on`"));
	assert_non_null(strstr(fake.output, "COUNT       P50       P99     P99.9       MAX\n"));
	assert_non_null(strstr(fake.output,
			       "\nlate        0       100         6       111      5000"
			       "      5000\n"));
	assert_non_null(
		strstr(fake.output, "\nlate      all       100         6       111      5000"));
	assert_non_null(strstr(fake.output, "\nlate-ns   all       100       "));
	assert_non_null(strstr(fake.output, "budget    all         5         6\n"));
	v->exit_times[EXIT_WFX].count = 2;
	v->exit_times[EXIT_WFX].ticks = 3 * HOST_COUNTER_HZ;
	run("zvm stat -n 0");
	assert_non_null(strstr(fake.output, "time-us     0         0   3000000         0"));
	assert_non_null(strstr(fake.output, "mean-ns   all         0 1500000000         0"));
	assert_null(strstr(fake.output, "not measured"));
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
	struct vcpu *v = &fake_vcpus[0];
	const char *second;

	(void)state;
	memset(v, 0, sizeof(*v));
	assert_int_equal(thread_create(&v->thread, "vm0.0 linux", nothing_runs, NULL, 20, 2), 0);
	v->thread.hooks = &vcpu_hooks;
	fake.keys = "  q!";
	run("zvm top");
	assert_string_equal(fake.keys, "!");
	second = strstr(fake.output + 1, "\x1b[H");
	assert_non_null(second);
	assert_memory_equal(fake.output, "\x1b[H", 3);
	assert_null(strstr(second + 1, "\x1b[H"));
	assert_string_equal(fake.output + strlen(fake.output) - strlen("\x1b[K\n\x1b[J"),
			    "\x1b[K\n\x1b[J");
	/* By share, so it is the first; exits are a second's. */
	assert_non_null(strstr(fake.output,
			       " FP FAULT\x1b[K\nvm0.0 linux        1   20  50.0"
			       "     0     0   100     0     0     0     0     0\x1b[K\n"));
	assert_non_null(strstr(second, " FP FAULT\x1b[K\nvm0.0 linux        1   20  12.5"
				       "     0     0    25     0 "));
	assert_non_null(strstr(second, "\nmain               0   16   0.0\x1b[K\n"));
	assert_non_null(strstr(second, "CPU  BUSY%  IRQS\x1b[K\n  0 "));
	assert_null(strstr(fake.output, "idle/"));
	thread_join(&v->thread);
	fake.keys = "\x03";
	expect("zvm top", "");
	expect("zvm top linux", "zvm top: too many arguments: 'linux'\n");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_info, fake_setup_vms),
		cmocka_unit_test_setup(test_stat, fake_setup_vms),
		cmocka_unit_test_setup(test_top, fake_setup_vms),
		cmocka_unit_test_setup(test_cpu_time, fake_setup),
	};

	return cmocka_run_group_tests(tests, fake_boot, NULL);
}
