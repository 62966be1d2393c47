/* SPDX-License-Identifier: Apache-2.0 */
/* The block device: requests of any layout, errors, copies on write, discard. */
#include "virtio_fixture.h"

#include <kernel/log.h>
#include <lib/errno.h>
#include <string.h>
#include <vmm/load.h>

#define HEADER  DATA_AT
#define STATE   (DATA_AT + 0x100) /* the status byte */
#define BUFFER  (DATA_AT + 0x1000)
#define IN      0
#define OUT     1
#define FLUSH   4
#define GET_ID  8
#define DISCARD 11
#define ZEROES  13

#define SIZE (MIB(2) + 5000) /* of the image */

static u8 image[SIZE];
static u32 pages;     /* allocated */
static u64 free_room; /* of the machine */
static const struct desc_virtio disk = { .kind = VIRTIO_BLK, .name = "disk0", .image = "root.img" };

int image_get(const struct image_ref *ref, const void **data, u64 *size)
{
	assert_string_equal(ref->path, "root.img");
	*data = image;
	*size = SIZE;
	return 0;
}

void *page_alloc(void)
{
	pages++;
	return pages_alloc(1);
}

void page_free(void *page)
{
	pages--;
	pages_free(page, 1);
}

void page_stats(struct page_stats *s)
{
	*s = (struct page_stats){ .free = free_room };
}

void klog(enum log_level level, const char *fmt, ...)
{
	(void)level, (void)fmt;
}

/* No disk of the machine is asked. */
static int setup(void **unused)
{
	(void)unused;
	for (u32 i = 0; i < SIZE; i++)
		image[i] = (u8)(i / 512 + i);
	free_room = MIB(64);
	virtio_new(&virtio_blk_class, &disk);
	assert_int_equal(pages, 0);
	virtio_start(VIRTIO_F_INDIRECT_DESC, 1);
	return 0;
}

static void header(u32 type, u64 sector)
{
	u32 *h = guest(HEADER);

	h[0] = type;
	h[1] = 0;
	memcpy(&h[2], &sector, 8);
}

/* A request as Linux makes it: header, data, status. The status; *len: what the used ring says. */
static u8 request(u32 type, u64 sector, u32 size, u16 flags, u32 *len)
{
	header(type, sector);
	*(u8 *)guest(STATE) = 0xee;
	set_desc(0, HEADER, 16, NEXT, size ? 1 : 2);
	set_desc(1, BUFFER, size, flags | NEXT, 2);
	set_desc(2, STATE, 1, WRITE, 0);
	offer(0, 0);
	notify(0);
	assert_int_equal(used_last(0, len), 0);
	assert_int_equal(get(STATUS), DRIVER_OK);
	return *(u8 *)guest(STATE);
}

static u8 get_sectors(u64 sector, u32 size)
{
	u32 len;

	memset(guest(BUFFER), 0xaa, size + 8);
	return request(IN, sector, size, WRITE, &len);
}

static u8 put_sectors(u64 sector, u32 size, u8 fill)
{
	u32 len;

	memset(guest(BUFFER), fill, size);
	return request(OUT, sector, size, 0, &len);
}

static bool is_filled(u64 from, u64 to, u8 fill)
{
	const u8 *p = guest(BUFFER);

	for (u64 i = from; i < to; i++)
		if (p[i] != fill)
			return false;
	return true;
}

static void test_config(void **unused)
{
	(void)unused;
	assert_int_equal(get(0x008), 2);
	assert_int_equal(get(DEVICE_FEATURES),
			 1 << 2 | 1 << 6 | 1 << 9 | 1 << 13 | 1 << 14 | 3 << 28);
	assert_int_equal(virtio_load(CONFIG, 8), SIZE / 512 + 1);
	assert_true(get(CONFIG + 12) >= 126);
	assert_int_equal(get(CONFIG + 20), 512);
	assert_int_equal(virtio_load(CONFIG + 56, 1), 1);
	put(CONFIG, 0);
	assert_int_equal(virtio_load(CONFIG, 8), SIZE / 512 + 1);
	assert_string_equal(virtio_info(), "2053 KiB, 0 KiB written, 0 requests, 0 failed");
}

