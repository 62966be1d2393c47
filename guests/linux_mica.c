/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mica's side of a channel, for tests (docs/mica.md): places a resource table in the first page of
 * the section that both write, rings and buffers behind it, as a plain OpenAMP host of two peers
 * does. Then it waits for the remote's service "rpmsg-ping", sends it a message and takes the
 * answer.
 */
#include "linux_ivshmem.h"

#define PROTOCOL 0x4001u

/* In the section, by offset. */
#define PAGE       0x1000u
#define ENTRIES    16u
#define ALIGN      16u
#define RING(n)    (PAGE + 0x400u * (n)) /* 0: to this side, 1: to the remote */
#define BUFFER(n)  (2 * PAGE + 512u * (n))
#define END        BUFFER(2 * ENTRIES)
#define AVAILABLE  (16u * ENTRIES)
#define USED       304u /* the next multiple of ALIGN behind the available ring */
#define WRITABLE   2u
#define HEAD       16u /* of a message: src, dst, reserved, length and flags */
#define OWN        77u /* the address of this side */
#define NAME_SPACE 53u
#define GREETING   0x6f6c6c65u /* "ello" */

_Static_assert(USED % ALIGN == 0 && USED - (AVAILABLE + 6 + 2 * ENTRIES) < ALIGN, "2.7.2");

static struct ivshmem d;
static uintptr_t section;

static void say(const char *text)
{
	uint64_t length = 0;

	while (text[length])
		length++;
	linux_write(text, length);
}

static void check(bool holds, const char *what)
{
	if (holds)
		return;
	say("mica: FAIL: ");
	say(what);
	say("\n");
	linux_exit(1);
}

static void put(uint32_t at, uint32_t word)
{
	mmio_write32(section + at, word);
}

static uint32_t get(uint32_t at)
{
	return mmio_read32(section + at);
}

static void put16(uint32_t at, uint32_t half)
{
	*(volatile uint16_t *)(section + at) = (uint16_t)half;
}

static uint32_t get16(uint32_t at)
{
	return *(volatile uint16_t *)(section + at);
}

static void barrier(void)
{
	__asm__ volatile("dmb sy" ::: "memory");
}

static void put_buffer(uint32_t ring, uint32_t n, uint32_t flags)
{
	const uint32_t at = RING(ring) + 16 * n;

	put(at, BUFFER(ring * ENTRIES + n));
	put(at + 4, 0);
	put(at + 8, 512);
	put(at + 12, flags);
}

/* Make descriptor n the ring's next available one. */
static void offer(uint32_t ring, uint32_t n)
{
	const uint32_t index = get16(RING(ring) + AVAILABLE + 2);

	put16(RING(ring) + AVAILABLE + 4 + 2 * (index % ENTRIES), n);
	barrier();
	put16(RING(ring) + AVAILABLE + 2, index + 1);
}

/* Version 1 with one entry, at 0x14: a virtio device of ID 7 with two rings, name service. */
static void put_table(void)
{
	put(0x00, 1);
	put(0x04, 1);
	put(0x10, 0x14);
	put(0x14, 3);
	put(0x18, 7);
	put(0x1c, 1);
	put(0x20, 1);
	put(0x24, 1);
	put(0x28, 0);
	for (uint32_t n = 0; n < 2; n++) {
		put(0x30 + 20 * n, RING(n));
		put(0x34 + 20 * n, ALIGN);
		put(0x38 + 20 * n, ENTRIES);
		put(0x3c + 20 * n, n);
		put(0x40 + 20 * n, 0);
	}
	barrier();
	put(0x2c, 2u << 8 | 7); /* two rings; ACKNOWLEDGE, DRIVER, DRIVER_OK */
}

static void take_channel(void)
{
	bool found = false;

	for (unsigned int n = 0; !found && ivshmem_find(n, &d); n++)
		found = ivshmem_protocol() == PROTOCOL;
	check(found, "there is no channel for RPMsg");
	check(d.peers == 2 && d.id < 2, "its peer is the other of two");
	check(d.state_size == PAGE, "the state table has a page");
	check(d.shared_size >= END, "the section has room for table, rings and buffers");
	section = (uintptr_t)ivshmem_shared(&d);
	check(section == d.memory + PAGE, "the section is behind the state table");
}

static void prepare(void)
{
	for (uint32_t at = 0; at < END; at += 4)
		put(at, 0);
	for (uint32_t n = 0; n < ENTRIES; n++) {
		put_buffer(0, n, WRITABLE);
		offer(0, n);
		put_buffer(1, n, 0);
	}
	put_table();
	ivshmem_enable(&d, true);
	ivshmem_set_state(&d, 1);
	check(ivshmem_states(&d)[d.id] == 1, "the state is in the table");
}

/* The buffer of the remote's next message; its descriptor is *n. */
static uint32_t receive(uint32_t *n)
{
	static uint32_t seen;
	const uint32_t used = RING(0) + USED;

	while (get16(used + 2) == (seen & 0xffff))
		check(ivshmem_wait(), "an interrupt is waited for");
	barrier();
	*n = get(used + 4 + 8 * (seen++ % ENTRIES));
	check(*n < ENTRIES, "the descriptor is one of ours");
	return BUFFER(*n);
}

/* True if an announcement is that of "rpmsg-ping". */
static bool is_ping(uint32_t message)
{
	return get(message + 4) == NAME_SPACE && get(message + HEAD) == 0x736d7072 &&
	       get(message + HEAD + 4) == 0x69702d67 && !get(message + HEAD + 36);
}

/* Wait for the service, and for others to be announced before it. Its address. */
static uint32_t find_ping(void)
{
	uint32_t n, at, address;
	bool found;

	do {
		at = receive(&n);
		found = is_ping(at);
		address = get(at + HEAD + 32);
		offer(0, n);
	} while (!found);
	return address;
}

static void greet(uint32_t address)
{
	const uint32_t at = BUFFER(ENTRIES);

	put(at, OWN);
	put(at + 4, address);
	put(at + 8, 0);
	put(at + 12, 4);
	put(at + HEAD, GREETING);
	offer(1, 0);
	barrier();
	ivshmem_ring(&d, !d.id);
}

static void take_answer(uint32_t address)
{
	uint32_t n, at;

	do {
		at = receive(&n);
		offer(0, n);
	} while (get(at + 4) != OWN);
	check(get(at) == address && get(at + 12) == 4 && get(at + HEAD) == GREETING,
	      "the answer is what was sent");
}

void _start(void);

void _start(void)
{
	uint32_t address;

	take_channel();
	prepare();
	say("mica: table, rings and buffers are placed\n");
	address = find_ping();
	greet(address);
	take_answer(address);
	say("mica: rpmsg-ping answered\n");
	linux_exit(0);
}
