/* SPDX-License-Identifier: Apache-2.0 */
/* gdb at a VM: the bytes on the line, and what becomes of the VM. */
#include "house_fixture.h"

#include <arch/guest.h>
#include <asm/host.h>
#include <stdio.h>
#include <string.h>
#include <uapi/smccc.h>
#include <vmm/cpu.h>
#include <vmm/life.h>

#define PORT 3 /* the highest one */

static struct vm *vm;
static struct guest_regs regs[2];
static char answer[8192]; /* the contents of the last packet that came */
static u32 packets;       /* since the last question */

/* ---- gdb's side of the line ---- */

/* Read what has come. Each packet's sum is right. */
static void read_line(void)
{
	const char *at = house_ports[PORT].got, *end;
	unsigned int told;
	u8 sum;

	packets = 0;
	answer[0] = '\0';
	while ((at = strchr(at, '$')) != NULL) {
		end = strchr(at, '#');
		assert_non_null(end);
		sum = 0;
		for (const char *c = at + 1; c < end; c++)
			sum = (u8)(sum + *c);
		assert_int_equal(sscanf(end + 1, "%2x", &told), 1);
		assert_int_equal(told, sum);
		(void)snprintf(answer, sizeof(answer), "%.*s", (int)(end - at - 1), at + 1);
		at = end;
		packets++;
	}
}

static void typed(const char *bytes)
{
	house_port_forget(PORT);
	house_type_at(PORT, bytes, (u32)strlen(bytes));
	read_line();
}

/* Ask, and the contents of the answer. "(none)" if there is none yet. */
static const char *ask(const char *question)
{
	static char line[8192];
	u8 sum = 0;

	for (const char *c = question; *c; c++)
		sum = (u8)(sum + *c);
	(void)snprintf(line, sizeof(line), "$%s#%02x", question, sum);
	typed(line);
	assert_true(packets <= 1);
	return packets ? answer : "(none)";
}
#define answers(question, text) assert_string_equal(ask(question), text)

static const char *ask_at(const char *format, u64 at)
{
	char question[64];

	(void)snprintf(question, sizeof(question), format, at);
	return ask(question);
}

/* ---- the guest's ---- */

static void guest_does(void (*fn)(struct vcpu *v))
{
	house_port_forget(PORT);
	house_does(vm->vcpus[0], fn);
	read_line();
}

static u64 hit_at;

static void hits_break(struct vcpu *v)
{
	assert_true(vmm_debug_stop(v, STOP_BREAK, hit_at));
}

static void has_a_brk(struct vcpu *v)
{
	assert_false(vmm_debug_stop(v, STOP_BREAK, hit_at));
}

static void hits_watch(struct vcpu *v)
{
	assert_true(vmm_debug_stop(v, STOP_WATCH, hit_at));
}

static void has_stepped(struct vcpu *v)
{
	assert_true(vmm_debug_stop(v, STOP_STEP, 0));
}

static void powers_off(struct vcpu *v)
{
	(void)house_smc(v, PSCI_SYSTEM_OFF, 0, 0, 0);
}

static void faults(struct vcpu *v)
{
	const struct guest_fault f = { .what = "data abort", .esr = 0x96000045, .ipa = 0x1234000 };

	vmm_fault(v, &f);
}

/* ---- fixture ---- */

static int setup(void **state)
{
	house_setup(state);
	says("zvm new two", "vm 0 'two' created: 2 vcpus, 8 MiB\n");
	says("zvm run two", "vm 0 'two' running\n");
	vm = vm_by_id(0);
	memset(regs, 0, sizeof(regs));
	for (u32 i = 0; i < 2; i++) {
		vm->vcpus[i]->arch.regs = &regs[i];
		regs[i].core[GUEST_PC] = vm->plan.entry + 4UL * i;
	}
	says("zvm gdb two", "vm 0 'two': `target remote` in gdb, to port 3 (p3)\n");
	return 0;
}

static int attached(void **state)
{
	setup(state);
	answers("?", "T05thread:1;");
	return 0;
}

static const char *state_of_vm(void)
{
	return vm_state_name(vm->state);
}

/* ---- tests ---- */

