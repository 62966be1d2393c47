/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio over MMIO (VIRTIO 1.2, 4.2), version 2; and where the devices' work is done. */
#include <arch/timer.h>
#include <kernel/trace.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <vmm/bus.h>
#include <vmm/core.h>
#include <vmm/cpu.h>
#include <vmm/gic.h>
#include <vmm/virtio.h>

/* 4.2.2: registers */
#define MagicValue        0x000
#define Version           0x004
#define DeviceID          0x008
#define VendorID          0x00c
#define DeviceFeatures    0x010
#define DeviceFeaturesSel 0x014
#define DriverFeatures    0x020
#define DriverFeaturesSel 0x024
#define QueueSel          0x030
#define QueueNumMax       0x034
#define QueueNum          0x038
#define QueueReady        0x044
#define QueueNotify       0x050
#define InterruptStatus   0x060
#define InterruptACK      0x064
#define Status            0x070
#define QueueDescLow      0x080 /* then QueueDescHigh, and so on */
#define QueueDriverLow    0x090
#define QueueDeviceLow    0x0a0
#define SHMLenLow         0x0b0 /* to SHMBaseHigh */
#define ConfigGeneration  0x0fc
#define Config            0x100 /* to the end of the slot */

#define CONFIG_SIZE (GUEST_VIRTIO_SLOT - Config)

/* 2.1: the bits of Status that the driver writes */
#define STATUS_DRIVER \
	(BIT(0) | BIT(1) | VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_FEATURES_OK | BIT(7))

#define ISR_USED   BIT(0)
#define ISR_CONFIG BIT(1)

#define ANY_WIDTH (REG_W8 | REG_W16 | REG_W32 | REG_W64)

/* ---- state, under the lock ---- */

static void update_line(struct virtio *t)
{
	const bool level = t->s.isr;

	if (level == t->s.irq_level)
		return;
	t->s.irq_level = level;
	if (trace_wants(TRACE_VIRTIO) && level)
		trace_event(TRACE_DEVICE_IRQ, arch_counter(), trace_tag_of(t->vm->id, 0), t->intid,
			    t->s.isr);
	vgic_set_spi(t->vm, t->intid, level);
}

void virtio_interrupt(struct virtio *t)
{
	t->s.isr |= ISR_USED;
	update_line(t);
}

void virtio_config_changed(struct virtio *t)
{
	t->generation++;
	if (t->s.status & VIRTIO_STATUS_DRIVER_OK)
		t->s.isr |= ISR_CONFIG;
	update_line(t);
}

static void note_fault(struct virtio *t, u32 queue, enum virtio_fault fault, u64 value)
{
	t->s.fault = fault;
	t->s.fault_queue = queue;
	t->s.fault_value = value;
}

/* 2.1.2: the driver is told by a configuration change, once it has said DRIVER_OK. */
void virtio_break(struct virtio *t, u32 queue, enum virtio_fault fault, u64 value)
{
	if (t->s.status & VIRTIO_STATUS_NEEDS_RESET)
		return;
	note_fault(t, queue, fault, value);
	t->s.status |= VIRTIO_STATUS_NEEDS_RESET;
	if (t->s.status & VIRTIO_STATUS_DRIVER_OK)
		t->s.isr |= ISR_CONFIG;
	update_line(t);
}

static void reset_state(struct virtio *t)
{
	const bool level = t->s.irq_level;

	t->s = (struct virtio_state){ .irq_level = level };
	t->missing = 0;
	if (t->model->reset)
		t->model->reset(t);
	update_line(t);
}

/* ---- registers ---- */

/* The queue that QueueSel selects. NULL: there is none. */
static struct virtio_queue *selected(struct virtio *t)
{
	return t->s.queue_sel < t->model->queues ? &t->s.queues[t->s.queue_sel] : NULL;
}

static u64 read_word(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	struct virtio *t = dev;
	unsigned long irq = spin_lock_irqsave(&t->lock);
	u64 word = *(const u32 *)((const char *)&t->s + row->field);

	(void)v, (void)index;
	spin_unlock_irqrestore(&t->lock, irq);
	return word;
}

static void write_word(void *dev, struct vcpu *v, u32 index, u64 word, const struct reg_row *row)
{
	struct virtio *t = dev;
	unsigned long irq = spin_lock_irqsave(&t->lock);

	(void)v, (void)index;
	*(u32 *)((char *)&t->s + row->field) = (u32)word;
	spin_unlock_irqrestore(&t->lock, irq);
}

