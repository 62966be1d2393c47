/* SPDX-License-Identifier: Apache-2.0 */
/* An operator at a terminal, over pretended VMs. */
#ifndef SHELL_FIXTURE_H
#define SHELL_FIXTURE_H

#include "unit_boot.h"

#include <vmm/desc.h>
#include <vmm/life.h>
#include <vmm/place.h>

/* The settings of a test, and what it gets. */
struct fake {
	/* What uart_poll() gives; a blank: nothing for a while, and vCPU 0 goes on. */
	const char *keys;
	u64 quiet, quiet_until; /* for how long, half a second if the test says nothing else */
	void (*on_blank)(void); /* what happens then; NULL: nothing more */
	u64 step;               /* what such a blank adds to its time */
	char output[65536];
	size_t output_len;
	void (*on_write)(size_t len); /* what happens while so much is sent; NULL: nothing */
	int refusal;                  /* what lifecycle calls answer */
	u32 slow;                     /* releases of the lock; before them it is -EAGAIN */
	bool bad_schedule;            /* there is a line about it */
	bool virt, exact;             /* the machine is QEMU's; its clock is said to be exact */
	u32 busy;                     /* looks that find a VM's disk at work */
	u32 loads; /* times that vm_await() finds a VM loading; then it answers load_result */
	int load_result;
	/* what they were called with, and how often */
	struct vm_options asked;
	char keep_bootargs[64]; /* its bootargs */
	u32 created, locks, patient;
	bool forced;
	struct vm_desc set_to;
	bool windows_set;
	struct schedule_windows windows_set_to;
};
extern struct fake fake;

/* VMs 0 'linux' and 1 'uboot'; vm_create() makes VM 2. */
extern struct vm fake_machines[3];
extern struct vcpu fake_vcpus[2];

/* Once per test program. */
int fake_boot(void **state);
/* Setup of a test: nothing is there / types linux, zephyr, and broken, and two VMs. */
int fake_setup(void **state);
int fake_setup_vms(void **state);

/* Everything that a line prints, also in fake.output. Lines end in CR LF on the wire. */
const char *run(const char *command);
/* What Tab offers after a line, with blanks between. */
const char *completed(const char *line);

#define expect(command, text)      assert_string_equal(run(command), text)
#define expect_part(command, text) assert_non_null(strstr(run(command), text))

#endif
