/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupt registration and dispatch, per CPU counts; the log; panic. */
#include "test_kernel.h"

#include <arch/irqchip.h>
#include <kernel/panic.h>
#include <kernel/irq.h>
#include <kernel/log.h>

#define PPI 23
#define SPI 50

#define FIRST_FREE 80 /* from here on this test registers as many as there may be */

static u32 handled[8];

static void handle(u32 intid, void *arg)
{
	(void)intid;
	++*(u32 *)arg;
	handled[host_cpu]++;
}

static int setup(void **state)
{
	*state = NULL;
	memset(handled, 0, sizeof(handled));
	return 0;
}

static void spi(void **state)
{
	struct irq_info info;
	u32 count = 0;

	(void)state;
	assert_int_equal(irq_request(SPI, "dev", handle, &count, IRQ_EDGE), 0);
	assert_int_equal(irq_request(SPI, "other", handle, &count, 0), -EBUSY);
	assert_true(host_irq_is_edge(SPI));
	assert_int_equal(host_irq_route(SPI), 0);
	host_irq_raise(SPI, 0);
	host_irq_raise(SPI, 0);
	assert_int_equal(count, 2);
	assert_true(irq_next_info(33, &info));
	assert_int_equal(info.intid, SPI);
	assert_string_equal(info.name, "dev");
	assert_int_equal(info.count[0], 2);
	assert_int_equal(info.count[1], 0);
	assert_false(irq_next_info(SPI + 1, &info));
}

static void ppi_is_on_every_cpu(void **state)
{
	struct irq_info info;
	u32 count = 0;

	(void)state;
	assert_int_equal(irq_request(PPI, "pmu", handle, &count, IRQ_URGENT), 0);
	assert_true(host_irq_is_urgent(PPI));
	for (u32 cpu = 0; cpu < 3; cpu++) {
		assert_true(host_irq_unmasked(PPI, cpu));
		host_irq_raise(PPI, cpu);
	}
	host_run_others();
	assert_int_equal(count, 3);
	assert_int_equal(handled[2], 1);
	assert_true(irq_next_info(16, &info));
	assert_int_equal(info.intid, PPI);
	assert_int_equal(info.count[1], 1);
}

static void flags_reach_arch(void **state)
{
	u32 count = 0;

	(void)state;
	assert_int_equal(irq_request(27, "vtimer", handle, &count, IRQ_STAYS_ACTIVE), 0);
	host_irq_raise(27, 0);
	assert_true(host_irq_active(27, 0)); /* left to the guest */
	host_irq_raise(27, 0);
	assert_int_equal(count, 1);
	host_irq_set_active(27, 0, false);
	host_poll();
	assert_int_equal(count, 2);
	host_irq_set_active(27, 0, false);
}

static void unwanted_ones_are_masked(void **state)
{
	(void)state;
	arch_irq_unmask(77, 0);
	host_irq_raise(77, 0);
	assert_false(host_irq_unmasked(77, 0));
	assert_int_equal(irq_dispatch(1023), 0);
	assert_int_equal(irq_dispatch(8192), 0);
}

static void refused(void **state)
{
	u32 n = 0, intid = FIRST_FREE;

	(void)state;
	assert_int_equal(irq_request(SPI, "x", NULL, NULL, 0), -EINVAL);
	assert_int_equal(irq_request(HOST_INTIDS, "x", handle, &n, 0), -EINVAL);
	assert_int_equal(irq_request(5000, "x", handle, &n, 0), -EINVAL);
	while (irq_request(intid, "x", handle, &n, 0) == 0)
		intid++;
	assert_int_equal(irq_request(intid, "x", handle, &n, 0), -ENOSPC);
	assert_true(intid > FIRST_FREE + 100);
}

/* ---- log ---- */

struct text {
	struct print_sink sink;
	char buf[40000];
	size_t len;
};

static struct text dump;
static char echoed[1000];
static size_t echoed_len;

static void collect(struct print_sink *sink, const char *s, size_t len)
{
	struct text *text = container_of(sink, struct text, sink);

	assert_true(text->len + len < sizeof(text->buf));
	memcpy(text->buf + text->len, s, len);
	text->len += len;
	text->buf[text->len] = '\0';
}

