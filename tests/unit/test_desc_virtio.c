/* SPDX-License-Identifier: Apache-2.0 */
/* /devices of a description: kinds, properties, slots. */
#include <unit.h>

#include <lib/errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>
#include <vmm/desc.h>

static u64 blob[1024];
static struct vm_desc d;
static struct desc_error err;

static int at(const char *path)
{
	const int node = fdt_path_offset(blob, path);

	assert_true(node >= 0);
	return node;
}

static int empty(void **state)
{
	(void)state;
	assert_int_equal(fdt_create_empty_tree(blob, sizeof(blob)), 0);
	assert_int_equal(fdt_setprop_string(blob, 0, "compatible", "zvm,vm"), 0);
	assert_int_equal(fdt_setprop_string(blob, 0, "label", "x"), 0);
	assert_int_equal(fdt_setprop_string(blob, 0, "kernel", "k"), 0);
	assert_int_equal(fdt_setprop_u64(blob, 0, "memory", MIB(64)), 0);
	assert_true(fdt_add_subnode(blob, 0, "devices") >= 0);
	return 0;
}

/* A device behind those that are there. slot -1: not given. */
static void add(const char *name, const char *compatible, int slot)
{
	char path[80];

	/* libfdt adds a node before its siblings. */
	(void)snprintf(path, sizeof(path), "/devices/%s", name);
	assert_true(fdt_add_subnode(blob, at("/devices"), name) >= 0);
	if (compatible)
		assert_int_equal(fdt_setprop(blob, at(path), "compatible", compatible,
					     (int)strlen(compatible) + 1),
				 0);
	if (slot >= 0)
		assert_int_equal(fdt_setprop_u32(blob, at(path), "slot", (u32)slot), 0);
}

static void accepted(u32 count)
{
	int ret = desc_parse(blob, fdt_totalsize(blob), "f", &d, &err);

	assert_string_equal(err.text, "");
	assert_int_equal(ret, 0);
	assert_int_equal(d.virtio_count, count);
}

static void refused(const char *text)
{
	char want[256];

	assert_int_equal(desc_parse(blob, fdt_totalsize(blob), "f", &d, &err), -EINVAL);
	(void)snprintf(want, sizeof(want), "f: %s", text);
	assert_string_equal(err.text, want);
}

static void is_at(const char *name, u32 slot)
{
	for (u32 i = 0; i < d.virtio_count; i++) {
		if (strcmp(d.virtio[i].name, name))
			continue;
		assert_int_equal(d.virtio[i].slot, slot);
		assert_int_equal(desc_virtio_base(&d.virtio[i]), 0xa000000 + 0x200 * slot);
		return;
	}
	fail();
}

/* QEMU's order: the last slot first, in the order of the description. */
static void test_slots(void **state)
{
	(void)state;
	add("c", "zvm,virtio-rng", -1);
	add("b", "zvm,virtio-rng", 31);
	add("a", "zvm,virtio-rng", -1);
	add("z", "zvm,virtio-rng", 0);
	accepted(4);
	is_at("z", 0);
	is_at("a", 30);
	is_at("b", 31);
	is_at("c", 29);
	add("d", "zvm,virtio-rng", 31);
	refused("/devices: b: slot 31 is taken");
}

static void test_refused(void **state)
{
	accepted(0);
	add("a", NULL, -1);
	refused("/devices/a: compatible: is missing");
	empty(state);
	add("a", "zvm,virtio-gpu", -1);
	refused("/devices/a: compatible: 'zvm,virtio-gpu' is not supported by this build");
	empty(state);
	add("a", "zvm,virtio-rng", 32);
	refused("/devices/a: slot: 32 is out of range: 0 to 31");
	empty(state);
	add("a", "zvm,virtio-rng", -1);
	assert_int_equal(fdt_setprop_u32(blob, at("/devices/a"), "colour", 1), 0);
	refused("/devices/a: colour: unknown property");
	empty(state);
	add("a", "zvm,virtio-rng", -1);
	assert_true(fdt_add_subnode(blob, at("/devices/a"), "b") >= 0);
	refused("/devices/a: has a node in it");
	empty(state);
	assert_int_equal(fdt_setprop_u32(blob, at("/devices"), "x", 1), 0);
	refused("/devices: has a property: devices are its nodes");
	empty(state);
	add("a-name-that-is-too-long-for-it", "zvm,virtio-rng", -1);
	refused("/devices/a-name-that-is-too-long-for-it: the name is longer than 23 bytes");
	empty(state);
	for (char name[2] = "a"; *name <= 'a' + DESC_VIRTIO_MAX; ++*name)
		add(name, "zvm,virtio-rng", -1);
	refused("/devices/a: a VM has at most 8 such devices");
}

