/* SPDX-License-Identifier: Apache-2.0 */
/* Builds VMs, loads their images, and takes them apart. */
#include <arch/mmu.h>
#include <arch/timer.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/random.h>
#include <kernel/trace.h>
#include <lib/bitmap.h>
#include <lib/devicetree.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <lib/text.h>
#include <vmm/call.h>
#include <vmm/cpu.h>
#include <vmm/life.h>
#include <vmm/load.h>
#include <vmm/oracle.h>
#include <vmm/place.h>
#include <vmm/port.h>
#include <vmm/trace.h>

#define VM_PAGES   ((u32)((sizeof(struct vm) + PAGE_SIZE - 1) / PAGE_SIZE))
#define VCPU_PAGES ((u32)((sizeof(struct vcpu) + PAGE_SIZE - 1) / PAGE_SIZE))

/* ---- description and options ---- */

/* A number for a text. Two texts that share one only leave out a name (number_name()). */
static u32 hash_of(const char *text, size_t len)
{
	u32 hash = 0;

	for (size_t i = 0; i < len; i++)
		hash = 31 * hash + (u8)text[i];
	return hash;
}

/* If vm's name ends in "-" and a number, other VMs are to find that without reading it. */
static void note_number(struct vm *vm)
{
	u64 number;

	for (size_t len = strlen(vm->name); len-- > 0;) {
		if (vm->name[len] != '-')
			continue;
		if (parse_u64(vm->name + len + 1, &number) == 0 && number < MAX_VMS + 2) {
			vm->stem = hash_of(vm->name, len);
			vm->number = (u32)number;
		}
		return;
	}
}

/*
 * Name the VM by its label and the least number from 2 on that no other VM of that label has. Looks
 * at each VM once.
 */
static void number_name(struct vm *vm)
{
	u64 taken[BITMAP_WORDS(MAX_VMS + 2)] = { 3 };
	const size_t len = (size_t)snprintf(vm->name, sizeof(vm->name), "%.19s-", vm->desc.label);
	const u32 stem = hash_of(vm->name, len - 1);
	const struct vm *other;

	for_each_vm(other)
		if (other->stem == stem)
			bitmap_set(taken, other->number);
	(void)snprintf(vm->name + len, sizeof(vm->name) - len, "%zu",
		       bitmap_next_clear(taken, MAX_VMS + 2, 2));
}

static int choose_name(struct vm *vm, const char *wanted, struct vm_error *err)
{
	const struct vm *other;
	u64 number;

	if (wanted) {
		if (!*wanted || strlen(wanted) >= sizeof(vm->name))
			return vm_fail(err, -EINVAL, "a name has 1 to %zu characters",
				       sizeof(vm->name) - 1);
		if (parse_u64(wanted, &number) == 0)
			return vm_fail(err, -EINVAL, "name '%s' could be mistaken for an id",
				       wanted);
		other = vm_by_name(wanted);
		if (other)
			return vm_fail(err, -EEXIST, "a VM '%s' exists already, with id %u", wanted,
				       other->id);
		(void)str_copy(vm->name, wanted, sizeof(vm->name));
	} else if (vm_by_name(vm->desc.label)) {
		number_name(vm);
	} else {
		(void)str_copy(vm->name, vm->desc.label, sizeof(vm->name));
	}
	note_number(vm);
	return 0;
}

/* The description's RAM, or its one bank with another size. */
static int apply_memory(struct ram_map *ram, u64 size, struct vm_error *err)
{
	const struct ram_bank *last;
	char why[200];

	if (size && ram->count > 1)
		return vm_fail(
			err, -EINVAL,
			"memory: the description has %u banks, whose sizes cannot be changed",
			ram->count);
	if (size)
		ram->banks[0].size = size;
	if (ram_map_check(ram, why, sizeof(why)))
		return vm_fail(err, -EINVAL, "memory: %s", why);
	last = &ram->banks[ram->count - 1];
	if (last->base + last->size > BIT(stage2_ipa_bits()))
		return vm_fail(
			err, -EINVAL,
			"memory: 0x%lx to 0x%lx is beyond the %u-bit guest addresses of this machine",
			last->base, last->base + last->size, stage2_ipa_bits());
	return 0;
}

