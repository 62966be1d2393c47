/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio_fixture.h"

#include <asm/host.h>
#include <stdlib.h>
#include <string.h>

struct vm virtio_vm;
static const struct vm_type type;
struct vcpu virtio_vcpu;
struct vdev virtio_dev;
bool virtio_line, virtio_lost;
u32 virtio_kicks, virtio_absent, virtio_brought;
struct timeout *virtio_timeout;
bool virtio_timer_armed, virtio_has_entropy;
void (*virtio_between)(void), (*virtio_asleep)(void);

/* The second block of 2 MiB lies before the first: nothing may go on from one to the next. */
static u8 ram[RAM_SIZE] __attribute__((aligned(4096)));
static vcpu_devices_fn devices;
static u8 random_byte;

/* ---- in place of the house ---- */

void *vm_ram_ptr(const struct vm_ram *r, u64 ipa)
{
	assert_ptr_equal(r, &virtio_vm.ram);
	assert_in_range(ipa, RAM, RAM + RAM_SIZE - 1);
	if (virtio_absent && !--virtio_absent)
		return NULL;
	return guest(ipa);
}

bool vm_ram_bring(struct vm *vm, u64 ipa)
{
	assert_ptr_equal(vm, &virtio_vm);
	assert_in_range(ipa, RAM, RAM + RAM_SIZE - 1);
	virtio_brought++;
	return !virtio_lost;
}

void vgic_set_spi(struct vm *v, u32 intid, bool level)
{
	assert_ptr_equal(v, &virtio_vm);
	assert_int_equal(intid, 48 + FIRST_SLOT);
	assert_int_not_equal(level, virtio_line);
	virtio_line = level;
}

void vcpu_kick(struct vcpu *v, u32 work)
{
	assert_ptr_equal(v->vm, &virtio_vm);
	assert_int_equal(work, VCPU_WORK_DEVICE);
	v->thread.work |= work;
	virtio_kicks++;
}

void vcpu_set_devices(vcpu_devices_fn fn)
{
	devices = fn;
}

void sched_open(void)
{
	arch_irq_enable();
	if (virtio_between)
		virtio_between();
}

void thread_sleep_ms(u64 ms)
{
	(void)ms;
	if (virtio_asleep)
		virtio_asleep();
}

bool random_bytes(struct random *r, void *buf, size_t size)
{
	assert_ptr_equal(r, &virtio_vcpu.random);
	memset(buf, ++random_byte, size);
	return virtio_has_entropy;
}

void timeout_init(struct timeout *t, void (*fn)(struct timeout *t))
{
	t->fn = fn;
	virtio_timeout = t;
}

void timeout_set(struct timeout *t, u64 when)
{
	virtio_timeout = t;
	virtio_timer_armed = when != DEADLINE_NEVER;
}

u64 us_to_ticks(u64 us)
{
	return us * (HOST_COUNTER_HZ / 1000000);
}

u64 ticks_to_us(u64 ticks)
{
	return ticks / (HOST_COUNTER_HZ / 1000000);
}

u64 ms_to_ticks(u64 ms)
{
	return ms * HOST_COUNTER_HZ / 1000;
}

bool timeout_cancel(struct timeout *t)
{
	const bool was = virtio_timer_armed && t == virtio_timeout;

	if (was)
		virtio_timer_armed = false;
	return was;
}

/* ---- the VM ---- */

void virtio_new(const struct vdev_class *class, const struct desc_virtio *node)
{
	static struct vcpu *const vcpu = &virtio_vcpu;

	host_reset();
	virtio_init();
	if (virtio_dev.class && virtio_dev.class->destroy)
		virtio_dev.class->destroy(&virtio_dev);
	free(virtio_dev.state);
	mmio_free(&virtio_vm.bus);
	memset(&virtio_vm, 0, sizeof(virtio_vm));
	memset(&virtio_vcpu, 0, sizeof(virtio_vcpu));
	memset(ram, 0, sizeof(ram));
	virtio_line = virtio_lost = virtio_timer_armed = false;
	virtio_kicks = virtio_absent = virtio_brought = 0;
	virtio_has_entropy = true;
	virtio_between = NULL;
	random_byte = 0;
	virtio_vm.ram.map = ram_map_default(RAM_SIZE);
	virtio_vm.vcpus[0] = vcpu;
	virtio_vm.nvcpus = 1;
	virtio_vm.type = &type;
	virtio_vcpu.vm = &virtio_vm;
	virtio_vcpu.power = VCPU_ON;
	virtio_vm.desc.virtio[0] = *node;
	virtio_vm.desc.virtio[0].slot = FIRST_SLOT;
	virtio_vm.desc.virtio_count = 1;
	virtio_dev = (struct vdev){ .class = class,
				    .vm = &virtio_vm,
				    .virtio = &virtio_vm.desc.virtio[0],
				    .state = calloc(1, class->size) };
	assert_int_equal(class->host_init(), 0);
	assert_int_equal(class->create(&virtio_dev), 0);
	virtio_vm.devices[0] = virtio_dev;
	virtio_vm.ndevices = 1;
	class->reset(&virtio_dev);
}

