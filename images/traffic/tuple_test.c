// SPDX-License-Identifier: Apache-2.0
/* Unit tests of the 5-tuples that clients use, run under ASan and UBSan. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"
#include "tuple.h"
#include "util/check.h"
#include "util/memory.h"

static void tuples_of_a_whole_network_are_all_different(const char *network, uint64_t expected)
{
	struct cidr cidr = {0};
	struct tuple_space space;

	CHECK(!network || parse_cidr(network, &cidr));
	tuple_space_init(&space, &cidr, 0, 1);
	CHECK(space.size == expected);
	uint8_t *seen = allocate(space.size / 8 + 1);
	for (uint64_t k = 0; k < space.size; k++) {
		struct tuple tuple = tuple_at(&space, k);
		uint64_t at =
			(uint64_t)(tuple.offset - space.first_offset) * PORT_COUNT + tuple.port - FIRST_PORT;

		CHECK(tuple.port >= FIRST_PORT && at < space.size);
		if (at >= space.size || seen[at / 8] >> at % 8 & 1) {
			CHECK(!"tuple drawn twice");
			break;
		}
		seen[at / 8] |= (uint8_t)(1 << at % 8);
	}
	release(seen);
}

static void few_sources_are_the_first_ones(void)
{
	struct cidr cidr = {0};
	struct tuple_space space;

	CHECK(parse_cidr("10.1.2.0/29", &cidr));
	tuple_space_init(&space, &cidr, 2, 1);
	CHECK(space.size == 2 * PORT_COUNT);
	for (uint64_t k = 0; k < space.size; k++) {
		struct tuple tuple = tuple_at(&space, k);

		CHECK(tuple.offset == 1 || tuple.offset == 2);
	}
	tuple_space_init(&space, &cidr, 100, 1);
	CHECK(space.addresses == 6);
}

/* Together the shares are the whole, whose sources no two of them have. */
static void shares_have_each_tuple_once(void)
{
	struct cidr cidr = {0};
	struct tuple_space space;
	uint64_t own[3] = {0};

	CHECK(parse_cidr("50.0.0.0/16", &cidr));
	for (uint64_t k = 0; k < 3000; k++) {
		uint32_t owners = 0;

		for (uint32_t i = 0; i < 3; i++) {
			tuple_space_init(&space, &cidr, 10, 1);
			tuple_space_share(&space, &(struct part){i, 3});
			const struct tuple tuple = tuple_at(&space, k), next = tuple_own(&space, k, 7, 2);
			const bool mine = tuple_is_own(&space, tuple);

			/* 0 to 2, 3 to 5, 6 to 9 */
			CHECK(!mine || (tuple.offset - 1) / 3 == i || tuple.offset == 10);
			CHECK(tuple_is_own(&space, next));
			owners += mine;
			own[i] += mine;
		}
		CHECK(owners == 1);
	}
	CHECK(own[0] > 800 && own[1] > 800 && own[2] > own[1]);
}

static void an_own_tuple_is_any_where_nothing_is_shared(void)
{
	struct cidr cidr = {0};
	struct tuple_space space;

	CHECK(parse_cidr("50.0.0.0/16", &cidr));
	tuple_space_init(&space, &cidr, 0, 1);
	const struct tuple own = tuple_own(&space, 5, 100, 3), at = tuple_at(&space, 305);

	CHECK(own.offset == at.offset && own.port == at.port);
}

static void tuples_cover_their_space_once(void)
{
	tuples_of_a_whole_network_are_all_different(NULL, PORT_COUNT);
	tuples_of_a_whole_network_are_all_different("10.1.2.3/32", PORT_COUNT);
	tuples_of_a_whole_network_are_all_different("10.1.2.2/31", 2 * PORT_COUNT);
	tuples_of_a_whole_network_are_all_different("10.1.2.0/29", 6 * PORT_COUNT);
	tuples_of_a_whole_network_are_all_different("2000::/126", 2 * PORT_COUNT);
}

