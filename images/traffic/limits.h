// SPDX-License-Identifier: Apache-2.0
/* Clock and open-file limit. */
#ifndef TRAFFIC_LIMITS_H
#define TRAFFIC_LIMITS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

static inline uint64_t now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000ULL + (uint64_t)time.tv_nsec;
}

/* Raises the open-file limit as far as it goes and returns it. */
uint64_t raise_open_files(void);
/* Makes sure of `wanted` open files, or says on stderr which limit is in the way. */
bool require_open_files(uint64_t wanted);
/* Of this process and its children that have ended. */
void cpu_used_us(uint64_t *user, uint64_t *system);

#endif
