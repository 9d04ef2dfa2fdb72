// SPDX-License-Identifier: Apache-2.0
/*
 * Addresses of a packet, and of a packet that an ICMP error quotes, and their change with all checksums that
 * cover them. Pure. Addresses are of 16 bytes, IPv4 as ::ffff:a.b.c.d.
 */
#ifndef LOADED_NAT_H
#define LOADED_NAT_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/key.h"

/* Headers of one packet, as offsets in its bytes. */
struct nat_headers {
	uint32_t ip;
	uint32_t transport; /* 0: there is none, as in a later fragment or in a quote that was cut */
	uint8_t version, protocol;
	struct flow_key key; /* addresses, and ports where the protocol has them */
};

struct nat_packet {
	uint8_t *data;
	uint32_t size;
	bool fragment;
	bool error; /* an ICMP error, which quotes a packet */
	struct nat_headers outer, quoted;
};

enum nat_address { NAT_SOURCE, NAT_DESTINATION };

/* Reads a whole packet. False: malformed. */
bool nat_read(uint8_t *data, uint32_t size, struct nat_packet *packet);

/* Puts an address of the packet's own family in the place of another, and keeps every checksum right. */
void nat_set(struct nat_packet *packet, enum nat_address which, const uint8_t address[16]);

/* The same in the packet that an ICMP error quotes. */
void nat_set_quoted(struct nat_packet *packet, enum nat_address which, const uint8_t address[16]);

#endif
