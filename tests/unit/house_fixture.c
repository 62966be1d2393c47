/* SPDX-License-Identifier: Apache-2.0 */
#include "house_fixture.h"

#include <arch/cpu.h>
#include <arch/guest.h>
#include <asm/host.h>
#include <drivers/host.h>
#include <drivers/uart.h>
#include <kernel/early.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <kernel/thread.h>
#include <kernel/timeout.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <libfdt.h>
#include <string.h>
#include <vmm/cpu.h>
#include <vmm/debug.h>
#include <vmm/life.h>
#include <vmm/load.h>
#include <vmm/place.h>
#include <vmm/port.h>
#include <vmm/trace.h>

#include "../../shell/shell.h"

/* ---- the terminal ---- */

static char output[KIB(64)];
static size_t output_len;
static u64 quiet_until;
const char *house_keys = "";

void uart_write(const void *data, size_t len)
{
	assert_true(output_len + len < sizeof(output));
	memcpy(output + output_len, data, len);
	output_len += len;
	output[output_len] = '\0';
}

int uart_poll(void)
{
	if (!*house_keys || host_counter < quiet_until)
		return -EAGAIN;
	if (*house_keys != ' ')
		return (u8)*house_keys++;
	house_keys++;
	quiet_until = host_counter + HOST_COUNTER_HZ / 10;
	return -EAGAIN;
}

u32 uart_waiting(u8 byte)
{
	const char *found;

	while (*house_keys == ' ' && host_counter >= quiet_until)
		(void)uart_poll();
	found = *house_keys && host_counter >= quiet_until ? strchr(house_keys, byte) : NULL;
	return found ? (u32)(found - house_keys) + 1 : 0;
}

int uart_getc(u64 deadline)
{
	(void)deadline;
	return -ETIMEDOUT;
}

void uart_set_notify(void (*fn)(void))
{
	(void)fn;
}

void uart_drain(void)
{
}

const char *uart_name(void)
{
	return "terminal";
}

const char *house(const char *command)
{
	char line[LINE_SIZE];
	size_t n = 0;

	output_len = 0;
	output[0] = '\0';
	(void)snprintf(line, sizeof(line), "%s", command);
	command_run(line);
	for (size_t i = 0; i < output_len; i++)
		if (output[i] != '\r')
			output[n++] = output[i];
	output[n] = '\0';
	return output;
}

void house_says_part(const char *command, const char *text, const char *file, int line)
{
	if (strstr(house(command), text))
		return;
	print_error("`%s` does not say '%s' but:\n%s", command, text, output);
	_fail(file, line);
}

struct vm *vm_named(const char *name)
{
	struct vm *vm = vm_find(name);

	assert_non_null(vm);
	return vm;
}

struct vm *run_new(const char *type)
{
	char line[64];

	(void)snprintf(line, sizeof(line), "zvm new %s", type);
	says_part(line, " created: ");
	(void)snprintf(line, sizeof(line), "zvm run %s", type);
	says_part(line, " running\n");
	is(vm_named(type), "running");
	return vm_named(type);
}

/* ---- the ports ---- */

struct house_port house_ports[HOUSE_PORTS];

static u32 port_write(u32 port, const void *data, u32 len)
{
	struct house_port *p = &house_ports[port];
	const u32 n = MIN(MIN(len, p->room), (u32)sizeof(p->got) - 1 - p->len);

	if (n)
		memcpy(p->got + p->len, data, n);
	p->len += n;
	p->room -= n;
	p->got[p->len] = '\0';
	return n;
}

static u32 port_read(u32 port, void *data, u32 len)
{
	struct house_port *p = &house_ports[port];
	const u32 n = MIN(len, p->left);

	if (!n)
		return 0;
	memcpy(data, p->typed, n);
	p->typed += n;
	p->left -= n;
	return n;
}

static const char *port_name(u32 port)
{
	static const char *const names[HOUSE_PORTS] = { "p0", "p1", NULL, "p3" };

	return names[port];
}

static bool port_is_open(u32 port)
{
	return !house_ports[port].shut;
}

static const struct console_port_ops port_ops = {
	.count = HOUSE_PORTS,
	.write = port_write,
	.read = port_read,
	.name = port_name,
	.is_open = port_is_open,
};

void house_type_at(u32 port, const void *data, u32 len)
{
	house_ports[port].typed = data;
	house_ports[port].left = len;
	console_port_ready(port);
	house_sleep(100);
}

void house_port_forget(u32 port)
{
	house_ports[port].len = 0;
	house_ports[port].got[0] = '\0';
}

/* ---- guests ---- */

