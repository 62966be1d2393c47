/* SPDX-License-Identifier: Apache-2.0 */
#include <unit.h>
#include <vgic_fixture.h>

#include <arch/irqchip.h>
#include <kernel/irq.h>
#include <string.h>

struct vm fixture_vm;
struct vcpu fixture_vcpus[FIXTURE_MANY];
struct vcpu *fixture_current[8];
static u32 kicked, ended, let_in;
static struct {
	irq_handler_t fn;
	void *arg;
} handlers[32];

/* ---- in place of vcpu.c and irq.c ---- */

struct vcpu *vcpu_current(void)
{
	return fixture_current[host_cpu];
}

void vcpu_kick(struct vcpu *v, u32 work)
{
	assert_int_equal(work, VCPU_WORK_VIRQ);
	/* Nothing may be kicked under the lock. */
	assert_int_equal(fixture_vm.vgic.lock.locked, 0);
	kicked |= 1U << v->index;
}

void vcpu_end_wfi(struct vcpu *v)
{
	assert_int_equal(fixture_vm.vgic.lock.locked, 0);
	ended |= 1U << v->index;
}

int irq_request(u32 intid, const char *name, irq_handler_t fn, void *arg, u32 flags)
{
	(void)name;
	(void)flags;
	handlers[intid].fn = fn;
	handlers[intid].arg = arg;
	return 0;
}

/* That vCPU's CPU goes through its exit path meanwhile. */
void vgic_await_fold(const struct vcpu *v, u32 folds)
{
	u32 cpu, here = host_cpu;

	for (cpu = 0; cpu < ARRAY_SIZE(fixture_current); cpu++) {
		if (fixture_current[cpu] != v)
			continue;
		host_set_cpu(cpu);
		kicked &= ~(1U << v->index);
		vgic_flush(fixture_current[cpu]);
		host_set_cpu(here);
	}
	assert_true(!v->vgic.loaded || v->vgic.folds != folds);
}

void vgic_let_in(void)
{
	assert_int_equal(fixture_vm.vgic.lock.locked, 0);
	let_in++;
	for (u32 taken = 0; fixture_current[host_cpu] && host_vgic_maintenance(); taken++) {
		assert_true(taken < 2);
		fixture_irq(arch_vgic_maintenance_intid());
	}
}

u32 fixture_let_in(void)
{
	u32 was = let_in;

	let_in = 0;
	return was;
}

u32 fixture_ended(void)
{
	u32 was = ended;

	ended = 0;
	return was;
}

u32 fixture_kicked(void)
{
	u32 was = kicked;

	kicked = 0;
	return was;
}

void fixture_irq(u32 intid)
{
	handlers[intid].fn(intid, handlers[intid].arg);
}

bool fixture_refire(struct vcpu *v, u32 pintid)
{
	u64 n;

	return vgic_may_refire(&v->vgic, pintid, &n) && vgic_refire(&v->vgic, n);
}

static bool virt_asserted(void)
{
	return arch_guest_timer_asserted(ARCH_TIMER_VIRT);
}

static bool phys_asserted(void)
{
	return arch_guest_timer_asserted(ARCH_TIMER_PHYS);
}

/* ---- machine ---- */

static int setup(u32 gic_version, u32 vcpus)
{
	u32 i;

	host_reset();
	host_gic_version = gic_version;
	if (fixture_vm.s2.root)
		stage2_destroy(&fixture_vm.s2);
	mmio_free(&fixture_vm.bus);
	memset(&fixture_vm, 0, sizeof(fixture_vm));
	memset(fixture_vcpus, 0, sizeof(fixture_vcpus));
	memset(fixture_current, 0, sizeof(fixture_current));
	vgic_limit_lrs(0);
	vgic_set_line(VTIMER_PPI_VIRT, 27, virt_asserted);
	vgic_set_line(VTIMER_PPI_PHYS, 30, phys_asserted);
	fixture_vm.desc.cpus = vcpus;
	assert_int_equal(vgic_host_init(), 0);
	spin_lock_init(&fixture_vm.vgic.lock, LOCK_VGIC);
	vgic_init(&fixture_vm);
	assert_int_equal(stage2_init(&fixture_vm.s2), 0);
	assert_int_equal(vgic_map(&fixture_vm), 0);
	for (i = 0; i < vcpus; i++) {
		struct vcpu *v = &fixture_vcpus[i];

		v->vm = &fixture_vm;
		mmio_forget(v);
		v->index = i;
		v->mpidr = BIT(31) | desc_cpu_affinity(i);
		vgic_cpu_init(v);
		fixture_vm.vcpus[i] = v;
		fixture_vm.nvcpus = i + 1;
	}
	fixture_write(0, GICD(0), 4, 3);
	kicked = 0;
	ended = 0;
	let_in = 0;
	return 0;
}