/* Append boot arguments to those of the description. */
static int add_bootargs(struct vm_desc *d, const char *more, struct vm_error *err)
{
	size_t len = strlen(d->bootargs), room = sizeof(d->bootargs) - len;

	if (!*more)
		return 0;
	if (!len && (d->devicetree.path[0] || d->devicetree.size))
		return vm_fail(
			err, -EINVAL,
			"bootargs: the description has none, and those of its devicetree would be lost: add some to the description first");
	if ((size_t)snprintf(d->bootargs + len, room, "%s%s", len ? " " : "", more) >= room)
		return vm_fail(err, -EINVAL,
			       "bootargs: together with the description's longer than %u bytes",
			       DESC_ARGS_MAX - 1);
	return 0;
}

static int apply_options(struct vm_desc *d, const struct vm_options *opt, struct vm_error *err)
{
	const u32 most = arch_vgic_version() == 2 ? GICV2_CPUS_MAX : VM_MAX_VCPUS;
	const char *prop, *problem;

	if (opt->cpus)
		d->cpus = opt->cpus;
	if (opt->priority >= 0)
		d->priority = (u32)opt->priority;
	if (opt->affinity)
		d->affinity = opt->affinity;
	if (d->cpus < 1 || d->cpus > most)
		return vm_fail(err, -EINVAL, "%u CPUs: a VM has 1 to %u%s", d->cpus, most,
			       most == GICV2_CPUS_MAX ? " with a GICv2" : "");
	if (apply_memory(&d->ram, opt->memory, err) ||
	    (opt->bootargs && add_bootargs(d, opt->bootargs, err)))
		return -EINVAL;
	if (d->priority > PRIO_LOWEST)
		return vm_fail(err, -EINVAL, "priority %u: 0 (highest) to %u", d->priority,
			       PRIO_LOWEST);
	problem = desc_sched_problem(d, &prop);
	if (problem)
		return vm_fail(err, -EINVAL, "%s %s", prop, problem);
	if (d->gic_version && d->gic_version != arch_vgic_version())
		return vm_fail(err, -EINVAL, "gic-version %u: guests get a GICv%u on this machine",
			       d->gic_version, arch_vgic_version());
	if (d->pmu && !arch_guest_pmu_intid())
		return vm_fail(err, -EINVAL, "pmu: this machine has no performance monitors");
	return 0;
}

/* ---- images ---- */

static int find_image(const struct image_ref *ref, const char *what, struct vm_image *image,
		      struct vm_error *err)
{
	*image = (struct vm_image){ .size = 0 };
	if (!ref->path[0] && !ref->size)
		return 0;
	if (image_get(ref, &image->data, &image->size))
		return vm_fail(err, -ENOENT, "%s '%s' is not in the bundle", what, ref->path);
	return 0;
}

static int plan_kernel(const struct vm *vm, const struct vm_image *kernel, struct load_plan *p,
		       struct vm_error *err)
{
	const u64 dtb_size = vm->devicetree.data ? dt_length(vm->devicetree.data) : 0;
	struct desc_error why;
	const int r = image_plan(&vm->desc, kernel->data, kernel->size, vm->initrd.size, dtb_size,
				 p, &why);

	return r ? vm_fail(err, r, "%s", why.text) : 0;
}

int vm_plan_image(const struct vm *vm, struct vm_renewal *r, struct vm_error *err)
{
	struct vm_image kernel;
	int ret;

	r->image = type_image_get(vm->type);
	if (!r->image || r->image == vm->loaded_image)
		return 0;
	kernel = (struct vm_image){ r->image->data, r->image->size };
	ret = plan_kernel(vm, &kernel, &r->plan, err);
	if (ret)
		type_image_put(r->image);
	return ret;
}

void vm_renew_image(struct vm *vm, const struct vm_renewal *r)
{
	if (!r->image)
		return;
	if (r->image != vm->loaded_image) {
		vm->kernel = (struct vm_image){ r->image->data, r->image->size };
		vm->plan = r->plan;
		vm->loaded = false;
	}
	type_image_put(vm->loaded_image);
	vm->loaded_image = r->image;
}

