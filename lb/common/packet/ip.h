// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/* Bounds-checked reading of IP headers: a cursor over the packet, the fixed headers, the IPv6 extension
 * headers. */
#ifndef LB_IP_H
#define LB_IP_H

#include "packet/key.h"

/* Two ends: `left` is where the packet ends, `end` where the captured part of it does. */
struct cursor {
	const uint8_t *data;
	const uint8_t *end;
	uint32_t at; /* from data: a number, because the kernel's verifier loses track of a pointer that moves
		      */
	uint32_t left;
	enum flow_kind fault; /* why a read last failed */
#ifdef __bpf__
	uint64_t noise; /* see ip.c */
#endif
};

struct ip {
	uint8_t version;
	uint8_t protocol; /* of the payload; for IPv6, first of the first header after the fixed one */
	bool fragment;
	uint16_t fragment_offset; /* in units of 8 bytes */
	uint8_t fragment_id[4];	  /* IPv4: the last two */
};

/* Whether what follows its headers is ICMP of its own version. */
FLOW_FUNCTION bool ip_is_icmp(const struct ip *ip);

/* Of an ICMP header's type: whether a packet is quoted behind the header. */
FLOW_FUNCTION bool ip_is_icmp_error(const struct ip *ip, uint8_t type);

FLOW_FUNCTION struct cursor cursor_over(const uint8_t *data, const uint8_t *end, uint32_t length);

/* The next n bytes, or NULL with the fault noted. */
FLOW_FUNCTION const uint8_t *cursor_pull(struct cursor *c, uint32_t n);

/*
 * Reads the IP header (for IPv6 the fixed part) and the addresses into key. Of a packet quoted in an ICMP
 * error only the beginning is expected. False: see the cursor's fault; so too below.
 */
FLOW_FUNCTION bool ip_read(struct cursor *c, struct ip *ip, struct flow_key *key, bool quoted);

/* Walks the IPv6 extension headers up to the payload, or through the header of the first fragment it meets.
 */
FLOW_FUNCTION bool ip_skip_extensions(struct cursor *c, struct ip *ip);

/* The same for a datagram's first fragment, on to what it carries. A fragment within a fragment is malformed.
 */
FLOW_FUNCTION bool ip_skip_to_transport(struct cursor *c, struct ip *ip);

#endif