static void opens_and_closes(void **state)
{
	(void)state;
	says("zvm gdb -p 1 two", "vm 0 'two': `target remote` in gdb, to port 3 (p3)\n");
	says("zvm gdb --off two", "vm 0 'two' is without gdb\n");
	says("zvm gdb --off two", "zvm gdb: vm 0 'two' is without gdb\n");
	says("zvm gdb -p 2 two", "zvm gdb: there is no such port, or it is in use: `host info`\n");
	says_part("zvm gdb -p 128 two", "zvm gdb: -p 128: ");
	says("zvm gdb -p 1 two", "vm 0 'two': `target remote` in gdb, to port 1 (p1)\n");
	assert_string_equal(state_of_vm(), "running");
}

static void the_line(void **state)
{
	(void)state;
	typed("junk$qAttached#8f");
	assert_string_equal(house_ports[PORT].got, "+$1#31");
	typed("-");
	assert_string_equal(house_ports[PORT].got, "$1#31");
	typed("$qAttached#8e");
	assert_string_equal(house_ports[PORT].got, "-");
	typed("$qAttached#8g");
	assert_string_equal(house_ports[PORT].got, "-");
	typed("$qAttached#g");
	assert_string_equal(house_ports[PORT].got, "-");
	typed("$lost$qAttached#8F"); /* the end of the first one is lost */
	assert_string_equal(house_ports[PORT].got, "+$1#31");
	typed("$qAttache}D#ec"); /* an escaped d: '}' and 'D' */
	assert_string_equal(house_ports[PORT].got, "+$1#31");
	answers("qUnknown", "");
	answers("QStartNoAckMode", "OK");
	typed("$qAttached#8f");
	assert_string_equal(house_ports[PORT].got, "$1#31");
	answers("qSupported:multiprocess+",
		"PacketSize=1000;qXfer:features:read+;QStartNoAckMode+");
	typed("$qAttached#8f");
	assert_string_equal(house_ports[PORT].got, "+$1#31");
	assert_string_equal(state_of_vm(), "running");
}

static void too_long_a_packet(void **state)
{
	static char line[4200];

	(void)state;
	line[0] = '$';
	memset(line + 1, 0x40, 4096); /* their sum is 0 */
	strcpy(line + 4097, "#00");
	typed(line);
	assert_string_equal(house_ports[PORT].got, "+$#00");
	memset(line + 1, 0x40, 4096 + 64);
	strcpy(line + 4097 + 64, "#00");
	typed(line);
	assert_string_equal(house_ports[PORT].got, "-");
}

static void nothing_before_it_attaches(void **state)
{
	(void)state;
	answers("g", "E01");
	answers("m40000000,4", "E01");
	answers("vCont;c", "E01");
	answers("D", "OK");
	assert_string_equal(state_of_vm(), "running");
	answers("?", "T05thread:1;");
	assert_string_equal(state_of_vm(), "paused");
	assert_true(vm->debugged);
}

static void threads(void **state)
{
	(void)state;
	answers("qfThreadInfo", "m1"); /* vCPU 1 is off */
	answers("qsThreadInfo", "l");
	vm->vcpus[1]->power = VCPU_ON;
	answers("qfThreadInfo", "m1,2");
	vm->vcpus[1]->power = VCPU_OFF;
	answers("Hg2", "OK");
	answers("p20", "0400084000000000");
	answers("Hg0", "OK");
	answers("Hg-1", "OK");
	answers("p20", "0400084000000000"); /* "any" is the one from before */
	answers("Hg1", "OK");
	answers("p20", "0000084000000000");
	answers("Hg3", "E01");
	answers("Hg1;", "E01");
	answers("Hg", "E01");
	answers("T2", "OK");
	answers("vCont?", "vCont;c;C;s;S");
}