static int plan_images(struct vm *vm, struct vm_error *err)
{
	u64 dtb_size;
	int r = find_image(&vm->desc.firmware, "firmware", &vm->firmware, err);

	if (!r)
		r = find_image(&vm->desc.kernel, "kernel", &vm->kernel, err);
	if (!r)
		r = find_image(&vm->desc.initrd, "initrd", &vm->initrd, err);
	if (!r)
		r = find_image(&vm->desc.devicetree, "devicetree", &vm->devicetree, err);
	if (r)
		return r;
	dtb_size = vm->devicetree.data ? dt_length(vm->devicetree.data) : 0;
	if (!vm->kernel.data && !vm->firmware.data)
		return vm_fail(err, -EINVAL, "type '%s' has no kernel", vm->desc.label);
	if (dtb_size > GUEST_FDT_OWN_MAX)
		return vm_fail(err, -EINVAL, "devicetree has %lu KiB, at most %lu KiB are possible",
			       dtb_size >> 10, GUEST_FDT_OWN_MAX >> 10);
	vm->loaded_image = type_image_get(vm->type);
	if (vm->loaded_image)
		vm->kernel = (struct vm_image){ vm->loaded_image->data, vm->loaded_image->size };
	return plan_kernel(vm, &vm->kernel, &vm->plan, err);
}

/* Write the VM's devicetree into `room` bytes. */
static int make_devicetree(struct vm *vm, void *buf, u64 room, struct vm_error *err)
{
	struct guest_fdt_params p = { .desc = &vm->desc,
				      .plan = &vm->plan,
				      .gic_version = arch_vgic_version() };
	u64 seeds[ARRAY_SIZE(p.rng_seed) + 1];
	const struct vm_image *own = &vm->devicetree;
	const char *why;

	/*
	 * Guests count rng-seed as entropy. A guest gets no seed rather than one that could be
	 * guessed.
	 */
	p.no_rng_seed = !random_bytes(&vm->vcpus[0]->random, seeds, sizeof(seeds));
	memcpy(p.rng_seed, seeds, sizeof(p.rng_seed));
	p.kaslr_seed = seeds[ARRAY_SIZE(seeds) - 1];
	if (own->data)
		why = guest_fdt_adapt(&p, own->data, own->size, buf, room);
	else
		why = guest_fdt_generate(&p, buf, room) ? "has no room" : NULL;
	if (why)
		return vm_fail(err, -EINVAL, "devicetree: %s", why);
	if (!(own->data ? guest_fdt_note(buf, vm->note, sizeof(vm->note))
			: guest_bootargs_note(vm->desc.bootargs, vm->note, sizeof(vm->note))))
		vm->note[0] = '\0';
	return 0;
}

static int load_images(struct vm *vm, void *dtb, u64 room, struct vm_error *err)
{
	int r = make_devicetree(vm, dtb, room, err);

	if (r)
		return r;
	r = image_load(&vm->plan, &vm->ram, vm->kernel.data, vm->kernel.size, vm->initrd.data, dtb,
		       dt_length(dtb));
	if (r == -ENOSPC)
		return vm_fail(err, r, "no memory for the images of '%s', which gave memory back",
			       vm->name);
	if (r && r != -EINTR)
		r = vm_fail(err, -EINVAL, "images of '%s' do not fit its memory", vm->name);
	return r;
}

int vm_load_images(struct vm *vm, struct vm_error *err)
{
	/* A VM's own devicetree is read from behind the place where the new one is written. */
	const u64 room = vm->plan.dtb_max;
	void *dtb = pages_alloc((u32)(room / PAGE_SIZE));
	int r;

	if (!dtb)
		return vm_fail(err, -ENOMEM, "no memory for the devicetree of '%s'", vm->name);
	r = vm_ram_reset(&vm->ram, vm->desc.eager || desc_is_real_time(&vm->desc));
	if (r == -ENOMEM)
		(void)vm_fail(err, r,
			      vm->ram.kept
				      ? "no memory for '%s': its disk failed and keeps what it had"
				      : "no memory for the stage-2 tables of '%s'",
			      vm->name);
	if (!r)
		r = load_images(vm, dtb, room, err);
	pages_free(dtb, (u32)(room / PAGE_SIZE));
	return r;
}

/* ---- create and delete ---- */

