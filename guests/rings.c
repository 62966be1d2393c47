/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rings: a driver for virtio entropy, disks, networks and balloons (VIRTIO 1.2, 2.7 and 4.2). First
 * it uses them as it should, and measures. Then it breaks every rule: wild rings, wild registers,
 * and resets from another CPU while requests are in flight. After each wild round it checks that
 * the device works again.
 */
#include "kit/args.h"
#include "kit/cpu.h"
#include "kit/mmio.h"
#include "kit/print.h"
#include "kit/smp.h"
#include "kit/time.h"

#define SLOTS       32u
#define SLOT_SIZE   0x200u
#define DEVICE_ID   0x008u
#define FEATURES    0x020u /* the driver's */
#define FEATURE_SEL 0x024u
#define QUEUE_SEL   0x030u
#define QUEUE_NUM   0x038u
#define QUEUE_READY 0x044u
#define NOTIFY      0x050u
#define ISR         0x060u
#define ISR_ACK     0x064u
#define STATUS      0x070u
#define DESC_LOW    0x080u
#define DRIVER_LOW  0x090u
#define DEVICE_LOW  0x0a0u

#define DRIVER_OK     0xfu
#define NEEDS_RESET   0x40u
#define ID_NET        1u
#define ID_BLOCK      2u
#define ID_ENTROPY    4u
#define ID_BALLOON    5u
#define NEXT          1u
#define WRITE         2u
#define INDIRECT      4u
#define FEATURE_TABLE BIT32(28)

#define SIZE   8u /* of the queue */
#define RUNS   100u
#define ROUNDS 300u
#define SECTOR 512u

/* Memory that is given back: 2 MiB that nothing else uses. */
#define SPARE       UINT64_C(0x42000000)
#define SPARE_PAGES 512u

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

static struct {
	struct desc desc[SIZE];
	struct desc table[SIZE];
	struct {
		uint16_t flags, idx, ring[SIZE + 1];
	} avail __attribute__((aligned(64)));
	struct {
		uint16_t flags, idx;
		struct {
			uint32_t id, len;
		} ring[SIZE];
		uint16_t event;
	} used __attribute__((aligned(64)));
	struct {
		uint32_t type, reserved;
		uint64_t sector;
	} header;
	uint8_t status;
	uint8_t data[8192];
} shared __attribute__((aligned(4096)));

static uintptr_t base;
static uint32_t queue; /* a network's is the one for sending */
static uint16_t offered;
static bool failed;

