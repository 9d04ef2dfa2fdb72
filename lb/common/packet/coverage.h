// SPDX-License-Identifier: Apache-2.0
/* Which parts of a datagram have passed, in fragments that may repeat, overlap, and come in any order. Pure.
 */
#ifndef LB_COVERAGE_H
#define LB_COVERAGE_H

#include "packet/flow.h"

/* Parts that are told apart. */
#define COVERAGE_RANGES 8

/* Zeroed: nothing has passed. In units of 8 bytes. */
struct coverage {
	struct {
		uint16_t from, to;
	} ranges[COVERAGE_RANGES];
	uint16_t end; /* of the last fragment; 0: it is missing */
	uint8_t ranges_n;
	bool lost_count; /* there were more parts at a time: nobody can tell */
};

/* One more has passed. True: with it the whole datagram. */
bool coverage_add(struct coverage *coverage, const struct fragment_extent *extent);

#endif
