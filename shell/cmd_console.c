/* SPDX-License-Identifier: Apache-2.0 */
/* `zvm console` and `zvm log`: a VM's console on this terminal. */
#include <arch/timer.h>
#include <drivers/uart.h>
#include <kernel/thread.h>
#include <kernel/timeout.h>
#include <lib/string.h>
#include <vmm/vm.h>
#include "shell.h"

#define KEY_LEAVE     0x1d /* Ctrl-] */
#define KEY_INTERRUPT 0x03 /* Ctrl-C */

/* How much of the past is shown on attaching. */
#define TAIL_BYTES 2048
/* Keys that wait for a guest that does not read, and how long before they are dropped. */
#define TYPED_BYTES 128
#define PATIENCE_MS 1000
/* Output comes a byte at a time: what follows the first is shown with it. */
#define GATHER_MS 2

struct session {
	struct vm *vm;
	struct console *console;
	u64 pos; /* output shown so far */
	u32 typed;
	u64 patience; /* counter value at which typed keys are given up */
	u8 keys[TYPED_BYTES];
	bool forward; /* keys go to the guest; else Ctrl-C leaves too */
	bool midline; /* the last byte shown was no end of a line */
};

static void show_output(struct session *s)
{
	char buf[256];
	u32 n;

	while ((n = console_read_at(s->console, &s->pos, buf, sizeof(buf))) != 0) {
		shell_write(buf, n);
		s->midline = buf[n - 1] != '\n';
	}
}

/* The position at which the last TAIL_BYTES begin, or the line after it. */
static u64 tail_position(struct console *c)
{
	u64 head = console_head(c), tail = console_tail(c), pos = head - TAIL_BYTES;
	char buf[128];
	u32 n;
	u64 from = pos;

	if (head - tail <= TAIL_BYTES)
		return tail;
	n = console_read_at(c, &from, buf, sizeof(buf));
	for (u32 i = 0; i < n; i++) {
		if (buf[i] == '\n')
			return from - n + i + 1;
	}
	return pos;
}

/*
 * Keys to the guest, as many as it takes now. One that does not read for a while loses them: the key
 * that leaves stands behind them.
 */
static void send_keys(struct session *s)
{
	u32 sent = console_send(s->console, s->keys, s->typed);
	u64 now = arch_counter();

	memmove(s->keys, s->keys + sent, s->typed - sent);
	s->typed -= sent;
	if (sent || s->typed == 0)
		s->patience = now + ms_to_ticks(PATIENCE_MS);
	else if (now > s->patience)
		s->typed = 0;
}

/* False when the operator leaves; what was typed before that is sent. */
static bool take_keys(struct session *s)
{
	bool leave = false;

	while (!leave && s->typed < TYPED_BYTES) {
		int key = uart_poll();

		if (key < 0)
			break;
		leave = key == KEY_LEAVE || (!s->forward && (key == KEY_INTERRUPT || key == 'q'));
		if (s->forward && !leave)
			s->keys[s->typed++] = (u8)key;
	}
	send_keys(s);
	return !leave;
}

/* True if no output will come until the operator does something elsewhere. */
static bool is_over(enum vm_state state)
{
	return state == VM_CREATED || state == VM_STOPPED || state == VM_CRASHED;
}

/*
 * Show output and forward keys until the operator leaves or the VM is over. Only this thread deletes
 * VMs, so ours stays.
 */
static void follow(struct session *s)
{
	console_listen(s->console, shell_notify, NULL);
	for (;;) {
		/* Before the output is read: what was written before the end is shown. */
		enum vm_state state = __atomic_load_n(&s->vm->state, __ATOMIC_ACQUIRE);

		show_output(s);
		if (!take_keys(s))
			break;
		if (is_over(state)) {
			shell_printf("%s[vm %u '%s' %s]", s->midline ? "\n" : "", s->vm->id,
				     s->vm->name, vm_state_name(state));
			s->midline = true;
			break;
		}
		if (!console_arm(s->console, s->pos)) {
			shell_wait(DEADLINE_NEVER);
			thread_sleep_ms(GATHER_MS);
		}
	}
	console_listen(s->console, NULL, NULL);
	if (s->midline)
		shell_printf("\n");
}

static bool open_session(const struct args *a, struct session *s)
{
	vmm_lock();
	s->vm = vm_argument(a);
	if (s->vm)
		s->console = &s->vm->console;
	vmm_unlock();
	return s->vm != NULL;
}

void cmd_zvm_console(const struct args *a)
{
	struct session s = { .forward = true };

	if (!open_session(a, &s))
		return;
	shell_printf("[console of vm %u '%s'; Ctrl-] leaves]\n", s.vm->id, s.vm->name);
	s.pos = tail_position(s.console);
	follow(&s);
}

void cmd_zvm_log(const struct args *a)
{
	struct session s = { .forward = false };

	if (!open_session(a, &s))
		return;
	s.pos = console_tail(s.console);
	if (option_value(a, "-f")) {
		follow(&s);
		return;
	}
	show_output(&s);
	if (s.midline)
		shell_printf("\n");
}
