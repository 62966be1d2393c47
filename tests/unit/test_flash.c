/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flash of a VM with firmware: the firmware's bank, and the bank that takes Intel's commands,
 * by the sequences of its drivers in EDK2, Linux and U-Boot.
 */
#include <unit.h>

#include <arch/cpu.h>
#include <arch/mmu.h>
#include <asm/host.h>
#include <kernel/percpu.h>
#include <kernel/ram.h>
#include <kernel/thread.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <stdlib.h>
#include <string.h>
#include <vmm/core.h>
#include <vmm/disk.h>

#define F1    GUEST_FLASH1_BASE
#define BLOCK KIB(256)
#define READY 0x00800080U

static u8 image[MIB(4) + 100];
static struct vm vm;
static struct vcpu vcpu;
static struct vdev flash;
static u64 free_before;
static void (*between)(void), (*waiting)(void);
static char why[VDEV_WHY];
static const char *variables = "";

void sched_open(void)
{
	arch_irq_enable();
	if (between)
		between();
}

static u64 free_bytes(void)
{
	struct page_stats s;

	page_stats(&s);
	return s.free;
}

/* ---- a disk of the machine ---- */

static u8 sectors[MIB(5)];
static struct disk disk;
static struct disk_range range;
static u8 buffer[DISK_BUFFER] __aligned(8);
static bool is_open, unanswered, broken;
static u32 flushes, transfers;
static void (*done)(void *arg);
static void *done_arg;

int disk_open(const char *name, bool writable, const char *owner, struct disk_range **out,
	      char *text, size_t size)
{
	assert_string_equal(name, "label:vars");
	assert_string_equal(owner, "'vm'");
	assert_true(writable && !is_open);
	if (broken) {
		(void)snprintf(text, size, "no");
		return -ENOENT;
	}
	is_open = true;
	range.disk = &disk;
	range.transfers[0].buffer = buffer;
	*out = &range;
	return 0;
}

void disk_set_done(struct disk_range *r, void (*fn)(void *arg), void *arg)
{
	assert_ptr_equal(r, &range);
	done = fn;
	done_arg = arg;
}

void disk_close(struct disk_range *r)
{
	assert_ptr_equal(r, &range);
	assert_null(done);
	is_open = false;
}

int disk_start(struct disk_transfer *t, enum disk_op op, u64 sector, u32 count)
{
	u8 *at = &sectors[sector * DISK_SECTOR];

	assert_ptr_equal(t, &range.transfers[0]);
	assert_false(unanswered);
	if (broken)
		return -EIO;
	assert_true((sector + count) * DISK_SECTOR <= range.sectors * DISK_SECTOR);
	assert_true(count * DISK_SECTOR <= DISK_BUFFER);
	if (op == DISK_READ)
		memcpy(buffer, at, count * DISK_SECTOR);
	else if (op == DISK_WRITE)
		memcpy(at, buffer, count * DISK_SECTOR);
	else
		flushes += op == DISK_FLUSH;
	transfers++;
	unanswered = true;
	return 0;
}

bool disk_take(struct disk_transfer *t)
{
	assert_ptr_equal(t, &range.transfers[0]);
	assert_false(unanswered);
	return true;
}

static u32 given;

void sem_init(struct sem *s, u32 count, u32 limit)
{
	(void)s, (void)count, (void)limit;
	given = 0;
}

void sem_give(struct sem *s)
{
	(void)s;
	given++;
}

/* The disk answers when it is waited for. */
int sem_take(struct sem *s, u64 deadline)
{
	(void)s;
	assert_int_equal(deadline, DEADLINE_NEVER);
	assert_false(arch_irqs_masked());
	assert_true(unanswered);
	if (waiting)
		waiting();
	unanswered = false;
	done(done_arg);
	return given-- == 1 ? 0 : -EAGAIN;
}

