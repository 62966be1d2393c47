/* SPDX-License-Identifier: Apache-2.0 */
/* riot's random numbers and its memory. */
#ifndef RIOT_H
#define RIOT_H

#include "kit/types.h"

/* The next number of this CPU: the seed determines all of them. */
uint64_t riot_random(void);

/* A number below `limit`. */
static inline unsigned int riot_below(unsigned int limit)
{
	return (unsigned int)(riot_random() % limit);
}

/* A number of a kind that code forgets: edges, addresses, single bits. */
uint64_t riot_value(void);

/* One of an array's elements. */
#define RIOT_ONE_OF(array) ((array)[riot_below(ARRAY_SIZE(array))])

/* What devices may write to without harm to this program. All CPUs use it at once. */
#define RIOT_ARENA 0x40000u
extern uint8_t riot_arena[RIOT_ARENA];

/* vCPUs that there are. */
extern unsigned int riot_cpus;

/* The timers can wake this CPU again, whatever it did before; and are due soon. */
void riot_repair(void);
void riot_arm_timers(void);
/* Take and end what is pending. */
void riot_take(void);

/* A register of the distributor or a redistributor; an SGI; the CPU interface; an SPI's route. */
void riot_bank(void);
void riot_sgi(void);
void riot_interface(void);
void riot_route(void);
/* Let the kit's handlers take what is pending. */
void riot_unmasked(void);
/* A timer's registers; sleeps that timers end. */
void riot_timers(void);
void riot_sleeps(void);

/* Once, at the start: which transports have a device. */
void riot_rings_find(void);

/* Set a device up; offer it a chain, right or wrong; a store to one of its registers. */
void riot_ring_start(void);
void riot_ring_offer(void);
void riot_ring_store(void);

#endif
