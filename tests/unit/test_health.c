/* SPDX-License-Identifier: Apache-2.0 */
/* The results of looks at vCPUs, and what follows from them. */
#include "unit_boot.h"

#include <arch/timer.h>
#include <kernel/percpu.h>
#include <string.h>
#include <vmm/core.h>

#define TIMEOUT_MS 1000UL

static struct vm vm;
#define MANY 20

static struct vcpu vcpus[MANY];
static struct guest_look found[MANY];

static void look(const struct vcpu *v, struct guest_look *l)
{
	*l = found[v->index];
}

static int setup(void **state)
{
	(void)state;
	memset(&vm, 0, sizeof(vm));
	memset(vcpus, 0, sizeof(vcpus));
	memset(found, 0, sizeof(found));
	wait_queue_init(&vm.state_wq, LOCK_VM_STATE);
	vm.state = VM_RUNNING;
	vm.run_allowed = true;
	vm.nvcpus = 2;
	vm.ram.map = ram_map_default(MIB(2));
	for (u32 i = 0; i < MANY; i++) {
		vm.vcpus[i] = &vcpus[i];
		vcpus[i].vm = &vm;
		vcpus[i].index = i;
		vcpus[i].power = VCPU_ON;
		found[i].pc = 0x1000 + i;
	}
	health_init(&vm);
	return 0;
}

static int teardown(void **state)
{
	health_end(&vm);
	return unit_end(state);
}

/* Time passes up to the next request, on the CPU for this vCPU. */
static void run_on(struct vcpu *v, u64 ticks)
{
	v->thread.run_ticks += ticks;
	v->thread.switched_in_at = arch_counter();
}

/* It has run, and looks if it was asked to. */
static void looks(struct vcpu *v)
{
	run_on(v, ms_to_ticks(HEALTH_LOOK_MS));
	if (!(__atomic_exchange_n(&v->thread.work, 0, __ATOMIC_RELAXED) & VCPU_WORK_LOOK))
		return;
	arch_irq_disable();
	health_look(v);
	arch_irq_enable();
}

static void pass_a_look(void)
{
	host_advance(ms_to_ticks(HEALTH_LOOK_MS));
	looks(&vcpus[0]);
	looks(&vcpus[1]);
}

static void is_lost(u32 n, u64 elr)
{
	found[n].lost = GUEST_FAULTS;
	found[n].what = "data abort";
	found[n].last = (struct guest_exception){ 0x96000050, 0xf000000, elr };
	found[n].link = 0x42;
}

static void a_crash(void **state)
{
	(void)state;
	health_begin(&vm);
	is_lost(1, 0x204);
	for (u32 n = 1; n < HEALTH_LOOKS; n++) {
		pass_a_look();
		assert_int_equal(vm.request, VM_REQ_NONE);
	}
	pass_a_look();
	assert_int_equal(vm.request, VM_REQ_CRASH);
	assert_string_equal(
		vm.crash,
		"vcpu 1 faults at its own vector for ever: data abort, ESR_EL1 96000050, FAR_EL1 f000000, ELR_EL1 204, PC 1001, LR 42");
	assert_true(vcpus[0].thread.work & VCPU_WORK_STATE);
}

static void says_what_came_before(void **state)
{
	(void)state;
	health_begin(&vm);
	is_lost(0, 0x204);
	found[0].lost = GUEST_SPINS;
	found[0].given = (struct guest_exception){ 0x2000000, 7, 0x400 };
	for (u32 n = 0; n < HEALTH_LOOKS; n++)
		pass_a_look();
	assert_string_equal(
		vm.crash,
		"vcpu 0 spins at its vector: data abort, ESR_EL1 96000050, FAR_EL1 f000000, ELR_EL1 204, PC 1000, LR 42; given before: ESR 2000000, FAR 7, ELR 400");
}

/* Another exception; a look that finds it elsewhere; a wait: each restarts the count. */
static void gets_on(void **state)
{
	(void)state;
	health_begin(&vm);
	for (u32 n = 0; n < 3 * HEALTH_LOOKS; n++) {
		is_lost(0, n / (HEALTH_LOOKS - 1));
		pass_a_look();
	}
	for (u32 n = 0; n < 3 * HEALTH_LOOKS; n++) {
		is_lost(0, 0x204);
		found[0].lost = n % (HEALTH_LOOKS - 1) ? GUEST_FAULTS : GUEST_GETS_ON;
		pass_a_look();
	}
	is_lost(0, 0x204);
	for (u32 n = 0; n < 3 * HEALTH_LOOKS; n++) {
		vcpus[0].waits = n % (HEALTH_LOOKS - 1) == 0;
		pass_a_look();
	}
	assert_int_equal(vm.request, VM_REQ_NONE);
}

