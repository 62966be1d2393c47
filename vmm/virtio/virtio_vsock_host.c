/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine as the other end (context ID 2). A host port has a console port of the machine, as a
 * VM's console has, and one connection at a time. The guest makes it; or ZVM does when something is
 * typed at the console port, to the guest's port of the same number, and asks again every second
 * while the guest refuses. All work is done by the VM's own vCPUs.
 *
 * The room in the console's ring is the guest's credit. So no byte is lost, and a program that does
 * not read keeps its own connection waiting only.
 */
#include "virtio_vsock.h"

#include <arch/timer.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <kernel/trace.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <vmm/console.h>
#include <vmm/core.h>
#include <vmm/port.h>

#define TYPED     32U                    /* bytes of input in a unit: each is taken by itself */
#define CHUNK     512U                   /* bytes of output in a section */
#define TELL      (CONSOLE_LOG_SIZE / 4) /* so much more credit is worth a packet */
#define AGAIN_MS  1000
#define FIRST_OWN 0x80000000U /* our ports of connections that we make are from here on */

#define HOST_PAGES ((u32)((sizeof(struct vsock_host) + PAGE_SIZE - 1) / PAGE_SIZE))

/* ASKS: the guest has not answered our request. ENDS: it is to be told that it is over. */
enum host_state { HOST_FREE, HOST_ASKS, HOST_OPEN, HOST_ENDS };

/* A host port; under the device's lock. */
struct vsock_host {
	struct virtio_vsock *v;
	u32 number;
	enum host_state state;
	u16 due;       /* a packet for the driver, an operation; 0: none */
	u32 drops;     /* bytes of input that belong to no connection any more */
	u64 again;     /* the guest has refused: counter when it is asked again. 0: it has not */
	u32 own, peer; /* the connection's ports */
	u32 shut;      /* SHUTDOWN: what the guest will not do any more */
	u64 start;     /* where the connection begins in the console's output */
	u32 told;      /* the credit that the driver knows of */
	u32 may, sent; /* its own credit, and what was sent of that */
	u32 held;      /* bytes of input that were taken: */
	u8 bytes[TYPED];
	struct console console;
};

/* ---- connections, lock held ---- */

/* How many bytes the driver may send in all. Its copies of the two parts wrap, as they may. */
static u32 credit(const struct vsock_host *h)
{
	return (u32)(console_sent(&h->console) + CONSOLE_LOG_SIZE - h->start);
}

static void begin(struct vsock_host *h, enum host_state state, u16 due, u32 own, u32 peer)
{
	h->state = state;
	h->due = due;
	h->own = own;
	h->peer = peer;
	h->shut = h->may = h->sent = 0;
	h->again = 0;
	h->start = console_head(&h->console);
}

static void end(struct vsock_host *h, bool tell)
{
	h->state = tell ? HOST_ENDS : HOST_FREE;
	h->due = tell ? VSOCK_OP_RST : 0;
	h->drops = CONSOLE_INPUT_SIZE - console_input_room(&h->console);
	h->held = 0;
	h->again = 0;
}

void virtio_vsock_host_forget(struct virtio_vsock *v)
{
	for (u32 i = 0; i < v->host_count; i++)
		if (v->hosts[i]->state == HOST_ASKS)
			v->hosts[i]->state = HOST_FREE; /* the next driver is asked */
		else if (v->hosts[i]->state != HOST_FREE)
			end(v->hosts[i], false);
}

/* ---- from the guest ---- */

/* The host port that a packet is for. NULL: there is none. */
static struct vsock_host *find(struct virtio_vsock *v, const struct vsock_head *head)
{
	for (u32 i = 0; i < v->host_count; i++) {
		struct vsock_host *h = v->hosts[i];

		if (head->op == VSOCK_OP_REQUEST && h->number == head->dst_port)
			return h;
		if (head->op != VSOCK_OP_REQUEST && h->own == head->dst_port &&
		    h->peer == head->src_port &&
		    (h->state == HOST_OPEN || (h->state == HOST_ASKS && !h->due)))
			return h;
	}
	return NULL;
}

/* It is accepted if a program may be there, also in place of one that we have asked for. */
static s32 request(struct vsock_host *h, const struct vsock_head *head)
{
	if (h->state == HOST_OPEN || h->state == HOST_ENDS || h->console.port < 0 ||
	    !console_far_open(&h->console))
		return VSOCK_GONE;
	begin(h, HOST_OPEN, VSOCK_OP_RESPONSE, h->number, head->src_port);
	return 0;
}