static u64 read_id(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	const struct virtio *t = dev;

	(void)v, (void)index, (void)row;
	return t->model->id;
}

static u64 read_features(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	const struct virtio *t = dev;
	const u32 sel = __atomic_load_n(&t->s.device_sel, __ATOMIC_RELAXED);

	(void)v, (void)index, (void)row;
	return sel < 2 ? (u32)(t->features >> 32 * sel) : 0;
}

/* The features are settled by FEATURES_OK (3.1.1). */
static void write_features(void *dev, struct vcpu *v, u32 index, u64 word,
			   const struct reg_row *row)
{
	struct virtio *t = dev;
	unsigned long irq = spin_lock_irqsave(&t->lock);
	const u32 shift = 32 * t->s.driver_sel;

	(void)v, (void)index, (void)row;
	if (shift < 64 && t->s.driver_sel < 2 && !(t->s.status & VIRTIO_STATUS_FEATURES_OK)) {
		t->s.driver_features &= ~(0xffffffffULL << shift);
		t->s.driver_features |= (u64)(u32)word << shift;
	}
	spin_unlock_irqrestore(&t->lock, irq);
}

static u64 read_num_max(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	struct virtio *t = dev;
	unsigned long irq = spin_lock_irqsave(&t->lock);
	const u32 max = selected(t) ? VIRTIO_QUEUE_MAX : 0;

	(void)v, (void)index, (void)row;
	spin_unlock_irqrestore(&t->lock, irq);
	return max;
}

/* A queue's place and size stay while it is ready. */
static void write_num(void *dev, struct vcpu *v, u32 index, u64 word, const struct reg_row *row)
{
	struct virtio *t = dev;
	unsigned long irq = spin_lock_irqsave(&t->lock);
	struct virtio_queue *q = selected(t);

	(void)v, (void)index, (void)row;
	if (q && !q->ready)
		q->num = (u32)word;
	spin_unlock_irqrestore(&t->lock, irq);
}

static void write_place(void *dev, struct vcpu *v, u32 index, u64 word, const struct reg_row *row)
{
	struct virtio *t = dev;
	unsigned long irq = spin_lock_irqsave(&t->lock);
	struct virtio_queue *q = selected(t);

	(void)v;
	if (q && !q->ready) {
		u32 *half = (u32 *)((char *)q + row->field);

		half[index] = (u32)word;
	}
	spin_unlock_irqrestore(&t->lock, irq);
}

static u64 read_ready(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	struct virtio *t = dev;
	unsigned long irq = spin_lock_irqsave(&t->lock);
	const struct virtio_queue *q = selected(t);
	const bool ready = q && q->ready;

	(void)v, (void)index, (void)row;
	spin_unlock_irqrestore(&t->lock, irq);
	return ready;
}

/* A queue begins at the start of its rings. One that is taken back has no request under way. */
static void set_ready(struct virtio *t, u32 queue, bool ready)
{
	struct virtio_queue *q = &t->s.queues[queue];

	if (ready == q->ready || (ready && !virtio_queue_ok(t, queue)))
		return;
	q->ready = ready;
	q->avail = q->used = 0;
	q->request = (struct virtio_request){ .taken = false };
	if (!ready && t->model->reset)
		t->model->reset(t);
}

static void ask(struct virtio *t, struct vcpu *v)
{
	__atomic_store_n(&t->asked, true, __ATOMIC_RELEASE);
	thread_set_work(&v->thread, VCPU_WORK_DEVICE);
}

static void write_ready(void *dev, struct vcpu *v, u32 index, u64 word, const struct reg_row *row)
{
	struct virtio *t = dev;
	unsigned long irq = spin_lock_irqsave(&t->lock);
	bool draining;

	(void)index, (void)row;
	if (selected(t))
		set_ready(t, t->s.queue_sel, word & 1);
	draining = t->draining;
	spin_unlock_irqrestore(&t->lock, irq);
	if (draining)
		ask(t, v);
}

