/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM's console on the operator's terminal: the operator can leave it whatever the guest writes,
 * and nothing of the guest stays there.
 */
#include "shell_fixture.h"

#include <lib/errno.h>
#include <string.h>

#include "../../shell/shell.h"
#include "../../shell/terminal.h"

#define LINUX (&fake_machines[0])

static void guest_writes(const char *text)
{
	for (; *text; text++)
		console_output(&LINUX->console, (u8)*text);
}

static int setup(void **state)
{
	fake_setup_vms(state);
	LINUX->state = VM_RUNNING;
	LINUX->created_at = 1;
	return 0;
}

/* A line of ten characters for each byte that the terminal takes. */
static void flood(size_t len)
{
	for (size_t i = 0; i < len; i++)
		guest_writes("flood 67\r\n");
}

static u32 keys_after;

/* Typed once the terminal has taken so many bytes. */
static void flood_then_key(size_t len)
{
	flood(len);
	keys_after -= MIN(keys_after, (u32)len);
	if (keys_after == 0) {
		fake.keys = "lost\x1dkept";
		fake.on_write = flood;
	}
}

static void key_then_quiet(size_t len)
{
	keys_after -= MIN(keys_after, (u32)len);
	if (keys_after)
		return;
	fake.keys = "x\x03kept";
	fake.on_write = NULL;
}

/* ---- zvm log ---- */

static void log_ends(void **state)
{
	(void)state;
	guest_writes("first\r\nlast\r\n");
	fake.on_write = flood;
	expect("zvm log 0", "first\nlast\n");
	/* The ring is full of what came meanwhile, and says what is gone. */
	flood(2000);
	run("zvm log 0");
	assert_memory_equal(fake.output, "[", 1);
	assert_non_null(strstr(fake.output, " bytes before these are gone: 16 KiB are kept]\n"));
	assert_in_range(fake.output_len, CONSOLE_LOG_SIZE, CONSOLE_LOG_SIZE + 100);
}

static void log_is_text(void **state)
{
	(void)state;
	guest_writes("\x1b]52;c;cm0=\a\x1b[6n\x9b"
		     "6n\xc2\x9b"
		     "6n\x05\xe2\x80\xaez\r\n10 %\r100 %\r\nzvm_host:~# \x1b[8m");
	expect("zvm log 0", "^[]52;c;cm0=^G^[[6n\\x9b6n\\u009b6n^E\\u202ez\n10 %\n100 %\n"
			    "zvm_host:~# ^[[8m\n");
}

static void ctrl_c_ends_a_log(void **state)
{
	(void)state;
	flood(1000);
	keys_after = 1000;
	fake.on_write = key_then_quiet;
	run("zvm log 0");
	assert_in_range(strlen(fake.output), 800, 1300);
	assert_string_equal(fake.output + strlen(fake.output) - 3, "^C\n");
	assert_string_equal(fake.keys, "kept");
	/* Of the next command nothing is missing. */
	fake.keys = "";
	expect("zvm log uboot", "");
	expect_part("help", "`help COMMAND` or `COMMAND -h` says more");
}

static void ctrl_c_ends_other_commands(void **state)
{
	static const char *const commands[] = { "help",         "zvm info",   "host irq",
						"host threads", "zvm stat 0", "zvm list" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		fake.on_write = key_then_quiet;
		run(commands[i]);
		assert_string_equal(fake.keys, "kept");
		assert_string_equal(fake.output + strlen(fake.output) - 3, "^C\n");
		assert_in_range(strlen(fake.output), 4, 300);
	}
}

static void follow_is_left(void **state)
{
	(void)state;
	guest_writes("a\x1b[31mb\r\n");
	flood(1);
	fake.on_write = key_then_quiet;
	expect_part("zvm log -f 0", "a^[[31mb\nflood 67\n");
	assert_null(strstr(fake.output, "terminal reset"));
}

/* ---- zvm console ---- */

static void a_flooded_console_is_left(void **state)
{
	const char *lost;

	(void)state;
	fake.on_write = flood_then_key;
	keys_after = 20000;
	flood(100);
	run("zvm console 0");
	assert_string_equal(fake.keys, "kept");
	assert_in_range(strlen(fake.output), 18000, 24000);
	/* What it does not see is counted, and it sees more than that. */
	lost = strstr(fake.output, "\n[");
	assert_non_null(lost);
	assert_non_null(
		strstr(lost, " bytes lost: this terminal is slower than the guest]\nflood 67\n"));
}

static const char *coming;

static void guest_goes_on(void)
{
	guest_writes(coming);
}

/*
 * The output between the banner and the end, if the guest has written `old` before and writes `now`
 * while the terminal is attached.
 */
static const char *attached(const char *old, const char *now)
{
	guest_writes(old);
	coming = now;
	fake.on_blank = guest_goes_on;
	fake.quiet = 0;
	fake.keys = " \x1d";
	run("zvm console 0");
	return strstr(fake.output, "leaves]\n") + strlen("leaves]\n");
}

