/* SPDX-License-Identifier: Apache-2.0 */
#include <kernel/page.h>
#include <lib/checked.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/text.h>
#include <vmm/desc.h>

/* Places of the guest machine where RAM may not be, even if the VM has nothing there. */
static const struct place {
	struct ram_bank at;
	const char *name;
} places[] = {
	{ { 0, 0x8000000 }, "flash" },
	{ { 0x8000000, 0x1000000 }, "the interrupt controller" },
	{ { 0x9000000, 0x7000000 }, "devices" },
	{ { 0x10000000, 0x30000000 }, "PCI" },
	{ { GUEST_PCI_ECAM, 0x10000000 }, "PCI configuration space" },
	{ { 0x8000000000, 0x8000000000 }, "PCI" },
};

struct ram_map ram_map_default(u64 size)
{
	return (struct ram_map){ .count = 1, .banks = { { GUEST_RAM_BASE, size } } };
}

u64 ram_map_size(const struct ram_map *m)
{
	u64 sum = 0;

	for (u32 i = 0; i < m->count; i++)
		sum += m->banks[i].size;
	return sum;
}

const struct ram_bank *ram_map_bank(const struct ram_map *m, u64 ipa)
{
	for (u32 i = 0; i < m->count; i++)
		if (ipa >= m->banks[i].base && ipa - m->banks[i].base < m->banks[i].size)
			return &m->banks[i];
	return NULL;
}

bool ram_map_holds(const struct ram_map *m, u64 ipa, u64 len)
{
	const struct ram_bank *bank;
	u64 left;

	do {
		bank = ram_map_bank(m, ipa);
		if (!bank)
			return false;
		left = bank->size - (ipa - bank->base);
		if (len <= left)
			return true;
		ipa += left; /* the end of a bank does not wrap */
		len -= left;
	} while (true);
}

static int check_place(const struct ram_bank *b, char *why, size_t size)
{
	for (u32 i = 0; i < ARRAY_SIZE(places); i++) {
		const struct ram_bank *at = &places[i].at;

		if (!ranges_overlap(b->base, b->size, at->base, at->size))
			continue;
		text_print(
			why, size,
			"0x%lx to 0x%lx overlaps %s, 0x%lx to 0x%lx; RAM may be from 0x%llx to 0x%llx",
			b->base, b->base + b->size, places[i].name, at->base, at->base + at->size,
			GUEST_RAM_BASE, GUEST_PCI_ECAM);
		return -EINVAL;
	}
	return 0;
}

static int check_bank(const struct ram_map *m, u32 n, char *why, size_t size)
{
	const struct ram_bank *b = &m->banks[n];
	u64 end;

	if (!b->size || !IS_ALIGNED(b->size | b->base, BLOCK_SIZE)) {
		text_print(why, size, "0x%lx bytes at 0x%lx are not a multiple of 2 MiB", b->size,
			   b->base);
		return -EINVAL;
	}
	if (n && b->base < m->banks[n - 1].base + m->banks[n - 1].size) {
		text_print(why, size, "0x%lx lies before the end of the bank before it, 0x%lx",
			   b->base, m->banks[n - 1].base + m->banks[n - 1].size);
		return -EINVAL;
	}
	if (!checked_add(b->base, b->size, &end)) {
		text_print(why, size, "0x%lx bytes at 0x%lx pass the end of memory", b->size,
			   b->base);
		return -EINVAL;
	}
	return check_place(b, why, size);
}

int ram_map_check(const struct ram_map *m, char *why, size_t size)
{
	int ret = 0;

	for (u32 i = 0; i < m->count && !ret; i++)
		ret = check_bank(m, i, why, size);
	if (!ret && (!m->count || ram_map_size(m) > GUEST_RAM_MAX)) {
		text_print(why, size, "%lu MiB in all: expected 2 MiB to %lu GiB",
			   ram_map_size(m) >> 20, GUEST_RAM_MAX >> 30);
		ret = -EINVAL;
	}
	return ret;
}

const char *ram_map_text(const struct ram_map *m, char *buf, size_t size)
{
	int n = 0;

	buf[0] = '\0';
	for (u32 i = 0; i < MIN(m->count, 2); i++)
		n += snprintf(buf + n, size - (size_t)n, "%s%lu MiB at 0x%lx", i ? " and " : "",
			      m->banks[i].size >> 20, m->banks[i].base);
	if (m->count > 2)
		(void)snprintf(buf + n, size - (size_t)n, ", ...");
	return buf;
}