static void test_reads(void **unused)
{
	u32 len;

	(void)unused;
	assert_int_equal(get_sectors(3, 16384), 0);
	assert_memory_equal(guest(BUFFER), &image[3 * 512], 16384);
	assert_int_equal(*(u8 *)guest(BUFFER + 16384), 0xaa);
	assert_int_equal(request(IN, 0, 512, WRITE, &len), 0);
	assert_int_equal(len, 513);
	/* The image ends in the middle of the last sector. */
	assert_int_equal(get_sectors(SIZE / 512, 512), 0);
	assert_memory_equal(guest(BUFFER), &image[SIZE / 512 * 512], SIZE % 512);
	assert_true(is_filled(SIZE % 512, 512, 0));
	assert_int_equal(request(FLUSH, 0, 0, 0, &len), 0);
	assert_int_equal(len, 1);
}

static void test_writes(void **unused)
{
	(void)unused;
	assert_int_equal(put_sectors(7, 1024, 0x11), 0);
	assert_int_equal(get_sectors(0, 8192), 0);
	assert_memory_equal(guest(BUFFER), image, 7 * 512);
	assert_true(is_filled(7 * 512, 9 * 512, 0x11));
	assert_memory_equal(guest(BUFFER + 9 * 512), &image[9 * 512], 8192 - 9 * 512);
	assert_int_equal(image[7 * 512], (u8)(7 + 7 * 512));
	assert_string_equal(virtio_info(), "2053 KiB, 8 KiB written, 2 requests, 0 failed");
	assert_int_equal(pages, 3); /* with the leaf */
	/* A reset of the VM keeps them. */
	virtio_blk_class.reset(&virtio_dev);
	virtio_start(0, 1);
	assert_int_equal(get_sectors(7, 512), 0);
	assert_true(is_filled(0, 512, 0x11));
}

static void test_limits(void **unused)
{
	const u64 sectors = SIZE / 512 + 1;
	u32 len;

	(void)unused;
	assert_int_equal(get_sectors(sectors, 512), 1);
	assert_int_equal(get_sectors(sectors - 1, 1024), 1);
	assert_int_equal(get_sectors(~0ULL, 512), 1);
	assert_int_equal(get_sectors(~0ULL / 512 + 1, 512), 1);
	assert_int_equal(put_sectors(sectors, 512, 1), 1);
	assert_int_equal(put_sectors(sectors - 1, 1024, 1), 1);
	assert_int_equal(put_sectors(~0ULL, 512, 1), 1);
	assert_int_equal(get_sectors(0, 100), 1); /* no whole sector */
	assert_int_equal(put_sectors(0, 100, 1), 1);
	assert_int_equal(request(99, 0, 512, WRITE, &len), 2);
	assert_int_equal(len, 0);
	assert_int_equal(request(99, 0, 512, 0, &len), 2);
	assert_int_equal(len, 1);
	assert_true(strstr(virtio_info(), "11 requests, 11 failed"));
}

static void test_id(void **unused)
{
	static char name[20] = "disk0";
	u32 len;

	(void)unused;
	assert_int_equal(request(GET_ID, 0, 20, WRITE, &len), 0);
	assert_int_equal(len, 21);
	assert_memory_equal(guest(BUFFER), name, 20);
	memset(guest(BUFFER), 0xaa, 64);
	assert_int_equal(request(GET_ID, 0, 64, WRITE, &len), 0);
	assert_int_equal(len, 20);
	assert_true(is_filled(20, 64, 0xaa));
	assert_int_equal(request(GET_ID, 0, 2, WRITE, &len), 0);
}

