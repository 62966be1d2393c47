/* SPDX-License-Identifier: Apache-2.0 */
/* The shell's thread: read a line from the UART, run the command, repeat. */
#include <drivers/uart.h>
#include <kernel/log.h>
#include <kernel/thread.h>
#include <kernel/timeout.h>
#include <shell/shell.h>
#include "shell.h"

/*
 * More urgent than VMs by default (20): the operator gets an answer even while a VM spins on the
 * only CPU. Real-time VMs are more urgent than the shell.
 */
#define SHELL_PRIORITY 16

static struct thread shell_thread;
static struct line_editor editor;

/* ---- waiting for several things at once ---- */

static struct wait_queue events = WAIT_QUEUE_INIT(events, LOCK_SHELL);
static bool event_pending;

void shell_notify(void *arg __unused)
{
	unsigned long flags = spin_lock_irqsave(&events.lock);

	event_pending = true;
	wait_wake_all_locked(&events);
	spin_unlock_irqrestore(&events.lock, flags);
	sched_preempt_point();
}

static void key_notify(void)
{
	shell_notify(NULL);
}

void shell_wait(u64 deadline)
{
	unsigned long flags = spin_lock_irqsave(&events.lock);
	int err = 0;

	while (!event_pending && err == 0) {
		err = wait_block_locked(&events, flags, deadline);
		flags = spin_lock_irqsave(&events.lock);
	}
	event_pending = false;
	spin_unlock_irqrestore(&events.lock, flags);
}

/* ---- the loop ---- */

/*
 * A terminal sends a control sequence at once. A sequence still unfinished after this time was
 * none: its bytes count as keys again.
 */
#define SEQUENCE_MS 500

static bool (*first_key)(u8 key);

void shell_on_first_key(bool (*fn)(u8 key))
{
	first_key = fn;
}

static bool take_first_key(u8 key)
{
	bool (*fn)(u8 key) = first_key;
	bool taken;

	if (!fn || !line_is_fresh(&editor) || key == CTRL('['))
		return false;
	first_key = NULL;
	shell_begin();
	taken = fn(key);
	shell_end();
	return taken;
}

void shell_key(u8 key)
{
	enum line_result result = LINE_ABANDONED;

	if (!take_first_key(key))
		result = line_feed(&editor, key);
	if (result == LINE_ENTERED)
		command_run(editor.text);
	if (result != LINE_EDITING)
		line_start(&editor);
}

void shell_open(void)
{
	shell_begin();
	shell_printf("\n%s\n", shell_banner);
	line_init(&editor, &shell_terminal, shell_prompt, shell_complete);
	line_start(&editor);
}

void shell_main(void *arg __unused)
{
	/* From here on the terminal belongs to the operator. `host log` shows later lines. */
	log_quiet();
	uart_set_notify(key_notify);
	shell_open();
	for (;;) {
		bool unfinished = line_in_sequence(&editor);
		int key = uart_getc(unfinished ? deadline_ms(SEQUENCE_MS) : DEADLINE_NEVER);

		if (key >= 0)
			shell_key((u8)key);
		else
			line_forget_sequence(&editor);
	}
}

bool shell_calls_off(void)
{
	return thread_current() == &shell_thread && shell_was_interrupted();
}

int shell_start(void)
{
	int err = thread_create(&shell_thread, "shell", shell_main, NULL, SHELL_PRIORITY, BIT(0));

	if (err)
		return err;
	thread_set_params(&shell_thread, &sched_guarded);
	thread_start(&shell_thread);
	return 0;
}
