// SPDX-License-Identifier: Apache-2.0
/* `traffic stream`: options. */
#include <string.h>

#include "client.h"
#include "commands.h"
#include "state.h"

#define MAX_TCP_MESSAGE (1 << 20)
#define MAX_UDP_MESSAGE 65507
#define CLOSED_LOOP_CHECK 16		  /* which is for speed */
#define CHECK_AS_USUAL UINT32_MAX
#define MAX_DURATION_NS (40 * 86400 * NS_PER_S)
#define LONGEST_END_NS (60 * NS_PER_S)
#define MAX_KEEPALIVE_NS (32767 * NS_PER_S) /* MAX_TCP_KEEPIDLE */

static bool parse_output(const char *text, void *to)
{
	static const struct {
		const char *name;
		enum output output;
	} formats[] = {{"ndjson", OUTPUT_NDJSON},
		       {"ctraffic", OUTPUT_CTRAFFIC},
		       {"summary", OUTPUT_SUMMARY},
		       {"nothing", OUTPUT_NOTHING}};

	for (size_t i = 0; i < COUNT_OF(formats); i++) {
		if (strcmp(text, formats[i].name))
			continue;
		*(enum output *)to = formats[i].output;
		return true;
	}
	return false;
}

static void check(const struct settings *set, bool planned)
{
	const uint32_t least = set->udp ? MIN_UDP_MESSAGE : MIN_TCP_MESSAGE;
	/* The server reads an SCTP message at once. */
	const uint32_t most = set->udp || set->sctp ? MAX_UDP_MESSAGE : MAX_TCP_MESSAGE;

	settings_check(set, "5003");
	if (set->message_bytes < least || set->message_bytes > most)
		fail(EXIT_USAGE, "Invalid value '%u' for --size: expected %u to %u.", set->message_bytes,
		     least, most);
	if (!set->duration_ns || set->duration_ns > MAX_DURATION_NS)
		fail(EXIT_USAGE, "Invalid value for --duration: expected more than 0 and at most 40 days.");
	if (set->missed && !set->late_ns)
		fail(EXIT_USAGE, "--missed needs a bound: --late.");
	if (set->keepalive_ns && set->udp)
		fail(EXIT_USAGE, "--keepalive needs TCP or SCTP.");
	if (set->keepalive_ns % NS_PER_S || set->keepalive_ns > MAX_KEEPALIVE_NS)
		fail(EXIT_USAGE, "Invalid value for --keepalive: expected whole seconds up to 32767.");
	if (set->closed_loop && set->hold)
		fail(EXIT_USAGE, "--hold cannot be used with --closed-loop.");
	if (planned && (set->closed_loop || set->hold || set->reconnect))
		fail(EXIT_USAGE, "--plan cannot be used with --closed-loop, --hold or --reconnect.");
	if (set->closed_loop && set->udp)
		fail(EXIT_USAGE, "--closed-loop needs TCP: a lost datagram would end the loop.");
}

/* Without a rate, or the interval itself, every connection sends one message; otherwise all together send `rate` per second. */
static uint64_t interval_of(const struct settings *set)
{
	double interval = set->rate > 0 ? set->connections / set->rate * (double)NS_PER_S : 0;

	if (set->interval_ns)
		return set->interval_ns;
	if (set->closed_loop || interval > (double)MAX_DURATION_NS)
		return 0;
	return interval > 0 && interval < 1 ? 1 : (uint64_t)interval;
}

/* Rows have 32 bits for a time: microseconds for an hour, and for longer ten of them, a hundred, or a thousand.
 */
static uint32_t unit_of(uint64_t duration_ns)
{
	uint32_t unit_us = 1;

	while ((duration_ns + LONGEST_END_NS) / NS_PER_US / unit_us >= UINT32_MAX)
		unit_us *= 10;
	return unit_us;
}

