/* SPDX-License-Identifier: Apache-2.0 */
/* The control port of a program of the operator's, at a port of the machine. */
#include <kernel/log.h>
#include <vmm/control.h>
#include <vmm/life.h>
#include <vmm/port.h>
#include "shell.h"

#define NAME "org.zvm.control"

static struct control_port *control; /* NULL: the machine has no such port */
static struct port_stream stream;
static u8 typed[KIB(1)]; /* the stream's: a few requests that come too early */

/* Bytes of requests that the control port has not taken yet. */
static struct {
	u8 bytes[64];
	u32 len, at;
} in;

static void nothing(void *arg __unused)
{
}

void remote_port_open(void)
{
	const s32 port = console_port_named(NAME);
	int at;

	if (port < 0)
		return;
	control = control_create(NULL, nothing, NULL);
	port_stream_init(&stream);
	port_stream_listen(&stream, typed, sizeof(typed), control_rouse);
	vmm_lock();
	at = control ? port_stream_open(&stream, port, "", 0) : -1;
	vmm_unlock();
	if (at < 0)
		log_warn("port %d (" NAME ") is not served: no memory", port);
	else
		control_set_open(control, true);
}

static bool pass_answer(void)
{
	char bytes[64];
	struct port_piece piece = { bytes, 0 };

	while (port_stream_room(&stream) >= sizeof(bytes)) {
		piece.len = control_get(control, bytes, sizeof(bytes));
		if (!piece.len)
			return true;
		port_stream_put(&stream, &piece, 1);
	}
	return false;
}

bool remote_port_pass(void)
{
	u32 n = control != NULL;

	while (n) {
		if (!pass_answer())
			return false;
		if (in.at == in.len) {
			in.len = port_stream_read(&stream, in.bytes, sizeof(in.bytes));
			in.at = 0;
		}
		n = control_put(control, in.bytes + in.at, in.len - in.at);
		in.at += n;
	}
	return true;
}
