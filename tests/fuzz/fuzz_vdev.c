/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio devices of a VM against a guest that obeys no rule: registers, rings and requests hold
 * values from the input, and guest memory changes whenever the device looks at it. Whatever the
 * guest does, a device's work ends, stays in the guest's memory and its own, and says in one line
 * what was wrong. After a reset the device works as a new one.
 */
#include "fuzz.h"

#include <asm/host.h>
#include <arch/timer.h>
#include <kernel/log.h>
#include <kernel/page.h>
#include <lib/errno.h>
#include <string.h>
#include <sys/mman.h>
#include <vmm/control.h>
#include <vmm/core.h>
#include <vmm/load.h>
#include <vmm/net.h>
#include <vmm/port.h>
#include <vmm/virtio.h>

#include "../../vmm/disk/disk_internal.h"
#include "../../vmm/port/console_port.h"

#define RAM       0x40000000ULL
#define RAM_SIZE  MIB(4)
#define RINGS     (RAM + MIB(2) - 0x1000) /* on both sides of a block's end */
#define UNITS_MAX 20000                   /* of one call */
#define NOTIFY    0x050
#define STATUS    0x070

static struct fuzz_input input;
static u8 *ram;
static struct vm vm;
static const struct vm_type type;
static struct vcpu vcpu;
static struct vdev dev;
static vcpu_devices_fn devices;
static u32 units;
static struct console *console; /* the last port's */
static bool line, calm;         /* calm: memory does not change */

/* ---- guest memory ---- */

static u64 below(u64 n)
{
	return fuzz_u64(&input) % n;
}

static u64 some_address(void)
{
	static const u64 odd[] = {
		0, RAM - 1, RAM + RAM_SIZE - 1, ~0ULL, ~7U, RAM + RAM_SIZE - 16
	};

	if (fuzz_once_in(&input, 16))
		return fuzz_word(&input, odd);
	return RINGS + below(0x2000) / 2 * 2;
}

static void some_descriptor(u64 at)
{
	static const u32 lengths[] = { 1, 16, 17, 512, 513, 4096, 0, 32, ~0U, 48 };
	struct {
		u64 addr;
		u32 len;
		u16 flags, next;
	} d = { some_address(), fuzz_word(&input, lengths), fuzz_byte(&input) & 7,
		(u16)fuzz_below(&input, 8) };

	memcpy(&ram[at - RAM], &d, 16);
}

/* The guest writes: into the rings, a request, or anywhere. */
static void guest_writes(void)
{
	static const u8 types[] = { 0, 1, 4, 8, 11, 13, 2 };
	const u64 at = RINGS + below(0x2000 - 16);
	u64 number = fuzz_byte(&input);

	switch (fuzz_below(&input, 5)) {
	case 0:
		some_descriptor(RINGS + 16 * (u64)fuzz_below(&input, 8));
		break;
	case 1: /* the available index */
		number = (u64)fuzz_below(&input, 12);
		memcpy(&ram[RINGS + 0x802 - RAM], &number, 2);
		break;
	case 2: /* an entry */
		number = fuzz_below(&input, 9);
		memcpy(&ram[RINGS + 0x804 + 2 * fuzz_below(&input, 8) - RAM], &number, 2);
		break;
	case 3:
		ram[ALIGN_DOWN(at, 16) - RAM] = fuzz_word(&input, types);
		break;
	default:
		ram[at - RAM] = (u8)number;
		break;
	}
}

void *vm_ram_ptr(const struct vm_ram *r, u64 ipa)
{
	fuzz_assert(r == &vm.ram);
	fuzz_assert(ipa >= RAM && ipa < RAM + RAM_SIZE);
	if (!calm && fuzz_once_in(&input, 48))
		guest_writes();
	return !calm && fuzz_once_in(&input, 64) ? NULL : &ram[ipa - RAM];
}

bool vm_ram_bring(struct vm *v, u64 ipa)
{
	fuzz_assert(v == &vm && ipa >= RAM && ipa < RAM + RAM_SIZE);
	return !fuzz_once_in(&input, 16);
}

/* ---- what a balloon gives back: pages of the guest's RAM, by its word ---- */

static u64 ballooned_pages[RAM_SIZE / BLOCK_SIZE][VM_BLOCK_PAGES / 64];

int vm_ram_balloon_init(struct vm_ram *r)
{
	r->pages = ballooned_pages;
	return 0;
}

u64 vm_ram_balloon_bytes(const struct vm_ram *r)
{
	return r->pages ? PAGE_SIZE : 0;
}

int vm_ram_set_target(struct vm_ram *r, u64 bytes)
{
	(void)r;
	return bytes > RAM_SIZE ? -ENOMEM : 0;
}

bool vm_ram_inflate(struct vm_ram *r, u64 ipa, bool *full)
{
	*full = fuzz_once_in(&input, 4);
	r->ballooned++;
	return ipa >= RAM && ipa < RAM + RAM_SIZE;
}

