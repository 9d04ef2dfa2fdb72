// SPDX-License-Identifier: Apache-2.0
/* UDP datagrams as hand-made fragments, and the orders in which an evil network may deliver them. */
#ifndef TRAFFIC_FRAGMENT_H
#define TRAFFIC_FRAGMENT_H

#include "parse.h"

#define UDP_HEADER 8
#define FRAGMENTS_MAX 8192

enum pattern {
	PATTERN_IN_ORDER,
	PATTERN_REVERSED,
	PATTERN_SHUFFLED,
	PATTERN_GAPS,	     /* every second datagram lacks a fragment */
	PATTERN_INTERLEAVED, /* with those of other flows */
	PATTERN_DUPLICATED,
	PATTERN_OVERLAPPING, /* every second datagram has a fragment that contradicts the others */
	PATTERN_HEADLESS,    /* all lack their first fragment: a flood, which nobody should notice */
	PATTERNS,
};

extern const char *const pattern_names[PATTERNS];

/* One fragment: its headers, and the part of the datagram that it carries. */
struct fragment {
	uint8_t header[48];
	uint16_t header_bytes;
	uint32_t at, bytes;
};

/*
 * Writes the UDP header before the payload of `bytes` bytes, which the caller has put behind it: `udp` has
 * room for UDP_HEADER more. Both ends are of one family and have their ports.
 */
void udp_header_write(uint8_t *udp, const union address *from, const union address *to, uint32_t bytes);

/*
 * Cuts `bytes` bytes of UDP, header included, for links of this MTU. Returns the number of fragments; list
 * has room for FRAGMENTS_MAX.
 */
uint32_t fragments_cut(const union address *from, const union address *to, uint32_t id, uint32_t bytes,
		       uint32_t mtu, struct fragment *list);

/*
 * Puts the fragments of one datagram in the pattern's order; `incomplete`: the way that keeps it from arriving, for
 * gaps and overlapping. Returns how many there are then, at most twice as many and one.
 */
uint32_t fragments_arrange(enum pattern pattern, bool incomplete, struct fragment *list, uint32_t count,
			   uint64_t *random);

uint64_t random_next(uint64_t *state);

#endif
