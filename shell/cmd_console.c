/* SPDX-License-Identifier: Apache-2.0 */
/* `zvm console` and `zvm log`: a VM's console on this terminal. */
#include <arch/mmu.h>
#include <arch/timer.h>
#include <drivers/uart.h>
#include <kernel/page.h>
#include <kernel/thread.h>
#include <kernel/timeout.h>
#include <lib/string.h>
#include <lib/visible.h>
#include <vmm/core.h>
#include "shell.h"
#include "terminal.h"

#define KEY_BREAK 'b' /* behind Ctrl-] */
#define CANCEL    "\x18"
#define XOFF      0x13

/* How much of the past is shown on attaching, and to somebody who was overtaken. */
#define TAIL_BYTES 2048
/* Output between two looks at the keys: 22 ms at 115200 baud. */
#define PIECE_BYTES 256
/* Keys that wait for a guest that does not read, and how long before they are dropped; if the key that leaves stands behind them. */
#define TYPED_BYTES       128
#define PATIENCE_MS       1000
#define LEAVE_PATIENCE_MS 50
/* Output comes a byte at a time: what follows the first is shown with it. */
#define GATHER_MS 2
/* In which the key behind Ctrl-] is one. */
#define BEHIND_MS 1000

struct session {
	struct vm *vm;
	struct console *console;
	u64 pos;             /* output shown so far */
	u64 raw_from;        /* what was written before is shown as text */
	struct visible text; /* the way of that */
	bool attached; /* keys go to the guest, output passes as it is; else Ctrl-C and q leave */
	bool midline;  /* the last byte shown was no end of a line */
	u8 last;       /* byte that passed as it is */
	bool obeyed;   /* by the terminal, of those: it may be in any state */

	struct leave_key leave;
	u32 typed;
	u64 waiting_since; /* counter value: the guest has taken no key since */
	bool deaf;         /* for so long that keys were dropped */
	u32 dropped;
	u8 keys[TYPED_BYTES];
};

/* The session that Ctrl-] has ended: the key behind it goes on with it. */
static struct {
	u32 id;
	u64 created_at, pos, until;
} left;

/* ---- output ---- */

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

static void say_lost(const struct session *s, u64 bytes)
{
	shell_printf("%s[%lu bytes lost: this terminal is slower than the guest]\n",
		     s->midline ? "\n" : "", bytes);
}

/*
 * Output of before it was attached is no program's at work: it is shown as text, without its control sequences, so that
 * the terminal does not answer now what was asked then. So is one that began there.
 */
static u32 show_as_text(struct session *s, const char *buf, u32 len)
{
	u64 old = s->attached ? s->raw_from - MIN(s->raw_from, s->pos - len) : len;
	u32 n = (u32)MIN(old, (u64)len);

	s->text.sink.put(&s->text.sink, buf, n);
	while (n < len && !visible_complete(&s->text))
		s->text.sink.put(&s->text.sink, &buf[n++], 1);
	if (n)
		s->midline = s->text.midline;
	return n;
}

/* But for XOFF: where the line has flow control by characters, that would keep back what the operator types. */
static void show_raw(struct session *s, char *buf, u32 len)
{
	u32 n = 0;

	for (u32 i = 0; i < len; i++) {
		s->obeyed |= terminal_obeys(s->last, (u8)buf[i]);
		s->last = (u8)buf[i];
		if (s->last != XOFF)
			buf[n++] = buf[i];
	}
	shell_write(buf, n);
	s->midline = s->last != '\n';
}

/* A piece of output; false: there was none. A reader that was overtaken goes on with the newest. */
static bool show_piece(struct session *s)
{
	u64 from = s->pos, lost;
	char buf[PIECE_BYTES];
	u32 n, shown;

	if (console_tail(s->console) > from)
		s->pos = tail_position(s->console);
	n = console_read_at(s->console, &s->pos, buf, sizeof(buf));
	lost = s->pos - n - from;
	if (lost) {
		if (s->obeyed)
			shell_write(CANCEL, 1); /* what it was in the middle of */
		say_lost(s, lost);
		s->midline = false;
	}
	shown = show_as_text(s, buf, n);
	if (shown < n)
		show_raw(s, buf + shown, n - shown);
	return n != 0;
}