int vm_ram_deflate(struct vm_ram *r, u64 ipa)
{
	(void)r;
	if (fuzz_once_in(&input, 16))
		return -ENOMEM;
	return ipa >= RAM && ipa < RAM + RAM_SIZE ? 0 : -EFAULT;
}

void vm_ram_forget(struct vm_ram *r)
{
	r->ballooned = 0;
}

bool vm_ram_leave(struct vm_ram *r, u64 ipa, struct ram_leaving *l)
{
	(void)r;
	l->ipa = ipa;
	return !fuzz_once_in(&input, 4);
}

void vm_ram_left(struct vm_ram *r, const struct ram_leaving *l, u32 count)
{
	fuzz_assert(r == &vm.ram && l && count);
}

int vm_fail(struct vm_error *err, int code, const char *fmt, ...)
{
	(void)fmt;
	err->text[0] = '\0';
	return code;
}

static bool has_guest_memory(void);
static void end_transfer(void);

/* For a disk of the machine that uses the guest's memory, or has just ended that: it answers. */
void thread_sleep_ms(u64 ms)
{
	fuzz_assert(ms);
	if (has_guest_memory())
		end_transfer();
}

/* ---- in place of the house ---- */

void vgic_set_spi(struct vm *v, u32 intid, bool level)
{
	fuzz_assert(v == &vm && intid == 48 && level != line);
	line = level;
}

void vcpu_kick(struct vcpu *v, u32 work)
{
	v->thread.work |= work;
}

void vcpu_set_devices(vcpu_devices_fn fn)
{
	devices = fn;
}

static void access(u64 offset, u32 size, bool write, u64 value);
static struct disk_io *in_flight[DISK_TRANSFERS]; /* with the machine's disk */
static u32 in_flight_count;
static void end_transfer(void);

/* Other vCPUs do something between two units: mostly nothing. */
void sched_open(void)
{
	fuzz_assert(++units < UNITS_MAX);
	if (fuzz_once_in(&input, 64))
		access(fuzz_below(&input, 0x80) * 4, 4, true, fuzz_byte(&input));
	if (fuzz_once_in(&input, 64)) {
		virtio_let_go(&vm);
		fuzz_assert(!has_guest_memory());
	}
	if (fuzz_once_in(&input, 64))
		vcpu.thread.work |= VCPU_WORK_STATE;
	if (in_flight_count && fuzz_once_in(&input, 4))
		end_transfer();
	calm = units > UNITS_MAX / 2; /* a guest that offers more and more is served for ever */
}

u32 host_cpu;
bool host_irqs_open[HOST_CPUS];
struct percpu *host_percpu[HOST_CPUS];

void (*host_deliver)(void);

void host_relax(void)
{
	fuzz_assert(!"a lock is not free");
}

bool random_bytes(struct random *r, void *buf, size_t size)
{
	(void)r;
	memset(buf, 0x5a, size);
	return !fuzz_once_in(&input, 3);
}

void timeout_init(struct timeout *t, void (*fn)(struct timeout *t))
{
	t->fn = fn;
}

u64 host_counter;

/* Of a socket device: its waiting sender's, its host ports'. They fire when the peer acts. */
static struct timeout *armed[2];

static void forget_timeout(const struct timeout *t)
{
	for (u32 i = 0; i < ARRAY_SIZE(armed); i++)
		if (armed[i] == t)
			armed[i] = NULL;
}

static void fire_timeouts(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(armed); i++) {
		struct timeout *t = armed[i];

		armed[i] = NULL;
		if (t)
			t->fn(t);
	}
}

void timeout_set(struct timeout *t, u64 when)
{
	if (dev.class == &virtio_vsock_class) {
		forget_timeout(t);
		fuzz_assert(!armed[0] || !armed[1]);
		armed[armed[0] ? 1 : 0] = t;
		return;
	}
	host_counter = MAX(host_counter, when);
	t->fn(t);
}

bool timeout_cancel(struct timeout *t)
{
	forget_timeout(t);
	return false;
}

u64 us_to_ticks(u64 us)
{
	return us;
}

u64 ticks_to_us(u64 ticks)
{
	return ticks;
}

u64 ms_to_ticks(u64 ms)
{
	return ms;
}

static u32 pages;

void *page_alloc(void)
{
	pages++;
	return fuzz_once_in(&input, 32) ? (pages--, NULL) : calloc(1, PAGE_SIZE);
}

void page_free(void *page)
{
	pages--;
	free(page);
}

void *kzalloc(size_t size)
{
	return calloc(1, size);
}

void kfree(void *p, size_t size)
{
	(void)size;
	free(p);
}

void *pages_alloc(u32 count)
{
	return calloc(count, PAGE_SIZE);
}

void pages_free(void *p, u32 count)
{
	(void)count;
	free(p);
}

void page_stats(struct page_stats *s)
{
	*s = (struct page_stats){ .free = fuzz_once_in(&input, 32) ? 0 : GIB(1) };
}

#define IMAGE_SIZE 20000

