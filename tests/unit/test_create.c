/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMs with every class of device are created while the n-th allocation fails, for each n: an error
 * says so, nothing is lost, and the next creation works. The linker leads allocations here
 * (meson.build).
 */
#include "unit_boot.h"

#include <arch/guest.h>
#include <arch/mmu.h>
#include <asm/host.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <kernel/thread.h>
#include <kernel/timeout.h>
#include <kernel/trace.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <string.h>
#include <vmm/disk.h>
#include <vmm/life.h>
#include <vmm/load.h>
#include <vmm/trace.h>

/* ---- allocations ---- */

static u32 allocations;
static u32 failing; /* the number of the one that fails; 0: none */

static bool fails(void)
{
	return ++allocations == failing;
}

#define WRAP(type, failed, name, parameters, arguments)            \
	type __real_##name parameters;                             \
	type __wrap_##name parameters;                             \
	type __wrap_##name parameters                              \
	{                                                          \
		return fails() ? failed : __real_##name arguments; \
	}

WRAP(void *, NULL, pages_alloc, (u32 count), (count))
WRAP(void *, NULL, page_alloc, (void), ())
WRAP(void *, NULL, kzalloc, (size_t size), (size))
WRAP(bool, false, block_reserve, (u64 count), (count))
WRAP(void *, NULL, arch_stack_alloc, (void), ())
WRAP(int, -ENOMEM, stage2_init, (struct stage2 * s2), (s2))
WRAP(int, -ENOMEM, stage2_prepare, (struct stage2 * s2, ipa_t ipa, u64 size), (s2, ipa, size))

/* ---- the bundle ---- */

static char archive[KIB(16)] __aligned(8);
static size_t archive_size;

static void pad(void)
{
	archive_size = ALIGN_UP(archive_size, 4);
}

static void add_file(const char *name, const void *data, u32 size)
{
	archive_size +=
		(size_t)snprintf(archive + archive_size, 111,
				 "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1,
				 0100644, 0, 0, 1, 0, size, 0, 0, 0, 0, (u32)strlen(name) + 1, 0);
	strcpy(archive + archive_size, name);
	archive_size += strlen(name) + 1;
	pad();
	memcpy(archive + archive_size, data, size);
	archive_size += size;
	pad();
}

static void make_bundle(void)
{
	static const u8 kernel[8] = { 0x7f, 0x20, 0x03, 0xd5, 0xff, 0xff, 0xff, 0x17 };
	static const u8 image[4096] = { 1 };

	add_file("kernel", kernel, sizeof(kernel));
	add_file("image", image, sizeof(image));
	add_file("TRAILER!!!", "", 0);
	bundle_open(&the_bundle, archive, archive_size);
}

/* ---- types ---- */

static struct vm_type type;

static struct vm_desc *plain(void)
{
	struct vm_desc *d = &type.desc;

	memset(&type, 0, sizeof(type));
	type.valid = true;
	strcpy(d->label, "vm");
	strcpy(d->kernel.path, "kernel");
	d->cpus = 3;
	d->ram = ram_map_default(MIB(8));
	d->priority = 20;
	d->weight = 100;
	d->console_port = CONSOLE_PORT_ANY;
	return d;
}

static struct desc_virtio *device(struct vm_desc *d, enum desc_virtio_kind kind)
{
	struct desc_virtio *v = &d->virtio[d->virtio_count];

	v->kind = kind;
	v->slot = d->virtio_count++;
	(void)snprintf(v->name, sizeof(v->name), "dev%u", v->slot);
	return v;
}

/* ---- what there is ---- */

struct account {
	struct page_stats pages;
	u32 stacks;
};

static struct account account(void)
{
	struct account a = { .stacks = host_stacks_in_use };

	page_stats(&a.pages);
	return a;
}

static void balances(const struct account *before)
{
	const struct account now = account();

	assert_int_equal(now.pages.free, before->pages.free);
	assert_int_equal(now.pages.blocks_reserved, before->pages.blocks_reserved);
	assert_int_equal(now.stacks, before->stacks);
	assert_null(vm_next(0));
}

static int create(struct vm **vm, struct vm_error *err)
{
	const struct vm_options none = { .priority = -1 };

	err->text[0] = '\0';
	return vm_create(&type, &none, vm, err);
}

/* Loaded, or not for want of memory; and deleted. */
static void end(struct vm *vm)
{
	struct vm_error err;

	if (vm_await(vm->id, DEADLINE_NEVER, &err))
		assert_true(err.text[0]);
	assert_int_equal(vm_delete(vm, true, &err), 0);
}

/*
 * The n-th allocation of a VM's life fails, for each n. At least `least` of these VMs are refused.
 */
static void each_fails_once(u32 least)
{
	struct account before;
	struct vm_error err;
	struct vm *vm;
	u32 refused = 0;

	assert_int_equal(create(&vm, &err), 0); /* what stays allocated for good is now */
	end(vm);
	before = account();
	for (u32 n = 1; allocations >= n || n == 1; n++) {
		allocations = 0;
		failing = n;
		if (create(&vm, &err) == 0) {
			end(vm);
		} else {
			refused++;
			assert_true(err.text[0]);
		}
		failing = 0;
		host_run_others();
		balances(&before);
		assert_int_equal(create(&vm, &err), 0);
		end(vm);
		balances(&before);
	}
	assert_true(refused >= least);
}