/* ---- keys ---- */

/* How long the guest may take no key before they are dropped. */
static u64 patience(const struct session *s)
{
	bool leaves = s->typed == TYPED_BYTES && uart_waiting(KEY_LEAVE);

	return ms_to_ticks(leaves ? LEAVE_PATIENCE_MS : PATIENCE_MS);
}

/* Keys to the guest, as many as it takes now. One that does not read loses them: the key that leaves may stand behind them. */
static void send_keys(struct session *s)
{
	u32 sent = console_send(s->console, s->keys, s->typed);
	u64 now = arch_counter();

	memmove(s->keys, s->keys + sent, s->typed - sent);
	s->typed -= sent;
	if (sent || !s->typed) {
		s->waiting_since = now;
		s->deaf &= !sent;
	} else if (s->deaf || now - s->waiting_since > patience(s)) {
		s->deaf = true;
		s->dropped += s->typed;
		s->typed = 0;
	}
}

/* True: the operator leaves. */
static bool press(struct session *s, u8 key)
{
	bool leave = s->attached ? leave_key_pressed(&s->leave, key)
				 : key == KEY_INTERRUPT || key == 'q';

	if (s->attached && key != KEY_LEAVE)
		s->keys[s->typed++] = key;
	return leave;
}

/* False when the operator leaves; what was typed before that is sent. *more: there may be keys yet. */
static bool take_keys(struct session *s, bool *more)
{
	bool leave = false, full;
	int key = 0;

	while (!leave && s->typed < TYPED_BYTES && (key = uart_poll()) >= 0)
		leave = press(s, (u8)key);
	full = s->typed == TYPED_BYTES;
	send_keys(s);
	*more |= full && s->typed < TYPED_BYTES;
	return !leave;
}

/* ---- a session ---- */

/* True if no output will come until the operator does something elsewhere. */
static bool is_over(enum vm_state state)
{
	return state == VM_CREATED || state == VM_STOPPED || state == VM_CRASHED;
}

static void wait_for_more(struct session *s)
{
	if (console_arm(s->console, s->pos))
		return;
	shell_wait(s->typed ? s->waiting_since + patience(s) + 1 : DEADLINE_NEVER);
	thread_sleep_ms(GATHER_MS);
}

/* What is said at the end; the terminal's state is the shell's again. */
static void end(struct session *s, bool over)
{
	visible_end(&s->text);
	if (s->obeyed)
		shell_write(terminal_reset, strlen(terminal_reset));
	else if (s->midline)
		shell_printf("\n");
	if (s->obeyed)
		shell_printf("[terminal reset]\n");
	if (s->dropped + s->typed)
		shell_printf("[vm %u '%s' did not take %u keys]\n", s->vm->id, s->vm->name,
			     s->dropped + s->typed);
	if (over)
		shell_printf("[vm %u '%s' %s]\n", s->vm->id, s->vm->name,
			     vm_state_name(s->vm->state));
}

/*
 * Show output and take keys until the operator leaves or the VM is over: true then. Keys are looked at after each piece, however much there
 * is to show. Only this thread deletes VMs, so ours stays.
 */
static bool follow(struct session *s)
{
	bool over = false;

	s->raw_from = console_head(s->console);
	s->waiting_since = arch_counter();
	visible_init(&s->text, &shell_lines, s->attached);
	console_listen(s->console, shell_notify, NULL);
	while (!over) {
		/* Before the output is read: what was written before the end is shown. */
		enum vm_state state = __atomic_load_n(&s->vm->state, __ATOMIC_ACQUIRE);
		bool more = show_piece(s);

		if (!take_keys(s, &more))
			break;
		over = !more && is_over(state);
		if (!more && !over)
			wait_for_more(s);
	}
	console_listen(s->console, NULL, NULL);
	end(s, over);
	return over;
}

static bool open_session(const struct args *a, struct session *s)
{
	shell_vmm_lock();
	s->vm = vm_argument(a);
	if (s->vm)
		s->console = &s->vm->console;
	shell_vmm_unlock();
	return s->vm != NULL;
}

/* ---- zvm console ---- */

