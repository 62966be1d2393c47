/* SPDX-License-Identifier: Apache-2.0 */
/* `more` and `watch`: output that fits the terminal's screen. */
#include "shell_fixture.h"

#include <string.h>

#define SIZE_QUESTION               \
	"\x1b"                      \
	"7\x1b[999;999H\x1b[6n\x1b" \
	"8"
#define MORE "-- Space: on, Enter: a line, q: end --\x1b[K"

static void write_text(const char *text)
{
	for (; *text; text++)
		console_output(&fake_machines[0].console, (u8)*text);
}

static const char nine_lines[] = "0\n1\n2\n3\n4\n5\n6\n7\n8\n";

static void test_more(void **state)
{
	(void)state;
	write_text(nine_lines);
	fake.keys = "\x1b[5;80R \rq";
	expect("more zvm log 0", SIZE_QUESTION "0\n1\n2\n3\n" MORE "4\n5\n6\n7\n" MORE "8\n");
	/* Nothing is asked behind the last line. */
	assert_string_equal(fake.keys, "q");
	fake.keys = "\x1b[5;80R\rq";
	expect("more zvm log 0", SIZE_QUESTION "0\n1\n2\n3\n" MORE "4\n" MORE);
	/* The lock is not held while the operator reads. */
	fake.keys = "\x1b[4;80Rq";
	expect_part("more zvm info 0", MORE);
	/* A terminal that does not answer has 24 rows. */
	fake.keys = "";
	expect("more zvm log 0", SIZE_QUESTION "0\n1\n2\n3\n4\n5\n6\n7\n8\n");
	expect_part("more zvm foo", "zvm: no command 'foo'; there are: new, ");
	expect_part("more foo", "no command 'foo'; there are: zvm, ");
	expect("more more help", SIZE_QUESTION "more: not behind another `watch` or `more`\n");
}

/* Lines that the terminal wraps take several of its rows. */
static void test_more_of_long_lines(void **state)
{
	(void)state;
	write_text("0123456789\n\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\n0\n1\n");
	fake.keys = "\x1b[5;4Rq";
	expect("more zvm log 0",
	       SIZE_QUESTION "0123456789\n\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\n" MORE);
}

/* Ctrl-C comes as the second round begins. */
static u64 rounds[3];
static u32 round_count;

static void note_round(size_t len)
{
	if (strcmp(fake.output + fake.output_len - len, "\x1b[H") != 0)
		return;
	rounds[round_count++ % 3] = host_counter;
	if (round_count == 2)
		fake.keys = "\x03";
}

static void test_watch(void **state)
{
	(void)state;
	write_text(nine_lines);
	round_count = 0;
	fake.keys = "\x1b[5;80R";
	fake.on_write = note_round;
	expect("watch zvm log 0", SIZE_QUESTION "\x1b[H\x1b[J"
						"\x1b[H\x1b[K0\n\x1b[K1\n\x1b[K2\n\x1b[K3\n\x1b[J"
						"\x1b[H\x1b[J^C\n");
	assert_int_equal((rounds[1] - rounds[0]) / HOST_COUNTER_HZ, 2);
	round_count = 0;
	fake.keys = "";
	run("watch -n 7 zvm log 0");
	assert_int_equal((rounds[1] - rounds[0]) / HOST_COUNTER_HZ, 7);
	/* What is wrong is said once; a command that takes the keys is not repeated. */
	fake.keys = "";
	expect_part("watch zvm log 7", "\x1b[Kzvm: no VM '7'; there are: 0 linux, 1 uboot\n\x1b[J");
	fake_machines[0].state = VM_RUNNING;
	fake.keys = "\x1b[5;80R\x1d";
	run("watch zvm console 0");
	assert_non_null(strstr(fake.output, "\n7\n8\n"));
	expect("watch -n 0 zvm list", "watch: -n: the period in seconds must be 1 to 3600\n");
	expect("watch -n", "watch: -n: the period in seconds must be 1 to 3600\n");
}

/* Ctrl-C while the terminal is asked: the command does not run. */
static void test_watch_not_begun(void **state)
{
	(void)state;
	fake.keys = "\x03";
	expect("watch zvm run 0", SIZE_QUESTION "^C\n");
	assert_int_equal(fake_machines[0].state, VM_CREATED);
	fake.keys = "\x03";
	expect("more zvm run 0", SIZE_QUESTION "^C\n");
	assert_int_equal(fake_machines[0].state, VM_CREATED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_more, fake_setup_vms),
		cmocka_unit_test_setup(test_more_of_long_lines, fake_setup_vms),
		cmocka_unit_test_setup(test_watch, fake_setup_vms),
		cmocka_unit_test_setup(test_watch_not_begun, fake_setup_vms),
	};

	return cmocka_run_group_tests(tests, fake_boot, NULL);
}
