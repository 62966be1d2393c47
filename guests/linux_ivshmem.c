/* SPDX-License-Identifier: Apache-2.0 */
/* A channel for a program of Linux, through uio_pci_generic and sysfs, without a C library. */
#include "linux_ivshmem.h"

#define SYS_OPENAT   56
#define SYS_READ     63
#define SYS_WRITE    64
#define SYS_PREAD64  67
#define SYS_PWRITE64 68
#define SYS_EXIT     93
#define SYS_MMAP     222

#define AT_FDCWD   (-100)
#define O_RDWR     2
#define O_SYNC     0x101000
#define PROT_RW    3
#define MAP_SHARED 1

#define FUNCTION     0x4106110au /* device, vendor */
#define CAPABILITIES 0x34u
#define VENDOR_CAP   0x09u
#define MEMORY_MAX   (64u << 20)

#define DEVICE "/sys/class/uio/uio0/device/"

static int config, uio;

static int64_t system_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
			   uint64_t e)
{
	register uint64_t x8 asm("x8") = number;
	register uint64_t x0 asm("x0") = a;
	register uint64_t x1 asm("x1") = b;
	register uint64_t x2 asm("x2") = c;
	register uint64_t x3 asm("x3") = d;
	register uint64_t x4 asm("x4") = e;
	register uint64_t x5 asm("x5") = 0;

	asm volatile("svc #0"
		     : "+r"(x0)
		     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
		     : "memory");
	return (int64_t)x0;
}

void linux_write(const char *text, uint64_t length)
{
	(void)system_call(SYS_WRITE, 1, (uintptr_t)text, length, 0, 0);
}

void linux_exit(int status)
{
	for (;;)
		(void)system_call(SYS_EXIT, (uint64_t)status, 0, 0, 0, 0);
}

static int open_file(const char *path)
{
	return (int)system_call(SYS_OPENAT, (uint64_t)AT_FDCWD, (uintptr_t)path, O_RDWR | O_SYNC, 0,
				0);
}

/* Address, or 0. */
static uintptr_t map(const char *path, uint64_t size)
{
	const int64_t at =
		system_call(SYS_MMAP, 0, size, PROT_RW, MAP_SHARED, (uint64_t)open_file(path));

	return at < 0 && at > -4096 ? 0 : (uintptr_t)at;
}

/* The one that uio0 is. */
uint32_t pci_read(unsigned int slot, unsigned int reg)
{
	uint32_t value = ~0u;

	(void)slot;
	(void)system_call(SYS_PREAD64, (uint64_t)config, (uintptr_t)&value, sizeof(value), reg, 0);
	return value;
}

static void write_config(unsigned int reg, const void *value, uint64_t size)
{
	(void)system_call(SYS_PWRITE64, (uint64_t)config, (uintptr_t)value, size, reg, 0);
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

bool ivshmem_find(unsigned int n, struct ivshmem *d)
{
	uint64_t size;

	config = open_file(DEVICE "config");
	uio = open_file("/dev/uio0");
	if (n || config < 0 || uio < 0 || pci_read(0, 0) != FUNCTION)
		return false;
	d->slot = 0;
	d->intid = 0; /* ivshmem_wait() waits for it */
	d->capability = pci_read(0, CAPABILITIES) & 0xfc;
	if ((pci_read(0, d->capability) & 0xff) != VENDOR_CAP)
		return false;
	d->state_size = pci_read(0, d->capability + 4);
	d->shared_size = read_pair(d->capability + 8);
	d->output_size = read_pair(d->capability + 16);
	d->registers = map(DEVICE "resource0", 4096);
	if (!d->registers)
		return false;
	d->id = mmio_read32(d->registers + IVSHMEM_ID);
	d->peers = mmio_read32(d->registers + IVSHMEM_PEERS);
	size = d->state_size + d->shared_size + d->peers * d->output_size;
	d->memory = size <= MEMORY_MAX ? map(DEVICE "resource2_wc", size) : 0;
	return d->memory != 0;
}

bool ivshmem_wait(void)
{
	const uint8_t on = 0; /* of the high byte of Command: bit 10 of it is 0 */
	uint32_t count;

	write_config(PCI_COMMAND + 1, &on, sizeof(on));
	return system_call(SYS_READ, (uint64_t)uio, (uintptr_t)&count, sizeof(count), 0, 0) ==
	       sizeof(count);
}
