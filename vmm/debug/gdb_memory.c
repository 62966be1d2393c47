/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's memory by virtual address, and what gdb puts there. */
#include <arch/mmu.h>
#include <lib/string.h>
#include "gdb_internal.h"

/* ---- memory ---- */

/* Where va is, and how many of len bytes are there in one piece. 0: none. */
static u32 find(const struct gdb *g, u64 va, u32 len, u64 *ipa)
{
	const u64 *sys = g->regs.sys;
	const struct stage1 s = { sys[GUEST_SCTLR],
				  sys[GUEST_TCR],
				  { sys[GUEST_TTBR0], sys[GUEST_TTBR1] } };
	const struct vm_ram *ram = &g->vm->ram;
	struct stage1_walk w;
	u64 n;

	if (stage1_walk(ram, &s, va, &w) != STAGE1_OK)
		return 0;
	n = MIN(MIN((u64)len, w.length), BLOCK_SIZE - w.ipa % BLOCK_SIZE);
	*ipa = w.ipa;
	return ram_map_holds(&ram->map, w.ipa, n) ? (u32)n : 0;
}

static bool put(struct gdb *g, u64 ipa, const void *data, u32 len)
{
	void *to = vm_ram_ptr(&g->vm->ram, ipa);

	if (!to)
		return false;
	memcpy(to, data, len);
	arch_clean_for_guest(to, len);
	g->code_changed = true;
	return true;
}

static void get(const struct gdb *g, u64 ipa, void *data, u32 len)
{
	const void *from = vm_ram_ptr(&g->vm->ram, ipa);

	memset(data, 0, len);
	if (!from)
		return;
	arch_clean_for_guest(from, len);
	memcpy(data, from, len);
}

u32 gdb_copy(struct gdb *g, u64 va, void *data, u32 len, bool write)
{
	u32 done = 0, n;
	u64 ipa;

	for (; done < len && (n = find(g, va + done, len - done, &ipa)); done += n) {
		u8 *part = (u8 *)data + done;

		if (!write)
			get(g, ipa, part, n);
		else if (!put(g, ipa, part, n))
			break;
	}
	return done;
}

/* ---- breakpoints in code ---- */

#define INSN 4

#define USED BIT(0)

/* DEBUG_BREAKS: none. */
static u32 find_break(const struct gdb *g, bool used, u64 va)
{
	u32 i = 0;

	while (i < DEBUG_BREAKS &&
	       (used ? !g->break_at[i] || g->breaks[i].va != va : g->break_at[i]))
		i++;
	return i;
}

static bool insert_break(struct gdb *g, u64 va)
{
	const u32 brk = GUEST_BREAK_INSN, i = find_break(g, false, 0);
	struct gdb_break *b = &g->breaks[i];
	u64 ipa;

	if (find_break(g, true, va) < DEBUG_BREAKS)
		return true;
	if (i == DEBUG_BREAKS || va % INSN || find(g, va, INSN, &ipa) != INSN)
		return false;
	get(g, ipa, &b->insn, INSN);
	if (!put(g, ipa, &brk, INSN))
		return false;
	b->va = va;
	g->break_at[i] = ipa | USED;
	return true;
}

/* Unless the VM was loaded again meanwhile, or its guest has written there. */
static void remove_break(struct gdb *g, u32 i)
{
	const u64 ipa = g->break_at[i] & ~USED;
	u32 now;

	if (!g->break_at[i])
		return;
	g->break_at[i] = 0;
	get(g, ipa, &now, INSN);
	if (now == GUEST_BREAK_INSN)
		(void)put(g, ipa, &g->breaks[i].insn, INSN);
}

/* ---- break- and watchpoints of the CPU (Arm ARM D19.3) ---- */

#define ENABLED BIT(0)
#define EL1_EL0 (3UL << 1) /* PMC, PAC */

#define BCR_WORD (0xfUL << 5)

#define WCR_LOADS   (1UL << 3)
#define WCR_STORES  (2UL << 3)
#define WCR_LSC     (3UL << 3)
#define WCR_BAS(x)  ((u64)(x) << 5)
#define WCR_MASK(x) ((u64)(x) << 24)

/* The control register for these bytes, or 0: they are too many, or not aligned. */
static u64 watch_control(u64 type, u64 va, u64 len)
{
	const u64 lsc = type == 2 ? WCR_STORES : type == 3 ? WCR_LOADS : WCR_LSC;
	u64 bytes;

	if (!len || len > GIB(1))
		return 0;
	if (va % 8 + len <= 8)
		bytes = WCR_BAS(BITS(len - 1, 0) << va % 8);
	else if (!(len & (len - 1)) && va % len == 0)
		bytes = WCR_BAS(0xff) | WCR_MASK(__builtin_ctzll(len));
	else
		return 0;
	return bytes | lsc | EL1_EL0 | ENABLED;
}

/* Find the point at va with this control register, or (0) one that is off. */
static __noinline bool find_point(const struct gdb *g, u32 kind, u64 control, u64 va, u32 *n)
{
	const u64 *controls = g->points.reg[kind + 1], *at = g->at[kind / GUEST_WVR];
	const u32 count = vdebug_points(kind);

	for (*n = 0; *n < count; ++*n)
		if (controls[*n] == control && (!control || at[*n] == va))
			return true;
	return false;
}

static bool change_point(struct gdb *g, u64 type, u64 va, u64 len, bool insert)
{
	const u32 kind = type == 1 ? GUEST_BVR : GUEST_WVR;
	const u64 control = type == 1 ? BCR_WORD | EL1_EL0 | ENABLED : watch_control(type, va, len);
	u32 n;

	if (!control || (type == 1 && va % INSN))
		return false;
	if (!find_point(g, kind, control, va, &n) && (!insert || !find_point(g, kind, 0, 0, &n)))
		return !insert;
	g->points.reg[kind][n] = type > 1 && len <= 8 ? va & ~7UL : va;
	g->points.reg[kind + 1][n] = insert ? control : 0;
	g->at[kind / GUEST_WVR][n] = va;
	return true;
}

u64 gdb_watched(const struct gdb *g, u64 at)
{
	const u64 *control = g->points.reg[GUEST_WCR], *watched = g->at[1];
	u64 best = at, distance = ~0UL;

	/* A wide access may begin before the watched bytes: the nearest watchpoint is meant. */
	for (u32 n = 0; n < GUEST_DEBUG_REGS; n++) {
		const u64 its = MAX(watched[n], at) - MIN(watched[n], at);

		if ((control[n] & ENABLED) && its < distance) {
			best = watched[n];
			distance = its;
		}
	}
	return best;
}

/* ---- both ---- */

bool gdb_change(struct gdb *g, u64 type, u64 va, u64 len, bool insert)
{
	u32 i;

	if (type)
		return change_point(g, type, va, len, insert);
	if (insert)
		return insert_break(g, va);
	i = find_break(g, true, va);
	if (i < DEBUG_BREAKS)
		remove_break(g, i);
	return true;
}

void gdb_remove_all(struct gdb *g)
{
	for (u32 i = 0; i < DEBUG_BREAKS; i++)
		remove_break(g, i);
	memset(&g->points, 0, sizeof(g->points));
}
