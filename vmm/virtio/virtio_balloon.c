/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The balloon (VIRTIO 1.2, 5.5): the driver gives pages back (inflate) until the VM has what the
 * operator leaves it, and takes them again (deflate). A unit copies page numbers from the ring;
 * between the units they are carried out. An answer to a deflation says that the memory is
 * reserved, so it waits while the machine has none.
 */
#include <arch/timer.h>
#include <kernel/timeout.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <vmm/core.h>
#include <vmm/virtio.h>

/* 5.5.2 */
enum { INFLATE, DEFLATE, STATS, QUEUES };

/* 5.5.3 */
#define F_MUST_TELL_HOST BIT(0)
#define F_STATS_VQ       BIT(1)

#define PFN_SHIFT 12 /* 5.5.6, whatever the guest's pages are */
#define PFNS      64 /* of one unit */
#define LEAVING   16 /* blocks that leave together */
#define RETRY_MS  100

/* 5.5.6.3: tags, each with a value; those that are kept are below STATS_KEPT. */
struct balloon_stat {
	u16 tag;
	u64 value;
} __attribute__((packed));
enum { STAT_FREE = 4, STAT_TOTAL = 5, STAT_AVAILABLE = 6, STATS_KEPT };
#define STATS_MAX 16 /* of one buffer, that are looked at */

struct virtio_balloon {
	struct virtio t; /* first */
	struct {
		u32 num_pages, actual;
	} config; /* 5.5.4 */
	/* a request of `queue`, INFLATE or DEFLATE */
	bool under_way;
	u32 queue;
	u32 got;  /* bytes of pfns */
	u32 done; /* of its numbers */
	u32 pfns[PFNS];
	bool busy;   /* a vCPU carries it out, without the lock */
	bool forget; /* the driver was reset: what it gave back is not known any more */
	bool waits;  /* a deflation, for memory (atomic) */
	struct timeout retry;
	u64 wrong; /* numbers that are no RAM, since the VM was created */
	/* statistics of the driver */
	bool wanted; /* the next time that the ring has room, ... */
	u32 stat_bytes;
	struct balloon_stat stats_read[STATS_MAX];
	u64 stats[STATS_KEPT]; /* bytes */
	u64 stats_at;          /* counter; 0: there are none */
};

static struct virtio_balloon *to_balloon(struct virtio *t)
{
	return (struct virtio_balloon *)t;
}

/* ---- units ---- */

/* Some numbers of the request. False: not now. */
static bool get_numbers(struct virtio_balloon *b)
{
	const u32 kept = b->got % sizeof(*b->pfns);
	u32 n;

	/* Of a number that two buffers share, the first bytes are there. */
	memmove(b->pfns, (u8 *)b->pfns + b->got - kept, kept);
	n = virtio_read(&b->t, b->queue, (u8 *)b->pfns + kept, (u32)sizeof(b->pfns) - kept);
	b->got = kept + n;
	b->done = 0;
	if (n)
		return true;
	if (!virtio_can_go_on(&b->t) || !virtio_finish(&b->t, b->queue))
		return false;
	b->under_way = false;
	return true;
}

static bool has_numbers(const struct virtio_balloon *b)
{
	return b->under_way && b->done < b->got / sizeof(*b->pfns);
}

/* The next request of either queue. */
static bool begin(struct virtio_balloon *b)
{
	for (u32 i = 0; i < 2; i++) {
		b->queue = !b->queue;
		if (!virtio_take(&b->t, b->queue))
			continue;
		b->under_way = true;
		b->got = b->done = 0;
		return true;
	}
	return false;
}

static void keep_stats(struct virtio_balloon *b)
{
	for (u32 i = 0; i < b->stat_bytes / sizeof(*b->stats_read); i++)
		if (b->stats_read[i].tag < STATS_KEPT)
			b->stats[b->stats_read[i].tag] = b->stats_read[i].value;
	b->stats_at = arch_counter();
}

/*
 * The driver's buffer is read when it comes, and stays here until newer figures are wanted
 * (5.5.6.3).
 */
