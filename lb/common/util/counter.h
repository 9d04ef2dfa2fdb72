// SPDX-License-Identifier: Apache-2.0
/* Counters with one writer, that others read meanwhile: neither locks nor atomic read-modify-write. */
#ifndef LB_COUNTER_H
#define LB_COUNTER_H

#include <stdint.h>

static inline uint64_t count_read(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static inline void count(uint64_t *counter, uint64_t by)
{
	__atomic_store_n(counter, count_read(counter) + by, __ATOMIC_RELAXED);
}

#endif