static int make(u64 image_size)
{
	memset(&vm, 0, sizeof(vm));
	assert_int_equal(stage2_init(&vm.s2), 0);
	vm.firmware = (struct vm_image){ .data = image_size ? image : NULL, .size = image_size };
	strcpy(vm.name, "vm");
	strcpy(vm.desc.variables, variables);
	flash = (struct vdev){ .class = &vflash_class, .vm = &vm, .why = why };
	flash.state = kzalloc(vflash_class.size);
	vcpu.vm = &vm;
	return vflash_class.create(&flash);
}

static void unmake(void)
{
	vflash_class.reset(&flash);
	stage2_destroy(&vm.s2);
	vflash_class.destroy(&flash);
	kfree(flash.state, vflash_class.size);
	mmio_free(&vm.bus);
}

static int setup(void **state)
{
	const struct phys_range ram = { PADDR(HOST_RAM_BASE), MIB(64) };

	unit_machine_setup(state);
	arch_set_percpu(&percpus[0]);
	arch_irq_enable();
	assert_int_equal(host_page_init(&ram, 1, NULL, 0), 0);
	assert_int_equal(vflash_class.host_init(), 0);
	between = waiting = NULL;
	variables = "";
	broken = unanswered = false;
	disk = (struct disk){ .flush = true };
	range.sectors = MIB(5) / DISK_SECTOR;
	flushes = transfers = 0;
	memset(sectors, 0xff, sizeof(sectors));
	for (u32 i = 0; i < sizeof(image); i++)
		image[i] = (u8)(i * 7 + (i >> 8));
	free_before = free_bytes();
	assert_int_equal(make(sizeof(image)), 0);
	vflash_class.reset(&flash);
	return 0;
}

static int teardown(void **state)
{
	unmake();
	/* A small object's page may stay with its allocator. */
	assert_in_range(free_bytes(), free_before - KIB(8), free_before);
	return unit_end(state);
}

static enum mmio_result access(u64 ipa, u32 size, bool write, u64 *value)
{
	const struct mmio_region *r = mmio_find(&vm.bus, ipa);
	struct mmio_access a = {
		.ipa = IPA(ipa), .size = (u8)size, .write = write, .value = *value
	};
	enum mmio_result result;

	assert_non_null(r);
	arch_irq_disable();
	result = r->handler(r, &vcpu, ipa - r->base, &a);
	assert_true(arch_irqs_masked());
	arch_irq_enable();
	*value = a.value;
	return result;
}

static u64 get_size(u64 offset, u32 size)
{
	u64 value = 0;

	assert_int_equal(access(F1 + offset, size, false, &value), MMIO_OK);
	return value;
}

static u32 get(u64 offset)
{
	return (u32)get_size(offset, 4);
}

static void put_size(u64 offset, u64 value, u32 size)
{
	assert_int_equal(access(F1 + offset, size, true, &value), MMIO_OK);
}

static void put(u64 offset, u32 value)
{
	put_size(offset, value, 4);
}

/* A command for both chips. */
static void command(u64 offset, u32 cmd)
{
	put(offset, cmd << 16 | cmd);
}

/* The page that a guest sees at offset without a trap. NULL: none. */
static const u8 *seen(u64 offset)
{
	u64 pa;
	int attr;

	if (!host_stage2_lookup(&vm.s2, F1 + offset, &pa, &attr))
		return NULL;
	assert_int_equal(attr, STAGE2_DATA_READ);
	return phys_to_virt(PADDR(pa));
}

static u64 kib_written(void)
{
	char text[160];
	const char *at;

	vflash_class.info(&flash, text, sizeof(text));
	at = strstr(text, "KiB, ");
	assert_non_null(at);
	return strtoul(at + 5, NULL, 10);
}

/* ---- the firmware's bank ---- */

