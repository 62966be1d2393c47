/* SPDX-License-Identifier: Apache-2.0 */
/* /channels of a description, and what the types of one bundle say of each other's. */
#include <unit.h>

#include <lib/errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>
#include <vmm/load.h>

static u64 blob[2048];
static struct vm_desc d;
static struct desc_error err;

static int at(const char *path)
{
	const int node = fdt_path_offset(blob, path);

	assert_true(node >= 0);
	return node;
}

static void set(const char *path, const char *prop, const void *value, int len)
{
	assert_int_equal(fdt_setprop(blob, at(path), prop, value, len), 0);
}

#define PEERS(path, list) set(path, "peers", list, sizeof(list))

static void size(const char *path, u64 bytes)
{
	assert_int_equal(fdt_setprop_u64(blob, at(path), "size", bytes), 0);
}

static void output(const char *path, u32 bytes)
{
	assert_int_equal(fdt_setprop_u32(blob, at(path), "output", bytes), 0);
}

static void add(const char *name)
{
	char path[80];

	(void)snprintf(path, sizeof(path), "/channels/%s", name);
	assert_true(fdt_add_subnode(blob, at("/channels"), name) >= 0);
	PEERS(path, "x\0y");
	size(path, KIB(64));
}

static int empty(void **state)
{
	(void)state;
	assert_int_equal(fdt_create_empty_tree(blob, sizeof(blob)), 0);
	assert_int_equal(fdt_setprop_string(blob, 0, "compatible", "zvm,vm"), 0);
	assert_int_equal(fdt_setprop_string(blob, 0, "label", "x"), 0);
	assert_int_equal(fdt_setprop_string(blob, 0, "kernel", "k"), 0);
	assert_int_equal(fdt_setprop_u64(blob, 0, "memory", MIB(64)), 0);
	assert_true(fdt_add_subnode(blob, 0, "channels") >= 0);
	return 0;
}

static void accepted(u32 count)
{
	int ret = desc_parse(blob, fdt_totalsize(blob), "f", &d, &err);

	assert_string_equal(err.text, "");
	assert_int_equal(ret, 0);
	assert_int_equal(d.channel_count, count);
}

static void refused(const char *text)
{
	char want[256];

	assert_int_equal(desc_parse(blob, fdt_totalsize(blob), "f", &d, &err), -EINVAL);
	(void)snprintf(want, sizeof(want), "f: /channels/%s", text);
	assert_string_equal(err.text, want);
}

static void test_defaults(void **state)
{
	(void)state;
	accepted(0);
	add("loop");
	accepted(1);
	assert_string_equal(d.channels[0].name, "loop");
	assert_int_equal(d.channels[0].peer_count, 2);
	assert_string_equal(d.channels[0].peers[0], "x");
	assert_string_equal(d.channels[0].peers[1], "y");
	assert_int_equal(d.channels[0].size, KIB(64));
	assert_int_equal(d.channels[0].output, 0);
	assert_int_equal(d.channels[0].protocol, 0);
	assert_false(d.channels[0].cached);
	assert_int_equal(desc_channel_bytes(&d.channels[0]), KIB(68));
}

static void test_properties(void **state)
{
	(void)state;
	add("loop");
	output("/channels/loop", KIB(8));
	assert_int_equal(fdt_setprop_u32(blob, at("/channels/loop"), "protocol", 0xffff), 0);
	set("/channels/loop", "cache", "wb", 3);
	accepted(1);
	assert_true(d.channels[0].cached);
	assert_int_equal(d.channels[0].protocol, 0xffff);
	assert_int_equal(desc_channel_bytes(&d.channels[0]), KIB(4 + 64 + 2 * 8));
	set("/channels/loop", "cache", "nc", 3);
	accepted(1);
	assert_false(d.channels[0].cached);
	set("/channels/loop", "cache", "wt", 3);
	refused("loop: cache: 'wt': expected nc or wb");
	set("/channels/loop", "cache", "nc", 3);
	assert_int_equal(fdt_setprop_u32(blob, at("/channels/loop"), "protocol", 0x10000), 0);
	refused("loop: protocol: 65536 is out of range: 0 to 65535");
}

static void test_sizes(void **state)
{
	(void)state;
	add("loop");
	size("/channels/loop", KIB(6));
	refused("loop: size: 0x1800 is not a multiple of 4 KiB");
	size("/channels/loop", 0);
	refused("loop: has neither size nor output: there is nothing to share");
	output("/channels/loop", KIB(4));
	accepted(1);
	output("/channels/loop", 100);
	refused("loop: output: 0x64 is not a multiple of 4 KiB");
	output("/channels/loop", (u32)MIB(32));
	refused("loop: has 65540 KiB with all its sections, at most 65536 are possible");
	output("/channels/loop", 0);
	size("/channels/loop", MIB(64) - KIB(4));
	accepted(1);
}