static bool unit_stats(struct virtio_balloon *b)
{
	const bool held = b->t.s.queues[STATS].request.taken;
	u32 n;

	if (!(b->t.s.driver_features & F_STATS_VQ))
		return false;
	if (held && !b->wanted && b->stats_at)
		return false;
	if (held && b->wanted) {
		if (!virtio_finish(&b->t, STATS))
			return false;
		b->wanted = false;
		b->stats_at = 0;
		return true;
	}
	if (!held) {
		b->stat_bytes = 0;
		b->stats_at = 0;
		if (!virtio_take(&b->t, STATS))
			return false;
	}
	n = virtio_read(&b->t, STATS, (u8 *)b->stats_read + b->stat_bytes,
			(u32)sizeof(b->stats_read) - b->stat_bytes);
	b->stat_bytes += n;
	if (!n && virtio_can_go_on(&b->t))
		keep_stats(b);
	return n;
}

static bool unit(struct virtio *t)
{
	struct virtio_balloon *b = to_balloon(t);

	if (!virtio_is_live(t) || b->busy)
		return false;
	if (b->forget)
		return true;
	if (has_numbers(b))
		return !__atomic_load_n(&b->waits, __ATOMIC_ACQUIRE) || unit_stats(b);
	return (b->under_way ? get_numbers(b) : begin(b)) || unit_stats(b);
}

/* The driver gives nothing back that it does not know of. */
static void forget(struct virtio *t)
{
	struct virtio_balloon *b = to_balloon(t);

	b->under_way = false;
	b->got = b->done = 0;
	b->forget = true;
	b->waits = b->wanted = false;
	b->stats_at = 0;
}

/* ---- between the units: on a vCPU's thread, without the lock ---- */

static void send_off(struct vm *vm, const struct ram_leaving *l, u32 count)
{
	if (!count)
		return;
	virtio_let_go(vm);
	vm_ram_left(&vm->ram, l, count);
}

/* How many numbers are not RAM. */
static u32 inflate(struct vm *vm, const u32 *pfns, u32 count)
{
	struct ram_leaving leaving[LEAVING];
	u32 wrong = 0, leave = 0;

	for (u32 i = 0; i < count; i++) {
		const u64 ipa = (u64)pfns[i] << PFN_SHIFT;
		bool full;

		wrong += !vm_ram_inflate(&vm->ram, ipa, &full);
		leave += full && vm_ram_leave(&vm->ram, ipa, &leaving[leave]);
		if (leave == LEAVING) {
			send_off(vm, leaving, leave);
			leave = 0;
		}
	}
	send_off(vm, leaving, leave);
	return wrong;
}

/* How many were carried out. */
static u32 deflate(struct vm *vm, const u32 *pfns, u32 count, u32 *wrong)
{
	for (u32 i = 0; i < count; i++) {
		const int ret = vm_ram_deflate(&vm->ram, (u64)pfns[i] << PFN_SHIFT);

		if (ret == -ENOMEM)
			return i;
		*wrong += ret != 0;
	}
	return count;
}

/* What became of `count` numbers. Lock held. */
static void conclude(struct virtio_balloon *b, u32 count, u32 done)
{
	b->busy = false;
	b->config.actual = (u32)MIN(b->t.vm->ram.ballooned, (u64)UINT32_MAX);
	if (b->forget) /* the device was reset */
		return;
	b->done += done;
	if (done < count) {
		b->waits = true;
		timeout_set(&b->retry, arch_counter() + ms_to_ticks(RETRY_MS));
	}
}

static void between(struct virtio *t, struct vcpu *v)
{
	struct virtio_balloon *b = to_balloon(t);
	unsigned long irq = spin_lock_irqsave(&t->lock);
	const bool forgets = b->forget;
	const bool works = !b->busy && (forgets || (has_numbers(b) && !b->waits));
	const bool inflates = b->queue == INFLATE;
	const u32 count = forgets ? 0 : b->got / (u32)sizeof(*b->pfns) - b->done;
	u32 pfns[PFNS], done = count, wrong = 0;

	if (works) {
		b->busy = true;
		b->forget = false;
		memcpy(pfns, &b->pfns[b->done], count * sizeof(*pfns));
	}
	spin_unlock_irqrestore(&t->lock, irq);
	if (!works)
		return;
	if (forgets)
		vm_ram_forget(&v->vm->ram);
	else if (inflates)
		wrong = inflate(v->vm, pfns, count);
	else
		done = deflate(v->vm, pfns, count, &wrong);
	irq = spin_lock_irqsave(&t->lock);
	b->wrong += wrong;
	conclude(b, count, done);
	spin_unlock_irqrestore(&t->lock, irq);
}

