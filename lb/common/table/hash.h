// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/* MurmurHash3 x86 32 bit: every balancer and the oracle must agree on it bit by bit. */
#ifndef LB_HASH_H
#define LB_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "packet/bytes.h"

static inline uint32_t murmur3_rotate(uint32_t x, int by)
{
	return x << by | x >> (32 - by);
}

static inline uint32_t murmur3_scramble(uint32_t k)
{
	return murmur3_rotate(k * 0xcc9e2d51, 15) * 0x1b873593;
}

/* Inline, so that a constant length unrolls: the balancers hash 40 bytes per packet. */
static inline uint32_t murmur3_32(const void *data, size_t len, uint32_t seed)
{
	const uint8_t *p = data;
	uint32_t h = seed, tail = 0;

	for (; p + 4 <= (const uint8_t *)data + len; p += 4) {
		h ^= murmur3_scramble(load_le32(p));
		h = murmur3_rotate(h, 13) * 5 + 0xe6546b64;
	}
	for (size_t i = len & 3; i > 0; i--)
		tail = tail << 8 | p[i - 1];
	h ^= murmur3_scramble(tail) ^ (uint32_t)len;
	h = (h ^ h >> 16) * 0x85ebca6b;
	h = (h ^ h >> 13) * 0xc2b2ae35;
	return h ^ h >> 16;
}

#endif