int image_get(const struct image_ref *ref, const void **data, u64 *size)
{
	static u8 *image;

	fuzz_assert(!strcmp(ref->path, "i"));
	if (!image)
		image = calloc(1, IMAGE_SIZE);
	*data = image;
	*size = IMAGE_SIZE;
	return image ? 0 : -1;
}

/* The parts of a transfer: guest memory. */
struct parts {
	struct {
		u8 *at;
		u32 bytes;
	} parts[32];
};

static void describe(struct disk_io *io, u32 n, void *at, u32 bytes)
{
	struct parts *t = io->table;

	fuzz_assert(n < ARRAY_SIZE(t->parts) && (io->op == DISK_READ || io->op == DISK_WRITE));
	fuzz_assert(bytes && (u8 *)at >= ram && (u8 *)at < ram + RAM_SIZE);
	fuzz_assert(bytes <= (u64)(ram + RAM_SIZE - (u8 *)at));
	for (u32 i = 0; i < in_flight_count; i++)
		fuzz_assert(in_flight[i] != io);
	t->parts[n].at = at;
	t->parts[n].bytes = bytes;
}

/* All parts are described, and are what the transfer moves. */
static void check_parts(const struct disk_io *io)
{
	const struct parts *t = io->table;
	u64 bytes = 0;

	for (u32 i = 0; i < io->parts; i++)
		bytes += t->parts[i].bytes;
	fuzz_assert(!io->parts || bytes == io->sectors * DISK_SECTOR);
}

static bool has_guest_memory(void)
{
	bool has = false;

	for (u32 i = 0; i < in_flight_count; i++)
		has |= in_flight[i]->parts;
	return has;
}

/* A disk of the machine. Its transfers end some time, or fail. */
static int submit(struct disk *d, struct disk_io *io)
{
	fuzz_assert(io->sector <= d->sectors && io->sectors <= d->sectors - io->sector);
	fuzz_assert(io->sectors * DISK_SECTOR <= DISK_BUFFER || io->op >= DISK_DISCARD);
	fuzz_assert(in_flight_count < DISK_TRANSFERS);
	for (u32 i = 0; i < in_flight_count; i++)
		fuzz_assert(in_flight[i] != io &&
			    (in_flight[i]->parts || io->parts || in_flight[i]->data != io->data));
	check_parts(io);
	if (fuzz_once_in(&input, 32))
		return -EIO;
	in_flight[in_flight_count++] = io;
	return 0;
}

/* Any of them. */
static void end_transfer(void)
{
	struct disk_io *io;
	u32 n;

	if (!in_flight_count)
		return;
	n = fuzz_below(&input, in_flight_count);
	io = in_flight[n];
	in_flight[n] = in_flight[--in_flight_count];
	for (u32 i = 0; i < io->parts && io->op == DISK_READ; i++)
		memset(((struct parts *)io->table)->parts[i].at, 0x3c,
		       ((struct parts *)io->table)->parts[i].bytes);
	disk_done(io, fuzz_once_in(&input, 16));
}

static struct disk machine = { .submit = submit,
			       .describe = describe,
			       .sectors = 40,
			       .block = 512,
			       .flush = true,
			       .max_discard = 8,
			       .max_zeroes = 8 };

int disk_find(const char *name, struct disk_place *place, char *why, size_t size)
{
	(void)why, (void)size;
	fuzz_assert(!strcmp(name, "d"));
	*place = (struct disk_place){ &machine, 1, 39 };
	return 0;
}

/* A control port that takes and gives whatever it likes. */
struct control_port *control_create(const struct vm_desc *rights, void (*wake)(void *arg),
				    void *arg)
{
	(void)rights, (void)wake, (void)arg;
	return calloc(1, sizeof(struct control_port));
}

void control_destroy(struct control_port *p)
{
	free(p);
}

u64 control_memory(void)
{
	return 0;
}

void control_set_open(struct control_port *p, bool open)
{
	p->open = open;
}

u32 control_put(struct control_port *p, const void *from, u32 len)
{
	(void)p, (void)from;
	return fuzz_once_in(&input, 4) ? 0 : 1 + fuzz_below(&input, len);
}

u32 control_get(struct control_port *p, void *to, u32 len)
{
	const u32 n = fuzz_once_in(&input, 4) ? 1 + fuzz_below(&input, len) : 0;

	fuzz_assert(p->open);
	memset(to, 'x', n);
	return n;
}

static bool is_vsock(void)
{
	return dev.class == &virtio_vsock_class;
}

int console_port_attach(struct console *c, s32 want)
{
	fuzz_assert(want == -1);
	console = c;
	c->port = is_vsock() ? 2 : -1;
	return c->port < 0 ? -ENOENT : c->port;
}

void console_port_detach(struct console *c)
{
	(void)c;
}

const char *console_port_name(s32 port)
{
	(void)port;
	return NULL;
}

int port_attach_stream(struct port_stream *s, s32 want)
{
	(void)s;
	return want < 0 ? 1 : -EBUSY;
}

