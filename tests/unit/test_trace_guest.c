/* SPDX-License-Identifier: Apache-2.0 */
/* Events of a guest: what is taken from rings in its memory, and from wild ones. */
#include "unit_boot.h"

#include <arch/mmu.h>
#include <kernel/page.h>
#include <kernel/percpu.h>
#include <lib/string.h>
#include <uapi/smccc.h>
#include <uapi/trace.h>
#include <vmm/core.h>
#include <vmm/cpu.h>
#include "../../vmm/trace/trace_internal.h"

#define RAM     0x40000000UL
#define RECORDS 64u

/* What the guest keeps, at RAM + 0x100; the rings are behind each other. */
static struct memory {
	struct guest_trace head;
	struct guest_trace_ring rings[2];
	u32 wanted, unused;
	u64 heads[2];
	struct guest_trace_thread names[2] __aligned(8);
	struct trace_record records[2][RECORDS];
} * guest;
#define IPA_OF(member) (RAM + 0x100 + offsetof(struct memory, member))

static struct vm vm;
static struct vcpu vcpu;
static paddr_t blocks[1];
static struct vdev *dev;
static struct guest_records got;
static u64 lost;

static s64 tell(u64 ipa)
{
	return trace_guest_call(&vcpu, ipa);
}

static u32 take(void)
{
	lost = 0;
	return trace_guest_read(vm.id, &got, &lost);
}

static int setup(void **state)
{
	static u8 log[4096] __aligned(16);
	static u8 *ram;

	*state = NULL;
	if (!ram)
		ram = pages_alloc(BLOCK_SIZE / PAGE_SIZE);
	assert_non_null(ram);
	memset(log, 0, sizeof(log));
	guest = (struct memory *)(ram + 0x100);
	blocks[0] = virt_to_phys(ram);
	vm = (struct vm){ .id = 5, .cntvoff = 0x777, .ndevices = 1 };
	vm.ram.map = (struct ram_map){ 1, { { RAM, BLOCK_SIZE } } };
	vm.ram.blocks = blocks;
	vcpu.vm = &vm;
	dev = &vm.devices[0];
	*dev = (struct vdev){ .class = &trace_guest_class, .vm = &vm, .state = log };
	assert_true(trace_guest_class.size <= sizeof(log));
	assert_int_equal(trace_guest_class.create(dev), 0);
	*guest = (struct memory){
		.head = { GUEST_TRACE_VERSION, 2, RECORDS, 2, IPA_OF(wanted), IPA_OF(names) },
		.rings = { { IPA_OF(heads), IPA_OF(records) },
			   { IPA_OF(heads) + 8, IPA_OF(records) + sizeof(guest->records[0]) } },
		.names = { { 1, 0, "idle" }, { 2, 0, "control" } },
	};
	return 0;
}

static int leave(void **state)
{
	(void)state;
	trace_guests_want(0, -1);
	trace_guest_class.reset(dev);
	return 0;
}

static void write(u32 ring, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		const u64 at = guest->heads[ring]++;

		guest->records[ring][at % RECORDS] = (struct trace_record){ at, ring };
	}
}

/* It is told what to record, and only while that is recorded; for one VM no other one is. */
static void is_told(void **state)
{
	(void)state;
	assert_int_equal(tell(IPA_OF(head)), SMCCC_SUCCESS);
	assert_int_equal(guest->wanted, 0);
	trace_guests_want(TRACE_EXITS | TRACE_SWITCHES, -1);
	assert_int_equal(guest->wanted, TRACE_SWITCHES);
	trace_guests_want(TRACE_SWITCHES | TRACE_IRQS, 4);
	assert_int_equal(guest->wanted, 0);
	trace_guests_want(TRACE_SWITCHES | TRACE_IRQS, 5);
	assert_int_equal(guest->wanted, TRACE_SWITCHES | TRACE_IRQS);
	trace_guests_want(0, -1);
	assert_int_equal(guest->wanted, 0);
	/* A guest that comes later is told at once. */
	assert_int_equal(tell(0), SMCCC_SUCCESS);
	trace_guests_want(TRACE_SWITCHES, -1);
	assert_int_equal(guest->wanted, 0);
	assert_int_equal(tell(IPA_OF(head)), SMCCC_SUCCESS);
	assert_int_equal(guest->wanted, TRACE_SWITCHES);
}