static bool key_behind(u8 key);

static void attach(struct session *s)
{
	s->attached = true;
	if (follow(s))
		return;
	left.id = s->vm->id;
	left.created_at = s->vm->created_at;
	left.pos = s->pos;
	left.until = arch_counter() + ms_to_ticks(BEHIND_MS);
	shell_on_first_key(key_behind);
}

/* False, and a line says why, if it cannot be sent. */
static bool send_break(struct vm *vm)
{
	if (vm->state != VM_RUNNING && vm->state != VM_PAUSED)
		shell_printf("zvm: vm %u '%s' is %s: only a running one can be sent BREAK\n",
			     vm->id, vm->name, vm_state_name(vm->state));
	else if (!console_send_break(&vm->console))
		shell_printf("zvm: vm %u '%s' has not taken the last BREAK yet\n", vm->id,
			     vm->name);
	else
		return true;
	return false;
}

/* Ctrl-] b: BREAK, and on. */
static bool key_behind(u8 key)
{
	struct session s = { .pos = left.pos };
	bool sent;

	if (key != KEY_BREAK || arch_counter() > left.until)
		return false;
	shell_take_keys();
	shell_printf("\n");
	shell_vmm_lock();
	s.vm = vm_by_id(left.id);
	sent = s.vm && s.vm->created_at == left.created_at && send_break(s.vm);
	shell_vmm_unlock();
	if (!sent)
		return true;
	s.console = &s.vm->console;
	shell_printf("[BREAK sent to vm %u '%s'; Ctrl-] leaves]\n", s.vm->id, s.vm->name);
	attach(&s);
	return true;
}

void cmd_zvm_console(const struct args *a)
{
	struct session s = { .pos = 0 };

	if (option_value(a, "--break")) {
		shell_vmm_lock();
		s.vm = vm_argument(a);
		if (s.vm && send_break(s.vm))
			shell_printf("vm %u '%s': BREAK sent\n", s.vm->id, s.vm->name);
		shell_vmm_unlock();
		return;
	}
	shell_take_keys();
	if (!open_session(a, &s))
		return;
	shell_printf("[console of vm %u '%s'; Ctrl-] leaves]\n", s.vm->id, s.vm->name);
	s.pos = tail_position(s.console);
	attach(&s);
}

/* ---- zvm log ---- */

/*
 * What the ring has now, copied first: the guest may write faster than the terminal takes it. Its length; from *pos on. What is overwritten
 * before it is copied is not there.
 */
static u32 copy_log(struct console *c, char *to, u64 *pos)
{
	u64 end = console_head(c), at = *pos = console_tail(c);
	u32 len = 0;

	while (at < end) {
		u64 from = at;
		u32 n = console_read_at(c, &at, to + len, (u32)MIN(end - at, (u64)PIECE_BYTES));

		if (at - n != from) { /* overtaken: what there is up to here has a gap behind it */
			memmove(to, to + len, n);
			*pos = at - n;
			len = 0;
		}
		len += n;
	}
	return len;
}

static void show_log(const struct args *a, struct session *s)
{
	char *copy = pages_alloc(CONSOLE_LOG_SIZE / PAGE_SIZE);
	u32 len;

	if (!copy) {
		shell_printf("%s: no memory for a copy of what the VM wrote\n", a->path);
		return;
	}
	len = copy_log(s->console, copy, &s->pos);
	if (s->pos)
		shell_printf("[%lu bytes before these are gone: %lu KiB are kept]\n", s->pos,
			     CONSOLE_LOG_SIZE / KIB(1));
	visible_init(&s->text, &shell_lines, false);
	s->text.sink.put(&s->text.sink, copy, len);
	visible_end(&s->text);
	if (s->text.midline)
		shell_printf("\n");
	pages_free(copy, CONSOLE_LOG_SIZE / PAGE_SIZE);
}

void cmd_zvm_log(const struct args *a)
{
	struct session s = { .attached = false };

	if (option_value(a, "-f"))
		shell_take_keys();
	if (!open_session(a, &s))
		return;
	if (!option_value(a, "-f")) {
		show_log(a, &s);
		return;
	}
	s.pos = console_tail(s.console);
	(void)follow(&s);
}