/* Header, data and status in any pieces: a byte each, or all together. */
static void test_layouts(void **unused)
{
	struct ring_desc *table = guest(DATA_AT + 0x8000);
	u32 len, n = 0;

	(void)unused;
	header(OUT, 1);
	memset(guest(BUFFER), 0x22, 512);
	for (u32 i = 0; i < 16; i++, n++)
		table[n] = (struct ring_desc){ HEADER + i, 1, NEXT, (u16)(n + 1) };
	for (u32 i = 0; i < 128; i++, n++)
		table[n] = (struct ring_desc){ BUFFER + 4 * i, 4, NEXT, (u16)(n + 1) };
	table[n++] = (struct ring_desc){ STATE, 1, WRITE, 0 };
	*(u8 *)guest(STATE) = 0xee;
	set_desc(5, DATA_AT + 0x8000, 16 * n, INDIRECT, 0);
	offer(0, 5);
	notify(0);
	assert_int_equal(get(STATUS), DRIVER_OK);
	assert_int_equal(*(u8 *)guest(STATE), 0);
	assert_int_equal(used_last(0, &len), 5);
	assert_int_equal(len, 1);
	/* The status is the last byte of the data's buffer; header and data of a write are one. */
	header(IN, 1);
	set_desc(0, HEADER, 16, NEXT, 1);
	set_desc(1, BUFFER, 513, WRITE, 0);
	memset(guest(BUFFER), 0xaa, 513);
	offer(0, 0);
	notify(0);
	assert_int_equal(get(STATUS), DRIVER_OK);
	assert_true(is_filled(0, 512, 0x22));
	assert_int_equal(*(u8 *)guest(BUFFER + 512), 0);
	(void)used_last(0, &len);
	assert_int_equal(len, 513);
}

static void breaks(void)
{
	offer(0, 0);
	notify(0);
	assert_int_equal(get(STATUS), DRIVER_OK | NEEDS_RESET);
	assert_true(strstr(virtio_info(), "needs a reset: queue 0: a request has no room for"));
	assert_true(strstr(virtio_info(), "KiB written"));
	virtio_start(0, 1);
}

/* Requests that cannot be answered. */
static void test_no_room(void **unused)
{
	(void)unused;
	header(IN, 0);
	set_desc(0, HEADER, 16, 0, 0); /* no status */
	breaks();
	set_desc(0, HEADER, 15, NEXT, 1); /* not even a header */
	set_desc(1, STATE, 1, WRITE, 0);
	breaks();
	header(FLUSH, 0);
	set_desc(0, HEADER, 16, 0, 0);
	breaks();
	header(OUT, 0);
	set_desc(0, HEADER, 16, NEXT, 1);
	set_desc(1, BUFFER, 512, 0, 0);
	breaks();
	assert_int_equal(get_sectors(0, 512), 0);
}

static u8 clear(u32 type, u64 sector, u32 count, u32 flags)
{
	u32 len;

	((u64 *)guest(BUFFER))[0] = sector;
	((u32 *)guest(BUFFER))[2] = count;
	((u32 *)guest(BUFFER))[3] = flags;
	return request(type, 0, 16, 0, &len);
}

