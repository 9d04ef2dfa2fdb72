// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/* What a packet is to a balancer, and the key of its flow. */
#ifndef LB_KEY_H
#define LB_KEY_H

#include <stdbool.h>
#include <stdint.h>

/* A BPF program includes flow.c and ip.c, and has everything in one function. */
#ifdef __bpf__
#define FLOW_FUNCTION static inline __attribute__((always_inline))
#else
#define FLOW_FUNCTION
#endif

enum { PROTO_SCTP = 132 };

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

/* TCP, UDP, DCCP, SCTP, UDP-Lite: the header begins with source and destination port. */
FLOW_FUNCTION bool flow_protocol_has_ports(uint8_t protocol);

#endif
