/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules: what is accepted, and the one line that is said about what is not. */
#include <unit.h>

#include <kernel/early.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <libfdt.h>
#include <string.h>
#include <vmm/desc.h>
#include <vmm/load.h>

static u8 blob[4096] __aligned(8);
static struct schedule s;
static struct desc_error err;

static int node_of(const char *path)
{
	int node = fdt_path_offset(blob, path);

	assert_true(node >= 0);
	return node;
}

static void set_u32(const char *path, const char *prop, u32 value)
{
	fdt32_t cell = cpu_to_fdt32(value);

	assert_int_equal(fdt_setprop(blob, node_of(path), prop, &cell, 4), 0);
}

static void set_str(const char *path, const char *prop, const char *value)
{
	assert_int_equal(fdt_setprop(blob, node_of(path), prop, value, (int)strlen(value) + 1), 0);
}

static void cpu(const char *name, u32 reg, u32 frame)
{
	char path[32];

	assert_true(fdt_add_subnode(blob, 0, name) >= 0);
	(void)snprintf(path, sizeof(path), "/%s", name);
	set_u32(path, "reg", reg);
	set_u32(path, "frame-us", frame);
}

static void window(const char *parent, const char *name, const char *vm, u32 offset, u32 length)
{
	char path[64];

	assert_true(fdt_add_subnode(blob, node_of(parent), name) >= 0);
	(void)snprintf(path, sizeof(path), "%s/%s", parent, name);
	set_str(path, "vm", vm);
	set_u32(path, "offset-us", offset);
	set_u32(path, "length-us", length);
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(fdt_create_empty_tree(blob, sizeof(blob)), 0);
	set_str("/", "compatible", "zvm,schedule");
	cpu("cpu@1", 1, 10000);
	window("/cpu@1", "late", "linux", 3000, 7000);
	window("/cpu@1", "early", "rtos", 0, 2000);
	return 0;
}

static int parse(void)
{
	return schedule_parse(blob, fdt_totalsize(blob), "schedule.dts", &s, &err);
}

static void refused(const char *text)
{
	char want[200];

	(void)snprintf(want, sizeof(want), "schedule.dts: %s", text);
	assert_int_equal(parse(), -EINVAL);
	assert_string_equal(err.text, want);
}

static void in_the_order_of_time(void **state)
{
	(void)state;
	assert_true(schedule_is_one(blob, fdt_totalsize(blob)));
	assert_int_equal(parse(), 0);
	assert_int_equal(s.cpus[0].frame_us, 0);
	assert_int_equal(s.cpus[1].frame_us, 10000);
	assert_int_equal(s.cpus[1].count, 2);
	assert_string_equal(s.cpus[1].windows[0].vm, "rtos");
	assert_int_equal(s.cpus[1].windows[0].length_us, 2000);
	assert_string_equal(s.cpus[1].windows[1].vm, "linux");
	assert_int_equal(s.cpus[1].windows[1].offset_us, 3000);
}

static void windows_are_apart_and_inside(void **state)
{
	(void)state;
	set_u32("/cpu@1/late", "length-us", 7001);
	refused("/cpu@1/late: length-us: 3000 + 7001 us pass the end of the frame, 10000 us");
	set_u32("/cpu@1/late", "length-us", 1000);
	window("/cpu@1", "third", "x", 1999, 1000);
	refused("/cpu@1/early: offset-us: 0 to 2000 us overlaps 'third' of 'x', 1999 to 2999 us");
	set_u32("/cpu@1/third", "offset-us", 2000);
	assert_int_equal(parse(), 0);
}

static void what_is_wrong_is_named(void **state)
{
	(void)state;
	set_u32("/cpu@1", "frame-us", 10);
	refused("/cpu@1: frame-us: 10 is out of range: 1000 to 10000000");
	set_u32("/cpu@1", "frame-us", 10000);
	set_u32("/cpu@1", "reg", 64);
	refused("/cpu@1: reg: 64 is out of range: 0 to 63");
	set_u32("/cpu@1", "reg", 1);
	set_u32("/cpu@1/early", "colour", 1);
	refused("/cpu@1/early: colour: unknown property");
	assert_int_equal(fdt_delprop(blob, node_of("/cpu@1/early"), "colour"), 0);
	assert_int_equal(fdt_delprop(blob, node_of("/cpu@1/early"), "vm"), 0);
	refused("/cpu@1/early: vm: is missing");
	set_str("/cpu@1/early", "vm", "a-name-that-is-much-too-long");
	refused("/cpu@1/early: vm: must be one string of 1 to 23 characters");
	set_str("/cpu@1/early", "vm", "rtos");
	cpu("cpu@again", 1, 10000);
	refused("/cpu@again: has no window");
	window("/cpu@again", "one", "x", 0, 100);
	refused("/cpu@1: reg: CPU 1 has a frame already");
	set_u32("/cpu@again", "reg", 2);
	assert_int_equal(parse(), 0);
	set_str("/", "compatible", "zvm,vm");
	refused("/: compatible: is not \"zvm,schedule\"");
	assert_false(schedule_is_one(blob, fdt_totalsize(blob)));
	memset(blob, 0, 16);
	assert_int_equal(parse(), -EINVAL);
}

static void types(const char *const *labels)
{
	static u64 early[KIB(64) / sizeof(u64)];

	vm_type_count = 0;
	early_init(early, sizeof(early));
	for (u32 i = 0; labels[i]; i++)
		strcpy(type_add("")->desc.label, labels[i]);
}

/* Names that no type gives a VM, each once, and the type that may be meant. */
static void test_strays(void **state)
{
	static const char *const labels[] = { "control", "linux", "rt", NULL };
	static const struct {
		const char *vm, *says;
	} cases[] = {
		{ "control", NULL },
		{ "linux-2", NULL },
		{ "contrl", "did you mean 'control'?" },
		{ "Control", "did you mean 'control'?" },
		{ "liunx", "did you mean 'linux'?" },
		{ "rtos", "did you mean 'rt'?" },
		{ "linux-x", "did you mean 'linux'?" },
		{ "control-loop", "it waits for `zvm new --name control-loop`" },
		{ "a", "did you mean 'rt'?" },
		{ "zephyr", "it waits for `zvm new --name zephyr`" },
	};
	const struct schedule_window *w;
	char text[256];

	(void)state;
	types(labels);
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		u32 at = 0;

		memset(&s, 0, sizeof(s));
		s.cpus[1].count = s.cpus[3].count = 2;
		strcpy(s.cpus[1].windows[0].vm, "linux");
		strcpy(s.cpus[1].windows[1].vm, cases[i].vm);
		strcpy(s.cpus[1].windows[1].node, "loop");
		strcpy(s.cpus[3].windows[0].vm, cases[i].vm);
		strcpy(s.cpus[3].windows[1].vm, "rt");
		w = schedule_next_stray(&s, &at);
		if (cases[i].says) {
			assert_ptr_equal(w, &s.cpus[1].windows[1]);
			schedule_stray_text(w, text, sizeof(text));
			assert_non_null(strstr(text, cases[i].says));
			assert_memory_equal(text, "schedule.dtb: loop: vm: no type is called '",
					    42);
		}
		if (cases[i].says)
			w = schedule_next_stray(&s, &at);
		assert_null(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(in_the_order_of_time, setup),
		cmocka_unit_test_setup(windows_are_apart_and_inside, setup),
		cmocka_unit_test_setup(what_is_wrong_is_named, setup),
		cmocka_unit_test_setup(test_strays, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
