/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diff: steps drawn from a seed, each run from a state of its own. Prints a hash of what each
 * thousand of them left behind, for tools/differ, which runs it on the bare machine and in a VM.
 *
 * Bootargs: seed=N; steps=A-B,C,D-E: these alone, with the numbers that they have among all;
 * hashes=N: short hashes of the steps in N's block and later ones; show=A-B,C: a line for each of
 * these steps.
 */
#include "diff.h"
#include "kit/args.h"
#include "kit/cpu.h"
#include "kit/gic.h"
#include "kit/print.h"
#include "kit/smp.h"
#include "kit/uart.h"

#define BLOCK         1000u
#define PSTATE_MASKED UINT64_C(0x3c5) /* EL1h, DAIF */
#define A64_B         UINT32_C(0x14000000)

extern const char step_end[];
/* A page of its own: QEMU translates again what shares one with code that changes. */
uint32_t step_code[1024] __attribute__((aligned(4096), section(".data.step")));

/* What a step left, kept until its block is over: printing changes the UART. */
struct result {
	uint64_t number;
	uint16_t hash;
	struct run run;
};

static struct result results[BLOCK];
static unsigned int result_count;
static uint64_t block_hash;
static const char *show;     /* steps that have a line each */
static uint64_t hashes_from; /* from this step's block on, each has a short hash */
static uint64_t seed = 1;

static uint64_t draw_state;

void draw_begin(uint64_t from, uint64_t step)
{
	draw_state = from * UINT64_C(0xd1342543de82ef95) ^ step * UINT64_C(0xaf251af3b0f025b5);
	(void)draw();
}

/* splitmix64 */
uint64_t draw(void)
{
	uint64_t z = draw_state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint64_t draw_value(void)
{
	uint64_t value = draw();

	switch (draw_below(8)) {
	case 0:
		return 0;
	case 1:
		return ~UINT64_C(0);
	case 2:
		return BIT(draw_below(64));
	case 3:
		return value & 0xff;
	case 4:
		return value & draw();
	case 5:
		return value & UINT32_MAX;
	case 6:
		return BIT(draw_below(32));
	default:
		return value;
	}
}

unsigned int draw_register(unsigned int not_this, unsigned int not_that)
{
	unsigned int reg;

	do
		reg = draw_below(31);
	while (reg == not_this || reg == not_that);
	return reg;
}

static const struct {
	unsigned int weight;
	void (*draw)(struct step *s);
} classes[] = {
	{ 8, draw_sysreg },    { 4, draw_id_register }, { 4, draw_absent_register },
	{ 4, draw_debug },     { 4, draw_pmu },         { 6, draw_gic_cpu },
	{ 6, draw_timer },     { 3, draw_interrupt },   { 4, draw_maintenance },
	{ 24, draw_device },   { 6, draw_device_pair }, { 4, draw_memory },
	{ 6, draw_exception }, { 4, draw_call },        { 2, draw_barrier },
};

static void draw_class(struct step *s)
{
	unsigned int sum = 0, at;

	for (size_t n = 0; n < ARRAY_SIZE(classes); n++)
		sum += classes[n].weight;
	at = draw_below(sum);
	for (size_t n = 0; n < ARRAY_SIZE(classes); n++) {
		if (at < classes[n].weight) {
			classes[n].draw(s);
			return;
		}
		at -= classes[n].weight;
	}
}

static void draw_registers(uint64_t x[31], uint64_t number)
{
	draw_begin(seed, number);
	for (unsigned int n = 0; n < 31; n++)
		x[n] = draw();
}

static void draw_step(struct step *s, uint64_t number)
{
	draw_registers(s->run.x, number);
	s->words = 0;
	for (unsigned int n = 0; n < 31; n++)
		s->mask[n] = ~UINT64_C(0);
	for (unsigned int n = 0; n < 4; n++)
		s->run.q[n] = draw();
	s->run.entry = (uintptr_t)step_code;
	s->run.pstate = PSTATE_MASKED | (draw() & 0xf) << 28;
	s->run.elr = s->run.spsr = s->run.esr = s->run.far = 0;
	draw_class(s);
}

static void place_code(const struct step *s)
{
	unsigned int n;

	for (n = 0; n < s->words; n++)
		step_code[n] = s->code[n];
	step_code[n] = A64_B | (((uint32_t)((uintptr_t)step_end - (uintptr_t)&step_code[n]) >> 2) &
				0x3ffffff);
	for (n = 0; n <= STEP_WORDS; n += 4)
		sys_op("dc cvau, %0", (uintptr_t)&step_code[n]);
	plain_op("dsb ish; ic iallu; dsb ish; isb");
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9fb21c651e98df25);
	return hash ^ hash >> 32;
}

/*
 * Without an exception its registers are what the step before left; with one, SPSR has the flags
 * (QEMU clears them in PSTATE then, which the architecture does not).
 */
