/* SPDX-License-Identifier: Apache-2.0 */
/* A control port: requests in any pieces, answers to slow readers, and programs that go away. */
#include <unit.h>

#include <kernel/page.h>
#include <stdio.h>
#include <string.h>
#include <vmm/control.h>
#include <vmm/core.h>
#include <vmm/load.h>

static struct vm_type type;
static struct control_port *port;
static u32 locks, wakes;

void vmm_lock(void)
{
	locks++;
}

void vmm_unlock(void)
{
	locks--;
}

static u32 images; /* that there are */

void type_image_free(struct type_image *image)
{
	(void)image;
	images--;
}

static void wake(void *arg)
{
	assert_ptr_equal(arg, &type);
	assert_int_equal(locks, 1);
	wakes++;
}

static int setup(void **state)
{
	(void)state;
	host_counter += HOST_COUNTER_HZ; /* the bucket is full */
	wakes = 0;
	port = control_create(&type.desc, wake, &type);
	assert_non_null(port);
	assert_ptr_equal(port->rights, &type.desc);
	control_set_open(port, true);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_null(control_next(0));
	control_destroy(port);
	return 0;
}

/* A request comes in pieces: taking one is a section with interrupts masked. */
static u32 put_all(const char *text, u32 len)
{
	u32 at = 0, n;

	while (at < len) {
		n = control_put(port, text + at, len - at);
		assert_in_range(n, 0, 64);
		if (!n)
			break;
		at += n;
	}
	return at;
}

static u32 put(const char *text)
{
	return put_all(text, (u32)strlen(text));
}

/* All of the answer that is there. */
static const char *answer(void)
{
	static char text[CONTROL_ANSWER + 1];
	u32 n = 0, more;

	while ((more = control_get(port, text + n, 7)))
		n += more;
	text[n] = '\0';
	return text;
}

static void asks(const char *line)
{
	assert_ptr_equal(control_next(0), port);
	assert_string_equal(port->line, line);
}

static void test_request(void **state)
{
	(void)state;
	assert_int_equal(put("ru"), 2);
	assert_null(control_next(0));
	/* What follows waits for the answer. */
	assert_int_equal(put("n rtos\nstop"), 7);
	assert_int_equal(put("stop"), 0);
	asks("run rtos");
	assert_int_equal(put("stop"), 0);
	assert_string_equal(answer(), "");
	control_write(port, " a line\n", 8);
	control_answer(port, NULL);
	assert_int_equal(wakes, 1);
	assert_int_equal(put("stop"), 0);
	assert_string_equal(answer(), " a line\nok\n");
	assert_int_equal(put("\n\n"), 2);
	assert_int_equal(put("@12 stop\n"), 9);
	asks(" stop");
	control_write(port, " forgotten with the error", 25);
	control_answer(port, "it is off");
	assert_string_equal(answer(), "error @12: it is off\n");
	assert_int_equal(port->requests, 2);
	assert_int_equal(port->errors, 1);
}

static void test_wrong_lines(void **state)
{
	char line[600];

	(void)state;
	/* 255 bytes and a newline are the most. */
	memset(line, 'x', sizeof(line));
	line[255] = '\n';
	assert_int_equal(put_all(line, 256), 256);
	assert_ptr_equal(control_next(0), port);
	assert_int_equal(strlen(port->line), 255);
	control_answer(port, NULL);
	assert_string_equal(answer(), "ok\n");
	line[255] = 'x';
	line[599] = '\n';
	assert_int_equal(put_all(line, 600), 600);
	assert_string_equal(answer(), "error: a request has at most 255 bytes\n");
	assert_int_equal(control_put(port, "a\0b\n", 4), 4);
	assert_string_equal(answer(), "error: a request has printable ASCII characters only\n");
	assert_int_equal(put("caf\xc3\xa9\n"), 6);
	assert_string_equal(answer(), "error: a request has printable ASCII characters only\n");
	assert_int_equal(put("@1234567890123456 info\n"), 23);
	assert_string_equal(answer(),
			    "error: a request's tag has at most 15 characters behind the @\n");
	assert_int_equal(port->errors, 4);
}

/* Ten in a second; a line that is wrong is none. */
static void test_rate(void **state)
{
	(void)state;
	for (u32 i = 0; i < CONTROL_REQUESTS; i++) {
		assert_int_equal(put("\x01\n"), 2);
		(void)answer();
		assert_int_equal(put("info\n"), 5);
		asks("info");
		control_answer(port, NULL);
		assert_string_equal(answer(), "ok\n");
	}
	for (u32 i = 0; i < 100; i++) {
		assert_int_equal(put("@9 info\n"), 8);
		assert_null(control_next(0));
		assert_string_equal(answer(), "error @9: too many requests: at most 10 a second\n");
	}
	host_counter += HOST_COUNTER_HZ / CONTROL_REQUESTS + 1;
	assert_int_equal(put("info\n"), 5);
	asks("info");
	control_answer(port, NULL);
	assert_string_equal(answer(), "ok\n");
}

