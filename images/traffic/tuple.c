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

void tuple_space_init(struct tuple_space *space, const struct cidr *cidr, uint64_t seed)
{
	int host_bits = cidr->family == AF_UNSPEC ? 0 : cidr->host_bits;
	uint64_t offsets = 1ULL << host_bits;

	memset(space, 0, sizeof(*space));
	space->cidr = *cidr;
	space->key = mix(seed + 0x9e3779b97f4a7c15ULL);
	if (host_bits > 1) { /* a /31 and a /127 have neither network nor broadcast address */
		space->first_offset = 1;
		offsets -= 2;
	}
	space->size = offsets * PORT_COUNT;
	while ((1ULL << (2 * space->half_bits)) < space->size)
		space->half_bits++;
}

/* A Feistel network is a permutation whatever its round function is. */
static uint64_t feistel(const struct tuple_space *space, uint64_t index)
{
	uint64_t mask = (1ULL << space->half_bits) - 1;
	uint64_t left = index >> space->half_bits, right = index & mask;

	for (uint64_t round = 0; round < ROUNDS; round++) {
		uint64_t next = left ^ (mix(space->key ^ (round << 56) ^ right) & mask);
		left = right;
		right = next;
	}
	return left << space->half_bits | right;
}

struct tuple tuple_at(const struct tuple_space *space, uint64_t index)
{
	uint64_t point = feistel(space, index % space->size);

	/* Cycle walking: points outside the space are permuted again; at most 4 tries on average. */
	while (point >= space->size)
		point = feistel(space, point);
	return (struct tuple){.offset = space->first_offset + (uint32_t)(point / PORT_COUNT),
			      .port = (uint16_t)(FIRST_PORT + point % PORT_COUNT)};
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
