// SPDX-License-Identifier: Apache-2.0
/*
 * Maglev hashing (Eisenbud et al., NSDI 2016, section 3.4). Each target walks over all M slots in an order of
 * its own and, taking turns, claims the next free slot on its way. An order is an offset and a skip, so it is
 * computed on the way and no M x N permutation is stored.
 *
 * Pure: the caller owns all memory.
 */
#ifndef LB_MAGLEV_H
#define LB_MAGLEV_H

#include <stddef.h>
#include <stdint.h>

#define MAGLEV_M_MIN 2
#define MAGLEV_M_MAX 16777213 /* the largest prime below 2^24 */
#define MAGLEV_N_MAX 1000

/* Where a target stands in its permutation. slot starts as the offset; skip is within 1..M-1. */
struct maglev_walk {
	uint32_t slot;
	uint32_t skip;
	/* Turns are taken in proportion to it; and what is left of them. */
	uint32_t weight, credit;
};

/* The walk of a target depends on its index alone, so balancers that share a seed agree without talking. */
struct maglev_walk maglev_walk(uint32_t index, uint32_t m, uint32_t seed);

/* Words of scratch memory that maglev_fill needs to remember which of m slots are taken. */
static inline size_t maglev_taken_words(uint32_t m)
{
	return (m + 63) / 64;
}

/*
 * Fills lookup[m] with members of targets[n], 1 <= n <= m. walks[n] is used up. A target of the greatest weight
 * takes a turn in each round, one of half that weight in every second round, and all take one in the first. taken is scratch of
 * maglev_taken_words(m): a bitmap, because it stays in the cache where the table itself does not.
 */
void maglev_fill(uint16_t *lookup, uint32_t m, const uint16_t *targets, struct maglev_walk *walks, uint32_t n,
		 uint64_t *taken);

#endif
