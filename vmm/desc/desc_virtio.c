/* SPDX-License-Identifier: Apache-2.0 */
/* /devices of a VM description: its virtio devices, and the transport of each. */
#include "desc_props.h"

#include <lib/devicetree.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <libfdt.h>

/* The row of a device's compatible. NULL: refused. */
static const struct virtio_row *find_row(struct reader *r, const void *fdt, int node)
{
	int len = 0;
	const char *s = fdt_getprop(fdt, node, "compatible", &len);

	r->prop = "compatible";
	if (!s) {
		(void)refuse(r, "is missing");
		return NULL;
	}
	for (u32 i = 0; i < desc_virtio_row_count; i++) {
		const struct virtio_row *row = &desc_virtio_rows[i];

		if ((size_t)len == strlen(row->compatible) + 1 && str_eq(s, row->compatible))
			return row;
	}
	(void)refuse(r, "'%.*s' is not supported by this build", MAX(len, 1) - 1, s);
	return NULL;
}

/* A name becomes a file's in the guest (/dev/virtio-ports/NAME). */
static bool is_port_name(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const char c = name[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    c != '_' && c != '-' && (c != '.' || !i))
			return false;
	}
	return len && len < DESC_NAME_MAX;
}

int desc_read_port_names(struct reader *r, const struct prop_row *row)
{
	struct desc_virtio *v = r->into;
	const char *name = r->value, *end = name + r->len;

	(void)row;
	for (size_t len; name < end; name += len + 1) {
		len = strnlen(name, (size_t)(end - name));
		if (name + len == end || !is_port_name(name, len))
			return refuse(r, "must be names of 1 to %d letters, digits, '.', '_', '-'",
				      DESC_NAME_MAX - 1);
		for (u32 i = 0; i < v->port_count; i++)
			if (str_eq(v->ports[i], name))
				return refuse(r, "'%s' is given twice", name);
		if (v->port_count == DESC_PORTS)
			return refuse(r, "a console has at most %d ports beside the terminal",
				      DESC_PORTS);
		(void)str_copy(v->ports[v->port_count++], name, DESC_NAME_MAX);
	}
	return v->port_count ? 0 : refuse(r, "is empty");
}

int desc_read_host_ports(struct reader *r, const struct prop_row *row)
{
	struct desc_virtio *v = r->into;
	const fdt32_t *cells = r->value;
	const u32 count = (u32)r->len / sizeof(*cells);

	(void)row;
	if (!count || count > DESC_PORTS || (u32)r->len % sizeof(*cells))
		return refuse(r, "must be 1 to %d ports, a cell each", DESC_PORTS);
	for (; v->host_port_count < count; v->host_port_count++) {
		const u32 port = fdt32_ld(&cells[v->host_port_count]);

		if (port > HOST_PORT_MAX)
			return refuse(r, "%u is out of range: 0 to %u", port, HOST_PORT_MAX);
		for (u32 i = 0; i < v->host_port_count; i++)
			if (v->host_ports[i] == port)
				return refuse(r, "%u is given twice", port);
		v->host_ports[v->host_port_count] = port;
	}
	return 0;
}

static int read_device(struct reader *r, const void *fdt, int node, const char *name)
{
	struct vm_desc *d = r->d;
	struct desc_virtio *v = &d->virtio[MIN(d->virtio_count, DESC_VIRTIO_MAX - 1)];
	const struct virtio_row *row = find_row(r, fdt, node);
	u64 seen;

	if (!row)
		return -EINVAL;
	r->prop = NULL;
	if (d->virtio_count == DESC_VIRTIO_MAX)
		return refuse(r, "a VM has at most %u such devices", DESC_VIRTIO_MAX);
	*v = (struct desc_virtio){ .kind = row->kind, .slot = VIRTIO_SLOTS };
	if (!str_copy(v->name, name, sizeof(v->name)))
		return refuse(r, "the name is longer than %zu bytes", sizeof(v->name) - 1);
	d->virtio_count++;
	r->into = v;
	if (desc_read_node(r, fdt, node, row->table, &seen))
		return -EINVAL;
	if (row->kind == VIRTIO_BLK && !v->image[0] && !v->disk[0])
		return refuse(r, "has neither image nor disk");
	return fdt_first_subnode(fdt, node) >= 0 ? refuse(r, "has a node in it") : 0;
}

/* The bits of the slots that are taken. A slot that is given twice is refused. */
static int find_taken(struct reader *r, u32 *taken)
{
	const struct vm_desc *d = r->d;

	*taken = 0;
	for (u32 i = 0; i < d->virtio_count; i++) {
		const struct desc_virtio *v = &d->virtio[i];

		if (v->slot == VIRTIO_SLOTS)
			continue;
		if (*taken >> v->slot & 1)
			return refuse(r, "%s: slot %u is taken", v->name, v->slot);
		*taken |= (u32)BIT(v->slot);
	}
	return 0;
}

/* The others get the free slots in the order of QEMU's `virt`: the last one first. */
int desc_choose_slots(struct reader *r)
{
	struct vm_desc *d = r->d;
	u32 taken, slot = VIRTIO_SLOTS - 1;
	int ret = find_taken(r, &taken);

	for (u32 i = 0; i < d->virtio_count && !ret; i++) {
		struct desc_virtio *v = &d->virtio[i];

		if (v->slot != VIRTIO_SLOTS)
			continue;
		while (taken >> slot & 1)
			slot--;
		v->slot = slot;
		taken |= (u32)BIT(slot);
	}
	return ret;
}

int desc_read_devices(struct reader *r, const void *fdt, int node)
{
	char path[sizeof("/devices/") + DT_NAME_MAX];
	int child, ret = 0;

	if (fdt_first_property_offset(fdt, node) >= 0)
		return refuse(r, "has a property: devices are its nodes");
	fdt_for_each_subnode(child, fdt, node) {
		const char *name = fdt_get_name(fdt, child, NULL);

		(void)snprintf(path, sizeof(path), "/devices/%s", name);
		r->node = path;
		ret = read_device(r, fdt, child, name);
		if (ret)
			return ret;
	}
	r->prop = NULL;
	r->node = "/devices";
	r->into = r->d;
	ret = desc_choose_slots(r);
	r->node = NULL;
	return ret;
}