void port_detach_stream(const struct port_stream *s)
{
	fuzz_assert(!s->open);
}

void console_port_ready(u32 port)
{
	fuzz_assert(port == (is_vsock() ? 2 : 1));
}

static const struct console_carrier carrier = { console_port_ready, console_port_ready };

void klog(enum log_level level, const char *fmt, ...)
{
	(void)level, (void)fmt;
}

/* ---- the guest ---- */

static void access(u64 offset, u32 size, bool write, u64 value)
{
	const struct mmio_region *r = mmio_find(&vm.bus, GUEST_VIRTIO_BASE + offset);
	struct mmio_access a = { .ipa = IPA(GUEST_VIRTIO_BASE + offset),
				 .size = (u8)size,
				 .write = write,
				 .value = value };

	fuzz_assert(r && r->dev == dev.state);
	(void)r->handler(r, &vcpu, offset, &a);
}

static void put(u64 offset, u32 value)
{
	access(offset, 4, true, value);
}

/* ---- the network of a network device: another port, which sends and receives ---- */

static struct net_port other;
static u8 sink[NET_FRAME_MAX];

static void receive(struct net_port *port, const struct net_frame *f, u32 from)
{
	(void)from;
	fuzz_assert(port == &other && f->len >= NET_HEAD && f->len <= NET_FRAME_MAX);
	net_frame_copy(f, sink);
}

static bool sums(struct net_port *port)
{
	(void)port;
	return fuzz_once_in(&input, 2);
}

static bool is_net(void)
{
	return dev.class == &virtio_net_class;
}

static bool is_con(void)
{
	return dev.class == &virtio_con_class;
}

static bool is_balloon(void)
{
	return dev.class == &virtio_balloon_class;
}

/* The features of a network device, console, balloon or RPMsg device that the driver takes. */
static u32 of_kind(void)
{
	if (is_balloon())
		return fuzz_byte(&input) & 3;
	if (dev.class == &virtio_rpmsg_class)
		return fuzz_byte(&input) & 1;
	if (is_con())
		return vm.desc.virtio[0].port_count ? fuzz_byte(&input) & 2 : 0;
	return is_net() ? (fuzz_byte(&input) & 3) | (u32)(fuzz_byte(&input) & 1) << 15 : 0;
}

static void join_net(void)
{
	other = (struct net_port){ .owner = "other", .name = "o", .receive = receive };
	other.sums = sums;
	fuzz_assert(!net_join(&other, "n", 0x020000000001, 2));
	if (fuzz_once_in(&input, 2))
		(void)net_capture_start("n", -(int)(fuzz_byte(&input) & 1), 14 + fuzz_byte(&input),
					9);
}

/* What was captured is whole records of frames; the reader takes some of them. */
static void read_capture(void)
{
	const struct net_capture *c = net_capture_of(other.net);
	struct port_stream *s = (struct port_stream *)(uintptr_t)&c->stream;
	u32 head[4];

	if (!s->open || fuzz_once_in(&input, 2))
		return;
	if (!s->ring.tail)
		port_stream_pass(s, 24);
	while (port_stream_peek(s, head, sizeof(head))) {
		fuzz_assert(head[1] < 1000000000 && head[2] == MIN(head[3], c->snap));
		fuzz_assert(head[3] >= NET_HEAD && head[3] <= NET_FRAME_MAX);
		port_stream_pass(s, (u32)sizeof(head) + head[2]);
	}
	fuzz_assert(s->ring.tail == s->ring.head);
	if (fuzz_once_in(&input, 4))
		net_capture_end("n");
}

/* The device's: it came first. */
static struct net_port *first_port(void)
{
	const struct net_port *port = net_port_next(other.net, NULL);

	return (struct net_port *)(uintptr_t)port;
}

/* A frame for the device, from one of many senders. */
static void arrive(void)
{
	static const u32 lengths[] = { 60, 1500, 1, 600 };
	struct net_frame f = { .count = 0 };
	struct net_port *port = first_port();
	unsigned long irq;

	(void)net_frame_add(&f, f.head, NET_HEAD);
	(void)net_frame_add(&f, sink, fuzz_word(&input, lengths));
	f.has_sum = fuzz_once_in(&input, 4);
	f.sum_start = NET_HEAD;
	f.head[0] = fuzz_byte(&input) & 3;
	f.head[5] = 2; /* the device's, if it is not a group's */
	f.head[6] = 2;
	f.head[11] = fuzz_byte(&input) & 3;
	if (fuzz_once_in(&input, 4) && (!f.has_sum || f.len >= NET_HEAD + 2)) {
		net_send(&other, &f);
		return;
	}
	f.has_sum = false;
	irq = arch_irq_save();
	port->receive(port, &f, fuzz_below(&input, 40));
	arch_irq_restore(irq);
}

/* ---- the other end of a socket device ---- */

#define OWN_CID  9
#define PEER_CID 4
static struct vsock_port peer;
static bool peer_woken;