static int make_vcpu(struct vm *vm, u32 index)
{
	struct vcpu *v = pages_alloc(VCPU_PAGES);
	char name[sizeof(v->thread.name)];
	int r;

	if (!v)
		return -ENOMEM;
	v->vm = vm;
	v->index = index;
	v->mpidr = desc_cpu_affinity(index);
	v->cpu = vm_sched_planned(vm, index);
	v->next_exit = v->last_exits;
	random_fork(&v->random);
	spin_lock_init(&v->sched_lock, LOCK_SCHED);
	mmio_forget(v);
	snprintf(name, sizeof(name), "vm%u.%u %s", vm->id, index, vm->name);
	r = thread_create(&v->thread, name, vcpu_main, v, (u8)vm->desc.priority, BIT(v->cpu));
	if (r) {
		pages_free(v, VCPU_PAGES);
		return r;
	}
	v->thread.hooks = &vcpu_hooks;
	v->thread.lower = v;
	v->thread.tag = trace_tag_of(vm->id, index);
	v->thread.no_mutex = true;
	vcpu_reset(v, VCPU_RESET_POWER_ON);
	vm->vcpus[index] = v;
	vm->nvcpus = index + 1;
	return 0;
}

/* 0: the plan is under way. Else it was dropped. */
static int make_vcpus(struct vm *vm, struct sched_plan *plan, struct vm_error *err)
{
	int r = vm_sched_plan(plan, vm, &vm->desc, schedule_now(), err);

	if (r)
		return r;
	for (u32 i = 0; i < vm->desc.cpus; i++) {
		r = make_vcpu(vm, i);
		if (r) {
			vm_sched_drop(plan);
			return vm_fail(err, r, "no memory for vcpu %u of '%s'", i, vm->name);
		}
	}
	return 0;
}

static int make_devices(struct vm *vm, struct vm_error *err)
{
	char why[VDEV_WHY] = "";
	int r;

	vgic_init(vm);
	r = vgic_map(vm);
	if (!r)
		r = vdevs_create(vm, why);
	return r ? vm_fail(err, r, "devices of '%s': %s", vm->name, *why ? why : strerror(r)) : 0;
}

static int make_address_space(struct vm *vm, struct vm_error *err)
{
	struct page_stats mem;
	int r = stage2_init(&vm->s2);

	if (r)
		return vm_fail(err, r, "no %s for '%s'", r == -ENOSPC ? "VMID" : "memory",
			       vm->name);
	r = vm_ram_init(&vm->ram, &vm->s2, &vm->desc.ram);
	if (r) {
		page_stats(&mem);
		return vm_fail(err, r, "no memory for '%s': it needs %lu MiB, %lu MiB are free",
			       vm->name, ram_map_size(&vm->desc.ram) / MIB(1),
			       mem.blocks_free * BLOCK_SIZE / MIB(1));
	}
	return 0;
}

static void attach_port(struct vm *vm)
{
	if (vm->desc.console_port == CONSOLE_PORT_NONE)
		return;
	if (console_port_attach(&vm->console, vm->desc.console_port) == -EBUSY)
		log_warn("vm %u '%s': console port %d is taken", vm->id, vm->name,
			 vm->desc.console_port);
}

/* End the vCPUs' threads. None was started yet, or all are parked. */
static void unmake_vcpus(struct vm *vm)
{
	unsigned long flags = spin_lock_irqsave(&vm->state_wq.lock);
	struct vcpu *v;

	vm->exiting = true;
	spin_unlock_irqrestore(&vm->state_wq.lock, flags);
	vcpu_wake_parked(vm);
	for_each_vcpu(v, vm) {
		vcpu_kick(v, VCPU_WORK_STATE);
		thread_join(&v->thread);
		timeout_cancel(&v->timer.wake);
		pages_free(v, VCPU_PAGES);
	}
	vm->nvcpus = 0;
}

void vm_unmake(struct vm *vm)
{
	vm_leaves(vm);
	/* First stop everything that could still inject an interrupt. */
	late_forget(vm);
	console_port_detach(&vm->console);
	vdevs_reset(vm);
	health_end(vm);
	unmake_vcpus(vm);
	if (vm->s2.root)
		stage2_destroy(&vm->s2);
	vdevs_destroy(vm);
	mmio_free(&vm->bus);
	vm_ram_free(&vm->ram);
	type_image_put(vm->loaded_image);
	if (vm_leave(vm)) {
		vm_sched_gone(vm);
		vm_mover_look();
	}
	pages_free(vm, VM_PAGES);
}

