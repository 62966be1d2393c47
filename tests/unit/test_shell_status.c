/* SPDX-License-Identifier: Apache-2.0 */
/* What the shell shows of VMs: their state, their cost, and which threads use the CPUs. */
#include "shell_fixture.h"

#include <kernel/percpu.h>
#include <lib/printf.h>
#include <string.h>

#include "../../shell/shell.h"
#include "../../shell/table.h"

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
			       "exits     all         3         0         0         0"
			       "         0         0         0         4         7\n"));
	assert_non_null(strstr(fake.output, "exit times are not measured; `host irq -m on`"));
	assert_non_null(strstr(fake.output, "COUNT       P50       P99     P99.9       MAX\n"));
	assert_non_null(strstr(fake.output,
			       "\nlate        0       100         6       111      5000"
			       "      5000\n"));
	assert_non_null(
		strstr(fake.output, "\nlate      all       100         6       111      5000"));
	assert_non_null(strstr(fake.output, "\nlate-ns   all       100       "));
	assert_non_null(strstr(fake.output, "budget    all         5         6\n"));
	/*
	 * On an emulator whose clock continues while it waits, lateness is not only the
	 * hypervisor's.
	 */
	assert_null(strstr(fake.output, "\nnote: "));
	fake.virt = true;
	expect_part("zvm stat linux", "\nnote: on QEMU these include its computer's own delays; "
				      "`make run EXACT=1` leaves those out\n");
	fake.exact = true;
	run("zvm stat linux");
	assert_null(strstr(fake.output, "\nnote: "));
	v->exit_times[EXIT_WFX].count = 2;
	v->exit_times[EXIT_WFX].ticks = 3 * HOST_COUNTER_HZ;
	run("zvm stat -n 0");
	assert_non_null(strstr(fake.output, "time-us     0         0   3000000         0"));
	assert_non_null(strstr(fake.output, "mean-ns   all         0 1500000000         0"));
	assert_null(strstr(fake.output, "not measured"));
	expect("zvm stat -r -n 0", "vm 0 'linux' counts from 0\n");
	v->exits[EXIT_FAULT] += 2;
	expect_part("zvm stat -n 0", "exits     all         0         0         0         0"
				     "         0         0         0         2         2\n");
	expect("zvm stat", "zvm stat: which VM (-n VM)? there are: 0 linux, 1 uboot\n");
	expect("zvm stat absent", "zvm: no VM 'absent'; there are: 0 linux, 1 uboot\n");
	expect("zvm stat -x", "zvm stat: no option '-x'; options: -n VM, -r, --json\n");
	assert_string_equal(completed("zvm stat -"), "-n -r --json -h");
}

/* CPU% and EXITS/S of VM 0's row in `zvm info`, after so long and what it did in that time. */
static const char *shares_after(u64 ms, u64 ran_ms, u64 exits)
{
	static char shares[32];
	const char *row;
	size_t n = 0;

	host_counter += ms * HOST_COUNTER_HZ / 1000;
	fake_vcpus[0].thread.run_ticks += ran_ms * HOST_COUNTER_HZ / 1000;
	fake_vcpus[0].exits[EXIT_HVC] += exits;
	row = strstr(run("zvm info"), " any ");
	assert_non_null(row);
	row += strlen(" any ");
	for (u32 word = 0; word < 2; word++) {
		row += strspn(row, " ");
		for (; *row != ' '; row++)
			shares[n++] = *row;
		shares[n++] = word ? '\0' : ' ';
	}
	return shares;
}

/*
 * Counts of a vCPU continue when its VM starts again, or `zvm stat` is reset: shares do not jump.
 */