/* If there is a request, it is served on the way back into the guest. */
static void write_notify(void *dev, struct vcpu *v, u32 index, u64 word, const struct reg_row *row)
{
	struct virtio *t = dev;
	unsigned long irq = spin_lock_irqsave(&t->lock);
	const bool more = (u32)word < t->model->queues &&
			  (virtio_take(t, (u32)word) || unlikely(t->missing));

	(void)index, (void)row;
	if (trace_wants(TRACE_VIRTIO))
		trace_event(TRACE_NOTIFY, arch_counter(), v->thread.tag, t->intid, (u32)word);
	spin_unlock_irqrestore(&t->lock, irq);
	if (more)
		ask(t, v);
}

static void write_ack(void *dev, struct vcpu *v, u32 index, u64 word, const struct reg_row *row)
{
	struct virtio *t = dev;
	unsigned long irq = spin_lock_irqsave(&t->lock);

	(void)v, (void)index, (void)row;
	t->s.isr &= ~(u32)word;
	update_line(t);
	spin_unlock_irqrestore(&t->lock, irq);
}

/*
 * 2.2.2: the device keeps FEATURES_OK at 0 if it does not accept the driver's choice. Zephyr's
 * console leaves FEATURES_OK out, so DRIVER_OK settles the features too.
 */
static u32 settle(struct virtio *t, u32 status)
{
	const u64 chosen = t->s.driver_features;

	if (status & VIRTIO_STATUS_DRIVER_OK)
		status |= VIRTIO_STATUS_FEATURES_OK;
	if (!(status & VIRTIO_STATUS_FEATURES_OK) || (t->s.status & VIRTIO_STATUS_FEATURES_OK))
		return status;
	if (!(chosen & ~t->features) && (chosen & VIRTIO_F_VERSION_1))
		return status;
	note_fault(t, 0, VIRTIO_FAULT_FEATURES, chosen);
	return status & ~(u32)VIRTIO_STATUS_FEATURES_OK;
}

static void write_status(void *dev, struct vcpu *v, u32 index, u64 word, const struct reg_row *row)
{
	struct virtio *t = dev;
	unsigned long irq = spin_lock_irqsave(&t->lock);
	const u32 status = (u32)word & STATUS_DRIVER;
	const bool was = virtio_is_live(t);
	bool start;

	(void)index, (void)row;
	if (!(u32)word)
		reset_state(t);
	else
		t->s.status |= settle(t, status);
	start = t->draining || (!was && virtio_is_live(t));
	spin_unlock_irqrestore(&t->lock, irq);
	if (start) /* there may be something to send, or to wait for */
		ask(t, v);
}

static u64 read_generation(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	const struct virtio *t = dev;

	(void)v, (void)index, (void)row;
	return __atomic_load_n(&t->generation, __ATOMIC_ACQUIRE);
}

/* A word, which a device may change meanwhile. */
static u64 read_config(void *dev, struct vcpu *v, u32 index, const struct reg_row *row)
{
	struct virtio *t = dev;
	unsigned long irq = spin_lock_irqsave(&t->lock);
	const u32 at = 4 * index;
	u32 word = 0;

	(void)v, (void)row;
	if (at < t->config_size)
		memcpy(&word, t->config + at, MIN(4U, t->config_size - at));
	spin_unlock_irqrestore(&t->lock, irq);
	return word;
}

