/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator is shown: the machine, a VM that runs or failed, channels, late timers. */
#include "house_fixture.h"

#include <arch/guest.h>
#include <asm/host.h>
#include <drivers/host.h>
#include <kernel/page.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>
#include <uapi/smccc.h>
#include <vmm/cpu.h>
#include <vmm/dev.h>
#include <vmm/life.h>

/* The command does not say this. */
static void says_no(const char *command, const char *text)
{
	assert_null(strstr(house(command), text));
}

/* ---- the machine ---- */

static u64 wall;

static u64 wall_clock(void)
{
	return wall;
}

static void the_machine(void **state)
{
	char text[200];

	(void)state;
	says_part("host info", "ZVM 0.1.0, real-time hypervisor for AArch64, built with ");
	says_part("host info", "\nmachine   a machine\n");
	says_part("host info", "\ncpu       2 cpus, fake CPU\n");
	says_no("host info", "errata");
	host_errata = 0x2;
	says_part("host info", "\nerrata    fake CPU 7654321 (cpus 0x2)\n");
	host_errata = 0;
	says_part("host info", "\nmemory    63 MiB, ");
	(void)snprintf(text, sizeof(text), "\nguests    0 vms of at most %u, 5 types, ", MAX_VMS);
	says_part("host info", text);
	says("zvm new one", "vm 0 'one' created: 1 vcpu, 8 MiB\n");
	(void)snprintf(text, sizeof(text), "\nguests    1 vms of at most %u, 5 types, ", MAX_VMS);
	says_part("host info", text);
	says_part("host info", "\nirqs      320, 4 list registers\n");
	says_part("host info", "\nconsole   terminal here, 3 ports: 0 p0, 1 p1, 3 p3\n");
	says_part(
		"host version",
		"code      sha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad "
		"of the first 3 bytes of zvm_host.bin\n");
}

static void the_time(void **state)
{
	static const struct {
		u64 wall;
		const char *text;
	} rows[] = {
		{ 0, "1970-01-01 00:00:00 UTC" },
		{ 951782399, "2000-02-28 23:59:59 UTC" },
		{ 951782400, "2000-02-29 00:00:00 UTC" },
		{ 951868800, "2000-03-01 00:00:00 UTC" },
		{ 1709210096, "2024-02-29 12:34:56 UTC" },
		{ 1735689599, "2024-12-31 23:59:59 UTC" },
		{ 4102444800, "2100-01-01 00:00:00 UTC" },
		{ 4107542400, "2100-03-01 00:00:00 UTC" },
	};
	char text[200];
	u64 s;

	(void)state;
	house_sleep(1234);
	s = host_counter / HOST_COUNTER_HZ;
	(void)snprintf(text, sizeof(text),
		       "\ntime      %lu s since power-on, counter 62500000 Hz\n", s);
	says_part("host info", text);
	host_wall_clock = wall_clock;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		wall = rows[i].wall;
		(void)snprintf(text, sizeof(text), " s since power-on, counter 62500000 Hz, %s\n",
			       rows[i].text);
		says_part("host info", text);
	}
	host_wall_clock = NULL;
}

static u64 number_behind(const char *command, const char *name)
{
	const char *at = strstr(house(command), name);
	unsigned long n = ~0UL;

	assert_non_null(at);
	assert_int_equal(sscanf(at + strlen(name), "%lu", &n), 1);
	return n;
}

static void its_memory(void **state)
{
	const u64 total = number_behind("host mem", "total: ");
	const u64 used = number_behind("host mem", "used: ");
	const u64 clean = number_behind("host mem", "blocks cleared in advance: ");
	const u64 by_vms = number_behind("host mem", "blocks taken by VMs: ");
	struct page_stats s;

	(void)state;
	page_stats(&s);
	assert_int_equal(total, s.total / KIB(1));
	assert_in_range(total, 63 * 1024, 64 * 1024);
	assert_int_equal(number_behind("host mem", "free: "), total - used);
	assert_int_equal(number_behind("host mem", "blocks of 2 MiB free: "), s.blocks_free);
	assert_int_equal(number_behind("host mem", "have not touched yet: "), 0);
	(void)run_new("one");
	assert_int_equal(number_behind("host mem", "have not touched yet: "), 2);
	assert_int_equal(number_behind("host mem", "blocks taken by VMs: "), by_vms + 2);
	page_stats(&s);
	assert_true(s.blocks_clean < clean);
	assert_int_equal(number_behind("host mem", "blocks cleared in advance: "), s.blocks_clean);
	assert_int_equal(number_behind("host mem", "blocks of 2 MiB free: "), s.blocks_free);
	assert_int_equal(number_behind("host mem --json", "\"blocks_reserved\":"), 2);
	assert_int_equal(number_behind("host mem --json", "\"total_kib\":"), total);
}

