/* SPDX-License-Identifier: Apache-2.0 */
/* The hypervisor's exception level. */
#include <asm/boot.h>

const char *el_refusal(u64 el)
{
	static const char *const why[] = {
		[1] = "entered at EL1, but a hypervisor needs EL2 (QEMU: -machine virtualization=on)",
		[3] = "entered at EL3; it has no secure firmware of its own: start it at EL2 (QEMU: without secure=on)",
	};

	return why[el];
}
