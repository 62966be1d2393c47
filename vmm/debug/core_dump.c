/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends a VM's core to a port. A thread of the priority of ordinary VMs copies pieces into the
 * port's ring while there is room, and waits while there is none. It holds the VM for a piece at a
 * time, and checks each time that the VM is as it was: the operator may delete it or let it run.
 */
#include "core_file.h"

#include <arch/mmu.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <vmm/debug.h>
#include <vmm/life.h>
#include <vmm/port.h>

#define WAIT_MS     1 /* for room in the port's ring */
#define PIECE_BYTES KIB(4)
#define PIECES      8 /* at once */
#define STEPS       128

static struct thread sender;
static struct sem asked;
static struct port_stream stream;
static struct {
	s32 port; /* -1: nothing is sent (atomic) */
	bool off; /* end now (atomic) */
	u64 sent, bytes;
	/* the VM, and what changes when it runs */
	u32 id, restarts;
	u64 created_at, paused_at;
	char name[DESC_NAME_MAX];
	bool resume; /* it ran before */
	u64 blocks;
	u32 *place; /* for struct core_segments */
	u32 place_pages;
	u32 first; /* the vCPU whose tables are used */
	u64 data;  /* where the memory begins in the file */
	struct core_segments segments;
} dump = { .port = -1 };

struct core_dump_look core_dump_look(void)
{
	return (struct core_dump_look){
		.name = dump.name,
		.port = __atomic_load_n(&dump.port, __ATOMIC_ACQUIRE),
		.sent = __atomic_load_n(&dump.sent, __ATOMIC_RELAXED),
		.bytes = dump.bytes,
		.pauses = dump.resume,
	};
}

bool core_dump_end(void)
{
	__atomic_store_n(&dump.off, true, __ATOMIC_RELAXED);
	return core_dump_look().port >= 0;
}

/* ---- the VM ---- */

/* The shell may wait for the lock. */
static void lock(void)
{
	thread_set_params(&sender, &sched_guarded);
	vmm_lock();
}

static void unlock(void)
{
	vmm_unlock();
	thread_set_params(&sender, &sched_plain);
}

/* The VM as it was, or NULL. Lifecycle lock held. */
static struct vm *same_vm(void)
{
	struct vm *vm = vm_by_id(dump.id);

	return vm && vm->created_at == dump.created_at && vm->paused_at == dump.paused_at &&
			       vm->restarts == dump.restarts
		       ? vm
		       : NULL;
}

/* NULL: there is nothing more to do. Else let_go() follows soon. */
static struct vm *hold(void)
{
	struct vm *vm;

	lock();
	vm = same_vm();
	if (vm && !__atomic_load_n(&dump.off, __ATOMIC_RELAXED) && vm_hold(vm))
		return vm;
	unlock();
	return NULL;
}

static void let_go(struct vm *vm)
{
	vm_let_go(vm);
	unlock();
}

struct reading {
	struct vcpu *v;
	struct guest_regs regs;
};

static void read_here(void *arg)
{
	struct reading *r = arg;

	arch_vcpu_read(r->v, &r->regs);
}

/* Its registers, from the CPU where it ran last. The VM is held. */
static const struct guest_regs *registers(struct vcpu *v)
{
	static struct reading reading;

	reading.v = v;
	ipi_call(v->cpu, read_here, &reading);
	return &reading.regs;
}

/* ---- pieces of the file ---- */

/* Wait until the port's ring has room for so many bytes. False: the dump is to end. */
static bool wait_for_room(u32 bytes)
{
	while (!__atomic_load_n(&dump.off, __ATOMIC_RELAXED)) {
		if (port_stream_room(&stream) >= bytes)
			return true;
		thread_sleep_ms(WAIT_MS);
	}
	return false;
}

static void put(const void *at, u32 len)
{
	const struct port_piece piece = { at, len };

	port_stream_put(&stream, &piece, 1);
}

static void put_segment(u64 va, u64 at, u64 size)
{
	u8 out[CORE_SEGMENT_BYTES];

	core_memory_segment(out, va, dump.data + at, size);
	put(out, sizeof(out));
}

