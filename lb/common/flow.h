// SPDX-License-Identifier: Apache-2.0
/*
 * From an IP packet to the flow it belongs to. Pure, without allocation, unbounded loops or library calls
 * other than memcpy and memset, so that an XDP or TC program can include it too.
 *
 * The exact rules stand in README.md; an independent oracle is written from the same words.
 */
#ifndef LB_FLOW_H
#define LB_FLOW_H

#include <stdbool.h>
#include <stdint.h>

/* A BPF program includes flow.c and ip.c, and has everything in one function. */
#ifdef __bpf__
#define FLOW_FUNCTION static inline __attribute__((always_inline))
#else
#define FLOW_FUNCTION
#endif

/* What is hashed. Unused fields are zero. */
struct flow_key {
	uint8_t source[16]; /* IPv4 as ::ffff:a.b.c.d */
	uint8_t destination[16];
	uint8_t source_port[2]; /* network order; the identifier of an ICMP echo */
	uint8_t destination_port[2];
	uint8_t protocol;
	uint8_t zero[3];
} __attribute__((aligned(8)));
_Static_assert(sizeof(struct flow_key) == 40, "the key is hashed as it lies in memory");

/* What a packet is to a balancer. Only those before FLOW_UNMATCHED have a key. */
enum flow_kind {
	FLOW_PORTS, /* TCP, UDP and others that begin with two ports */
	FLOW_ICMP_ECHO,
	FLOW_ICMP_ERROR, /* keyed on the flow the error is about */
	FLOW_FRAGMENT,	 /* first or later; keyed on addresses alone, so that all of them meet */
	FLOW_OTHER_PROTOCOL,
	FLOW_UNMATCHED, /* other ICMP, such as neighbour discovery: not for a balancer to touch */
	FLOW_MALFORMED,
	FLOW_SHORT, /* what is needed is in the packet but beyond the part that was captured */
	FLOW_KINDS,
};

static inline bool flow_has_key(enum flow_kind kind)
{
	return kind < FLOW_UNMATCHED;
}

/* Extension headers walked per IPv6 packet; a longer chain is malformed. */
#define FLOW_EXTENSIONS_MAX 16

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

/* Of a packet that flow_parse calls FLOW_FRAGMENT. `first`: it begins the datagram. */
bool flow_fragment(const uint8_t *data, uint32_t captured, uint32_t length, struct fragment_key *key,
		   bool *first);

/*
 * flow_dissect for a first fragment, which gets the key of its whole datagram. One that is cut before the
 * ports, or that holds a fragment again, is FLOW_MALFORMED.
 */
enum flow_kind flow_first_fragment(const uint8_t *data, uint32_t captured, uint32_t length, bool ports,
				   struct flow_key *key, struct flow_bytes *transport);

/* TCP, UDP, DCCP, SCTP, UDP-Lite: the header begins with source and destination port. */
FLOW_FUNCTION bool flow_protocol_has_ports(uint8_t protocol);

#endif
