/* SPDX-License-Identifier: Apache-2.0 */
/* The entropy device (VIRTIO 1.2, 5.4). */
#include <arch/timer.h>
#include <kernel/timeout.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <vmm/core.h>
#include <vmm/virtio.h>

#define QUEUE    0
#define RETRY_MS 10

struct virtio_rng {
	struct virtio t; /* first */
	u64 given;       /* bytes, since the VM was created */
	u32 fresh;       /* bytes of `bytes` that are left */
	u8 bytes[RANDOM_MAX];
	bool dry; /* there is no entropy now */
	struct timeout retry;
};

static struct virtio_rng *to_rng(struct virtio *t)
{
	return (struct virtio_rng *)t;
}

/* Bytes that were given out are not kept. */
static void give(struct virtio_rng *r)
{
	u8 *bytes = &r->bytes[sizeof(r->bytes) - r->fresh];
	const u32 n = virtio_write(&r->t, QUEUE, bytes, r->fresh);

	memset(bytes, 0, n);
	r->fresh -= n;
	r->given += n;
}

/*
 * A request is answered when its buffers are full: less is allowed, but Zephyr takes that for an
 * error. Without bytes the unit only finds out whether any are wanted.
 */
static bool unit(struct virtio *t)
{
	struct virtio_rng *r = to_rng(t);
	u32 len = 1;
	bool room;

	if (r->dry || !virtio_take(t, QUEUE))
		return false;
	give(r);
	room = virtio_piece(t, QUEUE, true, &len, NULL);
	if (!virtio_can_go_on(t))
		return false;
	if (room)
		return true;
	if (!t->s.queues[QUEUE].request.written)
		virtio_break(t, QUEUE, VIRTIO_FAULT_REQUEST, 0); /* it has no writable buffer */
	else
		(void)virtio_finish(t, QUEUE);
	return true;
}

static void try_again(struct timeout *timeout)
{
	struct virtio_rng *r = container_of(timeout, struct virtio_rng, retry);

	__atomic_store_n(&r->dry, false, __ATOMIC_RELEASE);
	virtio_wake(&r->t);
}

/* Fill the store, with this vCPU's generator. The guest waits while there is no entropy. */
static void between(struct virtio *t, struct vcpu *v)
{
	struct virtio_rng *r = to_rng(t);
	u8 bytes[RANDOM_MAX];
	const bool good = random_bytes(&v->random, bytes, sizeof(bytes));
	unsigned long irq = spin_lock_irqsave(&t->lock);

	if (good && !r->fresh) {
		memcpy(r->bytes, bytes, sizeof(r->bytes));
		r->fresh = sizeof(r->bytes);
	}
	if (!good && virtio_is_live(t)) {
		r->dry = true;
		timeout_set(&r->retry, arch_counter() + ms_to_ticks(RETRY_MS));
	}
	spin_unlock_irqrestore(&t->lock, irq);
	memset(bytes, 0, sizeof(bytes));
}

static const struct virtio_model model = {
	.id = 4,
	.queues = 1,
	.unit = unit,
	.between = between,
};

static int create(struct vdev *d)
{
	struct virtio_rng *r = d->state;

	timeout_init(&r->retry, try_again);
	return virtio_create(d, &model, 0, NULL, 0);
}

static void reset(struct vdev *d)
{
	struct virtio_rng *r = d->state;

	virtio_reset(d);
	(void)timeout_cancel(&r->retry);
	r->dry = false;
}

static void info(struct vdev *d, char *text, size_t size)
{
	struct virtio_rng *r = d->state;

	if (!virtio_problem(&r->t, text, size))
		(void)snprintf(text, size, "%lu bytes given%s", r->given,
			       r->dry ? ", waits for entropy" : "");
}

const struct vdev_class virtio_rng_class = {
	.name = "virtio-rng",
	.virtio = VIRTIO_RNG,
	.size = sizeof(struct virtio_rng),
	.host_init = virtio_host_init,
	.create = create,
	.reset = reset,
	.info = info,
};
