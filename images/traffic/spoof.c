// SPDX-License-Identifier: Apache-2.0
/*
 * `traffic spoof`: SYNs, or datagrams, each from another source that will never answer. They are made by hand
 * and sent by a next hop each, as no socket could have so many sources.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "hops.h"
#include "fragment.h"
#include "internet.h"
#include "limits.h"
#include "out.h"
#include "settings.h"
#include "tuple.h"

#define BATCH 32
#define TCP_HEADER 24 /* with an MSS */
#define UDP_BYTES 72
#define PACKET_MOST (IP6_HEADER + UDP_BYTES)
#define WINDOW 64240
#define MAX_DURATION_NS (600 * NS_PER_S)

struct spoof {
	union address address;
	struct cidr source;
	struct hops hops;
	uint64_t seed, duration_ns;
	double rate;
	bool udp;
	int fd;
	uint64_t drawn, sent, refused;
	uint8_t packets[BATCH][PACKET_MOST];
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static void check(struct spoof *spoof, const char *device)
{
	address_check(&spoof->address, &spoof->source, "5003");
	if (spoof->source.family == AF_UNSPEC)
		fail(EXIT_USAGE, "Option --src is missing.");
	if (spoof->rate <= 0)
		fail(EXIT_USAGE, "Invalid value for --rate: expected more than 0.");
	if (!spoof->duration_ns || spoof->duration_ns > MAX_DURATION_NS)
		fail(EXIT_USAGE,
		     "Invalid value for --duration: expected more than 0 and at most 10 minutes.");
	hops_check(&spoof->hops, device, spoof->source.family);
}

/* RFC 9293, 3.1. */
static void write_syn(uint8_t *tcp, const union address *from, const union address *to, uint32_t sequence)
{
	memset(tcp, 0, TCP_HEADER);
	put16(tcp, address_port(from));
	put16(tcp + 2, address_port(to));
	put32(tcp + 4, sequence);
	tcp[12] = TCP_HEADER / 4 << 4;
	tcp[13] = 2;
	put16(tcp + 14, WINDOW);
	tcp[20] = 2;
	tcp[21] = 4;
	put16(tcp + 22, 1440);
	put16(tcp + 16, fold(sum_words(tcp, TCP_HEADER,
				       sum_address(to, sum_address(from, IPPROTO_TCP + TCP_HEADER)))));
}

/* Returns the size of the packet. */
static size_t write_packet(struct spoof *spoof, uint8_t *to, const union address *from)
{
	const bool v4 = from->any.sa_family == AF_INET;
	const uint32_t bytes = spoof->udp ? UDP_BYTES : TCP_HEADER, header = v4 ? IP4_HEADER : IP6_HEADER;
	const uint8_t protocol = spoof->udp ? IPPROTO_UDP : IPPROTO_TCP;

	memset(to, 0, PACKET_MOST);
	if (v4) {
		to[0] = 0x45;
		put16(to + 2, header + bytes);
		to[8] = TTL;
		to[9] = protocol;
		memcpy(to + 12, &from->v4.sin_addr, 4);
		memcpy(to + 16, &spoof->address.v4.sin_addr, 4);
		put16(to + 10, fold(sum_words(to, IP4_HEADER, 0)));
	} else {
		to[0] = 0x60;
		put16(to + 4, bytes);
		to[6] = protocol;
		to[7] = TTL;
		memcpy(to + 8, &from->v6.sin6_addr, 16);
		memcpy(to + 24, &spoof->address.v6.sin6_addr, 16);
	}
	if (spoof->udp)
		udp_header_write(to + header, from, &spoof->address, UDP_BYTES - UDP_HEADER);
	else
		write_syn(to + header, from, &spoof->address, (uint32_t)(spoof->drawn * 2654435761u));
	return header + bytes;
}

static void send_batch(struct spoof *spoof, const struct tuple_space *tuples)
{
	struct mmsghdr messages[BATCH];
	struct iovec pieces[BATCH];

	for (uint32_t i = 0; i < BATCH; i++) {
		const uint64_t index = spoof->drawn++;
		const union address from =
			tuple_address(tuples, spoof->source.family, tuple_at(tuples, index));
		struct sockaddr_ll *hop = &spoof->hops.list[index % spoof->hops.n];

		pieces[i] = (struct iovec){spoof->packets[i], write_packet(spoof, spoof->packets[i], &from)};
		messages[i] = (struct mmsghdr){.msg_hdr = {.msg_name = hop,
							   .msg_namelen = sizeof(*hop),
							   .msg_iov = &pieces[i],
							   .msg_iovlen = 1}};
	}
	for (uint32_t at = 0; at < BATCH;) {
		const int sent = sendmmsg(spoof->fd, messages + at, BATCH - at, 0);

		if (sent < 0 && errno == EINTR)
			continue;
		spoof->refused += sent <= 0;
		spoof->sent += sent > 0 ? (uint64_t)sent : 0;
		at += sent > 0 ? (uint32_t)sent : 1;
	}
}

/* A batch that is late is not made up for by more than its own packets. */
static void send_all(struct spoof *spoof, uint64_t start)
{
	struct tuple_space tuples;
	const double gap_ns = BATCH / spoof->rate * (double)NS_PER_S;

	tuple_space_init(&tuples, &spoof->source, 0, spoof->seed);
	for (uint64_t batches = 0; !stopped; batches++) {
		const uint64_t due = start + (uint64_t)((double)batches * gap_ns);
		const struct timespec at = {.tv_sec = (time_t)(due / NS_PER_S),
					    .tv_nsec = (long)(due % NS_PER_S)};

		if (due >= start + spoof->duration_ns || now_ns() >= start + spoof->duration_ns)
			return;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		send_batch(spoof, &tuples);
	}
}

static void report(const struct spoof *spoof, uint64_t start, uint64_t end)
{
	json_event(&out, "spoof_end", end);
	json_number(&out, "begun", start);
	json_number(&out, "sent", spoof->sent);
	json_number(&out, "refused", spoof->refused);
	json_line(&out);
	out_drain();
}

int command_spoof(const struct command *command, int argc, char **argv)
{
	static struct spoof spoof = {.seed = 1, .duration_ns = NS_PER_S, .rate = 10000};
	const char *device = NULL;
	const struct option_spec specs[] = {
		OPTION_ADDRESS(&spoof.address, "5003"),
		{"rate", 0, "NUMBER", "packets per second (10000)", .parse = parse_rate, .to = &spoof.rate},
		{"duration", 0, "TIME", "how long (1s)", .parse = parse_duration, .to = &spoof.duration_ns},
		{"udp", 0, NULL, "datagrams instead of SYNs", .flag = &spoof.udp},
		{"device", 0, "NAME", "network device to send by", .parse = parse_string, .to = &device},
		{"via", 0, "MAC,...", "next hops, which take turns", .parse = parse_hops, .to = &spoof.hops},
		OPTION_SRC(&spoof.source),
		OPTION_SEED(&spoof.seed),
	};
	parse_options(command, argc, argv, specs, COUNT_OF(specs), 0);
	check(&spoof, device);
	out_init();
	spoof.fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (spoof.fd < 0) {
		fprintf(stderr, "Cannot send packets of one's own: %s.\n", strerror(errno));
		return EXIT_ENVIRONMENT;
	}
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	const uint64_t start = now_ns();
	send_all(&spoof, start);
	report(&spoof, start, now_ns());
	return 0;
}
