// SPDX-License-Identifier: Apache-2.0
#include "table/maglev.h"

#include <stdbool.h>
#include <string.h>

#include "table/hash.h"

#define SALT_OFFSET 0x6f666673 /* "offs" */
#define SALT_SKIP 0x736b6970   /* "skip" */

struct maglev_walk maglev_walk(uint32_t index, uint32_t m, uint32_t seed)
{
	const uint8_t le[4] = {index, index >> 8, index >> 16, index >> 24};

	return (struct maglev_walk){
		.weight = 1,
		.slot = murmur3_32(le, sizeof(le), seed ^ SALT_OFFSET) % m,
		.skip = murmur3_32(le, sizeof(le), seed ^ SALT_SKIP) % (m - 1) + 1,
	};
}

/* Claims the next free slot of the walk. Ends because M is prime: the walk meets every slot once in M steps.
 */
static uint32_t claim(struct maglev_walk *walk, uint32_t m, uint64_t *taken)
{
	uint32_t slot = walk->slot;

	while (taken[slot / 64] >> slot % 64 & 1) {
		slot += walk->skip; /* below 2^25, no overflow */
		slot -= slot >= m ? m : 0;
	}
	taken[slot / 64] |= 1ull << slot % 64;
	walk->slot = slot;
	return slot;
}

/* Where all weigh the same each takes a turn in every round. */
static bool is_weighted(const struct maglev_walk *walks, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
		if (walks[i].weight != walks[0].weight)
			return true;
	return false;
}

static uint32_t heaviest(struct maglev_walk *walks, uint32_t n)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < n; i++)
		most = walks[i].weight > most ? walks[i].weight : most;
	for (uint32_t i = 0; i < n; i++)
		walks[i].credit = most;
	return most;
}

/* In round k a target has had ceil(k * weight / most) turns. */
static bool takes_turn(struct maglev_walk *walk, uint32_t most)
{
	const bool takes = walk->credit >= most;

	walk->credit += walk->weight;
	walk->credit -= takes ? most : 0;
	return takes;
}

void maglev_fill(uint16_t *lookup, uint32_t m, const uint16_t *targets, struct maglev_walk *walks, uint32_t n,
		 uint64_t *taken)
{
	memset(taken, 0, maglev_taken_words(m) * sizeof(*taken));
	const uint32_t most = is_weighted(walks, n) ? heaviest(walks, n) : 0;

	for (uint32_t filled = 0, turn = 0; filled < m; turn = turn + 1 < n ? turn + 1 : 0) {
		if (most && !takes_turn(&walks[turn], most))
			continue;
		/* Others may read the slots meanwhile: see table.h. */
		__atomic_store_n(&lookup[claim(&walks[turn], m, taken)], targets[turn], __ATOMIC_RELAXED);
		filled++;
	}
}
