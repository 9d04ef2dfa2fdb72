// SPDX-License-Identifier: Apache-2.0
/* One flow: its conditions, and its rank among others. */
#ifndef LB_RULE_H
#define LB_RULE_H

#include <stdint.h>

#define FLOWSET_MAX 65536
#define FLOWSET_NONE UINT32_MAX /* no rule */
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

/* What the tree takes. */
struct flowset_size {
	uint32_t nodes, depth, references, longest_leaf;
};
#endif
