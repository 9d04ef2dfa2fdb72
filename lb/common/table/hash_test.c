// SPDX-License-Identifier: Apache-2.0
/* MurmurHash3 against its published vectors. */
#include <string.h>

#include "util/check.h"
#include "table/hash.h"
#include "table/prime.h"

static void matches_the_published_vectors(void)
{
	static const struct {
		const char *data;
		size_t len;
		uint32_t seed, hash;
	} vectors[] = {
		{"", 0, 0, 0},
		{"", 0, 1, 0x514e28b7},
		{"", 0, 0xffffffff, 0x81f16f39},
		{"\xff\xff\xff\xff", 4, 0, 0x76293b50},
		{"\x21\x43\x65\x87", 4, 0, 0xf55b516b},
		{"\x21\x43\x65\x87", 4, 0x5082edee, 0x2362f9de},
		{"\x21\x43\x65", 3, 0, 0x7e4a8634},
		{"\x21\x43", 2, 0, 0xa0f7b07a},
		{"\x21", 1, 0, 0x72661cf4},
		{"\0\0\0\0", 4, 0, 0x2362f9de},
		{"aaaa", 4, 0x9747b28c, 0x5a97808a},
		{"Hello, world!", 13, 0x9747b28c, 0x24884cba},
		{"The quick brown fox jumps over the lazy dog", 43, 0x9747b28c, 0x2fa826cd},
	};

	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		const uint32_t hash = murmur3_32(vectors[i].data, vectors[i].len, vectors[i].seed);

		CHECK(hash == vectors[i].hash, "vector %zu gives %08x", i, hash);
	}
}

static void finds_primes(void)
{
	CHECK(!is_prime(0) && !is_prime(1) && is_prime(2) && is_prime(3) && !is_prime(4), "small numbers");
	CHECK(is_prime(65537) && is_prime(16777213) && !is_prime(16777215), "large numbers");
	CHECK(!is_prime(251u * 251u) && is_prime(4294967291u) && !is_prime(4294967295u),
	      "squares and the largest");
	CHECK(prime_below(1000) == 997 && prime_above(1000) == 1009, "neighbours of 1000");
	CHECK(prime_below(997) == 997 && prime_below(2) == 2 && prime_below(1) == 0, "at and below the edge");
}

int main(void)
{
	matches_the_published_vectors();
	finds_primes();
	return check_report("hash");
}