static void echo(char c)
{
	if (echoed_len + 1 < sizeof(echoed))
		echoed[echoed_len++] = c;
}

static const char *dump_log(void)
{
	dump.sink.put = collect;
	dump.len = 0;
	log_dump(&dump.sink);
	return dump.buf;
}

static void lines_have_time_stamps(void **state)
{
	(void)state;
	log_putc = echo;
	log_echo_level = LOG_INFO;
	host_counter = HOST_COUNTER_HZ * 12 + 125; /* 12.000002 s */
	log_info("hello %d", 5);
	log_debug("quiet");
	assert_memory_equal(echoed, "[   12.000002] hello 5\r\n", echoed_len);
	assert_int_equal(echoed_len, 24);
	assert_non_null(strstr(dump_log(), "[   12.000002] hello 5\n[   12.000002] quiet\n"));
}

static void long_lines_are_cut(void **state)
{
	char text[500];
	const char *line;

	(void)state;
	log_putc = NULL;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_info("%s", text);
	log_info("next");
	line = strstr(dump_log(), "xxx");
	assert_non_null(line);
	assert_true(strcspn(line, "\n") < 384);
	assert_non_null(strstr(line, "] next\n"));
}

static void the_oldest_lines_go(void **state)
{
	(void)state;
	for (u32 i = 0; i < 2000; i++)
		log_info("line %u", i);
	dump_log();
	assert_true(dump.len <= KIB(32) + 64 && dump.len > KIB(31));
	assert_non_null(strstr(dump.buf, " bytes before these are gone: 32 KiB are kept]\n["));
	assert_null(strstr(dump.buf, "line 5\n"));
	assert_non_null(strstr(dump.buf, "line 1999\n"));
}

static void collect_slowly(struct print_sink *sink, const char *s, size_t len)
{
	for (u32 i = 0; i < 40; i++)
		log_info("meanwhile %u", i);
	collect(sink, s, len);
}

/*
 * A terminal may be slower than what is logged: it gets what there was, and is told of what is
 * gone.
 */
static void a_slow_reader(void **state)
{
	(void)state;
	for (u32 i = 0; i < 2000; i++)
		log_info("line %u", i);
	dump.sink.put = collect_slowly;
	dump.len = 0;
	log_dump(&dump.sink);
	assert_true(dump.len > 1000 && dump.len < KIB(32));
	assert_non_null(strstr(dump.buf, "\n["));
	assert_non_null(strstr(dump.buf, " bytes lost: more was logged meanwhile]\n["));
	assert_null(strstr(dump.buf, "meanwhile 1\n"));
}

/* Names from outside go into lines: no line is forged, and a terminal obeys none of them. */
static void lines_are_text(void **state)
{
	(void)state;
	log_info("vm 'a\nzvm_host:~# \x1b[2J\xc2\x9b.'");
	assert_non_null(strstr(dump_log(), "] vm 'a?zvm_host:~# ?[2J??.'\n"));
}

static u32 lines_echoed(u32 lines)
{
	u32 count = 0;

	echoed_len = 0;
	for (u32 i = 0; i < lines; i++)
		log_err("vm 3 'hostile' stopped: %u", i);
	for (size_t i = 0; i < echoed_len; i++)
		count += echoed[i] == '\n';
	echoed[echoed_len] = '\0';
	return count;
}

/*
 * Lines that guests provoke do not occupy the operator's UART: some lines, then a note that there
 * are more, and then one now and then.
 */
static void a_flood_is_not_echoed(void **state)
{
	(void)state;
	log_putc = echo;
	log_quiet();
	log_info("not worth the operator's time");
	assert_int_equal(lines_echoed(100), LOG_ECHO_LINES + 1);
	assert_non_null(strstr(echoed, "stopped: 7\r\n[more lines are only in the log]\r\n"));
	assert_non_null(strstr(dump_log(), "stopped: 99\n"));
	assert_int_equal(lines_echoed(100), 0);
	host_counter += 2 * HOST_COUNTER_HZ * LOG_ECHO_MS / 1000;
	assert_int_equal(lines_echoed(100), 2);
	/* After a quiet time it begins again. */
	host_counter += 100 * HOST_COUNTER_HZ * LOG_ECHO_MS / 1000;
	assert_int_equal(lines_echoed(3), 3);
	assert_int_equal(lines_echoed(100), LOG_ECHO_LINES - 3 + 1);
}

