/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole hypervisor on the fake machine: its own kernel, VMs, devices and shell. Only what the
 * guests run, the terminal, and what is behind the machine's ports belong to the test.
 */
#ifndef HOUSE_FIXTURE_H
#define HOUSE_FIXTURE_H

#include "archive_fixture.h"
#include "unit_boot.h"

#include <vmm/core.h>

/* Once per test program: two CPUs, the services, and the types of `archive`. */
int house_boot(void **state);
/* Setup: nothing was typed or written. Teardown: all VMs go away, and their memory is back. */
int house_setup(void **state);
int house_teardown(void **state);

/*
 * A type more, before house_boot(): `cpus` vCPUs, 8 MiB, its console without a port. `more` adds to
 * the description in `blob`; NULL: nothing.
 */
void house_type(const char *label, u32 cpus, void (*more)(void));
/* A property of one cell, of text or of bytes, or a node of /devices, of that type. */
void type_u32(const char *name, u32 value);
void type_bytes(const char *name, const void *value, u32 len);
void type_text(const char *name, const char *value);
int type_device(const char *name, const char *compatible);

/* Everything that a command prints. Lines end in LF. */
const char *house(const char *command);
/* The command prints exactly this, or this among other things. */
#define says(command, text)      assert_string_equal(house(command), text)
#define says_part(command, text) house_says_part(command, text, __FILE__, __LINE__)
void house_says_part(const char *command, const char *text, const char *file, int line);

/* The VM of that name, which is there. */
struct vm *vm_named(const char *name);
#define is(vm, text) assert_string_equal(vm_state_name((vm)->state), text)
/* A new VM of this type, which runs. */
struct vm *run_new(const char *type);

/* What is typed at the terminal while a command runs. A blank: nothing for 100 ms. */
extern const char *house_keys;

/* Time passes, and all threads run. */
void house_sleep(u32 ms);

/*
 * Guests wait for interrupts. But here a running one does something, once, as from a trap:
 * interrupts are masked. Returns some time after that.
 */
void house_does(struct vcpu *v, void (*fn)(struct vcpu *v));
/* An SMC of a guest with these arguments. The result. */
u64 house_smc(struct vcpu *v, u64 function, u64 a, u64 b, u64 c);

/* ---- behind the ports: p0 to p3, of which p2 is not there ---- */

#define HOUSE_PORTS 4

struct house_port {
	char got[MIB(8)];
	u32 len, room;     /* written there so far; more than `room` bytes are not taken */
	const char *typed; /* what is still to be read, so many bytes */
	u32 left;
	bool shut; /* no program has it open */
};
extern struct house_port house_ports[HOUSE_PORTS];

/* Type something there, and let time pass. */
void house_type_at(u32 port, const void *data, u32 len);
/* Forget what was written there. */
void house_port_forget(u32 port);

#endif