static s32 peer_receives(struct vsock_port *port, const struct vsock_head *h, const u8 *data,
			 u32 len)
{
	fuzz_assert(port == &peer && h->src_cid == OWN_CID && h->dst_cid == PEER_CID);
	fuzz_assert(len <= sizeof(sink) * 2 && !h->len && h->type == 1);
	for (u32 i = 0; i < len; i++)
		sink[i % sizeof(sink)] ^= data[i];
	if (fuzz_once_in(&input, 4))
		return -1 - (s32)fuzz_below(&input, 2);
	return len ? 1 + (s32)fuzz_below(&input, len) : 0;
}

static void peer_is_woken(struct vsock_port *port)
{
	fuzz_assert(port == &peer && peer.pins);
	peer_woken = true;
}

static void peer_is_told(struct vsock_port *port, u64 cid)
{
	fuzz_assert(port == &peer && peer.pins && cid == OWN_CID);
}

static void join_peer(void)
{
	const char *owner;

	peer = (struct vsock_port){ .cid = PEER_CID, .owner = "peer" };
	peer.receive = peer_receives;
	peer.wake = peer_is_woken;
	peer.gone = peer_is_told;
	fuzz_assert(!vsock_join(&peer, &owner));
}

static void some_head(struct vsock_head *h, bool from_peer)
{
	static const u32 lengths[] = { 0, 1, 100, 2048, 4096, ~0U };

	*h = (struct vsock_head){ .src_cid = from_peer ? PEER_CID : OWN_CID,
				  .dst_cid = from_peer ? OWN_CID : PEER_CID,
				  .len = fuzz_word(&input, lengths),
				  .type = 1,
				  .op = 5 };
	if (fuzz_once_in(&input, 4))
		h->op = fuzz_byte(&input) % 10;
	if (!from_peer && fuzz_once_in(&input, 8))
		fuzz_lie(&input, h, sizeof(*h));
}

/* A packet to the last host port, or to a connection of it. */
static void head_for_host(struct vsock_head *h)
{
	static const u16 ops[] = { 1, 1, 1, 2, 2, 3, 3, 3, 4, 5, 5, 5, 6, 7 };

	h->dst_cid = VSOCK_CID_HOST;
	h->op = fuzz_word(&input, ops);
	h->src_port = h->dst_port = vm.desc.virtio[0].host_port_count - 1;
	if (fuzz_byte(&input) & 1)
		h->dst_port = 0x80000000U + (fuzz_byte(&input) & 3);
	h->len = h->op == 5 ? h->len : 0;
	h->buf_alloc = fuzz_byte(&input);
	h->flags = fuzz_byte(&input);
}

/* A program at the last host port: it opens, closes, takes output. */
static void program_acts(void)
{
	const u64 head = console_head(console);
	const u8 how = fuzz_byte(&input);

	console_set_far(console, how & 3, !(how & 3) && how & 4);
	console_set_sent(console, head - MIN(head - console_sent(console), fuzz_below(&input, 64)));
	fuzz_assert(head - console_sent(console) <= CONSOLE_LOG_SIZE);
}

/* A packet from the peer; or it has buffers again, or is reset, or time has passed. */
static void peer_acts(void)
{
	struct vsock_head h;
	s32 r;

	switch (fuzz_below(&input, 8)) {
	case 0:
		vsock_wake_waiting(&peer);
		break;
	case 1:
		vsock_announce(&peer);
		break;
	case 2:
		host_counter += HOST_COUNTER_HZ / 2;
		fire_timeouts();
		break;
	default:
		some_head(&h, true);
		h.len = MIN(h.len, 2048);
		h.src_port = h.dst_port = fuzz_byte(&input) & 3;
		r = vsock_send(&peer, &h, sink, MIN(h.len, (u32)sizeof(sink)));
		fuzz_assert(r <= (s32)h.len && (r || !h.len));
		fuzz_assert((r == VSOCK_LATER) == (peer.waits == OWN_CID));
	}
}

static void poke(u64 ipa, u64 value, u32 bytes)
{
	memcpy(&ram[ipa - RAM], &value, bytes);
}

static void descriptor(u32 n, u64 addr, u64 len, u64 flags, u64 next)
{
	poke(RINGS + 16 * n, addr, 8);
	poke(RINGS + 16 * n + 8, len | flags << 32 | next << 48, 8);
}

/* ---- the other end of an RPMsg device ---- */

static struct rpmsg_port far_end;

static bool is_rpmsg(void)
{
	return dev.class == &virtio_rpmsg_class;
}

static s32 far_receives(struct rpmsg_port *port, const u8 *message, u32 len)
{
	fuzz_assert(port == &far_end && far_end.pins && len >= 16 && len <= RPMSG_MESSAGE_MAX);
	for (u32 i = 0; i < len; i++)
		sink[i % sizeof(sink)] ^= message[i];
	return fuzz_once_in(&input, 4) ? -1 - (s32)fuzz_below(&input, 2) : (s32)len;
}

