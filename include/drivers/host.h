/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine as its devicetree describes it. Nodes are numbers in the order of the tree; a
 * negative number means that there is none. All functions only read host_fdt; any context once it
 * is set.
 */
#ifndef DRIVERS_HOST_H
#define DRIVERS_HOST_H

#include <kernel/page.h>
#include <lib/types.h>

/* The host's devicetree, already checked. */
extern const void *host_fdt;
/* Its length in bytes, without free space at its end. */
extern u32 host_fdt_length;

/*
 * Check the tree in `size` bytes at fdt (dt_check()) and adopt it. NULL, or a few words on what is
 * wrong with it.
 */
const char *__must_check host_fdt_init(const void *fdt, u64 size);

/* The next node in the order of the tree (-1: the root). */
int host_fdt_next(int node);
/*
 * The first node after `after` (-1: of the tree) with this compatible string whose status is okay.
 */
int host_fdt_find(const char *compatible, int after);
/* True if the node's compatible list holds the string. */
bool host_fdt_is(int node, const char *compatible);
/* True unless the status property of the node, or of a bus above it, says otherwise. */
bool host_fdt_enabled(int node);
/* A property of one cell; `otherwise` if the node has none. */
u32 host_fdt_u32(int node, const char *name, u32 otherwise);
/* True if the node names no clocks, or only fixed ones: it then runs without being turned on. */
bool host_fdt_clocked(int node);
/* The first of its compatible strings. "" if it has none. */
const char *host_fdt_compatible(int node);
/* The node that /chosen names as stdout. Negative: there is none. */
int host_fdt_stdout(void);

/*
 * Entry `index` of reg, as a CPU address: translated by the ranges of all buses above. 0, -ENOENT.
 */
int __must_check host_fdt_reg(int node, u32 index, struct phys_range *r);

/*
 * Entry `index` of interrupts-extended or interrupts, for a GIC parent (three cells). *intid: SPI n
 * is 32 + n, PPI n is 16 + n. *flags: for irq_request(). 0, -ENOENT, -EINVAL (not a GIC's).
 */
int __must_check host_fdt_irq(int node, u32 index, u32 *intid, u32 *flags);

/* Interrupts of the generic timer, in the order that holds if the node does not name them. */
enum host_timer { HOST_TIMER_SEC, HOST_TIMER_PHYS, HOST_TIMER_VIRT, HOST_TIMER_HYP };
/* The INTID of one of them, a PPI. 0, -ENODEV. */
int __must_check host_fdt_timer_irq(enum host_timer timer, u32 *intid);

/*
 * Register the machine's RAM (up to `limit`) and the devicetree's reservations, those in the
 * reservation block and those below /reserved-memory (kernel/ram.h). NULL, or why the machine
 * cannot be used. Boot.
 */
const char *__must_check host_ram_init(u64 limit);
#define HOST_RAM_TOO_MANY "the devicetree has more ranges of memory than can be noted"
/*
 * Write the hardware ids (MPIDR affinity) of the enabled CPUs, in order, at most max. Returns how
 * many CPUs there are.
 */
u32 host_fdt_cpus(u64 *hwids, u32 max);
/* The initrd that the loader left, from /chosen. 0, -ENOENT. */
int __must_check host_fdt_initrd(struct phys_range *r);

/*
 * Copy the loader's randomness in /chosen (rng-seed, kaslr-seed) to `seed`. Returns the number of
 * bytes, at most max.
 */
u32 host_fdt_seed(u8 *seed, u32 max);

enum host_psci { HOST_PSCI_NONE, HOST_PSCI_SMC, HOST_PSCI_HVC };
/*
 * How to call the firmware's PSCI. *cpu_on: the function number of CPU_ON for PSCI 0.1
 * ("arm,psci"), else 0.
 */
enum host_psci host_fdt_psci(u32 *cpu_on);
/*
 * The address that the CPU with this hardware id polls for its start address (enable-method
 * "spin-table"). 0: it has none.
 */
u64 host_fdt_spin_table(u64 hwid);

/* The machine's name, and the command line of /chosen; "" if absent. */
const char *host_fdt_model(void);
const char *host_fdt_bootargs(void);
/*
 * The number behind a word NAME=NUMBER of that command line. 0 if there is none. `name` includes
 * the '='.
 */
u32 host_fdt_option(const char *name);

#endif