/* A look at what has not run since the last one says nothing. */
static void starves(void **state)
{
	(void)state;
	health_begin(&vm);
	is_lost(0, 0x204);
	for (u32 n = 0; n < 10 * HEALTH_LOOKS; n++) {
		host_advance(ms_to_ticks(HEALTH_LOOK_MS));
		vcpus[0].thread.switched_in_at = arch_counter();
		arch_irq_disable();
		health_look(&vcpus[0]);
		arch_irq_enable();
	}
	assert_int_equal(vm.request, VM_REQ_NONE);
}

static void all_masked(void **state)
{
	u64 began;

	(void)state;
	vm.desc.hang_timeout_ms = TIMEOUT_MS;
	health_begin(&vm);
	pass_a_look();
	began = arch_counter();
	found[0].masked = found[1].masked = true;
	while (vm.request == VM_REQ_NONE && arch_counter() < began + 10 * ms_to_ticks(TIMEOUT_MS))
		pass_a_look();
	assert_int_equal(vm.request, VM_REQ_CRASH);
	assert_true(arch_counter() - began >= ms_to_ticks(TIMEOUT_MS));
	assert_true(arch_counter() - began <= ms_to_ticks(TIMEOUT_MS + 2 * HEALTH_LOOK_MS));
	assert_memory_equal(vm.crash, "hangs: interrupts masked for 1000 ms of CPU time, PC ", 52);
}

static void pass_looks(u32 count)
{
	while (count--)
		pass_a_look();
}

static void not_all_masked(void **state)
{
	const u32 many = 10 * TIMEOUT_MS / HEALTH_LOOK_MS;

	(void)state;
	found[0].masked = found[1].masked = true;
	health_begin(&vm);
	pass_looks(many); /* without a timeout */
	vm.desc.hang_timeout_ms = TIMEOUT_MS;
	health_reset(&vcpus[0]);
	health_reset(&vcpus[1]);
	found[1].masked = false;
	pass_looks(many);
	found[1].masked = true;
	vcpus[1].waits = true;
	pass_looks(many);
	vcpus[1].waits = false;
	vcpus[1].power = VCPU_ON_PENDING;
	pass_looks(many);
	vcpus[1].power = VCPU_ON;
	for (u32 n = 0; n < many; n++) { /* in turns */
		found[n % 2].masked = false;
		pass_looks(2);
		found[n % 2].masked = true;
	}
	assert_int_equal(vm.request, VM_REQ_NONE);
	vcpus[1].power = VCPU_OFF; /* then the other one is all of them */
	pass_looks(many);
	assert_int_equal(vm.request, VM_REQ_CRASH);
}

/* A vCPU that has not looked yet, because others keep it off its CPU, may have unmasked since. */
static void a_look_that_is_due(void **state)
{
	(void)state;
	vm.desc.hang_timeout_ms = TIMEOUT_MS;
	found[0].masked = found[1].masked = true;
	health_begin(&vm);
	pass_looks(TIMEOUT_MS / HEALTH_LOOK_MS);
	for (u32 n = 0; n < 20; n++) {
		host_advance(ms_to_ticks(HEALTH_LOOK_MS));
		vcpus[1].thread.switched_in_at = arch_counter();
		looks(&vcpus[0]);
	}
	assert_int_equal(vm.request, VM_REQ_NONE);
}

static u32 asked_after(u64 exits)
{
	vcpus[0].exits[EXIT_IRQ] += exits;
	vcpus[0].thread.work = 0;
	host_advance(ms_to_ticks(HEALTH_LOOK_MS));
	return vcpus[0].thread.work;
}

/* No look is needed if the vCPU's state proves that it got on. */
static void has_got_on_anyway(void **state)
{
	(void)state;
	health_begin(&vm);
	vcpus[0].prio = PRIO_DEFAULT;
	vcpus[0].arch.was_open = true;
	assert_int_equal(asked_after(0), VCPU_WORK_LOOK); /* long ago */
	assert_int_equal(asked_after(1), 0);
	assert_true(vcpus[0].health.rested);
	vcpus[0].arch.was_open = false;
	assert_int_equal(asked_after(1), VCPU_WORK_LOOK);
	/*
	 * Of a real-time one also two timer interrupts: the second comes only when the first was
	 * ended.
	 */
	vcpus[0].timer.late.buckets[3] += 2;
	assert_int_equal(asked_after(1), VCPU_WORK_LOOK);
	vcpus[0].prio = PRIO_REALTIME - 1;
	(void)asked_after(1);
	assert_int_equal(asked_after(1), VCPU_WORK_LOOK);
	vcpus[0].timer.late.buckets[3]++;
	assert_int_equal(asked_after(1), VCPU_WORK_LOOK);
	vcpus[0].timer.late.buckets[3]++;
	vcpus[0].timer.late.buckets[5]++;
	assert_int_equal(asked_after(1), 0);
	vcpus[0].prio = PRIO_DEFAULT;
	vm.desc.dedicated = true;
	vcpus[0].timer.late.buckets[3] += 2;
	assert_int_equal(asked_after(1), 0);
	assert_int_equal(asked_after(1), VCPU_WORK_LOOK);
}