static uint64_t hash_step(struct step *s)
{
	struct run *r = &s->run;
	uint64_t hash = 0;

	if (r->vector == NO_VECTOR)
		r->elr = r->spsr = r->esr = r->far = 0;
	else
		r->nzcv = 0;
	for (unsigned int n = 0; n < 31; n++) {
		r->x[n] &= s->mask[n];
		hash = mix(hash, r->x[n]);
	}
	for (unsigned int n = 0; n < 4; n++)
		hash = mix(hash, r->q[n]);
	hash = mix(mix(hash, r->vector), r->nzcv);
	return mix(mix(mix(mix(hash, r->elr), r->spsr), r->esr), r->far);
}

/* Registers of no meaning are as drawn, and not shown. */
static void show_step(const struct result *result)
{
	const struct run *r = &result->run;
	static struct step s; /* as it was drawn */
	uint64_t x[31];

	draw_step(&s, result->number);
	draw_registers(x, result->number);
	print("step %lu %s:", result->number, s.name);
	for (unsigned int n = 0; n < s.words; n++)
		print(" %08x", s.code[n]);
	print(" |");
	for (unsigned int n = 0; n < 31; n++) {
		if (s.run.x[n] != x[n])
			print(" x%u=%lx", n, s.run.x[n]);
	}
	print(" | vector=%lu", r->vector);
	if (r->vector != NO_VECTOR)
		print(" elr=%lx spsr=%lx esr=%lx far=%lx", r->elr, r->spsr, r->esr, r->far);
	else
		print(" nzcv=%lx", r->nzcv);
	for (unsigned int n = 0; n < 31; n++) {
		if (r->x[n] != (s.run.x[n] & s.mask[n]))
			print(" x%u=%lx", n, r->x[n]);
	}
	for (unsigned int n = 0; n < 4; n++) {
		if (r->q[n] != s.run.q[n])
			print(" q%u.%u=%lx", n / 2, n % 2, r->q[n]);
	}
	print("\n");
}

static const char *number_at(const char *text, uint64_t *value)
{
	*value = 0;
	for (; *text >= '0' && *text <= '9'; text++)
		*value = *value * 10 + (uint64_t)(*text - '0');
	return text;
}

/* "A-B,C": the next range of it; false if it was the last. */
static bool next_range(const char **list, uint64_t *first, uint64_t *last)
{
	const char *text = number_at(*list, first);
	bool more;

	*last = *first;
	if (*text == '-')
		text = number_at(text + 1, last);
	more = *text == ',';
	*list = text + more;
	return more;
}

static bool is_shown(uint64_t number)
{
	const char *list = show;
	uint64_t first, last;
	bool more = show != NULL;

	while (more) {
		more = next_range(&list, &first, &last);
		if (number >= first && number <= last)
			return true;
	}
	return false;
}

/* The UART is put in order first, and left idle. */
static void end_block(uint64_t last)
{
	if (!result_count)
		return;
	uart_init();
	if (last >= hashes_from) {
		print("hashes");
		for (unsigned int n = 0; n < result_count; n++)
			print(" %x", results[n].hash);
		print("\n");
	}
	for (unsigned int n = 0; n < result_count; n++) {
		if (is_shown(results[n].number))
			show_step(&results[n]);
	}
	print("block %lu %016lx\n", last, block_hash);
	while (mmio_read32(UART_FR) & UART_FR_BUSY)
		cpu_relax();
	result_count = 0;
	block_hash = 0;
}

static void run_step(uint64_t number)
{
	static struct step s;
	uint64_t hash;

	draw_step(&s, number);
	place_code(&s);
	step_run(&s.run);
	hash = hash_step(&s);
	block_hash = mix(block_hash, hash);
	results[result_count].number = number;
	results[result_count].hash = (uint16_t)hash;
	results[result_count++].run = s.run;
	if (number % BLOCK == BLOCK - 1)
		end_block(number);
}

static void run_steps(const char *list)
{
	uint64_t first, last, ran = 0, block = 0;
	bool more = true;

	while (more) {
		more = next_range(&list, &first, &last);
		for (uint64_t n = first; n <= last; n++, ran++) {
			if (n / BLOCK != block)
				end_block(block * BLOCK + BLOCK - 1);
			block = n / BLOCK;
			run_step(n);
		}
	}
	end_block(block * BLOCK + BLOCK - 1);
	print("diff: done, %lu steps\n", ran);
}

static uint64_t number_arg(const char *name, uint64_t otherwise)
{
	const char *text = boot_arg(name);
	uint64_t value = otherwise;

	if (text)
		(void)number_at(text, &value);
	return value;
}

void guest_main(void)
{
	const char *steps = boot_arg("steps=");

	seed = number_arg("seed=", 1);
	hashes_from = number_arg("hashes=", UINT64_MAX);
	show = boot_arg("show=");
	irq_mask();
	print("diff: seed %lu, midr %lx\n", seed, read_sysreg(midr_el1));
	run_steps(steps ? steps : "0-999");
}
