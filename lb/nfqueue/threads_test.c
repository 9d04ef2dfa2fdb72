// SPDX-License-Identifier: Apache-2.0
/*
 * The threads of a balancer under ThreadSanitizer: queue threads and the fragments' thread serve packets from
 * sockets whose other end is this test, while targets and flows are swapped under them. Every packet gets one
 * verdict.
 *
 * With the argument "race" the targets' marks are stored plainly, while the queue threads load
 * them: a sanitizer that sees nothing then would see nothing else either.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "counters.h"
#include "flow_service.h"
#include "flows.h"
#include "fragment_worker.h"
#include "netlink/message.h"
#include "queue_thread.h"
#include "reinject.h"
#include "store.h"
#include "trace.h"
#include "util/check.h"
#include "util/clock.h"
#include "worker.h"

#define QUEUES 3 /* the last one is the fragments' */
#define TARGETS 8
#define WINDOW 64 /* packets without a verdict, at most */
#define RUN_NS 1500000000ull  /* at least */
#define MOST_NS 30000000000ull
#define LEAST_SENT 1000

struct feeder {
	pthread_t thread;
	struct worker *worker;
	int fd; /* the kernel's end */
	_Atomic uint32_t sent;
	uint32_t verdicts, accepted, queued_on;
};

static char name[64];
static atomic_bool stop_feeding, stop_workers;
static struct table table;
static struct worker workers[QUEUES];
static struct feeder feeders[QUEUES];
static uint32_t given_back;

/* In place of reinject.c, which needs a tun device. */
int reinject_open(const char *device)
{
	return open(device[0] ? "/dev/null" : "", O_RDWR | O_CLOEXEC);
}

bool reinject(int fd, const uint8_t *packet, uint32_t size)
{
	given_back += fd >= 0 && packet && size;
	return true;
}

void reinject_drain(int fd)
{
	(void)fd;
}

/* A TCP packet of one of many flows; every eighth packet, and all for the fragments' queue, are UDP
 * fragments: the later one of a datagram first. */
static void fill_packet(uint8_t packet[40], uint32_t number, bool fragment)
{
	const uint32_t datagram = number / 2;

	memset(packet, 0, 40);
	packet[0] = 0x45;
	packet[3] = 40;
	packet[8] = 64;
	packet[9] = fragment ? 17 : 6;
	memcpy(packet + 12, "\x32\0\0\1\x0a\0\0\0", 8);
	packet[20] = (uint8_t)(number >> 8);
	packet[21] = (uint8_t)number;
	packet[23] = (uint8_t)(number % 64);
	packet[32] = 0x50;
	if (!fragment)
		return;
	packet[4] = (uint8_t)(datagram >> 8);
	packet[5] = (uint8_t)datagram;
	packet[6] = number % 2 ? 0x20 : 0; /* the first one, with more to follow; or the last */
	packet[7] = number % 2 ? 0 : 2;
}

static void send_packet(struct feeder *feeder)
{
	const struct nfqnl_msg_packet_hdr header = {.packet_id = htonl(feeder->sent)};
	const bool fragment = feeder->worker->fragments || feeder->sent % 8 == 0;
	uint32_t buffer[64] = {0};
	uint8_t packet[40];
	struct nlmsghdr *message = message_begin_netfilter(buffer, NFNL_SUBSYS_QUEUE, NFQNL_MSG_PACKET, 0,
							   AF_UNSPEC, feeder->worker->queue);

	fill_packet(packet, feeder->sent, fragment);
	message_put(message, NFQA_PACKET_HDR, &header, sizeof(header));
	message_put(message, NFQA_PAYLOAD, packet, sizeof(packet));
	if (send(feeder->fd, message, message->nlmsg_len, 0) >= 0)
		feeder->sent++;
}

static void take_verdicts(struct feeder *feeder)
{
	static __thread uint8_t data[1 << 16];
	ssize_t size = recv(feeder->fd, data, sizeof(data), MSG_DONTWAIT);
	int left = (int)size;

	for (const struct nlmsghdr *m = (const void *)data; size > 0 && NLMSG_OK(m, left);
	     m = NLMSG_NEXT(m, left)) {
		const uint8_t *attributes = (const uint8_t *)m + NLMSG_LENGTH(sizeof(struct nfgenmsg));
		const struct nlattr *header;
		struct nfqnl_msg_verdict_hdr verdict;

		if (m->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT))
			continue; /* a conntrack entry */
		header = message_find(attributes, m->nlmsg_len - NLMSG_LENGTH(sizeof(struct nfgenmsg)),
				      NFQA_VERDICT_HDR);
		if (!header)
			continue;
		memcpy(&verdict, attribute_value(header), sizeof(verdict));
		feeder->verdicts++;
		feeder->accepted += ntohl(verdict.verdict) == NF_ACCEPT;
		feeder->queued_on += (ntohl(verdict.verdict) & NF_VERDICT_MASK) == NF_QUEUE;
	}
}

static void *feed(void *argument)
{
	struct feeder *feeder = argument;
	struct pollfd readable = {.fd = feeder->fd, .events = POLLIN};

	while (!atomic_load(&stop_feeding)) {
		while (feeder->sent - feeder->verdicts < WINDOW)
			send_packet(feeder);
		poll(&readable, 1, 100);
		take_verdicts(feeder);
	}
	for (int i = 0; feeder->verdicts < feeder->sent && i < 50; i++) {
		poll(&readable, 1, 100);
		take_verdicts(feeder);
	}
	return NULL;
}

