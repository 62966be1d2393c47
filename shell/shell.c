/* SPDX-License-Identifier: Apache-2.0 */
/* The shell's thread: a line from the UART, a command, and again. */
#include <drivers/uart.h>
#include <kernel/log.h>
#include <kernel/thread.h>
#include <shell/shell.h>
#include "shell.h"

/*
 * More urgent than VMs by default (20): the operator gets an answer also while one of them spins on
 * the only CPU. Real-time VMs stand above it.
 */
#define SHELL_PRIORITY 16

static struct thread shell_thread;
static struct line_editor editor;

/* ---- waiting for several things at once ---- */

static struct wait_queue events = WAIT_QUEUE_INIT(events, LOCK_SHELL);
static bool event_pending;

void shell_notify(void *arg __unused)
{
	unsigned long flags = spin_lock(&events.lock);

	event_pending = true;
	wait_wake_all_locked(&events);
	spin_unlock(&events.lock, flags);
	sched_preempt_point();
}

static void key_notify(void)
{
	shell_notify(NULL);
}

void shell_wait(u64 deadline)
{
	unsigned long flags = spin_lock(&events.lock);
	int err = 0;

	while (!event_pending && err == 0) {
		err = wait_block_locked(&events, flags, deadline);
		flags = spin_lock(&events.lock);
	}
	event_pending = false;
	spin_unlock(&events.lock, flags);
}

/* ---- the loop ---- */

void shell_main(void *arg __unused)
{
	/* From here on the terminal is the operator's: `host log` has the rest. */
	log_quiet();
	uart_set_notify(key_notify);
	shell_printf("\n%s\n", shell_banner);
	line_init(&editor, &shell_sink, shell_prompt, shell_complete);
	line_start(&editor);
	for (;;) {
		int key = uart_getc(DEADLINE_NEVER);
		enum line_result result = key < 0 ? LINE_EDITING : line_feed(&editor, (u8)key);

		if (result == LINE_ENTERED)
			command_run(editor.text);
		if (result != LINE_EDITING)
			line_start(&editor);
	}
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
