// SPDX-License-Identifier: Apache-2.0
/* `traffic flood`: datagrams at a rate, for how long; nobody answers. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "limits.h"
#include "util/memory.h"
#include "out.h"
#include "settings.h"
#include "tuple.h"

#define BATCH 32
#define LEAST_BYTES 64
#define MOST_BYTES 1400
#define MAX_FLOWS 100000
#define MAX_DURATION_NS (600 * NS_PER_S)
#define SEND_BUFFER (1 << 20)

struct flood {
	union address address;
	struct cidr source;
	uint64_t seed, duration_ns;
	double rate;
	uint32_t bytes, flows;
	int *sockets;
	uint64_t sent, refused;
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static void check(const struct flood *flood)
{
	address_check(&flood->address, &flood->source, "9");
	if (flood->bytes < LEAST_BYTES || flood->bytes > MOST_BYTES)
		fail(EXIT_USAGE, "Invalid value '%u' for --size: expected %d to %d.", flood->bytes,
		     LEAST_BYTES, MOST_BYTES);
	if (!flood->flows || flood->flows > MAX_FLOWS)
		fail(EXIT_USAGE, "Invalid value for --flows: expected 1 to %d.", MAX_FLOWS);
	if (!flood->duration_ns || flood->duration_ns > MAX_DURATION_NS)
		fail(EXIT_USAGE,
		     "Invalid value for --duration: expected more than 0 and at most 10 minutes.");
}

static int open_flow(const struct flood *flood, const struct tuple_space *tuples, uint64_t index)
{
	int family = flood->address.any.sa_family, on = 1, buffer = SEND_BUFFER;
	union address source = tuple_address(tuples, family, tuple_at(tuples, index));
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	setsockopt(fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
		   family == AF_INET ? IP_FREEBIND : IPV6_FREEBIND, &on, sizeof(on));
	if (!bind(fd, &source.any, address_length(&source)) &&
	    !connect(fd, &flood->address.any, address_length(&flood->address)))
		return fd;
	close(fd);
	return -1;
}

/* One socket for each flow: a connected one keeps its route, so that sending costs as little as it can. */
static bool open_flows(struct flood *flood)
{
	struct tuple_space tuples;

	tuple_space_init(&tuples, &flood->source, 0, flood->seed);
	flood->sockets = allocate(flood->flows * sizeof(*flood->sockets));
	if (!require_open_files(flood->flows + 10))
		return false;
	for (uint32_t i = 0; i < flood->flows; i++) {
		/* Another program may hold a drawn port: take one from the far end then. */
		flood->sockets[i] = open_flow(flood, &tuples, i);
		for (int other = 1; flood->sockets[i] < 0 && errno == EADDRINUSE && other <= 16; other++)
			flood->sockets[i] =
				open_flow(flood, &tuples, tuples.size - 16ULL * i - (uint64_t)other);
		if (flood->sockets[i] < 0) {
			fprintf(stderr, "Cannot open flow %u: %s.\n", i + 1, strerror(errno));
			return false;
		}
	}
	return true;
}

static void wait_until(uint64_t ns)
{
	const struct timespec due = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL); /* a signal ends it early: fine */
}

/* ICMP's answer to an earlier datagram ends a call, and says nothing of this one. */
static void send_batch(struct flood *flood, int fd, struct mmsghdr *messages)
{
	for (int from = 0; from < BATCH;) {
		int sent = sendmmsg(fd, messages + from, (unsigned)(BATCH - from), MSG_NOSIGNAL);

		if (sent < 0 && errno == ECONNREFUSED)
			continue;
		if (sent <= 0) {
			flood->refused++; /* no route, full buffer */
			sent = 0;
			from++;
		}
		flood->sent += (uint64_t)sent;
		from += sent;
	}
}

/*
 * Batches go out on schedule, one flow each, the flows in turn. One that is late is not made up for by more
 * than its own packets: the time ends when it ends, and what was sent is what is told.
 */
static void send_all(struct flood *flood, uint64_t start)
{
	static char payload[MOST_BYTES];
	struct iovec piece = {payload, flood->bytes};
	struct mmsghdr messages[BATCH];
	uint64_t end = start + flood->duration_ns, batches = 0;
	double gap_ns = flood->rate > 0 ? BATCH / flood->rate * (double)NS_PER_S : 0;

	for (int i = 0; i < BATCH; i++)
		messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &piece, .msg_iovlen = 1}};
	for (uint64_t now = now_ns(); now < end && !stopped; now = now_ns()) {
		uint64_t due = start + (uint64_t)((double)batches * gap_ns);

		if (due >= end)
			break;
		if (due > now) {
			wait_until(due);
			continue;
		}
		send_batch(flood, flood->sockets[batches++ % flood->flows], messages);
	}
}

static void report(const struct flood *flood, uint64_t start, uint64_t end)
{
	uint64_t user, system;

	cpu_used_us(&user, &system);
	json_event(&out, "flood_end", end);
	json_number(&out, "sent", flood->sent);
	json_number(&out, "refused", flood->refused);
	json_number(&out, "bytes", flood->bytes);
	json_number(&out, "flows", flood->flows);
	json_number(&out, "durationUs", (end - start) / NS_PER_US);
	json_real(&out, "packetsPerS", "%.0f",
		  (double)flood->sent * (double)NS_PER_S / (double)(end - start));
	json_number(&out, "userUs", user);
	json_number(&out, "systemUs", system);
	json_line(&out);
	out_drain();
}

int command_flood(const struct command *command, int argc, char **argv)
{
	struct flood flood = {
		.seed = 1, .duration_ns = NS_PER_S, .rate = 10000, .bytes = LEAST_BYTES, .flows = 256};
	const struct option_spec specs[] = {
		OPTION_ADDRESS(&flood.address, "9"),
		{"rate", 0, "NUMBER", "datagrams per second; 0: no limit (10000)", .parse = parse_rate,
		 .to = &flood.rate},
		{"size", 0, "BYTES", "payload of a datagram, 64 to 1400 (64)", .parse = parse_u32,
		 .to = &flood.bytes},
		{"duration", 0, "TIME", "how long (1s)", .parse = parse_duration, .to = &flood.duration_ns},
		{"flows", 0, "COUNT", "5-tuples, used in rotation (256)", .parse = parse_u32,
		 .to = &flood.flows},
		OPTION_SRC(&flood.source),
		OPTION_SEED(&flood.seed),
	};
	parse_options(command, argc, argv, specs, COUNT_OF(specs), 0);
	check(&flood);
	out_init();
	if (!open_flows(&flood))
		return EXIT_ENVIRONMENT;
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	const uint64_t start = now_ns();
	send_all(&flood, start);
	report(&flood, start, now_ns());
	return 0;
}