/*
 * No look is asked for of a vCPU that is parked or off, or of a VM that does not run. None comes
 * after the VM's end.
 */
static void who_is_asked(void **state)
{
	static const enum vm_state at_rest[] = { VM_PAUSED, VM_LOADING };

	(void)state;
	health_begin(&vm);
	vcpus[0].parked = true;
	vcpus[1].power = VCPU_OFF;
	host_advance(ms_to_ticks(HEALTH_LOOK_MS));
	assert_int_equal(vcpus[0].thread.work | vcpus[1].thread.work, 0);
	vcpus[0].parked = false;
	vcpus[1].power = VCPU_ON;
	for (u32 i = 0; i < ARRAY_SIZE(at_rest); i++) {
		vm.state = at_rest[i];
		host_advance(ms_to_ticks(HEALTH_LOOK_MS));
		assert_int_equal(vcpus[0].thread.work, 0);
	}
	vm.state = VM_RUNNING;
	host_advance(ms_to_ticks(HEALTH_LOOK_MS));
	assert_int_equal(vcpus[0].thread.work, VCPU_WORK_LOOK);
	assert_int_equal(vcpus[1].thread.work, VCPU_WORK_LOOK);
	vcpus[0].thread.work = 0;
	vm.state = VM_CRASHED;
	host_advance(ms_to_ticks(HEALTH_LOOK_MS));
	vm.state = VM_RUNNING;
	host_advance(10 * ms_to_ticks(HEALTH_LOOK_MS));
	assert_int_equal(vcpus[0].thread.work, 0);
	health_begin(&vm);
	host_advance(ms_to_ticks(HEALTH_LOOK_MS));
	assert_int_equal(vcpus[0].thread.work, VCPU_WORK_LOOK);
}

static u32 asked(void)
{
	u32 bits = 0;

	for (u32 i = 0; i < MANY; i++)
		bits |= (u32)(vcpus[i].thread.work != 0) << i;
	return bits;
}

/*
 * No more than eight are asked in one go; all of them within the usual time, and all of them have
 * to hang.
 */
static void a_piece_at_a_time(void **state)
{
	const u64 piece = ms_to_ticks(HEALTH_LOOK_MS / 3) + 1;
	const u32 pieces[] = { 0xff, 0xff00, 0xf0000 };

	(void)state;
	vm.nvcpus = MANY;
	vm.desc.hang_timeout_ms = TIMEOUT_MS;
	for (u32 i = 0; i < MANY; i++)
		found[i].masked = i != 17;
	health_begin(&vm);
	host_advance(ms_to_ticks(HEALTH_LOOK_MS) - piece);
	for (u32 n = 0; n < 60; n++) {
		host_advance(piece);
		assert_int_equal(asked(), pieces[n % 3]);
		for (u32 i = 0; i < MANY; i++)
			looks(&vcpus[i]);
	}
	assert_int_equal(vm.request, VM_REQ_NONE);
	found[17].masked = true;
	for (u32 n = 0; n < 60 && vm.request == VM_REQ_NONE; n++) {
		host_advance(piece);
		for (u32 i = 0; i < MANY; i++)
			looks(&vcpus[i]);
	}
	assert_int_equal(vm.request, VM_REQ_CRASH);
	for (u32 i = 0; i < MANY; i++)
		vcpus[i].thread.work = 0;
	/* Eight are told of it; each tells another one when it parks. */
	vm.request = VM_REQ_NONE;
	vm_request(&vm, VM_REQ_OFF, NULL);
	assert_int_equal(asked(), 0xff);
	vcpus[3].parked = true;
	vcpus[11].parked = true;
	vcpus[11].thread.work = 0;
	vcpu_pass_stop(&vm, 3);
	assert_int_equal(vcpus[19].thread.work & VCPU_WORK_STATE, VCPU_WORK_STATE);
	assert_int_equal(vcpus[12].thread.work, 0);
	vcpu_pass_stop(&vm, 12);
	assert_int_equal(vcpus[12].thread.work & VCPU_WORK_STATE, VCPU_WORK_STATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_crash, setup, teardown),
		cmocka_unit_test_setup_teardown(says_what_came_before, setup, teardown),
		cmocka_unit_test_setup_teardown(gets_on, setup, teardown),
		cmocka_unit_test_setup_teardown(starves, setup, teardown),
		cmocka_unit_test_setup_teardown(all_masked, setup, teardown),
		cmocka_unit_test_setup_teardown(not_all_masked, setup, teardown),
		cmocka_unit_test_setup_teardown(a_look_that_is_due, setup, teardown),
		cmocka_unit_test_setup_teardown(has_got_on_anyway, setup, teardown),
		cmocka_unit_test_setup_teardown(who_is_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(a_piece_at_a_time, setup, teardown),
	};

	unit_boot(1);
	host_look = look;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