/* clang-format off */
#define ROW(reg, length, constant, rd, wr, field) \
	{ reg, length, 4, ANY_WIDTH, 0, constant, rd, wr, #reg, field }
#define CONST(reg, value)    ROW(reg, 4, value, NULL, NULL, 0)
#define REG(reg, rd, wr)     ROW(reg, 4, 0, rd, wr, 0)
#define WORD(reg, wr, member) ROW(reg, 4, 0, read_word, wr, offsetof(struct virtio_state, member))
#define SELECT(reg, member)  ROW(reg, 4, 0, NULL, write_word, offsetof(struct virtio_state, member))
#define PLACE(reg, member)   ROW(reg, 8, 0, NULL, write_place, offsetof(struct virtio_queue, member))

static const struct reg_row rows[] = {
	CONST(MagicValue,         0x74726976), /* "virt" */
	CONST(Version,            2),
	REG(DeviceID,             read_id, NULL),
	CONST(VendorID,           0x204d565a), /* "ZVM " */
	REG(DeviceFeatures,       read_features, NULL),
	SELECT(DeviceFeaturesSel, device_sel),
	REG(DriverFeatures,       NULL, write_features),
	SELECT(DriverFeaturesSel, driver_sel),
	SELECT(QueueSel,          queue_sel),
	REG(QueueNumMax,          read_num_max, NULL),
	REG(QueueNum,             NULL, write_num),
	REG(QueueReady,           read_ready, write_ready),
	REG(QueueNotify,          NULL, write_notify),
	WORD(InterruptStatus,     NULL, isr),
	REG(InterruptACK,         NULL, write_ack),
	WORD(Status,              write_status, status),
	PLACE(QueueDescLow,       desc),
	PLACE(QueueDriverLow,     driver),
	PLACE(QueueDeviceLow,     device),
	/* There is no shared memory region: its length reads as ~0 (4.2.2). */
	ROW(SHMLenLow, 16, 0xffffffff, NULL, NULL, 0),
	REG(ConfigGeneration,     read_generation, NULL),
	ROW(Config, CONFIG_SIZE, 0, read_config, NULL, 0),
};
/* clang-format on */

static struct reg_slot slots[GUEST_VIRTIO_SLOT / 4];
static struct reg_table table = { .rows = rows, .count = ARRAY_SIZE(rows), .slots = slots };

/* ---- the work, on a vCPU's thread ---- */

/* The guest gave this memory back and uses it all the same. */
static void lose(struct virtio *t, u64 ipa)
{
	unsigned long irq = spin_lock_irqsave(&t->lock);

	virtio_break(t, 0, VIRTIO_FAULT_GIVEN, ipa);
	spin_unlock_irqrestore(&t->lock, irq);
}

/* The units of one device, until nothing is left to do or the vCPU is to stop. */
static void work_on(struct virtio *t, struct vcpu *v)
{
	unsigned long irq;
	bool more, draining;
	u64 missing;

	for (;;) {
		irq = spin_lock_irqsave(&t->lock);
		draining = t->draining && t->model->drains(t);
		t->draining = draining;
		more = draining || t->model->unit(t);
		missing = t->missing;
		t->missing = 0;
		spin_unlock_irqrestore(&t->lock, irq);
		if (!more && !missing)
			return;
		sched_open();
		if (unlikely(draining))
			thread_sleep_ms(1);
		if (missing && !vm_ram_bring(v->vm, missing))
			lose(t, missing);
		if (more && t->model->between)
			t->model->between(t, v);
		arch_irq_disable();
		if (__atomic_load_n(&v->thread.work, __ATOMIC_RELAXED) & VCPU_WORK_STATE) {
			virtio_wake(t); /* goes on when the VM does */
			thread_set_work(&v->thread, VCPU_WORK_DEVICE); /* it may have to wait */
			return;
		}
	}
}

/* Another vCPU may have taken `asked`: the one that resets a device waits all the same. */
static bool wants_work(struct virtio *t)
{
	return __atomic_exchange_n(&t->asked, false, __ATOMIC_ACQ_REL) ||
	       __atomic_load_n(&t->draining, __ATOMIC_ACQUIRE);
}

/* VCPU_WORK_DEVICE. */
static void work(struct vcpu *v)
{
	struct vm *vm = v->vm;

	for (u32 i = 0; i < vm->ndevices; i++) {
		struct vdev *d = &vm->devices[i];
		struct virtio *t = d->state;

		if (d->class->work)
			d->class->work(d, v);
		else if (d->class->virtio && wants_work(t))
			work_on(t, v);
	}
}

void virtio_init(void)
{
	vcpu_set_devices(work);
}

/* A vCPU that is off would keep the work until it is on again. */
void virtio_wake(struct virtio *t)
{
	struct vm *vm = t->vm;
	struct vcpu *v = vm->nvcpus ? vm->vcpus[0] : NULL;

	__atomic_store_n(&t->asked, true, __ATOMIC_RELEASE);
	for (u32 i = 0; i < vm->nvcpus && v->power != VCPU_ON; i++)
		v = vm->vcpus[i];
	if (v)
		vcpu_kick(v, VCPU_WORK_DEVICE);
}

static bool let_go(struct virtio *t)
{
	unsigned long irq = spin_lock_irqsave(&t->lock);
	const bool busy = t->model->let_go && t->model->let_go(t);

	spin_unlock_irqrestore(&t->lock, irq);
	return busy;
}

/*
 * Whatever a unit found before is not used any more when its lock was taken here. A vCPU that uses
 * an address without the lock is about to end that.
 */
void virtio_let_go(struct vm *vm)
{
	for (u32 i = 0; i < vm->ndevices; i++) {
		bool waited = false;

		for (; vm->devices[i].class->virtio && let_go(vm->devices[i].state); waited = true)
			thread_sleep_ms(1);
		if (waited) /* what it did not begin meanwhile */
			virtio_wake(vm->devices[i].state);
	}
}

bool virtio_uses_memory(struct vm *vm)
{
	bool busy = false;

	for (u32 i = 0; i < vm->ndevices; i++)
		busy |= vm->devices[i].class->virtio && let_go(vm->devices[i].state);
	return busy;
}

/* ---- the device ---- */

int virtio_host_init(void)
{
	reg_table_init(&table);
	return 0;
}

int virtio_create(struct vdev *d, const struct virtio_model *model, u64 features,
		  const void *config, u32 config_size)
{
	struct virtio *t = d->state;
	const struct mmio_region region = {
		.base = desc_virtio_base(d->virtio),
		.size = GUEST_VIRTIO_SLOT,
		.name = d->class->name,
		.table = &table,
		.handler = mmio_table_access,
		.dev = t,
	};

	spin_lock_init(&t->lock, LOCK_DEVICE);
	t->model = model;
	t->vm = d->vm;
	t->intid = GUEST_VIRTIO_IRQ + d->virtio->slot;
	t->features = features | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1;
	t->config = config;
	t->config_size = config_size;
	return mmio_add(&d->vm->bus, &region);
}

void virtio_reset(struct vdev *d)
{
	struct virtio *t = d->state;
	unsigned long irq = spin_lock_irqsave(&t->lock);

	reset_state(t);
	t->asked = false;
	spin_unlock_irqrestore(&t->lock, irq);
}

static const char *const faults[VIRTIO_FAULTS] = {
	[VIRTIO_FAULT_SIZE] = "its size %lu is not a power of 2 up to 256",
	[VIRTIO_FAULT_RING] = "its ring at 0x%lx is misaligned or not in RAM",
	[VIRTIO_FAULT_INDEX] = "the available index is %lu ahead, more than the queue's size",
	[VIRTIO_FAULT_HEAD] = "there is no descriptor %lu",
	[VIRTIO_FAULT_LOOP] = "a chain has more than %lu descriptors",
	[VIRTIO_FAULT_ADDRESS] = "a buffer or table at 0x%lx is not in RAM",
	[VIRTIO_FAULT_EMPTY] = "a buffer at 0x%lx has length 0",
	[VIRTIO_FAULT_ORDER] = "a readable buffer at 0x%lx follows a writable one",
	[VIRTIO_FAULT_INDIRECT] = "an indirect table of %lu bytes is not allowed there",
	[VIRTIO_FAULT_REQUEST] = "a request has no room for its answer",
};

bool virtio_problem(struct virtio *t, char *text, size_t size)
{
	unsigned long irq = spin_lock_irqsave(&t->lock);
	const struct virtio_state s = t->s;
	int n;

	spin_unlock_irqrestore(&t->lock, irq);
	if (s.fault == VIRTIO_FAULT_GIVEN) {
		(void)snprintf(text, size,
			       "needs a reset: it uses memory at 0x%lx that the guest gave back",
			       s.fault_value);
	} else if (s.fault == VIRTIO_FAULT_FEATURES) {
		(void)snprintf(text, size, "the driver's features 0x%lx are not accepted",
			       s.fault_value);
	} else if (s.fault) {
		n = snprintf(text, size, "needs a reset: queue %u: ", s.fault_queue);
		(void)snprintf(text + MIN((size_t)n, size), size - MIN((size_t)n, size),
			       faults[s.fault], s.fault_value);
	} else if (!(s.status & VIRTIO_STATUS_DRIVER_OK)) {
		(void)snprintf(text, size, "no driver");
	} else {
		return false;
	}
	return true;
}

size_t virtio_begin_info(struct virtio *t, char *text, size_t size)
{
	size_t n;

	if (!virtio_problem(t, text, size))
		return 0;
	n = strlen(text);
	(void)snprintf(text + n, size - n, ", ");
	return strlen(text);
}