static void test_firmware_is_read_only(void **state)
{
	u64 pa, value = 0x55;
	int attr;

	(void)state;
	for (u64 at = 0; at < sizeof(image); at += 4093) {
		assert_true(host_stage2_lookup(&vm.s2, at, &pa, &attr));
		assert_int_equal(attr, STAGE2_ROM);
		assert_int_equal(*(const u8 *)phys_to_virt(PADDR(pa)), image[at]);
	}
	/* Erased behind its end, and nothing that it would not fill is taken. */
	assert_true(host_stage2_lookup(&vm.s2, sizeof(image), &pa, NULL));
	assert_int_equal(*(const u8 *)phys_to_virt(PADDR(pa)), 0xff);
	assert_false(host_stage2_lookup(&vm.s2, MIB(6), &pa, NULL));
	assert_int_equal(access(MIB(6), 4, false, &value), MMIO_OK);
	assert_int_equal(value, 0xffffffff);
	assert_int_equal(access(0, 4, true, &value), MMIO_OK);
	assert_true(host_stage2_lookup(&vm.s2, 0, &pa, NULL));
	assert_int_equal(*(const u8 *)phys_to_virt(PADDR(pa)), image[0]);
}

static void test_zeroes_take_no_memory(void **state)
{
	u64 pa, value = 1;

	(void)state;
	unmake();
	memset(image + 100, 0, sizeof(image) - 100);
	assert_int_equal(make(sizeof(image)), 0);
	assert_true(host_stage2_lookup(&vm.s2, MIB(2) - 1, &pa, NULL));
	assert_int_equal(*(const u8 *)phys_to_virt(PADDR(pa)), 0);
	assert_false(host_stage2_lookup(&vm.s2, MIB(2), &pa, NULL));
	assert_int_equal(access(MIB(4) + 96, 4, false, &value), MMIO_OK);
	assert_int_equal(value, 0);
	assert_int_equal(access(MIB(4) + 100, 4, false, &value), MMIO_OK);
	assert_int_equal(value, 0xffffffff);
}

/* Without firmware both banks read as erased, and ignore what is written. */
static void test_no_firmware(void **state)
{
	char text[160] = "";
	u64 value;

	(void)state;
	unmake();
	assert_int_equal(make(0), 0);
	command(0x55 * 4, 0x98);
	assert_int_equal(get(0x40), 0xffffffff);
	assert_int_equal(get_size(MIB(64) - 8, 8), UINT64_MAX);
	value = 0;
	assert_int_equal(access(0, 1, false, &value), MMIO_OK);
	assert_int_equal(value, 0xff);
	vflash_class.info(&flash, text, sizeof(text));
	assert_string_equal(text, "");
}

/* ---- what it says of itself ---- */

static void test_query(void **state)
{
	(void)state;
	command(0x55 * 4, 0x98);
	assert_int_equal(get(0x10 * 4), 0x00510051); /* Q */
	assert_int_equal(get(0x11 * 4), 0x00520052);
	assert_int_equal(get(0x12 * 4), 0x00590059);
	assert_int_equal(get(0x13 * 4), 0x00010001);
	assert_int_equal(get(0x27 * 4), 0x00190019); /* 32 MiB each */
	/* 256 blocks of 128 KiB in each chip. */
	assert_int_equal(get(0x2d * 4) & 0xff, 255);
	assert_int_equal(get(0x2e * 4), 0);
	assert_int_equal((get(0x30 * 4) & 0xff) << 16 | (get(0x2f * 4) & 0xff) << 8, KIB(128));
	assert_int_equal(get(0x31 * 4), 0x00500050); /* PRI */
	assert_int_equal(get(0x100 * 4), 0);
	assert_int_equal(get(MIB(64) - 4), 0);
	/* One chip, and both by eight bytes: as U-Boot tries widths. */
	assert_int_equal(get_size(0x10 * 4, 2), 0x51);
	assert_int_equal(get_size(0x10 * 2, 2), 0);
	assert_int_equal(get_size(0x10, 1), 0);
	assert_int_equal(get_size(0x10 * 4, 8), 0x0051005100510051);
	command(0, 0x90);
	assert_int_equal(get(0), 0x00890089);
	assert_int_equal(get(4), 0x00180018);
	assert_int_equal(get(BLOCK + 8), 0); /* not locked */
	assert_int_equal(get(MIB(64) - 4), 0);
	command(0, 0xff);
	assert_int_equal(get(0), 0xffffffff);
	assert_int_equal(kib_written(), 0);
}

