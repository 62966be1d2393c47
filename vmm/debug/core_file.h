/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of an ELF core (System V ABI; Linux' notes NT_PRSTATUS and NT_FPREGSET for AArch64).
 * The file has the RAM once, block by block. Segments show it at the addresses of the guest's
 * tables, and then at its guest-physical ones: several segments share a part of the file.
 */
#ifndef CORE_FILE_H
#define CORE_FILE_H

#include <arch/guest.h>
#include <vmm/core.h>

#define CORE_HEADER_BYTES  64
#define CORE_SEGMENT_BYTES 56
#define CORE_NOTES_BYTES   960 /* for each vCPU */

/* The file's header. segments: with that of the notes. */
void core_header(u8 out[CORE_HEADER_BYTES], u32 segments);
/* A segment's header: the notes, or memory at va. */
void core_notes_segment(u8 out[CORE_SEGMENT_BYTES], u64 at, u64 size);
void core_memory_segment(u8 out[CORE_SEGMENT_BYTES], u64 va, u64 at, u64 size);
/* The notes of a vCPU, which gdb shows as a thread with that number. */
void core_notes(u8 out[CORE_NOTES_BYTES], u32 number, const struct guest_regs *r);

/* Segments are found in one order each time, as long as the guest does not run. */

#define CORE_SEGMENTS_MAX 8192 /* gdb reads them all at its start */
#define CORE_ZEROES_MAX   4096 /* of them: of memory that has not come */
#define CORE_STEPS_MAX    BIT(20)
#define CORE_ABSENT       (~0U)

struct core_segments {
	const struct vm_ram *ram;
	const u32
		*place; /* of each block of the RAM: which of the file; CORE_ABSENT: has not come */
	u64 zeroes;     /* where the file has a block of zeroes, for those */
	struct stage1 tables;
	/* The next step: */
	enum { CORE_HIGH, CORE_LOW, CORE_RAM, CORE_DONE } part;
	u64 next; /* an address of a guest; CORE_RAM: a block */
	u64 steps;
	/* The segment that is being put together; size 0: none. At: in the file's memory. */
	u64 va, at, size;
	u32 count;  /* complete ones */
	u32 absent; /* begun ones, of memory that has not come */
	bool cut;   /* there are more than the limits allow: they are left out */
	void (*found)(u64 va, u64 at, u64 size);
};

void core_segments_begin(struct core_segments *c);
/*
 * Look at so many mappings or blocks; found() is called at most twice for each. False: that were
 * all. The guest does not run, and the VM is held.
 */
bool core_segments_step(struct core_segments *c, u32 steps);

#endif
