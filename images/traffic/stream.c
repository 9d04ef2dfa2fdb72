// SPDX-License-Identifier: Apache-2.0
/* `traffic stream`: options. */
#include <string.h>

#include "client.h"
#include "commands.h"
#include "options.h"

#define MAX_CONNECTIONS 10000000
#define MAX_TCP_MESSAGE (1 << 20)
#define MAX_UDP_MESSAGE 65507
#define MAX_DURATION_NS (3600 * NS_PER_S) /* row times are 32 bits of microseconds */

static bool parse_output(const char *text, void *to)
{
	if (strcmp(text, "ndjson") && strcmp(text, "ctraffic"))
		return false;
	*(enum output *)to = *text == 'n' ? OUTPUT_NDJSON : OUTPUT_CTRAFFIC;
	return true;
}

static int check(const struct settings *set)
{
	uint32_t least = set->udp ? MIN_UDP_MESSAGE : MIN_TCP_MESSAGE;
	uint32_t most = set->udp ? MAX_UDP_MESSAGE : MAX_TCP_MESSAGE;

	if (set->address.any.sa_family == AF_UNSPEC)
		return usage_error("Option --address is missing. Give HOST:PORT, IPv6 as [1000::]:5003.");
	if (!set->connections || set->connections > MAX_CONNECTIONS)
		return usage_error("Bad --connections: expected 1 to %d.", MAX_CONNECTIONS);
	if (set->message_bytes < least || set->message_bytes > most)
		return usage_error("Bad --size %u: expected %u to %u.", set->message_bytes, least, most);
	if (!set->duration_ns || set->duration_ns > MAX_DURATION_NS)
		return usage_error("Bad --duration: expected more than 0 and at most an hour.");
	if (!set->sample_ns || !set->timeout_ns)
		return usage_error("Bad --sample or --connect-timeout: expected more than 0.");
	if (set->closed_loop && set->hold)
		return usage_error("--hold is for a schedule, which --closed-loop has not.");
	if (set->closed_loop && set->udp)
		return usage_error("--closed-loop is for TCP: a lost datagram would end the loop.");
	if (set->part.count > set->connections)
		return usage_error("Bad --part: there are more parts than connections.");
	if (set->source.family != AF_UNSPEC && set->source.family != set->address.any.sa_family)
		return usage_error("--src and --address must be of one family.");
	return 0;
}

/* Without a rate every connection sends one message; otherwise all together send `rate` per second. */
static uint64_t interval_of(const struct settings *set)
{
	double interval = set->rate > 0 ? set->connections / set->rate * (double)NS_PER_S : 0;

	if (set->closed_loop || interval > (double)MAX_DURATION_NS)
		return 0;
	return interval > 0 && interval < 1 ? 1 : (uint64_t)interval;
}

int stream_main(char **arguments)
{
	struct settings set = {.mode = MODE_STREAM,
			       .seed = 1,
			       .connections = 1,
			       .part.count = 1,
			       .rate = 100,
			       .message_bytes = 1024,
			       .duration_ns = 20 * NS_PER_S,
			       .ramp_ns = NS_PER_S,
			       .stall_ns = 5 * NS_PER_S,
			       .timeout_ns = 1500 * NS_PER_MS,
			       .sample_ns = 250 * NS_PER_MS};
	const struct option_spec table[] = {
		{"address", parse_endpoint, &set.address, "HOST:PORT", "where to; IPv6 as [1000::]:5003"},
		{"connections", parse_u32, &set.connections, "COUNT", "connections (1)"},
		{"rate", parse_rate, &set.rate, "NUMBER", "messages per second over all connections (100)"},
		{"size", parse_u32, &set.message_bytes, "BYTES", "bytes in a message (1024)"},
		{"duration", parse_duration, &set.duration_ns, "TIME", "how long (20s)"},
		{"ramp", parse_duration, &set.ramp_ns, "TIME", "in which the connections are opened (1s)"},
		{"src", parse_cidr, &set.source, "CIDR", "network the sources are drawn from"},
		{"seed", parse_u64, &set.seed, "NUMBER", "the same seed gives the same 5-tuples (1)"},
		{"part", parse_part, &set.part, "I/N",
		 "open only each N-th connection, from the I-th on (1/1)"},
		{"udp", NULL, &set.udp, NULL, "UDP instead of TCP"},
		{"reconnect", NULL, &set.reconnect, NULL,
		 "open lost connections again, from another 5-tuple"},
		{"hold", NULL, &set.hold, NULL, "no second message before all connections are opened"},
		{"vanish", NULL, &set.vanish, NULL,
		 "end the connections without a packet, where that is allowed, and not by reset"},
		{"stall", parse_duration, &set.stall_ns, "TIME", "silence that counts as loss; 0: none (5s)"},
		{"connect-timeout", parse_duration, &set.timeout_ns, "TIME", "for the first answer (1500ms)"},
		{"sample", parse_duration, &set.sample_ns, "TIME", "between sample lines (250ms)"},
		{"rows", NULL, &set.rows, NULL, "write a row for each connection"},
		{"closed-loop", NULL, &set.closed_loop, NULL, "next message when the echo is complete"},
		{"stats", parse_output, &set.output, "ctraffic", "the same as --output ctraffic"},
		{"output", parse_output, &set.output, "ndjson|ctraffic",
		 "events as they happen, or statistics"},
		{0},
	};
	const struct command_spec command = {
		"stream",
		"Keeps messages going over many connections and notes which are lost, when and why.",
		"traffic stream --address 10.0.0.0:5003 --connections 10000 --rate 10000 --src 50.0.0.0/16",
		table};
	int exit_code;

	if (!options_read(&command, arguments, &exit_code))
		return exit_code;
	exit_code = check(&set);
	if (exit_code)
		return exit_code;
	set.interval_ns = interval_of(&set);
	if (set.output == OUTPUT_CTRAFFIC)
		set.sample_ns = NS_PER_S;
	return client_run(&set);
}
