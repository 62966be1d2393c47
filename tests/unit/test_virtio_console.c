/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtio console driver against a device that behaves like one: both transports, with several
 * ports and with one. The driver's sources are part of this file, over registers of our own.
 */
#include "unit.h"

#include <arch/mmu.h>
#include <asm/host.h>
#include <kernel/page.h>
#include <string.h>

#define DRIVERS_MMIO_H /* takes the place of drivers/mmio.h */
static u32 mmio_read32(const volatile void *base, u32 offset);
static void mmio_write32(volatile void *base, u32 offset, u32 value);

#include "../../drivers/virtio_mmio.c"
#include "../../drivers/virtio_console.c"

#define QUEUES    66
#define MAX_PORTS 32

/* ---- the device ---- */

struct device_queue {
	u32 num, ready, pfn;
	u64 desc, avail, used;
	u16 seen; /* of the available ring */
};

static struct {
	u32 version, status, sel, interrupt, max_ports;
	u32 feature_sel;
	u64 driver_features, features;
	struct device_queue queue[QUEUES];
	u32 present;     /* ports that it has, a bit each */
	u32 ready, open; /* what the driver said of them */
	bool blocked;    /* its host side does not read */
	bool hollow;     /* what it may write comes back at once, empty */
	char written[MAX_PORTS][4096];
	u32 written_len[MAX_PORTS];
} dev;

static struct device_queue *q_get(u32 index)
{
	assert_true(index < QUEUES);
	return &dev.queue[index];
}

static struct virtq_desc *q_desc(struct device_queue *q)
{
	return phys_to_virt(PADDR(dev.version == 1 ? (u64)q->pfn * 4096 : q->desc));
}

static struct virtq_avail *q_avail(struct device_queue *q)
{
	return dev.version == 1 ? (void *)((u8 *)q_desc(q) + q->num * 16)
				: phys_to_virt(PADDR(q->avail));
}

static struct virtq_used *q_used(struct device_queue *q)
{
	return dev.version == 1 ? (void *)((u8 *)q_desc(q) + 4096) : phys_to_virt(PADDR(q->used));
}

static bool q_live(const struct device_queue *q)
{
	return (dev.status & 4) && (dev.version == 1 ? q->pfn : q->ready);
}

/* Takes a buffer off a queue; NULL if the driver offered none. */
static void *q_take(u32 index, u16 *slot, u32 *len)
{
	struct device_queue *q = q_get(index);

	if (!q_live(q) || q->seen == q_avail(q)->idx)
		return NULL;
	*slot = q_avail(q)->ring[q->seen++ % q->num];
	assert_true(*slot < q->num);
	*len = q_desc(q)[*slot].len;
	return phys_to_virt(PADDR(q_desc(q)[*slot].addr));
}

static void q_give(u32 index, u16 slot, u32 len)
{
	struct virtq_used *used = q_used(q_get(index));

	used->ring[used->idx % q_get(index)->num].id = slot;
	used->ring[used->idx % q_get(index)->num].len = len;
	used->idx++;
	dev.interrupt |= 1;
}

static bool device_send(u32 index, const void *data, u32 len)
{
	u16 slot;
	u32 room;
	void *buf = q_take(index, &slot, &room);

	if (!buf)
		return false;
	assert_true((q_desc(q_get(index))[slot].flags & 2) && room >= len);
	memcpy(buf, data, len);
	q_give(index, slot, len);
	return true;
}

/* Like QEMU's, the device forgets what finds no buffer. */
static void device_say(u32 port, u16 event, u16 value)
{
	const struct control m = { port, event, value };

	(void)device_send(QUEUE_CONTROL, &m, sizeof(m));
}

static const char *second_name; /* of port 1; NULL: it has none */

static void device_names(u32 port)
{
	u8 message[CONTROL_RX_BYTES];
	const struct control m = { port, PORT_NAME, 1 };

	if (port != 1 || !second_name)
		return;
	memcpy(message, &m, sizeof(m));
	memcpy(message + sizeof(m), second_name, strlen(second_name));
	(void)device_send(QUEUE_CONTROL, message, (u32)(sizeof(m) + strlen(second_name)));
}

static void device_hears(const struct control *m)
{
	switch (m->event) {
	case DEVICE_READY:
		assert_int_equal(m->value, 1);
		for (u32 port = 0; port < MAX_PORTS; port++) {
			if (dev.present & (1u << port))
				device_say(port, DEVICE_ADD, 1);
		}
		break;
	case PORT_READY:
		assert_int_equal(m->value, 1);
		dev.ready |= 1u << m->id;
		device_say(m->id, CONSOLE_PORT, 1);
		device_names(m->id);
		device_say(m->id, PORT_OPEN, 1);
		break;
	case PORT_OPEN:
		assert_true(dev.ready & (1u << m->id));
		dev.open |= 1u << m->id;
		break;
	default:
		fail_msg("control event %u", m->event);
	}
}

