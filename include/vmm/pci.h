/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM's PCI bus (PCI Local Bus 3.0): a generic ECAM host bridge, and functions, each a device of
 * its own on bus 0. A VM without a function has no bridge: its bus reads as all ones.
 */
#ifndef VMM_PCI_H
#define VMM_PCI_H

#include <kernel/spinlock.h>
#include <vmm/bus.h>
#include <vmm/desc.h>
#include <vmm/dev.h>

struct vm;
struct pci_host;
struct pci_function;

/* ---- configuration space, in words of 32 bits ---- */

#define PCI_WORDS 64 /* with the 256 bytes of a conventional function; behind them it reads 0 */

#define PCI_ID_WORD       0
#define PCI_COMMAND_WORD  1 /* Status is its upper half */
#define PCI_CLASS_WORD    2
#define PCI_BAR_WORD(n)   (4 + (n))
#define PCI_CAPABILITIES  0x40 /* of the first capability */
#define PCI_CAP_VENDOR    0x09
#define PCI_CAP_WORD(off) ((PCI_CAPABILITIES + (off)) / 4)

/* 6.2.2, 6.2.3 */
#define PCI_COMMAND_MEMORY    BIT(1)
#define PCI_COMMAND_MASTER    BIT(2)
#define PCI_COMMAND_INTX_OFF  BIT(10)
#define PCI_STATUS_INTERRUPT  BIT(16 + 3)
#define PCI_STATUS_CAPABILITY BIT(16 + 4)

/* 6.2.5.1 */
#define PCI_BAR_64BIT    BIT(2)
#define PCI_BAR_PREFETCH BIT(3)

/* A word at reset, and its bits that software may change. Words without a row are 0. */
struct pci_word {
	u16 word;
	u32 value, writable;
};

/* ---- functions ---- */

#define PCI_BARS 2 /* of a function, whatever their numbers */

/* A range of addresses that software places. Its size is a power of two. */
struct pci_bar {
	u8 number; /* 0 to 5; with PCI_BAR_64BIT it takes the next one too */
	u32 flags;
	u64 preset; /* where it is after a reset, as firmware would place it */
	/*
	 * Accesses that trap. size 0: there is no such BAR. base: where it is decoded now, or
	 * MMIO_NOWHERE.
	 */
	struct mmio_region region;
	/* Memory for its guest: a window of stage 2 of that size. NULL: all accesses trap. */
	const u64 *window;
};

struct pci_model {
	const struct pci_word *words;
	u32 count;
	/* Status: the function has an interrupt that was not taken back. Host's lock held. */
	bool (*interrupts)(const struct pci_function *f);
	/*
	 * The guest has written to a word, or all of them have been reset (word 0). The function
	 * may change its words. Host's lock held.
	 */
	void (*written)(struct pci_function *f, u32 word);
};

struct pci_function {
	struct pci_host *host;
	const struct pci_model *model;
	void *dev;
	u8 slot;            /* its device number; it is function 0 of it */
	u32 intid;          /* of its INTA */
	u32 own[PCI_WORDS]; /* value at reset; the model's words and BARs, made by pci_add() */
	u32 words[PCI_WORDS];
	u32 writable[PCI_WORDS];
	struct pci_bar bars[PCI_BARS];
};

/*
 * Put a function on the VM's bus: model, dev and bars (number, flags, region.size, handler, table,
 * dev, and window) are filled in by the caller. It gets the next device number from 1 on, a place
 * for each BAR, and INTA. 0, -ENOSPC. -ENOTSUP: the CPU's addresses are too short for the bus.
 * While the VM is created; f lives as long as the VM.
 */
int __must_check pci_add(struct vm *vm, struct pci_function *f);

/* Of the VM's functions the one at that device number. NULL: there is none. */
const struct pci_function *pci_function_at(const struct pci_host *host, u32 slot);

/* ---- channels ---- */

/*
 * For checks: the page of a channel's memory that vm sees at ipa, and how, by its description.
 * False: its guest has no channel's memory there. Lifecycle lock held.
 */
bool __must_check channel_page(const struct vm *vm, u64 ipa, paddr_t *pa, enum stage2_attr *attr);

/*
 * ivshmem version 2: registers in BAR 0, the channel's memory in BAR 2 (docs/guest-abi.md). A VM
 * has one for each node of /channels in its description.
 */
extern const struct vdev_class ivshmem_class;

/*
 * The channels that have a peer: NULL is before the first and behind the last; its description; a
 * look at one of its peers. Lifecycle lock held.
 */
struct channel;
struct channel *channel_next(const struct channel *c);
const struct desc_channel *channel_desc(const struct channel *c);
struct channel_look {
	const struct vm *vm;  /* NULL: it was not created */
	u32 shown;            /* its entry in the state table */
	bool waits;           /* an event waits for the guest to enable its interrupt */
	u64 rung, interrupts; /* events for it so far, and how many interrupted its guest */
	u64 last;             /* counter value at the last one; 0: there was none */
};
struct channel_look channel_look(struct channel *c, u32 id);

/* The bridge. A VM whose description has a function has it, created before its functions. */
extern const struct vdev_class pci_class;

#endif
