// SPDX-License-Identifier: Apache-2.0
/* IP protocols by name. */
#ifndef LB_PROTOCOLS_H
#define LB_PROTOCOLS_H

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PROTOCOL_NAMES "dccp, icmp, icmpv6, sctp, tcp, udp, udplite or a number"

/* A name, or a number up to 255. */
static inline bool protocol_number(const char *text, uint8_t *number)
{
	static const struct {
		const char *name;
		uint8_t number;
	} known[] = {{"tcp", 6},       {"udp", 17}, {"sctp", 132}, {"dccp", 33},
		     {"udplite", 136}, {"icmp", 1}, {"icmpv6", 58}};
	unsigned long value;
	char *end;

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (strcmp(known[i].name, text) == 0) {
			*number = known[i].number;
			return true;
		}
	}
	value = strtoul(text, &end, 10);
	*number = (uint8_t)value;
	return isdigit((unsigned char)*text) && !*end && value <= UINT8_MAX;
}

#endif
