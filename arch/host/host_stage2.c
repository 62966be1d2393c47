/* SPDX-License-Identifier: Apache-2.0 */
/* Stage 2 as a list of mappings that do not overlap. */
#include <arch/guest.h>
#include <asm/host.h>
#include <lib/bitmap.h>
#include <lib/checked.h>
#include <lib/errno.h>
#include <stdlib.h>

struct mapping {
	struct list node;
	u64 ipa, pa, size;
	enum stage2_attr attr;
};

static struct mapping *find(const struct stage2 *s2, u64 ipa, u64 size)
{
	struct mapping *m;

	list_for_each_entry(m, s2->root, node)
		if (ranges_overlap(m->ipa, m->size, ipa, size))
			return m;
	return NULL;
}

static void add(struct stage2 *s2, u64 ipa, u64 pa, u64 size, enum stage2_attr attr)
{
	struct mapping *m = malloc(sizeof(*m));

	if (!m)
		host_die("no memory for the fake machine");
	*m = (struct mapping){ .ipa = ipa, .pa = pa, .size = size, .attr = attr };
	list_add_tail(s2->root, &m->node);
	ADD_ONCE(s2->count, 1);
}

static void del(struct stage2 *s2, struct mapping *m)
{
	list_del(&m->node);
	free(m);
	ADD_ONCE(s2->count, -1U);
}

int stage2_init(struct stage2 *s2)
{
	*s2 = (struct stage2){ .root = malloc(sizeof(*s2->root)) };
	if (!s2->root)
		host_die("no memory for the fake machine");
	list_init(s2->root);
	return 0;
}

/* False: the nth table that a test allows was the last. */
static bool table_alloc(void)
{
	if (host_alloc_limit == 0)
		return false;
	if (host_alloc_limit != UINT32_MAX)
		host_alloc_limit--;
	return true;
}

int stage2_prepare(struct stage2 *s2, ipa_t ipa, u64 size)
{
	for (u64 gib = ipa.ipa / GIB(1); gib <= (ipa.ipa + size - 1) / GIB(1); gib++) {
		if (bitmap_test(s2->prepared, gib))
			continue;
		if (!table_alloc())
			return -ENOMEM;
		bitmap_set(s2->prepared, gib);
	}
	return 0;
}

int stage2_map(struct stage2 *s2, ipa_t ipa, paddr_t pa, u64 size, enum stage2_attr attr)
{
	if (!IS_ALIGNED(ipa.ipa | pa.pa | size, KIB(4)))
		host_die("stage2_map: no whole pages");
	if (find(s2, ipa.ipa, size))
		return -EEXIST;
	if (!(IS_ALIGNED(ipa.ipa | pa.pa | size, MIB(2)) &&
	      bitmap_test(s2->prepared, ipa.ipa / GIB(1))) &&
	    !table_alloc())
		return -ENOMEM;
	add(s2, ipa.ipa, pa.pa, size, attr);
	return 0;
}

void stage2_unmap(struct stage2 *s2, ipa_t ipa, u64 size)
{
	u64 end = ipa.ipa + size;
	struct mapping *m;

	while ((m = find(s2, ipa.ipa, size)) != NULL) {
		struct mapping old = *m;

		del(s2, m);
		if (old.ipa < ipa.ipa)
			add(s2, old.ipa, old.pa, ipa.ipa - old.ipa, old.attr);
		if (old.ipa + old.size > end)
			add(s2, end, old.pa + (end - old.ipa), old.ipa + old.size - end, old.attr);
	}
}

/* An entry of a window: the page, 1 for valid, and its attributes in bits 3:1. */
void stage2_window_set(u64 *window, u32 n, paddr_t pa, enum stage2_attr attr)
{
	window[n] = pa.pa | (u64)attr << 1 | 1;
}

void stage2_window_show(struct stage2 *s2, ipa_t ipa, const u64 *window, u32 count)
{
	if (!window) {
		stage2_unmap(s2, ipa, count * MIB(2));
		s2->tlb_flushes++;
		return;
	}
	if (find(s2, ipa.ipa, count * MIB(2)))
		host_die("stage2_window_show: something is mapped there");
	if (!bitmap_test(s2->prepared, ipa.ipa / GIB(1)))
		host_die("stage2_window_show: there is no table");
	for (u32 n = 0; n < count * (MIB(2) / KIB(4)); n++)
		if (window[n])
			add(s2, ipa.ipa + n * KIB(4), window[n] & ~0xfffULL, KIB(4),
			    (enum stage2_attr)(window[n] >> 1 & 7));
}

void stage2_destroy(struct stage2 *s2)
{
	while (!list_empty(s2->root))
		del(s2, list_entry(list_first(s2->root), struct mapping, node));
	free(s2->root);
	s2->root = NULL;
}

u64 stage2_table_bytes(const struct stage2 *s2)
{
	return KIB(4) * (1 + (u64)READ_ONCE(s2->count));
}

void stage2_flush(struct stage2 *s2)
{
	s2->tlb_flushes++;
}

void stage2_flush_running(struct stage2 *s2)
{
	s2->tlb_flushes++;
}

u32 stage2_ipa_bits(void)
{
	return 40;
}

void stage2_look(const struct stage2 *s2, ipa_t ipa, struct stage2_look *l)
{
	struct mapping *m = find(s2, ipa.ipa, 1);

	*l = (struct stage2_look){ .mapped = m != NULL, .attr = -1, .size = BIT(40) - ipa.ipa };
	if (m) {
		l->pa = m->pa + (ipa.ipa - m->ipa);
		l->size = m->size - (ipa.ipa - m->ipa);
		l->attr = (int)m->attr;
		return;
	}
	list_for_each_entry(m, s2->root, node)
		if (m->ipa > ipa.ipa)
			l->size = MIN(l->size, m->ipa - ipa.ipa);
}

bool host_stage2_lookup(const struct stage2 *s2, u64 ipa, u64 *pa, int *attr)
{
	struct mapping *m = find(s2, ipa, 1);

	if (!m)
		return false;
	*pa = m->pa + (ipa - m->ipa);
	if (attr)
		*attr = (int)m->attr;
	return true;
}