int fixture_setup(void **state)
{
	*state = NULL;
	return setup(3, FIXTURE_VCPUS);
}

int fixture_setup_gicv2(void **state)
{
	*state = NULL;
	return setup(2, FIXTURE_VCPUS);
}

int fixture_setup_many(void **state)
{
	*state = NULL;
	return setup(3, FIXTURE_MANY);
}

void fixture_load(u32 n)
{
	struct vcpu *v = &fixture_vcpus[n];

	if (fixture_current[host_cpu])
		fixture_put();
	fixture_current[host_cpu] = v;
	vgic_load(v);
	if (v->thread.work) /* the rest, on its way to its guest */
		vgic_flush(v);
	v->thread.work = 0;
}

void fixture_put(void)
{
	u32 n;

	host_vgic_synchronize(); /* the scheduler reads the counter */
	vgic_put(fixture_current[host_cpu]);
	fixture_current[host_cpu] = NULL;
	/* Nothing that the next one could take, or that would interrupt it. */
	for (n = 0; n < host_lr_count; n++) {
		u64 value = host_vgic[host_cpu].lr[n];

		assert_int_equal(value & LR_STATE_MASK, 0);
		assert_true(!(value & LR_EOI) || value & LR_HW);
	}
}

void fixture_exit(void)
{
	struct vcpu *v = fixture_current[host_cpu];

	for (u32 rounds = 0; kicked & 1U << v->index; rounds++) {
		assert_true(rounds < 4); /* the guest has to continue */
		kicked &= ~(1U << v->index);
		vgic_flush(v);
	}
}

u32 fixture_maintenance(void)
{
	u32 count = 0;

	while (host_vgic_maintenance()) {
		fixture_irq(arch_vgic_maintenance_intid());
		fixture_exit();
		assert_true(++count < 10);
	}
	return count;
}

enum mmio_result fixture_access(u32 n, u64 ipa, u32 size, bool write, u64 *value)
{
	struct mmio_access a = {
		.ipa = IPA(ipa), .size = (u8)size, .write = write, .value = *value
	};
	enum mmio_result r = vmm_mmio(&fixture_vcpus[n], &a);

	*value = a.value;
	return r;
}

u64 fixture_read(u32 n, u64 ipa, u32 size)
{
	u64 value = 0x5555555555555555;

	assert_int_equal(fixture_access(n, ipa, size, false, &value), MMIO_OK);
	return value;
}

void fixture_write(u32 n, u64 ipa, u32 size, u64 value)
{
	assert_int_equal(fixture_access(n, ipa, size, true, &value), MMIO_OK);
}

void fixture_enable(u32 n, u32 intid, u8 prio)
{
	u64 base = intid < 32 ? SGI(n, 0) : GICD(0);
	u32 word = 4 * (intid / 32), bit = 1U << (intid % 32);

	fixture_write(n, base + 0x400 + intid, 1, prio);
	fixture_write(n, base + 0x80 + word, 4, fixture_read(n, base + 0x80 + word, 4) | bit);
	fixture_write(n, base + 0x100 + word, 4, bit);
}

u64 fixture_lr(u32 intid)
{
	u32 n;

	for (n = 0; n < host_lr_count; n++) {
		u64 value = host_vgic[host_cpu].lr[n];

		if ((value & LR_STATE_MASK) && (value & LR_VINTID_MASK) == intid)
			return value;
	}
	return 0;
}