static int limit_late(struct vm *vm, const struct sched_plan *plan, struct vm_error *err)
{
	if (late_limit_set(vm, vm->desc.late_limit_us) == 0)
		return 0;
	vm_sched_drop(plan);
	return vm_fail(err, -ENOMEM,
		       "no memory for late-limit-us: events take %lu KiB for each of %u CPUs",
		       TRACE_RING_BYTES / KIB(1), cpu_count);
}

/* 0: the plan is under way. Else it was dropped, if it was made. */
static int build(struct vm *vm, const struct vm_options *opt, struct sched_plan *plan,
		 struct vm_error *err)
{
	int r = apply_options(&vm->desc, opt, err);

	if (!r)
		r = choose_name(vm, opt->name, err);
	if (!r)
		r = plan_images(vm, err);
	if (!r)
		r = make_address_space(vm, err);
	if (!r)
		r = make_devices(vm, err);
	if (!r)
		r = make_vcpus(vm, plan, err);
	if (!r)
		r = limit_late(vm, plan, err);
	return r;
}

static int create_locked(const struct vm_type *type, const struct vm_options *opt, struct vm **out,
			 struct vm_error *err)
{
	u32 id = vm_free_id();
	struct sched_plan plan;
	struct vcpu *v;
	struct vm *vm;
	int r;

	if (!type->valid)
		return vm_fail(err, -EINVAL, "%s", type->error.text);
	if (id == MAX_VMS)
		return vm_fail(err, -ENOSPC, "there are %u VMs already: delete one first", MAX_VMS);
	vm = pages_alloc(VM_PAGES);
	if (!vm)
		return vm_fail(err, -ENOMEM, "no memory for another VM");
	vm->id = id;
	vm->type = type;
	vm->desc = type->desc;
	vm->state = VM_LOADING;
	vm->lift = LOAD_PRIORITY;
	vm->created_at = arch_counter();
	wait_queue_init(&vm->state_wq, LOCK_VM_STATE);
	wait_queue_init(&vm->halt_wq, LOCK_WAIT);
	spin_lock_init(&vm->vgic.lock, LOCK_VGIC);
	console_init(&vm->console);
	vm->console.tag = trace_tag_of(vm->id, 0);
	health_init(vm);
	r = build(vm, opt, &plan, err);
	if (r) {
		vm_unmake(vm);
		return r;
	}
	vm_enter(vm);
	vm_sched_apply(&plan);
	vm_sched_enforce(vm);
	vm_mover_look();
	attach_port(vm);
	vdevs_connect(vm);
	for_each_vcpu(v, vm)
		thread_start(&v->thread);
	log_info("vm %u '%s' created: %u vcpus, %lu MiB", id, vm->name, vm->nvcpus,
		 vm->ram.size / MIB(1));
	*out = vm;
	return 0;
}

int vm_create(const struct vm_type *type, const struct vm_options *opt, struct vm **out,
	      struct vm_error *err)
{
	vmm_lock();
	int r = create_locked(type, opt, out, err);

	oracle_vms();
	vmm_unlock();
	return r;
}

static void reset_stats_here(void *arg)
{
	struct vcpu *v = arg;

	memcpy(v->exits_before, v->exits, sizeof(v->exits_before));
	memset(v->exit_times, 0, sizeof(v->exit_times));
	memset(&v->timer.late, 0, sizeof(v->timer.late));
	v->thread.server.throttled = 0;
	v->thread.server.missed = 0;
}

/* Runs on the CPUs that count. */
void vm_stats_reset(struct vm *vm)
{
	struct vcpu *v;

	for_each_vcpu(v, vm)
		ipi_call(v->cpu, reset_stats_here, v);
}

void vm_stats(const struct vm *vm, struct vm_stats *s)
{
	const struct vcpu *v;

	memset(s, 0, sizeof(*s));
	s->overhead_bytes = (VM_PAGES + 1) * PAGE_SIZE + stage2_table_bytes(&vm->s2);
	for_each_vcpu(v, vm) {
		s->run_ticks += READ_ONCE(v->thread.run_ticks);
		s->overhead_bytes += VCPU_PAGES * PAGE_SIZE + STACK_SIZE;
		for (u32 k = 0; k < EXIT_KINDS; k++)
			s->exits += READ_ONCE(v->exits[k]);
	}
}
