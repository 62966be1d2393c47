/* SPDX-License-Identifier: Apache-2.0 */
/* What goes to the machine's ports: cores of VMs, traces, captures of networks. */
#include "house_fixture.h"

#include <arch/guest.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>
#include <vmm/cpu.h>
#include <vmm/dev.h>
#include <vmm/life.h>
#include <vmm/trace.h>

static struct vm *vm;
static struct guest_regs regs[2];

static const u8 *got(u32 port)
{
	return (const u8 *)house_ports[port].got;
}

static u64 number(const u8 *at, u32 bytes)
{
	u64 n = 0;

	memcpy(&n, at, bytes);
	return n;
}

static int setup(void **state)
{
	house_setup(state);
	says("zvm new two", "vm 0 'two' created: 2 vcpus, 8 MiB\n");
	says("zvm run two", "vm 0 'two' running\n");
	vm = vm_by_id(0);
	memset(regs, 0, sizeof(regs));
	for (u32 i = 0; i < 2; i++)
		vm->vcpus[i]->arch.regs = &regs[i];
	return 0;
}

/* ---- cores ---- */

static u64 blocks_there(void)
{
	u64 count = 0;

	for (u64 b = 0; b < vm->ram.nblocks; b++)
		count += vm->ram.blocks[b].pa > VM_BLOCK_GIVEN;
	return count;
}

/* The bytes of the core that lie at an address of the guest. */
static const u8 *core_at(const u8 *core, u64 va)
{
	for (u64 n = 0; n < number(core + 56, 2); n++) {
		const u8 *s = core + 64 + 56 * n;
		const u64 at = number(s + 8, 8), base = number(s + 16, 8);

		if (number(s, 4) == 1 && va >= base && va - base < number(s + 32, 8))
			return core + at + (va - base);
	}
	return NULL;
}

static void is_a_core(const u8 *core, u32 len)
{
	const u64 blocks = blocks_there() + 1; /* one of zeroes */
	const u8 *notes = core + 64;
	u64 at;

	assert_memory_equal(core, "\177ELF\2\1\1\0", 8);
	assert_int_equal(number(core + 16, 2), 4); /* a core */
	assert_int_equal(number(core + 18, 2), 183);
	assert_int_equal(number(core + 32, 8), 64);
	assert_int_equal(number(notes, 4), 4);
	at = number(notes + 8, 8);
	assert_int_equal(number(notes + 32, 8), 960); /* of one vCPU: the other one is off */
	assert_int_equal(number(core + at + 8, 4), 1);
	assert_string_equal(core + at + 12, "CORE");
	assert_int_equal(number(core + at + 20 + 32, 4), 1);
	assert_int_equal(number(core + at + 20 + 112 + 8UL * GUEST_PC, 8), 0x40080004);
	assert_memory_equal(core_at(core, vm->plan.entry), raw_kernel, sizeof(raw_kernel));
	assert_int_equal(core_at(core, 0x40400000)[0], 0);
	assert_non_null(core_at(core, GUEST_RAM_BASE));
	assert_non_null(core_at(core, GUEST_RAM_BASE + MIB(8) - 1));
	assert_null(core_at(core, GUEST_RAM_BASE + MIB(8)));
	assert_null(core_at(core, GUEST_RAM_BASE - 1));
	assert_int_equal(len, ALIGN_UP(at + 960, 4096) + blocks * MIB(2));
}

static void a_core(void **state)
{
	char text[200];

	(void)state;
	says("zvm dump", "there was no core dump; `zvm dump VM [PORT]` sends one\n");
	says("zvm dump off", "no core dump is being sent\n");
	regs[0].core[GUEST_PC] = 0x40080004;
	(void)snprintf(text, sizeof(text),
		       "a core of vm 0 'two', %lu MiB, is sent to port 1 (p1); it is paused "
		       "meanwhile\n",
		       2 * (blocks_there() + 1));
	says("zvm dump two 1", text);
	house_sleep(3000);
	is_a_core(got(1), house_ports[1].len);
	(void)snprintf(text, sizeof(text), "'two': complete, %lu of %lu MiB\n",
		       2 * (blocks_there() + 1), 2 * (blocks_there() + 1));
	says("zvm dump", text);
	says_part("host log", "vm 0 'two': core dump complete, ");
	assert_string_equal(vm_state_name(vm->state), "running");
	assert_int_equal(house_ports[0].len, 0);
	/* A VM that was paused stays so. To the lowest port. */
	says("zvm pause two", "vm 0 'two' paused\n");
	says_part("zvm dump -n two", " MiB, is sent to port 0 (p0)\n");
	house_sleep(3000);
	is_a_core(got(0), house_ports[0].len);
	assert_string_equal(vm_state_name(vm->state), "paused");
}