/* ---- EDK2 ---- */

static void edk2_word(u64 offset, u32 value)
{
	command(offset, 0x40);
	put(offset, value);
	command(0, 0x70);
	assert_int_equal(get(offset), READY);
	command(0, 0xff);
}

static void edk2_buffer(u64 offset, const u32 *words, u32 count)
{
	command(offset, 0xe8);
	assert_int_equal(get(offset), READY);
	command(offset, count - 1);
	for (u32 i = 0; i < count; i++)
		put(offset + 4 * i, words[i]);
	command(offset, 0xd0);
	command(0, 0x70);
	assert_int_equal(get(offset), READY);
	command(0, 0xff);
}

static void edk2_erase(u64 offset)
{
	command(offset, 0x60);
	command(offset, 0xd0);
	command(offset, 0x20);
	command(offset, 0xd0);
	command(0, 0x70);
	assert_int_equal(get(offset), READY);
	command(0, 0xff);
}

static void test_edk2(void **state)
{
	u32 words[32];

	(void)state;
	assert_int_equal(get(0x1234), 0xffffffff);
	assert_int_equal(seen(0x1234)[0], 0xff);
	edk2_word(0x1000, 0x12345678);
	assert_null(seen(0x1000)); /* until it is read */
	assert_int_equal(get(0x1000), 0x12345678);
	assert_memory_equal(seen(0x1000), "\x78\x56\x34\x12\xff", 5);
	assert_int_equal(kib_written(), 4);
	/* Bits only go from 1 to 0. */
	edk2_word(0x1000, 0x00ff00ff);
	assert_int_equal(get(0x1000), 0x00340078);
	for (u32 i = 0; i < 32; i++)
		words[i] = i * 0x01010101;
	edk2_buffer(0x1080, words, 32);
	for (u32 i = 0; i < 32; i++)
		assert_int_equal(get(0x1080 + 4 * i), i * 0x01010101);
	assert_int_equal(get(0x107c), 0xffffffff);
	assert_int_equal(get(0x1100), 0xffffffff);
	/* A reset keeps it; an erase takes the block, and no other one. */
	edk2_word(BLOCK, 7);
	vflash_class.reset(&flash);
	assert_null(seen(0x1000));
	assert_int_equal(get(0x1000), 0x00340078);
	assert_int_equal(kib_written(), 8);
	edk2_erase(0x2000);
	assert_int_equal(get(0x1000), 0xffffffff);
	assert_int_equal(seen(0x1000)[0], 0xff);
	assert_int_equal(get(BLOCK), 7);
	assert_int_equal(kib_written(), 4);
}

static u32 pieces;

/* Another vCPU looks while a block is being erased, and writes in vain. */
static void look_at_erase(void)
{
	void (*self)(void) = between;

	between = NULL;
	if (get(0) != READY)
		pieces++;
	command(0x3000, 0xff);
	between = self;
}

static void test_erase_in_pieces(void **state)
{
	(void)state;
	for (u64 at = 0; at < BLOCK; at += PAGE_SIZE)
		edk2_word(at, 1);
	command(0, 0x20);
	pieces = 0;
	between = look_at_erase;
	command(0, 0xd0);
	between = NULL;
	assert_int_equal(pieces, 8);
	assert_int_equal(get(0), READY);
	command(0, 0xff);
	for (u64 at = 0; at < BLOCK; at += PAGE_SIZE)
		assert_int_equal(get(at), 0xffffffff);
	assert_int_equal(kib_written(), 0);
}

/* ---- Linux, U-Boot: single chips, status, mistakes ---- */