/* Go through all segments. False: the VM is no longer as it was. */
static bool find_segments(void (*found)(u64 va, u64 at, u64 size))
{
	struct core_segments *c = &dump.segments;
	bool more = true;

	dump.segments.found = found;
	core_segments_begin(c);
	while (more) {
		struct vm *vm = wait_for_room(2 * STEPS * CORE_SEGMENT_BYTES) ? hold() : NULL;

		if (!vm)
			return false;
		more = core_segments_step(c, STEPS);
		let_go(vm);
	}
	return true;
}

/* The registers that the tables of the first vCPU depend on, and the number of vCPUs. */
static bool look_at_vcpus(u32 *count)
{
	struct vm *vm = hold();
	const struct guest_regs *r;
	struct vcpu *v;

	if (!vm)
		return false;
	*count = 0;
	for_each_vcpu(v, vm) {
		if (v->power == VCPU_OFF)
			continue;
		if (!(*count)++)
			dump.first = v->index;
	}
	r = registers(vm->vcpus[dump.first]);
	dump.segments.tables = (struct stage1){ r->sys[GUEST_SCTLR],
						r->sys[GUEST_TCR],
						{ r->sys[GUEST_TTBR0], r->sys[GUEST_TTBR1] } };
	let_go(vm);
	return true;
}

/* The notes of the vCPUs that are on, and zeroes up to the memory. */
static bool send_notes(u64 notes)
{
	static u8 out[MAX(CORE_NOTES_BYTES, PIECE_BYTES)];
	struct vm *vm = wait_for_room(VM_MAX_VCPUS * CORE_NOTES_BYTES + PIECE_BYTES) ? hold()
										     : NULL;
	struct vcpu *v;

	if (!vm)
		return false;
	for_each_vcpu(v, vm) {
		if (v->power == VCPU_OFF)
			continue;
		core_notes(out, v->index + 1, registers(v));
		put(out, CORE_NOTES_BYTES);
	}
	let_go(vm);
	memset(out, 0, sizeof(out));
	put(out, (u32)(dump.data - notes));
	return true;
}

/* All before the memory. */
static bool send_head(void)
{
	u8 header[CORE_HEADER_BYTES], segment[CORE_SEGMENT_BYTES];
	u32 vcpus;
	u64 notes, end;

	if (!look_at_vcpus(&vcpus) || !find_segments(NULL))
		return false;
	notes = CORE_HEADER_BYTES + (1UL + dump.segments.count) * CORE_SEGMENT_BYTES;
	end = notes + (u64)vcpus * CORE_NOTES_BYTES;
	dump.data = ALIGN_UP(end, PIECE_BYTES);
	core_header(header, 1 + dump.segments.count);
	core_notes_segment(segment, notes, end - notes);
	put(header, sizeof(header));
	put(segment, sizeof(segment));
	return find_segments(put_segment) && send_notes(end);
}

/* Of the VM's RAM, or of the zeroes. */
static const u8 *piece_of(const struct vm *vm, u64 block, u64 at)
{
	static const u8 zeroes[PIECE_BYTES];

	return block < dump.blocks ? (const u8 *)phys_to_virt(PADDR(vm->ram.blocks[block].pa + at))
				   : zeroes;
}

/* A block: its pieces, a few at a time. */
static bool send_block(u64 block)
{
	for (u64 at = 0; at < BLOCK_SIZE; at += PIECES * PIECE_BYTES) {
		struct vm *vm = wait_for_room(PIECES * PIECE_BYTES) ? hold() : NULL;

		if (!vm)
			return false;
		for (u32 i = 0; i < PIECES; i++)
			put(piece_of(vm, block, at + i * PIECE_BYTES), PIECE_BYTES);
		let_go(vm);
		__atomic_fetch_add(&dump.sent, PIECES * PIECE_BYTES, __ATOMIC_RELAXED);
	}
	return true;
}

static bool send_memory(void)
{
	for (u64 b = 0; b < dump.blocks; b++)
		if (dump.place[b] != CORE_ABSENT && !send_block(b))
			return false;
	if (dump.segments.absent && !send_block(dump.blocks))
		return false;
	return wait_for_room(PORT_STREAM_BYTES); /* all of it has gone to the port */
}

/* ---- a dump ---- */

