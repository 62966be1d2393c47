/* SPDX-License-Identifier: Apache-2.0 */
/* A VM whose devicetree is made, and what stands in it. */
#ifndef GUESTFDT_FIXTURE_H
#define GUESTFDT_FIXTURE_H

#include <unit.h>

#include <libfdt.h>
#include <vmm/load.h>

extern struct vm_desc d;
extern struct load_plan plan;
extern struct guest_fdt_params p;
extern u8 buf[GUEST_FDT_MAX]; /* the tree that was made last */

/* Two CPUs, 512 MiB, console=ttyAMA0. */
int guestfdt_setup(void **state);
/* The node at a path, which there is. */
int at(const char *path);
/* A property of it: not there, or this value. */
void is_absent(const char *path, const char *prop);
void is_bytes(const char *path, const char *prop, const void *want, size_t len);
void is_string(const char *path, const char *prop, const char *want);
u32 cell(const char *path, const char *prop);

#define is_cells(path, prop, ...)                                 \
	do {                                                      \
		const u32 want_[] = { __VA_ARGS__ };              \
		fdt32_t cells_[ARRAY_SIZE(want_)];                \
		for (size_t i_ = 0; i_ < ARRAY_SIZE(want_); i_++) \
			cells_[i_] = cpu_to_fdt32(want_[i_]);     \
		is_bytes(path, prop, cells_, sizeof(cells_));     \
	} while (0)

/* A tree is made for the VM, and is well-formed. */
void generate(void);
/* What is the VM's own in any tree: memory, CPUs, PSCI, chosen. */
void check_vm_parts(void);

#endif