/* How many bytes are taken. */
static s32 data(struct vsock_host *h, u32 len)
{
	const u64 waits = console_head(&h->console) - console_sent(&h->console);

	if (h->state != HOST_OPEN || waits + len > CONSOLE_LOG_SIZE) {
		end(h, false);
		return VSOCK_GONE;
	}
	return (s32)MIN(len, CHUNK);
}

/* The guest has ended the connection, or does not want it now. */
static void reset(struct vsock_host *h)
{
	if (h->state == HOST_OPEN || !console_far_open(&h->console)) {
		end(h, false);
		return;
	}
	h->state = HOST_FREE;
	h->again = arch_counter() + ms_to_ticks(AGAIN_MS);
	timeout_set(&h->v->again, h->again);
}

static s32 take(struct vsock_host *h, const struct vsock_head *head, u32 len)
{
	s32 done = 0;

	if (head->op == VSOCK_OP_REQUEST)
		done = request(h, head);
	else if (head->op == VSOCK_OP_RW)
		done = data(h, len);
	else if (head->op == VSOCK_OP_RST)
		reset(h);
	else if (head->op == VSOCK_OP_RESPONSE)
		h->state = HOST_OPEN;
	else if (head->op == VSOCK_OP_CREDIT_REQUEST && !h->due)
		h->due = VSOCK_OP_CREDIT_UPDATE;
	else if (head->op == VSOCK_OP_SHUTDOWN)
		h->shut |= head->flags;
	if ((h->shut & VSOCK_SHUT_BOTH) == VSOCK_SHUT_BOTH && h->state == HOST_OPEN)
		end(h, true);
	if (done >= 0)
		h->may = head->buf_alloc + head->fwd_cnt;
	return done;
}

/* One vCPU at a time sends, so what there is room for stays so without the lock. */
s32 virtio_vsock_to_host(struct virtio_vsock *v, const struct vsock_head *head, const u8 *from,
			 u32 len)
{
	unsigned long irq = spin_lock_irqsave(&v->t.lock);
	struct vsock_host *h = find(v, head);
	const s32 done = h ? take(h, head, len) : VSOCK_GONE;

	spin_unlock_irqrestore(&v->t.lock, irq);
	if (done > 0)
		console_put(&h->console, from, (u32)done);
	return done;
}

/* ---- to the guest, lock held ---- */

/* Some of what was typed, so that `most` bytes are held. */
static void take_input(struct vsock_host *h, u32 most)
{
	int input;

	while (h->held < most && (input = console_take_input(&h->console)) >= 0)
		h->bytes[h->held++] = (u8)input; /* a break is a 0 */
}

/*
 * The operation of the next packet. 0: there is none. A connection does not begin while bytes may
 * be on their way to the console: they are those of the last one.
 */
static u16 next_packet(struct vsock_host *h)
{
	if (h->due || h->state == HOST_ASKS)
		return h->due;
	take_input(h, TYPED);
	if (h->again && !console_far_open(&h->console))
		end(h, false); /* it has given up */
	else if (h->state == HOST_FREE && h->held && !h->v->sending && arch_counter() >= h->again)
		begin(h, HOST_ASKS, VSOCK_OP_REQUEST, h->v->next_own++ | FIRST_OWN, h->number);
	else if (h->state == HOST_OPEN && h->held && (s32)(h->may - h->sent) > 0)
		return VSOCK_OP_RW;
	else if (h->state == HOST_OPEN && !h->held && console_far_done(&h->console))
		end(h, true);
	else if (h->state == HOST_OPEN && credit(h) - h->told >= TELL)
		return VSOCK_OP_CREDIT_UPDATE;
	return h->due;
}

static bool send(struct vsock_host *h, u16 op)
{
	const u64 sent = console_sent(&h->console), start = h->start;
	const struct vsock_head head = {
		.src_cid = VSOCK_CID_HOST,
		.dst_cid = h->v->config.guest_cid,
		.src_port = h->own,
		.dst_port = h->peer,
		.type = VSOCK_TYPE_STREAM,
		.op = op,
		.buf_alloc = (u32)(CONSOLE_LOG_SIZE - (start > sent ? start - sent : 0)),
		.fwd_cnt = (u32)(sent > start ? sent - start : 0),
	};
	const u32 len = op == VSOCK_OP_RW ? MIN(h->held, h->may - h->sent) : 0;
	const s32 done = virtio_vsock_put(h->v, &head, h->bytes, len);

	if (done < 0)
		return false;
	h->told = head.buf_alloc + head.fwd_cnt;
	h->due = 0;
	if (h->state == HOST_ENDS)
		h->state = HOST_FREE;
	h->sent += (u32)done;
	h->held -= (u32)done;
	memmove(h->bytes, h->bytes + done, h->held);
	return true;
}

