/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console device's control messages (VIRTIO 1.2, 5.3.6): the driver learns which ports there
 * are, what they are and how they are called, and says which of them programs have opened.
 */
#include "virtio_con.h"

#include <lib/bitmap.h>
#include <lib/string.h>
#include <vmm/core.h>

/* In this order: a port has to be added before anything else is said about it. */
_Static_assert(CON_DEVICE_ADD < CON_CONSOLE_PORT && CON_CONSOLE_PORT < CON_PORT_OPEN,
	       "the lowest bit is told first");

/* Compose the next message. False: there is none. */
static bool compose(struct virtio_con *c)
{
	for (u32 n = 0; n < c->count; n++) {
		const u32 untold = c->ports[n]->untold;

		if (!untold)
			continue;
		c->out = (struct con_message){ .port = n,
					       .event = (u16)__builtin_ctz(untold),
					       .value = 1 };
		c->out_at = 0;
		c->out_len = CON_MESSAGE_HEAD;
		if (c->out.event == CON_PORT_NAME) {
			(void)str_copy(c->out.name, c->node->ports[n - 1], sizeof(c->out.name));
			c->out_len += (u32)strlen(c->out.name);
		}
		return true;
	}
	return false;
}

static bool tell(struct virtio_con *c)
{
	u32 n;

	if (!c->out_len && !compose(c))
		return false;
	if (!virtio_take(&c->t, CON_CONTROL_RX))
		return false;
	if (c->out_at < c->out_len) {
		n = virtio_write(&c->t, CON_CONTROL_RX, (const u8 *)&c->out + c->out_at,
				 c->out_len - c->out_at);
		c->out_at += n;
		if (n || !virtio_can_go_on(&c->t))
			return n;
		if (c->out_at < CON_MESSAGE_HEAD) {
			virtio_break(&c->t, CON_CONTROL_RX, VIRTIO_FAULT_REQUEST, 0);
			return false;
		}
		/* A name that the buffer does not hold is cut: Zephyr takes 0 or 16 bytes of it. */
		c->out_len = c->out_at;
	}
	if (!virtio_finish(&c->t, CON_CONTROL_RX))
		return false;
	c->ports[c->out.port]->untold &= ~(u32)BIT(c->out.event);
	c->out_len = 0;
	return true;
}

static void set_open(struct con_port *p, bool open)
{
	p->open = open;
	if (p->control)
		control_set_open(p->control, open);
}

/* A message of the driver. What concerns no port is ignored. */
static void obey(struct virtio_con *c)
{
	const struct con_message *m = &c->in;

	if (m->event == CON_DEVICE_READY && m->value == 1)
		for (u32 n = 0; n < c->count; n++)
			c->ports[n]->untold |= BIT(CON_DEVICE_ADD);
	if (m->port >= c->count)
		return;
	if (m->event == CON_PORT_READY && m->value == 1)
		c->ports[m->port]->untold |= BIT(CON_PORT_OPEN) |
					     BIT(m->port ? CON_PORT_NAME : CON_CONSOLE_PORT);
	if (m->event == CON_PORT_OPEN)
		set_open(c->ports[m->port], m->value);
}

static bool listen(struct virtio_con *c)
{
	u32 n = 0;

	if (!virtio_take(&c->t, CON_CONTROL_TX))
		return false;
	if (c->got < CON_MESSAGE_HEAD)
		n = virtio_read(&c->t, CON_CONTROL_TX, (u8 *)&c->in + c->got,
				CON_MESSAGE_HEAD - c->got);
	c->got += n;
	if (n)
		return true;
	if (!virtio_can_go_on(&c->t) || !virtio_finish(&c->t, CON_CONTROL_TX))
		return false;
	if (c->got == CON_MESSAGE_HEAD)
		obey(c);
	c->got = 0;
	return true;
}

bool con_control(struct virtio_con *c)
{
	return listen(c) || tell(c);
}

void con_control_forget(struct virtio_con *c)
{
	for (u32 n = 0; n < c->count; n++) {
		c->ports[n]->untold = 0;
		set_open(c->ports[n], false);
	}
	c->got = c->out_len = 0;
}
