// SPDX-License-Identifier: Apache-2.0
/* Maglev needs a prime table size, else a target's walk does not reach every slot. */
#ifndef LB_PRIME_H
#define LB_PRIME_H

#include <stdbool.h>
#include <stdint.h>

static inline bool is_prime(uint32_t n)
{
	for (uint32_t d = 2; (uint64_t)d * d <= n; d++)
		if (n % d == 0)
			return false;
	return n >= 2;
}

/* The nearest prime at or below n; 0 when there is none. */
static inline uint32_t prime_below(uint32_t n)
{
	while (n > 1 && !is_prime(n))
		n--;
	return n > 1 ? n : 0;
}

/* The nearest prime at or above n, which must be under 2^32 - 5 (the largest 32-bit prime). */
static inline uint32_t prime_above(uint32_t n)
{
	while (!is_prime(n))
		n++;
	return n;
}

#endif
