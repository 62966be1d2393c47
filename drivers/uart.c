/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's UART, whatever its chip: rings, blocking, and polled output for the log. */
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <arch/timer.h>
#include <drivers/host.h>
#include <drivers/uart.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/timeout.h>
#include <kernel/wait.h>
#include <lib/errno.h>
#include <lib/ring.h>
#include "uart.h"

#define RX_RING 1024
#define TX_RING 4096
/*
 * Writers fill at most this much of the TX ring: 22 ms at 115200 baud. That is how long the answer
 * to an operator's key waits behind earlier output. The rest of the ring is for lines of the log,
 * whose writers do not wait.
 */
#define TX_WRITERS 256

static struct {
	struct uart_chip
		chip; /* without ops: no UART. Writes then vanish and reads wait for ever */
	struct wait_queue readers; /* its lock guards the chip and everything below */
	struct wait_queue writers; /* for room in tx; readers.lock nests in its lock */
	struct ring rx, tx;
	bool rx_on, tx_on; /* interrupts enabled now */
	bool paused;       /* no interrupts until pause_end */
	bool polled;       /* the UART has no interrupt: always paused */
	struct timeout pause_end;
	void (*notify)(void);
} uart = {
	.readers = WAIT_QUEUE_INIT(uart.readers, LOCK_UART),
	.writers = WAIT_QUEUE_INIT(uart.writers, LOCK_UART_WRITERS),
};

static u8 rx_buf[RX_RING], tx_buf[TX_RING];

/* ---- the chip; all with readers.lock held ---- */

/*
 * Enable the interrupts that are needed: RX if there is room in the ring, TX if bytes wait in it.
 */
static void set_irqs(void)
{
	bool rx = !uart.paused && ring_free(&uart.rx);
	bool tx = !uart.paused && ring_used(&uart.tx);

	if (rx == uart.rx_on && tx == uart.tx_on)
		return;
	uart.rx_on = rx;
	uart.tx_on = tx;
	uart.chip.ops->irq_enable(&uart.chip, rx, tx);
}

static bool receive(void)
{
	return uart_receive(&uart.chip, &uart.rx) != 0;
}

static u32 transmit(void)
{
	return uart_transmit(&uart.chip, &uart.tx);
}

/* Move as many bytes as possible, in interrupt context. A pause follows if any were moved. */
static void serve(void)
{
	unsigned long flags = spin_lock_irqsave(&uart.readers.lock);
	void (*notify)(void) = uart.notify;
	bool received, sent;

	if (uart.chip.ops->irq_clear)
		uart.chip.ops->irq_clear(&uart.chip);
	received = receive();
	sent = transmit();
	uart.paused = received || sent || uart.polled;
	if (uart.paused)
		timeout_set(&uart.pause_end,
			    arch_counter() +
				    us_to_ticks(uart.polled ? UART_POLL_US : UART_PAUSE_US));
	set_irqs();
	if (received)
		wait_wake_all_locked(&uart.readers);
	spin_unlock_irqrestore(&uart.readers.lock, flags);
	if (sent)
		wait_wake_all(&uart.writers);
	if (received && notify)
		notify();
}

static void pause_over(struct timeout *t __unused)
{
	serve();
}

static void uart_irq(u32 intid __unused, void *arg __unused)
{
	serve();
}

/* ---- reading ---- */

static int take_locked(void)
{
	u8 byte;

	if (!uart.chip.ops)
		return -EAGAIN;
	if (!ring_used(&uart.rx) && !receive()) {
		uart.paused = uart.polled;
		set_irqs();
		return -EAGAIN;
	}
	(void)ring_get(&uart.rx, &byte);
	return byte;
}

int uart_poll(void)
{
	unsigned long flags = spin_lock_irqsave(&uart.readers.lock);
	int byte = take_locked();

	spin_unlock_irqrestore(&uart.readers.lock, flags);
	return byte;
}

int uart_getc(u64 deadline)
{
	unsigned long flags = spin_lock_irqsave(&uart.readers.lock);
	int byte;

	while ((byte = take_locked()) == -EAGAIN) {
		if (wait_block_locked(&uart.readers, flags, deadline) != 0)
			return -ETIMEDOUT;
		flags = spin_lock_irqsave(&uart.readers.lock);
	}
	spin_unlock_irqrestore(&uart.readers.lock, flags);
	return byte;
}

u32 uart_waiting(u8 byte)
{
	unsigned long flags = spin_lock_irqsave(&uart.readers.lock);
	u64 pos = uart.rx.tail, end;

	if (uart.chip.ops)
		(void)receive();
	end = uart.rx.head;
	spin_unlock_irqrestore(&uart.readers.lock, flags);
	/* No lock: only the calling thread takes bytes out. */
	for (; pos < end; pos++)
		if (rx_buf[pos % RX_RING] == byte)
			return (u32)(pos - uart.rx.tail) + 1;
	return 0;
}

void uart_set_notify(void (*fn)(void))
{
	unsigned long flags = spin_lock_irqsave(&uart.readers.lock);

	uart.notify = fn;
	spin_unlock_irqrestore(&uart.readers.lock, flags);
}