static void tuples_depend_on_the_seed_only(void)
{
	struct tuple_space one, same, other;
	char text[INET6_ADDRSTRLEN];
	struct cidr cidr;
	int equal = 0;

	parse_cidr("50.0.0.0/16", &cidr);
	tuple_space_init(&one, &cidr, 0, 1);
	tuple_space_init(&same, &cidr, 0, 1);
	tuple_space_init(&other, &cidr, 0, 2);
	for (uint64_t k = 0; k < 10000; k++) {
		struct tuple a = tuple_at(&one, k), b = tuple_at(&same, k), c = tuple_at(&other, k);

		CHECK(a.offset == b.offset && a.port == b.port);
		CHECK(a.offset >= 1 && a.offset <= 65534);
		equal += a.offset == c.offset && a.port == c.port;
	}
	CHECK(equal < 3);
	union address address = tuple_address(&one, AF_INET, (struct tuple){.offset = 0x1234, .port = 5});
	CHECK(!strcmp(address_text(&address, text), "50.0.18.52") && address_port(&address) == 5);
	parse_cidr("2000::/112", &cidr);
	tuple_space_init(&one, &cidr, 0, 1);
	address = tuple_address(&one, AF_INET6, (struct tuple){.offset = 0x1234, .port = 5});
	CHECK(!strcmp(address_text(&address, text), "2000::1234"));
}

/* Visits: every address once in each, in another order, and never from the same port again. */
static void visits_bring_every_address_once(void)
{
	struct cidr cidr;
	struct tuple_space space;
	uint16_t ports[4][62] = {0};
	int same_place = 0;

	parse_cidr("50.0.0.0/26", &cidr);
	tuple_space_init(&space, &cidr, 0, 1);
	for (uint32_t visit = 1; visit <= 3; visit++)
		for (uint64_t k = 0; k < 62; k++) {
			struct tuple tuple = tuple_of_visit(&space, visit, k, 0);

			CHECK(tuple.offset >= 1 && tuple.offset <= 62 && !ports[visit][tuple.offset - 1]);
			for (uint32_t before = 1; before < visit; before++)
				CHECK(ports[before][tuple.offset - 1] != tuple.port);
			ports[visit][(tuple.offset - 1) % 62] = tuple.port;
			same_place += tuple.offset == tuple_of_visit(&space, visit + 1, k, 0).offset;
			CHECK(tuple_of_visit(&space, visit, k, 1).port != tuple.port);
		}
	CHECK(same_place < 20);
}

static void visits_may_come_from_the_same_ports(void)
{
	struct cidr cidr = {0};
	struct tuple_space space;
	uint16_t ports[63] = {0};
	int same_place = 0;

	CHECK(parse_cidr("10.1.2.0/26", &cidr));
	tuple_space_init(&space, &cidr, 0, 1);
	space.same_visits = true;
	for (uint32_t visit = 1; visit <= 2; visit++)
		for (uint64_t k = 0; k < 62; k++) {
			struct tuple tuple = tuple_of_visit(&space, visit, k, 0);

			CHECK(visit == 1 || ports[tuple.offset] == tuple.port);
			ports[tuple.offset] = tuple.port;
			same_place += visit == 2 && tuple.offset == tuple_of_visit(&space, 1, k, 0).offset;
		}
	CHECK(same_place < 10); /* in another order */
}

/* Source ports and offsets must look random, else hashes of 5-tuples would be tested on a lattice. */
static void tuples_spread_evenly(void)
{
	struct cidr cidr;
	struct tuple_space space;
	int ports[16] = {0}, offsets[16] = {0};

	parse_cidr("50.0.0.0/16", &cidr);
	tuple_space_init(&space, &cidr, 0, 1);
	for (uint64_t k = 0; k < 16000; k++) {
		struct tuple tuple = tuple_at(&space, k);

		ports[tuple.port % 16]++;
		offsets[tuple.offset % 16]++;
	}
	for (int i = 0; i < 16; i++)
		CHECK(abs(ports[i] - 1000) < 150 && abs(offsets[i] - 1000) < 150);
}

int main(void)
{
	few_sources_are_the_first_ones();
	visits_may_come_from_the_same_ports();
	tuples_cover_their_space_once();
	shares_have_each_tuple_once();
	an_own_tuple_is_any_where_nothing_is_shared();
	tuples_depend_on_the_seed_only();
	visits_bring_every_address_once();
	tuples_spread_evenly();
	return check_report("traffic tuples");
}
