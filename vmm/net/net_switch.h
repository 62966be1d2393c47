/* SPDX-License-Identifier: Apache-2.0 */
/* A network, for the files of the switch. */
#ifndef NET_SWITCH_H
#define NET_SWITCH_H

#include <vmm/net.h>

#define NET_BUCKETS 256

struct net {
	char name[DESC_NAME_MAX];
	struct net *next;
	/* Of what follows. No other lock is taken under it. */
	struct spinlock lock;
	u64 key; /* of the hash: a guest cannot choose addresses of one bucket */
	u32 nports, room;
	u32 end;                 /* no port has had this number or a greater one */
	struct net_port **ports; /* NULL: a free number */
	struct net_station *buckets[NET_BUCKETS];
	struct net_capture capture; /* has a lock of its own */
};

/* ---- net_switch.c: addresses; the network's lock is held ---- */

struct net_station *net_find(struct net *net, u64 mac);
void net_insert(struct net *net, struct net_station *s);
/* Forget an address; nothing if it is none. */
void net_forget(struct net *net, struct net_station *s);
/* True if the address is a port's own, or was seen lately. */
bool net_is_fresh(const struct net_station *s, u64 now);

#endif