static void device_notified(u32 index)
{
	u32 port = index < 2 ? 0 : index / 2 - 1, len;
	bool control = index == QUEUE_CONTROL + 1;
	u16 slot;
	void *buf;

	while (dev.hollow && index % 2 == 0 && q_take(index, &slot, &len))
		q_give(index, slot, 0);
	/* Odd queues are the driver's to send on. */
	while (index % 2 && (control || !dev.blocked) && (buf = q_take(index, &slot, &len))) {
		assert_int_equal(q_desc(q_get(index))[slot].flags, 0);
		if (control) {
			struct control m;

			assert_int_equal(len, sizeof(m));
			memcpy(&m, buf, sizeof(m));
			q_give(index, slot, 0);
			device_hears(&m);
			continue;
		}
		assert_true(dev.written_len[port] + len <= sizeof(dev.written[0]));
		memcpy(dev.written[port] + dev.written_len[port], buf, len);
		dev.written_len[port] += len;
		q_give(index, slot, 0);
	}
}

static u32 mmio_read32(const volatile void *base, u32 offset)
{
	(void)base;
	switch (offset) {
	case MAGIC_VALUE:
		return MAGIC;
	case VERSION:
		return dev.version;
	case DEVICE_ID:
		return VIRTIO_ID_CONSOLE;
	case DEVICE_FEATURES:
		return (u32)(dev.feature_sel ? dev.features >> 32 : dev.features);
	case QUEUE_NUM_MAX:
		return dev.sel < QUEUES ? 32 : 0;
	case QUEUE_PFN:
		return q_get(dev.sel)->pfn;
	case QUEUE_READY:
		return q_get(dev.sel)->ready;
	case INTERRUPT_STATUS:
		return dev.interrupt;
	case STATUS:
		return dev.status;
	case CONFIG + CFG_MAX_NR_PORTS:
		return dev.max_ports;
	default:
		fail_msg("read of 0x%x", offset);
		return 0;
	}
}

static void set_low(u64 *value, u32 low)
{
	*value = (*value & ~0xffffffffUL) | low;
}

static void set_high(u64 *value, u32 high)
{
	*value = (*value & 0xffffffffUL) | (u64)high << 32;
}

static void write_queue(struct device_queue *q, u32 offset, u32 value)
{
	switch (offset) {
	case QUEUE_NUM:
		q->num = value;
		break;
	case QUEUE_ALIGN:
		assert_int_equal(value, 4096);
		break;
	case QUEUE_PFN:
		q->pfn = value;
		break;
	case QUEUE_READY:
		q->ready = value;
		break;
	case QUEUE_DESC_LOW:
		set_low(&q->desc, value);
		break;
	case QUEUE_DESC_HIGH:
		set_high(&q->desc, value);
		break;
	case QUEUE_DRIVER_LOW:
		set_low(&q->avail, value);
		break;
	case QUEUE_DRIVER_HIGH:
		set_high(&q->avail, value);
		break;
	case QUEUE_DEVICE_LOW:
		set_low(&q->used, value);
		break;
	case QUEUE_DEVICE_HIGH:
		set_high(&q->used, value);
		break;
	default:
		fail_msg("write of 0x%x", offset);
	}
}

static void mmio_write32(volatile void *base, u32 offset, u32 value)
{
	(void)base;
	switch (offset) {
	case DEVICE_FEATURES_SEL:
	case DRIVER_FEATURES_SEL:
		dev.feature_sel = value;
		break;
	case DRIVER_FEATURES:
		if (dev.feature_sel)
			set_high(&dev.driver_features, value);
		else
			set_low(&dev.driver_features, value);
		assert_int_equal(dev.driver_features & ~dev.features, 0);
		break;
	case GUEST_PAGE_SIZE:
		assert_int_equal(value, 4096);
		break;
	case QUEUE_SEL:
		dev.sel = value;
		break;
	case QUEUE_NOTIFY:
		device_notified(value);
		break;
	case INTERRUPT_ACK:
		dev.interrupt &= ~value;
		break;
	case STATUS:
		dev.status = value;
		break;
	default:
		write_queue(q_get(dev.sel), offset, value);
	}
}

/* ---- the tests ---- */

static u32 ready; /* ports of which the driver said that there is something to do */

/* In place of the console service's. */
void console_port_ready(u32 port)
{
	ready |= 1u << port;
}