/* Without its carriage returns, as run() answers. */
static const char *reset_text(void)
{
	static char text[1024];
	size_t n = 0;

	for (const char *p = terminal_reset; *p; p++)
		if (*p != '\r')
			text[n++] = *p;
	text[n] = '\0';
	return text;
}

static void the_terminal_is_reset(void **state)
{
	const char *shown;

	(void)state;
	shown = attached("", "\x1b[?1000h\x1b[2Jvi");
	assert_memory_equal(shown, "\x1b[?1000h\x1b[2Jvi", 14);
	assert_memory_equal(shown + 14, reset_text(), strlen(reset_text()));
	assert_string_equal(shown + 14 + strlen(reset_text()), "[terminal reset]\n");
}

static void a_quiet_terminal_is_left_alone(void **state)
{
	(void)state;
	assert_string_equal(attached("", "gr\xc3\xbc\xc3\x9f\a\tok\r\n$ "),
			    "gr\xc3\xbc\xc3\x9f\a\tok\n$ \n");
}

static void the_line_is_not_stopped(void **state)
{
	(void)state;
	assert_memory_equal(attached("", "a\x13"
					 "b\x11"
					 "c"),
			    "ab\x11"
			    "c\x18",
			    5);
}

static void controls_of_one_byte_count(void **state)
{
	static const char *const texts[] = { "\x9b?1049h", "\xc2\x9b?1049h", "\x0e", "\x05" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_non_null(strstr(attached("", texts[i]), "[terminal reset]\n"));
}

/* Questions of the past are not asked again; what began there is no command either. */
static void the_tail_is_text(void **state)
{
	(void)state;
	assert_string_equal(attached("\x1b]0;title\aold \x1b[6n\x1b[1mtext\x1b[0m\r\n$ \x1b[",
				     "31mls\r\n"),
			    "old text\n$ ls\n");
}

static void a_vm_that_is_over(void **state)
{
	(void)state;
	LINUX->state = VM_CRASHED;
	guest_writes("\x1b[31mpanic\x1b[0m");
	expect("zvm console 0", "[console of vm 0 'linux'; Ctrl-] leaves]\n"
				"panic\n[vm 0 'linux' crashed]\n");
}

/* More than the guest's buffers take; it takes none. The key that leaves is the last. */
static void a_guest_that_does_not_read(void **state)
{
	static char keys[1000];
	u64 began = host_counter;

	(void)state;
	memset(keys, 'k', sizeof(keys) - 2);
	keys[sizeof(keys) - 2] = KEY_LEAVE;
	fake.keys = keys;
	expect("zvm console 0", "[console of vm 0 'linux'; Ctrl-] leaves]\n"
				"[vm 0 'linux' did not take 742 keys]\n");
	assert_true(host_counter - began < HOST_COUNTER_HZ / 10);
	for (u32 i = 0; i < CONSOLE_INPUT_SIZE; i++)
		assert_int_equal(console_take_input(&LINUX->console), 'k');
}

/* Where that key is not seen behind them they are dropped after a second. */
static void keys_for_nobody(void **state)
{
	static const char leave[] = "\x1b[93;5u";
	static char keys[1000 + sizeof(leave)];
	u64 began = host_counter;

	(void)state;
	memset(keys, 'k', 1000);
	memcpy(keys + 1000, leave, sizeof(leave));
	fake.keys = keys;
	expect("zvm console 0", "[console of vm 0 'linux'; Ctrl-] leaves]\n"
				"[vm 0 'linux' did not take 751 keys]\n");
	assert_in_range(host_counter - began, HOST_COUNTER_HZ, 2 * HOST_COUNTER_HZ);
}

/* A guest told the terminal to report keys otherwise. */
static void ctrl_bracket_as_a_sequence(void **state)
{
	static const char *const leaves[] = { "\x1b[93;5u",
					      "\x1b[27;5;93~",
					      "\x1b[93;5:1u",
					      "\x1b[93:125;69u",
					      "\x9b"
					      "93;5u",
					      "a\x1b\x1b[93;7u" };
	static const char *const others[] = { "\x1b[93u",   "\x1b[93;1u",    "\x1b[93;3u",
					      "\x1b[91;5u", "\x1b[27;5;91~", "\x1b[3;5;93~",
					      "93;5u",      "\x1b[5u" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(leaves); i++) {
		struct leave_key k = { .state = 0 };
		const char *key = leaves[i];

		while (*key && !leave_key_pressed(&k, (u8)*key))
			key++;
		assert_true(*key && !key[1]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		struct leave_key k = { .state = 0 };

		for (const char *key = others[i]; *key; key++)
			assert_false(leave_key_pressed(&k, (u8)*key));
		assert_true(leave_key_pressed(&k, KEY_LEAVE));
	}
	fake.keys = "ls\x1b[93;5uleft";
	expect_part("zvm console 0", "leaves]\n");
	assert_string_equal(fake.keys, "left");
}

/* ---- BREAK ---- */

static void check_input(const char *wanted)
{
	for (; *wanted; wanted++)
		assert_int_equal(console_take_input(&LINUX->console),
				 *wanted == '!' ? CONSOLE_BREAK : *wanted);
	assert_int_equal(console_take_input(&LINUX->console), -1);
}

static void break_by_command(void **state)
{
	(void)state;
	expect("zvm console --break linux", "vm 0 'linux': BREAK sent\n");
	expect("zvm console --break -n 0", "zvm: vm 0 'linux' has not taken the last BREAK yet\n");
	check_input("!");
	expect("zvm console --break uboot",
	       "zvm: vm 1 'uboot' is created: only a running VM can be sent BREAK\n");
	expect("zvm console --break",
	       "zvm console: which VM (-n VM)? there are: 0 linux, 1 uboot\n");
	expect_part("zvm console -h", "--break");
}

/* Ctrl-] leaves; b as the next key is BREAK, and goes back. */
static void break_by_a_key(void **state)
{
	(void)state;
	fake.keys = "a\x1d";
	run("zvm console 0");
	check_input("a");
	fake.output_len = 0;
	fake.keys = "h\x1d";
	shell_key('b');
	assert_non_null(strstr(fake.output, "\r\n[BREAK sent to vm 0 'linux'; Ctrl-] leaves]\r\n"));
	assert_string_equal(fake.keys, "");
	check_input("!h");
	/* Again, behind what a terminal answers to the guest. */
	for (const char *key = "\x1b[24;80R\x1b]52;c;YmI=\x1b\\"; *key; key++)
		shell_key((u8)*key);
	fake.keys = "\x1d";
	shell_key('b');
	check_input("!");
	/* A letter like others: not the first key, or too late. */
	shell_key(' ');
	shell_key('b');
	shell_key('\x03');
	fake.keys = "\x1d";
	run("zvm console 0");
	host_counter += 2 * HOST_COUNTER_HZ;
	shell_key('b');
	shell_key('\x03');
	check_input("");
}

static void break_for_a_vm_that_is_gone(void **state)
{
	(void)state;
	fake.keys = "\x1d";
	run("zvm console 0");
	LINUX->created_at++;
	fake.output_len = 0;
	shell_key('b');
	check_input("");
	fake.keys = "\x1d";
	run("zvm console 0");
	LINUX->state = VM_CRASHED;
	fake.output_len = 0;
	shell_key('b');
	assert_non_null(strstr(fake.output, "\r\nzvm: vm 0 'linux' is crashed: only a running VM"));
	check_input("");
}

/* ---- elsewhere ---- */

static void names_and_reasons_are_text(void **state)
{
	(void)state;
	expect_part("host info", "machine   a board?zvm_host:~# \n");
	strcpy(LINUX->crash, "\x1b]0;x\a");
	expect_part("zvm info 0", "  last crash  ^[]0;x^G\n");
	LINUX->state = VM_CRASHED;
	expect_part("zvm info 0", "  crash       ^[]0;x^G\n");
	strcpy(vm_types[2]->error.text, "\xc2\x9b"
					"2J");
	expect_part("zvm list", "cannot be created: \\u009b2J\n");
	strcpy(vm_types[0]->desc.kernel.path, "\xe2\x80\xaexyz");
	expect_part("zvm list", "\\u202exyz (vms/linux.dtb)\n");
}

static int open_shell(void **state)
{
	fake_boot(state);
	fake_setup(state);
	shell_open();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(log_ends, setup),
		cmocka_unit_test_setup(log_is_text, setup),
		cmocka_unit_test_setup(ctrl_c_ends_a_log, setup),
		cmocka_unit_test_setup(ctrl_c_ends_other_commands, setup),
		cmocka_unit_test_setup(follow_is_left, setup),
		cmocka_unit_test_setup(a_flooded_console_is_left, setup),
		cmocka_unit_test_setup(the_terminal_is_reset, setup),
		cmocka_unit_test_setup(a_quiet_terminal_is_left_alone, setup),
		cmocka_unit_test_setup(the_line_is_not_stopped, setup),
		cmocka_unit_test_setup(controls_of_one_byte_count, setup),
		cmocka_unit_test_setup(the_tail_is_text, setup),
		cmocka_unit_test_setup(a_vm_that_is_over, setup),
		cmocka_unit_test_setup(a_guest_that_does_not_read, setup),
		cmocka_unit_test_setup(keys_for_nobody, setup),
		cmocka_unit_test_setup(ctrl_bracket_as_a_sequence, setup),
		cmocka_unit_test_setup(break_by_command, setup),
		cmocka_unit_test_setup(break_by_a_key, setup),
		cmocka_unit_test_setup(break_for_a_vm_that_is_gone, setup),
		cmocka_unit_test_setup(names_and_reasons_are_text, setup),
	};

	return cmocka_run_group_tests(tests, open_shell, NULL);
}
