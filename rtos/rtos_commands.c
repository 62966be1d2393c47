/* SPDX-License-Identifier: Apache-2.0 */
/* The RTOS's shell. */
#include <arch/cpu.h>
#include <drivers/uart.h>
#include "rtos.h"

const char shell_prompt[] = "rtos> ";
const char shell_banner[] = "ZVM RTOS " ZVM_VERSION "; type `help`";
const char shell_names[] = "";

static void cmd_version(const struct args *a __unused)
{
	shell_printf("ZVM RTOS %s, the hypervisor's kernel at EL1, built with %s\n", ZVM_VERSION,
		     ZVM_COMPILER);
}

static void cmd_poweroff(const struct args *a)
{
	shell_printf("the machine goes off\n");
	uart_drain();
	arch_poweroff();
	shell_printf("%s: the firmware does not switch the machine off\n", a->path);
}

#define COMMAND(id, text, ...)                                                 \
	static const struct command id##_command = {                           \
		.name = #id, .summary = (text), .run = cmd_##id, ##__VA_ARGS__ \
	}

COMMAND(channel, "the channel to other VMs; as peer 0: how long rounds with peer 1 take");
COMMAND(cpus, "the CPUs and what they run", .options = json_options, .noptions = JSON_OPTIONS);
COMMAND(irq, "interrupts in use, and the longest times with interrupts masked",
	.options = irq_options, .noptions = 2);
COMMAND(jitter, "how punctual the control loop is", .options = jitter_options,
	.noptions = JITTER_OPTIONS);
COMMAND(latency, "the kernel's latencies: all, or one test's", .options = latency_options,
	.noptions = LATENCY_OPTIONS, .operand = ARG_TYPE, .operand_name = "TEST");
COMMAND(log, "the kernel's log");
COMMAND(poweroff, "switch the machine off");
COMMAND(reboot, "restart the machine");
COMMAND(rpmsg, "the RPMsg link: endpoints, the peer's services, counts");
COMMAND(threads, "all threads", .options = json_options, .noptions = JSON_OPTIONS);
COMMAND(version, "which version this is");

const struct command *const root_commands[] = {
	&channel_command, &cpus_command,    &help_command,    &irq_command,
	&jitter_command,  &latency_command, &log_command,     &poweroff_command,
	&reboot_command,  &rpmsg_command,   &threads_command, &version_command,
};
const u32 root_count = ARRAY_SIZE(root_commands);

void complete_named(struct completions *c, const struct word *w, enum arg_kind kind)
{
	for (u32 i = 0; kind == ARG_TYPE && latency_test_name(i); i++)
		complete_with(c, w, latency_test_name(i));
}