/* Rings in turn, in pieces, over their ends; what was overwritten is counted. */
static void records(void **state)
{
	u32 n, next[2] = { 3, 0 }, all = 0;

	(void)state;
	assert_int_equal(tell(IPA_OF(head)), SMCCC_SUCCESS);
	write(0, 3);
	trace_guests_want(TRACE_SWITCHES, -1); /* what was before is not in the trace */
	assert_int_equal(take(), 0);
	for (u32 round = 0; round < 100; round++) {
		write(0, round % 50);
		write(1, round % 7);
		while ((n = take())) {
			assert_int_equal(lost, 0);
			assert_int_equal(got.vm, 5);
			assert_int_equal(got.offset, 0x777);
			assert_int_equal(got.first, next[got.ring]);
			for (u32 i = 0; i < n; i++, next[got.ring]++, all++) {
				assert_int_equal(got.records[i].when, next[got.ring]);
				assert_int_equal(got.records[i].what, got.ring);
			}
		}
	}
	assert_int_equal(all, guest->heads[0] - 3 + guest->heads[1]);
	write(1, 1000);
	assert_int_equal(take(), GUEST_RECORDS_MAX);
	assert_int_equal(lost, 1000 - (RECORDS - 1));
	assert_int_equal(got.records[0].when, guest->heads[1] - (RECORDS - 1));
	/* A second dump begins where the trace does, as far as that is still there. */
	trace_guests_rewind();
	assert_int_equal(take(), GUEST_RECORDS_MAX);
}

static void names(void **state)
{
	struct guest_trace_thread out[4];

	(void)state;
	assert_int_equal(trace_guest_names(5, 0, out, 4), 0);
	assert_int_equal(tell(IPA_OF(head)), SMCCC_SUCCESS);
	assert_int_equal(trace_guest_names(5, 0, out, 4), 2);
	assert_string_equal(out[1].name, "control");
	assert_int_equal(trace_guest_names(5, 1, out, 4), 1);
	assert_int_equal(trace_guest_names(5, 2, out, 4), 0);
	assert_int_equal(trace_guest_names(6, 0, out, 4), 0);
}

/* Numbers that cannot be are refused; those that are written later reach nothing but its RAM. */
static void wild(void **state)
{
	static const u64 places[] = {
		0, 8, RAM - 8, RAM + BLOCK_SIZE - 8, RAM + BLOCK_SIZE, ~7UL, 4
	};
	const struct guest_trace good = guest->head;
	u32 n = 0;

	(void)state;
	assert_int_equal(tell(IPA_OF(head) + 4), SMCCC_INVALID);
	assert_int_equal(tell(RAM - 8), SMCCC_INVALID);
	assert_int_equal(tell(RAM + BLOCK_SIZE - 8), SMCCC_INVALID);
	for (u32 i = 0; i < 6; i++) {
		guest->head = good;
		((u32 *)&guest->head)[i % 4] = (const u32[]){ 2, 33, 65, 257, 0, 0 }[i];
		assert_int_equal(tell(IPA_OF(head)), SMCCC_INVALID);
	}
	guest->head = good;
	guest->head.wanted++;
	assert_int_equal(tell(IPA_OF(head)), SMCCC_INVALID);
	guest->head = good;
	assert_int_equal(tell(IPA_OF(head)), SMCCC_SUCCESS);
	trace_guests_want(TRACE_SWITCHES, -1);
	for (u32 i = 0; i < ARRAY_SIZE(places); i++) {
		guest->rings[0].records = places[i];
		guest->rings[1].head = places[ARRAY_SIZE(places) - 1 - i];
		guest->heads[0] += 1UL << (9 * i);
		guest->head.names = guest->head.wanted = places[i]; /* a copy is used */
		n += take();
		n += trace_guest_names(5, 0, &(struct guest_trace_thread){ 0 }, 1);
	}
	assert_true(n >= ARRAY_SIZE(places));
	/* Its memory goes away. */
	trace_guest_class.reset(dev);
	assert_int_equal(take(), 0);
	vm.ram.pages = (void *)guest;
	assert_int_equal(tell(IPA_OF(head)), SMCCC_NOT_SUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(is_told, setup, leave),
		cmocka_unit_test_setup_teardown(records, setup, leave),
		cmocka_unit_test_setup_teardown(names, setup, leave),
		cmocka_unit_test_setup_teardown(wild, setup, leave),
	};

	unit_boot(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