int command_stream(const struct command *command, int argc, char **argv)
{
	struct settings set = {.mode = MODE_STREAM,
			       .seed = 1,
			       .connections = 1,
			       .part.count = 1,
			       .share.count = 1,
			       .rate = 100,
			       .message_bytes = 1024,
			       .check = CHECK_AS_USUAL,
			       .duration_ns = 20 * NS_PER_S,
			       .ramp_ns = NS_PER_S,
			       .stall_ns = 5 * NS_PER_S,
			       .late_ns = 150 * NS_PER_MS,
			       .timeout_ns = 1500 * NS_PER_MS,
			       .sample_ns = 250 * NS_PER_MS};
	const char *plan = NULL;
	const struct option_spec specs[] = {
		OPTION_ADDRESS(&set.address, "5003"),
		{"connections", 0, "COUNT", "connections (1)", .parse = parse_u32, .to = &set.connections},
		{"rate", 0, "NUMBER", "messages per second over all connections (100)", .parse = parse_rate,
		 .to = &set.rate},
		{"interval", 0, "TIME", "between two messages of one connection, in place of --rate",
		 .parse = parse_duration, .to = &set.interval_ns},
		{"plan", 0, "FILE",
		 "start and last message of each connection, in place of --ramp; -: stdin (README.md)",
		 .text = &plan},
		{"size", 0, "BYTES", "bytes in a message (1024)", .parse = parse_u32,
		 .to = &set.message_bytes},
		{"duration", 0, "TIME", "how long (20s)", .parse = parse_duration, .to = &set.duration_ns},
		{"ramp", 0, "TIME", "duration of the opening of all connections (1s)",
		 .parse = parse_duration, .to = &set.ramp_ns},
		OPTION_SRC(&set.source),
		OPTION_SOURCES(&set.sources),
		{"second-src", 0, "CIDR", "SCTP: network of a second address of each association (none)",
		 .parse = parse_cidr, .to = &set.second},
		OPTION_SAME_TUPLE(&set.same_tuple),
		OPTION_SEED(&set.seed),
		OPTION_PART(&set.part),
		OPTION_SHARE(&set.share),
		{"udp", 0, NULL, "UDP instead of TCP", .flag = &set.udp},
		OPTION_SCTP(&set.sctp),
		{"reconnect", 0, NULL, "open lost connections again",
		 .flag = &set.reconnect},
		{"hold", 0, NULL, "send second messages after all connections are open", .flag = &set.hold},
		{"vanish", 0, NULL,
		 "close connections without a packet if permitted (TCP_REPAIR), else by reset",
		 .flag = &set.vanish},
		{"check", 0, "N", "verify every N-th echo of a connection; 0: no messages, at either end (1; with --closed-loop 16)",
		 .parse = parse_u32, .to = &set.check},
		{"late", 0, "TIME", "longer round trips count as late; 0: none (150ms)",
		 .parse = parse_duration, .to = &set.late_ns},
		{"missed", 0, NULL,
		 "tell when messages were due whose answers are late, or never came", .flag = &set.missed},
		{"keepalive", 0, "TIME", "silence after which TCP asks its peer (SO_KEEPALIVE), 0: never; SCTP: interval of\nheartbeats, 0: the kernel's (0)",
		 .parse = parse_duration, .to = &set.keepalive_ns},
		{"stall", 0, "TIME", "silence after which a connection counts as lost; 0: none (5s)",
		 .parse = parse_duration, .to = &set.stall_ns},
		{"connect-timeout", 0, "TIME", "time-out of the first answer (1500ms)",
		 .parse = parse_duration, .to = &set.timeout_ns},
		OPTION_SAMPLE(&set.sample_ns),
		{"rows", 0, NULL, "write a row for each connection", .flag = &set.rows},
		{"closed-loop", 0, NULL, "send the next message after the complete echo",
		 .flag = &set.closed_loop},
		{"stats", 0, "ctraffic", "the same as --output ctraffic", .parse = parse_output,
		 .to = &set.output},
		{"output", 0, "ndjson|ctraffic|summary|nothing",
		 "events as they happen; or statistics at the end, also without lists", .parse = parse_output,
		 .to = &set.output},
		{"monitor", 0, NULL, "without events: a line on stderr each second", .flag = &set.monitor},
	};
	parse_options(command, argc, argv, specs, COUNT_OF(specs), 0);
	check(&set, plan != NULL);
	if (plan)
		set.plan = plan_read(plan, set.connections);
	if (set.check == CHECK_AS_USUAL)
		set.check = set.closed_loop ? CLOSED_LOOP_CHECK : 1;
	set.interval_ns = interval_of(&set);
	set.unit_us = unit_of(set.duration_ns);
	if (set.output >= OUTPUT_CTRAFFIC)
		set.sample_ns = NS_PER_S;
	return client_run(&set);
}