static void registers(void **state)
{
	struct guest_regs *r = &regs[0];
	const char *all;

	(void)state;
	for (u32 n = 0; n <= GUEST_SP; n++)
		r->core[n] = 0x100UL + n;
	r->core[GUEST_PSTATE] = 0x3c5;
	for (u32 n = 0; n < 32; n++)
		r->v[n][0] = 0x2000UL + n;
	r->fpsr = 0x12345678;
	r->fpcr = 0x9abcdef0;
	r->sys[GUEST_VBAR] = 0xffff000010081800;
	all = ask("g");
	assert_int_equal(strlen(all), 2 * (33 * 8 + 4 + 32 * 16 + 4 + 4));
	assert_memory_equal(all, "00010000000000000101000000000000", 32);
	assert_memory_equal(all + 31 * 16, "1f01000000000000", 16); /* sp */
	assert_memory_equal(all + 33 * 16, "c5030000", 8);
	assert_memory_equal(all + 33 * 16 + 8, "00200000000000000000000000000000", 32);
	assert_memory_equal(all + 33 * 16 + 8 + 32 * 32, "78563412f0debc9a", 16);
	answers("p1f", "1f01000000000000");
	answers("p21", "c5030000");
	answers("p41", "1f200000000000000000000000000000"); /* v31 */
	answers("p42", "78563412");
	answers("p43", "f0debc9a");
	answers("p49", "001808100000ffff"); /* VBAR_EL1 */
	answers("p54", "E01");              /* behind the last one */
	answers("p", "E01");
	answers("P1=8877665544332211", "OK");
	assert_int_equal(r->core[1], 0x1122334455667788);
	answers("P21=c4030000", "OK");
	assert_int_equal(r->core[GUEST_PSTATE], 0x3c4);
	answers("P1=88776655443322", "E01");
	answers("P1:8877665544332211", "E01");
	answers("P1=88776655443322xx", "E01");
	answers("P49=0000000000000000", "E01"); /* system registers are only read */
	assert_int_equal(r->core[1], 0x1122334455667788);
}

static void description(void **state)
{
	static char whole[16384];
	size_t len = 0;
	char question[64];
	const char *part;

	(void)state;
	do {
		(void)snprintf(question, sizeof(question), "qXfer:features:read:target.xml:%zx,%x",
			       len, 0x600);
		part = ask(question);
		assert_true(part[0] == 'm' || part[0] == 'l');
		assert_true(part[0] == 'l' || strlen(part) == 0x601);
		strcpy(whole + len, part + 1);
		len += strlen(part) - 1;
	} while (part[0] == 'm');
	assert_memory_equal(whole, "<target version=\"1.0\"><architecture>aarch64</architecture>",
			    58);
	assert_non_null(strstr(whole, "<reg name=\"x30\" bitsize=\"64\" type=\"int\"/>"
				      "<reg name=\"sp\" bitsize=\"64\" type=\"data_ptr\"/>"
				      "<reg name=\"pc\" bitsize=\"64\" type=\"code_ptr\"/>"
				      "<reg name=\"cpsr\" bitsize=\"32\" type=\"int\"/>"));
	assert_non_null(strstr(whole, "<reg name=\"v31\" bitsize=\"128\" type=\"uint128\"/>"
				      "<reg name=\"fpsr\" bitsize=\"32\" type=\"int\"/>"));
	assert_non_null(strstr(whole, "<reg name=\"MPIDR_EL1\" bitsize=\"64\" type=\"int\"/>"));
	assert_string_equal(whole + len - 19, "</feature></target>");
	(void)snprintf(question, sizeof(question), "qXfer:features:read:target.xml:%zx,10", len);
	answers(question, "l");
	answers("qXfer:features:read:target.xml:0", "E01");
}

static void memory(void **state)
{
	const u64 entry = vm->plan.entry;

	(void)state;
	assert_string_equal(ask_at("m%lx,8", entry), "7f2003d5ffffff17");
	assert_string_equal(ask_at("M%lx,2:aA55", entry + 1), "OK");
	assert_string_equal(ask_at("m%lx,4", entry), "7faa55d5");
	assert_int_equal(ask_at("m%lx,800", entry)[4095], '0');
	assert_string_equal(ask_at("m%lx,801", entry), "E01");
	assert_string_equal(ask_at("m%lx,0", entry), "");
	assert_string_equal(ask_at("M%lx,2:aa", entry), "E01");
	assert_string_equal(ask_at("M%lx,2", entry), "E01");
	assert_string_equal(ask_at("m%lx", entry), "E01");
	answers("m9000000,4", "E01"); /* the UART is no memory */
	/* The end of RAM: as far as it goes. Memory that has not come reads as zeroes. */
	answers("m407ffffc,8", "00000000");
	answers("M40400000,1:11", "E01");
	answers("m40400000,2", "0000");
}

