/* SPDX-License-Identifier: Apache-2.0 */
/* VM descriptions: what is accepted keeps the promises of vmm/desc.h, what is refused says why. */
#include "fuzz.h"

#include <kernel/page.h>
#include <string.h>
#include <vmm/bundle.h>
#include <vmm/desc.h>

static const char *const nodes[] = {
	"console", "devices", "channels", "passthrough", "net0", "ivc0", "x", NULL,
};
static const char *const props[] = {
	"compatible",     "label",
	"cpus",           "memory",
	"memory-base",    "kernel",
	"initrd",         "devicetree",
	"load-address",   "bootargs",
	"priority",       "affinity",
	"restart",        "autostart",
	"gic-version",    "firmware",
	"kernel-size",    "initrd-size",
	"period-us",      "budget-us",
	"watchdog",       "backend",
	"port",           "peer",
	"size",           "kernel-address",
	"initrd-address", "devicetree-address",
	"wrong",          NULL,
};
static const char *const values[] = {
	"zvm,vm", "linux",  "linux/Image", "never", "always", "on-failure", "port", "none",
	"../up",  "a/../b", "/abs",        "7",     "-n",     "",           NULL,
};

static void check_text(const char *text, size_t size)
{
	fuzz_assert(memchr(text, '\0', size) != NULL);
}

static void check_accepted(const struct vm_desc *d)
{
	static const struct bundle none;
	struct desc_error err = { "" };
	char why[160];

	check_text(d->label, sizeof(d->label));
	fuzz_assert(d->label[0] != '\0');
	fuzz_assert(d->cpus >= 1 && d->cpus <= DESC_CPUS_MAX);
	fuzz_assert(d->ram.count >= 1 && d->ram.count <= RAM_BANKS_MAX);
	fuzz_assert(!ram_map_check(&d->ram, why, sizeof(why)));
	fuzz_assert(d->kernel.path[0] != '\0' || d->kernel.size);
	check_text(d->kernel.path, sizeof(d->kernel.path));
	check_text(d->initrd.path, sizeof(d->initrd.path));
	check_text(d->devicetree.path, sizeof(d->devicetree.path));
	check_text(d->bootargs, sizeof(d->bootargs));
	if (desc_check(d, &none, "fuzz", &err) != 0)
		fuzz_assert(err.text[0] != '\0');
	check_text(err.text, sizeof(err.text));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct desc_error err = { "" };
	struct vm_desc d;
	size_t fdt_size;
	void *fdt;

	if (fuzz_byte(&in) % 8 == 0)
		fdt = fuzz_copy(&in, in.left, &fdt_size);
	else
		fdt = fuzz_fdt(&in, nodes, props, values, &fdt_size);
	if (!fdt)
		return 0;
	if (desc_parse(fdt, fdt_size, "fuzz", &d, &err) == 0) {
		check_accepted(&d);
	} else {
		check_text(err.text, sizeof(err.text));
		fuzz_assert(err.text[0] != '\0');
	}
	free(fdt);
	return 0;
}