static bool far_service(struct rpmsg_port *port, u32 n, struct rpmsg_announced *s)
{
	fuzz_assert(port == &far_end && far_end.pins && n < RPMSG_SERVICE_MAX);
	*s = (struct rpmsg_announced){ .name = "far", .addr = n, .serial = n & 4 };
	s->serial += s->serial && fuzz_once_in(&input, 4);
	return s->serial;
}

static void far_is_told(struct rpmsg_port *port, bool services)
{
	(void)services;
	fuzz_assert(port == &far_end && (far_end.pins || !far_end.peer));
}

static void join_far(void)
{
	const char *owners[2];

	far_end = (struct rpmsg_port){ .link = "n", .owner = "far" };
	far_end.receive = far_receives;
	far_end.service = far_service;
	far_end.changed = far_is_told;
	fuzz_assert(!rpmsg_join(&far_end, owners));
}

static void far_acts(void)
{
	struct rpmsg_announced s;
	const u32 len = 16 + fuzz_byte(&input);

	switch (fuzz_below(&input, 4)) {
	case 0:
		rpmsg_tell_peer(&far_end, fuzz_byte(&input) & 1);
		break;
	case 1:
		(void)rpmsg_peer_service(&far_end, fuzz_below(&input, RPMSG_SERVICE_MAX), &s);
		break;
	default:
		fuzz_assert(rpmsg_pass(&far_end, sink, len) <= (s32)len);
	}
}

/* A message of the driver, often an announcement. */
static void some_message(u64 at)
{
	const u16 len = fuzz_once_in(&input, 4) ? fuzz_byte(&input) : 40;

	poke(at, 1024 | (u64)(fuzz_byte(&input) & 3 ? 53 : 9) << 32, 8);
	poke(at + 8, (u64)len << 32, 8);
	poke(at + 16, fuzz_byte(&input) % 32, 8);
	poke(at + 48, (fuzz_byte(&input) & 1) | (u64)fuzz_once_in(&input, 4) << 32, 8);
	descriptor(0, at, fuzz_once_in(&input, 8) ? fuzz_byte(&input) : 56, fuzz_byte(&input) & 3,
		   1);
}

/* What a driver does, with a few things wrong. */
static void start(void)
{
	put(STATUS, 0);
	put(STATUS, 3);
	put(0x024, 0);
	put(0x020, fuzz_byte(&input) & 3 ? ((u32)fuzz_byte(&input) << 24 & 0x30000000) | of_kind()
					 : 1U << 30);
	put(0x024, 1);
	put(0x020, fuzz_once_in(&input, 16) ? 0 : 1);
	put(STATUS, 3 | 8);
	put(0x030, 0);
	put(0x038, fuzz_once_in(&input, 16) ? fuzz_byte(&input) : 8);
	put(0x080, (u32)(fuzz_once_in(&input, 16) ? some_address() : RINGS));
	put(0x090, (u32)(fuzz_once_in(&input, 16) ? some_address() : RINGS + 0x800));
	put(0x0a0, (u32)(fuzz_once_in(&input, 16) ? some_address() : RINGS + 0xc00));
	put(0x044, 1);
	for (u32 queue = 1; queue < (is_con() ? 6 : is_balloon() ? 3 : 2); queue++) {
		put(0x030, queue); /* on the same rings */
		put(0x038, 8);
		put(0x080, (u32)RINGS);
		put(0x090, (u32)RINGS + 0x800);
		put(0x0a0, (u32)RINGS + 0xc00);
		put(0x044, fuzz_byte(&input) & 3);
	}
	put(STATUS, 3 | 8 | 4);
}

/* Descriptor 0 is available. */
static void offer(void)
{
	u16 idx;

	memcpy(&idx, &ram[RINGS + 0x802 - RAM], 2);
	poke(RINGS + 0x804 + 2 * (idx % 8), 0, 2);
	poke(RINGS + 0x802, (u16)(idx + 1), 2);
}

static void work(void);

/* The guest gives a buffer, something is typed, and the guest refuses the connection for now. */
static void guest_refuses(u64 at)
{
	struct vsock_head h;

	descriptor(0, at, 100, 2, 0);
	offer();
	console_set_far(console, true, false);
	(void)console_send(console, "x", 1);
	put(NOTIFY, 0);
	work();
	memcpy(&h, &ram[at - RAM], sizeof(h));
	h.dst_port = h.src_port;
	h.src_port = vm.desc.virtio[0].host_port_count - 1;
	h.src_cid = OWN_CID;
	h.dst_cid = VSOCK_CID_HOST;
	h.op = 3;
	memcpy(&ram[at - RAM], &h, sizeof(h));
	descriptor(0, at, sizeof(h), 0, 0);
	offer();
	put(NOTIFY, 1);
	work();
	host_counter += HOST_COUNTER_HZ;
	fire_timeouts();
}

