// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * From an IP packet to the flow it belongs to. Pure, without allocation, unbounded loops or library calls
 * other than memcpy and memset, so that an XDP or TC program can include it too.
 *
 * The exact rules stand in README.md; an independent oracle is written from the same words.
 */
#ifndef LB_FLOW_H
#define LB_FLOW_H

#include "packet/key.h"

/*
 * Classifies the packet of `length` bytes whose first `captured` bytes are at data, and fills key. With ports
 * false the key has addresses only.
 */
FLOW_FUNCTION enum flow_kind flow_parse(const uint8_t *data, uint32_t captured, uint32_t length, bool ports,
					struct flow_key *key);

/* The same by the end of the captured part, which a BPF program must have as a pointer. */
FLOW_FUNCTION enum flow_kind flow_parse_until(const uint8_t *data, const uint8_t *end, uint32_t length,
					      bool ports, struct flow_key *key);

/* The captured bytes of a packet from its transport header on. */
struct flow_bytes {
	const uint8_t *at; /* NULL: there are none that belong to the flow, as in ICMP errors */
	uint32_t size;
};

/* The same, and where the transport header is. */
enum flow_kind flow_dissect(const uint8_t *data, uint32_t captured, uint32_t length, bool ports,
			    struct flow_key *key, struct flow_bytes *transport);

/* Which datagram a fragment belongs to. Unused fields are zero. */
struct fragment_key {
	uint8_t source[16];
	uint8_t destination[16];
	uint8_t id[4];
	uint8_t protocol; /* IPv4 only, where it is a part of the identity */
	uint8_t zero[3];
};
_Static_assert(sizeof(struct fragment_key) == 40, "the key is hashed as it lies in memory");

/* Which part of its datagram a fragment is, in units of 8 bytes. */
struct fragment_extent {
	uint16_t from, to; /* from 0: it begins the datagram */
	bool last;
};

/* Of a packet that flow_parse calls FLOW_FRAGMENT. */
bool flow_fragment(const uint8_t *data, uint32_t captured, uint32_t length, struct fragment_key *key,
		   struct fragment_extent *extent);

/*
 * flow_dissect for a first fragment, which gets the key of its whole datagram. One that is cut before the
 * ports, or that holds a fragment again, is FLOW_MALFORMED.
 */
enum flow_kind flow_first_fragment(const uint8_t *data, uint32_t captured, uint32_t length, bool ports,
				   struct flow_key *key, struct flow_bytes *transport);

#endif