static void test_discard(void **unused)
{
	u32 len;

	(void)unused;
	assert_int_equal(put_sectors(0, 8192, 0x33), 0);
	assert_int_equal(pages, 3); /* with the leaf */
	assert_int_equal(clear(DISCARD, 7, 9, 0), 0);
	assert_int_equal(get_sectors(0, 12288), 0);
	assert_true(is_filled(0, 7 * 512, 0x33));
	assert_true(is_filled(7 * 512, 16 * 512, 0));
	assert_memory_equal(guest(BUFFER + 8192), &image[8192], 4096);
	assert_true(strstr(virtio_info(), "4 KiB written"));
	assert_int_equal(put_sectors(9, 512, 0x44), 0); /* on a page of zeroes */
	assert_int_equal(get_sectors(8, 4096), 0);
	assert_true(is_filled(0, 512, 0));
	assert_true(is_filled(512, 1024, 0x44));
	assert_true(is_filled(1024, 4096, 0));
	assert_int_equal(clear(ZEROES, 0, SIZE / 512 + 1, 1), 0);
	assert_true(strstr(virtio_info(), " 4 KiB written")); /* the end of the image */
	assert_int_equal(get_sectors(SIZE / 512, 512), 0);
	assert_true(is_filled(0, 512, 0));
	assert_int_equal(clear(ZEROES, 0, 0, 0), 0);
	assert_int_equal(clear(DISCARD, 0, 1, 1), 2); /* flags that have no meaning */
	assert_int_equal(clear(ZEROES, 0, 1, 2), 2);
	assert_int_equal(clear(ZEROES, SIZE / 512, 2, 0), 1);
	assert_int_equal(clear(ZEROES, ~0ULL, ~0U, 0), 1);
	assert_int_equal(request(DISCARD, 0, 15, 0, &len), 1);
}

static void test_readonly(void **unused)
{
	struct desc_virtio node = disk;

	(void)unused;
	node.readonly = true;
	strcpy(node.serial, "12345678901234567890");
	virtio_new(&virtio_blk_class, &node);
	assert_int_equal(pages, 0);
	assert_int_equal(get(DEVICE_FEATURES), 1 << 2 | 1 << 5 | 1 << 6 | 1 << 9 | 3 << 28);
	virtio_start(1 << 5, 1);
	assert_int_equal(put_sectors(0, 512, 1), 1);
	assert_int_equal(clear(DISCARD, 0, 1, 0), 1);
	assert_int_equal(get_sectors(0, 512), 0);
	assert_memory_equal(guest(BUFFER), image, 512);
}

/* With discard-at-reset a reset gives the image back, and the memory of what was written. */
static void test_discard_at_reset(void **unused)
{
	struct desc_virtio node = disk;

	(void)unused;
	node.discard = true;
	virtio_new(&virtio_blk_class, &node);
	virtio_start(0, 1);
	assert_int_equal(put_sectors(0, 8192, 0x33), 0);
	assert_int_equal(pages, 3);
	virtio_start(0, 1); /* the driver's reset is not the VM's */
	assert_int_equal(pages, 3);
	virtio_blk_class.reset(&virtio_dev);
	assert_int_equal(pages, 0);
	virtio_start(0, 1);
	assert_int_equal(get_sectors(0, 8192), 0);
	assert_memory_equal(guest(BUFFER), image, 8192);
}

/* Requests beyond the rate wait for the timeout, and a change of the limit counts at once. */
static void test_rate(void **unused)
{
	struct desc_virtio node = disk;

	(void)unused;
	node.requests = (struct rate_limit){ .size = 2, .burst = 1, .ms = 1000 };
	node.kib = (struct rate_limit){ .size = 4, .ms = 1000 };
	virtio_new(&virtio_blk_class, &node);
	virtio_start(0, 1);
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(put_sectors(0, 512, (u8)i), 0);
	assert_false(virtio_timer_armed);
	header(OUT, 0);
	*(u8 *)guest(STATE) = 0xee;
	set_desc(1, BUFFER, 8192, NEXT, 2);
	offer(0, 0);
	notify(0);
	assert_true(virtio_timer_armed);
	notify(0);
	assert_int_equal(*(u8 *)guest(STATE), 0xee);
	assert_true(strstr(virtio_info(), "3 requests, 0 failed, limited (waits)"));
	host_counter += HOST_COUNTER_HZ / 2 + 100;
	virtio_timeout->fn(virtio_timeout);
	virtio_work();
	assert_int_equal(*(u8 *)guest(STATE), 0);
	/* 8 KiB: a second of debts, and then the requests' turn again. */
	virtio_timer_armed = false;
	offer(0, 0);
	notify(0);
	assert_true(virtio_timer_armed);
	assert_int_equal(used_idx(0), 4);
	virtio_vm.desc.virtio[0].kib.size = virtio_vm.desc.virtio[0].requests.size = 0;
	virtio_blk_class.limits_changed(&virtio_dev);
	virtio_work();
	assert_int_equal(used_idx(0), 5);
	assert_false(strstr(virtio_info(), "limited"));
	for (u32 i = 0; i < 20; i++)
		assert_int_equal(put_sectors(0, 8192, (u8)i), 0);
}