/* A request of a disk, mostly as a driver makes it. */
static void request(void)
{
	static const u8 types[] = { 0, 1, 4, 8, 11, 13, 2 };
	static const u32 lengths[] = { 16, 512, 4096, 8192, 20, 513, 1 };
	const u64 header = RINGS + 0x1100, data = RINGS + 0x1200;

	poke(header, fuzz_word(&input, types), 8);
	poke(header + 8, fuzz_byte(&input) % 48, 8);
	poke(data, fuzz_byte(&input) % 32, 8);
	poke(data + 8, fuzz_byte(&input) % 32, 4);
	poke(data + 12, fuzz_once_in(&input, 4), 4);
	if (is_con()) /* a control message: port, event, value */
		poke(header,
		     fuzz_below(&input, 3) | (u64)fuzz_below(&input, 8) << 32 |
			     (u64)(fuzz_byte(&input) & 1) << 48,
		     8);
	descriptor(0, header, is_con() ? 8 : 16, 1, 1);
	descriptor(1, data, fuzz_word(&input, lengths), 1 | (fuzz_byte(&input) & 2), 2);
	descriptor(2, RINGS + 0x1000, 1 + (fuzz_byte(&input) & 1), 2, 0);
	if (is_net() && fuzz_once_in(&input, 8)) { /* a frame in many pieces */
		const u64 table = RINGS + 0x1400;

		for (u64 i = 0; i < 60; i++) {
			poke(table + 16 * i, data + i, 8);
			poke(table + 16 * i + 8, 1 | (u64)(i < 59) << 32 | (i + 1) << 48, 8);
		}
		descriptor(0, table, 16 * 60, 4, 0);
	} else if (is_balloon()) { /* page numbers, or statistics */
		poke(data, (fuzz_byte(&input) & 3 ? RAM >> 12 : 0) + fuzz_byte(&input), 4);
		descriptor(0, data + (fuzz_byte(&input) & 3), fuzz_word(&input, lengths), 0, 0);
	} else if (is_vsock()) {
		struct vsock_head h;

		if (console && fuzz_once_in(&input, 8))
			guest_refuses(header);
		some_head(&h, false);
		if (console && fuzz_byte(&input) & 1)
			head_for_host(&h);
		memcpy(&ram[header - RAM], &h, sizeof(h));
		descriptor(0, header, 44, 1 | (fuzz_byte(&input) & 2), 1);
		descriptor(2, RINGS + 0x1000, 1, fuzz_byte(&input) & 2, 0);
		if (fuzz_byte(&input) & 1)
			peer_acts();
		if (console && fuzz_byte(&input) & 1)
			program_acts();
	} else if (is_rpmsg()) {
		some_message(header);
		if (fuzz_byte(&input) & 1)
			far_acts();
	} else if (is_net() && fuzz_byte(&input) & 1) { /* a buffer for a frame */
		descriptor(0, data, fuzz_word(&input, lengths), 2, 0);
		for (u32 n = fuzz_once_in(&input, 16) ? 40 : 1; n > 0; n--)
			arrive();
	}
	offer();
}

static void work(void)
{
	units = 0;
	calm = false;
	for (u32 i = 0; i < 4 && vcpu.thread.work & VCPU_WORK_DEVICE; i++) {
		vcpu.thread.work = 0;
		devices(&vcpu);
	}
}

static void act(void)
{
	static struct vm_error error;
	static const u8 sizes[] = { 1, 2, 4, 8 };
	const u32 size = fuzz_word(&input, sizes);

	switch (fuzz_below(&input, 8)) {
	case 0:
		start();
		break;
	case 1:
		if (is_net())
			read_capture();
		if (dev.class->limits_changed && fuzz_once_in(&input, 8))
			dev.class->limits_changed(&dev);
		if (dev.class->set_memory)
			(void)dev.class->set_memory(&dev, below(RAM_SIZE + BLOCK_SIZE), &error);
		access(below(0x200 / size) * size, size, fuzz_byte(&input) & 1, fuzz_byte(&input));
		break;
	case 2:
	case 3:
	case 4:
		request();
		if (console)
			(void)console_send(console, "some input", fuzz_below(&input, 10));
		put(NOTIFY, fuzz_byte(&input) & (is_con() ? 7 : is_balloon() ? 3 : 1));
		work();
		while (in_flight_count && fuzz_byte(&input) & 3) {
			end_transfer();
			work();
		}
		break;
	default:
		guest_writes();
		break;
	}
}

static void check(void)
{
	char text[160];

	if (dev.class->memory)
		fuzz_assert(dev.class->memory(&dev) <= (pages + 140UL) * PAGE_SIZE);
	dev.class->info(&dev, text, sizeof(text));
	fuzz_check_line(text, sizeof(text));
}

