// SPDX-License-Identifier: Apache-2.0
/* `traffic connect`: options. */
#include <string.h>

#include "client.h"
#include "commands.h"
#include "options.h"

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

static int check(const struct settings *set)
{
	if (set->address.any.sa_family == AF_UNSPEC)
		return usage_error("Option --address is missing. Give HOST:PORT, IPv6 as [1000::]:5001.");
	if (!set->connections || set->connections > MAX_CONNECTIONS)
		return usage_error("Bad --connections: expected 1 to %d.", MAX_CONNECTIONS);
	if (!set->concurrent)
		return usage_error("Bad --concurrent: expected 1 or more.");
	if (!set->sample_ns || !set->timeout_ns)
		return usage_error("Bad --sample or --timeout: expected more than 0.");
	if (set->part.count > set->connections)
		return usage_error("Bad --part: there are more parts than connections.");
	if (set->visit && set->source.family == AF_UNSPEC)
		return usage_error("--visit needs the sources of --src.");
	if (set->source.family != AF_UNSPEC && set->source.family != set->address.any.sa_family)
		return usage_error("--src and --address must be of one family.");
	return 0;
}

int connect_main(char **arguments)
{
	struct settings set = {.mode = MODE_CONNECT,
			       .seed = 1,
			       .connections = 1,
			       .part.count = 1,
			       .concurrent = 64,
			       .timeout_ns = 5 * NS_PER_S,
			       .sample_ns = 250 * NS_PER_MS,
			       .rows = true};
	const struct option_spec table[] = {
		{"address", parse_endpoint, &set.address, "HOST:PORT", "where to; IPv6 as [1000::]:5001"},
		{"connections", parse_u32, &set.connections, "COUNT", "connections (1)"},
		{"concurrent", parse_u32, &set.concurrent, "COUNT",
		 "connections being opened at a time (64)"},
		{"rate", parse_rate, &set.rate, "NUMBER", "connections per second; 0: no limit (0)"},
		{"timeout", parse_duration, &set.timeout_ns, "TIME", "for one connection (5000ms)"},
		{"src", parse_cidr, &set.source, "CIDR", "network the sources are drawn from"},
		{"seed", parse_u64, &set.seed, "NUMBER", "the same seed gives the same 5-tuples (1)"},
		{"keep", NULL, &set.keep, NULL, "hold the connections until SIGTERM"},
		{"part", parse_part, &set.part, "I/N",
		 "open only each N-th connection, from the I-th on (1/1)"},
		{"visit", parse_u32, &set.visit, "N",
		 "no address of --src twice; each N has an order and ports of its own"},
		{"udp", NULL, &set.udp, NULL, "UDP instead of TCP"},
		{"sample", parse_duration, &set.sample_ns, "TIME", "between sample lines (250ms)"},
		{"output", parse_output, &set.output, "ndjson|json|txt", "events, or as mconnect prints it"},
		{0},
	};
	const struct command_spec command = {
		"connect", "Opens connections and notes which target answered.",
		"traffic connect --address 10.0.0.0:5001 --connections 100 --output json", table};
	int exit_code;

	if (!options_read(&command, arguments, &exit_code))
		return exit_code;
	exit_code = check(&set);
	return exit_code ? exit_code : client_run(&set);
}