/* Zeroes that the device writes count like those of the driver; requests without data do not. */
static void test_rate_of_zeroes(void **unused)
{
	struct desc_virtio node = disk;
	u32 len;

	(void)unused;
	node.kib = (struct rate_limit){ .size = 64, .ms = 1000 };
	virtio_new(&virtio_blk_class, &node);
	virtio_start(0, 1);
	for (u32 i = 0; i < 50; i++) {
		assert_int_equal(request(FLUSH, 1 << 20, 0, 0, &len), 0);
		assert_int_equal(clear(DISCARD, 0, 16, 0), 0);
		assert_int_equal(clear(ZEROES, ~0ULL, ~0U, 0), 1);
	}
	assert_int_equal(put_sectors(0, 512, 1), 0);
	for (u32 i = 0; i < 8; i++)
		assert_int_equal(clear(ZEROES, 0, 16, i & 1), 0);
	assert_false(virtio_timer_armed);
	offer(0, 0);
	notify(0);
	assert_true(virtio_timer_armed);
	assert_int_equal(used_idx(0), 159);
}

/* The machine's memory is used up: the guest gets an error, and later it works again. */
static void test_no_memory(void **unused)
{
	(void)unused;
	free_room = MIB(16);
	assert_int_equal(put_sectors(0, 4096, 1), 1);
	assert_int_equal(pages, 0);
	assert_int_equal(clear(ZEROES, 1, 1, 0), 1);
	assert_int_equal(get_sectors(0, 512), 0);
	assert_memory_equal(guest(BUFFER), image, 512);
	free_room = MIB(64);
	assert_int_equal(put_sectors(0, 4096, 1), 0);
}

static void reset_now(void)
{
	static u32 turns;

	if (turns++ % 5 == 4)
		put(STATUS, 0);
}

/* A reset after each number of units: the next driver finds a device that works. */
static void test_reset_in_flight(void **unused)
{
	(void)unused;
	for (u32 i = 0; i < 20; i++) {
		virtio_start(0, 1);
		memset(guest(BUFFER), 0x55, 16384);
		header(OUT, 8);
		set_desc(0, HEADER, 16, NEXT, 1);
		set_desc(1, BUFFER, 16384, NEXT, 2);
		set_desc(2, STATE, 1, WRITE, 0);
		offer(0, 0);
		virtio_between = reset_now;
		notify(0);
		virtio_between = NULL;
		virtio_start(0, 1);
		assert_int_equal(get_sectors(0, 512), 0);
		assert_memory_equal(guest(BUFFER), image, 512);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_config, setup),
		cmocka_unit_test_setup(test_reads, setup),
		cmocka_unit_test_setup(test_writes, setup),
		cmocka_unit_test_setup(test_limits, setup),
		cmocka_unit_test_setup(test_id, setup),
		cmocka_unit_test_setup(test_layouts, setup),
		cmocka_unit_test_setup(test_no_room, setup),
		cmocka_unit_test_setup(test_discard, setup),
		cmocka_unit_test_setup(test_readonly, setup),
		cmocka_unit_test_setup(test_discard_at_reset, setup),
		cmocka_unit_test_setup(test_rate, setup),
		cmocka_unit_test_setup(test_rate_of_zeroes, setup),
		cmocka_unit_test_setup(test_no_memory, setup),
		cmocka_unit_test_setup(test_reset_in_flight, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