/* All zeros, between pages that fault. Only what the last run has touched costs time. */
static void clear_ram(void)
{
	const size_t guard = PAGE_SIZE;

	if (!ram) {
		u8 *p = mmap(NULL, guard + RAM_SIZE + guard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1, 0);

		fuzz_assert(p != MAP_FAILED);
		ram = p + guard;
		fuzz_assert(!mprotect(ram, RAM_SIZE, PROT_READ | PROT_WRITE));
	}
	fuzz_assert(!madvise(ram, RAM_SIZE, MADV_DONTNEED));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct vdev_class *const classes[] = {
		&virtio_rng_class,   &virtio_blk_class,     &virtio_con_class,  &virtio_net_class,
		&virtio_vsock_class, &virtio_balloon_class, &virtio_rpmsg_class
	};
	static struct vcpu *const one = &vcpu;
	struct disk_range *range;
	char why[VDEV_WHY];

	input = (struct fuzz_input){ .at = data, .left = size };
	virtio_init();
	memset(&vm, 0, sizeof(vm));
	memset(&vcpu, 0, sizeof(vcpu));
	clear_ram();
	line = false;
	vm.ram.map = ram_map_default(RAM_SIZE);
	vm.vcpus[0] = one;
	vm.nvcpus = 1;
	vm.type = &type;
	vcpu.vm = &vm;
	vcpu.power = VCPU_ON;
	vm.desc.virtio[0] = (struct desc_virtio){
		.image = "i", .name = "disk0", .network = "n", .mac = 0x020000000002, .cid = OWN_CID
	};
	vm.desc.virtio[0].readonly = fuzz_once_in(&input, 8);
	if (!disk_get(0))
		disk_register(&machine);
	in_flight_count = 0;
	machine.most_parts = fuzz_byte(&input) % 4 * 8;
	dev = (struct vdev){ .class = fuzz_word(&input, classes),
			     .vm = &vm,
			     .virtio = &vm.desc.virtio[0] };
	if (dev.class == &virtio_blk_class && fuzz_byte(&input) & 1)
		strcpy(vm.desc.virtio[0].disk, "d");
	else if (dev.class == &virtio_blk_class)
		vm.desc.virtio[0].discard = fuzz_once_in(&input, 8);
	if (dev.class == &virtio_blk_class && fuzz_once_in(&input, 4)) {
		vm.desc.virtio[0].kib = (struct rate_limit){ 1 + fuzz_byte(&input), 2, 1 };
		vm.desc.virtio[0].requests = (struct rate_limit){ fuzz_byte(&input) & 3, 0, 9 };
	}
	if (is_con()) {
		memset(vm.desc.virtio[0].ports, 0, sizeof(vm.desc.virtio[0].ports));
		vm.desc.virtio[0].port_count = fuzz_below(&input, DESC_PORTS + 1);
		for (u32 i = 0; i < DESC_PORTS; i++)
			vm.desc.virtio[0].ports[i][0] = (char)('a' + i);
		vm.desc.virtio[0].has_control = (fuzz_byte(&input) & 1) &&
						vm.desc.virtio[0].port_count;
	}
	if (is_vsock()) {
		vm.desc.virtio[0].host_port_count = fuzz_below(&input, DESC_PORTS + 1);
		for (u32 i = 0; i < DESC_PORTS; i++)
			vm.desc.virtio[0].host_ports[i] = i;
	}
	if (is_net() && fuzz_once_in(&input, 4)) {
		vm.desc.virtio[0].in_kib = (struct rate_limit){ 1 + fuzz_byte(&input), 2, 1 };
		vm.desc.virtio[0].out_frames = (struct rate_limit){ fuzz_byte(&input) & 3, 0, 9 };
	}
	dev.state = calloc(1, dev.class->size);
	dev.why = why;
	fuzz_assert(dev.state && !dev.class->host_init());
	if (dev.class->create(&dev)) { /* no memory for it */
		fuzz_assert(dev.class == &virtio_blk_class);
		goto end;
	}
	if (is_net())
		join_net();
	if (is_vsock())
		join_peer();
	if (is_rpmsg())
		join_far();
	vm.devices[0] = dev;
	vm.ndevices = 1;
	console = NULL;
	console_set_carrier(&carrier);
	if (dev.class->connect)
		dev.class->connect(&dev);
	if (console)
		console_set_far(console, true, false);
	dev.class->reset(&dev);
	start();
	while (input.left)
		act();
	put(0x064, 1);
	check();
	dev.class->reset(&dev);
	fuzz_assert(!has_guest_memory() && !virtio_uses_memory(&vm));
	check();
	fuzz_assert(!line);
end:
	if (dev.class->destroy)
		dev.class->destroy(&dev);
	if (is_net())
		net_leave(&other);
	if (is_vsock())
		vsock_leave(&peer);
	if (is_rpmsg())
		rpmsg_leave(&far_end);
	while (in_flight_count)
		end_transfer();
	for (u32 i = 0; pages && i < 1000; i++) /* what was closed in flight goes now */
		if (!disk_open("d", false, "x", &range, why, sizeof(why)))
			disk_close(range);
	fuzz_assert(!pages);
	free(dev.state);
	mmio_free(&vm.bus);
	return 0;
}
