// SPDX-License-Identifier: Apache-2.0
/*
 * A priority list of flows: the first whose conditions all hold takes the packet. Built once into a tree of
 * ranges, so that finding it takes about as many steps as the number of flows has bits, and then never
 * changed. Pure memory.
 */
#ifndef LB_FLOWSET_H
#define LB_FLOWSET_H

#include <stddef.h>

#include "flow.h"

#define FLOWSET_MAX 65536
#define FLOW_RANGES_MAX 16
#define FLOW_PROTOCOLS_MAX 8
#define FLOW_MATCHES_MAX 4
#define FLOW_MATCH_BYTES 8

/* Both ends belong to it. */
struct address_range {
	uint8_t low[16], high[16]; /* IPv4 as ::ffff:a.b.c.d */
};

struct port_range {
	uint16_t low, high;
};

/* Bytes of the transport header, and what follows it, under a mask. */
struct byte_match {
	uint16_t offset; /* from the transport header on */
	uint16_t size;
	uint8_t value[FLOW_MATCH_BYTES], mask[FLOW_MATCH_BYTES];
};

/*
 * A condition without entries always holds; of several entries one must hold, of byte matches all. Ports are
 * those of protocols that have them: a flow with ports takes nothing else. What has no bytes of its own, as
 * an ICMP error, is taken by no flow with byte matches.
 */
struct flow_rule {
	uint32_t priority; /* the highest is asked first, of equal ones the one that comes first */
	uint8_t protocols_n, sources_n, destinations_n, source_ports_n, destination_ports_n, matches_n;
	uint8_t protocols[FLOW_PROTOCOLS_MAX];
	struct address_range sources[FLOW_RANGES_MAX], destinations[FLOW_RANGES_MAX];
	struct port_range source_ports[FLOW_RANGES_MAX], destination_ports[FLOW_RANGES_MAX];
	struct byte_match matches[FLOW_MATCHES_MAX];
};

struct flowset;

#define FLOWSET_NONE UINT32_MAX

/* Copies the rules, `stride` bytes apart. NULL: out of memory, or too many. */
struct flowset *flowset_new(const void *rules, uint32_t n, size_t stride);
void flowset_free(struct flowset *set);

/* Index of the rule that takes a packet with this key, which has ports, or FLOWSET_NONE. */
uint32_t flowset_match(const struct flowset *set, const struct flow_key *key,
		       const struct flow_bytes *transport);

/* The same answer, found by asking one rule after the other: what the tree is measured and tested against. */
uint32_t flowset_match_linear(const struct flowset *set, const struct flow_key *key,
			      const struct flow_bytes *transport);

/* What the tree takes. */
struct flowset_size {
	uint32_t nodes, depth, references, longest_leaf;
};
struct flowset_size flowset_size(const struct flowset *set);

#endif
