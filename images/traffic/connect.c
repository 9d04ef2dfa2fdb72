// SPDX-License-Identifier: Apache-2.0
/* `traffic connect`: options. */
#include <string.h>

#include "client.h"
#include "commands.h"
#include "state.h"

#define MAX_CONNECTIONS 10000000

static bool parse_output(const char *text, void *to)
{
	static const struct {
		const char *name;
		enum output output;
	} formats[] = {
		{"ndjson", OUTPUT_NDJSON}, {"json", OUTPUT_MCONNECT_JSON}, {"txt", OUTPUT_MCONNECT_TEXT}};

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(text, formats[i].name))
			continue;
		*(enum output *)to = formats[i].output;
		return true;
	}
	return false;
}

static void check(const struct settings *set)
{
	if (set->address.any.sa_family == AF_UNSPEC)
		fail(EXIT_USAGE, "Option --address is missing. Give HOST:PORT, IPv6 as [1000::]:5001.");
	if (!set->connections || set->connections > MAX_CONNECTIONS)
		fail(EXIT_USAGE, "Invalid value for --connections: expected 1 to %d.", MAX_CONNECTIONS);
	if (!set->concurrent)
		fail(EXIT_USAGE, "Invalid value for --concurrent: expected 1 or more.");
	if (!set->sample_ns || !set->timeout_ns)
		fail(EXIT_USAGE, "Invalid value for --sample or --timeout: expected more than 0.");
	if (set->part.count > set->connections)
		fail(EXIT_USAGE, "Invalid value for --part: there are more parts than connections.");
	if (set->visit && set->source.family == AF_UNSPEC)
		fail(EXIT_USAGE, "--visit needs the sources of --src.");
	if (set->source.family != AF_UNSPEC && set->source.family != set->address.any.sa_family)
		fail(EXIT_USAGE, "--src and --address must be of one family.");
}

int command_connect(const struct command *command, int argc, char **argv)
{
	struct settings set = {.mode = MODE_CONNECT,
			       .seed = 1,
			       .connections = 1,
			       .part.count = 1,
			       .concurrent = 64,
			       .timeout_ns = 5 * NS_PER_S,
			       .sample_ns = 250 * NS_PER_MS,
			       .rows = true};
	const struct option_spec specs[] = {
		{"address", 0, "HOST:PORT", "where to; IPv6 as [1000::]:5001", .parse = parse_endpoint,
		 .to = &set.address},
		{"connections", 0, "COUNT", "connections (1)", .parse = parse_u32, .to = &set.connections},
		{"concurrent", 0, "COUNT", "connections being opened at a time (64)", .parse = parse_u32,
		 .to = &set.concurrent},
		{"rate", 0, "NUMBER", "connections per second; 0: no limit (0)", .parse = parse_rate,
		 .to = &set.rate},
		{"timeout", 0, "TIME", "for one connection (5000ms)", .parse = parse_duration,
		 .to = &set.timeout_ns},
		{"src", 0, "CIDR", "network the sources are drawn from", .parse = parse_cidr,
		 .to = &set.source},
		{"seed", 0, "NUMBER", "the same seed gives the same 5-tuples (1)", .parse = parse_u64,
		 .to = &set.seed},
		{"keep", 0, NULL, "hold the connections until SIGTERM", .flag = &set.keep},
		{"part", 0, "I/N", "open only each N-th connection, from the I-th on (1/1)",
		 .parse = parse_part, .to = &set.part},
		{"visit", 0, "N", "no address of --src twice; each N has an order and ports of its own",
		 .parse = parse_u32, .to = &set.visit},
		{"udp", 0, NULL, "UDP instead of TCP", .flag = &set.udp},
		{"sample", 0, "TIME", "between sample lines (250ms)", .parse = parse_duration,
		 .to = &set.sample_ns},
		{"output", 0, "ndjson|json|txt", "events, or as mconnect prints it", .parse = parse_output,
		 .to = &set.output},
	};
	parse_options(command, argc, argv, specs, COUNT_OF(specs), 0);
	check(&set);
	return client_run(&set);
}