static void test_peers(void **state)
{
	(void)state;
	add("loop");
	PEERS("/channels/loop", "x");
	refused("loop: peers: must name two VMs or more");
	PEERS("/channels/loop", "x\0y\0x");
	refused("loop: peers: 'x' is there twice");
	PEERS("/channels/loop", "x\0a b");
	refused("loop: peers: 'a b': only letters, digits, '-', '_' and '.'");
	PEERS("/channels/loop", "x\0007");
	refused("loop: peers: '7' could be taken for a number or an option");
	PEERS("/channels/loop", "x\0");
	refused("loop: peers: '' is empty");
	set("/channels/loop", "peers", "x\0y", 3);
	refused("loop: peers: is not a list of strings");
	PEERS("/channels/loop", "x\0abcdefghijklmnopqrstuvwx");
	refused("loop: peers: 'abcdefghijklmnopqrstuvwx' is longer than 23 bytes");
	PEERS("/channels/loop", "a\0b\0c\0d\0e\0f\0g\0h\0i\0j\0k\0l\0m\0n\0o\0p");
	accepted(1);
	PEERS("/channels/loop", "a\0b\0c\0d\0e\0f\0g\0h\0i\0j\0k\0l\0m\0n\0o\0p\0q");
	refused("loop: peers: has more than 16 names");
	assert_int_equal(fdt_delprop(blob, at("/channels/loop"), "peers"), 0);
	refused("loop: peers: is missing");
}

static void test_nodes(void **state)
{
	static const char *const more[] = { "a", "b", "c", "d", "e", "f", "g", "h" };

	(void)state;
	assert_int_equal(fdt_setprop_u32(blob, at("/channels"), "x", 1), 0);
	assert_int_equal(desc_parse(blob, fdt_totalsize(blob), "f", &d, &err), -EINVAL);
	assert_string_equal(err.text, "f: /channels: has a property: channels are its nodes");
	assert_int_equal(fdt_delprop(blob, at("/channels"), "x"), 0);
	add("abcdefghijklmnopqrstuvwx");
	refused("abcdefghijklmnopqrstuvwx: the name is longer than 23 bytes");
	assert_int_equal(fdt_del_node(blob, at("/channels/abcdefghijklmnopqrstuvwx")), 0);
	for (u32 i = 0; i < ARRAY_SIZE(more); i++)
		add(more[i]);
	accepted(8);
	assert_true(fdt_add_subnode(blob, at("/channels/a"), "in") >= 0);
	refused("a: has a node in it");
	assert_int_equal(fdt_del_node(blob, at("/channels/a/in")), 0);
	assert_int_equal(fdt_setprop_u32(blob, at("/channels/a"), "colour", 1), 0);
	refused("a: colour: unknown property");
	assert_int_equal(fdt_delprop(blob, at("/channels/a"), "colour"), 0);
	/* libfdt adds a node before its siblings: the last one is that which was first. */
	add("i");
	refused("a: a VM has at most 8 channels");
}

/* ---- the types of a bundle ---- */

static struct vm_type types[3];
static struct desc_channel channels[3];

static int three(void **state)
{
	(void)state;
	memset(types, 0, sizeof(types));
	for (u32 i = 0; i < ARRAY_SIZE(types); i++) {
		struct desc_channel *c = &channels[i];

		types[i].desc.channels = c;
		vm_types[i] = &types[i];
		types[i].valid = true;
		types[i].desc.label[0] = (char)('x' + i);
		(void)snprintf(types[i].file, sizeof(types[i].file), "vms/%c.dtb", (int)('x' + i));
		*c = (struct desc_channel){
			.name = "loop", .peer_count = 2, .size = KIB(4), .peers = { "x", "y" }
		};
	}
	types[0].desc.channel_count = types[1].desc.channel_count = 1;
	vm_type_count = ARRAY_SIZE(types);
	return 0;
}

static void test_whole(void **state)
{
	(void)state;
	types_match_channels();
	assert_true(types[0].valid && types[1].valid && types[2].valid);
}

static void test_half(void **state)
{
	(void)state;
	types[1].desc.channel_count = 0;
	types_match_channels();
	assert_false(types[0].valid);
	assert_string_equal(
		types[0].error.text,
		"vms/x.dtb: /channels/loop: peers: 'y' has no such channel (vms/y.dtb)");
	assert_true(types[1].valid && types[2].valid);
}

/* A name that no type gives by itself may be given by --name. */
static void test_absent_type(void **state)
{
	(void)state;
	types[1].desc.channel_count = 0;
	types[1].desc.label[0] = 'q';
	types_match_channels();
	assert_true(types[0].valid && types[1].valid);
	/* A type that cannot be read says nothing. */
	types[1].desc.label[0] = 'y';
	types[1].valid = false;
	types_match_channels();
	assert_true(types[0].valid);
}

static void differs(const char *prop)
{
	char want[128];

	types_match_channels();
	assert_false(types[0].valid || types[1].valid);
	(void)snprintf(want, sizeof(want), "vms/x.dtb: /channels/loop: %s: differs from vms/y.dtb",
		       prop);
	assert_string_equal(types[0].error.text, want);
	(void)snprintf(want, sizeof(want), "vms/y.dtb: /channels/loop: %s: differs from vms/x.dtb",
		       prop);
	assert_string_equal(types[1].error.text, want);
	three(NULL);
}

static void test_differences(void **state)
{
	(void)state;
	channels[1].size = KIB(8);
	differs("size");
	channels[1].output = KIB(8);
	differs("output");
	channels[1].protocol = 1;
	differs("protocol");
	channels[1].cached = true;
	differs("cache");
	channels[1].peer_count = 1;
	differs("peers");
	channels[1].peers[1][0] = 'z';
	differs("peers");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_defaults, empty),
		cmocka_unit_test_setup(test_properties, empty),
		cmocka_unit_test_setup(test_sizes, empty),
		cmocka_unit_test_setup(test_peers, empty),
		cmocka_unit_test_setup(test_nodes, empty),
		cmocka_unit_test_setup(test_whole, three),
		cmocka_unit_test_setup(test_half, three),
		cmocka_unit_test_setup(test_absent_type, three),
		cmocka_unit_test_setup(test_differences, three),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
