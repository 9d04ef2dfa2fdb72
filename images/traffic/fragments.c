// SPDX-License-Identifier: Apache-2.0
/*
 * `traffic fragments`: sends UDP datagrams as fragments of its own making, each by a next hop drawn at
 * random, and counts which target received which of them whole. Here are its options.
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "generator.h"
#include "options.h"

/* "00:00:00:01:02:c9,..." */
static bool parse_hops(const char *text, void *to)
{
	struct generator *g = to;
	int used;

	for (g->hops_n = 0; g->hops_n < HOPS_MAX; text += used + 1) {
		struct sockaddr_ll *hop = &g->hops[g->hops_n++];
		uint8_t *mac = hop->sll_addr;

		if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", mac, mac + 1, mac + 2, mac + 3,
			   mac + 4, mac + 5, &used) != 6)
			return false;
		hop->sll_halen = 6;
		if (text[used] != ',')
			return text[used] == '\0';
	}
	return false;
}

static bool parse_patterns(const char *text, void *to)
{
	struct generator *g = to;

	for (g->patterns_n = 0; g->patterns_n < PATTERNS;) {
		const size_t length = strcspn(text, ",");
		int found = 0;

		while (found < PATTERNS && (strlen(pattern_names[found]) != length ||
					    strncmp(pattern_names[found], text, length) != 0))
			found++;
		if (found == PATTERNS)
			return false;
		g->patterns[g->patterns_n++] = (enum pattern)found;
		if (!text[length])
			return true;
		text += length + 1;
	}
	return false;
}

static int check(struct generator *g, const char *device)
{
	const struct settings *set = &g->client.set;
	const unsigned index = device ? if_nametoindex(device) : 0;

	if (set->address.any.sa_family == AF_UNSPEC)
		return usage_error("Option --address is missing. Give HOST:PORT, IPv6 as [1000::]:6001.");
	if (set->source.family != set->address.any.sa_family)
		return usage_error("Option --src is missing, or not of the family of --address.");
	if (!device || !index || !g->hops_n)
		return usage_error(
			"Give the way out: --device of this machine, and --via with the MAC addresses "
			"of the next hops.");
	if (!set->connections || set->connections > 100000)
		return usage_error("Bad --connections: expected 1 to 100000.");
	if (g->bytes < SMALLEST || g->bytes > UDP_MAX)
		return usage_error("Bad --size: expected %d to %d.", SMALLEST, UDP_MAX);
	if (g->mtu < 256 || g->mtu > 1500)
		return usage_error("Bad --mtu: expected 256 to 1500.");
	if (set->rate <= 0 || (double)set->duration_ns / (double)NS_PER_S * set->rate > 1e8)
		return usage_error("Bad --rate: expected more than 0, and no more than 100000000 in all.");
	for (uint32_t i = 0; i < g->hops_n; i++) {
		g->hops[i].sll_family = AF_PACKET;
		g->hops[i].sll_ifindex = (int)index;
		g->hops[i].sll_protocol = htons(set->source.family == AF_INET ? ETH_P_IP : ETH_P_IPV6);
	}
	return 0;
}

int fragments_main(char **arguments)
{
	static struct generator g = {.client.set = {.mode = MODE_FRAGMENTS,
						    .seed = 1,
						    .connections = 100,
						    .part.count = 1,
						    .rate = 1000,
						    .duration_ns = 10 * NS_PER_S,
						    .sample_ns = 250 * NS_PER_MS,
						    .udp = true,
						    .rows = true},
				     .bytes = 30000,
				     .mtu = 1500};
	const char *device = NULL;
	struct settings *set = &g.client.set;
	const struct option_spec table[] = {
		{"address", parse_endpoint, &set->address, "HOST:PORT", "where to; IPv6 as [1000::]:6001"},
		{"src", parse_cidr, &set->source, "CIDR", "network the sources are drawn from"},
		{"device", parse_string, &device, "NAME", "network device to send by"},
		{"via", parse_hops, &g, "MAC,...", "next hops; each fragment takes one at random"},
		{"connections", parse_u32, &set->connections, "COUNT", "flows (100)"},
		{"rate", parse_rate, &set->rate, "NUMBER", "datagrams per second over all flows (1000)"},
		{"duration", parse_duration, &set->duration_ns, "TIME", "how long (10s)"},
		{"size", parse_u32, &g.bytes, "BYTES", "in the largest datagrams (30000)"},
		{"mtu", parse_u32, &g.mtu, "BYTES", "in the largest fragments (1500)"},
		{"patterns", parse_patterns, &g, "NAME,...",
		 "in_order, reversed, shuffled, gaps, interleaved, duplicated, overlapping (all of these), "
		 "headless"},
		{"seed", parse_u64, &set->seed, "NUMBER", "the same seed gives the same 5-tuples (1)"},
		{"sample", parse_duration, &set->sample_ns, "TIME", "between sample lines (250ms)"},
		{0},
	};
	const struct command_spec command = {
		"fragments",
		"Sends datagrams as fragments in evil orders, and counts which came through whole.",
		"traffic fragments --address 10.0.0.0:6001 --src 50.0.0.0/16 --device eth2 --via "
		"00:00:00:01:02:c9",
		table};
	int exit_code;

	for (g.patterns_n = 0; g.patterns_n < PATTERN_HEADLESS; g.patterns_n++)
		g.patterns[g.patterns_n] = (enum pattern)g.patterns_n;
	if (!options_read(&command, arguments, &exit_code))
		return exit_code;
	exit_code = check(&g, device);
	return exit_code ? exit_code : generator_run(&g);
}
