/* SPDX-License-Identifier: Apache-2.0 */
/* Channels, as their functions use them. */
#ifndef PCI_INTERNAL_H
#define PCI_INTERNAL_H

#include <vmm/pci.h>

/*
 * One side of a channel. It lives as long as the channel: a doorbell that is on its way finds it,
 * whether its VM is there or not.
 *
 * An event is a doorbell or a change of another peer's state. It sets `latched`, which Status bit 3
 * shows, and `owed`, until the interrupt is delivered. It is delivered, as one write to ISPENDR, as
 * soon as the guest has enabled it in IntControl and has not disabled INTx in Command. Disabling
 * INTx takes back both.
 */
struct channel_peer {
	struct spinlock lock;
	struct vm *vm; /* NULL: none has joined */
	u32 intid;
	bool runs;  /* its VM does: the state table shows `state`, else 0 */
	bool takes; /* its VM runs or is paused: events reach it */
	bool latched, owed;
	bool enabled;               /* IntControl bit 0 */
	bool off;                   /* Command bit 10 */
	bool one_shot;              /* delivery clears `enabled` */
	u32 state;                  /* State */
	u64 rung, interrupts, last; /* events and deliveries so far; when the last one was */
};

struct channel {
	struct list node;
	struct desc_channel desc;
	u32 users;
	u32 pages;
	void *memory; /* the state table comes first */
	struct channel_peer peers[DESC_PEERS_MAX];
};

/*
 * Let vm into its channel, as the peer `id`; the first one makes the channel and its memory. The
 * caller sets the peer's intid before vm runs. NULL: `why` says why not. Lifecycle lock held.
 */
struct channel *channel_join(const struct desc_channel *d, struct vm *vm, u32 *id, char *why,
			     size_t size);
/* The VM, which no longer sees the memory, leaves. The last one ends it. Lifecycle lock held. */
void channel_leave(struct channel *c, u32 id);

/* Let peer `to` have an event. Any context; one short section. */
void channel_ring(struct channel *c, u32 to);

/*
 * Each returns true if the entry in the state table has changed: then all others are to have an
 * event. The guest writes State; its VM's run state has changed; its VM is reset. Any context.
 */
bool channel_set_state(struct channel *c, u32 id, u32 state);
bool channel_look_at_vm(struct channel *c, u32 id);
bool channel_reset(struct channel *c, u32 id);
/* The same event for all others, in a short section for each. Any context. */
void channel_tell_others(struct channel *c, u32 id);

/* IntControl and Command of a peer. Any context. */
void channel_enable(struct channel *c, u32 id, bool enabled);
void channel_command(struct channel *c, u32 id, bool off, bool one_shot);

#endif
