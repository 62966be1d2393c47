/* SPDX-License-Identifier: Apache-2.0 */
/* A look at a VM from outside: core dumps (docs/failures.md), gdb (docs/gdb.md). */
#ifndef VMM_DEBUG_H
#define VMM_DEBUG_H

#include <arch/guest.h>
#include <lib/types.h>

struct vcpu_facts;
struct vm;
struct vm_error;

/* Start the thread that sends core dumps. 0 or -ENOMEM. Boot. */
int __must_check core_dump_init(void);
/*
 * Send the VM's memory and registers, as an ELF core, to port `want`, or to the lowest free one if
 * want is -1. A VM that runs is paused for so long. Returns the port. -EPERM (the VM is being
 * loaded, or cannot be paused), -EEXIST (a dump is being sent), -ENOENT (no such port, or none is
 * free), -EBUSY (something has it), -ENOMEM, with err. Lifecycle lock held.
 */
int __must_check core_dump(struct vm *vm, s32 want, struct vm_error *err);
/* End the dump that is being sent: it is cut off. False: there is none. Any thread. */
bool core_dump_end(void);

/* The dump that is being sent, or the last one. */
struct core_dump_look {
	const char *name; /* of its VM; empty: there was none */
	s32 port;         /* where it goes; -1: it is over */
	u64 sent, bytes;  /* of memory; the same: it is complete */
	bool pauses;      /* the VM ran before, and continues afterwards */
};
struct core_dump_look core_dump_look(void);

/* ---- why a VM failed, or says nothing (explain.c). Pure ---- */

/* What lies at a guest-physical address of the VM, in a few words. */
const char *explain_place(const struct vm *vm, u64 ipa);
/*
 * The exception that began it, and the IPA of its FAR: that which ZVM gave, or the last one.
 * False: there is none.
 */
struct vcpu_exception {
	struct guest_exception e;
	u64 ipa;
};
bool explain_exception(const struct vcpu_facts *f, struct vcpu_exception *x);
/* A typical cause, and what to try. NULL: none is known. */
struct explanation {
	const char *why, *advice;
};
const struct explanation *explain_cause(const struct vm *vm, const struct vcpu_facts *f);
/* True if a VM that runs for some seconds has written nothing to its console. */
bool explain_is_silent(struct vm *vm);

/* ---- gdb ---- */

/*
 * Serve gdb for vm at port `want`; -1: the port that is named org.zvm.gdb, else the highest one.
 * The VM notices nothing until a gdb connects. Returns the port, or a negative errno with the
 * reason. Lifecycle lock held.
 */
int __must_check gdb_open(struct vm *vm, s32 want, struct vm_error *err);
/*
 * End that: the guest has its memory, its registers and its debug registers back, and it continues
 * if gdb stopped it. 0; -ENOENT: gdb is not served for vm; -EBUSY: it is starting or ending just
 * now. Lifecycle lock held.
 */
int __must_check gdb_close(struct vm *vm, struct vm_error *err);
#endif