static void test_widths(void **state)
{
	(void)state;
	put_size(0x10, 0x40, 2);
	put_size(0x10, 0x1234, 2);
	put_size(0x12, 0x10, 1);
	put_size(0x13, 0x56, 1);
	put_size(0x18, 0x40, 8);
	put_size(0x18, 0x1122334455667788, 8);
	put_size(0, 0xff, 1);
	assert_int_equal(get(0x10), 0x56ff1234);
	assert_int_equal(get_size(0x18, 8), 0x1122334455667788);
	/* Reads may be misaligned, also from page to page; writes may not. */
	command(0, 0x40);
	put(0xffc, 0xaabbccdd);
	command(0, 0x40);
	put(0x1000, 0x11223344);
	command(0, 0xff);
	assert_int_equal(get_size(0xffe, 4), 0x3344aabb);
	assert_int_equal(access(F1 + 2, 4, true, &(u64){ 0 }), MMIO_FAULT);
}

static void test_mistakes(void **state)
{
	const u32 words[2] = { 1, 2 };

	(void)state;
	/* An erase or a buffered write that is not confirmed does nothing. */
	edk2_word(0, 5);
	command(0, 0x20);
	command(0, 0xff);
	assert_int_equal(get(0), READY | 0x00300030);
	command(0, 0x50);
	assert_int_equal(get(0), 5);
	command(0, 0x70);
	assert_int_equal(get(0), READY);
	command(0, 0xe8);
	command(0, 0);
	put(0x100, 1);
	command(0, 0xff);
	assert_int_equal(get(0), READY | 0x00300030);
	command(0, 0x50);
	assert_int_equal(get(0x100), 0xffffffff);
	/* A word that is not for the buffer's place. */
	command(0, 0xe8);
	command(0, 1);
	put(0x400, 1);
	put(0x800, 1);
	command(0, 0xd0);
	assert_int_equal(get(0), READY | 0x00300030);
	command(0, 0x50);
	assert_int_equal(get(0x400), 0xffffffff);
	assert_int_equal(get(0x800), 0xffffffff);
	/* More words than any buffer has. */
	command(0, 0xe8);
	put(0, 0xffff);
	assert_int_equal(get(0), READY | 0x00300030);
	command(0, 0x50);
	/* The last place of all, and a command that is none. */
	edk2_buffer(MIB(64) - 8, words, 2);
	command(0, 0x33);
	assert_int_equal(get(MIB(64) - 4), 2);
	assert_int_equal(kib_written(), 8);
}

/* ---- memory ---- */

static void test_all_of_it(void **state)
{
	const u64 before = free_bytes();

	(void)state;
	/* Until the machine has no more than it keeps. */
	for (u64 at = 0; at < MIB(64); at += KIB(4)) {
		command(at, 0x40);
		put(at, (u32)at);
		if (get(0) != READY)
			break;
	}
	assert_int_equal(get(0), READY | 0x00100010);
	assert_in_range(free_bytes(), MIB(16) - KIB(16), MIB(16) + KIB(16));
	command(0, 0x50);
	assert_int_equal(get(KIB(4)), KIB(4));
	for (u64 at = 0; at < MIB(64); at += BLOCK)
		edk2_erase(at);
	assert_int_equal(kib_written(), 0);
	/* Its tables stay, and two pages that the next write needs. */
	assert_in_range(free_bytes(), before - 34 * KIB(4), before);
	edk2_word(0, 1);
	assert_int_equal(get(0), 1);
}

/* Another vCPU does the same while a page comes. */
static void also_programs(void)
{
	between = NULL;
	edk2_word(0x3000, 3);
	arch_irq_enable();
}

static void test_two_at_once(void **state)
{
	(void)state;
	between = also_programs;
	edk2_word(0x2000, 2);
	assert_int_equal(get(0x2000), 2);
	assert_int_equal(get(0x3000), 3);
	assert_int_equal(kib_written(), 8);
}

/* Creation fails at any allocation, and nothing is lost. */
static void test_no_memory(void **state)
{
	int r = -ENOMEM;

	(void)state;
	for (u32 n = 0; r; n++) {
		unmake();
		host_alloc_limit = n;
		r = make(sizeof(image));
		host_alloc_limit = UINT32_MAX;
		assert_true(r == 0 || r == -ENOMEM);
		assert_true(n < 10);
	}
}

/* ---- kept on a disk ---- */

static void again(void)
{
	vflash_class.reset(&flash);
	unmake();
	assert_int_equal(make(sizeof(image)), 0);
}

