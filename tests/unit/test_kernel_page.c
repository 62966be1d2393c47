/* SPDX-License-Identifier: Apache-2.0 */
/* Page allocator and small objects. */
#include <unit.h>

#include <arch/mmu.h>
#include <kernel/page.h>
#include <kernel/percpu.h>
#include <lib/errno.h>
#include <stdlib.h>
#include <string.h>

#define BASE HOST_RAM_BASE

static struct phys_range range(u64 base, u64 size)
{
	return (struct phys_range){ PADDR(base), size };
}

static struct page_stats stats(void)
{
	struct page_stats s;

	page_stats(&s);
	return s;
}

/* Out of a reservation for it alone. */
static bool alloc(u32 count, u32 align, paddr_t *pa)
{
	bool got = block_reserve(count) && block_alloc(count, align, pa);

	if (!got && stats().blocks_reserved)
		block_unreserve(count);
	return got;
}

static void give(paddr_t pa, u32 count)
{
	block_free(pa, count);
	block_unreserve(count);
}

static u64 pa_of(const void *p)
{
	return virt_to_phys(p).pa;
}

static int setup(void **state)
{
	struct phys_range ram = range(BASE, MIB(64));

	*state = NULL;
	host_reset();
	arch_set_percpu(&percpus[0]);
	return host_page_init(&ram, 1, NULL, 0);
}