/* ---- writing ---- */

/* With readers.lock held. */
static u32 room_for_writers(void)
{
	return TX_WRITERS - MIN(ring_used(&uart.tx), (u32)TX_WRITERS);
}

/*
 * Write as much of data as there is room for now. The writer also fills the FIFO itself, before an
 * interrupt does.
 */
static size_t write_some(const u8 *data, size_t len)
{
	size_t n = 0;
	bool more;

	do {
		unsigned long flags = spin_lock_irqsave(&uart.readers.lock);

		n += ring_write(&uart.tx, data + n, (u32)MIN(len - n, (size_t)room_for_writers()));
		more = transmit() == UART_BURST && ring_used(&uart.tx);
		if (!more)
			set_irqs();
		spin_unlock_irqrestore(&uart.readers.lock, flags);
	} while (more);
	return n;
}

static bool tx_room(void)
{
	unsigned long flags = spin_lock_irqsave(&uart.readers.lock);
	bool room = room_for_writers() != 0;

	spin_unlock_irqrestore(&uart.readers.lock, flags);
	return room;
}

void uart_write(const void *data, size_t len)
{
	const u8 *bytes = data;

	while (uart.chip.ops && len) {
		size_t n = write_some(bytes, len);

		bytes += n;
		len -= n;
		if (len)
			wait_until(&uart.writers, tx_room());
	}
}

void uart_drain(void)
{
	while (uart.chip.ops) {
		unsigned long flags = spin_lock_irqsave(&uart.readers.lock);
		bool done = ((void)transmit(), !ring_used(&uart.tx)) &&
			    uart.chip.ops->tx_idle(&uart.chip);

		spin_unlock_irqrestore(&uart.readers.lock, flags);
		if (done)
			return;
		arch_relax();
	}
}

/* Send a line of the log. A line that finds no room is kept in the log alone. */
static void queue_line(const char *line, size_t len)
{
	unsigned long flags = spin_lock_irqsave(&uart.readers.lock);

	if (ring_free(&uart.tx) > len) {
		(void)ring_write(&uart.tx, line, (u32)len - 1);
		(void)ring_write(&uart.tx, "\r\n", 2);
		(void)transmit();
		set_irqs();
	}
	spin_unlock_irqrestore(&uart.readers.lock, flags);
}

static void poll_out(u8 byte)
{
	while (!uart.chip.ops->tx_room(&uart.chip))
		arch_relax();
	uart.chip.ops->tx(&uart.chip, byte);
}

/*
 * A panic's output takes no lock, even if one is held: no other CPU runs. Bytes that wait in the
 * ring go first.
 */
static void polled_putc(char c)
{
	u8 byte;

	while (ring_get(&uart.tx, &byte))
		poll_out(byte);
	poll_out((u8)c);
}

/* ---- start ---- */

int uart_find(struct phys_range *regs)
{
	int node = host_fdt_stdout();

	if (uart_chip_at(node, &uart.chip, regs) == 0)
		return 0;
	for (node = host_fdt_next(-1); node >= 0; node = host_fdt_next(node))
		if (uart_chip_at(node, &uart.chip, regs) == 0)
			return 0;
	return -ENODEV;
}

int uart_find_in_broken(const void *fdt, u64 size, struct phys_range *regs)
{
	return uart_chip_in_broken(fdt, size, &uart.chip, regs);
}

void uart_early_init(volatile void *base)
{
	uart.chip.base = base;
	uart.chip.ops->setup(&uart.chip);
	log_putc = polled_putc;
}

/*
 * Warn if the UART in use is not the one that the devicetree names: the operator may be looking at
 * that one and see nothing.
 */
static void say_if_another(void)
{
	int node = host_fdt_stdout();

	if (node >= 0 && node != uart.chip.node)
		log_warn("the devicetree's stdout is %s, which %s; this is %s at 0x%llx",
			 host_fdt_compatible(node),
			 host_fdt_enabled(node) ? "has no driver" : "is disabled",
			 uart.chip.compatible, (unsigned long long)uart.chip.pa);
}

int uart_probe(void)
{
	u32 intid, irq_flags, baud = host_fdt_option("uart.baud=");
	int r;

	if (!uart.chip.base)
		return -ENODEV;
	say_if_another();
	ring_init(&uart.rx, rx_buf, RX_RING);
	ring_init(&uart.tx, tx_buf, TX_RING);
	timeout_init(&uart.pause_end, pause_over);
	uart.pause_end.patient = true;
	log_write = queue_line;
	r = host_fdt_irq(uart.chip.node, 0, &intid, &irq_flags);
	if (r == 0)
		r = irq_request(intid, "uart", uart_irq, NULL, irq_flags);
	if (baud)
		uart_slow_down(&uart.chip, baud);
	uart.polled = r != 0 || baud;
	if (r)
		log_info("uart: no interrupt (%s): polled instead", strerror(r));
	serve();
	return 0;
}

bool uart_is_ours(int node)
{
	return uart.chip.ops && uart.chip.node == node;
}

const char *uart_name(void)
{
	return uart.chip.ops ? uart.chip.compatible : "none";
}
