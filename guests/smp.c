/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smp: all CPUs with a periodic virtual timer, SGIs passed round a ring, and FP registers that stay
 * live over interrupts and WFI. It prints a line for each round, then runs a heartbeat with a small
 * console.
 */
#include "kit/cpu.h"
#include "kit/fp.h"
#include "kit/gic.h"
#include "kit/irq.h"
#include "kit/lock.h"
#include "kit/mmio.h"
#include "kit/print.h"
#include "kit/psci.h"
#include "kit/smp.h"
#include "kit/time.h"
#include "kit/uart.h"

#define ROUNDS         10u
#define TICKS          100u /* timer interrupts a round */
#define PERIOD_US      1000u
#define HEARTBEAT_US   20000u
#define ROUND_LIMIT_US 60000000u /* others may have the CPUs most of the time */
#define RING_SGI       1u
#define LINE_SIZE      64u

struct cpu_state {
	/* Timer: what is due, how many came, the worst delay in ticks of the counter. */
	uint64_t next;
	uint64_t period;
	uint32_t ticks;
	uint32_t ticks_wanted;
	uint64_t late_max;
	/* Ring: SGIs sent to the next CPU and received from the one before. */
	uint32_t sent;
	uint32_t received;
	/* FP rounds whose sum was right, and wrong. */
	uint32_t fp_good;
	uint32_t fp_bad;
	uint32_t rounds;
};

static struct cpu_state state[KIT_MAX_CPUS];
static unsigned int cpus;
static uint32_t round_allowed;
static uint32_t ready;

/* Characters between the receive interrupt (head) and the console loop (tail), both on CPU 0. */
static char typed[256];
static uint8_t typed_head;
static uint8_t typed_tail;

/*
 * Counts up to the wanted number, and continues quietly until the round is over. Periods that are
 * completely over are left out: on a machine slower than its clock nothing else would run.
 */
static void tick(unsigned int intid, void *arg)
{
	struct cpu_state *self = &state[cpu_id()];
	uint64_t late = now() - self->next;

	(void)intid;
	(void)arg;
	if (late > self->late_max)
		self->late_max = late;
	if (self->ticks != self->ticks_wanted)
		store_release(&self->ticks, self->ticks + 1);
	self->next += self->period;
	if (self->next < now())
		self->next = now() + self->period;
	timer_set_cval(TIMER_VIRT, self->next);
}

static void ring_received(unsigned int intid, void *arg)
{
	struct cpu_state *self = &state[cpu_id()];

	(void)intid;
	(void)arg;
	store_release(&self->received, self->received + 1);
}

/* An SGI is a single bit: the next one goes only when the last has been counted over there. */
static void ring_send(unsigned int cpu)
{
	unsigned int next = (cpu + 1) % cpus;
	struct cpu_state *self = &state[cpu];

	if (self->sent >= self->ticks || load_acquire(&state[next].received) != self->sent)
		return;
	self->sent++;
	gic_send_sgi(RING_SGI, (uint16_t)BIT(next));
}

static void start_ticks(struct cpu_state *self, uint64_t period_us, uint32_t count)
{
	self->period = us_to_ticks(period_us);
	self->ticks_wanted = self->ticks + count;
	self->next = now() + self->period;
	timer_set_cval(TIMER_VIRT, self->next);
	timer_set_ctl(TIMER_VIRT, TIMER_ENABLE);
}

/* Sleeps until the next interrupt; masked while looking, so that none is missed before the WFI. */
static void sleep_for_event(void)
{
	wfi();
	irq_unmask();
	isb();
	irq_mask();
}

/* Half a millisecond asleep: a spin would take the CPU from vCPUs that share it. */
static void nap(void)
{
	timer_start_us(TIMER_VIRT, 500);
	wfi();
	timer_stop(TIMER_VIRT);
}

static bool round_finished(const struct cpu_state *self)
{
	return self->ticks == self->ticks_wanted && self->sent == self->ticks &&
	       self->received >= self->ticks;
}

/*
 * FP registers are filled before and looked at after; in between there are only interrupts and
 * WFI.
 */
static void do_round(unsigned int cpu)
{
	struct cpu_state *self = &state[cpu];
	uint64_t seed = (uint64_t)self->rounds << 32 | cpu;
	uint64_t deadline = now() + us_to_ticks(ROUND_LIMIT_US);
	unsigned int steps = 0;
	uint32_t seen = self->ticks;
	bool right;

	fp_fill(seed);
	start_ticks(self, PERIOD_US, TICKS);
	while (!round_finished(self) && now() < deadline) {
		sleep_for_event();
		if (seen != self->ticks) {
			seen = self->ticks;
			fp_step();
			steps++;
		}
		ring_send(cpu);
	}
	timer_stop(TIMER_VIRT);
	right = fp_sum() == fp_expected_sum(seed, steps) && fp_triangle(100) == 5050;
	if (right)
		self->fp_good++;
	else
		self->fp_bad++;
	store_release(&self->rounds, self->rounds + 1);
}

static void print_status(void)
{
	print("smp: %u cpus, up %lu ms\n", cpus, ticks_to_us(now()) / 1000);
	for (unsigned int cpu = 0; cpu < cpus; cpu++)
		print("  cpu %u: %u ticks, %u sgis, fp %u good %u bad, latest tick %lu us\n", cpu,
		      state[cpu].ticks, state[cpu].received, state[cpu].fp_good, state[cpu].fp_bad,
		      ticks_to_us(state[cpu].late_max));
	print("  %u unexpected interrupts, %u spurious\n", irq_unexpected(), irq_spurious());
}

