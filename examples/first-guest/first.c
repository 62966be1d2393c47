/* SPDX-License-Identifier: Apache-2.0 */
/* A first guest: it prints on the UART, and a timer interrupts it every half second. */
#include <stdint.h>

#define UART_DATA 0x09000000u
#define UART_FLAG 0x09000018u
#define UART_FULL (1u << 5)

#define GICD_CTLR       0x08000000u
#define GICR_WAKER      0x080a0014u
#define GICR_IGROUPR0   0x080b0080u
#define GICR_ISENABLER0 0x080b0100u
#define GROUP1          (1u << 1)
#define TIMER           27u /* the virtual timer's interrupt */

#define reg(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define set(name, value) \
	__asm__ volatile("msr " name ", %0\n\tisb" : : "r"((uint64_t)(value)) : "memory")
#define get(name)                                                           \
	({                                                                  \
		uint64_t value_;                                            \
		__asm__ volatile("mrs %0, " name : "=r"(value_)::"memory"); \
		value_;                                                     \
	})

void main(void);
void interrupt(void);

static void put(char c)
{
	while (reg(UART_FLAG) & UART_FULL)
		;
	reg(UART_DATA) = (uint8_t)c;
}

static void print(const char *text)
{
	for (; *text; text++)
		put(*text);
}

static void next_tick(void)
{
	set("cntv_tval_el0", get("cntfrq_el0") / 2);
}

/* Called by the vector. */
void interrupt(void)
{
	uint64_t id = get("icc_iar1_el1");

	if (id == TIMER) {
		print("tick\r\n");
		next_tick();
	}
	set("icc_eoir1_el1", id);
}

void main(void)
{
	print("hello from EL1\r\n");

	reg(GICD_CTLR) = GROUP1;
	reg(GICR_WAKER) = 0;
	reg(GICR_IGROUPR0) = ~0u;
	reg(GICR_ISENABLER0) = 1u << TIMER;
	set("icc_sre_el1", 1);
	set("icc_pmr_el1", 0xff);
	set("icc_igrpen1_el1", 1);

	next_tick();
	set("cntv_ctl_el0", 1);
	__asm__ volatile("msr daifclr, #2" : : : "memory");
	for (;;)
		__asm__ volatile("wfi");
}
