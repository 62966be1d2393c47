/* SPDX-License-Identifier: Apache-2.0 */
/* UARTs that the host does not use itself, offered as ports for VMs' consoles. */
#include <arch/mmu.h>
#include <arch/timer.h>
#include <drivers/host.h>
#include <drivers/uart.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/timeout.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/ring.h>
#include <vmm/port.h>
#include "uart.h"

#define MAX_SPARE 4
#define RX_RING   256
#define TX_RING   1024

struct spare {
	struct uart_chip chip;
	struct spinlock lock; /* guards the chip and everything below */
	struct ring rx, tx;
	bool paused; /* no interrupts until pause_end */
	bool polled; /* the UART has no interrupt: always paused */
	bool full;   /* a writer found no room */
	struct timeout pause_end;
	u32 port;
	char name[40];
	u8 rx_buf[RX_RING], tx_buf[TX_RING];
};

static struct spare spares[MAX_SPARE];
static u32 spare_count;

static void set_irqs(const struct spare *s)
{
	s->chip.ops->irq_enable(&s->chip, !s->paused && ring_free(&s->rx),
				!s->paused && ring_used(&s->tx));
}

/* As in uart.c: move bytes in interrupt context, and pause if any were moved. */
static void serve(struct spare *s)
{
	unsigned long flags = spin_lock_irqsave(&s->lock);
	bool received, sent, room;

	if (s->chip.ops->irq_clear)
		s->chip.ops->irq_clear(&s->chip);
	received = uart_receive(&s->chip, &s->rx) != 0;
	sent = uart_transmit(&s->chip, &s->tx) != 0;
	room = s->full && ring_free(&s->tx) >= TX_RING / 2;
	s->full &= !room;
	s->paused = received || sent || s->polled;
	if (s->paused)
		timeout_set(&s->pause_end,
			    arch_counter() + us_to_ticks(s->polled ? UART_POLL_US : UART_PAUSE_US));
	set_irqs(s);
	spin_unlock_irqrestore(&s->lock, flags);
	if (received || room)
		console_port_ready(s->port);
}

static void pause_over(struct timeout *t)
{
	serve(container_of(t, struct spare, pause_end));
}

static void spare_irq(u32 intid __unused, void *arg)
{
	serve(arg);
}

static u32 spare_write(u32 port, const void *data, u32 len)
{
	struct spare *s = &spares[port];
	unsigned long flags = spin_lock_irqsave(&s->lock);
	u32 done = ring_write(&s->tx, data, len);

	(void)uart_transmit(&s->chip, &s->tx);
	s->full = done < len;
	set_irqs(s);
	spin_unlock_irqrestore(&s->lock, flags);
	return done;
}

static u32 spare_read(u32 port, void *data, u32 len)
{
	struct spare *s = &spares[port];
	unsigned long flags = spin_lock_irqsave(&s->lock);
	u8 *bytes = data;
	u32 done = 0;

	while (done < len && ring_get(&s->rx, &bytes[done]))
		done++;
	set_irqs(s);
	spin_unlock_irqrestore(&s->lock, flags);
	return done;
}

static const char *spare_name(u32 port)
{
	return spares[port].name;
}

static void start(struct spare *s)
{
	u32 intid, flags;
	int r;

	s->chip.ops->setup(&s->chip);
	r = host_fdt_irq(s->chip.node, 0, &intid, &flags);
	if (r == 0)
		r = irq_request(intid, "uart port", spare_irq, s, flags);
	s->polled = r != 0;
	serve(s);
}

/* False if there is no room for it. */
static bool add(const struct uart_chip *chip, const struct phys_range *regs)
{
	struct spare *s = &spares[spare_count];

	if (spare_count == MAX_SPARE)
		return false;
	s->chip = *chip;
	s->chip.base = arch_map_device(regs->base, regs->size);
	if (!s->chip.base)
		return false;
	spin_lock_init(&s->lock, LOCK_VIRTIO);
	ring_init(&s->rx, s->rx_buf, RX_RING);
	ring_init(&s->tx, s->tx_buf, TX_RING);
	timeout_init(&s->pause_end, pause_over);
	s->pause_end.patient = true;
	snprintf(s->name, sizeof(s->name), "%s@%llx", chip->compatible,
		 (unsigned long long)chip->pa);
	spare_count++;
	return true;
}

void uart_ports_probe(void)
{
	static struct console_port_ops ops = { .write = spare_write,
					       .read = spare_read,
					       .name = spare_name };
	struct uart_chip chip;
	struct phys_range regs;
	s32 first;

	for (int node = host_fdt_next(-1); node >= 0; node = host_fdt_next(node)) {
		/* Registers without a clock may hang the bus. */
		if (uart_chip_at(node, &chip, &regs) == 0 && !uart_is_ours(node) &&
		    host_fdt_clocked(node) && !add(&chip, &regs))
			log_warn("%s@%llx is not used: at most %u UARTs can be VMs' ports",
				 chip.compatible, (unsigned long long)chip.pa, MAX_SPARE);
	}
	if (!spare_count)
		return;
	ops.count = spare_count;
	first = console_ports_register(&ops);
	for (u32 i = 0; first >= 0 && i < ops.count; i++) {
		spares[i].port = (u32)first + i;
		start(&spares[i]);
	}
}
