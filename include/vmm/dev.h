/* SPDX-License-Identifier: Apache-2.0 */
/* The emulated devices beside the GIC. Each keeps its state in one plain struct. */
#ifndef VMM_DEV_H
#define VMM_DEV_H

#include <kernel/spinlock.h>
#include <kernel/timeout.h>
#include <lib/types.h>

struct vm;
struct console;

#define GUEST_GICD_BASE     0x08000000ULL
#define GUEST_GICC_BASE     0x08010000ULL /* GICv2 */
#define GUEST_GICR_BASE     0x080a0000ULL
#define GUEST_UART_BASE     0x09000000ULL
#define GUEST_RTC_BASE      0x09010000ULL
#define GUEST_FW_CFG_BASE   0x09020000ULL
#define GUEST_GPIO_BASE     0x09030000ULL
#define GUEST_VIRTIO_BASE   0x0a000000ULL
#define GUEST_VIRTIO_SIZE   0x4000ULL     /* 32 slots of 0x200 bytes */
#define GUEST_PVTIME_BASE   0x090a0000ULL /* a page of stolen time */
#define GUEST_FLASH_BASE    0x00000000ULL
#define GUEST_FLASH1_BASE   0x04000000ULL
#define GUEST_GICV2M_BASE   0x08020000ULL
#define GUEST_ITS_BASE      0x08080000ULL
#define GUEST_PCI_WINDOW    0x10000000ULL
#define GUEST_PCI_ECAM      0x4010000000ULL
#define GUEST_PCI_WINDOW_64 0x8000000000ULL
#define GUEST_UART_IRQ      33
#define GUEST_RTC_IRQ       34

#define PL011_FIFO 16

/* Arm PL011 (DDI 0183) revision r1p5. */
struct vpl011 {
	struct spinlock lock; /* taken before the console's and the vgic's */
	struct vm *vm;
	struct console *console;
	u32 cr, lcr_h, ibrd, fbrd, ifls, imsc, ris, dmacr, ilpr, rsr;
	u16 rx[PL011_FIFO]; /* as UARTDR has them */
	u8 rx_head, rx_count;
	bool overrun;   /* a byte was lost: the next one read says so */
	bool irq_level; /* what the VGIC was told */
};

/* Reset state and place on the VM's bus. The console's input_ready is set to the UART. */
int __must_check vpl011_init(struct vpl011 *u, struct vm *vm, struct console *c);
void vpl011_reset(struct vpl011 *u);

/* Arm PL031 (DDI 0224): seconds. Counts from the host's boot plus an offset. */
struct vrtc {
	struct spinlock lock;
	struct vm *vm;
	u32 match, load, imsc, ris;
	u64 base_ticks; /* counter value at which the data register was `load` */
	struct timeout alarm;
	bool irq_level;
};

int __must_check vrtc_init(struct vrtc *r, struct vm *vm);
/* Disarms the alarm too: call it before the VM is freed. No lock held. */
void vrtc_reset(struct vrtc *r);
/*
 * Wall-clock seconds (Unix time) now, from the host's own RTC if there is one, else 0 at boot; set
 * by drivers/.
 */
extern u64 (*host_wall_clock)(void);

/*
 * What `virt` has and a VM has not reads as empty: flash as erased, virtio-mmio transports as without a device, the PCI
 * bus and its windows as all ones, fw_cfg, GPIO, ITS (GICv2m) as zeros.
 */
/* Once, before the first VM. */
int __must_check vempty_host_init(void);
/* The VM's stage 2 exists. */
int __must_check vempty_init(struct vm *vm);

#endif
