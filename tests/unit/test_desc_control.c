/* SPDX-License-Identifier: Apache-2.0 */
/* `control` of a description: the types, and the port that it gives the VM. */
#include <unit.h>

#include <lib/errno.h>
#include <lib/string.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>
#include <vmm/desc.h>

static u64 blob[1024];
static struct vm_desc d;
static struct desc_error err;

static int empty(void **state)
{
	(void)state;
	assert_int_equal(fdt_create_empty_tree(blob, sizeof(blob)), 0);
	assert_int_equal(fdt_setprop_string(blob, 0, "compatible", "zvm,vm"), 0);
	assert_int_equal(fdt_setprop_string(blob, 0, "label", "boss"), 0);
	assert_int_equal(fdt_setprop_string(blob, 0, "kernel", "k"), 0);
	assert_int_equal(fdt_setprop_u64(blob, 0, "memory", MIB(64)), 0);
	return 0;
}

static void control(const char *list, size_t size)
{
	assert_int_equal(fdt_setprop(blob, 0, "control", list, (int)size), 0);
}

#define CONTROL(list) control(list, sizeof(list))

/* A virtio console with these port-names, a list; or without. */
static void console(const char *name, const char *list, size_t size)
{
	int node = fdt_path_offset(blob, "/devices");

	if (node < 0)
		node = fdt_add_subnode(blob, 0, "devices");
	node = fdt_add_subnode(blob, node, name);
	assert_true(node >= 0);
	assert_int_equal(fdt_setprop_string(blob, node, "compatible", "zvm,virtio-console"), 0);
	if (size)
		assert_int_equal(fdt_setprop(blob, node, "port-names", list, (int)size), 0);
}

static void accepted(void)
{
	int ret = desc_parse(blob, fdt_totalsize(blob), "f", &d, &err);

	assert_string_equal(err.text, "");
	assert_int_equal(ret, 0);
}

static void refused(const char *why)
{
	char want[256];

	assert_int_equal(desc_parse(blob, fdt_totalsize(blob), "f", &d, &err), -EINVAL);
	(void)snprintf(want, sizeof(want), "f: /: control: %s", why);
	assert_string_equal(err.text, want);
}

static void test_types(void **state)
{
	(void)state;
	accepted();
	assert_int_equal(d.control_count, 0);
	assert_int_equal(d.virtio_count, 0);
	CONTROL("rtos\0zephyr");
	accepted();
	assert_true(desc_controls(&d, "rtos") && desc_controls(&d, "zephyr"));
	assert_false(desc_controls(&d, "boss") || desc_controls(&d, "rto"));
}

static void test_wrong_types(void **state)
{
	char list[17 * 2 + 1];

	(void)state;
	control("", 0);
	refused("is not a list of strings");
	control("rtos", 4);
	refused("is not a list of strings");
	CONTROL("");
	refused("'' is empty");
	CONTROL("7");
	refused("'7' could be taken for a number or an option");
	CONTROL("a b");
	refused("'a b': only letters, digits, '-', '_' and '.'");
	CONTROL("boss");
	refused("'boss' is this type itself");
	CONTROL("a\0b\0a");
	refused("'a' is there twice");
	CONTROL("abcdefghijklmnopqrstuvwx");
	refused("'abcdefghijklmnopqrstuvwx' is longer than 23 bytes");
	for (u32 i = 0; i < 17; i++) {
		list[2 * i] = (char)('a' + i);
		list[2 * i + 1] = '\0';
	}
	control(list, 34);
	refused("has more than 16 names");
	control(list, 32);
	accepted();
	assert_int_equal(d.control_count, 16);
}

/* Without a console of its own the VM gets one, whose terminal takes no port of the machine. */
static void test_port(void **state)
{
	(void)state;
	CONTROL("rtos");
	accepted();
	assert_int_equal(d.virtio_count, 1);
	assert_int_equal(d.virtio[0].kind, VIRTIO_CONSOLE);
	assert_int_equal(d.virtio[0].slot, 31);
	assert_true(d.virtio[0].no_terminal);
	assert_int_equal(d.virtio[0].port_count, 1);
	assert_string_equal(d.virtio[0].ports[0], "org.zvm.control");
	/* Behind the ports of the first one that has room. */
	console("con1", "a\0b\0c", 6);
	accepted();
	assert_int_equal(d.virtio_count, 2);
	assert_int_equal(d.virtio[1].slot, 30);
	assert_string_equal(d.virtio[1].name, "control");
	console("con0", "a", 2);
	accepted();
	assert_int_equal(d.virtio_count, 2);
	for (u32 i = 0; i < 2; i++) {
		assert_false(d.virtio[i].no_terminal);
		assert_int_equal(d.virtio[i].port_count, str_eq(d.virtio[i].name, "con0") ? 2 : 3);
	}
}

static void test_no_port(void **state)
{
	char name[8];

	(void)state;
	CONTROL("rtos");
	console("con0", "org.zvm.control", 16);
	refused("gives the VM the port org.zvm.control: do not name it in port-names");
	(void)empty(state);
	CONTROL("rtos");
	for (u32 i = 0; i < DESC_VIRTIO_MAX; i++) {
		(void)snprintf(name, sizeof(name), "con%u", i);
		console(name, "a\0b\0c", 6);
	}
	refused("needs a virtio console, and there are 8 devices already");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_types, empty),
		cmocka_unit_test_setup(test_wrong_types, empty),
		cmocka_unit_test_setup(test_port, empty),
		cmocka_unit_test_setup(test_no_port, empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
