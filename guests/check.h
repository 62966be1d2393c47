/* SPDX-License-Identifier: Apache-2.0 */
/* The cases of `check`: each prints one line and is counted. */
#ifndef GUESTS_CHECK_H
#define GUESTS_CHECK_H

#include "kit/types.h"

/* `ok NAME`, or `FAIL NAME: expected X got Y`; true if ok. */
bool check_eq(const char *name, uint64_t got, uint64_t want);
bool check_true(const char *name, bool holds);
bool check_range(const char *name, uint64_t got, uint64_t low, uint64_t high);

/* For what the architecture leaves open: got is one of count allowed values. */
bool check_among(const char *name, uint64_t got, size_t count, const uint64_t *allowed);
#define CHECK_ONE_OF(name, got, ...)                                            \
	check_among(name, got, ARRAY_SIZE(((const uint64_t[]){ __VA_ARGS__ })), \
		    (const uint64_t[]){ __VA_ARGS__ })

/* For an event that must come: a busy host is no reason to fail. */
#define LONG_US 10000000u

/* `skip NAME: reason`; neither passed nor failed. */
void check_skip(const char *name, const char *reason);

/* first.second or first.second.third (may be NULL), in a buffer that the next call overwrites. */
const char *check_name(const char *first, const char *second, const char *third);

/* Register cases, run in order: a row is a case. */
enum reg_op {
	RD,   /* read & mask == want */
	WR,   /* write value, then read & mask == want */
	NZ,   /* read & mask != 0 */
	POKE, /* write value only; counts as no case */
};

struct reg_case {
	const char *name;
	enum reg_op op;
	unsigned int width; /* bits: 8, 16, 32, 64 */
	uintptr_t offset;
	uint64_t value;
	uint64_t mask;
	uint64_t want;
};

void check_registers(uintptr_t base, const struct reg_case *cases, size_t count);

/* One read of that width. */
uint64_t reg_read(uintptr_t addr, unsigned int width);
void reg_write(uintptr_t addr, unsigned int width, uint64_t value);

/* Set and clear registers of one bit for each interrupt behave as such, for the bits of pattern. */
void check_bit_banks(const char *prefix, uintptr_t base, unsigned int word, uint32_t pattern);

/* CPUs of this machine. */
extern unsigned int check_cpus;

/* No hypervisor below: EL1 is the highest level (ID_AA64PFR0_EL1.EL2 is 0). */
bool check_bare(void);

/* Reset all interrupts to disabled, inactive, Group 1, with nothing active on this CPU. */
void irq_reset(void);

/*
 * Acknowledges with PSTATE.I set: the interrupt that comes within us microseconds, else
 * GIC_SPURIOUS.
 */
unsigned int poll_ack(uint64_t us);

/* WFI for us microseconds, with nothing else pending; interrupts stay masked. */
void check_sleep(uint64_t us);

/* The interrupts that came through the vector since irq_log_start(). The handler may also act. */
#define IRQ_LOG_SIZE 64u

struct irq_log {
	uint32_t count;
	uint16_t intid[IRQ_LOG_SIZE];
	void (*action)(unsigned int intid);
};

extern struct irq_log irq_log;

void irq_log_start(void (*action)(unsigned int intid));

/*
 * Unmasks interrupts until count have come in all, or for us microseconds. Returns how many came.
 */
uint32_t irq_log_wait(uint32_t count, uint64_t us);

/* Handler that logs; for irq_set_handler. */
void irq_log_handler(unsigned int intid, void *arg);

/* The areas. */
void check_boot(void);
void check_gicd(void);
void check_gicr(void);
void check_gicv2(void); /* in place of these two */
void check_gic_cpu(void);
void check_gic_level(void);
void check_gic_order(void);
void check_gic_smp(void);
void check_irq(void);
void check_sgi(void);
void check_timer(void);
void check_psci(void);
void check_power(void);
void check_smccc(void);
void check_sysreg(void);
void check_features(void);
void check_mmio(void);
void check_mmio_odd(void);
void check_empty(void);
void check_cache(void);
void check_walk(void);
void check_el0(void);
void check_a32(void);
void check_uart(void);
void check_rtc(void);
void check_fp(void);
void check_debug(void);
void check_pauth(void); /* and branch targets */
void check_pmu(void);

#endif
