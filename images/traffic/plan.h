// SPDX-License-Identifier: Apache-2.0
/* Connections that come and go by a plan: when each begins, and when its last message is due. */
#ifndef TRAFFIC_PLAN_H
#define TRAFFIC_PLAN_H

#include <stddef.h>
#include <stdint.h>

#define PLANNED_BYTES 16 /* two numbers of 64 bits, little endian */

/* Microseconds since the start of the stream. */
struct planned {
	uint64_t start_us, end_us;
};

/* Those of `count` connections, by their numbers, from a file; "-" is stdin. Ends the program where they do not fit. */
const struct planned *plan_read(const char *path, uint32_t count);

/* A number of 64 bits for each of `count` connections, likewise. */
const uint64_t *numbers_read(const char *path, uint32_t count);

/* plan_read from memory, in place of it. NULL: it fits; else what does not. */
const char *plan_take(struct planned *plan, const uint8_t *bytes, size_t size, uint32_t count);

/* Connections that live at the same time at most. */
uint32_t plan_peak(const struct planned *plan, uint32_t count);

#endif