/* ---- a VM ---- */

static void a_vm_that_runs(void **state)
{
	struct vm *vm;

	(void)state;
	says("zvm info", "no VMs; `zvm new -t TYPE` makes one\n");
	vm = run_new("two");
	house_sleep(1500);
	says_part("zvm info two", "vm 0 'two': running\n  type        two, vms/two.dtb\n"
				  "  memory      8 MiB at 0x40000000, and ");
	says_part("zvm info two", "\n  touched     4 MiB of it\n  cpus        2, priority 20, "
				  "affinity any, 0.0 % of a CPU, 0 exits/s\n"
				  "  turns       round-robin, weight 100\n"
				  "  uptime      0:00:01, 0 restarts, restarted never\n"
				  "  image       raw, entry 0x40080000, 0x40080000..0x40080008\n"
				  "  devicetree  0x40200000\n"
				  "  console     0 bytes written, no port\n"
				  "  vcpu 0      wfi, cpu 1, pc 0x40080000, ran 0.");
	says_part("zvm info two", "\n  vcpu 1      off, cpu 0, pc 0x0, ran 0.");
	says_part("zvm info two", "\n  region      0x08000000   64 KiB  gicd\n");
	says_part("zvm info",
		  "ID  NAME         TYPE         STATE    VCPUS    MEMORY PRIO  AFFINITY "
		  "  CPU%  EXITS/S    UPTIME RESTARTS\n"
		  " 0  two          two          running      2     8 MiB   20  any      "
		  "   0.0        0   0:00:01        0\n");
	console_output(&vm->console, 'x');
	says_part("zvm info two", "\n  console     1 bytes written, no port\n");
	says("zvm log two", "x\n");
	vm->started_at -= 86400 * 3 * HOST_COUNTER_HZ + 3723 * HOST_COUNTER_HZ;
	says_part("zvm info two", "\n  uptime      3d 01:02:04, ");
}

static void is_silent(void **state)
{
	struct vm *vm = run_new("one");

	(void)state;
	house_sleep(2900);
	says_no("zvm info one", "silent");
	house_sleep(200);
	says_part("zvm info one",
		  "\n  silent      nothing came at its console\n"
		  "  why         it waits (WFI), and no timer is set\n"
		  "  try         set one, and enable INTID 27 or 30\n"
		  "  registers   vcpu 0: PC 40080000, LR 0, SP 0, PSTATE 0, SCTLR 0, VBAR 0\n");
	console_output(&vm->console, '\n');
	says_no("zvm info one", "silent");
}

static struct guest_regs regs;

static void crashes(struct vcpu *v)
{
	const struct guest_fault f = { .what = "data abort", .esr = 0x93000045, .ipa = 0x5000000 };

	v->arch.regs = &regs;
	vcpu_note_exit(v, 0x5a000000, 0x40080010);
	vcpu_note_exit(v, 0x5a000000, 0x40080010);
	vcpu_note_exit(v, 0x93000045, 0x40080020);
	vmm_fault(v, &f);
}

