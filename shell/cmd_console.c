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

/* How much past output is shown on attaching, and to a reader that was overtaken. */
#define TAIL_BYTES 2048
/* Output written between two checks for keys: 22 ms at 115200 baud. */
#define PIECE_BYTES 256
/*
 * Keys that wait for a guest that does not read, and after how long they are dropped. The time is
 * shorter if the key that leaves is behind them.
 */
#define TYPED_BYTES       128
#define PATIENCE_MS       1000
#define LEAVE_PATIENCE_MS 50
/* Output comes byte by byte: bytes that follow the first within this time are shown with it. */
#define GATHER_MS 2
/* How long after Ctrl-] a key still belongs to it. */
#define BEHIND_MS 1000

struct session {
	struct vm *vm;
	struct console *console;
	u64 pos;             /* output shown so far */
	u64 raw_from;        /* output before this position is shown as text */
	struct visible text; /* the filter for that */
	bool attached;       /* keys and output pass unchanged; else Ctrl-C and q leave */
	bool midline;        /* the last byte shown did not end a line */
	u8 last;             /* the last byte that passed unchanged */
	bool obeyed;         /* the terminal obeyed one of those bytes: it may be in any state */

	struct leave_key leave;
	u32 typed;
	u64 waiting_since; /* counter value since which the guest has taken no key */
	bool deaf;         /* that lasted so long that keys were dropped */
	u32 dropped;
	u8 keys[TYPED_BYTES];
};

/* The session that Ctrl-] ended. A key behind Ctrl-] may continue it. */
static struct {
	u32 id;
	u64 created_at, pos, until;
} left;

/* ---- output ---- */

/* The position where the last TAIL_BYTES begin, or the beginning of the next line. */
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
 * Output from before the attach was not meant for this terminal. It is shown as text, without
 * control sequences, so that the terminal does not answer old queries now. A sequence that began
 * there is dropped as well.
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

/*
 * Bytes pass unchanged, except XOFF: on a line with flow control by characters, XOFF would hold
 * back what the operator types.
 */
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

/*
 * Show a piece of output. False: there was none. A reader that was overtaken continues with the
 * newest output.
 */
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
			shell_write(CANCEL, 1); /* ends a half-written sequence */
		say_lost(s, lost);
		s->midline = false;
	}
	shown = show_as_text(s, buf, n);
	if (shown < n)
		show_raw(s, buf + shown, n - shown);
	return n != 0;
}

/* ---- keys ---- */

/* How long the guest may take no key before keys are dropped. */
static u64 patience(const struct session *s)
{
	bool leaves = s->typed == TYPED_BYTES && uart_waiting(KEY_LEAVE);

	return ms_to_ticks(leaves ? LEAVE_PATIENCE_MS : PATIENCE_MS);
}

/*
 * Send the guest as many keys as it takes now. A guest that does not read loses keys: the key that
 * leaves may be behind them.
 */
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

/*
 * False when the operator leaves; keys typed before that are sent. *more: there may be further
 * keys.
 */
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

/* True if no output will come unless the operator uses another command. */
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

/* Print the last lines of a session. The terminal's state is the shell's again. */
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
 * Show output and take keys until the operator leaves (false) or the VM is over (true). Keys are
 * checked after each piece of output. Only this thread deletes VMs, so the VM stays.
 */
static bool follow(struct session *s)
{
	bool over = false;

	s->raw_from = console_head(s->console);
	s->waiting_since = arch_counter();
	visible_init(&s->text, &shell_lines, s->attached);
	console_listen(s->console, shell_notify, NULL);
	while (!over) {
		/* Read the state before the output: then output written before the end is shown. */
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

/* False if it cannot be sent; a line says why. */
static bool send_break(struct vm *vm)
{
	if (vm->state != VM_RUNNING && vm->state != VM_PAUSED)
		shell_printf("zvm: vm %u '%s' is %s: only a running VM can be sent BREAK\n", vm->id,
			     vm->name, vm_state_name(vm->state));
	else if (!console_send_break(&vm->console))
		shell_printf("zvm: vm %u '%s' has not taken the last BREAK yet\n", vm->id,
			     vm->name);
	else
		return true;
	return false;
}

/* Ctrl-] b: send BREAK and stay attached. */
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
 * Copy the ring's content first: the guest may write faster than the terminal takes it. Returns the
 * length of the copy, which begins at *pos. Bytes that are overwritten before they are copied are
 * not in it.
 */
static u32 copy_log(struct console *c, char *to, u64 *pos)
{
	u64 end = console_head(c), at = *pos = console_tail(c);
	u32 len = 0;

	while (at < end) {
		u64 from = at;
		u32 n = console_read_at(c, &at, to + len, (u32)MIN(end - at, (u64)PIECE_BYTES));

		if (at - n != from) { /* overtaken: there is a gap behind the bytes up to here */
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
		shell_printf("%s: not enough memory to copy the VM's log\n", a->path);
		return;
	}
	len = copy_log(s->console, copy, &s->pos);
	if (s->pos)
		shell_printf("[the %lu bytes before these are gone: %lu KiB are kept]\n", s->pos,
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
