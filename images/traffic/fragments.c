// SPDX-License-Identifier: Apache-2.0
/*
 * `traffic fragments`: sends UDP datagrams as fragments of its own making, each by a next hop drawn at
 * random, and counts which target received which of them whole. Here are its options.
 */
#include <string.h>

#include "commands.h"
#include "generator.h"

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

static void check(struct generator *g, const char *device)
{
	const struct settings *set = &g->client.set;

	address_check(&set->address, &set->source, "6001");
	if (set->source.family == AF_UNSPEC)
		fail(EXIT_USAGE, "Option --src is missing.");
	hops_check(&g->hops, device, set->source.family);
	if (!set->connections || set->connections > 100000)
		fail(EXIT_USAGE, "Invalid value for --connections: expected 1 to 100000.");
	if (g->bytes < SMALLEST || g->bytes > UDP_MAX)
		fail(EXIT_USAGE, "Invalid value for --size: expected %d to %d.", SMALLEST, UDP_MAX);
	if (g->mtu < 256 || g->mtu > 1500)
		fail(EXIT_USAGE, "Invalid value for --mtu: expected 256 to 1500.");
	if (set->rate <= 0 || (double)set->duration_ns / (double)NS_PER_S * set->rate > 1e8)
		fail(EXIT_USAGE,
		     "Invalid value for --rate: expected more than 0, and no more than 100000000 in all.");
}

int command_fragments(const struct command *command, int argc, char **argv)
{
	static struct generator g = {.client.set = {.mode = MODE_FRAGMENTS,
						    .seed = 1,
						    .connections = 100,
						    .part.count = 1,
						    .share.count = 1,
						    .rate = 1000,
						    .duration_ns = 10 * NS_PER_S,
						    .sample_ns = 250 * NS_PER_MS,
						    .udp = true,
						    .rows = true},
				     .bytes = 30000,
				     .mtu = 1500};
	const char *device = NULL;
	struct settings *set = &g.client.set;
	const struct option_spec specs[] = {
		OPTION_ADDRESS(&set->address, "6001"),
		OPTION_SRC(&set->source),
		OPTION_SOURCES(&set->sources),
		{"device", 0, "NAME", "network device to send by", .parse = parse_string, .to = &device},
		{"via", 0, "MAC,...", "next hops; each fragment takes one at random", .parse = parse_hops,
		 .to = &g.hops},
		{"connections", 0, "COUNT", "flows (100)", .parse = parse_u32, .to = &set->connections},
		{"rate", 0, "NUMBER", "datagrams per second over all flows (1000)", .parse = parse_rate,
		 .to = &set->rate},
		{"duration", 0, "TIME", "how long (10s)", .parse = parse_duration, .to = &set->duration_ns},
		{"size", 0, "BYTES", "size of the largest datagrams (30000)", .parse = parse_u32,
		 .to = &g.bytes},
		{"mtu", 0, "BYTES", "size of the largest fragments (1500)", .parse = parse_u32, .to = &g.mtu},
		{"patterns", 0, "NAME,...",
		 "in_order, reversed, shuffled, gaps, interleaved, duplicated, overlapping (all of these), "
		 "headless",
		 .parse = parse_patterns, .to = &g},
		OPTION_SEED(&set->seed),
		OPTION_SAMPLE(&set->sample_ns),
	};
	for (g.patterns_n = 0; g.patterns_n < PATTERN_HEADLESS; g.patterns_n++)
		g.patterns[g.patterns_n] = (enum pattern)g.patterns_n;
	parse_options(command, argc, argv, specs, COUNT_OF(specs), 0);
	check(&g, device);
	return generator_run(&g);
}