int console_ports_register(const struct console_port_ops *ops)
{
	(void)ops;
	return 0;
}

static const struct console_port_ops *ops;
static u32 max_ports = MAX_PORTS; /* what the device says that it can have */

static void start(u32 version, u64 features, u32 present)
{
	const struct phys_range ram = { PADDR(HOST_RAM_BASE), HOST_RAM_SIZE };
	struct virtio_dev d;
	static u32 anything;

	host_reset();
	assert_int_equal(host_page_init(&ram, 1, NULL, 0), 0);
	memset(&dev, 0, sizeof(dev));
	memset(devices, 0, sizeof(devices));
	memset(ports, 0, sizeof(ports));
	device_count = port_count = ready = 0;
	dev.version = version;
	dev.features = features | (version == 2 ? VIRTIO_F_VERSION_1 : 0);
	dev.present = present;
	dev.max_ports = max_ports;
	assert_true(virtio_mmio_open(&d, &anything));
	assert_int_equal(virtio_console_add(&d), 0);
	virtio_console_interrupt(0);
	virtio_console_interrupt(0); /* what it says of open ports */
	ready = 0;
	assert_int_equal(dev.status & ~8u, 7);
	ops = virtio_console_ops();
}

static int setup_legacy(void **state)
{
	*state = NULL;
	start(1, F_MULTIPORT, 0x7);
	return 0;
}

static int setup_modern(void **state)
{
	*state = NULL;
	start(2, F_MULTIPORT | 1, 0x7);
	return 0;
}

static int setup_single(void **state)
{
	*state = NULL;
	start(2, 1, 1);
	return 0;
}

static void test_ports(void **state)
{
	(void)state;
	assert_true(dev.driver_features & F_MULTIPORT);
	assert_int_equal(dev.ready, 0x7);
	assert_int_equal(dev.open, 0x7);
	assert_string_equal(ops->name(0), "hvc0");
	assert_string_equal(ops->name(2), "hvc2");
	assert_null(ops->name(3));
	assert_null(ops->name(31));
	/* Ports come and go. */
	device_say(5, DEVICE_ADD, 1);
	device_say(1, DEVICE_REMOVE, 1);
	device_say(99, DEVICE_ADD, 1);
	device_say(0, RESIZE, 0);
	virtio_console_interrupt(0);
	assert_string_equal(ops->name(5), "hvc5");
	assert_null(ops->name(1));
	assert_int_equal(dev.open, 0x27);
	assert_int_equal(ops->write(1, "x", 1), 0);
	/* Whether a program has a port open. */
	assert_true(ops->is_open(0));
	assert_false(ops->is_open(1));
	assert_false(ops->is_open(31));
	virtio_console_interrupt(0);
	assert_true(ops->is_open(5));
	ready = 0;
	device_say(0, PORT_OPEN, 0);
	virtio_console_interrupt(0);
	assert_false(ops->is_open(0));
	assert_int_equal(ready, BIT(0));
}

/* A name of the device's stays, and a longer one is cut. */
static void test_named_port(void **state)
{
	(void)state;
	second_name = "org.zvm.control";
	start(2, F_MULTIPORT, 0x7);
	assert_string_equal(ops->name(0), "hvc0");
	assert_string_equal(ops->name(1), "org.zvm.control");
	second_name = "another";
	device_names(1);
	virtio_console_interrupt(0);
	assert_string_equal(ops->name(1), "org.zvm.control");
	second_name = "a-name-of-too-many-bytes";
	start(2, F_MULTIPORT, 0x7);
	assert_string_equal(ops->name(1), "a-name-of-too-m");
	second_name = "";
	start(2, F_MULTIPORT, 0x7);
	assert_string_equal(ops->name(1), "hvc1");
	second_name = NULL;
}

static void test_all_ports(void **state)
{
	(void)state;
	start(2, F_MULTIPORT, 0xffffffff);
	/* Answers that found no room are sent when there is. */
	for (int i = 0; i < 8; i++)
		virtio_console_interrupt(0);
	assert_int_equal(dev.open, 0xffffffff);
	assert_string_equal(ops->name(31), "hvc31");
	assert_int_equal(ops->write(31, "last", 4), 4);
	assert_memory_equal(dev.written[31], "last", 4);
	ready = 0;
	virtio_console_interrupt(0);
	assert_int_equal(ready, BIT(31));
}

