// SPDX-License-Identifier: Apache-2.0
#include "tuple.h"

#include <string.h>

#define ROUNDS 6

/* The finaliser of splitmix64: every input bit changes every output bit with probability one half. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/* A Feistel network is a permutation whatever its round function is. */
static uint64_t feistel(uint64_t key, unsigned half_bits, uint64_t index)
{
	uint64_t mask = (1ULL << half_bits) - 1;
	uint64_t left = index >> half_bits, right = index & mask;

	for (uint64_t round = 0; round < ROUNDS; round++) {
		uint64_t next = left ^ (mix(key ^ (round << 56) ^ right) & mask);
		left = right;
		right = next;
	}
	return left << half_bits | right;
}

/* Of 0 .. size - 1, by the smallest power of 4 that is not below size. */
static uint64_t permute(uint64_t key, uint64_t size, uint64_t index)
{
	unsigned half_bits = 0;

	while ((1ULL << (2 * half_bits)) < size)
		half_bits++;
	uint64_t point = feistel(key, half_bits, index % size);

	/* Cycle walking: points outside are permuted again; at most 4 tries on average. */
	while (point >= size)
		point = feistel(key, half_bits, point);
	return point;
}

void tuple_space_init(struct tuple_space *space, const struct cidr *cidr, uint32_t sources, uint64_t seed)
{
	int host_bits = cidr->family == AF_UNSPEC ? 0 : cidr->host_bits;

	memset(space, 0, sizeof(*space));
	space->cidr = *cidr;
	space->key = mix(seed + 0x9e3779b97f4a7c15ULL);
	space->addresses = 1ULL << host_bits;
	if (host_bits > 1) { /* a /31 and a /127 have neither network nor broadcast address */
		space->first_offset = 1;
		space->addresses -= 2;
	}
	if (sources && sources < space->addresses)
		space->addresses = sources;
	space->size = space->addresses * PORT_COUNT;
	space->own_to = space->addresses;
}

void tuple_space_share(struct tuple_space *space, const struct part *share)
{
	space->own_from = space->addresses * share->index / share->count;
	space->own_to = space->addresses * (share->index + 1) / share->count;
}

bool tuple_is_own(const struct tuple_space *space, struct tuple tuple)
{
	const uint64_t source = tuple.offset - space->first_offset;

	return source >= space->own_from && source < space->own_to;
}

struct tuple tuple_own(const struct tuple_space *space, uint64_t index, uint64_t step, uint64_t n)
{
	if (space->own_to - space->own_from == space->addresses)
		return tuple_at(space, index + step * n);
	for (;; index += step) {
		const struct tuple tuple = tuple_at(space, index);

		if (tuple_is_own(space, tuple) && n-- == 0)
			return tuple;
	}
}

struct tuple tuple_at(const struct tuple_space *space, uint64_t index)
{
	uint64_t point = permute(space->key, space->size, index);

	return (struct tuple){.offset = space->first_offset + (uint32_t)(point / PORT_COUNT),
			      .port = (uint16_t)(FIRST_PORT + point % PORT_COUNT)};
}

struct tuple tuple_of_visit(const struct tuple_space *space, uint32_t visit, uint64_t index, uint64_t spare)
{
	uint64_t source = permute(mix(space->key ^ visit), space->addresses, index);
	uint64_t number = spare ? PORT_COUNT - spare : space->same_visits ? 1 : visit;

	return (struct tuple){
		.offset = space->first_offset + (uint32_t)source,
		.port = (uint16_t)(FIRST_PORT + permute(mix(space->key + source), PORT_COUNT, number))};
}

union address tuple_address(const struct tuple_space *space, int family, struct tuple tuple)
{
	union address address = {0};
	uint8_t bytes[16];

	memcpy(bytes, space->cidr.bytes, sizeof(bytes));
	if (space->cidr.family != AF_UNSPEC) {
		int last = family == AF_INET ? 3 : 15;

		bytes[last - 1] |= (uint8_t)(tuple.offset >> 8);
		bytes[last] |= (uint8_t)tuple.offset;
	}
	address.any.sa_family = (sa_family_t)family;
	if (family == AF_INET)
		memcpy(&address.v4.sin_addr, bytes, 4);
	else
		memcpy(&address.v6.sin6_addr, bytes, 16);
	address_set_port(&address, tuple.port);
	return address;
}
