// SPDX-License-Identifier: Apache-2.0
/* Which connections are in trouble: a bounded table by the client's end. Pure. */
#ifndef TAP_FLOWS_H
#define TAP_FLOWS_H

#include "frame.h"

struct flow_slot {
	struct client client;
	uint64_t told[2]; /* when something was last told of it, by its kind */
	uint32_t next;	 /* sequence number behind the last one that the client took up */
	bool used, trouble, known;
};

struct flows {
	struct flow_slot *slots;
	uint32_t mask; /* number of slots - 1: a power of two */
	uint32_t used;
};

/* At most half of `slots`, a power of two, are used. */
void flows_open(struct flows *flows, uint32_t slots);
void flows_close(struct flows *flows);

/*
 * The slot of the client; NULL: it has none, and with `add` there is no room for one.
 */
struct flow_slot *flows_find(struct flows *flows, const struct client *client, bool add);

/*
 * Notes a frame as its client's machine sent it (`first_hop`), or as it was on the way: a reset, an ICMP error and
 * what the client sends again are signs of trouble. False: there was no room.
 */
bool flows_note(struct flows *flows, const struct frame *frame, bool first_hop);

#endif