static void port_names(const char *names, int len)
{
	assert_int_equal(fdt_setprop(blob, at("/devices/c"), "port-names", names, len), 0);
}

static void test_ports(void **state)
{
	(void)state;
	add("c", "zvm,virtio-console", -1);
	accepted(1);
	assert_int_equal(d.virtio[0].port_count, 0);
	port_names("org.qemu.agent.0\0log", 21);
	accepted(1);
	assert_int_equal(d.virtio[0].port_count, 2);
	assert_string_equal(d.virtio[0].ports[0], "org.qemu.agent.0");
	assert_string_equal(d.virtio[0].ports[1], "log");
	port_names("a\0b\0c\0d", 8);
	refused("/devices/c: port-names: a console has at most 3 ports beside the terminal");
	port_names("a\0b\0a", 6);
	refused("/devices/c: port-names: 'a' is given twice");
	port_names("", 0);
	refused("/devices/c: port-names: is empty");
	for (u32 i = 0; i < 5; i++) {
		static const char *const wrong[] = { "", "..", "a/b", "a b",
						     "longer-than-twenty-three" };

		port_names(wrong[i], (int)strlen(wrong[i]) + 1);
		refused("/devices/c: port-names: must be names of 1 to 23 letters, digits, '.', '_', "
			"'-'");
	}
	port_names("abc", 3); /* without an end */
	refused("/devices/c: port-names: must be names of 1 to 23 letters, digits, '.', '_', '-'");
}

static void test_net(void **state)
{
	const u8 mac[] = { 2, 0, 0, 0, 1, 0xff };

	add("n", "zvm,virtio-net", -1);
	refused("/devices/n: network: is missing");
	empty(state);
	add("n", "zvm,virtio-net", -1);
	assert_int_equal(fdt_setprop_string(blob, at("/devices/n"), "network", "a b"), 0);
	refused("/devices/n: network: 'a b': only letters, digits, '-', '_' and '.'");
	assert_int_equal(fdt_setprop_string(blob, at("/devices/n"), "network", "lan0"), 0);
	accepted(1);
	assert_string_equal(d.virtio[0].network, "lan0");
	assert_int_equal(d.virtio[0].mac, 0);
	assert_false(d.virtio[0].mac_filter);
	assert_int_equal(fdt_setprop(blob, at("/devices/n"), "mac", mac, 6), 0);
	assert_int_equal(fdt_setprop(blob, at("/devices/n"), "mac-filter", NULL, 0), 0);
	accepted(1);
	assert_int_equal(d.virtio[0].mac, 0x0200000001ff);
	assert_true(d.virtio[0].mac_filter);
	assert_int_equal(fdt_setprop(blob, at("/devices/n"), "mac", mac, 5), 0);
	refused("/devices/n: mac: must be 6 bytes, [02 00 00 00 00 01], but has 5");
	assert_int_equal(fdt_setprop(blob, at("/devices/n"), "mac", "\1\0\0\0\0\0", 6), 0);
	refused("/devices/n: mac: is the address of a group");
	assert_int_equal(fdt_setprop(blob, at("/devices/n"), "mac", "\0\0\0\0\0\0", 6), 0);
	refused("/devices/n: mac: is zero");
	assert_int_equal(fdt_delprop(blob, at("/devices/n"), "mac"), 0);
	assert_int_equal(fdt_setprop(blob, at("/devices/n"), "rate-in-frames",
				     "\0\0\0\2\0\0\0\3\0\0\3\xe8", 12),
			 0);
	accepted(1);
	assert_int_equal(d.virtio[0].in_frames.size, 2);
	assert_int_equal(d.virtio[0].in_frames.burst, 3);
	assert_int_equal(d.virtio[0].in_frames.ms, 1000);
	assert_int_equal(fdt_setprop(blob, at("/devices/n"), "rate-in-frames",
				     "\0\0\0\2\0\0\0\3\0\0\0\0", 12),
			 0);
	refused("/devices/n: rate-in-frames: milliseconds: 1 to 60000");
}