static void pages_come_zeroed_lowest_first_and_go_back(void **state)
{
	struct page_stats before = stats(), after;
	u8 *a = page_alloc(), *b;

	(void)state;
	assert_non_null(a);
	memset(a, 0x55, PAGE_SIZE);
	b = page_alloc();
	assert_int_equal(pa_of(b), pa_of(a) + PAGE_SIZE);
	page_free(a);
	assert_ptr_equal(page_alloc(), a);
	for (u32 i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(a[i], 0);
	assert_int_equal(stats().pages_used, 2);
	assert_int_equal(stats().free, before.free - 2 * PAGE_SIZE);
	page_free(a);
	page_free(b);
	after = stats();
	assert_memory_equal(&before, &after, sizeof(before));
}

static void everything_is_handed_out_and_comes_back(void **state)
{
	struct page_stats before = stats();
	u64 n = before.free / PAGE_SIZE;
	void **pages = calloc(n, sizeof(*pages));
	paddr_t pa;

	(void)state;
	/* All but the metadata. */
	assert_true(before.total == before.free && before.total > MIB(64) - KIB(16));
	for (u64 i = 0; i < n; i++) {
		pages[i] = page_alloc();
		assert_non_null(pages[i]);
	}
	assert_null(page_alloc());
	assert_false(alloc(1, 1, &pa));
	assert_int_equal(stats().free, 0);
	for (u64 i = 0; i < n; i += 2) /* holes: pages but no blocks */
		page_free(pages[i]);
	assert_false(alloc(1, 1, &pa));
	assert_int_equal(stats().blocks_free, 0);
	for (u64 i = 1; i < n; i += 2)
		page_free(pages[i]);
	assert_int_equal(stats().free, before.free);
	assert_int_equal(stats().blocks_free, before.blocks_free);
	free(pages);
}

static void blocks_align_run_and_return_in_parts(void **state)
{
	struct page_stats before = stats();
	paddr_t a, b, c;

	(void)state;
	assert_int_equal(before.blocks_free, 31);
	assert_true(alloc(1, 1, &a));
	assert_int_equal(a.pa, BASE + MIB(2)); /* the first holds the metadata */
	assert_true(alloc(4, 4, &b));
	assert_int_equal(b.pa, BASE + MIB(8));
	assert_true(alloc(2, 1, &c));
	assert_int_equal(c.pa, BASE + MIB(4));
	give(PADDR(b.pa + MIB(2)), 2); /* the middle of b */
	assert_false(alloc(31, 1, &a));
	assert_true(alloc(2, 2, &a));
	assert_int_equal(a.pa, BASE + MIB(16));
	assert_true(alloc(2, 1, &a));
	assert_int_equal(a.pa, BASE + MIB(10));
	give(PADDR(BASE + MIB(2)), 9);
	assert_int_equal(stats().blocks_free, before.blocks_free);
	assert_int_equal(stats().free, before.free);
	assert_false(alloc(0, 1, &a));
	assert_false(alloc(1, 3, &a));
	assert_true(alloc(31, 1, &a));
	assert_false(alloc(1, 1, &b));
	give(a, 31);
}

/* A reservation is of a number: pages and others get the rest only. */
static void reserved_blocks_are_left_over(void **state)
{
	struct page_stats before = stats();
	u32 n = 0, pages = 0;
	paddr_t pa[31];

	(void)state;
	assert_false(block_reserve(32));
	assert_true(block_reserve(20));
	assert_false(block_reserve(12));
	assert_int_equal(stats().blocks_free, 11);
	assert_int_equal(stats().free, before.free - MIB(40));
	assert_null(pages_alloc(12 * 512));
	while (page_alloc())
		pages++;
	assert_int_equal(pages, (before.free - MIB(40)) / PAGE_SIZE);
	assert_int_equal(stats().free, 0);
	while (n < 20)
		assert_true(block_alloc(1, 1, &pa[n++]));
	assert_int_equal(stats().blocks_reserved, 0);
	block_free(pa[3], 1);
	assert_null(page_alloc()); /* it is still reserved */
	assert_true(block_alloc(1, 1, &pa[3]));
	block_free(pa[5], 1);
	block_unreserve(1);
	assert_non_null(page_alloc());
}

static u64 clean_one(void)
{
	bool done = false;
	u64 steps = 0;

	while (!done && page_clean_step(&done))
		steps++;
	return steps;
}

static bool is_clear(paddr_t pa)
{
	const u8 *at = phys_to_virt(pa);

	return !at[0] && !memcmp(at, at + 1, BLOCK_SIZE - 1);
}

static void clean_blocks_come_first_and_once(void **state)
{
	paddr_t a, b, c;

	(void)state;
	memset(phys_to_virt(PADDR(BASE + MIB(2))), 0xee, MIB(62));
	assert_true(block_reserve(5));
	assert_int_equal(clean_one(), 512);
	assert_int_equal(host_dcache_bytes, BLOCK_SIZE);
	assert_int_equal(stats().blocks_clean, 1);
	assert_true(block_alloc(2, 1, &b)); /* a run: with it, too */
	assert_int_equal(b.pa, BASE + MIB(2));
	assert_true(block_use(b));
	assert_true(is_clear(b));
	assert_false(block_use(PADDR(b.pa + BLOCK_SIZE)));
	assert_false(block_use(b)); /* once */
	assert_int_equal(stats().blocks_clean, 0);
	assert_int_equal(clean_one(), 512);
	assert_int_equal(clean_one(), 512);
	block_free(b, 2);
	assert_true(block_alloc(1, 1, &a)); /* those are lower, and dirty */
	assert_int_equal(a.pa, BASE + MIB(6));
	block_free(a, 1); /* and was not used */
	assert_true(block_alloc(1, 1, &c));
	assert_int_equal(c.pa, a.pa);
	assert_true(block_use(c));
	block_free(c, 1);
	assert_true(block_alloc(1, 1, &a));
	assert_int_equal(a.pa, BASE + MIB(8));
	assert_true(block_use(a) && is_clear(a));
	assert_true(block_alloc(1, 1, &b)); /* none is clean any more */
	assert_false(block_use(b));
	assert_int_equal(stats().given_clean, 3);
	assert_int_equal(stats().given_dirty, 3);
}

static void a_block_that_is_taken_is_not_cleaned_further(void **state)
{
	bool done;
	u8 *taken;
	paddr_t a;

	(void)state;
	assert_true(block_reserve(1));
	assert_true(page_clean_step(&done) && !done);
	assert_true(block_alloc(1, 1, &a));
	taken = phys_to_virt(a);
	assert_false(block_use(a));
	memset(taken, 0xee, BLOCK_SIZE);
	assert_int_equal(clean_one(), 512);
	for (u32 i = 0; i < BLOCK_SIZE; i++)
		assert_int_equal(taken[i], 0xee);
	/* Given back in between, it is begun from its start. */
	block_free(a, 1);
	assert_int_equal(clean_one(), 512);
	assert_true(is_clear(a));
	/* The same where pages take it. */
	assert_true(page_clean_step(&done) && !done);
	for (void *p; (p = page_alloc());)
		memset(p, 0xee, PAGE_SIZE);
	assert_int_equal(stats().blocks_free, 0);
	(void)clean_one();
	assert_true(block_alloc(1, 1, &a)); /* the reserved one, which the pages left over */
	assert_true(block_use(a) && is_clear(a));
}

static u32 wakes;

static void wake(void)
{
	wakes++;
}

/* A block is there to be cleaned, or a clean one less. */
static void the_cleaner_is_woken(void **state)
{
	paddr_t a;

	(void)state;
	page_set_cleaner(wake);
	assert_true(block_reserve(1));
	assert_true(block_alloc(1, 1, &a));
	assert_false(block_use(a));
	assert_int_equal(wakes, 0);
	block_free(a, 1);
	assert_int_equal(wakes, 1);
	assert_int_equal(clean_one(), 512);
	assert_true(block_alloc(1, 1, &a));
	assert_int_equal(wakes, 1);
	assert_true(block_use(a));
	assert_int_equal(wakes, 2);
	page_set_cleaner(NULL);
}

static void pages_make_a_clean_block_dirty(void **state)
{
	u64 n = 0;
	void *p;
	paddr_t a;

	(void)state;
	while (clean_one())
		n++;
	assert_int_equal(n, 31);
	p = pages_alloc(1024);
	assert_non_null(p);
	assert_int_equal(stats().blocks_clean, 29);
	pages_free(p, 1024);
	assert_true(alloc(31, 1, &a));
	for (n = 0; n < 31; n++)
		assert_int_equal(block_use(PADDR(a.pa + n * BLOCK_SIZE)), n >= 2);
	assert_int_equal(stats().blocks_clean, 0);
}

static void runs_of_pages(void **state)
{
	struct page_stats before = stats();
	u8 *single = page_alloc(), *run = pages_alloc(5), *large = pages_alloc(512 + 3);
	u8 *next = page_alloc();

	(void)state;
	assert_int_equal(pa_of(run), pa_of(single) + PAGE_SIZE);
	assert_true(IS_ALIGNED(pa_of(large), BLOCK_SIZE));
	large[515 * PAGE_SIZE - 1] = 1;
	/* The rest of the run's last block serves others. */
	assert_int_equal(stats().free, before.free - (1 + 5 + 515 + 1) * PAGE_SIZE);
	page_free(single);
	pages_free(run, 5);
	pages_free(large, 515);
	page_free(next);
	assert_int_equal(stats().free, before.free);
	assert_int_equal(stats().blocks_free, before.blocks_free);
	assert_int_equal(stats().pages_used, 0);
	assert_null(pages_alloc(64 * 512));
	assert_null(pages_alloc(0));
}

static void ranges_and_reservations(void **state)
{
	/* Neither starts nor ends on a block; overlapping, unsorted, partial reservations. */
	struct phys_range ram[] = { range(BASE + MIB(1), MIB(8)),
				    range(BASE + MIB(100) + 5, MIB(4) + KIB(12)), range(BASE, 0) };
	struct phys_range reserved[] = { range(BASE + MIB(4) + 100, KIB(64)),
					 range(BASE + MIB(1), KIB(256)),
					 range(BASE + MIB(4), KIB(32)), range(BASE, 0),
					 range(BASE + MIB(102), MIB(2)) };
	u64 expected = MIB(8) - KIB(256) - KIB(68) + KIB(8) + MIB(2);
	u64 metadata, n = 0;
	void *p;

	(void)state;
	assert_int_equal(host_page_init(ram, 3, reserved, 5), 0);
	metadata = expected - stats().total;
	assert_true(metadata > 0 && metadata < KIB(16));
	while ((p = page_alloc())) {
		u64 pa = pa_of(p);

		n++;
		assert_true((pa >= BASE + MIB(1) + KIB(256) && pa < BASE + MIB(4)) ||
			    (pa >= BASE + MIB(4) + KIB(68) && pa < BASE + MIB(9)) ||
			    (pa > BASE + MIB(100) && pa < BASE + MIB(102)) ||
			    (pa >= BASE + MIB(104) && pa < BASE + MIB(104) + KIB(12)));
	}
	assert_int_equal(n * PAGE_SIZE, stats().total);
}

static void ranges_that_overlap_are_handed_out_once(void **state)
{
	struct phys_range ram[] = { range(BASE + MIB(4), MIB(8)), range(BASE, MIB(6)),
				    range(BASE + MIB(5), MIB(2)), range(BASE, MIB(6)) };
	void *p;

	(void)state;
	assert_int_equal(host_page_init(ram, 4, NULL, 0), 0);
	assert_true(stats().total <= MIB(12) && stats().total > MIB(12) - KIB(16));
	for (u64 last = 0; (p = page_alloc()); last = pa_of(p))
		assert_true(pa_of(p) > last && pa_of(p) < BASE + MIB(12));
}

static void as_many_ranges_as_the_machine_has(void **state)
{
	static struct phys_range ram[200], reserved[200];
	u64 n = 0;

	(void)state;
	for (u32 i = 0; i < 200; i++) {
		ram[i] = range(BASE + i * MIB(1), KIB(64));
		reserved[i] = range(BASE + i * MIB(1) + KIB(32), KIB(4));
	}
	assert_int_equal(host_page_init(ram, 200, reserved, 200), 0);
	for (void *p; (p = page_alloc()); n++)
		assert_true(pa_of(p) % MIB(1) < KIB(64) && pa_of(p) % MIB(1) != KIB(32));
	assert_int_equal(n * PAGE_SIZE, stats().total);
	assert_true(n <= 200 * 15 && n > 200 * 15 - 16);
}

static void no_room_for_metadata(void **state)
{
	struct phys_range ram = range(BASE, MIB(2));
	struct phys_range beyond = range(UINT64_MAX - PAGE_SIZE, MIB(2));
	struct phys_range wraps = range(BASE, UINT64_MAX);

	(void)state;
	assert_int_equal(host_page_init(&ram, 1, &ram, 1), -ENOMEM);
	assert_int_equal(host_page_init(&ram, 1, &wraps, 1), -ENOMEM);
	assert_int_equal(host_page_init(&beyond, 1, NULL, 0), -ENOMEM);
	assert_int_equal(host_page_init(&ram, 0, NULL, 0), -ENOMEM);
}

static void free_twice(void *p)
{
	page_free(p);
}

static void a_double_free_is_noticed(void **state)
{
	void *p = page_alloc();

	(void)state;
	(void)page_alloc();
	page_free(p);
	assert_true(host_halts(free_twice, p));
	lock_check_forget(); /* it halted with the allocator's */
}

static void small_objects(void **state)
{
	static const size_t sizes[] = { 1, 32, 33, 500, 577, 1008, 1009, 2016, 2017, 4096 };
	struct page_stats before = stats();
	u8 *p[ARRAY_SIZE(sizes)][40];

	(void)state;
	for (u32 i = 0; i < 40; i++) {
		for (u32 s = 0; s < ARRAY_SIZE(sizes); s++) {
			p[s][i] = kzalloc(sizes[s]);
			assert_non_null(p[s][i]);
			assert_true(IS_ALIGNED((uintptr_t)p[s][i], 16));
			for (size_t n = 0; n < sizes[s]; n++)
				assert_int_equal(p[s][i][n], 0);
			memset(p[s][i], 0xa5, sizes[s]);
		}
	}
	for (u32 i = 0; i < 40; i++) /* another order than they came in */
		for (u32 s = 0; s < ARRAY_SIZE(sizes); s++)
			kfree(p[s][(i * 7) % 40], sizes[s]);
	assert_int_equal(stats().free, before.free);
	assert_null(kzalloc(4097));
	kfree(NULL, 5);
}

static void small_objects_until_nothing_is_left(void **state)
{
	void *first = NULL, *p;
	u64 n = 0, before = stats().free;

	(void)state;
	while ((p = kzalloc(256))) {
		*(void **)p = first;
		first = p;
		n++;
	}
	assert_int_equal(n, before / PAGE_SIZE * 15);
	while (first) {
		p = first;
		first = *(void **)p;
		kfree(p, 256);
	}
	assert_int_equal(stats().free, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(pages_come_zeroed_lowest_first_and_go_back, setup),
		cmocka_unit_test_setup(everything_is_handed_out_and_comes_back, setup),
		cmocka_unit_test_setup(blocks_align_run_and_return_in_parts, setup),
		cmocka_unit_test_setup(reserved_blocks_are_left_over, setup),
		cmocka_unit_test_setup(clean_blocks_come_first_and_once, setup),
		cmocka_unit_test_setup(a_block_that_is_taken_is_not_cleaned_further, setup),
		cmocka_unit_test_setup(the_cleaner_is_woken, setup),
		cmocka_unit_test_setup(pages_make_a_clean_block_dirty, setup),
		cmocka_unit_test_setup(runs_of_pages, setup),
		cmocka_unit_test_setup(ranges_and_reservations, setup),
		cmocka_unit_test_setup(ranges_that_overlap_are_handed_out_once, setup),
		cmocka_unit_test_setup(as_many_ranges_as_the_machine_has, setup),
		cmocka_unit_test_setup(no_room_for_metadata, setup),
		cmocka_unit_test_setup(small_objects, setup),
		cmocka_unit_test_setup(small_objects_until_nothing_is_left, setup),
		cmocka_unit_test_setup(a_double_free_is_noticed,
				       setup), /* last: it leaves the lock taken */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
