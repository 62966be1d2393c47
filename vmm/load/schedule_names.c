/* SPDX-License-Identifier: Apache-2.0 */
/* Windows of VMs that no type creates under that name: usually a typing error. */
#include <lib/string.h>
#include <lib/text.h>
#include <vmm/desc.h>
#include <vmm/load.h>

/* A name with up to this many wrong letters is taken for another one. */
#define SLIPS_MAX 2

/*
 * How many letters must be inserted, removed or changed to turn one name into the other
 * (Levenshtein).
 */
static u32 distance(const char *a, const char *b)
{
	u32 row[DESC_NAME_MAX];

	for (u32 i = 0; i < DESC_NAME_MAX; i++)
		row[i] = i;
	for (u32 n = 1; *a; a++, n++) {
		u32 corner = n - 1, left = n;

		for (u32 i = 1; b[i - 1]; i++) {
			const u32 changed = corner + (b[i - 1] != *a);

			corner = row[i];
			row[i - 1] = left;
			left = MIN(changed, MIN(left, row[i]) + 1);
		}
		row[strlen(b)] = left;
	}
	return row[strlen(b)];
}

/* True for a type's label, and for the names of its second and later VMs: "LABEL-2" and so on. */
static bool is_of_a_type(const char *vm)
{
	for (u32 i = 0; i < vm_type_count; i++) {
		const char *label = vm_types[i]->desc.label, *rest = vm + strlen(label);
		u64 number;

		if (str_starts(vm, label) &&
		    (!*rest || (*rest == '-' && !parse_u64(rest + 1, &number))))
			return true;
	}
	return false;
}

/* True if no earlier window belongs to the same VM. */
static bool is_first(const struct schedule *s, u32 at, const char *vm)
{
	for (u32 n = 0; n < at; n++) {
		const struct schedule_cpu *c = &s->cpus[n / SCHEDULE_WINDOWS];

		if (n % SCHEDULE_WINDOWS < c->count &&
		    str_eq(c->windows[n % SCHEDULE_WINDOWS].vm, vm))
			return false;
	}
	return true;
}

const struct schedule_window *schedule_next_stray(const struct schedule *s, u32 *at)
{
	while (*at < SCHEDULE_CPUS * SCHEDULE_WINDOWS) {
		const u32 n = (*at)++;
		const struct schedule_cpu *c = &s->cpus[n / SCHEDULE_WINDOWS];
		const struct schedule_window *w = &c->windows[n % SCHEDULE_WINDOWS];

		if (n % SCHEDULE_WINDOWS < c->count && !is_of_a_type(w->vm) &&
		    is_first(s, n, w->vm))
			return w;
	}
	return NULL;
}

void schedule_stray_text(const struct schedule_window *w, char *text, size_t size)
{
	const char *meant = NULL;
	u32 least = SLIPS_MAX + 1;

	for (u32 i = 0; i < vm_type_count; i++) {
		const u32 slips = distance(w->vm, vm_types[i]->desc.label);

		if (slips < least) {
			least = slips;
			meant = vm_types[i]->desc.label;
		}
	}
	if (meant)
		text_print(text, size,
			   SCHEDULE_FILE ": %s: vm: no type is called '%s'; did you mean '%s'?",
			   w->node, w->vm, meant);
	else
		text_print(text, size,
			   SCHEDULE_FILE
			   ": %s: vm: no type is called '%s'; it waits for `zvm new --name %s`",
			   w->node, w->vm, w->vm);
}
