// SPDX-License-Identifier: Apache-2.0
/*
 * 5-tuples from a seed: index k -> (source offset, source port), one to one, so no two connections share a
 * tuple and none has to be remembered. The same seed gives the same tuples.
 */
#ifndef TRAFFIC_TUPLE_H
#define TRAFFIC_TUPLE_H

#include <stdbool.h>

#include "parse.h"

#define FIRST_PORT 1024u
#define PORT_COUNT (65536u - FIRST_PORT)

struct tuple_space {
	struct cidr cidr;
	uint64_t key;
	uint64_t addresses, size; /* number of source addresses, and of tuples */
	uint64_t own_from, own_to;	  /* of the addresses, counted from 0, those that this machine has */
	bool same_visits;	  /* each source comes from one port at all visits */
	uint32_t first_offset;	  /* 1 where the network address and the last address are left out */
};

struct tuple {
	uint32_t offset;
	uint16_t port;
};

/* `cidr` of family AF_UNSPEC: only ports are drawn. `sources`: so many of its addresses, the first ones; 0: all. */
void tuple_space_init(struct tuple_space *space, const struct cidr *cidr, uint32_t sources, uint64_t seed);
/* Of so many machines this one has its share of the addresses, which are next to each other. */
void tuple_space_share(struct tuple_space *space, const struct part *share);
struct tuple tuple_at(const struct tuple_space *space, uint64_t index); /* index is taken modulo size */
bool tuple_is_own(const struct tuple_space *space, struct tuple tuple);
/* The n-th of this machine's among the tuples of index, index + step, .. modulo 2^64. */
struct tuple tuple_own(const struct tuple_space *space, uint64_t index, uint64_t step, uint64_t n);
/* Visit `visit`: every address once, in an order and from ports of its own; `spare` > 0 gives other ports. */
struct tuple tuple_of_visit(const struct tuple_space *space, uint32_t visit, uint64_t index, uint64_t spare);
/* The address to bind to; `family` is the destination's. */
union address tuple_address(const struct tuple_space *space, int family, struct tuple tuple);

#endif
