/* SPDX-License-Identifier: Apache-2.0 */
#include <arch/cpu.h>
#include <arch/guest.h>
#include <arch/timer.h>
#include <asm/smp.h>
#include <string.h>

void (*host_guest)(struct vcpu *v);
void (*host_look)(const struct vcpu *v, struct guest_look *l);
struct vcpu *host_loaded[HOST_CPUS];
bool host_waits_untrapped[HOST_CPUS];
const struct guest_debug *host_guest_debug[HOST_CPUS];
u64 host_id_registers[8][8];

u64 arch_id_register(u32 crm, u32 op2)
{
	return crm < 8 && op2 < 8 ? host_id_registers[crm][op2] : 0;
}

void host_reset(void)
{
	u32 cpu;

	host_deliver = NULL;
	host_reboots = 0;
	host_poweroffs = 0;
	host_midr = 0x410fd034; /* Cortex-A53 r0p4 */
	host_errata = 0;
	host_entropy_words = 0;
	host_firmware = NULL;
	host_counter_leads = false;
	host_guest = NULL;
	host_look = NULL;
	host_pmu_intid = 0;
	for (cpu = 0; cpu < HOST_CPUS; cpu++) {
		host_irqs_open[cpu] = false;
		host_percpu[cpu] = NULL;
		host_fp_owner[cpu] = NULL;
		host_give_way[cpu] = false;
		host_timer_deadline[cpu] = UINT64_MAX;
		host_timer_offset[cpu] = 0;
		host_loaded[cpu] = NULL;
		host_waits_untrapped[cpu] = false;
		memset(host_pmu(cpu), 0, sizeof(*host_pmu(cpu)));
	}
	memset(host_guest_timers, 0, sizeof(host_guest_timers));
	memset(host_guest_debug, 0, sizeof(host_guest_debug));
	memset(host_id_registers, 0, sizeof(host_id_registers));
	host_irqchip_reset();
	host_memory_reset();
	host_smp_reset();
	host_vgic_reset();
}
