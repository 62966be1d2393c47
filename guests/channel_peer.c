/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel: one side of a channel (ivshmem version 2). `channel=` in the bootargs says which:
 *
 *   check  looks at the function, moves its BARs, and does what it may not
 *   pong   answers each doorbell of peer 0 by one, from its interrupt handler
 *   ping   1000 rounds with peer 1, each time that this peer comes; then tells what becomes of it
 *   bench  measures how long doorbells and messages take (make bench); `gap` sends them
 *   wild   random stores to the registers, the configuration space and the memory, without end
 */
#include "kit/ivshmem.h"

#include "kit/args.h"
#include "kit/cpu.h"
#include "kit/exc.h"
#include "kit/gic.h"
#include "kit/irq.h"
#include "kit/lock.h"
#include "kit/print.h"
#include "kit/smp.h"
#include "kit/stamp.h"
#include "kit/time.h"

#include "channel.h"

#define ROUNDS    1000u
#define RUNS      1000u
#define MESSAGES  64u
#define GAP_US    200u
#define SECOND_US 1000000u

static struct ivshmem d;
static volatile struct shared *shared;
static unsigned int events;
static bool failed;

static bool is_role(const char *name)
{
	const char *role = boot_arg("channel=");

	return role && text_after(role, name);
}

/* ---- check ---- */

static void expect(bool holds, const char *what)
{
	if (!holds)
		print("channel: FAIL: %s\n", what);
	failed |= !holds;
}

static void on_event(unsigned int intid, void *arg)
{
	(void)intid, (void)arg;
	atomic_inc(&events);
}

static void listen(irq_handler_t handler)
{
	irq_set_handler(d.intid, handler, NULL);
	gic_enable(d.intid);
	irq_unmask();
	ivshmem_enable(&d, true);
}

/* A doorbell of its own is an event as any other. */
static void check_interrupts(void)
{
	const uint32_t on = PCI_COMMAND_MEMORY, off = on | PCI_COMMAND_INTX;

	ivshmem_ring(&d, d.id);
	expect(wait_for(load_acquire(&events) == 1, SECOND_US), "a doorbell interrupts");
	expect((pci_read(d.slot, PCI_COMMAND) & PCI_STATUS_INTX) != 0, "Status shows it");
	pci_write(d.slot, PCI_COMMAND, off);
	expect(!(pci_read(d.slot, PCI_COMMAND) & PCI_STATUS_INTX), "disabling INTx takes it back");
	ivshmem_ring(&d, d.id);
	expect(!irq_waiting() && load_acquire(&events) == 1, "a disabled one waits");
	pci_write(d.slot, PCI_COMMAND, on);
	expect(wait_for(load_acquire(&events) == 2, SECOND_US), "and comes when it is enabled");
	pci_write(d.slot, d.capability, IVSHMEM_ONE_SHOT);
	ivshmem_ring(&d, d.id);
	expect(wait_for(load_acquire(&events) == 3, SECOND_US), "one shot");
	expect(!mmio_read32(d.registers + IVSHMEM_CONTROL), "turns the interrupt off");
	pci_write(d.slot, d.capability, 0);
	ivshmem_enable(&d, true);
}

static void check_memory(void)
{
	volatile uint32_t *own = ivshmem_output(&d, d.id);
	volatile uint32_t *other = ivshmem_output(&d, !d.id);
	struct probe p;

	ivshmem_set_state(&d, 5);
	expect(ivshmem_states(&d)[d.id] == 5, "the state is in the table");
	own[3] = 0x1234;
	shared->question = 0x5678;
	expect(own[3] == 0x1234 && shared->question == 0x5678, "its own sections keep a word");
	p = PROBE(ivshmem_states(&d)[d.id] = 6);
	expect(p.count == 1 && ESR_FSC(p.esr) == FSC_EXTERNAL, "the state table is read-only");
	p = PROBE(other[0] = 6);
	expect(p.count == 1 && ESR_EC(p.esr) == EC_DABT_CUR, "the other's output is read-only");
	expect(ivshmem_states(&d)[d.id] == 5 && !other[0], "and did not change");
}

