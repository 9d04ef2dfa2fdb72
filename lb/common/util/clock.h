// SPDX-License-Identifier: Apache-2.0
#ifndef LB_CLOCK_H
#define LB_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* What is to be added to CLOCK_MONOTONIC of the initial time namespace, which BPF programs read, for this one's, ns. */
uint64_t clock_namespace_offset(void);

#endif
