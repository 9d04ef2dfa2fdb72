// SPDX-License-Identifier: Apache-2.0
/* The way out: datagrams made, cut, put in order, and sent by next hops drawn at random. */
#ifndef TRAFFIC_FRAGMENTS_OUT_H
#define TRAFFIC_FRAGMENTS_OUT_H

#include "generation.h"

/* Sends the next datagram, or holds it until there are enough to mix. */
void send_next(struct generator *g, uint64_t now);
void send_held(struct generator *g);

#endif
