// SPDX-License-Identifier: Apache-2.0
/* What `connect`, `stream` and `fragments` are told. */
#ifndef TRAFFIC_SETTINGS_H
#define TRAFFIC_SETTINGS_H

#include "cli/options.h"
#include "parse.h"
#include "plan.h"

enum mode { MODE_CONNECT, MODE_STREAM, MODE_FRAGMENTS };
/* From OUTPUT_CTRAFFIC on: statistics as of ctraffic, all of them, without their lists, or none. */
enum output {
	OUTPUT_NDJSON,
	OUTPUT_MCONNECT_JSON,
	OUTPUT_MCONNECT_TEXT,
	OUTPUT_CTRAFFIC,
	OUTPUT_SUMMARY,
	OUTPUT_NOTHING
};

/* Fixed while the program runs. */
struct settings {
	enum mode mode;
	enum output output;
	union address address;
	struct cidr source;
	struct cidr second; /* SCTP: of further addresses, at the same offsets; AF_UNSPEC: there are none */
	uint32_t sources; /* so many addresses of `source`; 0: all */
	uint64_t seed;
	uint32_t connections; /* of all parts together */
	const struct planned *plan; /* by number; NULL: all come within the ramp, and last */
	const uint64_t *only; /* numbers of their 5-tuples; NULL: 0, 1, .. */
	struct part part;     /* of them this process opens every part.count-th, from number part.index on */
	struct part share;    /* and of these the ones whose source is of this machine's share */
	uint32_t visit;	      /* not 0: every source address makes one connection, see tuple_of_visit() */
	uint32_t concurrent, message_bytes;
	uint32_t check; /* every so many-th echo of a connection is looked at; 0: messages carry no mark */
	double rate; /* per second: messages (stream) or connections (connect); 0: one each, or unlimited */
	uint64_t interval_ns; /* between messages of one connection; 0: one message only */
	uint64_t duration_ns, ramp_ns, stall_ns, timeout_ns, sample_ns;
	uint64_t keepalive_ns; /* TCP: silence after which a probe is sent, 0: none is; SCTP: between heartbeats */
	uint32_t unit_us;	/* of the times in rows, so that 32 bits hold them */
	uint64_t late_ns; /* an answer that takes longer is counted; 0: none is */
	bool udp, sctp, keep, rows, reconnect, same_tuple, closed_loop, hold, vanish, monitor;
	bool missed; /* tell when messages were due whose answers are late, or never came */
};

/* Options that commands share. */
#define OPTION_ADDRESS(to_, port)                                                                            \
	{"address", 0, "HOST:PORT", "where to; IPv6 as [1000::]:" port, .parse = parse_endpoint, .to = (to_)}
#define OPTION_SRC(to_)                                                                                      \
	{"src", 0, "CIDR", "network of the source addresses", .parse = parse_cidr, .to = (to_)}
#define OPTION_SOURCES(to_)                                                                                  \
	{"sources", 0, "COUNT", "use so many addresses of --src (all)", .parse = parse_u32, .to = (to_)}
#define OPTION_SAME_TUPLE(to_)                                                                               \
	{"same-tuple", 0, NULL, "open the same 5-tuple again, instead of a fresh one", .flag = (to_)}
#define OPTION_SEED(to_)                                                                                     \
	{"seed", 0, "NUMBER", "the same seed gives the same 5-tuples (1)", .parse = parse_u64, .to = (to_)}
#define OPTION_SAMPLE(to_)                                                                                   \
	{"sample", 0, "TIME", "interval of sample lines (250ms)", .parse = parse_duration, .to = (to_)}
#define OPTION_PART(to_)                                                                                     \
	{"part",                                                                                             \
	 0,                                                                                                  \
	 "I/N",                                                                                              \
	 "open only every N-th connection, starting with the I-th (1/1)",                                    \
	 .parse = parse_part,                                                                                \
	 .to = (to_)}
#define OPTION_SHARE(to_)                                                                                    \
	{"share",                                                                                            \
	 0,                                                                                                  \
	 "I/N",                                                                                              \
	 "open those whose source address is of the I-th of N equal shares of --src (1/1)",                  \
	 .parse = parse_part,                                                                                \
	 .to = (to_)}

#define OPTION_SCTP(to_) {"sctp", 0, NULL, "SCTP instead of TCP", .flag = (to_)}

/* "tcp", "udp" or "sctp". */
const char *protocol_name(const struct settings *settings);

/* Ends the program unless there is an address, of the sources' family where those are given. */
void address_check(const union address *address, const struct cidr *source, const char *port);

/* The same, and what connections need. */
void settings_check(const struct settings *settings, const char *port);

#endif