/* One line for all CPUs: the lowest count stands for all. */
static bool report_round(unsigned int round)
{
	uint32_t ticks = UINT32_MAX;
	uint32_t received = UINT32_MAX;
	uint32_t bad = 0;

	for (unsigned int cpu = 0; cpu < cpus; cpu++) {
		ticks = state[cpu].ticks < ticks ? state[cpu].ticks : ticks;
		received = state[cpu].received < received ? state[cpu].received : received;
		bad += state[cpu].fp_bad;
	}
	ticks -= (round - 1) * TICKS;
	print("smp: %u cpus, round %u, timer %u/%u, sgi %s, fp %s\n", cpus, round, ticks, TICKS,
	      received == round * TICKS ? "ok" : "lost", bad ? "BAD" : "ok");
	if (ticks == TICKS && received == round * TICKS && !bad)
		return true;
	print_status();
	return false;
}

static bool all_finished(unsigned int round)
{
	for (unsigned int cpu = 0; cpu < cpus; cpu++) {
		if (load_acquire(&state[cpu].rounds) < round)
			return false;
	}
	return true;
}

/* False if some CPU needs longer than it may. */
static bool wait_all_finished(unsigned int round)
{
	uint64_t deadline = now() + us_to_ticks(2 * ROUND_LIMIT_US);

	while (!all_finished(round)) {
		if (now() > deadline)
			return false;
		nap();
	}
	return true;
}

static void setup_cpu(void)
{
	gic_enable(CNTV_INTID);
	gic_enable(RING_SGI);
}

/* The quiet life after the rounds: a slow timer, and FP values that outlive each sleep. */
static void heartbeat(struct cpu_state *self, uint64_t seed)
{
	if (self->ticks == self->ticks_wanted) {
		if (fp_wrong(seed))
			self->fp_bad++;
		else
			self->fp_good++;
		fp_fill(seed);
		start_ticks(self, HEARTBEAT_US, 50);
	}
	sleep_for_event();
}

static void secondary(void *arg)
{
	unsigned int cpu = cpu_id();

	(void)arg;
	setup_cpu();
	atomic_inc(&ready);
	for (unsigned int round = 1; round <= ROUNDS; round++) {
		while (load_acquire(&round_allowed) < round)
			nap();
		do_round(cpu);
	}
	fp_fill(cpu);
	for (;;)
		heartbeat(&state[cpu], cpu);
}

static void receive(char c)
{
	if ((uint8_t)(typed_head + 1) == typed_tail)
		return;
	typed[typed_head++] = c;
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* Use the CPU, and nothing else. */
static void spin(void)
{
	for (;;)
		plain_op("nop");
}

static void execute(const char *line)
{
	static unsigned int pings;

	if (same(line, "ping"))
		print("pong %u\n", ++pings);
	else if (same(line, "status"))
		print_status();
	else if (same(line, "off"))
		psci_system_off();
	else if (same(line, "reset"))
		psci_system_reset();
	else if (same(line, "crash"))
		crash_now(UNMAPPED_BASE);
	else if (same(line, "spin"))
		spin();
	else if (*line)
		print("%s? try ping, status, off, reset, crash, spin\n", line);
}

static void console_char(char c)
{
	static char line[LINE_SIZE];
	static unsigned int length;

	if (c == '\r' || c == '\n') {
		print("\n");
		line[length] = '\0';
		length = 0;
		execute(line);
		print("smp> ");
	} else if ((c == '\b' || c == 0x7f) && length) {
		length--;
		print("\b \b");
	} else if (c >= ' ' && c < 0x7f && length < LINE_SIZE - 1) {
		line[length++] = c;
		print("%c", c);
	}
}

static bool start_all(void)
{
	bool ok = true;
	int32_t answer;

	for (unsigned int cpu = 1; cpu < cpus; cpu++) {
		answer = cpu_start(cpu, secondary, NULL, 0);
		if (answer != PSCI_SUCCESS) {
			print("smp: cpu %u does not start: %d\n", cpu, answer);
			ok = false;
		}
	}
	/* An SGI sent before the other CPU has set up its redistributor would be lost. */
	return wait_for(load_acquire(&ready) == cpus - 1, 2000000) && ok;
}

void guest_main(void)
{
	bool pass;

	cpus = cpu_count();
	print("smp: %u cpus, counter at %lu Hz\n", cpus, ticks_per_second());
	irq_set_handler(CNTV_INTID, tick, NULL);
	irq_set_handler(RING_SGI, ring_received, NULL);
	setup_cpu();
	pass = start_all();
	for (unsigned int round = 1; round <= ROUNDS; round++) {
		store_release(&round_allowed, round);
		do_round(0);
		if (!wait_all_finished(round))
			print("smp: round %u: a cpu does not answer\n", round);
		pass = report_round(round) && pass;
	}
	print("smp: %s\nsmp> ", pass ? "PASS" : "FAIL");
	fp_fill(0);
	uart_receive(receive);
	for (;;) {
		while (typed_tail != typed_head)
			console_char(typed[typed_tail++]);
		heartbeat(&state[0], 0);
	}
}
