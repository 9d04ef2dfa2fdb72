// SPDX-License-Identifier: Apache-2.0
#include "row.h"

static uint8_t *put16(uint8_t *to, uint16_t value)
{
	*to++ = (uint8_t)value;
	*to++ = (uint8_t)(value >> 8);
	return to;
}

static uint8_t *put32(uint8_t *to, uint32_t value)
{
	return put16(put16(to, (uint16_t)value), (uint16_t)(value >> 16));
}

void row_pack(const struct row *row, uint8_t to[ROW_BYTES])
{
	to = put32(to, row->id);
	to = put16(to, row->generation);
	*to++ = row->cause;
	*to++ = 0;
	to = put16(to, row->port);
	to = put16(to, row->host);
	to = put32(to, row->offset);
	to = put32(to, row->start_us);
	to = put32(to, row->established_us);
	to = put32(to, row->end_us);
	to = put32(to, row->longest_gap_us);
	to = put32(to, row->sent);
	to = put32(to, row->received);
	to = put16(to, row->moved_to);
	to = put16(to, 0);
	put32(to, row->progress_us);
}
