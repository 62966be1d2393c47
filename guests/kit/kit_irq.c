/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/irq.h"
#include "kit/gic.h"
#include "kit/lock.h"

static struct {
	irq_handler_t handler;
	void *arg;
} handlers[IRQ_HANDLERS];

static unsigned int unexpected;
static unsigned int spurious;

void irq_set_handler(unsigned int intid, irq_handler_t handler, void *arg)
{
	if (intid >= IRQ_HANDLERS)
		return;
	handlers[intid].arg = arg;
	store_release(&handlers[intid].handler, handler);
}

unsigned int irq_unexpected(void)
{
	return load_acquire(&unexpected);
}

unsigned int irq_spurious(void)
{
	return load_acquire(&spurious);
}

/* False for what is no interrupt. */
static bool handle(unsigned int intid)
{
	irq_handler_t handler;

	if (intid >= GIC_SPECIAL) {
		atomic_inc(&spurious);
		return false;
	}
	handler = intid < IRQ_HANDLERS ? load_acquire(&handlers[intid].handler) : NULL;
	if (handler) {
		handler(intid, handlers[intid].arg);
	} else {
		atomic_inc(&unexpected);
		gic_disable(intid);
	}
	return true;
}

void irq_dispatch(void)
{
	unsigned int intid = gic_ack();

	if (handle(intid))
		gic_eoi(intid);
}

void fiq_dispatch(void)
{
	unsigned int intid = (unsigned int)read_icc(ICC_IAR0) & 0xffffff;

	if (handle(intid))
		write_icc(ICC_EOIR0, intid);
}
