/* SPDX-License-Identifier: Apache-2.0 */
/* What the start needs of UEFI firmware all the time: text on its console, and pages. */
#include <asm/efi.h>

#define ANY_PAGES 0 /* AllocateAnyPages */

void efi_print(const struct efi *e, const char *text)
{
	efi_char out[2] = { 0, 0 };

	for (; *text; text++) {
		if (*text == '\n') {
			out[0] = '\r';
			e->system->out->output(e->system->out, out);
		}
		out[0] = (efi_char)*text;
		e->system->out->output(e->system->out, out);
	}
}

void *efi_pages(const struct efi *e, u64 size)
{
	u64 address = 0;

	if (e->boot->allocate_pages(ANY_PAGES, EFI_LOADER_DATA,
				    ALIGN_UP(size, PAGE_SIZE) / PAGE_SIZE, &address) != EFI_SUCCESS)
		return NULL;
	return (void *)address;
}