static void a_plain_one(void **state)
{
	(void)state;
	plain();
	each_fails_once(8);
}

static void one_whose_late_timers_are_explained(void **state)
{
	struct vm_desc *d = plain();

	(void)state;
	d->late_limit_us = 50;
	each_fails_once(10);
}

static void one_that_gives_memory_back(void **state)
{
	(void)state;
	device(plain(), VIRTIO_BALLOON);
	each_fails_once(9);
}

static void one_with_firmware(void **state)
{
	struct vm_desc *d = plain();

	(void)state;
	strcpy(d->firmware.path, "image");
	each_fails_once(10);
}

static void one_with_a_disk_of_an_image(void **state)
{
	(void)state;
	strcpy(device(plain(), VIRTIO_BLK)->image, "image");
	each_fails_once(10);
}

static int submit(struct disk *d, struct disk_io *io)
{
	(void)d;
	(void)io;
	return -EIO;
}

static void describe(struct disk_io *io, u32 n, void *at, u32 bytes)
{
	(void)io;
	(void)n;
	(void)at;
	(void)bytes;
}

static void one_with_a_disk_of_the_machine(void **state)
{
	static struct disk disk = { .submit = submit,
				    .describe = describe,
				    .most_parts = 16,
				    .sectors = 2048,
				    .block = 512 };

	(void)state;
	if (!disk.name[0])
		disk_register(&disk);
	strcpy(device(plain(), VIRTIO_BLK)->disk, disk.name);
	each_fails_once(14);
}

static void one_of_two_networks(void **state)
{
	struct vm_desc *d = plain();

	(void)state;
	strcpy(device(d, VIRTIO_NET)->network, "a");
	strcpy(device(d, VIRTIO_NET)->network, "b");
	each_fails_once(16);
}

static void one_with_consoles_and_sockets(void **state)
{
	struct vm_desc *d = plain();
	struct desc_virtio *v = device(d, VIRTIO_CONSOLE);

	(void)state;
	v->port_count = 2;
	strcpy(v->ports[0], "first");
	strcpy(v->ports[1], "second");
	v = device(d, VIRTIO_VSOCK);
	v->host_port_count = 2;
	v->host_ports[0] = 22;
	v->host_ports[1] = 23;
	device(d, VIRTIO_RNG);
	strcpy(device(d, VIRTIO_RPMSG)->link, "link");
	each_fails_once(17);
}

static void one_with_channels(void **state)
{
	static const struct desc_channel channels[2] = {
		{ .name = "a", .peer_count = 2, .peers = { "vm", "b" }, .size = 8192 },
		{ .name = "c", .peer_count = 2, .peers = { "d", "vm" }, .output = 4096 },
	};
	struct vm_desc *d = plain();

	(void)state;
	d->channels = channels;
	d->channel_count = 2;
	each_fails_once(14);
}

/* A dedicated CPU is taken from others; that plan is forgotten too. */
static void one_that_others_give_way_to(void **state)
{
	struct vm_desc *d = plain();
	struct vm *other, *vm;
	struct vm_error err;
	u32 moved = 0;

	(void)state;
	d->cpus = 1;
	d->affinity = 0x3;
	assert_int_equal(create(&other, &err), 0);
	assert_int_equal(other->vcpus[0]->cpu, 1);
	d->dedicated = true;
	d->affinity = 0x2;
	d->late_limit_us = 50;
	for (failing = 1, allocations = 1; !moved && allocations >= failing - 1; failing++) {
		allocations = 0;
		if (create(&vm, &err) == 0) {
			moved = other->vcpus[0]->cpu == 0;
			end(vm);
		}
		assert_int_equal(other->planned[0], other->vcpus[0]->cpu);
	}
	failing = 0;
	assert_true(moved);
	end(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_plain_one, unit_end),
		cmocka_unit_test_teardown(one_whose_late_timers_are_explained, unit_end),
		cmocka_unit_test_teardown(one_that_gives_memory_back, unit_end),
		cmocka_unit_test_teardown(one_with_firmware, unit_end),
		cmocka_unit_test_teardown(one_with_a_disk_of_an_image, unit_end),
		cmocka_unit_test_teardown(one_with_a_disk_of_the_machine, unit_end),
		cmocka_unit_test_teardown(one_of_two_networks, unit_end),
		cmocka_unit_test_teardown(one_with_consoles_and_sockets, unit_end),
		cmocka_unit_test_teardown(one_with_channels, unit_end),
		cmocka_unit_test_teardown(one_that_others_give_way_to, unit_end),
	};

	unit_boot(2);
	log_echo_level = LOG_ERR;
	make_bundle();
	if (page_cleaner_start() || vmm_init() || trace_init() || late_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
