/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio transport and virtqueues against a device made of plain memory. */
#include "unit.h"

#include <arch/mmu.h>
#include <asm/host.h>
#include <drivers/virtio.h>
#include <kernel/page.h>
#include <lib/errno.h>
#include <string.h>

#define REG(offset) (device.regs[(offset) / 4])

/* The device: registers that keep what is written; those of a queue are the last one's. */
static struct {
	u32 regs[0x200 / 4];
	u16 avail_seen;
} device;

static struct virtq queue;

static int setup(void **state)
{
	const struct phys_range ram = { PADDR(HOST_RAM_BASE), HOST_RAM_SIZE };

	*state = NULL;
	host_reset();
	assert_int_equal(host_page_init(&ram, 1, NULL, 0), 0);
	memset(&device, 0, sizeof(device));
	REG(0x000) = 0x74726976;
	REG(0x004) = 2;
	REG(0x008) = VIRTIO_ID_CONSOLE;
	REG(0x010) = 1; /* both words of the features: VERSION_1 and SIZE */
	REG(0x034) = 1024;
	return 0;
}

static int setup_legacy(void **state)
{
	setup(state);
	REG(0x004) = 1;
	return 0;
}

static void open_device(struct virtio_dev *d)
{
	assert_true(virtio_mmio_open(d, device.regs));
	assert_int_equal(virtio_start(d, 0), 0);
}

/* Take the next buffer that the driver offered. */
static bool device_take(const struct virtq *q, u16 *slot)
{
	if (device.avail_seen == q->avail->idx)
		return false;
	*slot = q->avail->ring[device.avail_seen++ & (q->size - 1)];
	return true;
}

static void device_give(struct virtq *q, u32 id, u32 len)
{
	u16 idx = q->used->idx;

	q->used->ring[idx & (q->size - 1)].id = id;
	q->used->ring[idx & (q->size - 1)].len = len;
	q->used->idx = (u16)(idx + 1);
}

/* ---- transport ---- */

static void test_open(void **state)
{
	struct virtio_dev d;

	(void)state;
	assert_true(virtio_mmio_open(&d, device.regs));
	REG(0x008) = 0;
	assert_false(virtio_mmio_open(&d, device.regs));
	REG(0x008) = 3;
	REG(0x004) = 3;
	assert_false(virtio_mmio_open(&d, device.regs));
	REG(0x004) = 1;
	REG(0x000)++;
	assert_false(virtio_mmio_open(&d, device.regs));
}

static void test_start(void **state)
{
	struct virtio_dev d;

	(void)state;
	open_device(&d);
	assert_int_equal(REG(0x070), 0xb); /* ACKNOWLEDGE, DRIVER, FEATURES_OK */
	assert_true(d.features == VIRTIO_F_VERSION_1);
	assert_int_equal(virtio_queue_init(&d, &queue, 5, 20), 0);
	assert_int_equal(queue.size, 16);
	assert_int_equal(REG(0x030), 5);
	assert_int_equal(REG(0x038), 16);
	assert_int_equal(REG(0x044), 1);
	assert_int_equal(REG(0x080), virt_to_phys(queue.desc).pa);
	assert_int_equal(REG(0x090), virt_to_phys(queue.avail).pa);
	/* The queue is in use now. */
	assert_int_equal(virtio_queue_init(&d, &queue, 5, 16), -EIO);
	REG(0x034) = 0;
	assert_int_equal(virtio_queue_init(&d, &queue, 6, 16), -ENOENT);
	virtio_driver_ok(&d);
	assert_int_equal(REG(0x070), 0xf);
	/* Without VERSION_1 a device of this transport is none. */
	REG(0x010) = 0;
	assert_int_equal(virtio_start(&d, 0), -EIO);
	assert_int_equal(REG(0x070) & 0x80, 0x80);
}

static void test_start_legacy(void **state)
{
	struct virtio_dev d;

	(void)state;
	open_device(&d);
	assert_int_equal(REG(0x070), 0x3);
	assert_int_equal(REG(0x028), 4096);
	assert_int_equal(virtio_queue_init(&d, &queue, 0, 4), 0);
	assert_int_equal(REG(0x03c), 4096);
	assert_int_equal(REG(0x040), virt_to_phys(queue.desc).pa / 4096);
	assert_int_equal(virt_to_phys(queue.desc).pa % 4096, 0);
	assert_ptr_equal(queue.avail, (u8 *)queue.desc + 4 * 16);
	assert_ptr_equal(queue.used, (u8 *)queue.desc + 4096);
}

