// SPDX-License-Identifier: Apache-2.0
/* The flow matcher: each condition by itself, priorities, and the tree against asking every rule. */
#include <stdlib.h>
#include <string.h>

#include "util/check.h"
#include "flowset/flowset.h"

static const struct flow_bytes no_bytes;
static uint64_t state = 1;

static uint32_t draw(uint32_t below)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(state >> 33) % below;
}

/* IPv4 a.b.c.d of 32 bits. */
static void set_address(uint8_t to[16], uint32_t address)
{
	memset(to, 0, 10);
	memset(to + 10, 0xff, 2);
	for (int i = 0; i < 4; i++)
		to[12 + i] = address >> (24 - 8 * i);
}

static struct address_range network(uint32_t address, int prefix)
{
	const uint32_t hosts = prefix ? (1ull << (32 - prefix)) - 1 : UINT32_MAX;
	struct address_range range;

	set_address(range.low, address & ~hosts);
	set_address(range.high, address | hosts);
	return range;
}

static struct flow_key key_of(uint32_t source, uint16_t sport, uint32_t destination, uint16_t dport,
			      uint8_t protocol)
{
	struct flow_key key = {.source_port = {sport >> 8, sport},
			       .destination_port = {dport >> 8, dport},
			       .protocol = protocol};

	set_address(key.source, source);
	set_address(key.destination, destination);
	return key;
}

static uint32_t match_one(const struct flow_rule *rule, struct flow_key key, struct flow_bytes bytes)
{
	struct flowset *set = flowset_new(rule, 1, sizeof(*rule));
	const uint32_t found = flowset_match(set, &key, &bytes);

	CHECK(found == flowset_match_linear(set, &key, &bytes), "tree and list differ");
	flowset_free(set);
	return found;
}

