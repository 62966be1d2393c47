/* SPDX-License-Identifier: Apache-2.0 */
/* A driver of virtio network cards (VIRTIO 1.2, 5.1), by polling. */
#ifndef NETCARD_H
#define NETCARD_H

#include "kit/types.h"

#define CARDS       4u
#define CARD_RX     0u
#define CARD_TX     1u
#define CARD_SIZE   64u /* of a queue */
#define CARD_HEADER 12u
#define CARD_BYTES  1600u /* of a buffer */

struct card_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct card_queue {
	struct card_desc desc[CARD_SIZE] __attribute__((aligned(16)));
	struct {
		uint16_t flags, idx, ring[CARD_SIZE + 1];
	} avail __attribute__((aligned(64)));
	struct {
		uint16_t flags, idx;
		struct {
			uint32_t id, len;
		} ring[CARD_SIZE];
		uint16_t event;
	} used __attribute__((aligned(64)));
	uint16_t seen; /* of the used ring */
};

struct card {
	uintptr_t base; /* 0: there is none */
	unsigned int intid, tx_size;
	uint8_t mac[6];
	struct card_queue queue[2];
	uint8_t rx[CARD_SIZE][CARD_BYTES], tx[CARD_SIZE][CARD_BYTES];
};

extern struct card cards[CARDS];

/* Find the cards, the last slot first, and start them without features. How many there are. */
unsigned int card_find(void);
/* (Re)start a card; queues of that many descriptors. */
void card_start(struct card *c, uint32_t features, unsigned int rx, unsigned int tx);
/* Give all buffers for receiving to the device. */
void card_fill(struct card *c, unsigned int count);
/* The next frame that came, or NULL; *len. card_return() gives its buffer back. */
uint8_t *card_receive(struct card *c, unsigned int *len, unsigned int *slot);
void card_return(struct card *c, unsigned int slot);
/* The buffer of the next frame to send: behind its header. */
uint8_t *card_buffer(struct card *c);
/* Send it, of len bytes; true: the device took it before this returned. */
bool card_send(struct card *c, unsigned int len);
/* True: the device has taken everything that was sent. */
bool card_sent(const struct card *c);
/* Tell the device of a queue's new entries. */
void card_notify(struct card *c, unsigned int queue);
/* Acknowledge the interrupt. */
void card_ack(struct card *c);

#endif