static u64 access(u32 offset, u32 size, bool write, u64 value)
{
	const u64 ipa = GUEST_VIRTIO_BASE + FIRST_SLOT * 0x200 + offset;
	const struct mmio_region *r = mmio_find(&virtio_vm.bus, ipa);
	struct mmio_access a = {
		.ipa = IPA(ipa), .size = (u8)size, .write = write, .value = value
	};

	assert_non_null(r);
	assert_int_equal(r->handler(r, &virtio_vcpu, offset, &a), MMIO_OK);
	return a.value;
}

u64 virtio_load(u32 offset, u32 size)
{
	return access(offset, size, false, 0);
}

void virtio_store(u32 offset, u32 size, u64 value)
{
	(void)access(offset, size, true, value);
}

/* ---- the driver ---- */

void *guest(u64 ipa)
{
	assert_in_range(ipa, RAM, RAM + RAM_SIZE - 1);
	_Static_assert(RAM_SIZE == 2 * MIB(2), "two blocks");
	return &ram[(ipa - RAM) ^ MIB(2)];
}

void virtio_start(u64 features, u32 queues)
{
	features |= VIRTIO_F_VERSION_1;
	memset(guest(RAM), 0, DATA_AT - RAM);
	put(STATUS, 0);
	put(STATUS, 1 | 2);
	for (u32 i = 0; i < 2; i++) {
		put(DRIVER_FEATURES_SEL, i);
		put(DRIVER_FEATURES, (u32)(features >> 32 * i));
	}
	put(STATUS, 1 | 2 | 8);
	assert_int_equal(get(STATUS), 1 | 2 | 8);
	for (u32 q = 0; q < queues; q++) {
		put(QUEUE_SEL, q);
		put(QUEUE_NUM, RING_SIZE);
		put(QUEUE_DESC, (u32)(DESC_AT + q * QUEUE_STRIDE));
		put(QUEUE_DRIVER, (u32)(AVAIL_AT + q * QUEUE_STRIDE));
		put(QUEUE_DEVICE, (u32)(USED_AT + q * QUEUE_STRIDE));
		put(QUEUE_READY, 1);
	}
	put(STATUS, DRIVER_OK);
	virtio_work();
}

void set_desc(u32 n, u64 addr, u32 len, u16 flags, u16 next)
{
	((struct ring_desc *)guest(DESC_AT))[n] = (struct ring_desc){ addr, len, flags, next };
}

void offer(u32 queue, u16 head)
{
	u16 *avail = guest(AVAIL_AT + queue * QUEUE_STRIDE);

	avail[2 + avail[1] % RING_SIZE] = head;
	avail[1]++;
}

void virtio_work_once(void)
{
	virtio_vcpu.thread.work &= (u32)~VCPU_WORK_DEVICE;
	arch_irq_disable();
	devices(&virtio_vcpu);
}

void virtio_work(void)
{
	while (virtio_vcpu.thread.work & VCPU_WORK_DEVICE)
		virtio_work_once();
}

void notify(u32 queue)
{
	put(QUEUE_NOTIFY, queue);
	virtio_work();
}

u16 used_idx(u32 queue)
{
	return ((u16 *)guest(USED_AT + queue * QUEUE_STRIDE))[1];
}

u32 used_last(u32 queue, u32 *len)
{
	const u32 *used = guest(USED_AT + queue * QUEUE_STRIDE + 4);
	const u32 last = (u16)(used_idx(queue) - 1) % RING_SIZE;

	*len = used[2 * last + 1];
	return used[2 * last];
}

const char *virtio_info(void)
{
	static char text[160];

	virtio_dev.class->info(&virtio_dev, text, sizeof(text));
	return text;
}
