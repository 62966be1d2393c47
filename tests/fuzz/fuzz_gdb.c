/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a gdb, or anything else at its port, may send: bytes in any pieces, of packets that are
 * nearly right or not at all. Whatever it is: the VM's RAM is the only memory that is reached,
 * every answer fits and is well formed, and a packet that asks is answered once.
 */
#include "fuzz.h"

#include <asm/host.h>
#include <stdio.h>
#include <string.h>
#include <vmm/life.h>

#include "../../vmm/debug/gdb_internal.h"

#define RAM_BASE 0x40000000UL
#define RAM_SIZE (2 * BLOCK_SIZE)

static struct fuzz_input input;
static u8 ram[BLOCK_SIZE]; /* the first block; the second one has not come */
static struct vm vm;
static struct vcpu vcpus[3];
static struct gdb session;
static struct guest_regs regs[3];
static bool held;

/* ---- in place of the house ---- */

void *vm_ram_ptr(const struct vm_ram *r, u64 ipa)
{
	(void)r;
	return ipa - RAM_BASE < sizeof(ram) ? ram + (ipa - RAM_BASE) : NULL;
}

bool ram_map_holds(const struct ram_map *map, u64 ipa, u64 size)
{
	(void)map;
	return ipa >= RAM_BASE && ipa - RAM_BASE <= RAM_SIZE && size <= RAM_SIZE - (ipa - RAM_BASE);
}

enum stage1_end stage1_walk(const struct vm_ram *r, const struct stage1 *s, u64 va,
			    struct stage1_walk *w)
{
	(void)r, (void)s;
	if (va >> 40)
		return STAGE1_FAULT;
	*w = (struct stage1_walk){ 3, va, 4096 - va % 4096 };
	return STAGE1_OK;
}

void arch_clean_for_guest(const void *va, u64 size)
{
	fuzz_assert((const u8 *)va >= ram && (const u8 *)va + size <= ram + sizeof(ram));
}

void arch_vcpu_read(struct vcpu *v, struct guest_regs *r)
{
	fuzz_assert(held);
	*r = regs[v->index];
}

void arch_vcpu_write(struct vcpu *v, const struct guest_regs *r)
{
	fuzz_assert(held);
	regs[v->index] = *r;
}

void ipi_call(u32 cpu, void (*fn)(void *arg), void *arg)
{
	(void)cpu;
	fn(arg);
}

u32 vdebug_points(u32 kind)
{
	return kind == GUEST_BVR ? 6 : 4;
}

bool vm_hold(struct vm *m)
{
	fuzz_assert(m == &vm && !held);
	held = !fuzz_once_in(&input, 8);
	return held;
}

void vm_let_go(struct vm *m)
{
	fuzz_assert(m == &vm && held);
	held = false;
}

void gdb_attach(struct gdb *g)
{
	g->attached = true;
	g->runs = fuzz_once_in(&input, 4);
}

bool gdb_run(struct gdb *g, const u8 actions[VM_MAX_VCPUS])
{
	for (u32 i = 0; i < VM_MAX_VCPUS; i++)
		fuzz_assert(actions[i] <= GDB_STEPS);
	g->runs = fuzz_once_in(&input, 4);
	return !fuzz_once_in(&input, 4);
}

bool gdb_detach(struct gdb *g)
{
	if (g->attached)
		gdb_remove_all(g);
	g->attached = g->runs = false;
	return true;
}

/* ---- the bytes ---- */

static const char *const packets[] = {
	"?",
	"g",
	"p20",
	"p43",
	"P1=0123456789abcdef",
	"P21=",
	"m40000000,40",
	"m4000fff8,800",
	"m0,4",
	"M40000010,4:00112233",
	"Z0,40000100,4",
	"z0,40000100,4",
	"Z1,40000104,4",
	"z1,40000104,4",
	"Z2,40000200,8",
	"z2,40000200,8",
	"Z4,40000400,1000",
	"Z3,40000203,2",
	"vCont?",
	"vCont;s:1;c",
	"vCont;C05:2;S06",
	"Hg2",
	"Hg-1",
	"T1",
	"qSupported:a+",
	"qC",
	"qfThreadInfo",
	"qsThreadInfo",
	"qAttached",
	"QStartNoAckMode",
	"qXfer:features:read:target.xml:0,100",
	"qXfer:features:read:target.xml:ffffffffffffffff,ffffffffffffffff",
	"D",
	"vKill;1",
	"X0,0:",
};

static void check_answer(const struct gdb *g)
{
	fuzz_assert(g->answer.len <= sizeof(g->answer.data));
	for (u32 i = 0; i < g->answer.len; i++)
		fuzz_assert(g->answer.data[i] >= ' ' && g->answer.data[i] <= '~' &&
			    !memchr("#$}*", g->answer.data[i], 4));
}

static void take(u8 byte)
{
	if (gdb_line_take(&session.line, byte) != GDB_PACKET_CAME)
		return;
	if (gdb_packet(&session))
		check_answer(&session);
	fuzz_assert(!held);
	fuzz_assert(session.thread < vm.nvcpus);
}

static void send_packet(void)
{
	const char *p = fuzz_word(&input, packets);
	const u32 spoiled = fuzz_once_in(&input, 3) ? fuzz_below(&input, (u32)strlen(p))
						    : UINT32_MAX;
	char end[4];
	u8 sum = 0;

	take('$');
	for (u32 i = 0; p[i]; i++) {
		const u8 c = i == spoiled ? (u8)fuzz_below(&input, 256) : (u8)p[i];

		sum = (u8)(sum + c);
		take(c);
	}
	snprintf(end, sizeof(end), "#%02x", sum);
	for (u32 i = 0; i < 3; i++)
		take((u8)end[i]);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	input = (struct fuzz_input){ .at = data, .left = size };
	memset(&session, 0, sizeof(session));
	memset(regs, 0, sizeof(regs));
	vm.nvcpus = ARRAY_SIZE(vcpus);
	for (u32 i = 0; i < vm.nvcpus; i++) {
		vcpus[i].index = i;
		vcpus[i].power = i == 1 ? VCPU_ON : VCPU_OFF;
		vm.vcpus[i] = &vcpus[i];
	}
	session.vm = &vm;
	while (input.left) {
		if (fuzz_once_in(&input, 4))
			take((u8)fuzz_below(&input, 256));
		else
			send_packet();
		if (fuzz_once_in(&input, 8))
			(void)gdb_watched(&session, fuzz_below(&input, 1 << 20));
	}
	(void)gdb_detach(&session);
	return 0;
}