static void every_condition_counts(void)
{
	const struct flow_rule rule = {
		.protocols_n = 2,
		.protocols = {6, 17},
		.sources_n = 1,
		.sources = {network(0x32000000, 16)},
		.destinations_n = 2,
		.destinations = {network(0x0a000000, 32), network(0x0a000010, 28)},
		.source_ports_n = 1,
		.source_ports = {{1000, 2000}},
		.destination_ports_n = 2,
		.destination_ports = {{80, 80}, {5001, 5003}},
	};
	const struct {
		struct flow_key key;
		bool takes;
	} cases[] = {
		{key_of(0x32000001, 1000, 0x0a000000, 80, 6), true},
		{key_of(0x3200ffff, 2000, 0x0a00001f, 5003, 17), true},
		{key_of(0x32010000, 1000, 0x0a000000, 80, 6), false},
		{key_of(0x32000001, 999, 0x0a000000, 80, 6), false},
		{key_of(0x32000001, 2001, 0x0a000000, 80, 6), false},
		{key_of(0x32000001, 1000, 0x0a000001, 80, 6), false},
		{key_of(0x32000001, 1000, 0x0a000020, 80, 6), false},
		{key_of(0x32000001, 1000, 0x0a000000, 81, 6), false},
		{key_of(0x32000001, 1000, 0x0a000000, 5004, 6), false},
		{key_of(0x32000001, 1000, 0x0a000000, 80, 132), false},
		/* An echo request whose identifier looks like the port. */
		{key_of(0x32000001, 1000, 0x0a000000, 80, 1), false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		CHECK((match_one(&rule, cases[i].key, no_bytes) == 0) == cases[i].takes, "case %zu", i);
	CHECK(match_one(&(struct flow_rule){0}, cases[10].key, no_bytes) == 0, "no condition takes all");
	CHECK(match_one(&(struct flow_rule){.protocols_n = 1, .protocols = {1}}, cases[10].key, no_bytes) ==
		      0,
	      "without ports an echo request is taken");
}

static void bytes_are_compared_under_their_mask_and_within_the_packet(void)
{
	const struct flow_rule rule = {
		.matches_n = 2,
		.matches = {{.offset = 2, .size = 2, .value = {0x12, 0x30}, .mask = {0xff, 0xf0}},
			    {.offset = 8, .size = 1, .value = {0x7f}, .mask = {0xff}}},
	};
	const uint8_t good[] = {0, 0, 0x12, 0x3f, 0, 0, 0, 0, 0x7f},
		      bad[] = {0, 0, 0x12, 0x4f, 0, 0, 0, 0, 0x7f};
	const struct flow_key key = key_of(1, 2, 3, 4, 6);

	CHECK(match_one(&rule, key, (struct flow_bytes){good, 9}) == 0, "the bytes are there");
	CHECK(match_one(&rule, key, (struct flow_bytes){bad, 9}) == FLOWSET_NONE, "other bytes are there");
	CHECK(match_one(&rule, key, (struct flow_bytes){good, 8}) == FLOWSET_NONE, "the packet ends before");
	CHECK(match_one(&rule, key, no_bytes) == FLOWSET_NONE, "an error has no bytes");
}

static void the_highest_priority_is_asked_first(void)
{
	const struct flow_rule rules[] = {
		{.priority = 1},
		{.priority = 7, .protocols_n = 1, .protocols = {6}},
		{.priority = 7, .protocols_n = 2, .protocols = {6, 17}},
	};
	struct flowset *set = flowset_new(rules, 3, sizeof(*rules));
	const uint8_t protocols[] = {6, 17, 50};

	for (uint32_t i = 0; i < 3; i++) {
		const struct flow_key key = key_of(1, 2, 3, 4, protocols[i]);

		CHECK(flowset_match(set, &key, &no_bytes) == (i + 1) % 3, "protocol %u", protocols[i]);
	}
	flowset_free(set);
}

static void an_empty_set_takes_nothing(void)
{
	struct flowset *set = flowset_new(NULL, 0, sizeof(struct flow_rule));
	const struct flow_key key = key_of(1, 2, 3, 4, 6);

	CHECK(flowset_match(set, &key, &no_bytes) == FLOWSET_NONE, "something was found");
	flowset_free(set);
}

/* Anything, with networks, ports and wildcards that overlap a lot. */
static struct flow_rule random_rule(void)
{
	struct flow_rule rule = {.priority = draw(10)};

	if (draw(2))
		rule.protocols[rule.protocols_n++] = draw(2) ? 6 : 17;
	for (uint32_t n = draw(3); n > 0; n--)
		rule.sources[rule.sources_n++] = network(0x32000000 + draw(256) * 0x100, 8 + draw(25));
	for (uint32_t n = draw(3); n > 0; n--)
		rule.destinations[rule.destinations_n++] = network(0x0a000000 + draw(64), 26 + draw(7));
	for (uint32_t n = draw(3); n > 0; n--) {
		const uint16_t low = draw(100);

		rule.destination_ports[rule.destination_ports_n++] = (struct port_range){low, low + draw(20)};
	}
	if (draw(8) == 0)
		rule.matches[rule.matches_n++] =
			(struct byte_match){.offset = draw(4), .size = 1, .mask = {1}, .value = {draw(2)}};
	return rule;
}

static void the_tree_says_what_asking_every_rule_says(uint32_t n)
{
	struct flow_rule *rules = calloc(n, sizeof(*rules));
	struct flowset *set;
	uint32_t found = 0;

	for (uint32_t i = 0; i < n; i++)
		rules[i] = random_rule();
	set = flowset_new(rules, n, sizeof(*rules));
	for (uint32_t i = 0; i < 20000; i++) {
		const uint8_t data[4] = {draw(2), draw(2), draw(2), draw(2)};
		const struct flow_bytes bytes = {draw(4) ? data : NULL, draw(5)};
		const struct flow_key key = key_of(0x32000000 + draw(65536), draw(65536),
						   0x0a000000 + draw(80), draw(130), draw(3) ? 6 : 17);
		const uint32_t wanted = flowset_match_linear(set, &key, &bytes);

		found += wanted != FLOWSET_NONE;
		if (flowset_match(set, &key, &bytes) != wanted) {
			CHECK(false, "packet %u of %u rules", i, n);
			break;
		}
	}
	CHECK(n < 10 || (found > 1000 && found <= 20000), "%u packets were taken", found);
	flowset_free(set);
	free(rules);
}

/* As services have them: the tree must not end in one long leaf because every flow is on both sides of a split. */
static void flows_of_both_families_are_told_apart(void)
{
	enum { N = 1000 };
	struct flow_rule *rules = calloc(N, sizeof(*rules));
	struct flowset *set;

	for (uint32_t i = 0; i < N; i++) {
		struct address_range v6 = {.low = {0x10, [14] = i >> 8, [15] = i & 255}};

		memcpy(v6.high, v6.low, sizeof(v6.high));
		rules[i] = (struct flow_rule){.destinations_n = 2,
					      .destinations = {network(0x0a010000 + i, 32), v6}};
	}
	set = flowset_new(rules, N, sizeof(*rules));
	CHECK(flowset_size(set).longest_leaf <= 6, "a leaf of %u", flowset_size(set).longest_leaf);
	CHECK(flowset_size(set).references <= 2 * N, "%u references", flowset_size(set).references);
	for (uint32_t i = 0; i < N; i++) {
		struct flow_key v4 = key_of(1, 2, 0x0a010000 + i, 80, 6), v6 = v4;

		memcpy(v6.destination, rules[i].destinations[1].low, sizeof(v6.destination));
		CHECK(flowset_match(set, &v4, &no_bytes) == i, "IPv4 of flow %u", i);
		CHECK(flowset_match(set, &v6, &no_bytes) == i, "IPv6 of flow %u", i);
	}
	flowset_free(set);
	free(rules);
}

int main(void)
{
	every_condition_counts();
	bytes_are_compared_under_their_mask_and_within_the_packet();
	the_highest_priority_is_asked_first();
	an_empty_set_takes_nothing();
	flows_of_both_families_are_told_apart();
	for (uint32_t n = 1; n <= 1000; n *= 10)
		the_tree_says_what_asking_every_rule_says(n);
	return check_report("flowset");
}
