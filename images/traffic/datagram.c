// SPDX-License-Identifier: Apache-2.0
#include "datagram.h"

#include <string.h>

static const char magic[8] = "datagram";

/* The whole content follows from the number: no two datagrams share more than chance would have it. */
static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint64_t first_state(const struct datagram *d)
{
	return (((uint64_t)d->flow << 32 | d->number) * 0x9e3779b97f4a7c15ULL) | 1;
}

void datagram_fill(const struct datagram *d, uint8_t *to)
{
	uint64_t state = first_state(d), word;
	uint32_t at = DATAGRAM_HEADER;

	memset(to, 0, DATAGRAM_HEADER);
	memcpy(to, magic, sizeof(magic));
	memcpy(to + sizeof(magic), d, sizeof(*d));
	for (; at + sizeof(word) <= d->bytes; at += sizeof(word)) {
		word = next(&state);
		memcpy(to + at, &word, sizeof(word));
	}
	word = next(&state);
	memcpy(to + at, &word, d->bytes - at);
}

bool datagram_read(const uint8_t *from, uint32_t bytes, struct datagram *d, bool *whole)
{
	uint64_t state, word;
	uint32_t at = DATAGRAM_HEADER;

	if (bytes < DATAGRAM_HEADER || memcmp(from, magic, sizeof(magic)) != 0)
		return false;
	memcpy(d, from + sizeof(magic), sizeof(*d));
	*whole = d->bytes == bytes;
	state = first_state(d);
	for (; *whole && at + sizeof(word) <= bytes; at += sizeof(word)) {
		word = next(&state);
		*whole = memcmp(from + at, &word, sizeof(word)) == 0;
	}
	word = next(&state);
	*whole = *whole && memcmp(from + at, &word, bytes - at) == 0;
	return true;
}

void receipt_write(const char *name, const struct datagram *d, bool whole, uint8_t *to)
{
	const struct receipt receipt = {d->flow, d->number, whole};

	memset(to, 0, HOST_NAME_BYTES);
	memcpy(to, name, strnlen(name, HOST_NAME_BYTES));
	memcpy(to + HOST_NAME_BYTES, &receipt, sizeof(receipt));
}

bool receipt_read(const uint8_t *from, uint32_t bytes, struct receipt *receipt)
{
	if (bytes != RECEIPT_BYTES)
		return false;
	memcpy(receipt, from + HOST_NAME_BYTES, sizeof(*receipt));
	return true;
}
