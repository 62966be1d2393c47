/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rpmsg_virtio: RPMsg over a virtio device (ID 7), as the driver. It has the service "rpmsg-ping",
 * which sends back what it gets, and asks that of the other VM as fast as it can. It reports when
 * that comes and goes, and each thousandth answer. `wild` in the bootargs: it also writes anything
 * into its own rings, and resets the device when that is broken.
 */
#include <lib/rpmsg.h>

#include "kit/args.h"
#include "kit/cpu.h"
#include "kit/gic.h"
#include "kit/irq.h"
#include "kit/mmio.h"
#include "kit/print.h"
#include "kit/smp.h"

#define REPORT 1000u

/* VIRTIO 1.2, 4.2.2 */
#define SLOTS           32u
#define SLOT(n)         (UINT64_C(0x0a000000) + 0x200 * (n))
#define SLOT_INTID(n)   (48 + (n))
#define VERSION         0x004u
#define DEVICE_ID       0x008u
#define DRIVER_FEATURES 0x020u
#define FEATURES_SEL    0x024u
#define QUEUE_SEL       0x030u
#define QUEUE_NUM       0x038u
#define QUEUE_READY     0x044u
#define QUEUE_NOTIFY    0x050u
#define INTERRUPT       0x060u
#define INTERRUPT_ACK   0x064u
#define STATUS          0x070u
#define QUEUE_DESC      0x080u
#define QUEUE_DRIVER    0x090u
#define QUEUE_DEVICE    0x0a0u
#define DRIVER_READY    0x0fu
#define NEEDS_RESET     0x40u

static uint64_t device;
static uint8_t memory[RPMSG_MEMORY_MIN] __attribute__((aligned(4096)));
static struct rpmsg link;
static const uint32_t plain = RPMSG_STATE_PLAIN;
static uint32_t asked, answered;
static bool is_wild;

static void notify(void *arg)
{
	(void)arg;
	for (uint32_t queue = 0; queue < 2; queue++)
		mmio_write32(device + QUEUE_NOTIFY, queue);
}

/* The device has no state to show. */
static void set_state(void *arg, uint32_t state)
{
	(void)arg, (void)state;
}

static const struct rpmsg_ops ops = { notify, set_state };

static void send_back(struct rpmsg_endpoint *e, uint32_t src, const void *data, uint32_t length)
{
	(void)rpmsg_send_to(&link, e, src, data, length);
}

static void ask(struct rpmsg_endpoint *e)
{
	asked = answered + 1;
	(void)rpmsg_send(&link, e, &asked, sizeof(asked));
}

static void take_answer(struct rpmsg_endpoint *e, uint32_t src, const void *data, uint32_t length)
{
	const uint32_t number = *(const uint32_t *)data;

	(void)src;
	if (length != sizeof(number) || number != asked)
		return; /* to a question before a restart */
	answered = number;
	if (!is_wild && answered % REPORT == 0)
		print("rpmsg: %u answers\n", answered);
	ask(e);
}

static void on_bound(struct rpmsg_endpoint *e, bool bound)
{
	if (!is_wild)
		print("rpmsg: %s\n", bound ? "bound" : "unbound");
	if (bound)
		ask(e);
}

static struct rpmsg_endpoint service = { .name = "rpmsg-ping",
					 .service = true,
					 .receive = send_back };
static struct rpmsg_endpoint client = { .name = "rpmsg-ping",
					.receive = take_answer,
					.bound = on_bound };

/* ---- the device ---- */

static bool find(unsigned int *slot)
{
	for (*slot = 0; *slot < SLOTS; ++*slot) {
		device = SLOT(*slot);
		if (mmio_read32(device + VERSION) == 2 && mmio_read32(device + DEVICE_ID) == 7)
			return true;
	}
	return false;
}

static void set_address(uint32_t reg, uint32_t offset)
{
	const uint64_t address = (uintptr_t)memory + offset;

	mmio_write32(device + reg, (uint32_t)address);
	mmio_write32(device + reg + 4, (uint32_t)(address >> 32));
}

static void set_queue(uint32_t n, const struct rpmsg_vring *v)
{
	mmio_write32(device + QUEUE_SEL, n);
	mmio_write32(device + QUEUE_NUM, v->count);
	set_address(QUEUE_DESC, v->desc);
	set_address(QUEUE_DRIVER, v->avail);
	set_address(QUEUE_DEVICE, v->used);
	mmio_write32(device + QUEUE_READY, 1);
}

/* The rings first: the peer is there, so one call makes them. Then the device. */
static void begin(void)
{
	(void)rpmsg_start(&link, RPMSG_HOST, &ops, NULL, memory, sizeof(memory),
			  (uint32_t)(uintptr_t)memory, &plain);
	mmio_write32(device + STATUS, 0);
	(void)rpmsg_poll(&link);
	mmio_write32(device + STATUS, 3);           /* ACKNOWLEDGE, DRIVER */
	for (uint32_t word = 0; word < 2; word++) { /* F_NS, VERSION_1 */
		mmio_write32(device + FEATURES_SEL, word);
		mmio_write32(device + DRIVER_FEATURES, 1);
	}
	mmio_write32(device + STATUS, 0xb);
	set_queue(0, &link.rx);
	set_queue(1, &link.tx);
	mmio_write32(device + STATUS, DRIVER_READY);
	rpmsg_add(&link, &service);
	rpmsg_add(&link, &client);
	notify(NULL);
}

static uint64_t random(void)
{
	static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Where the rings are, mostly near what is used; a broken device is set up again. */
static void wild_store(void)
{
	const uint64_t r = random();

	if (mmio_read32(device + STATUS) & NEEDS_RESET)
		begin();
	*(volatile uint32_t *)(volatile void *)(memory + 0x1000 + ((r >> 8) & 0x3ffc)) =
		r & 3 ? (uint32_t)(r >> 32) % 0x200 : (uint32_t)(r >> 32);
	mmio_write32(device + QUEUE_NOTIFY, (uint32_t)r >> 31);
}

static void on_event(unsigned int intid, void *arg)
{
	(void)intid, (void)arg;
	mmio_write32(device + INTERRUPT_ACK, mmio_read32(device + INTERRUPT));
	while (rpmsg_poll(&link))
		;
}

void guest_main(void)
{
	unsigned int slot;

	gic_init();
	if (!find(&slot)) {
		print("rpmsg: FAIL: no device\n");
		return;
	}
	is_wild = boot_arg("wild") != NULL;
	irq_set_handler(SLOT_INTID(slot), on_event, NULL);
	gic_enable(SLOT_INTID(slot));
	begin();
	print("rpmsg: started\n");
	for (;;) {
		irq_unmask();
		if (!is_wild)
			wfi();
		irq_mask();
		if (is_wild)
			wild_store();
	}
}