static void publish_targets(uint32_t round, bool race)
{
	struct target targets[TARGETS];
	struct table_publication done;

	for (uint32_t i = 0; i < TARGETS; i++)
		targets[i] = (struct target){100 + i, i == 0 || (round >> i & 1)};
	for (uint32_t i = 0; race && i < 2 * TARGETS; i++)
		table.halves[i % 2]->targets[i / 2].fwmark = targets[i / 2].fwmark;
	CHECK(table_publish(&table, targets, &done), "round %u", round);
}

static void publish_flows(struct flows_shared *shared, uint32_t round)
{
	struct stored_flow flows[2] = {{.slot = 0, .name = "some", .rule = {.priority = 1}},
				       {.slot = 1, .name = "all"}};
	const struct flow_list list = {.n = 2, .flows = flows};
	uint32_t version;

	flows[0].rule.destination_ports_n = 1;
	flows[0].rule.destination_ports[0] = (struct port_range){0, (uint16_t)(round % 64)};
	for (int i = 0; i < 2; i++)
		snprintf(flows[i].targets, sizeof(flows[i].targets), "%s", name);
	CHECK(flows_publish(name, shared, &list, true, &version), "version %u is not in force", version);
}

/* The second queue goes without flows: they pick from a mapping of the table of their own. */
static void start(const struct worker_options *with_flows, const struct worker_options *without,
		  const struct fragment_options *fragments)
{
	for (uint32_t i = 0; i < QUEUES; i++) {
		int pair[2];

		CHECK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) == 0, "%s", strerror(errno));
		workers[i] = (struct worker){.options = i == 1 ? without : with_flows,
					     .table = &table,
					     .counters = counters_of(&table, i),
					     .row = i,
					     .queue = (uint16_t)i,
					     .copy = 256,
					     .cpu = NO_CPU,
					     .stop = &stop_workers,
					     .fd = pair[0]};
		if (i == QUEUES - 1)
			workers[i].fragments = fragment_worker_open(fragments);
		feeders[i] = (struct feeder){.worker = &workers[i], .fd = pair[1]};
	}
}

/* A busy machine takes longer. */
static bool is_enough(uint64_t ns)
{
	bool enough = ns > RUN_NS;

	for (int i = 0; i < QUEUES; i++)
		enough = enough && atomic_load(&feeders[i].sent) > LEAST_SENT;
	return enough || ns > MOST_NS;
}

static void finish(void)
{
	const struct nlmsghdr nothing = {.nlmsg_len = sizeof(nothing), .nlmsg_type = NLMSG_NOOP};

	atomic_store(&stop_feeding, true);
	for (int i = 0; i < QUEUES; i++)
		pthread_join(feeders[i].thread, NULL);
	atomic_store(&stop_workers, true);
	for (int i = 0; i < QUEUES; i++) {
		send(feeders[i].fd, &nothing, sizeof(nothing), 0);
		pthread_join(workers[i].thread, NULL);
		CHECK(workers[i].error == 0, "queue %d ended: %s", i, strerror(workers[i].error));
		CHECK(feeders[i].sent > LEAST_SENT && feeders[i].verdicts == feeders[i].sent,
		      "queue %d: %u packets, %u verdicts", i, feeders[i].sent, feeders[i].verdicts);
		CHECK(feeders[i].accepted > 0, "queue %d: none was accepted", i);
	}
	CHECK(feeders[0].queued_on > 0 && given_back > 0, "%u fragments were handed on, %u given back",
	      feeders[0].queued_on, given_back);
}

static int run(bool race)
{
	const struct table_config config = {.m = 13, .n = TARGETS, .mask = UINT32_MAX, .ports = 1};
	const struct fragment_options fragments = {
		.tun = "none", .limits = {.datagrams = 1024, .bytes = 1 << 18, .ttl_ns = 100000000}};
	const struct worker_options without = {
		.batch = 16, .remember = true, .fragments = true, .fragment_queue = QUEUES - 1};
	struct worker_options with_flows = without;
	const uint64_t began = clock_ns();
	struct flows_shared *shared;
	struct flow_service *service;
	static struct tracer tracer;
	int client[2];

	store_create(name, &config, false);
	store_open(name, true, &table);
	shared = flows_open(name);
	with_flows.flows = service = flow_service_open(name, false);
	/* Somebody traces the same flows, and reads nothing. */
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, client) == 0, "no sockets");
	tracer.flows = service;
	atomic_store(&tracer.client, client[0]);
	with_flows.tracer = &tracer;
	start(&with_flows, &without, &fragments);
	CHECK(flow_service_start(service, workers, QUEUES) == 0, "no thread");
	publish_targets(0, false);
	publish_flows(shared, 0);
	for (int i = 0; i < QUEUES; i++) {
		CHECK(worker_start(&workers[i]) == 0, "no thread");
		pthread_create(&feeders[i].thread, NULL, feed, &feeders[i]);
	}
	for (uint32_t round = 1; !is_enough(clock_ns() - began); round++) {
		publish_targets(round, race);
		if (round % 16 == 0)
			publish_flows(shared, round);
	}
	finish();
	CHECK(atomic_load(&tracer.missed) > 0, "nobody was traced");
	flow_service_stop(service);
	return check_report(race ? "threads, with a race" : "threads");
}

/* The sanitizer ends a process with a race at once, so another one takes the table away. */
int main(int argc, char **argv)
{
	int status = 0;
	pid_t child;

	snprintf(name, sizeof(name), "nfqueue-lb-test-threads-%d", (int)getpid());
	child = fork();
	if (child == 0)
		return run(argc > 1 && strcmp(argv[1], "race") == 0);
	waitpid(child, &status, 0);
	store_delete(name);
	flows_delete(name);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
