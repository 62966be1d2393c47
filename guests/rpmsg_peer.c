/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rpmsg: one side of RPMsg over a channel. Peer 1 is the remote: it has the service "rpmsg-ping",
 * which sends back what it gets. Peer 0 is the host: it asks that service as fast as it can, and
 * reports each time that it is bound and each thousandth answer. With `rpmsg=wild` in the bootargs
 * either one also writes anything anywhere in the memory, and shows any state, all the time.
 */
#include <lib/rpmsg.h>

#include "kit/args.h"
#include "kit/cpu.h"
#include "kit/gic.h"
#include "kit/irq.h"
#include "kit/ivshmem.h"
#include "kit/print.h"
#include "kit/smp.h"
#include "kit/time.h"

#define REPORT  1000u
#define WILD_US 50u

static struct ivshmem d;
static struct rpmsg link;
static uint32_t asked, answered;
static bool is_wild;

static void notify(void *arg)
{
	(void)arg;
	dsb();
	ivshmem_ring(&d, !d.id);
}

static void set_state(void *arg, uint32_t state)
{
	(void)arg;
	dsb();
	ivshmem_set_state(&d, state);
}

static const struct rpmsg_ops ops = { notify, set_state };

static void send_back(struct rpmsg_endpoint *e, uint32_t src, const void *data, uint32_t length)
{
	(void)rpmsg_send_to(&link, e, src, data, length);
}

/* The first question after each beginning is the one that was not answered. */
static void ask(struct rpmsg_endpoint *e)
{
	asked = answered + 1;
	(void)rpmsg_send(&link, e, &asked, sizeof(asked));
}

static void take_answer(struct rpmsg_endpoint *e, uint32_t src, const void *data, uint32_t length)
{
	const uint32_t number = *(const uint32_t *)data;

	(void)src;
	if (!is_wild && (length != sizeof(number) || number != asked))
		print("rpmsg: FAIL: answer %u to %u\n", number, asked);
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

static uint64_t random(void)
{
	static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void wild_store(void)
{
	volatile uint32_t *words = ivshmem_shared(&d);
	const uint64_t r = random();
	/* Half of them where table and rings are. */
	const uint64_t size = r & 1 ? 0x5000 : d.shared_size;
	const uint32_t value = (uint32_t)(r >> 32);

	words[(r >> 8) % (size / 4)] = r & 2 ? value : value % 64;
	if (r % 64 == 4)
		ivshmem_set_state(&d, r & 128 ? ivshmem_states(&d)[!d.id] : value % 32);
	if (r % 64 == 8)
		ivshmem_ring(&d, !d.id);
}

static void on_event(unsigned int intid, void *arg)
{
	(void)intid, (void)arg;
	if (is_wild)
		wild_store();
	while (rpmsg_poll(&link))
		;
}

void guest_main(void)
{
	const char *role = boot_arg("rpmsg=");

	gic_init();
	if (!ivshmem_find(0, &d) ||
	    !rpmsg_start(&link, d.id ? RPMSG_REMOTE : RPMSG_HOST, &ops, NULL, ivshmem_shared(&d),
			 d.shared_size, 0, &ivshmem_states(&d)[!d.id])) {
		print("rpmsg: FAIL: no channel, or too little memory\n");
		return;
	}
	is_wild = role && text_after(role, "wild");
	rpmsg_add(&link, d.id ? &service : &client);
	irq_set_handler(d.intid, on_event, NULL);
	gic_enable(d.intid);
	ivshmem_enable(&d, true);
	on_event(d.intid, NULL);
	print("rpmsg: peer %u\n", d.id);
	irq_unmask();
	while (is_wild) {
		wild_store();
		delay_us(WILD_US);
	}
	for (;;)
		wfi();
}