static void test_vsock(void **state)
{
	(void)state;
	add("v", "zvm,virtio-vsock", -1);
	accepted(1);
	assert_int_equal(d.virtio[0].kind, VIRTIO_VSOCK);
	assert_int_equal(d.virtio[0].cid, 0);
	assert_int_equal(fdt_setprop_u32(blob, at("/devices/v"), "cid", 2), 0);
	refused("/devices/v: cid: 2 is out of range: 3 to 4294967294");
	assert_int_equal(fdt_setprop_u32(blob, at("/devices/v"), "cid", 0xffffffff), 0);
	refused("/devices/v: cid: 4294967295 is out of range: 3 to 4294967294");
	assert_int_equal(fdt_setprop_u32(blob, at("/devices/v"), "cid", 3), 0);
	accepted(1);
	assert_int_equal(d.virtio[0].cid, 3);
	assert_int_equal(d.virtio[0].host_port_count, 0);
	assert_int_equal(
		fdt_setprop(blob, at("/devices/v"), "host-ports", "\0\0\0\26\0\0\4\322", 8), 0);
	accepted(1);
	assert_int_equal(d.virtio[0].host_port_count, 2);
	assert_int_equal(d.virtio[0].host_ports[0], 22);
	assert_int_equal(d.virtio[0].host_ports[1], 1234);
	assert_int_equal(fdt_setprop(blob, at("/devices/v"), "host-ports", "\0\0\0\1\0\0\0\1", 8),
			 0);
	refused("/devices/v: host-ports: 1 is given twice");
	assert_int_equal(fdt_setprop(blob, at("/devices/v"), "host-ports", "\0\0\0\1\0", 5), 0);
	refused("/devices/v: host-ports: must be 1 to 3 ports, a cell each");
	assert_int_equal(fdt_setprop_u32(blob, at("/devices/v"), "host-ports", 0x80000000), 0);
	refused("/devices/v: host-ports: 2147483648 is out of range: 0 to 2147483647");
}

static void test_balloon(void **state)
{
	(void)state;
	add("b", "zvm,virtio-balloon", -1);
	accepted(1);
	assert_int_equal(d.virtio[0].kind, VIRTIO_BALLOON);
	add("c", "zvm,virtio-balloon", -1);
	refused("/devices: virtio-balloon: is given twice");
	assert_int_equal(fdt_del_node(blob, at("/devices/c")), 0);
	assert_int_equal(fdt_setprop_string(blob, 0, "memory-policy", "eager"), 0);
	refused("/devices: virtio-balloon: is not for a VM with memory-policy \"eager\"");
	assert_int_equal(fdt_delprop(blob, 0, "memory-policy"), 0);
	assert_int_equal(fdt_setprop_u32(blob, 0, "priority", 15), 0);
	refused("/devices: virtio-balloon: is not for real-time VMs: all of their memory is there "
		"before they start");
}

static void test_rpmsg(void **state)
{
	(void)state;
	add("r", "zvm,virtio-rpmsg", -1);
	refused("/devices/r: link: is missing");
	assert_int_equal(fdt_setprop_string(blob, at("/devices/r"), "link", "control"), 0);
	accepted(1);
	assert_int_equal(d.virtio[0].kind, VIRTIO_RPMSG);
	assert_string_equal(d.virtio[0].link, "control");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_slots, empty),
		cmocka_unit_test_setup(test_refused, empty),
		cmocka_unit_test_setup(test_ports, empty),
		cmocka_unit_test_setup(test_net, empty),
		cmocka_unit_test_setup(test_vsock, empty),
		cmocka_unit_test_setup(test_balloon, empty),
		cmocka_unit_test_setup(test_rpmsg, empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