static void a_core_to_a_slow_port(void **state)
{
	(void)state;
	house_ports[1].room = KIB(100);
	says_part("zvm dump two 1", "is sent to port 1 (p1)");
	house_sleep(500);
	assert_int_equal(house_ports[1].len, KIB(100));
	assert_string_equal(vm_state_name(vm->state), "paused");
	says_part("zvm dump", "'two': 0 of ");
	says_part("zvm dump", " MiB are sent to port 1\n");
	says("zvm dump two", "zvm dump: a core dump of 'two' is being sent, to port 1\n");
	house_ports[1].room = MIB(2);
	console_port_ready(1);
	house_sleep(500);
	says_part("zvm dump", "'two': 2 of ");
	says("zvm dump off", "the core dump ends\n");
	house_sleep(100);
	says_part("zvm dump", "'two': cut off, 2 of ");
	says_part("host log", "vm 0 'two': core dump cut off\n");
	assert_string_equal(vm_state_name(vm->state), "running");
	/* The operator lets the VM run, or deletes it. */
	house_ports[1].room = KIB(100);
	says_part("zvm dump two 1", "is sent to port 1 (p1)");
	house_sleep(100);
	says("zvm resume two", "vm 0 'two' running\n");
	house_ports[1].room = ~0U;
	console_port_ready(1);
	house_sleep(100);
	says_part("zvm dump", "'two': cut off, 0 of ");
	assert_string_equal(vm_state_name(vm->state), "running");
	house_ports[1].room = 0;
	says_part("zvm dump two 1", "is sent to port 1 (p1)");
	says("zvm delete -f two", "vm 0 'two' deleted\n");
	house_ports[1].room = ~0U;
	console_port_ready(1);
	house_sleep(100);
	says_part("zvm dump", "'two': cut off, ");
}

static void no_core(void **state)
{
	(void)state;
	says("zvm dump two 2", "zvm dump: there is no such port (`host info` shows the ports)\n");
	assert_string_equal(vm_state_name(vm->state), "running");
	says("zvm dump two x", "zvm dump: 'x': expected the number of a port\n");
	says("zvm dump two 128", "zvm dump: '128': expected the number of a port\n");
	says_part("zvm gdb two", "to port 3 (p3)\n");
	says("zvm dump two 3", "zvm dump: port 3 is in use\n");
	says_part("zvm dump three", "zvm: no VM 'three'");
	says_part("zvm dump two 0", " to port 0 (p0)");
	house_sleep(3000);
	says("zvm pause two", "vm 0 'two' paused\n");
}

/* ---- traces ---- */

static const char head_of_traces[] =
	"STATE     EVENTS                   VM                WRITTEN PORT         SENT         LOST\n";

static void a_trace(void **state)
{
	char text[200];

	(void)state;
	says("zvm trace", "there is no trace; `zvm trace start` begins one\n");
	says("zvm trace stop", "zvm trace: there is no trace; `zvm trace start` begins one\n");
	says("zvm trace dump", "zvm trace: there is no trace; `zvm trace start` begins one\n");
	says("zvm trace dump off", "no trace is being sent\n");
	says("zvm trace go", "zvm trace: 'go': expected start, stop or dump\n");
	says("zvm trace start now", "zvm trace: too many arguments: 'now'\n");
	says("zvm trace start -e state,foo",
	     "zvm trace: -e state,foo: expected a list of these: "
	     "exit,irq,inject,sched,budget,virtio,channel,console,state,masked\n");
	says_part("zvm trace start -n none", "zvm: no VM 'none'");
	says("zvm trace start -e state -n two",
	     "recording state of two: the last 65535 events of each CPU are kept\n");
	says("zvm trace start", "zvm trace: already recording; `zvm trace stop` ends that\n");
	says("zvm pause two", "vm 0 'two' paused\n");
	says("zvm resume two", "vm 0 'two' running\n");
	(void)snprintf(text, sizeof(text),
		       "%srecording state                    two                     2    -"
		       "            0            0\n",
		       head_of_traces);
	says("zvm trace", text);
	says("zvm trace stop",
	     "2 events recorded; `zvm trace dump` sends them, another `zvm trace stop` frees "
	     "their 2048 KiB\n");
	says("zvm pause two", "vm 0 'two' paused\n");
	says("zvm trace dump 2",
	     "zvm trace: there is no such port (`host info` shows the ports)\n");
	says("zvm trace dump x", "zvm trace: 'x': expected the number of a port, or off\n");
	says("zvm trace dump 128", "zvm trace: '128': expected the number of a port, or off\n");
	says("zvm trace dump 1", "the trace is sent to port 1 (p1)\n");
	house_sleep(500);
	assert_true(house_ports[1].len > 2 * sizeof(struct trace_record));
	says_part("zvm trace", "stopped   state                    two                     2 ");
	says("zvm delete -f two", "vm 0 'two' deleted\n");
	says_part("zvm trace", "(gone)");
	says("zvm trace stop", "2048 KiB freed\n");
	says("zvm trace", "there is no trace; `zvm trace start` begins one\n");
}

