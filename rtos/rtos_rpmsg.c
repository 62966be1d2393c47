/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RPMsg over a channel, if the machine has one for it: the services "rpmsg-ping" and "rpmsg-tty",
 * which send back what they get, and "rtos-jitter", which answers with the control loop's figures.
 * As peer 0 the RTOS is the host, else the remote.
 */
#include <kernel/log.h>
#include <kernel/sync.h>
#include <lib/errno.h>
#include <lib/rpmsg.h>
#include "rtos.h"
#include "rtos_ivshmem.h"

static struct ivshmem d;
static bool found;
static struct thread thread;
static struct sem event;
static struct mutex lock; /* guards the link */
static struct rpmsg link;
static u64 unanswered; /* the peer left no buffer for the answer */

static void send_back(struct rpmsg_endpoint *e, u32 src, const void *data, u32 length)
{
	unanswered += rpmsg_send_to(&link, e, src, data, length) != RPMSG_SENT;
}

static void tell_jitter(struct rpmsg_endpoint *e, u32 src, const void *data __unused,
			u32 length __unused)
{
	static char text[RPMSG_PAYLOAD_MAX];
	const size_t n = control_json(text, sizeof(text));

	unanswered += rpmsg_send_to(&link, e, src, text, (u32)n) != RPMSG_SENT;
}

static struct rpmsg_endpoint endpoints[] = {
	{ .name = "rpmsg-ping", .service = true, .receive = send_back },
	{ .name = "rpmsg-tty", .service = true, .receive = send_back },
	{ .name = "rtos-jitter", .service = true, .receive = tell_jitter },
};

static void notify(void *arg __unused)
{
	ivshmem_ring(&d, !d.id);
}

static void set_state(void *arg __unused, u32 state)
{
	ivshmem_set_state(&d, state);
}

static const struct rpmsg_ops ops = { notify, set_state };

static void on_event(u32 intid __unused, void *arg __unused)
{
	sem_give(&event);
}

static bool poll(void)
{
	bool more;

	mutex_lock(&lock);
	more = rpmsg_poll(&link);
	mutex_unlock(&lock);
	return more;
}

static void serve(void *arg __unused)
{
	for (;;) {
		while (poll())
			;
		kassert(sem_take(&event, DEADLINE_NEVER) == 0);
	}
}

int rpmsg_services_start(void)
{
	int err;

	if (!ivshmem_find(true, &d))
		return 0;
	if (d.peers != 2 ||
	    !rpmsg_start(&link, d.id ? RPMSG_REMOTE : RPMSG_HOST, &ops, NULL, ivshmem_shared(&d),
			 d.shared_size, 0, &ivshmem_states(&d)[!d.id]))
		return -EINVAL;
	for (u32 i = 0; i < ARRAY_SIZE(endpoints); i++)
		rpmsg_add(&link, &endpoints[i]);
	sem_init(&event, 0, 1);
	mutex_init(&lock, LOCK_RTOS);
	err = thread_create(&thread, "rpmsg", serve, NULL, PRIO_RPMSG, 0);
	if (err)
		return err;
	err = irq_request(d.intid, "rpmsg", on_event, NULL, IRQ_EDGE);
	if (err)
		return err;
	found = true;
	ivshmem_enable(&d, true);
	thread_start(&thread);
	return 0;
}

static void show_endpoints(void)
{
	shell_printf("%-32s %8s %8s %10s %10s\n", "SERVICE", "ADDRESS", "PEER", "RECEIVED", "SENT");
	for (const struct rpmsg_endpoint *e = link.endpoints; e; e = e->next) {
		shell_printf("%-32s %8u ", e->name, e->addr);
		if (e->peer == RPMSG_ADDR_ANY)
			shell_printf("%8s", "-");
		else
			shell_printf("%8u", e->peer);
		shell_printf(" %10lu %10lu\n", e->received, e->sent);
	}
	for (u32 i = 0; i < RPMSG_SERVICES; i++)
		if (link.services[i].name[0])
			shell_printf("the peer has %s at %u\n", link.services[i].name,
				     link.services[i].addr);
}

void cmd_rpmsg(const struct args *a)
{
	const struct rpmsg_counts *c = &link.counts;

	if (!found) {
		shell_printf("%s: this machine has no channel of protocol 0x%x\n", a->path,
			     RPMSG_PROTOCOL);
		return;
	}
	mutex_lock(&lock);
	shell_hold();
	shell_printf("%s, the link is %s, it came up %lu times\n",
		     link.role == RPMSG_HOST ? "host" : "remote", link.up ? "up" : "down",
		     c->links);
	show_endpoints();
	shell_printf(
		"%lu sent, %lu received, %lu unreturned, %lu unanswered; wrong: %lu malformed, "
		"%lu unaddressed, %lu refused, %lu broken\n",
		c->sent, c->received, c->unreturned, unanswered, c->malformed, c->unaddressed,
		c->refused, c->broken);
	mutex_unlock(&lock);
	shell_release();
}
