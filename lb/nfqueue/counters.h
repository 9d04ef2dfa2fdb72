// SPDX-License-Identifier: Apache-2.0
/*
 * Counters in shared memory, one set per worker thread, so that counting needs neither locks nor atomic
 * read-modify-write: each set has one writer, and readers add the sets up.
 */
#ifndef NFQUEUE_COUNTERS_H
#define NFQUEUE_COUNTERS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "packet/flow.h"
#include "packet/fragments.h"
#include "util/counter.h"

#define WORKERS_MAX 64

/* The first ones are indexed by enum flow_kind and add up to the packets. */
enum counter {
	COUNT_BYTES = FLOW_KINDS,
	COUNT_NO_TARGET,
	COUNT_NO_FLOW,
	COUNT_RECV_CALLS,
	COUNT_VERDICT_CALLS,
	COUNT_VERDICT_ERRORS,
	COUNT_ENOBUFS,
	COUNT_REMEMBERED,
	COUNT_WHOLE,	 /* asked for again, as what is needed lies beyond the copy */
	COUNT_FRAGMENTS, /* indexed by enum fragment_count from here on */
	COUNT_FRAGMENTS_FORWARDED = COUNT_FRAGMENTS + FRAGMENT_COUNTS,
	COUNT_FRAGMENTS_MALFORMED,
	COUNT_REINJECT_ERRORS,
	COUNTERS,
};

struct table;

/* All sets of a table of n targets, each in cache lines of its own. */
size_t counters_size(uint32_t n);

/* A worker's set: COUNTERS values, then the picks per target index. */
uint64_t *counters_of(const struct table *table, uint32_t worker);

void counters_reset(const struct table *table);

/* Prints one JSON line: the sums over all workers, and the kernel's own drops at our queues. */
void counters_print(const struct table *table, FILE *out);

#endif
