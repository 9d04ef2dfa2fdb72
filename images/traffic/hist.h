// SPDX-License-Identifier: Apache-2.0
/*
 * HDR histogram of microseconds: exact below 64, then 32 buckets per power of two, so the error stays
 * below 3.2 %. Values above 2^32-1 count as that.
 */
#ifndef TRAFFIC_HIST_H
#define TRAFFIC_HIST_H

#include <stdint.h>

#define HIST_BUCKETS (64 + 26 * 32)

static inline unsigned hist_bucket(uint64_t us)
{
	if (us < 64)
		return (unsigned)us;
	if (us > UINT32_MAX)
		us = UINT32_MAX;
	unsigned exponent = 63 - (unsigned)__builtin_clzll(us);
	return 64 + (exponent - 6) * 32 + ((us >> (exponent - 5)) & 31);
}

#endif