/* Some of what is to be done for one port. True: something was. */
static bool serve(struct vsock_host *h)
{
	u16 op;

	if (h->drops) {
		take_input(h, MIN(h->drops, TYPED));
		h->drops -= h->held ? h->held : h->drops;
		h->held = 0;
		return true;
	}
	op = next_packet(h);
	return op ? send(h, op) : h->drops;
}

bool virtio_vsock_host_unit(struct virtio_vsock *v)
{
	for (u32 i = 0; i < v->host_count; i++) {
		v->host_turn = v->host_turn + 1 < v->host_count ? v->host_turn + 1 : 0;
		if (serve(v->hosts[v->host_turn]))
			return true;
	}
	return false;
}

/* ---- from outside ---- */

/* Under the lock: after virtio_reset() no vCPU is touched, as they go away then. */
static void wake(struct virtio_vsock *v)
{
	unsigned long irq = spin_lock_irqsave(&v->t.lock);

	if (virtio_is_live(&v->t))
		virtio_wake(&v->t);
	spin_unlock_irqrestore(&v->t.lock, irq);
}

/* Something was typed, or the port was opened or closed. */
static void input_ready(void *arg)
{
	wake(((struct vsock_host *)arg)->v);
}

/* It is time to ask a guest again. */
static void ask_again(struct timeout *timeout)
{
	wake(container_of(timeout, struct virtio_vsock, again));
}

static void output_sent(void *arg)
{
	struct vsock_host *h = arg;
	unsigned long irq = spin_lock_irqsave(&h->v->t.lock);

	if (h->state == HOST_OPEN && credit(h) - h->told >= TELL && virtio_is_live(&h->v->t))
		virtio_wake(&h->v->t);
	spin_unlock_irqrestore(&h->v->t.lock, irq);
}

/* ---- the device ---- */

int virtio_vsock_host_create(struct virtio_vsock *v, const struct desc_virtio *d)
{
	timeout_init(&v->again, ask_again);
	while (v->host_count < d->host_port_count) {
		struct vsock_host *h = pages_alloc(HOST_PAGES);

		if (!h)
			return -ENOMEM;
		h->v = v;
		h->number = d->host_ports[v->host_count];
		console_init(&h->console);
		h->console.input_arg = h;
		h->console.input_ready = input_ready;
		h->console.output_sent = output_sent;
		v->hosts[v->host_count++] = h;
	}
	return 0;
}

void virtio_vsock_host_connect(struct virtio_vsock *v, const struct vdev *d)
{
	for (u32 i = 0; i < v->host_count; i++) {
		struct vsock_host *h = v->hosts[i];

		h->console.tag = trace_tag_of(d->vm->id, 0);
		if (console_port_attach(&h->console, -1) < 0)
			log_warn("vm %u '%s': no console port is free for host port %u of %s",
				 d->vm->id, d->vm->name, h->number, d->virtio->name);
	}
}

void virtio_vsock_host_destroy(struct virtio_vsock *v)
{
	for (u32 i = 0; i < v->host_count; i++) {
		console_port_detach(&v->hosts[i]->console);
		pages_free(v->hosts[i], HOST_PAGES);
	}
}

void virtio_vsock_host_info(const struct virtio_vsock *v, char *text, size_t size)
{
	for (u32 i = 0; i < v->host_count; i++) {
		const struct vsock_host *h = v->hosts[i];
		const size_t n = strlen(text);
		const char *port = console_port_name(h->console.port);

		(void)snprintf(text + n, size - n, "; host port %u: %s%s%s", h->number,
			       port ? port : "no port",
			       console_far_open(&h->console) || !port ? "" : ", not open",
			       h->state == HOST_OPEN ? ", connected" : "");
	}
}

u64 virtio_vsock_host_memory(const struct virtio_vsock *v)
{
	return v->host_count * HOST_PAGES * PAGE_SIZE;
}
