/* SPDX-License-Identifier: Apache-2.0 */
/* Every type that another one may control has to exist: a misspelt name would never be noticed. */
#include <lib/printf.h>
#include <lib/string.h>
#include <vmm/load.h>

static void refuse(struct vm_type *t, const char *label)
{
	char known[200] = "";
	size_t n = 0;

	for (u32 i = 0; i < vm_type_count && n < sizeof(known); i++)
		if (vm_types[i] != t)
			n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s", n ? ", " : "",
					      vm_types[i]->desc.label);
	t->valid = false;
	(void)desc_refuse(&t->error, t->file, "/", "control",
			  "'%s' is no type of this bundle; there %s: %s", label,
			  strchr(known, ',') ? "are" : "is", n ? known : "none");
}

void types_match_control(void)
{
	for (u32 i = 0; i < vm_type_count; i++) {
		struct vm_type *t = vm_types[i];

		for (u32 k = 0; k < t->desc.control_count && t->valid; k++)
			if (!type_find(t->desc.control[k]))
				refuse(t, t->desc.control[k]);
	}
}
