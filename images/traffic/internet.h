// SPDX-License-Identifier: Apache-2.0
/* Words and checksums of packets that are made by hand, in network order. */
#ifndef TRAFFIC_INTERNET_H
#define TRAFFIC_INTERNET_H

#include <string.h>

#include "parse.h"

#define IP4_HEADER 20
#define IP6_HEADER 40
#define TTL 64

static inline void put16(uint8_t *to, uint32_t value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

static inline void put32(uint8_t *to, uint32_t value)
{
	put16(to, value >> 16);
	put16(to + 2, value);
}

/* Of 16-bit words in network order; a last odd byte counts as if a zero followed. */
static inline uint64_t sum_words(const uint8_t *data, size_t bytes, uint64_t sum)
{
	for (; bytes > 1; bytes -= 2, data += 2)
		sum += (uint32_t)data[0] << 8 | data[1];
	return bytes ? sum + ((uint32_t)data[0] << 8) : sum;
}

static inline uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static inline uint64_t sum_address(const union address *address, uint64_t sum)
{
	if (address->any.sa_family == AF_INET)
		return sum_words((const uint8_t *)&address->v4.sin_addr, 4, sum);
	return sum_words((const uint8_t *)&address->v6.sin6_addr, 16, sum);
}

#endif
