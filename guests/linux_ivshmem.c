/* SPDX-License-Identifier: Apache-2.0 */
/* A channel for a program of Linux, through uio_pci_generic and sysfs, without a C library. */
#include "linux_ivshmem.h"

#define FUNCTION     0x4106110au /* device, vendor */
#define CLASS        0x08u
#define CAPABILITIES 0x34u
#define VENDOR_CAP   0x09u
#define MEMORY_MAX   (64u << 20)

#define DEVICES 10u /* /dev/uio0 to /dev/uio9 */

static int config = -1, uio = -1;
static char number; /* of the file, as a digit */

/* A path with the device's number in place of '#'. */
static int open_file(const char *path)
{
	char name[64];
	unsigned int i;

	for (i = 0; path[i] && i < sizeof(name) - 1; i++)
		name[i] = path[i] == '#' ? number : path[i];
	name[i] = '\0';
	return linux_open(name, O_RDWR | O_SYNC | O_CLOEXEC);
}

static void close_file(int *file)
{
	if (*file >= 0)
		(void)linux_call(SYS_CLOSE, (uint64_t)*file, 0, 0, 0, 0);
	*file = -1;
}

static uintptr_t map(const char *path, uint64_t size)
{
	int file = open_file(path);
	const uintptr_t at = file < 0 ? 0 : linux_map(file, size);

	close_file(&file);
	return at;
}

/* The one that was found. */
uint32_t pci_read(unsigned int slot, unsigned int reg)
{
	uint32_t value = ~0u;

	(void)slot;
	(void)linux_call(SYS_PREAD64, (uint64_t)config, (uintptr_t)&value, sizeof(value), reg, 0);
	return value;
}

static void write_config(unsigned int reg, const void *value, uint64_t size)
{
	(void)linux_call(SYS_PWRITE64, (uint64_t)config, (uintptr_t)value, size, reg, 0);
}

void pci_write(unsigned int slot, unsigned int reg, uint32_t value)
{
	(void)slot;
	write_config(reg, &value, sizeof(value));
}

static uint64_t read_pair(unsigned int reg)
{
	return pci_read(0, reg) | (uint64_t)pci_read(0, reg + 4) << 32;
}

/* The next device behind `number` that is a channel. */
static bool open_next(void)
{
	while (++number < (char)('0' + DEVICES)) {
		close_file(&config);
		close_file(&uio);
		config = open_file("/sys/class/uio/uio#/device/config");
		uio = open_file("/dev/uio#");
		if (config >= 0 && uio >= 0 && pci_read(0, 0) == FUNCTION)
			return true;
	}
	return false;
}

bool ivshmem_find(unsigned int n, struct ivshmem *d)
{
	uint64_t size;

	number = '0' - 1;
	do {
		if (!open_next())
			return false;
	} while (n--);
	d->slot = 0;
	d->intid = 0; /* ivshmem_wait() waits for it */
	d->capability = pci_read(0, CAPABILITIES) & 0xfc;
	if ((pci_read(0, d->capability) & 0xff) != VENDOR_CAP)
		return false;
	d->state_size = pci_read(0, d->capability + 4);
	d->shared_size = read_pair(d->capability + 8);
	d->output_size = read_pair(d->capability + 16);
	d->registers = map("/sys/class/uio/uio#/device/resource0", 4096);
	if (!d->registers)
		return false;
	d->id = mmio_read32(d->registers + IVSHMEM_ID);
	d->peers = mmio_read32(d->registers + IVSHMEM_PEERS);
	size = d->state_size + d->shared_size + d->peers * d->output_size;
	d->memory = size <= MEMORY_MAX ? map("/sys/class/uio/uio#/device/resource2_wc", size) : 0;
	return d->memory != 0;
}

uint32_t ivshmem_protocol(void)
{
	return pci_read(0, CLASS) >> 8 & 0xffff;
}

int ivshmem_file(void)
{
	return uio;
}

void ivshmem_allow(void)
{
	const uint8_t on = 0; /* of the high byte of Command: bit 10 of it is 0 */

	write_config(PCI_COMMAND + 1, &on, sizeof(on));
}

bool ivshmem_take(void)
{
	uint32_t count;

	return linux_call(SYS_READ, (uint64_t)uio, (uintptr_t)&count, sizeof(count), 0, 0) ==
	       sizeof(count);
}

bool ivshmem_wait(void)
{
	ivshmem_allow();
	return ivshmem_take();
}