static void check_moving(void)
{
	volatile uint32_t *own;

	pci_write(d.slot, PCI_BAR(0), 0x3e000000);
	pci_write(d.slot, PCI_BAR(2), 0x20000000);
	expect(mmio_read32(d.registers) == 0xffffffff, "its registers left");
	expect(*(volatile uint32_t *)d.memory == 0xffffffff, "its memory left");
	d.registers = 0x3e000000;
	d.memory = 0x20000000;
	own = ivshmem_output(&d, d.id);
	expect(mmio_read32(d.registers + IVSHMEM_PEERS) == d.peers, "its registers came");
	expect(own[3] == 0x1234, "its memory came");
	ivshmem_ring(&d, d.id);
	expect(wait_for(load_acquire(&events) == 4, SECOND_US), "they work there");
	pci_write(d.slot, PCI_COMMAND, 0);
	expect(mmio_read32(d.registers) == 0xffffffff, "Command turns both off");
	expect(own[3] == 0xffffffff, "the memory too");
	pci_write(d.slot, PCI_COMMAND, PCI_COMMAND_MEMORY);
}

static void check(void)
{
	shared = ivshmem_shared(&d);
	listen(on_event);
	check_interrupts();
	check_memory();
	check_moving();
	print("channel: peer %u of %u, %lu bytes shared: %s\n", d.id, d.peers, d.shared_size,
	      failed ? "FAIL" : "PASS");
}

/* ---- ping, pong ---- */

static void answer(unsigned int intid, void *arg)
{
	(void)intid, (void)arg;
	if (shared->answer == shared->question) /* the other's state has changed */
		return;
	shared->answer = shared->question;
	dsb();
	ivshmem_ring(&d, 0);
}

static void pong(void)
{
	listen(answer);
	ivshmem_set_state(&d, ++shared->arrivals); /* the memory stays over its resets */
	print("channel: pong\n");
	for (;;)
		wfi();
}

/* The answer is there, and its doorbell has interrupted. */
static bool round(uint32_t number)
{
	const unsigned int before = load_acquire(&events);

	shared->question = number;
	dsb();
	ivshmem_ring(&d, 1);
	return wait_for(shared->answer == number && load_acquire(&events) != before,
			10 * SECOND_US);
}

static void play(void)
{
	static uint32_t number;
	unsigned int done = 0;

	while (done < ROUNDS && round(++number))
		done++;
	print("channel: %u rounds, %s\n", done, done == ROUNDS ? "PASS" : "FAIL");
}

static void ping(void)
{
	uint32_t seen = 0, state;

	listen(on_event);
	ivshmem_set_state(&d, 1);
	print("channel: ping\n");
	for (;;) {
		irq_mask();
		state = ivshmem_states(&d)[1];
		if (state == seen)
			wfi(); /* a pending interrupt ends it */
		irq_unmask();
		if (state == seen)
			continue;
		seen = state;
		print("channel: peer 1 is in state %u\n", state);
		if (state)
			play();
	}
}

/* ---- bench: in ticks of the one physical counter ---- */

static uint32_t took[RUNS]; /* by the doorbells, in ascending order */
static uint64_t total, first;
static unsigned int runs;

static void keep(uint32_t time)
{
	unsigned int n = runs - 2;

	for (; n > 0 && took[n - 1] > time; n--)
		took[n] = took[n - 1];
	took[n] = time;
}

void stamp_irq(uint64_t intid, uint64_t stamp)
{
	/* The virtual counter is the physical one plus a constant. */
	const uint64_t offset = read_sysreg(cntpct_el0) - read_sysreg(cntvct_el0);
	uint64_t time;

	if (intid != d.intid || !shared->sent || runs > RUNS)
		return;
	time = stamp + offset - shared->sent;
	shared->sent = 0;
	if (!runs++) {
		first = time;
		return;
	}
	total += time;
	keep((uint32_t)time);
}