static void test_kept(void **state)
{
	char text[160];
	u32 word;

	(void)state;
	variables = "label:vars";
	sectors[MIB(4) - 1] = 3;
	sectors[MIB(4)] = 4;
	again();
	assert_int_equal(get(MIB(4) - 4), 0x03ffffff);
	assert_int_equal(get(MIB(4)), 0xffffffff); /* not kept */
	edk2_word(0x1004, 0x12345678);
	assert_int_equal(flushes, 1);
	memcpy(&word, &sectors[0x1004], 4);
	assert_int_equal(word, 0x12345678);
	edk2_buffer(BLOCK + 0x400, (const u32[]){ 1, 2 }, 2);
	again();
	assert_int_equal(get(0x1004), 0x12345678);
	assert_int_equal(seen(0x1004)[0], 0x78);
	assert_int_equal(get(BLOCK + 0x404), 2);
	vflash_class.info(&flash, text, sizeof(text));
	assert_string_equal(text, "firmware 4096 KiB, 12 KiB written, kept on label:vars");
	edk2_erase(0);
	edk2_erase(MIB(4) - BLOCK);
	memcpy(&word, &sectors[0x1004], 4);
	assert_int_equal(word, 0xffffffff);
	assert_int_equal(sectors[MIB(4)], 4);
	again();
	assert_int_equal(get(0x1004), 0xffffffff);
	assert_int_equal(get(BLOCK + 0x400), 1);
	/* Behind the end: errors. */
	command(0, 0x40);
	put(MIB(4), 0);
	assert_int_equal(get(0), READY | 0x00100010);
	command(0, 0x50);
	command(0, 0x20);
	command(MIB(4), 0xd0);
	assert_int_equal(get(0), READY | 0x00200020);
	command(0, 0x50);
	assert_int_equal(get(MIB(4)), 0xffffffff);
	/* A disk without FLUSH. */
	flushes = 0;
	disk.flush = false;
	edk2_word(0, 0);
	assert_int_equal(flushes, 0);
}

static u32 looked;

/* Another vCPU while a transfer is under way. */
static void looks(void)
{
	assert_int_equal(get(0), 0);
	command(0, 0xff);
	assert_int_equal(get(0), 0);
	arch_irq_enable();
	looked++;
}

static void test_busy(void **state)
{
	(void)state;
	variables = "label:vars";
	again();
	command(0, 0x40);
	waiting = looks;
	put(0, 5);
	waiting = NULL;
	assert_int_equal(looked, 2);
	assert_int_equal(get(0), READY);
	command(0, 0xff);
	assert_int_equal(get(0), 5);
}

static void test_broken_disk(void **state)
{
	(void)state;
	variables = "label:vars";
	again();
	broken = true;
	command(0, 0x40);
	put(0, 5);
	assert_int_equal(get(0), READY | 0x00100010);
	unmake();
	assert_int_equal(make(sizeof(image)), -ENOENT);
	assert_string_equal(why, "no");
	unmake();
	broken = false;
	range.sectors = 511;
	assert_int_equal(make(sizeof(image)), -EINVAL);
	assert_string_equal(why, "'label:vars' has less than a block of flash, 256 KiB");
	/* A small one. */
	unmake();
	range.sectors = 513;
	assert_int_equal(make(sizeof(image)), 0);
	edk2_word(BLOCK - 4, 0);
	command(0, 0x40);
	put(BLOCK, 0);
	assert_int_equal(get(0), READY | 0x00100010);
}

#define flash_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		flash_test(test_firmware_is_read_only),
		flash_test(test_zeroes_take_no_memory),
		flash_test(test_no_firmware),
		flash_test(test_query),
		flash_test(test_edk2),
		flash_test(test_erase_in_pieces),
		flash_test(test_widths),
		flash_test(test_mistakes),
		flash_test(test_all_of_it),
		flash_test(test_two_at_once),
		flash_test(test_no_memory),
		flash_test(test_kept),
		flash_test(test_busy),
		flash_test(test_broken_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