static struct {
	struct vcpu *vcpu;
	void (*fn)(struct vcpu *v);
} next;

static void guest_main(struct vcpu *v)
{
	for (;;) {
		sched_exit_work();
		arch_irq_enable(); /* here its guest is interrupted */
		arch_irq_disable();
		sched_exit_work();
		if (next.vcpu == v) {
			next.vcpu = NULL;
			next.fn(v);
		} else {
			vmm_wfi(v);
		}
	}
}

void house_does(struct vcpu *v, void (*fn)(struct vcpu *v))
{
	next.vcpu = v;
	next.fn = fn;
	vcpu_kick(v, VCPU_WORK_STATE);
	house_sleep(100);
	assert_null(next.vcpu);
}

u64 house_smc(struct vcpu *v, u64 function, u64 a, u64 b, u64 c)
{
	u64 x[8] = { function, a, b, c };

	vmm_smccc(v, x);
	return x[0];
}

static void look(const struct vcpu *v, struct guest_look *l)
{
	*l = (struct guest_look){ .pc = v->arch.pc };
}

/* ---- types ---- */

void type_u32(const char *name, u32 value)
{
	assert_int_equal(fdt_setprop_u32(blob, 0, name, value), 0);
}

void type_bytes(const char *name, const void *value, u32 len)
{
	assert_int_equal(fdt_setprop(blob, 0, name, value, (int)len), 0);
}

void type_text(const char *name, const char *value)
{
	type_bytes(name, value, (u32)strlen(value) + 1);
}

static void type_node_text(const char *node, const char *name, const char *value)
{
	const int at = fdt_add_subnode(blob, 0, node);

	assert_true(at > 0);
	assert_int_equal(fdt_setprop(blob, at, name, value, (int)strlen(value) + 1), 0);
}

int type_device(const char *name, const char *compatible)
{
	int node = fdt_path_offset(blob, "/devices");

	if (node < 0)
		node = fdt_add_subnode(blob, 0, "devices");
	node = fdt_add_subnode(blob, node, name);
	assert_true(node > 0);
	assert_int_equal(
		fdt_setprop(blob, node, "compatible", compatible, (int)strlen(compatible) + 1), 0);
	return node;
}

void house_type(const char *label, u32 cpus, void (*more)(void))
{
	char file[40];

	assert_int_equal(fdt_create_empty_tree(blob, sizeof(blob)), 0);
	type_text("compatible", "zvm,vm");
	type_text("label", label);
	type_text("kernel", "kernel");
	type_u32("cpus", cpus);
	assert_int_equal(fdt_setprop_u64(blob, 0, "memory", MIB(8)), 0);
	type_node_text("console", "backend", "none");
	if (more)
		more();
	(void)snprintf(file, sizeof(file), "vms/%s.dtb", label);
	archive_add(file, blob, fdt_totalsize(blob));
}

/* ---- the house ---- */

static u64 early[KIB(512) / sizeof(u64)]; /* of types */
static u64 blocks_free;

static u64 free_now(void)
{
	struct page_stats s;

	page_stats(&s);
	return s.blocks_free;
}

void house_sleep(u32 ms)
{
	thread_sleep_ms(ms);
}

int house_boot(void **state)
{
	(void)state;
	unit_boot(2);
	host_guest = guest_main;
	host_look = look;
	log_quiet();
	thread_set_priority(thread_current(), 16);
	early_init(early, sizeof(early));
	archive_add("kernel", raw_kernel, sizeof(raw_kernel));
	archive_use();
	assert_int_equal(console_ports_register(&port_ops), 0);
	assert_int_equal(page_cleaner_start(), 0);
	assert_int_equal(vmm_init(), 0);
	assert_int_equal(console_service_start(), 0);
	assert_int_equal(vm_mover_start(), 0);
	assert_int_equal(trace_init(), 0);
	assert_int_equal(late_init(), 0);
	assert_int_equal(core_dump_init(), 0);
	house_sleep(1000);
	return 0;
}

int house_setup(void **state)
{
	(void)state;
	house_keys = "";
	next.vcpu = NULL;
	for (u32 i = 0; i < HOUSE_PORTS; i++) {
		house_port_forget(i);
		house_ports[i].left = 0;
		house_ports[i].room = ~0U;
		house_ports[i].shut = false;
	}
	blocks_free = free_now();
	return 0;
}

int house_teardown(void **state)
{
	struct vm_error err;
	struct vm *vm;

	while ((vm = vm_next(0)) != NULL)
		assert_int_equal(vm_delete(vm, true, &err), 0);
	house_sleep(1000); /* memory is cleaned */
	assert_int_equal(free_now(), blocks_free);
	return unit_end(state);
}