/* Take messages out of the channel's memory, and answer each. */
static void take_messages(void)
{
	static uint64_t message[CHANNEL_MESSAGE / sizeof(uint64_t)];
	uint32_t number = 0;

	while (number < MESSAGES) {
		if (shared->question == number) {
			wfi();
			continue;
		}
		number = shared->question;
		for (unsigned int i = 0; i < sizeof(message) / sizeof(message[0]); i++)
			message[i] = shared->message[i];
		shared->answer = number;
		dsb();
		ivshmem_ring(&d, 0);
	}
}

static void bench(void)
{
	listen(NULL);
	stamp_vectors_on();
	ivshmem_set_state(&d, 1);
	while (*(volatile unsigned int *)&runs <= RUNS)
		wfi();
	print("bench: doorbell to a peer's vector: avg %lu, max %u, min %u, runs %u, first %lu\n",
	      total / RUNS, took[RUNS - 1], took[0], RUNS, first);
	print("channel: doorbells: p50 %u, p99 %u, max %u\n", took[RUNS / 2], took[RUNS / 100 * 99],
	      took[RUNS - 1]);
	ivshmem_set_state(&d, 2);
	take_messages();
	print("bench: done\n");
}

/* Each message is written into the channel's memory, and its answer awaited in WFI. */
static void send_messages(void)
{
	uint64_t before, sum = 0, worst = 0, best = ~UINT64_C(0), time;

	listen(on_event);
	for (uint32_t number = 1; number <= MESSAGES; number++) {
		isb();
		before = read_sysreg(cntpct_el0);
		for (unsigned int i = 0; i < CHANNEL_MESSAGE / sizeof(uint64_t); i++)
			shared->message[i] = number + i;
		shared->question = number;
		dsb();
		ivshmem_ring(&d, 1);
		while (shared->answer != number)
			wfi();
		isb();
		time = read_sysreg(cntpct_el0) - before;
		sum += time;
		worst = time > worst ? time : worst;
		best = time < best ? time : best;
	}
	print("bench: message of 4 KiB and its answer: avg %lu, max %lu, min %lu, runs %u, first 0\n",
	      sum / MESSAGES, worst, best, MESSAGES);
	print("bench: done\n");
}

static void gap(void)
{
	shared->question = shared->answer = 0;
	while (ivshmem_states(&d)[1] != 1)
		delay_us(GAP_US);
	while (ivshmem_states(&d)[1] == 1) {
		delay_us(GAP_US);
		isb();
		shared->sent = read_sysreg(cntpct_el0);
		ivshmem_ring(&d, 1);
	}
	send_messages();
	for (;;)
		wfi();
}

/* ---- wild ---- */

static uint64_t random(void)
{
	static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void wild_store(void)
{
	const uint64_t r = random();
	const uint32_t value = (uint32_t)(r >> 32);
	const unsigned int slot = 1 + (unsigned int)(r >> 3 & 7);

	switch (r & 7) {
	case 0:
		pci_write(slot, (unsigned int)(r >> 8) & 0xfc, value);
		break;
	case 1: /* to where the first one was: over each other */
		pci_write(slot, PCI_BAR(0), (uint32_t)d.registers);
		pci_write(slot, PCI_BAR(2), (uint32_t)d.memory);
		pci_write(slot, PCI_BAR(3), 0);
		pci_write(slot, PCI_COMMAND, PCI_COMMAND_MEMORY | (value & PCI_COMMAND_INTX));
		break;
	case 2:
		ivshmem_ring(&d, value & 3);
		break;
	case 3:
		ivshmem_set_state(&d, value);
		break;
	case 4:
		mmio_write32(d.registers + (value & 0xffc), value);
		break;
	default:
		mmio_write32(d.memory + (value & 0x1ffffc), value);
		break;
	}
}

static void wild(void)
{
	print("channel: wild\n");
	for (;;)
		(void)PROBE(wild_store());
}

void guest_main(void)
{
	gic_init();
	if (!ivshmem_find(0, &d)) {
		print("channel: FAIL: there is none\n");
		return;
	}
	shared = ivshmem_shared(&d);
	if (is_role("pong"))
		pong();
	else if (is_role("ping"))
		ping();
	else if (is_role("bench"))
		bench();
	else if (is_role("gap"))
		gap();
	else if (is_role("wild"))
		wild();
	else
		check();
}