static void test_long_answer(void **state)
{
	char line[100];

	(void)state;
	memset(line, 'x', sizeof(line));
	(void)put("info\n");
	asks("info");
	for (u32 n = 0; n < CONTROL_ANSWER; n += sizeof(line))
		control_write(port, line, sizeof(line));
	control_answer(port, NULL);
	assert_string_equal(answer(), "error: the answer is longer than 32 KiB\n");
	/* An error of any length is a line. */
	(void)put("info\n");
	asks("info");
	line[99] = '\0';
	line[3] = '\n';
	line[4] = '\x1b';
	control_answer(port, line);
	line[3] = line[4] = '?';
	assert_memory_equal(answer(), "error: xxx??x", 13);
	/* One that the reader has begun to read is whole. */
	(void)put("info\n");
	asks("info");
	control_write(port, " data\n", 6);
	control_answer(port, NULL);
	assert_int_equal(control_get(port, line, 3), 3);
	assert_int_equal(put("info\n"), 0);
	assert_string_equal(answer(), "ta\nok\n");
}

/* No program gets what an earlier one asked for. */
static void test_programs(void **state)
{
	(void)state;
	(void)put("half a li");
	control_set_open(port, false);
	control_set_open(port, true);
	(void)put("info\n");
	asks("info");
	/* It goes while it is served. */
	control_set_open(port, false);
	control_set_open(port, true);
	assert_int_equal(put("run\n"), 0);
	control_write(port, " for no one\n", 12);
	control_answer(port, NULL);
	assert_string_equal(answer(), "");
	assert_int_equal(put("run\n"), 4);
	asks("run");
	control_answer(port, NULL);
	/* It goes before it reads. */
	control_set_open(port, false);
	assert_string_equal(answer(), "");
	/* A request is carried out if it is complete: `echo run rtos > port`. */
	(void)put("run rtos\n");
	control_set_open(port, false);
	asks("run rtos");
	control_answer(port, NULL);
	control_set_open(port, true);
	assert_string_equal(answer(), "");
	/* Without a reader there is no answer to wrong lines either. */
	control_set_open(port, false);
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(put("\x01\n"), 2);
}

/* The VM goes: before its request is served, and meanwhile. ASan sees what is left behind. */
static void test_end(void **state)
{
	struct control_port *dying;

	(void)setup(state);
	(void)put("info\n");
	control_destroy(port);
	(void)setup(state);
	(void)put("info\n");
	dying = control_next(0);
	assert_ptr_equal(dying, port);
	(void)setup(state);
	(void)put("run\n");
	control_destroy(dying);
	control_answer(dying, NULL);
	assert_int_equal(wakes, 0);
	asks("run");
	control_answer(port, NULL);
	assert_int_equal(wakes, 1);
	(void)teardown(state);
}

/* An image follows the request that asked for it. */
static void test_image(void **state)
{
	char bytes[10] = "";
	struct type_image image = { .data = bytes, .size = sizeof(bytes) };

	(void)state;
	images = 1;
	assert_int_equal(put("@5 load x 10\n"), 13);
	asks(" load x 10");
	control_ask_image(port, &image);
	assert_int_equal(put("01"), 0);
	assert_string_equal(answer(), "send @5\n");
	assert_int_equal(put("01\n3"), 4);
	assert_null(control_next(0));
	assert_int_equal(put("456789next\n"), 6);
	assert_memory_equal(bytes, "01\n3456789", 10);
	assert_ptr_equal(control_next(0), port);
	assert_ptr_equal(port->image, &image);
	assert_int_equal(port->got, 10);
	assert_int_equal(put("next\n"), 0);
	port->image = NULL;
	control_answer(port, NULL);
	assert_string_equal(answer(), "ok @5\n");
	/* The program goes before it has sent all of it: the server gets it back. */
	for (u32 sent = 0; sent < 3; sent++) {
		(void)put("load x 10\n");
		asks("load x 10");
		control_ask_image(port, &image);
		assert_string_equal(sent ? answer() : "", sent ? "send\n" : "");
		assert_int_equal(put("012345"), sent ? 6 : 0);
		control_set_open(port, false);
		assert_int_equal(put("x"), 0);
		control_set_open(port, sent == 2);
		assert_ptr_equal(control_next(0), port);
		assert_ptr_equal(port->image, &image);
		assert_true(port->got < 10);
		port->image = NULL;
		control_answer(port, "it is not complete");
		assert_string_equal(answer(), "");
		control_set_open(port, true);
	}
	/* It has gone before it was asked. */
	(void)put("load x 10\n");
	asks("load x 10");
	control_set_open(port, false);
	control_ask_image(port, &image);
	assert_ptr_equal(control_next(0), port);
	assert_int_equal(port->got, 0);
	port->image = NULL;
	control_answer(port, NULL);
	/* Its VM goes. */
	control_set_open(port, true);
	(void)put("load x 10\n");
	asks("load x 10");
	control_ask_image(port, &image);
	assert_int_equal(images, 1);
	control_destroy(port);
	assert_int_equal(images, 0);
	(void)setup(state);
}

/* Requests are served in the order in which they came. */
static void test_order(void **state)
{
	struct control_port *first = port;

	(void)setup(state);
	(void)put("a\n");
	(void)control_put(first, "b\n", 2);
	asks("a");
	control_answer(port, NULL);
	(void)put("c\n");
	(void)answer();
	(void)put("c\n");
	assert_ptr_equal(control_next(0), first);
	control_answer(first, NULL);
	asks("c");
	control_answer(port, NULL);
	control_destroy(first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_request, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_programs, setup, teardown),
		cmocka_unit_test(test_end),
		cmocka_unit_test_setup_teardown(test_image, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
