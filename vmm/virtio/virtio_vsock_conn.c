/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections of a socket device: what passes says which there are. If another VM's device is
 * reset, the driver is told so for each connection to it, as soon as it has buffers. Else a program
 * that waits, for bytes or for credit, would do so for ever.
 */
#include "virtio_vsock.h"

static struct vsock_conn *find(struct virtio_vsock *v, const struct vsock_conn *want)
{
	for (u32 i = 0; i < v->conn_count; i++) {
		struct vsock_conn *c = &v->conns[i];

		if (c->cid == want->cid && c->port == want->port && c->own == want->own)
			return c;
	}
	return NULL;
}

static void remove(struct virtio_vsock *v, struct vsock_conn *c)
{
	v->dead -= c->dead;
	*c = v->conns[--v->conn_count];
}

void virtio_vsock_note(struct virtio_vsock *v, u16 op, u64 cid, u32 port, u32 own)
{
	const struct vsock_conn conn = { (u32)cid, port, own, false };
	struct vsock_conn *c;

	if (op > VSOCK_OP_RST)
		return;
	c = find(v, &conn);
	if (c)
		remove(v, c);
	if (op == VSOCK_OP_RST)
		return;
	if (v->conn_count < VSOCK_CONNS)
		v->conns[v->conn_count++] = conn;
	else
		v->unnoted++;
}

bool virtio_vsock_end(struct virtio_vsock *v, const struct vsock_head *h)
{
	const struct vsock_conn conn = { (u32)h->src_cid, h->src_port, h->dst_port, false };
	struct vsock_conn *c = find(v, &conn);

	if (!c)
		return false;
	v->dead += !c->dead;
	c->dead = true;
	return true;
}

void virtio_vsock_gone(struct vsock_port *port, u64 cid)
{
	struct virtio_vsock *v = container_of(port, struct virtio_vsock, port);

	spin_lock(&v->t.lock);
	for (u32 i = 0; i < v->conn_count; i++) {
		if (v->conns[i].cid != cid || v->conns[i].dead)
			continue;
		v->conns[i].dead = true;
		v->dead++;
	}
	if (v->dead && virtio_is_live(&v->t))
		virtio_wake(&v->t);
	spin_unlock(&v->t.lock);
}

bool virtio_vsock_tell(struct virtio_vsock *v)
{
	struct vsock_head h = { .type = VSOCK_TYPE_STREAM, .op = VSOCK_OP_RST };
	const struct vsock_conn *c = v->conns;

	if (!v->dead)
		return false;
	while (!c->dead)
		c++;
	h.src_cid = c->cid;
	h.src_port = c->port;
	h.dst_cid = v->config.guest_cid;
	h.dst_port = c->own;
	return virtio_vsock_put(v, &h, NULL, 0) >= 0; /* which notes it */
}
