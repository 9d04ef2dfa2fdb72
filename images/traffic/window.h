// SPDX-License-Identifier: Apache-2.0
/* Tells late, duplicate and unknown UDP answers apart: the last 64 sequence numbers, newest in bit 0. */
#ifndef TRAFFIC_WINDOW_H
#define TRAFFIC_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

/* True when `sequence` is answered for the first time. *next is one above the highest number answered so far.
 */
static inline bool window_accept(uint64_t *seen, uint32_t *next, uint32_t sequence)
{
	if (sequence >= *next) {
		uint32_t shift = sequence - *next + 1;

		*seen = (shift < 64 ? *seen << shift : 0) | 1;
		*next = sequence + 1;
		return true;
	}
	uint32_t age = *next - 1 - sequence;
	if (age >= 64 || (*seen >> age & 1))
		return false;
	*seen |= 1ULL << age;
	return true;
}

#endif
