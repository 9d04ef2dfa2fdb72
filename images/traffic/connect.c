// SPDX-License-Identifier: Apache-2.0
/* `traffic connect`: options. */
#include <string.h>

#include "client.h"
#include "commands.h"
#include "state.h"

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
	settings_check(set, "5001");
	if (!set->concurrent)
		fail(EXIT_USAGE, "Invalid value for --concurrent: expected 1 or more.");
	if (set->visit && set->source.family == AF_UNSPEC)
		fail(EXIT_USAGE, "--visit needs the sources of --src.");
}

int command_connect(const struct command *command, int argc, char **argv)
{
	struct settings set = {.mode = MODE_CONNECT,
			       .seed = 1,
			       .connections = 1,
			       .part.count = 1,
			       .share.count = 1,
			       .concurrent = 64,
			       .timeout_ns = 5 * NS_PER_S,
			       .sample_ns = 250 * NS_PER_MS,
			       .rows = true};
	const char *only = NULL;
	const struct option_spec specs[] = {
		OPTION_ADDRESS(&set.address, "5001"),
		{"connections", 0, "COUNT", "connections (1)", .parse = parse_u32, .to = &set.connections},
		{"concurrent", 0, "COUNT", "connections being opened at a time (64)", .parse = parse_u32,
		 .to = &set.concurrent},
		{"rate", 0, "NUMBER", "connections per second; 0: no limit (0)", .parse = parse_rate,
		 .to = &set.rate},
		{"timeout", 0, "TIME", "time-out of a connection (5000ms)", .parse = parse_duration,
		 .to = &set.timeout_ns},
		OPTION_SRC(&set.source),
		OPTION_SOURCES(&set.sources),
		OPTION_SAME_TUPLE(&set.same_tuple),
		OPTION_SEED(&set.seed),
		{"only", 0, "FILE", "numbers of the 5-tuples to use, 8 bytes each (0, 1, ..); -: stdin",
		 .text = &only},
		{"keep", 0, NULL, "hold the connections until SIGTERM", .flag = &set.keep},
		OPTION_PART(&set.part),
		OPTION_SHARE(&set.share),
		{"visit", 0, "N", "use each address of --src once; N selects order and ports",
		 .parse = parse_u32, .to = &set.visit},
		{"udp", 0, NULL, "UDP instead of TCP", .flag = &set.udp},
		OPTION_SCTP(&set.sctp),
		OPTION_SAMPLE(&set.sample_ns),
		{"output", 0, "ndjson|json|txt", "events, or as mconnect prints it", .parse = parse_output,
		 .to = &set.output},
	};
	parse_options(command, argc, argv, specs, COUNT_OF(specs), 0);
	check(&set);
	set.only = only ? numbers_read(only, set.connections) : NULL;
	return client_run(&set);
}
