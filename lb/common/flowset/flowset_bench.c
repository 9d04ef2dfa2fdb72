// SPDX-License-Identifier: Apache-2.0
/*
 * What it costs to find the flow of a packet, among 1, 100 and 10,000 flows: by the tree, and by asking one
 * flow after the other. Usage: flowset-bench [PACKETS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flowset/flowset.h"

static uint64_t state = 1;

static uint32_t draw(uint32_t below)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(state >> 33) % below;
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void set_address(uint8_t to[16], uint32_t address)
{
	memset(to, 0, 10);
	memset(to + 10, 0xff, 2);
	for (int i = 0; i < 4; i++)
		to[12 + i] = address >> (24 - 8 * i);
}

/* A service: one address and port of many, for TCP or UDP; every tenth for one customer's network only. */
static struct flow_rule service(uint32_t i)
{
	struct flow_rule rule = {
		.priority = i % 10 == 0 ? 20 : 10,
		.protocols_n = 1,
		.protocols = {i & 1 ? 6 : 17},
		.destinations_n = 1,
		.destination_ports_n = 1,
		.destination_ports = {{1000 + i % 50 * 10, 1000 + i % 50 * 10 + i % 3}},
	};

	set_address(rule.destinations[0].low, 0x0a000000 + i / 50);
	set_address(rule.destinations[0].high, 0x0a000000 + i / 50);
	if (i % 10 == 0) {
		rule.sources_n = 1;
		set_address(rule.sources[0].low, 0x32000000 + i % 256 * 256);
		set_address(rule.sources[0].high, 0x32000000 + i % 256 * 256 + 255);
	}
	return rule;
}

#define KEYS 65536

static double
measure(const struct flowset *set, const struct flow_key *keys, uint32_t packets, uint32_t *found,
	uint32_t (*match)(const struct flowset *, const struct flow_key *, const struct flow_bytes *))
{
	const struct flow_bytes none = {0};
	const double began = now_s();

	*found = 0;
	for (uint32_t i = 0; i < packets; i++)
		*found += match(set, &keys[i % KEYS], &none) != FLOWSET_NONE;
	return (now_s() - began) / packets * 1e9;
}

static void bench(uint32_t n, uint32_t packets)
{
	struct flow_rule *rules = calloc(n, sizeof(*rules));
	struct flow_key *keys = calloc(KEYS, sizeof(*keys));
	struct flowset_size size;
	struct flowset *set;
	uint32_t found, found_linear;
	double began, tree, list, built;

	for (uint32_t i = 0; i < n; i++)
		rules[i] = service(i);
	for (uint32_t i = 0; i < KEYS; i++) { /* mostly packets for one of the services */
		const uint32_t to = draw(n), port = 1000 + to % 50 * 10 + draw(4);

		keys[i] = (struct flow_key){.source_port = {draw(256), draw(256)},
					    .destination_port = {port >> 8, port},
					    .protocol = to & 1 ? 6 : 17};
		set_address(keys[i].source, 0x32000000 + draw(65536));
		set_address(keys[i].destination, 0x0a000000 + to / 50);
	}
	began = now_s();
	set = flowset_new(rules, n, sizeof(*rules));
	built = now_s() - began;
	size = flowset_size(set);
	tree = measure(set, keys, packets, &found, flowset_match);
	list = measure(set, keys, packets < 2000000 / n ? packets : 2000000 / n, &found_linear,
		       flowset_match_linear);
	printf("%6u flows: tree %6.1f ns, list %9.1f ns a packet; built in %7.2f ms; %u nodes, depth %u, "
	       "%.1f references a flow, longest leaf %u; %.0f %% found\n",
	       n, tree, list, built * 1e3, size.nodes, size.depth, (double)size.references / n,
	       size.longest_leaf, 100.0 * found / packets);
	flowset_free(set);
	free(rules);
	free(keys);
}

int main(int argc, char **argv)
{
	const uint32_t packets = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000000;

	for (uint32_t n = 1; n <= 10000; n *= 10)
		bench(n, packets ? packets : 1);
	return 0;
}