/* ---- panic ---- */

static void do_panic(void *arg)
{
	panic("the %s broke", (const char *)arg);
}

/* What tell(r) writes to the terminal. */
static const char *echoed_by(void (*tell)(struct panic_record *), struct panic_record *r)
{
	echoed_len = 0;
	log_echo_level = LOG_WARN;
	tell(r);
	echoed[echoed_len] = '\0';
	return echoed;
}

static void panic_reports_and_stops_everybody(void **state)
{
	u32 before = host_sgis_sent(IPI_HALT, 1);
	unsigned long flags = arch_irq_save();

	(void)state;
	log_putc = echo;
	log_echo_level = LOG_ERR;
	echoed_len = 0;
	assert_true(host_halts(do_panic, "vase"));
	echoed[echoed_len] = '\0';
	assert_non_null(strstr(echoed, "panic: the vase broke\r\n"));
	assert_non_null(strstr(echoed, "CPU 0, thread 'main'"));
	assert_int_equal(host_sgis_sent(IPI_HALT, 1), before + 1);
	assert_int_equal(host_sgis_sent(IPI_HALT, 2), before + 1);
	assert_int_equal(host_sgis_sent(IPI_HALT, 0), 0);
	/* Again on the way out: silently. */
	echoed_len = 0;
	assert_true(host_halts(do_panic, "pot"));
	assert_int_equal(echoed_len, 0);
	(void)flags; /* the others would halt: leave them alone */
}

/* What the panic before left. */
static void the_next_start_tells_of_a_panic(void **state)
{
	struct panic_record *r = arch_panic_page();

	(void)state;
	assert_non_null(strstr(echoed_by(panic_record_tell, r), "panicked before this start"));
	assert_non_null(strstr(echoed, "| ["));
	assert_non_null(strstr(strstr(dump_log(), "| ["), "] panic: the vase broke\n"));
	assert_string_equal(echoed_by(panic_record_tell, r), ""); /* once */
}

/* Whatever lies there. */
static void what_is_no_record_of_a_panic(void **state)
{
	struct panic_record *r = arch_panic_page();

	(void)state;
	memset(r, 0xa5, sizeof(*r));
	assert_string_equal(echoed_by(panic_record_tell, r), "");
	memcpy(r->text, "one\ntwo\nhal", 11);
	panic_record_seal(r, 11);
	r->text[1] = 'x';
	assert_string_equal(echoed_by(panic_record_tell, r), "");
	r->text[1] = 'n';
	r->bytes = sizeof(r->text) + 1;
	assert_string_equal(echoed_by(panic_record_tell, r), "");
	r->bytes = 11;
	assert_non_null(strstr(echoed_by(panic_record_tell, r), "| one\r\n"));
	assert_non_null(strstr(echoed, "| two\r\n"));
	assert_null(strstr(echoed, "hal"));
}

static int boot_three(void **state)
{
	*state = NULL;
	unit_boot(3);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(spi, setup),
		cmocka_unit_test_setup(ppi_is_on_every_cpu, setup),
		cmocka_unit_test_setup(flags_reach_arch, setup),
		cmocka_unit_test_setup(unwanted_ones_are_masked, setup),
		cmocka_unit_test_setup(refused, setup),
		cmocka_unit_test_setup(lines_have_time_stamps, setup),
		cmocka_unit_test_setup(long_lines_are_cut, setup),
		cmocka_unit_test_setup(the_oldest_lines_go, setup),
		cmocka_unit_test_setup(a_slow_reader, setup),
		cmocka_unit_test_setup(lines_are_text, setup),
		cmocka_unit_test_setup(a_flood_is_not_echoed, setup),
		cmocka_unit_test_setup(panic_reports_and_stops_everybody, setup), /* last ... */
		cmocka_unit_test(the_next_start_tells_of_a_panic),
		cmocka_unit_test(what_is_no_record_of_a_panic),
	};

	return cmocka_run_group_tests(tests, boot_three, NULL);
}