static void try_again(struct timeout *timeout)
{
	struct virtio_balloon *b = container_of(timeout, struct virtio_balloon, retry);

	__atomic_store_n(&b->waits, false, __ATOMIC_RELEASE);
	virtio_wake(&b->t);
}

/* ---- the device ---- */

static const struct virtio_model model = {
	.id = 5,
	.queues = QUEUES,
	.unit = unit,
	.between = between,
	.reset = forget,
};

static int create(struct vdev *d)
{
	struct virtio_balloon *b = d->state;
	int r;

	timeout_init(&b->retry, try_again);
	r = virtio_create(d, &model, F_MUST_TELL_HOST | F_STATS_VQ, &b->config, sizeof(b->config));
	return r ? r : vm_ram_balloon_init(&d->vm->ram);
}

static void reset(struct vdev *d)
{
	struct virtio_balloon *b = d->state;

	virtio_reset(d);
	(void)timeout_cancel(&b->retry);
	b->waits = false;
	b->config.actual = 0;
}

static int set_memory(struct vdev *d, u64 bytes, struct vm_error *err)
{
	struct virtio_balloon *b = d->state;
	struct vm_ram *ram = &d->vm->ram;
	struct page_stats mem;
	unsigned long irq;

	if (vm_ram_set_target(ram, bytes)) {
		page_stats(&mem);
		return vm_fail(err, -ENOMEM, "no memory: '%s' has %lu MiB, and %lu MiB are free",
			       d->vm->name, ram->allowed * BLOCK_SIZE / MIB(1),
			       mem.blocks_free * BLOCK_SIZE / MIB(1));
	}
	irq = spin_lock_irqsave(&b->t.lock);
	b->config.num_pages = (u32)((ram->size - bytes) >> PFN_SHIFT);
	virtio_config_changed(&b->t);
	spin_unlock_irqrestore(&b->t.lock, irq);
	return 0;
}

/* The driver's figures, and how old they are; newer ones are asked for. */
static size_t stats_text(struct virtio_balloon *b, char *text, size_t size)
{
	unsigned long irq = spin_lock_irqsave(&b->t.lock);
	const u64 at = b->stats_at, available = b->stats[STAT_AVAILABLE],
		  total = b->stats[STAT_TOTAL];

	if (at && virtio_is_live(&b->t)) {
		b->wanted = true;
		virtio_wake(&b->t);
	}
	spin_unlock_irqrestore(&b->t.lock, irq);
	if (at)
		(void)snprintf(text, size, "; guest, %lu s ago: %lu of %lu MiB available",
			       ticks_to_us(arch_counter() - at) / 1000000, available / MIB(1),
			       total / MIB(1));
	return at ? strlen(text) : 0;
}

static void info(struct vdev *d, char *text, size_t size)
{
	struct virtio_balloon *b = d->state;
	const struct vm_ram *ram = &d->vm->ram;
	size_t n = virtio_begin_info(&b->t, text, size);

	(void)snprintf(text + n, size - n,
		       "%lu of %lu MiB wanted, %lu MiB given back in pages, %lu MiB in blocks%s",
		       (u64)b->config.num_pages * PAGE_SIZE / MIB(1), ram->size / MIB(1),
		       ram->ballooned * PAGE_SIZE / MIB(1), ram->given * BLOCK_SIZE / MIB(1),
		       __atomic_load_n(&b->waits, __ATOMIC_RELAXED) ? ", waits for memory" : "");
	n = strlen(text);
	if (ram->untold || ram->refused || b->wrong)
		(void)snprintf(
			text + n, size - n,
			"; %lu pages used without a word, %lu accesses refused, %lu wrong numbers",
			ram->untold, ram->refused, b->wrong);
	n = strlen(text);
	(void)stats_text(b, text + n, size - n);
}

static u64 memory(const struct vdev *d)
{
	return vm_ram_balloon_bytes(&d->vm->ram);
}

const struct vdev_class virtio_balloon_class = {
	.name = "virtio-balloon",
	.virtio = VIRTIO_BALLOON,
	.size = sizeof(struct virtio_balloon),
	.host_init = virtio_host_init,
	.create = create,
	.reset = reset,
	.info = info,
	.memory = memory,
	.set_memory = set_memory,
};
