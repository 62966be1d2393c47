/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel as an RTOS: the order in which it starts. */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <arch/timer.h>
#include <drivers/host.h>
#include <drivers/uart.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/thread.h>
#include <shell/shell.h>
#include "../init/machine.h"
#include "rtos.h"

void kernel_main(void)
{
	log_epoch = arch_counter();
	machine_start_kernel();
	log_info("ZVM RTOS " ZVM_VERSION " on %s, %s", host_fdt_model(),
		 arch_cpu_name(arch_cpu_midr()));
	machine_start_cpus();
	may(uart_probe(), "uart");
	must(control_start(), "control loop");
	may(channel_start(), "channel");
	may(rpmsg_services_start(), "rpmsg");
	must(shell_start(), "shell");
	may(rtos_trace_start(), "trace");
	thread_exit();
}