static void code_breakpoint(void **state)
{
	const u64 entry = vm->plan.entry;
	char brk[16];
	const u32 insn = GUEST_BREAK_INSN;

	(void)state;
	(void)snprintf(brk, sizeof(brk), "%02x%02x%02x%02x", insn & 0xff, insn >> 8 & 0xff,
		       insn >> 16 & 0xff, insn >> 24);
	assert_string_equal(ask_at("Z0,%lx,4", entry + 2), "E01");
	assert_string_equal(ask_at("Z0,%lx,2", entry), "E01");
	answers("Z0,9000000,4", "E01");
	assert_string_equal(ask_at("Z0,%lx,4", entry), "OK");
	assert_string_equal(ask_at("Z0,%lx,4", entry), "OK");
	assert_string_equal(ask_at("m%lx,4", entry), brk);
	/* It is hit; a BRK of the guest's own is not ours. */
	answers("vCont;c", "(none)");
	assert_string_equal(state_of_vm(), "running");
	hit_at = entry + 4;
	guest_does(has_a_brk);
	assert_int_equal(packets, 0);
	hit_at = entry;
	guest_does(hits_break);
	assert_string_equal(answer, "T05thread:1;");
	assert_string_equal(state_of_vm(), "paused");
	assert_string_equal(ask_at("z0,%lx,4", entry), "OK");
	assert_string_equal(ask_at("m%lx,4", entry), "7f2003d5");
	assert_string_equal(ask_at("z0,%lx,4", entry), "OK");
	/* One that is left when gdb goes is taken out; what the guest wrote there is not. */
	assert_string_equal(ask_at("Z0,%lx,4", entry), "OK");
	assert_string_equal(ask_at("Z0,%lx,4", entry + 4), "OK");
	assert_string_equal(ask_at("M%lx,4:11223344", entry + 4), "OK");
	answers("D", "OK");
	assert_string_equal(state_of_vm(), "running");
	assert_false(vm->debugged);
	assert_null(vm->vcpus[0]->debug.by);
	answers("?", "T05thread:1;");
	assert_string_equal(ask_at("m%lx,8", entry), "7f2003d511223344");
}

static void so_many_code_breakpoints(void **state)
{
	const u64 entry = vm->plan.entry;

	(void)state;
	for (u32 n = 0; n < DEBUG_BREAKS; n++)
		assert_string_equal(ask_at("Z0,%lx,4", entry + 4UL * n), "OK");
	assert_string_equal(ask_at("Z0,%lx,4", entry + 4UL * DEBUG_BREAKS), "E01");
	assert_string_equal(ask_at("z0,%lx,4", entry + 4), "OK");
	assert_string_equal(ask_at("Z0,%lx,4", entry + 4UL * DEBUG_BREAKS), "OK");
}