static void test_interrupt(void **state)
{
	struct virtio_dev d;

	(void)state;
	open_device(&d);
	REG(0x060) = 3;
	assert_int_equal(virtio_ack_interrupt(&d), 3);
	assert_int_equal(REG(0x064), 3);
	REG(0x100 + 4) = 31;
	assert_int_equal(virtio_config_read32(&d, 4), 31);
}

/* ---- virtqueues ---- */

static void test_queue(void **state)
{
	struct virtio_dev d;
	u16 slot;
	u32 len;

	(void)state;
	open_device(&d);
	assert_int_equal(virtio_queue_init(&d, &queue, 1, 4), 0);
	assert_false(virtq_pop(&queue, &slot, &len));
	/* Many turns: the rings' indices wrap. */
	for (u32 i = 0; i < 70000; i++) {
		u16 mine = (u16)(i % 4);

		virtq_submit(&queue, mine, PADDR(0x1000 + i), i, i & 1);
		assert_true(device_take(&queue, &slot));
		assert_int_equal(slot, mine);
		assert_int_equal(queue.desc[slot].addr, 0x1000 + i);
		assert_int_equal(queue.desc[slot].len, i);
		assert_int_equal(queue.desc[slot].flags, i & 1 ? 2 : 0);
		assert_false(virtq_ready(&queue));
		device_give(&queue, slot, i / 2);
		assert_true(virtq_ready(&queue));
		assert_true(virtq_pop(&queue, &slot, &len));
		assert_int_equal(slot, mine);
		assert_int_equal(len, i / 2);
	}
	virtq_kick(&queue);
	assert_int_equal(REG(0x050), 1);
}

static void test_chain(void **state)
{
	const struct virtq_part parts[] = {
		{ PADDR(0x1000), 16, false },
		{ PADDR(0x2000), 512, true },
		{ PADDR(0x3000), 1, true },
	};
	struct virtio_dev d;
	u16 slot;
	u32 len;

	(void)state;
	open_device(&d);
	assert_int_equal(virtio_queue_init(&d, &queue, 0, 8), 0);
	virtq_submit_chain(&queue, 3, parts, 3);
	assert_true(device_take(&queue, &slot));
	assert_int_equal(slot, 3);
	assert_int_equal(queue.desc[3].flags, 1);
	assert_int_equal(queue.desc[3].next, 4);
	assert_int_equal(queue.desc[4].flags, 3);
	assert_int_equal(queue.desc[4].next, 5);
	assert_int_equal(queue.desc[4].len, 512);
	assert_int_equal(queue.desc[5].flags, 2);
	assert_int_equal(queue.desc[5].addr, 0x3000);
	/* The buffer has the number of its first descriptor only. */
	device_give(&queue, 4, 513);
	device_give(&queue, 3, 513);
	assert_false(virtq_pop(&queue, &slot, &len));
	assert_true(virtq_pop(&queue, &slot, &len));
	assert_int_equal(slot, 3);
}

/*
 * What was not given out, or came back already, is dropped; a loop ends though the device goes on.
 */
static void test_queue_of_a_liar(void **state)
{
	struct virtio_dev d;
	u32 len, back = 0;
	u16 slot;

	(void)state;
	open_device(&d);
	assert_int_equal(virtio_queue_init(&d, &queue, 1, 4), 0);
	virtq_submit(&queue, 3, PADDR(0x1000), 16, true);
	device_give(&queue, 4, 0);
	device_give(&queue, 0xffffffff, 0);
	device_give(&queue, 2, 0);
	for (u32 i = 0; i < 3; i++)
		assert_false(virtq_pop(&queue, &slot, &len));
	device_give(&queue, 3, 7);
	assert_true(virtq_pop(&queue, &slot, &len));
	assert_int_equal(slot, 3);
	device_give(&queue, 3, 7);
	assert_false(virtq_pop(&queue, &slot, &len));
	virtq_submit(&queue, 0, PADDR(0x1000), 16, false);
	virtq_submit(&queue, 1, PADDR(0x2000), 16, false);
	queue.used->idx += 0x7fff;
	while (virtq_pop(&queue, &slot, &len))
		back++;
	assert_true(back <= 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_open, setup),
		cmocka_unit_test_setup(test_start, setup),
		cmocka_unit_test_setup(test_start_legacy, setup_legacy),
		cmocka_unit_test_setup(test_interrupt, setup),
		cmocka_unit_test_setup(test_queue, setup),
		cmocka_unit_test_setup(test_chain, setup),
		cmocka_unit_test_setup(test_queue_of_a_liar, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