/* Only the first 32 are used of a device that could have more. */
static void test_too_many_ports(void **state)
{
	(void)state;
	max_ports = 100;
	start(2, F_MULTIPORT, 0xffffffff);
	max_ports = MAX_PORTS;
	device_say(32, DEVICE_ADD, 1);
	for (int i = 0; i < 8; i++)
		virtio_console_interrupt(0);
	assert_int_equal(dev.open, 0xffffffff);
	assert_int_equal(ops->count, MAX_PORTS);
	assert_null(ops->name(32));
	assert_int_equal(ops->write(32, "x", 1), 0);
}

static void test_write(void **state)
{
	char data[3000];

	(void)state;
	memset(data, 'd', sizeof(data));
	assert_int_equal(ops->write(2, "hello", 5), 5);
	assert_int_equal(dev.written_len[2], 5);
	assert_memory_equal(dev.written[2], "hello", 5);
	assert_int_equal(dev.written_len[0], 0);
	/* All buffers at once, and again: they come back. */
	for (u32 i = 1; i <= 2; i++)
		assert_int_equal(ops->write(0, data, 2000), 2000);
	assert_int_equal(dev.written_len[0], 4000);
	virtio_console_interrupt(0);
	assert_int_equal(ready & 1, 1);
}

static void test_nobody_reads(void **state)
{
	char data[3000];

	(void)state;
	memset(data, 'd', sizeof(data));
	dev.blocked = true;
	assert_int_equal(ops->write(0, data, sizeof(data)), PORT_BUFFERS * TX_BYTES);
	assert_int_equal(ops->write(0, data, sizeof(data)), 0);
	virtio_console_interrupt(0);
	ready = 0;
	dev.blocked = false;
	device_notified(1);
	virtio_console_interrupt(0);
	assert_int_equal(ready, 1);
	assert_int_equal(dev.written_len[0], PORT_BUFFERS * TX_BYTES);
	assert_int_equal(ops->write(0, data, 10), 10);
}

static void test_read(void **state)
{
	char data[64];

	(void)state;
	assert_int_equal(ops->read(0, data, sizeof(data)), 0);
	assert_true(device_send(0, "typed text", 10));
	assert_true(device_send(0, "!", 1));
	ready = 0;
	virtio_console_interrupt(0);
	assert_int_equal(ready, 1);
	/* As little as the reader wants; the rest stays. */
	assert_int_equal(ops->read(0, data, 6), 6);
	assert_memory_equal(data, "typed ", 6);
	assert_int_equal(ops->read(0, data, sizeof(data)), 5);
	assert_memory_equal(data, "text!", 5);
	assert_int_equal(ops->read(0, data, sizeof(data)), 0);
	assert_int_equal(ops->read(40, data, sizeof(data)), 0);
}

static void test_read_holds_the_sender_off(void **state)
{
	char data[RX_BYTES], line[RX_BYTES];
	u32 sent = 0;

	(void)state;
	memset(line, 'k', sizeof(line));
	while (device_send(0, line, sizeof(line)))
		sent++;
	assert_int_equal(sent, PORT_BUFFERS);
	for (u32 i = 0; i < 100; i++) {
		assert_int_equal(ops->read(0, data, sizeof(data)), sizeof(data));
		assert_true(device_send(0, line, sizeof(line)));
		assert_false(device_send(0, line, 1));
	}
}

/* A call ends though the device gives back for ever what it is given. */
static void test_endless_device(void **state)
{
	struct virtq *control = &devices[0].crx;
	u16 before = control->avail->idx;
	char data[64];

	(void)state;
	dev.hollow = true;
	device_notified(0);
	assert_int_equal(ops->read(0, data, sizeof(data)), 0);
	assert_int_equal(ops->read(0, data, sizeof(data)), 0);
	control->used->idx += 0x7fff;
	virtio_console_interrupt(0);
	assert_true((u16)(control->avail->idx - before) <= control->size);
}

static void test_single(void **state)
{
	(void)state;
	assert_int_equal(dev.driver_features & F_MULTIPORT, 0);
	assert_string_equal(ops->name(0), "hvc0");
	assert_null(ops->name(1));
	assert_int_equal(dev.ready, 0);
}

#define both(test) \
	cmocka_unit_test_setup(test, setup_legacy), cmocka_unit_test_setup(test, setup_modern)

int main(void)
{
	const struct CMUnitTest tests[] = {
		both(test_ports),
		both(test_write),
		both(test_nobody_reads),
		both(test_read),
		both(test_read_holds_the_sender_off),
		both(test_endless_device),
		cmocka_unit_test(test_named_port),
		cmocka_unit_test(test_all_ports),
		cmocka_unit_test(test_too_many_ports),
		cmocka_unit_test_setup(test_single, setup_single),
		cmocka_unit_test_setup(test_read, setup_single),
		cmocka_unit_test_setup(test_nobody_reads, setup_single),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