/* DBGBCR: enabled at EL1 and EL0, of a word. DBGWCR: and which bytes, or how many. */
static void points_of_the_cpu(void **state)
{
	const struct guest_debug *d = &vm->vcpus[0]->debug.regs;

	(void)state;
	host_id_registers[5][0] = 1UL << 12 | 1UL << 20; /* two of each */
	answers("Z1,40080000,4", "OK");
	answers("Z1,40080000,4", "OK");
	answers("Z1,40080008,4", "OK");
	answers("Z1,4008000c,4", "E01");
	answers("Z1,40080001,4", "E01");
	answers("z1,40080008,4", "OK");
	answers("z1,40080008,4", "OK");
	answers("Z2,40090004,4", "OK");
	answers("Z3,400a0000,10", "OK");
	answers("Z4,400b0000,1", "E01");
	answers("Z4,400b0000,c", "E01");
	answers("Z4,400b0004,8", "E01");
	answers("Z4,400b0000,0", "E01");
	answers("Z5,400b0000,4", "E01");
	answers("vCont;c", "(none)");
	assert_int_equal(d->mdscr, GUEST_DEBUG_TAKEN | 1UL << 15);
	assert_int_equal(d->reg[GUEST_BVR][0], 0x40080000);
	assert_int_equal(d->reg[GUEST_BCR][0], 0x1e7);
	assert_int_equal(d->reg[GUEST_BCR][1], 0);
	assert_int_equal(d->reg[GUEST_WVR][0], 0x40090000);
	assert_int_equal(d->reg[GUEST_WCR][0], 0xf0 << 5 | 2 << 3 | 7);
	assert_int_equal(d->reg[GUEST_WVR][1], 0x400a0000);
	assert_int_equal(d->reg[GUEST_WCR][1], 4 << 24 | 0xff << 5 | 1 << 3 | 7);
	/* The nearest watchpoint is meant. */
	hit_at = 0x400a0018;
	guest_does(hits_watch);
	assert_string_equal(answer, "T05thread:1;watch:400a0000;");
	answers("z3,400a0000,10", "OK");
	answers("Z4,400b0006,2", "OK");
	answers("vCont;c", "(none)");
	assert_int_equal(d->reg[GUEST_WCR][1], 0xc0 << 5 | 3 << 3 | 7);
	hit_at = 0x40090000;
	guest_does(hits_watch);
	assert_string_equal(answer, "T05thread:1;watch:40090004;");
	answers("D", "OK");
	assert_int_equal(d->reg[GUEST_BCR][0] | d->reg[GUEST_WCR][0] | d->mdscr, 0);
}

static void interrupted(void **state)
{
	(void)state;
	answers("vCont;c", "(none)");
	answers("vCont;c", "E01"); /* it runs */
	answers("g", "E01");
	typed("\003");
	assert_string_equal(answer, "T02thread:1;");
	assert_string_equal(state_of_vm(), "paused");
	answers("vCont;C05", "(none)");
	says("zvm pause two", "vm 0 'two' paused\n"); /* the operator does it */
	house_sleep(100);
	read_line();
	assert_string_equal(answer, "T11thread:1;");
	answers("vCont;x", "E01");
	answers("vCont;c:9", "E01");
	answers("vCont;C", "E01");
	answers("vCont;c;", "E01");
	answers("vContX", "E01");
	assert_string_equal(state_of_vm(), "paused");
}

/* One instruction, with interrupts masked meanwhile: PSTATE has the masks of before at its end. */
static void steps(void **state)
{
	u64 *pstate = &regs[0].core[GUEST_PSTATE];

	(void)state;
	*pstate = 0x305;
	answers("vCont;s:1", "(none)");
	assert_int_equal(*pstate, 0x305 | 0xc0 | 1 << 21);
	assert_int_equal(vm->vcpus[0]->debug.regs.mdscr, GUEST_DEBUG_TAKEN | 1UL << 15 | 1);
	regs[0].core[GUEST_PC] += 4;
	guest_does(has_stepped);
	assert_string_equal(answer, "T05thread:1;");
	assert_int_equal(*pstate, 0x305);
	/* The step took an exception: the masks are in what it saved. */
	answers("vCont;s:1;c", "(none)");
	assert_int_equal(*pstate & 0xc0, 0xc0);
	regs[0].sys[GUEST_VBAR] = 0x40081000;
	regs[0].core[GUEST_PC] = 0x40081280;
	regs[0].sys[GUEST_SPSR] = *pstate;
	*pstate = 0x3c5 | 1 << 21;
	guest_does(has_stepped);
	assert_int_equal(regs[0].sys[GUEST_SPSR], 0x305 | 1 << 21);
	assert_int_equal(*pstate, 0x3c5);
}

