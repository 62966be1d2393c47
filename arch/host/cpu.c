/* SPDX-License-Identifier: Apache-2.0 */
#include <arch/cpu.h>
#include <kernel/panic.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

bool host_irqs_open[HOST_CPUS];
struct percpu *host_percpu[HOST_CPUS];
u32 host_reboots, host_poweroffs;
u32 host_midr;
u32 host_entropy_words;
s64 (*host_firmware)(u32 function, u64 arg);
struct thread *host_fp_owner[HOST_CPUS];
bool host_give_way[HOST_CPUS];
void (*host_deliver)(void);

static jmp_buf *halt_target;

bool host_measures_exits[HOST_CPUS];

void arch_measure_exits(bool on)
{
	host_measures_exits[host_cpu] = on;
}

void host_die(const char *why)
{
	fflush(stdout); /* show the log first */
	fprintf(stderr, "host: CPU %u: %s\n", host_cpu, why);
	abort();
}

bool host_halts(void (*fn)(void *arg), void *arg)
{
	jmp_buf target;

	halt_target = &target;
	if (setjmp(target) == 0) {
		fn(arg);
		halt_target = NULL;
		return false;
	}
	halt_target = NULL;
	return true;
}

void arch_halt(void)
{
	arch_irq_disable();
	if (!halt_target)
		host_die("halted");
	longjmp(*halt_target, 1);
}

void arch_reboot(void)
{
	host_reboots++;
}

void arch_poweroff(void)
{
	host_poweroffs++;
}

u64 arch_cpu_hwid(void)
{
	return host_cpu;
}

const char *arch_cpu_name(u32 midr)
{
	(void)midr;
	return "fake CPU";
}

u64 host_errata;

u32 arch_cpu_midr(void)
{
	return host_midr;
}

bool arch_erratum(u32 n, const char **what, u64 *cpus)
{
	static const char *const all[] = { "fake CPU 1234567", "fake CPU 7654321" };

	if (n >= 2)
		return false;
	*what = all[n];
	*cpus = n ? host_errata : 0;
	return true;
}

bool arch_entropy(u64 *word)
{
	static u64 next;

	if (!host_entropy_words)
		return false;
	host_entropy_words--;
	*word = ++next;
	return true;
}

s64 arch_firmware(u32 function, u64 arg)
{
	return host_firmware ? host_firmware(function, arg) : -1;
}

void *arch_panic_page(void)
{
	static struct panic_record page;

	return &page;
}

void arch_backtrace(u64 fp)
{
	(void)fp;
}
