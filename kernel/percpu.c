/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

struct percpu percpus[MAX_CPUS];
u32 cpu_count;

static u64 online_mask;

u64 cpus_online_mask(void)
{
	return __atomic_load_n(&online_mask, __ATOMIC_ACQUIRE);
}

void percpu_set_online(u32 cpu)
{
	__atomic_store_n(&percpus[cpu].online, true, __ATOMIC_RELEASE);
	__atomic_fetch_or(&online_mask, BIT(cpu), __ATOMIC_ACQ_REL);
}