static void test_shares(void **state)
{
	struct vm *vm = &fake_machines[0];

	(void)state;
	memset(&fake_vcpus[0], 0, sizeof(fake_vcpus[0]));
	vm->state = VM_RUNNING;
	vm->created_at = host_counter;
	/* It stood there for a while, and ran before it was looked at. */
	assert_string_equal(shares_after(60000, 0, 0), "0.0 0");
	vm->started_at = host_counter;
	assert_string_equal(shares_after(10000, 5000, 3000), "50.0 300");
	assert_string_equal(shares_after(1000, 250, 100), "25.0 100");
	/* A reset, which the guest asked for. */
	vm->started_at = host_counter + HOST_COUNTER_HZ / 10;
	vm->ticks_at_start = fake_vcpus[0].thread.run_ticks;
	vm->exits_at_start = 3100;
	assert_string_equal(shares_after(1000, 900, 700), "90.0 700");
	run("zvm stat -r 0");
	assert_string_equal(shares_after(2000, 1000, 1000), "50.0 500");
	/* Never more than its vCPUs can have, nor less than nothing, whatever moment is met. */
	assert_string_equal(shares_after(1000, 5000, 0), "100.0 0");
	fake_vcpus[0].thread.run_ticks -= 4000 * HOST_COUNTER_HZ / 1000;
	assert_string_equal(shares_after(1000, 0, 0), "0.0 0");
	/* Another VM takes the id; it restarted before it was looked at. */
	vm->created_at = host_counter;
	vm->started_at = host_counter + HOST_COUNTER_HZ;
	vm->ticks_at_start = fake_vcpus[0].thread.run_ticks + HOST_COUNTER_HZ / 2;
	vm->exits_at_start = fake_vcpus[0].exits[EXIT_HVC] + 1000;
	assert_string_equal(shares_after(2000, 1000, 1100), "50.0 100");
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
	/* By share, so it is the first; exits are per second. */
	assert_non_null(strstr(fake.output,
			       " FP FAULT\x1b[K\nvm0.0 linux        1   20  50.0"
			       "     0     0   100     0     0     0     0     0\x1b[K\n"));
	assert_non_null(strstr(second, " FP FAULT\x1b[K\nvm0.0 linux        1   20  12.5"
				       "     0     0    25     0 "));
	assert_non_null(strstr(second, "\nmain               0   16   0.0\x1b[K\n"));
	assert_non_null(strstr(second, "CPU  BUSY%  IRQS\x1b[K\n  0 "));
	assert_null(strstr(fake.output, "idle/"));
	/* Its time is read a little less than before: that is no new thread. */
	v->thread.run_ticks = 1000UL * HOST_COUNTER_HZ;
	fake.step = -1UL;
	fake.keys = "  q";
	expect_part("zvm top", "\nvm0.0 linux        1   20   0.0"
			       "     0     0   100     0     0     0     0     0\x1b[K\n");
	thread_join(&v->thread);
	/* A name that has no room says so. */
	assert_int_equal(thread_create(&v->thread, "vm0.0 a-name-of-twenty-three", nothing_runs,
				       NULL, 20, 2),
			 0);
	fake.keys = " q";
	expect_part("zvm top", "\nvm0.0 a-name-... ");
	expect_part("host threads", "\nvm0.0 a-name-of-twenty-three ");
	thread_join(&v->thread);
	fake.keys = "\x03";
	expect("zvm top", "");
	expect("zvm top linux", "zvm top: too many arguments: 'linux'\n");
}

/* On a machine with more CPUs than a page has lines there are still some threads, and not all. */
static void test_top_on_many_cpus(void **state)
{
	static struct thread threads[20];
	const u32 cpus = cpu_count;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(thread_create(&threads[i], "sleeper", nothing_runs, NULL, 20, 1),
				 0);
	cpu_count = 30;
	fake.keys = " q";
	expect_part("zvm top", "\nsleeper ");
	cpu_count = cpus;
	assert_non_null(strstr(fake.output, " more\x1b[K\n"));
	for (u32 i = 0; i < ARRAY_SIZE(threads); i++)
		thread_join(&threads[i]);
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

/* The rows of the text, with every character of a guest escaped; what is beside them; nothing. */
static void test_json(void **state)
{
	(void)state;
	expect_part("zvm info --json",
		    "{\"vms\": [\n {\"id\": 0, \"name\": \"linux\", \"type\": \"linux\", "
		    "\"state\": \"created\", \"vcpus\": 1, \"memory_mib\": 512, ");
	expect_part("zvm info --json", "},\n {\"id\": 1, \"name\": \"uboot\"");
	expect_part("zvm info --json", "\"restarts\": 0, \"port\": null}]}\n");
	snprintf(fake_machines[1].crash, sizeof(fake_machines[1].crash),
		 "a \"store\"\n\x1b[31m\xff\xe4\xb8\xad");
	expect_part("zvm info uboot --json",
		    "}],\n\"facts\": [\n {\"name\": \"type\", \"text\": \"");
	expect_part("zvm info uboot --json",
		    "{\"name\": \"last crash\", \"text\": "
		    "\"a \\\"store\\\"\\u000a\\u001b[31m\\ufffd\\u4e2d\"}]}\n");
	expect("zvm info absent --json",
	       "{\"text\": \"zvm: no VM 'absent'; there are: 0 linux, 1 uboot\\u000a\"}\n");
	expect_part("zvm stat linux --json",
		    "{\"exits\": [\n {\"table\": \"exits\", \"vcpu\": 0, \"irq\": ");
	expect_part("zvm stat linux --json",
		    "],\n\"ports\": [],\n\"text\": \"exit times are not measured; ");
	/* Text again. */
	expect_part("zvm info", "ID  NAME");
	/* More words beside the tables than are kept. */
	json_begin();
	for (u32 i = 0; i < 500; i++)
		shell_printf("word%u ", i);
	fake.output_len = 0;
	json_end();
	assert_non_null(strstr(fake.output, "{\"text\": \"word0 word1 "));
	assert_string_equal(fake.output + fake.output_len - 7, "...\"}\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_info, fake_setup_vms),
		cmocka_unit_test_setup(test_stat, fake_setup_vms),
		cmocka_unit_test_setup(test_shares, fake_setup_vms),
		cmocka_unit_test_setup(test_top, fake_setup_vms),
		cmocka_unit_test_setup(test_top_on_many_cpus, fake_setup_vms),
		cmocka_unit_test_setup(test_json, fake_setup_vms),
		cmocka_unit_test_setup(test_cpu_time, fake_setup),
	};

	return cmocka_run_group_tests(tests, fake_boot, NULL);
}