static void a_vm_that_failed(void **state)
{
	struct vm *vm = run_new("always");

	(void)state;
	memset(&regs, 0, sizeof(regs));
	regs.core[30] = 0x40080004;
	regs.core[GUEST_PC] = 0x40080020;
	regs.core[GUEST_SP] = 0x40300000;
	regs.core[GUEST_PSTATE] = 0x3c5;
	regs.given = (struct guest_exception){ 0x96000050, 0x9050018, 0x40080020 };
	house_does(vm->vcpus[0], crashes);
	says_part("zvm info always", ": running\n");
	says_part("zvm info always", "\n  uptime      0:00:00, 1 restarts, restarted always\n");
	says_part("zvm info always", "\n  last crash  data abort on vcpu 0: ESR 93000045 ");
	for (u32 n = 0; n < 3; n++)
		house_does(vm->vcpus[0], crashes);
	says_part("zvm info always", ": crashed\n");
	says_part("zvm info always", "\n  uptime      -, 3 restarts, restarted always, in 1 s\n");
	says_part("zvm info always", "\n  crash       data abort on vcpu 0: ESR 93000045 ");
	says_part("zvm info always", "\n  why         an access to a missing device\n"
				     "  try         `region` is what there is\n"
				     "  exception   ");
	says_part("zvm info always",
		  "; ESR 96000050, ELR 40080020, FAR 9050018, IPA 9050018: no watchdog or SMMU\n"
		  "  registers   vcpu 0: PC 40080020, LR 40080004, SP 40300000, PSTATE 3c5, SCTLR "
		  "0, VBAR 0\n"
		  "  last exits  ");
	says_part("zvm info always", " at 40080010 2x, ");
	says_part("zvm info always", " at 40080020\n");
}

/* ---- late timers ---- */

static void late_timers(void **state)
{
	(void)state;
	(void)run_new("one");
	(void)run_new("late");
	says("zvm why one", "'one' has no late limit; `zvm set one late-limit=50us` sets one\n");
	says("zvm why late", "'late': 0 timer interrupts came more than 100 us late\n");
	says("zvm why", "'late': 0 timer interrupts came more than 100 us late\n");
	says("zvm set one late-limit=7us", "vm 0 'one' set\n");
	says("zvm why", "'one': 0 timer interrupts came more than 7 us late\n"
			"'late': 0 timer interrupts came more than 100 us late\n");
	says("zvm set one late-limit=0", "vm 0 'one' set\n");
	says("zvm why one", "'one' has no late limit; `zvm set one late-limit=50us` sets one\n");
	says_part("zvm set one late-limit=x", "late-limit=x: expected 1us to ");
	says_part("zvm why none", "zvm: no VM 'none'");
}

/* ---- channels ---- */

static void channels(void **state)
{
	(void)state;
	says("zvm channel", "no channels; VMs share one that all of their descriptions have in "
			    "/channels\n");
	says("zvm new peer", "vm 0 'peer' created: 1 vcpu, 8 MiB\n");
	says("zvm channel",
	     "CHANNEL      PEER VM           VM-STATE STATE          EVENTS "
	     "INTERRUPTS WAITS THE LAST ONE\n"
	     "ring            0 peer         created  0x00000000          0          "
	     "0 no    never\n"
	     "ring            1 other        -        0x00000000          0          "
	     "0 no    never\n");
	says("zvm delete peer", "vm 0 'peer' deleted\n");
	says_part("zvm channel", "no channels; ");
}

/* ---- types ---- */

static void with_always(void)
{
	type_text("restart", "always");
}

static void with_late(void)
{
	type_u32("late-limit-us", 100);
}

static void with_channel(void)
{
	const int all = fdt_add_subnode(blob, 0, "channels");
	const int ring = fdt_add_subnode(blob, all, "ring");

	assert_true(ring > 0);
	assert_int_equal(fdt_setprop(blob, ring, "peers", "peer\0other", 11), 0);
	assert_int_equal(fdt_setprop_u64(blob, ring, "size", KIB(64)), 0);
}

static int boot(void **state)
{
	static u64 tree[64];

	house_boot(state);
	assert_int_equal(fdt_create_empty_tree(tree, sizeof(tree)), 0);
	assert_int_equal(fdt_setprop(tree, 0, "model", "a machine", 10), 0);
	assert_null(host_fdt_init(tree, sizeof(tree)));
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_machine, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(the_time, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(its_memory, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(a_vm_that_runs, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(is_silent, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(a_vm_that_failed, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(late_timers, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(channels, house_setup, house_teardown),
	};

	house_type("one", 1, NULL);
	house_type("two", 2, NULL);
	house_type("always", 1, with_always);
	house_type("late", 1, with_late);
	house_type("peer", 1, with_channel);
	return cmocka_run_group_tests(tests, boot, NULL);
}