static uint64_t random(void)
{
	static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void put(unsigned int reg, uint32_t value)
{
	mmio_write32(base + reg, value);
}

static uint32_t get(unsigned int reg)
{
	return mmio_read32(base + reg);
}

static uint32_t low(const volatile void *p)
{
	return (uint32_t)(uintptr_t)p;
}

static void expect(bool holds, const char *what)
{
	if (holds)
		return;
	if (!failed)
		print("rings: FAIL: %s, status %x\n", what, get(STATUS));
	failed = true;
}

static void start(uint32_t features)
{
	put(STATUS, 0);
	shared.avail.flags = shared.avail.idx = 0;
	shared.used.idx = 0;
	offered = 0;
	put(STATUS, 3);
	put(FEATURE_SEL, 0);
	put(FEATURES, features);
	put(FEATURE_SEL, 1);
	put(FEATURES, 1); /* VERSION_1 */
	put(STATUS, 3 | 8);
	put(QUEUE_SEL, queue);
	put(QUEUE_NUM, SIZE);
	put(DESC_LOW, low(shared.desc));
	put(DRIVER_LOW, low(&shared.avail));
	put(DEVICE_LOW, low(&shared.used));
	put(QUEUE_READY, 1);
	put(STATUS, DRIVER_OK);
}

static void set(struct desc *d, const volatile void *at, uint32_t len, uint32_t flags)
{
	*d = (struct desc){ (uintptr_t)at, len, (uint16_t)flags, 0 };
}

/* Descriptor 0 is the head. True: it came back within a second. */
static bool submit(void)
{
	volatile uint16_t *idx = &shared.used.idx;

	shared.avail.ring[offered % SIZE] = 0;
	dsb();
	*(volatile uint16_t *)&shared.avail.idx = ++offered;
	dsb();
	put(NOTIFY, queue);
	return wait_for(*idx == offered, 1000000);
}

static bool block(uint32_t type, uint64_t sector, uint32_t bytes)
{
	struct desc *d = shared.desc;

	shared.header.type = type;
	shared.header.sector = sector;
	shared.status = 0xee;
	set(&d[0], &shared.header, 16, NEXT);
	set(&d[1], shared.data, bytes, (type ? 0 : WRITE) | NEXT);
	set(&d[2], &shared.status, 1, WRITE);
	d[0].next = 1;
	d[1].next = 2;
	return submit() && shared.status == 0;
}

static bool entropy(void)
{
	set(&shared.desc[0], shared.data, 32, WRITE);
	return submit();
}

/* A frame of 60 bytes, of zeroes but for its source. No other port is there. */
static bool frame(void)
{
	shared.data[12 + 6] = 2;
	set(&shared.desc[0], shared.data, 12 + 60, 0);
	return submit();
}

/* All of the spare memory is given back, and used again without a word: it is zero. */
static bool balloon(void)
{
	volatile uint64_t *word = (volatile uint64_t *)(uintptr_t)SPARE;

	*word = 1;
	for (unsigned int i = 0; i < SPARE_PAGES; i++)
		((uint32_t *)(void *)shared.data)[i] = (uint32_t)(SPARE >> 12) + i;
	set(&shared.desc[0], shared.data, SPARE_PAGES * 4, 0);
	return submit() && !*word;
}

static void fill(uint8_t value)
{
	for (unsigned int i = 0; i < sizeof(shared.data); i++)
		shared.data[i] = (uint8_t)(value + i);
}

/* The device does what it is for. */
static bool works(uint32_t id)
{
	unsigned int wrong = 0;

	if (id == ID_ENTROPY)
		return entropy() && entropy();
	if (id == ID_NET)
		return frame() && frame();
	if (id == ID_BALLOON)
		return balloon() && balloon();
	fill(7);
	if (!block(1, 3, 4096))
		return false;
	fill(0);
	if (!block(0, 3, 4096))
		return false;
	for (unsigned int i = 0; i < 4096; i++)
		wrong += shared.data[i] != (uint8_t)(7 + i);
	return !wrong;
}

static bool request(uint32_t id)
{
	if (id == ID_NET)
		return frame();
	if (id == ID_BALLOON)
		return balloon();
	return id == ID_ENTROPY ? entropy() : block(0, 0, 4096);
}

static unsigned int request_bytes(uint32_t id)
{
	if (id == ID_NET)
		return 60;
	if (id == ID_BALLOON)
		return SPARE_PAGES * 4;
	return id == ID_ENTROPY ? 32 : 4096;
}

static void measure(uint32_t id)
{
	uint64_t before = now();

	for (unsigned int i = 0; i < RUNS; i++)
		put(NOTIFY, queue);
	print("rings: a notify with nothing to do: %lu ticks\n", (now() - before) / RUNS);
	before = now();
	for (unsigned int i = 0; i < RUNS; i++)
		expect(request(id), "a request while measured");
	print("rings: a request of %u bytes: %lu ticks\n", request_bytes(id),
	      (now() - before) / RUNS);
}

/* ---- wild ---- */

static uint64_t wild_address(void)
{
	switch (random() % 8) {
	case 0:
		return random();
	case 1:
		return VIRTIO_BASE + random() % VIRTIO_SIZE;
	case 2:
		return random() % 16 - 8;
	case 3:
		return (uintptr_t)&shared + random() % 4096; /* onto the rings */
	default:
		return (uintptr_t)shared.data + random() % sizeof(shared.data);
	}
}

static void wild_descriptor(struct desc *d)
{
	static const uint32_t lengths[] = { 0, 1, 16, 17, 512, 4096, 0x7fffffff, 0xffffffff };

	d->addr = wild_address();
	d->len = lengths[random() % ARRAY_SIZE(lengths)];
	d->flags = (uint16_t)(random() % 8);
	d->next = (uint16_t)(random() % (SIZE + 1));
	if (random() % 4 == 0) {
		d->addr = (uintptr_t)shared.table;
		d->len = (uint32_t)(16 * (random() % (SIZE + 2)));
		d->flags = INDIRECT;
	}
}

/* One of the rules is broken, or several. */
static void wild_ring(void)
{
	static const uint16_t jumps[] = { 1, 1, 1, 1, 2, SIZE, SIZE + 1, 40000 };

	for (unsigned int i = 0; i < SIZE; i++) {
		wild_descriptor(&shared.desc[i]);
		wild_descriptor(&shared.table[i]);
	}
	shared.header.type = (uint32_t)(random() % 16);
	shared.header.sector = random() % 4 ? random() % 64 : random();
	if (random() % 2)
		set(&shared.desc[0], &shared.header, 16, NEXT);
	shared.desc[0].next = (uint16_t)(random() % 3);
	shared.avail.ring[offered % SIZE] = (uint16_t)(random() % 8 ? 0 : random());
	offered = (uint16_t)(offered + jumps[random() % ARRAY_SIZE(jumps)]);
	dsb();
	*(volatile uint16_t *)&shared.avail.idx = offered;
	dsb();
	put(NOTIFY, (uint32_t)random() % 3);
}

static void wild_register(void)
{
	const unsigned int reg = (unsigned int)(random() % SLOT_SIZE) & ~3u;

	put(reg, (uint32_t)random());
}

static volatile bool stop;

/* On the other CPU: resets, at any moment. */
static void disturb(void *arg)
{
	uint64_t state = UINT64_C(0x123456789);

	(void)arg;
	while (!stop) {
		state = state * UINT64_C(6364136223846793005) + 1;
		delay_us(state >> 57);
		put(STATUS, 0);
	}
}

static void in_flight(uint32_t id)
{
	if (cpu_count() < 2 || cpu_start(1, disturb, NULL, 0))
		return;
	for (unsigned int i = 0; i < ROUNDS; i++) {
		start(FEATURE_TABLE);
		if (id == ID_BLOCK) {
			set(&shared.desc[0], &shared.header, 16, NEXT);
			shared.desc[0].next = 1;
			shared.header.type = 0;
			shared.header.sector = 0;
			set(&shared.desc[1], shared.data, sizeof(shared.data), WRITE);
		} else {
			set(&shared.desc[0], shared.data, 2048, id == ID_ENTROPY ? WRITE : 0);
		}
		shared.avail.ring[0] = 0;
		dsb();
		shared.avail.idx = 1;
		dsb();
		put(NOTIFY, queue);
	}
	stop = true;
	expect(cpu_wait_off(1, 1000000), "the other CPU goes off");
	stop = false;
	start(0);
	expect(works(id), "it works after resets in flight");
}

static void wild(uint32_t id, uint64_t us)
{
	const uint64_t end = now() + us_to_ticks(us);
	unsigned int resets = 0, rounds = 0;

	for (; rounds < ROUNDS || now() < end; rounds++) {
		start(random() % 2 ? FEATURE_TABLE : 0);
		for (unsigned int i = 0; i < 8; i++)
			wild_ring();
		if (random() % 4 == 0)
			wild_register();
		resets += (get(STATUS) & NEEDS_RESET) != 0;
		if (rounds % 16)
			continue;
		start(0);
		expect(works(id), "it works after a wild round");
		expect(get(ISR) == 1, "only its rings interrupt");
		put(ISR_ACK, 1);
	}
	print("rings: %u wild rounds, %u needed a reset\n", rounds, resets);
}

/* "us=" of the bootargs: how long to be wild with each device, again and again. */
static uint64_t wild_us(void)
{
	const char *text = boot_arg("us=");
	uint64_t us = 0;

	for (; text && *text >= '0' && *text <= '9'; text++)
		us = us * 10 + (uint64_t)(*text - '0');
	return us;
}

static void try_all(uint64_t us)
{
	for (unsigned int slot = SLOTS; slot-- > 0;) {
		uint32_t id;

		base = VIRTIO_BASE + slot * SLOT_SIZE;
		id = get(DEVICE_ID);
		if (id != ID_BLOCK && id != ID_ENTROPY && id != ID_NET && id != ID_BALLOON)
			continue;
		queue = id == ID_NET;
		print("rings: slot %u is %s\n", slot,
		      id == ID_BLOCK     ? "a disk"
		      : id == ID_NET     ? "a network"
		      : id == ID_BALLOON ? "a balloon"
					 : "entropy");
		start(0);
		expect(works(id), "it works");
		measure(id);
		wild(id, us);
		in_flight(id);
		/* The last one is left broken, for `zvm info`. */
		start(0);
		shared.avail.idx = 100;
		put(NOTIFY, queue);
		expect(get(STATUS) & NEEDS_RESET, "a jump of the index needs a reset");
	}
	print("rings: %s\n", failed ? "FAIL" : "PASS");
}

void guest_main(void)
{
	const uint64_t us = wild_us();

	do
		try_all(us);
	while (us && !failed);
	for (;;)
		wfi();
}