static void a_trace_that_is_sent(void **state)
{
	(void)state;
	says("zvm trace start",
	     "recording exit,irq,inject,sched,budget,virtio,channel,console,state,masked of all "
	     "VMs: the last 65535 events of each CPU are kept\n");
	house_ports[1].room = 0;
	says("zvm trace dump 1", "the trace is sent to port 1 (p1)\n");
	house_sleep(100);
	says("zvm trace dump 0", "zvm trace: the trace is being sent, to port 1\n");
	says_part("zvm trace", " all ");
	says_part("zvm trace stop", " events recorded; ");
	says("zvm trace stop",
	     "zvm trace: the trace is being sent; `zvm trace dump off` ends that\n");
	says("zvm trace start",
	     "zvm trace: the last one is being sent; `zvm trace dump off` ends that\n");
	says("zvm trace dump off", "the dump ends\n");
	house_sleep(100);
	says_part("zvm gdb two", "to port 3 (p3)\n");
	says("zvm trace dump 3", "zvm trace: port 3 is in use\n");
	says("zvm trace stop", "2048 KiB freed\n");
}

/* ---- networks ---- */

static const char head_of_ports[] =
	"NETWORK      VM           PORT     MAC               LEARNT IN-FRAMES     IN-BYTES "
	"IN-DROPS OUT-FRAMES    OUT-BYTES OUT-DROPS\n";

static void networks(void **state)
{
	char text[1000];

	(void)state;
	says("zvm net", "no networks; a VM has a port by `zvm,virtio-net` in its description\n");
	says("zvm net lan", "zvm net: there is no network 'lan'\n");
	says("zvm new net", "vm 1 'net' created: 1 vcpu, 8 MiB\n");
	says("zvm new net --name second", "zvm: devices of 'second': exists already\n");
	says_part("host log", "vm 'second': eth: network lan has a port with address "
			      "02:00:00:00:00:07 already\n");
	(void)snprintf(text, sizeof(text),
		       "%slan          net          eth      02:00:00:00:00:07      0         0    "
		       "        0        0          0            0         0\n",
		       head_of_ports);
	says("zvm net", text);
	says("zvm net lan", text);
	says("zvm net lan x", "zvm net: too many arguments: 'x'\n");
	says("zvm net dump wan", "zvm net: there is no network 'wan'\n");
	says("zvm net dump lan off", "network 'lan' is not captured\n");
	says("zvm net dump lan x", "zvm net: 'x': expected the number of a port, or off\n");
	says("zvm net dump lan 2",
	     "zvm net: there is no such port (`host info` shows the ports)\n");
	says("zvm net dump lan 1", "network 'lan' is captured to port 1 (p1)\n");
	says("zvm net dump lan 0", "zvm net: network 'lan' is captured already, to port 1\n");
	house_sleep(100);
	assert_int_equal(house_ports[1].len, 24);
	assert_memory_equal(got(1), "\x4d\x3c\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\xee\5\0\0\1\0\0\0",
			    24);
	says_part("zvm net lan", "captured to port 1 (p1): 0 frames, 0 dropped\n");
	says_part("zvm gdb two", "to port 3 (p3)\n");
	says("zvm net dump lan off", "network 'lan': 0 frames captured, 0 dropped\n");
	says("zvm net dump lan 3", "zvm net: port 3 is in use\n");
	says("zvm net dump lan -s 64", "network 'lan' is captured to port 0 (p0)\n");
	house_sleep(100);
	assert_memory_equal(got(0) + 16, "\x40\0\0\0", 4);
	says("zvm delete net", "vm 1 'net' deleted\n");
	says("zvm net", "no networks; a VM has a port by `zvm,virtio-net` in its description\n");
}

static void with_net(void)
{
	static const u8 mac[] = { 2, 0, 0, 0, 0, 7 };
	const int node = type_device("eth", "zvm,virtio-net");

	assert_int_equal(fdt_setprop(blob, node, "network", "lan", 4), 0);
	assert_int_equal(fdt_setprop(blob, node, "mac", mac, 6), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_core, setup, house_teardown),
		cmocka_unit_test_setup_teardown(a_core_to_a_slow_port, setup, house_teardown),
		cmocka_unit_test_setup_teardown(no_core, setup, house_teardown),
		cmocka_unit_test_setup_teardown(a_trace, setup, house_teardown),
		cmocka_unit_test_setup_teardown(a_trace_that_is_sent, setup, house_teardown),
		cmocka_unit_test_setup_teardown(networks, setup, house_teardown),
	};

	house_type("two", 2, NULL);
	house_type("net", 1, with_net);
	return cmocka_run_group_tests(tests, house_boot, NULL);
}