static void end_dump(bool complete)
{
	struct vm_error err;
	struct vm *vm;

	lock();
	if (complete)
		log_info("vm %u '%s': core dump complete, %lu MiB%s", dump.id, dump.name,
			 dump.bytes / MIB(1), dump.segments.cut ? ", not all of its mappings" : "");
	else
		log_warn("vm %u '%s': core dump cut off", dump.id, dump.name);
	vm = same_vm();
	if (dump.resume && vm && vm->state == VM_PAUSED && vm_resume(vm, &err))
		log_warn("%s", err.text);
	port_stream_close(&stream);
	pages_free(dump.place, dump.place_pages);
	__atomic_store_n(&dump.port, -1, __ATOMIC_RELEASE);
	unlock();
}

static void sender_main(void *arg __unused)
{
	for (;;)
		if (sem_take(&asked, DEADLINE_NEVER) == 0)
			end_dump(send_head() && send_memory());
}

int core_dump_init(void)
{
	int err = thread_create(&sender, "dump", sender_main, NULL, PRIO_DEFAULT, BIT(0));

	if (err)
		return err;
	port_stream_init(&stream);
	sem_init(&asked, 0, 1);
	thread_start(&sender);
	return 0;
}

/* Note which blocks there are. False: there is no memory for that. The VM does not run. */
static bool take_blocks(const struct vm_ram *ram)
{
	u32 count = 0;

	dump.place_pages = (u32)(ALIGN_UP(ram->nblocks * sizeof(u32), PAGE_SIZE) / PAGE_SIZE);
	dump.place = pages_alloc(dump.place_pages);
	if (!dump.place)
		return false;
	for (u64 b = 0; b < ram->nblocks; b++)
		dump.place[b] = ram->blocks[b].pa > VM_BLOCK_GIVEN ? count++ : CORE_ABSENT;
	dump.blocks = ram->nblocks;
	dump.sent = 0;
	dump.segments = (struct core_segments){
		.ram = ram,
		.place = dump.place,
		.zeroes = count * BLOCK_SIZE,
	};
	dump.bytes = (count + (count < ram->nblocks)) * BLOCK_SIZE;
	return true;
}

static void take_vm(const struct vm *vm, bool resume)
{
	dump.id = vm->id;
	dump.restarts = vm->restarts;
	dump.created_at = vm->created_at;
	dump.paused_at = vm->paused_at;
	dump.resume = resume;
	dump.first = 0;
	(void)str_copy(dump.name, vm->name, sizeof(dump.name));
	__atomic_store_n(&dump.off, false, __ATOMIC_RELAXED);
}

/* The VM does not run, and is not being loaded. */
static int begin(struct vm *vm, s32 want, struct vm_error *err)
{
	int port;

	if (!take_blocks(&vm->ram))
		return vm_fail(err, -ENOMEM, "there is no memory for a core dump");
	port = port_stream_open(&stream, want, "", 0);
	if (port >= 0)
		return port;
	pages_free(dump.place, dump.place_pages);
	if (port == -ENOMEM)
		return vm_fail(err, port, "there is no memory for a core dump");
	if (port == -EBUSY)
		return vm_fail(err, port, "port %d is in use", want);
	return vm_fail(err, port, "%s (`host info` shows the ports)",
		       want < 0 ? "no port is free" : "there is no such port");
}

int core_dump(struct vm *vm, s32 want, struct vm_error *err)
{
	const bool runs = vm->state == VM_RUNNING;
	struct vm_error ignored;
	int port = core_dump_look().port, r = 0;

	if (port >= 0)
		return vm_fail(err, -EEXIST, "a core dump of '%s' is being sent, to port %d",
			       dump.name, port);
	if (vm->state == VM_LOADING)
		return vm_fail(err, -EPERM, "vm %u '%s' is loading: wait until it runs", vm->id,
			       vm->name);
	while (runs && (r = vm_pause(vm, err)) == -EAGAIN)
		;
	if (r)
		return -EPERM;
	port = begin(vm, want, err);
	if (port < 0) {
		if (runs && vm_resume(vm, &ignored))
			log_warn("%s", ignored.text);
		return port;
	}
	take_vm(vm, runs);
	__atomic_store_n(&dump.port, port, __ATOMIC_RELEASE);
	sem_give(&asked);
	return port;
}
