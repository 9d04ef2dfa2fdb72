// SPDX-License-Identifier: Apache-2.0
/* One connection as it is written down: 48 bytes, little endian. Times in us, or in so many of them as
 * stream_start says (rowUnitUs), since the start of the stream.
 */
#ifndef TRAFFIC_ROW_H
#define TRAFFIC_ROW_H

#include <stdint.h>

#define ROW_BYTES 48
#define NO_HOST 0xffff
#define NEVER UINT32_MAX

struct row {
	uint32_t id;
	uint16_t generation;
	uint8_t cause;
	uint16_t port;
	uint16_t host, moved_to; /* index into the host names, or NO_HOST */
	uint32_t offset;	 /* of the source address in its network */
	uint32_t start_us, established_us, end_us;
	uint32_t longest_gap_us;
	uint32_t sent, received;
	uint32_t progress_us;
	uint32_t retransmits; /* not packed */
};

void row_pack(const struct row *row, uint8_t to[ROW_BYTES]);

#endif
