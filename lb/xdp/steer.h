// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * What is done with a frame: shared by the kernel's programs (steer.bpf.c) and the user-space data plane
 * (user_steer.c), so that they cannot differ. Pure, for the verifier's sake without anything that it could not
 * follow.
 */
#ifndef XDP_STEER_H
#define XDP_STEER_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/bytes.h"
#include "packet/flow.h"

#define STEER_VIPS 8

/* Outcomes go on where enum flow_kind ends; all frames are counted under exactly one. */
enum steer_outcome {
	STEER_NOT_OURS = FLOW_KINDS, /* to another MAC: flooded by a switch, or broadcast */
	STEER_VLAN,		     /* tagged: for a VLAN interface */
	STEER_NOT_IP,
	STEER_NOT_VIP,
	STEER_TTL_EXPIRED, /* the stack answers as a router does */
	STEER_OUTCOMES,
};

enum steer_verdict { STEER_PASS, STEER_DROP, STEER_FORWARD };

enum steer_counter {
	STEER_BYTES = STEER_OUTCOMES, /* of forwarded frames */
	STEER_NO_TARGET,	      /* dropped; of those that were to be forwarded */
	STEER_KEPT,		      /* forwarded to where the connection table says */
	STEER_LEARNT,		      /* put into the connection table */
	STEER_COUNTERS,
};

/* Read-only in the BPF object, so that the verifier drops what is switched off. */
struct steer_config {
	uint8_t own_mac[6];    /* of the interface where frames come in */
	uint8_t egress_mac[6]; /* of the interface where they leave */
	uint32_t egress_ifindex;
	uint32_t seed;
	uint32_t targets; /* that a table has room for */
	uint8_t ports;	  /* hash ports and protocol too */
	uint8_t one_arm;  /* in and out by the same interface */
	uint8_t connections;
	uint8_t random; /* pick at random: broken on purpose */
	uint32_t frame_max; /* longer ones, which the egress interface has yet to cut, are TC's; 0: all are XDP's */
	uint32_t vip4s, vip6s;
	uint32_t vip4[STEER_VIPS];    /* network order */
	uint32_t vip6[STEER_VIPS][4]; /* network order */
};

/* A table in a BPF array, in words of this: a steer_head, all targets by index, then the slots. */
struct steer_entry {
	uint8_t mac[6];
	uint16_t index; /* STEER_NONE: not active */
};
struct steer_head {
	uint32_t slots; /* in use; 0 when no target is active */
	uint32_t version;
};
_Static_assert(sizeof(struct steer_head) == sizeof(struct steer_entry), "both are words of one array");
#define STEER_NONE 0xffff

enum { ETHERNET = 14, IP4_FIXED = 20, IP6_FIXED = 40, STEER_V4 = 0x0800, STEER_V6 = 0x86dd };

#define STEER_INLINE static inline __attribute__((always_inline))

/* A word in the order of memory, for comparisons. */
STEER_INLINE uint32_t steer_word(const void *p)
{
#ifdef LB_LOAD_WHOLE
	return *(const uint32_t *)p;
#else
	uint32_t word;

	__builtin_memcpy(&word, p, sizeof(word));
	return word;
#endif
}

STEER_INLINE bool steer_is_vip4(const struct steer_config *config, const uint8_t *address)
{
	const uint32_t word = steer_word(address);

	for (uint32_t i = 0; i < STEER_VIPS && i < config->vip4s; i++)
		if (config->vip4[i] == word)
			return true;
	return false;
}

STEER_INLINE bool steer_is_vip6(const struct steer_config *config, const uint8_t *address)
{
	for (uint32_t i = 0; i < STEER_VIPS && i < config->vip6s; i++)
		if (config->vip6[i][0] == steer_word(address) &&
		    config->vip6[i][1] == steer_word(address + 4) &&
		    config->vip6[i][2] == steer_word(address + 8) &&
		    config->vip6[i][3] == steer_word(address + 12))
			return true;
	return false;
}

/* Whether the frame is for us and for the VIP: FLOW_PORTS stands for yes. Else what it is, and the stack gets
 * it. */
STEER_INLINE unsigned steer_gate(const struct steer_config *config, const uint8_t *data, const uint8_t *end)
{
	uint32_t type;

	if (data + ETHERNET > end)
		return STEER_NOT_IP;
	if (steer_word(data) != steer_word(config->own_mac) ||
	    load_be16(data + 4) != load_be16(config->own_mac + 4))
		return STEER_NOT_OURS;
	type = load_be16(data + 12);
	if (type == 0x8100 || type == 0x88a8)
		return STEER_VLAN;
	if (type == STEER_V4) {
		if (data + ETHERNET + IP4_FIXED > end || !steer_is_vip4(config, data + ETHERNET + 16))
			return STEER_NOT_VIP;
		return data[ETHERNET + 8] > 1 ? FLOW_PORTS : STEER_TTL_EXPIRED;
	}
	if (type == STEER_V6) {
		if (data + ETHERNET + IP6_FIXED > end || !steer_is_vip6(config, data + ETHERNET + 24))
			return STEER_NOT_VIP;
		return data[ETHERNET + 7] > 1 ? FLOW_PORTS : STEER_TTL_EXPIRED;
	}
	return STEER_NOT_IP;
}

/* The outcome of a frame of `length` bytes on the wire, and the flow's key where flow_has_key() says so. */
STEER_INLINE unsigned steer_classify(const struct steer_config *config, const uint8_t *data,
				     const uint8_t *end, uint32_t length, struct flow_key *key)
{
	const unsigned gate = steer_gate(config, data, end);

	if (gate != FLOW_PORTS)
		return gate;
	/* The gate read the destination where the Ethernet type says it is. */
	if (data + ETHERNET + 1 > end || data[ETHERNET] >> 4 != (load_be16(data + 12) == STEER_V4 ? 4 : 6))
		return FLOW_MALFORMED;
	return flow_parse_until(data + ETHERNET, end, length - ETHERNET, config->ports, key);
}

/* Of a frame that gets no target. */
STEER_INLINE enum steer_verdict steer_verdict(unsigned outcome)
{
	return outcome == FLOW_MALFORMED || outcome == FLOW_SHORT ? STEER_DROP : STEER_PASS;
}

/* As a router does: one hop less, and the next hop's MAC. False, and nothing is changed: the frame is too
 * short. */
STEER_INLINE bool steer_rewrite(const struct steer_config *config, uint8_t *data, const uint8_t *end,
				const uint8_t *mac)
{
	uint32_t sum;

	if (data + ETHERNET + IP4_FIXED > end)
		return false;
	if (data[ETHERNET] >> 4 == 4) {
		data[ETHERNET + 8]--;
		/* RFC 1141: the sum of the header fell by 0x0100, so its complement rises by that. */
		sum = load_be16(data + ETHERNET + 10) + 0x0100;
		sum += sum >> 16;
		data[ETHERNET + 10] = sum >> 8;
		data[ETHERNET + 11] = sum;
	} else {
		data[ETHERNET + 7]--;
	}
	copy_bytes(data, mac, 6);
	copy_bytes(data + 6, config->egress_mac, 6);
	return true;
}

#endif