/* Instructions that read or write the masks are stepped with the guest's own ones. */
static void steps_what_sees_masks(void **state)
{
	static const struct {
		const char *insn; /* as in memory */
		bool sees;
	} rows[] = {
		{ "df4203d5", true },  /* MSR DAIFSet, #2 */
		{ "ff4203d5", true },  /* MSR DAIFClr, #2 */
		{ "20421bd5", true },  /* MSR DAIF, X0 */
		{ "20423bd5", true },  /* MRS X0, DAIF */
		{ "e0039fd6", true },  /* ERET */
		{ "1f2003d5", false }, /* NOP */
		{ "00421bd5", false }, /* MSR NZCV, X0 */
		{ "c0035fd6", false }, /* RET */
	};
	u64 *pstate = &regs[0].core[GUEST_PSTATE];

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		char write[64];

		*pstate = 0x305;
		(void)snprintf(write, sizeof(write), "M%lx,4:%s", regs[0].core[GUEST_PC],
			       rows[i].insn);
		answers(write, "OK");
		answers("vCont;s:1", "(none)");
		assert_int_equal(*pstate & 0xc0, rows[i].sees ? 0 : 0xc0);
		*pstate &= ~(1UL << 21);
		guest_does(has_stepped);
		assert_int_equal(*pstate, 0x305);
	}
}

static void how_it_ends(void **state)
{
	(void)state;
	answers("vCont;c", "(none)");
	guest_does(powers_off);
	assert_string_equal(answer, "T0fthread:1;");
	assert_string_equal(state_of_vm(), "stopped");
	answers("vCont;c", "(none)"); /* it starts again */
	house_sleep(1000);
	assert_string_equal(state_of_vm(), "running");
	guest_does(faults);
	assert_string_equal(answer, "T06thread:1;");
	assert_string_equal(state_of_vm(), "crashed");
	says("zvm gdb --off two", "vm 0 'two' is without gdb\n");
	assert_string_equal(state_of_vm(), "crashed");
}

/* gdb goes: the VM runs if it did before, or if gdb let it run. */
static void leaves(void **state)
{
	(void)state;
	says("zvm gdb --off two", "vm 0 'two' is without gdb\n");
	assert_string_equal(state_of_vm(), "running");
	says("zvm pause two", "vm 0 'two' paused\n");
	says("zvm gdb two", "vm 0 'two': `target remote` in gdb, to port 3 (p3)\n");
	answers("?", "T05thread:1;");
	answers("vKill;1", "OK");
	assert_string_equal(state_of_vm(), "paused");
	answers("?", "T05thread:1;");
	answers("vCont;c", "(none)");
	answers("D", "OK");
	assert_string_equal(state_of_vm(), "running");
	answers("?", "T05thread:1;");
	answers("vCont;c", "(none)");
	says("zvm delete -f two", "vm 0 'two' deleted\n");
	assert_int_equal(house_ports[PORT].left, 0);
	says("zvm new one", "vm 0 'one' created: 1 vcpu, 8 MiB\n");
	says("zvm gdb one", "vm 0 'one': `target remote` in gdb, to port 3 (p3)\n");
	answers("?", "T05thread:1;");
	assert_string_equal(vm_state_name(vm_by_id(0)->state), "created");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(opens_and_closes, setup, house_teardown),
		cmocka_unit_test_setup_teardown(the_line, setup, house_teardown),
		cmocka_unit_test_setup_teardown(too_long_a_packet, setup, house_teardown),
		cmocka_unit_test_setup_teardown(nothing_before_it_attaches, setup, house_teardown),
		cmocka_unit_test_setup_teardown(threads, attached, house_teardown),
		cmocka_unit_test_setup_teardown(registers, attached, house_teardown),
		cmocka_unit_test_setup_teardown(description, attached, house_teardown),
		cmocka_unit_test_setup_teardown(memory, attached, house_teardown),
		cmocka_unit_test_setup_teardown(code_breakpoint, attached, house_teardown),
		cmocka_unit_test_setup_teardown(so_many_code_breakpoints, attached, house_teardown),
		cmocka_unit_test_setup_teardown(points_of_the_cpu, attached, house_teardown),
		cmocka_unit_test_setup_teardown(interrupted, attached, house_teardown),
		cmocka_unit_test_setup_teardown(steps, attached, house_teardown),
		cmocka_unit_test_setup_teardown(steps_what_sees_masks, attached, house_teardown),
		cmocka_unit_test_setup_teardown(how_it_ends, attached, house_teardown),
		cmocka_unit_test_setup_teardown(leaves, attached, house_teardown),
	};

	house_type("one", 1, NULL);
	house_type("two", 2, NULL);
	return cmocka_run_group_tests(tests, house_boot, NULL);
}
