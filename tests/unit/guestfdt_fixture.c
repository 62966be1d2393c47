/* SPDX-License-Identifier: Apache-2.0 */
#include "guestfdt_fixture.h"

#include <libfdt.h>
#include <string.h>

struct vm_desc d;
struct load_plan plan;
struct guest_fdt_params p = { .desc = &d, .plan = &plan };
u8 buf[GUEST_FDT_MAX] __aligned(8);

int guestfdt_setup(void **state)
{
	(void)state;
	desc_defaults(&d);
	d.cpus = 2;
	d.ram = ram_map_default(MIB(512));
	strcpy(d.bootargs, "console=ttyAMA0");
	plan = (struct load_plan){ .dtb_max = GUEST_FDT_MAX };
	p.no_rng_seed = false;
	p.rng_seed[0] = 0x1122334455667788;
	p.rng_seed[3] = 1;
	p.kaslr_seed = 0xfedcba9876543210;
	memset(buf, 0xff, sizeof(buf));
	return 0;
}

int at(const char *path)
{
	int node = fdt_path_offset(buf, path);

	if (node < 0)
		print_message("no node %s\n", path);
	assert_true(node >= 0);
	return node;
}

void is_absent(const char *path, const char *prop)
{
	assert_null(fdt_getprop(buf, at(path), prop, NULL));
}

void is_bytes(const char *path, const char *prop, const void *want, size_t len)
{
	int got;
	const void *value = fdt_getprop(buf, at(path), prop, &got);

	assert_non_null(value);
	assert_int_equal(got, len);
	assert_memory_equal(value, want, len);
}

void is_string(const char *path, const char *prop, const char *want)
{
	is_bytes(path, prop, want, strlen(want) + 1);
}

u32 cell(const char *path, const char *prop)
{
	int len;
	const fdt32_t *value = fdt_getprop(buf, at(path), prop, &len);

	assert_non_null(value);
	assert_int_equal(len, 4);
	return fdt32_ld(value);
}

void generate(void)
{
	assert_int_equal(guest_fdt_generate(&p, buf, sizeof(buf)), 0);
	assert_int_equal(fdt_check_full(buf, fdt_totalsize(buf)), 0);
}

void check_vm_parts(void)
{
	is_cells("/memory@40000000", "reg", 0, 0x40000000, 0, 0x20000000);
	is_string("/memory@40000000", "device_type", "memory");
	is_cells("/cpus/cpu@0", "reg", 0);
	is_cells("/cpus/cpu@1", "reg", 1);
	is_string("/cpus/cpu@1", "enable-method", "psci");
	is_string("/cpus/cpu@1", "device_type", "cpu");
	assert_int_equal(cell("/cpus/cpu-map/socket0/cluster0/core1", "cpu"),
			 cell("/cpus/cpu@1", "phandle"));
	assert_true(fdt_path_offset(buf, "/cpus/cpu@2") < 0);
	assert_int_equal(fdt_node_check_compatible(buf, at("/psci"), "arm,psci-0.2"), 0);
	is_string("/psci", "method", "hvc");
	is_cells("/psci", "cpu_on", 0xc4000003);
	is_bytes("/chosen", "rng-seed", p.rng_seed, 32);
	is_cells("/chosen", "kaslr-seed", 0xfedcba98, 0x76543210);
}
