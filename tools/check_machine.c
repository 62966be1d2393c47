/* SPDX-License-Identifier: Apache-2.0 */
/* Checks the types of a bundle against a board's devicetree. */
#include "checkdesc.h"

#include <lib/bitmap.h>
#include <lib/string.h>
#include <libfdt.h>
#include <stdio.h>

static u64 cells(const fdt32_t *at, int count)
{
	u64 number = 0;

	for (int i = 0; i < count; i++)
		number = number << 32 | fdt32_ld(&at[i]);
	return number;
}

/* The sizes in all nodes of that device_type: address and size as the root says. */
static u64 memory_of(const void *dtb)
{
	const int address = fdt_address_cells(dtb, 0), size = fdt_size_cells(dtb, 0);
	u64 sum = 0;
	int node;

	if (address < 1 || size < 1)
		return 0;
	fdt_for_each_subnode(node, dtb, 0) {
		int len;
		const char *type = fdt_getprop(dtb, node, "device_type", &len);
		const fdt32_t *reg = fdt_getprop(dtb, node, "reg", &len);

		if (!type || !str_eq(type, "memory") || !reg)
			continue;
		for (int i = 0; (i + 1) * (address + size) * 4 <= len; i++)
			sum += cells(reg + i * (address + size) + address, size);
	}
	return sum;
}

static u32 cpus_of(const void *dtb)
{
	const int cpus = fdt_path_offset(dtb, "/cpus");
	u32 count = 0;
	int node;

	if (cpus < 0)
		return 0;
	fdt_for_each_subnode(node, dtb, cpus)
		count += str_starts(fdt_get_name(dtb, node, NULL), "cpu@");
	return MIN(count, (u32)SCHEDULE_CPUS);
}

static u32 transports_of(const void *dtb)
{
	u32 count = 0;
	int node = -1;

	while ((node = fdt_node_offset_by_compatible(dtb, node, "virtio,mmio")) >= 0)
		count++;
	return count;
}

const char *machine_read(struct machine *m, const void *dtb)
{
	static const char *const v2[] = { "arm,cortex-a15-gic", "arm,gic-400" };
	const u32 count = cpus_of(dtb);

	*m = (struct machine){ .memory = memory_of(dtb), .disks = transports_of(dtb) };
	if (fdt_node_offset_by_compatible(dtb, -1, "arm,gic-v3") >= 0)
		m->gic = 3;
	for (u32 i = 0; i < ARRAY_SIZE(v2); i++)
		if (fdt_node_offset_by_compatible(dtb, -1, v2[i]) >= 0)
			m->gic = 2;
	if (!count)
		return "has no CPUs in /cpus";
	m->cpus = BITS(count - 1, 0);
	if (!m->memory)
		return "has no node with device_type \"memory\"";
	return m->gic ? NULL : "has no GICv2 or GICv3";
}

static int check_cpus(const struct machine *m, const struct vm_type *t)
{
	const struct vm_desc *d = &t->desc;
	const u32 cpus = word_weight(m->cpus);
	struct desc_error error;
	int wrong = 0;

	if (d->affinity && (d->affinity & ~m->cpus))
		wrong |= refuse(t, "affinity",
				"0x%lx names CPUs that the machine lacks: it has 0x%lx",
				d->affinity, m->cpus);
	if (d->dedicated && d->cpus >= cpus)
		wrong |= refuse(t, "dedicated",
				"%u vCPUs need a CPU each, but besides cpu0, which has the shell, "
				"the machine has %u",
				d->cpus, cpus - 1);
	if (m->gic == 2 && d->cpus > GICV2_CPUS_MAX)
		wrong |= refuse(t, "cpus", "%u, but with this machine's GICv2 there are 1 to %u",
				d->cpus, GICV2_CPUS_MAX);
	return wrong;
}

/* ---- channels: their peers run at the same time ---- */

static const struct vm_type *type_of_peer(const char *name)
{
	for (u32 i = 0; i < vm_type_count; i++)
		if (vm_types[i]->valid && str_eq(vm_types[i]->desc.label, name))
			return vm_types[i];
	return NULL;
}

static int check_channel(const struct machine *m, const struct vm_type *t,
			 const struct desc_channel *c)
{
	const u32 spare = word_weight(m->cpus) - 1;
	u64 memory = desc_channel_bytes(c);
	struct desc_error error;
	char node[DESC_NAME_MAX + 16];
	u32 cpus = 0;
	int wrong = 0;

	if (!str_eq(c->peers[0], t->desc.label)) /* once for each channel */
		return 0;
	for (u32 i = 0; i < c->peer_count; i++) {
		const struct vm_type *peer = type_of_peer(c->peers[i]);

		if (!peer)
			continue;
		memory += ram_map_size(&peer->desc.ram);
		cpus += peer->desc.dedicated ? peer->desc.cpus : 0;
	}
	(void)snprintf(node, sizeof(node), "/channels/%s", c->name);
	if (memory > m->memory)
		wrong |= refuse_at(t, node, "peers",
				   "with its memory they need %lu MiB, but the machine has %lu",
				   (memory + MIB(1) - 1) / MIB(1), m->memory / MIB(1));
	if (cpus > spare)
		wrong |= refuse_at(t, node, "peers",
				   "together they need %u dedicated CPUs, but besides cpu0, which "
				   "has the shell, the machine has %u",
				   cpus, spare);
	return wrong;
}

/* Returns the memory of those whose first peer this type is. */
static u64 check_channels(const struct machine *m, const struct vm_type *t, int *wrong)
{
	u64 memory = 0;

	for (u32 i = 0; i < t->desc.channel_count; i++) {
		const struct desc_channel *c = &t->desc.channels[i];

		*wrong |= check_channel(m, t, c);
		memory += str_eq(c->peers[0], t->desc.label) ? desc_channel_bytes(c) : 0;
	}
	return memory;
}

/* ---- all ---- */

static int check_type(const struct machine *m, const struct vm_type *t)
{
	const u64 memory = ram_map_size(&t->desc.ram);
	struct desc_error error;
	int wrong = check_cpus(m, t) | check_disks(m, t);

	if (memory > m->memory)
		wrong |= refuse(t, "memory", "%lu MiB, but the machine has %lu", memory / MIB(1),
				m->memory / MIB(1));
	if (t->desc.gic_version && t->desc.gic_version != m->gic)
		wrong |= refuse(t, "gic-version", "guests get a GICv%u on this machine", m->gic);
	return wrong;
}

int check_machine(const struct machine *m, const struct schedule *s)
{
	u64 memory = 0;
	struct desc_error error;
	int wrong = 0;

	for (u32 i = 0; i < vm_type_count; i++) {
		if (!vm_types[i]->valid)
			continue;
		wrong |= check_type(m, vm_types[i]);
		memory += ram_map_size(&vm_types[i]->desc.ram) +
			  check_channels(m, vm_types[i], &wrong);
	}
	for (u32 cpu = 0; s && cpu < SCHEDULE_CPUS; cpu++) {
		if (!s->cpus[cpu].count || (m->cpus >> cpu & 1))
			continue;
		(void)desc_refuse(&error, SCHEDULE_FILE, NULL, "reg",
				  "the machine has no cpu%u: it has 0x%lx", cpu, m->cpus);
		wrong |= complain(error.text);
	}
	if (memory > m->memory)
		printf("note: one VM of each type needs %lu MiB, the machine has %lu: not all at once\n",
		       (memory + MIB(1) - 1) / MIB(1), m->memory / MIB(1));
	return wrong;
}
